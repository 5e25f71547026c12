// SPDX-License-Identifier: Apache-2.0
import type { Datasheet } from '../datasheet.ts';
import { SENSOR_WINDOW, SensorErrors, SensorRegisters } from './registers.ts';
import { SENSOR_OPTIONS } from './sensor.ts';

export const SensorDatasheet: Datasheet = {
  title: 'Sensor with short writes',
  purpose: [
    'Writes samples of 1, 2 or 4 bytes to memory, one every `STRIDE` bytes, and nothing in between. Most devices write whole lines; this one does not, and everything that is usually forgiven shows.',
  ],
  follows: 'No device in particular: small converters and human interface controllers whose reports are a few bytes in a structure of the driver.',
  badge: 'choice',
  options: SENSOR_OPTIONS,
  windowSize: SENSOR_WINDOW,
  registers: SensorRegisters,
  structures: [],
  programming: [
    'Allocate room for the samples by themselves, not inside a structure that the CPU writes: whole cache lines (`ARCH_DMA_MINALIGN`, kmalloc of its own, or coherent memory).',
    'Map it for the device to write (`dma_map_single`, `DMA_FROM_DEVICE`), write BASE, SAMPLE_BYTES and STRIDE, then the number of samples to START.',
    'Wait for the interrupt, or until STATUS.finished has changed. TAKEN samples are in memory.',
    'Give the room back to the CPU (`dma_sync_single_for_cpu` or unmap) before it looks.',
  ],
  ordering: {
    promises: [
      'Samples are written in order, each before TAKEN counts it, all before STATUS and the interrupt.',
      'An aligned sample is one write and never seen half; one that is not aligned is written byte by byte and may be.',
      'Bytes between samples are never written.',
    ],
    needs: [
      'Where devices do not look into caches, a line that holds samples must not be dirty while the sensor works: when it is written back, its old bytes go over the new samples. Clean it before START, and keep the CPU off the whole line until the burst is over.',
      'Invalidating the line afterwards throws away what the CPU wrote next to the samples (riscv), or cleaning it first throws away the samples (arm64): the neighbours must not share the line.',
      'After TAKEN or STATUS was read, samples are read later: `readl` waits, `readl_relaxed` needs `dma_rmb`.',
    ],
  },
  errors: { where: 'STATUS.error', codes: SensorErrors },
  interrupts: ['Vector 0: a burst is over.'],
  teaches: ['Whole lines belong to one owner; why DMA into the middle of a structure is a bug; a mapping of FROM_DEVICE that is written only in part keeps, or loses, the rest; torn samples.'],
};
