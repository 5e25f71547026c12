// SPDX-License-Identifier: Apache-2.0
/**
 * The engine of one queue: takes descriptors, checks them, does the work, and
 * says so. Order is the device's own: two descriptors that wait may be done the
 * other way round, and those of a batch up to a fence too; only drains and
 * fences prevent it.
 */
import type { Port } from '../../base/port.ts';
import type { DmaPort } from '../../pcie/dma-port.ts';
import { raiseMsi } from '../interrupt.ts';
import { RegisterBank, type RegisterTable } from '../registers.ts';
import { check, type QueueRules } from './check.ts';
import { faultStatus, operate, type Descriptor, type Outcome } from './operations.ts';
import { Entries } from './portal.ts';
import { DSA_MAX_BATCH_SHIFT, DSA_MAX_TRANSFER_SHIFT, DSA_OPCODES, DSA_TOTAL_SIZE, DsaRegisters, DsaStatus, DsaSwerr, DsaWqLimits, DsaWqMode, type DsaStatusName } from './registers.ts';
import { DsaCompletion, DsaDescriptor } from './structures.ts';

export interface Finished {
  readonly wq: number;
  readonly opcode: number;
  readonly pasid: number | null;
  readonly status: DsaStatusName | 'abandoned';
  readonly completed: number;
}
interface Queue extends QueueRules {
  readonly pasid: number | null;
  readonly pasidEnable: boolean;
  readonly prsDisable: boolean;
}
const isDone = (status: DsaStatusName): boolean => status === 'success' || status === 'successFalse';

export class Engine {
  readonly #port: Port;
  readonly #id: string;
  readonly #wq: number;
  readonly #dma: DmaPort;
  readonly #reorders: boolean;
  readonly #finished: Finished[];
  readonly #bank: RegisterBank<RegisterTable>;
  readonly #entries: Entries;
  #head = 0;

  constructor(port: Port, id: string, wq: number, dma: DmaPort, reorders: boolean, finished: Finished[]) {
    this.#port = port;
    this.#id = id;
    this.#wq = wq;
    this.#dma = dma;
    this.#reorders = reorders;
    this.#finished = finished;
    this.#bank = new RegisterBank<RegisterTable>(port, id, DsaRegisters);
    this.#entries = new Entries(port, id, wq);
  }

  run(): void {
    for (;;) {
      // More than the queue can hold is nothing a portal has said: somebody stored to a register that is read-only.
      const tail = this.#bank.awaitContent(`WQ${this.#wq}_TAIL`, (value) => value !== this.#head && (value - this.#head) >>> 0 <= DSA_TOTAL_SIZE);
      while (this.#head !== tail) {
        const taken = this.#take(tail);
        for (const { index, raw } of taken) this.#one(index, raw);
        // Both at once: until the first is done its place in the queue is not free, whichever went first.
        this.#head = (this.#head + taken.length) >>> 0;
        this.#bank.set(`WQ${this.#wq}_HEAD`, this.#head);
      }
    }
  }

