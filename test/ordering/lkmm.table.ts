// SPDX-License-Identifier: Apache-2.0
/**
 * The shapes of the kernel's own memory-model tests, in words of our own, with
 * the kernel's verdict (its "Result" line) and what STRICT is expected to say.
 * Names are those of Linux tools/memory-model/litmus-tests and Documentation/litmus-tests.
 */

export type KernelVerdict = 'Never' | 'Sometimes';
export type Relation = 'equal' | 'stronger' | 'weaker';

export interface KernelTest {
  readonly name: string;
  readonly folder: 'tools/memory-model' | 'Documentation/litmus-tests/atomic' | 'Documentation/litmus-tests/locking';
  /** See linux.ts. */
  readonly program: string;
  readonly start?: Readonly<Record<string, number | string>>;
  /** Variables whose final content the condition asks for. */
  readonly finals?: readonly string[];
  /** The outcome asked for: all parts of one of these. */
  readonly asks: readonly (readonly string[])[];
  readonly kernel: KernelVerdict;
  readonly strict: Relation;
  /** Why they differ; '' where they do not. */
  readonly why: string;
}

export interface Unexpressed {
  readonly name: string;
  readonly why: string;
}

type Row = readonly [name: string, kernel: KernelVerdict, program: string, asks: string, extra?: Partial<Pick<KernelTest, 'start' | 'strict' | 'why' | 'folder'>>];

const ATOMIC = { folder: 'Documentation/litmus-tests/atomic' } as const;
const LOCKING = { folder: 'Documentation/litmus-tests/locking' } as const;
const MULTI_COPY = 'STRICT is multi-copy atomic: a store is seen by all other CPUs at once, so who reads it passes it on in order (founding ruling 3)';

