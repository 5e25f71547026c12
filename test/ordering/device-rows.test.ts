// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { EveryChoice } from '@dmalab/core/machine/explore-choices';
import { OperationalMachine } from '@dmalab/core/machine/operational';
import { CORE_PROFILES, type CoreProfileId } from '@dmalab/core/machine/profile';
import { DEVICE_ROWS } from './device-rows.table.ts';
import { program } from './device-rows.ts';

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
