// SPDX-License-Identifier: Apache-2.0
/** The accelerator: portals and queues, each operation with its faults, batches and fences, draining and aborting, every error, and its barriers. */
import { describe, expect, it } from 'vitest';
import { DSA_COMMANDS, DSA_OPCODES, DsaCommand, DsaCommandErrors, DsaCommandStatus, DsaDropped, DsaLaunch, DsaResponse, DsaStatus, DsaSwerr, DsaWqLimits, DsaWqMode, type DsaCommandError, type DsaStatusName } from '../devices/dsa/registers.ts';
import { DsaCompletion, DsaDescriptor } from '../devices/dsa/structures.ts';
import { bench, outcomes, PageBus, randomNumbers, type BenchOptions, type BenchResult, type Cpu } from './device-bench.test-support.ts';

const FROM = 0x2_0000;
const TO = 0x3_0000;
const RECORD = 0x4_0000;
const LIST = 0x5_0000;
const TEXT = Uint8Array.from({ length: 8192 }, (_, i) => (i * 13 + (i >> 7)) & 0xff);
const memory = [{ address: FROM, bytes: TEXT }];
type Fields = Parameters<typeof DsaDescriptor.encode>[0];
type Mode = Parameters<typeof DsaWqMode.encode>[0];

function command(cpu: Cpu, number: number, operand = 0, interrupt = false): number {
  const before = cpu.status('CMDSTS');
  cpu.reg('CMD', Number(DsaCommand.encode({ command: number, operand, interrupt })));
  return DsaCommandStatus.decode(BigInt(cpu.ready('CMDSTS', (v) => v >>> 31 === 0 && v >>> 24 !== before >>> 24))).error;
}
function configure(cpu: Cpu, mode: Mode = { dedicated: true, bof: true }, wq = 0, size = 4): void {
  cpu.reg(`WQCFG${wq}_SIZE`, size);
  cpu.reg(`WQCFG${wq}_THRESHOLD`, size);
  cpu.reg(`WQCFG${wq}_MODE`, Number(DsaWqMode.encode(mode)));
  cpu.reg(`WQCFG${wq}_LIMITS`, Number(DsaWqLimits.encode({ maxTransferShift: 13, maxBatchShift: 3 })));
}
function start(cpu: Cpu, mode?: Mode, wq = 0, size = 4): void {
  configure(cpu, mode, wq, size);
  command(cpu, DSA_COMMANDS.enableDevice);
  command(cpu, DSA_COMMANDS.enableWq, wq);
}
/** How many submissions a script has made to each portal; a script that is run again counts again. */
const submitted = new WeakMap<Cpu, number[]>();
function store64(cpu: Cpu, raw: bigint, kind: 'movdir64b' | 'enqcmd' | 'enqcmds', wq = 0): void {
  const counts = submitted.get(cpu) ?? [0, 0];
  const sequence = (counts[wq] = (counts[wq] ?? 0) + 1);
  submitted.set(cpu, counts);
  for (let i = 0; i < 8; i += 1) cpu.reg(`P${wq}_W${i}`, (raw >> BigInt(64 * i)) & 0xffff_ffff_ffff_ffffn);
  cpu.reg(`P${wq}_LAUNCH`, Number(DsaLaunch.encode({ kind, sequence })));
}
const recorded = { CRAV: true, RCR: true, completionAddress: BigInt(RECORD) } as const;
const submit = (cpu: Cpu, fields: Fields, wq = 0): void => store64(cpu, DsaDescriptor.encode({ ...recorded, ...fields }), 'movdir64b', wq);
/** @returns whether it was accepted */
function enqcmd(cpu: Cpu, fields: Fields, kind: 'enqcmd' | 'enqcmds' = 'enqcmd', wq = 0): boolean {
  const before = DsaResponse.decode(BigInt(cpu.status(`P${wq}_RESPONSE`))).count;
  store64(cpu, DsaDescriptor.encode({ ...recorded, ...fields }), kind, wq);
  return !DsaResponse.decode(BigInt(cpu.ready(`P${wq}_RESPONSE`, (v) => v >>> 1 !== before))).retry;
}
const finish = (cpu: Cpu, at = RECORD): void => void cpu.until(at, 1, (v) => v !== 0);
const recordAt = (run: BenchResult, at = RECORD): ReturnType<typeof DsaCompletion.decode> => DsaCompletion.decode(DsaCompletion.fromBytes(Uint8Array.from(run.read(at, 32))));
/** One descriptor to its end. */
const one = (fields: Fields, o: BenchOptions = {}, mode?: Mode): BenchResult => bench('dsa', (cpu) => { start(cpu, mode); submit(cpu, fields); finish(cpu); }, { memory, ...o });
const status = (name: DsaStatusName): { status: number } => ({ status: DsaStatus[name].code });
const statuses = (run: BenchResult): unknown[] => (run.device.result() as { finished: { status: string }[] }).finished.map((f) => f.status);
const move = (size: number, more: Fields = {}): Fields => ({ opcode: DSA_OPCODES.memmove, source: BigInt(FROM), destination: BigInt(TO), size, ...more });

