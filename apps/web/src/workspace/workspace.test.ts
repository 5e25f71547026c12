// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LabView } from '@dmalab/contracts/api';
import type { TraceEvent } from '@dmalab/core/base/events';
import { Refused, type Backend, type Connection, type EndMessage, type RunRequest, type RunSink, type VerdictMessage } from '../net/backend.ts';
import { FixtureBackend } from '../testing/fixture-backend.ts';
import { longRun, recordedRun } from '../testing/recorded-run.ts';
import type { Replayer, ReplayJob } from '../worker/replayer.ts';
import { Workspace } from './controller.ts';
import { barOf, markOf } from './bar.ts';
import { shownFinding } from './shown-finding.ts';
import { activeRun, isStale, neverStarted, whyEmpty } from './state.ts';

/** A server whose runs the test drives by hand. */
class ByHand extends FixtureBackend implements Backend {
  readonly requests: RunRequest[] = [];
  sinks: RunSink[] = [];
  readonly drafts: { text: string; version: number }[] = [];
  connection: (state: Connection) => void = () => undefined;
  down = false;

  override onConnection(listener: (state: Connection) => void): () => void {
    this.connection = listener;
    listener('online');
    return () => undefined;
  }
  override saveDraft(message: { text: string; version: number }): Promise<{ version: number }> {
    if (this.down) return Promise.reject(new Error('timeout'));
    this.drafts.push(message);
    return Promise.resolve({ version: message.version });
  }
  override run(request: RunRequest, sink: RunSink): Promise<void> {
    this.requests.push(request);
    this.sinks.push(sink);
    sink.started({ run: `r${this.sinks.length}`, blanked: `blanked ${request.text}`, diagnostics: [], stop: () => undefined });
    return Promise.resolve();
  }
}

class Recording implements Replayer {
  readonly jobs: ReplayJob[] = [];
  own = true;
  events: readonly TraceEvent[] = recordedRun();
  matches(): Promise<boolean> {
    return Promise.resolve(this.own);
  }
  replay(job: ReplayJob, onEvents: (batch: readonly TraceEvent[]) => void): Promise<{ reason: string; token: string; notes: readonly string[] }> {
    this.jobs.push(job);
    onEvents(this.events);
    return Promise.resolve({ reason: 'quiescent', token: 'd1.branch', notes: [] });
  }
}

const kept = new Map<string, string>();
let backend: ByHand;
let replayer: Recording;
let workspace: Workspace;
const state = () => workspace.store.getState();
const verdict = (profile: 'x86-64' | 'arm64' | 'strict', kind: 'violated' | 'complete', workload = 'two-frames'): VerdictMessage => ({ profile, workload, verdict: kind === 'violated' ? { kind, executions: 3, engine: 'graph' } : { kind, executions: 5, engine: 'graph', within: '' }, token: kind === 'violated' ? 'd1.fail' : 'd1.plain', diagnostics: [], finding: null });
const violated = (profile: 'arm64' | 'strict', workload?: string): VerdictMessage => verdict(profile, 'violated', workload);
const ended: EndMessage = { reason: 'quiescent', events: 30, text: 'nothing can happen any more', notes: [], diagnostics: [] };

