// SPDX-License-Identifier: Apache-2.0
/**
 * The smallest device that does DMA: source, destination, length, doorbell.
 * It copies when the doorbell is rung, says so in its status, and interrupts
 * (vector 0). It trusts its registers, not its driver: what is not RAM faults.
 */
import { crc32 } from '../../base/checksum.ts';
import type { Agent, Port } from '../../base/port.ts';
import { hex } from '../../mmu/word.ts';
import type { DmaPort } from '../../pcie/dma-port.ts';
import { dmaPort, type Device, type DeviceContext, type DeviceSpec } from '../device.ts';
import { raiseMsi } from '../interrupt.ts';
import { booleanOption, integerOption, rejectUnknownOptions } from '../options.ts';
import { RegisterBank } from '../registers.ts';
import { COPY_BUFFER_SIZE, COPY_ENGINE_WINDOW, CopyCommand, CopyEngineRegisters, CopyErrors, CopyStatus } from './registers.ts';

interface Copy {
  readonly source: string;
  readonly destination: string;
  readonly length: number;
  readonly checksum: number;
  readonly ok: boolean;
  readonly why: string;
}
interface CopyOptions {
  readonly maxLength: number;
  readonly maskBits: number;
  readonly ack: boolean;
}
type Bank = RegisterBank<typeof CopyEngineRegisters>;

export const COPY_ENGINE_OPTIONS = {
  maxLength: 'Most bytes of one copy: 1 to 1048576, 4096 when left out.',
  maskBits: 'Address lines of the engine: 20 to 64, 32 when left out. 28 is edu\'s. An address above is an error, never cut off.',
  ack: 'true: interrupts are acknowledged (IRQ_STATUS, IRQ_ACK); false when left out.',
};

/** Options: `COPY_ENGINE_OPTIONS`. @throws RangeError for any other, or a value out of range */
export function createCopyEngine(spec: DeviceSpec, context: DeviceContext): Device {
  rejectUnknownOptions(spec, Object.keys(COPY_ENGINE_OPTIONS));
  const options: CopyOptions = { maxLength: integerOption(spec, 'maxLength', 4096, 1, 0x10_0000), maskBits: integerOption(spec, 'maskBits', 32, 20, 64), ack: booleanOption(spec, 'ack', false) };
  const copies: Copy[] = [];
  const engine: Agent = {
    id: spec.id,
    kind: 'device',
    run(port) {
      copies.length = 0;
      serve(port, spec.id, dmaPort(port, context), options, copies);
    },
  };
  const acknowledger: Agent = { id: `${spec.id}.irq`, kind: 'device', run: (port) => acknowledge(port, spec.id) };
  return {
    id: spec.id,
    kind: spec.kind,
    title: 'copy engine',
    agents: options.ack ? [engine, acknowledger] : [engine],
    registers: CopyEngineRegisters,
    mmioSize: COPY_ENGINE_WINDOW,
    vectors: 1,
    result: () => ({ copies: copies.map((c) => ({ ...c })) }),
  };
}

function serve(port: Port, id: string, dma: DmaPort, options: CopyOptions, copies: Copy[]): void {
  const bank = new RegisterBank(port, id, CopyEngineRegisters);
  const buffer = new Uint8Array(COPY_BUFFER_SIZE);
  for (;;) {
    const command = CopyCommand.decode(BigInt(bank.awaitRing('DOORBELL')));
    bank.set('STATUS', Number(CopyStatus.encode({ busy: true, finished: copies.length % 0x1_0000 })));
    port.note?.('device', { patch: { state: 'running' }, text: 'started' });
    const from = bank.read('SOURCE');
    const to = bank.read('DESTINATION');
    const length = bank.read('LENGTH');
    const high = command.wide ? { from: bank.read('SOURCE_HI'), to: bank.read('DESTINATION_HI') } : { from: 0, to: 0 };
    const request: Request = { direction: command.direction, source: wide(high.from, from), destination: wide(high.to, to), length };
    const { error, why, copied, checksum } = copyOnce(dma, buffer, request, options);
    const copy: Copy = { source: hex(request.source), destination: hex(request.destination), length, checksum, ok: error === 'ok', why };
    copies.push(copy);
    bank.set('STATUS', Number(CopyStatus.encode({ done: true, faulted: error !== 'ok', error: CopyErrors[error].code, finished: copies.length % 0x1_0000 })));
    port.note?.('device', {
      patch: { state: 'idle', copies: copies.filter((c) => c.ok).length, faults: copies.filter((c) => !c.ok).length, last: `${copy.length} bytes from ${copy.source} to ${copy.destination}` },
      text: copy.ok ? `copied ${copy.length} bytes from ${copy.source} to ${copy.destination}` : `${why}, ${copied === 0 ? 'nothing' : `${copied} bytes`} copied`,
    });
    announce(port, id, bank, options.ack, copies.length, command.quiet);
  }
}

