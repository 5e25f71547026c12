// SPDX-License-Identifier: Apache-2.0
/**
 * Recorded answers of other IOMMUs, one JSON object a line, told apart by their
 * keys. A line that cannot be run is counted as not run, with the reason.
 */
import { Fields, FormatError } from './json.ts';
import { machineVector } from './machine-file.ts';
import { narrate } from './narrate.ts';
import { compareSecond, runVector } from './riscv-oracle.ts';
import { compareSmmu } from './smmu-oracle.ts';
import type { Telling } from './tell.ts';
import { tellRiscv } from './tell-riscv.ts';
import { tellSmmu } from './tell-smmu.ts';
import { tellVtd } from './tell-vtd.ts';
import { compareVtd } from './vtd-oracle.ts';

const NO_VECTOR = 'not a vector of an IOMMU: expected the keys caps and steps, cls and second, ecap and dma, or idr and dma';

/** The line is in order; what it speaks of is elsewhere. */
class NotAtHand extends FormatError {}

export type IommuFormat = 'riscv' | 'riscv-second' | 'vtd' | 'smmuv3';

/** Which IOMMU format the first line of a file has, or a later one where the first are broken; null for any other file. */
export function iommuFormat(text: string): IommuFormat | null {
  for (const row of text.split('\n', 64).filter((line) => line.trim() !== '')) {
    try {
      return formatOf(new Fields(JSON.parse(row), 'line'));
    } catch {
      // A line that is no object says nothing about the file.
    }
  }
  return null;
}

function formatOf(line: Fields): IommuFormat | null {
  if (line.has('caps') && line.has('steps')) return 'riscv';
  if (line.has('cls') && line.has('second')) return 'riscv-second';
  if (line.has('ecap') && line.has('dma')) return 'vtd';
  return line.has('idr') && line.has('dma') ? 'smmuv3' : null;
}

export type IommuComparison =
  | { readonly kind: 'agrees'; readonly name: string }
  | { readonly kind: 'disagrees'; readonly name: string; readonly problems: readonly string[] }
  | { readonly kind: 'not-run'; readonly name: string; readonly why: string; /** The line is at fault: it is no vector. */ readonly malformed: boolean };

export interface IommuSummary {
  readonly agree: number;
  readonly disagree: number;
  readonly notRun: number;
  /** Those of them that are no vectors. */
  readonly malformed: number;
  /** Steps with a recorded list of table accesses, and those whose order is ours too. */
  readonly walks: number;
  readonly sameWalks: number;
}

/** Files that lie beside a list of a second model's answers: they hold the vectors it speaks of. */
export const COMPANIONS = ['riscv-iommu.jsonl', 'riscv-iommu-quirks.jsonl'] as const;

/** Compares every line. `companions`: texts to find the vectors in that a line only names. */
export function compareIommu(text: string, companions: readonly string[] = [], onLine: (comparison: IommuComparison, done: number) => void = () => undefined): IommuSummary {
  const count = { agrees: 0, disagrees: 0, 'not-run': 0 };
  const walks = { all: 0, same: 0 };
  let malformed = 0;
  const known = lazily(() => vectorsOf(companions));
  const rows = text.split('\n');
  rows.forEach((row, i) => {
    if (row.trim() === '') return;
    const comparison = compareLine(row, i + 1, known, walks);
    count[comparison.kind] += 1;
    if (comparison.kind === 'not-run' && comparison.malformed) malformed += 1;
    onLine(comparison, i + 1);
  });
  return { agree: count.agrees, disagree: count.disagrees, notRun: count['not-run'], malformed, walks: walks.all, sameWalks: walks.same };
}

