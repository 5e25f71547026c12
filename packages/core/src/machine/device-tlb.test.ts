// SPDX-License-Identifier: Apache-2.0
/**
 * A device whose function keeps translations of its own, before an IOMMU that
 * caches too. CPU, engine, function and unit are four agents, too many for
 * every execution: these are the plain run and seeded samples. What must never
 * happen is never in them; what can happen is looked for until it is found.
 */
import { describe, expect, it } from 'vitest';
import type { Choice, Strategy } from '../base/choice.ts';
import type { Agent, Place, Port, Size } from '../base/port.ts';
import { unitAgent, type UnitAgentOptions } from '../iommu/agent.ts';
import { NO_CACHES } from '../iommu/riscv/caches.ts';
import { TYPICAL } from '../iommu/riscv/features.ts';
import { AtsCommand, PageResponsePayload } from '../iommu/riscv/records.ts';
import { OFFSET } from '../iommu/riscv/registers.ts';
import { outsideOf } from '../iommu/riscv/remapping.ts';
import { RiscvIommu } from '../iommu/riscv/unit.ts';
import { initialState } from '../memory/initial.ts';
import { AgentBus } from '../pcie/agent-bus.ts';
import { DmaPort } from '../pcie/dma-port.ts';
import { functionAgent, functionRegisters, type FunctionAgentOptions } from '../pcie/function-agent.ts';
import { CONTEXT, ENTRY, FENCE, IOVA, PAGE, queued, RAM, READY, RECORDS, riscvContext, SOURCE, SYSTEMS, type Words } from './iommu-bench.test-support.ts';
import { OperationalMachine } from './operational.ts';
import { CORE_PROFILES } from './profile.ts';

const RISCV = SYSTEMS.riscv;
const REQUESTS = RECORDS;
const SIZE = { sets: 1, ways: 4, policy: 'lru' } as const;

const UNIT: UnitAgentOptions = {
  id: 'iommu0',
  // Sv39, hardware A and D, ATS, 56 address bits.
  create: (port, outside) => new RiscvIommu(port, { ...TYPICAL, capabilities: 0x10n | (1n << 9n) | (1n << 24n) | (1n << 25n) | (56n << 32n), caches: { ...NO_CACHES, translations: SIZE, devices: SIZE } }, outsideOf(outside)),
  ram: RAM,
  registers: [],
  setup: [...RISCV.setup, [OFFSET.pqb, 8, (BigInt(REQUESTS >> 12) << 10n) | 3n], [OFFSET.pqcsr, 4, 1n]],
  requesters: ['fn0'],
  functions: new Map([[SOURCE, 'fn0']]),
};
// ATS lies at 0x100, page requests at 0x110; see `function.ts`.
const FUNCTION: FunctionAgentOptions = {
  id: 'fn0',
  unit: 'iommu0',
  number: 0,
  source: SOURCE,
  description: { vendorId: 1, deviceId: 2, classCode: 3, ats: { geometry: SIZE }, pri: { capacity: 4 } },
  engines: ['dma0'],
  setup: [[4, 2, 4], [0x104, 4, 0x8000_0000], [0x11c, 4, 4], [0x114, 4, 1]],
};

const ram = (address: number, size: Size): Place => ({ space: 'ram', owner: '', address, size });
const store = (port: Port, place: Place, value: number | bigint, name: string): void => void port.op({ kind: 'store', place, value, order: 'relaxed', name });

interface Spec {
  readonly commands: readonly bigint[];
  readonly mapped?: boolean;
  readonly cpu: (port: Port, tail: (index: number) => void) => void;
  readonly device: (dma: DmaPort, out: (text: string) => void, port: Port) => void;
  readonly function?: Partial<FunctionAgentOptions>;
}

/**
 * The plain run first, then by turns runs in which every other answer to who
 * goes next is drawn, which is what the wrong orders need, and runs in which
 * about one answer in six, of any kind, is another one.
 */
class Sampled implements Strategy {
  #state = 0;
  #run = 0;

