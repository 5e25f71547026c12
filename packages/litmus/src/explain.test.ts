// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { explain, printExplanation } from './explain.ts';
import { parseLitmus } from './parse.ts';
import { ALL_MODELS, runOnModels } from './models.ts';

const mp = (barrier: string, reader: string, condition = 'exists (1:X0=1 /\\ 1:X3=0)'): string => `AArch64 MP
{ 0:X1=x; 0:X3=y; 1:X1=y; 1:X4=x; }
 P0          | P1          ;
 MOV W0,#1   | LDR W0,[X1] ;
 STR W0,[X1] | ${reader} ;
 ${barrier}  | LDR W3,[X4] ;
 STR W0,[X3] |             ;
${condition}
`;

describe('why', () => {
  it('a forbidden outcome: the cycle, with the rule on each edge', () => {
    const e = explain(parseLitmus(mp('DMB ST', 'DMB LD')));
    expect(e.kind).toBe('forbidden');
    expect(e.kind === 'forbidden' && e.cycle.map((c) => c.rule).sort()).toEqual(['arm.ld', 'arm.st', 'from-read', 'reads-from']);
    expect(printExplanation(e)).toContain('P0: writes x=1 (STR W0,[X1])\n    before, by DMB ST (P0, line 6): arm.st (Arm ARM DDI 0487, B2.3.7 barrier-ordered-before; oracle),');
    expect(printExplanation(e)).toContain('before, by DMB LD (P1, line 5): arm.ld (');
  });
  it.each([
    ['AArch64', '0:X1=x; 0:X3=y; 1:X1=y; 1:X3=x', ['MOV W0,#1', 'STR W0,[X1]', 'DSB OSH', 'LDR W2,[X3]'], '0:X2=0 /\\ 1:X2=0', 'DSB OSH (P0, line 6)'],
    ['RISCV', '0:x6=x; 0:x7=y; 1:x6=y; 1:x7=x', ['li x5,1', 'sw x5,0(x6)', 'fence w,r', 'lw x8,0(x7)'], '0:x8=0 /\\ 1:x8=0', 'fence w,r (P0, line 6)'],
    ['X86_64', '0:rcx=x; 0:rdx=y; 1:rcx=y; 1:rdx=x', ['nop', 'movl $1,(%rcx)', 'mfence', 'movl (%rdx),%eax'], '0:rax=0 /\\ 1:rax=0', 'mfence (P0, line 6)'],
    ['RISCV', '0:x6=x; 0:x7=y; 1:x6=y; 1:x7=x', ['lr.w.aq x8,(x6)', 'nop', 'li x5,1', 'sw x5,0(x7)'], '0:x8=1 /\\ 1:x8=1', ''],
    ['AArch64', '0:X1=x; 0:X3=y; 1:X1=y; 1:X3=x', ['LDR W2,[X1]', 'CBZ W2,L@', 'L@: MOV W0,#1', 'STR W0,[X3]'], '0:X2=1 /\\ 1:X2=1', 'the branch (P0, line 5)'],
  ])('%s: names the instruction that keeps the order', (arch, init, code, condition, instruction) => {
    const rows = code.map((c) => ` ${c.replace('@', '0')} | ${c.replace('@', '1')} ;`).join('\n');
    const e = explain(parseLitmus(`${arch} t\n{ ${init} }\n P0 | P1 ;\n${rows}\nexists (${condition})\n`));
    expect(e.kind).toBe('forbidden');
    expect(e.kind === 'forbidden' && e.cycle.map((c) => c.instruction)).toContain(instruction);
  });
  it('an allowed one: the execution', () => {
    const e = explain(parseLitmus(mp('DMB ST', 'NOP')));
    expect(e).toMatchObject({ kind: 'allowed', state: '1:X0=1;1:X3=0' });
    expect(printExplanation(e)).toContain('P1: reads x=0 (LDR W3,[X4]), from the initial state');
  });
  it('one that no order could give', () => {
    expect(explain(parseLitmus(mp('DMB ST', 'NOP', 'exists (1:X0=7)'))).kind).toBe('impossible');
  });
  it('every Never of the oracle has a cycle, or no execution at all', () => {
    let forbidden = 0;
    for (const file of ['aarch64', 'riscv', 'x86_64']) {
      readFileSync(new URL(`../../../test/oracle/litmus/${file}.jsonl`, import.meta.url), 'utf8').split('\n').forEach((line, i) => {
        if (line === '' || i % 15 !== 0) return;
        const { text, condition_ok: verdict, caveat } = JSON.parse(line) as { text: string; condition_ok: string; caveat?: string };
        if (caveat !== undefined || !text.includes('exists')) return;
        const e = explain(parseLitmus(text));
        expect(e.kind === 'allowed').toBe(verdict !== 'Never');
        if (e.kind === 'forbidden') {
          forbidden += 1;
          expect(e.cycle.length).toBeGreaterThan(1);
          e.cycle.forEach((edge, k) => expect(edge.to).toBe(e.cycle[(k + 1) % e.cycle.length]?.from));
        }
      });
    }
    expect(forbidden).toBeGreaterThan(20);
  });
});

it('one test on every model: what a model cannot express is said', () => {
  const plain = runOnModels(parseLitmus(mp('NOP', 'NOP')));
  expect(plain.map((r) => [r.model, 'run' in r ? r.run.observation : r.why])).toEqual([['x86-tso', 'Never'], ['armv8', 'Sometimes'], ['rvwmo', 'Sometimes'], ['strict', 'Sometimes']]);
  const fenced = runOnModels(parseLitmus(mp('DMB ST', 'DMB LD')));
  expect(fenced.find((r) => r.model === 'rvwmo')).toMatchObject({ why: 'has no instruction "dmb.st"' });
  expect(Object.keys(ALL_MODELS)).toEqual(['x86-tso', 'armv8', 'rvwmo', 'strict']);
});