  /** The next one, or the next two in the other order. */
  #take(tail: number): readonly { readonly index: number; readonly raw: bigint }[] {
    const first = { index: this.#head, raw: this.#entries.read(this.#head) };
    const next = (this.#head + 1) >>> 0;
    if (!this.#reorders || next === tail || isDrain(first.raw)) return [first];
    const swaps = Number(this.#port.op({ kind: 'choose', choice: 'device', key: `wq${this.#wq} order[${this.#head}]`, width: 2, label: (answer) => (answer === 0 ? `does submission ${this.#head} first` : `does submission ${next} before ${this.#head}`) })) === 1;
    if (!swaps) return [first];
    const second = { index: next, raw: this.#entries.read(next) };
    return isDrain(second.raw) ? [first] : [second, first];
  }

  #one(index: number, raw: bigint): void {
    const d = DsaDescriptor.decode(raw);
    const queue = this.#rules();
    const pasid = queue.pasidEnable ? (queue.dedicated ? queue.pasid : d.pasid) : null;
    if (this.#isAborted(index, pasid)) {
      this.#tell(d, pasid, { status: 'success' }, 'abandoned');
      return;
    }
    const privileged = queue.dedicated ? queue.priv : d.priv;
    this.#perform(raw, d, queue, this.#dma.as({ pasid, privileged }), pasid, false);
  }

  #rules(): Queue {
    const mode = DsaWqMode.decode(BigInt(this.#bank.read(`WQCFG${this.#wq}_MODE`)));
    const limits = DsaWqLimits.decode(BigInt(this.#bank.read(`WQCFG${this.#wq}_LIMITS`)));
    return { dedicated: mode.dedicated, bof: mode.bof, priv: mode.priv, pasid: mode.pasid, pasidEnable: mode.pasidEnable, prsDisable: mode.prsDisable, maxTransfer: 2 ** Math.min(DSA_MAX_TRANSFER_SHIFT, limits.maxTransferShift), maxBatch: 2 ** Math.min(DSA_MAX_BATCH_SHIFT, limits.maxBatchShift) };
  }

  #isAborted(index: number, pasid: number | null): boolean {
    if (((this.#bank.read(`WQ${this.#wq}_ABORT`) - index) | 0) <= 0) return false;
    const only = this.#bank.read(`WQ${this.#wq}_ABORT_PASID`);
    return only === 0 || (only & 0xf_ffff) === pasid;
  }

  /** From the checks to the interrupt. */
  #perform(raw: bigint, d: Descriptor, queue: Queue, plain: DmaPort, pasid: number | null, inBatch: boolean): DsaStatusName {
    const waits = d.BOF && queue.bof && !queue.prsDisable;
    const dma = plain.as({ onFault: waits ? 'request' : 'report' });
    if (d.CRAV && d.completionAddress % BigInt(DsaCompletion.bytes) !== 0n) {
      this.#software('recordAlignment', d.completionAddress, true, 0);
      return 'recordAlignment';
    }
    const outcome = check(raw, d, queue, inBatch) ?? (d.opcode === DSA_OPCODES.batch ? this.#batch(d, queue, dma, plain, pasid) : operate(dma, { ...d, BOF: waits }));
    const status = this.#record(d, dma, outcome);
    this.#tell(d, pasid, outcome, status);
    if (d.RCI && outcome.status !== 'badHandle') raiseMsi(this.#port, this.#id, d.intHandle);
    return status;
  }

  #batch(batch: Descriptor, queue: Queue, dma: DmaPort, plain: DmaPort, pasid: number | null): Outcome {
    let failed = false;
    let done = 0;
    for (let at = 0; at < batch.size; ) {
      // Everything up to the next fence may be done in any order.
      const group: bigint[] = [];
      let stop: Outcome | null = null;
      while (at + group.length < batch.size) {
        const { bytes, fault } = dma.tryRead(batch.source + BigInt(DsaDescriptor.bytes * (at + group.length)), DsaDescriptor.bytes, `batch[${at + group.length}]`);
        if (fault !== null) {
          stop = { status: 'batchPageFault', fault };
          break;
        }
        const raw = DsaDescriptor.fromBytes(bytes);
        if (group.length > 0 && DsaDescriptor.decode(raw).FENCE) break;
        group.push(raw);
      }
      const first = group[0];
      if (failed && first !== undefined && DsaDescriptor.decode(first).FENCE) break;
      at += group.length;
      if (group.length > 1 && this.#reorders && Number(this.#port.op({ kind: 'choose', choice: 'device', key: `wq${this.#wq} batch[${done}]`, width: 2, label: (answer) => (answer === 0 ? 'does the descriptors of the batch in order' : 'does them the other way round') })) === 1) group.reverse();
      for (const raw of group) {
        const d = DsaDescriptor.decode(raw);
        failed = !isDone(this.#perform(raw, d, queue, plain, pasid, true)) || failed;
        done += 1;
      }
      if (stop !== null) return { ...stop, completed: done };
    }
    return { status: failed ? 'batchFailed' : 'success', completed: done };
  }

  /** Writes the completion record if one is due: the status last. @returns how the descriptor ended */
  #record(d: Descriptor, dma: DmaPort, outcome: Outcome): DsaStatusName {
    const { status, result = 0, completed = 0, fault, invalidFlags = 0 } = outcome;
    if (!d.CRAV) {
      if (!isDone(status)) this.#software(status, fault?.address ?? 0n, fault?.write ?? false, invalidFlags);
      return status;
    }
    if (!d.RCR && status === 'success') return status;
    const raw = DsaCompletion.encode({ status: DsaStatus[status].code, write: fault?.write ?? false, result, bytesCompleted: completed, faultAddress: fault?.address ?? 0n, invalidFlags });
    const bytes = DsaCompletion.toBytes(raw);
    const rest = dma.tryWrite(d.completionAddress + 8n, bytes.subarray(8), 'completion');
    const refused = rest.fault ?? dma.tryStore(d.completionAddress, 8, raw & 0xffff_ffff_ffff_ffffn, 'completion.status').fault;
    if (refused === null) return status;
    this.#software('recordFault', refused.address, true, 0);
    this.#port.note?.('device', { patch: {}, text: `queue ${this.#wq}: no completion record, ${faultStatus(refused, d.BOF)}` });
    return 'recordFault';
  }

  /** SWERR, for what has no record. */
  #software(status: DsaStatusName, address: bigint, write: boolean, flags: number): void {
    const name = `SWERR${this.#wq}`;
    const before = DsaSwerr.decode(BigInt(this.#bank.read(name)));
    if (before.valid) this.#bank.set(name, Number(DsaSwerr.encode({ ...before, overflow: true })));
    else {
      this.#bank.set(`${name}_FLAGS`, flags);
      this.#bank.set(`${name}_LO`, Number(address & 0xffff_ffffn));
      this.#bank.set(`${name}_HI`, Number(address >> 32n));
      this.#bank.set(name, Number(DsaSwerr.encode({ valid: true, write, error: DsaStatus[status].code, wq: this.#wq })));
    }
    raiseMsi(this.#port, this.#id, 0);
  }

  #tell(d: Descriptor, pasid: number | null, { completed = 0 }: Outcome, status: DsaStatusName | 'abandoned'): void {
    this.#finished.push({ wq: this.#wq, opcode: d.opcode, pasid, status, completed });
    this.#port.note?.('device', { patch: { [`queue ${this.#wq}`]: { finished: this.#finished.length, last: status } }, text: `queue ${this.#wq}: opcode ${d.opcode}, ${status}${completed === 0 ? '' : `, ${completed} completed`}` });
  }
}

const isDrain = (raw: bigint): boolean => DsaDescriptor.decode(raw).opcode === DSA_OPCODES.drain;
