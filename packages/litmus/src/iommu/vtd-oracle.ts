// SPDX-License-Identifier: Apache-2.0
/** Vectors of Intel VT-d: one system, a few DMAs, and what an emulator let through, recorded and wrote. */
import type { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { hex } from '@dmalab/core/mmu/word';
import type { VtdRequest } from '@dmalab/core/iommu/vtd/contexts';
import { FaultRecording } from '@dmalab/core/iommu/vtd/structures';
import type { VtdAnswer } from '@dmalab/core/iommu/vtd/unit';
import { FormatError, type Fields } from './json.ts';
import { vtdBench } from './vtd-vector.ts';

/**
 * Three limits of how the answers were made, known from its authors: a write
 * through an entry that had one of A and D leaves the other clear (such vectors
 * say `free`; where the page is no memory, none says so); a read that
 * passes untranslated to memory nobody filled looks like one that was blocked; and a
 * vector marked `emulator_only` shows a habit of the emulator, not of the architecture.
 */

/** Differences, `dma 1: …`. What is marked `emulator_only` is run, but may differ. */
export function compareVtd(vector: Fields): readonly string[] {
  const { unit, memory, ram, steps } = vtdBench(vector);
  const expected = vector.objects('expect');
  const problems: string[] = [];
  steps.forEach((step, i) => {
    if (step.kind === 'other') {
      step.perform();
      return;
    }
    const { request } = step;
    unit.clearRecord(0);
    memory.takeChanged();
    const before = new Map<bigint, bigint>();
    unit.bus.watch = ({ kind, address, words }) => {
      if (kind === 'atomic' && !before.has(address)) before.set(address, words[0] ?? 0n);
    };
    const answer = unit.translate(request);
    const seen = { answer, record: unit.records[0] ?? 0n, reaches: false, changed: new Map<bigint, Change>() };
    for (const address of memory.takeChanged()) {
      const old = before.get(address) ?? 0n;
      const value = memory.peek(address);
      if (old !== value) seen.changed.set(address, { old, value });
    }
    if (answer.kind === 'translated') seen.reaches = ram.some(([base, size]) => answer.address >= base && answer.address < base + size);
    const want = expected[i];
    if (want === undefined) throw new FormatError(`expect[${i}]: missing`);
    for (const problem of differences(seen, request, want, memory, vector.raw['free'] !== undefined)) problems.push(`dma ${i}: ${problem}`);
  });
  if (!vector.has('emulator_only')) return problems;
  // Where only the number of the fault is the emulator's own, the rest is held to.
  return vector.text('emulator_only').includes('fault number') ? problems.filter((problem) => !problem.includes(': record ')) : [];
}

interface Change {
  readonly old: bigint;
  readonly value: bigint;
}

interface Seen {
  readonly answer: VtdAnswer;
  /** The fault recording register afterwards. */
  readonly record: bigint;
  /** The DMA ends in memory. */
  readonly reaches: boolean;
  readonly changed: ReadonlyMap<bigint, Change>;
}

const A_AND_D = 0x60n;

function differences(seen: Seen, request: VtdRequest, want: Fields, memory: PlainMemory, free: boolean): string[] {
  const { answer, record, reaches, changed } = seen;
  const out: string[] = [];
  const ok = want.raw['ok'] === true;
  const { write } = request;
  const fault = want.has('fault') && want.raw['fault'] !== null ? want.object('fault') : null;
  const readsNothing = !write && fault === null && answer.kind === 'translated' && answer.address === request.address && memory.peek(answer.address) === 0n;
  if (reaches !== ok && !(reaches && readsNothing)) {
    const why = answer.kind === 'refused' ? ` for reason ${hex(answer.fault.reason)}, ${answer.fault.why.rule.text}` : '';
    out.push(`${reaches ? 'allowed' : `blocked${why}`}, expected ${ok ? 'allowed' : 'blocked'}`);
  }
  if (want.has('pa') && want.raw['pa'] !== null) {
    const ours = answer.kind === 'translated' ? hex(answer.address) : 'none';
    if (ours !== hex(want.word('pa'))) out.push(`pa ${ours}, expected ${hex(want.word('pa'))}`);
  }
  const ours = record === 0n ? 'none' : recordText(record);
  const theirs = fault === null ? 'none' : [hex(fault.number('reason')), fault.number('sid'), fault.flag('read') ? 'read' : 'write', hex(fault.word('page'))].join(' ');
  if (ours !== theirs) out.push(`record ${ours}, expected ${theirs}`);

  const loses = free || !ok;
  const wanted = new Map(want.tuples('mem').map(([address = 0n, value = 0n]) => [address, value]));
  for (const [address, value] of wanted) if (changed.get(address)?.value !== value) out.push(`memory ${hex(address)} = ${hex(changed.get(address)?.value ?? 0n)}, expected ${hex(value)}`);
  for (const [address, { old, value }] of changed) {
    const onlyTheOther = write && (old & A_AND_D) !== 0n && ((old ^ value) & ~A_AND_D) === 0n;
    if (!wanted.has(address) && !(loses && onlyTheOther)) out.push(`memory ${hex(address)} = ${hex(value)}, expected no write`);
  }
  return out;
}

function recordText(record: bigint): string {
  const { FR, SID, T1, FI } = FaultRecording.decode(record);
  return [hex(FR), SID, T1 ? 'read' : 'write', hex(FI << 12n)].join(' ');
}
