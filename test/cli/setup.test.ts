// SPDX-License-Identifier: Apache-2.0
/** When `npx dmalab` builds anew: a source that changed since, never what builds and installs leave behind. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

let changedSince: (stamp: string, places: readonly string[]) => boolean;
let folder = '';
/** Writes a file that was changed at that second. */
function at(path: string, second: number): string {
  const whole = join(folder, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, '');
  utimesSync(whole, second, second);
  return whole;
}
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dmalab-setup-'));
  const setup: unknown = await import(new URL('../../scripts/setup.mjs', import.meta.url).href);
  ({ changedSince } = setup as { changedSince: typeof changedSince }); // a script, without types
});
afterAll(() => rmSync(folder, { recursive: true }));

it('a changed source counts; built files, installed packages and a missing place do not', () => {
  const stamp = at('stamp', 1000);
  const packages = join(folder, 'packages');
  at('packages/core/src/a.ts', 900);
  for (const left of ['core/dist/a.js', 'core/node_modules/x/y.js', 'core/.turbo/log']) at(`packages/${left}`, 2000);
  expect(changedSince(stamp, [packages, join(folder, 'nowhere')])).toBe(false);
  at('packages/core/src/b.ts', 1001);
  expect(changedSince(stamp, [packages])).toBe(true);
  expect(changedSince(join(folder, 'no-stamp'), [])).toBe(true);
});
