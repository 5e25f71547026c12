// SPDX-License-Identifier: Apache-2.0
/**
 * Compares our outcome sets with an oracle's, one JSON object a line. A line is
 * a litmus case if it has `text` and `states`; any other line is counted as not
 * run, with the reason, never skipped.
 */
import { parseLitmus } from './parse.ts';
import { HERD_758, MODELS, runLitmus, type LitmusRun, type RunOptions } from './run.ts';
import { LitmusError } from './source.ts';
import type { LitmusTest } from './test.ts';

export interface OracleCase {
  /** Line of the file, from 1. */
  readonly line: number;
  readonly name: string;
  readonly text: string;
  readonly states: readonly string[];
  /** Always, Sometimes or Never, where the oracle says so. */
  readonly observation: string | null;
  /** The oracle's number of consistent executions. */
  readonly executions: number | null;
  /** Answered by herd7 7.58, whose NSH barriers order nothing. */
  readonly nshIsWeak: boolean;
}

/** A line that is no case at all. */
export interface BadLine {
  readonly line: number;
  readonly name: string;
  readonly why: string;
}
export type OracleLine = OracleCase | BadLine;
export const isBad = (line: OracleLine): line is BadLine => !('text' in line);

/** Reads a file of cases. What a line lacks is said in its `why`. */
export function readOracle(text: string): OracleLine[] {
  const out: OracleLine[] = [];
  text.replace(/^\uFEFF/, '').split('\n').forEach((row, i) => {
    if (row.trim() === '') return;
    out.push(readLine(row, i + 1));
  });
  return out;
}

function readLine(row: string, line: number): OracleLine {
  let data: unknown;
  try {
    data = JSON.parse(row);
  } catch {
    return { line, name: `line ${line}`, why: 'not JSON' };
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return { line, name: `line ${line}`, why: 'not a JSON object' };
  const keys = new Map(Object.entries(data));
  const name = keys.get('name') ?? keys.get('id');
  const title = typeof name === 'string' ? name : `line ${line}`;
  const expected = keys.get('spec_expect') ?? keys.get('states') ?? keys.get('expect');
  const program = keys.get('text');
  if (typeof program !== 'string' || !Array.isArray(expected)) return { line, name: title === `line ${line}` ? title : `line ${line}, ${title}`, why: 'not a litmus case: expected the keys "text" (a string) and "states" (a list)' };
  const verdict = keys.get('condition_ok');
  const executions = keys.get('executions');
  const caveat = keys.get('caveat');
  return {
    line,
    name: title,
    text: program,
    states: expected.map(String),
    observation: typeof verdict === 'string' ? verdict : null,
    executions: typeof executions === 'number' ? executions : null,
    nshIsWeak: typeof caveat === 'string' && caveat.includes('NSH'),
  };
}

export type Comparison =
  | { readonly kind: 'agrees'; readonly name: string; readonly executions: number; readonly dead: number }
  | { readonly kind: 'disagrees'; readonly name: string; readonly missing: readonly string[]; readonly extra: readonly string[]; readonly observation: string | null }
  | { readonly kind: 'not-run'; readonly name: string; readonly why: string };

export type Runner = (test: LitmusTest, options: RunOptions) => LitmusRun;

/** Runs one case and compares complete state sets, both directions. */
export function compareCase(c: OracleLine, runner: Runner = runLitmus): Comparison {
  if (isBad(c)) return { kind: 'not-run', name: c.name, why: c.why };
  let test: LitmusTest;
  try {
    test = parseLitmus(c.text);
  } catch (error) {
    if (error instanceof LitmusError) return { kind: 'not-run', name: c.name, why: error.message };
    throw error;
  }
  const run = runner(test, { table: (c.nshIsWeak ? HERD_758 : MODELS)[test.arch] });
  if (!run.complete) return { kind: 'not-run', name: c.name, why: `not complete: ${run.why}` };
  const ours = new Map(run.states.map((s) => [normal(s.key), s.key]));
  const theirs = new Map(c.states.map((s) => [normal(s), s]));
  const missing = [...theirs].filter(([k]) => !ours.has(k)).map(([, s]) => s);
  const extra = [...ours].filter(([k]) => !theirs.has(k)).map(([, s]) => s);
  const observation = c.observation !== null && c.observation !== run.observation ? `${run.observation}, expected ${c.observation}` : null;
  if (missing.length > 0 || extra.length > 0 || observation !== null) return { kind: 'disagrees', name: c.name, missing, extra, observation };
  return { kind: 'agrees', name: c.name, executions: run.positive + run.negative, dead: run.dead };
}

/** `k=v` pairs in one order, without blanks and without the brackets of plain locations. */
function normal(state: string): string {
  return state
    .split(';')
    .map((pair) => pair.replace(/\s+/g, '').replace(/^\[(\w+)\]=/, '$1='))
    .filter((pair) => pair !== '')
    .sort()
    .join(';');
}

export interface OracleSummary {
  readonly agree: number;
  readonly disagree: number;
  readonly notRun: number;
  readonly executions: number;
  readonly dead: number;
}

/** Compares every case; `onCase` sees each as it is done. */
export function compareAll(cases: readonly OracleLine[], onCase: (comparison: Comparison, done: number) => void = () => undefined, runner: Runner = runLitmus): OracleSummary {
  const count = { agrees: 0, disagrees: 0, 'not-run': 0 };
  let executions = 0;
  let dead = 0;
  cases.forEach((c, i) => {
    const comparison = compareCase(c, runner);
    count[comparison.kind] += 1;
    if (comparison.kind === 'agrees') {
      executions += comparison.executions;
      dead += comparison.dead;
    }
    onCase(comparison, i + 1);
  });
  return { agree: count.agrees, disagree: count.disagrees, notRun: count['not-run'], executions, dead };
}

/** One line for people: what is missing, what is extra. */
export function describeComparison(c: Comparison): string {
  switch (c.kind) {
    case 'agrees':
      return `${c.name}: agrees`;
    case 'not-run':
      return `${c.name}: not run: ${c.why}`;
    case 'disagrees':
      return `${c.name}: ${[c.missing.length > 0 ? `missing ${c.missing.join(' | ')}` : '', c.extra.length > 0 ? `extra ${c.extra.join(' | ')}` : '', c.observation ?? ''].filter((s) => s !== '').join('; ')}`;
  }
}

export const describeSummary = (s: OracleSummary): string => `${s.agree} agree, ${s.disagree} disagree, ${s.notRun} not run`;
