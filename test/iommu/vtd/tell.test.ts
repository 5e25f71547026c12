// SPDX-License-Identifier: Apache-2.0
/** A vector with a PASID, a queue and page requests, told step by step. */
import { describe, expect, it } from 'vitest';
import { Fields, FormatError } from '@dmalab/litmus/iommu/json';
import { narrate } from '@dmalab/litmus/iommu/narrate';
import { iommuFormat, tellVector } from '@dmalab/litmus/iommu/oracle';
import type { Telling } from '@dmalab/litmus/iommu/tell';
import { Capability, ExtendedCapability } from '@dmalab/core/iommu/vtd/capabilities';
import { PasidDeviceTlbDescriptor, PasidIotlbDescriptor, WaitDescriptor } from '@dmalab/core/iommu/vtd/queues';
import { GlobalCommand, InvalidationQueueAddress, OFFSET, PageQueueAddress } from '@dmalab/core/iommu/vtd/registers';
import { hex } from '@dmalab/core/mmu/word';
import { ADDRESS, CAP, DOMAIN, ECAP, MOVED, OTHER, PAGES, PASID, QUEUE, REACHED, SOURCE, STATUS, system } from './system.ts';

/** The system of the other tests as a vector; its page moves while the unit remembers it. */
function vector(steps: readonly object[], caches = 8): Fields {
  const s = system('nested');
  const at = [s.root, s.context, s.context + 8n, s.directory, ...[0n, 8n, 16n].map((offset) => s.pasid + offset), ...s.first, ...s.second, (s.second[2] ?? 0n) + 24n];
  const descriptors = [
    PasidIotlbDescriptor.encode({ type: 6, G: 2, DID: DOMAIN, PASID }),
    PasidDeviceTlbDescriptor.encode({ type: 8, SID: SOURCE, PASID, ADDR: ADDRESS >> 12n }),
    WaitDescriptor.encode({ type: 5, SW: true, STDATA: 1, STADDR: (STATUS << 12n) >> 2n }),
  ];
  return new Fields(
    {
      id: 'told', note: 'a page moves', cap: hex(Capability.encode(CAP)), ecap: hex(ExtendedCapability.encode(ECAP)), aw_bits: 46, rtaddr: hex((0x10n << 12n) | (1n << 10n)), sid: SOURCE, ram: [], ...(caches === 0 ? {} : { caches }),
      mem: [
        ...at.map((address) => [hex(address), hex(s.memory.peek(address))]),
        ...descriptors.flatMap((raw, i) => [0n, 1n].map((half) => [hex((QUEUE << 12n) + 32n * BigInt(i) + 8n * half), hex((raw >> (64n * half)) & ((1n << 64n) - 1n))])),
      ],
      dma: steps,
    },
    'vector',
  );
}

const dma = { dir: 'r', iova: hex(ADDRESS), pasid: PASID };
const LEAF = system('nested').first[3] ?? 0n;
const move = { op: 'memw', addr: hex(LEAF), word: hex((OTHER << 12n) | 0x27n) };
const on = [
  { op: 'regw', off: OFFSET.IQA, size: 8, val: hex(InvalidationQueueAddress.encode({ DW: true, IQA: QUEUE })) },
  { op: 'regw', off: OFFSET.GCMD, size: 4, val: hex(GlobalCommand.encode({ TE: true, QIE: true })) },
  { op: 'regw', off: OFFSET.PQA, size: 8, val: hex(PageQueueAddress.encode({ PQA: PAGES })) },
];

