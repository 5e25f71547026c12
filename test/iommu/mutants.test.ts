// SPDX-License-Identifier: Apache-2.0
/** Changes of one token in the walker and the front ends are noticed: some thirty here, each by the check that is known to. `npm run mutants` tries all of them. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

it('changes of one token that are known to be noticed are', { timeout: 300_000 }, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'tools/mutants/run.mjs'), '--slice'], { encoding: 'utf8' });
  const lines = [...stdout.split('\n'), ...(status === 0 ? [] : stderr.split('\n'))].filter((line) => line !== '');
  expect(lines.at(-1)).toMatch(/^\d{2,} changes of one token: \d+ noticed/);
  expect({ status, lines: status === 0 ? [] : lines }).toEqual({ status: 0, lines: [] });
});
