// SPDX-License-Identifier: Apache-2.0
/**
 * A device whose accesses go through an IOMMU that walks real tables, each
 * access of the walk under the memory model. Every test explores every
 * execution; the lists of outcomes are complete.
 */
import { describe, expect, it } from 'vitest';
import { plain, type Strategy } from '../base/choice.ts';
import type { TraceEvent } from '../base/events.ts';
import type { Agent, Place, Port, Size, Value } from '../base/port.ts';
import { createState, apply } from '../base/reducer.ts';
import { unitAgent, unitRegisters, type UnitAgentOptions } from '../iommu/agent.ts';
import { NO_CACHES, type CacheSizes } from '../iommu/riscv/caches.ts';
import { TYPICAL } from '../iommu/riscv/features.ts';
import { IofenceCommand, IotinvalCommand } from '../iommu/riscv/records.ts';
import { OFFSET } from '../iommu/riscv/registers.ts';
import { outsideOf } from '../iommu/riscv/remapping.ts';
import { BaseDeviceContext } from '../iommu/riscv/structures.ts';
import { RiscvIommu } from '../iommu/riscv/unit.ts';
import { initialState } from '../memory/initial.ts';
import { PageTableEntry } from '../mmu/formats/riscv-entries.ts';
import { AgentBus } from '../pcie/agent-bus.ts';
import { DmaPort } from '../pcie/dma-port.ts';
import { EveryTrace } from './explore-traces.ts';
import { OperationalMachine } from './operational.ts';
import type { RunResult } from './options.ts';
import { CORE_PROFILES, type CoreProfileId } from './profile.ts';

const RAM = { base: 0x1_0000, size: 0x10_0000 };
const DIRECTORY = 0x2_0000;
/** Root of a three-level table: its second entry maps 1 GiB from address 0, so that IOVA 0x4000_0000 + x is x. */
const ROOT = 0x3_0000;
const ENTRY = ROOT + 8;
const IOVA = 0x4000_0000n;
const COMMANDS = 0x4_0000;
const FENCE = 0x4_8000;
const READY = 0x4_9000;
const PAGE = 0x5_0000;
const SOURCE = 3;
const CONTEXT = DIRECTORY + 32 * SOURCE;

const leaf = (more: Parameters<typeof PageTableEntry.encode>[0] = { A: true, D: true }): bigint => PageTableEntry.encode({ V: true, R: true, W: true, U: true, PPN: 0n, ...more });
const context = (root: number, more: Parameters<typeof BaseDeviceContext.encode>[0] = {}): bigint => BaseDeviceContext.encode({ V: true, fsc_MODE: 8, fsc_PPN: BigInt(root >> 12), ...more });
/** Fully associative, large enough. */
const SIZE = { sets: 1, ways: 4, policy: 'lru' } as const;

interface Options {
  readonly caches?: Partial<CacheSizes>;
  readonly lapses?: readonly string[];
  readonly snoops?: boolean;
  readonly registers?: UnitAgentOptions['registers'];
}

function unitOptions({ caches = {}, registers = [], ...more }: Options): UnitAgentOptions {
  // Sv39, hardware A and D, 56 address bits.
  const capabilities = 0x10n | (1n << 9n) | (1n << 24n) | (56n << 32n);
  return {
    id: 'iommu0',
    create: (port, outside) => new RiscvIommu(port, { ...TYPICAL, capabilities, caches: { ...NO_CACHES, ...caches } }, outsideOf(outside)),
    ram: RAM,
    registers,
    setup: [
      [OFFSET.ddtp, 8, 2n | (BigInt(DIRECTORY >> 12) << 10n)],
      [OFFSET.cqb, 8, (BigInt(COMMANDS >> 12) << 10n) | 3n],
      [OFFSET.cqcsr, 4, 1n],
    ],
    requesters: ['dma0'],
    functions: new Map([[SOURCE, 'dma0']]),
    ...more,
  };
}

