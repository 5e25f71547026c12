// SPDX-License-Identifier: Apache-2.0
/** The command queue: which commands are there, what is illegal in each, errors, and what a SYNC waits for. IHI 0070, 4 and 7.1. */
import { describe, expect, it } from 'vitest';
import { AtcInvalidateCommand, ConfigurationCommand, ConfigurationRangeCommand, PageResponseCommand, PrefetchCommand, ResumeCommand, StallTermCommand, SyncCommand, TlbCommand } from './commands-layout.ts';
import { COMMAND_ERRORS } from './commands.ts';
import type { SmmuFeatures } from './features.ts';
import { ADDRESS, AT, FULL, STREAM, System } from './system.test-support.ts';

const unit = (over: Partial<SmmuFeatures>): SmmuFeatures => ({ ...FULL, ...over });
const CMDQ_ERR = 1n;
const error = (system: System): number => Number((system.read('CMDQ_CONS') >> 24n) & 0x7fn);
const rd = (system: System): number => Number(system.read('CMDQ_CONS') & 7n);
/** The error that a command raises; 0: none. */
const meets = (raw: bigint, features = FULL): number => {
  const system = new System({ features, caches: { sets: 1, ways: 4, policy: 'lru' } });
  system.command(raw);
  if (system.active === 0n) return rd(system) === 1 ? 0 : -1;
  expect([system.active, rd(system), system.wires]).toEqual([CMDQ_ERR, 0, ['gerror']]);
  return error(system);
};
const ILL = COMMAND_ERRORS.illegal;

const LAYOUTS = {
  0x01: PrefetchCommand, 0x02: PrefetchCommand, 0x03: ConfigurationCommand, 0x04: ConfigurationRangeCommand, 0x05: ConfigurationCommand, 0x06: ConfigurationCommand,
  0x10: TlbCommand, 0x11: TlbCommand, 0x12: TlbCommand, 0x13: TlbCommand, 0x20: TlbCommand, 0x21: TlbCommand, 0x22: TlbCommand, 0x23: TlbCommand, 0x28: TlbCommand, 0x2a: TlbCommand, 0x30: TlbCommand,
  0x40: AtcInvalidateCommand, 0x41: PageResponseCommand, 0x44: ResumeCommand, 0x45: StallTermCommand, 0x46: SyncCommand,
} as const;
const OPCODES = Object.keys(LAYOUTS).map(Number);
/** RESP 0 of a page response, CS 0 of a SYNC, Range 0: all bits 0 but the opcode are legal everywhere. */
const plain = (opcode: number): bigint => BigInt(opcode);

describe('the opcodes (4.1.1)', () => {
  it('are these, all others are illegal', () => {
    const legal = Array.from({ length: 256 }, (_, opcode) => opcode).filter((opcode) => meets(plain(opcode)) === 0);
    expect(legal).toEqual(OPCODES);
  });
  it.each<[string, Partial<SmmuFeatures>, number[]]>([
    ['stage 1', { stage1: false }, [0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x20, 0x21, 0x22, 0x23]],
    ['stage 2', { stage2: false }, [0x28, 0x2a]],
    ['EL2', { hypervisor: false }, [0x20, 0x21, 0x22, 0x23]],
    ['ATS', { ats: false }, [0x40]],
    ['page requests', { pri: false }, [0x41]],
    ['stalls', { stalls: 'never' }, [0x44, 0x45]],
  ])('without %s some are illegal', (_, features, gone) => expect(OPCODES.filter((opcode) => meets(plain(opcode), unit(features)) !== 0)).toEqual(gone));
});

