// SPDX-License-Identifier: Apache-2.0
/**
 * Replay tokens: one execution as text. A token lists what deviated from the
 * plain run and what it was made with, so that a link can say which part of it
 * no longer fits. Form: `d1.` + base64url of canonical JSON + 6 hex digits of
 * checksum, so a link that a mail client cut is told from a wrong one.
 */
import type { ChoiceKind, Deviation } from '@dmalab/core/base/choice';

/** What the token was made with. Hashes are the first 12 hex digits of a SHA-256. */
export interface TokenOrigin {
  readonly engine: string;
  readonly lab: string;
  readonly code: string;
  readonly workload: string;
  readonly profile: string;
}

export interface Token extends TokenOrigin {
  readonly deviations: readonly Deviation[];
  /** Items of the workload that were dropped: `task[1]`, `nic0[0]`, `faults[0]`. */
  readonly without: readonly string[];
}

export type TokenResult = { readonly ok: true; readonly token: Token } | { readonly ok: false; readonly error: string };

const PREFIX = 'd1.';
/** A link must fit where links are pasted. */
export const TOKEN_LIMIT = 2048;
const KINDS: readonly ChoiceKind[] = ['step', 'read', 'drain', 'deliver', 'irq', 'fault', 'device', 'order'];
const HASH_DIGITS = 12;

/**
 * @throws RangeError when the token would be longer than `TOKEN_LIMIT`; a minimised execution never is
 */
export function encodeToken(token: Token): string {
  const text = PREFIX + toBase64Url(payload(token)) + checksum(payload(token));
  if (text.length > TOKEN_LIMIT) throw new RangeError(`a token of ${token.deviations.length} deviations takes ${text.length} characters; at most ${TOKEN_LIMIT} fit`);
  return text;
}

export function decodeToken(text: string): TokenResult {
  const trimmed = text.trim();
  if (!trimmed.startsWith(PREFIX)) return wrong(/^d\d+\./.test(trimmed) ? `this token is of version ${trimmed.slice(0, trimmed.indexOf('.'))}; this program reads d1` : 'a replay token starts with "d1."');
  if (trimmed.length > TOKEN_LIMIT) return wrong(`a token has at most ${TOKEN_LIMIT} characters, this one ${trimmed.length}`);
  const body = trimmed.slice(PREFIX.length);
  const strange = /[^A-Za-z0-9_-]/.exec(body);
  if (strange) return wrong(`character ${PREFIX.length + strange.index + 1} is ${JSON.stringify(strange[0])}; a token holds letters, digits, "-" and "_" only`);
  if (body.length < 8) return wrong('the token is cut off after its first characters');
  const json = fromBase64Url(body.slice(0, -6));
  if (json === undefined || checksum(json) !== body.slice(-6) || toBase64Url(json) !== body.slice(0, -6)) return wrong('the checksum does not match: the token is cut off or a character of it was changed');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return wrong('the content is not JSON');
  }
  const token = parse(value);
  if (typeof token === 'string') return wrong(token);
  if (payload(token) !== json) return wrong('the content is not in canonical order; tokens are written by dmalab, not by hand');
  return { ok: true, token };
}

/** Sorted as tokens hold them: by agent, kind, key, ordinal. */
export function sortDeviations(deviations: readonly Deviation[]): Deviation[] {
  return [...deviations].sort((a, b) => compare(a.agent, b.agent) || KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || compare(a.key, b.key) || a.ordinal - b.ordinal);
}

/** What in `token` was made with something else than what is here now, in people's words; empty when all fits. */
export function originDifferences(token: TokenOrigin, here: TokenOrigin): string[] {
  const words: Record<keyof TokenOrigin, string> = { engine: 'another version of the engine', lab: 'another version of the lab', code: 'other driver code', workload: 'another workload', profile: `profile ${token.profile}` };
  return (Object.keys(words) as (keyof TokenOrigin)[]).filter((key) => token[key] !== here[key]).map((key) => words[key]);
}

/** The first 12 hex digits, which is what tokens carry. */
export function shortHash(hash: string): string {
  return hash.slice(0, HASH_DIGITS);
}

