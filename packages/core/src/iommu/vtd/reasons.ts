// SPDX-License-Identifier: Apache-2.0
/**
 * Fault reasons, "Fault Conditions and Remapping Hardware Behavior". A fault is
 * qualified when it is found below an entry with FPD, which then silences it.
 *
 * A translation request ends in one of three ways. Recoverable: success without
 * permissions, nothing is recorded, the device may request the page. Otherwise the
 * fault is recorded, and the completion is an abort where the page tables are
 * wrong, and an unsupported request where the structures above them are.
 */
export interface Reason {
  readonly name: string;
  readonly qualified: boolean;
  readonly ats: 'denied' | 'completer-abort' | 'unsupported-request';
}

const q = (name: string): Reason => ({ name, qualified: true, ats: 'unsupported-request' });
const always = (name: string): Reason => ({ name, qualified: false, ats: 'unsupported-request' });
const recoverable = (name: string): Reason => ({ name, qualified: true, ats: 'denied' });
const aborts = (name: string): Reason => ({ name, qualified: true, ats: 'completer-abort' });

export const REASONS: Readonly<Record<number, Reason>> = {
  0x01: always('root entry not present'),
  0x02: q('context entry not present'),
  0x03: q('context entry invalid'),
  0x04: recoverable('address beyond the width of the tables'),
  0x05: recoverable('write without permission'),
  0x06: recoverable('read without permission'),
  0x07: aborts('second-stage entry could not be read'),
  0x08: always('root entry could not be read'),
  0x09: always('context entry could not be read'),
  0x0a: always('reserved bits in a root entry'),
  0x0b: q('reserved bits in a context entry'),
  0x0c: aborts('reserved bits in a second-stage entry'),
  0x0d: q('translation request or translated request not allowed'),
  0x0e: q('access that ends in the interrupt range'),
  0x30: always('reserved translation table mode'),
  0x31: always('request with PASID in legacy mode'),
  0x32: always('page request in legacy mode'),
  0x38: always('scalable root entry could not be read'),
  0x39: always('scalable root entry not present'),
  0x3a: always('reserved bits in a scalable root entry'),
  0x40: always('scalable context entry could not be read'),
  0x41: q('scalable context entry not present'),
  0x42: q('reserved bits in a scalable context entry'),
  0x44: q('translation request without DTE'),
  0x45: q('request with PASID without PASIDE'),
  0x46: q('PASID beyond the directory'),
  0x47: q('page request without PRE'),
  0x48: q('RID_PASID beyond the directory'),
  0x50: always('PASID-directory entry could not be read'),
  0x51: recoverable('PASID-directory entry not present'),
  0x52: q('reserved bits in a PASID-directory entry'),
  0x58: always('PASID-table entry could not be read'),
  0x59: recoverable('PASID-table entry not present'),
  0x5a: q('reserved bits in a PASID-table entry'),
  0x5b: q('PASID-table entry invalid'),
  0x5c: q('execute request without ERE'),
  0x5d: q('supervisor request without SRE'),
  0x70: aborts('first-stage entry could not be read'),
  0x71: recoverable('first-stage entry not present'),
  0x72: aborts('reserved bits in a first-stage entry'),
  0x73: aborts('first-stage root could not be read'),
  0x74: aborts('first-stage table beyond the width of the second stage'),
  0x75: recoverable('second stage of the first-stage root table gives no read permission'),
  0x76: recoverable('second stage of a lower first-stage table gives no read permission'),
  0x77: recoverable('second stage of a first-stage table without write permission'),
  0x78: aborts('second-stage entry could not be read'),
  0x79: recoverable('second-stage entry not present'),
  0x7a: aborts('reserved bits in a second-stage entry'),
  0x7b: aborts('second-stage root could not be read'),
  0x7c: aborts('accessed or dirty bits of a second-stage entry in a walk that does not snoop'),
  0x7d: aborts('accessed or dirty bits of a second-stage entry could not be set'),
  0x80: recoverable('address not canonical'),
  0x81: recoverable('user request to a supervisor page'),
  0x82: recoverable('execute request to a page not executable'),
  0x83: recoverable('address beyond the width of the tables'),
  0x84: recoverable('guest address beyond the width of the second stage'),
  0x85: recoverable('write without permission'),
  0x86: recoverable('read without permission'),
  0x87: q('access that ends in the interrupt range'),
  0x90: aborts('accessed or dirty bits of a first-stage entry in a walk that does not snoop'),
  0x91: aborts('accessed or dirty bits of a first-stage entry could not be set'),
};
