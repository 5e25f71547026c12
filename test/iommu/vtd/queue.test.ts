// SPDX-License-Identifier: Apache-2.0
/** The invalidation queue: waits and what they wait for, fences, errors, time-outs, interrupts. "Queued Invalidation Interface". */
import { describe, expect, it } from 'vitest';
import * as queues from '@dmalab/core/iommu/vtd/queues';
import { FaultStatus, GlobalCommand, InvalidationQueueAddress, InvalidationQueueError, OFFSET } from '@dmalab/core/iommu/vtd/registers';
import type { DmaAnswer } from '@dmalab/core/iommu/unit';
import { ADDRESS, DOMAIN, PASID, QUEUE, SOURCE, STATUS, Submitter, system, type System } from './system.ts';

const at = (slot: bigint): bigint => (STATUS << 12n) + 8n * slot;
const wait = (slot: bigint, over: Parameters<typeof queues.WaitDescriptor.encode>[0] = {}): bigint => queues.WaitDescriptor.encode({ type: 5, SW: true, STDATA: 7, STADDR: at(slot) >> 2n, ...over });
const done = (s: System, slot: bigint): boolean => s.memory.peek(at(slot)) === 7n;
const deviceTlb = queues.DeviceTlbDescriptor.encode({ type: 3, SID: SOURCE, ADDR: ADDRESS >> 12n });
const fsts = (s: System): ReturnType<typeof FaultStatus.decode> => FaultStatus.decode(s.unit.readRegister(OFFSET.FSTS, 4));
const iqer = (s: System): ReturnType<typeof InvalidationQueueError.decode> => InvalidationQueueError.decode(s.unit.readRegister(OFFSET.IQERCD, 8));

function serve(s: System, write: boolean): number {
  const answer: DmaAnswer = s.unit.serve({ source: SOURCE, pasid: PASID, type: 'untranslated', write, execute: false, privileged: false, noWrite: false, address: ADDRESS });
  return answer.kind === 'memory' ? answer.ticket : 0;
}

describe('a wait', () => {
  it('writes its status when nothing is before it, and head follows tail', () => {
    const s = system('first');
    expect(new Submitter(s).submit(wait(0n), wait(1n))).toBe('idle');
    expect([done(s, 0n), done(s, 1n), s.unit.readRegister(OFFSET.IQH, 8)]).toEqual([true, true, 64n]);
  });

  it('waits for the device, and lets later descriptors start', () => {
    const s = system('first');
    const queue = new Submitter(s);
    expect(queue.submit(deviceTlb, wait(0n), deviceTlb)).toBe('waiting');
    expect(s.messages.map((message) => message.kind === 'invalidate' && message.tag)).toEqual([0, 1]);
    s.unit.invalidated(SOURCE, 1);
    expect([queue.run(), done(s, 0n)]).toEqual(['waiting', false]);
    s.unit.invalidated(SOURCE, 0);
    expect([queue.run(), done(s, 0n)]).toEqual(['idle', true]);
  });

  it('does not wait for what was put behind it', () => {
    const s = system('first');
    const queue = new Submitter(s);
    queue.submit(deviceTlb, wait(0n));
    s.unit.invalidated(SOURCE, 0);
    queue.put(deviceTlb);
    expect([queue.run(), done(s, 0n), s.messages.length]).toEqual(['idle', true, 2]);
  });

  it('with FN holds up everything behind it', () => {
    const s = system('first');
    const queue = new Submitter(s);
    expect(queue.submit(deviceTlb, wait(0n, { FN: true }), deviceTlb, wait(1n))).toBe('waiting');
    expect(s.messages.length).toBe(1);
    s.unit.invalidated(SOURCE, 0);
    queue.run();
    expect([done(s, 0n), s.messages.length, done(s, 1n)]).toEqual([true, 2, false]);
    s.unit.invalidated(SOURCE, 0);
    expect([queue.run(), done(s, 1n)]).toEqual(['idle', true]);
  });

  it('writes four bytes and no more', () => {
    const s = system('first');
    s.memory.poke(at(0n), (1n << 64n) - 1n);
    new Submitter(s).submit(wait(0n, { STDATA: 0 }));
    expect(s.memory.peek(at(0n))).toBe(0xffff_ffff_0000_0000n);
  });

  it('with PD waits for page requests on their way, and only with it', () => {
    let onTheWay = true;
    const s = system('first', { outside: { pageRequestsOnTheWay: () => onTheWay } });
    const queue = new Submitter(s);
    expect([queue.submit(wait(0n), wait(1n, { PD: true })), done(s, 0n), done(s, 1n)]).toEqual(['waiting', true, false]);
    onTheWay = false;
    expect([queue.run(), done(s, 1n)]).toEqual(['idle', true]);
  });

  it('with IF sets IWC and interrupts once until software has seen it', () => {
    const s = system('first');
    s.unit.writeRegister(OFFSET.IEDATA, 4, 0x41n);
    s.unit.writeRegister(OFFSET.IEADDR, 4, 0xfee0_0000n);
    s.unit.writeRegister(OFFSET.IECTL, 4, 0n);
    const queue = new Submitter(s);
    const message = (): bigint => s.memory.peek(0xfee0_0000n);
    queue.submit(wait(0n, { IF: true }));
    expect([s.unit.readRegister(OFFSET.ICS, 4), message()]).toEqual([1n, 0x41n]);
    s.memory.poke(0xfee0_0000n, 0n);
    queue.submit(wait(1n, { IF: true }));
    expect(message()).toBe(0n);
    s.unit.writeRegister(OFFSET.ICS, 4, 1n);
    queue.submit(wait(2n, { IF: true }));
    expect([s.unit.readRegister(OFFSET.ICS, 4), message()]).toEqual([1n, 0x41n]);
  });
});

