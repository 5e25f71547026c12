// SPDX-License-Identifier: Apache-2.0
/** Writes docs/strict-vs-lkmm.md out of what STRICT answered. */
import { UNEXPRESSED, type KernelTest, type KernelVerdict } from './lkmm.table.ts';

export interface Compared {
  readonly test: KernelTest;
  readonly strict: KernelVerdict;
}

export function lkmmPage(compared: readonly Compared[]): string {
  const count = (relation: KernelTest['strict']): number => compared.filter((c) => c.test.strict === relation).length;
  const differing = compared.filter((c) => c.test.strict !== 'equal');
  return [
    '# STRICT and the kernel\'s memory model',
    '',
    'Made by `test/ordering/lkmm.test.ts`; `DMALAB_WRITE_DOCS=1` in front of its run writes it anew. Each test of Linux `tools/memory-model/litmus-tests` and',
    '`Documentation/litmus-tests` is named with the verdict the kernel states for it (Never: the outcome it asks for is forbidden; Sometimes: allowed). Its shape,',
    'in `test/ordering/lkmm.table.ts`, runs on STRICT by the graph form and by the operational form, which must find the same outcomes. A lock is an atomic',
    'acquire that finds it free and a release, with what an unlock and a later lock of one CPU order besides (rows strict.unlock and strict.lock); executions in',
    'which it finds the lock taken are left out, as herd7 leaves them out.',
    '',
    `${compared.length} tests: ${count('equal')} equal, ${count('stronger')} where STRICT is stronger (forbids what the kernel's model allows), ${count('weaker')} where it is weaker (allows what that model forbids). ${UNEXPRESSED.length} cannot be expressed.`,
    '',
    '## Differences',
    '',
    '| test | kernel | STRICT | direction | reason |',
    '|---|---|---|---|---|',
    ...differing.map(({ test, strict }) => `| ${test.name} | ${test.kernel} | ${strict} | ${test.strict} | ${test.why} |`),
    '',
    'Stronger means that a driver may be right on STRICT and wrong by the letter of the kernel\'s model: such shapes need three CPUs and a store that different CPUs see at',
    'different times, which none of the modelled architectures does. Weaker means a possible false alarm.',
    '',
    '## Not expressed',
    '',
    '| test | reason |',
    '|---|---|',
    ...UNEXPRESSED.map(({ name, why }) => `| ${name} | ${why} |`),
    '',
    '## All tests',
    '',
    '| test | folder | kernel | STRICT | |',
    '|---|---|---|---|---|',
    ...compared.map(({ test, strict }) => `| ${test.name} | ${test.folder} | ${test.kernel} | ${strict} | ${test.strict} |`),
    '',
    'RM-broken is stated as DEADLOCK: no execution passes its filter, which is what Never says of the filter here. MP+onceassign+derefonce uses RCU only to publish and to',
    'read a pointer, a release and an address dependency; its read-side markers order nothing.',
    '',
  ].join('\n');
}
