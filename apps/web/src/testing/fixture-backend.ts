// SPDX-License-Identifier: Apache-2.0
/** A backend that plays the recorded run back. For tests and the picture bench only. */
import type { LabsResponse, LabView } from '@dmalab/contracts/api';
import { LabManifest, type Workload } from '@dmalab/contracts/lab';
import type { Backend, Connection, RunSink } from '../net/backend.ts';
import type { Replayer } from '../worker/replayer.ts';
import { recordedRun } from './recorded-run.ts';

export const DRIVER = `import { writel } from 'linux/io';
import { cpu_to_le16, cpu_to_le64, le16_to_cpu } from 'linux/byteorder';
import { READ_ONCE, WRITE_ONCE } from 'linux/compiler';
import { DOORBELL, OWN, type Nic } from './nic';

/** Queues one frame. The ring is coherent memory. */
export function nic_xmit(nic: Nic, frame: dma_addr_t, bytes: number) {
  const i = nic.load('next');
  const d = nic.ring.at(i % 4);

  if (le16_to_cpu(READ_ONCE(d, 'flags')) & OWN)
    return -EBUSY;               // still the NIC's

  d.store('addr', cpu_to_le64(frame));
  d.store('len', cpu_to_le16(bytes));

  // hand over
  WRITE_ONCE(d, 'flags', cpu_to_le16(OWN));

  nic.store('next', i + 1);
  writel(i % 4, nic.regs + DOORBELL);
  return 0;
}

/** Takes back what the NIC has sent. */
export function nic_reclaim(nic: Nic) {
  const d = nic.ring.at(nic.load('clean') % 4);
  return le16_to_cpu(READ_ONCE(d, 'flags')) & OWN;
}
`;

const TEXT = `# Coherent is not ordered

The ring lives in coherent memory, so the NIC sees each store without a cache flush. *When* it sees them is another question.

A store first waits in the CPU, and on arm64 waiting stores may drain in any order. The NIC, once started, walks the ring while it finds its own bit set. It does not wait for your doorbell.

## Your task

Make \`nic_xmit\` correct on all three profiles. One line is enough; find the right one and the right place.
`;

const workload = (title: string): Workload => ({ title, buffers: {}, contexts: { tx: [{ call: 'nic_xmit', args: [] }] }, devices: {}, faults: [] });

const lab: LabView = {
  number: '06',
  manifest: LabManifest.parse({
    id: 'coherent-is-not-ordered',
    title: 'Coherent is not ordered',
    summary: 'The own bit must not arrive before what it hands over.',
    teaches: ['ordering'],
    machine: { devices: [{ id: 'nic0', kind: 'ring-nic' }] },
    contexts: [{ name: 'tx', cpu: 0 }],
    driver: { file: 'driver.ts', entry: ['nic_xmit'], given: ['nic.ts'] },
    profiles: ['x86-64', 'arm64', 'strict'],
    budget: { executions: 1000, fuel: '10M' },
    checks: [
      { id: 'whole', title: 'Only whole frames are sent', points: 4, rules: ['XB2'] },
      { id: 'every', title: 'Every frame is sent', points: 2, assert: 'allFramesSent(nic0)' },
      { id: 'reclaim', title: 'Reclaim reads finished slots only', points: 3, rules: ['XB3'] },
      { id: 'cost', title: 'At most one barrier a frame', points: 1, cost: { metric: 'barriers', atMost: 'solution' } },
    ],
    expect: {},
  }),
  hash: 'lab',
  engine: 'fixture',
  text: TEXT,
  hints: '## Only whole frames\n\nWhich store does the NIC look at first?',
  starter: DRIVER,
  given: [{ file: 'nic.ts', text: "/** Registers of the NIC. */\nexport const DOORBELL = 0x10;\nexport const OWN = 0x8000;\nexport interface Nic { regs: number }\n", blanked: '' }],
  workloads: {},
  types: [{ path: 'linux/io.d.ts', text: "declare module 'linux/io' {\n  /** Posts a 32-bit value to a device register. */\n  export function writel(value: number, address: number): void;\n}\n" }],
  draft: null,
  report: null,
};

export class FixtureBackend implements Backend {
  me(): Promise<{ name: string; role: 'student' }> {
    return Promise.resolve({ name: 'student', role: 'student' });
  }
  labs(): Promise<LabsResponse> {
    const summary = (id: string, number: string, title: string, text: string, teaches: string[], profiles: LabsResponse['labs'][number]['profiles'], earned: number | null, possible: number, state: LabsResponse['labs'][number]['state']): LabsResponse['labs'][number] => ({ id, number, title, summary: text, needs: [], teaches, minutes: 30, profiles, points: { possible, earned }, state });
    return Promise.resolve({
      labs: [
        summary('coherent-is-not-ordered', '06', 'Coherent is not ordered', 'The own bit must not arrive before what it hands over.', ['ordering'], ['x86-64', 'arm64', 'strict'], 3, 10, 'partial'),
        summary('clean-before-you-send', '02', 'Clean before you send', 'A store in a cache is invisible to a device that does not snoop.', ['cache-maintenance'], ['arm64-nc', 'strict-nc'], null, 8, 'new'),
      ],
      runs: [{ run: 'a', lab: 'coherent-is-not-ordered', profile: 'arm64', workload: 'two-frames', verdict: { kind: 'violated', executions: 3, engine: 'graph' }, token: 'd1.x', at: '2026-01-05T09:41:00Z' }],
    });
  }
  lab(): Promise<LabView> {
    return Promise.resolve({ ...lab, workloads: { 'two-frames': workload('Two frames'), 'two-incoming': workload('Two frames arrive') } });
  }
  onConnection(listener: (state: Connection) => void): () => void {
    listener('online');
    return () => undefined;
  }
  saveDraft(message: { version: number }): Promise<{ version: number }> {
    return Promise.resolve({ version: message.version });
  }
  blank(message: { text: string }): Promise<{ blanked: string; diagnostics: [] }> {
    return Promise.resolve({ blanked: message.text, diagnostics: [] });
  }
  run(request: { profile: string; check: boolean; text: string }, sink: RunSink): Promise<void> {
    sink.started({ run: 'r', blanked: request.text, diagnostics: [], stop: () => undefined });
    sink.events(recordedRun().slice(0, 8));
    sink.verdict({ profile: 'x86-64', workload: 'two-frames', verdict: { kind: 'complete', executions: 5, engine: 'graph', within: 'ring of 2' }, token: '', diagnostics: [], finding: null });
    for (const profile of ['arm64', 'strict'] as const) sink.verdict({ profile, workload: 'two-frames', verdict: { kind: 'violated', executions: 3, engine: 'graph' }, token: 'd1.x', diagnostics: [], finding: null });
    sink.end({ reason: 'quiescent', events: 8, text: '', notes: [], diagnostics: [] });
    return Promise.resolve();
  }
  submit(): Promise<{ submission: string; position: number }> {
    return Promise.resolve({ submission: 's', position: 2 });
  }
}

export const fixtureReplayer: Replayer = {
  matches: () => Promise.resolve(true),
  replay: (_job, onEvents) => {
    onEvents(recordedRun());
    return Promise.resolve({ reason: 'quiescent', token: 'd1.x', notes: [] });
  },
};
