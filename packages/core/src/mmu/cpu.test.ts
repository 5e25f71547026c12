// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { ARM, RISCV, X86 } from './cpu-invalidate.ts';
import { armPaging, riscvPaging, x86Paging, type CpuAccess, type CpuPaging } from './cpu-paging.ts';
import { armStyle, FramePool, KernelTables, kernelAddress, PageTables, riscvStyle, x86Style, type EntryStyle, type PageRights } from './cpu-tables.ts';
import { CpuMmu, type TlbScope } from './cpu.ts';
import { PlainMemory } from './plain-memory.ts';

const PAGE = 0x40_1000n;
const FRAME = 0x800;

const bench = (paging: CpuPaging, style: EntryStyle) => {
  const memory = new PlainMemory();
  const frames = new FramePool(0x100, 200);
  const tables = new PageTables(memory, style, frames);
  const mmu = new CpuMmu(memory, paging, { root: tables.root, asid: 1 });
  return { memory, frames, tables, mmu };
};
const x86 = (options: Parameters<typeof x86Paging>[0] = {}) => bench(x86Paging(options), x86Style(options.levels ?? 4));
const riscv = (options: Parameters<typeof riscvPaging>[0] = {}) => bench(riscvPaging(options), riscvStyle(options.format === 'sv48' ? 4 : 3));
const arm = (options: Parameters<typeof armPaging>[0] = {}) => bench(armPaging(options), armStyle(options.inputBits === 39 ? 3 : 4));
const access = (kind: CpuAccess['kind'], user = true, address = PAGE): CpuAccess => ({ address, kind, user });
const ALL: PageRights = { user: true, write: true, execute: true, accessed: true, dirty: true };

describe('a translation', () => {
  it.each([
    ['x86-64', x86, [0, 1, 2]],
    ['x86-64 with five levels', () => x86({ levels: 5 }), [0, 1, 2]],
    ['Sv39', riscv, [0, 1, 2]],
    ['Sv48', () => riscv({ format: 'sv48' }), [0, 1, 2, 3]],
    ['Armv8, 48 bits', arm, [0, 1, 2]],
    ['Armv8, 39 bits', () => arm({ inputBits: 39 }), [0, 1, 2]],
  ] as const)('%s: pages of every size', (_, make, levels) => {
    for (const level of levels) {
      const { tables, mmu } = make();
      const size = 9 * level;
      const offset = (1n << BigInt(size + 12)) - 5n;
      tables.map(0n, 2 ** (size + 1), ALL, level);
      expect(mmu.translate(access('read', true, offset))).toEqual({ kind: 'reached', address: (BigInt(2 ** (size + 1)) << 12n) + offset, span: size + 12, hit: false });
      expect(mmu.translate(access('read', true, 0x123n % (offset + 1n)))).toMatchObject({ kind: 'reached', hit: true });
    }
  });
});

