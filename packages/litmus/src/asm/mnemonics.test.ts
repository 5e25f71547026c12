// SPDX-License-Identifier: Apache-2.0
/** What each instruction computes: one thread, final registers and memory; every mnemonic of the tables has a case. Ordering is tested on the oracle. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ASSEMBLERS, parseLitmus } from '../parse.ts';
import { runLitmus } from '../run.ts';
import type { Arch } from '../test.ts';

/** Mnemonics that a case has run, by architecture. */
const seen = new Map<Arch, Set<string>>();
function note(arch: Arch, code: string): void {
  const set = seen.get(arch) ?? new Set<string>();
  seen.set(arch, set);
  for (const instruction of code.split(';')) for (const word of instruction.trim().split(/\s+/).slice(0, 2)) set.add(arch === 'AArch64' ? word.toUpperCase() : word.toLowerCase());
}

/** Final values of the named things; an instruction that may fail gives several states. */
function run(arch: Arch, init: string, code: string, ...names: string[]): string[] {
  note(arch, code);
  const lines = code.split(';').map((l) => ` ${l.trim()} ;`);
  const text = `${arch} t\n{ ${init} }\n P0 ;\n${lines.join('\n')}\nlocations [${names.map((n) => `${n};`).join(' ')}]\nforall (true)\n`;
  return runLitmus(parseLitmus(text)).states.map((s) => names.map((n) => s.values.find((v) => v.name === n || v.name === `[${n}]`)?.value).join(' '));
}

/**
 * What makes up 99 in 100 of the tests of published catalogues (non-VMSA, non-MTE, non-ifetch), counted over herdtools7's catalogue for
 * AArch64 and x86 and over the public RISC-V suite, as docs/litmus.md says.
 */
const COMMON: Record<Exclude<Arch, 'X86'>, string> = {
  AArch64: 'MOV STR LDR STLR CMP EOR CSEL DMB B.EQ LDAR LDXR CBNZ STXR CAS ADD SWP LDAPR B.NE ISB NOP CBZ AND CASA LDADD STADD DSB LDAXR STLXR ORR B',
  RISCV: 'sw lw fence xor bne sw.rl add fence.i lw.aq ori sc.w lr.w sd ld amoswap.w amoor.w amoadd.w li andi addi fence.tso',
  X86_64: 'mov mfence', // without size letters
};
it.each(Object.entries(COMMON))('%s knows what published tests use', (arch, mnemonics) => {
  const known = new Set(ASSEMBLERS[arch as keyof typeof COMMON].mnemonics().map((m) => m.toUpperCase()));
  expect(mnemonics.split(' ').filter((m) => !known.has(m.toUpperCase()))).toEqual([]);
});

