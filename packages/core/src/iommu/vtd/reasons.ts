// SPDX-License-Identifier: Apache-2.0
/**
 * Fault reasons, "Fault Conditions and Remapping Hardware Behavior". A fault is
 * qualified when it is found below an entry with FPD, which then silences it.
 */
export interface Reason {
  readonly name: string;
  readonly qualified: boolean;
}

const q = (name: string): Reason => ({ name, qualified: true });
const always = (name: string): Reason => ({ name, qualified: false });

export const REASONS: Readonly<Record<number, Reason>> = {
  0x01: always('root entry not present'),
  0x02: q('context entry not present'),
  0x03: q('context entry invalid'),
  0x04: q('address beyond the width of the tables'),
  0x05: q('write without permission'),
  0x06: q('read without permission'),
  0x07: q('second-stage entry could not be read'),
  0x08: always('root entry could not be read'),
  0x09: always('context entry could not be read'),
  0x0a: always('reserved bits in a root entry'),
  0x0b: q('reserved bits in a context entry'),
  0x0c: q('reserved bits in a second-stage entry'),
  0x0d: q('translation request or translated request not allowed'),
  0x0e: q('read of the interrupt range'),
  0x30: always('reserved translation table mode'),
  0x31: always('request with PASID in legacy mode'),
  0x38: always('scalable root entry could not be read'),
  0x39: always('scalable root entry not present'),
  0x3a: always('reserved bits in a scalable root entry'),
  0x40: always('scalable context entry could not be read'),
  0x41: q('scalable context entry not present'),
  0x42: q('reserved bits in a scalable context entry'),
  0x44: q('translation request without DTE'),
  0x45: q('request with PASID without PASIDE'),
  0x46: q('PASID beyond the directory'),
  0x48: q('RID_PASID beyond the directory'),
  0x50: always('PASID-directory entry could not be read'),
  0x51: q('PASID-directory entry not present'),
  0x52: q('reserved bits in a PASID-directory entry'),
  0x58: always('PASID-table entry could not be read'),
  0x59: q('PASID-table entry not present'),
  0x5a: q('reserved bits in a PASID-table entry'),
  0x5b: q('PASID-table entry invalid'),
  0x5c: q('execute request without ERE'),
  0x5d: q('supervisor request without SRE'),
  0x70: q('first-stage entry could not be read'),
  0x71: q('first-stage entry not present'),
  0x72: q('reserved bits in a first-stage entry'),
  0x73: q('first-stage root could not be read'),
  0x74: q('first-stage table beyond the width of the second stage'),
  0x75: q('second stage of a first-stage table not present'),
  0x76: q('second stage of a first-stage table without read permission'),
  0x77: q('second stage of a first-stage table without write permission'),
  0x78: q('second-stage entry could not be read'),
  0x79: q('second-stage entry not present'),
  0x7a: q('reserved bits in a second-stage entry'),
  0x7b: q('second-stage root could not be read'),
  0x80: q('address not canonical'),
  0x81: q('user request to a supervisor page'),
  0x82: q('execute request to a page not executable'),
  0x83: q('address beyond the width of the tables'),
  0x84: q('guest address beyond the width of the second stage'),
  0x85: q('write without permission'),
  0x86: q('read without permission'),
  0x87: q('read of the interrupt range'),
  0x91: q('accessed or dirty bits could not be set'),
};