describe('operations', () => {
  it('memmove copies, whatever the alignment', () => {
    const run = one(move(100, { source: BigInt(FROM + 3), destination: BigInt(TO + 4090) }));
    expect(run.read(TO + 4090, 100)).toEqual([...TEXT.subarray(3, 103)]);
    expect(recordAt(run)).toMatchObject({ ...status('success'), bytesCompleted: 100, write: false, faultAddress: 0n });
  });
  it.each([[8, 'forwards'], [-8, 'backwards']])('memmove takes buffers that overlap by %i, %s', (by) => {
    const run = one(move(5000, { source: BigInt(FROM + 16), destination: BigInt(FROM + 16 - by) }));
    expect(run.read(FROM + 16 - by, 5000)).toEqual([...TEXT.subarray(16, 5016)]);
  });
  it('fill repeats its pattern from the first byte', () => {
    expect(one({ opcode: DSA_OPCODES.fill, source: 0x0807_0605_0403_0201n, destination: BigInt(TO + 5), size: 11 }).read(TO + 5, 12)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 0]);
  });
  it.each([
    ['equal', FROM, 0, 4500, {}, 'success'],
    ['different', FROM + 4096, 1, 0, {}, 'success'],
    ['not as expected', FROM, 0, 4500, { CR: true, specific: 1n }, 'successFalse'],
    ['as expected', FROM, 0, 4500, { CR: true, specific: 0n }, 'success'],
  ] as const)('compare finds: %s', (_, second, result, bytesCompleted, more, name) => {
    const run = one({ opcode: DSA_OPCODES.compare, source: BigInt(TO), destination: BigInt(second), size: 4500, ...more }, { memory: [...memory, { address: TO, bytes: TEXT }] });
    expect(recordAt(run)).toMatchObject({ ...status(name), result, bytesCompleted });
  });
  it('compare says where the difference is', () => {
    const other = TEXT.slice();
    other[4200] = (other[4200] ?? 0) ^ 1;
    expect(recordAt(one({ opcode: DSA_OPCODES.compare, source: BigInt(FROM), destination: BigInt(TO), size: 4500 }, { memory: [...memory, { address: TO, bytes: other }] }))).toMatchObject({ result: 1, bytesCompleted: 4200 });
  });
  it('compare pattern', () => {
    const seven = [{ address: FROM, bytes: new Uint8Array(20).fill(7) }];
    expect(recordAt(one({ opcode: DSA_OPCODES.comparePattern, source: BigInt(FROM), destination: 0x0707_0707_0707_0707n, size: 20 }, { memory: seven }))).toMatchObject({ result: 0, bytesCompleted: 20 });
    expect(recordAt(one({ opcode: DSA_OPCODES.comparePattern, source: BigInt(FROM), destination: 0x0707_0707_0707_0707n, size: 21 }, { memory: seven }))).toMatchObject({ result: 1, bytesCompleted: 20 });
  });
  it('dualcast writes twice', () => {
    const run = one({ opcode: DSA_OPCODES.dualcast, source: BigInt(FROM), destination: BigInt(TO + 8), specific: BigInt(TO + 0x2008), size: 32 });
    for (const at of [TO + 8, TO + 0x2008]) expect(run.read(at, 32)).toEqual([...TEXT.subarray(0, 32)]);
  });
  it('nop and drain complete', () => {
    expect(statuses(one({ opcode: DSA_OPCODES.nop }))).toEqual(['success']);
    expect(statuses(one({ opcode: DSA_OPCODES.drain }))).toEqual(['success']);
  });
});

