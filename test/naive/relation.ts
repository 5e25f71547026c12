// SPDX-License-Identifier: Apache-2.0
/** Relations over the events of one execution as boolean matrices, with the operators a cat file has. Slow and plain on purpose. */

export type Relation = readonly (readonly boolean[])[];

export const relation = (n: number, holds: (i: number, j: number) => boolean): Relation => Array.from({ length: n }, (_, i) => Array.from({ length: n }, (__, j) => holds(i, j)));
export const union = (...rs: readonly Relation[]): Relation => relation(rs[0]?.length ?? 0, (i, j) => rs.some((r) => r[i]?.[j] === true));
export const intersect = (a: Relation, b: Relation): Relation => relation(a.length, (i, j) => a[i]?.[j] === true && b[i]?.[j] === true);
export const sequence = (a: Relation, b: Relation): Relation => relation(a.length, (i, j) => (a[i] ?? []).some((x, k) => x && b[k]?.[j] === true));
/** `[set]` of a cat file. */
export const only = (n: number, member: (i: number) => boolean): Relation => relation(n, (i, j) => i === j && member(i));

export function closure(r: Relation): Relation {
  const m = r.map((row) => [...row]);
  for (let k = 0; k < m.length; k += 1) for (const row of m) if (row[k] === true) m[k]?.forEach((x, j) => (row[j] = row[j] === true || x));
  return m;
}
export const acyclic = (r: Relation): boolean => closure(r).every((row, i) => row[i] !== true);
