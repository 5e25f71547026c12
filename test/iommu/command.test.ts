// SPDX-License-Identifier: Apache-2.0
/** `dmalab oracle` on IOMMU files: the summary, a line a disagreement, the exit code. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { dmalab } from '../support/cli.ts';
import { temporaryFolder } from '../support/repo.ts';

it('dmalab oracle counts, names what differs, and ends with 1 if anything does', async () => {
  const file = new URL('../oracle/iommu/qemu100-smmuv3.jsonl', import.meta.url);
  expect(await dmalab('oracle', file.pathname)).toMatchObject({ code: 0, stdout: '154 agree, 0 disagree, 0 not run\n' });

  const place = temporaryFolder();
  try {
    const [first = '', second = ''] = readFileSync(file, 'utf8').split('\n');
    const path = join(place.path, 'wrong.jsonl');
    writeFileSync(path, [first.replace('"ok": true', '"ok": false').replace('"ok":true', '"ok":false'), second, '{"id":"lost","cls":"choice","second":{}}'].join('\n'));
    const answer = await dmalab('oracle', path);
    expect(answer.code).toBe(1);
    expect(answer.stdout.split('\n')).toEqual([
      expect.stringMatching(/^s1-size-\d+: dma 0: allowed, expected blocked/),
      'lost: not run: the vector is not at hand; expected it in riscv-iommu.jsonl or riscv-iommu-quirks.jsonl beside this file',
      '1 agree, 1 disagree, 1 not run',
      '',
    ]);
    // As with litmus tests: lines that are no tests end in 2, where nothing disagrees.
    writeFileSync(path, `${second}\n{"idr":`);
    expect(await dmalab('oracle', path)).toMatchObject({ code: 2, stdout: expect.stringContaining('\n1 agree, 0 disagree, 1 not run\n') });
  } finally {
    place.remove();
  }
});

it('dmalab walk tells a machine file, and says what is wrong with anything else', async () => {
  const file = new URL('machines/vtd-pasid.json', import.meta.url).pathname;
  const told = await dmalab('walk', file);
  expect(told.code).toBe(0);
  expect(told.stdout).toContain('vtd-pasid: PASID 5 of device 0x28');
  expect(told.stdout).toContain('   = 0x5555123; 0x1000 bytes alike');
  const vectors = await dmalab('walk', new URL('../oracle/iommu/qemu100-smmuv3.jsonl', import.meta.url).pathname);
  expect(vectors).toMatchObject({ code: 2, stderr: expect.stringContaining('expected FILE#N, FILE#ID, or a machine file') });

  const place = temporaryFolder();
  try {
    const path = join(place.path, 'broken.json');
    writeFileSync(path, '{"unit": "vtd",\n "memory": [}');
    expect(await dmalab('walk', path)).toMatchObject({ code: 2, stderr: expect.stringContaining('broken.json: not JSON: ') });
    expect(await dmalab('walk', `${new URL('../oracle/iommu/riscv-iommu-second.jsonl', import.meta.url).pathname}#1`)).toMatchObject({ code: 2, stderr: expect.stringContaining('the vector that it speaks of has the same id, in riscv-iommu.jsonl') });
  } finally {
    place.remove();
  }
});
