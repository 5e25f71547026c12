// SPDX-License-Identifier: Apache-2.0
/** The unit as PCIe and the machine see it: answers, accesses on their way, fences, messages, wires. */
import { describe, expect, it } from 'vitest';
import type { DmaRequest, PageRequestMessage, UnitMessage } from '../unit.ts';
import { AtsCommand, IofenceCommand, IotinvalCommand, PageRequestRecord } from './records.ts';
import { OFFSET } from './registers.ts';
import { messageOf, outsideOf } from './remapping.ts';
import { EVERYTHING, System } from './system.test-support.ts';

const PAGE = 0x10n;
const FENCE = { opcode: 2, func3: 0 };
const INVALIDATE = IotinvalCommand.encode({ opcode: 1, func3: 0 });

function system(): System {
  const made = new System();
  const root = made.frames();
  made.map(root, 3, PAGE, 0x2000n);
  made.map(root, 3, 0x11n, 0x2001n, { W: false });
  made.device(1, { fsc_MODE: 8, fsc_PPN: root, PSCID: 1, EN_ATS: true, EN_PRI: true });
  return made;
}
const request = (more: Partial<DmaRequest> = {}): DmaRequest => ({ source: 1, pasid: null, type: 'untranslated', write: false, execute: false, privileged: false, noWrite: false, address: (PAGE << 12n) | 0x128n, ...more });
function let1(made: System, write: boolean): number {
  const answer = made.unit.serve(request({ write }));
  if (answer.kind !== 'memory' || answer.ticket === 0) throw new Error('the access should be on its way');
  return answer.ticket;
}

describe('a served request', () => {
  it.each([
    [{}, { kind: 'memory', address: 0x200_0128n, span: 12, ats: null }],
    [{ type: 'ats' }, { kind: 'memory', address: 0x200_0128n, span: 12, ticket: 0, ats: { read: true, write: true, execute: false, privileged: false, global: false, untranslatedOnly: false, noSnoop: false } }],
    [{ type: 'ats', address: 0x1_1000n }, { kind: 'memory', ats: { read: true, write: false } }],
    [{ type: 'ats', address: 0x9_9000n }, { kind: 'denied' }],
    [{ type: 'translated', address: 0x1234_5678n }, { kind: 'memory', address: 0x1234_5678n, ats: null }],
    [{ address: 0x1_1000n, write: true }, { kind: 'refused', status: 'unsupported-request' }],
    [{ source: 2, type: 'ats' }, { kind: 'refused', status: 'unsupported-request' }],
  ] as const)('%o is answered %o', (asked, answer) => {
    expect(system().unit.serve(request(asked))).toMatchObject(answer);
  });

  it('that ends in a table outside memory is a completer abort for ATS', () => {
    const made = system();
    made.device(3, { fsc_MODE: 8, fsc_PPN: 0xfff_ffff_ffffn, EN_ATS: true });
    expect(made.unit.serve(request({ source: 3, type: 'ats' }))).toEqual({ kind: 'refused', status: 'completer-abort' });
  });

  it('to an interrupt file is an interrupt when it writes; in memory, with its notice', () => {
    const made = system();
    const [table, second] = [made.frames(), made.frames(4n)];
    made.put(table << 12n, 7n | (0x3000n << 10n), 2);
    made.put((table << 12n) + 16n, ((0x5n | (1n << 60n) | (0x77n << 10n)) << 64n) | 3n | (0x1234n << 7n), 2);
    made.device(4, { iohgatp_MODE: 8, iohgatp_PPN: second, msiptp_MODE: 1, msiptp_PPN: table, msi_addr_mask: 1n, msi_addr_pattern: 0x700n, EN_ATS: true });
    expect(made.unit.serve(request({ source: 4, write: true, address: 0x70_0004n }))).toEqual({ kind: 'interrupt', address: 0x300_0004n });
    expect(made.unit.serve(request({ source: 4, address: 0x70_0004n }))).toMatchObject({ kind: 'memory', address: 0x300_0004n });
    expect(made.unit.serve(request({ source: 4, write: true, address: 0x70_1004n }))).toEqual({ kind: 'interrupt', address: 0x1234n << 9n, resident: { notice: 0x7_7000n, noticeId: 0x405 } });
    expect(made.unit.serve(request({ source: 4, type: 'ats', address: 0x70_1000n }))).toMatchObject({ kind: 'memory', ats: { read: true, write: true, untranslatedOnly: true } });
  });
});

