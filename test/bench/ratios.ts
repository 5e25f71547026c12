// SPDX-License-Identifier: Apache-2.0
/** Times of several subjects against each other on a machine that has other work: they take turns, and a ratio is one of neighbours in time. */
import type { Subject } from './iommu-systems.ts';

export interface Measured {
  readonly name: string;
  /** Translations a second, best round. */
  readonly perSecond: number;
  /** How many times as long as the first subject takes: the median over rounds. */
  readonly slower: number;
}

export interface Named {
  readonly name: string;
  readonly subject: Subject;
}

/** @param roundMs what one subject may take of a round. */
export function measure(subjects: readonly Named[], rounds: number, roundMs: number): readonly Measured[] {
  const runs = subjects.map(({ name, subject }) => {
    // All pages at least once, so that the sum of frames is known; then until it is fast.
    const pages = subject.pages;
    if (subject.run(pages) !== subject.frameSum) throw new Error(`${name} does not reach its pages`);
    let times = pages;
    let ns = 0;
    for (let warm = 0; warm < 4 || ns < (roundMs * 1e6) / 2; warm += 1) {
      if (ns < (roundMs * 1e6) / 2 && warm > 0) times *= 2;
      ns = time(subject, times);
    }
    return { name, subject, times: Math.max(pages, Math.round((times * roundMs * 1e6) / ns / pages) * pages), series: [] as number[] };
  });
  for (let round = 0; round < rounds; round += 1) for (const run of runs) run.series.push(time(run.subject, run.times) / run.times);
  const base = runs[0]?.series ?? [];
  return runs.map(({ name, series }) => ({ name, perSecond: 1e9 / Math.min(...series), slower: median(series.map((ns, i) => ns / (base[i] ?? ns))) }));
}

function time(subject: Subject, times: number): number {
  // Of the processor, not of the wall: what others do meanwhile does not count.
  const before = process.cpuUsage();
  const sum = subject.run(times);
  const { user, system } = process.cpuUsage(before);
  const ns = (user + system) * 1000;
  if (sum !== (subject.frameSum * times) / subject.pages) throw new Error('a translation went elsewhere');
  return ns;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
