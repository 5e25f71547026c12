// SPDX-License-Identifier: Apache-2.0
/**
 * What the walk page shows, computed from a place: the telling, the access
 * that is looked at, what it was chosen by, which of its fields matter, and
 * one sentence. Pure.
 */
import { EXAMPLES } from '@dmalab/litmus/iommu/examples/all';
import { Fields, FormatError } from '@dmalab/litmus/iommu/json';
import { isMachineFile, machineVector } from '@dmalab/litmus/iommu/machine-file';
import { editsFor, mended, type Edit } from '@dmalab/litmus/iommu/mend';
import { tellVector } from '@dmalab/litmus/iommu/oracle';
import { placeOf as tableOf, repairOf, type Telling, type ToldAccess, type ToldFault, type ToldIndex, type ToldStep } from '@dmalab/litmus/iommu/tell';
import { address } from '../bits/bit-rows.ts';
import type { Place, Source } from './link.ts';

export interface Walk {
  readonly telling: Telling;
  /** What is drawn: the step, or, where the IOTLB answered and no table was read, what a walk would have been. */
  readonly step: ToldStep;
  /** What happened. */
  readonly actual: ToldStep;
  /** The IOTLB answered. `stale`: and the tables no longer say the same. */
  readonly remembered: 'no' | 'yes' | 'stale';
  /** Within `place`: the request and the access that are looked at. */
  readonly nth: number;
  readonly at: number;
  /** The access whose entry is to blame; -1 where there is none. */
  readonly blamed: number;
  /** The smallest edit that satisfies the rule that was broken; empty where none is known. */
  readonly repair: readonly Edit[];
}

export type Opened = { readonly kind: 'walk'; readonly walk: Walk } | { readonly kind: 'problem'; readonly text: string };

/** Every line of a text that is not empty; a vector is one line, or the whole text. */
export function vectorsIn(text: string): readonly string[] {
  const rows = text.split('\n').filter((row) => row.trim() !== '');
  return rows.length > 1 && rows.every((row) => row.trim().startsWith('{') && row.trim().endsWith('}')) ? rows : [text];
}

/** `id`, or `line 3` for what cannot be read. */
export function vectorName(row: string, index: number): string {
  return /"id"\s*:\s*"([^"]*)"/.exec(row)?.[1] ?? `line ${index + 1}`;
}

/** All steps of a vector are run at once, for whoever follows a link too. */
const MOST_STEPS = 1_000;

export function open(place: Place): Opened {
  try {
    const vector = vectorOf(place.source);
    for (const key of ['steps', 'dma']) if (Array.isArray(vector[key]) && vector[key].length > MOST_STEPS) throw new FormatError(`vector.${key}: ${vector[key].length} steps, expected at most ${MOST_STEPS}`);
    const telling = tellVector(new Fields(mended(vector, place.edits), 'vector'));
    const requests = telling.steps.flatMap((step, i) => (step.request === null ? [] : [i]));
    const nth = telling.steps[place.step] === undefined ? (requests[0] ?? 0) : place.step;
    const actual = telling.steps[nth];
    if (actual === undefined) return { kind: 'problem', text: 'The vector asks for nothing: it has no steps.' };
    const remembered = memory(actual);
    const step = remembered === 'no' ? actual : (actual.uncached ?? actual);
    const blamed = blame(step);
    const at = Math.min(place.at ?? (blamed >= 0 ? blamed : step.accesses.length), step.accesses.length);
    return { kind: 'walk', walk: { telling, step, actual, remembered, nth, at, blamed, repair: editsFor(telling, nth) } };
  } catch (error) {
    if (error instanceof SyntaxError) return { kind: 'problem', text: `This is not JSON: ${error.message}.` };
    if (error instanceof FormatError || error instanceof RangeError) return { kind: 'problem', text: `This cannot be told: ${error.message}.` };
    throw error;
  }
}

function vectorOf(source: Source): Readonly<Record<string, unknown>> {
  if (source.kind === 'example') {
    const example = EXAMPLES.find(({ id }) => id === source.id);
    if (example === undefined) throw new FormatError(`there is no example ${source.id}`);
    return example.vector;
  }
  if (isMachineFile(source.text)) return machineVector(source.text, 'machine').raw;
  const value: unknown = JSON.parse(source.text);
  return new Fields(value, 'vector').raw;
}