describe('AArch64', () => {
  const INIT = '0:X0=x; 0:X1=6; 0:X2=3; 0:X8=a; uint64_t x=0x1122334455667788; int a[4]={10,11,12,13}';
  const a64 = (code: string, ...names: string[]): string => run('AArch64', INIT, code, ...names).join(' / ');
  it.each([
    ['LSR W3,W1,#33', '3'], ['SXTB X3,W1', '6'], ['SXTH X3,W1', '6'], ['UXTH W3,W1', '6'], ['UXTW X3,W1', '6'], ['LDPSW X4,X3,[X8,#4]', '12'], ['LDNP W4,W3,[X8]', '11'],
    ['CMP X1,X2; CSINV X3,X1,X2,LT', '-4'], ['CMP X1,X2; CINV X3,X1,GT', '-7'],
    ['MOV W3,#7', '7'], ['MOVZ X3,#7', '7'], ['MOV X3,X1', '6'], ['MVN W3,W1', '4294967289'], ['NEG W3,W1', '4294967290'],
    ['MOVK X3,#1,LSL #16', '65536'], ['ADD X3,X1,X2', '9'], ['ADD X3,X1,#1', '7'], ['ADD X3,X1,X2,LSL #2', '18'], ['SUB X3,X1,X2', '3'], ['SUBS X3,X2,X1', '-3'], ['ADDS X3,X2,X1', '9'],
    ['AND X3,X1,X2', '2'], ['ANDS X3,X1,X2', '2'], ['ORR X3,X1,X2', '7'], ['EOR X3,X1,X2', '5'], ['BIC X3,X1,X2', '4'], ['BICS X3,X1,X2', '4'], ['ORN W3,WZR,W1', '4294967289'], ['EON W3,W1,W1', '4294967295'],
    ['MUL X3,X1,X2', '18'], ['LSL X3,X1,#2', '24'], ['LSR X3,X1,#1', '3'], ['ASR W3,W1,W2', '0'], ['UXTB W3,W1', '6'], ['SXTW X3,W1', '6'],
    ['CMP X1,X2; CSEL X3,X1,X2,GT', '6'], ['CMP X1,X2; CSEL X3,X1,X2,LE', '3'], ['CMP X1,X1; CSET W3,EQ', '1'], ['CMP X2,X1; CSINC X3,X1,X2,CS', '4'], ['CMN X1,X2; CSETM W3,NE', '4294967295'], ['TST X1,#1; CINC X3,X1,EQ', '7'], ['CMP X1,X2; CSNEG X3,X1,X2,LT', '-3'], ['CMP X1,X2; CNEG X3,X1,HI', '-6'],
    ['LDR X3,[X0]', '1234605616436508552'], ['LDR W3,[X0]', '1432778632'], ['LDRB W3,[X0]', '136'], ['LDRH W3,[X0]', '30600'], ['LDRSB X3,[X0]', '-120'], ['LDRSH X3,[X0,#2]', '21862'], ['LDRSW X3,[X0,#4]', '287454020'], ['LDUR W3,[X8,#4]', '11'],
    ['LDR W3,[X8,#8]', '12'], ['LDR W3,[X8,X2,LSL #2]', '13'], ['LDR W3,[X8,W2,SXTW #2]', '13'], ['LDR W4,[X8,#4]!; LDR W3,[X8]', '11'], ['LDR W4,[X8],#8; LDR W3,[X8]', '12'], ['LDP W4,W3,[X8,#4]', '12'],
    ['LDAR W3,[X0]', '1432778632'], ['LDAPR W3,[X0]', '1432778632'], ['LDAPUR W3,[X8,#4]', '11'], ['LDXR W3,[X0]', '1432778632'], ['LDAXR W3,[X0]', '1432778632'],
    ['CBZ X1,L; MOV X3,#1; L:', '1'], ['CBNZ X1,L; MOV X3,#1; L:', '0'], ['TBZ X1,#0,L; MOV X3,#1; L:', '0'], ['TBNZ X1,#0,L; MOV X3,#1; L:', '1'], ['CMP X1,#6; B.EQ L; MOV X3,#1; L:', '0'], ['CMP X1,#6; B.NE L; MOV X3,#1; L:', '1'], ['CMP X1,#7; BLT L; MOV X3,#1; L:', '0'], ['B L; MOV X3,#1; L:', '0'], ['RET; MOV X3,#1', '0'],
    ['DMB SY; DSB ISHLD; ISB; NOP; YIELD; MOV X3,#1', '1'],
  ])('%s', (code, expected) => expect(a64(code, '0:X3')).toBe(expected));
  it.each([
    ['STR X1,[X0]', '6'], ['STR WZR,[X0]', '1234605615003729920'], ['STRB W1,[X0]', '1234605616436508422'], ['STRH W1,[X0,#6]', '1745218443835272'], ['STP W1,W2,[X0]', '12884901894'], ['STLR X1,[X0]', '6'], ['STNP W1,W2,[X0]', '12884901894'], ['STLUR W1,[X0,#4]', '27202582408'],
    ['STXR W9,X1,[X0]', '1234605616436508552'], ['LDXR X9,[X0]; STXR W9,X1,[X0]', '1234605616436508552 / 6'],
    ['SWP X1,X3,[X0]', '6'], ['CAS X1,X2,[X0]', '1234605616436508552'], ['LDR X1,[X0]; CASAL X1,X2,[X0]', '3'], ['STADD X2,[X0]', '1234605616436508555'],
    ['LDADDA X2,X3,[X0]', '1234605616436508555'], ['LDSETL X2,X3,[X0]', '1234605616436508555'], ['LDCLR X2,X3,[X0]', '1234605616436508552'], ['LDEORAL X2,X3,[X0]', '1234605616436508555'],
    ['LDSMAX X2,X3,[X0]', '1234605616436508552'], ['LDSMIN X2,X3,[X0]', '3'], ['LDUMAX X2,X3,[X0]', '1234605616436508552'], ['LDUMIN X2,X3,[X0]', '3'], ['SWPB W1,W3,[X0]', '1234605616436508422'],
  ])('%s, in memory', (code, expected) => expect(a64(code, 'x')).toBe(expected));
});

