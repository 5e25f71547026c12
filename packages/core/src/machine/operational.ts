// SPDX-License-Identifier: Apache-2.0
/**
 * The operational machine: one transition at a time. It is what a run, a
 * replay and the picture are, and the reference for the other forms.
 *
 * Who goes on, when a store drains, when a posted write arrives, which message
 * a load returns and when an interrupt is taken are questions to the strategy;
 * answer 0 everywhere is the plain run. An agent that has to stop is left by
 * throwing `Suspend` through it, and run again later over its recorded answers.
 */
import type { Progress } from '../base/choice.ts';
import { Abandon, AgentFault, SUSPEND, Suspend, type Op, type Value } from '../base/port.ts';
import type { EventFields, EventKind } from '../base/events.ts';
import type { InitialState } from '../memory/initial.ts';
import { AgentMemory } from '../ordering/operational/memory.ts';
import { CompiledTable } from '../ordering/views.ts';
import { DEVICE } from '../ordering/tables/device.ts';
import type { RuleTable } from '../ordering/rules.ts';
import { AgentRun } from './agent-run.ts';
import type { EndReason, MachineOptions, RunResult } from './options.ts';
import { Memory } from './memory-system.ts';
import { Performer } from './perform.ts';
import { Questions } from './questions.ts';
import { Recorder } from './recorder.ts';
import { Transitions } from './transitions.ts';

/** Thrown through an agent to end the whole run. */
class Halt extends Suspend {
  readonly reason: EndReason;
  readonly text: string;
  constructor(reason: EndReason, text: string) {
    super();
    this.reason = reason;
    this.text = text;
  }
}

const COMPILED = new WeakMap<RuleTable, CompiledTable>();
function compiled(table: RuleTable): CompiledTable {
  let found = COMPILED.get(table);
  if (found === undefined) COMPILED.set(table, (found = new CompiledTable(table)));
  return found;
}