describe('pages that are not there', () => {
  const bus = (): PageBus => new PageBus().map(9, 0x1000n, FROM).map(9, 0x4000n, TO).map(9, 0x6000n, FROM + 0x1000, false).map(9, BigInt(RECORD), RECORD);
  const owned = { dedicated: true, bof: true, pasidEnable: true, pasid: 9 };
  it('every access carries the queue\'s PASID, and the record too', () => {
    const pages = bus();
    const run = one({ ...move(40), source: 0x1000n, destination: 0x4000n }, { bus: pages }, owned);
    expect(recordAt(run)).toMatchObject(status('success'));
    expect(new Set(pages.asked.map((r) => r.pasid))).toEqual(new Set([9]));
    expect(pages.asked.some((r) => r.privileged)).toBe(false);
  });
  it('a source that ends: what was done, where it stopped, a read', () => {
    const run = one({ ...move(64), source: 0x1fe0n, destination: 0x4000n }, { bus: bus() }, owned);
    expect(recordAt(run)).toMatchObject({ ...status('pageFault'), write: false, bytesCompleted: 32, faultAddress: 0x2000n });
    expect(run.read(TO, 40)).toEqual([...TEXT.subarray(0xfe0, 0x1000), 0, 0, 0, 0, 0, 0, 0, 0]);
  });
  it.each([
    ['memmove', { ...move(64), source: 0x1000n, destination: 0x4ff0n }],
    ['fill', { opcode: DSA_OPCODES.fill, destination: 0x4ff0n, size: 64 }],
    ['dualcast', { opcode: DSA_OPCODES.dualcast, source: 0x1000n, destination: 0x4ff0n, specific: 0x4_0ff0n, size: 64 }],
  ] as const)('a destination that ends, %s: a write', (_, fields) => {
    const run = one(fields, { bus: bus().map(9, 0x4_1000n, FROM + 0x1000) }, owned);
    expect(recordAt(run)).toMatchObject({ ...status('pageFault'), write: true, bytesCompleted: 16, faultAddress: 0x5000n });
  });
  it('a page that may only be read', () => {
    expect(recordAt(one({ ...move(8), source: 0x1000n, destination: 0x6000n }, { bus: bus() }, owned))).toMatchObject({ ...status('pageFault'), write: true, bytesCompleted: 0, faultAddress: 0x6000n });
  });
  it('a compare stops where one of its sources does', () => {
    expect(recordAt(one({ opcode: DSA_OPCODES.compare, source: 0x1ff0n, destination: 0x1ff0n, size: 64 }, { bus: bus() }, owned))).toMatchObject({ ...status('pageFault'), result: 0, bytesCompleted: 16, faultAddress: 0x2000n });
  });
  it('from (bytes, address) the driver goes on: fill the hole, submit the rest', () => {
    const pages = bus();
    const run = bench('dsa', (cpu) => {
      start(cpu, owned);
      submit(cpu, { ...move(100), source: 0x1fc0n, destination: 0x4000n });
      finish(cpu);
      const done = Number(cpu.load(RECORD + 4, 4));
      pages.map(9, BigInt(cpu.load(RECORD + 8, 8)), FROM + 0x1000);
      cpu.store(RECORD, 8, 0n);
      submit(cpu, { ...move(100 - done), source: 0x1fc0n + BigInt(done), destination: 0x4000n + BigInt(done) });
      finish(cpu);
    }, { memory, bus: pages });
    expect(run.read(TO, 100)).toEqual([...TEXT.subarray(0xfc0, 0xfc0 + 100)]);
  });
  it('backwards: what is done is at the end', () => {
    const pages = new PageBus().map(9, 0x1000n, FROM).map(9, 0x2000n, FROM + 0x1000).map(9, BigInt(RECORD), RECORD);
    const run = one({ ...move(0x1800), source: 0x0800n, destination: 0x0900n }, { bus: pages }, owned);
    expect(recordAt(run)).toMatchObject({ ...status('pageFault'), result: 1, faultAddress: 0xf00n, write: false, bytesCompleted: 0x1000 });
    expect(run.read(FROM + 0x100, 0x1000)).toEqual([...TEXT.subarray(0, 0x1000)]);
  });
  it('BOF asks for pages: only then, only where the queue allows it and requests are on', () => {
    const asks = (mode: Mode, fields: Fields): boolean => {
      const pages = bus();
      const run = one({ ...move(8, fields), source: 0x2000n, destination: 0x4000n }, { bus: pages }, mode);
      const asked = pages.asked.some((r) => r.onFault === 'request');
      expect(recordAt(run)).toMatchObject(status(asked ? 'pageFaultRefused' : 'pageFault'));
      return asked;
    };
    expect(asks(owned, {})).toBe(false);
    expect(asks(owned, { BOF: true })).toBe(true);
    expect(asks({ ...owned, prsDisable: true }, { BOF: true })).toBe(false);
  });
  it('refusals that no page can heal have a status of their own', () => {
    expect(recordAt(one({ ...move(8), source: 0x2000n, destination: 0x4000n }, { bus: new PageBus({ kind: 'refused', status: 'unsupported-request' }).map(9, BigInt(RECORD), RECORD) }, owned))).toMatchObject({ ...status('translation'), faultAddress: 0x2000n });
    expect(recordAt(one(move(8, { source: 0x10n })))).toMatchObject({ ...status('hardware'), faultAddress: 0x10n });
  });
});