describe('x86: the error code of a page fault (Intel SDM volume 3, "Page-Fault Exceptions")', () => {
  const P = 1, W = 2, U = 4, RSVD = 8, I = 16;
  it.each<[string, PageRights | null, CpuAccess['kind'], boolean, number | null]>([
    ['nothing there, read', null, 'read', true, U],
    ['nothing there, write', null, 'write', true, U | W],
    ['nothing there, fetch', null, 'fetch', true, U | I],
    ['nothing there, kernel', null, 'read', false, 0],
    ['a kernel page, user', { write: true }, 'read', true, P | U],
    ['read-only, write', { user: true }, 'write', true, P | U | W],
    ['read-only, kernel write with WP', {}, 'write', false, P | W],
    ['no execute', { user: true }, 'fetch', true, P | U | I],
    ['SMEP', { user: true, execute: true }, 'fetch', false, P | I],
    ['SMAP', { user: true }, 'read', false, P],
    ['all well', { user: true, write: true, execute: true }, 'write', true, null],
    ['all well, fetch', { user: true, execute: true }, 'fetch', true, null],
    ['all well, kernel', { write: true }, 'write', false, null],
  ])('%s', (_, rights, kind, user, code) => {
    const { tables, mmu } = x86();
    if (rights !== null) tables.map(PAGE, FRAME, rights);
    const found = mmu.translate(access(kind, user));
    expect(found.kind === 'fault' ? found.code : null).toBe(code);
    expect(mmu.tlb.entries().length).toBe(code === null ? 1 : 0);
  });

  it('a reserved bit', () => {
    const { memory, tables, mmu } = x86({ hostBits: 46 });
    tables.map(PAGE, FRAME, ALL);
    const entry = tables.entry(PAGE);
    memory.poke(entry?.address ?? 0n, (entry?.word ?? 0n) | (1n << 50n));
    expect(mmu.translate(access('read'))).toMatchObject({ kind: 'fault', why: 'reserved', code: P | U | RSVD, level: 0, entry: entry?.address });
  });

  it('an address that is not canonical is no page fault', () => {
    expect(x86().mmu.translate(access('read', true, 1n << 47n))).toMatchObject({ kind: 'fault', why: 'address', code: 0, entry: null });
  });

  it('bit 62 belongs to the protection key and forbids nothing', () => {
    const { memory, tables, mmu } = x86();
    tables.map(PAGE, FRAME, { user: true, execute: true });
    const entry = tables.entry(PAGE);
    memory.poke(entry?.address ?? 0n, (entry?.word ?? 0n) | (1n << 62n));
    expect(mmu.translate(access('fetch')).kind).toBe('reached');
  });

  it('fetches are told apart only where something can forbid them', () => {
    for (const [options, code] of [[{ noExecute: false, smep: false }, 4], [{ noExecute: true, smep: false }, 20], [{ noExecute: false, smep: true }, 20]] as const) {
      expect(x86(options).mmu.translate(access('fetch'))).toMatchObject({ code });
    }
    // Without NXE bit 63 is reserved, for every access.
    const { tables, mmu } = x86({ noExecute: false });
    tables.map(PAGE, FRAME, { user: true });
    expect(mmu.translate(access('read'))).toMatchObject({ why: 'reserved', code: P | U | RSVD });
    tables.map(PAGE, FRAME, { user: true, execute: true });
    expect(mmu.translate(access('fetch')).kind).toBe('reached');
  });

  it('a reserved bit comes before rights', () => {
    const { memory, tables, mmu } = x86({ hostBits: 46 });
    tables.map(PAGE, FRAME, {});
    const entry = tables.entry(PAGE);
    memory.poke(entry?.address ?? 0n, (entry?.word ?? 0n) | (1n << 50n));
    expect(mmu.translate(access('write'))).toMatchObject({ code: P | W | U | RSVD });
  });

  it('a page far up in memory may be executed: only bit 63 forbids it', () => {
    const { tables, mmu } = x86();
    tables.map(PAGE, 2 ** 25, { user: true, execute: true });
    expect(mmu.translate(access('fetch'))).toMatchObject({ kind: 'reached', address: 2n ** 37n });
  });

  it('a permission is what every entry gives', () => {
    const { memory, tables, mmu } = x86();
    tables.map(PAGE, FRAME, ALL);
    const pointer = tables.entryOf(PAGE, 1);
    memory.poke(pointer?.address ?? 0n, (pointer?.word ?? 0n) & ~2n);
    expect(mmu.translate(access('write'))).toMatchObject({ kind: 'fault', code: P | U | W });
    memory.poke(pointer?.address ?? 0n, (pointer?.word ?? 0n) & ~4n);
    expect(mmu.translate(access('read'))).toMatchObject({ kind: 'fault', code: P | U });
    // What is not the user's in one entry is the kernel's: SMEP and SMAP do not speak of it.
    expect(mmu.translate(access('fetch', false)).kind).toBe('reached');
    memory.poke(pointer?.address ?? 0n, (pointer?.word ?? 0n) | (1n << 63n));
    expect(mmu.translate(access('fetch'))).toMatchObject({ kind: 'fault', code: P | U | I });
  });

  it('without WP the kernel writes anything; with AC it reaches user pages', () => {
    const { tables, mmu } = x86();
    tables.map(PAGE, FRAME, {});
    mmu.mode = { ...mmu.mode, writeProtect: false };
    expect(mmu.translate(access('write', false)).kind).toBe('reached');
    tables.map(PAGE, FRAME, { user: true, write: true });
    mmu.invalidate(X86.invlpg(PAGE, 1));
    mmu.mode = { ...mmu.mode, userPages: true };
    expect(mmu.translate(access('write', false)).kind).toBe('reached');
  });
});