/** Families: expected values come from the formulas here, not from the tables. */
const X = 0x8899aabbccddeeffn;
const BYTES = [['', 4], ['B', 1], ['H', 2]] as const;
const signed = (x: bigint, bytes: number): bigint => BigInt.asIntN(8 * bytes, x);
/** `x` with its lowest bytes replaced. */
const into = (x: bigint, bytes: number, low: bigint): string => String(BigInt.asIntN(64, (x & ~((1n << BigInt(8 * bytes)) - 1n)) | BigInt.asUintN(8 * bytes, low)));
const OPERATIONS: Record<string, (old: bigint, by: bigint, bytes: number) => bigint> = {
  ADD: (old, by) => old + by, CLR: (old, by) => old & ~by, SET: (old, by) => old | by, EOR: (old, by) => old ^ by,
  SMAX: (old, by, n) => (signed(old, n) > signed(by, n) ? old : by), SMIN: (old, by, n) => (signed(old, n) < signed(by, n) ? old : by), UMAX: (old, by) => (old > by ? old : by), UMIN: (old, by) => (old < by ? old : by),
};
describe('AArch64 families', () => {
  const BY = 0x13n;
  const a64 = (code: string, ...names: string[]): string[] => run('AArch64', `0:X0=x; 0:X1=${BY}; int64_t x=${X}; uint64_t 0:X3; uint64_t 0:X9`, code, ...names);
  const low = (bytes: number): bigint => BigInt.asUintN(8 * bytes, X);
  const cases: [code: string, register: bigint | null, memory: string][] = [];
  for (const [suffix, bytes] of BYTES) {
    for (const order of ['', 'A', 'L', 'AL']) {
      for (const [name, compute] of Object.entries(OPERATIONS)) {
        cases.push([`LD${name}${order}${suffix} W1,W3,[X0]`, low(bytes), into(X, bytes, compute(low(bytes), BY, bytes))]);
        if (order === '' || order === 'L') cases.push([`ST${name}${order}${suffix} W1,[X0]`, null, into(X, bytes, compute(low(bytes), BY, bytes))]);
      }
      cases.push([`SWP${order}${suffix} W1,W3,[X0]`, low(bytes), into(X, bytes, BY)]);
      cases.push([`CAS${order}${suffix} W3,W1,[X0]`, low(bytes), into(X, bytes, X)]);
      cases.push([`LDR W3,[X0]; CAS${order}${suffix} W3,W1,[X0]`, low(bytes), into(X, bytes, BY)]);
    }
    for (const name of ['LDR', 'LDUR', 'LDTR', 'LDAR', 'LDAPR', 'LDAPUR', 'LDXR', 'LDAXR']) cases.push([`${name}${suffix} W3,[X0]`, low(bytes), into(X, bytes, X)]);
    for (const name of ['STR', 'STUR', 'STTR', 'STLR', 'STLUR']) cases.push([`${name}${suffix} W1,[X0]`, null, into(X, bytes, BY)]);
  }
  it.each(cases)('%s', (code, register, memory) => expect(a64(code, '0:X3', 'x')).toEqual([`${register === null ? 0n : register} ${memory}`]));
  it.each(['STXR', 'STLXR'].flatMap((name) => BYTES.map(([suffix, bytes]) => [`LDXR${suffix} W9,[X0]; ${name}${suffix} W3,W1,[X0]`, bytes] as const)))('%s: done or not', (code, bytes) => {
    expect(a64(code, '0:X3', 'x').sort()).toEqual([`0 ${into(X, bytes, BY)}`, `1 ${into(X, bytes, X)}`]);
  });
  // 6 - 3: neither negative nor zero, no borrow, no overflow.
  const HOLD = ['NE', 'CS', 'HS', 'PL', 'VC', 'HI', 'GE', 'GT', 'AL'];
  const FAIL = ['EQ', 'CC', 'LO', 'MI', 'VS', 'LS', 'LT', 'LE'];
  it.each([...HOLD, ...FAIL].flatMap((c) => [`B.${c}`, `B${c}`].map((name) => [name, HOLD.includes(c) ? '0' : '1'])))('%s', (name, expected) => {
    expect(run('AArch64', '', `MOV W1,#6; CMP W1,#3; ${name} L; MOV W3,#1; L:`, '0:X3')).toEqual([expected]);
  });
});

