// SPDX-License-Identifier: Apache-2.0
/**
 * Small programs over the Linux primitives themselves, lowered by the tables
 * that drivers are lowered by. One line an agent, instructions by semicolons:
 *
 *     cpu0: WRITE_ONCE d 1; dma_wmb; WRITE_ONCE f 1
 *     dev: READ_ONCE f f; READ_ONCE d d
 *
 * Lower-case words name 4-byte variables in lines of their own, `bell` and
 * `status` registers of the device. `wc_store` writes to a write-combining mapping; a device's `take` gets the next write to a register. A value is a number, `&x` or a register (a data
 * dependency); `[r]` is the variable that register r points to (an address
 * dependency); `if r 1; …; fi` branches (a control dependency).
 * Answers get the names they are given; a register read twice keeps the last.
 */
import type { AccessOrder, Agent, Operation, Place, Port, Value } from '@dmalab/core/base/port';
import { EveryChoice } from '@dmalab/core/machine/explore-choices';
import { OperationalMachine } from '@dmalab/core/machine/operational';
import type { CoreProfile } from '@dmalab/core/machine/profile';
import { initialState, type InitialState } from '@dmalab/core/memory/initial';
import { exploreGraph } from '@dmalab/core/ordering/graph/explore';
import { exploreOperational } from '@dmalab/core/ordering/operational/explore';
import { BARRIERS, type Access, type Barrier, type Lowering, type Step } from '@dmalab/kernel/lowering';

const REGISTERS: Readonly<Record<string, number>> = { status: 0x04, bell: 0x10 };
const RAM_BASE = 0x1000;
const LINE = 64;

export interface LinuxProgram {
  readonly agents: readonly Agent[];
  readonly initial: InitialState;
  /** Names of variables, in order of first use. */
  readonly variables: readonly string[];
  /** Of the run made last, by name; `null` when a lock could not be taken, which ends nothing that counts. */
  readonly answers: () => Map<string, Value> | null;
  readonly place: (variable: string) => Place;
}

/** What barriers and atomics are called that are another barrier in every table here. */
const ALIASES: Readonly<Record<string, Barrier>> = { smp_mb__after_spinlock: 'smp_mb', smp_mb__after_atomic: 'smp_mb', cpu_relax: 'barrier' };
const LOADS: Readonly<Record<string, Access>> = { READ_ONCE: 'load-once', rcu_dereference: 'load-once', atomic_read: 'load-once', spin_is_locked: 'load-once', plain_load: 'load', smp_load_acquire: 'load-acquire', readl: 'mmio-read', readl_relaxed: 'mmio-read-relaxed' };
const STORES: Readonly<Record<string, Access>> = { WRITE_ONCE: 'store-once', atomic_set: 'store-once', plain_store: 'store', smp_store_release: 'store-release', rcu_assign_pointer: 'store-release', writel: 'mmio-write', writel_relaxed: 'mmio-write-relaxed' };
const IGNORED = new Set(['rcu_read_lock', 'rcu_read_unlock']);

/**
 * @param uncached the variables are coherent memory of a non-coherent profile
 * @throws SyntaxError for an instruction that is none
 */
export function linuxProgram(text: string, lowering: Lowering, start: Readonly<Record<string, number | string>> = {}, uncached = false): LinuxProgram {
  const variables: string[] = [];
  const address = (name: string): number => {
    if (!/^[a-z]\w*$/.test(name)) throw new SyntaxError(`"${name}" is no variable`);
    if (!variables.includes(name)) variables.push(name);
    return RAM_BASE + LINE * variables.indexOf(name);
  };
  const place = (name: string): Place => (name in REGISTERS ? { space: 'mmio', owner: 'dev', address: REGISTERS[name] ?? 0, size: 4 } : { space: 'ram', owner: '', address: address(name), size: 4, ...(uncached ? { uncached } : {}) });
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const named = (value: number | string): number => (typeof value === 'number' ? value : address(value));
  const ram = Object.entries(start).map(([name, value]) => ({ address: address(name), bytes: bytesOf(named(value)) }));
  const answers = new Map<string, Value>();
  const agents = lines.map((line): Agent => {
    const [id = '', code = ''] = line.split(/:(.*)/s);
    const cpu = id.startsWith('cpu');
    const program = code.split(';').map((s) => s.trim().split(/\s+/)).filter((words) => words[0] !== '');
    // Checked now, so that a slip is an error and not an outcome; variables get their addresses in order of first use.
    for (const words of program) check(words, place);
    return {
      id,
      kind: cpu ? 'cpu' : 'device',
      run(port) {
        for (const key of answers.keys()) if (key.startsWith(`${id}.`)) answers.delete(key);
        runLines(port, program, { id, cpu, lowering, place, answers });
      },
    };
  });
  return {
    agents,
    initial: initialState({ ram, registers: Object.values(REGISTERS).map((offset) => ({ owner: 'dev', offset, value: 0 })) }),
    variables,
    place,
    answers: () => ([...answers.values()].includes(LOCKED_OUT) ? null : new Map([...answers].sort(([a], [b]) => (a < b ? -1 : 1)))),
  };
}

