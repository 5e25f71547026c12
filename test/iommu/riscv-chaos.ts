// SPDX-License-Identifier: Apache-2.0
/**
 * Random RISC-V IOMMUs: valid enough to get deep, broken somewhere. All tables
 * share a few frames, so that pointers hit something and structures overlap.
 */
import type { BuildOptions } from '@dmalab/core/iommu/riscv/features';
import { TYPICAL } from '@dmalab/core/iommu/riscv/features';
import type { Request } from '@dmalab/core/iommu/riscv/request';
import { OTHER_READING, REFERENCE } from '@dmalab/core/iommu/riscv/switches';
import type { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import type { RiscvIommu } from '@dmalab/core/iommu/riscv/unit';
import type { Dice } from '../support/dice.ts';

const FIRST_FRAME = 0x80000n;
const FULL = 0xdf2_b7ff_cf10n;
const COUNTERS_AND_QOS = (1n << 30n) | (1n << 41n);
/** Queues lie beside the tables, so that they stay readable. */
const QUEUE_FRAME = FIRST_FRAME + 64n;

/** Which frames hold what. A pointer usually leads to the right kind. */
const KINDS = { devices: [0, 2], deviceDirectory: [2, 3], deviceRoot: [3, 4], processes: [4, 6], processDirectory: [6, 7], processRoot: [7, 8], messages: [8, 10], pages: [10, 23], any: [0, 24] } as const;
type Kind = keyof typeof KINDS;

function frame(dice: Dice, kind: Kind): bigint {
  const roll = dice.below(100);
  const [from, to] = KINDS[roll < 93 ? kind : 'any'];
  return roll === 99 ? dice.word() & 0xfff_ffff_ffffn : FIRST_FRAME + BigInt(from + dice.below(to - from));
}
const rarely = (dice: Dice, percent: number, value: bigint): bigint => (dice.chance(percent) ? value : 0n);

export function randomOptions(dice: Dice): BuildOptions {
  const most = FULL | (dice.chance(50) ? COUNTERS_AND_QOS : 0n);
  const capabilities = dice.chance(80) ? most : most & ~(1n << BigInt(8 + dice.below(36))) & ~(1n << BigInt(8 + dice.below(24)));
  return {
    ...TYPICAL,
    capabilities,
    fctl: dice.chance(85) ? 0 : dice.below(8) & ~2,
    gxlWritable: dice.chance(50),
    beWritable: dice.chance(50),
    deviceMask: dice.chance(90) ? 0xff_ffff : 0x7fff,
    switches: dice.chance(80) ? REFERENCE : OTHER_READING,
  };
}

/** A page-table entry that usually works. */
function pageEntry(dice: Dice): bigint {
  const leaf = dice.chance(55);
  const flags = leaf ? 0x1n | dice.pick([0x2n, 0x6n, 0x6n, 0x8n, 0xan, 0xen, 0xen, 0x4n]) | (dice.chance(85) ? 0x10n : 0n) | (dice.chance(60) ? 0xc0n : BigInt(dice.below(4)) << 6n) : 0x1n;
  const target = frame(dice, leaf && dice.chance(60) ? 'any' : 'pages') & (leaf && dice.chance(30) ? ~0x1ffn : ~0n);
  return (dice.chance(95) ? flags : flags & ~1n) | (target << 10n) | (dice.word() & rarely(dice, 3, (0x3ffn << 54n) | 0x3feen));
}

function directoryEntry(dice: Dice, next: Kind): bigint {
  return (dice.chance(96) ? 1n : 0n) | (frame(dice, next) << 10n) | (dice.word() & rarely(dice, 2, (0x3ffn << 54n) | 0x3fen));
}

/** The words of a device context. */
function deviceContext(dice: Dice, extended: boolean): bigint[] {
  const pdtv = dice.chance(50);
  const second = dice.chance(60) ? BigInt(8 + dice.below(3)) : 0n;
  const ats = dice.chance(80) ? 2n | rarely(dice, 20, 4n) | rarely(dice, second === 0n ? 2 : 25, 8n) : rarely(dice, 3, 0xcn);
  const tc = (dice.chance(97) ? 1n : 0n) | ats | rarely(dice, 8, 0x10n) | (pdtv ? 0x20n | rarely(dice, 40, 0x200n) : 0n) | rarely(dice, 50, 0x80n) | rarely(dice, 50, 0x100n) | rarely(dice, 3, 0x400n) | rarely(dice, 3, 0x800n);
  const mode = pdtv ? BigInt(dice.below(4)) : dice.chance(70) ? BigInt(8 + dice.below(3)) : 0n;
  const process = (['pages', 'processes', 'processDirectory', 'processRoot'] as const)[Number(mode & 3n)] ?? 'pages';
  const words = [
    tc | (dice.word() & rarely(dice, 2, 0xffff_ffff_ffff_f000n)),
    (second << 60n) | (frame(dice, 'pages') & (dice.chance(95) ? ~3n : ~0n)),
    BigInt(dice.below(1 << 20)) << 12n,
    ((dice.chance(97) ? mode : BigInt(dice.below(16))) << 60n) | frame(dice, pdtv ? process : 'pages'),
  ];
  if (!extended) return words;
  const msi = second !== 0n && dice.chance(75);
  return [...words, ((msi ? 1n : rarely(dice, 3, BigInt(dice.below(16)))) << 60n) | frame(dice, 'messages'), BigInt(dice.pick([0xff, 0x1f, 0x0f, dice.below(256)])), FIRST_FRAME & ~0xffn, rarely(dice, 1, dice.word())];
}

function processContext(dice: Dice): bigint[] {
  return [(dice.chance(96) ? 1n : 0n) | rarely(dice, 60, 2n) | rarely(dice, 50, 4n) | rarely(dice, 2, dice.word()), ((dice.chance(95) ? dice.pick([0n, 8n, 9n, 10n]) : BigInt(dice.below(16))) << 60n) | frame(dice, 'pages')];
}

function messageEntry(dice: Dice): bigint[] {
  const mode = dice.pick([1n, 3n, 3n, BigInt(dice.below(4))]);
  return [(dice.chance(90) ? 1n : 0n) | (mode << 1n) | (frame(dice, 'any') << 10n) | rarely(dice, 5, dice.word()), mode === 1n ? BigInt(dice.below(1024)) | (frame(dice, 'any') << 10n) : rarely(dice, 3, dice.word())];
}

const MAKERS: Readonly<Record<Exclude<Kind, 'any'>, (dice: Dice, extended: boolean) => bigint[]>> = {
  devices: deviceContext,
  deviceDirectory: (dice) => [directoryEntry(dice, 'devices')],
  deviceRoot: (dice) => [directoryEntry(dice, 'deviceDirectory')],
  processes: processContext,
  processDirectory: (dice) => [directoryEntry(dice, 'processes')],
  processRoot: (dice) => [directoryEntry(dice, 'processDirectory')],
  messages: messageEntry,
  pages: (dice) => [pageEntry(dice)],
};

export function fillMemory(dice: Dice, memory: PlainMemory, extended: boolean): void {
  for (const [kind, make] of Object.entries(MAKERS)) {
    // The keys of MAKERS are kinds.
    const [from, to] = KINDS[kind as Kind];
    for (let i = from; i < to; i += 1) {
      const base = (FIRST_FRAME + BigInt(i)) << 12n;
      for (let at = 0; at < 4096; ) {
        const words = make(dice, extended);
        words.forEach((word, j) => memory.poke(base + BigInt(at + 8 * j), word));
        at += 8 * words.length;
      }
    }
  }
}

/** Bytes that refuse or come back corrupt: in some systems a stretch of a frame, rarely in a queue. */
export function damage(dice: Dice, memory: PlainMemory): void {
  const stretch = (): bigint[] => {
    if (dice.chance(30)) return [];
    const [first, end] = KINDS[dice.pick(['messages', 'messages', 'messages', 'pages', 'pages', 'processes', 'processDirectory', 'devices', 'deviceRoot'] as const)];
    const base = (FIRST_FRAME + BigInt(first + dice.below(end - first))) << 12n;
    const from = dice.below(2048);
    return Array.from({ length: 256 }, (_, i) => base + BigInt(from + 8 * i));
  };
  const queue = (): bigint[] => (dice.chance(10) ? [((QUEUE_FRAME + BigInt(dice.below(3))) << 12n) + BigInt(dice.below(256))] : []);
  memory.damage([...stretch(), ...queue()], [...stretch(), ...queue()]);
}

export function setUp(dice: Dice, iommu: RiscvIommu): void {
  const queue = (i: bigint): bigint => ((QUEUE_FRAME + i) << 10n) | BigInt(1 + dice.below(6));
  iommu.writeRegister(24, 8, queue(0n));
  iommu.writeRegister(40, 8, queue(1n));
  iommu.writeRegister(56, 8, queue(2n));
  for (const [offset, value] of [[760, dice.word()], [768, dice.chance(50) ? dice.word() : QUEUE_FRAME << 12n], [784, dice.word()], [776, dice.word()]] as const) iommu.writeRegister(offset, offset === 776 ? 4 : 8, value);
  for (const offset of [72, 76, 80]) iommu.writeRegister(offset, 4, dice.chance(90) ? BigInt(1 + 2 * dice.below(2)) : 0n);
  const mode = dice.chance(94) ? BigInt(2 + dice.below(3)) : BigInt(dice.below(2));
  const root = (['devices', 'devices', 'devices', 'deviceDirectory', 'deviceRoot'] as const)[Number(mode)] ?? 'devices';
  iommu.writeRegister(16, 8, mode | (frame(dice, root) << 10n));
}

export function randomRequest(dice: Dice): Request {
  const address = dice.pick([
    () => BigInt(dice.bits()),
    () => (FIRST_FRAME << 12n) + BigInt(dice.below(1 << 20)),
    () => (FIRST_FRAME << 12n) + BigInt(dice.below(1 << 16)),
    () => dice.word() & 0x1ff_ffff_ffffn,
    () => dice.word() & 0x1ff_ffff_ffff_ffffn,
    () => dice.word(),
    () => BigInt.asUintN(64, -BigInt(dice.bits())),
  ])();
  return {
    deviceId: dice.below(dice.chance(96) ? dice.pick([64, 64, 0x8000]) : 0x100_0000),
    processId: dice.chance(25) ? dice.below(dice.pick([0x100, 0x2_0000, 0x10_0000])) : null,
    type: dice.pick(['untranslated', 'untranslated', 'untranslated', 'ats', 'ats', 'translated'] as const),
    write: dice.chance(35),
    execute: dice.chance(30),
    privileged: dice.chance(30),
    noWrite: dice.chance(40),
    cxl: dice.chance(20),
    address,
  };
}

/** Something that is no translation: a register access, a command, a message. */
export function disturb(dice: Dice, memory: PlainMemory, iommu: RiscvIommu): void {
  switch (dice.below(6)) {
    case 0:
      iommu.writeRegister(dice.below(1100), dice.chance(50) ? 4 : 8, dice.word());
      return;
    case 1:
      iommu.readRegister(dice.below(1100), dice.chance(50) ? 4 : 8);
      return;
    case 2: {
      const at = (BigInt(iommu.commandQueue.frameOf(iommu.commandQueue.tail)) << 12n) + BigInt(iommu.commandQueue.offsetOf(iommu.commandQueue.tail));
      memory.poke(at, dice.chance(80) ? BigInt(dice.below(5)) | (BigInt(dice.below(2)) << 7n) | (dice.word() & rarely(dice, 40, 0xff_f000_03ff_f000n)) : dice.word());
      memory.poke(at + 8n, dice.chance(70) ? 0n : dice.word());
      iommu.commandQueue.advanceTail();
      iommu.runCommands();
      return;
    }
    case 3:
      iommu.pageRequest({ deviceId: dice.below(0x8000), requester: dice.below(0x1_0000), segment: dice.chance(20) ? dice.below(256) : null, processId: dice.chance(50) ? dice.below(0x10_0000) : null, privileged: dice.chance(50), execute: dice.chance(50), payload: dice.word() });
      return;
    case 4:
      iommu.invalidationComplete(dice.below(4), null, dice.below(8), dice.below(3));
      return;
    default:
      iommu.invalidationTimeOut(dice.below(8));
  }
}
