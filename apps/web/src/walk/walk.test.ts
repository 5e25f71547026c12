// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXAMPLES } from '@dmalab/litmus/iommu/examples/all';
import { linkOf, placeOf, type Place } from './link.ts';
import { because, ending, hotFields, indexText, open, outcome, sentence, splitOf, vectorName, vectorsIn, type Walk } from './walk.ts';

const example = (id: string, more: Partial<Place> = {}): Place => ({ source: { kind: 'example', id }, edits: [], step: 0, at: null, ...more });
function walk(place: Place): Walk {
  const opened = open(place);
  if (opened.kind === 'problem') throw new Error(opened.text);
  return opened.walk;
}

describe('a walk', () => {
  it('that goes through opens at its end', () => {
    const at = walk(example('vtd-pasid'));
    expect(at.at).toBe(8);
    expect(ending(at.step)).toBe('The read of 0x7f21_4a60_3080 by device 0x3a00, PASID 0x5 goes through: it reaches 0x1_8010_3080.');
    expect(at.repair).toEqual([]);
  });

  it('that is stopped opens at the entry that is to blame, names field, bits, rule and section, and knows the edit', () => {
    const at = walk(example('vtd-unmapped'));
    expect([at.at, at.blamed]).toEqual([7, 7]);
    expect(hotFields(at, 7)).toEqual(['P']);
    expect(sentence(at)).toBe('Reads the first-stage table, level 0, entry 3 at 0x1_3000_2018. Here it stops: first-stage entry not present. P must be set.');
    expect(because(at.step.end!.fault!)).toBe('reason 0x71 · first-stage table, level 0, entry at 0x1_3000_2018 · P (bit 0) · Intel VT-d, "First-Stage Translation"');
    expect(at.repair).toEqual([{ address: 0x1_3000_2018n, set: 1n, clear: 0n }]);
    expect(ending(walk(example('vtd-unmapped', { edits: at.repair })).step)).toContain('goes through: it reaches 0x1_8010_3080');
  });

  it('says which fields lead on: the table of contexts, of PASIDs, of pages, and both roots of a nested one', () => {
    const at = walk(example('vtd-nested'));
    expect([0, 1, 2, 3, 4, 8].map((i) => hotFields(at, i))).toEqual([['LCTP'], ['PASIDDIRPTR'], ['SMPTBLPTR'], ['SSPTPTR', 'FSPTPTR'], ['address'], ['address']]);
    const guest = walk(example('riscv-nested'));
    expect([0, 1, 2].map((i) => hotFields(guest, i))).toEqual([['PPN'], ['iohgatp_PPN', 'fsc_PPN'], ['PPN']]);
    expect(guest.step.accesses[15]).toMatchObject({ kind: 'write', what: 'first-stage table, level 0' });
    expect(hotFields(guest, 15)).toEqual(['A', 'D']);
  });

  it('cuts the number that chose an entry as the tables do', () => {
    const at = (i: number) => splitOf(walk(example('vtd-pasid', { at: i })));
    expect(at(0)).toMatchObject({ of: 'device', number: 0x3a00n, parts: [{ high: 15, low: 8, value: 0x3a, here: true }, { high: 6, low: 0, value: 0, here: false }] });
    expect(at(3)).toMatchObject({ of: 'PASID', number: 5n, parts: [{ high: 19, low: 6, value: 0 }, { high: 5, low: 0, value: 5, here: true }] });
    expect(at(6)?.parts.map(({ high, low, value, here }) => [high, low, value, here])).toEqual([[47, 39, 254, false], [38, 30, 133, false], [29, 21, 83, true], [20, 12, 3, false]]);
    expect(splitOf(walk(example('riscv-nested', { at: 3 })))).toMatchObject({ of: 'guest address', number: 0x4000_1008n });
    expect(indexText(walk(example('vtd-pasid')).step.accesses[7]!.index!)).toBe('[address 20:12 = 3]');
  });

  it('that the IOTLB answers shows what the tables say, and that the entry is stale until it is invalidated', () => {
    const at = (step: number) => walk(example('riscv-stale', { step }));
    const state = (step: number) => at(step).actual.caches?.find(({ name }) => name === 'IOTLB')?.lines.map(({ agrees, filled }) => [filled, agrees]);
    expect([0, 1, 2, 3, 4].map((step) => at(step).remembered)).toEqual(['no', 'no', 'stale', 'no', 'no']);
    expect([0, 1, 2, 3, 4].map(state)).toEqual([[[0, true]], [[0, false]], [[0, false]], [], []]);
    expect(outcome(at(2))).toBe('The IOTLB still answers for 0x4040_3128: the untranslated read reaches 0x8804_5128. A walk of the tables would stop: read page fault.');
    expect(at(2).actual.accesses).toEqual([]);
    expect(sentence(at(2))).toContain('Here it stops: read page fault. V must be set.');
    expect(outcome(at(4))).toContain('is stopped: read page fault.');
    const { caches: _, ...bare } = EXAMPLES.find(({ id }) => id === 'riscv-stale')!.vector;
    expect(walk({ source: { kind: 'own', text: JSON.stringify(bare) }, edits: [], step: 2, at: null })).toMatchObject({ remembered: 'no', actual: { end: { fault: { code: 'cause 13' } } } });
    expect(open({ source: { kind: 'own', text: JSON.stringify({ ...bare, caches: 1000 }) }, edits: [], step: 0, at: null })).toMatchObject({ kind: 'problem', text: expect.stringContaining('caches: expected 1 to 64 entries') });
  });

  it.each(EXAMPLES.map(({ id }) => id))('of the example %s has a sentence everywhere, and its repairs end it well', (id) => {
    let edits: Place['edits'] = [];
    for (const step of [0, 1]) {
      let at = walk(example(id, { step }));
      if (at.nth !== step) continue;
      for (let i = 0; i <= at.step.accesses.length; i += 1) expect(sentence(at, i)).toMatch(/^(Reads|Writes|The|Software) .*\.$/);
      for (let i = 0; i < 12 && at.repair.length > 0; i += 1) {
        edits = [...edits, ...at.repair];
        at = walk(example(id, { step, edits }));
      }
      expect(at.step.end?.fault === null || at.repair.length === 0).toBe(true);
    }
  });
});

