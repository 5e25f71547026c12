// SPDX-License-Identifier: Apache-2.0
import type { TraceEvent } from '@dmalab/core/base/events';
import { unpackEvents } from '@dmalab/contracts/pack';
import type { ServerMessages } from '@dmalab/contracts/wire';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunLog, type Send, type Watcher } from './run-log.ts';

const event = (id: number): TraceEvent => ({ id, agent: 'cpu0', cycle: id, causes: [], kind: 'log', level: 'info', text: `line ${id}` });
const events = (low: number, high: number): TraceEvent[] => Array.from({ length: high - low + 1 }, (_, i) => event(low + i));
const END = { reason: 'quiescent', text: '', notes: [], diagnostics: [] };
const verdict = (profile: 'x86-64' | 'arm64'): ServerMessages['run:verdict'] => ({ run: 'r', profile, workload: 'w', verdict: { kind: 'complete', executions: 5, engine: 'graph', within: '' }, token: '', diagnostics: [], finding: null });

/** A client that keeps what it is sent and grants credit for each batch once it wants to. */
function client(): { send: Send; got: TraceEvent[]; batches: number[]; said: string[] } {
  const got: TraceEvent[] = [];
  const batches: number[] = [];
  const said: string[] = [];
  const send: Send = (kind, message) => {
    said.push(kind);
    if (kind !== 'run:events') return;
    const { from, count, events } = message as ServerMessages['run:events'];
    const unpacked = unpackEvents(events);
    expect(unpacked).toHaveLength(count);
    expect(unpacked[0]?.id).toBe(from);
    batches.push(count);
    got.push(...unpacked);
  };
  return { send, got, batches, said };
}
const drain = (log: RunLog, watcher: Watcher): void => {
  for (let seen = -1; seen !== watcher.next; log.credit(watcher, 8)) seen = watcher.next;
};

describe('a run’s log', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('batches at most 256 events, and holds fewer back for at most 33 ms', () => {
    const log = new RunLog('r');
    const c = client();
    log.watch(1, c.send);
    log.push(events(1, 600));
    expect(c.batches).toEqual([256, 256]);
    vi.advanceTimersByTime(32);
    expect(c.batches).toEqual([256, 256]);
    vi.advanceTimersByTime(1);
    expect(c.batches).toEqual([256, 256, 88]);
    expect(c.got.map((e) => e.id)).toEqual(events(1, 600).map((e) => e.id));
  });

  it('stops after eight batches until the client grants more, and loses nothing', () => {
    const log = new RunLog('r');
    const c = client();
    const watcher = log.watch(1, c.send);
    log.push(events(1, 256 * 20));
    log.end(END);
    expect(c.batches).toHaveLength(8);
    expect(c.said).not.toContain('run:end');
    log.credit(watcher, 3);
    expect(c.batches).toHaveLength(11);
    drain(log, watcher);
    expect(c.got.map((e) => e.id)).toEqual(events(1, 256 * 20).map((e) => e.id));
    expect(c.said.at(-1)).toBe('run:end');
  });

  it.each([1, 2, 255, 256, 257, 300, 512, 513, 599, 600, 601])('resumes at event %i, in the middle of a batch or not', (from) => {
    const log = new RunLog('r');
    log.push(events(1, 600));
    log.verdict(verdict('arm64'));
    log.end(END);
    const c = client();
    log.watch(from, c.send);
    expect(c.got).toEqual(events(from, 600));
    expect(c.said.slice(-2)).toEqual(['run:verdict', 'run:end']);
  });

  it('repeats the verdicts and the end to whoever joins, after the events', () => {
    const log = new RunLog('r');
    log.push(events(1, 3));
    log.verdict(verdict('x86-64'));
    log.verdict(verdict('arm64'));
    log.end(END);
    const c = client();
    log.watch(1, c.send);
    expect(c.said).toEqual(['run:events', 'run:verdict', 'run:verdict', 'run:end']);
  });

  it('tells progress at most four times a second', () => {
    const log = new RunLog('r');
    const c = client();
    log.watch(1, c.send);
    for (let ms = 1_000; ms < 2_000; ms += 10) log.progress({ run: 'r', profile: 'arm64', workload: 'w', executions: ms, phase: 'graph' }, ms);
    expect(c.said).toHaveLength(4);
  });

  it('a watcher that is slow holds up nobody', () => {
    const log = new RunLog('r');
    const slow = client();
    const fast = client();
    log.watch(1, slow.send);
    const watcher = log.watch(1, fast.send);
    log.push(events(1, 256 * 12));
    drain(log, watcher);
    expect(slow.batches).toHaveLength(8);
    expect(fast.batches).toHaveLength(12);
  });
});
