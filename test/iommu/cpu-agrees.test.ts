// SPDX-License-Identifier: Apache-2.0
/**
 * A CPU and the unit that shares its tables must allow the same accesses, reach
 * the same bytes, and leave the same marks. The units are checked against
 * answers from outside; so this checks the CPUs.
 */
import { describe, expect, it } from 'vitest';
import { TYPICAL } from '@dmalab/core/iommu/riscv/features';
import { DeviceContext, ProcessContext } from '@dmalab/core/iommu/riscv/structures';
import { RiscvIommu } from '@dmalab/core/iommu/riscv/unit';
import { outsideOf } from '@dmalab/core/iommu/riscv/remapping';
import { smmuFeatures } from '@dmalab/core/iommu/smmu/features';
import { Idr0, Idr1, Idr5, OFFSET } from '@dmalab/core/iommu/smmu/registers';
import { ContextDescriptor, StreamTableEntry } from '@dmalab/core/iommu/smmu/structures';
import { SmmuUnit } from '@dmalab/core/iommu/smmu/unit';
import { Capability, ExtendedCapability } from '@dmalab/core/iommu/vtd/capabilities';
import { PasidDirectoryEntry, PasidEntry, ScalableContextEntry, ScalableRootEntry } from '@dmalab/core/iommu/vtd/structures';
import { VtdUnit } from '@dmalab/core/iommu/vtd/unit';
import type { RemappingUnit } from '@dmalab/core/iommu/unit';
import { armPaging, PLAIN_MODE, riscvPaging, x86Paging, type CpuMode, type CpuPaging } from '@dmalab/core/mmu/cpu-paging';
import { armStyle, riscvStyle, x86Style, type EntryStyle } from '@dmalab/core/mmu/cpu-tables';
import { CpuMmu } from '@dmalab/core/mmu/cpu';
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { Dice } from '../support/dice.ts';

const SOURCE = 0x18;
const PASID = 5;
const NOBODY = { send: () => undefined, wire: () => undefined };
/** Frames of the tables on the way, root first. */
const TABLES = [0x100, 0x101, 0x102, 0x103];

interface Pair {
  readonly memory: PlainMemory;
  readonly unit: RemappingUnit;
  readonly paging: CpuPaging;
  readonly style: EntryStyle;
  readonly mode: CpuMode;
  /** Bits of an entry that are changed at random. */
  readonly bits: readonly number[];
  /** A walk that ends in a fault marks as much in both. */
  readonly marksAlike: boolean;
}

function x86Pair(writeProtect: boolean, smep: boolean): Pair {
  const memory = new PlainMemory();
  memory.put(0x1000n, ScalableRootEntry.encode({ LP: true, LCTP: 2n }), 2);
  memory.put(0x2000n + BigInt(SOURCE) * 32n, ScalableContextEntry.encode({ P: true, PASIDE: true, PASIDDIRPTR: 3n }), 4);
  memory.poke(0x3000n, PasidDirectoryEntry.encode({ P: true, SMPTBLPTR: 4n }));
  memory.put(0x4000n + BigInt(PASID) * 64n, PasidEntry.encode({ P: true, PGTT: 1, DID: 9, SRE: true, ERE: true, NXE: true, WPE: writeProtect, SMEP: smep, FSPTPTR: BigInt(TABLES[0] ?? 0) }), 8);
  const unit = new VtdUnit(memory, {
    capability: Capability.encode({ SAGAW: 4, MGAW: 47, FRO: 0x22, NFR: 3, FS1GP: true }),
    extended: ExtendedCapability.encode({ QI: true, ERS: true, SRS: true, PSS: 19, PASID: true, SMTS: true, FSTS: true }),
    hostBits: 46,
  }, NOBODY);
  unit.rootTable = 0x1000n | (1n << 10n);
  unit.translates = true;
  // VT-d has no SMAP.
  return { memory, unit, paging: x86Paging({ hostBits: 46, smep, smap: false }), style: x86Style(), mode: { ...PLAIN_MODE, writeProtect }, bits: [0, 1, 2, 5, 6, 7, 8, 12, 13, 47, 51, 52, 62, 63], marksAlike: false };
}

function riscvPair(sum: boolean, marks: boolean): Pair {
  const memory = new PlainMemory();
  const unit = new RiscvIommu(memory, { ...TYPICAL, capabilities: 0xdf2_87ef_8f10n }, outsideOf(NOBODY));
  memory.put(0x1000n + BigInt(SOURCE) * 64n, DeviceContext.encode({ V: true, PDTV: true, SADE: marks, fsc_PPN: 3n, fsc_MODE: 1 }), 8);
  memory.put(0x3000n + BigInt(PASID) * 16n, ProcessContext.encode({ V: true, ENS: true, SUM: sum, fsc_PPN: BigInt(TABLES[0] ?? 0), fsc_MODE: 9 }), 2);
  unit.writeRegister(16, 8, (0x1000n >> 2n) | 2n);
  return { memory, unit, paging: riscvPaging({ format: 'sv48', marks: marks ? 'Svadu' : 'Svade', pbmt: true }), style: riscvStyle(4), mode: { ...PLAIN_MODE, userPages: sum }, bits: [0, 1, 2, 3, 4, 5, 6, 7, 10, 19, 54, 59, 61, 62, 63], marksAlike: true };
}

