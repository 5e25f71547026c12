// SPDX-License-Identifier: Apache-2.0
/**
 * Which packet may pass which, as the table of PCIe 5.0, "Transaction Ordering
 * Rules". A row is the packet that comes later, a column the one before it in
 * the same traffic class. `no`: it stays behind. `may`: it is free to pass.
 * `must`: it has to pass where the other is stuck, or the fabric deadlocks.
 */
import type { Tlp } from './tlp.ts';

/** Posted requests (memory writes, messages), reads, other non-posted requests (AtomicOps, I/O and configuration writes), completions. */
export type OrderingClass = 'posted' | 'read' | 'non-posted with data' | 'completion';

/** What the rules look at in a packet. */
export interface Ordered {
  readonly class: OrderingClass;
  readonly relaxed: boolean;
  readonly ido: boolean;
  /** Who sent it: the requester of a request, the completer of a completion. */
  readonly sender: number;
  readonly pasid: number | null;
  /** Of a completion: the request that it answers, by requester and tag. */
  readonly transaction?: string;
  /** Of a completion: it answers an I/O or configuration write. */
  readonly ofWrite?: boolean;
}

/** What makes an exception. */
export type Exception =
  /** The later one has Relaxed Ordering. */
  | 'relaxed'
  /** The later one has ID-based Ordering, and another sender or another PASID than the earlier one. */
  | 'other stream'
  /** The later one completes an I/O or configuration write. */
  | 'of a write'
  /** They complete different requests. */
  | 'other transaction';

export interface OrderingCell {
  /** As the table of the specification names it. */
  readonly id: string;
  readonly row: OrderingClass;
  readonly column: OrderingClass;
  readonly rule: 'no' | 'may' | 'must';
  /** Where one holds, a `no` becomes a `may`. */
  readonly unless: readonly Exception[];
  readonly why: string;
}

const cell = (id: string, row: OrderingClass, column: OrderingClass, rule: OrderingCell['rule'], why: string, unless: readonly Exception[] = []): OrderingCell => ({ id, row, column, rule, unless, why });
const AFTER_POSTED = 'what was written before it must be there when it is seen';
const FREE = 'neither order means anything';

export const ORDERING: readonly OrderingCell[] = [
  cell('A2', 'posted', 'posted', 'no', 'data first, then the flag that says so', ['relaxed', 'other stream']),
  cell('A3', 'posted', 'read', 'must', 'a read that waits must not hold up writes'),
  cell('A4', 'posted', 'non-posted with data', 'must', 'a request that waits must not hold up writes'),
  cell('A5', 'posted', 'completion', 'may', FREE),
  cell('B2', 'read', 'posted', 'no', 'a read pushes the writes before it', ['other stream']),
  cell('B3', 'read', 'read', 'may', FREE),
  cell('B4', 'read', 'non-posted with data', 'may', FREE),
  cell('B5', 'read', 'completion', 'may', FREE),
  cell('C2', 'non-posted with data', 'posted', 'no', AFTER_POSTED, ['relaxed', 'other stream']),
  cell('C3', 'non-posted with data', 'read', 'may', FREE),
  cell('C4', 'non-posted with data', 'non-posted with data', 'may', FREE),
  cell('C5', 'non-posted with data', 'completion', 'may', FREE),
  cell('D2', 'completion', 'posted', 'no', AFTER_POSTED, ['relaxed', 'other stream', 'of a write']),
  cell('D3', 'completion', 'read', 'must', 'whoever waits for it may be what the request waits for'),
  cell('D4', 'completion', 'non-posted with data', 'must', 'whoever waits for it may be what the request waits for'),
  cell('D5', 'completion', 'completion', 'no', 'the completions of one read come in the order of their addresses', ['other transaction']),
];

const CELLS: ReadonlyMap<string, OrderingCell> = new Map(ORDERING.map((one) => [`${one.row}/${one.column}`, one]));

/** The cell for two packets, and the exception that holds, if one does. */
export function ruleFor(later: Ordered, earlier: Ordered): { readonly cell: OrderingCell; readonly exception: Exception | null } {
  const found = CELLS.get(`${later.class}/${earlier.class}`);
  if (found === undefined) throw new RangeError(`no rule for a ${later.class} behind a ${earlier.class}`);
  return { cell: found, exception: found.unless.find((exception) => holds(exception, later, earlier)) ?? null };
}

/** Whether the later packet may be delivered first. */
export function mayPass(later: Ordered, earlier: Ordered): boolean {
  const { cell: { rule }, exception } = ruleFor(later, earlier);
  return rule !== 'no' || exception !== null;
}

/** Whether the later packet has to be able to be delivered first. */
export const mustPass = (later: Ordered, earlier: Ordered): boolean => ruleFor(later, earlier).cell.rule === 'must';

function holds(exception: Exception, later: Ordered, earlier: Ordered): boolean {
  switch (exception) {
    case 'relaxed':
      return later.relaxed;
    case 'other stream':
      return later.ido && (later.sender !== earlier.sender || (later.pasid !== null && earlier.pasid !== null && later.pasid !== earlier.pasid));
    case 'of a write':
      return later.ofWrite === true;
    case 'other transaction':
      return later.transaction !== earlier.transaction;
  }
}

/** A packet as the rules see it. */
export function orderedOf(tlp: Tlp): Ordered {
  const common = { relaxed: tlp.relaxed ?? false, ido: tlp.ido ?? false, pasid: tlp.pasid?.pasid ?? null } as const;
  switch (tlp.kind) {
    case 'write':
    case 'invalidate-request':
    case 'invalidate-completion':
    case 'page-request':
    case 'page-response':
      return { ...common, class: 'posted', sender: tlp.requester };
    case 'read':
    case 'translation-request':
      return { ...common, class: 'read', sender: tlp.requester };
    case 'atomic':
      return { ...common, class: 'non-posted with data', sender: tlp.requester };
    case 'completion':
      return { ...common, class: 'completion', sender: tlp.completer, transaction: `${tlp.requester}/${tlp.tag}` };
  }
}
