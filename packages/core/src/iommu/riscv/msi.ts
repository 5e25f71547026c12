// SPDX-License-Identifier: Apache-2.0
/**
 * Messages of devices in virtual machines: guest addresses that are virtual
 * interrupt files, and the MSI page table that says where they really lie.
 * 52-bit frame numbers are taken apart into 32 + 20 bits for bitwise work.
 */
import { wordView } from '../../base/layout-words.ts';
import type { Rule } from '../../mmu/format.ts';
import { addressOf } from '../../mmu/word.ts';
import type { Bus } from '../bus.ts';
import { CORRUPT, DENIED, fault, type Fault } from './fault.ts';
import { MrifEntry, MsiEntry } from './structures.ts';

const TRANSLATE = 'RISC-V IOMMU, "Process to translate addresses of MSIs"';
const TWO32 = 0x1_0000_0000;

export interface MsiTable {
  readonly root: number;
  readonly mask: number;
  readonly pattern: number;
}

/** Where a message goes. */
export type MsiTarget =
  | { readonly kind: 'file'; readonly frame: number }
  | { readonly kind: 'mrif'; readonly address: bigint; readonly notice: bigint; readonly noticeId: number };

const low32 = (x: number): number => x % TWO32 | 0;
const high20 = (x: number): number => Math.floor(x / TWO32);

/** Whether a frame is a virtual interrupt file. `low` frame bits are not compared, so that a range can be asked about. */
export function isInterruptFile(table: MsiTable, frame: number, guestBits: number, rangeBits = 0): boolean {
  const width = guestBits - 12;
  const skipLow = rangeBits >= 32 ? -1 : (1 << rangeBits) - 1;
  const skipHigh = rangeBits > 32 ? (1 << (rangeBits - 32)) - 1 : 0;
  const seenHigh = width >= 52 ? 0xf_ffff : width > 32 ? (1 << (width - 32)) - 1 : 0;
  const seenLow = width >= 32 ? -1 : (1 << width) - 1;
  const differLow = (low32(frame) ^ low32(table.pattern)) & ~low32(table.mask) & ~skipLow & seenLow;
  const differHigh = (high20(frame) ^ high20(table.pattern)) & ~high20(table.mask) & ~skipHigh & seenHigh;
  return differLow === 0 && differHigh === 0;
}

/** Packs the bits of the frame that the mask selects. */
export function interruptFileNumber(frame: number, mask: number): number {
  let out = 0;
  let scale = 1;
  for (let bit = 0; bit < 52; bit += 1) {
    const at = 2 ** bit;
    if (Math.floor(mask / at) % 2 === 0) continue;
    out += scale * (Math.floor(frame / at) % 2);
    scale *= 2;
  }
  return out;
}

const basic = wordView(MsiEntry);
const mrif = wordView(MrifEntry);

export function translateMsi(bus: Bus, table: MsiTable, frame: number, hasMrif: boolean, bigEndian: boolean): MsiTarget | Fault {
  const file = interruptFileNumber(frame, table.mask);
  const offset = (file % 256) * 16;
  const at = or52(table.root, Math.floor(file / 256));
  const status = bus.load('MSI page table', at, offset, 16, bigEndian);
  const here = { table: 'MSI page table', level: 0, entry: addressOf(at, offset) };
  if (status !== 'ok') return status === 'denied' ? fault(261, { ...here, rule: DENIED }) : fault(270, { ...here, rule: CORRUPT });
  const words = bus.data;
  if (basic.get.V(words, 0) === 0) return fault(262, { ...here, rule: NOT_VALID });
  if (basic.get.C(words, 0) === 1) return fault(263, { ...here, rule: CUSTOM });
  const mode = basic.get.M(words, 0);
  if (mode === 3) return basic.hasStray(words, 0) ? fault(263, { ...here, rule: STRAY_BASIC }) : { kind: 'file', frame: basic.get.PPN(words, 0) };
  if (mode !== 1) return fault(263, { ...here, rule: MODE });
  if (!hasMrif) return fault(263, { ...here, rule: NO_MRIF });
  if (mrif.hasStray(words, 0)) return fault(263, { ...here, rule: STRAY_MRIF });
  return {
    kind: 'mrif',
    address: BigInt(mrif.get.address(words, 0)) << 9n,
    notice: addressOf(mrif.get.NPPN(words, 0), 0),
    noticeId: mrif.get.NID_high(words, 0) * 1024 + mrif.get.NID_low(words, 0),
  };
}

const or52 = (a: number, b: number): number => (high20(a) | high20(b)) * TWO32 + ((low32(a) | low32(b)) >>> 0);

const NOT_VALID: Rule = { field: 'V', bits: '0', text: 'V must be set', section: TRANSLATE, repair: { set: 1n } };
const CUSTOM: Rule = { field: 'C', bits: '63', text: 'no custom interpretation is built in', section: TRANSLATE, repair: { clear: 1n << 63n } };
const MODE: Rule = { field: 'M', bits: '2:1', text: 'the mode must be basic (3) or MRIF (1)', section: TRANSLATE, repair: { set: 6n } };
const NO_MRIF: Rule = { field: 'M', bits: '2:1', text: 'MRIF mode needs capabilities.MSI_MRIF', section: TRANSLATE, repair: { set: 6n } };
const stray = (of: { strayBits(raw: bigint): bigint }): Rule => ({ field: 'reserved', bits: 'any', text: 'reserved bits of an MSI entry must be clear', section: TRANSLATE, repair: { clear: of.strayBits((1n << 128n) - 1n) } });
const STRAY_BASIC = stray(MsiEntry);
const STRAY_MRIF = stray(MrifEntry);
