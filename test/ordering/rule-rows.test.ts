// SPDX-License-Identifier: Apache-2.0
/** The rows of `rule-rows.*.ts` in every form: complete outcome sets, with and without load→store reordering. */
import { describe, expect, it } from 'vitest';
import { byGraph, byMachine, byNaive, byOperational, guided } from './forms.ts';
import { IO_ROWS } from './rule-rows.io.ts';
import { MEMORY_ROWS } from './rule-rows.memory.ts';
import { STRICT_ROWS } from './rule-rows.strict.ts';
import { casesOf, short } from './rule-rows.ts';

const REGISTERS = { memory: false } as const;
const KEPT = { memory: false, loadStore: 'kept' } as const;

for (const [title, rows] of Object.entries({ 'MMIO, posted writes, interrupts': IO_ROWS, 'memory': MEMORY_ROWS, 'STRICT': STRICT_ROWS })) {
  describe(title, () => {
    it.each(rows.map((row) => [row.id, row.story, row] as const))('%s: %s', (_, __, row) => {
      for (const { name, model, program, free, kept } of casesOf(row)) {
        const found = (form: string, outcomes: readonly string[]): unknown => ({ name, form, outcomes: short(outcomes) });
        expect(found('graph', byGraph(program, model, REGISTERS).outcomes)).toEqual({ name, form: 'graph', outcomes: free });
        expect(found('graph, kept', byGraph(program, model, KEPT).outcomes)).toEqual({ name, form: 'graph, kept', outcomes: kept });
        expect(found('naive', byNaive(program, model, REGISTERS).outcomes)).toEqual({ name, form: 'naive', outcomes: free });
        expect(found('naive, kept', byNaive(program, model, KEPT).outcomes)).toEqual({ name, form: 'naive, kept', outcomes: kept });
        if (program.agents.every((a) => a.kind === 'cpu')) expect(found('operational', byOperational(program, model, REGISTERS).outcomes)).toEqual({ name, form: 'operational', outcomes: free });
        const machine = byMachine(program, model, { ...REGISTERS, limit: 800 });
        // Too many schedules: led through the executions of the graph instead.
        const outcomes = machine.why === '' ? machine.outcomes : guided(program, model, REGISTERS);
        expect(found('machine', outcomes)).toEqual({ name, form: 'machine', outcomes: kept });
      }
    });
  });
}
