// SPDX-License-Identifier: Apache-2.0
/** The guest half of the kernel API, as a driver in the sandbox sees it. */
import { AgentFault } from '@dmalab/core/base/port';
import { describe, expect, it } from 'vitest';
import { evaluate, load, run } from './guest-fixture.ts';

const STRUCT = `import { array, cast, out, ptr, sizeof, struct, u8, u16, u32, u64, s8, s16, s32, le16, le32, le64, dma_addr_t, iomem } from 'lab/struct';`;
const SLAB = `import { GFP_KERNEL, kmalloc, kzalloc, kcalloc, kfree } from 'linux/slab';`;

/** The fault a driver ends with. */
function faultOf(action: () => unknown): AgentFault {
  try {
    action();
  } catch (error) {
    if (error instanceof AgentFault) return error;
    throw error;
  }
  throw new Error('expected the driver to fail');
}

describe('structures', () => {
  const types = `${STRUCT} ${SLAB}
    const inner = struct('inner', { a: u8, b: u32 });
    const outer = struct('outer', { tag: u8, wide: u64, in: inner, list: array(u16, 3), many: array(inner, 2), last: u8 });
    const tight = struct('tight', { tag: u8, wide: u64, half: u16 }, { packed: true });`;

  it('lie in memory as a C compiler lays them out', () => {
    const { tables } = load({ 'driver.ts': types });
    const [inner, outer, tight] = ['inner', 'outer', 'tight'].map((name) => tables.structs.find((s) => s.name === name));
    expect(inner).toMatchObject({ size: 8, fields: [{ offset: 0 }, { offset: 4 }] });
    expect(outer).toMatchObject({ size: 56, fields: [{ offset: 0 }, { offset: 8 }, { offset: 16, struct: tables.structs.indexOf(inner!) }, { offset: 24, count: 3, size: 2 }, { offset: 32, count: 2, size: 8 }, { offset: 48 }] });
    expect(tight).toMatchObject({ size: 11, fields: [{ offset: 0 }, { offset: 1 }, { offset: 9 }] });
  });

  it('give each byte a name in the trace', () => {
    const { port } = evaluate(types, `
      const p = cast(outer, kzalloc(2 * sizeof(outer), GFP_KERNEL));
      const q = p.at(1);
      q.store('tag', 1); q.in.store('b', 2); q.list.at(2).store(3); q.many.at(1).store('a', 4); q.field('last').store(5);`);
    expect(port.shown('store')).toEqual(['store tag[1]=1', 'store in.b[1]=2', 'store list[2][1]=3', 'store many[1].a[1]=4', 'store last[1]=5']);
  });

  it('read back what was written, signs included', () => {
    const { value } = evaluate(`${STRUCT} ${SLAB} const t = struct('t', { a: s8, b: s16, c: s32, d: u8, e: u16, f: u32, g: u64 });`, `
      const p = cast(t, kzalloc(sizeof(t), GFP_KERNEL));
      p.store('a', -1); p.store('b', -2); p.store('c', -3); p.store('d', 255); p.store('e', 65535); p.store('f', 0xffffffff); p.store('g', 0xffffffffffffffffn);
      return p.load('a') === -1 && p.load('b') === -2 && p.load('c') === -3 && p.load('d') === 255 && p.load('e') === 65535 && p.load('f') === 0xffffffff && p.load('g') === 0xffffffffffffffffn;`);
    expect(value).toBe(1);
  });

  it('wrap what fits in the width and refuse the rest, with the line', () => {
    const imports = `${STRUCT} ${SLAB} const t = struct('t', { a: le16, w: le64 });`;
    const p = `const p = cast(t, kzalloc(sizeof(t), GFP_KERNEL));\n`;
    expect(evaluate(imports, `${p}p.store('a', ~0 << 4 >> 4); return p.load('a');`).value).toBe(0xffff);
    for (const [statement, message] of [
      ["p.store('a', 65536)", /field 'a': 65536 does not fit in le16/],
      ["p.store('a', 1n)", /field 'a': le16 takes a number, got 1n/],
      ["p.store('a', 1.5)", /does not fit/],
      ["p.store('a', NaN)", /does not fit/],
      ["p.store('a', undefined)", /takes a number, got undefined/],
      ["p.store('w', 1)", /le64 takes a 64-bit value \(a bigint\), got 1/],
      ["p.store('w', 1n << 64n)", /does not fit in le64/],
      ["p.store('b', 1)", /struct t has no field "b"; it has a, w/],
      ["p.load('w') + 1", /convert BigInt to number|TypeError/],
      ["p.at(0.5)", /expected a whole number/],
    ] as const) {
      const fault = faultOf(() => evaluate(imports, `${p}${statement};`));
      expect(fault.message, statement).toMatch(message);
      expect(fault.site, statement).toMatchObject({ file: 'driver.ts', line: 3 });
    }
  });

  it('are declared at the top level only', () => {
    expect(faultOf(() => evaluate(STRUCT, "struct('late', { a: u8 });")).message).toContain('top level of a module');
  });

  it('null is null, and using it is an error at its line', () => {
    const fault = faultOf(() => evaluate(`${STRUCT} const t = struct('t', { next: ptr(() => t), v: u32 }); import { GFP_KERNEL, kzalloc } from 'linux/slab';`, "const p = cast(t, kzalloc(sizeof(t), GFP_KERNEL));\nconst q = p.next;\nreturn q.load('v');"));
    expect(fault.site).toMatchObject({ line: 4 });
  });
});

