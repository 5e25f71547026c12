// SPDX-License-Identifier: Apache-2.0
/** The devices on the machine they are made for: what they read, in which accesses, and what they do with it. */
import { describe, expect, it } from 'vitest';
import type { Choice, Strategy } from '../base/choice.ts';
import { crc32 } from '../base/checksum.ts';
import type { TraceEvent } from '../base/events.ts';
import { fillBytes } from '../base/fill.ts';
import { CopyErrors, CopyStatus } from '../devices/copy-engine/registers.ts';
import { createDevice } from '../devices/table.ts';
import { DONE, ERROR, OWN } from '../devices/ring-nic/descriptor.ts';
import { bench, RAM, randomNumbers, type Cpu } from './device-bench.test-support.ts';

const RING = 0x2_0000;
const FRAME = 0x3_0000;

const at = (slot: number, ring = RING): number => ring + 16 * slot;
function fill(cpu: Cpu, slot: number, address: number, length: number, ring = RING): void {
  cpu.store(at(slot, ring), 8, BigInt(address));
  cpu.store(at(slot, ring) + 8, 2, length);
  cpu.store(at(slot, ring) + 10, 2, OWN);
}
function start(cpu: Cpu, size = 4): void {
  cpu.reg('RING_LO', RING);
  cpu.reg('RING_HI', 0);
  cpu.reg('RING_SIZE', size);
  cpu.reg('CTRL', 3);
}
const frame = fillBytes('random', 61, 7);
const memory = [{ address: FRAME, bytes: frame }];
const flagsOf = (read: (a: number, n: number) => number[], slot: number): number => {
  const [low = 0, high = 0] = read(at(slot) + 10, 2);
  return low | (high << 8);
};
/** Answers 1 to one question of a kind, 0 to all others. */
const deviate = (matches: (choice: Choice) => boolean): Strategy => ({ pick: (choice) => (matches(choice) ? 1 : 0), advance: () => false });

/** Answers by dice; equal seeds, equal answers. */
function dice(seed: number): Strategy {
  const numbers = randomNumbers(seed);
  return { pick: ({ width }) => numbers.next().value % width, advance: () => false };
}