/** What the CPU of a test does. */
class Cpu {
  readonly #port: Port;
  constructor(port: Port) {
    this.#port = port;
  }
  store(address: number, value: Value, size: Size = 8): void {
    this.#port.op({ kind: 'store', place: ram(address, size), value, order: 'relaxed', name: `w${address.toString(16)}` });
  }
  change(address: number, by: (old: bigint) => bigint): bigint {
    return BigInt(this.#port.op({ kind: 'rmw', place: ram(address, 8), order: 'full', modify: (old) => by(BigInt(old)), name: `c${address.toString(16)}` }));
  }
  fence(...names: (string | null)[]): void {
    for (const name of names) if (name !== null) this.#port.op({ kind: 'fence', fence: name });
  }
  maintain(address: number): void {
    this.#port.op({ kind: 'maintain', operation: 'clean', line: address & ~63 });
  }
  /** Tells the device to go on. */
  ring(): void {
    this.#port.op({ kind: 'store', place: { space: 'mmio', owner: 'dma0', address: 0, size: 4 }, value: 1, order: 'relaxed', name: 'doorbell' });
  }
  /** Lets the unit's queue run up to there. */
  tail(index: number): void {
    this.#port.op({ kind: 'store', place: { space: 'mmio', owner: 'iommu0', address: OFFSET.cqt, size: 4 }, value: index, order: 'relaxed', name: 'cqt' });
  }
  register(offset: number, size: 4 | 8): Value {
    return this.#port.op({ kind: 'load', place: { space: 'mmio', owner: 'iommu0', address: offset, size }, order: 'full', name: `+${offset}` });
  }
  await(address: number, value: number): void {
    this.#port.op({ kind: 'await', place: ram(address, 4), order: 'acquire', until: (v) => v === value, name: 'done' });
  }
}

const ram = (address: number, size: Size): Place => ({ space: 'ram', owner: '', address, size });

interface Spec extends Options {
  readonly profile: CoreProfileId;
  readonly memory: readonly (readonly [address: number, raw: bigint, bytes: number])[];
  readonly cpu: (cpu: Cpu, out: (text: string) => void) => void;
  readonly device: (dma: DmaPort, ring: () => void, out: (text: string) => void) => void;
  /** What of memory belongs to the outcome. */
  readonly final?: (read: (address: number) => bigint) => string;
}

const BYTES = (raw: bigint, size: number): number[] => Array.from({ length: size }, (_, i) => Number((raw >> BigInt(8 * i)) & 0xffn));

function run(spec: Spec, strategy: Strategy, observe?: (event: TraceEvent) => void): { result: RunResult; outcome: string } {
  const said = new Map<string, string[]>();
  const speaker = (id: string): ((text: string) => void) => {
    const list: string[] = [];
    said.set(id, list);
    return (text) => list.push(text);
  };
  const cpu: Agent = { id: 'cpu0', kind: 'cpu', run: (port) => spec.cpu(new Cpu(port), speaker('cpu0')) };
  const dma: Agent = {
    id: 'dma0',
    kind: 'device',
    run(port) {
      const bus = new AgentBus(port, { self: 'dma0', unit: 'iommu0', number: 0 });
      const ring = (): void => void port.op({ kind: 'await', place: { space: 'mmio', owner: 'dma0', address: 0, size: 4 }, order: 'relaxed', until: (v) => v !== 0, next: true, name: 'doorbell' });
      spec.device(new DmaPort(port, RAM, { bus, source: SOURCE }), ring, speaker('dma0'));
    },
  };
  const options = unitOptions(spec);
  const machine = new OperationalMachine({
    profile: CORE_PROFILES[spec.profile],
    agents: [cpu, dma, unitAgent(options)],
    initial: initialState({ ram: spec.memory.map(([address, raw, size]) => ({ address, bytes: BYTES(raw, size) })), registers: unitRegisters(options).map((r) => ({ owner: 'iommu0', ...r })) }),
    strategy,
    observers: observe === undefined ? [] : [{ event: observe }],
    limits: { steps: 2000, events: 2000 },
  });
  const result = machine.run();
  const read = (address: number): bigint => machine.read(address, 8).reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);
  return { result, outcome: [...(said.get('cpu0') ?? []), ...(said.get('dma0') ?? []), ...(spec.final === undefined ? [] : [spec.final(read)])].join(' ') };
}