describe('shared queues', () => {
  const shared = { pasidEnable: true, bof: true };
  it('each submission brings its PASID; ENQCMD from user mode has no privilege, ENQCMDS may', () => {
    const pages = new PageBus();
    for (const pasid of [5, 6]) pages.map(pasid, BigInt(RECORD), RECORD);
    const run = bench('dsa', (cpu) => {
      start(cpu, { ...shared, priv: true });
      for (const [pasid, kind] of [[5, 'enqcmd'], [6, 'enqcmds']] as const) {
        cpu.say(String(enqcmd(cpu, { opcode: DSA_OPCODES.nop, pasid, priv: true }, kind)));
        finish(cpu);
        cpu.store(RECORD, 8, 0n);
      }
    }, { bus: pages });
    expect(run.said).toEqual(['true', 'true']);
    expect(new Set(pages.asked.map((r) => `${r.pasid} ${r.privileged}`))).toEqual(new Set(['5 false', '6 true']));
  });
  it('is full at its threshold, says so, and takes more later', () => {
    const run = bench('dsa', (cpu) => {
      start(cpu, shared, 0, 2);
      // The engine does not run before the script waits for memory.
      let accepted = 0;
      for (let i = 0; i < 40; i += 1) if (enqcmd(cpu, move(4096, { pasid: 1 }))) accepted += 1;
      cpu.say(`${accepted}`);
      finish(cpu);
      while (!enqcmd(cpu, { opcode: DSA_OPCODES.nop })) cpu.until(RECORD, 1, () => true);
    }, { memory, steps: 60_000 });
    const { finished } = run.device.result() as { finished: unknown[] };
    expect(finished).toHaveLength(Number(run.said[0]) + 1);
  });
  it('retries when the queue is full, dedicated or disabled', () => {
    const said = outcomes('dsa', (cpu) => {
      start(cpu, shared, 0, 1);
      cpu.explore();
      cpu.say([0, 1].map(() => enqcmd(cpu, { opcode: DSA_OPCODES.nop })).join());
    }, 1, { kinds: ['step'] });
    expect(said).toEqual(['true,false', 'true,true']);
    expect(bench('dsa', (cpu) => { start(cpu); cpu.say(String(enqcmd(cpu, {}))); cpu.say(String(enqcmd(cpu, {}, 'enqcmd', 1))); }).said).toEqual(['false', 'false']);
  });
});

describe('portals', () => {
  it('a submission that was made while the device was not running yet is found', () => {
    const raw = DsaDescriptor.encode({ opcode: DSA_OPCODES.nop });
    const registers = Object.fromEntries([...Array.from({ length: 8 }, (_, i) => [`P0_W${i}`, (raw >> BigInt(64 * i)) & 0xffff_ffff_ffff_ffffn]), ['P0_LAUNCH', Number(DsaLaunch.encode({ kind: 'movdir64b', sequence: 1 }))]]);
    // The queue is not enabled before the run, so it is dropped, and said to be.
    expect(DsaDropped.decode(BigInt(bench('dsa', (cpu) => void cpu.ready('P0_DROPPED', (v) => v !== 0), { registers }).register('P0_DROPPED')))).toEqual({ count: 1, why: 'disabled' });
  });
  it('each submission finds its own words, though the next one is right behind it', () => {
    const run = bench('dsa', (cpu) => {
      start(cpu);
      for (let i = 0; i < 3; i += 1) submit(cpu, { opcode: DSA_OPCODES.fill, source: BigInt(i + 1), destination: BigInt(TO + 8 * i), size: 1, completionAddress: BigInt(RECORD + 32 * i) });
      for (let i = 0; i < 3; i += 1) finish(cpu, RECORD + 32 * i);
    });
    expect([0, 1, 2].map((i) => run.read(TO + 8 * i, 1)[0])).toEqual([1, 2, 3]);
  });
  it.each([
    ['disabled', (cpu: Cpu) => { start(cpu); submit(cpu, {}, 1); cpu.ready('P1_DROPPED', (v) => v !== 0); }, 1],
    ['shared', (cpu: Cpu) => { start(cpu, { pasidEnable: true }); submit(cpu, {}); cpu.ready('P0_DROPPED', (v) => v !== 0); }, 0],
    ['kind', (cpu: Cpu) => { start(cpu); for (let i = 0; i < 8; i += 1) cpu.reg(`P0_W${i}`, 0n); cpu.reg('P0_LAUNCH', 0); cpu.ready('P0_DROPPED', (v) => v !== 0); }, 0],
  ] as const)('a posted submission is dropped: %s', (why, driver, wq) => {
    expect(DsaDropped.decode(BigInt(bench('dsa', driver).register(`P${wq}_DROPPED`)))).toEqual({ count: 1, why });
  });
  it('a dedicated queue that is full loses what comes: clients must count', () => {
    const drops = (count: number): string[] => outcomes('dsa', (cpu) => {
      start(cpu, undefined, 0, 1);
      cpu.explore();
      for (let i = 0; i < count; i += 1) submit(cpu, { opcode: DSA_OPCODES.nop });
      command(cpu, DSA_COMMANDS.drainAll);
      cpu.say(`dropped ${DsaDropped.decode(BigInt(cpu.status('P0_DROPPED'))).count}`);
    }, 1, { kinds: ['step'] });
    expect(drops(1)).toEqual(['dropped 0']);
    expect(drops(2)).toContain('dropped 1');
  });
});

