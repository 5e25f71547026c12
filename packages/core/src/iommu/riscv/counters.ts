// SPDX-License-Identifier: Apache-2.0
/**
 * Performance counters: one for cycles, and some that count events of requests,
 * of those that a filter by ids lets pass. There is no clock here: whoever runs
 * the unit says how many cycles went by.
 */
import type { Owner } from './caches.ts';
import { CounterEvent, CycleCounter } from './counter-registers.ts';
import { OFFSET } from './registers.ts';
import { ATS, TRANSLATED } from './request.ts';

const ALL = (1n << 64n) - 1n;
/** OF of iohpmcycles, and of every iohpmevt. */
const OVERFLOWED = CycleCounter.encode({ OF: true });
const WORDS = 31;

/** "Standard events list". */
const UNTRANSLATED_REQUEST = 1;
const TRANSLATED_REQUEST = 2;
const ATS_REQUEST = 3;
const TLB_MISS = 4;
const DEVICE_WALK = 5;
const PROCESS_WALK = 6;
const FIRST_WALK = 7;
const SECOND_WALK = 8;

interface Selector {
  readonly raw: bigint;
  readonly event: number;
  /** Filters by device and process id, or by GSCID and PSCID. */
  readonly byContext: boolean;
  /** -1: any. */
  readonly process: number;
  readonly device: number;
  /** Bits of `device` that are not compared. */
  readonly masked: number;
}

const IDLE: Selector = { raw: 0n, event: 0, byContext: false, process: -1, device: -1, masked: 0 };

export class Counters {
  /** Set bits stop counting; bit 0 the cycles. */
  inhibited = 0;
  #cycles = 0n;
  readonly #values: bigint[];
  readonly #selectors: Selector[];
  readonly #overflowed: () => void;
  #deviceId = 0;
  #processId = -1;

  /** @param count programmable counters, 1 to 31; `overflowed` is called when an OF bit goes from 0 to 1 */
  constructor(count: number, overflowed: () => void) {
    this.#values = new Array<bigint>(count + 1).fill(0n);
    this.#selectors = new Array<Selector>(count + 1).fill(IDLE);
    this.#overflowed = overflowed;
  }

  /** So many cycles of the unit's clock went by. */
  elapse(cycles: number): void {
    if ((this.inhibited & 1) !== 0) return;
    const sum = (this.#cycles & ~OVERFLOWED) + BigInt(cycles);
    const was = this.#cycles & OVERFLOWED;
    const over = sum >= OVERFLOWED;
    this.#cycles = (sum & ~OVERFLOWED) | (over ? OVERFLOWED : was);
    if (over && was === 0n) this.#overflowed();
  }

  /** Whose events follow. */
  subject(deviceId: number, processId: number): void {
    this.#deviceId = deviceId;
    this.#processId = processId;
  }

  request(deviceId: number, processId: number, flags: number): void {
    this.subject(deviceId, processId);
    this.#count((flags & ATS) !== 0 ? ATS_REQUEST : (flags & TRANSLATED) !== 0 ? TRANSLATED_REQUEST : UNTRANSLATED_REQUEST, 1, null);
  }

  deviceWalk(): void {
    this.#count(DEVICE_WALK, 1, null);
  }

  processWalk(): void {
    this.#count(PROCESS_WALK, 1, null);
  }

  miss(owner: Owner): void {
    this.#count(TLB_MISS, 1, owner);
  }

  firstWalk(owner: Owner): void {
    this.#count(FIRST_WALK, 1, owner);
  }

  secondWalks(times: number, owner: Owner): void {
    this.#count(SECOND_WALK, times, owner);
  }

  /** `owner` null: the event is not told apart by GSCID and PSCID. */
  #count(event: number, times: number, owner: Owner | null): void {
    if (times === 0) return;
    for (let i = 1; i < this.#values.length; i += 1) {
      const selector = this.#selectors[i] ?? IDLE;
      if (selector.event !== event || ((this.inhibited >>> i) & 1) !== 0 || !this.#passes(selector, owner)) continue;
      const sum = (this.#values[i] ?? 0n) + BigInt(times);
      this.#values[i] = sum & ALL;
      if (sum > ALL && (selector.raw & OVERFLOWED) === 0n) {
        this.#selectors[i] = { ...selector, raw: selector.raw | OVERFLOWED };
        this.#overflowed();
      }
    }
  }

  /** "Filtering options": an id that the event or the request does not have matches nothing. */
  #passes(of: Selector, owner: Owner | null): boolean {
    if (of.byContext && owner === null) return false;
    const process = of.byContext ? (owner?.pscid ?? -1) : this.#processId;
    const device = of.byContext ? (owner?.gscid ?? -1) : this.#deviceId;
    return (of.process < 0 || of.process === process) && (of.device < 0 || (device >= 0 && ((of.device ^ device) & ~of.masked) === 0));
  }

  /** Registers from iocountovf to the last iohpmevt, by byte offset: 4 bytes up to iocountinh, then 8. */
  read(offset: number): bigint {
    if (offset === OFFSET.iocountovf) return BigInt(this.#overflowBits());
    if (offset === OFFSET.iocountinh) return BigInt(this.inhibited >>> 0);
    if (offset === OFFSET.iohpmcycles) return this.#cycles;
    const { values, at } = place(offset);
    return values ? (this.#values[at] ?? 0n) : (this.#selectors[at]?.raw ?? 0n);
  }

  write(offset: number, value: bigint): void {
    if (offset === OFFSET.iocountinh) this.inhibited = Number(value) & (2 ** this.#values.length - 1);
    else if (offset === OFFSET.iohpmcycles) this.#cycles = CycleCounter.encode(CycleCounter.decode(value));
    else if (offset > OFFSET.iohpmcycles) {
      const { values, at } = place(offset);
      if (at >= this.#values.length) return;
      if (values) this.#values[at] = value;
      else this.#selectors[at] = selector(value);
    }
  }

  #overflowBits(): number {
    const bits = this.#selectors.reduce((sum, { raw }, i) => sum | ((raw & OVERFLOWED) === 0n ? 0 : 1 << i), 0);
    return (bits | ((this.#cycles & OVERFLOWED) === 0n ? 0 : 1)) >>> 0;
  }
}

/** Which counter or selector an offset names, from 1. */
function place(offset: number): { readonly values: boolean; readonly at: number } {
  const index = (offset - OFFSET.iohpmctr) / 8;
  return index < WORDS ? { values: true, at: index + 1 } : { values: false, at: index - WORDS + 1 };
}

function selector(written: bigint): Selector {
  const fields = CounterEvent.decode(written);
  const event = fields.eventID > SECOND_WALK ? 0 : fields.eventID;
  const kept = { ...fields, eventID: event };
  const device = kept.DV_GSCV ? kept.DID_GSCID : -1;
  return {
    raw: CounterEvent.encode(kept),
    event,
    byContext: kept.IDT,
    process: kept.PV_PSCV ? kept.PID_PSCID : -1,
    device,
    masked: kept.DMASK ? kept.DID_GSCID ^ (kept.DID_GSCID + 1) : 0,
  };
}
