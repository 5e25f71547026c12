// SPDX-License-Identifier: Apache-2.0
/** What a broken rule is told as, and where findings are gathered. */
import type { EventFields, EventOf, Json, Site } from '@dmalab/core/base/events';
import { RULES, say, type Evidence, type RuleId } from './rules.ts';

export interface SanitizerFinding {
  readonly rule: RuleId;
  readonly sentence: string;
  /** Ids of the events that are its two halves; 0 for a half that no event tells. */
  readonly first: number;
  readonly second: number;
  readonly firstSite: Site | null;
  readonly secondSite: Site | null;
  /** The primitive that would have ordered or prevented it; '' when none would. */
  readonly missing: string;
  readonly evidence: Evidence;
  readonly source: string;
  /** Id of the event at which it was seen. */
  readonly step: number;
  readonly detail: Json;
}

export interface Half {
  readonly id: number;
  readonly site: Site | null;
}
export const NO_HALF: Half = { id: 0, site: null };

/** As the trace carries it. */
export function findingFields(finding: SanitizerFinding): EventFields<'finding'> {
  const { rule, sentence, first, second, firstSite, secondSite, missing, evidence, source, step, detail } = finding;
  return { rule, sentence, first, second, firstSite, secondSite, missing, detail: { evidence, source, step, about: detail } };
}

/** Id of the event at which a finding of a trace was seen, the `step` of reports: the finding itself comes one or more events later. */
export function findingStep(event: EventOf<'finding'>): number {
  const { detail } = event;
  const step = typeof detail === 'object' && detail !== null && 'step' in detail ? detail['step'] : undefined;
  return typeof step === 'number' ? step : event.id;
}

/** `driver.ts:15`; `step 12` where the source is not known. */
export function whereText(half: Half): string {
  return half.site === null ? `step ${half.id}` : `${half.site.file}:${half.site.line}`;
}

/** Findings of one execution, each kind of mistake once. */
export class Findings {
  readonly list: SanitizerFinding[] = [];
  readonly #seen = new Set<string>();
  readonly #tell: ((finding: SanitizerFinding) => void) | undefined;

  constructor(tell?: (finding: SanitizerFinding) => void) {
    this.#tell = tell;
  }

  /** `key` tells apart what is a second mistake of the same rule from the same one again. */
  add(rule: RuleId, key: string, step: number, values: Readonly<Record<string, string>>, halves: { first: Half; second: Half; missing?: string; detail?: Json; variant?: string }): void {
    const once = `${rule} ${key}`;
    if (this.#seen.has(once)) return;
    this.#seen.add(once);
    const { evidence, source } = RULES[rule];
    const finding: SanitizerFinding = {
      rule,
      sentence: say(rule, values, halves.variant),
      first: halves.first.id,
      second: halves.second.id,
      firstSite: halves.first.site,
      secondSite: halves.second.site,
      missing: halves.missing ?? '',
      evidence,
      source,
      step,
      detail: halves.detail ?? null,
    };
    this.list.push(finding);
    this.#tell?.(finding);
  }
}