describe('IOFENCE.C', () => {
  it.each([
    [{ PR: true }, false, 'waiting'],
    [{ PR: true }, true, 'ran'],
    [{ PW: true }, true, 'waiting'],
    [{ PW: true }, false, 'ran'],
    [{ PR: true, PW: true }, true, 'waiting'],
    [{}, true, 'ran'],
  ] as const)('with %o and an access on its way (write: %s) is %s', (bits, write, outcome) => {
    const made = system();
    const ticket = let1(made, write);
    made.queue(INVALIDATE);
    made.queue(IofenceCommand.encode({ ...FENCE, ...bits }));
    expect(made.unit.step()).toBe('ran');
    expect(made.unit.step()).toBe(outcome);
    expect(made.unit.readRegister(OFFSET.cqh, 4)).toBe(outcome === 'ran' ? 2n : 1n);
    made.unit.landed(ticket);
    expect(made.unit.step()).toBe(outcome === 'ran' ? 'idle' : 'ran');
    expect(made.unit.readRegister(OFFSET.cqh, 4)).toBe(2n);
  });

  it('waits for what was let through before it, and for nothing after', () => {
    const made = system();
    const early = let1(made, true);
    made.queue(INVALIDATE);
    made.queue(IofenceCommand.encode({ ...FENCE, PW: true, AV: true, ADDR: 0x9000n >> 2n, DATA: 0x77 }));
    made.unit.step();
    expect(made.unit.step()).toBe('waiting');
    expect(made.memory.peek(0x9000n)).toBe(0n);
    expect(made.ordered).toEqual([]);
    const late = let1(made, true);
    made.unit.landed(early);
    expect(made.unit.step()).toBe('ran');
    expect(made.memory.peek(0x9000n)).toBe(0x77n);
    expect(made.ordered).toEqual([[false, true]]);
    made.queue(IofenceCommand.encode({ ...FENCE, PW: true }));
    expect(made.unit.step()).toBe('waiting');
    made.unit.landed(late);
    made.unit.landed(late);
    made.unit.landed(0);
    expect(made.unit.step()).toBe('ran');
  });

  it('is forgotten with the queue, and begins anew with it', () => {
    const made = system();
    const ticket = let1(made, false);
    made.queue(IofenceCommand.encode({ ...FENCE, PR: true }));
    expect(made.unit.step()).toBe('waiting');
    made.unit.writeRegister(OFFSET.cqcsr, 4, 0n);
    expect(made.unit.step()).toBe('idle');
    made.unit.landed(ticket);
    const later = let1(made, false);
    made.unit.writeRegister(OFFSET.cqcsr, 4, 1n);
    made.unit.writeRegister(OFFSET.cqt, 4, 1n);
    expect(made.unit.step()).toBe('waiting');
    made.unit.landed(later);
    expect(made.unit.step()).toBe('ran');
  });

  it('waits for functions; a late completion releases it, a wrong one does not, a time-out stops the queue there', () => {
    const invalidate = AtsCommand.encode({ opcode: 4, func3: 0, RID: 0x108, payload: 0n });
    const made = system();
    made.queue(invalidate);
    made.queue(IofenceCommand.encode(FENCE));
    expect([made.unit.step(), made.unit.step(), made.unit.step()]).toEqual(['ran', 'waiting', 'waiting']);
    made.unit.invalidated(0x109, 0);
    made.unit.invalidated(0x108, 1);
    made.unit.invalidated(0x2_0108, 0);
    expect(made.unit.step()).toBe('waiting');
    made.unit.invalidated(0x108, 0);
    expect([made.unit.step(), made.unit.step()]).toEqual(['ran', 'idle']);

    made.queue(invalidate);
    made.queue(IofenceCommand.encode(FENCE));
    made.unit.step();
    made.unit.timedOut(1);
    expect(made.unit.step()).toBe('waiting');
    made.unit.timedOut(0);
    expect([made.unit.step(), made.unit.step()]).toEqual(['ran', 'idle']);
    expect(made.unit.readRegister(OFFSET.cqcsr, 4)).toBe(0x1_0201n);
    expect(made.unit.readRegister(OFFSET.cqh, 4)).toBe(3n);
    made.unit.writeRegister(OFFSET.cqcsr, 4, 0x201n);
    expect([made.unit.step(), made.unit.readRegister(OFFSET.cqh, 4)]).toEqual(['ran', 4n]);
  });

  it('holds up an invalidation that finds no tag, which is then tried again', () => {
    const made = system();
    for (const RID of [1, 2, 3]) made.queue(AtsCommand.encode({ opcode: 4, func3: 0, RID, payload: 0n }));
    expect([made.unit.step(), made.unit.step(), made.unit.step()]).toEqual(['ran', 'ran', 'waiting']);
    made.unit.invalidated(1, 0);
    expect(made.unit.step()).toBe('ran');
    expect(made.messages.map(({ requester, tag }) => [requester, tag])).toEqual([[1, 0], [2, 1], [3, 0]]);
  });
});

