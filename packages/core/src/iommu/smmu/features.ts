// SPDX-License-Identifier: Apache-2.0
/** What a unit is built with, told by its ID registers. */
import type { Granule } from '../../mmu/formats/armv8.ts';
import { Idr0, Idr1, Idr3, Idr5 } from './registers.ts';

export interface SmmuFeatures {
  /** The ID registers themselves, IDR0 to IDR5. */
  readonly idr: readonly number[];
  /** Bits of a stream id and of a substream id. */
  readonly streamBits: number;
  readonly substreamBits: number;
  /** Without substreams S1CDMax means nothing; an emulator refuses it. */
  readonly ignoresSubstreams: boolean;
  readonly outputBits: number;
  readonly stage1: boolean;
  readonly stage2: boolean;
  readonly granules: ReadonlySet<Granule>;
  /** Input of stage 1 may have 52 bits (with 64 KiB granules). */
  readonly largeInput: boolean;
  /** Hardware sets the access flag; and dirty state. */
  readonly setsAccessFlag: boolean;
  readonly setsDirty: boolean;
  /** STALL_MODEL: stalling is a choice of the tables, is not built in, or is what every fault does. */
  readonly stalls: 'chosen' | 'never' | 'always';
  /** Stalled transactions that can be reported at once. */
  readonly stallLimit: number;
  /** Terminated requests can only abort. */
  readonly abortsOnly: boolean;
  readonly tables: 'little' | 'big' | 'mixed';
  /** EL2 streams. */
  readonly hypervisor: boolean;
  readonly twoLevelStreams: boolean;
  readonly twoLevelContexts: boolean;
  readonly ats: boolean;
  /** Split-stage ATS is not built in. */
  readonly fullAtsOnly: boolean;
  readonly pri: boolean;
  /** ATS and PRI may record configuration errors (CR2.REC_CFG_ATS). */
  readonly recordsAts: boolean;
  readonly msi: boolean;
  readonly sev: boolean;
  readonly wideAsids: boolean;
  readonly wideVmids: boolean;
  /** STE.PRIVCFG and INSTCFG replace what requests say. */
  readonly overridesPermissions: boolean;
  readonly flatTables: boolean;
  readonly forcedWriteBack: boolean;
  readonly executeByPrivilege: boolean;
  readonly ranges: boolean;
  readonly userPrevented: boolean;
  /** Automatic page responses always carry the PASID. */
  readonly responsesWithPasid: boolean;
}

const OUTPUT = [32, 36, 40, 42, 44, 48, 52] as const;

/** Bits of an output size field; what is reserved counts as 52 (SMMUv3.1 to 3.3). */
export const outputSize = (code: number): number => OUTPUT[code] ?? 52;

/** From IDR0, IDR1, IDR5 and, where it matters, IDR3. */
export function smmuFeatures(idr0: number, idr1: number, idr5: number, idr3 = 0): SmmuFeatures {
  const zero = Idr0.decode(BigInt(idr0 >>> 0));
  const one = Idr1.decode(BigInt(idr1 >>> 0));
  const three = Idr3.decode(BigInt(idr3 >>> 0));
  const five = Idr5.decode(BigInt(idr5 >>> 0));
  const granules = new Set<Granule>();
  if (five.GRAN4K) granules.add(12);
  if (five.GRAN16K) granules.add(14);
  if (five.GRAN64K) granules.add(16);
  return {
    idr: [idr0 >>> 0, idr1 >>> 0, 0, idr3 >>> 0, 0, idr5 >>> 0],
    streamBits: Math.min(32, one.SIDSIZE),
    substreamBits: Math.min(20, one.SSIDSIZE),
    ignoresSubstreams: true,
    outputBits: outputSize(five.OAS),
    stage1: zero.S1P,
    stage2: zero.S2P,
    granules,
    largeInput: five.VAX === 1,
    setsAccessFlag: zero.HTTU >= 1,
    setsDirty: zero.HTTU >= 2,
    stalls: zero.STALL_MODEL === 1 ? 'never' : zero.STALL_MODEL === 2 ? 'always' : 'chosen',
    stallLimit: five.STALL_MAX,
    abortsOnly: zero.TERM_MODEL,
    tables: zero.TTENDIAN === 2 ? 'little' : zero.TTENDIAN === 3 ? 'big' : 'mixed',
    hypervisor: zero.Hyp,
    twoLevelStreams: zero.ST_LEVEL !== 0,
    twoLevelContexts: zero.CD2L,
    ats: zero.ATS,
    fullAtsOnly: zero.NS1ATS,
    pri: zero.PRI,
    recordsAts: zero.ATSRECERR,
    msi: zero.MSI,
    sev: zero.SEV,
    wideAsids: zero.ASID16,
    wideVmids: zero.VMID16,
    overridesPermissions: one.ATTR_PERMS_OVR,
    flatTables: three.HAD,
    forcedWriteBack: three.FWB,
    executeByPrivilege: three.XNX,
    ranges: three.RIL,
    userPrevented: three.E0PD,
    responsesWithPasid: three.PPS,
  };
}