/** Answer of a `spin_lock` that found the lock taken: an execution that does not count. */
const LOCKED_OUT = -1;

interface Env {
  readonly id: string;
  readonly cpu: boolean;
  readonly lowering: Lowering;
  readonly place: (name: string) => Place;
  readonly answers: Map<string, Value>;
}

const bytesOf = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

function check(words: readonly string[], place: (name: string) => Place): void {
  const [verb = '', target = ''] = words;
  if (verb in LOADS || verb in STORES || /^(spin_lock|spin_unlock|bell|take|wc_store|xchg|cmpxchg|atomic_\w+)$/.test(verb)) {
    if (!target.startsWith('[')) place(target);
  } else if (!(verb === 'if' || verb === 'fi' || verb in ALIASES || IGNORED.has(verb) || isBarrier(verb))) throw new SyntaxError(`"${words.join(' ')}" is no instruction`);
}
const isBarrier = (name: string): name is Barrier => (BARRIERS as readonly string[]).includes(name);

function runLines(port: Port, program: readonly (readonly string[])[], env: Env): void {
  const { lowering, answers } = env;
  const values = new Map<string, Value>();
  const from = new Map<string, number>();
  const value = (word: string): number => (word.startsWith('&') ? env.place(word.slice(1)).address : /^\d/.test(word) ? Number(word) : Number(values.get(word) ?? 0));
  const dataDep = (word: string): { dataDep?: number } => (from.has(word) ? { dataDep: from.get(word) ?? 0 } : {});
  const at = (word: string): { place: Place; addressDep?: number; name: string } => {
    const pointer = /^\[(\w+)\]$/.exec(word)?.[1];
    if (pointer === undefined) return { place: env.place(word), name: word };
    return { place: { space: 'ram', owner: '', address: value(pointer), size: 4 }, addressDep: from.get(pointer) ?? 0, name: word };
  };
  const into = (name: string, answer: Value, ordinal: number): void => {
    values.set(name, answer);
    from.set(name, ordinal);
    answers.set(`${env.id}.${name}`, answer);
  };
  const fences = (barrier: Barrier): void => lowering.barriers[barrier].forEach((fence) => void port.op({ kind: 'fence', fence }));
  /** An access with the instructions around it; a device makes the bare access. */
  const access = (name: Access, operation: (order: AccessOrder) => Operation): { answer: Value; ordinal: number } => steps(env.cpu ? lowering.accesses[name] : [{ kind: 'access', order: 'relaxed' }], operation);
  const steps = (all: readonly Step[], operation: (order: AccessOrder) => Operation): { answer: Value; ordinal: number } => {
    let answer: Value = 0;
    let ordinal = 0;
    for (const step of all) {
      if (step.kind === 'fence') port.op({ kind: 'fence', fence: step.fence });
      else if (step.kind === 'branch') port.op({ kind: 'branch', dep: ordinal });
      else {
        answer = port.op(operation(step.order));
        ordinal = port.ordinal;
      }
    }
    return { answer, ordinal };
  };
  const rmw = (words: readonly string[], order: AccessOrder, modify: (old: number) => number | undefined, register: string, more: Partial<Extract<Operation, { kind: 'rmw' }>> = {}): number => {
    const old = Number(port.op({ kind: 'rmw', ...at(words[1] ?? ''), order, modify: (v) => modify(Number(v)), ...more }));
    if (register !== '') into(register, old, port.ordinal);
    return old;
  };
  /** Depth of the `if` that was not taken. */
  let skipping = 0;
  for (const words of program) {
    const [verb = '', a = '', b = '', c = '', d = ''] = words;
    if (verb === 'if' && skipping > 0) skipping += 1;
    else if (verb === 'fi' && skipping > 0) skipping -= 1;
    if (skipping > 0 || verb === 'fi' || IGNORED.has(verb)) continue;
    const load = LOADS[verb];
    const store = STORES[verb];
    const barrier = ALIASES[verb] ?? verb;
    if (load !== undefined) {
      const { answer, ordinal } = access(load, (order) => ({ kind: 'load', ...at(a), order }));
      into(b, answer, ordinal);
    } else if (store !== undefined) access(store, (order) => ({ kind: 'store', ...at(a), value: value(b), order, ...dataDep(b) }));
    else if (isBarrier(barrier)) fences(barrier);
    else if (verb === 'if') {
      port.op({ kind: 'branch', dep: from.get(a) ?? 0 });
      skipping = value(a) === Number(b) ? 0 : 1;
    } else if (verb === 'bell') {
      port.op({ kind: 'await', place: env.place(a), order: 'relaxed', until: (v) => v === 1, next: true, name: a });
    } else if (verb === 'take') {
      // Whatever is written there next: a device that acts on every write.
      into(b, port.op({ kind: 'await', place: env.place(a), order: 'relaxed', until: (v) => v !== 0, next: true, name: b }), port.ordinal);
    } else if (verb === 'wc_store') {
      port.op({ kind: 'store', ...at(a), value: value(b), order: 'streaming' });
    } else if (verb === 'spin_lock') {
      const old = lowering.lock === null ? 0 : rmw(words, lowering.lock, (v) => (v === 0 ? 1 : undefined), '', { compares: true });
      if (old !== 0) {
        answers.set(`${env.id}.locked out`, LOCKED_OUT);
        return;
      }
      if (lowering.locked !== null) port.op({ kind: 'fence', fence: lowering.locked });
    } else if (verb === 'spin_unlock') {
      if (lowering.unlocks !== null) port.op({ kind: 'fence', fence: lowering.unlocks });
      // As asm-generic/mmiowb.h: only accessors that promise the lock's order ask for the fence.
      const asked = program.slice(0, program.indexOf(words)).some(([earlier]) => earlier === 'writel');
      if (asked && lowering.mmiowb !== null) port.op({ kind: 'fence', fence: lowering.mmiowb });
      steps(lowering.unlock, (order) => ({ kind: 'store', ...at(a), value: 0, order }));
    } else if (verb === 'xchg') rmw(words, 'full', () => value(b), c, dataDep(b));
    else if (verb === 'cmpxchg') rmw(words, 'full', (v) => (v === value(b) ? value(c) : undefined), d, { compares: true });
    else if (verb === 'atomic_inc') rmw(words, 'relaxed', (v) => v + 1, '', { fromOld: true, discard: true });
    else if (verb === 'atomic_inc_return') into(b, rmw(words, 'full', (v) => v + 1, '', { fromOld: true }) + 1, port.ordinal);
    else if (verb === 'atomic_add_unless') rmw(words, 'full', (v) => (v === value(c) ? undefined : v + value(b)), '', { fromOld: true, compares: true });
  }
}

