// SPDX-License-Identifier: Apache-2.0
/** A vector told as data: what chose each entry, and the edit that mends a fault. On recorded vectors, which others answered. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Fields } from '@dmalab/litmus/iommu/json';
import { editsFor, mended } from '@dmalab/litmus/iommu/mend';
import { tellVector } from '@dmalab/litmus/iommu/oracle';
import type { Telling } from '@dmalab/litmus/iommu/tell';

type Json = Readonly<Record<string, unknown>>;
const rows = (name: string): Json[] =>
  readFileSync(new URL(`../oracle/iommu/${name}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((row) => row !== '')
    .map((row) => JSON.parse(row) as Json);
/** Requests stopped by one rule in one table that are mended; the long run mends all. */
const ALIKE = process.env['DMALAB_LONG'] === '1' ? Infinity : 20;
const tell = (vector: Json): Telling => tellVector(new Fields(vector, 'vector'));

describe.each(['riscv-iommu.jsonl', 'qemu100-vtd.jsonl', 'qemu100-smmuv3.jsonl'])('vectors of %s', (name) => {
  const vectors = rows(name);
  const tellings = vectors.map(tell);

  it('say which bits chose an entry: it lies where they put it', () => {
    let checked = 0;
    for (const { id, steps } of tellings) {
      for (const { accesses } of steps) {
        for (const { index, address, bytes, what } of accesses) {
          if (index === null) continue;
          checked += 1;
          // Tables begin on a frame, so the offset in the frame is known from the index alone.
          if (Number(address & 0xfffn) !== (index.value * bytes) % 4096) throw new Error(`${id}: ${what} at 0x${address.toString(16)} has index ${index.value}`);
        }
      }
    }
    expect(checked).toBeGreaterThan(vectors.length);
  });

  it('say for which address a second stage walks: its page offset is that of the read behind it', () => {
    let checked = 0;
    for (const { id, steps } of tellings) {
      for (const { accesses, end } of steps) {
        accesses.forEach((access, i) => {
          const next = accesses[i + 1];
          if (access.walk?.stage !== 'second' || (next !== undefined && (next.walk?.input === access.walk.input || !/^(first-stage|stage-1|process|context)/.test(next.what)))) return;
          const reached = next?.address ?? end?.address ?? null;
          if (reached === null || next?.kind === 'write') return;
          checked += 1;
          if ((access.walk.input & 0xfffn) !== (reached & 0xfffn)) throw new Error(`${id}: a walk of 0x${access.walk.input.toString(16)} reaches 0x${reached.toString(16)}`);
        });
      }
    }
    expect(checked).toBeGreaterThan(10);
  });

  it('are mended by the edit that their fault names: the rule is not broken there again', () => {
    let faults = 0;
    const edited = new Map<string, number>();
    vectors.forEach((vector, v) => {
      const before = tellings[v]!;
      before.steps.forEach((step, i) => {
        const edits = editsFor(before, i);
        const fault = step.end?.fault;
        if (edits.length === 0 || fault === undefined || fault === null) return;
        faults += 1;
        const alike = `${fault.table} ${fault.rule.field} ${fault.rule.text}`;
        const done = edited.get(alike) ?? 0;
        if (done >= ALIKE) return;
        edited.set(alike, done + 1);
        const after = tell(mended(vector, edits)).steps[i]?.end?.fault ?? null;
        if (after !== null && after.rule.field === fault.rule.field && after.rule.text === fault.rule.text && after.entry === fault.entry) throw new Error(`${before.id}, step ${i}: "${fault.rule.text}" is still broken after its repair`);
      });
    });
    expect(faults).toBeGreaterThan(vectors.length / 20);
    expect(edited.size).toBeGreaterThan(4);
  });
});

it('an edit is made in the byte order of the table, and in the word and half that hold the bit', () => {
  const rule = { field: 'SRE', bits: '128', text: '', section: '', repair: { set: 1n << 128n, clear: 2n } };
  const access = { kind: 'read', what: 'entry', address: 0x1000n, bytes: 64, words: [], status: 'ok', raw: 0n, layout: null, index: null, walk: null } as const;
  const telling = (bigEndian: boolean, entry = 0x1000n, bytes = 64): Telling => ({
    id: '', note: '', unit: 'Intel VT-d', processWord: 'PASID', registers: [],
    steps: [{ title: '', request: null, accesses: [{ ...access, address: entry, bytes, bigEndian }], end: { text: '', address: null, fault: { code: '', name: '', table: '', level: null, entry, rule } }, value: null, messages: [] }],
  });
  expect(editsFor(telling(false), 0)).toEqual([{ address: 0x1000n, set: 0n, clear: 2n }, { address: 0x1010n, set: 1n, clear: 0n }]);
  expect(editsFor(telling(true), 0)).toEqual([{ address: 0x1000n, set: 0n, clear: 2n << 56n }, { address: 0x1010n, set: 1n << 56n, clear: 0n }]);
  const half = { ...rule, repair: { set: 1n } };
  const four = telling(true, 0x1004n, 4);
  const fault = { code: '', name: '', table: '', level: null, entry: 0x1004n, rule: half };
  expect(editsFor({ ...four, steps: [{ ...four.steps[0]!, end: { text: '', address: null, fault } }] }, 0)).toEqual([{ address: 0x1000n, set: 1n << 56n, clear: 0n }]);
  expect(mended({ mem: [['0x1000', '0x3']], steps: [{ op: 'memw', addr: '0x1010', word: '0x8' }], expect: [] }, editsFor(telling(false), 0))).toEqual({
    mem: [['0x1000', '0x1'], ['0x1010', '0x1']],
    steps: [{ op: 'memw', addr: '0x1010', word: '0x9' }],
  });
});
