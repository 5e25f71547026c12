// SPDX-License-Identifier: Apache-2.0
/** For tests of the whole process: a folder of one small lab that real graders finish in a moment. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** `answer(n)`: `right` is always 0, `wrong` never, `hiddenWrong` only where public workloads do not look. */
export const DRIVERS = {
  right: driver('0'),
  wrong: driver('n + 1'),
  hiddenWrong: driver('n > 2 ? 1 : 0'),
  broken: 'export function (',
} as const;

function driver(result: string): string {
  return `import { dma_wmb } from 'asm/barrier';
import type { device } from 'linux/device';

export function probe(dev: device): number {
  return 0;
}

export function answer(n: number): number {
  dma_wmb();
  return ${result};
}
`;
}

const MANIFEST = `id: small
title: A small lab
summary: Every answer is zero.
teaches: [answers]
machine: { devices: [{ id: nic0, kind: ring-nic }] }
contexts: [{ name: task, cpu: 0 }]
driver: { file: driver.ts, entry: [probe, answer] }
profiles: [x86-64, strict]
budget: { executions: 20, fuel: 100M }
checks:
  - { id: answers, title: Every answer is zero, assert: returned(), points: 100 }
expect:
  starter: { fails: [answers] }
`;

/** @param hidden names of the hidden workloads, which all ask the same */
export function writeCourse(folder: string, hidden: readonly string[]): string {
  const workload = (title: string, numbers: readonly number[]): string => `title: ${title}\ncontexts:\n  task: [${numbers.map((n) => `{ call: answer, args: [${n}], expect: 0 }`).join(', ')}]\n`;
  const files: Record<string, string> = {
    'lab.yaml': MANIFEST,
    'README.md': '# A small lab\n\nEvery answer is zero.\n',
    'starter/driver.ts': DRIVERS.wrong,
    'solution/driver.ts': DRIVERS.right,
    'workloads/public/two.yaml': workload('Two questions', [1, 2]),
  };
  for (const name of hidden) files[`workloads/hidden/${name}.yaml`] = workload(`About ${name}`, [3]);
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, '01-small', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return folder;
}
