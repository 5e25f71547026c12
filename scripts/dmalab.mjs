#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
/** `npx dmalab …` in a clone with nothing installed: sets up what the command line needs on first use, then hands over. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build, checkNode, ensurePnpm, environment, installDependencies, isReady, root } from './setup.mjs';

checkNode();
const main = join(root, 'apps', 'cli', 'dist', 'main.js');
if (!isReady() || !existsSync(main)) {
  ensurePnpm();
  installDependencies();
  build(['@dmalab/cli...']);
}
const result = spawnSync(process.execPath, [main, ...process.argv.slice(2)], { stdio: 'inherit', env: environment() });
process.exit(result.status ?? 70);