const rows: readonly Row[] = [
  ['CoRR+poonceonce+Once', 'Never', 'cpu0: WRITE_ONCE x 1\ncpu1: READ_ONCE x a; READ_ONCE x b', 'cpu1.a=1 cpu1.b=0'],
  ['CoRW+poonceonce+Once', 'Never', 'cpu0: READ_ONCE x a; WRITE_ONCE x 1\ncpu1: WRITE_ONCE x 2', '[x]=2 cpu0.a=2'],
  ['CoWR+poonceonce+Once', 'Never', 'cpu0: WRITE_ONCE x 1; READ_ONCE x a\ncpu1: WRITE_ONCE x 2', '[x]=1 cpu0.a=2'],
  ['CoWW+poonceonce', 'Never', 'cpu0: WRITE_ONCE x 1; WRITE_ONCE x 2', '[x]=1'],
  ['dep+plain', 'Never', 'cpu0: READ_ONCE x a; plain_store v a; plain_load v b; plain_store w b; plain_load w c; if c 1; WRITE_ONCE y 1; fi\ncpu1: smp_load_acquire y r; smp_store_release x r', '[x]=1 [y]=1'],
  ['IRIW+fencembonceonces+OnceOnce', 'Never', 'cpu0: WRITE_ONCE x 1\ncpu1: READ_ONCE x a; smp_mb; READ_ONCE y b\ncpu2: WRITE_ONCE y 1\ncpu3: READ_ONCE y a; smp_mb; READ_ONCE x b', 'cpu1.a=1 cpu1.b=0 cpu3.a=1 cpu3.b=0'],
  ['IRIW+poonceonces+OnceOnce', 'Sometimes', 'cpu0: WRITE_ONCE x 1\ncpu1: READ_ONCE x a; READ_ONCE y b\ncpu2: WRITE_ONCE y 1\ncpu3: READ_ONCE y a; READ_ONCE x b', 'cpu1.a=1 cpu1.b=0 cpu3.a=1 cpu3.b=0'],
  ['ISA2+pooncelock+pooncelock+pombonce', 'Never', 'cpu0: spin_lock l; WRITE_ONCE x 1; WRITE_ONCE y 1; spin_unlock l\ncpu1: spin_lock l; READ_ONCE y a; WRITE_ONCE z 1; spin_unlock l\ncpu2: READ_ONCE z b; smp_mb; READ_ONCE x c', 'cpu1.a=1 cpu2.b=1 cpu2.c=0'],
  ['ISA2+poonceonces', 'Sometimes', 'cpu0: WRITE_ONCE x 1; WRITE_ONCE y 1\ncpu1: READ_ONCE y a; WRITE_ONCE z 1\ncpu2: READ_ONCE z b; READ_ONCE x c', 'cpu1.a=1 cpu2.b=1 cpu2.c=0'],
  ['ISA2+pooncerelease+poacquirerelease+poacquireonce', 'Never', 'cpu0: WRITE_ONCE x 1; smp_store_release y 1\ncpu1: smp_load_acquire y a; smp_store_release z 1\ncpu2: smp_load_acquire z b; READ_ONCE x c', 'cpu1.a=1 cpu2.b=1 cpu2.c=0'],
  ['LB+fencembonceonce+ctrlonceonce', 'Never', 'cpu0: READ_ONCE x a; if a 1; WRITE_ONCE y 1; fi\ncpu1: READ_ONCE y a; smp_mb; WRITE_ONCE x 1', 'cpu0.a=1 cpu1.a=1'],
  ['LB+poacquireonce+pooncerelease', 'Never', 'cpu0: READ_ONCE x a; smp_store_release y 1\ncpu1: smp_load_acquire y a; WRITE_ONCE x 1', 'cpu0.a=1 cpu1.a=1'],
  ['LB+poonceonces', 'Sometimes', 'cpu0: READ_ONCE x a; WRITE_ONCE y 1\ncpu1: READ_ONCE y a; WRITE_ONCE x 1', 'cpu0.a=1 cpu1.a=1'],
  ['LB+unlocklockonceonce+poacquireonce', 'Never', 'cpu0: spin_lock s; READ_ONCE x a; spin_unlock s; spin_lock t; WRITE_ONCE y 1; spin_unlock t\ncpu1: smp_load_acquire y a; WRITE_ONCE x 1', 'cpu0.a=1 cpu1.a=1'],
  ['MP+fencewmbonceonce+fencermbonceonce', 'Never', 'cpu0: WRITE_ONCE x 1; smp_wmb; WRITE_ONCE y 1\ncpu1: READ_ONCE y a; smp_rmb; READ_ONCE x b', 'cpu1.a=1 cpu1.b=0'],
  ['MP+onceassign+derefonce', 'Never', 'cpu0: WRITE_ONCE x 1; rcu_assign_pointer p &x\ncpu1: rcu_read_lock; rcu_dereference p a; READ_ONCE [a] b; rcu_read_unlock', 'cpu1.a=&x cpu1.b=0', { start: { p: 'z', z: 0 } }],
  ['MP+polockmbonce+poacquiresilsil', 'Never', 'cpu0: spin_lock l; smp_mb__after_spinlock; WRITE_ONCE x 1; spin_unlock l\ncpu1: smp_load_acquire x a; spin_is_locked l b; spin_is_locked l c', 'cpu1.a=1 cpu1.b=0 cpu1.c=1'],
  ['MP+polockonce+poacquiresilsil', 'Sometimes', 'cpu0: spin_lock l; WRITE_ONCE x 1; spin_unlock l\ncpu1: smp_load_acquire x a; spin_is_locked l b; spin_is_locked l c', 'cpu1.a=1 cpu1.b=0 cpu1.c=1'],
  ['MP+polocks', 'Never', 'cpu0: WRITE_ONCE x 1; spin_lock l; WRITE_ONCE y 1; spin_unlock l\ncpu1: spin_lock l; READ_ONCE y a; spin_unlock l; READ_ONCE x b', 'cpu1.a=1 cpu1.b=0'],
  ['MP+poonceonces', 'Sometimes', 'cpu0: WRITE_ONCE x 1; WRITE_ONCE y 1\ncpu1: READ_ONCE y a; READ_ONCE x b', 'cpu1.a=1 cpu1.b=0'],
  ['MP+pooncerelease+poacquireonce', 'Never', 'cpu0: WRITE_ONCE x 1; smp_store_release y 1\ncpu1: smp_load_acquire y a; READ_ONCE x b', 'cpu1.a=1 cpu1.b=0'],
  ['MP+porevlocks', 'Never', 'cpu0: READ_ONCE y a; spin_lock l; READ_ONCE x b; spin_unlock l\ncpu1: spin_lock l; WRITE_ONCE x 1; spin_unlock l; WRITE_ONCE y 1', 'cpu0.a=1 cpu0.b=0'],
  ['MP+unlocklockonceonce+fencermbonceonce', 'Never', 'cpu0: spin_lock s; WRITE_ONCE x 1; spin_unlock s; spin_lock t; WRITE_ONCE y 1; spin_unlock t\ncpu1: READ_ONCE y a; smp_rmb; READ_ONCE x b', 'cpu1.a=1 cpu1.b=0'],
  ['R+fencembonceonces', 'Never', 'cpu0: WRITE_ONCE x 1; smp_mb; WRITE_ONCE y 1\ncpu1: WRITE_ONCE y 2; smp_mb; READ_ONCE x a', '[y]=2 cpu1.a=0'],
  ['R+poonceonces', 'Sometimes', 'cpu0: WRITE_ONCE x 1; WRITE_ONCE y 1\ncpu1: WRITE_ONCE y 2; READ_ONCE x a', '[y]=2 cpu1.a=0'],
  ['S+fencewmbonceonce+poacquireonce', 'Never', 'cpu0: WRITE_ONCE x 2; smp_wmb; WRITE_ONCE y 1\ncpu1: smp_load_acquire y a; WRITE_ONCE x 1', '[x]=2 cpu1.a=1'],
  ['S+poonceonces', 'Sometimes', 'cpu0: WRITE_ONCE x 2; WRITE_ONCE y 1\ncpu1: READ_ONCE y a; WRITE_ONCE x 1', '[x]=2 cpu1.a=1'],
  ['SB+fencembonceonces', 'Never', 'cpu0: WRITE_ONCE x 1; smp_mb; READ_ONCE y a\ncpu1: WRITE_ONCE y 1; smp_mb; READ_ONCE x a', 'cpu0.a=0 cpu1.a=0'],
  ['SB+poonceonces', 'Sometimes', 'cpu0: WRITE_ONCE x 1; READ_ONCE y a\ncpu1: WRITE_ONCE y 1; READ_ONCE x a', 'cpu0.a=0 cpu1.a=0'],
  ['SB+rfionceonce-poonceonces', 'Sometimes', 'cpu0: WRITE_ONCE x 1; READ_ONCE x a; READ_ONCE y b\ncpu1: WRITE_ONCE y 1; READ_ONCE y a; READ_ONCE x b', 'cpu0.b=0 cpu1.b=0'],
  ['WRC+poonceonces+Once', 'Sometimes', 'cpu0: WRITE_ONCE x 1\ncpu1: READ_ONCE x a; WRITE_ONCE y 1\ncpu2: READ_ONCE y a; READ_ONCE x b', 'cpu1.a=1 cpu2.a=1 cpu2.b=0'],
  ['WRC+pooncerelease+fencermbonceonce+Once', 'Never', 'cpu0: WRITE_ONCE x 1\ncpu1: READ_ONCE x a; smp_store_release y 1\ncpu2: READ_ONCE y a; smp_rmb; READ_ONCE x b', 'cpu1.a=1 cpu2.a=1 cpu2.b=0'],
  ['Z6.0+pooncelock+poonceLock+pombonce', 'Never', 'cpu0: spin_lock l; WRITE_ONCE x 1; WRITE_ONCE y 1; spin_unlock l\ncpu1: spin_lock l; smp_mb__after_spinlock; READ_ONCE y a; WRITE_ONCE z 1; spin_unlock l\ncpu2: WRITE_ONCE z 2; smp_mb; READ_ONCE x b', 'cpu1.a=1 [z]=2 cpu2.b=0'],
  ['Z6.0+pooncelock+pooncelock+pombonce', 'Sometimes', 'cpu0: spin_lock l; WRITE_ONCE x 1; WRITE_ONCE y 1; spin_unlock l\ncpu1: spin_lock l; READ_ONCE y a; WRITE_ONCE z 1; spin_unlock l\ncpu2: WRITE_ONCE z 2; smp_mb; READ_ONCE x b', 'cpu1.a=1 [z]=2 cpu2.b=0', { strict: 'stronger', why: MULTI_COPY }],
  ['Z6.0+pooncerelease+poacquirerelease+fencembonceonce', 'Sometimes', 'cpu0: WRITE_ONCE x 1; smp_store_release y 1\ncpu1: smp_load_acquire y a; smp_store_release z 1\ncpu2: WRITE_ONCE z 2; smp_mb; READ_ONCE x b', 'cpu1.a=1 [z]=2 cpu2.b=0', { strict: 'stronger', why: MULTI_COPY }],

  ['Atomic-RMW+mb__after_atomic-is-stronger-than-acquire', 'Never', 'cpu0: READ_ONCE x a; smp_rmb; atomic_read y b\ncpu1: atomic_inc y; smp_mb__after_atomic; WRITE_ONCE x 1', 'cpu0.a=1 cpu0.b=0', ATOMIC],
  ['Atomic-RMW-ops-are-atomic-WRT-atomic_set', 'Never', 'cpu0: atomic_add_unless v 1 0\ncpu1: atomic_set v 0', '[v]=2', { ...ATOMIC, start: { v: 1 } }],
  ['cmpxchg-fail-ordered-1', 'Never', 'cpu0: WRITE_ONCE x 1; cmpxchg z 1 0 c; smp_mb__after_atomic; READ_ONCE y a\ncpu1: WRITE_ONCE y 1; cmpxchg z 1 0 c; smp_mb__after_atomic; READ_ONCE x a', 'cpu0.a=0 cpu1.a=0', ATOMIC],
  ['cmpxchg-fail-ordered-2', 'Never', 'cpu0: WRITE_ONCE x 1; cmpxchg y 0 1 a\ncpu1: cmpxchg y 0 1 a; smp_mb__after_atomic; READ_ONCE x b', 'cpu0.a=0 cpu1.a=1 cpu1.b=0', ATOMIC],
  ['cmpxchg-fail-unordered-1', 'Sometimes', 'cpu0: WRITE_ONCE x 1; cmpxchg z 1 0 c; READ_ONCE y a\ncpu1: WRITE_ONCE y 1; cmpxchg z 1 0 c; READ_ONCE x a', 'cpu0.a=0 cpu1.a=0', ATOMIC],
  ['cmpxchg-fail-unordered-2', 'Sometimes', 'cpu0: WRITE_ONCE x 1; cmpxchg y 0 1 a\ncpu1: cmpxchg y 0 1 a; READ_ONCE x b', 'cpu0.a=0 cpu1.a=1 cpu1.b=0', ATOMIC],
  ...(['DCL-broken', 'DCL-fixed'] as const).map((name): Row => {
    const [load, store] = name === 'DCL-fixed' ? ['smp_load_acquire', 'smp_store_release'] : ['READ_ONCE', 'WRITE_ONCE'];
    const once = `${load} f a; if a 0; spin_lock l; READ_ONCE f b; if b 0; WRITE_ONCE d 1; ${store} f 1; fi; spin_unlock l; fi; READ_ONCE d c`;
    return [name, name === 'DCL-fixed' ? 'Never' : 'Sometimes', `cpu0: ${once}\ncpu1: ${once}`, 'cpu0.c=0 | cpu1.c=0', LOCKING];
  }),
  ['RM-fixed', 'Never', 'cpu0: spin_lock l; atomic_inc_return y r; WRITE_ONCE x 1; spin_unlock l\ncpu1: READ_ONCE x a; READ_ONCE x b; spin_lock l; atomic_inc_return y r; spin_unlock l', 'cpu1.a=0 cpu1.b=1 cpu1.r=1', LOCKING],
  ['RM-broken', 'Never', 'cpu0: spin_lock l; atomic_inc_return y r; WRITE_ONCE x 1; spin_unlock l\ncpu1: spin_lock l; READ_ONCE x a; READ_ONCE x b; atomic_inc_return y r; spin_unlock l', 'cpu1.a=0 cpu1.b=1', LOCKING],
];

export const KERNEL_TESTS: readonly KernelTest[] = rows.map(([name, kernel, program, asks, extra]) => ({
  name,
  folder: extra?.folder ?? 'tools/memory-model',
  program,
  ...(extra?.start === undefined ? {} : { start: extra.start }),
  finals: [...new Set([...asks.matchAll(/\[(\w+)\]=/g)].map((m) => m[1] ?? ''))],
  asks: asks.split('|').map((way) => way.trim().split(' ')),
  kernel,
  strict: extra?.strict ?? 'equal',
  why: extra?.why ?? '',
}));

export const UNEXPRESSED: readonly Unexpressed[] = [
  { name: 'RCU+sync+free', why: 'needs grace periods: synchronize_rcu waits for readers, which no primitive here does' },
  { name: 'RCU+sync+read', why: 'needs grace periods: synchronize_rcu waits for readers, which no primitive here does' },
];