describe('what the register of an AArch64 atomic depends on', () => {
  /** Message passing: the reader looks at the flag by `atomic`, then at the data. */
  const mp = (init: string, atomic: string, reader: string, condition: string): string => {
    const cells = [...atomic.split(';'), reader];
    const left = ['MOV W0,#1', 'STR W0,[X1]', 'STLR W9,[X3]'];
    const lines = Array.from({ length: Math.max(left.length, cells.length) }, (_, i) => ` ${left[i] ?? ''} | ${cells[i] ?? ''} ;`);
    return runLitmus(parseLitmus(`AArch64 t\n{ 0:X1=x; 0:X3=y; 0:X9=1; 1:X1=x; 1:X3=y; ${init} }\n P0 | P1 ;\n${lines.join('\n')}\nexists (${condition})\n`)).observation;
  };
  it.each([
    ['a CAS that succeeds: memory has only selected it', '1:X5=1; 1:X6=2', 'CAS W5,W6,[X3]; EOR W7,W5,W5', 'LDR W2,[X1,W7,SXTW]', '1:X5=1 /\\ y=2 /\\ 1:X2=0', 'Sometimes'],
    ['a CAS that fails: its value comes from memory', '1:X5=2; 1:X6=2', 'CAS W5,W6,[X3]; EOR W7,W5,W5', 'LDR W2,[X1,W7,SXTW]', '1:X5=1 /\\ 1:X2=0', 'Never'],
    ['an acquiring CAS', '1:X5=1; 1:X6=2', 'CASA W5,W6,[X3]', 'LDR W2,[X1]', 'y=2 /\\ 1:X5=1 /\\ 1:X2=0', 'Never'],
    ['an acquiring CAS without a register to put it: no acquire', 'y=7; 0:X9=0; 1:X6=2', 'CASA WZR,W6,[X3]', 'LDR W2,[X1]', 'y=2 /\\ 1:X2=0', 'Sometimes'],
    ['the same with one', 'y=7; 0:X9=0; 1:X6=2', 'CASA W5,W6,[X3]', 'LDR W2,[X1]', 'y=2 /\\ 1:X2=0', 'Never'],
    ['a SWP without one is no acquire either', '1:X6=2', 'SWPA W6,WZR,[X3]', 'LDR W2,[X1]', 'y=2 /\\ 1:X2=0', 'Sometimes'],
  ])('%s', (_, init, atomic, reader, condition, expected) => expect(mp(init, atomic, reader, condition)).toBe(expected));
});

it.each([['nop', 'Sometimes'], ['lfence', 'Sometimes'], ['clflushopt (x)', 'Sometimes'], ['sfence', 'Never'], ['mfence', 'Never']])('movnti, %s, mov: message passing is %s wrong', (between, expected) => {
  expect(runLitmus(parseLitmus(`X86_64 t\n{}\n P0 | P1 ;\n movl $1,%eax | movl (y),%eax ;\n movnti %eax,(x) | movl (x),%ebx ;\n ${between} | ;\n movl $1,(y) | ;\nexists (1:rax=1 /\\ 1:rbx=0)\n`)).observation).toBe(expected);
});

it('what a CAS compares does not flow into its register, but memory, which selected it, holds later writes back', () => {
  const lb = (second: string): string => runLitmus(parseLitmus(`AArch64 t\n{ 0:X0=x; 0:X1=y; 1:X0=x; 1:X1=y; 1:X2=z; }\n P0 | P1 ;\n LDR W3,[X0] | ${second.split(';').join(' ;\n | ')} ;\n MOV W4,#1 | EOR W5,W5,W5 ;\n STLR W4,[X1] | MOV W4,#1 ;\n | STR W4,[X0,W5,SXTW] ;\nexists (0:X3=1 /\\ 1:X3=1)\n`)).observation;
  expect(lb('LDR W3,[X1];EOR W5,W3,W3;CAS W5,W30,[X2]')).toBe('Sometimes');
  expect(lb('MOV W5,#1;CAS W5,W30,[X1];MOV W3,W5')).toBe('Never');
});