describe('bits that a command does not have are illegal (4.1.5)', () => {
  /** Bits that each command may have set; what TLB and configuration commands share is not theirs alone. */
  const fields: Readonly<Record<number, readonly string[]>> = {
    0x01: ['SSV', 'SSID', 'SID'], 0x02: ['SSV', 'SSID', 'SID', 'SIZE', 'STRIDE', 'ADDR'],
    0x03: ['SID', 'Leaf'], 0x04: ['SID', 'RANGE'], 0x05: ['SID', 'SSID', 'Leaf'], 0x06: ['SID'],
    0x10: ['VMID'], 0x11: ['VMID', 'ASID'], 0x12: ['VMID', 'ASID', 'Leaf', 'ADDR'], 0x13: ['VMID', 'Leaf', 'ADDR'],
    0x20: [], 0x21: ['ASID'], 0x22: ['ASID', 'Leaf', 'ADDR'], 0x23: ['Leaf', 'ADDR'], 0x28: ['VMID'], 0x2a: ['VMID', 'Leaf', 'ADDR'], 0x30: [],
    0x40: ['G', 'SSV', 'SSID', 'SID', 'SIZE', 'ADDR'], 0x41: ['SSV', 'SSID', 'SID', 'GRPID', 'RESP'],
    0x44: ['Ac', 'Ab', 'SID', 'STAG'], 0x45: ['SID'], 0x46: ['CS', 'MSH', 'MSIATTR', 'MSIDATA', 'MSIADDR'],
  };
  it.each(OPCODES.map((opcode) => [`0x${opcode.toString(16)}`, opcode] as const))('%s', (_, opcode) => {
    const own: ReadonlySet<string> = new Set(fields[opcode]);
    const layout = LAYOUTS[opcode as keyof typeof LAYOUTS];
    const owned = Object.entries(layout.fields).filter(([name]) => own.has(name)).reduce((mask, [, { low, high }]) => mask | (((1n << BigInt(high - low + 1)) - 1n) << BigInt(low)), 0n);
    for (let bit = 8n; bit < 128n; bit += 1n) expect(meets(plain(opcode) | (1n << bit)) === ILL, `bit ${bit}`).toBe((owned & (1n << bit)) === 0n);
  });
  it.each<[string, bigint, number]>([
    ['a SYNC with CS 3 (4.7.3)', SyncCommand.encode({ opcode: 0x46, CS: 3 }), ILL],
    ['a page response with RESP 3 (4.5.2)', PageResponseCommand.encode({ opcode: 0x41, RESP: 3 }), ILL],
    ['an ATC invalidation of more than everything (4.5.1)', AtcInvalidateCommand.encode({ opcode: 0x40, SIZE: 53 }), ILL],
    ['an ATC invalidation of everything', AtcInvalidateCommand.encode({ opcode: 0x40, SIZE: 52 }), 0],
    ['a range of one page without a level (4.4.1.1)', TlbCommand.encode({ opcode: 0x12, TG: 1 }), ILL],
    ['one with a level', TlbCommand.encode({ opcode: 0x12, TG: 1, TTL: 3 }), 0],
    ['one of 16 KiB with level 1, which counts as none', TlbCommand.encode({ opcode: 0x12, TG: 2, TTL: 1 }), ILL],
    ['a range of two', TlbCommand.encode({ opcode: 0x12, TG: 1, NUM: 1 }), 0],
    ['a level without a granule', TlbCommand.encode({ opcode: 0x12, TTL: 3 }), ILL],
  ])('%s', (_, raw, expected) => expect(meets(raw)).toBe(expected));
  it('ranges and levels need a unit that has them (IDR3.RIL)', () => expect(meets(TlbCommand.encode({ opcode: 0x12, TG: 1, TTL: 3 }), unit({ ranges: false }))).toBe(ILL));
});

describe('the queue (3.5, 7.1)', () => {
  const sync = SyncCommand.encode({ opcode: 0x46 });
  it('wraps, and is empty or full by its wrap bit', () => {
    const system = new System();
    for (let i = 0; i < 11; i += 1) system.command(sync);
    expect([system.read('CMDQ_PROD'), rd(system)]).toEqual([3n, 3]);
  });
  it('runs one command a step', () => {
    const system = new System();
    system.memory.put(AT.commands, sync, 2);
    system.memory.put(AT.commands + 16n, sync, 2);
    system.write('CMDQ_PROD', 2n);
    expect([system.unit.step(), rd(system), system.unit.step(), rd(system), system.unit.step()]).toEqual(['ran', 1, 'ran', 2, 'idle']);
  });
  it('does nothing while it is off', () => {
    const system = new System();
    system.write('CR0', 7n);
    expect([system.command(sync), rd(system)]).toEqual(['idle', 0]);
    system.write('CR0', 0xfn);
    expect([system.unit.step(), rd(system)]).toEqual(['ran', 1]);
  });
  it('runs while translation is off (6.3.9.6)', () => {
    const system = new System();
    system.write('CR0', 8n);
    system.command(sync);
    expect(rd(system)).toBe(1);
  });
  it('stops at an illegal command until that is mended and acknowledged; then it is fetched again', () => {
    const system = new System();
    system.command(sync, 0xffn);
    system.memory.put(AT.commands + 32n, sync, 2);
    system.write('CMDQ_PROD', 3n);
    expect([system.unit.step(), rd(system), error(system), system.active]).toEqual(['idle', 1, ILL, CMDQ_ERR]);
    system.memory.put(AT.commands + 16n, sync, 2);
    expect(system.unit.step()).toBe('idle');
    system.acknowledge();
    expect([system.unit.step(), system.unit.step(), system.unit.step(), rd(system), system.active]).toEqual(['ran', 'ran', 'idle', 3, 0n]);
  });
  it('while it is stopped PROD may go back', () => {
    const system = new System();
    system.command(0xffn);
    system.write('CMDQ_PROD', 0n);
    system.acknowledge();
    expect(system.unit.step()).toBe('idle');
  });
  it('stops at memory that cannot be read: CERROR_ABT', () => {
    const system = new System();
    system.memory.damage([AT.commands + 8n], []);
    system.command(sync);
    expect([rd(system), error(system), system.active]).toEqual([0, COMMAND_ERRORS.abort, CMDQ_ERR]);
    system.memory.damage([], []);
    system.acknowledge();
    expect([system.unit.step(), rd(system)]).toEqual(['ran', 1]);
  });
  it('commands are little-endian, whatever tables are', () => {
    const system = new System({ features: unit({ tables: 'big' }) });
    expect([system.command(sync), rd(system)]).toEqual(['idle', 1]);
  });
});

