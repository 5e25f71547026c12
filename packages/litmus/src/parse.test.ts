// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseLitmus } from './parse.ts';
import { printRun } from './print.ts';
import { runOperational } from './run-operational.ts';
import { runLitmus } from './run.ts';
import { LitmusError } from './source.ts';

const MP = `AArch64 MP+dmb.st+addr
"Message passing (* not a comment *)"
Cycle=Rfe DpAddrdR Fre DMB.STdWW
{ 0:X1=x; 0:X3=y; (* nested (* comment *) *)
1:X1=y; 1:X4=x; }
 P0          | P1                  ;
 MOV W0,#1   | LDR W0,[X1]         ;
 STR W0,[X1] | EOR W2,W0,W0        ;
 DMB ST      | LDR W3,[X4,W2,SXTW] ;
 MOV W2,#1   |                     ;
 STR W2,[X3] |                     ;
exists (1:X0=1 /\\ 1:X3=0)
`;

const states = (text: string): string[] => runLitmus(parseLitmus(text)).states.map((s) => s.key);
const one = (arch: string, init: string, code: string, tail: string): string => `${arch} t\n{ ${init} }\n P0 ;\n${code.split(';').map((l) => ` ${l.trim()} ;`).join('\n')}\n${tail}\n`;

it('reads a whole test and prints its run as herd does', () => {
  const test = parseLitmus(MP);
  expect(test).toMatchObject({ arch: 'AArch64', name: 'MP+dmb.st+addr', doc: 'Message passing (* not a comment *)', metadata: [['Cycle', 'Rfe DpAddrdR Fre DMB.STdWW']], quantifier: 'exists' });
  expect(printRun(test, runLitmus(test))).toBe(`Test MP+dmb.st+addr Allowed
States 3
1:X0=0; 1:X3=0;
1:X0=0; 1:X3=1;
1:X0=1; 1:X3=1;
No
Witnesses
Positive: 0 Negative: 3
Condition exists (1:X0=1 /\\ 1:X3=0)
Observation MP+dmb.st+addr Never 0 3
`);
});

describe('initial states', () => {
  it('have types, addresses, arrays and registers of every spelling', () => {
    expect(states(one('AArch64', 'uint64_t x=0x100000001; int a[3]={1,-2}; int64_t *p=&x; P0:X0=x; 0:X1=p; 0:X2=a', 'LDR X3,[X0]; LDR X4,[X1]; LDR W5,[X2,#4]', 'locations [0:X3; 0:X4; 0:X5; a[1]; a; x;] forall (true)'))).toEqual(['0:X3=4294967297;0:X4=x;0:X5=4294967294;a={1,-2,0};a[1]=-2;[x]=4294967297']);
  });
  it('start at zero, and what only the condition names exists', () => {
    expect(states(one('X86_64', '', 'movl $1,(x)', 'exists (x=1 /\\ y=0)'))).toEqual(['[x]=1;[y]=0']);
  });
});

it('an array is set as a whole', () => {
  const init = (text: string) => (): unknown => parseLitmus(one('AArch64', text, 'NOP', 'forall (true)'));
  expect(init('int v[2]={1,2}; v[3] = 3')).toThrow('2:26: an element of "v" cannot be set alone; expected the whole array: {…}');
  expect(init('v[2]')).toThrow('array "v" has no type; expected TYPE v[2]');
});

describe('typed registers', () => {
  const INIT = 'int8_t x=-1; 0:X1=x; uint64_t 0:X2; int64_t 0:X3; uint8_t 0:X4=0x1ff; int *0:X5';
  it('need no value, and show what their type holds', () => {
    expect(states(one('AArch64', INIT, 'LDRSB X2,[X1]; LDRSB X3,[X1]; LDRSB W6,[X1]; MOV X5,X1', 'locations [0:X2; 0:X3; 0:X4; 0:X5;] forall (true)'))).toEqual(['0:X2=18446744073709551615;0:X3=-1;0:X4=255;0:X5=x']);
  });
  it('compare as that type; one without a type as an int where that is enough', () => {
    const ok = (condition: string): boolean => runLitmus(parseLitmus(one('AArch64', INIT, 'LDRSB X2,[X1]; LDRSB W6,[X1]', condition))).ok;
    expect(['forall (0:X2=-1)', 'forall (0:X2=0xffffffffffffffff)', 'forall (0:X2=0xffffffff)', 'forall (0:X4=0xff)', 'forall (0:X4=0x1ff)', 'forall (0:X6=-1)', 'forall (0:X6=0xffffffff)'].map(ok)).toEqual([true, true, false, true, false, true, true]);
    expect(runLitmus(parseLitmus(one('RISCV', 'int8_t x=-1; 0:x5=x', 'lb x6,0(x5)', 'forall (0:x6=0xffffffff)'))).ok).toBe(true);
  });
  it('are refused when the type is none', () => {
    expect(() => parseLitmus(one('AArch64', 'uint65_t 0:X3', 'NOP', 'forall (true)'))).toThrow(/^2:3: "uint65_t" is not a type/);
  });
});