describe('accesses on their way', () => {
  const iotlb = (DR: boolean, DW: boolean): bigint => queues.IotlbDescriptor.encode({ type: 2, G: 2, DID: DOMAIN, DR, DW });
  it.each([
    ['a read, DR', false, iotlb(true, false), 'waiting'],
    ['a read, DW', false, iotlb(false, true), 'idle'],
    ['a write, DW', true, iotlb(false, true), 'waiting'],
    ['a write, DR', true, iotlb(true, false), 'idle'],
    ['a write, neither', true, iotlb(false, false), 'idle'],
    ['a read, PASID-based', false, queues.PasidIotlbDescriptor.encode({ type: 6, G: 2, DID: DOMAIN, PASID }), 'waiting'],
    ['a write, PASID-based', true, queues.PasidIotlbDescriptor.encode({ type: 6, G: 2, DID: DOMAIN, PASID }), 'waiting'],
    ['a write, context cache', true, queues.ContextCacheDescriptor.encode({ type: 1, G: 1 }), 'idle'],
  ] as const)('%s', (_, write, raw, expected) => {
    const s = system('first');
    const queue = new Submitter(s);
    const ticket = serve(s, write);
    expect(ticket).toBeGreaterThan(0);
    expect([queue.submit(raw, wait(0n)), done(s, 0n)]).toEqual([expected, expected === 'idle']);
    const later = serve(s, write);
    s.unit.landed(ticket);
    expect([queue.run(), done(s, 0n)]).toEqual(['idle', true]);
    s.unit.landed(later);
  });

  it('are not drained by a unit that cannot', () => {
    const s = system('first', { cap: { DRD: false, DWD: false } });
    serve(s, true);
    expect(new Submitter(s).submit(iotlb(true, true), wait(0n))).toBe('idle');
  });
});

describe('messages to devices', () => {
  const all = (1n << 51n) - 1n;
  it.each([
    ['one page', 0x1234n, false, 0x123_4000n, 12],
    ['two pages', 0x1234n, true, 0x123_4000n, 13],
    ['four pages', 0x1235n, true, 0x123_4000n, 14],
    ['512 pages', 0x1ffn | 0x4_0000n, true, 0x4000_0000n, 22],
    ['everything', all, true, 0n, 64],
  ] as const)('name their range: %s', (_, ADDR, S, address, span) => {
    const s = system('first');
    new Submitter(s).submit(queues.DeviceTlbDescriptor.encode({ type: 3, SID: SOURCE, S, ADDR }), queues.PasidDeviceTlbDescriptor.encode({ type: 8, SID: SOURCE, PASID, S, ADDR, G: true }));
    const common = { kind: 'invalidate', source: SOURCE, address, span };
    expect(s.messages).toEqual([
      { ...common, pasid: null, tag: 0, global: false },
      { ...common, pasid: PASID, tag: 1, global: true },
    ]);
  });

  it('wait for a free tag: there are 32', () => {
    const s = system('first');
    const queue = new Submitter(s);
    expect(queue.submit(...Array.from({ length: 33 }, () => deviceTlb))).toBe('waiting');
    expect([s.messages.length, s.unit.readRegister(OFFSET.IQH, 8)]).toEqual([32, 32n * 32n]);
    s.unit.invalidated(SOURCE, 17);
    queue.run();
    expect(s.messages.at(-1)).toMatchObject({ tag: 17 });
  });

  it('are at most as many at once as the device takes (MIP), counted by function, or with ECAP.DIT by physical function', () => {
    const to = (SID: number, MIP: number, pf: number): bigint => queues.DeviceTlbDescriptor.encode({ type: 3, SID, MIP, PFSIDLow: pf & 15, PFSIDHigh: pf >> 4, ADDR: 1n });
    const pasid = (SID: number, MIP: number, pf: number): bigint => queues.PasidDeviceTlbDescriptor.encode({ type: 8, SID, MIP, PFSIDLow: pf & 15, PFSIDHigh: pf >> 4, PASID, ADDR: 1n });
    for (const [DIT, sent] of [[false, 3], [true, 2]] as const) {
      const s = system('first', { ecap: { DIT } });
      const queue = new Submitter(s);
      // Two functions of one physical function, which takes two at once.
      expect([queue.submit(to(SOURCE, 2, 0x123), to(SOURCE + 1, 2, 0x123), pasid(SOURCE, 2, 0x123), pasid(SOURCE, 2, 0x123)), s.messages.length]).toEqual(['waiting', sent]);
      s.unit.invalidated(SOURCE, 0);
      expect([queue.run(), s.messages.length]).toEqual([DIT ? 'waiting' : 'idle', sent + 1]);
    }
    const other = system('first', { ecap: { DIT: true } });
    new Submitter(other).submit(to(SOURCE, 1, 0x123), to(SOURCE, 1, 0x124));
    expect(other.messages).toHaveLength(2);
  });

  it('answer page groups, the last of a group only', () => {
    const s = system('first');
    const answer = (over: Parameters<typeof queues.PageGroupResponseDescriptor.encode>[0]): bigint => queues.PageGroupResponseDescriptor.encode({ type: 9, RID: SOURCE, PRGI: 300, LPIG: true, ...over });
    new Submitter(s).submit(answer({ PASID_P: true, PASID }), answer({ code: 1 }), answer({ code: 15, PDP: true, privateHigh: 5n }), answer({ LPIG: false }));
    expect(s.messages).toEqual([
      { kind: 'page-response', source: SOURCE, pasid: PASID, group: 300, code: 'success' },
      { kind: 'page-response', source: SOURCE, pasid: null, group: 300, code: 'invalid' },
      { kind: 'page-response', source: SOURCE, pasid: null, group: 300, code: 'failure' },
    ]);
  });
});

