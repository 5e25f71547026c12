// SPDX-License-Identifier: Apache-2.0
/** Runs one litmus test: all executions, their final states, herd's verdict. Any form that can enumerate executions may stand behind it. */
import type { Place, Size, Value } from '@dmalab/core/base/port';
import { initialState } from '@dmalab/core/memory/initial';
import { exploreGraph } from '@dmalab/core/ordering/graph/explore';
import type { Leaf } from '@dmalab/core/ordering/graph/leaf';
import { withSwitches, type RuleTable } from '@dmalab/core/ordering/rules';
import { ARMV8 } from '@dmalab/core/ordering/tables/armv8';
import { RVWMO } from '@dmalab/core/ordering/tables/rvwmo';
import { X86_TSO } from '@dmalab/core/ordering/tables/x86-tso';
import { holds, refKey, type Valuation } from './condition.ts';
import { isAddress, scalarValue, showValue, type CType } from './memory-map.ts';
import type { Arch, LitmusTest, MemoryLocation, Ref } from './test.ts';
import { threadAgent, type ThreadAgent, type Word } from './thread.ts';

export const MODELS: Record<Arch, RuleTable> = { AArch64: ARMV8, RISCV: RVWMO, X86_64: X86_TSO, X86: X86_TSO };
/** As herd7 7.58 has it: DMB NSH orders nothing between threads. Arm gives it the strength of SY since 2026. */
export const HERD_758: Record<Arch, RuleTable> = { ...MODELS, AArch64: withSwitches(ARMV8, { nsh: 'none' }) };

export interface RunOptions {
  readonly table?: RuleTable;
  /** Executions and dead branches of all passes together. */
  readonly executions?: number;
  readonly loadStore?: 'kept' | 'free';
  /** Called for each execution with its state. */
  readonly onExecution?: (leaf: Leaf, state: State) => void;
}

export interface State {
  /** `k=v;k=v`, as the oracle files write it. */
  readonly key: string;
  readonly values: readonly { readonly name: string; readonly value: string }[];
  readonly satisfies: boolean;
}

export interface LitmusRun {
  readonly states: readonly (State & { readonly executions: number })[];
  /** Executions that satisfy the condition's proposition, and that do not. */
  readonly positive: number;
  readonly negative: number;
  readonly dead: number;
  readonly passes: number;
  readonly observation: 'Always' | 'Sometimes' | 'Never';
  /** Whether the quantified condition holds. */
  readonly ok: boolean;
  readonly complete: boolean;
  /** Why not complete; '' if it is. */
  readonly why: string;
}

export interface Prepared {
  readonly agents: readonly ThreadAgent[];
  readonly initial: ReturnType<typeof initialState>;
  /** Reads the final state; `final` gives memory, `largest` the size of the largest write that starts at an address; `finished` registers, by default those of the last run. */
  readonly state: (final: (place: Place) => Value, largest: (address: number) => number, finished?: (thread: number) => readonly Word[]) => State & { readonly filtered: boolean };
}

export const ramPlace = (address: number, size: Size): Place => ({ space: 'ram', owner: '', address, size });

