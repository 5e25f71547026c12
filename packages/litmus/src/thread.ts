// SPDX-License-Identifier: Apache-2.0
/**
 * One thread of a litmus test as an agent: registers that know which answers
 * they were computed from, and a program counter. Assemblers turn each
 * instruction into one call of the methods below; all ordering is left to the
 * form behind the port.
 */
import type { Site } from '@dmalab/core/base/events';
import { Abandon, type AccessOrder, type Agent, type Place, type Port, type Size, type Value } from '@dmalab/core/base/port';

/** Ordinals of answers, rising, each once. */
export type Provenance = readonly number[];
export const NONE: Provenance = [];

/** A register's content: `dep` fed it through computation, `pick` only selected it. */
export interface Word {
  readonly value: bigint;
  readonly dep: Provenance;
  readonly pick: Provenance;
}
export const ZERO: Word = { value: 0n, dep: NONE, pick: NONE };
export const constant = (value: bigint): Word => (value === 0n ? ZERO : { value, dep: NONE, pick: NONE });

export interface Instruction {
  /** As written, blanks folded; names its events in explanations. */
  readonly text: string;
  /** Its thread, line and column. */
  readonly site: Site;
  readonly run: (thread: Thread) => void;
}

/** Passes through a backward branch to one label before the execution is given up. */
export const UNROLL = 4;

export function union(a: Provenance, b: Provenance): Provenance {
  if (a.length === 0 || a === b) return b;
  if (b.length === 0) return a;
  const out = [...a];
  for (const x of b) if (!out.includes(x)) out.push(x);
  return out.sort((x, y) => x - y);
}

/** A value computed from both words. */
export const combine = (value: bigint, a: Word, b: Word): Word => ({ value, dep: union(a.dep, b.dep), pick: union(a.pick, b.pick) });

export const toValue = (value: bigint, size: Size): Value => (size === 8 ? BigInt.asUintN(64, value) : Number(BigInt.asUintN(size * 8, value)));

export interface Outcome {
  readonly registers: readonly Word[];
}

export class Thread {
  readonly registers: Word[];
  readonly #port: Port;
  readonly #labels: ReadonlyMap<string, number>;
  readonly #passes = new Map<string, number>();
  #next = 0;
  #text = '';
  #site: Site | null = null;

  constructor(port: Port, slots: number, labels: ReadonlyMap<string, number>) {
    this.#port = port;
    this.#labels = labels;
    this.registers = new Array<Word>(slots).fill(ZERO);
  }

  run(code: readonly Instruction[]): void {
    while (this.#next < code.length) {
      const instruction = code[this.#next];
      if (instruction === undefined) break;
      this.#next += 1;
      this.#text = instruction.text;
      this.#site = instruction.site;
      instruction.run(this);
    }
  }

  get(slot: number): Word {
    return this.registers[slot] ?? ZERO;
  }

  set(slot: number, word: Word): void {
    if (slot >= 0) this.registers[slot] = word;
  }

  load(address: Word, size: Size, order: AccessOrder, exclusive = false): Word {
    const answer = this.#port.op({ kind: 'load', place: this.#place(address, size), order, exclusive, addressDep: address.dep, addressPick: address.pick, name: this.#text, site: this.#site });
    return { value: BigInt(answer), dep: [this.#port.ordinal], pick: NONE };
  }

  store(address: Word, size: Size, data: Word, order: AccessOrder): void {
    this.#port.op({ kind: 'store', place: this.#place(address, size), value: toValue(data.value, size), order, addressDep: address.dep, addressPick: address.pick, dataDep: data.dep, dataPick: data.pick, name: this.#text, site: this.#site });
  }

  /** The status register's content: 0 done, 1 not. */
  storeExclusive(address: Word, size: Size, data: Word, order: AccessOrder): Word {
    const answer = this.#port.op({ kind: 'store', place: this.#place(address, size), value: toValue(data.value, size), order, exclusive: true, addressDep: address.dep, addressPick: address.pick, dataDep: data.dep, dataPick: data.pick, name: this.#text, site: this.#site });
    return { value: BigInt(answer), dep: [this.#port.ordinal], pick: NONE };
  }

  /** `modify` gets and gives unsigned values of `size` bytes. The old value comes back. */
  update(address: Word, size: Size, order: AccessOrder, operand: Word, modify: (old: bigint) => bigint | undefined, traits: { fromOld?: boolean; discard?: boolean; compare?: Word } = {}): Word {
    const answer = this.#port.op({
      kind: 'rmw',
      place: this.#place(address, size),
      order,
      modify: (old) => {
        const value = modify(BigInt(old));
        return value === undefined ? undefined : toValue(value, size);
      },
      fromOld: traits.fromOld === true,
      discard: traits.discard === true,
      compares: traits.compare !== undefined,
      comparePick: traits.compare === undefined ? NONE : union(traits.compare.dep, traits.compare.pick),
      addressDep: address.dep,
      addressPick: address.pick,
      dataDep: operand.dep,
      dataPick: operand.pick,
      name: this.#text,
      site: this.#site,
    });
    return { value: BigInt(answer), dep: [this.#port.ordinal], pick: NONE };
  }

  fence(name: string): void {
    this.#port.op({ kind: 'fence', fence: name, as: this.#text, site: this.#site });
  }

  /** A conditional branch on `tested`; both directions are ordered alike. */
  branch(taken: boolean, tested: Word, label: string): void {
    if (tested.dep.length > 0 || tested.pick.length > 0) this.#port.op({ kind: 'branch', dep: tested.dep, pick: tested.pick, site: this.#site });
    if (taken) this.jump(label);
  }

  jump(label: string): void {
    const target = this.#labels.get(label) ?? 0;
    if (target < this.#next) {
      const passes = (this.#passes.get(label) ?? 0) + 1;
      if (passes > UNROLL) throw new Abandon(`the loop at ${label} went round more than ${UNROLL} times`);
      this.#passes.set(label, passes);
    }
    this.#next = target;
  }

  /** Ends the thread (RET). */
  stop(): void {
    this.#next = Number.MAX_SAFE_INTEGER;
  }

  #place(address: Word, size: Size): Place {
    return { space: 'ram', owner: '', address: Number(BigInt.asUintN(48, address.value)), size };
  }
}

export interface ThreadAgent extends Agent {
  /** Register contents of the last complete run. */
  readonly finished: () => readonly Word[];
}

/** `registers`: what each slot holds at the start. */
export function threadAgent(id: string, slots: number, registers: ReadonlyMap<number, bigint>, labels: ReadonlyMap<string, number>, code: readonly Instruction[]): ThreadAgent {
  let last: readonly Word[] = [];
  return {
    id,
    kind: 'cpu',
    run(port) {
      const thread = new Thread(port, slots, labels);
      for (const [slot, value] of registers) thread.set(slot, constant(value));
      thread.run(code);
      last = thread.registers;
    },
    finished: () => last,
  };
}
