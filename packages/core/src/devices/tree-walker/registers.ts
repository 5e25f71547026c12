// SPDX-License-Identifier: Apache-2.0
import { choice, flag, layout, uint } from '../../base/layout.ts';
import type { ErrorTable } from '../datasheet.ts';
import { NEVER_RUNG, registerTable } from '../registers.ts';

export const WALKER_WINDOW = 0x1000;
const SPEC = 'dmalab tree walker';

export const WalkerOp = layout({
  name: 'tree walker OP',
  spec: SPEC,
  bits: 32,
  fields: {
    kind: choice(3, 0, 'What to do.', { listSum: 1, bstFind: 2, hashChain: 3, graphCount: 4 }),
  },
});
export const WalkerPasid = layout({
  name: 'tree walker PASID',
  spec: SPEC,
  bits: 32,
  fields: { pasid: uint(19, 0, 'Whose addresses these are.'), valid: flag(31, 'Clear: no PASID, the addresses are the function\'s own.') },
});
export const WalkerFlags = layout({
  name: 'tree walker FLAGS',
  spec: SPEC,
  bits: 32,
  fields: {
    priv: flag(0, 'Privileged accesses: with a PASID, kernel addresses may be reached.'),
    blockOnFault: flag(1, 'Ask for a page that is not there and wait (PRI); clear: stop there.'),
    words32: flag(2, 'Words of the node have 4 bytes.'),
    bigEndian: flag(3, 'Words are big-endian.'),
  },
});
export const WalkerStatus = layout({
  name: 'tree walker STATUS',
  spec: SPEC,
  bits: 32,
  fields: {
    busy: flag(0, 'A walk is under way.'),
    error: uint(15, 8, 'How the last walk ended.'),
    finished: uint(31, 16, 'How many walks are over, modulo 2^16. Until the walker takes a doorbell STATUS is that of the walk before.'),
  },
});

export const WalkerErrors = {
  ok: { code: 0, doc: 'RESULT holds the sum, the payload or the count.' },
  notFound: { code: 1, doc: 'No node has the key.' },
  badOperation: { code: 2, doc: 'OP is reserved, or BUCKETS is not a power of 2 from 1 to 65536.' },
  misaligned: { code: 3, doc: 'A pointer is no multiple of the word size. FAULT_VA is the pointer.' },
  pageFault: { code: 4, doc: 'A page was not there. FAULT_VA says where; STEPS, after how many nodes.' },
  pageRefused: { code: 5, doc: 'With blockOnFault: the page was asked for, and software said no.' },
  refused: { code: 6, doc: 'The access was refused, or there is no memory.' },
  tooManySteps: { code: 7, doc: 'More nodes than LIMIT: a loop, perhaps, or a structure that changed on the way.' },
  cancelled: { code: 8, doc: 'CANCEL was set.' },
} as const satisfies ErrorTable;
export type WalkerError = keyof typeof WalkerErrors;

export const WalkerRegisters = registerTable(WALKER_WINDOW, {
  ROOT_LO: { offset: 0x00, access: 'rw', doc: 'Address of the first node, or of the array of buckets.' },
  ROOT_HI: { offset: 0x04, access: 'rw', doc: 'The high half.' },
  KEY_LO: { offset: 0x08, access: 'rw', doc: 'What to look for.' },
  KEY_HI: { offset: 0x0c, access: 'rw', doc: 'The high half.' },
  OP: { offset: 0x10, access: 'rw', doc: 'What to do.', layout: WalkerOp },
  PASID: { offset: 0x14, access: 'rw', doc: 'Whose addresses.', layout: WalkerPasid },
  FLAGS: { offset: 0x18, access: 'rw', doc: 'How.', layout: WalkerFlags },
  BUCKETS: { offset: 0x1c, access: 'rw', doc: 'Buckets of the hash table; the bucket of a key is its low bits.' },
  LIMIT: { offset: 0x20, access: 'rw', reset: 64, doc: 'Most nodes of a walk, at most the option `maxSteps`.' },
  CANCEL: { offset: 0x24, access: 'rw', doc: '1: a walk ends before its next node. Set it before an address space goes away, then wait until STATUS is not busy.' },
  DOORBELL: { offset: 0x28, access: 'wo', reset: NEVER_RUNG, doc: 'Any store starts a walk.' },
  STATUS: { offset: 0x30, access: 'ro', doc: 'How it ended.', layout: WalkerStatus },
  RESULT_LO: { offset: 0x34, access: 'ro', doc: 'Sum modulo 2^64, payload, or count.' },
  RESULT_HI: { offset: 0x38, access: 'ro', doc: 'The high half.' },
  FAULT_VA_LO: { offset: 0x3c, access: 'ro', doc: 'Address that stopped the walk.' },
  FAULT_VA_HI: { offset: 0x40, access: 'ro', doc: 'The high half.' },
  STEPS: { offset: 0x44, access: 'ro', doc: 'Nodes that were visited.' },
});
