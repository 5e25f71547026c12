// SPDX-License-Identifier: Apache-2.0
/** Larger programs for measuring: descriptor rings, independent readers, ping-pong. */
import type { Agent, Place } from '@dmalab/core/base/port';
import type { RuleTable } from '@dmalab/core/ordering/rules';
import { ARMV8 } from '@dmalab/core/ordering/tables/armv8';
import { X86_TSO } from '@dmalab/core/ordering/tables/x86-tso';

const word = (n: number): Place => ({ space: 'ram', owner: '', address: 0x1000 + 8 * n, size: 4 });
const cpu = (id: string, run: Agent['run']): Agent => ({ id, kind: 'cpu', run });

/** A producer fills slots of `words` words, the last of them the mark; a consumer reads slots until a mark is missing. A torn slot would be one execution more. */
export function ring(slots: number, words: number): Agent[] {
  const at = (slot: number, n: number): Place => word(slot * words + n);
  return [
    cpu('producer', (port) => {
      for (let s = 0; s < slots; s += 1) {
        for (let w = 1; w < words; w += 1) port.op({ kind: 'store', place: at(s, w), value: s + 1, order: 'relaxed' });
        port.op({ kind: 'fence', fence: 'dmb.ishst' });
        port.op({ kind: 'store', place: at(s, 0), value: 1, order: 'relaxed' });
      }
    }),
    cpu('consumer', (port) => {
      for (let s = 0; s < slots; s += 1) {
        if (port.op({ kind: 'load', place: at(s, 0), order: 'relaxed' }) === 0) return;
        port.op({ kind: 'fence', fence: 'dmb.ishld' });
        for (let w = 1; w < words; w += 1) if (port.op({ kind: 'load', place: at(s, w), order: 'relaxed' }) !== s + 1) return;
        port.op({ kind: 'fence', fence: 'dmb.ishld' });
      }
    }),
  ];
}

/** Two writers; two readers that look at their words in opposite orders. */
const IRIW: readonly Agent[] = [
  ...[0, 1].map((n) => cpu(`writer${n}`, (port) => void port.op({ kind: 'store', place: word(n), value: 1, order: 'relaxed' }))),
  ...[0, 1].map((n) => cpu(`reader${n}`, (port) => {
    port.op({ kind: 'load', place: word(n), order: 'relaxed' });
    port.op({ kind: 'fence', fence: 'dmb.ishld' });
    port.op({ kind: 'load', place: word(1 - n), order: 'relaxed' });
  })),
];

/** One raises its word and looks at the other's, the other looks first and answers. */
const pingPong = (rounds: number, fence: string): readonly Agent[] => [0, 1].map((me) => cpu(`player${me}`, (port) => {
  for (let i = 1; i <= rounds; i += 1) {
    if (me === 0) port.op({ kind: 'store', place: word(0), value: i, order: 'relaxed' });
    else port.op({ kind: 'load', place: word(0), order: 'relaxed' });
    port.op({ kind: 'fence', fence });
    if (me === 0) port.op({ kind: 'load', place: word(1), order: 'relaxed' });
    else port.op({ kind: 'store', place: word(1), value: i, order: 'relaxed' });
  }
}));

export interface Program {
  readonly name: string;
  readonly table: RuleTable;
  readonly agents: readonly Agent[];
  /** Executions, loads free to be passed by later stores. Rings: one for each number of slots seen; ping-pong: as a prototype of this search, which herd7 was asked about at two rounds. */
  readonly leaves: number;
}

export const PROGRAMS: readonly Program[] = [
  { name: 'IRIW with load barriers, Arm', table: ARMV8, agents: IRIW, leaves: 15 },
  { name: 'ring 2x3, Arm', table: ARMV8, agents: ring(2, 3), leaves: 3 },
  { name: 'ring 4x2, Arm', table: ARMV8, agents: ring(4, 2), leaves: 5 },
  { name: 'ring 8x2, Arm', table: ARMV8, agents: ring(8, 2), leaves: 9 },
  { name: 'ring 16x4, Arm', table: ARMV8, agents: ring(16, 4), leaves: 17 },
  { name: 'ping-pong, 2 rounds, Arm', table: ARMV8, agents: pingPong(2, 'dmb.ish'), leaves: 36 },
  { name: 'ping-pong, 3 rounds, Arm', table: ARMV8, agents: pingPong(3, 'dmb.ish'), leaves: 344 },
  { name: 'ping-pong, 2 rounds, x86', table: X86_TSO, agents: pingPong(2, 'mfence'), leaves: 31 },
  { name: 'ping-pong, 3 rounds, x86', table: X86_TSO, agents: pingPong(3, 'mfence'), leaves: 267 },
];