it('locations smaller than what is stored there show their own bytes', () => {
  expect(states(one('AArch64', 'uint8_t t[4]; 0:X1=t; uint8_t y; 0:X2=y', 'MOV W0,#0x102; STR W0,[X1]; STRH W0,[X1,#2]; STR W0,[X2]', 'locations [t; y;] forall (t[2]=2)'))).toEqual(['t={2,1,2,1};t[2]=2;[y]=2']);
});

describe('an unaligned access', () => {
  it.each([
    ['AArch64', '0:X1=x; 1:X1=x; uint64_t x', 'MOV W0,#0x101', 'LDURH W2,[X1,#3]', 'STURH W0,[X1,#3]', '1:X2'],
    ['RISCV', '0:x6=x; 1:x6=x; uint64_t x', 'li x5,257', 'lhu x7,3(x6)', 'sh x5,3(x6)', '1:x7'],
    ['X86_64', '0:rcx=x; 1:rcx=x; uint64_t x', 'movw $257,%ax', 'movw 3(%rcx),%bx', 'movw %ax,3(%rcx)', '1:rbx'],
  ])('on %s tears into bytes; the operational form refuses it', (arch, init, value, read, write, seen) => {
    const test = parseLitmus(`${arch} t\n{ ${init} }\n P0 | P1 ;\n ${value} | ${read} ;\n ${write} | ;\nlocations [${seen};] forall (true)\n`);
    expect(runLitmus(test).states.map((s) => s.key.split('=')[1])).toEqual(['0', '1', '256', '257']);
    expect(runOperational(test)).toMatchObject({ complete: false, why: 'an unaligned access tears into bytes, which the graph form alone does' });
  });
});

it('prints ~exists as herd does: its witnesses are the executions without the outcome', () => {
  const test = parseLitmus(one('X86_64', 'y=2', 'movl $1,(x)', '~ exists (x=1 /\\ (y=0x3 \\/ not [x]=y))'));
  expect(printRun(test, runLitmus(test)).split('\n').slice(3)).toEqual(['No', 'Witnesses', 'Positive: 0 Negative: 1', 'Condition ~exists ([x]=1 /\\ ([y]=3 \\/ not ([x]=y)))', 'Observation t Always 1 0', '']);
});

describe('conditions', () => {
  const ok = (condition: string): boolean => runLitmus(parseLitmus(one('RISCV', '0:x5=x; 0:x6=3', 'sw x6,0(x5); lw a0,0(x5)', condition))).ok;
  it.each([
    ['exists (0:x10=3)', true],
    ['exists (0:a0=3)', true],
    ['~exists (0:a0=3)', false],
    ['~ exists (0:a0=4)', true],
    ['forall ([x]=3 /\\ 0:x6=[x])', true],
    ['forall (0:x10=0:x6)', true],
    ['forall (x<>4)', true],
    ['forall (x=1 \\/ x=3 /\\ 0:x6=3)', true],
    ['forall (not (x=4) /\\ ~(x=5))', true],
    ['forall (x=4 => x=5)', true],
    // `=>` binds more tightly than /\ in herd.
    ['forall (x=4 => x=5 /\\ x=4)', false],
    ['forall (0:x5=x)', true],
    ['filter (x=4) forall (false)', true],
    ['final (x=0x3)', true],
  ])('%s', (condition, expected) => expect(ok(condition)).toBe(expected));
});