describe('the NIC sends', () => {
  it('the bytes that the descriptor names, and gives the slot back', () => {
    const { device, read, text } = bench('ring-nic', (cpu) => {
      start(cpu);
      fill(cpu, 0, FRAME, 61);
      cpu.reg('DOORBELL', 0);
    }, { memory });
    expect(device.result()).toEqual({ sent: [{ slot: 0, address: '0x30000', length: 61, checksum: crc32(frame), ok: true, why: '' }], received: [] });
    expect(flagsOf(read, 0)).toBe(DONE);
    expect(text).toEqual(['dev0 started, ring of 4', 'dev0 sent 61 bytes from slot 0']);
  });

  it('reads a descriptor in separate accesses: whose it is, where, how long', () => {
    const { events } = bench('ring-nic', (cpu) => {
      start(cpu);
      fill(cpu, 0, FRAME, 8);
      cpu.reg('DOORBELL', 0);
    }, { memory });
    const accesses = events.flatMap((e) => (e.agent === 'dev0' && (e.kind === 'load' || e.kind === 'write') ? [`${e.kind} ${e.name}${e.kind === 'load' ? ` ${e.order}` : ''}`] : []));
    expect(accesses).toEqual(['load flags[0] relaxed', 'load addr[0] plain', 'load len[0] plain', 'load frame[0]+0 plain', 'write flags[0]', 'load flags[1] relaxed']);
  });

  it('goes on with the next slot by itself, wraps, and sleeps at one that is not its own', () => {
    const { device } = bench('ring-nic', (cpu) => {
      start(cpu, 2);
      fill(cpu, 0, FRAME, 1);
      fill(cpu, 1, FRAME, 2);
      cpu.reg('DOORBELL', 1);
      cpu.until(at(1) + 10, 2, (flags) => (flags & DONE) !== 0);
      fill(cpu, 0, FRAME, 3);
      cpu.reg('DOORBELL', 0);
    }, { memory });
    expect((device.result() as { sent: { slot: number; length: number }[] }).sent.map((f) => [f.slot, f.length])).toEqual([[0, 1], [1, 2], [0, 3]]);
  });

  it('wakes once for each doorbell, though they carry the same value', () => {
    const { device } = bench('ring-nic', (cpu) => {
      start(cpu, 1);
      for (let i = 0; i < 3; i += 1) {
        fill(cpu, 0, FRAME, 10 + i);
        cpu.reg('DOORBELL', 0);
        cpu.until(at(0) + 10, 2, (flags) => (flags & DONE) !== 0);
      }
    }, { memory });
    expect((device.result() as { sent: unknown[] }).sent).toHaveLength(3);
  });

  it('does nothing without a doorbell, or while it is not enabled', () => {
    expect(bench('ring-nic', (cpu) => { start(cpu); fill(cpu, 0, FRAME, 8); }, { memory }).text).toEqual([]);
    expect(bench('ring-nic', (cpu) => { start(cpu); cpu.reg('CTRL', 2); fill(cpu, 0, FRAME, 8); cpu.reg('DOORBELL', 0); }, { memory }).text).toEqual([]);
  });

  it.each([
    ['length 0', FRAME, 0, 'slot 0 has length 0, frame dropped'],
    ['a length above its limit', FRAME, 2000, 'slot 0 has length 2000, above 1518, frame dropped'],
    ['an address that is no memory', 0x10, 60, 'slot 0 points to 0x10, which is no memory, frame dropped'],
    ['an address whose end is no memory', RAM.base + RAM.size - 8, 60, 'slot 0 points to 0x10fff8, which is no memory, frame dropped'],
  ])('refuses %s with an error status', (_, address, length, words) => {
    const { device, read, text } = bench('ring-nic', (cpu) => {
      start(cpu);
      fill(cpu, 0, address, length);
      cpu.reg('DOORBELL', 0);
    }, { memory });
    expect(text.at(-1)).toBe(`dev0 ${words}`);
    expect(flagsOf(read, 0)).toBe(DONE | ERROR);
    expect(device.result()).toMatchObject({ sent: [{ ok: false, checksum: 0 }] });
  });

  it.each([[0, RING], [1025, RING], [4, RING + 8], [4, 0]])('refuses a ring of %i at %i', (size, base) => {
    const { events, text } = bench('ring-nic', (cpu) => {
      start(cpu, size);
      cpu.reg('RING_LO', base);
      cpu.reg('DOORBELL', 0);
    });
    expect(text[0]).toContain('no usable ring');
    expect(events.findLast((e) => e.kind === 'register')).toMatchObject({ register: 'STATUS', value: 2 });
  });

  it('once disabled and idle, never touches the ring again: its memory may be freed', () => {
    const seen = new Set<number>();
    for (let seed = 1; seed <= 300; seed += 1) {
      let status = -1;
      const { events } = bench('ring-nic', (cpu) => {
        start(cpu);
        fill(cpu, 0, FRAME, 8);
        cpu.reg('DOORBELL', 0);
        cpu.reg('CTRL', 0);
        status = cpu.status('STATUS');
      }, { memory, strategy: dice(seed) });
      seen.add(status);
      const told = events.findIndex((e) => e.kind === 'mmio-read');
      if (status === 0) expect(events.slice(told).filter((e) => e.agent === 'dev0' && (e.kind === 'load' || e.kind === 'write')), `seed ${seed}`).toEqual([]);
    }
    expect([...seen].sort()).toEqual([0, 1]);
  });

  it('may read one descriptor ahead, and then believes what it read', () => {
    const driver = (cpu: Cpu): void => {
      start(cpu);
      fill(cpu, 0, FRAME, 8);
      fill(cpu, 1, FRAME, 16);
      cpu.reg('DOORBELL', 1);
    };
    const names = (events: TraceEvent[]): string[] => events.flatMap((e) => (e.kind === 'load' && e.agent === 'dev0' && /^(flags|len)/.test(e.name) ? [e.name] : []));
    expect(names(bench('ring-nic', driver, { memory }).events)).toEqual(['flags[0]', 'len[0]', 'flags[1]', 'len[1]', 'flags[2]']);
    const ahead = bench('ring-nic', driver, { memory, strategy: deviate((c) => c.key === 'prefetch[1]') });
    expect(ahead.events.flatMap((e) => (e.agent === 'dev0' && (e.kind === 'load' || e.kind === 'write') ? [e.name] : [])).slice(3, 8)).toEqual(['flags[1]', 'addr[1]', 'len[1]', 'frame[0]+0', 'flags[0]']);
    expect(ahead.device.result()).toMatchObject({ sent: [{ length: 8 }, { length: 16 }] });
    expect(names(bench('ring-nic', driver, { memory, options: { prefetch: false }, strategy: deviate((c) => c.kind === 'device') }).events)).toEqual(['flags[0]', 'len[0]', 'flags[1]', 'len[1]', 'flags[2]']);
  });

  it.each([[1, 3], [2, 2], [8, 1]])('coalescing %i finished descriptors, interrupts %i times for three', (coalesce, interrupts) => {
    const { events } = bench('ring-nic', (cpu) => {
      start(cpu);
      for (let i = 0; i < 3; i += 1) fill(cpu, i, FRAME, 8);
      cpu.reg('DOORBELL', 2);
    }, { memory, options: { coalesce } });
    expect(events.filter((e) => e.kind === 'irq-raise')).toHaveLength(interrupts);
  });
});

