// SPDX-License-Identifier: Apache-2.0
/** For tests: a small lab as files, with a hidden suite of the caller's choice. */
import { loadLab, requireLab, type LabBundle } from '@dmalab/engine/lab-bundle';

const MANIFEST = `id: demo
title: A demonstration
summary: One device, one barrier.
teaches: [x]
machine: { devices: [{ id: nic0, kind: ring-nic }] }
contexts: [{ name: task, cpu: 0 }]
driver: { file: driver.ts, entry: [send], given: [ring.ts] }
profiles: [arm64, strict]
budget: { executions: 100, fuel: 1M }
checks:
  - { id: whole, title: Whole frames, rules: [XB1, XB2], points: 60, hint: What must come first? }
  - { id: read, title: Reads in order, rules: [XB3], points: 40 }
expect:
  starter: { fails: [whole] }
  variants/secretly-wrong: { fails: [whole] }
`;

export const STARTER = 'export function send(): void {}\n';

/** @param hidden workload id → title */
export function demoLab(hidden: Readonly<Record<string, string>> = { 'hidden-burst': 'A hidden burst of frames' }): LabBundle {
  const files: Record<string, string> = {
    'lab.yaml': MANIFEST,
    'README.md': '# A demonstration\n\nText of the lab.\n',
    'hints.md': '## XB3\nRead the bit first.\n',
    'given/ring.ts': 'export const SLOTS = 4;\n',
    'starter/driver.ts': STARTER,
    'solution/driver.ts': 'export function send() { /* the hidden solution */ }\n',
    'variants/secretly-wrong/driver.ts': 'export function send() { /* the hidden variant */ }\n',
    'workloads/public/two-frames.yaml': 'title: Two frames\ncontexts: { task: [{ call: send }] }\n',
  };
  for (const [id, title] of Object.entries(hidden)) files[`workloads/hidden/${id}.yaml`] = `title: ${title}\ncontexts: { task: [{ call: send }, { call: send }] }\n`;
  return requireLab(loadLab(files, (source) => ({ code: source, diagnostics: [] }), '07-demo'));
}

/** Whatever of `demoLab` students must never see. */
export const HIDDEN_WORDS = ['hidden-burst', 'A hidden burst of frames', 'secretly-wrong', 'the hidden solution', 'the hidden variant'];
