// SPDX-License-Identifier: Apache-2.0
/** linux/spinlock.h. On a uniprocessor build a lock is no instruction at all, as on Linux; only interrupts are still turned off. */
import type { Row } from './row.ts';

const LOCKING = 'Linux Documentation/locking/spinlocks.rst; include/linux/spinlock.h';
const IO_EFFECTS = 'Linux Documentation/memory-barriers.txt, "Kernel I/O barrier effects"';
const LOCK = 'lock, usually a field of the driver\'s structure: `nic.lock`';

function lockRow(row: { name: string; c: string; result?: string; flags?: true; text: string; returns?: string; context: string; source?: string; differs?: string; host: NonNullable<Row['host']> }): Row {
  const { name } = row;
  const answer = row.result === 'boolean' ? 'return k.op($code, p.$lo, 0) !== 0' : row.result === 'number' ? 'return k.op($code, p.$lo, 0)' : `k.op($code, p.$lo, ${row.flags === true ? 'k.u32(flags, "spin_unlock_irqrestore: flags")' : '0'})`;
  return {
    name,
    module: 'linux/spinlock',
    c: row.c,
    ts: [`(lock: ptr<typeof spinlock_t>${row.flags === true ? ', flags: number' : ''}): ${row.result ?? 'void'}`],
    doc: { text: row.text, params: { lock: LOCK, ...(row.flags === true ? { flags: 'what `spin_lock_irqsave` returned' } : {}) }, ...(row.returns === undefined ? {} : { returns: row.returns }), context: row.context, source: row.source ?? LOCKING, differs: row.differs ?? 'none' },
    guest: `function ${name}(lock${row.flags === true ? ', flags' : ''}) { const p = k.pointer(lock, "${name}: lock"); k.latch(p.$hi, 0); ${answer}; }`,
    host: row.host,
  };
}

const HANDED = 'What the holder before did to memory is seen, and what it wrote to registers arrives first.';

export const SPINLOCK_ROWS: readonly Row[] = [
  lockRow({ name: 'spin_lock_init', c: 'void spin_lock_init(spinlock_t *lock)', text: 'Makes a lock ready: nobody holds it.', context: 'any; before it is used', host: 'spin-init' }),
  lockRow({ name: 'spin_lock', c: 'void spin_lock(spinlock_t *lock)', text: `Takes the lock, waiting as long as another CPU holds it. ${HANDED} Interrupts stay on: a handler on the same CPU that wants the lock waits for ever.`, context: 'any; does not sleep, and nothing may sleep until the lock is free', source: `${LOCKING}; Documentation/memory-barriers.txt, "ACQUIRE operations"`, host: 'spin-lock' }),
  lockRow({ name: 'spin_trylock', c: 'int spin_trylock(spinlock_t *lock)', result: 'boolean', text: 'Takes the lock if it is free, and does not wait.', returns: 'true when it took it', context: 'any; does not sleep', host: 'spin-trylock' }),
  lockRow({ name: 'spin_unlock', c: 'void spin_unlock(spinlock_t *lock)', text: 'Frees the lock. What this CPU did to memory before is seen by the next holder, and what it sent by `writel` arrives before what the next holder sends; `writel_relaxed` does not promise that.', context: 'the CPU that holds the lock', source: `${LOCKING}; ${IO_EFFECTS}; asm-generic/mmiowb.h`, host: 'spin-unlock' }),
  lockRow({ name: 'spin_lock_irqsave', c: 'void spin_lock_irqsave(spinlock_t *lock, unsigned long flags)', result: 'number', text: 'Turns interrupts of this CPU off and takes the lock: for data that a handler uses too.', returns: 'whether interrupts were on, for `spin_unlock_irqrestore`', context: 'any; does not sleep, and nothing may sleep until the lock is free', differs: 'a macro that fills in `flags` on Linux; here it returns them', host: 'spin-lock-irqsave' }),
  lockRow({ name: 'spin_unlock_irqrestore', c: 'void spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags)', flags: true, text: 'Frees the lock and turns interrupts on again if they were on before.', context: 'the CPU that holds the lock', host: 'spin-unlock-irqrestore' }),
];
