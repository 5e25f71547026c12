// SPDX-License-Identifier: Apache-2.0
/** Writes docs/ordering-matrix.md out of what the machine answered. */
import { COLUMNS, expectedCell, SHAPES, SOURCES, type Column, type SourceId, type Verdict } from './primitives.table.ts';

/** `shape/primitive` → profile → verdict. */
export type Matrix = Map<string, Partial<Record<Column, Verdict>>>;

const MARKS: Record<Verdict, string> = { kept: 'no', broken: '**yes**' };

/** The questions people ask first, and the cell that answers each. */
const SUMMARY: readonly (readonly [question: string, cell: string])[] = [
  ['no dma_wmb before the own bit', 'own-bit/nothing'],
  ['smp_wmb instead', 'own-bit/smp_wmb'],
  ['no dma_rmb after the done bit', 'done-bit/the test alone'],
  ['smp_rmb instead', 'done-bit/smp_rmb'],
  ['nothing before a relaxed doorbell', 'doorbell/writel_relaxed'],
  ['dma_wmb before a relaxed doorbell', 'doorbell/dma_wmb; writel_relaxed'],
  ['status by readl_relaxed, then data', 'status/readl_relaxed'],
  ['no mb between an MMIO write and a look at memory', 'rearm/writel'],
  ['no mb between arming in memory and a look at memory', 'shadow/nothing'],
  ['dma_wmb before a write-combining doorbell', 'wc-doorbell/dma_wmb'],
  ['writel_relaxed under a spinlock', 'locked-registers/writel_relaxed'],
];

export function matrixPage(matrix: Matrix): string {
  const notes: SourceId[] = [];
  const note = (source: SourceId): string => {
    if (!notes.includes(source)) notes.push(source);
    return `[${notes.indexOf(source) + 1}]`;
  };
  const sections = SHAPES.map((shape) => {
    const columns = COLUMNS.filter((column) => shape.cpus === undefined || !column.endsWith('-up'));
    const rows = shape.rows.map((row) => {
      const cells = columns.map((column) => {
        const found = matrix.get(`${shape.id}/${row.primitive}`)?.[column];
        return found === undefined ? '?' : `${MARKS[found]} ${note(expectedCell(row, column)[1])}`;
      });
      return `| ${row.primitive} | ${cells.join(' | ')} |`;
    });
    return [`## ${shape.title}`, '', shape.story, '', `| between them | ${columns.join(' | ')} |`, `|---|${columns.map(() => '---|').join('')}`, ...rows, ''].join('\n');
  });
  const summary = SUMMARY.map(([question, cell]) => {
    const found = matrix.get(cell);
    return `| ${question} | ${COLUMNS.map((column) => (found?.[column] === undefined ? '–' : MARKS[found[column]])).join(' | ')} |`;
  });
  return [
    '# Which primitive keeps which order',
    '',
    'Made by `test/ordering/primitives.test.ts`; `DMALAB_WRITE_DOCS=1` in front of its run writes it anew. **yes**: it can go wrong, the machine has an',
    'execution that shows it. no: both forms of the machine have looked at every execution, and none does (where two CPUs and a device write to registers, the graph form alone has looked at all). –: needs a second CPU. The numbers say what the expected answer rests on.',
    'Programs use the lowering that drivers use (`packages/kernel/src/lowering.ts`); `-up` is the uniprocessor build, on which every `smp_*` is only a compiler barrier.',
    'Memory is coherent (`dma_alloc_coherent`, or streaming buffers on a coherent machine); what a non-coherent one needs besides is in `test/ordering/device-rows.table.ts`, rows E4 to E9.',
    '',
    'Two rows surprise. `smp_wmb` in place of `dma_wmb` passes on arm64 and riscv64 SMP builds, because the instruction reaches a coherent device all the same:',
    'it is wrong by contract, fails on STRICT, and is gone on every UP build (founding ruling 4). And `mb` after arming an interrupt is not enough where the write is',
    'posted: it may have left the CPU and not arrived. Read it back. Where the event is armed in memory, `mb` is exactly what is needed.',
    '',
    '## What shows a mistake',
    '',
    `| mistake | ${COLUMNS.join(' | ')} |`,
    `|---|${COLUMNS.map(() => '---|').join('')}`,
    ...summary,
    '',
    'Not here: cache maintenance and byte order, which are no barriers. The kernel API has no write-combining mappings; that section is about the machine.',
    '',
    ...sections,
    '## What the answers rest on',
    '',
    ...notes.map((source, i) => `${i + 1}. ${SOURCES[source]}`),
    '',
  ].join('\n');
}
