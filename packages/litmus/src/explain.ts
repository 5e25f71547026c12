// SPDX-License-Identifier: Apache-2.0
/**
 * Answers "why?" about a test's condition. Allowed: the execution that shows
 * it. Forbidden: the execution that would, found without the ordering rules,
 * and the cycle in it with the rule on each edge.
 */
import { exploreGraph } from '@dmalab/core/ordering/graph/explore';
import { edgesOf, shortestCycle, type Edge } from '@dmalab/core/ordering/graph/explain';
import type { GraphEvent } from '@dmalab/core/ordering/graph/execution';
import type { Leaf } from '@dmalab/core/ordering/graph/leaf';
import type { RuleTable } from '@dmalab/core/ordering/rules';
import { showValue } from './memory-map.ts';
import { largestWrite, MODELS, prepare } from './run.ts';
import type { LitmusTest } from './test.ts';

export interface ExplainedEdge {
  readonly from: string;
  readonly to: string;
  /** Id of a rule, or `reads-from`, `coherence`, `from-read`. Where an instruction in between keeps the order, the rule is that one's. */
  readonly rule: string;
  /** The barrier, acquire or branch that keeps the two in order, and where it stands; '' if the two accesses alone do. */
  readonly instruction: string;
  /** Manual and section of a rule. */
  readonly source: string;
  readonly evidence: string;
}
export type Explanation =
  | { readonly kind: 'allowed'; readonly state: string; readonly events: readonly string[] }
  | { readonly kind: 'forbidden'; readonly state: string; readonly cycle: readonly ExplainedEdge[] }
  /** Even without the ordering rules no execution ends like that. */
  | { readonly kind: 'impossible' };

export function explain(test: LitmusTest, table: RuleTable = MODELS[test.arch], executions = 200_000): Explanation {
  const allowed = firstThatSatisfies(test, table, executions, (leaf, state) => ({ kind: 'allowed', state, events: listing(test, leaf) }));
  if (allowed !== null) return allowed;
  let best: Extract<Explanation, { kind: 'forbidden' }> | null = null;
  const weak: RuleTable = { ...table, rows: [], idleFences: [...table.idleFences, ...table.rows.flatMap((r) => ('fence' in r.on ? r.on.fence : []))] };
  const agents = prepare(test).agents;
  firstThatSatisfies(test, withRiscvFences(weak, table), executions, (leaf, state) => {
    const cycle = shortestCycle(edgesOf(leaf, agents, table));
    if (cycle !== null && (best === null || cycle.length < best.cycle.length)) best = { kind: 'forbidden', state, cycle: cycle.map((e) => explained(test, e)) };
    return null;
  });
  return best ?? { kind: 'impossible' };
}

/** Fences written as sets stay known when their rows are gone. */
function withRiscvFences(weak: RuleTable, table: RuleTable): RuleTable {
  const row = table.rows.find((r) => 'pred' in r.on);
  return row === undefined ? weak : { ...weak, rows: [{ ...row, join: [] }] };
}

function firstThatSatisfies(test: LitmusTest, table: RuleTable, executions: number, found: (leaf: Leaf, state: string) => Explanation | null): Explanation | null {
  const prepared = prepare(test);
  let explanation: Explanation | null = null;
  exploreGraph({
    table,
    agents: prepared.agents,
    initial: prepared.initial,
    loadStore: 'free',
    limits: { executions, events: 2_000 },
    onLeaf: (leaf) => {
      const state = prepared.state((place) => leaf.final(place), (address) => largestWrite(leaf, address));
      if (state.filtered || !state.satisfies) return undefined;
      explanation = found(leaf, state.key);
      return explanation === null ? undefined : 'stop';
    },
  });
  return explanation;
}

function describe(test: LitmusTest, event: GraphEvent): string {
  const at = test.memory.find((m) => event.place.address >= m.address && event.place.address < m.address + 0x1000);
  const name = at === undefined ? `0x${event.place.address.toString(16)}` : event.place.address === at.address ? at.name : `${at.name}+${event.place.address - at.address}`;
  const instruction = 'name' in event.op ? event.op.name : undefined;
  return `P${test.threads[event.agent]?.index ?? event.agent}: ${event.kind === 'read' ? 'reads' : 'writes'} ${name}=${showValue(BigInt(event.value), 64, true, test.memory)}${instruction === undefined ? '' : ` (${instruction})`}`;
}

function explained(test: LitmusTest, edge: Edge): ExplainedEdge {
  const ends = { from: describe(test, edge.from), to: describe(test, edge.to) };
  if (edge.why.kind !== 'rule') return { ...ends, rule: edge.why.kind, instruction: '', source: '', evidence: '' };
  const { row, op } = edge.why.through ?? { row: edge.why.row, op: null };
  const isEnd = op !== null && [edge.from, edge.to].some((e) => e.op.site === op.site);
  return { ...ends, rule: row.id, instruction: op === null || isEnd ? '' : nameOf(op), source: row.source, evidence: row.evidence };
}

/** `DMB ST (P0, line 7)`. */
function nameOf(op: GraphEvent['op']): string {
  const name = op.kind === 'fence' ? op.as : 'name' in op ? op.name : undefined;
  return `${name ?? (op.kind === 'branch' ? 'the branch' : op.kind)}${op.site == null ? '' : ` (${op.site.file}, line ${op.site.line})`}`;
}

/** Events thread by thread, each read with where its value came from. */
function listing(test: LitmusTest, leaf: Leaf): string[] {
  return leaf.events.map((event) => {
    const sources = event.reads.map(({ source }) => (source !== null && 'event' in source ? `P${test.threads[source.event.agent]?.index ?? 0}` : 'the initial state'));
    return `${describe(test, event)}${sources.length === 0 ? '' : `, from ${[...new Set(sources)].join(' and ')}`}`;
  });
}

/** As people read it, one line an event or an edge. */
export function printExplanation(e: Explanation): string {
  switch (e.kind) {
    case 'allowed':
      return `Allowed: ${e.state}\n${e.events.map((line) => `  ${line}\n`).join('')}`;
    case 'forbidden':
      return `Forbidden: ${e.state} needs a cycle\n${e.cycle.map((c) => `  ${c.from}\n    before, by ${c.instruction === '' ? '' : `${c.instruction}: `}${c.rule}${c.source === '' ? '' : ` (${c.source}; ${c.evidence})`},\n`).join('')}  ${e.cycle[0]?.from ?? ''}\n`;
    case 'impossible':
      return 'Impossible: no execution ends like this, whatever the ordering rules (coherence of one location, or the values, forbid it)\n';
  }
}