describe('batches', () => {
  const inList = (cpu: Cpu, list: readonly Fields[]): void => list.forEach((fields, i) => cpu.put(LIST + 64 * i, DsaDescriptor.toBytes(DsaDescriptor.encode({ CRAV: true, RCR: true, completionAddress: BigInt(RECORD + 32 * (i + 1)), ...fields }))));
  const batch = (list: readonly Fields[], o: BenchOptions = {}, more: Fields = {}): BenchResult => bench('dsa', (cpu) => { start(cpu); inList(cpu, list); submit(cpu, { opcode: DSA_OPCODES.batch, source: BigInt(LIST), size: list.length, ...more }); finish(cpu); }, { memory, ...o });
  it('do all, each with a record, and count them', () => {
    const run = batch([move(8), { opcode: DSA_OPCODES.nop }, move(8, { destination: BigInt(TO + 8) })]);
    expect(recordAt(run)).toMatchObject({ ...status('success'), bytesCompleted: 3 });
    expect([1, 2, 3].map((i) => recordAt(run, RECORD + 32 * i).status)).toEqual([1, 1, 1]);
  });
  it('fail when one of them does; the others are done all the same, up to a fence', () => {
    const run = batch([{ opcode: 0x77 }, move(8), { opcode: DSA_OPCODES.nop, FENCE: true }, move(8)]);
    expect(recordAt(run)).toMatchObject({ ...status('batchFailed'), bytesCompleted: 2 });
    expect([1, 2, 3, 4].map((i) => recordAt(run, RECORD + 32 * i).status)).toEqual([DsaStatus.badOpcode.code, 1, 0, 0]);
  });
  it('may not hold batches or drains', () => {
    const run = batch([{ opcode: DSA_OPCODES.batch }, { opcode: DSA_OPCODES.drain }]);
    expect([1, 2].map((i) => recordAt(run, RECORD + 32 * i).status)).toEqual([DsaStatus.badOpcode.code, DsaStatus.badOpcode.code]);
  });
  it('stop where their list does', () => {
    const pages = new PageBus().map(null, BigInt(RECORD), RECORD).map(null, 0x9000n, LIST);
    const run = bench('dsa', (cpu) => {
      start(cpu);
      cpu.put(LIST + 0xfc0, DsaDescriptor.toBytes(DsaDescriptor.encode({ opcode: DSA_OPCODES.nop })));
      submit(cpu, { opcode: DSA_OPCODES.batch, source: 0x9fc0n, size: 3 });
      finish(cpu);
    }, { bus: pages });
    expect(recordAt(run)).toMatchObject({ ...status('batchPageFault'), bytesCompleted: 1, faultAddress: 0xa000n });
  });
  it('have no order without a fence', () => {
    const chain = (FENCE: boolean): string[] => outcomes('dsa', (cpu) => {
      start(cpu);
      inList(cpu, [move(8), { opcode: DSA_OPCODES.memmove, source: BigInt(TO), destination: BigInt(TO + 64), size: 8, FENCE }]);
      cpu.explore();
      submit(cpu, { opcode: DSA_OPCODES.batch, source: BigInt(LIST), size: 2 });
      finish(cpu);
      cpu.say(cpu.load(TO + 64, 8) === cpu.load(FROM, 8) ? 'chained' : 'too early');
    }, 1, { memory, kinds: ['device'] });
    expect(chain(false)).toEqual(['chained', 'too early']);
    expect(chain(true)).toEqual(['chained']);
  });
});

describe('descriptors of one queue', () => {
  const chain = (between: ((cpu: Cpu) => void) | null): string[] => outcomes('dsa', (cpu) => {
    start(cpu);
    cpu.explore();
    submit(cpu, move(8, { completionAddress: BigInt(RECORD + 64) }));
    between?.(cpu);
    submit(cpu, { opcode: DSA_OPCODES.memmove, source: BigInt(TO), destination: BigInt(TO + 64), size: 8 });
    finish(cpu);
    cpu.say(cpu.load(TO + 64, 8) === cpu.load(FROM, 8) ? 'chained' : 'too early');
  }, 1, { memory, kinds: ['device'] });
  it('have no order either, but for a drain or waiting', () => {
    expect(chain(null)).toEqual(['chained', 'too early']);
    expect(chain((cpu) => submit(cpu, { opcode: DSA_OPCODES.drain, CRAV: false, RCR: false }))).toEqual(['chained']);
    expect(chain((cpu) => finish(cpu, RECORD + 64))).toEqual(['chained']);
  });
});

