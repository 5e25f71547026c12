// SPDX-License-Identifier: Apache-2.0
/** asm/barrier.h and the compiler's barriers. What each becomes on a profile is in `lowering.ts`. */
import type { Row } from './row.ts';

const MEMORY_BARRIERS = 'Linux Documentation/memory-barriers.txt';

function barrier(name: string, text: string, source: string): Row {
  return {
    name,
    module: 'asm/barrier',
    c: `void ${name}(void)`,
    ts: ['(): void'],
    doc: { text, context: 'any; does not sleep', source, differs: 'none' },
    guest: `function ${name}() { k.op($code, 0, 0); }`,
    host: 'barrier',
  };
}

const cpuOnly = 'Promises nothing to a device, and is only a compiler barrier on a uniprocessor build.';

export const BARRIER_ROWS: readonly Row[] = [
  barrier('mb', 'Orders every earlier load and store, to memory and to devices, before every later one. The only barrier that keeps an earlier MMIO write before a later read of memory.', `${MEMORY_BARRIERS}, "Mandatory barriers"`),
  barrier('rmb', 'Orders every earlier load, from memory and from devices, before every later load.', `${MEMORY_BARRIERS}, "Mandatory barriers"`),
  barrier('wmb', 'Orders every earlier store, to memory and to devices, before every later store. What a relaxed or write-combined doorbell needs in front of it.', `${MEMORY_BARRIERS}, "Mandatory barriers"`),
  barrier('dma_mb', 'Orders every earlier access to memory shared with a device before every later one, as CPU and device see them. Promises nothing about MMIO.', `${MEMORY_BARRIERS}, "dma_wmb() dma_rmb() dma_mb()"`),
  barrier('dma_rmb', 'Orders every earlier load from memory shared with a device before every later such load: after the test of the done bit, before the rest of the descriptor. Promises nothing about MMIO.', `${MEMORY_BARRIERS}, "dma_wmb() dma_rmb() dma_mb()"`),
  barrier('dma_wmb', 'Orders every earlier store to memory shared with a device before every later such store: after the descriptor is filled, before the bit that hands it over. Promises nothing about MMIO.', `${MEMORY_BARRIERS}, "dma_wmb() dma_rmb() dma_mb()"`),
  barrier('smp_mb', `Orders every earlier load and store before every later one, as other CPUs see them. ${cpuOnly}`, `${MEMORY_BARRIERS}, "SMP conditional barriers"`),
  barrier('smp_rmb', `Orders every earlier load before every later load, as other CPUs see them. ${cpuOnly}`, `${MEMORY_BARRIERS}, "SMP conditional barriers"`),
  barrier('smp_wmb', `Orders every earlier store before every later store, as other CPUs see them. ${cpuOnly}`, `${MEMORY_BARRIERS}, "SMP conditional barriers"`),
  {
    name: 'smp_store_release',
    module: 'asm/barrier',
    c: 'void smp_store_release(type *p, type v)',
    ts: ['<V>(p: scalar_ptr<V>, v: V): void', '<F extends fields, K extends scalar_key<F>>(p: struct_ptr<F>, field: K, v: value_of<F[K]>): void'],
    doc: {
      text: `Stores \`v\` after every earlier load and store, as other CPUs see them; pairs with \`smp_load_acquire\`. ${cpuOnly}`,
      params: { p: 'where to store: a pointer to a scalar, or a structure and the name of its field', v: 'value to store' },
      context: 'any; does not sleep',
      source: `${MEMORY_BARRIERS}, "Implicit kernel memory barriers", RELEASE operations`,
      differs: 'the field may be named as a second argument, where C writes &p->field',
    },
    guest: 'function smp_store_release(p, x, y) { k.writeVia($code, p, x, y, arguments.length, "smp_store_release"); }',
    host: 'store-release',
  },
  {
    name: 'smp_load_acquire',
    module: 'asm/barrier',
    c: 'type smp_load_acquire(type *p)',
    ts: ['<V>(p: scalar_ptr<V>): V', '<F extends fields, K extends scalar_key<F>>(p: struct_ptr<F>, field: K): value_of<F[K]>'],
    doc: {
      text: `Loads a value before every later load and store, as other CPUs see them; pairs with \`smp_store_release\`. ${cpuOnly}`,
      params: { p: 'what to load: a pointer to a scalar, or a structure and the name of its field' },
      returns: 'the value, as the field holds it (no byte swap)',
      context: 'any; does not sleep',
      source: `${MEMORY_BARRIERS}, "Implicit kernel memory barriers", ACQUIRE operations`,
      differs: 'the field may be named as a second argument, where C writes &p->field',
    },
    guest: 'function smp_load_acquire(p, field) { return k.readVia($code, p, field, "smp_load_acquire"); }',
    host: 'load-acquire',
  },
];

