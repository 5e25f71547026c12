// SPDX-License-Identifier: Apache-2.0
/**
 * Everything agents reach: RAM, the CPUs' cache lines where devices are not
 * coherent, registers and posted writes. Stores leave their agent here, at
 * once or held back as the strategy says, or because something forces them.
 */
import type { Subject } from '../base/choice.ts';
import type { Place } from '../base/port.ts';
import type { LineEffect } from '../cache/lines.ts';
import { History, type Message, type Token } from '../memory/history.ts';
import { type InitialState, PAGE_BYTES } from '../memory/initial.ts';
import { OperationalMemory, type Store, type View } from '../ordering/operational/memory.ts';
import { openTokens } from '../ordering/operational/time-view.ts';
import { registerAt, type RegisterTable } from '../devices/registers.ts';
import type { AgentRun } from './agent-run.ts';
import { CachedRam } from './cached-ram.ts';
import type { LineFreedom, MachineOptions } from './options.ts';
import type { Questions } from './questions.ts';
import type { Recorder } from './recorder.ts';
import { type Post, RegisterSpace } from './registers-space.ts';

/** What the machine keeps about a store beside what memory does. */
interface Issue {
  readonly run: AgentRun;
  /** `context/name`, for questions. */
  readonly key: string;
  readonly order: string;
  readonly operation: 'clean' | 'invalidate' | 'clean+invalidate' | null;
  readonly site: { readonly file: string; readonly line: number; readonly column: number } | null;
}

/** Begins the key of a question about a line that does no harm by moving: no device has used it and nobody maintained it, or it goes clean. */
export const QUIET = 'quiet ';

export class Memory {
  readonly core: OperationalMemory;
  readonly ram: History<View>;
  /** `null` where everybody sees the CPUs' caches. */
  readonly cached: CachedRam | null;
  readonly registers: RegisterSpace;
  readonly layered: boolean;
  /** Lines a device has touched or the kernel maintained. */
  readonly sharedLines = new Set<number>();
  /** Lines a CPU has used through the cache. */
  readonly usedLines = new Set<number>();
  readonly #lines: LineFreedom;
  readonly #initial: InitialState;
  readonly #runs: readonly AgentRun[];
  readonly #questions: Questions;
  readonly #recorder: Recorder;
  readonly #tables: ReadonlyMap<string, RegisterTable> | undefined;
  readonly #issues = new Map<Store, Issue>();
  /** Held back by choice, oldest first. */
  readonly #held = new Set<Store>();
  readonly #heldPosts = new Set<Post>();

  constructor(options: MachineOptions, runs: readonly AgentRun[], questions: Questions, recorder: Recorder, layered: boolean) {
    const { initial, profile } = options;
    this.#lines = options.lines ?? 'shared';
    this.#initial = initial;
    this.#runs = runs;
    this.#questions = questions;
    this.#recorder = recorder;
    this.#tables = options.registers;
    this.layered = layered;
    this.core = new OperationalMemory(runs.map((run) => run.memory), layered, true);
    this.ram = new History<View>((address) => initial.ram.get(Math.floor(address / PAGE_BYTES))?.[address % PAGE_BYTES] ?? 0, profile.endian);
    this.registers = new RegisterSpace(initial, new Set(runs.filter((run) => run.agent.registerWrites === 'mailbox').map((run) => run.id)));
    this.cached = profile.coherent && runs.every((run) => run.snoops) ? null : new CachedRam(profile.lineSize, this.ram, profile.endian, () => (this.core.now += 1));
    // A device that looks into the lines may see a store later than the CPUs do.
    this.core.inLines = runs.some((run) => !run.isCpu && run.snoops) ? null : (this.cached?.history ?? null);
    for (const { line, bytes, dirty } of initial.lines ?? []) this.cached?.preload(line, bytes, dirty);
  }

  /** Whether an access goes through the CPUs' cache lines. */
  throughCache(run: AgentRun, place: Place): boolean {
    return this.cached !== null && run.snoops && place.space === 'ram' && place.uncached !== true;
  }

