// SPDX-License-Identifier: Apache-2.0
/** Every fault cause: its name, whether DTF silences it, and what an ATS request that meets it is answered. */

/** `quiet`: success without permissions, and no record. */
export type AtsAnswer = 'completer-abort' | 'unsupported-request' | 'quiet';

export interface Cause {
  readonly name: string;
  /** Reported although the device context sets DTF. */
  readonly despiteDtf: boolean;
  readonly ats: AtsAnswer;
  /** The data read was corrupt; the text leaves the answer to a guideline. */
  readonly corrupt?: true;
}

const CA = 'completer-abort';
const UR = 'unsupported-request';

/** RISC-V IOMMU, "Fault/Event-Queue", fault record CAUSE field encodings; "PCIe ATS translation request handling". */
export const CAUSES: Readonly<Record<number, Cause>> = {
  1: { name: 'instruction access fault', despiteDtf: false, ats: CA },
  4: { name: 'read address misaligned', despiteDtf: false, ats: CA },
  5: { name: 'read access fault', despiteDtf: false, ats: CA },
  6: { name: 'write/AMO address misaligned', despiteDtf: false, ats: CA },
  7: { name: 'write/AMO access fault', despiteDtf: false, ats: CA },
  12: { name: 'instruction page fault', despiteDtf: false, ats: 'quiet' },
  13: { name: 'read page fault', despiteDtf: false, ats: 'quiet' },
  15: { name: 'write/AMO page fault', despiteDtf: false, ats: 'quiet' },
  20: { name: 'instruction guest page fault', despiteDtf: false, ats: 'quiet' },
  21: { name: 'read guest page fault', despiteDtf: false, ats: 'quiet' },
  23: { name: 'write/AMO guest page fault', despiteDtf: false, ats: 'quiet' },
  256: { name: 'all inbound transactions disallowed', despiteDtf: true, ats: UR },
  257: { name: 'DDT entry load access fault', despiteDtf: true, ats: UR },
  258: { name: 'DDT entry not valid', despiteDtf: true, ats: UR },
  259: { name: 'DDT entry misconfigured', despiteDtf: true, ats: UR },
  260: { name: 'transaction type disallowed', despiteDtf: false, ats: UR },
  261: { name: 'MSI PTE load access fault', despiteDtf: false, ats: CA },
  262: { name: 'MSI PTE not valid', despiteDtf: false, ats: 'quiet' },
  263: { name: 'MSI PTE misconfigured', despiteDtf: false, ats: CA },
  264: { name: 'MRIF access fault', despiteDtf: false, ats: CA },
  265: { name: 'PDT entry load access fault', despiteDtf: false, ats: CA },
  266: { name: 'PDT entry not valid', despiteDtf: false, ats: 'quiet' },
  267: { name: 'PDT entry misconfigured', despiteDtf: false, ats: CA },
  268: { name: 'DDT data corruption', despiteDtf: true, ats: CA, corrupt: true },
  269: { name: 'PDT data corruption', despiteDtf: false, ats: CA, corrupt: true },
  270: { name: 'MSI PT data corruption', despiteDtf: false, ats: CA, corrupt: true },
  271: { name: 'MSI MRIF data corruption', despiteDtf: false, ats: CA, corrupt: true },
  272: { name: 'internal data path error', despiteDtf: true, ats: CA },
  273: { name: 'IOMMU MSI write access fault', despiteDtf: true, ats: CA },
  274: { name: 'first/second-stage PT data corruption', despiteDtf: false, ats: CA, corrupt: true },
};

/** The three kinds of fault that are numbered by what the device wanted. */
export type AccessKind = 'fetch' | 'read' | 'write';
export const accessFault = (kind: AccessKind): number => (kind === 'fetch' ? 1 : kind === 'read' ? 5 : 7);
export const pageFault = (kind: AccessKind): number => (kind === 'fetch' ? 12 : kind === 'read' ? 13 : 15);
export const guestPageFault = (kind: AccessKind): number => (kind === 'fetch' ? 20 : kind === 'read' ? 21 : 23);
