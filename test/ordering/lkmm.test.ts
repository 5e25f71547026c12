// SPDX-License-Identifier: Apache-2.0
/**
 * STRICT against the verdicts of the kernel's own memory-model tests, and
 * docs/strict-vs-lkmm.md made from the comparison. `DMALAB_WRITE_DOCS=1` writes the page anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CORE_PROFILES } from '@dmalab/core/machine/profile';
import { LOWERINGS } from '@dmalab/kernel/lowering';
import { byExplorer, byGraph, linuxProgram, type LinuxProgram, type Outcomes } from './linux.ts';
import { lkmmPage, type Compared } from './lkmm-page.ts';
import { KERNEL_TESTS, type KernelTest, type KernelVerdict, type Relation } from './lkmm.table.ts';

const PAGE = new URL('../../docs/strict-vs-lkmm.md', import.meta.url);

function verdict(test: KernelTest, program: LinuxProgram, { outcomes }: Outcomes): KernelVerdict {
  const asks = test.asks.map((way) => way.map((part) => part.replace(/=&(\w+)$/, (_, name: string) => `=${program.place(name).address}`)));
  return outcomes.some((outcome) => asks.some((way) => way.every((part) => outcome.split(' ').includes(part)))) ? 'Sometimes' : 'Never';
}
const relation = (kernel: KernelVerdict, strict: KernelVerdict): Relation => (kernel === strict ? 'equal' : strict === 'Never' ? 'stronger' : 'weaker');

const compared: Compared[] = [];

describe('STRICT and the kernel\'s memory model', () => {
  it.each(KERNEL_TESTS.map((test) => [test.name, test] as const))('%s', (_, test) => {
    const program = linuxProgram(test.program, LOWERINGS.strict, test.start);
    const graph = byGraph(program, CORE_PROFILES.strict, 'free', test.finals);
    const explorer = byExplorer(program, CORE_PROFILES.strict, test.finals);
    expect(graph).toEqual(explorer);
    expect(graph.why).toBe('');
    expect(graph.outcomes.length).toBeGreaterThan(0);
    const strict = verdict(test, program, graph);
    compared.push({ test, strict });
    expect([strict, relation(test.kernel, strict)]).toEqual([strict, test.strict]);
    expect(test.why === '').toBe(test.strict === 'equal');
  });

  it('docs/strict-vs-lkmm.md is that comparison', () => {
    const page = lkmmPage(compared);
    if (process.env['DMALAB_WRITE_DOCS'] === '1') writeFileSync(PAGE, page);
    expect(readFileSync(PAGE, 'utf8')).toBe(page);
  });
});