function wrong(error: string): TokenResult {
  return { ok: false, error };
}

/**
 * [engine, lab, code, workload, profile, names, deviations, without]; `names`
 * holds each agent and key once, a deviation is [agent, kind, key, ordinal, answer] by index.
 */
function payload(token: Token): string {
  const names: string[] = [];
  const index = (name: string): number => {
    const at = names.indexOf(name);
    return at >= 0 ? at : names.push(name) - 1;
  };
  const deviations = sortDeviations(token.deviations).map((d) => [index(d.agent), KINDS.indexOf(d.kind), index(d.key), d.ordinal, d.answer]);
  return JSON.stringify([token.engine, token.lab, token.code, token.workload, token.profile, names, deviations, [...token.without].sort(compare)]);
}

function parse(value: unknown): Token | string {
  if (!Array.isArray(value) || value.length !== 8) return 'the content is not a list of eight parts';
  const [engine, lab, code, workload, profile, names, deviations, without] = value as unknown[];
  for (const [name, hash] of Object.entries({ engine, lab, code, workload })) {
    if (typeof hash !== 'string' || !/^[0-9a-f]{12}$/.test(hash)) return `the ${name} hash is not 12 hex digits`;
  }
  if (typeof profile !== 'string') return 'the profile is not a name';
  if (!isTextList(names)) return 'the list of names is not a list of texts';
  if (!isTextList(without)) return 'the list of dropped workload items is not a list of texts';
  if (!Array.isArray(deviations)) return 'the deviations are not a list';
  const list: Deviation[] = [];
  for (const [i, item] of deviations.entries()) {
    if (!Array.isArray(item) || item.length !== 5 || !item.every((n) => Number.isSafeInteger(n) && (n as number) >= 0)) return `deviation ${i + 1} is not five numbers`;
    const [agentAt, kindAt, keyAt, ordinal, answer] = item as [number, number, number, number, number];
    const agent = names[agentAt];
    const kind = KINDS[kindAt];
    const key = names[keyAt];
    if (agent === undefined || key === undefined) return `deviation ${i + 1} names an agent or key that is not listed`;
    if (kind === undefined) return `deviation ${i + 1} is of kind ${kindAt}; there are ${KINDS.length}`;
    if (answer === 0) return `deviation ${i + 1} answers 0, which is what the plain run does`;
    list.push({ agent, kind, key, ordinal, answer });
  }
  return { engine, lab, code, workload, profile, deviations: list, without } as Token;
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** FNV-1a over UTF-16 units, 24 bits kept: tells a cut link, is no protection. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return ((hash ^ (hash >>> 24)) & 0xff_ffff).toString(16).padStart(6, '0');
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function toBase64Url(text: string): string {
  const bytes = Array.from(unescapeUtf8(text));
  let out = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const digits = Math.min(bytes.length - i, 3) + 1;
    for (let d = 0; d < digits; d += 1) out += ALPHABET[(group >> (18 - 6 * d)) & 63];
  }
  return out;
}

function fromBase64Url(text: string): string | undefined {
  if (text.length % 4 === 1) return undefined;
  let escaped = '';
  for (let i = 0; i < text.length; i += 4) {
    const part = text.slice(i, i + 4);
    let group = 0;
    for (let d = 0; d < 4; d += 1) group = (group << 6) | Math.max(ALPHABET.indexOf(part[d] ?? 'A'), 0);
    for (let b = 0; b < part.length - 1; b += 1) escaped += `%${((group >> (16 - 8 * b)) & 255).toString(16).padStart(2, '0')}`;
  }
  try {
    return decodeURIComponent(escaped);
  } catch {
    return undefined;
  }
}

function* unescapeUtf8(text: string): Generator<number> {
  const escaped = encodeURIComponent(text);
  for (let i = 0; i < escaped.length; i += 1) {
    if (escaped[i] === '%') {
      yield Number.parseInt(escaped.slice(i + 1, i + 3), 16);
      i += 2;
    } else yield escaped.charCodeAt(i);
  }
}