/** Whether the answer came out of a cache of translations: nothing was walked that a unit without one walks. */
function memory({ request, accesses, end, uncached }: ToldStep): Walk['remembered'] {
  const walks = (all: readonly ToldAccess[]): boolean => all.some(({ walk }) => walk !== null);
  if (request === null || uncached === undefined || walks(accesses) || !walks(uncached.accesses)) return 'no';
  return end?.address === uncached.end?.address ? 'yes' : 'stale';
}

function blame({ accesses, end }: ToldStep): number {
  const entry = end?.fault?.entry ?? null;
  return entry === null ? -1 : accesses.findLastIndex(({ address: at, kind }) => at === entry && kind !== 'write');
}

/** The numbers that chose the entry, cut as they are: of its walk, or of the ids it was found by. */
export function splitOf({ step, at }: Walk): { readonly of: string; readonly number: bigint; readonly parts: readonly (ToldIndex & { readonly here: boolean })[] } | null {
  const access = step.accesses[at] ?? step.accesses.findLast(({ walk }) => walk !== null);
  const index = access?.index ?? null;
  if (access === undefined || index === null) return null;
  const same = ({ high, low }: ToldIndex): boolean => high === index.high && low === index.low;
  if (access.walk !== null) return { of: index.of, number: access.walk.input, parts: access.walk.slices.map((slice) => ({ ...slice, here: same(slice) })) };
  const parts = step.accesses.flatMap(({ walk, index: i }) => (walk === null && i !== null && i.of === index.of ? [i] : []));
  const distinct = parts.filter((part, i) => parts.findIndex(({ high, low }) => high === part.high && low === part.low) === i);
  const number = index.of === 'device' ? BigInt(step.request?.device ?? 0) : distinct.reduce((sum, { low, value }) => sum + (BigInt(value) << BigInt(low)), 0n);
  return { of: index.of, number, parts: distinct.map((part) => ({ ...part, here: same(part) })) };
}

