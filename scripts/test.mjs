// SPDX-License-Identifier: Apache-2.0
/**
 * The whole test run: types of everything, lint, layers, then every vitest
 * suite. Ends with one line, `N passed, N failed`, and a matching exit code.
 * No test executed is a failure.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run } from './setup.mjs';

const CHECKS = [
  { name: 'types of the tests', command: 'tsc', args: ['-p', 'test'] },
  { name: 'lint', command: 'oxlint', args: ['--config', '.oxlintrc.json', '--deny-warnings', 'packages', 'apps', 'test', 'scripts'] },
  { name: 'licence headers and clean text', command: process.execPath, args: ['scripts/check-text.mjs'] },
];

export async function testAll({ long = false, filters = [] } = {}) {
  let passed = 0;
  let failed = 0;
  if (filters.length === 0) {
    for (const check of CHECKS) {
      const code = run(check.command, check.args);
      process.stdout.write(`${code === 0 ? '✓' : '✗'} ${check.name}\n`);
      if (code === 0) passed += 1;
      else failed += 1;
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'dmalab-test-'));
  const output = join(folder, 'results.json');
  if (long) Object.assign(process.env, { DMALAB_LONG: '1', DMALAB_FUZZ: '1000000', ORACLE: 'all' });
  const code = run(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${output}`, ...filters]);
  let results;
  try {
    results = JSON.parse(readFileSync(output, 'utf8'));
  } catch {
    results = { numPassedTests: 0, numFailedTests: 0, testResults: [] };
  }
  rmSync(folder, { recursive: true, force: true });
  const brokenFiles = results.testResults.filter((file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')).length;
  passed += results.numPassedTests;
  failed += results.numFailedTests + brokenFiles;
  if (results.numPassedTests + results.numFailedTests === 0 || (code !== 0 && failed === 0)) failed += 1;
  // What a machine cannot try (no user namespaces, no second user) or a long run alone does; vitest names them.
  const skipped = results.testResults.flatMap((file) => file.assertionResults).filter((test) => ['skipped', 'pending', 'todo'].includes(test.status));
  for (const test of skipped.slice(0, 10)) process.stdout.write(`not run here: ${test.fullName}\n`);
  if (skipped.length > 10) process.stdout.write(`not run here: ${skipped.length - 10} more\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}