function armPair(pan: boolean, marks: boolean, writeExecuteNever: boolean): Pair {
  const memory = new PlainMemory();
  const features = smmuFeatures(Number(Idr0.encode({ S1P: true, TTF: 2, COHACC: true, HTTU: 2, ASID16: true })), Number(Idr1.encode({ SIDSIZE: 8, SSIDSIZE: 8 })), Number(Idr5.encode({ OAS: 4, GRAN4K: true })));
  const unit = new SmmuUnit(memory, { features, spans: 'exact' }, NOBODY);
  memory.put(0x1000n + BigInt(SOURCE) * 64n, StreamTableEntry.encode({ V: true, Config: 5, S1ContextPtr: 0x4000n / 64n, S1CDMax: 3 }), 8);
  memory.put(0x4000n + BigInt(PASID) * 64n, ContextDescriptor.encode({ V: true, AA64: true, A: true, T0SZ: 16, T1SZ: 16, TG1: 2, EPD1: true, IPS: 4, PAN: pan, HA: marks, HD: marks, WXN: writeExecuteNever, TTB0: (BigInt(TABLES[0] ?? 0) << 12n) / 16n }), 8);
  unit.writeRegister(OFFSET.STRTAB_BASE, 8, 0x1000n);
  unit.writeRegister(OFFSET.STRTAB_BASE_CFG, 4, 6n);
  unit.writeRegister(OFFSET.CR0, 4, 1n);
  return { memory, unit, paging: armPaging({ outputBits: 44, setsAccessFlag: marks, setsDirty: marks, writeExecuteNever }), style: armStyle(), mode: { ...PLAIN_MODE, userPages: !pan }, bits: [0, 1, 6, 7, 10, 11, 44, 47, 51, 53, 54, 59, 60, 61, 62], marksAlike: true };
}

const PAIRS: readonly (readonly [string, () => Pair])[] = [
  ['x86-64 and VT-d, WP and SMEP', () => x86Pair(true, true)],
  ['x86-64 and VT-d, neither', () => x86Pair(false, false)],
  ['RISC-V, SUM, marks by hardware', () => riscvPair(true, true)],
  ['RISC-V, no SUM, marks by software', () => riscvPair(false, false)],
  ['Arm, PAN, marks by hardware', () => armPair(true, true, false)],
  ['Arm, no PAN, marks by software, WXN', () => armPair(false, false, true)],
];
const CASES = 200;

describe.each(PAIRS)('%s', (_, make) => {
  it('allow the same, reach the same, and mark the same', () => {
    const { memory, unit, paging, style, mode, bits, marksAlike } = make();
    const noise = new Dice(0x51ab);
    const seen = { reached: 0, refused: 0, marked: 0 };
    for (let i = 0; i < CASES; i += 1) {
      // A way of tables with a leaf at some level; then some bits of some entries change.
      const address = (BigInt(noise.below(256)) << 39n) | (BigInt(noise.below(2 ** 27)) << 12n) | BigInt(noise.below(4096));
      const leafLevel = noise.below(4) === 0 ? noise.below(3) : 0;
      const entries: (readonly [bigint, bigint])[] = [];
      for (let level = 3; level >= leafLevel; level -= 1) {
        const at = (BigInt(TABLES[3 - level] ?? 0) << 12n) + 8n * ((address >> BigInt(12 + 9 * level)) & 0x1ffn);
        let word = level > leafLevel ? style.pointer(TABLES[4 - level] ?? 0) : style.leaf(2 ** (9 * leafLevel), level, { user: noise.below(2) === 0, write: noise.below(2) === 0, execute: noise.below(2) === 0, accessed: noise.below(4) !== 0, dirty: noise.below(2) === 0 });
        if (noise.below(3) === 0) word ^= 1n << BigInt(bits[noise.below(bits.length)] ?? 0);
        if (level === leafLevel && noise.below(2) === 0) word ^= 1n << BigInt(bits[noise.below(bits.length)] ?? 0);
        entries.push([at, word]);
      }
      const set = (): void => entries.forEach(([at, word]) => memory.poke(at, word));
      const words = (): string => entries.map(([at]) => memory.peek(at).toString(16)).join(' ');
      for (const kind of ['read', 'write', 'fetch'] as const) {
        for (const user of [true, false]) {
          set();
          const before = words();
          const cpu = new CpuMmu(memory, paging, { root: TABLES[0] ?? 0, asid: 1 });
          cpu.mode = mode;
          const found = cpu.translate({ address, kind, user });
          const after = words();
          set();
          const answer = unit.serve({ source: SOURCE, pasid: PASID, type: 'untranslated', write: kind === 'write', execute: kind === 'fetch', privileged: !user, noWrite: kind !== 'write', address });
          const what = `case ${i}: ${kind}, ${user ? 'user' : 'supervisor'}, 0x${address.toString(16)}: ${before}`;
          expect(found.kind === 'reached' ? `0x${found.address.toString(16)}` : 'refused', what).toBe(answer.kind === 'memory' ? `0x${answer.address.toString(16)}` : 'refused');
          if (found.kind === 'reached' || marksAlike) expect(after, what).toBe(words());
          seen[found.kind === 'reached' ? 'reached' : 'refused'] += 1;
          if (after !== before) seen.marked += 1;
        }
      }
      for (const [at] of entries) memory.poke(at, 0n);
    }
    // The sample is worth something.
    expect(seen.reached).toBeGreaterThan(CASES / 5);
    expect(seen.refused).toBeGreaterThan(CASES / 2);
    if (paging.marks) expect(seen.marked).toBeGreaterThan(CASES / 10);
  });
});
