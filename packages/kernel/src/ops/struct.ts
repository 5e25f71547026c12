// SPDX-License-Identifier: Apache-2.0
/** lab/struct: typed views of simulated memory, which C has in the language; and the private ops beneath them. */
import type { Row } from './row.ts';

const OURS = 'ours; stands for C\'s struct, pointers and sizeof';
const NO_C = 'has no counterpart function in Linux';

export const STRUCT_ROWS: readonly Row[] = [
  {
    name: 'struct',
    module: 'lab/struct',
    c: 'struct name { … };',
    ts: ['<const F extends fields>(name: string, fields: F, options?: struct_options<F>): struct_type<F>'],
    doc: {
      text: 'Declares a structure as it lies in memory: fields in order, each aligned to its size, as a C compiler lays them out. Call it at the top level of a module.',
      params: { name: 'what traces call it', fields: 'field name to type: `le64`, `u32`, `ptr(other)`, `array(u8, 16)`, another structure', options: '`packed: true` leaves no gaps, as with __packed' },
      returns: 'the type; `ptr<typeof it>` is the type of a pointer to it',
      context: 'top level of a module',
      source: OURS,
      differs: NO_C,
    },
    guest: 'function struct(name, fields, options) { return k.defineStruct(name, fields, options); }',
  },
  {
    name: 'ptr',
    module: 'lab/struct',
    c: 'type *',
    ts: ['<T extends type>(target: T): ptr_type<T>', '(target: () => type): ptr_type<any>'],
    doc: { text: 'The type of a field that holds a pointer. A field read through one is a load; what is read through the pointer it returns comes after that load (address dependency).', params: { target: 'what it points to; a function that returns it, for structures that point to themselves' }, returns: 'the field type', context: 'top level of a module', source: OURS, differs: NO_C },
    guest: 'function ptr(target) { return k.pointerType(target); }',
  },
  {
    name: 'array',
    module: 'lab/struct',
    c: 'type name[n]',
    ts: ['<T extends type>(element: T, count: number): array_type<T>'],
    doc: { text: 'The type of a field that is an array; read as a property, it is a pointer to its first element.', params: { element: 'type of one element', count: 'elements, at least 1' }, returns: 'the field type', context: 'top level of a module', source: OURS, differs: NO_C },
    guest: 'function array(element, count) { return k.arrayType(element, count); }',
  },
  {
    name: 'sizeof',
    module: 'lab/struct',
    c: 'sizeof(type)',
    ts: ['(of: type): number'],
    doc: { text: 'Bytes that a value of the type takes in memory.', params: { of: 'a structure or a scalar type' }, returns: 'bytes', context: 'any', source: OURS, differs: NO_C },
    guest: 'function sizeof(of) { return k.sizeOf(of); }',
  },
  {
    name: 'cast',
    module: 'lab/struct',
    c: '(type *)p',
    ts: ['<T extends type>(to: T, p: ptr<any>): ptr<T>', '<T extends type>(to: T, p: ptr<any> | null): ptr<T> | null'],
    doc: { text: 'Sees memory as a structure: `cast(nic_priv, kzalloc(sizeof(nic_priv), GFP_KERNEL))`. null stays null.', params: { to: 'type to see it as', p: 'pointer' }, returns: 'the same address with the new type', context: 'any', source: OURS, differs: 'C converts void pointers by itself' },
    guest: 'function cast(to, p) { return k.cast($code, to, p); }',
    host: 'cast',
  },
  {
    name: 'out',
    module: 'lab/struct',
    c: 'type variable; … &variable',
    ts: ['<V>(): out_value<V>'],
    doc: { text: 'A variable whose address can be passed to a function that stores a result: `const dma = out<dma_addr_t>()`, then `dma.value`.', returns: 'the variable', context: 'any', source: OURS, differs: 'it lives in a register, not in memory' },
    guest: 'function out() { return k.out(); }',
  },
];

function hidden(name: string, text: string, host: NonNullable<Row['host']>, guest: string): Row {
  return { name, module: 'kernel/core', c: '(none)', ts: [], doc: { text, context: 'private', source: OURS, differs: NO_C }, guest, host };
}

/** The ABI's own ops: what every other row is built from. */
export const PRIVATE_ROWS: readonly Row[] = [
  hidden('opLoad', 'A plain load: `a` address; size and alias in the flags; dependency token. What `ptr.load` does.', 'load', 'const opLoad = $code;'),
  hidden('opStore', 'A plain store: `a` address, `b` value; the high half of 8 bytes comes by latch. What `ptr.store` does.', 'store', 'const opStore = $code;'),
  hidden('opLatch', 'Keeps `a` and `b` for the next op that takes more than two operands.', 'latch', 'const opLatch = $code;'),
  hidden('opResult', 'Returns part `a` of the last result; part 1 is the high half.', 'result', 'const opResult = $code;'),
  hidden('opText', 'Adds up to four characters to the text that the next op takes; how many, in the size bits.', 'text', 'const opText = $code;'),
  hidden('opDescribed', 'The text so far is the table of functions and structures (see `describe`).', 'described', 'const opDescribed = $code;'),
];
