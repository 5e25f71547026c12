// SPDX-License-Identifier: Apache-2.0
/** A device without ATS before an SMMUv3 that stalls its faults: the access waits, software decides, the device never knows. IHI 0070, 3.12.2. */
import { describe, expect, it } from 'vitest';
import { ResumeCommand } from '@dmalab/core/iommu/smmu/commands-layout';
import { Event } from '@dmalab/core/iommu/smmu/records';
import { smmuFeatures } from '@dmalab/core/iommu/smmu/features';
import { Idr0, Idr1, Idr5, OFFSET, QueueBase } from '@dmalab/core/iommu/smmu/registers';
import { ContextDescriptor, StreamTableEntry } from '@dmalab/core/iommu/smmu/structures';
import { SmmuUnit } from '@dmalab/core/iommu/smmu/unit';
import { armStyle, FramePool, PageTables } from '@dmalab/core/mmu/cpu-tables';
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { DmaPort } from '@dmalab/core/pcie/dma-port';
import { Fabric } from '@dmalab/core/pcie/fabric';
import { StraightPort } from '@dmalab/core/pcie/straight-port.test-support';

const RAM = { base: 0, size: 0x100_0000 };
const STREAM = 3;
const ADDRESS = 0x40_0000n;
const [STREAMS, CONTEXT, COMMANDS, EVENTS] = [0x1000n, 0x4000n, 0x1_0000n, 0x2_0000n];

/** @param decide what software does with a stalled transaction; it may map the page first */
function system(decide: 'retry' | 'abort' | 'zero', maps: boolean) {
  const memory = new PlainMemory();
  const fabric = new Fabric();
  const features = smmuFeatures(Number(Idr0.encode({ S1P: true, TTF: 2, COHACC: true, HTTU: 2, ASID16: true })), Number(Idr1.encode({ SIDSIZE: 8, PRIQS: 0, EVENTQS: 7, CMDQS: 7 })), Number(Idr5.encode({ OAS: 4, GRAN4K: true, STALL_MAX: 4 })));
  const unit = new SmmuUnit(memory, { features, spans: 'exact' }, fabric);
  fabric.attach(unit);
  const tables = new PageTables(memory, armStyle(), new FramePool(0x100, 50));
  memory.put(STREAMS + BigInt(STREAM) * 64n, StreamTableEntry.encode({ V: true, Config: 5, S1ContextPtr: CONTEXT / 64n }), 8);
  memory.put(CONTEXT, ContextDescriptor.encode({ V: true, AA64: true, A: true, R: true, S: true, T0SZ: 16, EPD1: true, IPS: 4, ASID: 7, TTB0: (BigInt(tables.root) << 12n) / 16n }), 8);
  const base = (at: bigint): bigint => QueueBase.encode({ LOG2SIZE: 4, ADDR: at / 32n });
  unit.writeRegister(OFFSET.CMDQ_BASE, 8, base(COMMANDS));
  unit.writeRegister(OFFSET.EVENTQ_BASE, 8, base(EVENTS));
  unit.writeRegister(OFFSET.STRTAB_BASE, 8, STREAMS);
  unit.writeRegister(OFFSET.STRTAB_BASE_CFG, 4, 6n);
  unit.writeRegister(OFFSET.CR0, 4, 0xdn);
  let handled = 0;
  fabric.software = () => {
    const at = unit.readRegister(OFFSET.EVENTQ_CONS, 4);
    if (at === unit.readRegister(OFFSET.EVENTQ_PROD, 4)) return false;
    const words = [0n, 1n, 2n, 3n].map((i) => memory.peek(EVENTS + 32n * (at & 15n) + 8n * i) << (64n * i));
    const { stall, STAG, address } = Event.decode(words.reduce((a, b) => a | b, 0n));
    unit.writeRegister(OFFSET.EVENTQ_CONS, 4, (at + 1n) & 31n);
    expect(stall).toBe(true);
    handled += 1;
    if (maps) tables.map(address, 0x800, { user: true, write: true, accessed: true });
    const slot = unit.readRegister(OFFSET.CMDQ_PROD, 4);
    memory.put(COMMANDS + 16n * (slot & 15n), ResumeCommand.encode({ opcode: 0x44, SID: STREAM, STAG, Ac: decide === 'retry', Ab: decide === 'abort' }), 2);
    unit.writeRegister(OFFSET.CMDQ_PROD, 4, (slot + 1n) & 31n);
    return true;
  };
  const ram = new StraightPort(RAM.base, RAM.size);
  return { ram, dma: new DmaPort(ram, RAM, { bus: fabric.bus(STREAM), source: STREAM }), handled: () => handled };
}

describe('a stalled access', () => {
  it('goes on when the page has been mapped and software says retry', () => {
    const { ram, dma, handled } = system('retry', true);
    expect(dma.tryWrite(ADDRESS + 8n, Uint8Array.of(1, 2, 3, 4), 'x')).toEqual({ written: 4, fault: null });
    expect([...ram.bytes.subarray(0x80_0008, 0x80_000c)]).toEqual([1, 2, 3, 4]);
    expect(handled()).toBe(1);
  });

  it('aborts when software says so', () => {
    const { dma, handled } = system('abort', false);
    expect(dma.tryLoad(ADDRESS, 4, 'x').fault?.status).toBe('completer-abort');
    expect(handled()).toBe(1);
  });

  it('or ends as if nothing were there: a read gives zeros, a write is lost, and neither is told', () => {
    const { dma, ram } = system('zero', false);
    expect(dma.tryLoad(ADDRESS, 4, 'x')).toEqual({ value: 0, fault: null });
    expect(dma.tryWrite(ADDRESS, Uint8Array.of(9), 'x')).toEqual({ written: 1, fault: null });
    expect(ram.log).toEqual([]);
  });
});