describe('RISC-V families', () => {
  const BY = 0x13n;
  const rv = (code: string, ...names: string[]): string[] => run('RISCV', `0:x5=x; 0:x6=${BY}; int64_t x=${X}; int64_t 0:x10; int64_t 0:x11`, code, ...names);
  const cases: [code: string, register: bigint, memory: string][] = [];
  const AMO: Record<string, string> = { add: 'ADD', or: 'SET', xor: 'EOR', max: 'SMAX', min: 'SMIN', maxu: 'UMAX', minu: 'UMIN' };
  for (const note of ['', '.aq', '.rl', '.aq.rl', '.aqrl']) {
    if (note !== '.rl') for (const [name, bytes, sign] of [['lb', 1, 1], ['lh', 2, 1], ['lw', 4, 1], ['ld', 8, 1], ['lbu', 1, 0], ['lhu', 2, 0], ['lwu', 4, 0]] as const) cases.push([`${name}${note} a0,0(x5)`, sign === 1 ? signed(X, bytes) : BigInt.asUintN(8 * bytes, X), into(X, 8, X)]);
    if (note !== '.aq') for (const [name, bytes] of [['sb', 1], ['sh', 2], ['sw', 4], ['sd', 8]] as const) cases.push([`${name}${note} x6,0(x5)`, 0n, into(X, bytes, BY)]);
    for (const [letter, bytes] of [['w', 4], ['d', 8]] as const) {
      const old = BigInt.asUintN(8 * bytes, X);
      for (const [name, as] of Object.entries(AMO)) cases.push([`amo${name}.${letter}${note} a0,x6,(x5)`, signed(X, bytes), into(X, bytes, OPERATIONS[as]?.(old, BY, bytes) ?? 0n)]);
      cases.push([`amoand.${letter}${note} a0,x6,(x5)`, signed(X, bytes), into(X, bytes, old & BY)], [`amoswap.${letter}${note} a0,x6,(x5)`, signed(X, bytes), into(X, bytes, BY)]);
      cases.push([`amocas.${letter}${note} a0,x6,(x5)`, signed(X, bytes), into(X, bytes, X)], [`ld a0,0(x5); amocas.${letter}${note} a0,x6,(x5)`, signed(X, bytes), into(X, bytes, BY)], [`lr.${letter}${note} a0,(x5)`, signed(X, bytes), into(X, bytes, X)]);
    }
  }
  it.each(cases)('%s', (code, register, memory) => expect(rv(code, '0:x10', 'x')).toEqual([`${register} ${memory}`]));
  it.each(['w', 'd'].flatMap((letter) => ['', '.aq', '.rl', '.aq.rl', '.aqrl'].map((note) => [`lr.${letter} a1,(x5); sc.${letter}${note} a0,x6,(x5)`, letter === 'w' ? 4 : 8] as const)))('%s: done or not', (code, bytes) => {
    expect(rv(code, '0:x10', 'x').sort()).toEqual([`0 ${into(X, bytes, BY)}`, `1 ${into(X, bytes, X)}`]);
  });
  it.each([
    ['mulw a0,x6,x6', '361'], ['sllw a0,x6,x6', '9961472'], ['slliw a0,x6,1', '38'], ['srl a0,x6,x6', '0'], ['srlw a0,x6,x6', '0'], ['srliw a0,x6,1', '9'], ['sra a0,x6,x6', '0'], ['sraiw a0,x6,1', '9'], ['subw a0,x0,x6', '-19'],
    ['bgtz x6,L; li a0,1; L:', '0'], ['blez x6,L; li a0,1; L:', '1'], ['bgez x6,L; li a0,1; L:', '0'], ['bgt x6,x0,L; li a0,1; L:', '0'], ['ble x6,x0,L; li a0,1; L:', '1'],
  ])('%s', (code, expected) => expect(rv(code, '0:x10')).toEqual([expected]));
});