  pick({ kind, width }: Choice): number {
    if (this.#run === 0) return 0;
    const order = this.#run % 2 === 1;
    if (order && kind !== 'step') return 0;
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    const drawn = this.#state >>> 8;
    const every = order ? 2 : 6;
    return drawn % every === 0 ? Math.floor(drawn / every) % width : 0;
  }

  advance(): boolean {
    this.#run += 1;
    return true;
  }
}

/** What the device said, over at most so many runs; ends with the run that says what is looked for. */
function sample(spec: Spec, runs: number, until?: string): Set<string> {
  const found = new Set<string>();
  const strategy = new Sampled();
  const fn = { ...FUNCTION, ...spec.function };
  const memory: Words = [[CONTEXT, riscvContext({ EN_ATS: true, EN_PRI: true }), 32], [PAGE, 7n, 8], ...(spec.mapped === false ? [] : [[ENTRY, RISCV.leaf, 8] as const]), ...queued(spec.commands)];
  for (let i = 0; i < runs && (until === undefined || !found.has(until)); i += 1) {
    let said: string[] = [];
    const cpu: Agent = { id: 'cpu0', kind: 'cpu', run: (port) => spec.cpu(port, (index) => store(port, { space: 'mmio', owner: 'iommu0', address: OFFSET.cqt, size: 4 }, index, 'cqt')) };
    const dma: Agent = {
      id: 'dma0',
      kind: 'device',
      run(port) {
        said = [];
        spec.device(new DmaPort(port, RAM, { bus: new AgentBus(port, { self: 'dma0', unit: 'fn0', number: 0 }), source: SOURCE }), (text) => said.push(text), port);
      },
    };
    const machine = new OperationalMachine({
      profile: CORE_PROFILES['x86-64'],
      agents: [cpu, dma, functionAgent(fn), unitAgent(UNIT)],
      initial: initialState({ ram: memory.map(([address, raw, size]) => ({ address, bytes: Array.from({ length: size }, (_, byte) => Number((raw >> BigInt(8 * byte)) & 0xffn)) })), registers: functionRegisters(fn).map((r) => ({ owner: 'fn0', ...r })) }),
      strategy,
      observers: [],
      limits: { steps: 2000, events: 2000 },
    });
    const result = machine.run();
    expect(result).toMatchObject({ reason: 'quiescent' });
    found.add(result.waiting.some(({ agent }) => agent === 'cpu0' || agent === 'dma0') ? `${said.join(' ')} hangs` : said.join(' '));
    strategy.advance();
  }
  return found;
}

const look = (dma: DmaPort): string => {
  const { value, fault } = dma.tryLoad(IOVA + BigInt(PAGE), 4, 'data');
  return fault === null ? String(value) : fault.status;
};
const awaitRam = (port: Port, address: number): void => void port.op({ kind: 'await', place: ram(address, 4), order: 'acquire', until: (v) => v === 1, name: 'done' });

const { invalidate: INVALIDATE, done: DONE } = RISCV.commands;
/** Everything of the function: "Invalidate Request", a range of all ones. */
const INVALIDATE_FUNCTION = AtsCommand.encode({ opcode: 4, func3: 0, RID: SOURCE, payload: 0x7fff_ffff_ffff_f800n });

const RUNS = 60;

describe('taking a page away from a device that keeps translations', () => {
  const take = (...commands: bigint[]): Spec => ({
    commands,
    cpu(port, tail) {
      awaitRam(port, READY);
      store(port, ram(ENTRY, 8), 0n, 'entry');
      tail(commands.length);
      awaitRam(port, FENCE);
      store(port, ram(PAGE, 8), 666n, 'page');
    },
    // It has used the page before, so its function knows it.
    device(dma, out) {
      look(dma);
      dma.tryStore(IOVA + BigInt(READY), 4, 1, 'ready');
      out(look(dma));
    },
  });

  it('unit, function, wait: the next owner is never seen', () => {
    const found = sample(take(INVALIDATE, INVALIDATE_FUNCTION, DONE), RUNS);
    expect([...found].filter((outcome) => outcome !== '7' && outcome !== 'page')).toEqual([]);
    const refused = sample(take(INVALIDATE, INVALIDATE_FUNCTION, DONE), 20 * RUNS, 'page');
    expect([...found, ...refused]).toEqual(expect.arrayContaining(['7', 'page']));
  });

  it.each([
    ['without telling the function', [INVALIDATE, DONE]],
    ['the function before the unit', [INVALIDATE_FUNCTION, INVALIDATE, DONE]],
    ['without telling the unit', [INVALIDATE_FUNCTION, DONE]],
  ])('%s it is', (_, commands) => {
    expect([...sample(take(...commands), 20 * RUNS, '666')]).toContain('666');
  });

  it('telling the function twice, the last time behind the unit, is enough', () => {
    const found = sample(take(INVALIDATE_FUNCTION, INVALIDATE, INVALIDATE_FUNCTION, DONE), RUNS);
    expect([...found].filter((outcome) => outcome !== '7' && outcome !== 'page')).toEqual([]);
  });
});

describe('a page that is not there', () => {
  const respond = AtsCommand.encode({ opcode: 4, func3: 1, RID: SOURCE, payload: PageResponsePayload.encode({ PRGI: 0, code: 0, destination: SOURCE }) });
  const spec = (asks: boolean, fixes: boolean): Spec => ({
    commands: [respond],
    mapped: false,
    cpu(port, tail) {
      if (!asks) return;
      // Software waits for the request in the queue, maps the page, and answers.
      port.op({ kind: 'await', place: ram(REQUESTS + 8, 8), order: 'acquire', until: (v) => v !== 0n, name: 'request' });
      if (fixes) store(port, ram(ENTRY, 8), RISCV.leaf, 'entry');
      tail(1);
    },
    device(dma, out) {
      out(look(dma.as({ onFault: asks ? 'request' : 'report' })));
    },
  });

  it('is asked for, mapped, and read', () => {
    expect([...sample(spec(true, true), RUNS)]).toEqual(['7']);
  });
  it('or the fault is reported, and nobody is asked', () => {
    expect([...sample(spec(false, false), RUNS)]).toEqual(['page']);
  });
  it('a response that promised too much: it asks again, and waits for ever if nobody answers', () => {
    expect([...sample(spec(true, false), 5)]).toEqual([' hangs']);
  });
});

describe('the configuration space is registers of the agent', () => {
  it('a CPU that switches ATS off before the access makes it untranslated; the cache is empty then', () => {
    const spec: Spec = {
      commands: [],
      cpu(port) {
        store(port, { space: 'mmio', owner: 'fn0', address: 0x114, size: 4 }, 0, 'pri');
        store(port, { space: 'mmio', owner: 'fn0', address: 0x104, size: 4 }, 0, 'ats');
        const value = Number(port.op({ kind: 'load', place: { space: 'mmio', owner: 'fn0', address: 0x104, size: 4 }, order: 'full', name: 'ats' }));
        store(port, ram(READY, 4), value >>> 31 === 0 ? 1 : 2, 'ready');
      },
      device(dma, out, port) {
        port.op({ kind: 'await', place: ram(READY, 4), order: 'acquire', until: (v) => v !== 0, name: 'ready' });
        out(look(dma));
      },
      function: { registers: [0x104] },
    };
    expect([...sample(spec, 20)]).toEqual(['7']);
  });
});