describe('a text that somebody brings', () => {
  it('is one vector, or one a line', () => {
    const [one, two] = EXAMPLES.map(({ vector }) => JSON.stringify(vector)) as [string, string];
    expect(vectorsIn(`${one}\n\n${two}\n`)).toEqual([one, two]);
    expect(vectorsIn(JSON.stringify(EXAMPLES[0]!.vector, null, 2))).toHaveLength(1);
    expect([vectorName(one, 0), vectorName('{}', 4)]).toEqual([EXAMPLES[0]!.id, 'line 5']);
    expect(walk({ source: { kind: 'own', text: one }, edits: [], step: 0, at: null }).telling.id).toBe(EXAMPLES[0]!.id);
  });

  it.each(['riscv-process', 'smmuv3-substream', 'vtd-pasid'])('may be a machine file, as %s', (name) => {
    const text = readFileSync(new URL(`../../../../test/iommu/machines/${name}.json`, import.meta.url), 'utf8');
    expect(vectorsIn(text)).toEqual([text]);
    const at = walk({ source: { kind: 'own', text }, edits: [], step: 0, at: null });
    expect(at.step.accesses.length).toBeGreaterThan(4);
    expect(open({ source: { kind: 'own', text: text.replace('"memory"', '"memory": [{ "at": "0x0", "Nonsense": {} }], "more"') }, edits: [], step: 0, at: null })).toMatchObject({ kind: 'problem' });
  });

  it.each([
    ['{', /^This is not JSON: /],
    ['[]', /^This cannot be told: vector: expected an object\.$/],
    ['{"id":"x"}', /^This cannot be told: not a vector of an IOMMU: expected the keys /],
    ['{"caps":"0x10","steps":[]}', /^This cannot be told: vector\./],
    ['{"cap":"0x0","ecap":"0x0","dma":[{"dir":"r","iova":"zero"}],"ram":[],"rtaddr":"0x0","sid":1,"aw_bits":39,"id":"x","note":""}', /^This cannot be told: .*iova: expected a hex string/],
  ])('and %s is said to be none', (text, says) => {
    expect(open({ source: { kind: 'own', text }, edits: [], step: 0, at: null })).toEqual({ kind: 'problem', text: expect.stringMatching(says) });
  });
});

it('a vector of more steps than anybody steps through is not run', () => {
  const text = JSON.stringify({ caps: '0x10', steps: Array.from({ length: 1_001 }, () => ({ op: 'run' })) });
  expect(open({ source: { kind: 'own', text }, edits: [], step: 0, at: null })).toEqual({ kind: 'problem', text: 'This cannot be told: vector.steps: 1001 steps, expected at most 1000.' });
});

describe('a link', () => {
  it('brings everybody to the same place', async () => {
    const places: readonly Place[] = [
      example('vtd-pasid'),
      example('riscv-read-only', { step: 1, at: 3, edits: [{ address: 0x8002_2018n, set: 4n, clear: 0n }, { address: 8n, set: 0n, clear: (1n << 63n) | 2n }] }),
      { source: { kind: 'own', text: JSON.stringify(EXAMPLES[1]!.vector) }, edits: [], step: 0, at: 0 },
    ];
    for (const place of places) expect(await placeOf(await linkOf(place))).toEqual(place);
    expect((await linkOf(places[2]!)).length).toBeLessThan(900);
  });

  it('that unpacks to more than any vector is none', async () => {
    const hash = await linkOf({ source: { kind: 'own', text: '0'.repeat(3_000_000) }, edits: [], step: 0, at: null });
    expect(hash.length).toBeLessThan(10_000);
    expect(await placeOf(hash)).toBeNull();
  });

  it.each(['', '#', '#at=3', '#vector=!!', '#vector=AAAA', '#example=vtd-pasid&edits=1.2'])('that cannot be read, %j, is none', async (hash) => {
    expect(await placeOf(hash)).toBeNull();
  });
});
