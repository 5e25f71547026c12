// SPDX-License-Identifier: Apache-2.0
/** The program: a table, one column a thread, one row an instruction. */
import type { Assembler, Context } from './asm/assembler.ts';
import type { InitialRegister } from './init.ts';
import type { Source } from './source.ts';
import type { LitmusThread } from './test.ts';
import type { Instruction } from './thread.ts';

interface Cell {
  readonly text: string;
  readonly offset: number;
}

/** Rows end at `;`, cells at `|`. */
function table(source: Source, start: number, end: number): Cell[][] {
  const rows: Cell[][] = [];
  let row: Cell[] = [];
  let from = start;
  for (let i = start; i <= end; i += 1) {
    const c = i === end ? ';' : source.text[i];
    if (c !== ';' && c !== '|') continue;
    const raw = source.text.slice(from, i);
    const lead = raw.length - raw.trimStart().length;
    if (i === end && raw.trim() === '' && row.length === 0) break;
    if (i === end) source.fail(from + lead, 'this row is never closed', '";"');
    row.push({ text: raw.trim(), offset: from + lead });
    from = i + 1;
    if (c === ';') {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

export function parseProgram(source: Source, start: number, end: number, assembler: Assembler, context: Context, registers: readonly InitialRegister[]): LitmusThread[] {
  const [header, ...rows] = table(source, start, end);
  if (header === undefined) return source.fail(start, 'there is no program', '"P0 | P1 ;"');
  const indices = header.map(({ text, offset }) => {
    const found = /^P(\d+)(?::.*)?$/.exec(text);
    if (found === null) return source.fail(offset, `"${text}" does not head a column`, 'P0, P1, …');
    return Number(found[1]);
  });
  for (const row of rows) {
    const extra = row[indices.length];
    if (extra !== undefined) source.fail(extra.offset, `this row has ${row.length} cells`, `${indices.length}, one for each thread`);
  }
  for (const r of registers) if (!indices.includes(r.thread)) source.fail(r.offset, `there is no thread ${r.thread}`, indices.map((i) => `P${i}`).join(', '));
  return indices.map((index, column) => ({
    index,
    ...assembleColumn(source, index, rows.map((row) => row[column] ?? { text: '', offset: end }), assembler, context),
    registers: registers.filter((r) => r.thread === index).map(({ name, slot, type, value }) => ({ name, slot, type, value })),
  }));
}

function assembleColumn(source: Source, thread: number, cells: readonly Cell[], assembler: Assembler, context: Context): { code: Instruction[]; labels: Map<string, number> } {
  const code: Instruction[] = [];
  const labels = new Map<string, number>();
  const targets: { label: string; offset: number }[] = [];
  for (const cell of cells) {
    let { text, offset } = cell;
    for (;;) {
      const label = /^([A-Za-z_.][\w.]*)\s*:\s*/.exec(text);
      if (label === null) break;
      if (labels.has(label[1] ?? '')) source.fail(offset, `label "${label[1]}" stands twice in this thread`, 'another name');
      labels.set(label[1] ?? '', code.length);
      text = text.slice(label[0].length);
      offset += label[0].length;
    }
    if (text === '') continue;
    const { run, target } = assembler.assemble({ source, text, offset }, context);
    if (target !== null) targets.push(target);
    code.push({ text: text.replace(/\s+/g, ' '), site: { file: `P${thread}`, ...source.position(offset) }, run });
  }
  for (const { label, offset } of targets) if (!labels.has(label)) source.fail(offset, `there is no label "${label}" in this thread`, [...labels.keys()].map((l) => `"${l}"`).join(', ') || 'a label');
  return { code, labels };
}