describe('a SYNC (4.7.3)', () => {
  const sync = (fields: Parameters<typeof SyncCommand.encode>[0] = {}): bigint => SyncCommand.encode({ opcode: 0x46, ...fields });
  const flush = TlbCommand.encode({ opcode: 0x30 });
  const atc = (fields: Parameters<typeof AtcInvalidateCommand.encode>[0] = {}): bigint => AtcInvalidateCommand.encode({ opcode: 0x40, SID: STREAM, ...fields });

  it('waits for accesses that were translated before the invalidation, not for later ones', () => {
    const system = new System();
    const answer = system.serve();
    const ticket = answer.kind === 'memory' ? answer.ticket : 0;
    expect([system.command(flush, sync()), rd(system)]).toEqual(['waiting', 1]);
    system.serve();
    expect(system.unit.step()).toBe('waiting');
    system.unit.landed(ticket);
    expect([system.unit.step(), rd(system)]).toEqual(['ran', 2]);
  });
  it('and for accesses of a stream whose entry was invalidated', () => {
    const system = new System();
    const answer = system.serve();
    expect(system.command(ConfigurationCommand.encode({ opcode: 3, SID: STREAM }), sync())).toBe('waiting');
    system.unit.landed(answer.kind === 'memory' ? answer.ticket : 0);
    expect(system.unit.step()).toBe('ran');
  });
  it('without an invalidation it waits for nobody', () => {
    const system = new System();
    system.serve();
    expect(system.command(sync())).toBe('idle');
  });
  it('waits for the completion of an ATC invalidation by its function, and for what that pushed ahead', () => {
    const system = new System();
    expect(system.command(atc({ SSV: true, SSID: 5, G: true, SIZE: 1, ADDR: ADDRESS >> 12n }), sync())).toBe('waiting');
    expect(system.messages).toEqual([{ kind: 'invalidate', source: STREAM, pasid: 5, tag: 0, address: (ADDRESS >> 13n) << 13n, span: 13, global: true }]);
    const pushed = system.serve({ type: 'untranslated' });
    system.unit.invalidated(STREAM + 1, 0);
    system.unit.invalidated(STREAM, 1);
    expect(system.unit.step()).toBe('waiting');
    system.unit.invalidated(STREAM, 0);
    expect(system.unit.step()).toBe('waiting');
    system.unit.landed(pushed.kind === 'memory' ? pushed.ticket : 0);
    expect([system.unit.step(), rd(system)]).toEqual(['ran', 2]);
  });
  it('fails when the function does not answer: CERROR_ATC_INV_SYNC; a second SYNC completes', () => {
    const system = new System();
    system.command(atc(), sync({ CS: 1 }));
    system.unit.timedOut(0);
    expect(system.unit.step()).toBe('ran');
    expect([rd(system), error(system), system.active, system.wires]).toEqual([1, COMMAND_ERRORS.invalidation, CMDQ_ERR, ['gerror']]);
    system.acknowledge();
    expect([system.unit.step(), rd(system), system.wires]).toEqual(['ran', 2, ['gerror', 'sync']]);
  });
  it('a time-out of a tag that is not out is nothing', () => {
    const system = new System();
    system.unit.timedOut(0);
    expect(system.command(sync())).toBe('idle');
  });
  it('more than 32 invalidations wait for a tag (PCIe ATS, ITag)', () => {
    const system = new System();
    for (let i = 0; i < 32; i += 1) expect(system.command(atc())).toBe('idle');
    expect(system.command(atc())).toBe('waiting');
    expect(new Set(system.messages.map((m) => (m.kind === 'invalidate' ? m.tag : -1))).size).toBe(32);
    system.unit.invalidated(STREAM, 7);
    expect(system.unit.step()).toBe('ran');
    expect(system.messages.at(-1)).toMatchObject({ kind: 'invalidate', tag: 7 });
  });
  it.each<[string, Parameters<typeof AtcInvalidateCommand.encode>[0], object]>([
    ['without PASID, G does not count', { G: true, SSID: 5, SIZE: 0, ADDR: 1n }, { pasid: null, global: false, address: 0x1000n, span: 12 }],
    ['everything', { SIZE: 52, ADDR: 0x12345n }, { address: 0n, span: 64 }],
    ['an address with its top bits', { ADDR: (1n << 52n) - 1n }, { address: BigInt.asUintN(64, -4096n) }],
  ])('an ATC invalidation, %s (4.5.1)', (_, fields, message) => {
    const system = new System();
    system.command(atc(fields));
    expect(system.messages).toMatchObject([message]);
  });
  it('while the unit is off an ATC invalidation and a page response are ignored (4.5.1, 4.5.2)', () => {
    const system = new System();
    system.write('CR0', 8n);
    expect([system.command(atc(), PageResponseCommand.encode({ opcode: 0x41, SID: STREAM }), sync()), system.messages, rd(system)]).toEqual(['idle', [], 3]);
  });

  it.each<[string, Parameters<typeof SyncCommand.encode>[0], Partial<SmmuFeatures>, string[], bigint]>([
    ['nothing', { CS: 0, MSIADDR: 0x1000n, MSIDATA: 77 }, {}, [], 0n],
    ['a message', { CS: 1, MSIADDR: 0x1000n, MSIDATA: 77 }, {}, [], 77n],
    ['a wire, without an address', { CS: 1, MSIDATA: 77 }, {}, ['sync'], 0n],
    ['a wire, without messages', { CS: 1, MSIADDR: 0x1000n, MSIDATA: 77 }, { msi: false }, ['sync'], 0n],
    ['an event', { CS: 2, MSIADDR: 0x1000n, MSIDATA: 77 }, {}, ['event'], 0n],
    ['no event where there are none', { CS: 2 }, { sev: false }, [], 0n],
  ])('ends with %s', (_, fields, features, wires, word) => {
    const system = new System({ features: unit(features) });
    system.command(sync(fields));
    expect([system.wires, system.memory.peek(0x4000n)]).toEqual([wires, word]);
  });
  it('has been consumed when its message arrives', () => {
    const system = new System();
    let seen = -1;
    system.unit.bus.watch = ({ kind }) => {
      if (kind === 'write') seen = rd(system);
    };
    system.command(sync({ CS: 1, MSIADDR: 0x1000n }));
    expect(seen).toBe(1);
  });
  it('whose message cannot be written says so: MSI_CMDQ_ABT_ERR', () => {
    const system = new System();
    system.command(sync({ CS: 1, MSIADDR: (1n << 40n) / 4n }));
    expect([system.active, rd(system), system.wires]).toEqual([0x10n, 1, ['gerror']]);
  });
  it('whose address lies beyond the output size is cut to it (3.4.3)', () => {
    const system = new System();
    system.command(sync({ CS: 1, MSIADDR: ((1n << 44n) + 0x4000n) / 4n, MSIDATA: 5 }));
    expect(system.memory.peek(0x4000n)).toBe(5n);
  });
});

describe('a page response (4.5.2)', () => {
  it.each<[number, string]>([
    [0, 'failure'],
    [1, 'invalid'],
    [2, 'success'],
  ])('RESP %i is %s', (RESP, code) => {
    const system = new System();
    system.command(PageResponseCommand.encode({ opcode: 0x41, SID: STREAM, SSV: true, SSID: 9, GRPID: 0x1ff, RESP }));
    expect(system.messages).toEqual([{ kind: 'page-response', source: STREAM, pasid: 9, group: 0x1ff, code }]);
  });
  it('has no PASID without SSV, or without substreams', () => {
    const system = new System();
    system.command(PageResponseCommand.encode({ opcode: 0x41, SSID: 9 }));
    const none = new System({ features: unit({ substreamBits: 0 }) });
    none.command(PageResponseCommand.encode({ opcode: 0x41, SSV: true, SSID: 9 }));
    expect([system.messages, none.messages]).toMatchObject([[{ pasid: null }], [{ pasid: null }]]);
  });
});
