// SPDX-License-Identifier: Apache-2.0
/**
 * A virtio device with one split queue. Each request is a text in the buffers
 * to read; the answer is the same text in capitals, in the buffers to write.
 * Once woken it goes on while the driver's ring has heads.
 */
import type { AnyLayout } from '../../base/layout.ts';
import type { Agent, Port } from '../../base/port.ts';
import type { DmaPort } from '../../pcie/dma-port.ts';
import { dmaPort, type Device, type DeviceContext, type DeviceSpec } from '../device.ts';
import { raiseMsi } from '../interrupt.ts';
import { Gate, Switch } from '../lifecycle.ts';
import { integerOption, rejectUnknownOptions } from '../options.ts';
import { place as placeStructure } from '../placed.ts';
import { RegisterBank } from '../registers.ts';
import { checkPlace, QueueBroken, Virtqueue, type Buffer, type QueuePlace } from './queue.ts';
import { OFFERED_0, OFFERED_1, VIRTIO_QUEUE_MAX, VIRTIO_WINDOW, VirtioErrors, VirtioRegisters, VirtioStatus } from './registers.ts';
import { VirtqAvail, VirtqDesc, VirtqUsed, VirtqUsedElem } from './structures.ts';

export const VIRTIO_OPTIONS = {
  maxRequest: 'Most bytes of all buffers of one chain: 1 to 65536, 4096 when left out.',
};
const USED_BUFFER = 0;
const CONFIGURATION = 1;

interface Answered {
  readonly head: number;
  readonly read: number;
  readonly written: number;
  readonly text: string;
}
type Bank = RegisterBank<typeof VirtioRegisters>;

/** Options: `VIRTIO_OPTIONS`. @throws RangeError for any other, or a value out of range */
export function createVirtio(spec: DeviceSpec, context: DeviceContext): Device {
  rejectUnknownOptions(spec, Object.keys(VIRTIO_OPTIONS));
  const maxRequest = integerOption(spec, 'maxRequest', 4096, 1, 0x1_0000);
  const answered: Answered[] = [];
  const queue: Agent = {
    id: spec.id,
    kind: 'device',
    run(port) {
      answered.length = 0;
      new QueueEngine(port, spec.id, dmaPort(port, context), maxRequest, answered).run();
    },
  };
  const controller: Agent = { id: `${spec.id}.control`, kind: 'device', run: (port) => control(new RegisterBank(port, spec.id, VirtioRegisters)) };
  return {
    id: spec.id,
    kind: spec.kind,
    title: 'virtio device',
    agents: [queue, controller],
    registers: VirtioRegisters,
    mmioSize: VIRTIO_WINDOW,
    vectors: 2,
    result: () => ({ answered: answered.map((a) => ({ ...a })) }),
  };
}

/** 3.1 "Device Initialization", from the device's side. */
function control(bank: Bank): void {
  const power = new Switch(bank, 'EPOCH', ['BUSY']);
  for (;;) {
    const asked = VirtioStatus.decode(BigInt(bank.nextFromZero('STATUS')));
    if (Object.values(asked).every((bit) => !bit)) {
      power.off();
      bank.set('ERROR', VirtioErrors.none.code);
      bank.set('DEVICE_STATUS', 0);
      continue;
    }
    const fits = (bank.read('DRIVER_FEATURES_0') & ~OFFERED_0) === 0 && bank.read('DRIVER_FEATURES_1') === OFFERED_1;
    const featuresOk = asked.FEATURES_OK && (fits || power.isOn);
    const driverOk = asked.DRIVER_OK && featuresOk && !asked.FAILED;
    if (driverOk) power.on();
    bank.set('DEVICE_STATUS', Number(VirtioStatus.encode({ ...asked, FEATURES_OK: featuresOk, DRIVER_OK: driverOk })));
  }
}

class QueueEngine {
  readonly #port: Port;
  readonly #id: string;
  readonly #dma: DmaPort;
  readonly #maxRequest: number;
  readonly #answered: Answered[];
  readonly #bank: Bank;
  /** Null: it waits for a reset. */
  #queue: Virtqueue | null = null;

  constructor(port: Port, id: string, dma: DmaPort, maxRequest: number, answered: Answered[]) {
    this.#port = port;
    this.#id = id;
    this.#dma = dma;
    this.#maxRequest = maxRequest;
    this.#answered = answered;
    this.#bank = new RegisterBank(port, id, VirtioRegisters);
  }

