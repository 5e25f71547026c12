// SPDX-License-Identifier: Apache-2.0
/**
 * A device and a scripted CPU on the operational machine. `bench` runs once;
 * `outcomes` runs the same script over every execution with at most so many
 * deviations from the plain one and collects what the script says.
 */
import { plain, type Choice, type Strategy } from '../base/choice.ts';
import { EveryAnswer } from '../base/every-answer.ts';
import type { TraceEvent } from '../base/events.ts';
import { type Agent, type Port, type Size, type Value } from '../base/port.ts';
import type { Arrival, Device, DeviceContext } from '../devices/device.ts';
import { resetContents } from '../devices/registers.ts';
import { createDevice } from '../devices/table.ts';
import { initialState } from '../memory/initial.ts';
import type { DmaBus, OnFault } from '../pcie/dma-port.ts';
import type { DmaAnswer, DmaRequest } from '../iommu/unit.ts';
import type { InitialState } from '../memory/initial.ts';
import { MachineIommu, type IommuSpec } from './iommu.ts';
import { OperationalMachine } from './operational.ts';
import type { LineFreedom } from './options.ts';
import { CORE_PROFILES, type CoreProfileId } from './profile.ts';

export const SOURCE = 0x3;
export const RAM = { base: 0x1_0000, size: 0x10_0000 };

/** What the script can do. Names are of registers. */
export interface Cpu {
  store(address: number, size: Size, value: Value): void;
  load(address: number, size: Size): Value;
  /** Bytes, by single stores. */
  put(address: number, bytes: Uint8Array): void;
  reg(name: string, value: Value): void;
  /** Both halves. */
  pair(low: string, high: string, value: bigint): void;
  status(name: string): number;
  /** Waits until a register is as asked. */
  ready(name: string, until: (value: number) => boolean): number;
  /** Waits until a word of memory is as asked. */
  until(address: number, size: Size, until: (value: number) => boolean): number;
  fence(name: string): void;
  /** Of the line that an address lies in. */
  maintain(operation: 'clean' | 'invalidate', address: number): void;
  /** Writes a register of the unit. */
  unit(offset: number, size: 4 | 8, value: Value): void;
  /** Waits for the next interrupt and answers with its vector; -1 when none will come. */
  interrupt(): number;
  /** For `outcomes`: everything before this goes the plain way. */
  explore(): void;
  /** For `outcomes`: what this execution showed. */
  say(text: string): void;
}

export interface BenchOptions {
  readonly options?: Record<string, number | string | boolean>;
  readonly receive?: readonly Arrival[];
  readonly memory?: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  readonly strategy?: Strategy;
  readonly profile?: CoreProfileId;
  readonly bus?: DmaBus;
  /** A way into the fabric that is made anew by every run. */
  readonly path?: DeviceContext['path'];
  /** A remapping unit in the machine; the device's requests carry `SOURCE`. */
  readonly iommu?: Omit<IommuSpec, 'id'>;
  readonly steps?: number;
  /** A second CPU's script. */
  readonly second?: (cpu: Cpu) => void;
  /** Register contents before the run, by name: what a driver stored while devices were not running yet. */
  readonly registers?: Readonly<Record<string, Value>>;
  /** Whether the run may end with a CPU waiting. */
  readonly mayHang?: boolean;
  readonly trace?: boolean;
  readonly onExplore?: () => void;
  /** Whether cache lines may come and go (non-coherent profiles); `shared` when left out. */
  readonly lines?: LineFreedom;
}

export interface BenchResult {
  readonly device: Device;
  readonly events: TraceEvent[];
  /** What devices said, and who. */
  readonly text: string[];
  readonly said: string[];
  readonly hung: boolean;
  read(address: number, size: number): number[];
  /** Little-endian. */
  value(address: number, size: number): bigint;
  register(name: string): number;
}