describe('address dependencies', () => {
  it('a pointer read from memory carries the load it came from', () => {
    const { port, value } = evaluate(`${STRUCT} ${SLAB} import { READ_ONCE } from 'linux/compiler'; const t = struct('t', { next: ptr(() => t), v: u32 });`, `
      const a = cast(t, kzalloc(sizeof(t), GFP_KERNEL)), b = cast(t, kzalloc(sizeof(t), GFP_KERNEL));
      b.store('v', 7); a.store('next', b);
      return READ_ONCE(a, 'next').load('v');`);
    expect(value).toBe(7);
    const loads = port.ops.flatMap((op, i) => (op.kind === 'load' ? [{ ordinal: i + 1, dep: op.addressDep, name: op.name }] : []));
    expect(loads).toEqual([{ ordinal: expect.any(Number), dep: undefined, name: 'next' }, { ordinal: expect.any(Number), dep: loads[0]?.ordinal, name: 'v' }]);
  });

  it('registers count as one load each, of 64 bits too', () => {
    const { port } = evaluate(`${STRUCT} ${SLAB} import { readl, readq } from 'linux/io'; import { devm_platform_ioremap_resource } from 'linux/platform_device'; const t = struct('t', { next: ptr(() => t) });`, `
      const a = cast(t, kzalloc(sizeof(t), GFP_KERNEL)); a.store('next', a);
      const regs = devm_platform_ioremap_resource(args[0], 0); readq(regs); readl(regs);
      return a.next.next === null;`, { args: [{ device: 'nic0' }] });
    const loads = port.ops.flatMap((op, i) => (op.kind === 'load' && op.place.space === 'ram' ? [{ ordinal: i + 1, dep: op.addressDep }] : []));
    expect(loads[1]?.dep).toBe(loads[0]?.ordinal);
  });

  it('passes through pointer arithmetic and field pointers, not through numbers', () => {
    const { port } = evaluate(`${STRUCT} ${SLAB} const t = struct('t', { list: ptr(u32), i: u32 });`, `
      const a = cast(t, kzalloc(sizeof(t), GFP_KERNEL)); a.store('list', cast(u32, kzalloc(64, GFP_KERNEL)));
      a.list.at(3).load();
      const i = a.load('i');
      const plain = cast(u32, kzalloc(64, GFP_KERNEL));
      plain.at(i).load();`);
    const loads = port.ops.flatMap((op, i) => (op.kind === 'load' ? [{ ordinal: i + 1, dep: op.addressDep }] : []));
    expect(loads.map((load) => load.dep)).toEqual([undefined, loads[0]?.ordinal, undefined, undefined]);
  });
});

