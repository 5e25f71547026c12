// SPDX-License-Identifier: Apache-2.0
/** From a device id to its context: the walk of the device directory and the checks of what it finds. */
import { wordView } from '../../base/layout-words.ts';
import type { Repair, Rule } from '../../mmu/format.ts';
import { addressOf } from '../../mmu/word.ts';
import type { Bus } from '../bus.ts';
import type { Counters } from './counters.ts';
import { nextTable } from './directory-entry.ts';
import { CORRUPT, DENIED, fault, type Fault } from './fault.ts';
import { ownerOf } from './caches.ts';
import { firstStage, processLevels, secondStage, type Features } from './features.ts';
import { BaseDeviceContext, DeviceContext, DirectoryEntry } from './structures.ts';
import type { LateContext } from './late-context.ts';
import { withFirst, type Space } from './space.ts';

const LOCATE = 'RISC-V IOMMU, "Process to locate the Device-context"';
const CHECKS = 'RISC-V IOMMU, "Device-context configuration checks"';
const TRANSLATE = 'RISC-V IOMMU, "Process to translate an IOVA"';

/** A device context, read and checked. */
export interface Device {
  readonly kind: 'device';
  /** Where the context lies. */
  readonly frame: number;
  readonly offset: number;
  readonly enAts: boolean;
  readonly enPri: boolean;
  readonly t2gpa: boolean;
  readonly dtf: boolean;
  readonly prpr: boolean;
  readonly gade: boolean;
  readonly sade: boolean;
  readonly dpe: boolean;
  /** A request without a process goes here: the device's own first stage, or none. */
  readonly space: Space;
  /** What a guest address goes through: the second stage alone. */
  readonly guest: Space;
  /** Null: the device has no processes (PDTV is clear). Levels 0: there is no directory, and no first stage. */
  readonly directory: { readonly levels: 0 | 1 | 2 | 3; readonly root: number } | null;
  /** Resource and monitoring id of what the device does. */
  readonly rcid: number;
  readonly mcid: number;
  readonly msi: { readonly root: number; readonly mask: number; readonly pattern: number } | null;
}

/** What the registers say about the directory. */
export interface DirectoryRegisters {
  /** 2, 3, 4: a directory of one to three levels. */
  readonly mode: number;
  readonly root: number;
  readonly be: boolean;
  readonly gxl: boolean;
}

const entry = wordView(DirectoryEntry);
const base = wordView(BaseDeviceContext);
const extended = wordView(DeviceContext);

/** Index bits of each level, last first. */
const BASE_BITS = [7, 9, 8] as const;
const EXTENDED_BITS = [6, 9, 9] as const;

/** Whether the device id has more bits than the directory has levels for. */
export function deviceTooWide(of: Features, mode: number, deviceId: number): boolean {
  const bits = of.caps.MSI_FLAT ? EXTENDED_BITS : BASE_BITS;
  return deviceId >>> (mode === 4 ? 24 : mode === 3 ? bits[0] + bits[1] : bits[0]) !== 0;
}

export function locateDevice(of: Features, registers: DirectoryRegisters, bus: Bus, deviceId: number, counters: Counters | null, late: LateContext<Device>): Device | Fault {
  if (deviceTooWide(of, registers.mode, deviceId)) return fault(260, { table: 'device directory', level: null, entry: null, rule: TOO_WIDE });
  counters?.deviceWalk();
  const bits = of.caps.MSI_FLAT ? EXTENDED_BITS : BASE_BITS;
  const size = of.caps.MSI_FLAT ? 64 : 32;
  let table = registers.root;
  for (let level = registers.mode - 2; level > 0; level -= 1) {
    const lowest = level === 1 ? bits[0] : bits[0] + bits[1];
    const offset = ((deviceId >>> lowest) & ((1 << (bits[level] ?? 0)) - 1)) * 8;
    const at = bus.fetch(LEVELS[level] ?? 'device directory', table, offset, 8, registers.be);
    if (at < 0) return refused(at === -1 ? 257 : 268, at === -1 ? DENIED : CORRUPT, level, table, offset);
    const words = bus.found;
    const next = nextTable(words, at);
    if (next >= 0) {
      table = next;
      continue;
    }
    if (entry.get.V(words, at) === 0) return refused(258, NOT_VALID, level, table, offset);
    return refused(259, STRAY_ENTRY, level, table, offset);
  }
  const offset = (deviceId & ((1 << bits[0]) - 1)) * size;
  const at = bus.fetch('device context', table, offset, size, registers.be);
  if (at < 0) return refused(at === -1 ? 257 : 268, at === -1 ? DENIED : CORRUPT, 0, table, offset);
  if (base.get.V(bus.found, at) === 0) return refused(258, NOT_VALID, 0, table, offset);
  const known = late.find(bus.found, at, table, offset, registers);
  if (known !== null) return known;
  const device = check(of, registers, bus.found, at, table, offset);
  if ('text' in device) return refused(259, device, 0, table, offset);
  late.keep(bus.found, at, table, offset, registers, device);
  return device;
}

