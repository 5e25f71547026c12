// SPDX-License-Identifier: Apache-2.0
/** Labs by the question they teach an answer to, in the order of the course. The manifest's `teaches` decides; what fits nowhere stands last. */
import type { LabSummary } from '@dmalab/contracts/api';

export interface LabGroup {
  readonly name: string;
  readonly question: string;
  readonly labs: readonly LabSummary[];
}

const GROUPS: readonly { readonly name: string; readonly question: string; readonly words: RegExp }[] = [
  { name: 'Translation', question: 'which memory does an address mean?', words: /iommu|iotlb|pasid|sva|translation|page/ },
  { name: 'Coherence', question: 'does it see it at all?', words: /cache|clean|invalidate|sync|streaming|dma-map|ownership|dirty|\bline/ },
  { name: 'Order', question: 'when does the other side see it?', words: /barrier|mb$|mb-|doorbell|publish|interrupt|own-bit|release|acquire|order/ },
];
/** Where labs that name no question stand. */
const REST = 'More';

export function groupLabs(labs: readonly LabSummary[]): LabGroup[] {
  const byName = new Map<string, LabSummary[]>();
  for (const lab of labs) {
    const name = groupOf(lab);
    byName.set(name, [...(byName.get(name) ?? []), lab]);
  }
  const groups = [...byName].map(([name, own]): LabGroup => ({ name, question: GROUPS.find((g) => g.name === name)?.question ?? '', labs: own.sort(inCourse) }));
  return groups.sort((a, b) => Number(a.name === REST) - Number(b.name === REST) || inCourse(a.labs[0]!, b.labs[0]!));
}

function inCourse(a: LabSummary, b: LabSummary): number {
  return a.number.localeCompare(b.number) || a.id.localeCompare(b.id);
}

/** The group most of the lab's topics name; a tie goes to the first topic's. */
function groupOf(lab: LabSummary): string {
  const votes = lab.teaches.flatMap((t) => GROUPS.filter((g) => g.words.test(t)).slice(0, 1).map((g) => g.name));
  if (votes.length === 0) return REST;
  const count = (name: string): number => votes.filter((v) => v === name).length;
  return votes.reduce((best, v) => (count(v) > count(best) ? v : best));
}

/** The first lab that is begun and not solved, else the first that is not solved. */
export function nextLab(labs: readonly LabSummary[]): LabSummary | undefined {
  const open = [...labs].filter((l) => l.state !== 'solved').sort((a, b) => a.number.localeCompare(b.number));
  return open.find((l) => l.state !== 'new') ?? open.find((l) => l.needs.every((n) => labs.every((k) => k.id !== n || k.state === 'solved'))) ?? open[0];
}
