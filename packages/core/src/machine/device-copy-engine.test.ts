// SPDX-License-Identifier: Apache-2.0
/** The copy engine beyond one plain copy: masks, its own buffer, faults halfway, acknowledged interrupts, the doorbell's barrier. */
import { describe, expect, it } from 'vitest';
import { CopyCommand, CopyErrors, CopyStatus } from '../devices/copy-engine/registers.ts';
import { bench, outcomes, PageBus, type Cpu } from './device-bench.test-support.ts';

const FROM = 0x2_0000;
const TO = 0x3_0000;
const TEXT = Uint8Array.from({ length: 40 }, (_, i) => i + 1);
const memory = [{ address: FROM, bytes: TEXT }];
type Command = Parameters<typeof CopyCommand.encode>[0];

function copy(cpu: Cpu, source: bigint | number, destination: bigint | number, length: number, command: Command = {}): void {
  cpu.pair('SOURCE', 'SOURCE_HI', BigInt(source));
  cpu.pair('DESTINATION', 'DESTINATION_HI', BigInt(destination));
  cpu.reg('LENGTH', length);
  const before = cpu.status('STATUS') >>> 16;
  cpu.reg('DOORBELL', Number(CopyCommand.encode({ start: true, wide: true, ...command })));
  cpu.ready('STATUS', (v) => v >>> 16 !== before && (v & 1) === 1);
}
const statusOf = (raw: number): ReturnType<typeof CopyStatus.decode> => CopyStatus.decode(BigInt(raw));

describe('its own buffer', () => {
  it('takes bytes from memory and gives them back elsewhere', () => {
    const { read } = bench('copy-engine', (cpu) => {
      copy(cpu, FROM, 8, 20, { direction: 'memoryToBuffer' });
      copy(cpu, 8, TO + 1, 20, { direction: 'bufferToMemory' });
    }, { memory });
    expect(read(TO + 1, 20)).toEqual([...TEXT.subarray(0, 20)]);
  });
});

it.each([
  ['badLength', 0, {}, FROM, TO],
  ['badLength', 4097, {}, FROM, TO],
  ['badLength', 32, { direction: 'memoryToBuffer' }, FROM, 4096 - 31],
  ['mask', 8, {}, FROM, 0xfff_fff9],
  ['mask', 8, {}, 1n << 40n, TO],
  ['source', 8, {}, 0x20_0000, TO],
  ['destination', 8, {}, FROM, 0x20_0000],
] as const)('ends with %s: %i bytes, %j, from %s to %s', (error, length, command, source, destination) => {
  const { register, device } = bench('copy-engine', (cpu) => copy(cpu, source, destination, length, command), { memory, options: { maskBits: 28 } });
  expect(statusOf(register('STATUS'))).toEqual({ done: true, faulted: true, busy: false, error: CopyErrors[error].code, finished: 1 });
  expect(device.result()).toMatchObject({ copies: [{ ok: false }] });
});

it('a reserved direction is an error', () => {
  const { register } = bench('copy-engine', (cpu) => {
    cpu.reg('LENGTH', 8);
    cpu.reg('DOORBELL', 7);
  });
  expect(statusOf(register('STATUS'))).toMatchObject({ faulted: true, error: CopyErrors.badCommand.code });
});

it('the last byte below the mask can be reached, the next cannot', () => {
  const bus = new PageBus().map(null, 0xfff_f000n, FROM).map(null, 0x1000_0000n, FROM);
  const run = (source: number): number => statusOf(bench('copy-engine', (cpu) => copy(cpu, source, 0, 1, { direction: 'memoryToBuffer' }), { memory, bus, options: { maskBits: 28 } }).register('STATUS')).error;
  expect(run(0xfff_ffff)).toBe(0);
  expect(run(0x1000_0000)).toBe(CopyErrors.mask.code);
});

it('without `wide` the high halves do not count', () => {
  const { register } = bench('copy-engine', (cpu) => copy(cpu, (1n << 40n) + BigInt(FROM), TO, 8, { wide: false }), { memory, options: { maskBits: 64 } });
  expect(statusOf(register('STATUS')).error).toBe(0);
});