describe('byte order', () => {
  const imports = `import { cpu_to_le16, cpu_to_le32, cpu_to_le64, cpu_to_be16, cpu_to_be32, cpu_to_be64, le32_to_cpu, be64_to_cpu } from 'linux/byteorder';`;
  const values = `[BigInt(cpu_to_le16(0x1234)), BigInt(cpu_to_le32(0x12345678)), cpu_to_le64(0x123456789abcdef0n), BigInt(cpu_to_be16(0x1234)), BigInt(cpu_to_be32(0x12345678)), cpu_to_be64(0x123456789abcdef0n)]`;
  const check = (expected: string): string => `const v = ${values}; const e = ${expected}; return v.every((x, i) => x === e[i]) && le32_to_cpu(cpu_to_le32(0x89abcdef)) === 0x89abcdef && be64_to_cpu(cpu_to_be64(5n)) === 5n;`;

  it('little-endian CPU', () => {
    expect(evaluate(imports, check('[0x1234n, 0x12345678n, 0x123456789abcdef0n, 0x3412n, 0x78563412n, 0xf0debc9a78563412n]')).value).toBe(1);
  });
  it('big-endian CPU', () => {
    expect(evaluate(imports, check('[0x3412n, 0x78563412n, 0xf0debc9a78563412n, 0x1234n, 0x12345678n, 0x123456789abcdef0n]'), { endian: 'big' }).value).toBe(1);
  });
  it('a number where 64 bits are due is an error', () => {
    expect(faultOf(() => evaluate(imports, 'cpu_to_le64(1);')).message).toContain('expected a 64-bit value');
  });
});

describe('helpers', () => {
  it('compute what Linux computes', () => {
    const { value } = evaluate(
      `import { ALIGN, DIV_ROUND_UP, lower_32_bits, upper_32_bits, min, max } from 'linux/kernel'; import { BIT, BIT_ULL, GENMASK } from 'linux/bits'; import { ilog2, is_power_of_2, roundup_pow_of_two } from 'linux/log2'; import { DMA_BIT_MASK } from 'linux/dma-mapping'; import { EBUSY, ENOMEM } from 'linux/errno';`,
      `return ALIGN(13, 8) === 16 && ALIGN(16, 8) === 16 && DIV_ROUND_UP(9, 4) === 3 && lower_32_bits(0x1_89abcdefn) === 0x89abcdef && upper_32_bits(0x1_89abcdefn) === 1
        && min(3, 2) === 2 && max(3, 2) === 3 && BIT(31) === 0x80000000 && BIT_ULL(63) === 1n << 63n && GENMASK(7, 4) === 0xf0 && GENMASK(31, 0) === 0xffffffff
        && ilog2(1) === 0 && ilog2(0x80000000) === 31 && is_power_of_2(64) && !is_power_of_2(0) && !is_power_of_2(65) && roundup_pow_of_two(65) === 128 && roundup_pow_of_two(64) === 64
        && DMA_BIT_MASK(64) === 0xffffffffffffffffn && DMA_BIT_MASK(32) === 0xffffffffn && EBUSY === 16 && -ENOMEM === -12;`,
    );
    expect(value).toBe(1);
  });
});

