// SPDX-License-Identifier: Apache-2.0
/** Each execution of the graph form, led through the operational machine: it must go the same way to the same state. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OperationalMachine } from '@dmalab/core/machine/operational';
import { CORE_PROFILES, type CoreProfile } from '@dmalab/core/machine/profile';
import type { Place } from '@dmalab/core/base/port';
import { exploreGraph } from '@dmalab/core/ordering/graph/explore';
import type { Guide } from '@dmalab/core/ordering/guide';
import { withSwitches } from '@dmalab/core/ordering/rules';
import { RVWMO } from '@dmalab/core/ordering/tables/rvwmo';
import { readOracle } from '@dmalab/litmus/oracle';
import { parseLitmus } from '@dmalab/litmus/parse';
import { prepare } from '@dmalab/litmus/run';

const ARM = CORE_PROFILES.arm64;
const PROFILES: Record<string, CoreProfile> = {
  x86_64: CORE_PROFILES['x86-64'],
  aarch64: { ...ARM, ordering: withSwitches(ARM.ordering, { nsh: 'none' }) },
  riscv: { ...ARM, id: 'riscv64', ordering: RVWMO },
};

describe('a leaf of the graph form is an execution of the operational machine', () => {
  it.each(['x86_64', 'aarch64', 'riscv'])('on every fifth test of %s', (file) => {
    const profile = PROFILES[file] ?? ARM;
    const problems: string[] = [];
    let leaves = 0;
    readOracle(readFileSync(new URL(`../oracle/litmus/${file}.jsonl`, import.meta.url), 'utf8')).forEach((c, i) => {
      if (i % 5 !== 0 || !('text' in c)) return;
      const test = parseLitmus(c.text);
      const prepared = prepare(test);
      const found: { state: string; guide: Guide }[] = [];
      exploreGraph({
        table: profile.ordering,
        agents: prepared.agents,
        initial: prepared.initial,
        loadStore: 'kept',
        limits: { executions: 100_000, events: 1000 },
        onLeaf: (leaf) => {
          found.push({ state: prepared.state((p) => leaf.final(p), (a) => largest(leaf.events, a)).key, guide: leaf.linearise() });
        },
      });
      for (const { state, guide } of found) {
        leaves += 1;
        const machine = new OperationalMachine({ profile, agents: prepared.agents, initial: prepared.initial, strategy: guide, observers: [], limits: { steps: 1000, events: 1000 } });
        const result = machine.run();
        const replayed = prepared.state(
          (place) => [...machine.read(place.address, place.size)].reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n),
          (address) => (machine.read(address + 4, 4).some((b) => b !== 0) ? 8 : 4),
        ).key;
        if (guide.diverged !== '' || replayed !== state || result.reason !== 'quiescent') problems.push(`${c.name}: ${guide.diverged} ${result.text}: ${state} became ${replayed}`);
      }
    });
    expect(problems.slice(0, 10)).toEqual([]);
    expect(leaves).toBeGreaterThan(500);
  });
});

function largest(events: readonly { readonly kind: string; readonly place: Place }[], address: number): number {
  return Math.max(0, ...events.filter((e) => e.kind === 'write' && e.place.address === address).map((e) => e.place.size));
}
