// SPDX-License-Identifier: Apache-2.0
/**
 * XB1, XB2, XB3, XB5: who learnt of something must find what was written
 * before it.
 *
 * An observer that has read a flag or taken a doorbell F of agent Y knows
 * that Y got as far as F. When it then takes a value that is older than a write
 * W which Y made before F, the two were not ordered for it: either W was
 * late (the writer ordered W and F too little) or the load was early (the reader did).
 * Only pairs of a CPU and a device are judged here; between CPUs the rules of the language of locks apply.
 */
import type { EventOf, Site } from '@dmalab/core/base/events';
import { deviceOf } from '@dmalab/core/base/reducer';
import { whereText, type Findings, type Half } from './finding.ts';
import type { Message, Messages } from './messages.ts';
import type { Names } from './names.ts';

interface Fence extends Half {
  readonly name: string;
}

/** What told an observer how far another agent had got. */
interface Signal extends Half {
  /** Its place in its agent's program order, as an event id: what the agent issued up to there came before it. */
  readonly place: number;
  /** When the observer learnt of it, and where in the driver. */
  readonly learnt: Half;
  readonly kind: 'flag' | 'register';
  readonly address: number;
  readonly text: string;
  readonly order: string;
  /** When it became visible to the observer. */
  readonly visibleAt: number;
}

interface Known {
  flag?: Signal;
  register?: Signal;
}

interface RegisterMessage extends Half {
  readonly place: number;
  readonly agent: string;
  readonly register: string;
  readonly order: string;
}

export class OrderingRules {
  readonly #messages: Messages;
  readonly #names: Names;
  readonly #findings: Findings;
  /** Places that devices read as flags. */
  readonly #flags = new Set<number>();
  readonly #fences = new Map<string, Fence[]>();
  /** What each CPU stored, to tell hand-overs apart. */
  readonly #stores = new Map<string, Message[]>();
  readonly #known = new Map<string, Map<string, Known>>();
  readonly #registers = new Map<number, RegisterMessage>();
  readonly #isDevice: (agent: string) => boolean;

  constructor(messages: Messages, names: Names, findings: Findings, isDevice: (agent: string) => boolean) {
    this.#messages = messages;
    this.#names = names;
    this.#findings = findings;
    this.#isDevice = isDevice;
  }

  fence(event: EventOf<'fence'>): void {
    const list = this.#fences.get(event.agent);
    const fence: Fence = { id: event.id, site: event.site, name: event.name };
    if (list === undefined) this.#fences.set(event.agent, [fence]);
    else list.push(fence);
  }

  stored(message: Message): void {
    const list = this.#stores.get(message.agent);
    if (list === undefined) this.#stores.set(message.agent, [message]);
    else list.push(message);
  }

  mmioWrite(event: EventOf<'mmio-write'>): void {
    this.#registers.set(event.id, { id: event.id, place: event.issued, site: event.site, agent: event.agent, register: event.register, order: event.order });
  }
  /** Whoever reads a register names the arrival that put the value there. */
  mmioArrive(event: EventOf<'mmio-arrive'>): void {
    const sent = this.#registers.get(event.write);
    if (sent !== undefined) this.#registers.set(event.id, sent);
  }
  registerSet(event: EventOf<'register'>): void {
    this.#registers.set(event.id, { id: event.id, place: event.id, site: null, agent: event.agent, register: event.register, order: '' });
  }

  /** A device looked at a register that a CPU wrote. */
  take(event: EventOf<'mmio-take'>): void {
    this.#learnRegister(event.agent, event.write, event.id, null);
  }
  /** A CPU read a register that a device set. */
  mmioRead(event: EventOf<'mmio-read'>): void {
    this.#learnRegister(event.agent, event.from, event.id, event.site);
  }