/** Fields that matter at an access: those that broke the rule, those a write changed, those that say where to go on. */
export function hotFields({ step, blamed }: Walk, at: number): readonly string[] {
  const access = step.accesses[at];
  if (access === undefined || access.layout === null) return [];
  if (at === blamed && step.end?.fault !== null && step.end?.fault !== undefined) {
    const broken = fieldsOfRule(access, step.end.fault);
    if (broken.length > 0) return broken;
  }
  if (access.kind === 'write') {
    const before = step.accesses.slice(0, at).findLast(({ address: a, kind }) => a === access.address && kind !== 'write');
    return before === undefined ? [] : fieldsIn(access, (before.raw ^ access.raw));
  }
  const targets = targetsAfter(step, at);
  const pointers = Object.entries(access.layout.fields).filter(([, { high, low }]) => high - low >= 19);
  const reach = pointers.length === 1 ? 1n << 30n : 1n << 17n;
  const hot = targets.flatMap((target) => {
    const near = pointers.flatMap(([name, { high, low }]) => {
      const value = (access.raw >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
      return [12n, BigInt(low % 64)].map((shift) => ({ name, far: target - (value << shift), value }));
    });
    const best = near.filter(({ far, value }) => value !== 0n && far >= 0n && far < reach).sort((a, b) => (a.far < b.far ? -1 : 1))[0];
    return best === undefined ? [] : [best.name];
  });
  return [...new Set(hot)];
}

/** Addresses that an access may have led to: of the next one, and of what that one looks for. */
function targetsAfter({ accesses, end }: ToldStep, at: number): bigint[] {
  const here = accesses[at];
  const next = accesses.slice(at + 1).find(({ address: a, what }) => a !== here?.address && !/queue|interrupt/.test(what));
  if (next === undefined) return end?.address === null || end === null ? [] : [end.address];
  return [next.address, ...(next.walk !== null && next.walk.input !== here?.walk?.input ? [next.walk.input] : [])];
}

function fieldsOfRule(access: ToldAccess, { rule }: ToldFault): string[] {
  const mask = [...rule.bits.matchAll(/(\d+)(?::(\d+))?/g)].reduce((all, [, high, low]) => {
    const [top, bottom] = [Number(high), Number(low ?? high)];
    return top < 512 && top >= bottom ? all | (((1n << BigInt(top - bottom + 1)) - 1n) << BigInt(bottom)) : all;
  }, 0n);
  const byBits = fieldsIn(access, mask);
  if (byBits.length > 0 && byBits.length <= 4) return byBits;
  const words = rule.field.split(/[ .]/);
  return Object.keys(access.layout?.fields ?? {}).filter((name) => words.includes(name));
}

function fieldsIn({ layout }: ToldAccess, mask: bigint): string[] {
  return Object.entries(layout?.fields ?? {}).flatMap(([name, { high, low }]) => (((mask >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n)) === 0n ? [] : [name]));
}

const VERB = { read: 'Reads', 'read again': 'Reads again, to set A or D,', write: 'Writes' } as const;

/** `[device 6:0 = 0x0]` */
export const indexText = ({ of, high, low, value }: ToldIndex): string => `[${of} ${high === low ? high : `${high}:${low}`} = ${value}]`;

/** `[254]` beside the address that is cut above it, else as `indexText`. */
export const shortIndex = (index: ToldIndex): string => (/address/.test(index.of) ? `[${index.value}]` : indexText(index));

/** What happens at an access, or at the end. */
export function sentence({ step, at, blamed }: Walk, which = at): string {
  const access = step.accesses[which];
  if (access === undefined) return ending(step);
  const { kind, what, walk, index, status } = access;
  const looked = walk !== null && index?.of === 'guest address' ? `, to find guest address ${address(walk.input)}` : '';
  const chosen = index === null ? '' : `, entry ${index.value}`;
  const fault = which === blamed && step.end?.fault ? ` ${stop(step.end.fault)}` : '';
  return `${VERB[kind]} the ${what}${chosen} at ${address(access.address)}${looked}${status === 'ok' ? '.' : `: ${status}.`}${fault}`;
}

const stop = ({ name, rule }: ToldFault): string => `Here it stops: ${name}. ${capital(rule.text)}.`;
const capital = (text: string): string => (/^[a-z] |^[a-z]{2}/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text);

/** The one sentence on top: how the request ended, and that it was remembered. */
export function outcome({ actual, step, remembered }: Walk): string {
  if (remembered === 'no') return ending(actual);
  if (remembered === 'yes') return `${ending(actual)} The IOTLB answered, and no table was walked.`;
  const found = step.end?.fault ? `would stop: ${step.end.fault.name}` : `would end elsewhere${step.end?.address === null || step.end === null ? '' : `, at ${address(step.end.address)}`}`;
  return `The IOTLB still answers for ${address(actual.request?.address ?? 0n)}: the ${capless(actual.title)} reaches ${address(actual.end?.address ?? 0n)}. A walk of the tables ${found}.`;
}

const capless = (title: string): string => title.replace(/ of 0x.*$/, '');

/** How a step ended. */
export function ending({ title, end, value }: ToldStep): string {
  if (end === null) return value === null ? `${capital(title)}.` : `${capital(title)}: ${address(value)}.`;
  if (end.fault !== null) return `The ${title.replace(/0x[\da-f]+/, (hex) => address(BigInt(hex)))} is stopped: ${end.fault.name}. ${capital(end.fault.rule.text)}.`;
  const where = end.address === null ? end.text : `it reaches ${address(end.address)}`;
  return `The ${title.replace(/0x[\da-f]+/, (hex) => address(BigInt(hex)))} goes through: ${where}.`;
}

/** `cause 15 · first-stage table, level 0, entry at 0x… · W (bit 2) · RISC-V …` */
export function because({ code, rule, ...fault }: ToldFault): string {
  const entry = fault.entry === null ? '' : tableOf(fault).replace(/0x[\da-f]+/, (hex) => address(BigInt(hex)));
  const bits = rule.bits === '-' || /any|all/.test(rule.bits) ? '' : ` (${/^\d+$/.test(rule.bits) ? 'bit' : 'bits'} ${rule.bits})`;
  return [code, entry, `${rule.field}${bits}`, rule.section].filter((part) => part !== '').join(' · ');
}

export const repairWords = (fault: ToldFault): string => capital(repairOf(fault.rule) ?? '');
