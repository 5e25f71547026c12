// SPDX-License-Identifier: Apache-2.0
/** The node that the walker knows, in the four shapes a machine may have it. */
import { layout, uint, wide } from '../../base/layout.ts';

const docs = {
  key: 'What it is found by; unsigned.',
  left: 'Address of the left child; 0 for none.',
  right: 'Address of the right child, of the next one of a list or chain; 0 for none.',
  payload: 'What is found.',
};
const SPEC = 'dmalab tree walker';

function wideNode(endian: 'little' | 'big') {
  return layout({ name: `node, 64-bit words, ${endian}-endian`, spec: SPEC, bits: 256, endian, wordBits: 64, fields: { key: wide(63, 0, docs.key), left: wide(127, 64, docs.left), right: wide(191, 128, docs.right), payload: wide(255, 192, docs.payload) } });
}
function narrowNode(endian: 'little' | 'big') {
  return layout({ name: `node, 32-bit words, ${endian}-endian`, spec: SPEC, bits: 128, endian, wordBits: 32, fields: { key: uint(31, 0, docs.key), left: uint(63, 32, docs.left), right: uint(95, 64, docs.right), payload: uint(127, 96, docs.payload) } });
}

export const WalkerNode = wideNode('little');
export const WalkerNodeBig = wideNode('big');
export const WalkerNode32 = narrowNode('little');
export const WalkerNode32Big = narrowNode('big');

/** By word size and byte order. */
export function nodeLayout(words32: boolean, bigEndian: boolean): typeof WalkerNode | typeof WalkerNode32 {
  if (words32) return bigEndian ? WalkerNode32Big : WalkerNode32;
  return bigEndian ? WalkerNodeBig : WalkerNode;
}