/** Makes agents of the threads, and bytes of the initial state. */
export function prepare(test: LitmusTest): Prepared {
  const addresses = new Map(test.memory.map((m) => [m.name, m.address]));
  const ram = test.memory.flatMap((m) => m.values.map((v, i) => ({ address: m.address + i * m.size, bytes: littleEndian(scalarValue(v, addresses), m.size) })));
  const slots = Math.max(0, ...test.threads.flatMap((t) => t.registers.map((r) => r.slot))) + 64;
  const agents = test.threads.map((t) => threadAgent(`P${t.index}`, slots, new Map(t.registers.map((r) => [r.slot, BigInt.asUintN(64, scalarValue(r.value, addresses))])), t.labels, t.code));
  const byName = new Map(test.memory.map((m) => [m.name, m]));
  const types = new Map<string, CType>(test.threads.flatMap((t) => t.registers.flatMap((r) => (r.type === null ? [] : [[`${t.index}:${r.name}`, r.type] as const]))));
  const threadOf = new Map(test.threads.map((t, i) => [t.index, i]));
  return {
    agents,
    initial: initialState({ ram }),
    state(final, largest, finished = (thread) => agents[thread]?.finished() ?? []) {
      const memory = (name: string, index: number): { value: bigint; location: MemoryLocation } => {
        const location = byName.get(name);
        if (location === undefined) throw new RangeError(`no location "${name}"`);
        const size = location.typed || location.isArray ? location.size : sizeFor(Math.max(location.size, largest(location.address)));
        const raw = BigInt(final(ramPlace(location.address + index * location.size, size)));
        return { value: location.signed ? BigInt.asIntN(8 * size, raw) : raw, location };
      };
      // A register shows as much as its type says. Without one it is an int to herd; we show what exceeds an int whole.
      const register = (ref: Extract<Ref, { kind: 'register' }>): bigint => {
        const raw = finished(threadOf.get(ref.thread) ?? -1)[test.slotOf(ref.name)]?.value ?? 0n;
        const type = types.get(refKey(ref));
        return type === undefined || isAddress(raw, test.memory) ? BigInt.asIntN(64, raw) : type.signed ? BigInt.asIntN(8 * type.size, raw) : BigInt.asUintN(8 * type.size, raw);
      };
      const valuation: Valuation = {
        get: (ref) => (ref.kind === 'register' ? register(ref) : memory(ref.name, ref.index ?? 0).value),
        element: (name, index) => memory(name, index).value,
        scalar: (scalar) => scalarValue(scalar, addresses),
      };
      const values = test.observed.map((ref) => {
        if (ref.kind === 'register') return { name: refKey(ref), value: showValue(register(ref), 64, types.get(refKey(ref))?.signed !== false, test.memory) };
        const location = byName.get(ref.name);
        if (location?.isArray === true && ref.index === null) return { name: ref.name, value: `{${location.values.map((_, i) => showValue(memory(ref.name, i).value, 64, location.signed, test.memory)).join(',')}}` };
        return { name: refKey(ref), value: showValue(memory(ref.name, ref.index ?? 0).value, 64, location?.signed !== false, test.memory) };
      });
      return { key: values.map((v) => `${v.name}=${v.value}`).join(';'), values, satisfies: holds(test.condition, valuation), filtered: test.filter !== null && !holds(test.filter, valuation) };
    },
  };
}

/** Runs a test by the graph form. */
export function runLitmus(test: LitmusTest, options: RunOptions = {}): LitmusRun {
  const prepared = prepare(test);
  const states = new Map<string, State & { executions: number }>();
  let positive = 0;
  let negative = 0;
  const stats = exploreGraph({
    table: options.table ?? MODELS[test.arch],
    agents: prepared.agents,
    initial: prepared.initial,
    loadStore: options.loadStore ?? 'free',
    limits: { executions: options.executions ?? 2_000_000, events: 2_000 },
    onLeaf: (leaf) => {
      const { filtered, ...state } = prepared.state((place) => leaf.final(place), (address) => largestWrite(leaf, address));
      if (filtered) return;
      const known = states.get(state.key);
      if (known === undefined) states.set(state.key, { ...state, executions: 1 });
      else known.executions += 1;
      if (state.satisfies) positive += 1;
      else negative += 1;
      options.onExecution?.(leaf, state);
    },
  });
  const sorted = [...states.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  const observation = positive === 0 ? 'Never' : negative === 0 ? 'Always' : 'Sometimes';
  const ok = test.quantifier === 'exists' ? positive > 0 : test.quantifier === '~exists' ? positive === 0 : negative === 0;
  return { states: sorted, positive, negative, dead: stats.dead, passes: stats.passes, observation, ok, complete: stats.complete, why: stats.why };
}

/** Bytes of the largest write of a leaf that starts at an address. */
export function largestWrite(leaf: Leaf, address: number): number {
  let size = 0;
  for (const event of leaf.events) if (event.kind === 'write' && event.place.address === address) size = Math.max(size, event.place.size);
  return size;
}

const sizeFor = (bytes: number): Size => (bytes > 4 ? 8 : bytes > 2 ? 4 : bytes === 2 ? 2 : 1);

function littleEndian(value: bigint, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Number(BigInt.asUintN(8, value >> BigInt(8 * i))));
}