describe('RISC-V', () => {
  const INIT = '0:x5=x; 0:x6=6; 0:x7=-3; uint64_t x=0x1122334455667788';
  const rv = (code: string, ...names: string[]): string => run('RISCV', INIT, code, ...names).join(' / ');
  it.each([
    ['li a0,7', '7'], ['lui a0,1', '4096'], ['mv a0,x6', '6'], ['not a0,x6', '-7'], ['neg a0,x6', '-6'], ['seqz a0,x6', '0'], ['snez a0,x6', '1'], ['sext.w a0,x7', '-3'], ['la a0,x; ld a0,0(a0)', '1234605616436508552'],
    ['add a0,x6,x7', '3'], ['addi a0,x6,-1', '5'], ['addw a0,x6,x7', '3'], ['addiw a0,x6,1', '7'], ['sub a0,x7,x6', '-9'], ['subw a0,x7,x6', '-9'], ['mul a0,x6,x7', '-18'], ['and a0,x6,x7', '4'], ['andi a0,x6,3', '2'], ['or a0,x6,x7', '-1'], ['ori a0,x0,9', '9'], ['xor a0,x6,x7', '-5'], ['xori a0,x6,5', '3'],
    ['slli a0,x6,2', '24'], ['sll a0,x6,x6', '384'], ['srli a0,x6,1', '3'], ['srai a0,x7,1', '-2'], ['sraw a0,x7,x6', '-1'], ['slt a0,x7,x6', '1'], ['slti a0,x6,5', '0'], ['sltu a0,x7,x6', '0'], ['sltiu a0,x6,7', '1'],
    ['ld a0,0(x5)', '1234605616436508552'], ['lw a0,0(x5)', '1432778632'], ['lh a0,0(x5)', '30600'], ['lhu a0,2(x5)', '21862'], ['lb a0,0(x5)', '-120'], ['lbu a0,0(x5)', '136'], ['lwu a0,4(x5)', '287454020'], ['lw.aq a0,0(x5)', '1432778632'], ['lr.w a0,(x5)', '1432778632'],
    ['beq x6,x7,L; li a0,1; L:', '1'], ['bne x6,x7,L; li a0,1; L:', '0'], ['blt x7,x6,L; li a0,1; L:', '0'], ['bge x7,x6,L; li a0,1; L:', '1'], ['bltu x6,x7,L; li a0,1; L:', '0'], ['bgeu x6,x7,L; li a0,1; L:', '1'], ['beqz x6,L; li a0,1; L:', '1'], ['bnez x6,L; li a0,1; L:', '0'], ['bltz x7,L; li a0,1; L:', '0'], ['j L; li a0,1; L:', '0'], ['ret; li a0,1', '0'],
    ['fence; fence iorw,iorw; fence.tso; fence.i; nop; li a0,1', '1'], ['amoadd.w a0,x6,(x5)', '1432778632'],
  ])('%s', (code, expected) => expect(rv(code, '0:x10')).toBe(expected));
  it.each([
    ['sd x6,0(x5)', '6'], ['sw x6,4(x5)', '27202582408'], ['sh x6,0(x5)', '1234605616436477958'], ['sb x6,0(x5)', '1234605616436508422'], ['sw.rl x0,0(x5)', '1234605615003729920'],
    ['lr.d a0,(x5); sc.d a0,x6,(x5)', '1234605616436508552 / 6'], ['sc.d a0,x6,(x5)', '1234605616436508552'],
    ['amoswap.d a0,x6,(x5)', '6'], ['amoadd.d.aq a0,x6,(x5)', '1234605616436508558'], ['amoor.d.rl a0,x6,(x5)', '1234605616436508558'], ['amoand.d a0,x6,(x5)', '0'], ['amoxor.d.aq.rl a0,x6,(x5)', '1234605616436508558'],
    ['amomax.d a0,x6,(x5)', '1234605616436508552'], ['amomin.d a0,x7,(x5)', '18446744073709551613'], ['amomaxu.d a0,x7,(x5)', '18446744073709551613'], ['amominu.d a0,x6,(x5)', '6'], ['ld a0,0(x5); amocas.d a0,x6,(x5)', '6'], ['amocas.d x6,x7,(x5)', '1234605616436508552'],
  ])('%s, in memory', (code, expected) => expect(rv(code, 'x')).toBe(expected));
});