beforeEach(async () => {
  vi.useFakeTimers();
  kept.clear();
  vi.stubGlobal('localStorage', { getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => kept.set(k, v) });
  vi.stubGlobal('requestAnimationFrame', (f: () => void) => setTimeout(f, 16));
  vi.stubGlobal('window', globalThis);
  backend = new ByHand();
  replayer = new Recording();
  workspace = new Workspace(backend, replayer);
  await workspace.open('coherent-is-not-ordered', { profile: 'arm64' });
});
afterEach(() => {
  workspace.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a run', () => {
  it('streams, and the step follows the newest event until somebody seeks', async () => {
    await workspace.runs.run();
    const events = longRun(4);
    backend.sinks[0]!.events(events.slice(0, 20));
    await vi.advanceTimersByTimeAsync(20);
    expect(state().step).toBe(20);
    workspace.seek(7);
    backend.sinks[0]!.events(events.slice(20, 30));
    await vi.advanceTimersByTimeAsync(20);
    expect(state().step).toBe(7);
    expect(activeRun(state())!.trace.length).toBe(30);
  });

  it('takes events that come again after a dropped connection once', async () => {
    await workspace.runs.run();
    const events = longRun(4);
    backend.sinks[0]!.events(events.slice(0, 20));
    backend.sinks[0]!.events(events.slice(10, 25));
    expect(activeRun(state())!.trace.index.events.map((e) => e.id)).toEqual(events.slice(0, 25).map((e) => e.id));
  });

  it('that is violated opens its replay at the failing step, from the bytes that were run', async () => {
    await workspace.runs.run();
    backend.sinks[0]!.verdict(violated('arm64'));
    await vi.advanceTimersByTimeAsync(20);
    const run = activeRun(state())!;
    expect(run.label).toBe('run 1 failing');
    expect(state().step).toBe(run.trace.index.finding!.witness);
    expect(replayer.jobs[0]).toMatchObject({ token: 'd1.fail', blanked: `blanked ${state().text}`, profile: 'arm64' });
  });

  it('that fails on another profile only opens there, and says where it was started', async () => {
    await workspace.runs.run();
    backend.sinks[0]!.verdict(verdict('arm64', 'complete'));
    backend.sinks[0]!.verdict(violated('strict'));
    backend.sinks[0]!.verdict(verdict('x86-64', 'complete'));
    await vi.advanceTimersByTimeAsync(20);
    expect(activeRun(state())).toMatchObject({ profile: 'strict', token: 'd1.fail' });
    expect(state()).toMatchObject({ profile: 'strict', cameFrom: { profile: 'arm64', workload: 'two-frames' }, step: activeRun(state())!.trace.index.finding!.witness });
    expect(barOf(state())).toMatchObject({ violated: true, from: { profile: 'arm64', word: 'complete' } });
  });

  it('that breaks down marks the place, though its trace holds no finding', async () => {
    replayer.events = longRun(2);
    const finding = { rule: 'RT1', sentence: 'nic_xmit() threw Error: no.', first: { file: 'driver.ts', line: 12, column: 5 }, second: null, step: 9, steps: 9, missing: '', evidence: 'our choice' as const, source: '', token: 'd1.fail', diagram: [] };
    await workspace.runs.run();
    backend.sinks[0]!.verdict({ ...violated('arm64'), finding });
    await vi.advanceTimersByTimeAsync(20);
    expect(shownFinding(activeRun(state()), state().verdicts)).toMatchObject({ word: 'stopped', first: { line: 12 }, second: null });
    expect(shownFinding(state().runs[0]!, state().verdicts)).toBeNull();
    expect(barOf(state())).toMatchObject({ violated: true, shown: '', found: { rule: '', evidence: '' } });
  });

  it('takes the page to its first failure only', async () => {
    await workspace.runs.run();
    backend.sinks[0]!.verdict(violated('arm64'));
    backend.sinks[0]!.verdict(violated('strict'));
    await vi.advanceTimersByTimeAsync(20);
    expect(activeRun(state())).toMatchObject({ label: 'run 1 failing', profile: 'arm64' });
    workspace.setProfile('strict');
    await vi.advanceTimersByTimeAsync(20);
    expect(activeRun(state())).toMatchObject({ profile: 'strict', token: 'd1.fail' });
  });

  it('leaves somebody who looks at a step there; the failure is named and one click away', async () => {
    await workspace.runs.run();
    backend.sinks[0]!.events(longRun(4).slice(0, 20));
    await vi.advanceTimersByTimeAsync(20);
    workspace.seek(7);
    backend.sinks[0]!.verdict(verdict('arm64', 'complete'));
    backend.sinks[0]!.verdict(violated('strict'));
    backend.sinks[0]!.verdict(verdict('arm64', 'complete', 'two-incoming'));
    await vi.advanceTimersByTimeAsync(20);
    expect(state()).toMatchObject({ profile: 'arm64', step: 7 });
    expect(barOf(state())).toMatchObject({ violated: false, look: { word: 'complete' }, elsewhere: { message: { profile: 'strict' } } });
    workspace.look('strict', 'two-frames');
    await vi.advanceTimersByTimeAsync(20);
    expect(activeRun(state())).toMatchObject({ profile: 'strict', token: 'd1.fail' });
  });

  it('that fails with another workload opens that one, and going back shows the run that was started', async () => {
    await workspace.runs.run();
    backend.sinks[0]!.events(longRun(4).slice(0, 20));
    backend.sinks[0]!.verdict(verdict('arm64', 'complete'));
    backend.sinks[0]!.verdict(violated('arm64', 'two-incoming'));
    backend.sinks[0]!.end(ended);
    await vi.advanceTimersByTimeAsync(20);
    expect(state()).toMatchObject({ profile: 'arm64', workload: 'two-incoming' });
    expect(replayer.jobs[0]).toMatchObject({ workload: 'two-incoming', token: 'd1.fail' });
    workspace.setWorkload('two-frames');
    await vi.advanceTimersByTimeAsync(20);
    expect(activeRun(state())!.label).toBe('run 1');
    expect(barOf(state())).toMatchObject({ violated: true, shown: 'run 1, which breaks no rule', elsewhere: { message: { workload: 'two-incoming' } } });
  });

  it('that never starts says so wherever its steps would be', async () => {
    await workspace.runs.run();
    const said = { file: 'driver.ts', line: 3, column: 1, severity: 'error' as const, code: '1005', message: "';' expected." };
    backend.sinks[0]!.verdict({ profile: 'arm64', workload: 'two-frames', verdict: { kind: 'error', whose: 'student', message: "driver.ts:3: ';' expected." }, token: '', diagnostics: [said], finding: null });
    backend.sinks[0]!.end({ ...ended, reason: 'error', events: 0, text: "driver.ts:3: ';' expected.", diagnostics: [said] });
    await vi.advanceTimersByTimeAsync(20);
    const run = activeRun(state())!;
    expect(neverStarted(run)).toBe(true);
    expect(whyEmpty(run)).toBe("Run 1 did not start, so there is nothing to see. driver.ts:3: ';' expected.");
    expect(barOf(state())).toMatchObject({ look: { word: 'error' }, text: "driver.ts:3: ';' expected." });
    expect(state().diagnostics).toEqual([said]);
  });

  it('that is stopped says so, too', async () => {
    await workspace.runs.run();
    workspace.runs.stop();
    expect(whyEmpty(activeRun(state()))).toBe('Run 1 did not start, so there is nothing to see. It was stopped.');
  });

  it('is replayed by the server when the engines differ', async () => {
    replayer.own = false;
    await workspace.runs.run();
    backend.sinks[0]!.verdict(violated('arm64'));
    await vi.advanceTimersByTimeAsync(20);
    expect(backend.requests[1]).toMatchObject({ token: 'd1.fail', check: false });
    backend.sinks[1]!.events(recordedRun());
    backend.sinks[1]!.end(ended);
    await vi.advanceTimersByTimeAsync(20);
    expect(replayer.jobs).toEqual([]);
    expect(state().step).toBe(activeRun(state())!.trace.index.finding!.witness);
  });

  it('that the server refuses leaves the run before it in place and says why', async () => {
    await workspace.runs.run();
    backend.run = () => Promise.reject(new Refused('2 of your runs are still going', 'stop one first'));
    await workspace.runs.run();
    expect(state().problem).toContain('2 of your runs are still going');
    expect(activeRun(state())!.label).toBe('run 1');
    expect(state().busy).toBe('idle');
  });
});