describe('ddtp', () => {
  it('is busy after a switch to Off until what was let through has landed', () => {
    const made = system();
    const busy = (): bigint => (made.unit.readRegister(OFFSET.ddtp, 8) >> 4n) & 1n;
    const tickets = [let1(made, true), let1(made, false)];
    expect(busy()).toBe(0n);
    made.unit.writeRegister(OFFSET.ddtp, 8, 0n);
    expect(made.unit.serve(request())).toEqual({ kind: 'refused', status: 'unsupported-request' });
    const states = tickets.map((ticket) => {
      const was = busy();
      made.unit.landed(ticket);
      return was;
    });
    expect([...states, busy()]).toEqual([1n, 1n, 0n]);
    made.unit.writeRegister(OFFSET.ddtp, 8, 2n | (0x10n << 10n));
    let1(made, true);
    expect(busy()).toBe(0n);
  });
});

describe('one command at a time', () => {
  it('stops at an illegal one until its error is cleared', () => {
    const made = system();
    made.queue(0x7fn);
    made.queue(INVALIDATE);
    expect([made.unit.step(), made.unit.step()]).toEqual(['ran', 'idle']);
    expect(made.unit.readRegister(OFFSET.cqcsr, 4)).toBe(0x1_0401n);
  });
});

describe('messages', () => {
  const base = { tag: 3, requester: 0x108, processId: 5, segment: 2 };
  it.each([
    [{ code: 1, payload: 0x1234_5000n }, { kind: 'invalidate', source: 0x2_0108, pasid: 5, tag: 3, address: 0x1234_5000n, span: 12, global: false }],
    [{ code: 1, payload: 0x1234_4801n }, { kind: 'invalidate', address: 0x1234_4000n, span: 13, global: true }],
    [{ code: 1, payload: 0x1231_f800n }, { kind: 'invalidate', address: 0x1230_0000n, span: 18 }],
    [{ code: 1, payload: 0x7fff_ffff_ffff_f800n }, { kind: 'invalidate', address: 0n, span: 64 }],
    [{ code: 1, payload: 0xffff_ffff_ffff_f800n }, { kind: 'invalidate', address: 0n, span: 64 }],
    [{ code: 5, payload: 0x0108_0021_0000_0000n }, { kind: 'page-response', source: 0x2_0108, pasid: 5, group: 0x21, code: 'success' }],
    [{ code: 5, payload: 0x1021_0000_0000n }, { kind: 'page-response', code: 'invalid' }],
    [{ code: 5, payload: 0xf021_0000_0000n }, { kind: 'page-response', code: 'failure' }],
    [{ code: 5, payload: 0x2021_0000_0000n }, { kind: 'page-response', code: 'failure' }],
  ] as const)('%o is told as %o', (message, told) => {
    expect(messageOf({ ...base, ...message })).toMatchObject(told);
  });

  it('and wires go where those of all units go', () => {
    const sent: UnitMessage[] = [];
    const wires: string[] = [];
    const outside = outsideOf({ send: (message) => sent.push(message), wire: (cause) => wires.push(cause) });
    outside.send({ code: 1, payload: 0n, ...base });
    outside.wire?.('fault queue');
    expect([sent.length, wires]).toEqual([1, ['fault queue']]);
  });

  it('a page request is queued with its source, its group and its page', () => {
    const made = system();
    const queue = made.frames();
    made.unit.writeRegister(OFFSET.pqb, 8, (queue << 10n) | 3n);
    made.unit.writeRegister(OFFSET.pqcsr, 4, 1n);
    const message: PageRequestMessage = { source: 1, pasid: 0x54321, privileged: true, execute: false, read: true, write: true, last: true, group: 0x1ab, address: 0x7777_7000n };
    made.unit.page(message);
    const raw = made.memory.peek(queue << 12n) | (made.memory.peek((queue << 12n) + 8n) << 64n);
    expect(PageRequestRecord.decode(raw)).toMatchObject({ PID: 0x54321, PV: true, PRIV: true, EXEC: false, DID: 1 });
    expect(raw >> 64n).toBe(0x7777_7000n | (0x1abn << 3n) | 7n);
    // The id has more bits than the directory has levels for: cause 260.
    made.unit.page({ ...message, source: 0x3_0002, pasid: null, read: false });
    expect(made.messages.map(messageOf)).toEqual([{ kind: 'page-response', source: 0x3_0002, pasid: null, group: 0x1ab, code: 'invalid' }]);
  });
});

describe('wires', () => {
  it('are raised once for what becomes pending', () => {
    const made = new System({ fctl: 2, capabilities: EVERYTHING });
    made.unit.writeRegister(OFFSET.fqcsr, 4, 3n);
    made.ask(9, PAGE);
    made.ask(9, PAGE);
    expect(made.wires).toEqual(['fault queue']);
    made.unit.writeRegister(OFFSET.ipsr, 4, 2n);
    made.ask(9, PAGE);
    made.unit.writeRegister(OFFSET.cqcsr, 4, 3n);
    made.command(IofenceCommand.encode({ ...FENCE, WSI: true }));
    expect(made.wires).toEqual(['fault queue', 'fault queue', 'command queue']);
  });
});
