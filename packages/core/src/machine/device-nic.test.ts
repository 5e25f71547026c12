// SPDX-License-Identifier: Apache-2.0
/** The NIC behind a unit, and NAPI: masking, polling, unmasking, and the look that must come after the unmasking has arrived. */
import { describe, expect, it } from 'vitest';
import { crc32 } from '../base/checksum.ts';
import { fillBytes } from '../base/fill.ts';
import { DONE, ERROR, OWN } from '../devices/ring-nic/descriptor.ts';
import { bench, outcomes, PageBus, type BenchResult, type Cpu } from './device-bench.test-support.ts';

const RING = 0x2_0000;
const FRAME = 0x3_0000;
const frame = fillBytes('random', 61, 7);
const memory = [{ address: FRAME, bytes: frame }];

function post(cpu: Cpu, slot: number, address: bigint | number, length: number): void {
  cpu.store(RING + 16 * slot, 8, BigInt(address));
  cpu.store(RING + 16 * slot + 8, 2, length);
  cpu.store(RING + 16 * slot + 10, 2, OWN);
}
function start(cpu: Cpu, base: bigint | number = RING, prefix = ''): void {
  cpu.pair(`${prefix}RING_LO`, `${prefix}RING_HI`, BigInt(base));
  cpu.reg(`${prefix}RING_SIZE`, 4);
  cpu.reg('CTRL', 3);
}
const flags = (run: BenchResult, slot = 0): number => Number(run.value(RING + 16 * slot + 10, 2));

describe('behind a unit', () => {
  const high = 0xfff0_0000_0000_0000n;
  const bus = (): PageBus => new PageBus().map(null, high, RING).map(null, high + 0x1000n, FRAME);
  it('ring and frames are bus addresses of 64 bits', () => {
    const run = bench('ring-nic', (cpu) => { post(cpu, 0, high + 0x1000n, 61); start(cpu, high); cpu.reg('DOORBELL', 0); }, { memory, bus: bus() });
    expect(run.device.result()).toMatchObject({ sent: [{ checksum: crc32(frame), ok: true }] });
    expect(flags(run)).toBe(DONE);
  });
  it('a frame that cannot be read is dropped with an error, one that cannot be written too', () => {
    const sent = bench('ring-nic', (cpu) => { post(cpu, 0, high + 0x1fffn, 2); start(cpu, high); cpu.reg('DOORBELL', 0); }, { memory, bus: bus() });
    expect(sent.device.result()).toMatchObject({ sent: [{ ok: false, why: 'cannot be read at 0xfff0000000002000 (page)' }] });
    expect(flags(sent)).toBe(DONE | ERROR);
    const received = bench('ring-nic', (cpu) => { post(cpu, 0, high + 0x2000n, 64); start(cpu, high, 'RX_'); cpu.reg('RX_DOORBELL', 0); }, { bus: bus(), receive: [{ size: 12, seed: 1 }] });
    expect(received.device.result()).toMatchObject({ received: [{ ok: false, why: 'cannot be written at 0xfff0000000002000 (page)' }] });
  });
  it('a ring that cannot be read holds nothing of the NIC\'s', () => {
    expect(bench('ring-nic', (cpu) => { start(cpu, 0x9000); cpu.reg('DOORBELL', 0); }, { bus: bus() }).device.result()).toEqual({ sent: [], received: [] });
  });
});

describe('NAPI', () => {
  it('a masked vector is silent, and what it would have said is not said later', () => {
    const raised = (maskable: boolean): number => bench('ring-nic', (cpu) => {
      start(cpu);
      cpu.reg('INT_MASK', 1);
      post(cpu, 0, FRAME, 8);
      cpu.reg('DOORBELL', 0);
      cpu.until(RING + 10, 2, (v) => v === DONE);
      cpu.reg('INT_MASK', 0);
    }, { memory, options: { maskable } }).events.filter((e) => e.kind === 'irq-raise').length;
    expect([raised(false), raised(true)]).toEqual([1, 0]);
  });

  /** Two frames are sent; the poll takes what is finished, and the script says whether it heard of both. */
  const poll = (rearm: (cpu: Cpu) => void, looksAgain: boolean): string[] => outcomes('ring-nic', (cpu) => {
    start(cpu);
    for (const slot of [0, 1]) post(cpu, slot, FRAME, 8);
    let taken = 0;
    const take = (): boolean => {
      const before = taken;
      while (taken < 2 && Number(cpu.load(RING + 16 * taken + 10, 2)) === DONE) taken += 1;
      return taken > before;
    };
    cpu.reg('INT_MASK', 0);
    cpu.explore();
    cpu.reg('DOORBELL', 1);
    while (taken < 2) {
      if (cpu.interrupt() < 0) {
        cpu.say(`asleep with ${2 - taken} left`);
        return;
      }
      cpu.reg('INT_MASK', 1);
      for (;;) {
        take();
        rearm(cpu);
        if (!looksAgain || !take()) break;
        cpu.reg('INT_MASK', 1);
      }
    }
    cpu.say('all taken');
  }, 2, { memory, options: { maskable: true, prefetch: false }, kinds: ['step', 'deliver', 'read', 'drain'] });

  it('without another look after unmasking, a frame may wait for ever', () => {
    expect(poll((cpu) => cpu.reg('INT_MASK', 0), false)).toContain('asleep with 1 left');
  });
  it('a look while the unmasking is on its way may come too early, barrier or not', () => {
    expect(poll((cpu) => { cpu.reg('INT_MASK', 0); cpu.fence('mfence'); }, true)).toContain('asleep with 1 left');
  });
  it('unmasking, reading back, looking again: never', () => {
    expect(poll((cpu) => { cpu.reg('INT_MASK', 0); cpu.status('INT_MASK'); }, true)).toEqual(['all taken']);
  });
});