export function bench(kind: string, driver: (cpu: Cpu) => void, o: BenchOptions = {}): BenchResult {
  const { bus } = o;
  const spec = { id: 'dev0', kind, options: o.options ?? {} };
  const unit = o.iommu === undefined ? null : new MachineIommu({ id: 'iommu0', ...o.iommu }, RAM, [{ device: 'dev0', engines: createDevice(spec, { ram: RAM, ...(o.receive ? { receive: o.receive } : {}) }).agents.map(({ id }) => id), source: SOURCE }]);
  const path = unit?.path('dev0') ?? o.path ?? (bus === undefined ? undefined : () => ({ bus, source: SOURCE }));
  const context: DeviceContext = { ram: RAM, ...(o.receive ? { receive: o.receive } : {}), ...(path === undefined ? {} : { path }) };
  const device = createDevice(spec, context);
  const said: string[] = [];
  const cpuAgent = (id: string, script: (cpu: Cpu) => void): Agent => ({
    id,
    kind: 'cpu',
    run(port) {
      if (id === 'cpu0') said.length = 0;
      script(cpuOf(port, device, said, o.onExplore ?? (() => undefined)));
    },
  });
  const events: TraceEvent[] = [];
  const initial = initialState({ ram: [...(o.memory ?? [])], registers: [...resetContents(device.registers).map((r) => ({ owner: 'dev0', ...r })), ...Object.entries(o.registers ?? {}).map(([name, value]) => ({ owner: 'dev0', offset: device.registers[name]?.offset ?? -1, value })), ...(unit?.contents ?? [])] });
  const machine = new OperationalMachine({
    profile: CORE_PROFILES[o.profile ?? 'x86-64'],
    agents: [cpuAgent('cpu0', driver), ...(o.second ? [cpuAgent('cpu1', o.second)] : []), ...device.agents, ...(unit?.agents ?? [])],
    initial,
    strategy: o.strategy ?? plain,
    observers: o.trace === false ? [] : [{ event: (e) => events.push(e) }],
    limits: { steps: o.steps ?? 20_000, events: 100_000 },
    interrupts: Array.from({ length: device.vectors }, (_, vector) => ({ device: 'dev0', vector, cpu: 'cpu0', number: vector })),
    registers: new Map([['dev0', device.registers], ...(unit === null ? [] : [['iommu0', unit.registers] as const])]),
    ...(o.lines === undefined ? {} : { lines: o.lines }),
  });
  const result = machine.run();
  if (result.reason !== 'quiescent') throw new Error(`the run ended by ${result.reason}: ${result.text}`);
  const hanging = result.waiting.filter(({ agent }) => agent.startsWith('cpu'));
  if (hanging.length > 0 && o.mayHang !== true) throw new Error(`${hanging[0]?.agent} waits for ${hanging[0]?.on}`);
  const final = (): InitialState => machine.finalState();
  const value = (address: number, size: number): bigint => [...machine.read(address, size)].reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return {
    device,
    events,
    said,
    hung: hanging.length > 0,
    text: events.flatMap((e) => (e.kind === 'device' && e.text !== '' ? [`${e.agent} ${e.text}`] : [])),
    read: (address, size) => [...machine.read(address, size)],
    value,
    register: (name) => Number(final().registers.get('dev0')?.get(device.registers[name]?.offset ?? -1) ?? -1),
  };
}

