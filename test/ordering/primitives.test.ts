// SPDX-License-Identifier: Apache-2.0
/**
 * The matrix primitive × profile, made by both forms of the machine, cell by
 * cell against what is expected, and docs/ordering-matrix.md made from it.
 * `DMALAB_WRITE_DOCS=1` writes the page anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CORE_PROFILES } from '@dmalab/core/machine/profile';
import { KERNEL_PROFILES } from '@dmalab/kernel/profiles';
import { byGraph, byMachine, linuxProgram, type Outcomes } from './linux.ts';
import { matrixPage, type Matrix } from './primitives-page.ts';
import { COLUMNS, expectedCell, SHAPES, type Column, type PrimitiveRow, type Shape, type Verdict } from './primitives.table.ts';

const PAGE = new URL('../../docs/ordering-matrix.md', import.meta.url);

function program(shape: Shape, row: PrimitiveRow, column: Column): ReturnType<typeof linuxProgram> {
  return linuxProgram(shape.program.replaceAll('$', row.code ?? row.primitive), KERNEL_PROFILES[column].lowering, shape.start);
}
const verdict = (shape: Shape, { outcomes }: Outcomes): Verdict => (outcomes.some((outcome) => shape.bad.every((part) => outcome.split(' ').includes(part))) ? 'broken' : 'kept');
const profileOf = (column: Column): (typeof CORE_PROFILES)[keyof typeof CORE_PROFILES] => CORE_PROFILES[KERNEL_PROFILES[column].core];
const columnsOf = (shape: Shape): readonly Column[] => COLUMNS.filter((column) => shape.cpus === undefined || !column.endsWith('-up'));

const matrix: Matrix = new Map();

describe.each(SHAPES.map((shape) => [shape.id, shape] as const))('%s', (_, shape) => {
  for (const row of shape.rows) {
    it(`${row.primitive}: both forms give the same outcomes, and the expected verdict on every profile`, () => {
      const found: Partial<Record<Column, Verdict>> = {};
      const expected: Partial<Record<Column, Verdict>> = {};
      for (const column of columnsOf(shape)) {
        const graph = byGraph(program(shape, row, column), profileOf(column), 'kept');
        // Where two CPUs and a device are too many for every schedule, the machine must find nothing that the graph form has not.
        const machine = byMachine(program(shape, row, column), profileOf(column), [], shape.start === undefined ? 200_000 : 20_000);
        if (machine.why === '' || shape.start === undefined) expect([column, graph]).toEqual([column, machine]);
        else expect([column, machine.outcomes.filter((o) => !graph.outcomes.includes(o))]).toEqual([column, []]);
        expect(graph.why).toBe('');
        expect(graph.outcomes.length).toBeGreaterThan(0);
        found[column] = verdict(shape, graph);
        expected[column] = expectedCell(row, column)[0];
        // Load→store reordering adds nothing to these.
        expect([column, verdict(shape, byGraph(program(shape, row, column), profileOf(column), 'free'))]).toEqual([column, found[column]]);
      }
      matrix.set(`${shape.id}/${row.primitive}`, found);
      expect(found).toEqual(expected);
    });
  }
});

describe('on a non-coherent machine, coherent memory is uncached and needs the same barriers', () => {
  for (const shape of SHAPES.filter((s) => s.id === 'own-bit' || s.id === 'done-bit')) {
    for (const row of shape.rows) {
      it(`${shape.id}: ${row.primitive}`, () => {
        for (const [nc, coherent] of [['arm64-nc', 'arm64'], ['strict-nc', 'strict']] as const) {
          const text = shape.program.replaceAll('$', row.code ?? row.primitive);
          const found = byMachine(linuxProgram(text, KERNEL_PROFILES[nc].lowering, {}, true), CORE_PROFILES[nc]);
          expect(found.why).toBe('');
          expect([nc, verdict(shape, found)]).toEqual([nc, expectedCell(row, coherent)[0]]);
        }
      });
    }
  }
});

it('docs/ordering-matrix.md is what the machine answers', () => {
  const page = matrixPage(matrix);
  if (process.env['DMALAB_WRITE_DOCS'] === '1') writeFileSync(PAGE, page);
  expect(readFileSync(PAGE, 'utf8')).toBe(page);
});
