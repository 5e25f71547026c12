// SPDX-License-Identifier: Apache-2.0
/**
 * A device from the time of 32-bit buses, with a ring of 8-byte descriptors in
 * either byte order. It cannot say an address above 4 GiB: whoever cuts one off
 * has it read and write somewhere else.
 */
import { crc32 } from '../../base/checksum.ts';
import { fillBytes } from '../../base/fill.ts';
import type { Agent, Port } from '../../base/port.ts';
import type { DmaPort } from '../../pcie/dma-port.ts';
import { dmaPort, type Device, type DeviceContext, type DeviceSpec } from '../device.ts';
import { raiseMsi } from '../interrupt.ts';
import { booleanOption, integerOption, rejectUnknownOptions } from '../options.ts';
import { place } from '../placed.ts';
import { RegisterBank } from '../registers.ts';
import { LEGACY_WINDOW, LegacyErrors, LegacyRegisters, LegacyStatus, type LegacyError } from './registers.ts';
import { LegacyDescriptor, LegacyDescriptorBig } from './structures.ts';

export const LEGACY_OPTIONS = {
  bigEndian: 'Descriptors are big-endian words; false when left out. Registers are little-endian in any case.',
  maskBits: 'Address lines: 16 to 32, 32 when left out. 24 is ISA\'s.',
  slots: 'Most descriptors of the ring, should none be marked last: 1 to 1024, 256 when left out.',
};

interface Handled {
  readonly slot: number;
  readonly address: string;
  readonly length: number;
  readonly toMemory: boolean;
  /** CRC-32 of what was read or written; 0 when it failed. */
  readonly checksum: number;
  readonly error: LegacyError;
}
interface LegacyOptions {
  readonly bigEndian: boolean;
  readonly maskBits: number;
  readonly slots: number;
}
type Fields = ReturnType<typeof LegacyDescriptor.decode>;

/** Options: `LEGACY_OPTIONS`. @throws RangeError for any other, or a value out of range */
export function createLegacy32(spec: DeviceSpec, context: DeviceContext): Device {
  rejectUnknownOptions(spec, Object.keys(LEGACY_OPTIONS));
  const options: LegacyOptions = { bigEndian: booleanOption(spec, 'bigEndian', false), maskBits: integerOption(spec, 'maskBits', 32, 16, 32), slots: integerOption(spec, 'slots', 256, 1, 1024) };
  const handled: Handled[] = [];
  const agent: Agent = {
    id: spec.id,
    kind: 'device',
    run(port) {
      handled.length = 0;
      new LegacyEngine(port, spec.id, dmaPort(port, context), options, handled).run();
    },
  };
  return {
    id: spec.id,
    kind: spec.kind,
    title: '32-bit device',
    agents: [agent],
    registers: LegacyRegisters,
    mmioSize: LEGACY_WINDOW,
    vectors: 1,
    result: () => ({ handled: handled.map((h) => ({ ...h })) }),
  };
}

class LegacyEngine {
  readonly #port: Port;
  readonly #id: string;
  readonly #dma: DmaPort;
  readonly #options: LegacyOptions;
  readonly #handled: Handled[];
  readonly #bank: RegisterBank<typeof LegacyRegisters>;
  readonly #layout: typeof LegacyDescriptor;
  #ring: bigint | null = null;
  #slot = 0;
  #error: LegacyError = 'none';

  constructor(port: Port, id: string, dma: DmaPort, options: LegacyOptions, handled: Handled[]) {
    this.#port = port;
    this.#id = id;
    this.#dma = dma;
    this.#options = options;
    this.#handled = handled;
    this.#bank = new RegisterBank(port, id, LegacyRegisters);
    this.#layout = options.bigEndian ? LegacyDescriptorBig : LegacyDescriptor;
  }