describe('messages', () => {
  const print = (call: string): unknown => {
    const { port } = evaluate(`import { printk, pr_err, pr_warn, dev_err, dev_info } from 'linux/printk'; ${STRUCT} ${SLAB}`, `const dev = args[0]; ${call}`, { args: [{ device: 'nic0' }] });
    return port.notes.filter((note) => note.kind === 'log').map((note) => `${String(note.fields['level'])} ${String(note.fields['text'])}`);
  };

  it.each([
    ['printk("ring of %d\\n", 4)', 'info ring of 4'],
    ['pr_err("%s: %u %i %x %X %#x %08x|%-6d|%6d|%%", "nic", 7, -3, 255, 255, 255, 0xbeef, 12, 34)', 'err nic: 7 -3 ff FF 0xff 0000beef|12    |    34|%'],
    ['pr_warn("%llx %lu %p", 0x123456789an, 5n, 4096)', 'warn 123456789a 5 0x1000'],
    ['dev_err(dev, "status %#06x", 0x1f)', 'err nic0: status 0x001f'],
    ['dev_info(dev, `100% of ${2} frames`)', 'info nic0: 100% of 2 frames'],
    ['printk("%u", -1)', 'info 4294967295'],
    ['printk("grüße → 🙂")', 'info grüße → 🙂'],
    ['printk("")', 'info '],
  ])('%s', (call, expected) => {
    expect(print(call)).toEqual([expected]);
  });

  it('a very long one is cut, and one without its argument is an error', () => {
    expect((print('printk("x".repeat(5000))') as string[])[0]?.length).toBe('info '.length + 1024);
    expect(() => print('printk("%d %d", 1)')).toThrow(/nothing to print for %d/);
  });

  it('an object cannot be printed as a number', () => {
    expect(() => print('printk("%d", {})')).toThrow(/takes a number, got an object/);
  });
});

