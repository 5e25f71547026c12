// SPDX-License-Identifier: Apache-2.0
/** An entry of either directory that points on, and breaks no rule: most of them, found out by two masks. */
import { wordView } from '../../base/layout-words.ts';
import { DirectoryEntry } from './structures.ts';

const view = wordView(DirectoryEntry);
const VALID = 1 << DirectoryEntry.fields.V.low;
const LOW = view.strayMask(0) | VALID;
const HIGH = view.strayMask(1);
const PPN = DirectoryEntry.fields.PPN.low;
const SCALE = 2 ** (32 - PPN);

/** The frame of the next table; -1 where the entry is to be looked at more closely. */
export function nextTable(words: Uint32Array, at: number): number {
  const low = words[at] ?? 0;
  const high = words[at + 1] ?? 0;
  return (low & LOW) === VALID && (high & HIGH) === 0 ? high * SCALE + (low >>> PPN) : -1;
}
