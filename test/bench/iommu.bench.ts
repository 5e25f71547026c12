// SPDX-License-Identifier: Apache-2.0
/**
 * What a translation costs. The ratios in the titles are of one run: the rows take turns, and each ratio is
 * the median over rounds of neighbours in time. `DMALAB_WRITE_DOCS=1` writes them to docs/benchmarks.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { bench, describe } from 'vitest';
import { rows } from './iommu-rows.ts';
import { measure } from './ratios.ts';

const ROWS = rows();
const measured = measure(ROWS, 15, 25);
const PAGE = new URL('../../docs/benchmarks.md', import.meta.url);
const [BEGIN, END] = ['<!-- translations: begin -->', '<!-- translations: end -->'];

const lines = ROWS.map((row, i) => {
  const { perSecond = 0, slower = 0 } = measured[i] ?? {};
  const other = measured.find(({ name }) => name === row.against)?.slower ?? 1;
  return { row, millions: (perSecond / 1e6).toPrecision(3), ratio: (slower / other).toPrecision(3) };
});

if (process.env['DMALAB_WRITE_DOCS'] === '1') {
  const table = ['| translation | table reads | M/s, best round | slower than | times | bar |', '|---|---|---|---|---|---|', ...lines.map(({ row, millions, ratio }) => `| ${row.name} | ${row.reads} | ${millions} | ${row.against} | ${ratio} | ${row.bar} |`)].join('\n');
  const page = readFileSync(PAGE, 'utf8');
  writeFileSync(PAGE, `${page.slice(0, page.indexOf(BEGIN) + BEGIN.length)}\n${table}\n${page.slice(page.indexOf(END))}`);
}

describe('one translation', () => {
  for (const { row, millions, ratio } of lines) {
    const times = row.subject.pages * 8;
    bench(`${row.name}: ${row.reads} reads, ${millions} M/s, ${ratio} times as long as ${row.against} (bar ${row.bar}); ${times} of them`, () => void row.subject.run(times), { time: 100, warmupTime: 0, warmupIterations: 1 });
  }
});
