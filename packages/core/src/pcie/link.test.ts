// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Link } from './link.ts';
import { mayPass, mustPass, ORDERING, orderedOf, ruleFor, type Exception, type Ordered, type OrderingClass } from './ordering.ts';
import type { Tlp } from './tlp.ts';

const CLASSES: readonly OrderingClass[] = ['posted', 'read', 'non-posted with data', 'completion'];
const plain = (cls: OrderingClass, over: Partial<Ordered> = {}): Ordered => ({ class: cls, relaxed: false, ido: false, sender: 1, pasid: null, ...(cls === 'completion' ? { transaction: '1/1' } : {}), ...over });

/** Every order in which a link can deliver what was sent; the complete set. */
function outcomes<T>(packets: readonly T[], orderedOfPacket: (packet: T) => Ordered): string[] {
  const found = new Set<string>();
  const explore = (answers: readonly number[]): void => {
    const link = new Link(orderedOfPacket);
    for (const packet of packets) link.send(packet);
    const widths: number[] = [];
    const out: number[] = [];
    for (let packet = link.deliver(pick); packet !== null; packet = link.deliver(pick)) out.push(packets.indexOf(packet));
    function pick(width: number): number {
      widths.push(width);
      return answers[widths.length - 1] ?? 0;
    }
    found.add(out.map((i) => 'abcdef'[i]).join(''));
    for (let i = answers.length; i < widths.length; i += 1) {
      for (let answer = 1; answer < (widths[i] ?? 0); answer += 1) explore([...answers, ...Array.from({ length: i - answers.length }, () => 0), answer]);
    }
  };
  explore([]);
  return [...found].sort();
}
const ofTwo = (earlier: Ordered, later: Ordered): string[] => outcomes([earlier, later], (packet) => packet);

describe('the table (PCIe 5.0, "Transaction Ordering Rules")', () => {
  it('has a cell for every two classes', () => {
    expect(ORDERING.map(({ row, column }) => `${row}/${column}`).sort()).toEqual(CLASSES.flatMap((row) => CLASSES.map((column) => `${row}/${column}`)).sort());
  });

  // The table once more, as people read it: rows A to D, columns 2 to 5; N no, y may, Y must.
  const EXPECTED = { A: 'NYYy', B: 'Nyyy', C: 'Nyyy', D: 'NYYN' } as const;
  it.each(Object.entries(EXPECTED).flatMap(([row, cells]) => [...cells].map((rule, i) => [`${row}${i + 2}`, rule] as const)))('%s is %s, in the table and on the link', (id, rule) => {
    const cell = ORDERING.find((one) => one.id === id);
    expect(cell).toBeDefined();
    if (cell === undefined) return;
    const [earlier, later] = [plain(cell.column), plain(cell.row)];
    expect(mayPass(later, earlier)).toBe(rule !== 'N');
    expect(mustPass(later, earlier)).toBe(rule === 'Y');
    expect(ofTwo(earlier, later)).toEqual(rule === 'N' ? ['ab'] : ['ab', 'ba']);
    // The earlier one is stuck: what must pass it comes out, what must not pass it does not.
    const link = new Link<Ordered>((packet) => packet);
    link.stuck.add(earlier.class);
    link.send(earlier);
    link.send(later);
    const out = link.deliver(() => 0);
    if (rule === 'Y') expect(out).toBe(later);
    if (rule === 'N') expect(out).toBeNull();
  });

  const EXCEPTIONS: readonly [Exception, Partial<Ordered>, Partial<Ordered>][] = [
    ['relaxed', {}, { relaxed: true }],
    ['other stream', {}, { ido: true, sender: 2 }],
    ['other stream', { pasid: 5 }, { ido: true, pasid: 6 }],
    ['of a write', {}, { ofWrite: true }],
    ['other transaction', {}, { transaction: '1/2' }],
  ];
  it.each(ORDERING.flatMap((cell) => EXCEPTIONS.map((exception) => [cell.id, exception[0], cell, exception] as const)))('%s, %s', (_, name, cell, [, before, after]) => {
    const [earlier, later] = [plain(cell.column, before), plain(cell.row, after)];
    const expected = cell.rule !== 'no' || cell.unless.includes(name);
    expect(ofTwo(earlier, later)).toEqual(expected ? ['ab', 'ba'] : ['ab']);
    expect(ruleFor(later, earlier).exception).toBe(cell.unless.includes(name) ? name : null);
  });

  it.each<[string, Partial<Ordered>, Partial<Ordered>]>([
    ['Relaxed Ordering of the earlier one', { relaxed: true }, {}],
    ['ID-based Ordering of the earlier one', { ido: true, sender: 2 }, {}],
    ['ID-based Ordering of the same sender', {}, { ido: true }],
    ['ID-based Ordering where only one has a PASID', { pasid: 5 }, { ido: true }],
    ['ID-based Ordering with the same PASID', { pasid: 5 }, { ido: true, pasid: 5 }],
  ])('%s gives nothing', (_, before, after) => {
    expect(ofTwo(plain('posted', before), plain('posted', after))).toEqual(['ab']);
  });

  it('Relaxed Ordering lets no read pass a write', () => {
    expect(ofTwo(plain('posted'), plain('read', { relaxed: true }))).toEqual(['ab']);
  });
});