  run(): void {
    for (;;) {
      this.#bank.awaitRing('DOORBELL');
      // Busy before looking at CONTROL: whoever clears it and then reads an idle STATUS may free the ring.
      this.#show({ busy: true });
      if (!this.#bank.fields('CONTROL').enable) this.#ring = null;
      else if (this.#ring === null) this.#begin();
      let badRing = false;
      if (this.#ring !== null) {
        badRing = this.#ring % 8n !== 0n || this.#work(this.#ring) === 'badRing';
        if (badRing) {
          this.#error = 'badRing';
          this.#ring = null;
        }
      }
      this.#show({ badRing });
    }
  }

  #begin(): void {
    this.#ring = BigInt(this.#bank.read('RING'));
    this.#slot = 0;
    this.#error = 'none';
    this.#bank.set('SLOT', 0);
    place(this.#port, this.#layout, { name: 'legacy ring', device: this.#id, address: this.#ring, count: this.#options.slots, own: 'own' });
  }

  /** Does descriptors while they are the device's own. */
  #work(ring: bigint): 'rest' | 'badRing' {
    for (;;) {
      if (!this.#bank.fields('CONTROL').enable) return 'rest';
      const at = ring + BigInt(this.#layout.bytes * this.#slot);
      // Word by word: the one with the own bit first, the address after it.
      const status = this.#word(at + 4n, 'status');
      if (status === null) return 'badRing';
      if (!this.#layout.decode(status << 32n).own) return 'rest';
      const address = this.#word(at, 'address');
      if (address === null) return 'badRing';
      const fields = this.#layout.decode((status << 32n) | address);
      const { error, length, checksum } = this.#transfer(fields);
      if (error !== 'none') this.#error = error;
      const back = this.#layout.encode({ ...fields, own: false, done: true, error: error !== 'none', length }) >> 32n;
      if (this.#dma.tryStore(at + 4n, 4, this.#swap(back), `status[${this.#slot}]`).fault !== null) return 'badRing';
      this.#handled.push({ slot: this.#slot, address: `0x${fields.address.toString(16)}`, length, toMemory: fields.toMemory, checksum, error });
      this.#port.note?.('device', { patch: { state: 'running', slot: this.#slot, handled: this.#handled.length, last: error }, text: `${fields.toMemory ? 'wrote' : 'read'} ${length} bytes at 0x${fields.address.toString(16)}${error === 'none' ? '' : `: ${error}`}` });
      this.#slot = fields.last || this.#slot + 1 >= this.#options.slots ? 0 : this.#slot + 1;
      this.#bank.set('SLOT', this.#slot);
      raiseMsi(this.#port, this.#id, 0);
    }
  }

  #transfer({ address, length, toMemory }: Fields): { readonly error: LegacyError; readonly length: number; readonly checksum: number } {
    const failed = (error: LegacyError, done = 0) => ({ error, length: done, checksum: 0 });
    if (length === 0) return failed('badLength');
    if (address + length > 2 ** this.#options.maskBits) return failed('mask');
    if (toMemory) {
      const bytes = fillBytes('count', length, this.#handled.length + 1);
      const { written, fault } = this.#dma.tryWrite(BigInt(address), bytes, `buffer[${this.#slot}]`);
      return fault === null ? { error: 'none', length, checksum: crc32(bytes) } : failed('fault', written);
    }
    const { bytes, fault } = this.#dma.tryRead(BigInt(address), length, `buffer[${this.#slot}]`);
    return fault === null ? { error: 'none', length, checksum: crc32(bytes) } : failed('fault', bytes.length);
  }

  #word(at: bigint, what: string): bigint | null {
    const { value, fault } = this.#dma.tryLoad(at, 4, `${what}[${this.#slot}]`, what === 'status' ? 'flag' : 'data');
    return fault === null ? BigInt(this.#swap(BigInt(value ?? 0))) : null;
  }

  /** Between the order of the descriptor and the bus's own. */
  #swap(word: bigint): number {
    const raw = Number(word);
    if (!this.#options.bigEndian) return raw;
    return ((raw & 0xff) * 0x100_0000 + (raw & 0xff00) * 0x100 + ((raw >>> 8) & 0xff00) + (raw >>> 24)) >>> 0;
  }

  #show(state: { readonly busy?: boolean; readonly badRing?: boolean }): void {
    this.#bank.set('STATUS', Number(LegacyStatus.encode({ ...state, error: LegacyErrors[this.#error].code })));
  }
}