function announce(port: Port, id: string, bank: Bank, ack: boolean, over: number, quiet: boolean): void {
  if (!ack) {
    if (!quiet) raiseMsi(port, id, 0);
    return;
  }
  bank.set('IRQ_STATUS', over);
  // Only the first since the driver looked last; the acknowledgement brings the others.
  if (!quiet && bank.read('IRQ_ACK') === over - 1) raiseMsi(port, id, 0);
}

/** The other half of the interrupt: what was finished between the driver's look and its acknowledgement is announced anew. */
function acknowledge(port: Port, id: string): void {
  const bank = new RegisterBank(port, id, CopyEngineRegisters);
  for (;;) {
    const seen = bank.nextFromZero('IRQ_ACK');
    if (bank.read('IRQ_STATUS') !== seen) raiseMsi(port, id, 0);
  }
}

interface Request {
  readonly direction: 'memoryToMemory' | 'bufferToMemory' | 'memoryToBuffer' | 'reserved';
  readonly source: bigint;
  readonly destination: bigint;
  readonly length: number;
}
interface Outcome {
  readonly error: keyof typeof CopyErrors;
  readonly why: string;
  readonly copied: number;
  readonly checksum: number;
}

function copyOnce(dma: DmaPort, buffer: Uint8Array, { direction, source, destination, length }: Request, { maxLength, maskBits }: CopyOptions): Outcome {
  const refuse = (error: keyof typeof CopyErrors, why: string, copied = 0): Outcome => ({ error, why, copied, checksum: 0 });
  if (direction === 'reserved') return refuse('badCommand', 'direction is reserved');
  if (length === 0) return refuse('badLength', 'length is 0');
  if (length > maxLength) return refuse('badLength', `length is ${length}, above ${maxLength}`);
  const fromBuffer = direction === 'bufferToMemory';
  const toBuffer = direction === 'memoryToBuffer';
  const end = BigInt(length);
  for (const [what, at, inside] of [['source', source, fromBuffer], ['destination', destination, toBuffer]] as const) {
    if (inside && at + end > BigInt(COPY_BUFFER_SIZE)) return refuse('badLength', `${what} ${hex(at)} passes the end of the buffer`);
    if (!inside && at + end > 1n << BigInt(maskBits)) return refuse('mask', `${what} ${hex(at)} is above ${maskBits} bits`);
  }
  if (!fromBuffer && !dma.reaches(source, length)) return refuse('source', `source ${hex(source)} is no memory`);
  if (!toBuffer && !dma.reaches(destination, length)) return refuse('destination', `destination ${hex(destination)} is no memory`);
  const read = fromBuffer ? { bytes: buffer.slice(Number(source), Number(source) + length), fault: null } : dma.tryRead(source, length, 'source');
  if (read.fault !== null) return refuse('source', `source cannot be read at ${hex(read.fault.address)} (${read.fault.status})`);
  if (toBuffer) buffer.set(read.bytes, Number(destination));
  else {
    const { written, fault } = dma.tryWrite(destination, read.bytes, 'destination');
    if (fault !== null) return refuse('destination', `destination cannot be written at ${hex(fault.address)} (${fault.status})`, written);
  }
  return { error: 'ok', why: '', copied: length, checksum: crc32(read.bytes) };
}

const wide = (high: number, low: number): bigint => (BigInt(high) << 32n) | BigInt(low);