describe('commands', () => {
  it('disabling a queue finishes what it has, and takes nothing more', () => {
    const run = bench('dsa', (cpu) => {
      start(cpu);
      for (let i = 0; i < 3; i += 1) submit(cpu, move(64));
      cpu.say(String(command(cpu, DSA_COMMANDS.disableWq, 1)));
      submit(cpu, move(64));
    }, { memory });
    expect(statuses(run)).toEqual(['success', 'success', 'success']);
    expect(run.said).toEqual(['0']);
  });
  it('after a drain nothing that was submitted before it is still under way, in any order', () => {
    for (const [number, operand] of [[DSA_COMMANDS.drainAll, 0], [DSA_COMMANDS.drainWq, 1], [DSA_COMMANDS.drainPasid, 7]] as const) {
      const said = outcomes('dsa', (cpu) => {
        start(cpu, { dedicated: true, pasidEnable: true, pasid: 7 });
        cpu.explore();
        submit(cpu, { opcode: DSA_OPCODES.fill, source: 1n, destination: BigInt(TO), size: 1 });
        command(cpu, number, operand);
        cpu.say(String(cpu.load(TO, 1)));
      }, 1);
      expect(said).toEqual(['1']);
    }
  });
  it('without a drain it may be', () => {
    expect(outcomes('dsa', (cpu) => { start(cpu); cpu.explore(); submit(cpu, { opcode: DSA_OPCODES.fill, source: 1n, destination: BigInt(TO), size: 1 }); cpu.say(String(cpu.load(TO, 1))); }, 1, { kinds: ['step'] })).toContain('0');
  });
  it.each([[DSA_COMMANDS.abortAll, 0], [DSA_COMMANDS.abortWq, 1], [DSA_COMMANDS.resetWq, 1], [DSA_COMMANDS.resetDevice, 0], [DSA_COMMANDS.abortPasid, 7]] as const)('command %i abandons what has not begun, and comes back when nothing is under way', (number, operand) => {
    const said = outcomes('dsa', (cpu) => {
      start(cpu, { dedicated: true, pasidEnable: true, pasid: 7 });
      cpu.explore();
      for (let i = 0; i < 2; i += 1) submit(cpu, { opcode: DSA_OPCODES.fill, source: 1n, destination: BigInt(TO + i), size: 1, CRAV: false, RCR: false });
      command(cpu, number, operand);
      const before = `${cpu.load(TO, 1)}${cpu.load(TO + 1, 1)}`;
      cpu.status('GENSTS');
      cpu.say(before === `${cpu.load(TO, 1)}${cpu.load(TO + 1, 1)}` ? before : 'still under way');
    }, 1, { kinds: ['step'] });
    expect(said).toContain('00');
    expect(said).not.toContain('still under way');
  });
  it('aborting another PASID abandons nothing', () => {
    expect(statuses(bench('dsa', (cpu) => { start(cpu, { dedicated: true, pasidEnable: true, pasid: 7 }); submit(cpu, move(8)); command(cpu, DSA_COMMANDS.abortPasid, 8); }, { memory }))).toEqual(['success']);
  });
  const cases: readonly [DsaCommandError, string, (cpu: Cpu) => number][] = [
    ['success', 'a handle', (cpu) => command(cpu, DSA_COMMANDS.requestHandle, 3)],
    ['badCommand', 'number 0', (cpu) => command(cpu, 0)],
    ['badCommand', 'number 15', (cpu) => command(cpu, 15)],
    ['badQueue', 'enabling queue 2', (cpu) => { start(cpu); return command(cpu, DSA_COMMANDS.enableWq, 2); }],
    ['badQueue', 'draining queue 2', (cpu) => { start(cpu); return command(cpu, DSA_COMMANDS.drainWq, 4); }],
    ['badQueue', 'draining queue 16', (cpu) => { start(cpu); return command(cpu, DSA_COMMANDS.drainWq, 0x1_0001); }],
    ['deviceEnabled', 'twice', (cpu) => { start(cpu); return command(cpu, DSA_COMMANDS.enableDevice); }],
    ['totalSize', 'too many entries', (cpu) => { configure(cpu, {}, 0, 9); configure(cpu, {}, 1, 9); return command(cpu, DSA_COMMANDS.enableDevice); }],
    ['deviceNotEnabled', 'a queue first', (cpu) => { configure(cpu); return command(cpu, DSA_COMMANDS.enableWq, 0); }],
    ['wqEnabled', 'a queue twice', (cpu) => { start(cpu); return command(cpu, DSA_COMMANDS.enableWq, 0); }],
    ['wqSize', 'no entries', (cpu) => { command(cpu, DSA_COMMANDS.enableDevice); return command(cpu, DSA_COMMANDS.enableWq, 0); }],
    ['wqSize', 'a threshold above the size', (cpu) => { configure(cpu, { pasidEnable: true }); cpu.reg('WQCFG0_THRESHOLD', 5); command(cpu, DSA_COMMANDS.enableDevice); return command(cpu, DSA_COMMANDS.enableWq, 0); }],
    ['pasidEnable', 'a shared queue without PASIDs', (cpu) => { configure(cpu, {}); command(cpu, DSA_COMMANDS.enableDevice); return command(cpu, DSA_COMMANDS.enableWq, 0); }],
    ['maxBatch', 'above GENCAP', (cpu) => { configure(cpu); cpu.reg('WQCFG0_LIMITS', 13 | (5 << 5)); command(cpu, DSA_COMMANDS.enableDevice); return command(cpu, DSA_COMMANDS.enableWq, 0); }],
    ['maxTransfer', 'above GENCAP', (cpu) => { configure(cpu); cpu.reg('WQCFG0_LIMITS', 17); command(cpu, DSA_COMMANDS.enableDevice); return command(cpu, DSA_COMMANDS.enableWq, 0); }],
    ['disableNotEnabled', 'a device that is off', (cpu) => command(cpu, DSA_COMMANDS.disableDevice)],
    ['queueNotEnabled', 'draining a device that is off', (cpu) => command(cpu, DSA_COMMANDS.drainAll)],
    ['badHandle', 'vector 4', (cpu) => command(cpu, DSA_COMMANDS.requestHandle, 4)],
  ];
  it.each(cases)('CMDSTS %s: %s', (error, _, run) => {
    expect(bench('dsa', (cpu) => cpu.say(String(run(cpu)))).said).toEqual([String(DsaCommandErrors[error].code)]);
  });
  it('every code of CMDSTS is in that table', () => expect(new Set(cases.map(([error]) => error))).toEqual(new Set(Object.keys(DsaCommandErrors))));
  it('interrupt when asked to', () => {
    const raised = (interrupt: boolean): number => bench('dsa', (cpu) => void command(cpu, DSA_COMMANDS.enableDevice, 0, interrupt)).events.filter((e) => e.kind === 'irq-raise').length;
    expect([raised(false), raised(true)]).toEqual([0, 1]);
  });
});