describe('wrong arguments', () => {
  it.each([
    [`import { writel } from 'linux/io';`, 'writel(0xe0000000, 1);', /1 is not a register address \(the value comes first/],
    [`import { readl } from 'linux/io'; import { devm_platform_ioremap_resource } from 'linux/platform_device';`, 'readl(devm_platform_ioremap_resource(args[0], 0) + 0x1000);', /nic0 has registers up to 0xfff/],
    [`import { readl } from 'linux/io'; import { devm_platform_ioremap_resource } from 'linux/platform_device';`, 'readl(devm_platform_ioremap_resource(args[0], 0) + 2);', /not aligned to 4 bytes/],
    [`import { readl } from 'linux/io';`, 'readl(0xe0050000);', /no device has registers/],
    [`import { request_irq } from 'linux/interrupt';`, 'request_irq(32, () => 1, 0, "x", null);', /handler must be a function at the top level/],
    [`import { dma_map_single, DMA_TO_DEVICE } from 'linux/dma-mapping';`, 'dma_map_single(args[0], 0x1000n, 4, DMA_TO_DEVICE);', /ptr must be a pointer, got 4096n/],
    [`import { dma_map_single } from 'linux/dma-mapping'; ${SLAB}`, 'dma_map_single(args[0], kmalloc(8, GFP_KERNEL), 4, 7);', /expected DMA_TO_DEVICE/],
    [`import { dma_unmap_single, DMA_TO_DEVICE } from 'linux/dma-mapping';`, 'dma_unmap_single(args[0], 4096, 4, DMA_TO_DEVICE);', /addr: expected a 64-bit value/],
    [SLAB, 'kmalloc(-1, GFP_KERNEL);', /expected a size in bytes/],
    [SLAB, 'const p = kmalloc(8, GFP_KERNEL); kfree(p); kfree(p);', /kfree: 0x[0-9a-f]+ is not allocated/],
    [`${STRUCT} ${SLAB}`, 'cast(u32, kmalloc(8, GFP_KERNEL)).at(1 << 30).load();', /unable to handle a paging request/],
    [`${STRUCT} ${SLAB}`, 'cast(u32, kmalloc(8, GFP_KERNEL)).at(1 << 20).load();', /unable to handle a paging request/],
    [`import { wait_for_completion } from 'linux/completion';`, 'wait_for_completion(5);', /x must be a pointer, got 5/],
  ])('%s %s', (imports, body, message) => {
    const fault = faultOf(() => evaluate(imports, body, { args: [{ device: 'nic0' }] }));
    expect(fault.message).toMatch(message);
    expect(fault.site).toMatchObject({ file: 'driver.ts', line: 2 });
  });
});

describe('limits', () => {
  it('an endless loop ends by fuel, and says so', () => {
    const program = load({ 'driver.ts': 'export function main() {\n  for (;;) {}\n}' }, 'little', 100_000);
    expect(faultOf(() => run({ program, calls: [['main']] })).message).toMatch(/main ran out of fuel/);
  });

  it('what a driver throws is the message, at its line, and the next run is unaffected', () => {
    const program = load({ 'driver.ts': 'export function bad() {\n  throw new RangeError("no such ring");\n}\nexport function good() { return -16; }' });
    const fault = faultOf(() => run({ program, calls: [['bad']] }));
    expect(fault).toMatchObject({ message: 'bad threw RangeError: no such ring', site: { file: 'driver.ts', line: 2 } });
    expect(run({ program, calls: [['good']] }).values).toEqual([-16]);
  });

  it('a promise is no result, and recursion without end is named', () => {
    expect(faultOf(() => run({ program: load({ 'driver.ts': 'export async function main() { return 5; }' }), calls: [['main']] })).message).toMatch(/main returned a promise/);
    expect(faultOf(() => run({ program: load({ 'driver.ts': 'export function main() {\n  return 1 + main();\n}' }), calls: [['main']] }))).toMatchObject({ message: expect.stringContaining('ran out of stack'), site: { line: 2 } });
  });

  it('a write to a module\'s object says where shared state belongs', () => {
    const fault = faultOf(() => run({ program: load({ 'driver.ts': 'const seen = { frames: 0 };\nexport function main() {\n  seen.frames += 1;\n}' }), calls: [['main']] }));
    expect(fault).toMatchObject({ message: expect.stringMatching(/read-only.*simulated memory/), site: { file: 'driver.ts', line: 3 } });
  });

  it('the guest cannot send an operation that does not exist, or reach the door', () => {
    for (const name of ['sandbox:op', 'kernel/core', 'kernel/entry']) expect(() => load({ 'driver.ts': `import * as k from ${JSON.stringify(name)}; export function main() { k.op(250, 0, 0); }` })).toThrow(/cannot import/);
  });
});

describe('functions of a driver', () => {
  it('are numbered whether exported or not, and nothing else is', () => {
    const { tables } = load({ 'driver.ts': 'export function a() {}\nfunction b() {}\nconst c = () => 0, d = 5;\nconst { e: f } = { e: () => 1 };\nclass G {}\nconst s = `function h() {}`; // function i() {}\nif (d) { function j() {} }' });
    expect(tables.functions.map((f) => f.name)).toEqual(['a', 'b', 'c']);
  });

  it('may stand in several modules; the last one with a name is called', () => {
    const program = load({ 'nic.ts': 'export function size() { return 1; }', 'driver.ts': "import { size as of } from './nic';\nfunction size() { return of() + 1; }" });
    expect(run({ program, calls: [['size']] }).values).toEqual([2]);
  });

  it('that workloads call must be there', () => {
    expect(faultOf(() => run({ program: load({ 'driver.ts': 'export function a() {}' }), calls: [['probe']] })).message).toContain('no function called probe');
  });

  it('a source whose last line is a comment stays whole', () => {
    expect(load({ 'driver.ts': 'export function a() {} // the end' }).tables.functions).toHaveLength(1);
  });
});

describe('imports', () => {
  it.each([
    ["import { x } from './nope';", /cannot import ".\/nope": only asm\/barrier, .*linux\/types can be imported.*"line":2,"column":19/],
    ["import { dma_wbm } from 'asm/barrier';", /"asm\/barrier" exports no "dma_wbm".*"line":2,"column":10/],
    ["import { x } from 'kernel/core';", /cannot import "kernel\/core".*"line":2,"column":19/],
  ])('%s is an error at its line', (line, message) => {
    expect(() => load({ 'driver.ts': `\n${line}\nexport function main() {}` })).toThrow(message);
  });
});
