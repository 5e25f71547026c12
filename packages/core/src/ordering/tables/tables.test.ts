// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type RuleTable, without, withSwitches } from '../rules.ts';
import { CompiledTable, ThreadViews, type Layered } from '../views.ts';
import { ARMV8 } from './armv8.ts';
import { DEVICE } from './device.ts';
import { RVWMO } from './rvwmo.ts';
import { STRICT } from './strict.ts';
import { X86_TSO } from './x86-tso.ts';

const TABLES: readonly RuleTable[] = [X86_TSO, ARMV8, RVWMO, STRICT, DEVICE];

describe.each(TABLES.map((table) => [table.id, table] as const))('the rules of %s', (_, table) => {
  it('have names of their own, a source and a badge each', () => {
    const ids = table.rows.map((row) => row.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const row of table.rows) {
      expect(row.source.length, row.id).toBeGreaterThan(3);
      expect(['oracle', 'section', 'choice']).toContain(row.evidence);
      expect((row.before ?? row.join ?? row.result ?? row.resultPick ?? row.publish ?? []).length, row.id).toBeGreaterThan(0);
      if (row.when !== undefined) expect(table.switches, row.id).toHaveProperty(row.when[0]);
    }
  });
  it('know their fences and no others', () => {
    const compiled = new CompiledTable(table);
    for (const row of table.rows) if ('fence' in row.on) for (const name of row.on.fence) expect(() => compiled.fence(name)).not.toThrow();
    expect(() => compiled.fence('compiler')).not.toThrow();
    expect(() => compiled.fence('dmb.everything')).toThrow(`${table.id} has no fence "dmb.everything"`);
  });
});

/** Views as sets of words. */
type Words = ReadonlySet<string>;
const union = { empty: new Set<string>() as Words, join: (a: Words, b: Words): Words => new Set([...a, ...b]) };
const event = (name: string): Layered<Words> => ({ all: new Set([name]), cpu: new Set([name]) });
const show = (view: Layered<Words>): { all: string[]; cpu: string[] } => ({ all: [...view.all].sort(), cpu: [...view.cpu].sort() });

function thread(table: RuleTable): { read: (name: string) => void; write: (name: string) => void; fence: (name: string) => void; beforeRead: () => ReturnType<typeof show>; beforeWrite: () => ReturnType<typeof show> } {
  const views = new ThreadViews(new CompiledTable(table), union);
  const access = (cls: 'r' | 'w') => ({ class: cls, via: 'plain', order: 'plain', addr: views.noOperand, data: views.noOperand, partner: views.none, place: views.none, channel: '', from: null, partial: false, released: views.none }) as const;
  return {
    read: (name) => void views.after(access('r'), event(name)),
    write: (name) => void views.after(access('w'), event(name)),
    fence: (name) => views.fence(name),
    beforeRead: () => show(views.before(access('r'))),
    beforeWrite: () => show(views.before(access('w'))),
  };
}

describe('reach', () => {
  it('an edge of smp_wmb is in the CPUs\' layer only, one of dma_wmb in both', () => {
    const smp = thread(STRICT);
    smp.write('d');
    smp.fence('smp_wmb');
    expect(smp.beforeWrite()).toEqual({ all: [], cpu: ['d'] });
    const dma = thread(STRICT);
    dma.write('d');
    dma.fence('dma_wmb');
    expect(dma.beforeWrite()).toEqual({ all: ['d'], cpu: ['d'] });
    expect(dma.beforeRead()).toEqual({ all: [], cpu: [] });
  });
});

describe('switches', () => {
  it('NSH orders as SY in profiles and not at all as herd7 7.58 has it', () => {
    for (const [nsh, expected] of [['sy', ['d']], ['none', []]] as const) {
      const t = thread(withSwitches(ARMV8, { nsh }));
      t.write('d');
      t.fence('dmb.nshst');
      expect(t.beforeWrite().all).toEqual(expected);
    }
    expect(() => withSwitches(ARMV8, { colour: 'red' })).toThrow('armv8 has no switch colour');
  });
});

describe('fence letters', () => {
  it('fence w,o holds back output only', () => {
    const t = thread(RVWMO);
    t.write('d');
    t.fence('fence.w.o');
    expect(t.beforeWrite().all).toEqual([]);
    t.fence('fence.w.w');
    expect(t.beforeWrite().all).toEqual(['d']);
  });
});

it('a table without a row lacks its edges', () => {
  expect(() => without(ARMV8, 'arm.nothing')).toThrow('armv8 has no row arm.nothing');
  const t = thread(without(ARMV8, 'arm.st'));
  t.write('d');
  t.fence('dmb.ishst');
  expect(t.beforeWrite().all).toEqual([]);
});