describe('what drivers rely on: every order that can come out', () => {
  const write = (address: bigint, over: Partial<Tlp> = {}): Tlp => ({ kind: 'write', requester: 1, tag: 0, address, data: new Uint8Array(4), at: 'untranslated', ...over }) as Tlp;
  const read: Tlp = { kind: 'read', requester: 1, tag: 1, address: 0n, length: 4, at: 'untranslated' };
  const all = (...packets: readonly Tlp[]): string[] => outcomes(packets, orderedOf);

  it('data, then the flag: the flag is never seen first', () => {
    expect(all(write(0n), write(8n))).toEqual(['ab']);
  });
  it('data, then the flag with Relaxed Ordering: it may be', () => {
    expect(all(write(0n), write(8n, { relaxed: true }))).toEqual(['ab', 'ba']);
  });
  it('data with Relaxed Ordering, then the flag without: never', () => {
    expect(all(write(0n, { relaxed: true }), write(4n, { relaxed: true }), write(8n))).toEqual(['abc', 'bac']);
  });
  it('an interrupt message is a write: it comes behind the data', () => {
    expect(all(write(0n), write(0xfee0_0000n))).toEqual(['ab']);
  });
  it('a read fetches nothing from before the writes that it follows, and holds up none that follow it', () => {
    expect(all(write(0n), read, write(8n))).toEqual(['abc', 'acb']);
  });
  it('two reads come out in any order: a device that needs one waits for its completion', () => {
    expect(all(read, { ...read, tag: 2, address: 8n })).toEqual(['ab', 'ba']);
  });
  it('the completion of a CPU\'s read of a register comes behind what the device wrote before', () => {
    expect(all(write(0n), { kind: 'completion', requester: 0, tag: 7, completer: 1, status: 'success', byteCount: 4, lowerAddress: 0, data: new Uint8Array(4) })).toEqual(['ab']);
  });
  it('an invalidate completion pushes the writes that used the old translation', () => {
    expect(all(write(0n, { at: 'translated' } as Partial<Tlp>), { kind: 'invalidate-completion', requester: 1, device: 0, itags: 1, count: 1 })).toEqual(['ab']);
  });
  it('a stop marker comes behind the page requests', () => {
    const page: Tlp = { kind: 'page-request', requester: 1, address: 0x1000n, read: true, write: false, last: true, group: 0, pasid: { pasid: 5, execute: false, privileged: false } };
    expect(all(page, { ...page, read: false, address: 0n })).toEqual(['ab']);
  });
  it('AtomicOps come behind writes, and pass each other', () => {
    const atomic = (tag: number): Tlp => ({ kind: 'atomic', requester: 1, tag, operation: 'fetch-add', address: 0n, data: new Uint8Array(4), at: 'untranslated' });
    expect(all(write(0n), atomic(1), atomic(2))).toEqual(['abc', 'acb']);
  });
});