function compareLine(row: string, number: number, known: () => ReadonlyMap<string, Fields>, walks: { all: number; same: number }): IommuComparison {
  let name = `line ${number}`;
  try {
    const line = new Fields(JSON.parse(row), name);
    if (line.has('id')) name = line.text('id');
    const problems = problemsOf(line, known, walks);
    return problems.length === 0 ? { kind: 'agrees', name } : { kind: 'disagrees', name, problems };
  } catch (error) {
    if (error instanceof FormatError) return { kind: 'not-run', name, why: error.message, malformed: !(error instanceof NotAtHand) };
    if (error instanceof SyntaxError) return { kind: 'not-run', name, why: `not JSON: ${error.message}`, malformed: true };
    throw error;
  }
}

function problemsOf(line: Fields, known: () => ReadonlyMap<string, Fields>, walks: { all: number; same: number }): readonly string[] {
  switch (formatOf(line)) {
    case 'riscv': {
      const run = runVector(line);
      walks.all += run.walks;
      walks.same += run.sameWalks;
      return run.problems;
    }
    case 'riscv-second': {
      const vector = known().get(line.text('id'));
      if (vector === undefined) throw new NotAtHand(`the vector is not at hand; expected it in ${COMPANIONS.join(' or ')} beside this file`);
      return compareSecond(line, vector);
    }
    case 'vtd':
      return compareVtd(line);
    case 'smmuv3':
      return compareSmmu(line);
    case null:
      throw new FormatError(NO_VECTOR);
  }
}

function vectorsOf(texts: readonly string[]): Map<string, Fields> {
  const out = new Map<string, Fields>();
  for (const text of texts) {
    for (const row of text.split('\n')) {
      if (row.trim() === '') continue;
      try {
        const line = new Fields(JSON.parse(row), 'vector');
        if (formatOf(line) === 'riscv') out.set(line.text('id'), line);
      } catch (error) {
        if (!(error instanceof FormatError || error instanceof SyntaxError)) throw error;
      }
    }
  }
  return out;
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

/** One line for people; the first differences only. */
export function describeIommu(c: IommuComparison): string {
  switch (c.kind) {
    case 'agrees':
      return `${c.name}: agrees`;
    case 'not-run':
      return `${c.name}: not run: ${c.why}`;
    case 'disagrees':
      return `${c.name}: ${c.problems.slice(0, 4).join('; ')}${c.problems.length > 4 ? `; and ${c.problems.length - 4} more` : ''}`;
  }
}

/** The `n`-th vector of a file, from 1, or the one with that id, told step by step. */
export function narrateVector(text: string, which: string): readonly string[] | null {
  const row = vectorLine(text, which);
  return row === null ? null : narrate(tellVector(new Fields(JSON.parse(row), which)));
}

/** A machine file, told step by step. @param name what it is called where it does not say */
export function narrateMachine(text: string, name: string): readonly string[] {
  return narrate(tellVector(machineVector(text, name)));
}

/** The line of a file that holds the `n`-th vector, from 1, or the one with that id. */
export function vectorLine(text: string, which: string): string | null {
  const rows = text.split('\n').filter((row) => row.trim() !== '');
  return (/^\d+$/.test(which) ? rows[Number(which) - 1] : rows.find((candidate) => idOf(candidate, which) === which)) ?? null;
}

/** The id of a line; lines that cannot have the one looked for are not parsed. */
function idOf(row: string, which: string): unknown {
  if (!row.includes(JSON.stringify(which))) return undefined;
  try {
    const value: unknown = JSON.parse(row);
    return typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined;
  } catch {
    return undefined;
  }
}

/** @throws FormatError when it is no vector, or of a kind that cannot be told */
export function tellVector(vector: Fields): Telling {
  switch (formatOf(vector)) {
    case 'riscv':
      return tellRiscv(vector);
    case 'vtd':
      return tellVtd(vector);
    case 'smmuv3':
      return tellSmmu(vector);
    case 'riscv-second':
      throw new FormatError(`a line of a second model's answers; the vector that it speaks of has the same id, in ${COMPANIONS.join(' or ')}`);
    case null:
      throw new FormatError(NO_VECTOR);
  }
}
