// SPDX-License-Identifier: Apache-2.0
/**
 * What a table walker needs of memory. One implementation is plain memory
 * (tests, playgrounds), another an agent's port of the machine. Words travel in
 * `data`, low half first, in the byte order of memory (little-endian).
 *
 * An access never crosses a 4096-byte frame: every structure is aligned to its size.
 */
export type AccessStatus = 'ok' | 'denied' | 'corrupt';

export interface TablePort {
  /** The words of the last load, and those of the next store. */
  readonly data: Uint32Array;
  load(frame: number, offset: number, bytes: number): AccessStatus;
  /** The reading half of an atomic update of the entry that is there. */
  reload(frame: number, offset: number, bytes: number): AccessStatus;
  store(frame: number, offset: number, bytes: number): AccessStatus;
}
