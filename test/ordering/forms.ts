// SPDX-License-Identifier: Apache-2.0
/** All outcomes of a small program by each form of the machine, and by the naive enumerator. */
import type { Strategy } from '@dmalab/core/base/choice';
import type { Place, Value } from '@dmalab/core/base/port';
import { EveryChoice } from '@dmalab/core/machine/explore-choices';
import { EveryTrace } from '@dmalab/core/machine/explore-traces';
import { OperationalMachine } from '@dmalab/core/machine/operational';
import { CORE_PROFILES, type CoreProfile } from '@dmalab/core/machine/profile';
import { EMPTY_STATE } from '@dmalab/core/memory/initial';
import { exploreGraph } from '@dmalab/core/ordering/graph/explore';
import type { Guide } from '@dmalab/core/ordering/guide';
import { exploreOperational } from '@dmalab/core/ordering/operational/explore';
import type { RuleTable } from '@dmalab/core/ordering/rules';
import { ARMV8 } from '@dmalab/core/ordering/tables/armv8';
import { DEVICE } from '@dmalab/core/ordering/tables/device';
import { RVWMO } from '@dmalab/core/ordering/tables/rvwmo';
import { STRICT } from '@dmalab/core/ordering/tables/strict';
import { X86_TSO } from '@dmalab/core/ordering/tables/x86-tso';
import { enumerate } from '../naive/enumerate.ts';
import { join, type Cut } from '../naive/runs.ts';
import * as naive from '../naive/models.ts';
import { outcomeOf, type Mini } from './mini.ts';
import { Dice } from './random-programs.ts';

export type ModelName = 'x86' | 'arm' | 'riscv' | 'strict';
export const TABLES: Record<ModelName, RuleTable> = { x86: X86_TSO, arm: ARMV8, riscv: RVWMO, strict: STRICT };
export const NAIVE: Record<ModelName, naive.Model> = { x86: naive.X86, arm: naive.AARCH64, riscv: naive.RISCV, strict: naive.STRICT };
const PROFILES: Record<ModelName, CoreProfile> = { x86: CORE_PROFILES['x86-64'], arm: CORE_PROFILES.arm64, riscv: { ...CORE_PROFILES.arm64, id: 'riscv64', ordering: RVWMO }, strict: CORE_PROFILES.strict };

const LINE = 64;

export interface Found {
  /** Sorted. */
  readonly outcomes: readonly string[];
  /** '' when everything was looked at. */
  readonly why: string;
  /** Executions, paths or candidates looked at. */
  readonly visited: number;
}
export interface FormOptions {
  /** Final memory belongs to the outcome. Default true. */
  readonly memory?: boolean;
  readonly loadStore?: 'kept' | 'free';
  readonly limit?: number;
  readonly table?: RuleTable;
  readonly deviceTable?: RuleTable;
  /** CPUs reach RAM through lines that the device does not see; outcomes are registers only. */
  readonly lines?: boolean;
}

export function byGraph(program: Mini, model: ModelName, o: FormOptions = {}): Found {
  const found = new Set<string>();
  const stats = exploreGraph({
    table: o.table ?? TABLES[model],
    deviceTable: o.deviceTable ?? DEVICE,
    agents: program.agents,
    initial: EMPTY_STATE,
    loadStore: o.loadStore ?? 'free',
    lineSize: o.lines === true ? LINE : 0,
    interrupts: program.routes,
    limits: { executions: o.limit ?? 200_000, events: 200 },
    onLeaf: (leaf) => {
      found.add(outcomeOf(program, (i) => program.agents[i]?.registers ?? new Map(), o.memory === false ? null : (place) => leaf.final(place)));
    },
  });
  return { outcomes: [...found].sort(), why: stats.why, visited: stats.leaves + stats.dead };
}

/** The litmus explorer of the operational form: RAM only, load→store reordering included. */
export function byOperational(program: Mini, model: ModelName, o: FormOptions = {}): Found {
  const found = new Set<string>();
  const stats = exploreOperational({
    table: o.table ?? TABLES[model],
    agents: program.agents,
    initial: EMPTY_STATE,
    loadStore: o.loadStore ?? 'free',
    limits: { executions: o.limit ?? 200_000 },
    onOutcome: (final) => {
      found.add(outcomeOf(program, (i) => program.agents[i]?.registers ?? new Map(), o.memory === false ? null : final));
    },
  });
  return { outcomes: [...found].sort(), why: stats.why, visited: stats.leaves + stats.dead };
}

/** The operational machine over every choice it asks: everything it models; loads keep before later stores. */
export function byMachine(program: Mini, model: ModelName, o: FormOptions & { readonly profile?: CoreProfile } = {}): Found {
  return machine(program, model, o, new EveryChoice());
}

/** The same without executions that differ only in the order of steps which do not influence each other. */
export function byTraces(program: Mini, model: ModelName, o: FormOptions & { readonly profile?: CoreProfile } = {}): Found {
  return machine(program, model, o, new EveryTrace());
}