function cpuOf(port: Port, device: Device, said: string[], explore: () => void): Cpu {
  const mmio = (name: string) => {
    const register = device.registers[name];
    if (register === undefined) throw new RangeError(`no register "${name}"`);
    return { space: 'mmio', owner: 'dev0', address: register.offset, size: register.bytes ?? 4 } as const;
  };
  const ram = (address: number, size: Size) => ({ space: 'ram', owner: '', address, size }) as const;
  const cpu: Cpu = {
    store: (address, size, value) => void port.op({ kind: 'store', place: ram(address, size), value: size === 8 ? BigInt(value) : Number(value), order: 'plain' }),
    load: (address, size) => port.op({ kind: 'load', place: ram(address, size), order: 'plain' }),
    put(address, bytes) {
      for (let at = 0; at < bytes.length; ) {
        const size = ([8, 4, 2, 1] as const).find((s) => (address + at) % s === 0 && at + s <= bytes.length) ?? 1;
        let value = 0n;
        for (let i = size - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(bytes[at + i] ?? 0);
        cpu.store(address + at, size, value);
        at += size;
      }
    },
    reg: (name, value) => void port.op({ kind: 'store', place: mmio(name), value, order: 'plain', name }),
    pair(low, high, value) {
      cpu.reg(low, Number(value & 0xffff_ffffn));
      cpu.reg(high, Number(value >> 32n));
    },
    status: (name) => Number(port.op({ kind: 'load', place: mmio(name), order: 'plain', name })),
    ready: (name, until) => Number(port.op({ kind: 'await', place: mmio(name), order: 'plain', until: (v) => until(Number(v)), name })),
    until: (address, size, until) => Number(port.op({ kind: 'await', place: ram(address, size), order: 'plain', until: (v) => until(Number(v)) })),
    maintain: (operation, address) => void port.op({ kind: 'maintain', operation, line: address - (address % 64) }),
    fence: (name) => void port.op({ kind: 'fence', fence: name }),
    unit: (offset, size, value) => void port.op({ kind: 'store', place: { space: 'mmio', owner: 'iommu0', address: offset, size }, value, order: 'plain' }),
    interrupt: () => Number(port.op({ kind: 'idle' })) - 1,
    explore,
    say: (text) => void said.push(text),
  };
  return cpu;
}

/** Every execution that deviates from the plain one in at most `most` answers, all of them after `begin` was called. */
class FewDeviations implements Strategy {
  readonly #answers = new EveryAnswer();
  readonly #most: number;
  readonly #kinds: readonly Choice['kind'][];
  #left: number;
  #begun = false;
  runs = 0;

  constructor(most: number, kinds: readonly Choice['kind'][] = ['step', 'read', 'drain', 'deliver', 'device']) {
    this.#most = most;
    this.#left = most;
    this.#kinds = kinds;
  }

  begin(): void {
    this.#begun = true;
  }

  pick(choice: Choice): number {
    if (!this.#begun || this.#left === 0 || !this.#kinds.includes(choice.kind)) return 0;
    const answer = this.#answers.choose(choice.width);
    if (answer !== 0) this.#left -= 1;
    return answer;
  }

  advance(): boolean {
    this.#left = this.#most;
    this.#begun = false;
    this.runs += 1;
    return this.#answers.advance();
  }
}

/** What a script says over all executions with few deviations from its `explore` on, sorted. */
export function outcomes(kind: string, driver: (cpu: Cpu) => void, most: number, o: BenchOptions & { readonly kinds?: readonly Choice['kind'][]; /** Stop when this was said. */ readonly find?: string } = {}): string[] {
  const strategy = new FewDeviations(most, o.kinds);
  const found = new Set<string>();
  do {
    const { said, hung } = bench(kind, driver, { ...o, strategy, trace: false, onExplore: () => strategy.begin() });
    found.add([...said, ...(hung ? ['hangs'] : [])].join(' '));
  } while ((o.find === undefined || !found.has(o.find)) && strategy.advance());
  return [...found].sort();
}

/** Translations by hand, as a unit would answer: what is not listed is refused. */
export class PageBus implements DmaBus {
  readonly asked: (DmaRequest & { readonly onFault: OnFault })[] = [];
  readonly #pages = new Map<string, { readonly to: bigint; readonly write: boolean }>();
  readonly #refusal: DmaAnswer;

  constructor(refusal: DmaAnswer = { kind: 'denied' }) {
    this.#refusal = refusal;
  }

  /** Maps one page. */
  map(pasid: number | null, from: bigint, to: number, write = true): this {
    this.#pages.set(`${pasid}/${from >> 12n}`, { to: BigInt(to), write });
    return this;
  }

  translate(request: DmaRequest, onFault: OnFault): DmaAnswer {
    this.asked.push({ ...request, onFault });
    const page = this.#pages.get(`${request.pasid}/${request.address >> 12n}`);
    if (page === undefined || (request.write && !page.write)) return this.#refusal;
    return { kind: 'memory', address: page.to + (request.address & 0xfffn), span: 12, ats: null, ticket: 0 };
  }
  landed(): void {}
}

/** Random words of 32 bits, equal for equal seeds. */
export function* randomNumbers(seed: number): Generator<number, never> {
  let state = Math.imul(seed, 0x9e37_79b1) | 1;
  for (;;) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state >>> 0;
  }
}
