// SPDX-License-Identifier: Apache-2.0
/** `npm start`, `npm test`, `npm run bench`, `npm run test:long`, `npm run mutants`: everything from a fresh clone, with Node and npm only. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, checkNode, ensurePnpm, environment, fail, installDependencies, root, run } from './setup.mjs';

const [mode = 'start', ...rest] = process.argv.slice(2);

checkNode();
ensurePnpm();
installDependencies();
build();

if (mode === 'start') {
  const server = spawn(process.execPath, [join(root, 'apps', 'server', 'dist', 'main.js'), ...rest], { cwd: root, env: environment(), stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.kill(signal));
  server.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 0));
} else if (mode === 'test' || mode === 'test:long') {
  const { ensureBrowser } = await import('./browser.mjs');
  process.env.CHROMIUM_PATH = await ensureBrowser();
  const { testAll } = await import('./test.mjs');
  process.exit(await testAll({ long: mode === 'test:long', filters: rest }));
} else if (mode === 'bench') {
  process.exit(run(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'bench', '--run', ...rest]));
} else if (mode === 'mutants') {
  process.exit(run(process.execPath, [join(root, 'tools', 'mutants', 'run.mjs'), ...rest]));
} else {
  fail(`unknown mode ${JSON.stringify(mode)}; expected start, test, test:long, bench or mutants`, 2);
}