describe('what cannot be read is said with its place', () => {
  const problem = (text: string): string => {
    try {
      parseLitmus(text);
    } catch (error) {
      if (error instanceof LitmusError) return error.message;
      throw error;
    }
    return 'was read';
  };
  it.each([
    ['PPC t\n{}\n P0 ;\nexists (x=1)', /^1:1: architecture "PPC" is not known; expected AArch64, RISCV, X86_64, X86$/],
    ['AArch64 t\n P0 ;\nexists (x=1)', /^3:13: there is no initial state; expected "\{"$/],
    ['AArch64 t\n{ x=1;\n P0 ;', /^2:1: the initial state is never closed; expected "}"$/],
    ['AArch64 t\n(* open\n{}', /^2:1: this comment is never closed/],
    ['AArch64 t\n{ 0:Q1=x; }\n P0 ;\nexists (x=1)', /^2:5: "Q1" is not a register of AArch64; expected a register$/],
    ['AArch64 t\n{ float x=1; }\n P0 ;\nexists (x=1)', /^2:3: "float" is not a type this reader knows; expected char, /],
    ['AArch64 t\n{ x:green; }\n P0 ;\nexists (x=1)', /^2:3: "x:" has no meaning here/],
    ['AArch64 t\n{}\n P0 | P1 ;\n NOP | NOP | NOP ;\nexists (x=1)', /^4:14: this row has 3 cells; expected 2/],
    ['AArch64 t\n{}\n P0 ;\n NOP ;\n FROB X1,X2 ;\nexists (x=1)', /^5:2: "FROB" is not an AArch64 instruction this assembler knows/],
    ['AArch64 t\n{}\n P0 ;\n LDAR W0,[X1,#4] ;\nexists (x=1)', /^4:10: LDAR takes no offset; expected \[Xn\]$/],
    ['AArch64 t\n{}\n P0 ;\n DMB FULL ;\nexists (x=1)', /^4:2: "DMB FULL": no such variant of DMB; expected SY, LD, ST/],
    ['AArch64 t\n{}\n P0 ;\n CBZ W0,L1 ;\nexists (x=1)', /^4:9: there is no label "L1" in this thread/],
    ['RISCV t\n{}\n P0 ;\n fence q,w ;\nexists (x=1)', /^4:2: "fence q,w": no such variant of fence; expected two sets of i, o, r, w/],
    ['RISCV t\n{}\n P0 ;\n lw x5,x6 ;\nexists (x=1)', /^4:2: "lw x5,x6": wrong operands for lw; expected lw REGISTER, \[MEMORY\]$/],
    ['X86_64 t\n{}\n P0 ;\n lock movl $1,(x) ;\nexists (x=1)', /^4:2: movl cannot be locked/],
    ['X86_64 t\n{}\n P0 ;\n rdtsc ;\nexists (x=1)', /^4:2: "rdtsc" is not an x86 instruction/],
    ['X86_64 t\n{}\n P0 ;\n mfence ;\n', /there is no condition; expected "exists"/],
    ['X86_64 t\n{}\n P0 ;\n mfence ;\nexists (0:rax=)', /^5:15: found "\)"; expected a number or the name of a location$/],
    ['X86_64 t\n{}\n P0 ;\n mfence ;\nexists (3:rax=1)', /the condition names thread 3, which the program has not; expected P0/],
    ['X86_64 t\n{}\n P0 ;\n mfence ;\nexists (x=1) nonsense', /^5:14: found "nonsense"; expected the end of the test$/],
  ])('%j', (text, message) => expect(problem(text)).toMatch(message));
});

it('a loop that goes on is cut, and the run says that it is not complete', () => {
  const run = runLitmus(parseLitmus('AArch64 spin\n{ 0:X0=x; }\n P0 ;\n L0: ;\n LDR W1,[X0] ;\n CBZ W1,L0 ;\nexists (0:X1=1)'));
  expect(run).toMatchObject({ complete: false, why: expect.stringContaining('the loop at L0') });
});

it.each(['aarch64', 'riscv', 'x86_64'])('%s tests cut, doubled and scrambled: read, or refused with a place inside the text', (file) => {
  const texts = readFileSync(new URL(`../../../test/oracle/litmus/${file}.jsonl`, import.meta.url), 'utf8').split('\n').filter((row) => row !== '').map((row) => (JSON.parse(row) as { text: string }).text);
  let seed = 7;
  const below = (n: number): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff) % n;
  let [read, refused] = [0, 0];
  for (let i = 0; i < 400; i += 1) {
    const text = texts[below(texts.length)] ?? '';
    const [a, b] = [below(text.length), below(text.length)].sort((x, y) => x - y) as [number, number];
    const odd = '|;{}()[]:=~/\\,#$%@"\n-*'[below(23)] ?? '';
    const broken = [text.slice(0, a), text.slice(0, a) + text.slice(b), text.slice(0, b) + text.slice(a), text.slice(0, a) + odd + text.slice(a), text.slice(0, a) + odd + text.slice(a + 1)][i % 5] ?? '';
    try {
      parseLitmus(broken);
      read += 1;
    } catch (error) {
      if (!(error instanceof LitmusError)) throw new Error(`not a litmus error, for:\n${broken}`, { cause: error });
      refused += 1;
      expect(error.message).toMatch(/^\d+:\d+: \S/);
      expect(error.position.line).toBeLessThanOrEqual(broken.split('\n').length);
    }
  }
  expect(read).toBeGreaterThan(10);
  expect(refused).toBeGreaterThan(100);
});
