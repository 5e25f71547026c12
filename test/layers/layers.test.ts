// SPDX-License-Identifier: Apache-2.0
/** The layers are enforced: the tree keeps them, and the enforcer itself is shown to bite. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const planted: string[] = [];

function check(tree?: string): { code: number | null; text: string } {
  const result = spawnSync(process.execPath, [join(root, 'tools/layers/check.mjs'), ...(tree === undefined ? [] : [tree])], { encoding: 'utf8' });
  return { code: result.status, text: result.stdout + result.stderr };
}

function plant(files: Record<string, string>): string {
  const tree = mkdtempSync(join(tmpdir(), 'dmalab-layers-'));
  planted.push(tree);
  for (const folder of ['packages', 'apps']) mkdirSync(join(tree, folder));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  return tree;
}

afterEach(() => {
  for (const tree of planted.splice(0)) rmSync(tree, { recursive: true, force: true });
});

describe('the layers', () => {
  it('are kept by every module of the tree', () => {
    const { code, text } = check();
    expect(text).toMatch(/^\d{2,} modules, 0 violations$/m);
    expect(code).toBe(0);
  });

  it.each([
    ['an import upwards between packages', { 'packages/core/src/base/a.ts': "import { b } from '../../../kernel/src/b.ts';\nexport const a = b;\n", 'packages/kernel/src/b.ts': 'export const b = 1;\n' }, /packages\/core imports downwards only/],
    ['a type-only import upwards', { 'packages/sandbox/src/a.ts': "import type { B } from '../../core/src/base/b.ts';\nexport type A = B;\n", 'packages/core/src/base/b.ts': 'export type B = 1;\n' }, /packages\/sandbox imports downwards only/],
    ['an import upwards inside core', { 'packages/core/src/base/a.ts': "import { b } from '../machine/b.ts';\nexport const a = b;\n", 'packages/core/src/machine/b.ts': 'export const b = 1;\n' }, /core\/base imports its own floor and below/],
    ['a Node module in a pure package', { 'packages/checker/src/a.ts': "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;\n" }, /pure packages use no Node module/],
    ['an imported lab', { 'packages/engine/src/a.ts': "import { b } from '../../../labs/06-x/solution/driver.ts';\nexport const a = b;\n", 'labs/06-x/solution/driver.ts': 'export const b = 1;\n' }, /labs are loaded, never imported/],
    ['a cycle', { 'packages/litmus/src/a.ts': "import { b } from './b.ts';\nexport const a = (): unknown => b;\n", 'packages/litmus/src/b.ts': "import { a } from './a.ts';\nexport const b = (): unknown => a;\n" }, /no cycles at run time/],
  ])('catch %s', (_what, files, message) => {
    const { code, text } = check(plant(files as Record<string, string>));
    expect(text).toMatch(message);
    expect(code).toBe(1);
  });

  it('fail when the checker reads no module at all', () => {
    const { code, text } = check(plant({}));
    expect(text).toMatch(/^0 modules/m);
    expect(code).toBe(1);
  });

  it('are drawn in docs/architecture.md as they are enforced', () => {
    const layers = JSON.parse(readFileSync(join(root, 'tools/layers/layers.json'), 'utf8')) as { packages: Record<string, string[]> };
    const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
    for (const [name, allowed] of Object.entries(layers.packages)) {
      const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\` |`));
      expect(row, `docs/architecture.md has a row for ${name}`).toBeDefined();
      const cell = row?.split('|')[3]?.trim();
      const names = allowed.map((path) => path.split('/')[1]).sort();
      expect(cell?.split(', ').filter((x) => x !== 'nothing of ours').sort(), `what ${name} may import`).toEqual(names);
    }
  });
});