function refused(cause: number, rule: Rule, level: number, table: number, offset: number): Fault {
  return fault(cause, { table: 'device directory', level, entry: addressOf(table, offset), rule });
}

const LEVELS = ['device context', 'device directory, level 1', 'device directory, level 2'];

/** The context, or the first rule that it breaks. */
function check(of: Features, registers: DirectoryRegisters, words: Uint32Array, at: number, frame: number, offset: number): Device | Rule {
  const get = extended.get;
  const { caps, options } = of;
  const stray = caps.MSI_FLAT ? extended.hasStray(words, at) : base.hasStray(words, at);
  if (stray) return caps.MSI_FLAT ? STRAY_EXTENDED : STRAY_BASE;
  if (!caps.QOSID && (get.RCID(words, at) !== 0 || get.MCID(words, at) !== 0)) return QOS;

  const enAts = get.EN_ATS(words, at) === 1;
  const enPri = get.EN_PRI(words, at) === 1;
  const prpr = get.PRPR(words, at) === 1;
  const t2gpa = get.T2GPA(words, at) === 1;
  if (!caps.ATS && (enAts || enPri || prpr)) return NO_ATS;
  if (!enAts && t2gpa) return T2GPA_ALONE;
  if (!enAts && enPri) return PRI_ALONE;
  if (!enPri && prpr) return PRPR_ALONE;
  if (!caps.T2GPA && t2gpa) return NO_T2GPA;

  const gade = get.GADE(words, at) === 1;
  const sade = get.SADE(words, at) === 1;
  if (!caps.AMO_HWAD && (gade || sade)) return NO_HWAD;
  const bigEndian = get.SBE(words, at) === 1;
  if (bigEndian !== registers.be && !(caps.END && options.beWritable)) return registers.be ? SBE_CLEAR : SBE_SET;
  const sxl = get.SXL(words, at) === 1;
  if (registers.gxl ? !sxl : sxl && !options.gxlWritable) return sxl ? SXL_SET : SXL_CLEAR;

  const secondMode = get.iohgatp_MODE(words, at);
  const second = secondStage(of, secondMode, registers.gxl);
  if (second === null) return SECOND_MODE;
  const secondRoot = get.iohgatp_PPN(words, at);
  if (second !== 'bare' && secondRoot % 4 !== 0) return SECOND_ROOT;
  if (t2gpa && second === 'bare') return T2GPA_BARE;

  const pdtv = get.PDTV(words, at) === 1;
  const dpe = get.DPE(words, at) === 1;
  if (!pdtv && dpe) return DPE_ALONE;
  const root = get.fsc_PPN(words, at);
  const mode = get.fsc_MODE(words, at);
  const levels = pdtv ? processLevels(of, mode) : 0;
  if (levels === null) return DIRECTORY_MODE;
  const first = pdtv ? 'bare' : firstStage(of, mode, sxl);
  if (first === null) return FIRST_MODE;

  const msiMode = caps.MSI_FLAT ? get.msiptp_MODE(words, at) : 0;
  if (msiMode > 1) return MSI_MODE;
  if (msiMode === 1 && second === 'bare') return MSI_BARE;
  const machine = ownerOf(second === 'bare' ? -1 : get.GSCID(words, at), -1);
  const guest: Space = { first: 'bare', firstRoot: 0, firstBig: bigEndian, second, secondRoot, secondBig: registers.be, sade, gade, sxl, owner: machine, machine };
  return {
    kind: 'device',
    frame,
    offset,
    enAts,
    enPri,
    t2gpa,
    dtf: get.DTF(words, at) === 1,
    prpr,
    gade,
    sade,
    dpe,
    space: pdtv || first === 'bare' ? guest : withFirst(guest, first, root, get.PSCID(words, at)),
    guest,
    directory: pdtv ? { levels, root } : null,
    rcid: get.RCID(words, at),
    mcid: get.MCID(words, at),
    msi: msiMode === 1 ? { root: get.msiptp_PPN(words, at), mask: get.msi_addr_mask(words, at), pattern: get.msi_addr_pattern(words, at) } : null,
  };
}