describe('RISC-V: the cause of a fault (Privileged ISA, "Virtual Address Translation Process")', () => {
  it.each<[string, PageRights | null, CpuAccess['kind'], boolean, number | null]>([
    ['nothing there, read', null, 'read', true, 13],
    ['nothing there, write', null, 'write', true, 15],
    ['nothing there, fetch', null, 'fetch', true, 12],
    ['a kernel page, user', { accessed: true }, 'read', true, 13],
    ['read-only', { user: true, accessed: true }, 'write', true, 15],
    ['no execute', { user: true, accessed: true }, 'fetch', true, 12],
    ['the supervisor, without SUM', { user: true, accessed: true }, 'read', false, 13],
    ['the supervisor never fetches there', { user: true, execute: true, accessed: true }, 'fetch', false, 12],
    ['Svade: A is clear', { user: true }, 'read', true, 13],
    ['Svade: D is clear', { user: true, write: true, accessed: true }, 'write', true, 15],
    ['all well', { user: true, write: true, accessed: true, dirty: true }, 'write', true, null],
    ['all well, supervisor', { execute: true, accessed: true }, 'fetch', false, null],
  ])('%s', (_, rights, kind, user, cause) => {
    const { tables, mmu } = riscv();
    if (rights !== null) tables.map(PAGE, FRAME, rights);
    const found = mmu.translate(access(kind, user));
    expect(found.kind === 'fault' ? found.code : null).toBe(cause);
  });

  it('SUM opens user pages to the supervisor, MXR executable ones to reads', () => {
    const { tables, mmu, memory } = riscv();
    tables.map(PAGE, FRAME, { user: true, execute: true, accessed: true });
    const entry = tables.entry(PAGE);
    memory.poke(entry?.address ?? 0n, (entry?.word ?? 0n) & ~2n);
    expect(mmu.translate(access('read'))).toMatchObject({ rule: { field: 'R' } });
    mmu.mode = { ...mmu.mode, executableReads: true };
    expect(mmu.translate(access('read')).kind).toBe('reached');
    expect(mmu.translate(access('read', false))).toMatchObject({ rule: { field: 'U' } });
    mmu.mode = { ...mmu.mode, userPages: true };
    expect(mmu.translate(access('read', false)).kind).toBe('reached');
    expect(mmu.translate(access('fetch', false)).kind).toBe('fault');
  });

  it('a table where no memory is, is an access fault', () => {
    const memory = new PlainMemory([[0x10_0000n, 0x1000n]]);
    const mmu = new CpuMmu(memory, riscvPaging(), { root: 0x200, asid: 0 });
    expect((['fetch', 'read', 'write'] as const).map((kind) => mmu.translate(access(kind)))).toMatchObject([{ code: 1 }, { code: 5 }, { code: 7 }]);
  });
});

