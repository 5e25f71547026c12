// SPDX-License-Identifier: Apache-2.0
/** The table of open questions in docs/iommu.md has every switch, and both readings of each. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { OTHER_READING, REFERENCE } from '@dmalab/core/iommu/riscv/switches';

it('docs/iommu.md says what each switch means', () => {
  const page = readFileSync(new URL('../../docs/iommu.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \| [^|]+ \| `([\w-]+)`[^|]* \| `([\w-]+)`[^|]* \|$/gm)].map(([, name, ours, other]) => [name, ours, other]);
  const others = Object.values(OTHER_READING);
  expect(rows).toEqual(Object.entries(REFERENCE).map(([name, ours], i) => [name, ours, others[i]]));
});