describe('time-outs', () => {
  it('abort the waits that were fetched, stop the queue, and name the device', () => {
    const s = system('first');
    const queue = new Submitter(s);
    queue.submit(deviceTlb, wait(0n, { FN: true }), wait(1n));
    s.unit.timedOut(0);
    expect([queue.run(), done(s, 0n), done(s, 1n), fsts(s).ITE, iqer(s).ITESID]).toEqual(['idle', false, false, true, SOURCE]);
    s.unit.writeRegister(OFFSET.FSTS, 4, FaultStatus.encode({ ITE: true }));
    expect([queue.run(), done(s, 0n), done(s, 1n)]).toEqual(['idle', false, true]);
  });

  it('of what is not outstanding are nothing', () => {
    const s = system('first');
    s.unit.timedOut(3);
    expect(fsts(s).ITE).toBe(false);
  });
});

describe('completions that nobody waits for', () => {
  it.each([
    ['another tag', SOURCE, 1],
    ['another device', SOURCE + 1, 0],
  ])('%s', (_, source, tag) => {
    const s = system('first');
    const queue = new Submitter(s);
    queue.submit(deviceTlb, wait(0n));
    s.unit.invalidated(source, tag);
    expect([fsts(s).ICE, iqer(s).ICESID, queue.run(), done(s, 0n)]).toEqual([true, source, 'waiting', false]);
  });
});

