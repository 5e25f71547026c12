// SPDX-License-Identifier: Apache-2.0
/** Programs that random runs found some form wrong on, each with what it was about. All forms agree with the naive enumerator. */
import { describe, expect, it } from 'vitest';
import { byGraph, byMachine, byNaive, byOperational, guided, sampled, type ModelName } from './forms.ts';
import { mini } from './mini.ts';

interface Case {
  readonly about: string;
  readonly model: ModelName;
  readonly text: string;
}

const CASES: readonly Case[] = [
  {
    about: 'a load after a wake-up that is forwarded from a store which must be seen first by CPUs alone',
    model: 'strict',
    text: `cpu0: st x 0x01010101; fence smp_wmb; st y 0x02020202; idle j; ld x q
      dev: st y 0x03030303; ld x d1; msi dev!0`,
  },
  {
    about: "a device's write that comes below stores which only CPUs see, and a CPU that knows it",
    model: 'strict',
    text: `cpu0: irq i; ld y r0 acquire; st x 0x01010101 release; fence mb; ld x q; idle j
      cpu1: st x 0x02020202 release; st y 0x03030303
      dev: st x 0x04040404; ld y d1; msi dev!0`,
  },
  {
    about: 'a forwarded load that a barrier for CPUs holds back',
    model: 'strict',
    text: `cpu0: irq i; ld y r0 acquire; fence dma_rmb; ld y r1 acquire; st y r0 release; fence smp_mb; ld y q; idle j
      dev: st y 0x01010101; msi dev!0; ld x d1`,
  },
  {
    about: 'a forwarded load behind which a barrier for devices forces what another CPU stored',
    model: 'strict',
    text: `cpu0: st.2 x 0x0101 release; ld x r2; fence dma_rmb; ld x q
      cpu1: out dev.16 1; st x 0x02020202
      dev: bell dev.16 1; ld x d1`,
  },
  {
    about: 'an exclusive pair on an own store that waits: others may come before that store',
    model: 'arm',
    text: `cpu0: st x 0x01010101; st y 0x02020202 release; ldx y r3; stx y 0x03030303 s3 release; idle j; ld x q
      dev: st x 0x04040404; msi dev!0; st y 0x05050505`,
  },
  {
    about: 'the same where the store reaches CPUs before devices',
    model: 'strict',
    text: `cpu0: st y r1 release; ldx y r3; stx y 0x02020202 s3 release; idle j
      dev: msi dev!0; st y 0x05050505`,
  },
  {
    about: 'an exclusive pair that is forwarded two of its four bytes: the others are locked at once',
    model: 'strict',
    text: `cpu0: st.2 x 0x0101; ldx x r1 acquire; stx x 0x02020202 s1
      dev: st x 0x03030303; st y 0x04040404`,
  },
  {
    about: 'the same with another CPU',
    model: 'strict',
    text: `cpu0: st.2 x+2 0x0101
      cpu1: st.1 x 0x02 release; ldx x r1 acquire; stx x 0x03030303 s1`,
  },
  {
    about: "a load that shows a store which devices do not have, beside bytes that a device then writes",
    model: 'strict',
    text: `cpu0: ld x q
      cpu1: st.1 x+1 0x01
      dev: st x 0x03030303`,
  },
  {
    about: "a device's write over two halves, of which devices have one",
    model: 'strict',
    text: `cpu0: st.2 x+2 0x0101; in dev.4 r1 full; idle j; ld x q
      cpu1: ld x+4 r0 acquire; out dev.16 1 full; ld x r2
      dev: bell dev.16 1; st x 0x02020202; msi dev!0; st x 0x03030303`,
  },
  {
    about: 'an atomic that writes nothing: loads before it stay before it',
    model: 'strict',
    text: `cpu0: st x 0x01010101; fence smp_wmb; st y 1
      cpu1: ld y r0; cas x 5 6 r1 relaxed`,
  },
  {
    about: 'an atomic that finds no reason to write in an own store which waits: a load of it',
    model: 'strict',
    text: `cpu0: st y 0x01010101; cas y 0 0x02020202 r1 relaxed; ld x q; idle j
      dev: st y 0x03030303; msi dev!0; st y 0x04040404`,
  },
  {
    about: 'a load that comes before an MMIO read, of a store which devices do not have',
    model: 'strict',
    text: `cpu0: ld x r1; in dev.4 r2
      cpu1: st x 1
      dev: st dev.4 1; ld x d1`,
  },
  {
    about: 'two releases to one word, one placed while the other is',
    model: 'strict',
    text: `cpu0: st y 0x01010101 release; st y 0x02020202 release; fence smp_mb; ld y r2; idle j
      cpu1: ld y r1
      dev: st y 0x05050505; msi dev!0`,
  },
  {
    about: 'a load before a store: made before that is issued, when devices have what must come first',
    model: 'strict',
    text: `cpu0: idle j; ld y q
      cpu1: st y 0x02020202; fence mb; ld x r1; st x 0x03030303
      dev: st y 0x04040404; msi dev!0`,
  },
  {
    about: 'a store that an atomic of another CPU keeps waiting, forced: it goes when that lets go',
    model: 'x86',
    text: `cpu0: st x 0x01010101; fence mfence; ldx x r2
      cpu1: st y 0x03030303; ldx x r1; stx x 0x04040404 s1`,
  },
  {
    about: 'eight bytes whose halves are equal, and no bytes at all: two executions',
    model: 'x86',
    text: `cpu0: ld.8 x r0; st.2 x 0x0101
      cpu1: ld.8 x r0
      cpu2: st.8 x 0x0202020202020202`,
  },
  {
    about: 'a load forwarded from two own stores, one of which was overwritten before the other left',
    model: 'arm',
    text: `cpu0: st.2 x 0x0101
      cpu1: st x 0x02020202; fence dmb.ish; st.1 x 0x03; ld x r2`,
  },
  {
    about: 'loads passed by later stores, of bytes that come from several of them',
    model: 'arm',
    text: `cpu0: ld x r0; st.2 y 0x0101; st.2 y+2 0x0202
      cpu1: ld y r1; st.2 x+2 0x0303`,
  },
  {
    about: 'a load in parts of an atomic that is still to come and may write several values',
    model: 'x86',
    text: `cpu0: st.8 x 0x0101010101010101
      cpu1: ld x r0; ld.1 x+1 r1
      cpu2: add x 1 r0`,
  },
  {
    about: 'an atomic that is one event: its read stays before a later store, its write need not',
    model: 'riscv',
    text: `cpu0: ld.8 x r1
      cpu1: swp x 0x02020202 r0; st x+4 0x03030303`,
  },
];

describe('every form agrees on', () => {
  it.each(CASES)('$about ($model)', ({ model, text }) => {
    const program = mini(text);
    const expected = byNaive(program, model, { loadStore: 'kept' }).outcomes;
    expect(byGraph(program, model, { loadStore: 'kept' }).outcomes).toEqual(expected);
    expect(byGraph(program, model).outcomes).toEqual(byNaive(program, model).outcomes);
    expect(guided(program, model)).toEqual(expected);
    expect(sampled(program, model, 100, 1).filter((o) => !expected.includes(o))).toEqual([]);
    const machine = byMachine(program, model, { limit: 800 });
    if (machine.why === '') expect(machine.outcomes).toEqual(expected);
    if (text.includes('dev')) return;
    expect(byOperational(program, model, { loadStore: 'kept' }).outcomes).toEqual(expected);
    expect(byOperational(program, model).outcomes).toEqual(byNaive(program, model).outcomes);
  });
});
