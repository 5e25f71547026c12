// SPDX-License-Identifier: Apache-2.0
/**
 * Spinlocks: a word that is 0 when free. What orders is the lowering: the
 * locking access, the freeing store, and on riscv64 a fence before it where
 * registers were written under the lock (asm-generic/mmiowb.h).
 */
import type { Place, Value } from '@dmalab/core/base/port';
import type { Behaviour } from './behaviours.ts';
import type { GuestCall } from './call.ts';
import type { CpuRun } from './run.ts';

function word(run: CpuRun, call: GuestCall, address: number): { place: Place; name: string } {
  const [high] = call.latched(0);
  return { place: run.place(call, address, 4, run.isUncached(call, high, address)), name: run.nameOf(address) ?? 'lock' };
}

const takeIfFree = (old: Value): Value | undefined => (Number(old) === 0 ? 1 : undefined);

/** One try. On a uniprocessor build nobody else can hold it. */
function tryToTake(run: CpuRun, call: GuestCall, at: { place: Place; name: string }, as: string): boolean {
  const { lock, locked } = run.profile.lowering;
  if (lock === null) run.op(call, { kind: 'fence', fence: 'compiler', as });
  else if (Number(run.op(call, { kind: 'rmw', ...at, order: lock, compares: true, modify: takeIfFree })) !== 0) return false;
  if (locked !== null) run.op(call, { kind: 'fence', fence: locked, as });
  run.locksHeld += 1;
  return true;
}

function take(run: CpuRun, call: GuestCall, at: { place: Place; name: string }, as: string): void {
  run.moved();
  for (;;) {
    run.interruptible();
    if (tryToTake(run, call, at, as)) return;
    // -1: an interrupt came instead; it is taken at the top of the loop.
    run.op(call, { kind: 'await', ...at, order: 'relaxed', until: (value) => Number(value) === 0, ...run.wakes() });
  }
}

function free(run: CpuRun, call: GuestCall, at: { place: Place; name: string }, as: string): void {
  const { mmiowb, unlock, unlocks } = run.profile.lowering;
  if (run.locksHeld === 0) throw run.fault(call, `${as}: this CPU holds no lock`);
  run.interruptible();
  run.moved();
  if (run.mmioPending && mmiowb !== null) run.op(call, { kind: 'fence', fence: mmiowb, as: `${as} (mmiowb)` });
  run.mmioPending = false;
  run.locksHeld -= 1;
  if (unlocks !== null) run.op(call, { kind: 'fence', fence: unlocks, as });
  run.perform(call, unlock, as, (order) => ({ kind: 'store', ...at, value: 0, order }));
}

export const spinInit: Behaviour = (run, call, { a }) => {
  const at = word(run, call, a);
  run.interruptible();
  run.moved();
  run.op(call, { kind: 'store', ...at, value: 0, order: 'plain' });
  return 0;
};

export const spinLock: Behaviour = (run, call, { a, row }) => {
  take(run, call, word(run, call, a), row.name);
  return 0;
};

export const spinTrylock: Behaviour = (run, call, { a, row }) => {
  const at = word(run, call, a);
  run.interruptible();
  run.moved();
  return tryToTake(run, call, at, row.name) ? 1 : 0;
};

export const spinUnlock: Behaviour = (run, call, { a, row }) => {
  free(run, call, word(run, call, a), row.name);
  return 0;
};

export const spinLockIrqsave: Behaviour = (run, call, { a, row }) => {
  const at = word(run, call, a);
  run.interruptible();
  const wereOn = run.turnInterruptsOff();
  take(run, call, at, row.name);
  return wereOn ? 1 : 0;
};

/** `b`: what `spin_lock_irqsave` answered. */
export const spinUnlockIrqrestore: Behaviour = (run, call, { a, b, row }) => {
  free(run, call, word(run, call, a), row.name);
  if (b !== 0) run.turnInterruptsOn();
  return 0;
};
