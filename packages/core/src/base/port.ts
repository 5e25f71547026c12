// SPDX-License-Identifier: Apache-2.0
/**
 * The joint between agents and memory. An agent (CPU context, device engine)
 * is a synchronous function of the answers its port gives; it is written once
 * and runs under every form. A form is one implementation of `Port`:
 *
 * - the operational form (machine/) suspends an agent by throwing `Suspend`
 *   out of `op` and re-runs it later with the recorded answers;
 * - the graph form (ordering/graph) answers every op at once, straight through.
 *
 * Hence an agent must be a pure function of its answers: no clock, no chance,
 * no state kept outside except what it rebuilds when re-run.
 */

import type { Site } from './events.ts';

/** Number up to 4 bytes, bigint for 8: the size decides, never the magnitude. */
export type Value = number | bigint;
export type Size = 1 | 2 | 4 | 8;

/** What a location belongs to. `ram` addresses are physical; `mmio` ones are device-relative with the device's id; `irq` is a vector. */
export type Space = 'ram' | 'mmio' | 'irq';

/** Names an earlier load, rmw or exclusive store of the same agent whose answer this operand was computed from: its op ordinal in this agent's run, from 1; 0 = none. */
export type Dep = number;
/** An operand computed from several answers names them all. */
export type Deps = Dep | readonly Dep[];

/**
 * What the address of an access was computed from. `addressPick` names answers
 * that only *selected* it (the condition of an AArch64 CSEL, the compare of a
 * CAS): a pick dependency, which orders stores but not loads.
 */
export interface AddressDeps {
  readonly addressDep?: Deps;
  readonly addressPick?: Deps;
}
/** The same for the value that is written. */
export interface DataDeps {
  readonly dataDep?: Deps;
  readonly dataPick?: Deps;
}

/**
 * Interrupt lines that the CPU lets through, by the numbers of their routes; absent: all that are routed to it. A message on another
 * one stays pending, as in the pending bits of MSI-X (PCI 3.0 §6.8.2), until an operation lets it through.
 */
export interface OpenLines {
  readonly lines?: readonly number[];
}

export interface Place {
  readonly space: Space;
  /** Device id for `mmio` and `irq`; '' for `ram`. */
  readonly owner: string;
  readonly address: number;
  readonly size: Size;
  /**
   * The CPU reaches it through a non-cacheable alias, as it does `dma_alloc_coherent` memory on a non-coherent profile: the access
   * neither hits nor fills a cache line. Without meaning where the device is coherent.
   */
  readonly uncached?: boolean;
}

/**
 * Where messages for an agent lie until it takes them (`await` with `next`): requests and completions on the bus, and, for an agent
 * with `registerWrites`, what CPUs write to its registers. A message is a bigint of any width and never 0. Only the operational form has them.
 */
export const MAILBOX = 0x1_0000_0000;
export const mailbox = (agent: string): Place => ({ space: 'mmio', owner: agent, address: MAILBOX, size: 8 });

/**
 * Ordering class of one access, as the instruction or primitive names it. Rule tables give them meaning. `streaming`: a non-temporal
 * store, or a store to a write-combining mapping; it leaves by a pool of its own that keeps no order.
 */
export type AccessOrder = 'plain' | 'relaxed' | 'acquire' | 'acquirePC' | 'release' | 'releasePC' | 'acq_rel' | 'full' | 'streaming';

/**
 * `site`: where in student code the op came from; present only while somebody replays with sites on. Events carry it, rules never look at it.
 * `context`: the call it belongs to, with its number: `tx/nic_xmit#1`. Choices about the op are keyed `context/name`, so it must not depend on who watches.
 */
export type Op = { readonly site?: Site | null; readonly context?: string } & Operation;