  run(): void {
    const gate = new Gate(this.#bank, 'EPOCH', 'BUSY');
    let known: number | null = null;
    for (;;) {
      this.#bank.awaitRing('QUEUE_NOTIFY');
      const epoch = gate.enter();
      if (epoch === null) continue;
      try {
        if (epoch !== known) {
          known = epoch;
          this.#queue = null;
          this.#queue = this.#find();
        }
        if (this.#queue !== null) this.#work(this.#queue, () => gate.isOpen(epoch));
      } catch (error) {
        if (!(error instanceof QueueBroken)) throw error;
        this.#queue = null;
        this.#bank.set('ERROR', VirtioErrors[error.error].code);
        this.#port.note?.('device', { patch: { state: 'needs reset', error: error.error }, text: error.message });
        raiseMsi(this.#port, this.#id, CONFIGURATION);
      }
      gate.leave();
    }
  }

  #find(): Virtqueue {
    const bank = this.#bank;
    if (bank.read('QUEUE_READY') !== 1) throw new QueueBroken('notReady', 'a doorbell before the queue was ready');
    const { INDIRECT_DESC, EVENT_IDX } = bank.fields('DRIVER_FEATURES_0');
    const place: QueuePlace = {
      desc: bank.pair('QUEUE_DESC_LO', 'QUEUE_DESC_HI'),
      avail: bank.pair('QUEUE_DRIVER_LO', 'QUEUE_DRIVER_HI'),
      used: bank.pair('QUEUE_DEVICE_LO', 'QUEUE_DEVICE_HI'),
      num: bank.read('QUEUE_NUM'),
      eventIdx: EVENT_IDX,
      indirect: INDIRECT_DESC,
    };
    checkPlace(place, VIRTIO_QUEUE_MAX);
    const shown = (layout: AnyLayout, name: string, address: bigint, count: number): void => placeStructure(this.#port, layout, { name, device: this.#id, address, count });
    shown(VirtqDesc, 'descriptors', place.desc, place.num);
    shown(VirtqAvail, 'avail', place.avail, 1);
    shown(VirtqUsed, 'used', place.used, 1);
    shown(VirtqUsedElem, 'used ring', place.used + BigInt(VirtqUsed.bytes), place.num);
    return new Virtqueue(this.#dma, place);
  }

  #work(queue: Virtqueue, isOpen: () => boolean): void {
    for (;;) {
      queue.wantNoDoorbell();
      while (isOpen() && this.#one(queue));
      queue.wantDoorbell();
      if (!isOpen() || !this.#one(queue)) return;
    }
  }

  /** @returns whether there was a chain */
  #one(queue: Virtqueue): boolean {
    const chain = queue.take();
    if (chain === null) return false;
    const room = total(chain.toWrite);
    if (total(chain.toRead) + room > this.#maxRequest) throw new QueueBroken('tooLong', `the chain at ${chain.head} has ${total(chain.toRead) + room} bytes, above ${this.#maxRequest}`);
    const request = this.#gather(chain.toRead, chain.head);
    const answer = request.map((byte) => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte)).subarray(0, room);
    this.#scatter(chain.toWrite, answer, chain.head);
    const text = String.fromCharCode(...answer.subarray(0, 64));
    this.#answered.push({ head: chain.head, read: request.length, written: answer.length, text });
    const wanted = queue.giveBack(chain.head, answer.length);
    this.#port.note?.('device', { patch: { state: 'running', requests: this.#answered.length, last: text }, text: `answered chain ${chain.head}: ${answer.length} bytes` });
    if (wanted) raiseMsi(this.#port, this.#id, USED_BUFFER);
    return true;
  }

  #gather(buffers: readonly Buffer[], head: number): Uint8Array {
    const all = new Uint8Array(total(buffers));
    let at = 0;
    for (const { addr, len } of buffers) {
      const { bytes, fault } = this.#dma.tryRead(addr, len, `request[${head}]`);
      if (fault !== null) throw new QueueBroken('bufferFault', `chain ${head}: 0x${fault.address.toString(16)} cannot be read`);
      all.set(bytes, at);
      at += len;
    }
    return all;
  }

  #scatter(buffers: readonly Buffer[], bytes: Uint8Array, head: number): void {
    let at = 0;
    for (const { addr, len } of buffers) {
      const part = bytes.subarray(at, at + len);
      if (part.length === 0) return;
      const { fault } = this.#dma.tryWrite(addr, part, `answer[${head}]`);
      if (fault !== null) throw new QueueBroken('bufferFault', `chain ${head}: 0x${fault.address.toString(16)} cannot be written`);
      at += part.length;
    }
  }
}

const total = (buffers: readonly Buffer[]): number => buffers.reduce((sum, { len }) => sum + len, 0);
