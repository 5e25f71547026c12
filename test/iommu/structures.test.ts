// SPDX-License-Identifier: Apache-2.0
/** The reference page is what the declarations say. `DMALAB_WRITE_DOCS=1` writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CHAPTERS, structuresPage } from './structures-page.ts';

const PAGE = new URL('../../docs/iommu-structures.md', import.meta.url);

it('docs/iommu-structures.md is made of the declarations', () => {
  const page = structuresPage();
  if (process.env['DMALAB_WRITE_DOCS'] === '1') writeFileSync(PAGE, page);
  expect(readFileSync(PAGE, 'utf8')).toBe(page);
});

it('every structure has fields, and no two of a chapter share a name', () => {
  for (const { layouts } of CHAPTERS) {
    expect(layouts.length).toBeGreaterThan(1);
    expect(new Set(layouts.map(({ name }) => name)).size).toBe(layouts.length);
    for (const layout of layouts) expect(Object.keys(layout.fields).length).toBeGreaterThan(0);
  }
});
