// SPDX-License-Identifier: Apache-2.0
/** Performs one operation of an agent: what it does to memory, what it answers, what the trace says of it. */
import type { Subject } from '../base/choice.ts';
import { HOISTED } from '../base/events.ts';
import { MAILBOX, SUSPEND, type Deps, type Op, type OpenLines, type Place, type Value } from '../base/port.ts';
import type { History, Message } from '../memory/history.ts';
import type { AccessSpec, Store, View } from '../ordering/operational/memory.ts';
import { type TimeView, START, at, openTokens } from '../ordering/operational/time-view.ts';
import type { Operand } from '../ordering/views.ts';
import type { AgentRun, Pending } from './agent-run.ts';
import { newest, type Memory } from './memory-system.ts';
import type { InterruptRoute, MachineOptions } from './options.ts';
import type { Questions } from './questions.ts';
import type { Recorder } from './recorder.ts';

type OpOf<K extends Op['kind']> = Extract<Op, { readonly kind: K }>;

export class Performer {
  readonly #options: MachineOptions;
  readonly #runs: readonly AgentRun[];
  readonly #memory: Memory;
  readonly #questions: Questions;
  readonly #recorder: Recorder;
  readonly #routes = new Map<string, InterruptRoute>();

  constructor(options: MachineOptions, runs: readonly AgentRun[], memory: Memory, questions: Questions, recorder: Recorder) {
    this.#options = options;
    this.#runs = runs;
    this.#memory = memory;
    this.#questions = questions;
    this.#recorder = recorder;
    for (const route of options.interrupts ?? []) this.#routes.set(`${route.device}/${route.vector}`, route);
  }

  /** Whether others may notice the operation, so that it matters who goes first. */
  asks(op: Op): boolean {
    return op.kind !== 'fence' && op.kind !== 'branch' && op.kind !== 'choose';
  }

  perform(run: AgentRun, op: Op): Value {
    if ('place' in op && op.place.space === 'ram' && op.place.address % op.place.size !== 0) throw new RangeError(`${run.id}: an unaligned access of ${op.place.size} bytes at ${placeName(op.place)}`);
    const answer = this.#dispatch(run, op);
    if (run.asleep) {
      run.asleep = false;
      this.#recorder.emit('wake', run.id, [], { cause: answer === -1 ? 'an interrupt' : 'what it waited for' });
    }
    if (op.kind !== 'interrupt') run.lastKey = keyOf(op);
    if (this.asks(op) && (op.kind !== 'interrupt' || answer !== 0)) run.dirty = true;
    this.#recorder.cycle += 1 + this.#cost(op);
    return answer;
  }

