// SPDX-License-Identifier: Apache-2.0
/**
 * Where two published models of the RISC-V IOMMU differ although both follow
 * the text. The first value of each row is what the reference model does and
 * what our unit does unless told otherwise; the second is the other reading.
 */
export interface Switches {
  /** ATS request that may write, to a clean page, when hardware may not set D: nothing is permitted, or reading is. */
  readonly atsCleanPage: 'refuse' | 'read-only';
  /** The same when hardware may set D: it does, or ATS never sets it and the answer permits reading only. PCIe: a translation agent may mark the page dirty when NW is clear. */
  readonly atsSetsDirty: 'yes' | 'no';
  /** D of the second-stage entry that maps a first-stage table, SADE = 1: set whenever the table is read, or only when an entry in it is written. Privileged ISA: may be set by an implicit access. */
  readonly tableDirty: 'on-read' | 'on-write';
  /** The same entry with GADE = 0 and D = 0: a guest page fault at once, or only when an entry is written. */
  readonly tableClean: 'fault' | 'fault-on-write';
  /** Answer to an ATS request that met corrupt data in a table. The guideline calls a completer abort appropriate. */
  readonly atsCorrupt: 'completer-abort' | 'unsupported-request';
  /** ATS request for execution by a supervisor on a user page with SUM = 1: nothing is permitted, or all but execution. */
  readonly atsSupervisorExecute: 'refuse' | 'drop-execute';
  /** Bits of the MSI address pattern above the guest address: not looked at, or compared, so that they never match. */
  readonly msiPatternAbove: 'ignored' | 'compared';
  /** A translation range with an MSI page in it: made smaller until it has none, or left to the bridge. */
  readonly msiInRange: 'shrink' | 'keep';
  /** ATS request to a page that may not be read: its entry is marked accessed and the answer permits nothing, or it counts as a page fault and the entry stays. */
  readonly atsUnreadable: 'accessed' | 'untouched';
  /** Debug request for execution without NW: reported as a write, or as a fetch. */
  readonly debugExecute: 'write' | 'fetch';
}

export const REFERENCE: Switches = {
  atsCleanPage: 'refuse',
  atsSetsDirty: 'yes',
  tableDirty: 'on-read',
  tableClean: 'fault',
  atsCorrupt: 'completer-abort',
  atsSupervisorExecute: 'refuse',
  msiPatternAbove: 'ignored',
  msiInRange: 'shrink',
  atsUnreadable: 'accessed',
  debugExecute: 'write',
};

export const OTHER_READING: Switches = {
  atsCleanPage: 'read-only',
  atsSetsDirty: 'no',
  tableDirty: 'on-write',
  tableClean: 'fault-on-write',
  atsCorrupt: 'unsupported-request',
  atsSupervisorExecute: 'drop-execute',
  msiPatternAbove: 'compared',
  msiInRange: 'keep',
  atsUnreadable: 'untouched',
  debugExecute: 'fetch',
};