describe('Arm: the fault status (Arm ARM, ESR_ELx, "Fault status code")', () => {
  const TRANSLATION = 4, FLAG = 8, PERMISSION = 12;
  it.each<[string, PageRights | null, CpuAccess['kind'], boolean, number | null]>([
    ['nothing there: level 0', null, 'read', true, TRANSLATION],
    ['access flag clear', { user: true }, 'read', true, FLAG | 3],
    ['a kernel page, user', { accessed: true }, 'read', true, PERMISSION | 3],
    ['read-only', { user: true, accessed: true }, 'write', true, PERMISSION | 3],
    ['UXN', { user: true, accessed: true }, 'fetch', true, PERMISSION | 3],
    ['PXN', { accessed: true }, 'fetch', false, PERMISSION | 3],
    ['PAN', { user: true, accessed: true }, 'read', false, PERMISSION | 3],
    ['the kernel never fetches what users may write', { user: true, write: true, execute: true, accessed: true }, 'fetch', false, PERMISSION | 3],
    ['all well', { user: true, write: true, accessed: true }, 'write', true, null],
    ['all well, fetch', { user: true, execute: true, accessed: true }, 'fetch', true, null],
    ['all well, kernel fetch', { execute: true, accessed: true }, 'fetch', false, null],
  ])('%s', (_, rights, kind, user, code) => {
    const { tables, mmu } = arm();
    if (rights !== null) tables.map(PAGE, FRAME, rights);
    const found = mmu.translate(access(kind, user));
    expect(found.kind === 'fault' ? found.code : null).toBe(code);
  });

  it('an empty entry further down says its level', () => {
    const { tables, mmu } = arm();
    tables.map(PAGE, FRAME, ALL);
    tables.unmap(PAGE);
    expect(mmu.translate(access('read'))).toMatchObject({ code: TRANSLATION | 3, level: 0 });
    tables.detach(PAGE, 1);
    expect(mmu.translate(access('read'))).toMatchObject({ code: TRANSLATION | 2, level: 1 });
  });

  it('a fault in a block says the level of the block', () => {
    const { tables, mmu } = arm();
    tables.map(0x60_0000n, 0x600, { accessed: true }, 1);
    expect(mmu.translate(access('read', true, 0x60_0000n))).toMatchObject({ code: PERMISSION | 2, level: 1 });
    tables.map(0x60_0000n, 0x600, { user: true }, 1);
    expect(mmu.translate(access('read', true, 0x60_0000n))).toMatchObject({ code: FLAG | 2, level: 1 });
  });

  it('WXN: what may be written is not executed', () => {
    for (const writeExecuteNever of [true, false]) {
      const { tables, mmu } = arm({ writeExecuteNever });
      tables.map(PAGE, FRAME, { user: true, write: true, execute: true, accessed: true });
      expect(mmu.translate(access('fetch')).kind).toBe(writeExecuteNever ? 'fault' : 'reached');
    }
  });

  it('an output address that is too large, and a table where no memory is', () => {
    const { tables, mmu } = arm({ outputBits: 36 });
    tables.map(PAGE, 2 ** 24, ALL);
    expect(mmu.translate(access('read'))).toMatchObject({ why: 'reserved', code: 3 });
    const nowhere = new CpuMmu(new PlainMemory([[0n, 0x1000n]]), armPaging(), { root: 0x200, asid: 0 });
    expect(nowhere.translate(access('read'))).toMatchObject({ why: 'memory', code: 0b010100 });
  });

  it('each half has its root, and between them there is nothing', () => {
    const { memory, frames, tables, mmu } = arm();
    const kernel = new PageTables(memory, tables.style, frames);
    const high = 0xffff_0000_0000_0000n + PAGE;
    kernel.map(high, 0x900, { write: true, accessed: true, global: true });
    tables.map(PAGE, FRAME, ALL);
    mmu.switchTo({ root: tables.root, upperRoot: kernel.root, asid: 1 });
    expect(mmu.translate(access('read', false, high))).toMatchObject({ address: 0x90_0000n });
    expect(mmu.translate(access('read'))).toMatchObject({ address: BigInt(FRAME) << 12n });
    expect(mmu.translate(access('read', true, 1n << 48n))).toMatchObject({ why: 'address', code: TRANSLATION });
  });

  it('with HAFDBS hardware sets the access flag, and makes a page with DBM writable', () => {
    const { memory, tables, mmu } = arm({ setsAccessFlag: true, setsDirty: true });
    tables.map(PAGE, FRAME, { user: true });
    const entry = tables.entry(PAGE)?.address ?? 0n;
    expect(mmu.translate(access('read')).kind).toBe('reached');
    expect((memory.peek(entry) >> 10n) & 1n).toBe(1n);
    expect(mmu.translate(access('write'))).toMatchObject({ code: PERMISSION | 3 });
    memory.poke(entry, memory.peek(entry) | (1n << 51n));
    mmu.invalidate(ARM.vae1(PAGE, 1));
    mmu.translate(access('read'));
    expect(mmu.translate(access('write'))).toMatchObject({ kind: 'reached', hit: false });
    expect((memory.peek(entry) >> 7n) & 1n).toBe(0n);
    expect(mmu.translate(access('write'))).toMatchObject({ kind: 'reached', hit: true });
  });
});