  /** @param judged false where a cache line, not an order, decides what is read */
  load(event: EventOf<'load'> | EventOf<'rmw'>, judged: boolean): void {
    const address = Number(event.address);
    const fromDevice = this.#isDevice(event.agent);
    const marked = event.order !== 'plain';
    if (fromDevice && marked) this.#flags.add(address);
    const isFlag = this.#isFlag(address);
    const forwarded = event.kind === 'load' && event.forwarded;
    if (judged && !forwarded) {
      for (const [writer, known] of this.#known.get(event.agent) ?? []) this.#judge(event, writer, known, isFlag);
    }
    if ((marked || isFlag) && event.from !== 0 && !forwarded) this.#learnFlag(event);
  }

  #learnFlag(event: EventOf<'load'> | EventOf<'rmw'>): void {
    const message = this.#messages.of(event.from);
    if (message === undefined || !this.#pair(event.agent, message.agent)) return;
    const known = this.#knownOf(event.agent, message.agent);
    if (known.flag !== undefined && known.flag.place > message.id) return;
    known.flag = {
      id: message.id,
      place: message.id,
      site: message.site,
      learnt: { id: event.id, site: event.site },
      kind: 'flag',
      address: message.address,
      text: `${this.#names.place(message.address, message.name)} = ${this.#names.value(message.address, message.size, message.value)}`,
      order: message.order,
      visibleAt: this.#isDevice(event.agent) ? message.deviceAt : message.cpuAt,
    };
  }

  #learnRegister(observer: string, write: number, id: number, site: Site | null): void {
    const message = this.#registers.get(write);
    if (message === undefined || !this.#pair(observer, message.agent)) return;
    const known = this.#knownOf(observer, message.agent);
    if (known.register !== undefined && known.register.place > message.place) return;
    known.register = { id: message.id, place: message.place, site: message.site, learnt: { id, site }, kind: 'register', address: 0, text: message.register, order: message.order, visibleAt: id };
  }

  #judge(load: EventOf<'load'> | EventOf<'rmw'>, writer: string, known: Known, isFlag: boolean): void {
    const limit = Math.max(isFlag ? 0 : (known.flag?.place ?? 0), known.register?.place ?? 0);
    if (limit === 0) return;
    const device = this.#isDevice(load.agent);
    for (const write of this.#messages.at(Number(load.address), load.size)) {
      if (write.agent !== writer || write.id > limit || write === this.#messages.of(known.flag?.id ?? 0)) continue;
      const visibleAt = device ? write.deviceAt : write.cpuAt;
      if (visibleAt <= load.from) continue;
      // The flag explains more than the doorbell that came before it.
      const signal = !isFlag && known.flag !== undefined && write.id < known.flag.place ? known.flag : known.register;
      if (signal === undefined || write.id > signal.place) continue;
      if (device) this.#deviceWasEarly(load, write, signal);
      else this.#cpuWasEarly(load, write, signal);
      return;
    }
  }

  #deviceWasEarly(load: EventOf<'load'> | EventOf<'rmw'>, write: Message, signal: Signal): void {
    const address = Number(load.address);
    const old = loaded(load);
    const place = this.#names.place(address, load.name);
    const device = this.#names.agent(load.agent);
    const first: Half = { id: write.id, site: write.site };
    const second: Half = { id: signal.id, site: signal.site };
    const fences = this.#between(write.agent, write.id, signal.place);
    const missing = signal.kind === 'register' ? 'wmb' : 'dma_wmb';
    const gap = this.#gap(fences, write.agent, first, second, signal);
    const key = `${write.site === null ? field(place) : whereText(first)} ${signal.site === null ? field(signal.text) : whereText(second)} ${load.agent}`;
    const detail = { observer: load.agent, read: load.id, place, signal: signal.text, learnt: signal.learnt.id, side: 'writer' };
    const value = this.#names.value(address, load.size, old);
    if (signal.kind === 'register') {
      const fresh = `${place} = ${this.#names.value(write.address, write.size, write.value)}`;
      this.#findings.add('XB1', key, load.id, { device, place, old: value, new: fresh, missing: gap }, { first, second, missing, detail });
    } else {
      const here = this.#names.slot(address);
      const there = this.#names.slot(signal.address);
      const same = here !== null && there !== null && here.layout === there.layout && here.index === there.index;
      const took = here === null ? `read ${place} as ${value}` : `took slot ${here.index} with ${this.#names.word(here)} ${value}`;
      this.#findings.add(
        'XB2', key, load.id,
        { device, took, flag: same ? `its ${this.#names.word(there)}` : signal.text, payload: same ? `its ${this.#names.word(here)}` : place, missing: gap },
        { first, second, missing, detail },
      );
    }
    const cpuBarrier = fences.find((f) => isSmp(f.name))?.name ?? (isRelease(signal.order) ? 'smp_store_release' : undefined);
    if (cpuBarrier !== undefined) {
      this.#findings.add('XB5', key, load.id, { barrier: `${cpuBarrier}()`, first: `${this.#names.place(write.address, write.name)} at ${whereText(first)}`, second: `${signal.text} at ${whereText(second)}`, device }, { first, second, missing, detail });
    }
  }

  #cpuWasEarly(load: EventOf<'load'> | EventOf<'rmw'>, write: Message, signal: Signal): void {
    const address = Number(load.address);
    const place = this.#names.place(address, load.name);
    const first = signal.learnt;
    const second: Half = { id: load.id, site: load.site };
    const fences = this.#between(load.agent, first.id, second.id);
    const missing = signal.kind === 'register' ? 'rmb' : 'dma_rmb';
    const key = `${second.site === null ? field(place) : whereText(second)} ${first.site === null ? field(signal.text) : whereText(first)}`;
    const detail = { observer: load.agent, read: load.id, place, signal: signal.text, learnt: first.id, written: write.id, side: 'reader' };
    const gap = this.#gap(fences, load.agent, first, second, signal);
    this.#findings.add('XB3', key, load.id, { agent: this.#names.agent(load.agent), place, old: this.#names.value(address, load.size, loaded(load)), flag: signal.text, missing: gap }, { first, second, missing, detail });
    const cpuBarrier = fences.find((f) => isSmp(f.name))?.name;
    if (cpuBarrier !== undefined) {
      this.#findings.add('XB5', key, load.id, { barrier: `${cpuBarrier}()`, first: `the load of ${field(signal.text)} at ${whereText(first)}`, second: `the load of ${place} at ${whereText(second)}`, device: this.#names.agent(write.agent) }, { first, second, missing, detail });
    }
  }

  /** Why nothing orders the two halves, as the end of a sentence. */
  #gap(between: readonly Fence[], agent: string, first: Half, second: Half, signal: Signal): string {
    const last = between.at(-1);
    if (last !== undefined) {
      const what = `${last.name}() between the two`;
      if (isSmp(last.name)) return `${what} orders CPUs only`;
      if (last.name === 'barrier') return `${what} binds the compiler only`;
      if (signal.kind === 'register' && last.name.startsWith('dma_')) return `${what} promises nothing about registers`;
      return `${what} does not order them`;
    }
    if (isRelease(signal.order)) return 'a release orders CPUs only';
    const fences = this.#fences.get(agent) ?? [];
    const reader = signal.learnt === first;
    const fits = (name: string): boolean => (reader ? READ_BARRIERS : WRITE_BARRIERS).has(name) && (signal.kind === 'flag' || !name.startsWith('dma_'));
    const before = fences.filter((f) => f.id < first.id && fits(f.name)).at(-1);
    const after = fences.find((f) => f.id > second.id && fits(f.name));
    if (after !== undefined && this.#adjacent(agent, second.id, after.id)) return `no barrier orders the two: ${after.name}() comes after both`;
    if (before !== undefined && this.#adjacent(agent, before.id, first.id)) return `no barrier orders the two: ${before.name}() comes before both`;
    return 'no barrier orders the two';
  }

  /** Nothing that hands over lies between two points of one agent: the barrier belongs to this hand-over and stands in the wrong place. */
  #adjacent(agent: string, from: number, to: number): boolean {
    const own = [...(this.#known.get(agent)?.values() ?? [])];
    if (own.some((k) => k.flag !== undefined && k.flag.learnt.id > from && k.flag.learnt.id < to)) return false;
    return !(this.#stores.get(agent) ?? []).some((m) => m.id > from && m.id < to && this.#isFlag(m.address));
  }

  #isFlag(address: number): boolean {
    if (this.#flags.has(address)) return true;
    const slot = this.#names.slot(address);
    return slot !== null && slot.field.name === slot.layout.own?.field;
  }

  #between(agent: string, from: number, to: number): Fence[] {
    return (this.#fences.get(agent) ?? []).filter((f) => f.id > from && f.id <= to);
  }

  #pair(observer: string, writer: string): boolean {
    return deviceOf(observer) !== deviceOf(writer) && this.#isDevice(observer) !== this.#isDevice(writer);
  }

  #knownOf(observer: string, writer: string): Known {
    let writers = this.#known.get(observer);
    if (writers === undefined) this.#known.set(observer, (writers = new Map<string, Known>()));
    let known = writers.get(writer);
    if (known === undefined) writers.set(writer, (known = {}));
    return known;
  }
}

/** Barriers that would do, were they in the right place. */
const WRITE_BARRIERS: ReadonlySet<string> = new Set(['mb', 'wmb', 'dma_mb', 'dma_wmb']);
const READ_BARRIERS: ReadonlySet<string> = new Set(['mb', 'rmb', 'dma_mb', 'dma_rmb']);
const isSmp = (name: string): boolean => name.startsWith('smp_');
const isRelease = (order: string): boolean => order === 'release' || order === 'releasePC' || order === 'acq_rel' || order === 'full';
const loaded = (event: EventOf<'load'> | EventOf<'rmw'>): number | bigint => (event.kind === 'load' ? event.value : event.old);
/** `len[1]` and `len[2]` are one mistake of the driver. */
const field = (text: string): string => text.replace(/\[\d+\].*$/, '').replace(/ =.*$/, '');