describe('behind a unit', () => {
  it('bus addresses of 64 bits are translated page by page', () => {
    const bus = new PageBus().map(null, 0x1_0000_0000n, FROM).map(null, 0x2_0000_0000n, TO);
    expect(bench('copy-engine', (cpu) => copy(cpu, 0x1_0000_0000n, 0x2_0000_0004n, 40), { memory, bus, options: { maskBits: 64 } }).read(TO + 4, 40)).toEqual([...TEXT]);
  });
  it('a destination that ends early is written up to the page that is missing', () => {
    const bus = new PageBus().map(null, 0x5000n, FROM).map(null, 0x6000n, TO);
    const { read, register, text } = bench('copy-engine', (cpu) => copy(cpu, 0x5000, 0x6ff0, 40), { memory, bus });
    expect(read(TO + 0xff0, 16)).toEqual([...TEXT.subarray(0, 16)]);
    expect(statusOf(register('STATUS')).error).toBe(CopyErrors.destination.code);
    expect(text.at(-1)).toBe('dev0 destination cannot be written at 0x7000 (page), 16 bytes copied');
  });
  it('a source that ends early writes nothing', () => {
    const bus = new PageBus().map(null, 0x5000n, FROM).map(null, 0x8000n, TO);
    const { read, register } = bench('copy-engine', (cpu) => copy(cpu, 0x5ff0, 0x8000, 40), { memory, bus });
    expect(read(TO, 8)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(statusOf(register('STATUS')).error).toBe(CopyErrors.source.code);
  });
});

describe('interrupts', () => {
  const raised = (driver: (cpu: Cpu) => void, options = {}): number => bench('copy-engine', driver, { memory, options }).events.filter((e) => e.kind === 'irq-raise').length;
  it('one for each copy, none for a quiet one', () => {
    expect(raised((cpu) => { copy(cpu, FROM, TO, 8); copy(cpu, FROM, TO, 8); copy(cpu, FROM, TO, 8, { quiet: true }); })).toBe(2);
  });
  it('with `ack`, one until it is acknowledged, and one more for what came in between', () => {
    expect(raised((cpu) => { copy(cpu, FROM, TO, 8); copy(cpu, FROM, TO, 8); }, { ack: true })).toBe(1);
    expect(raised((cpu) => { copy(cpu, FROM, TO, 8); copy(cpu, FROM, TO, 8); cpu.reg('IRQ_ACK', 1); }, { ack: true })).toBe(2);
    expect(raised((cpu) => { copy(cpu, FROM, TO, 8); copy(cpu, FROM, TO, 8); cpu.reg('IRQ_ACK', 2); }, { ack: true })).toBe(1);
  });
  it('no order of looking, finishing and acknowledging loses a copy', () => {
    const said = outcomes('copy-engine', (cpu) => {
      cpu.explore();
      for (let i = 0; i < 2; i += 1) {
        cpu.reg('SOURCE', FROM);
        cpu.reg('DESTINATION', TO);
        cpu.reg('LENGTH', 8);
        cpu.reg('DOORBELL', 1);
      }
      for (let seen = 0; seen < 2; ) {
        if (cpu.interrupt() < 0) { cpu.say(`lost after ${seen}`); break; }
        seen = cpu.status('IRQ_STATUS');
        cpu.reg('IRQ_ACK', seen);
      }
    }, 2, { memory, options: { ack: true }, kinds: ['step'] });
    expect(said).toEqual(['']);
  });
});

describe('the source must be in memory when the doorbell arrives', () => {
  const run = (fence: string | null): string[] => outcomes('copy-engine', (cpu) => {
    cpu.explore();
    cpu.store(FROM, 8, 7n);
    cpu.reg('SOURCE', FROM);
    cpu.reg('DESTINATION', TO);
    cpu.reg('LENGTH', 8);
    if (fence !== null) cpu.fence(fence);
    cpu.reg('DOORBELL', 1);
    cpu.ready('STATUS', (v) => (v & 1) === 1);
    cpu.fence('dsb.sy');
    cpu.say(`copied ${cpu.load(TO, 8)}`);
  }, 2, { profile: 'arm64' });
  it('without a barrier the old bytes may be copied; with dmb oshst never', () => {
    expect(run(null)).toEqual(['copied 0', 'copied 7']);
    expect(run('dmb.oshst')).toEqual(['copied 7']);
  });
});

describe('relaxed ordering', () => {
  const run = (relaxedOrdering: boolean): string[] => outcomes('copy-engine', (cpu) => {
    cpu.reg('SOURCE', FROM);
    cpu.reg('DESTINATION', TO);
    cpu.reg('LENGTH', 16);
    cpu.explore();
    cpu.reg('DOORBELL', 1);
    const last = cpu.load(TO + 8, 8) !== 0n;
    const first = cpu.load(TO, 8) !== 0n;
    cpu.say(last && !first ? 'the end before the beginning' : 'in order');
  }, 3, { memory, options: { relaxedOrdering }, kinds: ['step', 'device'] });
  it('lets the end of a copy be seen before its beginning; without it that never happens', () => {
    expect(run(true)).toEqual(['in order', 'the end before the beginning']);
    expect(run(false)).toEqual(['in order']);
  });
  it('never moves the status before the data', () => {
    expect(outcomes('copy-engine', (cpu) => {
      cpu.reg('SOURCE', FROM);
      cpu.reg('DESTINATION', TO);
      cpu.reg('LENGTH', 16);
      cpu.explore();
      cpu.reg('DOORBELL', 1);
      cpu.ready('STATUS', (v) => (v & 1) === 1);
      cpu.say(String(cpu.load(TO, 8) === cpu.load(FROM, 8) && cpu.load(TO + 8, 8) === cpu.load(FROM + 8, 8)));
    }, 3, { memory, options: { relaxedOrdering: true }, kinds: ['step', 'device'] })).toEqual(['true']);
  });
});
