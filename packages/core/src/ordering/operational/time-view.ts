// SPDX-License-Identifier: Apache-2.0
/**
 * The operational view: a point in time of each order (CPUs', everyone's) and
 * the tokens of writes that have no time yet. Joining takes the later point
 * and forgets tokens that got theirs.
 */
import type { Token } from '../../memory/history.ts';
import type { Layered, ViewAlgebra } from '../views.ts';

export interface TimeView {
  readonly c: number;
  readonly a: number;
  readonly tokens: readonly Token[];
}

const NO_TOKENS: readonly Token[] = [];
export const START: TimeView = { c: 0, a: 0, tokens: NO_TOKENS };

/** What was visible to everybody at a time. */
export function at(time: number): TimeView {
  return time === 0 ? START : { c: time, a: time, tokens: NO_TOKENS };
}

export function ofToken(token: Token): TimeView {
  return token.c > 0 && token.a > 0 ? { c: token.c, a: token.a, tokens: NO_TOKENS } : { c: token.c, a: 0, tokens: [token] };
}

export function join(x: TimeView, y: TimeView): TimeView {
  if (x === START || x === y) return y;
  if (y === START) return x;
  let { c, a } = x;
  if (y.c > c) c = y.c;
  if (y.a > a) a = y.a;
  if (x.tokens.length === 0 && y.tokens.length === 0) {
    if (c === x.c && a === x.a) return x;
    if (c === y.c && a === y.a) return y;
    return { c, a, tokens: NO_TOKENS };
  }
  const tokens: Token[] = [];
  for (const list of [x.tokens, y.tokens]) {
    for (const token of list) {
      if (token.c > c) c = token.c;
      if (token.a > a) a = token.a;
      if ((token.c === 0 || token.a === 0) && !tokens.includes(token)) tokens.push(token);
    }
  }
  return { c, a, tokens };
}

export const TIME_VIEWS: ViewAlgebra<TimeView> = { empty: START, join };

/** The view with what its tokens have got meanwhile. */
export function settle(view: TimeView): TimeView {
  return view.tokens.length === 0 ? view : join(view, { c: 0, a: 0, tokens: view.tokens });
}

/** The earliest a load may be, given its pre-view: points of the CPUs' and of everyone's order. */
export function bounds(pre: Layered<TimeView>): { readonly c: number; readonly a: number } {
  const all = settle(pre.all);
  const cpu = pre.cpu === START ? START : settle(pre.cpu);
  return { c: Math.max(all.c, cpu.c), a: all.a };
}

/** Whether the CPUs have everything the pre-view asks for. */
export function readyForCpus(pre: Layered<TimeView>): boolean {
  for (const token of pre.all.tokens) if (token.c === 0) return false;
  for (const token of pre.cpu.tokens) if (token.c === 0) return false;
  return true;
}

/** Whether everyone has everything an `all` edge asks for. */
export function readyForAll(pre: Layered<TimeView>): boolean {
  for (const token of pre.all.tokens) if (token.a === 0) return false;
  return true;
}

/** Tokens that keep an access from being performed; `stage` says for whom it is to be performed. */
export function openTokens(pre: Layered<TimeView>, stage: 'cpu' | 'all'): Token[] {
  const open: Token[] = [];
  for (const token of pre.all.tokens) if (token.c === 0 || (stage === 'all' && token.a === 0)) open.push(token);
  for (const token of pre.cpu.tokens) if (token.c === 0 && !open.includes(token)) open.push(token);
  return open;
}
