// SPDX-License-Identifier: Apache-2.0
/**
 * A sensor that writes its samples where they belong, a byte or two at a time,
 * into lines of memory that are full of other things. Each sample is a write of
 * its own; one that is not aligned is two.
 */
import type { Agent, Port } from '../../base/port.ts';
import type { DmaPort } from '../../pcie/dma-port.ts';
import { dmaPort, type Device, type DeviceContext, type DeviceSpec } from '../device.ts';
import { raiseMsi } from '../interrupt.ts';
import { integerOption, rejectUnknownOptions } from '../options.ts';
import { RegisterBank } from '../registers.ts';
import { SENSOR_WINDOW, SensorErrors, SensorRegisters, SensorStatus, type SensorError } from './registers.ts';

export const SENSOR_OPTIONS = { maxSamples: 'Most samples of one burst: 1 to 4096, 256 when left out.' };

interface Burst {
  readonly base: string;
  readonly taken: number;
  readonly error: SensorError;
}

/** Options: `SENSOR_OPTIONS`. @throws RangeError for any other, or a value out of range */
export function createSensor(spec: DeviceSpec, context: DeviceContext): Device {
  rejectUnknownOptions(spec, Object.keys(SENSOR_OPTIONS));
  const maxSamples = integerOption(spec, 'maxSamples', 256, 1, 4096);
  const bursts: Burst[] = [];
  const agent: Agent = {
    id: spec.id,
    kind: 'device',
    run(port) {
      bursts.length = 0;
      serve(port, spec.id, dmaPort(port, context), maxSamples, bursts);
    },
  };
  return {
    id: spec.id,
    kind: spec.kind,
    title: 'sensor',
    agents: [agent],
    registers: SensorRegisters,
    mmioSize: SENSOR_WINDOW,
    vectors: 1,
    result: () => ({ bursts: bursts.map((b) => ({ ...b })) }),
  };
}

/** Never 0 in its lowest byte, so that memory that was not written shows. */
export function sampleBytes(number: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i === 0 ? 1 + (number % 255) : (number >>> (8 * i)) & 0xff));
}

function serve(port: Port, id: string, dma: DmaPort, maxSamples: number, bursts: Burst[]): void {
  const bank = new RegisterBank(port, id, SensorRegisters);
  let total = 0;
  for (;;) {
    const count = bank.awaitRing('START');
    bank.set('STATUS', Number(SensorStatus.encode({ busy: true, finished: bursts.length % 0x1_0000 })));
    const base = bank.pair('BASE_LO', 'BASE_HI');
    const size = bank.read('SAMPLE_BYTES');
    const stride = bank.read('STRIDE');
    bank.set('TAKEN', 0);
    let error: SensorError = 'ok';
    let taken = 0;
    if (![1, 2, 4].includes(size) || stride < size) error = 'badSize';
    else if (count > maxSamples) error = 'badCount';
    else {
      for (; taken < count; bank.set('TAKEN', (taken += 1))) {
        const { fault } = dma.tryWrite(base + BigInt(taken) * BigInt(stride), sampleBytes(total, size), `sample[${taken}]`);
        if (fault !== null) {
          error = 'fault';
          break;
        }
        total = (total + 1) >>> 0;
      }
    }
    bursts.push({ base: `0x${base.toString(16)}`, taken, error });
    bank.set('TOTAL', total);
    bank.set('STATUS', Number(SensorStatus.encode({ error: SensorErrors[error].code, finished: bursts.length % 0x1_0000 })));
    port.note?.('device', { patch: { state: 'idle', samples: total, last: error }, text: error === 'ok' ? `wrote ${taken} samples of ${size} bytes from 0x${base.toString(16)}` : `${error} after ${taken} samples` });
    raiseMsi(port, id, 0);
  }
}
