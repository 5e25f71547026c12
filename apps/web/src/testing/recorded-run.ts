// SPDX-License-Identifier: Apache-2.0
/**
 * A recorded failing run of lab 06 on arm64, in the trace vocabulary: two frames, no `dma_wmb`, `len[1]` held back.
 * For tests and for looking at the pictures; nothing in the product reads it.
 */
import type { EventFields, EventKind, Json, OpenChoice, TraceEvent } from '@dmalab/core/base/events';

export const RING = 0x8000_0000n;
const FIELDS = { addr: { offset: 0n, size: 8 }, len: { offset: 8n, size: 2 }, flags: { offset: 10n, size: 2 } } as const;
type FieldName = keyof typeof FIELDS;
export const OWN = 0x8000;

interface Extra {
  readonly causes?: readonly number[];
  readonly choices?: readonly OpenChoice[];
}

/** Appends events with ids counted from 1. */
export class Recorder {
  readonly events: TraceEvent[] = [];

  add<K extends EventKind>(agent: string, kind: K, fields: EventFields<K>, extra: Extra = {}): number {
    const id = this.events.length + 1;
    const head = { id, agent, cycle: id * 3, causes: extra.causes ?? [], ...(extra.choices === undefined ? {} : { choices: extra.choices }) };
    this.events.push({ ...head, kind, ...fields } as unknown as TraceEvent);
    return id;
  }

  at(field: FieldName, slot: number): bigint {
    return RING + BigInt(slot) * 16n + FIELDS[field].offset;
  }

  store(field: FieldName, slot: number, value: number | bigint, line: number): number {
    return this.add('cpu0', 'store', { address: this.at(field, slot), size: FIELDS[field].size, value, order: 'plain', name: `ring[${slot}].${field}`, site: { file: 'driver.ts', line, column: 3 } });
  }

  drain(store: number, extra: Extra = {}): number {
    const s = this.events[store - 1];
    if (s?.kind !== 'store') throw new Error(`step ${store} is not a store`);
    return this.add('cpu0', 'drain', { store, address: s.address, size: s.size, value: s.value, reach: 'all' }, { causes: [store], ...extra });
  }

  load(agent: string, field: FieldName, slot: number, value: number | bigint, from: number, o: { line?: number; stale?: boolean } & Extra = {}): number {
    const site = o.line === undefined ? null : { file: 'driver.ts', line: o.line, column: 7 };
    return this.add(agent, 'load', { address: this.at(field, slot), size: FIELDS[field].size, value, order: 'plain', name: `ring[${slot}].${field}`, from, forwarded: false, stale: o.stale ?? false, site }, o);
  }
}

const choice = (agent: string, kind: string, key: string, taken: number, options: readonly string[]): OpenChoice => ({ agent, kind, key, ordinal: 0, taken, options });