const bad = (field: string, bits: string, text: string, repair?: Repair, section = CHECKS): Rule => (repair === undefined ? { field, bits, text, section } : { field, bits, text, section, repair });
const mask = (high: number, low: number): bigint => ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);
const TOO_WIDE = bad('device_id', '23:0', 'the device id has more bits than the directory has levels for', undefined, TRANSLATE);
const NOT_VALID: Rule = { field: 'V', bits: '0', text: 'V must be set', section: LOCATE, repair: { set: 1n } };
const STRAY_ENTRY: Rule = { field: 'reserved', bits: '63:54, 9:1', text: 'reserved bits of a directory entry must be clear', section: LOCATE, repair: { clear: (0x3ffn << 54n) | 0x3fen } };
const stray = (of: { readonly bits: number; strayBits(raw: bigint): bigint }): Rule => bad('reserved', 'any', 'reserved bits of a device context must be clear', { clear: of.strayBits(mask(of.bits - 1, 0)) });
const STRAY_BASE = stray(BaseDeviceContext);
const STRAY_EXTENDED = stray(DeviceContext);
const QOS = bad('ta.RCID ta.MCID', '191:168', 'without capabilities.QOSID these bits are reserved', { clear: mask(191, 168) });
const NO_ATS = bad('tc.EN_ATS', '1, 2, 6', 'EN_ATS, EN_PRI and PRPR need capabilities.ATS', { clear: 0x46n });
const T2GPA_ALONE = bad('tc.T2GPA', '3', 'T2GPA needs EN_ATS', { clear: 8n });
const PRI_ALONE = bad('tc.EN_PRI', '2', 'EN_PRI needs EN_ATS', { clear: 4n });
const PRPR_ALONE = bad('tc.PRPR', '6', 'PRPR needs EN_PRI', { clear: 0x40n });
const NO_T2GPA = bad('tc.T2GPA', '3', 'T2GPA needs capabilities.T2GPA', { clear: 8n });
const T2GPA_BARE = bad('tc.T2GPA', '3', 'T2GPA needs a second stage', { clear: 8n });
const NO_HWAD = bad('tc.GADE tc.SADE', '8:7', 'GADE and SADE need capabilities.AMO_HWAD', { clear: 0x180n });
const SBE = 'SBE must equal fctl.BE unless both byte orders exist and fctl.BE can be written';
const SBE_CLEAR = bad('tc.SBE', '10', SBE, { set: 0x400n });
const SBE_SET = bad('tc.SBE', '10', SBE, { clear: 0x400n });
const SXL = 'SXL must be 1 when fctl.GXL is, and 0 when GXL is fixed at 0';
const SXL_CLEAR = bad('tc.SXL', '11', SXL, { set: 0x800n });
const SXL_SET = bad('tc.SXL', '11', SXL, { clear: 0x800n });
const SECOND_MODE = bad('iohgatp.MODE', '127:124', 'the mode is not one that is built in', { clear: mask(127, 124) });
const SECOND_ROOT = bad('iohgatp.PPN', '107:64', 'the root of the second stage must be aligned to 16 KiB', { clear: mask(65, 64) });
const DPE_ALONE = bad('tc.DPE', '9', 'DPE needs PDTV', { clear: 0x200n });
const DIRECTORY_MODE = bad('fsc.MODE', '255:252', 'the process directory mode is not one that is built in', { clear: mask(255, 252) });
const FIRST_MODE = bad('fsc.MODE', '255:252', 'the first-stage mode is not one that is built in', { clear: mask(255, 252) });
const MSI_MODE = bad('msiptp.MODE', '319:316', 'the MSI mode must be Off or Flat', { clear: mask(319, 316) });
const MSI_BARE = bad('msiptp.MODE', '319:316', 'MSI translation needs a second stage', { clear: mask(319, 316) });
