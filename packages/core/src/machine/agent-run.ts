// SPDX-License-Identifier: Apache-2.0
/**
 * One agent of an operational machine: its answers so far, its side of memory,
 * and the port it is run over. While the recorded answers last the port plays
 * them back; from there on every operation is performed.
 */
import type { Agent, Op, Place, Port, Value } from '../base/port.ts';
import type { AgentMemory, View } from '../ordering/operational/memory.ts';
import type { TimeView } from '../ordering/operational/time-view.ts';
import type { Operand } from '../ordering/views.ts';
import type { Message } from '../memory/history.ts';

export interface Pending {
  readonly number: number;
  readonly kind: 'msi' | 'intx';
  /** When it was raised last. */
  time: number;
  raise: number;
}

export type Status = 'ready' | 'blocked' | 'done';

export class AgentRun implements Port {
  readonly agent: Agent;
  readonly id: string;
  readonly isCpu: boolean;
  /** It reaches RAM through the CPUs' cache lines, where there are any. */
  readonly snoops: boolean;
  readonly memory: AgentMemory;
  readonly answers: Value[] = [];
  /** What answers were computed from, by op ordinal; absent where nothing is known. */
  readonly results: (Operand<TimeView> | undefined)[] = [];
  ordinal = 0;
  status: Status = 'ready';
  /** What it waits for, while blocked: whether it may go on, and how people say it. */
  wait: { readonly can: () => boolean; readonly on: string; readonly idle: boolean } | null = null;
  /** It was scheduled for its next operation, so nobody asks again before that. */
  granted = true;
  /** It has done something others may notice since that was asked last. */
  dirty = true;
  /** Trace event of the interrupt taken last. */
  raise = 0;
  /** At the end of everything: its `idle` is answered 0. */
  nothingLeft = false;
  /** An interrupt woke it: the next `interrupt` takes it. */
  mustTake = false;
  /** The operation it is at. */
  upcoming: Op | null = null;
  /** When it made sure last that no store lies in a buffer before memory. */
  flushed = 0;
  /** Key of the operation performed last. */
  lastKey = 'start';
  /** Open exclusive: what the last exclusive load took its bytes from, oldest first. */
  monitor: { readonly place: Place; readonly sources: readonly Message<View>[]; readonly event: View } | null = null;
  /** How many messages of a channel it has taken, by place. */
  readonly taken = new Map<string, number>();
  /** Interrupts raised and not taken, in order. */
  readonly interrupts: Pending[] = [];
  /** A `block` event was sent and no `wake` since. */
  asleep = false;
  readonly note: Port['note'];
  readonly #perform: (run: AgentRun, op: Op) => Value;

  constructor(agent: Agent, snoops: boolean, memory: AgentMemory, perform: (run: AgentRun, op: Op) => Value, note: ((run: AgentRun, kind: string, fields: Record<string, unknown>) => void) | undefined) {
    this.agent = agent;
    this.id = agent.id;
    this.isCpu = agent.kind === 'cpu';
    this.snoops = snoops;
    this.memory = memory;
    this.#perform = perform;
    this.note = note === undefined ? undefined : (kind, fields) => {
      if (this.live) note(this, kind, fields);
    };
  }

  /** Past what was recorded: what it does now happens for the first time. */
  get live(): boolean {
    return this.ordinal >= this.answers.length && !this.repeating;
  }
  /** Run again to the operation it was stopped at: notes before that were told already. */
  repeating = false;

  op(op: Op): Value {
    const at = this.ordinal;
    if (at < this.answers.length) {
      this.ordinal = at + 1;
      // The array has that many entries.
      return this.answers[at] as Value;
    }
    this.repeating = false;
    const answer = this.#perform(this, op);
    this.answers.push(answer);
    this.ordinal = at + 1;
    return answer;
  }
}