export function recordedRun(): TraceEvent[] {
  const r = new Recorder();
  const agents = [
    { id: 'cpu0', kind: 'cpu', name: 'CPU 0' },
    { id: 'nic0', kind: 'device', name: 'nic0' },
  ];
  r.add('machine', 'machine', { profile: 'arm64', workload: 'two-frames', agents, lineSize: 64, coherent: true, description: { ordering: 'Armv8-A' } });
  const fields: Json[] = [
    { name: 'addr', offset: 0, size: 8, endian: 'little', format: 'address' },
    { name: 'len', offset: 8, size: 2, endian: 'little', format: 'decimal' },
    { name: 'flags', offset: 10, size: 2, endian: 'little', format: 'flags', flags: { OWN } },
  ];
  r.add('cpu0', 'layout', { name: 'ring', address: RING, layout: { count: 4, stride: 16, fields, owner: 'nic0', own: { field: 'flags', mask: OWN, work: true } } });
  const frame = (slot: number): bigint => 0x8010_4000n + BigInt(slot) * 0x800n;
  r.load('cpu0', 'flags', 0, 0, 0, { line: 11 });
  const s0 = [r.store('addr', 0, frame(0), 14), r.store('len', 0, 60, 15), r.store('flags', 0, OWN, 18)];
  const d0 = s0.map((s) => r.drain(s));
  const bell = r.add('cpu0', 'mmio-write', { device: 'nic0', register: 'DOORBELL', offset: 0x10, size: 4, value: 0, order: 'release', issued: 0, site: { file: 'driver.ts', line: 21, column: 3 } }, { causes: d0 });
  const arrive = r.add('nic0', 'mmio-arrive', { write: bell, register: 'DOORBELL', value: 0 } as EventFields<'mmio-arrive'>, { causes: [bell] });
  r.add('nic0', 'mmio-take', { register: 'DOORBELL', offset: 0x10, value: 0, write: bell }, { causes: [arrive] });
  r.add('nic0', 'device', { patch: { state: 'running', slot: 0 }, text: 'started, ring of 4' }, { causes: [arrive] });
  r.load('nic0', 'flags', 0, OWN, d0[2]!, { causes: [arrive] });
  r.load('nic0', 'addr', 0, frame(0), d0[0]!);
  const len0 = r.load('nic0', 'len', 0, 60, d0[1]!);
  r.load('cpu0', 'flags', 1, 0, 0, { line: 11 });
  const addr1 = r.store('addr', 1, frame(1), 14);
  const len1 = r.store('len', 1, 1514, 15);
  const own1 = r.store('flags', 1, OWN, 18);
  const addrDrain = r.drain(addr1);
  const ownDrain = r.drain(own1, { choices: [choice('cpu0', 'drain', 'nic_xmit#1/len', 1, ['len[1] = 1514 drains at once', 'len[1] = 1514 is held back'])] });
  const sent = r.add('nic0', 'device', { patch: { slot: 1, sent: '1 frame, 60 B' }, text: 'sent 60 bytes from slot 0' }, { causes: [len0] });
  const own = r.load('nic0', 'flags', 1, OWN, ownDrain, { causes: [sent], choices: [choice('machine', 'step', 'after nic0 sends', 1, ['CPU 0 goes on', 'nic0 goes on', 'len[1] = 1514 drains'])] });
  r.load('nic0', 'addr', 1, frame(1), addrDrain, { causes: [own] });
  const bad = r.load('nic0', 'len', 1, 0, 0, { stale: false, causes: [own], choices: [choice('machine', 'step', 'nic0 reads len', 0, ['nic0 goes on: reads len[1]', 'len[1] = 1514 drains', 'CPU 0 goes on: writel'])] });
  const site = (line: number): { file: string; line: number; column: number } => ({ file: 'driver.ts', line, column: 3 });
  r.add(
    'nic0',
    'finding',
    { rule: 'XB2', sentence: 'The NIC took slot 1 with length 0: its own bit reached memory before its length did, and no barrier orders the two.', first: len1, second: own1, firstSite: site(15), secondSite: site(18), missing: 'dma_wmb', detail: { evidence: 'cited section', source: 'Linux memory-barriers.txt, "dma_wmb()"', step: bad, about: { observer: 'nic0', read: bad, side: 'writer' } } },
    { causes: [len1, own1, bad] },
  );
  r.add('cpu0', 'log', { level: 'err', text: 'nic0: slot 1 has length 0, frame dropped' });
  const late = r.drain(len1);
  const bell1 = r.add('cpu0', 'mmio-write', { device: 'nic0', register: 'DOORBELL', offset: 0x10, size: 4, value: 1, order: 'release', issued: 0, site: site(21) }, { causes: [late] });
  r.add('nic0', 'mmio-arrive', { write: bell1, register: 'DOORBELL', value: 1 } as EventFields<'mmio-arrive'>, { causes: [bell1] });
  r.add('machine', 'end', { reason: 'quiescent', text: '' });
  return r.events;
}

/** A long correct run: `frames` frames queued in order, each store drained at once, so nothing but order is to be seen. */
export function longRun(frames: number): TraceEvent[] {
  const r = new Recorder();
  const agents = [
    { id: 'cpu0', kind: 'cpu', name: 'CPU 0' },
    { id: 'nic0', kind: 'device', name: 'nic0' },
  ];
  r.add('machine', 'machine', { profile: 'x86-64', workload: 'many-frames', agents, lineSize: 64, coherent: true, description: {} });
  for (let n = 0; n < frames; n += 1) {
    const slot = n % 4;
    const drains = [r.store('addr', slot, 0x8010_0000n + BigInt(n) * 2048n, 14), 0, r.store('len', slot, 60 + n, 15), 0, r.store('flags', slot, OWN, 18), 0].flatMap((s) => (s === 0 ? [] : [r.drain(s)]));
    const bell = r.add('cpu0', 'mmio-write', { device: 'nic0', register: 'DOORBELL', offset: 0x10, size: 4, value: slot, order: 'release', issued: 0, site: null });
    const there = r.add('nic0', 'mmio-arrive', { write: bell, register: 'DOORBELL', value: slot } as EventFields<'mmio-arrive'>, { causes: [bell] });
    r.load('nic0', 'flags', slot, OWN, drains[2]!, { causes: [there] });
    r.load('nic0', 'len', slot, 60 + n, drains[1]!);
    r.add('nic0', 'device', { patch: { slot: (slot + 1) % 4 }, text: `sent ${60 + n} bytes from slot ${slot}` });
  }
  r.add('machine', 'end', { reason: 'quiescent', text: '' });
  return r.events;
}