describe('errors', () => {
  it('leave the head at the descriptor; software puts another in its place and clears IQE', () => {
    const s = system('first');
    const queue = new Submitter(s);
    queue.submit(wait(0n), 15n, wait(1n));
    expect([done(s, 0n), done(s, 1n), fsts(s).IQE, iqer(s).IQEI, s.unit.readRegister(OFFSET.IQH, 8)]).toEqual([true, false, true, 3, 32n]);
    expect(queue.run()).toBe('idle');
    for (let i = 0n; i < 4n; i += 1n) s.memory.poke((QUEUE << 12n) + 32n + 8n * i, (wait(2n) >> (64n * i)) & ((1n << 64n) - 1n));
    s.unit.writeRegister(OFFSET.FSTS, 4, FaultStatus.encode({ IQE: true }));
    expect([queue.run(), done(s, 1n), done(s, 2n)]).toEqual(['idle', true, true]);
  });

  it.each([
    [1, 'a tail beyond the queue', (s: System): void => s.unit.writeRegister(OFFSET.IQT, 8, 0x2000n)],
    [2, 'a queue that cannot be read', (s: System): void => {
      s.memory.damage([QUEUE << 12n], []);
      s.unit.writeRegister(OFFSET.IQT, 8, 0x20n);
    }],
    [5, 'descriptors of 16 bytes in scalable mode', (s: System): void => {
      s.unit.writeRegister(OFFSET.GCMD, 4, GlobalCommand.encode({ TE: true }));
      s.unit.writeRegister(OFFSET.IQA, 8, InvalidationQueueAddress.encode({ IQA: QUEUE }));
      s.unit.writeRegister(OFFSET.GCMD, 4, GlobalCommand.encode({ TE: true, QIE: true }));
      s.unit.writeRegister(OFFSET.IQT, 8, 0x10n);
    }],
    [6, 'a tail in the middle of a descriptor', (s: System): void => s.unit.writeRegister(OFFSET.IQT, 8, 0x30n)],
    [7, 'a root table in abort mode', (s: System): void => {
      s.unit.rootTable |= 3n << 10n;
      s.unit.writeRegister(OFFSET.IQT, 8, 0x20n);
    }],
  ])('%i: %s', (code, _, change) => {
    const s = system('first');
    change(s);
    s.unit.step();
    expect([fsts(s).IQE, iqer(s).IQEI]).toEqual([true, code]);
  });

  it('interrupt as faults do, once until all is cleared, and later where they were masked', () => {
    const s = system('first');
    const message = (): bigint => s.memory.peek(0x1_fee0_1000n);
    s.unit.writeRegister(OFFSET.FEDATA, 4, 0x55n);
    s.unit.writeRegister(OFFSET.FEADDR, 4, 0xfee0_1003n);
    s.unit.writeRegister(OFFSET.FEUADDR, 4, 1n);
    expect(s.unit.readRegister(OFFSET.FECTL, 4)).toBe(0x8000_0000n);
    s.unit.invalidated(SOURCE, 5);
    expect([message(), s.unit.readRegister(OFFSET.FECTL, 4)]).toEqual([0n, 0xc000_0000n]);
    s.unit.writeRegister(OFFSET.FECTL, 4, 0n);
    expect([message(), s.unit.readRegister(OFFSET.FECTL, 4)]).toEqual([0x55n, 0n]);
    s.memory.poke(0x1_fee0_1000n, 0n);
    new Submitter(s).submit(15n);
    expect([message(), fsts(s).ICE, fsts(s).IQE]).toEqual([0n, true, true]);
    s.unit.writeRegister(OFFSET.FSTS, 4, FaultStatus.encode({ ICE: true, IQE: true }));
    s.unit.invalidated(SOURCE, 5);
    expect(message()).toBe(0x55n);
  });

  it('that software has seen do not interrupt when the mask goes', () => {
    const s = system('first');
    s.unit.writeRegister(OFFSET.FEADDR, 4, 0xfee0_0000n);
    s.unit.writeRegister(OFFSET.FEDATA, 4, 0x55n);
    s.unit.invalidated(SOURCE, 5);
    s.unit.writeRegister(OFFSET.FSTS, 4, FaultStatus.encode({ ICE: true }));
    s.unit.writeRegister(OFFSET.FECTL, 4, 0n);
    expect(s.memory.peek(0xfee0_0000n)).toBe(0n);
  });
});

describe('the ring', () => {
  it('wraps, over as many pages as QS says', () => {
    const s = system('first');
    s.unit.writeRegister(OFFSET.GCMD, 4, GlobalCommand.encode({ TE: true }));
    s.unit.writeRegister(OFFSET.IQA, 8, InvalidationQueueAddress.encode({ QS: 1, DW: true, IQA: QUEUE }));
    s.unit.writeRegister(OFFSET.GCMD, 4, GlobalCommand.encode({ TE: true, QIE: true }));
    const place = (offset: bigint, raw: bigint): void => [0n, 1n].forEach((i) => s.memory.poke((QUEUE << 12n) + offset + 8n * i, (raw >> (64n * i)) & ((1n << 64n) - 1n)));
    const nothing = queues.ContextCacheDescriptor.encode({ type: 1, G: 1 });
    for (let offset = 0n; offset < 8192n; offset += 32n) place(offset, nothing);
    place(8160n, wait(0n));
    s.unit.writeRegister(OFFSET.IQT, 8, 8160n);
    while (s.unit.step() === 'ran');
    place(0n, wait(1n));
    s.unit.writeRegister(OFFSET.IQT, 8, 32n);
    while (s.unit.step() === 'ran');
    expect([done(s, 0n), done(s, 1n), s.unit.readRegister(OFFSET.IQH, 8)]).toEqual([true, true, 32n]);
  });

  it('does nothing while it is off, and starts at its first descriptor', () => {
    const s = system('first');
    new Submitter(s).submit(wait(0n));
    s.unit.writeRegister(OFFSET.GCMD, 4, GlobalCommand.encode({ TE: true }));
    s.unit.writeRegister(OFFSET.IQT, 8, 96n);
    expect([s.unit.step(), s.unit.readRegister(OFFSET.IQH, 8)]).toEqual(['idle', 0n]);
  });
});