/** Every outcome. Who waits for ever says so. */
function outcomes(spec: Spec): string[] {
  const found = new Set<string>();
  const strategy = new EveryTrace();
  do {
    const { result, outcome } = run(spec, strategy);
    if (result.reason === 'stopped') continue;
    expect(result).toMatchObject({ reason: 'quiescent' });
    found.add(result.waiting.some(({ agent }) => agent === 'cpu0' || agent === 'dma0') ? `${outcome} hangs` : outcome);
  } while (strategy.advance());
  return [...found].sort();
}

const look = (dma: DmaPort): string => {
  const { value, fault } = dma.tryLoad(IOVA + BigInt(PAGE), 4, 'data');
  return fault === null ? String(value) : 'refused';
};
const afterRing: Spec['device'] = (dma, ring, out) => {
  ring();
  out(look(dma));
};

describe('mapping a page, then telling the device', () => {
  const map = (profile: CoreProfileId, ...fences: (string | null)[]): string[] =>
    outcomes({
      profile,
      memory: [[CONTEXT, context(ROOT), 32], [PAGE, 7n, 8]],
      cpu: (cpu) => {
        cpu.store(ENTRY, leaf());
        cpu.fence(...fences);
        cpu.ring();
      },
      device: afterRing,
    });

  it.each([
    ['arm64', 'dmb.oshst'],
    ['riscv64', 'fence.w.o'],
    ['strict', 'wmb'],
  ] as const)('on %s the unit may read the entry before it is there, unless %s lies between', (profile, fence) => {
    expect(map(profile)).toEqual(['7', 'refused']);
    expect(map(profile, fence)).toEqual(['7']);
  });

  it('on x86-64 stores leave in order, and nothing is needed', () => {
    expect(map('x86-64')).toEqual(['7']);
  });

  it('on strict, smp_wmb orders for CPUs only', () => {
    expect(map('strict', 'smp_wmb')).toEqual(['7', 'refused']);
  });
});

describe('a context of 32 bytes is read in pieces', () => {
  // The first word holds V, the last one the root of the table; GSCID and PSCID lie between and are 0.
  const attach = (profile: CoreProfileId, validLast: boolean, fence: string | null): string[] => {
    const raw = context(ROOT);
    const words = [CONTEXT + 24, CONTEXT].map((address) => [address, (raw >> BigInt(8 * (address - CONTEXT))) & ((1n << 64n) - 1n)] as const);
    return outcomes({
      profile,
      memory: [[ENTRY, leaf(), 8], [PAGE, 7n, 8]],
      cpu: (cpu) => {
        for (const [i, [address, word]] of (validLast ? words : words.toReversed()).entries()) {
          if (i > 0) cpu.fence(fence);
          cpu.store(address, word);
        }
      },
      // The device does not wait. A context that is valid with fsc still 0 is Bare: IOVA is the address, which is no RAM here.
      device: (dma, _ring, out) => {
        const { value, fault } = dma.tryLoad(IOVA + BigInt(PAGE), 4, 'data');
        out(fault === null ? String(value) : fault.status);
      },
    });
  };

  it('valid first: the device can slip through a table that is not attached yet', () => {
    for (const profile of ['x86-64', 'arm64'] as const) expect(attach(profile, false, null)).toEqual(['7', 'not-memory', 'unsupported-request']);
  });

  it('valid last with a barrier: it is refused or translated, never half', () => {
    expect(attach('arm64', true, 'dmb.oshst')).toEqual(['7', 'unsupported-request']);
    expect(attach('strict', true, 'dma_wmb')).toEqual(['7', 'unsupported-request']);
    expect(attach('x86-64', true, null)).toEqual(['7', 'unsupported-request']);
  });

  it('valid last without one is half of the way where stores may pass each other', () => {
    expect(attach('arm64', true, null)).toEqual(['7', 'not-memory', 'unsupported-request']);
  });
});