describe('x86', () => {
  const at = (code: string, ...names: string[]): string => run('X86_64', '0:rbx=6; 0:rcx=x; int x=9', code, ...names).join(' / ');
  it.each([
    ['movl $7,%eax', '7'], ['movq $-1,%rax; movl $1,%eax', '1'], ['movq $-1,%rax; movb $1,%al', '-255'], ['movl (x),%eax', '9'], ['movl (%rcx),%eax', '9'], ['movl -4(%rcx),%eax', '0'], ['mov %rbx,%rax', '6'],
    ['addl $1,%eax', '1'], ['subl $1,%eax', '4294967295'], ['movl $6,%eax; andl $3,%eax', '2'], ['orl $3,%eax', '3'], ['xorl %eax,%eax', '0'], ['movl $3,%eax; shll $2,%eax', '12'], ['movl $3,%eax; sall %eax', '6'], ['movl $12,%eax; shrl $2,%eax', '3'], ['movl $-8,%eax; sarl $1,%eax; addl $4,%eax', '0'],
    ['endbr64; nopl 0(%rcx,%rbx,1); movl $1,%eax', '1'], ['clflush (x); clflushopt (x); clwb (x); movl (x),%eax', '9'], ['movl -24(%rcx,%rbx,4),%eax', '9'], ['movl %ds:(%rcx),%eax', '9'], ['incl %eax', '1'], ['decq %rax', '-1'], ['notq %rax', '-1'], ['movl $1,%eax; negq %rax', '-1'], ['leaq (x),%rax; movl (%rax),%eax', '9'],
    ['cmpl $6,%ebx; je L; movl $1,%eax; L:', '0'], ['cmpl $5,%ebx; jl L; movl $1,%eax; L:', '1'], ['testl %ebx,%ebx; jne L; movl $1,%eax; L:', '0'], ['jmp L; movl $1,%eax; L:', '0'], ['ret; movl $1,%eax', '0'],
    ['xchgl %eax,(x)', '9'], ['uxch %eax,(x)', '9'], ['movl $1,%eax; lock xaddl %eax,(x)', '9'], ['lock cmpxchgl (x),%ebx', '9'], ['mfence; sfence; lfence; nop; movl $1,%eax', '1'],
  ])('%s', (code, expected) => expect(at(code, '0:rax')).toBe(expected));
  it.each([
    ['movl %ebx,(x)', '6'], ['movntil %ebx,(x)', '6'], ['incl (x)', '10'], ['lock incl (x)', '10'], ['lock decl (x)', '8'], ['lock addl $2,(x)', '11'], ['lock subl %ebx,(x)', '3'], ['lock orl $6,(x)', '15'], ['lock andl $8,(x)', '8'], ['lock xorl $1,(x)', '8'], ['lock notl (x)', '-10'], ['lock negl (x)', '-9'],
    ['xchgl %ebx,(x)', '6'], ['movl $9,%eax; lock cmpxchgl (x),%ebx', '6'], ['movl $8,%eax; lock cmpxchgl (x),%ebx', '9'], ['movl $9,%eax; cmpxchgl %ebx,(x)', '6'], ['xaddl %ebx,(x)', '15'],
  ])('%s, in memory', (code, expected) => expect(at(code, 'x')).toBe(expected));
  it('in Intel order', () => {
    expect(run('X86', 'x=9', 'MOV EAX,[x]; MOV [y],$1; MFENCE; XCHG EAX,[y]; LOCK INC [x]', '0:EAX', 'x', 'y')).toEqual(['1 10 9']);
  });
});

it.each(Object.entries(ASSEMBLERS))('the docs name every mnemonic of %s', (_, assembler) => {
  const page = readFileSync(new URL('../../../../docs/litmus.md', import.meta.url), 'utf8');
  const words = new Set(page.split(/[\s`,]+/));
  expect(assembler.mnemonics().filter((m) => !words.has(m))).toEqual([]);
});

it.each(['AArch64', 'RISCV', 'X86_64'] as const)('a case above runs every mnemonic of %s', (arch) => {
  const cases = seen.get(arch) ?? new Set();
  const sized = (m: string): string[] => (arch === 'X86_64' ? [m, ...['b', 'w', 'l', 'q'].map((letter) => m + letter)] : [m]);
  expect(ASSEMBLERS[arch].mnemonics().filter((m) => !sized(m).some((name) => cases.has(name)))).toEqual([]);
});