function machine(program: Mini, model: ModelName, o: FormOptions & { readonly profile?: CoreProfile }, strategy: EveryChoice | EveryTrace): Found {
  const found = new Set<string>();
  let visited = 0;
  const profile = o.profile ?? PROFILES[model];
  do {
    const machine = new OperationalMachine({ profile: { ...profile, ordering: o.table ?? profile.ordering }, agents: program.agents, initial: EMPTY_STATE, strategy, observers: [], limits: { steps: 200, events: 0 }, interrupts: program.routes, lines: 'all' });
    const { reason, text } = machine.run();
    if (reason === 'stopped' && strategy instanceof EveryTrace) {
      visited += 1;
      continue;
    }
    if (reason !== 'quiescent') return { outcomes: [...found], why: `${reason}: ${text}`, visited };
    found.add(outcomeOf(program, (i) => program.agents[i]?.registers ?? new Map(), o.memory === false ? null : (place) => valueOf(place, [...machine.read(place.address, place.size)])));
    visited += 1;
    if (visited >= (o.limit ?? 200_000)) return { outcomes: [...found].sort(), why: `more than ${visited} runs`, visited };
  } while (strategy.advance());
  return { outcomes: [...found].sort(), why: '', visited };
}

export function byNaive(program: Mini, model: ModelName, o: FormOptions = {}): Found {
  const found = new Set<string>();
  let visited = 0;
  const cut = cutOf(program);
  enumerate({
    agents: program.agents,
    initial: () => 0,
    registers: (i) => new Map(program.agents[i]?.registers),
    model: o.loadStore === 'kept' ? naive.kept(NAIVE[model]) : NAIVE[model],
    routes: program.routes,
    cut,
    lines: o.lines ?? false,
    onOutcome: ({ registers, memory }) => {
      visited += 1;
      found.add(outcomeOf(program, (i) => registers[i] as Map<string, Value>, o.memory === false ? null : (place) => join(cut(place), cut(place).map((u) => memory.get(`ram:${place.address + u.offset}`) ?? 0), place.size)));
    },
  });
  return { outcomes: [...found].sort(), why: '', visited };
}

/** Memory cut where any access of the program begins or ends. */
function cutOf(program: Mini): Cut {
  const same = (a: Place, b: Place): boolean => a.space === b.space && a.owner === b.owner;
  return (place) => {
    const ends = program.accessed.filter((p) => same(p, place)).flatMap((p) => [p.address, p.address + p.size]).filter((e) => e > place.address && e < place.address + place.size);
    const at = [...new Set([place.address, ...ends])].sort((a, b) => a - b);
    return at.map((from, i) => ({ offset: from - place.address, size: (at[i + 1] ?? place.address + place.size) - from }));
  };
}

function valueOf(place: Place, bytes: readonly number[]): Value {
  const raw = bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  return place.size === 8 ? raw : Number(raw);
}

/** Outcomes of the machine led through every execution of the graph form. A guide that loses its way, or comes out elsewhere, is an outcome of its own. */
export function guided(program: Mini, model: ModelName, o: { readonly memory?: boolean; readonly profile?: CoreProfile } = {}): string[] {
  const registers = (i: number): ReadonlyMap<string, Value> => program.agents[i]?.registers ?? new Map();
  const leaves: { readonly guide: Guide; readonly outcome: string }[] = [];
  exploreGraph({ table: TABLES[model], agents: program.agents, initial: EMPTY_STATE, loadStore: 'kept', lineSize: o.profile?.coherent === false ? LINE : 0, interrupts: program.routes, limits: { executions: 200_000, events: 200 }, onLeaf: (leaf) => void leaves.push({ guide: leaf.linearise(), outcome: outcomeOf(program, registers, o.memory === false ? null : (place) => leaf.final(place)) }) });
  const found = new Set<string>();
  for (const { guide, outcome } of leaves) {
    const replayed = machineRun(program, model, guide, o.memory, o.profile);
    found.add(guide.diverged !== '' ? guide.diverged : replayed === outcome ? outcome : `${outcome} became ${replayed}`);
  }
  return [...found].sort();
}

/** Outcomes of some runs with dice; registers only where the profile is given. */
export function sampled(program: Mini, model: ModelName, runs: number, seed: number, profile?: CoreProfile): string[] {
  const dice = new Dice(seed);
  const found = new Set<string>();
  for (let i = 0; i < runs; i += 1) found.add(machineRun(program, model, { pick: ({ width }) => (dice.below(3) === 0 ? 0 : dice.below(width)), advance: () => false }, profile === undefined, profile));
  return [...found].sort();
}

function machineRun(program: Mini, model: ModelName, strategy: Strategy, memory = true, profile = PROFILES[model]): string {
  const machine = new OperationalMachine({ profile, agents: program.agents, initial: EMPTY_STATE, strategy, observers: [], limits: { steps: 200, events: 0 }, interrupts: program.routes, lines: 'all' });
  const { reason, text } = machine.run();
  if (reason !== 'quiescent') return `${reason}: ${text}`;
  return outcomeOf(program, (i) => program.agents[i]?.registers ?? new Map(), memory ? (place) => valueOf(place, [...machine.read(place.address, place.size)]) : null);
}

/** Sequential consistency: a table like any other. */
export const SC: RuleTable = {
  id: 'sc',
  title: 'sequential consistency',
  rows: [{ id: 'sc', on: { access: ['r', 'w', 'i', 'o', 'm'] }, before: ['rNew'], join: [['event', 'rNew']], source: 'Lamport 1979', evidence: 'section' }],
  idleFences: [],
  forwarding: false,
  singleCopyBytes: 8,
  switches: {},
  source: 'Lamport: How to make a multiprocessor computer that correctly executes multiprocess programs',
};
