// SPDX-License-Identifier: Apache-2.0
/**
 * One submission queue and its completion queue: fetching by the tail doorbell,
 * completing with the phase bit, waiting when the driver takes no completions.
 */
import type { Port } from '../../base/port.ts';
import type { DmaPort } from '../../pcie/dma-port.ts';
import { raiseMsi } from '../interrupt.ts';
import { Gate } from '../lifecycle.ts';
import { place } from '../placed.ts';
import { RegisterBank, type RegisterTable } from '../registers.ts';
import { NvmeCsts, NvmeRegisters, NvmeStatus, type NvmeStatusName } from './registers.ts';
import { NvmeCommand, NvmeCompletion } from './structures.ts';

export type Command = ReturnType<typeof NvmeCommand.decode>;
export type Bank = RegisterBank<RegisterTable>;

export interface Done {
  readonly queue: number;
  readonly cid: number;
  readonly opcode: number;
  readonly status: NvmeStatusName;
}

interface Rings {
  readonly sq: bigint;
  readonly sqSize: number;
  readonly cq: bigint;
  readonly cqSize: number;
  /** Null: no interrupts. */
  readonly vector: number | null;
}

export class QueuePair {
  readonly #port: Port;
  readonly #id: string;
  readonly #q: number;
  readonly #dma: DmaPort;
  readonly #bank: Bank;
  readonly #execute: (command: Command) => NvmeStatusName;
  readonly #done: Done[];
  #rings: Rings | null = null;
  /** Next entry to fetch, next entry to complete into, and its phase. */
  #head = 0;
  #tail = 0;
  #phase = true;

  constructor(port: Port, id: string, q: number, dma: DmaPort, execute: (command: Command) => NvmeStatusName, done: Done[]) {
    this.#port = port;
    this.#id = id;
    this.#q = q;
    this.#dma = dma;
    this.#bank = new RegisterBank<RegisterTable>(port, id, NvmeRegisters);
    this.#execute = execute;
    this.#done = done;
  }

  run(): void {
    const gate = new Gate(this.#bank, `Q${this.#q}_EPOCH`, `Q${this.#q}_BUSY`);
    let known: number | null = null;
    for (;;) {
      this.#bank.awaitRing(`SQ${this.#q}TDBL`);
      const epoch = gate.enter();
      if (epoch === null) continue;
      if (epoch !== known) {
        known = epoch;
        this.#rings = this.#find();
        this.#head = 0;
        this.#tail = 0;
        this.#phase = true;
      }
      while (this.#rings !== null && gate.isOpen(epoch) && this.#one(this.#rings, () => gate.isOpen(epoch)));
      gate.leave();
    }
  }

  #find(): Rings {
    const q = `Q${this.#q}`;
    const vector = this.#bank.read(`${q}_VECTOR`);
    const rings: Rings = { sq: this.#bank.pair(`${q}_SQ_LO`, `${q}_SQ_HI`), sqSize: this.#bank.read(`${q}_SQ_SIZE`), cq: this.#bank.pair(`${q}_CQ_LO`, `${q}_CQ_HI`), cqSize: this.#bank.read(`${q}_CQ_SIZE`), vector: vector === 0 ? null : vector - 1 };
    place(this.#port, NvmeCommand, { name: `sq${this.#q}`, device: this.#id, address: rings.sq, count: rings.sqSize });
    place(this.#port, NvmeCompletion, { name: `cq${this.#q}`, device: this.#id, address: rings.cq, count: rings.cqSize });
    return rings;
  }

  /** @returns whether there was a command */
  #one(rings: Rings, isOpen: () => boolean): boolean {
    const tail = this.#bank.read(`SQ${this.#q}TDBL`);
    if (tail >= rings.sqSize) {
      this.#badDoorbell();
      return false;
    }
    if (tail === this.#head) return false;
    const { bytes, fault } = this.#dma.tryRead(rings.sq + BigInt(NvmeCommand.bytes * this.#head), NvmeCommand.bytes, `sq${this.#q}[${this.#head}]`);
    if (fault !== null) return this.#fatal(`submission queue ${this.#q} cannot be read at 0x${fault.address.toString(16)}`);
    const command = NvmeCommand.decode(NvmeCommand.fromBytes(bytes));
    this.#head = (this.#head + 1) % rings.sqSize;
    const status = command.fuse !== 0 || command.psdt !== 0 ? 'invalidField' : this.#execute(command);
    return this.#complete(rings, command, status, isOpen);
  }

  #complete(rings: Rings, command: Command, status: NvmeStatusName, isOpen: () => boolean): boolean {
    while (this.#isFull(rings)) {
      if (!isOpen()) return false;
    }
    const { code } = NvmeStatus[status];
    const raw = NvmeCompletion.encode({ result: 0, sqHead: this.#head, sqId: this.#q, cid: command.cid, phase: this.#phase, status: code & 0xff, type: code >> 8, doNotRetry: code !== 0 });
    const at = rings.cq + BigInt(NvmeCompletion.bytes * this.#tail);
    const name = `cq${this.#q}[${this.#tail}]`;
    const first = this.#dma.tryStore(at, 8, raw & 0xffff_ffff_ffff_ffffn, `${name}.result`, 'data');
    const { fault } = first.fault === null ? this.#dma.tryStore(at + 8n, 8, raw >> 64n, `${name}.status`, 'flag') : first;
    if (fault !== null) return this.#fatal(`completion queue ${this.#q} cannot be written at 0x${fault.address.toString(16)}`);
    this.#tail += 1;
    if (this.#tail === rings.cqSize) {
      this.#tail = 0;
      this.#phase = !this.#phase;
    }
    this.#done.push({ queue: this.#q, cid: command.cid, opcode: command.opcode, status });
    this.#port.note?.('device', { patch: { [`queue ${this.#q}`]: { head: this.#head, done: this.#done.length, last: status } }, text: `queue ${this.#q}: command ${command.cid}, opcode ${command.opcode}, ${status}` });
    if (rings.vector !== null) raiseMsi(this.#port, this.#id, rings.vector);
    return true;
  }

  /** A full ring keeps one entry free, so that full and empty differ. Waits for the driver when it is. @returns whether to look again */
  #isFull(rings: Rings): boolean {
    const name = `CQ${this.#q}HDBL`;
    const head = this.#bank.read(name);
    if (head < rings.cqSize && (this.#tail + 1) % rings.cqSize !== head) return false;
    if (head >= rings.cqSize) this.#badDoorbell();
    this.#bank.awaitContent(name, (value) => value !== head);
    return true;
  }

  #badDoorbell(): void {
    this.#bank.set('BAD_DOORBELL', 1);
    this.#port.note?.('device', { patch: {}, text: `queue ${this.#q}: a doorbell that is no index of it` });
  }

  #fatal(why: string): false {
    this.#rings = null;
    this.#bank.set('CSTS', Number(NvmeCsts.encode({ RDY: true, CFS: true })));
    this.#port.note?.('device', { patch: { state: 'fatal' }, text: why });
    return false;
  }
}