export const COMPILER_ROWS: readonly Row[] = [
  {
    name: 'READ_ONCE',
    module: 'linux/compiler',
    c: 'type READ_ONCE(type x)',
    ts: ['<V>(p: scalar_ptr<V>): V', '<F extends fields, K extends scalar_key<F>>(p: struct_ptr<F>, field: K): value_of<F[K]>'],
    doc: {
      text: 'Loads a value exactly once: the compiler may not tear, repeat, merge or hoist the load. Orders nothing, except that an address computed from the value comes after it.',
      params: { p: 'what to load: a pointer to a scalar, or a structure and the name of its field' },
      returns: 'the value, as the field holds it (no byte swap)',
      context: 'any; does not sleep',
      source: 'Linux include/asm-generic/rwonce.h',
      differs: 'takes a pointer, or a pointer and a field name, where C takes an lvalue',
    },
    guest: 'function READ_ONCE(p, field) { return k.readVia($code, p, field, "READ_ONCE"); }',
    host: 'load-once',
  },
  {
    name: 'WRITE_ONCE',
    module: 'linux/compiler',
    c: 'void WRITE_ONCE(type x, type v)',
    ts: ['<V>(p: scalar_ptr<V>, v: V): void', '<F extends fields, K extends scalar_key<F>>(p: struct_ptr<F>, field: K, v: value_of<F[K]>): void'],
    doc: {
      text: 'Stores a value exactly once: the compiler may not tear, repeat or merge the store. Orders nothing.',
      params: { p: 'where to store: a pointer to a scalar, or a structure and the name of its field', v: 'value to store' },
      context: 'any; does not sleep',
      source: 'Linux include/asm-generic/rwonce.h',
      differs: 'takes a pointer, or a pointer and a field name, where C takes an lvalue',
    },
    guest: 'function WRITE_ONCE(p, x, y) { k.writeVia($code, p, x, y, arguments.length, "WRITE_ONCE"); }',
    host: 'store-once',
  },
  {
    name: 'barrier',
    module: 'linux/compiler',
    c: 'void barrier(void)',
    ts: ['(): void'],
    doc: { text: 'Stops the compiler from moving accesses across this point. The CPU may still reorder them.', context: 'any; does not sleep', source: `${MEMORY_BARRIERS}, "Compiler barrier"`, differs: 'none' },
    guest: 'function barrier() { k.op($code, 0, 0); }',
    host: 'barrier',
  },
  {
    name: 'cpu_relax',
    module: 'linux/compiler',
    c: 'void cpu_relax(void)',
    ts: ['(): void'],
    doc: {
      text: 'Says that the CPU is busy-waiting, and is a compiler barrier: the next load of a wait loop is a new load. Orders nothing else.',
      context: 'any; does not sleep',
      source: `${MEMORY_BARRIERS}, "Compiler barrier"; Linux arch/ARCH/include/asm/processor.h`,
      differs: 'reading the same value again after it blocks until there is another value to read, so that waiting costs no steps; it lives in asm/processor.h on Linux',
    },
    guest: 'function cpu_relax() { k.op($code, 0, 0); }',
    host: 'relax',
  },
];
