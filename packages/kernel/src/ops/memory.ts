// SPDX-License-Identifier: Apache-2.0
/** linux/slab.h and linux/string.h: memory that the kernel hands out, and moving bytes in it. */
import type { Constant, Row } from './row.ts';

const MM = 'Linux Documentation/core-api/memory-allocation.rst';
const REUSE = 'memory freed last is handed out first, so that a use after free shows';

function allocator(name: string, zero: boolean, array: boolean): Row {
  const doc = {
    text: `Allocates ${array ? 'an array' : 'memory'}${zero ? ', zeroed' : '; what it holds is left over from whoever had it before'}. Direct-mapped and physically contiguous, so it may be mapped for DMA.`,
    params: { ...(array ? { n: 'elements', size: 'bytes of one element' } : { size: 'bytes, at least 1' }), flags: '`GFP_KERNEL`, or `GFP_ATOMIC` where sleeping is forbidden' },
    returns: 'pointer to the memory, or null when there is none; give it back with `kfree`',
    context: 'may sleep unless GFP_ATOMIC',
    source: MM,
    differs: `${REUSE}; on a non-coherent profile every object has whole cache lines to itself (ARCH_DMA_MINALIGN), as Linux had it before small buffers were bounced`,
  };
  const total = array ? `k.product(n, size, "${name}")` : `k.size(size, "${name}")`;
  return {
    name,
    module: 'linux/slab',
    c: array ? `void *${name}(size_t n, size_t size, gfp_t flags)` : `void *${name}(size_t size, gfp_t flags)`,
    ts: [array ? '(n: number, size: number, flags: gfp_t): ptr<void> | null' : '(size: number, flags: gfp_t): ptr<void> | null'],
    doc,
    guest: `function ${name}(${array ? 'n, size' : 'size'}, flags) {
  k.flags(flags, "${name}");
  const low = k.op($code, ${total}, ${zero ? 1 : 0});
  return low === 0 ? null : k.voidPointer(k.result(1), low);
}`,
    host: 'kmalloc',
  };
}

export const SLAB_ROWS: readonly Row[] = [
  allocator('kmalloc', false, false),
  allocator('kzalloc', true, false),
  allocator('kmalloc_array', false, true),
  allocator('kcalloc', true, true),
  {
    name: 'kfree',
    module: 'linux/slab',
    c: 'void kfree(const void *objp)',
    ts: ['(objp: ptr<any> | null): void'],
    doc: { text: 'Gives memory back. Nothing may use it afterwards, the device included.', params: { objp: 'pointer an allocator returned; null does nothing' }, context: 'any', source: MM, differs: `${REUSE}; memory freed on another CPU than the one that allocated it is not handed out again` },
    guest: `function kfree(objp) { if (objp === null) return; const p = k.pointer(objp, "kfree: objp"); k.op($code, p.$lo, p.$hi); }`,
    host: 'kfree',
  },
];

export const SLAB_CONSTANTS: readonly Constant[] = [
  { name: 'GFP_KERNEL', module: 'linux/slab', value: 0xcc0, type: 'gfp_t', doc: 'The ordinary way: may sleep.' },
  { name: 'GFP_ATOMIC', module: 'linux/slab', value: 0x820, type: 'gfp_t', doc: 'Must not sleep: in interrupt handlers.' },
];

export const STRING_ROWS: readonly Row[] = [
  {
    name: 'memset',
    module: 'linux/string',
    c: 'void *memset(void *s, int c, size_t count)',
    ts: ['(s: ptr<any>, c: number, count: number): void'],
    doc: { text: 'Fills memory with one byte, by plain stores.', params: { s: 'first byte', c: 'the byte', count: 'bytes' }, context: 'any', source: 'Linux lib/string.c', differs: 'returns nothing; never on registers (no memset_io)' },
    guest: `function memset(s, c, count) { const p = k.pointer(s, "memset: s"); k.latch(p.$hi, k.byte(c, "memset")); k.op($code, p.$lo, k.size0(count, "memset")); }`,
    host: 'memset',
  },
  {
    name: 'memcpy',
    module: 'linux/string',
    c: 'void *memcpy(void *dest, const void *src, size_t count)',
    ts: ['(dest: ptr<any>, src: ptr<any>, count: number): void'],
    doc: { text: 'Copies memory that does not overlap, by plain loads and stores in ascending order.', params: { dest: 'where to', src: 'where from', count: 'bytes' }, context: 'any', source: 'Linux lib/string.c', differs: 'returns nothing; never on registers (no memcpy_toio)' },
    guest: `function memcpy(dest, src, count) {
  const to = k.pointer(dest, "memcpy: dest"), from = k.pointer(src, "memcpy: src");
  k.latch(to.$hi, from.$hi);
  k.latch(from.$lo, 0);
  k.op($code, to.$lo, k.size0(count, "memcpy"));
}`,
    host: 'memcpy',
  },
];