export interface Outcomes {
  /** `cpu0.r=1 dev.d=0 [x]=2`, sorted; answers, and the variables asked for. */
  readonly outcomes: readonly string[];
  /** '' when everything was looked at. */
  readonly why: string;
}

/** What is seen at the end of a run: answers by name, then the content of `finals`. */
export function seen(program: LinuxProgram, finals: readonly string[], final: (place: Place) => Value): string | null {
  const answers = program.answers();
  if (answers === null) return null;
  return [...[...answers].map(([name, value]) => `${name}=${value}`), ...finals.map((name) => `[${name}]=${final(program.place(name))}`)].join(' ');
}

export function byGraph(program: LinuxProgram, profile: CoreProfile, loadStore: 'kept' | 'free', finals: readonly string[] = []): Outcomes {
  const found = new Set<string>();
  const { complete, why } = exploreGraph({
    table: profile.ordering,
    agents: program.agents,
    initial: program.initial,
    loadStore,
    limits: { executions: 200_000, events: 200 },
    onLeaf: (leaf) => {
      const outcome = seen(program, finals, (place) => leaf.final(place));
      if (outcome !== null) found.add(outcome);
    },
  });
  return { outcomes: [...found].sort(), why: complete ? '' : why };
}

/** The litmus explorer of the operational form: RAM only, load→store reordering included. */
export function byExplorer(program: LinuxProgram, profile: CoreProfile, finals: readonly string[] = []): Outcomes {
  const found = new Set<string>();
  const { complete, why } = exploreOperational({
    table: profile.ordering,
    agents: program.agents,
    initial: program.initial,
    loadStore: 'free',
    limits: { executions: 500_000 },
    onOutcome: (final) => {
      const outcome = seen(program, finals, final);
      if (outcome !== null) found.add(outcome);
    },
  });
  return { outcomes: [...found].sort(), why: complete ? '' : why };
}

/** Every schedule of the operational machine. */
export function byMachine(program: LinuxProgram, profile: CoreProfile, finals: readonly string[] = [], most = 200_000): Outcomes {
  const strategy = new EveryChoice();
  const found = new Set<string>();
  let runs = 0;
  do {
    const machine = new OperationalMachine({ profile, agents: program.agents, initial: program.initial, strategy, observers: [], limits: { steps: 200, events: 0 }, lines: 'all' });
    const { reason, text } = machine.run();
    if (reason !== 'quiescent') return { outcomes: [...found].sort(), why: `${reason}: ${text}` };
    const outcome = seen(program, finals, (place) => machine.read(place.address, 4).reduceRight((value, byte) => value * 256 + byte, 0));
    if (outcome !== null) found.add(outcome);
    runs += 1;
    if (runs >= most) return { outcomes: [...found].sort(), why: `more than ${runs} runs` };
  } while (strategy.advance());
  return { outcomes: [...found].sort(), why: '' };
}