  historyOf(run: AgentRun, place: Place): History<View> {
    return this.cached !== null && this.throughCache(run, place) ? this.cached.history : this.ram;
  }

  /** Before a load, or a device's access: lines may move by themselves first, and those that are needed come in. */
  touch(run: AgentRun, place: Place, why: 'load' | 'store', key: string): void {
    const { cached } = this;
    if (cached === null || (run.snoops && place.uncached === true)) return;
    for (const line of cached.lines.linesOf(place.address, place.size)) {
      if (run.snoops) {
        this.usedLines.add(line);
        this.#moveLine(line, 'load', key, { agent: run.id, op: run.ordinal + 1 });
        this.fill(line, why);
      } else {
        this.#moveLine(line, why === 'load' ? 'device-read' : 'device-write', key, { agent: run.id, op: run.ordinal + 1 });
        this.sharedLines.add(line);
      }
    }
  }

  /**
   * Caches evict and prefetch whenever they like. What that changes shows at the next access to the line, so it is asked right before
   * that, and only where it changes something: a dirty line goes back, an absent one comes in before a device changes DRAM, a clean one
   * makes room for newer content, before somebody looks at it, adds to it or makes DRAM newer still.
   */
  #moveLine(line: number, before: 'load' | 'store' | 'maintain' | 'device-read' | 'device-write', key: string, by: Extract<Subject, { kind: 'line' }>['before']): void {
    const { cached } = this;
    if (cached === null || this.#lines === 'none' || (this.#lines === 'shared' && !this.sharedLines.has(line))) return;
    for (;;) {
      const state = cached.lines.state(line);
      const all = this.#lines === 'all';
      const refreshes = before === 'load' || before === 'store' || before === 'device-write';
      const goes = state === 'dirty' ? before !== 'load' : state === 'clean' ? all && refreshes && cached.isBehind(line) : false;
      const comes = state === 'absent' && before === 'device-write' && (all || this.usedLines.has(line) || this.sharedLines.has(line));
      if (!goes && !comes) return;
      const name = `0x${line.toString(16)}`;
      const harmful = this.sharedLines.has(line) && state !== 'clean';
      if (this.#questions.ask('machine', 'step', `${harmful ? '' : QUIET}line ${name} before ${key}`, 2, (i) => (i === 0 ? `line ${name} stays ${state}` : goes ? `line ${name} is evicted` : `line ${name} is prefetched`), () => ({ kind: 'line', line, before: by, state: state === 'clean' ? 'behind' : state })) === 0) return;
      if (goes) this.evict(line);
      else this.fill(line, 'prefetch');
    }
  }

  fill(line: number, why: 'load' | 'store' | 'prefetch'): void {
    if (this.cached?.fill(line) === true) this.#recorder.emit('line-fill', 'memory', [], { line: BigInt(line), why });
  }

  evict(line: number): void {
    if (this.cached !== null) this.#lineEffect(this.cached.cleanAndInvalidate(line), 'eviction');
  }

  /** A store, MMIO write or maintenance operation was issued; it leaves now or is held. */
  issued(store: Store, issue: Issue): void {
    this.#issues.set(store, issue);
    this.#offer(store);
    this.cascade();
  }

  /** An atomic's write: at once, unless it is free to be held and the strategy holds it. */
  issuedAtomic(store: Store, issue: Issue, mayHold: boolean): void {
    this.#issues.set(store, issue);
    const labels = ['is seen at once', 'is held back', 'is seen by CPUs, not yet by devices'];
    const width = !this.core.oneStep(store) ? 3 : mayHold || this.layered ? 2 : 1;
    const answer = this.#questions.ask(issue.run.id, 'drain', issue.key, width, (i) => `${issue.key} ${labels[i] ?? ''}`, () => ({ kind: 'drain', store: { agent: issue.run.id, number: store.number } }));
    if (answer !== 1) this.#drain(store, answer === 0);
    if (answer > 0 && store.a === 0) this.#held.add(store);
    this.cascade();
  }

  /** Lets everything go that nobody holds and that has become able to. */
  cascade(): void {
    for (let again = true; again; ) {
      again = false;
      for (const run of this.#runs) {
        for (const store of [...run.memory.pending]) {
          if (this.#held.has(store) || !this.#issues.has(store)) continue;
          if (this.core.canDrain(store)) {
            this.#offer(store);
            again = true;
          } else if (this.core.canReachAll(store)) {
            this.#reachAll(store);
            again = true;
          }
        }
      }
    }
  }

  /** Held stores and posts that could go now, oldest first within their agent. */
  heldStores(): Store[] {
    const found: Store[] = [];
    for (const store of this.#held) if (store.c === 0 ? this.core.canDrain(store) : this.core.canReachAll(store)) found.push(store);
    return found;
  }
  heldPosts(): Post[] {
    return this.registers.heads().filter((post) => this.#heldPosts.has(post));
  }
  describe(store: Store): string {
    const issue = this.#issues.get(store);
    const what = store.kind === 'maintain' ? `the ${issue?.operation ?? 'maintenance'} of` : 'the store to';
    return `${what} ${issue?.key ?? 'memory'} ${store.c === 0 ? 'reaches memory' : 'reaches devices'}`;
  }

  isFlying(agent: string, number: number): boolean {
    return this.registers.isFlying((post) => post.cpu === agent && post.store.number === number);
  }

  /** A held store goes, and with it whatever waited for it. */
  release(store: Store, everyone: boolean): void {
    this.#held.delete(store);
    if (store.c === 0) this.#drain(store, everyone);
    else this.#reachAll(store);
    if (!everyone && store.a === 0) this.#held.add(store);
    this.cascade();
  }
  releasePost(post: Post): void {
    this.#arrive(post);
    this.#deliverFollowing(post.store.owner);
    this.cascade();
  }

  /**
   * Makes tokens get their times: what is held is let go.
   * @returns whether all have them now; otherwise somebody else is in the way
   */
  force(tokens: readonly Token[], stage: 'cpu' | 'all'): boolean {
    for (const token of tokens) {
      // Every token of this machine is a store; prophecies exist in the litmus explorer only.
      if (!this.#forceStore(token as Store, stage)) return false;
    }
    this.cascade();
    return true;
  }

  /** For a wait: whether memory has changed since now. */
  moves(): () => boolean {
    const since = this.core.now;
    return () => this.core.now !== since;
  }

  /** Makes everything this CPU has posted to a device arrive. */
  flush(run: AgentRun, owner: string): void {
    const { flying } = this.registers.bank(owner);
    const last = flying.findLastIndex((post) => post.store.agent === run.memory.index);
    for (const post of flying.slice(0, last + 1)) this.#arrive(post);
    // Others' writes that waited behind them are asked about now.
    if (last >= 0) this.#deliverFollowing(owner);
  }

  /** Lets go an atomic's write that keeps others from these bytes. @returns whether there was one */
  unlock(run: AgentRun, history: History<View>, address: number, size: number): boolean {
    const store = this.core.lockedBy(run.memory, history, address, size);
    return store !== null && this.#forceStore(store, run.memory.device ? 'all' : 'cpu');
  }

  registerName(owner: string, offset: number): string {
    const table = this.#tables?.get(owner);
    return (table === undefined ? undefined : registerAt(table, offset)?.name) ?? `+0x${offset.toString(16)}`;
  }

  /** A byte once everything on its way has landed, as CPUs see it; `uncached`: past the lines, as they see coherent memory. */
  settledByte(address: number, uncached = false): number {
    for (const run of this.#runs) {
      for (let i = run.memory.pending.length - 1; i >= 0; i -= 1) {
        const store = run.memory.pending[i];
        if (store !== undefined && store.c === 0 && store.kind === 'ram' && store.address <= address && address < store.address + store.size) return this.ram.bytesOf(store.value, store.size)[address - store.address] ?? 0;
      }
    }
    const { cached } = this;
    if (cached !== null && !uncached && cached.lines.state(cached.lines.lineOf(address)) !== 'absent') return cached.lines.byte(address);
    return this.ram.byte(address);
  }

  finalState(): InitialState {
    const ram = new Map(this.#initial.ram);
    const copied = new Set<number>();
    for (const g of this.ram.written()) {
      const number = Math.floor(g / PAGE_BYTES);
      if (!copied.has(number)) {
        copied.add(number);
        ram.set(number, new Uint8Array(ram.get(number) ?? new Uint8Array(PAGE_BYTES)));
      }
      const page = ram.get(number);
      for (let i = 0; i < 8; i += 1) if (page !== undefined) page[(g + i) % PAGE_BYTES] = this.ram.byte(g + i);
    }
    const { cached } = this;
    const lines = cached?.lines.present().map((line) => ({ line, bytes: Uint8Array.from({ length: cached.lines.lineSize }, (_, i) => cached.lines.byte(line + i)), dirty: cached.lines.state(line) === 'dirty' }));
    return { ram, registers: this.registers.contents(), ...(lines === undefined ? {} : { lines }) };
  }

  /** Asks whether a store that could go goes. */
  #offer(store: Store): void {
    if (this.#held.has(store) || !this.core.canDrain(store)) return;
    const issue = this.#issues.get(store);
    if (issue === undefined) return;
    const layered = !this.core.oneStep(store);
    const labels = store.kind === 'maintain' ? ['is done at once', 'is not done yet'] : store.kind === 'mmio' ? ['leaves the CPU at once', 'is held back'] : ['is seen at once', 'is held back', 'is seen by CPUs, not yet by devices'];
    const answer = this.#questions.ask(issue.run.id, 'drain', issue.key, layered ? 3 : 2, (i) => `${issue.key} ${labels[i] ?? ''}`, () => ({ kind: 'drain', store: { agent: issue.run.id, number: store.number } }));
    if (answer === 1) this.#held.add(store);
    else this.#drain(store, answer === 0);
    if (answer === 2 && store.a === 0) this.#held.add(store);
  }

  #drain(store: Store, everyone: boolean): void {
    const issue = this.#issues.get(store);
    if (issue === undefined) return;
    const { run } = issue;
    this.#held.delete(store);
    const cached = this.cached !== null && store.history === this.cached.history;
    if (cached) {
      for (const line of this.cached?.lines.linesOf(store.address, store.size) ?? []) {
        this.usedLines.add(line);
        this.#moveLine(line, 'store', issue.key, { agent: run.id, number: store.number });
        this.fill(line, 'store');
      }
    }
    const reach = this.core.drain(run.memory, store, everyone);
    if (cached) this.cached?.store(store);
    if (store.kind === 'ram') {
      const { address, size, value } = store;
      store.event = store.locks && store.event !== 0 ? store.event : this.#recorder.emit('drain', run.id, [store.issued], { store: store.issued, address: BigInt(address), size, value, reach });
    } else if (store.kind === 'mmio') this.#send(store, issue);
    else this.#maintained(store, issue);
    if (store.a !== 0) this.#issues.delete(store);
  }

  #reachAll(store: Store): void {
    const run = this.#issues.get(store)?.run;
    if (run === undefined) return;
    this.#held.delete(store);
    this.core.reachAll(run.memory, store);
    this.#issues.delete(store);
    const { address, size, value } = store;
    store.event = this.#recorder.emit('drain', run.id, [store.issued], { store: store.issued, address: BigInt(address), size, value, reach: 'all' }) || store.event;
  }

  #forceStore(store: Store, stage: 'cpu' | 'all'): boolean {
    if (store.c !== 0 && (stage === 'cpu' || store.a !== 0)) return true;
    const first = this.core.oneStep(store) ? 'all' : stage;
    if (!this.force(openTokens(store.pre, first), first)) return false;
    if (store.c === 0) {
      const can = this.core.canDrain(store) || this.#unlockFor(store);
      // What unlocking let go may have been this one.
      if (!can && this.#waits(store)) return false;
      if (this.#waits(store)) this.#drain(store, true);
    }
    if (stage === 'cpu' || store.a !== 0) return true;
    for (const other of store.history?.overlapping(store.address, store.size) ?? []) {
      if (other === store) break;
      if (other.a === 0 && !this.#forceStore(other as Store, 'all')) return false;
    }
    for (let first = this.#reachesFirst(store); first !== null; first = this.#reachesFirst(store)) if (!this.#forceStore(first, 'all')) return false;
    if (store.a === 0 && this.core.canReachAll(store)) this.#reachAll(store);
    return store.a !== 0;
  }

  #waits(store: Store): boolean {
    return store.c === 0;
  }

  #reachesFirst(store: Store): Store | null {
    // What has not reached everyone is a CPU's.
    return store.history === null ? null : (this.core.reachesFirst(store.history, store) as Store | null);
  }

  #unlockFor(store: Store): boolean {
    const run = this.#runs[store.agent];
    return run !== undefined && store.history !== null && this.unlock(run, store.history, store.address, store.size) && this.core.canDrain(store);
  }

  /** A posted write left the CPU. */
  #send(store: Store, issue: Issue): void {
    const { address, size, value, owner } = store;
    const event = this.#recorder.emit('mmio-write', issue.run.id, [], { device: owner, register: this.registerName(owner, address), offset: address, size, value, order: issue.order, issued: store.issued, site: issue.site });
    const post: Post = { store, cpu: issue.run.id, event, key: issue.key };
    const { flying } = this.registers.bank(owner);
    flying.push(post);
    if (flying.length === 1) this.#deliver(post);
  }

  #deliver(post: Post): void {
    const answer = this.#questions.ask(post.cpu, 'deliver', post.key, 2, (i) => (i === 0 ? `${post.key} arrives at once` : `${post.key} is still on its way`), () => ({ kind: 'deliver', store: { agent: post.cpu, number: post.store.number } }));
    if (answer === 0) this.#arrive(post);
    else this.#heldPosts.add(post);
  }

  /** What was sent after an arrived write is asked about in its turn. */
  #deliverFollowing(owner: string): void {
    const { flying } = this.registers.bank(owner);
    for (let head = flying[0]; head !== undefined && !this.#heldPosts.has(head); head = flying[0]) this.#deliver(head);
  }

  #arrive(post: Post): void {
    this.#heldPosts.delete(post);
    this.core.now += 1;
    const { owner, address, value } = post.store;
    const event = this.#recorder.emit('mmio-arrive', owner, [post.event], { write: post.event, register: this.registerName(owner, address), value });
    this.registers.arrive(post, this.core.now, event);
  }

  #maintained(store: Store, issue: Issue): void {
    const { cached } = this;
    if (cached === null) return;
    const line = store.address;
    this.#moveLine(line, 'maintain', issue.key, { agent: issue.run.id, number: store.number });
    if (issue.operation === 'clean') this.#lineEffect(cached.clean(line), 'maintenance');
    else if (issue.operation === 'invalidate') this.#lineEffect(cached.drop(line), 'maintenance');
    else this.#lineEffect(cached.cleanAndInvalidate(line), 'maintenance');
    // The effect came after the time the operation was given; whoever waits for it waits for the effect.
    store.c = store.a = this.core.now;
    this.#recorder.emit('maintain-done', issue.run.id, [store.issued], { operations: [store.issued] });
  }

  #lineEffect(effect: LineEffect, why: 'maintenance' | 'eviction'): void {
    const line = BigInt(effect.line);
    if (effect.wroteBack) this.#recorder.emit('line-writeback', 'memory', [], { line, why });
    if (effect.dropped) this.#recorder.emit('line-drop', 'memory', [], { line, why, lostDirty: effect.lostDirty });
  }
}

/** The newest of some messages, for `from`. */
export function newest(parts: readonly Message<View>[]): Message<View> | undefined {
  return parts[parts.length - 1];
}

