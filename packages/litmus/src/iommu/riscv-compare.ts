// SPDX-License-Identifier: Apache-2.0
/** Holds what a step did against what was recorded; every difference is a sentence. */
import type { Answer } from '@dmalab/core/iommu/riscv/request';
import { hex } from '@dmalab/core/mmu/word';
import { Fields } from './json.ts';
import type { Bench, StepResult } from './riscv-vector.ts';

const ALL = (1n << 64n) - 1n;
/** Bits 11:2 of a guest address may be reported as 0. */
const IOTVAL2_FREE = 0xffcn;

/** Differences of one step, in the order of the keys. */
export function differences(step: Fields, got: StepResult, expected: Fields): string[] {
  const out: string[] = [];
  const differ = (what: string, ours: string, theirs: string): void => {
    if (ours !== theirs) out.push(`${what} ${ours}, expected ${theirs}`);
  };
  const free = new Set(expected.listOrNone('free').map(String));
  if (step.text('op') === 'xlate') compareAnswer(step, got.answer, expected, free, differ);
  if (expected.has('val')) differ('value', hex(got.value ?? 0n), hex(expected.word('val')));
  if (expected.has('cqh')) differ('cqh', String(got.commandHead), String(expected.number('cqh')));
  if (expected.has('cqcsr')) differ('cqcsr', hex(got.commandControl), hex(expected.word('cqcsr')));
  if (expected.has('pqt')) differ('pqt', String(got.pageTail), String(expected.number('pqt')));
  if (expected.has('pqcsr')) differ('pqcsr', hex(got.pageControl), hex(expected.word('pqcsr')));
  if (expected.has('unexpected')) differ('unexpected', got.unexpected ? '1' : '0', String(expected.number('unexpected')));
  compareMemory(got, expected, out);
  differ('messages', messagesOf(got), JSON.stringify(expected.listOrNone('msgs')));
  differ('ordering', JSON.stringify(got.ordered.length === 0 ? [] : (got.ordered.at(-1) ?? []).map(Number)), JSON.stringify(expected.listOrNone('sync')));
  return out;
}

type Differ = (what: string, ours: string, theirs: string) => void;

function compareAnswer(step: Fields, answer: Answer | null, expected: Fields, free: ReadonlySet<string>, differ: Differ): void {
  const theirs = expected.text('status');
  differ('status', statusOf(answer), theirs);
  const translated = answer?.kind === 'translated' ? answer : null;
  if (expected.has('pa')) differ('pa', translated?.address == null ? 'none' : hex(translated.address), hex(expected.word('pa')));
  if (expected.has('size')) differ('size', translated === null ? 'none' : hex(1n << BigInt(translated.span)), hex(expected.word('size')));
  if (expected.has('pbmt')) differ('pbmt', String(translated?.memoryType ?? 'none'), String(expected.number('pbmt')));
  if (expected.has('msi')) differ('msi', translated === null ? 'none' : String(Number(translated.isMsi)), String(expected.number('msi')));
  if (expected.has('mrif')) {
    const { mrif } = translated ?? { mrif: null };
    const want = expected.object('mrif');
    differ('mrif', mrif == null ? 'none' : [mrif.address, mrif.noticeId, mrif.notice].map(hex).join(' '), [want.word('addr'), want.number('nid'), want.word('notice')].map(hex).join(' '));
  }
  if (expected.has('ats')) {
    const ours = answer === null || answer.kind === 'refused' ? null : answer.ats;
    const want = expected.object('ats');
    for (const [key, name] of ATS_KEYS) if (want.has(key) && !free.has(`ats.${key}`)) differ(`ats.${key}`, ours === null ? 'none' : String(Number(ours[name])), String(want.number(key)));
  }
  if (!expected.has('cause') || (step.number('at') === 1 && theirs === 'ok')) return;
  const fault = answer === null || answer.kind === 'translated' ? null : answer.fault;
  differ('cause', String(fault?.cause ?? 'none'), String(expected.number('cause')));
  if (!expected.has('iotval2')) return;
  const care = free.has('iotval2[11:2]') ? ALL & ~IOTVAL2_FREE : ALL;
  differ('iotval2', hex((fault?.iotval2 ?? 0n) & care), hex(expected.word('iotval2') & care));
}

const ATS_KEYS = [
  ['r', 'read'],
  ['w', 'write'],
  ['x', 'execute'],
  ['priv', 'privileged'],
  ['g', 'global'],
  ['u', 'untranslatedOnly'],
  ['n', 'noSnoop'],
  ['cxlio', 'cxlIo'],
] as const;

function statusOf(answer: Answer | null): string {
  if (answer === null) return 'none';
  if (answer.kind !== 'refused') return 'ok';
  return answer.status === 'completer-abort' ? 'ca' : 'ur';
}

function compareMemory(got: StepResult, expected: Fields, out: string[]): void {
  const seen = new Set<bigint>();
  for (const [address = 0n, value = 0n, care = ALL] of expected.tuples('mem')) {
    seen.add(address);
    const ours = got.stored.get(address);
    if (ours === undefined) out.push(`memory ${hex(address)} not written, expected ${hex(value)}`);
    else if ((ours & care) !== (value & care)) out.push(`memory ${hex(address)} = ${hex(ours)}, expected ${hex(value)}${care === ALL ? '' : ` under ${hex(care)}`}`);
  }
  for (const [address, value] of got.stored) if (!seen.has(address)) out.push(`memory ${hex(address)} = ${hex(value)}, expected no write`);
}

function messagesOf(got: StepResult): string {
  return JSON.stringify(
    got.messages.map(({ code, tag, requester, processId, segment, payload }) => ({
      code,
      tag,
      rid: requester,
      pv: Number(processId !== null),
      pid: processId ?? 0,
      dsv: Number(segment !== null),
      dseg: segment ?? 0,
      payload: hex(payload),
    })),
  );
}

/** Queue indexes and registers after the last step. */
export function finalDifferences(bench: Bench, expected: Fields): string[] {
  const { commandQueue, faultQueue, pageQueue, interrupts } = bench.unit;
  const ours: Readonly<Record<string, number>> = {
    cqh: commandQueue.head,
    cqt: commandQueue.tail,
    fqh: faultQueue.head,
    fqt: faultQueue.tail,
    pqh: pageQueue.head,
    pqt: pageQueue.tail,
    cqcsr: commandQueue.control,
    fqcsr: faultQueue.control,
    pqcsr: pageQueue.control,
    ipsr: interrupts.pending,
  };
  return expected.keys().flatMap((key) => (BigInt(ours[key] ?? -1) === expected.word(key) ? [] : [`final ${key} ${hex(ours[key] ?? 0)}, expected ${hex(expected.word(key))}`]));
}
