// SPDX-License-Identifier: Apache-2.0
/** Applies the edit that a fault names to the vector it came from, so that it can be run again. */
import { hex } from '@dmalab/core/mmu/word';
import type { Telling, ToldAccess, ToldFault } from './tell.ts';

/** Bits of one 64-bit word of memory, as the vector lists it. */
export interface Edit {
  /** Multiple of 8. */
  readonly address: bigint;
  readonly set: bigint;
  readonly clear: bigint;
}

/** The edits of the words that hold the entry; none where the rule knows no edit or no entry is to blame. */
export function editsFor(telling: Telling, step: number): readonly Edit[] {
  const told = telling.steps[step];
  const fault = told?.end?.fault ?? null;
  if (told === undefined || fault === null || fault.entry === null || fault.rule.repair === undefined) return [];
  return wordsOf(fault, told.accesses.findLast(({ address, status }) => address === fault.entry && status === 'ok') ?? null);
}

function wordsOf({ entry, rule }: ToldFault, access: ToldAccess | null): Edit[] {
  const { set = 0n, clear = 0n } = rule.repair ?? {};
  const at = entry ?? 0n;
  const shift = 8n * (at & 4n);
  const bytes = access?.bytes === 4 ? 4 : 8;
  const swapped = access?.bigEndian ?? false;
  const out: Edit[] = [];
  for (let i = 0n; (set >> (64n * i)) > 0n || (clear >> (64n * i)) > 0n; i += 1n) {
    const part = (mask: bigint): bigint => (mask >> (64n * i)) & WORD;
    const stored = (mask: bigint): bigint => (swapped ? reversed(part(mask), bytes) : part(mask)) << shift;
    if (part(set) !== 0n || part(clear) !== 0n) out.push({ address: (at & ~7n) + 8n * i, set: stored(set), clear: stored(clear) });
  }
  return out;
}

const WORD = (1n << 64n) - 1n;

function reversed(word: bigint, bytes: number): bigint {
  let out = 0n;
  for (let i = 0n; i < BigInt(bytes); i += 1n) out = (out << 8n) | ((word >> (8n * i)) & 0xffn);
  return out;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * The same vector after the edits: in the memory it begins with, and in what
 * software stores to those words before the step. What others answered
 * (`expect`, `final`) is left out, since it is of the vector as it was.
 */
export function mended(vector: Json, edits: readonly Edit[]): Json {
  const { expect: _, final: __, ...rest } = vector;
  const mem = rows(vector['mem']).map((row) => edited(row, edits));
  const listed = new Set(mem.map(([address]) => BigInt(address)));
  for (const { address, set } of edits) if (!listed.has(address) && set !== 0n) mem.push([hex(address), hex(set)]);
  const steps = Object.fromEntries(['steps', 'dma'].flatMap((key) => (Array.isArray(vector[key]) ? [[key, vector[key].map((step: unknown) => editedStep(step, edits))]] : [])));
  return { ...rest, mem, ...steps };
}

function editedStep(step: unknown, edits: readonly Edit[]): unknown {
  if (typeof step !== 'object' || step === null || !('op' in step) || step.op !== 'memw' || !('addr' in step) || !('word' in step)) return step;
  const [addr, word] = edited([String(step.addr), String(step.word)], edits);
  return { ...step, addr, word };
}

function edited([address, word]: readonly [string, string], edits: readonly Edit[]): [string, string] {
  const value = edits.filter((edit) => edit.address === BigInt(address)).reduce((before, { set, clear }) => (before & ~clear) | set, BigInt(word));
  return [address, hex(value)];
}

/** `[["0x1000", "0x5"], …]`; the reader has checked it before. */
function rows(value: unknown): [string, string][] {
  return Array.isArray(value) ? value.map((row: unknown) => (Array.isArray(row) ? [String(row[0]), String(row[1])] : ['0x0', '0x0'])) : [];
}
