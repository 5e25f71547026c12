// SPDX-License-Identifier: Apache-2.0
import { flag, layout, uint } from '../../base/layout.ts';
import type { ErrorTable } from '../datasheet.ts';
import { NEVER_RUNG, registerTable } from '../registers.ts';

export const SENSOR_WINDOW = 0x1000;

export const SensorStatus = layout({
  name: 'sensor STATUS',
  spec: 'dmalab sensor',
  bits: 32,
  fields: {
    busy: flag(0, 'Samples are being written.'),
    error: uint(15, 8, 'How the last burst ended.'),
    finished: uint(31, 16, 'How many bursts are over, modulo 2^16. Until the sensor takes a doorbell STATUS is that of the burst before.'),
  },
});

export const SensorErrors = {
  ok: { code: 0, doc: 'All samples are in memory.' },
  badSize: { code: 1, doc: 'SAMPLE_BYTES is not 1, 2 or 4, or STRIDE is smaller.' },
  badCount: { code: 2, doc: 'More samples than the option `maxSamples`.' },
  fault: { code: 3, doc: 'A sample could not be written; those before it are, TAKEN says how many. Of the one that failed some bytes may be.' },
} as const satisfies ErrorTable;
export type SensorError = keyof typeof SensorErrors;

export const SensorRegisters = registerTable(SENSOR_WINDOW, {
  BASE_LO: { offset: 0x00, access: 'rw', doc: 'Bus address of the first sample; any byte.' },
  BASE_HI: { offset: 0x04, access: 'rw', doc: 'The high half.' },
  SAMPLE_BYTES: { offset: 0x08, access: 'rw', reset: 2, doc: 'Bytes of a sample: 1, 2 or 4.' },
  STRIDE: { offset: 0x0c, access: 'rw', reset: 2, doc: 'Bytes from one sample to the next. What lies between them is not the sensor\'s.' },
  START: { offset: 0x10, access: 'wo', reset: NEVER_RUNG, doc: 'Takes as many samples as are stored here.' },
  STATUS: { offset: 0x14, access: 'ro', doc: 'How the last burst ended.', layout: SensorStatus },
  TAKEN: { offset: 0x18, access: 'ro', doc: 'Samples of the last burst that are in memory; it rises while the burst is under way.' },
  TOTAL: { offset: 0x1c, access: 'ro', doc: 'Samples since power-on, modulo 2^32. Sample number n has the value n + 1, cut to its bytes, and never 0 in its lowest byte: 1 to 255, then 1 again.' },
});