describe('unmapping a page and giving it away', () => {
  const INVALIDATE = IotinvalCommand.encode({ opcode: 1, func3: 0 });
  const DONE = IofenceCommand.encode({ opcode: 2, func3: 0, AV: true, PR: true, PW: true, DATA: 1, ADDR: BigInt(FENCE) >> 2n });
  const give = (steps: { readonly clear?: boolean; readonly invalidate?: boolean; readonly wait?: boolean }, lapses: readonly string[] = []): string[] => {
    const commands = [...(steps.invalidate === false ? [] : [INVALIDATE]), DONE];
    return outcomes({
      profile: 'x86-64',
      caches: { translations: SIZE, devices: SIZE },
      lapses,
      memory: [[CONTEXT, context(ROOT), 32], [ENTRY, leaf(), 8], [PAGE, 7n, 8], ...commands.map((raw, i) => [COMMANDS + 16 * i, raw, 16] as const)],
      cpu: (cpu) => {
        cpu.await(READY, 1);
        if (steps.clear !== false) cpu.store(ENTRY, 0n);
        cpu.tail(commands.length);
        if (steps.wait !== false) cpu.await(FENCE, 1);
        cpu.store(PAGE, 666n);
      },
      // It has used the page before, so a cache may know it.
      device: (dma, _ring, out) => {
        look(dma);
        dma.tryStore(IOVA + BigInt(READY), 4, 1, 'ready');
        out(look(dma));
      },
    });
  };

  it('entry, invalidation, wait: the next owner is never seen', () => {
    expect(give({})).toEqual(['7', 'refused']);
  });

  it.each([
    ['the invalidation', { invalidate: false }],
    ['the wait', { wait: false }],
    ['the entry', { clear: false }],
  ] as const)('without %s it is', (_what, steps) => {
    expect(give(steps)).toContain('666');
  });

  it('an entry that is evicted early changes nothing of that', () => {
    expect(give({}, ['IOTLB'])).toEqual(['7', 'refused']);
    expect(give({ invalidate: false }, ['IOTLB'])).toEqual(['666', '7', 'refused']);
  });
});

describe('a walker that does not look into the CPUs\' caches', () => {
  const map = (profile: CoreProfileId, snoops: boolean | undefined, clean: boolean, fence: string): string[] =>
    outcomes({
      profile,
      ...(snoops === undefined ? {} : { snoops }),
      memory: [[CONTEXT, context(ROOT), 32], [PAGE, 7n, 8]],
      cpu: (cpu) => {
        cpu.store(ENTRY, leaf());
        if (clean) cpu.maintain(ENTRY);
        cpu.fence(fence);
        cpu.ring();
      },
      device: afterRing,
    });

  it('needs the entry cleaned, whether or not other devices are coherent', () => {
    expect(map('arm64-nc', undefined, false, 'dsb.st')).toEqual(['refused']);
    expect(map('arm64-nc', undefined, true, 'dsb.sy')).toEqual(['7']);
    expect(map('arm64', false, false, 'dsb.st')).toEqual(['refused']);
    expect(map('arm64', false, true, 'dsb.sy')).toEqual(['7']);
    expect(map('x86-64', false, false, 'sfence')).toEqual(['refused']);
    expect(map('x86-64', false, true, 'sfence')).toEqual(['7']);
  });

  it('and one that does needs nothing, even where other devices do not', () => {
    expect(map('arm64-nc', true, false, 'dsb.st')).toEqual(['7']);
  });
});