describe('a branch', () => {
  beforeEach(async () => {
    await workspace.runs.run();
    backend.sinks[0]!.verdict(violated('arm64'));
    await vi.advanceTimersByTimeAsync(20);
  });

  it('is a child of its run, opens at the step, and the run stays one click away', async () => {
    const parent = activeRun(state())!;
    const { step } = state();
    await workspace.runs.branch(step, 0, 1);
    const branch = activeRun(state())!;
    expect(branch).toMatchObject({ label: `run 1.${step}b`, parent: parent.id, token: 'd1.branch' });
    expect(state().step).toBe(step);
    expect(replayer.jobs[1]).toMatchObject({ token: 'd1.fail', deviations: expect.arrayContaining([expect.objectContaining({ key: 'nic0 reads len', answer: 1 })]) });
    workspace.runs.select(parent.id);
    expect(activeRun(state())).toBe(state().runs.find((r) => r.id === parent.id));
  });

  it('that cannot be run leaves everything as it was, and says so', async () => {
    const before = activeRun(state())!;
    const { step } = state();
    replayer.replay = () => Promise.reject(new Error('the engine stopped'));
    await workspace.runs.branch(step, 0, 1);
    expect(activeRun(state())!.id).toBe(before.id);
    expect(state()).toMatchObject({ step, problem: 'The branch could not be run: the engine stopped', busy: 'idle' });
  });
});