describe('a status for every mistake', () => {
  const cases: readonly [DsaStatusName, string, Fields, Mode?][] = [
    ['badOpcode', 'not in OPCAP', { opcode: 7 }],
    ['badFlags', 'a fence outside a batch', { opcode: 0, FENCE: true }],
    ['badFlags', 'BOF where the queue does not allow it', { ...move(8), BOF: true }, { dedicated: true }],
    ['badFlags', 'CR on a move', { ...move(8), CR: true }],
    ['badFlags', 'CC on a compare', { opcode: DSA_OPCODES.compare, size: 8, CC: true }],
    ['badSize', 'nothing', move(0)],
    ['badSize', 'above the queue\'s limit', move(8193)],
    ['badCount', 'a batch of one', { opcode: DSA_OPCODES.batch, source: BigInt(LIST), size: 1 }],
    ['badCount', 'a batch above the limit', { opcode: DSA_OPCODES.batch, source: BigInt(LIST), size: 9 }],
    ['listAlignment', 'a list at 32', { opcode: DSA_OPCODES.batch, source: BigInt(LIST + 32), size: 2 }],
    ['badHandle', 'vector 4', { opcode: 0, RCI: true, intHandle: 4 }],
    ['dualcast', 'destinations that differ in 11:0', { opcode: DSA_OPCODES.dualcast, source: BigInt(FROM), destination: BigInt(TO), specific: BigInt(TO + 8), size: 8 }],
    ['overlap', 'a destination on the source', { opcode: DSA_OPCODES.dualcast, source: BigInt(TO), destination: BigInt(TO), specific: BigInt(TO + 0x1000), size: 8 }],
    ['overlap', 'a destination on the other', { opcode: DSA_OPCODES.dualcast, source: BigInt(FROM), destination: BigInt(TO), specific: BigInt(TO), size: 8 }],
  ];
  it.each(cases)('%s: %s', (name, _, fields, mode) => {
    expect(recordAt(one(fields, {}, mode))).toMatchObject(status(name));
  });
  it('reserved bits, and which flags were wrong', () => {
    const run = (bit: bigint): ReturnType<typeof recordAt> => recordAt(bench('dsa', (cpu) => { start(cpu); store64(cpu, DsaDescriptor.encode({ opcode: 0, ...recorded }) | bit, 'movdir64b'); finish(cpu); }));
    for (const bit of [20n, 30n, 304n, 384n, 511n]) expect(run(1n << bit)).toMatchObject(status('reserved'));
    for (const bit of [6n, 9n, 23n]) expect(run(1n << (32n + bit))).toMatchObject({ ...status('badFlags'), invalidFlags: 1 << Number(bit) });
  });
  it('a privileged descriptor in a shared queue that does not allow it', () => {
    expect(recordAt(bench('dsa', (cpu) => { start(cpu, { pasidEnable: true }); enqcmd(cpu, { opcode: 0, priv: true }, 'enqcmds'); finish(cpu); }))).toMatchObject(status('privilege'));
  });
  it.each([
    ['recordAlignment', { opcode: 0, ...recorded, completionAddress: BigInt(RECORD + 8) }, BigInt(RECORD + 8)],
    ['recordFault', { opcode: 0, ...recorded, completionAddress: 0x40n }, 0x48n],
    ['badOpcode', { opcode: 0x33 }, 0n],
    ['hardware', { opcode: DSA_OPCODES.fill, destination: 0x10n, size: 4 }, 0x10n],
  ] as const)('what has no record is in SWERR: %s', (name, fields, address) => {
    const run = bench('dsa', (cpu) => {
      start(cpu);
      store64(cpu, DsaDescriptor.encode(fields), 'movdir64b');
      cpu.ready('SWERR0', (v) => v !== 0);
      store64(cpu, DsaDescriptor.encode(fields), 'movdir64b');
      cpu.ready('SWERR0', (v) => (v & 2) !== 0);
    });
    expect(DsaSwerr.decode(BigInt(run.register('SWERR0')))).toEqual({ valid: true, overflow: true, write: name !== 'badOpcode', error: DsaStatus[name].code, wq: 0 });
    expect((BigInt(run.register('SWERR0_HI')) << 32n) | BigInt(run.register('SWERR0_LO'))).toBe(address);
  });
  it('every status is somewhere in this file', () => {
    const tables = new Set<string>(cases.map(([name]) => name));
    const elsewhere = ['success', 'successFalse', 'pageFault', 'pageFaultRefused', 'batchFailed', 'batchPageFault', 'reserved', 'recordFault', 'recordAlignment', 'privilege', 'hardware', 'translation'];
    expect(Object.keys(DsaStatus).filter((name) => !tables.has(name))).toEqual(elsewhere);
  });
});

