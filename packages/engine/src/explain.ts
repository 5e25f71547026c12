// SPDX-License-Identifier: Apache-2.0
/** From a failure that exploration found to what people get: the smallest execution that shows it, its token, its picture. */
import type { Deviation } from '@dmalab/core/base/choice';
import type { TraceEvent } from '@dmalab/core/base/events';
import { spaceTime } from '@dmalab/checker/explain/diagram';
import type { Found } from '@dmalab/checker/explore';
import { minimise } from '@dmalab/checker/minimise';
import { Replay } from '@dmalab/checker/strategies/replay';
import { encodeToken, type TokenOrigin } from '@dmalab/checker/token';
import type { Finding } from '@dmalab/contracts/report';
import { Tracer } from './judge-observer.ts';
import { withoutItems, workloadItems } from './lab-bundle.ts';
import { DriverSystem, SystemFault, type Judged } from './system.ts';

/** Columns of the picture in a report. */
const WIDTH = 100;
/** Most runs spent on making one failure small. */
const ATTEMPTS = 400;

export interface Shown {
  readonly judged: Judged;
  readonly events: readonly TraceEvent[];
}

/** Runs deviations with positions and keeps the trace. */
export function show(system: DriverSystem, deviations: readonly Deviation[]): Shown {
  const events: TraceEvent[] = [];
  const tracer = new Tracer((event) => events.push(event));
  const judged = system.execute(new Replay(deviations), system.spec.program.traced(), [tracer]);
  tracer.finish();
  return { judged, events };
}

/** The finding as reports carry it. */
export function explain(system: DriverSystem, found: Found, origin: TokenOrigin): Finding {
  const { spec } = system;
  const systems = new Map<string, DriverSystem>([['', system]]);
  const without = (items: readonly string[]): DriverSystem => {
    const key = items.join(' ');
    let smaller = systems.get(key);
    if (smaller === undefined) systems.set(key, (smaller = new DriverSystem({ ...spec, workload: withoutItems(spec.workload, items) })));
    return smaller;
  };
  const small = minimise(
    { deviations: found.deviations, without: [] },
    {
      attempt: (candidate) => {
        const judged = without(candidate.without).execute(new Replay(candidate.deviations), spec.program.memo);
        return judged.failures.some((failure) => failure.id === found.failure.id) ? judged.deviations : undefined;
      },
      items: workloadItems(spec.workload).reverse(),
      limit: ATTEMPTS,
    },
  );
  const shown = show(without(small.without), small.deviations);
  return describe(found.failure.id, shown, encodeToken({ ...origin, deviations: small.deviations, without: small.without }));
}

/** A failure as it shows in one execution. */
export function describe(id: string, { judged, events }: Shown, token: string): Finding {
  const finding = judged.findings.find((f) => f.rule === id);
  const last = events.length;
  const failure = [...judged.failures, ...judged.asserted].find((f) => f.id === id);
  if (finding !== undefined) {
    return {
      rule: finding.rule,
      sentence: finding.sentence,
      first: siteOf(finding.firstSite),
      second: siteOf(finding.secondSite),
      step: finding.step,
      steps: last,
      missing: finding.missing,
      evidence: finding.evidence,
      source: finding.source,
      token,
      diagram: spaceTime(events, finding, { width: WIDTH }),
    };
  }
  // Whatever led to it, its deviations must show it again: anything else is our fault, and no report may be written from it.
  if (failure === undefined) throw new SystemFault(`${id} did not show again when its execution was repeated (${token})`);
  const { sentence } = failure;
  return {
    rule: id,
    sentence,
    first: siteOf(judged.site),
    second: null,
    step: last,
    steps: last,
    missing: '',
    evidence: 'our choice',
    source: id.startsWith('assert:') ? 'the lab says so: lab.yaml, checks' : 'docs/decisions: budgets and broken runs',
    token,
    diagram: spaceTime(events, null, { width: WIDTH }),
  };
}

function siteOf(site: { readonly file: string; readonly line: number; readonly column: number } | null): Finding['first'] {
  return site === null ? null : { file: site.file, line: site.line, column: site.column };
}