describe('the NIC receives', () => {
  const RX = RING + 0x100;
  const listen = (cpu: Cpu, room: number): void => {
    cpu.reg('RX_RING_LO', RX);
    cpu.reg('RX_RING_SIZE', 2);
    cpu.reg('CTRL', 2);
    fill(cpu, 0, FRAME, room, RX);
    fill(cpu, 1, FRAME + 0x100, room, RX);
    cpu.reg('RX_DOORBELL', 1);
  };
  it('writes the frame, then its length, then the flag, and interrupts on vector 1', () => {
    const { device, events, read } = bench('ring-nic', (cpu) => listen(cpu, 64), { receive: [{ size: 12, seed: 3 }] });
    expect(events.flatMap((e) => (e.kind === 'write' ? [e.name] : []))).toEqual(['buffer[0]+0', 'buffer[0]+8', 'rx len[0]', 'rx flags[0]']);
    expect(read(FRAME, 12)).toEqual([...fillBytes('random', 12, 3)]);
    expect(device.result()).toMatchObject({ received: [{ slot: 0, length: 12, checksum: crc32(fillBytes('random', 12, 3)), ok: true }] });
    expect(events.find((e) => e.kind === 'irq-raise')).toMatchObject({ agent: 'dev0.rx', vector: 1 });
  });
  it('waits for buffers: what finds none comes when the doorbell says so', () => {
    const { device } = bench('ring-nic', (cpu) => {
      listen(cpu, 64);
      cpu.until(at(1, RX) + 10, 2, (flags) => (flags & DONE) !== 0);
      fill(cpu, 0, FRAME, 64, RX);
      cpu.reg('RX_DOORBELL', 0);
    }, { receive: [{ size: 12, seed: 1 }, { size: 13, seed: 2 }, { size: 14, seed: 3 }] });
    expect((device.result() as { received: { slot: number }[] }).received.map((f) => f.slot)).toEqual([0, 1, 0]);
  });
  it('refuses a buffer that is too small', () => {
    const { text } = bench('ring-nic', (cpu) => listen(cpu, 10), { receive: [{ size: 12, seed: 1 }] });
    expect(text.at(-1)).toBe('dev0.rx slot 0 has room for 10 bytes, the frame has 12, frame dropped');
  });
});

describe('the copy engine', () => {
  const copy = (cpu: Cpu, source: number, destination: number, length: number): void => {
    cpu.reg('SOURCE', source);
    cpu.reg('DESTINATION', destination);
    cpu.reg('LENGTH', length);
    cpu.reg('DOORBELL', 1);
  };
  it('copies on each doorbell, sets its status and interrupts', () => {
    const { device, events, read } = bench('copy-engine', (cpu) => {
      copy(cpu, FRAME, FRAME + 0x1003, 61);
    }, { memory });
    expect(read(FRAME + 0x1003, 61)).toEqual([...frame]);
    expect(device.result()).toEqual({ copies: [{ source: '0x30000', destination: '0x31003', length: 61, checksum: crc32(frame), ok: true, why: '' }] });
    expect(events.flatMap((e) => (e.kind === 'register' ? [e.value] : []))).toEqual([4, 1 | (1 << 16)]);
    expect(events.filter((e) => e.kind === 'irq-raise')).toHaveLength(1);
  });
  it.each([
    [FRAME, FRAME + 64, 0, 'length is 0', 'badLength'],
    [FRAME, FRAME + 64, 5000, 'length is 5000, above 4096', 'badLength'],
    [0, FRAME, 8, 'source 0x0 is no memory', 'source'],
    [FRAME, 0xffff_0000, 8, 'destination 0xffff0000 is no memory', 'destination'],
    [FRAME, 0xffff_fffc, 8, 'destination 0xfffffffc is above 32 bits', 'mask'],
  ] as const)('faults on %i → %i, %i bytes', (source, destination, length, why, error) => {
    const { device, events } = bench('copy-engine', (cpu) => copy(cpu, source, destination, length), { memory });
    expect(device.result()).toMatchObject({ copies: [{ ok: false, why }] });
    expect(events.findLast((e) => e.kind === 'register')).toMatchObject({ register: 'STATUS', value: Number(CopyStatus.encode({ done: true, faulted: true, error: CopyErrors[error].code, finished: 1 })) });
  });
});

describe('declaring devices', () => {
  it.each([
    [{ id: 'x', kind: 'toaster', options: {} }, 'unknown kind "toaster"; expected one of ring-nic, copy-engine'],
    [{ id: 'nic0', kind: 'ring-nic', options: { colour: 'red' } }, 'unknown option "colour"; ring-nic knows maxFrame, prefetch, maskable, coalesce'],
    [{ id: 'nic0', kind: 'ring-nic', options: { relaxedOrdering: 1 } }, 'option "relaxedOrdering" is 1; expected true or false'],
    [{ id: 'nic0', kind: 'ring-nic', options: { coalesce: 0 } }, 'option "coalesce" is 0; expected an integer from 1 to 1024'],
    [{ id: 'nic0', kind: 'ring-nic', options: { prefetch: 'yes' } }, 'option "prefetch" is yes; expected true or false'],
  ])('refuses %j', (spec, words) => expect(() => createDevice(spec, { ram: RAM })).toThrow(words));
});