describe('completion', () => {
  it('writes a record only when it is asked to or something is wrong', () => {
    const written = (fields: Fields): number[] => bench('dsa', (cpu) => { start(cpu); store64(cpu, DsaDescriptor.encode({ CRAV: true, completionAddress: BigInt(RECORD), ...fields }), 'movdir64b'); }).read(RECORD, 1);
    expect([written({ opcode: 0 }), written({ opcode: 0, RCR: true }), written({ opcode: 0x33 })]).toEqual([[0], [1], [DsaStatus.badOpcode.code]]);
  });
  it('interrupts on the vector of the descriptor', () => {
    expect(one({ opcode: 0, RCI: true, intHandle: 3 }).events.flatMap((e) => (e.kind === 'irq-raise' ? [e.vector] : []))).toEqual([3]);
  });
});

it('any descriptor comes to an end, and any list', () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 150; seed += 1) {
    const numbers = randomNumbers(seed);
    const draw = (n: number): number => numbers.next().value % n;
    const address = (): bigint => [BigInt(FROM + draw(5000)), BigInt(TO + draw(0x2000)), BigInt(LIST + 64 * draw(8)), (BigInt(draw(2 ** 32)) << 32n) | BigInt(draw(2 ** 32)), (1n << 64n) - BigInt(1 + draw(9000))][draw(seed % 3 === 0 ? 5 : 3)] ?? 0n;
    const descriptor = (): bigint => {
      const fields: Fields = { opcode: draw(12) === 0 ? draw(256) : (Object.values(DSA_OPCODES)[draw(8)] ?? 0), BOF: draw(3) === 0, FENCE: draw(6) === 0, CRAV: draw(4) !== 0, RCR: draw(3) !== 0, CC: draw(8) === 0, RCI: draw(6) === 0, intHandle: draw(6), completionAddress: draw(6) === 0 ? address() : BigInt(RECORD + 32 * draw(8)), source: address(), destination: address(), size: draw(4) === 0 ? draw(2 ** 32) : draw(12), specific: address() };
      const raw = DsaDescriptor.encode({ ...fields, RCR: (fields.RCR ?? false) && (fields.CRAV ?? false) });
      return draw(10) === 0 ? raw ^ (1n << BigInt(draw(512))) : raw;
    };
    const list = Array.from({ length: 8 }, () => DsaDescriptor.toBytes(descriptor()));
    const run = bench('dsa', (cpu) => {
      start(cpu);
      for (let i = 0; i < 3; i += 1) store64(cpu, descriptor(), 'movdir64b');
      command(cpu, DSA_COMMANDS.drainAll);
    }, { memory: [...memory, ...list.map((bytes, i) => ({ address: LIST + 64 * i, bytes }))], trace: false, steps: 60_000 });
    for (const name of statuses(run)) seen.add(String(name));
    expect(statuses(run).length, `seed ${seed}`).toBeGreaterThan(0);
  }
  expect(seen.size).toBeGreaterThan(8);
});

describe('the barriers', () => {
  it('data before the descriptor: without wmb the submission may be ahead of it', () => {
    const run = (fence: string | null): string[] => outcomes('dsa', (cpu) => {
      start(cpu);
      cpu.explore();
      cpu.store(FROM, 8, 77n);
      if (fence !== null) cpu.fence(fence);
      submit(cpu, move(8));
      finish(cpu);
      cpu.fence('dsb.sy');
      cpu.say(`moved ${cpu.load(TO, 8)}`);
    }, 1, { profile: 'arm64' });
    expect(run(null)).toEqual(['moved 0', 'moved 77']);
    expect(run('dsb.st')).toEqual(['moved 77']);
  });
  it('status before the rest: without dma_rmb the data may be old', () => {
    const run = (fence: string | null): string[] => outcomes('dsa', (cpu) => {
      start(cpu);
      submit(cpu, { opcode: DSA_OPCODES.fill, source: 5n, destination: BigInt(TO), size: 1 });
      cpu.explore();
      finish(cpu);
      if (fence !== null) cpu.fence(fence);
      cpu.say(`filled ${cpu.load(TO, 1)}`);
    }, 1, { profile: 'arm64', kinds: ['read'] });
    expect(run(null)).toEqual(['filled 0', 'filled 5']);
    expect(run('dmb.oshld')).toEqual(['filled 5']);
  });
});