describe('a vector of VT-d', () => {
  const steps = [...on, dma, move, dma, { op: 'regw', off: OFFSET.IQT, size: 8, val: '0x60' }, { op: 'run' }, { op: 'invdone', tag: 0 }, { op: 'run' }, dma, { op: 'page', iova: hex(ADDRESS & ~0xfffn), group: 7, r: 1, w: 0, last: 1, pasid: PASID }, { op: 'regr', off: OFFSET.PQT, size: 8 }, { op: 'ats', iova: hex(ADDRESS), pasid: PASID, nw: 1 }];
  const telling: Telling = tellVector(vector(steps));
  const at = (i: number): Telling['steps'][number] => telling.steps[i]!;

  it('tells the structures on the way, with what chose each entry', () => {
    const whats = at(3).accesses.map(({ what, layout, index }) => [what, layout?.name, index?.of]);
    expect(whats.slice(0, 4)).toEqual([
      ['scalable root entry', 'Root entry, scalable', 'device'],
      ['scalable context entry', 'Context entry, scalable', 'device'],
      ['PASID directory', 'PASID-directory entry', 'PASID'],
      ['PASID-table entry', 'PASID-table entry', 'PASID'],
    ]);
    expect(at(3).end?.address).toBe(REACHED);
  });

  it('tells that nothing was read where the unit remembers, and what it takes to forget', () => {
    expect([at(5).accesses, at(5).end?.address]).toEqual([[], REACHED]);
    expect(at(7).accesses.map(({ what, layout }) => [what, layout?.name])).toEqual([
      ['invalidation queue', 'PASID-based IOTLB invalidate descriptor'],
      ['invalidation queue', 'PASID-based device-TLB invalidate descriptor'],
      ['invalidation queue', 'Invalidation wait descriptor'],
    ]);
    expect(at(7).messages).toEqual(['invalidate request for 0x128, PASID 0x12345, tag 0: 0x1000 bytes from 0x1234567000']);
    expect(at(9).accesses).toMatchObject([{ kind: 'write', what: 'invalidation status', address: STATUS << 12n, bytes: 4 }]);
    expect(at(10).end?.address).toBe(MOVED);
  });

  it('tells what each cache holds, which step filled it, and whether the tables still say so', () => {
    const cache = (i: number, name: string): unknown => at(i).caches?.find((of) => of.name === name)?.lines.map(({ owner, covers, goesTo, may, filled, agrees }) => [owner, covers, goesTo, may, filled, agrees]);
    const line = (filled: number, agrees: boolean, page = REACHED): unknown => [`domain ${DOMAIN}, PASID 0x12345`, '0x1234567000, 0x1000 bytes', hex((page >> 12n) << 12n), 'read, execute', filled, agrees];
    expect([3, 4, 5, 7, 10].map((i) => cache(i, 'IOTLB'))).toEqual([[line(3, true)], [line(3, false)], [line(3, false)], [], [line(10, true, MOVED)]]);
    expect([cache(3, 'context cache'), cache(3, 'PASID cache')]).toEqual([[['', 'device 0x128', '', '', 3, null]], [['device 0x128', 'PASID 0x12345', '', '', 3, null]]]);
    expect(cache(3, 'paging-structure cache')).toContainEqual([`domain ${DOMAIN}, PASID 0x12345`, '0x1234400000, 0x200000 bytes, nested stage', hex(system('nested').first[2] ?? 0n), '', 3, null]);
    expect(at(5).uncached?.end?.address).toBe(MOVED);
    expect(at(5).title).toBe('read of 0x1234567abc by device 0x128, PASID 0x12345');
    expect(at(4).title).toMatch(/^software stores 0x778027 at 0x/);
    expect(at(6).title).toBe('software writes 0x60 to IQT_REG');
  });

  it('of a unit with no caches, or with absurd ones', () => {
    expect(tellVector(vector(steps, 0)).steps[3]).not.toHaveProperty('caches');
    expect(() => tellVector(vector(steps, 1000))).toThrow('caches: expected 1 to 64 entries');
  });

  it('tells page requests, registers and translation requests', () => {
    expect(at(11).accesses.at(-1)).toMatchObject({ kind: 'write', what: 'page request queue', layout: { name: 'Page request descriptor' }, address: PAGES << 12n });
    expect(at(12).value).toBe(32n);
    expect(at(13).end?.text).toContain('ATS grants read');
    expect(at(13).title).toBe('translation request, no write of 0x1234567abc by device 0x128, PASID 0x12345');
  });

  it('is told from others by its keys, and printed', () => {
    expect(iommuFormat(JSON.stringify(vector(steps).raw))).toBe('vtd');
    const lines = narrate(telling).join('\n');
    expect(lines).toMatch(/read {8}invalidation queue +0x60000\n +0x1234500090026 0x0 0x0 0x0 {2}type=0x6 G=0x2 DID=0x9 PASID=0x12345/);
    expect(lines).toContain('→ invalidate request for 0x128, PASID 0x12345');
  });

  it('with an operation that does not exist is no vector', () => {
    expect(() => tellVector(vector([{ op: 'sleep' }]))).toThrow(FormatError);
  });

  it('without caches reads everything anew', () => {
    const { steps: told } = tellVector(vector([dma, move, dma], 0));
    // Four structures; four entries of the guest, each behind three of the host; three for the page.
    expect([told[2]?.end?.address, told[2]?.accesses.length]).toEqual([MOVED, 4 + 4 * (3 + 1) + 3]);
  });
});