describe('accessed and dirty', () => {
  it.each([
    ['x86 marks each entry it passes, and the page dirty at the first write', x86, 5n, 6n],
    ['Svadu marks the leaf', () => riscv({ marks: 'Svadu' }), 6n, 7n],
  ] as const)('%s', (_, make, accessedBit, dirtyBit) => {
    const { memory, tables, mmu } = make();
    tables.map(PAGE, FRAME, { user: true, write: true });
    const marks = (level: number): string => {
      const { address } = tables.entryOf(PAGE, level) ?? { address: 0n };
      const word = memory.peek(address);
      return `${(word >> accessedBit) & 1n}${(word >> dirtyBit) & 1n}`;
    };
    mmu.translate(access('read'));
    expect([marks(0), marks(1)]).toEqual(['10', accessedBit === 5n ? '10' : '00']);
    // The translation is there, but not the mark: the tables are walked again.
    expect(mmu.translate(access('write'))).toMatchObject({ kind: 'reached', hit: false });
    expect(marks(0)).toBe('11');
    expect(mmu.translate(access('write'))).toMatchObject({ kind: 'reached', hit: true });
  });

  it('a write that faults leaves the page clean', () => {
    const { tables, mmu } = x86();
    tables.map(PAGE, FRAME, { user: true });
    mmu.translate(access('write'));
    expect((tables.entry(PAGE)?.word ?? 0n) & 0x40n).toBe(0n);
  });
});

describe('a fault names the smallest edit, and the edit mends it', () => {
  const none: PageRights = {};
  it.each<[string, () => ReturnType<typeof bench>, PageRights, CpuAccess['kind'], boolean]>([
    ...(['read', 'write', 'fetch'] as const).flatMap((kind): [string, () => ReturnType<typeof bench>, PageRights, CpuAccess['kind'], boolean][] => [true, false].flatMap((user) => [
      ['x86', x86, none, kind, user],
      ['x86', x86, { user: true }, kind, user],
      ['RISC-V', riscv, none, kind, user],
      ['RISC-V', riscv, { user: true }, kind, user],
      ['Arm', arm, none, kind, user],
      ['Arm', arm, { user: true, accessed: true }, kind, user],
    ])),
  ])('%s: %o, %s, user %s', (_, make, rights, kind, user) => {
    const { memory, tables, mmu } = make();
    tables.map(PAGE, FRAME, rights);
    const rules: string[] = [];
    for (;;) {
      const found = mmu.translate(access(kind, user));
      if (found.kind === 'reached') break;
      expect(found.entry).toBe(tables.entry(PAGE)?.address);
      expect(found.rule?.repair).toBeDefined();
      rules.push(`${found.rule?.field ?? ''} ${found.rule?.text ?? ''}`);
      // No rule is broken twice: each edit did what it says.
      expect(new Set(rules).size).toBe(rules.length);
      const { set = 0n, clear = 0n } = found.rule?.repair ?? {};
      const before = memory.peek(found.entry ?? 0n);
      memory.poke(found.entry ?? 0n, (before & ~clear) | set);
      expect(memory.peek(found.entry ?? 0n)).not.toBe(before);
      // Bits of the rule's own field only; the lowest is not one of them.
      expect((set | clear) & 1n).toBe(0n);
    }
  });
});