  /** What a load of RAM would do first: drive out stores that are held, begin to wait (nothing that it waits for can be read yet), or neither. */
  foresee(run: AgentRun, op: OpOf<'load'> | OpOf<'await'>): 'force' | 'wait' | 'read' {
    const { place } = op;
    const { core } = this.#memory;
    const history = this.#memory.historyOf(run, place);
    const spec = run.memory.spec('r', op.order, { addr: this.#operand(run, op.addressDep, op.addressPick) });
    if (core.ownPending(run.memory, history, place.address, place.size).length > 0) return 'force';
    const pre = core.beforeRead(run.memory, spec, [], place.address, place.size);
    if (openTokens(pre, 'all').length > 0) return 'force';
    if (op.kind === 'load' || op.interruptible === true) return 'read';
    return core.candidates(run.memory, history, place.address, place.size, pre, []).some((way) => op.until(way.value)) ? 'read' : 'wait';
  }

  /** A CPU whose `idle` nothing will ever answer gets 0 and comes to its end. `null` when there is none. */
  endIdle(): AgentRun | null {
    const idle = this.#runs.find((run) => run.status === 'blocked' && run.wait?.idle === true && !run.nothingLeft);
    if (idle === undefined) return null;
    idle.nothingLeft = true;
    return idle;
  }

  #dispatch(run: AgentRun, op: Op): Value {
    switch (op.kind) {
      case 'load': return op.place.space === 'mmio' ? this.#readRegister(run, op) : this.#load(run, op);
      case 'store': return this.#store(run, op);
      case 'rmw': return this.#rmw(run, op);
      case 'fence': return this.#fence(run, op);
      case 'branch':
        run.memory.views.branch(this.#operand(run, op.dep, op.pick));
        return 0;
      case 'maintain': return this.#maintain(run, op);
      case 'await': return op.place.space === 'mmio' ? this.#awaitRegister(run, op) : this.#load(run, op);
      case 'interrupt': return this.#interrupt(run, op);
      case 'idle': return this.#idle(run, op);
      case 'choose': return this.#questions.ask(run.id, op.choice, op.context === undefined ? op.key : `${op.context}/${op.key}`, op.width, op.label, () => ({ kind: 'op', op: run.ordinal + 1 }));
    }
  }

  #load(run: AgentRun, op: OpOf<'load'> | OpOf<'await'>): Value {
    const { place, order } = op;
    const exclusive = op.kind === 'load' && op.exclusive === true;
    const until = op.kind === 'await' ? op.until : null;
    const history = this.#memory.historyOf(run, place);
    const spec = run.memory.spec('r', order, { via: exclusive ? 'exclusive' : 'plain', addr: this.#operand(run, op.addressDep, op.addressPick) });
    const { own, pre } = this.#clear(run, spec, history, place);
    this.#memory.touch(run, place, 'load', keyOf(op));
    const bound = op.kind === 'load' && op.buffered === true ? { all: at(run.flushed), cpu: START } : pre;
    const ways = this.#memory.core.candidates(run.memory, history, place.address, place.size, bound, own);
    const fitting = until === null ? ways : ways.filter((way) => until(way.value));
    let chosen: (typeof fitting)[number] | undefined = fitting[0];
    const waits = until !== null && (ways[0] === undefined || chosen !== ways[0]);
    if (waits && op.kind === 'await' && op.interruptible === true && this.#interrupted(run, op)) return -1;
    const options = waits ? fitting.length + 1 : fitting.length;
    if (options > 1) {
      const label = (i: number): string => (waits && i === 0 ? 'goes on waiting' : `reads ${show(fitting[waits ? i - 1 : i]?.value)}${i === 0 ? '' : ', an older value'}`);
      const about = (): Subject => ({ kind: 'read', op: run.ordinal + 1, options: [...(waits ? [null] : []), ...fitting.map((way) => ({ value: way.value, stores: way.parts.map((m) => ({ agent: this.#runs[m.agent]?.id ?? '', number: m.number ?? -1 })) }))] });
      const answer = this.#questions.ask(run.id, 'read', keyOf(op), options, label, about);
      chosen = waits ? fitting[answer - 1] : fitting[answer];
    } else if (waits) chosen = undefined;
    if (chosen === undefined) return this.#block(run, `${placeName(place)} to change${op.kind === 'await' && op.hoisted === true ? `, ${HOISTED}` : ''}`, this.#changes(run, op, spec, history, place));
    const mine = ownParts(run, chosen.parts);
    const done = mine.length === 0 ? this.#memory.core.afterRead(run.memory, spec, pre, chosen.parts, own, place.address, place.size) : this.#readOwn(run, spec, place, chosen.parts, mine, own);
    this.#memory.core.saw(run.memory, history, place.address, place.size, chosen.parts, own);
    run.results[run.ordinal + 1] = done.result;
    const forwarder = own[own.length - 1];
    if (exclusive) run.monitor = { place, sources: [...chosen.parts, ...own], event: done.event };
    if (this.#recorder.on) {
      const from = forwarder !== undefined ? forwarder.issued : (newest(chosen.parts)?.event ?? 0);
      this.#recorder.emit('load', run.id, [from], { address: BigInt(place.address), size: place.size, value: chosen.value, order, name: op.name ?? '', from, forwarded: forwarder !== undefined, stale: chosen !== ways[0], site: op.site ?? null });
    }
    return chosen.value;
  }

  /** An own store that has left already could have been read before it had: that orders no more than forwarding does. */
  #readOwn(run: AgentRun, spec: AccessSpec, place: Place, parts: readonly Message<View>[], mine: readonly Store[], pending: readonly Store[]): ReturnType<Memory['core']['afterRead']> {
    const from = [...mine, ...pending];
    const pre = this.#memory.core.beforeRead(run.memory, spec, from, place.address, place.size);
    return this.#memory.core.afterRead(run.memory, spec, pre, parts.filter((part) => !mine.includes(part as Store)), from, place.address, place.size);
  }

  /** When a wait may be over: something else is there to be read. */
  #changes(run: AgentRun, op: OpOf<'load'> | OpOf<'await'>, spec: AccessSpec, history: History<View>, place: Place): () => boolean {
    const since = this.#memory.core.now;
    return () => {
      if (op.kind === 'await' && op.interruptible === true && letThrough(run, op).length > 0) return true;
      if (this.#memory.core.now === since || op.kind !== 'await') return false;
      const own = this.#memory.core.ownPending(run.memory, history, place.address, place.size);
      const pre = this.#memory.core.beforeRead(run.memory, spec, own, place.address, place.size);
      const ways = this.#memory.core.candidates(run.memory, history, place.address, place.size, pre, own);
      return ways.some((way, i) => op.until(way.value) && (i === 0 || way.time > since));
    };
  }

  /** Makes everything precede a read that must, by force if need be. @throws Suspend when somebody else is in the way */
  #clear(run: AgentRun, spec: AccessSpec, history: History<View>, place: Place): { own: Store[]; pre: View } {
    const { core } = this.#memory;
    for (;;) {
      const own = core.ownPending(run.memory, history, place.address, place.size);
      const pre = core.beforeRead(run.memory, spec, own, place.address, place.size);
      const open = openTokens(pre, 'all');
      if (open.length === 0) return { own, pre };
      if (!this.#memory.force(open, 'all')) this.#block(run, 'earlier stores to become visible', this.#memory.moves());
    }
  }

  #store(run: AgentRun, op: OpOf<'store'>): Value {
    const { place, value, order } = op;
    if (place.space === 'irq') return this.#raise(run, place);
    if (!run.isCpu) return this.#deviceStore(run, op);
    const mmio = place.space === 'mmio';
    const spec = run.memory.spec(mmio ? 'o' : 'w', order, { via: op.exclusive === true ? 'exclusive' : 'plain', addr: this.#operand(run, op.addressDep, op.addressPick), data: this.#operand(run, op.dataDep, op.dataPick), channel: mmio ? place.owner : '', partner: op.exclusive === true && run.monitor !== null ? run.monitor.event : run.memory.views.none });
    const history = mmio ? null : this.#memory.historyOf(run, place);
    const lockedFrom = op.exclusive === true ? (run.monitor?.sources ?? []) : [];
    if (op.exclusive === true && history !== null && !this.#exclusiveSucceeds(run, op, history)) return 1;
    const { store, done } = this.#memory.core.issue(run.memory, spec, { kind: mmio ? 'mmio' : 'ram', owner: place.owner, history, address: place.address, size: place.size, value, locks: op.exclusive === true, lockedFrom });
    if (op.exclusive === true) run.results[run.ordinal + 1] = done.result;
    store.issued = mmio ? this.#recorder.last : this.#recorder.emit('store', run.id, [], { address: BigInt(place.address), size: place.size, value, order, name: op.name ?? '', site: op.site ?? null });
    this.#memory.issued(store, { run, key: keyOf(op), order, operation: null, site: op.site ?? null });
    return 0;
  }

  /** Decides a store-exclusive: nobody else wrote since the exclusive load, and it does not fail by itself. */
  #exclusiveSucceeds(run: AgentRun, op: OpOf<'store'>, history: History<View>): boolean {
    const { monitor } = run;
    run.monitor = null;
    const { place } = op;
    if (monitor === null || monitor.place.address !== place.address || monitor.place.size !== place.size || this.#memory.core.othersSince(run.memory, history, place.address, place.size, monitor.sources)) return false;
    if (this.#memory.core.lockedBy(run.memory, history, place.address, place.size) !== null) return false;
    return this.#questions.ask(run.id, 'fault', keyOf(op), 2, (i) => (i === 0 ? 'the exclusive store is done' : 'the exclusive store fails'), () => ({ kind: 'op', op: run.ordinal + 1 })) === 0;
  }

  #rmw(run: AgentRun, op: OpOf<'rmw'>): Value {
    const { place, order } = op;
    if (place.space !== 'ram') throw new RangeError(`${run.id}: an atomic on ${place.space} space`);
    const { core } = this.#memory;
    const { memory } = run;
    const history = this.#memory.historyOf(run, place);
    const via = op.discard === true ? 'noreturn' : 'atomic';
    const addr = this.#operand(run, op.addressDep, op.addressPick);
    const readSpec = memory.spec('r', order, { via, addr, moment: true });
    const writeSpec = memory.spec('w', order, { via, addr, data: this.#operand(run, op.dataDep, op.dataPick ?? op.comparePick) });
    const forwarded = this.#forwardedUnwritten(run, op, readSpec, history);
    if (forwarded !== null) return forwarded;
    for (;;) {
      // Both halves happen at one time here, so whatever must precede either comes first; nothing need precede a write that is not made.
      const open = [...openTokens(core.beforeRead(memory, readSpec, [], place.address, place.size), 'all'), ...core.ownPending(memory, history, place.address, place.size)];
      if (open.length > 0 && !this.#memory.force(open, 'cpu')) this.#block(run, 'earlier stores to become visible', this.#memory.moves());
      const rest = openTokens(core.beforeRead(memory, readSpec, [], place.address, place.size), 'all');
      if (rest.length > 0 && !this.#memory.force(rest, 'all')) this.#block(run, 'earlier stores to become visible', this.#memory.moves());
      if (core.lockedBy(memory, history, place.address, place.size) !== null) {
        if (!this.#memory.unlock(run, history, place.address, place.size)) this.#block(run, 'another agent\'s atomic', this.#memory.moves());
        continue;
      }
      const stage = core.oneStep({ kind: 'ram', history }) ? 'all' : 'cpu';
      const first = op.modify(core.newestWay(memory, history, place.address, place.size).value) === undefined ? [] : openTokens(core.beforeWrite(memory, writeSpec, history, place.address, place.size), stage);
      if (first.length === 0) break;
      if (!this.#memory.force(first, stage)) this.#block(run, 'earlier stores to become visible', this.#memory.moves());
    }
    this.#memory.touch(run, place, 'store', keyOf(op));
    const pre = core.beforeRead(memory, readSpec, [], place.address, place.size);
    const way = core.newestWay(memory, history, place.address, place.size);
    const old = way.value;
    const value = op.modify(old);
    const mine = ownParts(run, way.parts);
    const read = mine.length === 0 ? core.afterRead(memory, readSpec, pre, way.parts, []) : this.#readOwn(run, readSpec, place, way.parts, mine, []);
    core.saw(memory, history, place.address, place.size, way.parts, []);
    const from = newest(way.parts)?.event ?? 0;
    const event = this.#recorder.emit('rmw', run.id, [from], { address: BigInt(place.address), size: place.size, old, value: value ?? old, order, name: op.name ?? '', from, site: op.site ?? null });
    if (value === undefined) {
      run.results[run.ordinal + 1] = read.result;
      return old;
    }
    if (memory.device) {
      this.#clearForDevice(run, history, place);
      const { message, done } = core.writeNow(memory, { ...writeSpec, partner: read.event }, history, place.address, place.size, value);
      this.#written(run, place, message);
      message.event = event;
      run.results[run.ordinal + 1] = memory.views.joinOperands(read.result, done.result);
      return old;
    }
    const { store, done } = core.issue(memory, { ...writeSpec, partner: read.event }, { kind: 'ram', history, address: place.address, size: place.size, value, locks: true, lockedFrom: way.parts });
    store.issued = event;
    store.event = event;
    run.results[run.ordinal + 1] = memory.views.joinOperands(read.result, done.result);
    this.#memory.issuedAtomic(store, { run, key: keyOf(op), order, operation: null, site: op.site ?? null }, order !== 'full' && order !== 'acq_rel');
    return old;
  }

  /** An atomic that finds no reason to write in own stores which have not left is a load of them. `null`: it is something else. */
  #forwardedUnwritten(run: AgentRun, op: OpOf<'rmw'>, spec: AccessSpec, history: History<View>): Value | null {
    const { place, order } = op;
    const { core } = this.#memory;
    const { memory } = run;
    const unwritten = (own: readonly Store[]): boolean => own.length > 0 && op.modify(core.newestWay(memory, history, place.address, place.size, own).value) === undefined;
    if (!unwritten(core.ownPending(memory, history, place.address, place.size))) return null;
    const { own, pre } = this.#clear(run, spec, history, place);
    if (!unwritten(own)) return null;
    this.#memory.touch(run, place, 'load', keyOf(op));
    const way = core.newestWay(memory, history, place.address, place.size, own);
    const mine = ownParts(run, way.parts);
    const read = mine.length === 0 ? core.afterRead(memory, spec, pre, way.parts, own) : this.#readOwn(run, spec, place, way.parts, mine, own);
    core.saw(memory, history, place.address, place.size, way.parts, own);
    const from = own[own.length - 1]?.issued ?? 0;
    this.#recorder.emit('rmw', run.id, [from], { address: BigInt(place.address), size: place.size, old: way.value, value: way.value, order, name: op.name ?? '', from, site: op.site ?? null });
    run.results[run.ordinal + 1] = read.result;
    return way.value;
  }

  /** Makes reach everyone what must before a device's write. @throws Suspend when somebody else is in the way */
  #clearForDevice(run: AgentRun, history: History<View>, place: Place): void {
    const { core } = this.#memory;
    for (let first = core.reachesFirst(history, place); first !== null; first = core.reachesFirst(history, place)) {
      if (!this.#memory.force([first], 'all')) this.#block(run, 'an earlier store to reach devices', this.#memory.moves());
    }
  }

  #deviceStore(run: AgentRun, op: OpOf<'store'>): Value {
    const { place, value, order } = op;
    const { core } = this.#memory;
    if (place.space === 'mmio' && place.address === MAILBOX) return this.#post(run, op);
    if (place.space === 'mmio') {
      const { history } = this.#memory.registers.bank(place.owner);
      const { message } = core.writeNow(run.memory, run.memory.spec('o', order, { channel: place.owner }), history, place.address, place.size, value);
      numbered(run, message);
      message.event = this.#recorder.emit('register', run.id, [], { register: this.#memory.registerName(place.owner, place.address), offset: place.address, value });
      return 0;
    }
    const history = this.#memory.historyOf(run, place);
    while (core.lockedBy(run.memory, history, place.address, place.size) !== null) {
      if (!this.#memory.unlock(run, history, place.address, place.size)) this.#block(run, 'a CPU\'s atomic', this.#memory.moves());
    }
    this.#clearForDevice(run, history, place);
    this.#memory.touch(run, place, 'store', keyOf(op));
    const { message } = core.writeNow(run.memory, run.memory.spec('w', order), history, place.address, place.size, value);
    this.#written(run, place, message);
    message.event = this.#recorder.emit('write', run.id, [], { address: BigInt(place.address), size: place.size, value, name: op.name ?? '' });
    return 0;
  }

  /** A device's write counts among its agent's stores, and is in the line where it went through one. */
  #written(run: AgentRun, place: Place, message: Message<View>): void {
    numbered(run, message);
    if (this.#memory.throughCache(run, place)) this.#memory.cached?.store(message);
  }

  /** A message to another agent is there at once: how late it is, is how late that agent is scheduled. */
  #post(run: AgentRun, op: OpOf<'store'>): Value {
    const { core, registers } = this.#memory;
    const { owner, address } = op.place;
    const { message } = core.writeNow(run.memory, run.memory.spec('o', op.order, { channel: owner }), registers.bank(owner).history, address, op.place.size, op.value);
    numbered(run, message);
    message.event = this.#recorder.emit('message', run.id, [], { to: owner, what: op.name ?? '' });
    registers.deliver(owner, message);
    return 0;
  }

  #fence(run: AgentRun, op: OpOf<'fence'>): Value {
    run.memory.views.fence(op.fence);
    if (op.fence === 'write-buffers') run.flushed = this.#memory.core.now;
    this.#recorder.emit('fence', run.id, [], { name: op.as ?? op.fence, instructions: op.fence === 'compiler' ? '' : op.fence, site: op.site ?? null });
    return 0;
  }

  #maintain(run: AgentRun, op: OpOf<'maintain'>): Value {
    const { lineSize } = this.#options.profile;
    this.#memory.sharedLines.add(op.line);
    const issued = this.#recorder.emit('maintain', run.id, [], { line: BigInt(op.line), operation: op.operation, site: op.site ?? null });
    const { store } = this.#memory.core.issue(run.memory, run.memory.spec('m', 'plain'), { kind: 'maintain', history: null, address: op.line, size: lineSize, value: 0 });
    store.issued = issued;
    this.#memory.issued(store, { run, key: keyOf(op), order: 'plain', operation: op.operation, site: op.site ?? null });
    return 0;
  }

  /** A CPU's read of a register: a transaction at the device, behind what the CPU sent there before. */
  #readRegister(run: AgentRun, op: OpOf<'load'> | OpOf<'await'>): Value {
    const { place, order } = op;
    if (!run.isCpu) return this.#lookAtRegister(run, op);
    const { core, registers } = this.#memory;
    const spec = run.memory.spec('i', order, { addr: this.#operand(run, op.addressDep, op.addressPick), channel: place.owner, moment: true });
    for (;;) {
      const open = openTokens(core.beforeRead(run.memory, spec, [], place.address, place.size), 'all');
      if (open.length === 0) break;
      if (!this.#memory.force(open, 'all')) this.#block(run, 'earlier stores to become visible', this.#memory.moves());
    }
    this.#memory.flush(run, place.owner);
    if (!registers.isSettled(place.owner)) this.#block(run, `${place.owner} to deal with earlier register writes`, () => registers.isSettled(place.owner));
    const { value, message } = registers.read(place.owner, place.address, place.size);
    if (op.kind === 'await' && !op.until(value)) {
      if (op.interruptible === true && this.#interrupted(run, op)) return -1;
      return this.#block(run, `register ${this.#memory.registerName(place.owner, place.address)} of ${place.owner}`, () => (op.interruptible === true && letThrough(run, op).length > 0) || op.until(registers.read(place.owner, place.address, place.size).value));
    }
    const pre = core.beforeRead(run.memory, spec, [], place.address, place.size);
    const done = core.afterTransaction(run.memory, spec, pre);
    run.results[run.ordinal + 1] = done.result;
    const from = message?.event ?? 0;
    this.#recorder.emit('mmio-read', run.id, [from], { device: place.owner, register: this.#memory.registerName(place.owner, place.address), offset: place.address, size: place.size, value, order, from, site: op.site ?? null });
    return value;
  }

  /** A device's look at one of its own registers. */
  #lookAtRegister(run: AgentRun, op: OpOf<'load'> | OpOf<'await'>): Value {
    const { value, message } = this.#memory.registers.read(op.place.owner, op.place.address, op.place.size);
    return this.#took(run, op.place, value, message);
  }

  #awaitRegister(run: AgentRun, op: OpOf<'await'>): Value {
    const { place } = op;
    if (run.isCpu) return this.#readRegister(run, op);
    const { registers } = this.#memory;
    const on = `register ${this.#memory.registerName(place.owner, place.address)}`;
    if (op.next !== true) {
      const { value, message } = registers.read(place.owner, place.address, place.size);
      if (!op.until(value)) return this.#block(run, on, () => op.until(registers.read(place.owner, place.address, place.size).value));
      return this.#took(run, place, value, message);
    }
    const key = `${place.owner}/${place.address}`;
    for (;;) {
      const index = run.taken.get(key) ?? 0;
      // Who asks for the next one is done with those before.
      if (place.address === MAILBOX) registers.bank(place.owner).handled = Math.max(0, index - 1);
      const message = index === 0 ? null : (registers.bank(place.owner).arrived.get(place.address)?.[index - 1] ?? null);
      if (index > 0 && message === null && op.poll === true) return 0;
      if (index > 0 && message === null) return this.#block(run, on, () => (registers.bank(place.owner).arrived.get(place.address)?.length ?? 0) >= index);
      run.taken.set(key, index + 1);
      const value = message === null ? registers.initial(place.owner, place.address) : message.value;
      if (op.until(value)) return this.#took(run, place, value, message);
    }
  }

  #took(run: AgentRun, place: Place, value: Value, message: Message<View> | null): Value {
    const { core } = this.#memory;
    const spec = run.memory.spec('i', 'relaxed', { channel: place.owner });
    core.afterRead(run.memory, spec, core.beforeRead(run.memory, spec, [], place.address, place.size), message === null ? [] : [message], []);
    const write = message?.event ?? 0;
    if (place.address === MAILBOX) {
      this.#recorder.emit('message-take', run.id, [write], { message: write });
      return value;
    }
    this.#recorder.emit('mmio-take', run.id, [write], { register: this.#memory.registerName(place.owner, place.address), offset: place.address, value, write });
    return value;
  }

  #raise(run: AgentRun, place: Place): Value {
    const route = this.#routes.get(`${place.owner}/${place.address}`);
    const { core } = this.#memory;
    core.now += 1;
    const raise = this.#recorder.emit('irq-raise', run.id, [], { vector: route?.number ?? place.address, cpu: route?.cpu ?? '', wire: place.owner });
    const cpu = this.#runs.find((other) => other.id === route?.cpu);
    if (route === undefined || cpu === undefined) return 0; // nobody listens
    const pending = cpu.interrupts.find((p) => p.number === route.number);
    if (pending === undefined) cpu.interrupts.push({ number: route.number, kind: route.kind ?? 'msi', time: core.now, raise });
    else {
      // Raised again before it was taken: one interrupt, as new as the last message.
      pending.time = core.now;
      pending.raise = raise;
    }
    return 0;
  }

  #interrupt(run: AgentRun, op: OpenLines): Value {
    const pending = letThrough(run, op);
    return pending.length === 0 ? 0 : this.#takeOne(run, pending, !run.mustTake);
  }

  /** Which of several is taken first is the interrupt controller's business; none of them only where the CPU may hold them off. */
  #takeOne(run: AgentRun, several: readonly Pending[], mayHold: boolean): Value {
    const numbers = several.map((p) => p.number);
    const label = (i: number): string => (i < numbers.length ? `interrupt ${numbers[i]} is taken` : `interrupt ${numbers.join(', ')} is held off`);
    const pending = several[this.#questions.ask(run.id, 'irq', `after ${run.lastKey}`, mayHold ? numbers.length + 1 : numbers.length, label, () => ({ kind: 'irq', op: run.ordinal + 1, numbers }))];
    if (pending === undefined) return 0;
    run.interrupts.splice(run.interrupts.indexOf(pending), 1);
    run.mustTake = false;
    run.raise = pending.raise;
    const message: View = { all: at(pending.time), cpu: START };
    run.memory.views.interrupt(pending.kind, message);
    return pending.number + 1;
  }

  #idle(run: AgentRun, op: OpenLines): Value {
    const pending = letThrough(run, op);
    if (pending.length > 0) return this.#takeOne(run, pending, false);
    if (run.nothingLeft) return 0;
    return this.#block(run, 'an interrupt', () => letThrough(run, op).length > 0, true);
  }

  #interrupted(run: AgentRun, op: OpenLines): boolean {
    if (letThrough(run, op).length === 0) return false;
    run.mustTake = true;
    return true;
  }

  #block(run: AgentRun, on: string, can: () => boolean, idle = false): never {
    run.status = 'blocked';
    run.wait = { can, on, idle };
    if (!run.asleep) {
      run.asleep = true;
      this.#recorder.emit('block', run.id, [], { on });
    }
    throw SUSPEND;
  }

  #operand(run: AgentRun, deps: Deps | undefined, picks?: Deps): Operand<TimeView> {
    const { views } = run.memory;
    if (deps === undefined && picks === undefined) return views.noOperand;
    let operand = views.noOperand;
    for (const dep of list(deps)) {
      const known = run.results[dep];
      if (known !== undefined) operand = views.joinOperands(operand, known);
    }
    for (const pick of list(picks)) {
      const known = run.results[pick];
      if (known !== undefined) operand = views.joinOperands(operand, { v: views.none, pick: views.join(known.v, known.pick) });
    }
    return operand;
  }

  #cost(op: Op): number {
    const { costs } = this.#options.profile;
    switch (op.kind) {
      case 'load':
      case 'await': return (op.place.space === 'mmio' ? costs['mmio-read'] : costs['load']) ?? 0;
      case 'store': return (op.place.space === 'mmio' ? costs['mmio-write'] : costs['store']) ?? 0;
      case 'rmw': return costs['rmw'] ?? 0;
      case 'maintain': return costs['maintain'] ?? 0;
      case 'fence': return costs[op.fence] ?? 0;
      default: return 0;
    }
  }
}

function list(deps: Deps | undefined): readonly number[] {
  if (deps === undefined || deps === 0) return [];
  return typeof deps === 'number' ? [deps] : deps;
}

/** Pending interrupts that the CPU lets through, in the order in which they came. */
function letThrough(run: AgentRun, { lines }: OpenLines): readonly Pending[] {
  return lines === undefined ? run.interrupts : run.interrupts.filter((pending) => lines.includes(pending.number));
}

/** What questions about an operation are filed under. */
export function keyOf(op: Op): string {
  const name = 'name' in op && op.name !== undefined ? op.name : describe(op);
  return op.context === undefined ? name : `${op.context}/${name}`;
}

function describe(op: Op): string {
  switch (op.kind) {
    case 'load':
    case 'store':
    case 'rmw':
    case 'await': return `${op.kind} ${placeName(op.place)}`;
    case 'maintain': return `${op.operation} 0x${op.line.toString(16)}`;
    case 'fence': return op.as ?? op.fence;
    default: return op.kind;
  }
}

function placeName(place: Place): string {
  return `${place.owner === '' ? '' : `${place.owner}+`}0x${place.address.toString(16)}`;
}

function show(value: Value | undefined): string {
  return value === undefined ? '' : `0x${value.toString(16)}`;
}

/** Stores of the agent's own among what a read takes. Devices' writes are at memory when they are made and are read from there. */
function ownParts(run: AgentRun, parts: readonly Message<View>[]): Store[] {
  return parts.filter((part): part is Store => part.agent === run.memory.index && 'record' in part);
}

/** A device's write counts among its agent's stores. */
function numbered(run: AgentRun, message: Message<View>): void {
  message.number = run.memory.stores;
  run.memory.stores += 1;
}
