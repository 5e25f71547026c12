// SPDX-License-Identifier: Apache-2.0
/**
 * The smallest device that does DMA: source, destination, length, doorbell.
 * It copies when the doorbell is rung, says so in its status, and interrupts
 * (vector 0). It trusts its registers, not its driver: what is not RAM faults.
 */
import { crc32 } from '../../base/checksum.ts';
import type { Agent, Port } from '../../base/port.ts';
import type { Device, DeviceContext, DeviceSpec } from '../device.ts';
import { DmaPort } from '../../pcie/dma-port.ts';
import { raiseMsi } from '../interrupt.ts';
import { integerOption, rejectUnknownOptions } from '../options.ts';
import { NEVER_RUNG, RegisterBank, registerTable } from '../registers.ts';

export const COPY_ENGINE_WINDOW = 0x1000;

export const CopyEngineRegisters = registerTable(COPY_ENGINE_WINDOW, {
  SOURCE: { offset: 0x00, access: 'rw', doc: 'Bus address to read from, bytes.' },
  DESTINATION: { offset: 0x04, access: 'rw', doc: 'Bus address to write to, bytes.' },
  LENGTH: { offset: 0x08, access: 'rw', doc: 'Bytes to copy; 0 is an error.' },
  DOORBELL: { offset: 0x0c, access: 'wo', reset: NEVER_RUNG, doc: 'Any store starts one copy.' },
  STATUS: { offset: 0x10, access: 'ro', doc: 'Bit 0 done, bit 1 faulted, bit 2 busy. The doorbell clears done and faulted.' },
});
export const COPY_DONE = 1;
export const COPY_FAULTED = 2;
export const COPY_BUSY = 4;

interface Copy {
  readonly source: string;
  readonly destination: string;
  readonly length: number;
  readonly checksum: number;
  readonly ok: boolean;
  readonly why: string;
}

/** Options: `maxLength` (bytes, 4096). @throws RangeError for any other, or a value out of range */
export function createCopyEngine(spec: DeviceSpec, context: DeviceContext): Device {
  rejectUnknownOptions(spec, ['maxLength']);
  const maxLength = integerOption(spec, 'maxLength', 4096, 1, 0x10_0000);
  const copies: Copy[] = [];
  const agent: Agent = {
    id: spec.id,
    kind: 'device',
    run(port) {
      copies.length = 0;
      serve(port, spec.id, new DmaPort(port, context.ram), maxLength, copies);
    },
  };
  return {
    id: spec.id,
    kind: spec.kind,
    title: 'copy engine',
    agents: [agent],
    registers: CopyEngineRegisters,
    mmioSize: COPY_ENGINE_WINDOW,
    vectors: 1,
    result: () => ({ copies: copies.map((c) => ({ ...c })) }),
  };
}

function serve(port: Port, id: string, dma: DmaPort, maxLength: number, copies: Copy[]): void {
  const bank = new RegisterBank(port, id, CopyEngineRegisters);
  for (;;) {
    bank.awaitRing('DOORBELL');
    bank.set('STATUS', COPY_BUSY);
    port.note?.('device', { patch: { state: 'running' }, text: 'started' });
    const copy = copyOnce(dma, bank.read('SOURCE'), bank.read('DESTINATION'), bank.read('LENGTH'), maxLength);
    copies.push(copy);
    bank.set('STATUS', copy.ok ? COPY_DONE : COPY_DONE | COPY_FAULTED);
    port.note?.('device', {
      patch: { state: 'idle', copies: copies.filter((c) => c.ok).length, faults: copies.filter((c) => !c.ok).length, last: `${copy.length} bytes from ${copy.source} to ${copy.destination}` },
      text: copy.ok ? `copied ${copy.length} bytes from ${copy.source} to ${copy.destination}` : `${copy.why}, nothing copied`,
    });
    raiseMsi(port, id, 0);
  }
}

function copyOnce(dma: DmaPort, from: number, to: number, length: number, maxLength: number): Copy {
  const source = `0x${from.toString(16)}`;
  const destination = `0x${to.toString(16)}`;
  const refuse = (why: string): Copy => ({ source, destination, length, checksum: 0, ok: false, why });
  if (length === 0) return refuse('length is 0');
  if (length > maxLength) return refuse(`length is ${length}, above ${maxLength}`);
  if (!dma.reaches(from, length)) return refuse(`source ${source} is no memory`);
  if (!dma.reaches(to, length)) return refuse(`destination ${destination} is no memory`);
  const bytes = dma.read(from, length, 'source');
  dma.write(to, bytes, 'destination');
  return { source, destination, length, checksum: crc32(bytes), ok: true, why: '' };
}
