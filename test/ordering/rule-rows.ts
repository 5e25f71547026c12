// SPDX-License-Identifier: Apache-2.0
/**
 * Rows that state what the rules beyond the published models allow. Each is a
 * small program with one or two gaps (`%`, `@`) and, per model and filling, all its outcomes:
 * those of the row, and the ones in question if the filling does not forbid them.
 */
import { mini, type Mini } from './mini.ts';
import type { ModelName } from './forms.ts';

/** `load-store`: only where a load may be passed by a later store of its CPU. */
export type Answer = 'allowed' | 'forbidden' | 'load-store';

export interface RuleRow {
  readonly id: string;
  readonly story: string;
  /** Manual and section, or kernel document. */
  readonly source: string;
  /** Notation of `mini.ts`. */
  readonly program: string;
  readonly interrupt?: 'intx';
  /** Reachable whatever fills the gaps: `a=0 b=1`, registers in the order of the program, `r` left out. */
  readonly outcomes: readonly string[];
  readonly question: readonly string[];
  readonly cases: readonly (readonly [model: ModelName, filling: string, answer: Answer])[];
}

export interface RuleCase {
  readonly name: string;
  readonly model: ModelName;
  readonly program: Mini;
  /** Sorted, with load→store reordering. */
  readonly free: readonly string[];
  /** Sorted, without. */
  readonly kept: readonly string[];
}

export function casesOf(row: RuleRow): RuleCase[] {
  return row.cases.map(([model, filling, answer]) => {
    const [one = '', two = ''] = filling.split('@').map((s) => s.trim());
    const asked = (when: boolean): string[] => [...row.outcomes, ...(when ? row.question : [])].sort();
    return { name: `${row.id} on ${model}: ${filling === '' ? 'nothing' : filling}`, model, program: mini(row.program.replace('%', one).replace('@', two), row.interrupt ?? 'msi'), free: asked(answer !== 'forbidden'), kept: asked(answer === 'allowed') };
  });
}

/** Outcomes as rows write them. */
export function short(outcomes: readonly string[]): string[] {
  return [...new Set(outcomes.map((o) => o.split(' ').map((part) => part.slice(part.indexOf('.') + 1)).filter((part) => !part.startsWith('r=')).join(' ')))].sort();
}
