// SPDX-License-Identifier: Apache-2.0
/**
 * What an ordering rule is. An architecture is a `RuleTable`: rows of data that
 * say which thread-local sets are joined into which, on which access or fence.
 * Both forms of the machine read the same rows through `ThreadViews`
 * (views.ts); a row knows neither of them, and a new architecture is a new table.
 *
 * A set holds events of one agent (in places of another, see `acq`). "x is in
 * the pre-view of y" is an ordering edge x → y.
 */
import type { AccessOrder } from '../base/port.ts';

/**
 * - `rOld`, `wOld`, `iOld`, `oOld`, `mOld` earlier reads and writes of RAM, MMIO reads (input) and writes (output), cache maintenance
 * - `sOld` earlier streaming stores (x86), `sNew` what must precede later ones
 * - `rOldRet` earlier reads without those of atomics that return nothing (Arm `STADD`)
 * - `rNew` … `mNew` what must precede every later access of that class
 * - `cap` control and address dependencies so far
 * - `rel` earlier RCsc releases (Arm), earlier RCsc-annotated operations (RISC-V)
 * - `acq` what earlier acquires took over from the releasing agent (STRICT)
 * - `rUnlocked`, `wUnlocked` reads and writes of RAM before the last unlock (STRICT)
 */
export const SETS = ['rOld', 'rOldRet', 'wOld', 'iOld', 'oOld', 'mOld', 'rNew', 'wNew', 'iNew', 'oNew', 'mNew', 'sOld', 'sNew', 'cap', 'rel', 'acq', 'rUnlocked', 'wUnlocked'] as const;
export type SetName = (typeof SETS)[number];

/**
 * What a row may take from besides a set.
 * - `event` the access itself; `partner` the read of an exclusive or atomic pair
 * - `addr`, `data` views of the operands; `addrPick`, `dataPick` their pick level (a selection such as CSEL's condition: orders stores, not loads)
 * - `place` own earlier accesses that overlap this one; `lines`, of a read, own earlier maintenance of its line; `channel` own earlier accesses of the same device
 * - `from.*` the own store a read was forwarded from: its operand views, itself, its pair's read, and what its value carries
 * - `released` what the store that was read published (see `publish`)
 */
export const OPERANDS = ['event', 'partner', 'addr', 'addrPick', 'data', 'dataPick', 'place', 'lines', 'channel', 'from.addr', 'from.data', 'from.dataPick', 'from.event', 'from.partner', 'released'] as const;
export type OperandName = (typeof OPERANDS)[number];
export type Source = SetName | OperandName;
export type Target = SetName | 'channel';

/** `r`, `w`: RAM; `i`, `o`: MMIO read (input) and write (output); `m`: cache maintenance. */
export type AccessClass = 'r' | 'w' | 'i' | 'o' | 'm';
/** Every order but `streaming`. */
export const DIRECT: readonly AccessOrder[] = ['plain', 'relaxed', 'acquire', 'acquirePC', 'release', 'releasePC', 'acq_rel', 'full'];
/** How an access came about. `noreturn`: an atomic whose old value nobody gets. */
export type Via = 'plain' | 'exclusive' | 'atomic' | 'noreturn';

/** Whom an edge binds. `cpu`: CPUs agree on it, devices need not. `all`: everyone. Only STRICT has `cpu` edges. */
export type Reach = 'cpu' | 'all';

/** What a rule rests on. `oracle`: outcome sets of a tool written elsewhere; `section`: a cited manual; `choice`: we decided. */
export type Evidence = 'oracle' | 'section' | 'choice';

export interface AccessTrigger {
  readonly access: readonly AccessClass[];
  /** Absent: any. */
  readonly via?: readonly Via[];
  readonly order?: readonly AccessOrder[];
  /** Only reads that took their value from a store of their own agent that has not left it yet. */
  readonly forwarded?: true;
  /** True: only where that store covers some of the bytes and the others come from elsewhere; false: only where it covers all. */
  readonly partial?: boolean;
  /** Of these kinds of store; needs `forwarded`. */
  readonly fromVia?: readonly Via[];
}
/** `fence`: full names. `pred`/`succ`: a RISC-V `fence.PRED.SUCC` whose letters contain these. */
export type Trigger =
  | AccessTrigger
  | { readonly fence: readonly string[] }
  | { readonly pred: AccessClass; readonly succ: AccessClass }
  | { readonly branch: true }
  /** An interrupt is taken; `event` is the view of its message. */
  | { readonly interrupt: 'msi' | 'intx' };

export interface Row {
  /** Unique in its table; what explanations and mutation tests call it. */
  readonly id: string;
  readonly on: Trigger;
  /** Joined into the pre-view: these precede the access. */
  readonly before?: readonly Source[];
  /** After the access: `[from, to]`, the set `to` takes in `from`. */
  readonly join?: readonly (readonly [Source, Target])[];
  /** Joined into the view of the value (or status) the access returns. */
  readonly result?: readonly Source[];
  /** The same at pick level: what only selected the value. */
  readonly resultPick?: readonly Source[];
  /** Joined into what an acquire that reads this store takes over. */
  readonly publish?: readonly Source[];
  /** Default `all`. */
  readonly reach?: Reach;
  /** Only when this switch of the table has this value. */
  readonly when?: readonly [name: string, value: string];
  /** Manual and section, or kernel document. */
  readonly source: string;
  readonly evidence: Evidence;
}

export interface RuleTable {
  readonly id: string;
  readonly title: string;
  readonly rows: readonly Row[];
  /** Fences that exist and order nothing here; any other unknown name is an error. */
  readonly idleFences: readonly string[];
  /** A read returns the agent's own pending store. False for devices, which hold none. */
  readonly forwarding: boolean;
  /** Largest aligned access, in bytes, that is one indivisible event; larger or unaligned ones tear into bytes. */
  readonly singleCopyBytes: 1 | 2 | 4 | 8;
  /** What the manual leaves open, name → value in force. */
  readonly switches: Readonly<Record<string, string>>;
  readonly source: string;
}

/** The table without one row, for mutation tests. The fences it named still exist. */
export function without(table: RuleTable, rowId: string): RuleTable {
  const gone = table.rows.find((row) => row.id === rowId);
  if (gone === undefined) throw new RangeError(`${table.id} has no row ${rowId}`);
  const idleFences = 'fence' in gone.on ? [...table.idleFences, ...gone.on.fence] : table.idleFences;
  return { ...table, idleFences, rows: table.rows.filter((row) => row !== gone) };
}

/** The table with some switches set otherwise. */
export function withSwitches(table: RuleTable, switches: Readonly<Record<string, string>>): RuleTable {
  for (const name of Object.keys(switches)) if (!(name in table.switches)) throw new RangeError(`${table.id} has no switch ${name}`);
  return { ...table, switches: { ...table.switches, ...switches } };
}