describe('what the TLB remembers', () => {
  it('a large page is one entry, from its first frame, wherever it was touched first', () => {
    const { tables, mmu } = x86();
    tables.map(0x60_0000n, 0x600, { ...ALL }, 1);
    mmu.translate(access('read', true, 0x6a_b123n));
    expect(mmu.tlb.entries()).toMatchObject([{ first: 0x600, span: 9, entry: { first: 0x600, frame: 0x600, span: 9, global: false, asid: 1 } }]);
    expect(mmu.loads).toBe(3);
    expect(mmu.translate(access('read', true, 0x60_5008n))).toEqual({ kind: 'reached', address: 0x60_5008n, span: 21, hit: true });
  });

  it.each([['x86', x86, 12], ['RISC-V', riscv, 16], ['Arm', arm, 16]] as const)('%s: an address space has a number of so many bits', (_, make, bits) => {
    const { tables, mmu } = make();
    mmu.switchTo({ root: tables.root, asid: 2 ** bits - 1 });
    mmu.switchTo({ root: tables.root, asid: 0 });
    for (const asid of [2 ** bits, -1, 0.5]) expect(() => mmu.switchTo({ root: tables.root, asid })).toThrow(RangeError);
  });

  it('the number of no address space is that of the global entries', () => {
    const { memory, frames, tables, mmu } = x86();
    const other = new PageTables(memory, tables.style, frames);
    tables.map(PAGE, FRAME, ALL);
    for (const asid of [32, 4095]) {
      mmu.switchTo({ root: tables.root, asid });
      mmu.translate(access('read'));
      mmu.switchTo({ root: other.root, asid: 1 });
      expect(mmu.translate(access('read')).kind).toBe('fault');
    }
  });

  it('in the upper half addresses are invalidated as well', () => {
    const { tables, mmu } = x86();
    const high = 0xffff_8000_0040_1000n;
    tables.map(high, FRAME, { write: true });
    mmu.translate(access('read', false, high));
    mmu.invalidate(X86.invlpg(high, 1));
    expect(mmu.tlb.entries()).toEqual([]);
  });

  it('RISC-V: a global pointer makes what lies below it global', () => {
    const { memory, tables, mmu } = riscv();
    tables.map(PAGE, FRAME, ALL);
    const pointer = tables.entryOf(PAGE, 1);
    memory.poke(pointer?.address ?? 0n, (pointer?.word ?? 0n) | 0x20n);
    mmu.translate(access('read'));
    mmu.invalidate(RISCV.sfenceVma(null, 1));
    expect(mmu.tlb.entries()).toMatchObject([{ entry: { global: true } }]);
  });

  it('unmapping edits the table only', () => {
    const { tables, mmu } = x86();
    tables.map(PAGE, FRAME, ALL);
    mmu.translate(access('read'));
    tables.unmap(PAGE);
    expect(mmu.translate(access('read'))).toMatchObject({ kind: 'reached', hit: true });
    mmu.invalidate(X86.invlpg(PAGE, 1));
    expect(mmu.translate(access('read')).kind).toBe('fault');
  });

  it('a permission that was taken away still holds; one that was given is found by looking again', () => {
    const { tables, mmu } = x86();
    tables.map(PAGE, FRAME, ALL);
    mmu.translate(access('read'));
    tables.map(PAGE, FRAME, { ...ALL, write: false });
    expect(mmu.translate(access('write'))).toMatchObject({ kind: 'reached', hit: true });
    mmu.invalidate(X86.invpcidContext(1));
    expect(mmu.translate(access('write')).kind).toBe('fault');
    mmu.translate(access('read'));
    tables.map(PAGE, FRAME, ALL);
    expect(mmu.translate(access('write')).kind).toBe('reached');
  });

  it('or faults for nothing, where the CPU does not look again', () => {
    const { memory, tables } = riscv();
    const mmu = new CpuMmu(memory, riscvPaging(), { root: tables.root, asid: 1 }, { faultsFromTlb: true });
    tables.map(PAGE, FRAME, { user: true, accessed: true });
    mmu.translate(access('read'));
    tables.map(PAGE, FRAME, ALL);
    expect(mmu.translate(access('write')).kind).toBe('fault');
    mmu.invalidate(RISCV.sfenceVma(PAGE, 1));
    expect(mmu.translate(access('write')).kind).toBe('reached');
  });

  it('an address space is a tag: switching forgets nothing and shows nothing of the other', () => {
    const { memory, frames, tables, mmu } = x86();
    const other = new PageTables(memory, tables.style, frames);
    tables.map(PAGE, FRAME, ALL);
    mmu.translate(access('read'));
    mmu.switchTo({ root: other.root, asid: 2 });
    expect(mmu.translate(access('read')).kind).toBe('fault');
    mmu.switchTo({ root: tables.root, asid: 1 });
    expect(mmu.translate(access('read'))).toMatchObject({ hit: true });
    expect(() => {
      mmu.switchTo({ root: 0, asid: 4096 });
    }).toThrow(RangeError);
  });

  it('an address space number given away too early shows the old owner its memory', () => {
    const { memory, frames, tables, mmu } = x86();
    const next = new PageTables(memory, tables.style, frames);
    tables.map(PAGE, FRAME, ALL);
    mmu.translate(access('read'));
    mmu.switchTo({ root: next.root, asid: 1 });
    expect(mmu.translate(access('read'))).toMatchObject({ kind: 'reached', address: BigInt(FRAME) << 12n });
    mmu.invalidate(X86.loadCr3(1));
    expect(mmu.translate(access('read')).kind).toBe('fault');
  });

  it.each<[string, TlbScope, string[]]>([
    ['invlpg', X86.invlpg(PAGE, 1), ['1 next', '2', 'global next']],
    ['invpcid, an address', X86.invpcidAddress(PAGE, 1), ['1 next', '2', 'global', 'global next']],
    ['invpcid, a context', X86.invpcidContext(1), ['2', 'global', 'global next']],
    ['invpcid, all with globals', X86.invpcidAllWithGlobals(), []],
    ['invpcid, all', X86.invpcidAll(), ['global', 'global next']],
    ['CR3', X86.loadCr3(1), ['2', 'global', 'global next']],
    ['CR4.PGE', X86.togglePge(), []],
    ['sfence.vma a, asid', RISCV.sfenceVma(PAGE, 1), ['1 next', '2', 'global', 'global next']],
    ['sfence.vma a, x0', RISCV.sfenceVma(PAGE, null), ['1 next', 'global next']],
    ['sfence.vma x0, asid', RISCV.sfenceVma(null, 1), ['2', 'global', 'global next']],
    ['sfence.vma x0, x0', RISCV.sfenceVma(null, null), []],
    ['tlbi vae1', ARM.vae1(PAGE, 1), ['1 next', '2', 'global next']],
    ['tlbi vaae1', ARM.vaae1(PAGE), ['1 next', 'global next']],
    ['tlbi aside1', ARM.aside1(1), ['2', 'global', 'global next']],
    ['tlbi vmalle1', ARM.vmalle1(), []],
  ])('%s', (_, scope, left) => {
    const { memory, frames, tables, mmu } = x86();
    const other = new PageTables(memory, tables.style, frames);
    const names = new Map([['1', 0x801], ['1 next', 0x802], ['2', 0x803], ['global', 0x804], ['global next', 0x805]]);
    const frame = (name: string): number => names.get(name) ?? 0;
    tables.map(PAGE, frame('1'), ALL);
    tables.map(PAGE + 0x1000n, frame('1 next'), ALL);
    other.map(PAGE, frame('2'), ALL);
    mmu.translate(access('read'));
    mmu.translate(access('read', true, PAGE + 0x1000n));
    mmu.switchTo({ root: other.root, asid: 2 });
    mmu.translate(access('read'));
    // Global entries of the same addresses, as a third space has them.
    mmu.switchTo({ root: new PageTables(memory, tables.style, frames).root, asid: 3 });
    const third = new PageTables(memory, tables.style, frames);
    third.map(PAGE, frame('global'), { ...ALL, global: true });
    third.map(PAGE + 0x1000n, frame('global next'), { ...ALL, global: true });
    mmu.switchTo({ root: third.root, asid: 3 });
    mmu.translate(access('read'));
    mmu.translate(access('read', true, PAGE + 0x1000n));
    mmu.invalidate(scope);
    const frames2 = mmu.tlb.entries().map(({ entry }) => (entry as { frame: number }).frame);
    expect([...names].filter(([, number]) => frames2.includes(number)).map(([name]) => name)).toEqual(left);
  });

  it('invlpg of an address in a large page takes the whole page', () => {
    const { tables, mmu } = x86();
    tables.map(0x60_0000n, 0x600, ALL, 1);
    mmu.translate(access('read', true, 0x60_0000n));
    mmu.invalidate(X86.invlpg(0x7f_f000n, 1));
    expect(mmu.tlb.entries()).toEqual([]);
  });
});

