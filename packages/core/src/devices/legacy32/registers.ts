// SPDX-License-Identifier: Apache-2.0
import { flag, layout, uint } from '../../base/layout.ts';
import type { ErrorTable } from '../datasheet.ts';
import { NEVER_RUNG, registerTable } from '../registers.ts';

export const LEGACY_WINDOW = 0x1000;

export const LegacyControl = layout({
  name: 'legacy CONTROL',
  spec: 'dmalab 32-bit device',
  bits: 32,
  fields: { enable: flag(0, 'The device may look at its ring.') },
});
export const LegacyStatus = layout({
  name: 'legacy STATUS',
  spec: 'dmalab 32-bit device',
  bits: 32,
  fields: {
    busy: flag(0, 'It is at work.'),
    badRing: flag(1, 'RING is no multiple of 8, or could not be read or written.'),
    error: uint(15, 8, 'Of the last descriptor that could not be used.'),
  },
});

export const LegacyErrors = {
  none: { code: 0, doc: 'No descriptor failed.' },
  badLength: { code: 1, doc: 'Length 0.' },
  mask: { code: 2, doc: 'The buffer ends above the device\'s `maskBits` address lines.' },
  fault: { code: 3, doc: 'The buffer could not be reached to its end.' },
  badRing: { code: 4, doc: 'The ring could not be reached; shown by STATUS.badRing too.' },
} as const satisfies ErrorTable;
export type LegacyError = keyof typeof LegacyErrors;

export const LegacyRegisters = registerTable(LEGACY_WINDOW, {
  CONTROL: { offset: 0x00, access: 'rw', doc: 'Control. Looked at whenever the doorbell wakes the device.', layout: LegacyControl },
  RING: { offset: 0x04, access: 'rw', doc: 'Bus address of the ring; a multiple of 8 below 4 GiB. Taken when the device is woken for the first time after it was enabled.' },
  DOORBELL: { offset: 0x08, access: 'wo', reset: NEVER_RUNG, doc: 'Any store wakes the device, which goes on while descriptors are its own.' },
  STATUS: { offset: 0x0c, access: 'ro', doc: 'Status.', layout: LegacyStatus },
  SLOT: { offset: 0x10, access: 'ro', doc: 'Number of the descriptor it looks at next, from 0.' },
});