describe('the draft', () => {
  it('is saved shortly after the last key, once', async () => {
    workspace.edit('a');
    await vi.advanceTimersByTimeAsync(300);
    workspace.edit('ab');
    expect(state().draft).toBe('typing');
    await vi.advanceTimersByTimeAsync(600);
    expect(backend.drafts.map((d) => d.text)).toEqual(['ab']);
    expect(state().draft).toBe('saved');
  });

  it('is kept here while the server is away, and saved when it is back', async () => {
    backend.down = true;
    backend.connection('lost');
    workspace.edit('typed on a train');
    await vi.advanceTimersByTimeAsync(600);
    expect(state().draft).toBe('kept here');
    backend.down = false;
    backend.connection('online');
    await vi.advanceTimersByTimeAsync(10);
    expect(backend.drafts.at(-1)?.text).toBe('typed on a train');
    expect(state().draft).toBe('saved');
  });

  it('that the browser holds in a later version wins over the server\'s', async () => {
    kept.set('dmalab.draft.coherent-is-not-ordered', JSON.stringify({ text: 'newer', version: 9 }));
    const again = new Workspace(backend, replayer);
    await again.open('coherent-is-not-ordered', {});
    expect(again.store.getState().text).toBe('newer');
    expect(backend.drafts.at(-1)).toMatchObject({ text: 'newer', version: 9 });
    again.close();
  });

  it('makes a verdict one of an earlier text', async () => {
    await workspace.runs.run();
    backend.sinks[0]!.verdict(violated('strict'));
    expect(isStale(state().verdicts[0]!, state())).toBe(false);
    workspace.edit(`${state().text}// changed\n`);
    expect(isStale(state().verdicts[0]!, state())).toBe(true);
  });
});

describe('a link', () => {
  it('replays its token and opens its step', async () => {
    const other = new Workspace(backend, replayer);
    await other.open('coherent-is-not-ordered', { profile: 'arm64', workload: 'two-frames', token: 'd1.fail', step: 12 });
    expect(other.store.getState()).toMatchObject({ step: 12, profile: 'arm64' });
    other.close();
  });

  it('to a run that fails marks its profile, and no other, until the text or the run is another one', async () => {
    await workspace.runs.openToken('d1.fail', 12);
    expect(state().verdicts).toEqual([]);
    expect(markOf(state(), 'arm64')).toMatchObject({ look: { icon: 'no', word: 'violated' }, stale: false });
    expect(markOf(state(), 'strict')).toBeNull();
    workspace.edit(`${state().text}// changed\n`);
    expect(markOf(state(), 'arm64')).toMatchObject({ look: { word: 'violated' }, stale: true });
    await workspace.runs.run();
    expect(markOf(state(), 'arm64')).toBeNull();
    backend.sinks[0]!.verdict(verdict('arm64', 'complete'));
    workspace.runs.select(state().runs[0]!.id);
    expect(markOf(state(), 'arm64')).toMatchObject({ look: { tone: 'ink' }, stale: false });
  });

  it('to a run that breaks no rule leaves its profile without a mark', async () => {
    replayer.events = longRun(2);
    await workspace.runs.openToken('d1.plain', 1);
    expect(activeRun(state())!.trace.length).toBeGreaterThan(0);
    expect(markOf(state(), 'arm64')).toBeNull();
  });

  it('to a profile or workload that the lab has not falls back to what it has', async () => {
    const other = new Workspace(backend, replayer);
    await other.open('coherent-is-not-ordered', { profile: 'arm64-nc', workload: 'none' });
    const lab: LabView = other.store.getState().lab!;
    expect(other.store.getState()).toMatchObject({ profile: lab.manifest.profiles[0], workload: 'two-frames' });
    other.close();
  });
});

it('playing stops at a finding', async () => {
  await workspace.runs.openToken('d1.fail', 1);
  workspace.play();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(state()).toMatchObject({ step: activeRun(state())!.trace.index.finding!.witness, playing: false });
});