it('a hit decides as the walk does, whatever the page gives, who asks, and in which mode', () => {
  let compared = 0;
  for (const [make, modes] of [[x86, ['userPages', 'writeProtect']], [() => riscv({ marks: 'Svadu' }), ['userPages', 'executableReads']], [arm, ['userPages', 'writeProtect']]] as const) {
    for (let code = 0; code < 64; code += 1) {
      const on = (bit: number): boolean => ((code >>> bit) & 1) === 1;
      const { tables, mmu, memory } = make();
      tables.map(PAGE, FRAME, { user: on(0), write: on(1), execute: on(2), accessed: true, dirty: true, global: on(3) });
      mmu.mode = { userPages: true, writeProtect: false, executableReads: false };
      // Something that fills the TLB, if anything may be done at all.
      for (const kind of ['read', 'write', 'fetch'] as const) for (const user of [true, false]) mmu.translate(access(kind, user));
      if (mmu.tlb.entries().length === 0) continue;
      const mode = { ...mmu.mode, [modes[0]]: on(4), [modes[1]]: on(5) };
      for (const kind of ['read', 'write', 'fetch'] as const) {
        for (const user of [true, false]) {
          const cold = new CpuMmu(memory, mmu.paging, mmu.space);
          cold.mode = mode;
          mmu.mode = mode;
          const hit = mmu.translate(access(kind, user));
          const walked = cold.translate(access(kind, user));
          expect(hit.kind).toBe(walked.kind);
          if (hit.kind === 'reached') expect(hit.hit).toBe(true);
          compared += 1;
        }
      }
    }
  }
  expect(compared).toBeGreaterThan(600);
});