describe('marking a page while software changes its entry', () => {
  const marks = (change: (cpu: Cpu) => void): string[] =>
    outcomes({
      profile: 'x86-64',
      memory: [[CONTEXT, context(ROOT, { SADE: true }), 32], [ENTRY, leaf({}), 8]],
      cpu: change,
      device: (dma, _ring, out) => out(dma.tryStore(IOVA + BigInt(PAGE), 4, 1, 'data').fault === null ? 'written' : 'refused'),
      final: (read) => {
        const { V, A, D } = PageTableEntry.decode(read(ENTRY));
        return `${V ? 'V' : '-'}${A ? 'A' : '-'}${D ? 'D' : '-'}`;
      },
    });

  it('the entry that software takes away does not come back, and its dirty bit is not lost', () => {
    const found = marks((cpu) => {
      const old = cpu.change(ENTRY, () => 0n);
      if (PageTableEntry.decode(old).D) cpu.store(PAGE + 8, 1n);
    });
    expect(found).toEqual(['refused ---', 'written ---']);
  });

  it('a plain store that writes back what was read loses the mark', () => {
    // Software clears a bit of its own by reading and storing, not in one step.
    expect(marks((cpu) => cpu.store(ENTRY, leaf({ RSW: 1 })))).toContain('written V--');
    expect(marks((cpu) => void cpu.change(ENTRY, (old) => old | (1n << 8n)))).toEqual(['written VAD']);
  });
});

describe('registers', () => {
  const spec = (cpu: Spec['cpu']): Spec => ({ profile: 'arm64', registers: [{ offset: OFFSET.ddtp, size: 8 }, { offset: OFFSET.cqcsr, size: 4 }, { offset: OFFSET.cqh, size: 4 }], memory: [], cpu, device: () => undefined });

  it('are read as the unit left them, not as they were written', () => {
    // cqt keeps four bits, and ddtp stays as it is while it has levels: "Device-directory-table pointer".
    const found = outcomes(spec((cpu, out) => {
      out(`0x${cpu.register(OFFSET.ddtp, 8).toString(16)}`);
      out(`0x${cpu.register(OFFSET.ddtp + 4, 4).toString(16)}`);
      out(`0x${cpu.register(OFFSET.cqcsr, 4).toString(16)}`);
    }));
    expect(found).toEqual(['0x8002 0x0 0x10001']);
  });
});

describe('the trace', () => {
  it('shows each access of a walk with its table, what is answered, and what the caches hold', () => {
    const events: TraceEvent[] = [];
    const spec: Spec = { profile: 'x86-64', caches: { translations: SIZE }, memory: [[CONTEXT, context(ROOT), 32], [ENTRY, leaf(), 8], [PAGE, 7n, 8]], cpu: (cpu) => cpu.ring(), device: afterRing };
    run(spec, plain, (event) => events.push(event));
    expect(events.flatMap((e) => (e.kind === 'walk' ? [`${e.what} ${e.access} 0x${e.address.toString(16)} ${e.size}`] : []))).toEqual(['device context read 0x20060 32', 'first-stage table, level 2 read 0x30008 8']);
    expect(events.find((e) => e.kind === 'translate')).toMatchObject({ agent: 'iommu0', source: SOURCE, pasid: null, dma: IOVA + BigInt(PAGE), outcome: 'memory', address: BigInt(PAGE), span: 30 });
    const state = createState();
    for (const event of events) apply(state, event);
    const unit = state.units.get('iommu0');
    expect(unit?.last).toMatchObject({ outcome: 'memory', walk: [{ what: 'device context' }, { what: 'first-stage table, level 2', words: [`0x${leaf().toString(16)}`] }] });
    expect([...(unit?.caches.values() ?? [])].flat()).toHaveLength(1);
  });

  it('costs nothing: a run that is watched takes the same steps', () => {
    const spec: Spec = { profile: 'arm64', caches: { translations: SIZE }, memory: [[CONTEXT, context(ROOT), 32], [ENTRY, leaf(), 8]], cpu: (cpu) => cpu.ring(), device: afterRing };
    expect(run(spec, plain, () => undefined).result.steps).toBe(run(spec, plain).result.steps);
  });
});
