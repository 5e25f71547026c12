// SPDX-License-Identifier: Apache-2.0
/**
 * What a table walker needs of memory. One implementation is plain memory
 * (tests, playgrounds), another an agent's port of the machine. Words travel in
 * `data`, low half first, in the byte order of memory (little-endian).
 *
 * An access never crosses a 4096-byte frame: every structure is aligned to its size.
 */
export type AccessStatus = 'ok' | 'denied' | 'corrupt';

/** Memory that lies in one array, where entries can be read without an access: nobody counts it, refuses it or answers something else. */
export interface FlatMemory {
  /** All frames, 1024 words each, in any order. Replaced when memory grows. */
  readonly words: Uint32Array;
  /** Index of the frame's first word; -1 where that is not at hand, and `load` finds it. */
  wordsOf(frame: number): number;
}

export interface TablePort {
  /** Where reads may be that simple; null while they may not. */
  readonly flat?: FlatMemory | null;
  /** The words of the last load, and those of the next store. */
  readonly data: Uint32Array;
  /** Told what the next accesses are to (`device context`), where somebody shows it. */
  named?(what: string): void;
  /** From here on what software has written before is found. Absent: it is found anyway. */
  flush?(): void;
  load(frame: number, offset: number, bytes: number): AccessStatus;
  store(frame: number, offset: number, bytes: number): AccessStatus;
  /**
   * Compares an entry of 4 or 8 bytes and exchanges it in one step: where it holds `low` (and `high`), it then holds `newLow`, `newHigh`.
   * Otherwise it stays, and the answer is `changed`. What was there is in `data`. An access that is refused changes nothing.
   */
  exchange(frame: number, offset: number, bytes: number, low: number, high: number, newLow: number, newHigh: number): AccessStatus | 'changed';
}