export type Operation =
  /** `exclusive`: opens the monitor (LDXR, LR). */
  /** `buffered`: what was written since the agent's last fence `write-buffers` may still lie in buffers before memory, and not be found. */
  | ({ readonly kind: 'load'; readonly place: Place; readonly order: AccessOrder; readonly exclusive?: boolean; readonly buffered?: boolean; readonly data?: boolean; readonly name?: string } & AddressDeps)
  /** `exclusive`: the answer is 0 when it was done and 1 when not (STXR, SC); otherwise always 0. It may fail at any time. */
  | ({ readonly kind: 'store'; readonly place: Place; readonly value: Value; readonly order: AccessOrder; readonly exclusive?: boolean; readonly data?: boolean; readonly name?: string } & AddressDeps & DataDeps)
  /**
   * `modify` must be pure; returning `undefined` writes nothing (a failed compare). `fromOld`: what is written is computed from the old value (add, not swap).
   * `discard`: the old value goes nowhere (STADD). `comparePick`: answers the compared value came from.
   */
  | ({ readonly kind: 'rmw'; readonly place: Place; readonly order: AccessOrder; readonly modify: (old: Value) => Value | undefined; readonly fromOld?: boolean; readonly discard?: boolean; readonly compares?: boolean; readonly comparePick?: Deps; readonly name?: string } & AddressDeps & DataDeps)
  /** `fence` names a row of the profile's ordering table (`dmb.oshst`, `sfence`, `dma_wmb` on STRICT); `as` the kernel primitive it came from. The row `compiler` exists in every table: no instruction, only the compiler keeps the order. */
  | { readonly kind: 'fence'; readonly fence: string; readonly as?: string }
  /** The value a branch tested came from `dep`, or was selected by `pick`: a control dependency from here on. */
  | { readonly kind: 'branch'; readonly dep: Deps; readonly pick?: Deps }
  | { readonly kind: 'maintain'; readonly operation: 'clean' | 'invalidate' | 'clean+invalidate'; readonly line: number }
  /**
   * Blocks until `until(value)`; counts as a load of the value that satisfied it. Never spins.
   * With `next` (doorbells) the place is a channel: this agent takes its messages one by one in the order in which they arrived, none
   * twice; the initial content counts as the first. The answer is the first one not yet taken that satisfies `until`.
   * `poll` (with `next`): answers 0 where there is no message, instead of waiting.
   * `hoisted`: the compiler has read the place once and for all, and nothing will satisfy `until`; only observers care.
   */
  | ({ readonly kind: 'await'; readonly place: Place; readonly order: AccessOrder; readonly until: (value: Value) => boolean; readonly next?: boolean; readonly poll?: boolean; readonly interruptible?: boolean; readonly hoisted?: boolean; readonly name?: string } & AddressDeps & OpenLines)
  /** CPUs ask this before each op while interrupts are on: `vector + 1` to take now, 0 for none. Taking it orders as the MSI rule says. */
  | ({ readonly kind: 'interrupt' } & OpenLines)
  /** A CPU with nothing left to do: `vector + 1` of an interrupt to take, 0 when nothing will ever happen again. */
  | ({ readonly kind: 'idle' } & OpenLines)
  /** Something this agent's specification leaves open. Answer as a number. */
  | { readonly kind: 'choose'; readonly choice: 'fault' | 'device'; readonly key: string; readonly width: number; readonly label: (answer: number) => string };

/** One form of memory, seen by one agent. */
export interface Port {
  /**
   * Performs the next operation of this agent and returns its answer: the
   * value of a load, await or rmw (the old value), the status of an exclusive store, the answer of a choose,
   * 0 otherwise; -1 from an interruptible await that an interrupt woke. May throw `Suspend`; an agent must let it pass.
   */
  op(op: Op): Value;
  /** Ordinal of the op performed last in this run, for `Dep`. */
  readonly ordinal: number;
  /** The agent that it belongs to. Absent in forms without mailboxes. */
  readonly id?: string;
  /** Tells observers, and nobody else. Absent when nobody watches. */
  readonly note?: ((kind: string, fields: Record<string, unknown>) => void) | undefined;
}

export interface Agent {
  readonly id: string;
  readonly kind: 'cpu' | 'device';
  /**
   * `mailbox`: what CPUs write to its registers comes as messages, in order with all others. A CPU's read waits until the writes that
   * arrived before are dealt with, and finds what the agent itself has stored there. Absent: a write is the register's new content.
   */
  readonly registerWrites?: 'mailbox';
  /** What people see it as, where kind does not say it. */
  readonly role?: 'iommu';
  /** Whether it looks into the CPUs' caches. Absent: CPUs do, and devices where the profile's are coherent. */
  readonly snoops?: boolean;
  /** Runs the agent to its end, straight through or again from its start. */
  run(port: Port): void;
}

/** Thrown by a form through an agent to stop it; the agent will be run again with the same answers. */
export class Suspend extends Error {
  override readonly name = 'Suspend';
}

/** For forms that stop agents by the thousand: one object, since making an Error records a stack. */
export const SUSPEND = new Suspend('the agent is run again later');

/** Thrown by an agent that gives up (a loop past its bound): the form drops this execution and reports that it was incomplete. */
export class Abandon extends Error {
  override readonly name = 'Abandon';
}

/**
 * Thrown by an agent whose own program went wrong (student code threw, dereferenced a wild pointer, ran out of fuel): the run ends
 * there with reason `error` and this message. Not ours, hence not an InvariantError.
 */
export class AgentFault extends Error {
  override readonly name = 'AgentFault';
  readonly site: Site | null;
  constructor(message: string, site: Site | null = null) {
    super(message);
    this.site = site;
  }
}
