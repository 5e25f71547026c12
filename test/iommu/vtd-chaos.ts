// SPDX-License-Identifier: Apache-2.0
/** Random VT-d units: valid enough to get deep, broken somewhere. All tables share a few frames, so that pointers hit something and structures overlap. */
import type { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { Capability, ExtendedCapability } from '@dmalab/core/iommu/vtd/capabilities';
import type { VtdRequest } from '@dmalab/core/iommu/vtd/contexts';
import { ContextEntry, FirstStageEntry, PasidDirectoryEntry, PasidEntry, RootEntry, ScalableContextEntry, ScalableRootEntry, SecondStageEntry } from '@dmalab/core/iommu/vtd/structures';
import { OFFSET } from '@dmalab/core/iommu/vtd/registers';
import { VtdUnit } from '@dmalab/core/iommu/vtd/unit';
import { Dice } from '../support/dice.ts';
import { StubbornMemory } from './chaos.ts';

const FIRST = 0x100n;
/** Which frames hold what. A pointer usually leads to the right kind. */
const KINDS = { root: [0, 1], contexts: [1, 3], directory: [3, 5], entries: [5, 7], first: [7, 15], second: [15, 23], any: [0, 23] } as const;
type Kind = keyof typeof KINDS;

interface Format {
  readonly words: number;
  readonly make: (dice: Dice) => bigint;
}

function frame(dice: Dice, kind: Kind): bigint {
  const roll = dice.below(200);
  const [from, to] = KINDS[roll < 192 ? kind : 'any'];
  // Beyond memory, beyond the host, beyond a second stage of three levels.
  if (roll === 199) return 1n << BigInt(24 + dice.below(28));
  if (roll === 198) return dice.word() & 0xff_ffffn;
  return FIRST + BigInt(from + dice.below(to - from));
}
const noise = (dice: Dice, percent: number): bigint => (dice.chance(percent) ? dice.word() & dice.word() & dice.word() : 0n);

const LEGACY: Record<'root' | 'contexts', Format> = {
  root: { words: 2, make: (dice) => RootEntry.encode({ P: dice.chance(96), CTP: frame(dice, 'contexts') }) | noise(dice, 2) },
  contexts: { words: 2, make: (dice) => ContextEntry.encode({ P: dice.chance(96), FPD: dice.chance(10), TT: dice.pick([0, 0, 1, 1, 1, 2, dice.below(4)]), SSPTPTR: frame(dice, 'second'), AW: dice.pick([1, 2, 3, 3, dice.below(8)]), DID: dice.below(0x1_0000) }) | noise(dice, 2) },
};
const SCALABLE: Record<'root' | 'contexts', Format> = {
  root: { words: 2, make: (dice) => ScalableRootEntry.encode({ LP: dice.chance(97), LCTP: frame(dice, 'contexts'), UP: dice.chance(97), UCTP: frame(dice, 'contexts') }) | noise(dice, 1) },
  contexts: {
    words: 4,
    make: (dice) => ScalableContextEntry.encode({ P: dice.chance(98), FPD: dice.chance(10), DTE: dice.chance(80), PASIDE: dice.chance(85), PRE: dice.chance(70), PDTS: dice.pick([0, 0, 1, dice.below(8)]), PASIDDIRPTR: frame(dice, 'directory'), RID_PASID: dice.chance(90) ? dice.below(256) : dice.below(1 << 20), RID_PRIV: dice.chance(30) }) | noise(dice, 1),
  },
};
const TABLES: Record<'directory' | 'entries' | 'first' | 'second', Format> = {
  directory: { words: 1, make: (dice) => PasidDirectoryEntry.encode({ P: dice.chance(97), FPD: dice.chance(8), SMPTBLPTR: frame(dice, 'entries') }) | noise(dice, 1) },
  entries: {
    words: 8,
    make: (dice) =>
      PasidEntry.encode({
        P: dice.chance(97),
        FPD: dice.chance(8),
        AW: dice.pick([1, 1, 2, 3, 2, dice.below(8)]),
        PGTT: dice.pick([1, 2, 3, 3, 3, 3, 3, 4, dice.below(8)]),
        SSADE: dice.chance(50),
        SSPTPTR: frame(dice, 'second'),
        DID: dice.below(0x1_0000),
        PWSNP: dice.chance(70),
        PGSNP: dice.chance(50),
        SRE: dice.chance(80),
        ERE: dice.chance(75),
        FSPM: dice.pick([0, 0, 1, dice.below(4)]),
        WPE: dice.chance(50),
        NXE: dice.chance(60),
        SMEP: dice.chance(40),
        EAFE: dice.chance(40),
        FSPTPTR: frame(dice, 'first'),
      }) | noise(dice, 1),
  },
  first: {
    words: 1,
    make(dice) {
      const large = dice.chance(45);
      return FirstStageEntry.encode({ P: dice.chance(97), RW: dice.chance(92), US: dice.chance(92), A: dice.chance(60), D: dice.chance(40), PS: large, EA: dice.chance(40), address: entryFrame(dice, large, 'first'), XD: dice.chance(12) }) | noise(dice, 1);
    },
  },
  second: {
    words: 1,
    make(dice) {
      const large = dice.chance(15);
      return SecondStageEntry.encode({ R: dice.chance(97), W: dice.chance(93), A: dice.chance(60), D: dice.chance(40), PS: large, SNP: dice.chance(3), address: entryFrame(dice, large, 'second'), TM: dice.chance(2) }) | noise(dice, 1);
    },
  },
};

/** A large page is mostly aligned to its size; what it maps need not be memory. */
const entryFrame = (dice: Dice, large: boolean, kind: Kind): bigint => BigInt.asUintN(40, large && dice.chance(85) ? (dice.word() & dice.pick(kind === 'first' ? ([0xff_ffffn, 0x3_ffff_ffffn, 0x3_ffff_ffffn, 0x3_ffff_ffffn] as const) : ([0xff_ffffn, 0xff_ffffn, 0x1fff_ffffn] as const))) & ~((1n << BigInt(dice.pick([9, 18]))) - 1n) : frame(dice, kind));

/** Entries of a kind, made once; each system draws from them. */
const POOL = 1500;
const pools = new Map<Format, readonly (readonly bigint[])[]>();
function poolOf(format: Format): readonly (readonly bigint[])[] {
  let pool = pools.get(format);
  if (pool === undefined) {
    const dice = new Dice(pools.size + 1);
    pool = Array.from({ length: POOL }, () => {
      const raw = format.make(dice);
      return Array.from({ length: format.words }, (_, word) => BigInt.asUintN(64, raw >> BigInt(64 * word)));
    });
    pools.set(format, pool);
  }
  return pool;
}

function fill(dice: Dice, memory: PlainMemory, formats: Readonly<Record<string, Format>>): void {
  for (const [kind, format] of Object.entries(formats)) {
    // The keys are kinds.
    const [from, to] = KINDS[kind as Kind];
    const pool = poolOf(format);
    for (let i = from; i < to; i += 1) {
      const base = (FIRST + BigInt(i)) << 12n;
      for (let at = 0; at < 512; at += format.words) dice.pick(pool).forEach((word, n) => memory.poke(base + BigInt(8 * (at + n)), word));
    }
  }
}

function damage(dice: Dice, memory: PlainMemory): void {
  const stretch = (): bigint[] => {
    if (dice.chance(60)) return [];
    const base = (FIRST + BigInt(dice.chance(30) ? dice.below(3) : dice.below(23))) << 12n;
    const from = dice.below(2048);
    return Array.from({ length: 128 }, (_, i) => base + BigInt(from + 8 * i));
  };
  memory.damage(stretch(), stretch());
}

const QUEUE = FIRST + 64n;
const GEOMETRY = { sets: 2, ways: 2, policy: 'lru' } as const;

/** Some frames refuse that marks are set, the tables may not be snooped, and with `caches` a few entries of each kind are remembered. */
export function randomVtd(dice: Dice, memory: PlainMemory | StubbornMemory, caches = false): VtdUnit {
  const mode = dice.pick([0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, dice.below(4)]);
  fill(dice, memory, { ...(mode === 0 ? LEGACY : SCALABLE), ...TABLES });
  damage(dice, memory);
  if (memory instanceof StubbornMemory && dice.chance(20)) memory.keep(Array.from({ length: 4 }, () => frame(dice, dice.pick(['first', 'second'] as const))));
  const full = Capability.encode({ SAGAW: 14, MGAW: dice.pick([56, 47, 38, 38, 38, 38]), SSLPS: 3, FS1GP: true, FS5LP: true, CM: dice.chance(30), NFR: dice.below(4), PSI: true, MAMV: 18 });
  const all = (1n << 64n) - 1n;
  const unit = new VtdUnit(memory, {
    capability: dice.chance(85) ? full : full & dice.word(),
    extended: dice.chance(80) ? all & ~ExtendedCapability.encode(dice.chance(50) ? {} : { SC: true, DT: dice.chance(30), C: dice.chance(50) }) : dice.word() | dice.word(),
    hostBits: dice.pick([36, 46, 52]),
    ...(caches ? { caches: { context: GEOMETRY, pasid: GEOMETRY, iotlb: GEOMETRY, paging: GEOMETRY } } : {}),
  });
  unit.rootTable = (FIRST << 12n) | (BigInt(mode) << 10n);
  unit.translates = true;
  unit.writeRegister(OFFSET.IQA, 8, (QUEUE << 12n) | (dice.chance(50) ? 0x800n : 0n));
  unit.writeRegister(OFFSET.PQA, 8, (QUEUE + 1n) << 12n);
  unit.writeRegister(OFFSET.GCMD, 4, 1n << 26n);
  return unit;
}

/** One descriptor, mostly of a kind that exists, where software would put it. */
export function queueDescriptor(dice: Dice, memory: PlainMemory, unit: VtdUnit): void {
  const tail = unit.readRegister(OFFSET.IQT, 8);
  const bytes = (unit.queue.address & 0x800n) === 0n ? 16n : 32n;
  const at = (QUEUE << 12n) + (tail & 0xff0n);
  const low = dice.chance(80) ? BigInt(1 + dice.below(9)) | (BigInt(dice.below(4)) << 4n) | (dice.chance(60) ? 0n : dice.word() & dice.word() & ~0xe00n) : dice.word();
  memory.poke(at, low);
  memory.poke(at + 8n, dice.chance(60) ? (dice.word() & 0x7fff_ffff_f000n) | BigInt(dice.below(20)) : dice.word());
  for (let i = 16n; i < bytes; i += 8n) memory.poke(at + i, dice.chance(95) ? 0n : dice.word());
  unit.writeRegister(OFFSET.IQT, 8, (tail + bytes) & 0xff0n);
}

export function randomVtdRequest(dice: Dice): VtdRequest {
  const address = dice.pick([
    () => BigInt(dice.bits()),
    () => (FIRST << 12n) + BigInt(dice.below(1 << 16)),
    () => dice.word() & 0x7f_ffff_ffffn,
    () => dice.word() & 0x7fff_ffff_ffffn,
    () => dice.word() & 0x7fff_ffff_ffffn,
    () => (dice.chance(40) ? dice.word() : 0xfee0_0000n | BigInt(dice.below(1 << 20))),
    () => BigInt.asUintN(64, -BigInt(dice.bits())),
  ])();
  return {
    sourceId: dice.below(0x1_0000),
    pasid: dice.chance(55) ? (dice.chance(96) ? dice.below(0x2000) : dice.below(1 << 20)) : null,
    type: dice.pick(['untranslated', 'untranslated', 'untranslated', 'untranslated', 'ats', 'translated'] as const),
    write: dice.chance(40),
    execute: dice.chance(15),
    privileged: dice.chance(30),
    address,
  };
}