describe('the kernel half, shared in x86 style', () => {
  const style = x86Style();
  const VMALLOC = kernelAddress(style, 400, 0x20_3000n);
  const make = () => {
    const memory = new PlainMemory();
    const frames = new FramePool(0x100, 200);
    const kernel = new KernelTables(memory, style, frames, [300, 400]);
    const early = kernel.process();
    const mmu = new CpuMmu(memory, x86Paging(), { root: early.root, asid: 1 });
    return { memory, frames, kernel, early, mmu };
  };

  it('what the kernel maps late, a process made early sees', () => {
    const { kernel, mmu } = make();
    kernel.tables.map(VMALLOC, FRAME, { write: true, global: true });
    expect(mmu.translate(access('read', false, VMALLOC))).toMatchObject({ kind: 'reached', address: BigInt(FRAME) << 12n });
    expect(mmu.translate(access('read', true, VMALLOC))).toMatchObject({ kind: 'fault', code: 5 });
  });

  it('the lower half is its own', () => {
    const { kernel, early, mmu } = make();
    const late = kernel.process();
    early.map(PAGE, FRAME, ALL);
    expect(late.entry(PAGE)?.word).toBe(0n);
    expect(mmu.translate(access('read')).kind).toBe('reached');
  });

  it('a root entry that was not made beforehand is missing in processes made early', () => {
    const { kernel, mmu } = make();
    kernel.tables.map(kernelAddress(style, 401, 0n), FRAME, {});
    expect(mmu.translate(access('read', false, kernelAddress(style, 401, 0n))).kind).toBe('fault');
    expect(() => new KernelTables(new PlainMemory(), style, new FramePool(0, 9), [255])).toThrow(RangeError);
  });

  it('a table that is detached is still pointed to by nobody but those who remember it', () => {
    const { memory, kernel, mmu } = make();
    kernel.tables.map(VMALLOC, FRAME, { write: true });
    const table = kernel.tables.entryOf(VMALLOC, 0)?.address ?? 0n;
    expect(kernel.tables.detach(VMALLOC, 1)).toBe(Number(table >> 12n));
    expect(mmu.translate(access('read', false, VMALLOC)).kind).toBe('fault');
    expect(memory.peek(table)).not.toBe(0n);
  });
});
