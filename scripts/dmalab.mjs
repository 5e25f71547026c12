#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
/** `npx dmalab …` in a clone with nothing installed: sets up what the command line needs, at first and whenever sources have changed, then hands over. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, changedSince, checkNode, ensurePnpm, environment, installDependencies, isReady, root } from './setup.mjs';

checkNode();
const main = join(root, 'apps', 'cli', 'dist', 'main.js');
const stamp = join(root, '.turbo', 'command-line');
const installed = isReady() && !changedSince(stamp, ['pnpm-lock.yaml']);
if (!installed || !existsSync(main) || changedSince(stamp, ['packages', join('apps', 'cli')])) {
  ensurePnpm();
  if (!installed) installDependencies();
  build(['@dmalab/cli...']);
  mark(stamp);
}
const result = spawnSync(process.execPath, [main, ...process.argv.slice(2)], { stdio: 'inherit', env: environment() });
process.exit(result.status ?? 70);

/** A clone that cannot be written to is built by whoever made it. */
function mark(file) {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
  } catch {
    // Then the next call builds again, from turbo's cache.
  }
}