export class OperationalMachine {
  readonly #options: MachineOptions;
  readonly #runs: readonly AgentRun[];
  readonly #questions: Questions;
  readonly #recorder: Recorder;
  readonly #memory: Memory;
  readonly #performer: Performer;
  readonly #transitions: Transitions;
  #steps = 0;
  /** Who is only run to see what it does first. */
  #ahead: AgentRun | null = null;
  /** Who is to go on, when the one that was running was stopped for it. */
  #next: AgentRun | null = null;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#questions = new Questions(options.strategy, options.withChoices === true && options.observers.length > 0);
    this.#recorder = new Recorder(options.observers, options.after ?? { event: 0, cycle: 0 }, options.withChoices === true ? () => this.#questions.takeOpen() : null);
    const note = this.#recorder.on ? (run: AgentRun, kind: string, fields: Record<string, unknown>): void => this.#note(run, kind, fields) : undefined;
    this.#runs = options.agents.map((agent, index) => new AgentRun(agent, agent.snoops ?? (agent.kind === 'cpu' || options.profile.coherent), new AgentMemory(index, agent.kind === 'device', compiled(agent.kind === 'device' ? DEVICE : options.profile.ordering)), (run, op) => this.#op(run, op), note));
    this.#memory = new Memory(options, this.#runs, this.#questions, this.#recorder, compiled(options.profile.ordering).layered);
    this.#performer = new Performer(options, this.#runs, this.#memory, this.#questions, this.#recorder);
    this.#transitions = new Transitions(this.#runs, this.#memory, this.#performer);
    this.#questions.progress = progressOf(this.#runs, this.#memory);
  }

  run(): RunResult {
    const { header, profile, agents } = this.#options;
    if (header !== undefined) {
      // Named, but not running yet: devices while probe runs.
      const asleep = Object.entries(header.names).filter(([id]) => !agents.some((agent) => agent.id === id)).map(([id, name]) => ({ id, kind: 'device', name }));
      this.#recorder.emit('machine', 'machine', [], { profile: profile.id, workload: header.workload, agents: [...agents.map(({ id, kind, role }) => ({ id, kind: role ?? kind, name: header.names[id] ?? id })), ...asleep], lineSize: profile.lineSize, coherent: profile.coherent, description: header.description });
    }
    let reason: EndReason = 'quiescent';
    let text = '';
    try {
      if (this.#options.strategy.looksAhead === true) for (const run of this.#runs) this.#lookAhead(run);
      const last = this.#runs[this.#runs.length - 1];
      let current = last === undefined ? null : this.#choose(last);
      while (current !== null) {
        this.#resume(current);
        current = this.#next ?? this.#choose(current);
        this.#next = null;
      }
      text = this.#waiting().length === 0 ? 'every agent came to its end' : 'nothing can happen any more';
    } catch (error) {
      if (error instanceof Halt) ({ reason, text } = error);
      else if (error instanceof AgentFault) [reason, text] = ['error', error.message];
      else if (error instanceof Abandon) [reason, text] = ['stopped', error.message];
      else throw error;
    }
    this.#recorder.emit('end', 'machine', [], { reason, text });
    return { reason, text, deviations: this.#questions.deviations, steps: this.#steps, cycles: this.#recorder.cycle, events: this.#recorder.last, waiting: this.#waiting() };
  }

  /** What memory holds once everything on its way has landed; cache lines stay as they are. */
  finalState(): InitialState {
    return this.#memory.finalState();
  }

  /** Bytes as a CPU would read them once everything on its way has landed; `uncached` for coherent memory. */
  read(address: number, size: number, uncached = false): Uint8Array {
    return Uint8Array.from({ length: size }, (_, i) => this.#memory.settledByte(address + i, uncached));
  }

  #resume(run: AgentRun): void {
    run.status = 'ready';
    run.granted = true;
    run.repeating = run.ordinal > 0 || run.answers.length > 0 || run.repeating;
    run.ordinal = 0;
    try {
      run.agent.run(run);
      run.status = 'done';
      run.wait = null;
    } catch (error) {
      if (!(error instanceof Suspend) || error instanceof Halt) throw error;
      run.repeating = true;
    }
  }

  /** Runs an agent up to its first operation, which is not performed; nobody is told anything of it. */
  #lookAhead(run: AgentRun): void {
    run.repeating = true;
    try {
      this.#ahead = run;
      run.agent.run(run);
      run.status = 'done';
    } catch (error) {
      if (!(error instanceof Suspend)) throw error;
    }
    this.#ahead = null;
    run.repeating = false;
  }

  /** One operation of an agent, for the first time. */
  #op(run: AgentRun, op: Op): Value {
    if (this.#steps >= this.#options.limits.steps) throw new Halt('budget', `more than ${this.#options.limits.steps} operations; the last was ${run.id}'s ${keyOf(op)}`);
    if (this.#recorder.on && this.#recorder.last - (this.#options.after?.event ?? 0) >= this.#options.limits.events) throw new Halt('budget', `more than ${this.#options.limits.events} events`);
    run.upcoming = op;
    if (this.#ahead !== null) throw SUSPEND;
    if (run.granted) {
      run.granted = false;
      run.dirty = false;
    } else if (run.dirty && this.#performer.asks(op)) {
      run.dirty = false;
      this.#whoGoesOn(run);
    }
    const answer = this.#performer.perform(run, op);
    this.#steps += 1;
    return answer;
  }

  /** Lets something else happen first, if the strategy says so. */
  #whoGoesOn(run: AgentRun): void {
    for (;;) {
      const options = this.#transitions.open(run);
      if (options.length === 0 && this.#options.strategy.looksAhead !== true) return;
      const answer = this.#questions.ask('machine', 'step', `${run.id} after ${run.lastKey}`, options.length + 1, (i) => (i === 0 ? `${run.id} goes on` : (options[i - 1]?.label() ?? '')), () => ({ kind: 'step', options: [this.#transitions.aboutAgent(run), ...options.map((o) => o.about)] }));
      const chosen = answer === 0 ? undefined : options[answer - 1];
      if (chosen === undefined) return;
      if (chosen.agent !== null) {
        this.#next = chosen.agent;
        throw SUSPEND;
      }
      chosen.happen();
    }
  }

  /** Nobody is running: what happens next. `null`: nothing can. */
  #choose(last: AgentRun): AgentRun | null {
    for (;;) {
      const options = this.#transitions.open(null, last);
      const index = options.length === 0 ? 0 : this.#questions.ask('machine', 'step', this.#steps === 0 ? 'start' : `${last.id} stopped after ${last.lastKey}`, options.length, (i) => options[i]?.label() ?? '', () => ({ kind: 'step', options: options.map((o) => o.about) }));
      const chosen = options[index];
      if (chosen === undefined) return this.#performer.endIdle();
      if (chosen.agent !== null) return chosen.agent;
      chosen.happen();
    }
  }

  #waiting(): { agent: string; on: string }[] {
    return this.#runs.filter((run) => run.status !== 'done').map((run) => ({ agent: run.id, on: run.wait?.on ?? 'its turn' }));
  }

  #note(run: AgentRun, kind: string, fields: Record<string, unknown>): void {
    const whole = kind === 'irq-enter' && fields['raise'] === undefined ? { ...fields, raise: run.raise } : fields;
    // An agent's notes are events of the table by contract; the observers' schema checks them.
    this.#recorder.emit(kind as EventKind, run.id, kind === 'irq-enter' ? [run.raise] : [], whole as unknown as EventFields<EventKind>);
  }
}

function keyOf(op: Op): string {
  return 'name' in op && op.name !== undefined ? op.name : op.kind;
}

function progressOf(runs: readonly AgentRun[], memory: Memory): Progress {
  const byId = new Map(runs.map((run) => [run.id, run]));
  return {
    performed: (agent) => byId.get(agent)?.answers.length ?? 0,
    stage: ({ agent, number }) => {
      const run = byId.get(agent);
      if (run === undefined || number >= run.memory.stores) return 'unissued';
      const store = run.memory.pending.find((s) => s.number === number);
      return store === undefined ? 'all' : store.c === 0 ? 'waiting' : store.a === 0 ? 'cpu' : 'all';
    },
    flying: (store) => memory.isFlying(store.agent, store.number),
  };
}
