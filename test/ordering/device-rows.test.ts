// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { EveryChoice } from '@dmalab/core/machine/explore-choices';
import { OperationalMachine } from '@dmalab/core/machine/operational';
import { CORE_PROFILES, type CoreProfileId } from '@dmalab/core/machine/profile';
import type { Value } from '@dmalab/core/base/port';
import { exploreGraph } from '@dmalab/core/ordering/graph/explore';
import { enumerate } from '../naive/enumerate.ts';
import { kept } from '../naive/models.ts';
import { DEVICE_ROWS } from './device-rows.table.ts';
import { outcomeOf, program } from './device-rows.ts';
import { NAIVE } from './forms.ts';

describe('what a device may see, in the operational form', () => {
  for (const row of DEVICE_ROWS) {
    for (const [profile, expected] of Object.entries(row.outcomes) as [CoreProfileId, readonly string[]][]) {
      it(`${row.id} on ${profile}: ${row.story}`, () => {
        const strategy = new EveryChoice();
        const found = new Set<string>();
        let executions = 0;
        do {
          const { agents, initial, outcome } = program(row, profile);
          const { reason, text } = new OperationalMachine({ profile: CORE_PROFILES[profile], agents, initial, strategy, observers: [], limits: { steps: 100, events: 0 }, lines: 'all' }).run();
          expect(`${reason}: ${text}`).toMatch(/^quiescent/);
          found.add(outcome());
          executions += 1;
        } while (executions < 300_000 && strategy.advance());
        expect([...found].sort()).toEqual([...expected].sort());
        expect(executions).toBeLessThan(300_000);
      });
    }
  }
});

describe('what a device may see, in the graph form', () => {
  for (const row of DEVICE_ROWS) {
    it(`${row.id}: ${row.story}`, () => {
      for (const [profile, expected] of Object.entries(row.outcomes) as [CoreProfileId, readonly string[]][]) {
        const { agents, initial, outcome } = program(row, profile);
        const core = CORE_PROFILES[profile];
        const found = new Set<string>();
        const { why } = exploreGraph({ table: core.ordering, agents, initial, loadStore: 'kept', lineSize: core.coherent ? 0 : core.lineSize, limits: { executions: 10_000, events: 100 }, onLeaf: () => void found.add(outcome()) });
        expect([profile, why, ...[...found].sort()]).toEqual([profile, '', ...[...expected].sort()]);
      }
    });
  }
});

const MODEL = { 'x86-64': 'x86', arm64: 'arm', 'arm64-nc': 'arm', riscv64: 'riscv', 'riscv64-nc': 'riscv', strict: 'strict', 'strict-nc': 'strict' } as const;

describe('what a device may see, by the naive enumerator', () => {
  for (const row of DEVICE_ROWS) {
    it(`${row.id}: ${row.story}`, () => {
      for (const [profile, expected] of Object.entries(row.outcomes) as [CoreProfileId, readonly string[]][]) {
        const { agents, seen } = program(row, profile);
        const found = new Set<string>();
        enumerate({
          agents,
          initial: () => 0,
          registers: (i) => new Map(seen[i]),
          model: kept(NAIVE[MODEL[profile]]),
          cut: (place) => [{ offset: 0, size: place.size }],
          lines: !CORE_PROFILES[profile].coherent,
          onOutcome: ({ registers }) => void found.add(outcomeOf(registers as readonly ReadonlyMap<string, Value>[])),
        });
        expect([profile, ...[...found].sort()]).toEqual([profile, ...[...expected].sort()]);
      }
    });
  }
});
