// SPDX-License-Identifier: Apache-2.0
/** Traces for the sanitizer's specifications: a driver's events in few words, ids and headers filled in. */
import type { EventFields, EventKind, Site, TraceEvent } from '@dmalab/core/base/events';
import { Sanitizer } from './sanitizer.ts';

export const RING = 0x8000_0000;
export const OWN = 0x8000;
export const DONE = 0x4000;

const FIELDS = { addr: { offset: 0, size: 8 }, len: { offset: 8, size: 2 }, flags: { offset: 10, size: 2 } } as const;
type Field = keyof typeof FIELDS;

export const at = (line: number): Site => ({ file: 'driver.ts', line, column: 3 });

export class Trace {
  readonly events: TraceEvent[] = [];
  readonly sanitizer = new Sanitizer();

  constructor(coherent = true, agents: readonly (readonly [string, 'cpu' | 'device', string])[] = [['cpu0', 'cpu', 'CPU 0'], ['nic0', 'device', 'NIC']]) {
    this.emit('machine', 'machine', { profile: 'arm64', workload: 'w', agents: agents.map(([id, kind, name]) => ({ id, kind, name })), lineSize: 64, coherent, description: null });
  }

  emit<K extends EventKind>(agent: string, kind: K, fields: EventFields<K>): number {
    const id = this.events.length + 1;
    // Assembled from a kind and its own fields; TypeScript cannot see that the union holds.
    const event = { id, agent, cycle: id, causes: [], kind, ...fields } as unknown as TraceEvent;
    this.events.push(event);
    this.sanitizer.event(event);
    return id;
  }

  rules(): string[] {
    return this.sanitizer.findings.map((f) => f.rule);
  }
  sentences(): string[] {
    return this.sanitizer.findings.map((f) => f.sentence);
  }

  ring(name = 'ring', base = RING, work = true): void {
    this.emit('nic0', 'layout', {
      name, address: BigInt(base),
      layout: {
        name, count: 4, stride: 16, owner: 'nic0', own: { field: 'flags', mask: OWN, work },
        fields: [
          { name: 'addr', offset: 0, size: 8, endian: 'little', format: 'address' },
          { name: 'len', offset: 8, size: 2, endian: 'little', format: 'decimal' },
          { name: 'flags', offset: 10, size: 2, endian: 'little', format: 'flags', flags: { OWN, DONE } },
        ],
      },
    });
  }

  /** A CPU's store to a ring field. */
  put(field: Field, slot: number, value: number, line: number, order = 'plain'): number {
    return this.store(RING + 16 * slot + FIELDS[field].offset, FIELDS[field].size, field === 'addr' ? BigInt(value) : value, line, order, `${field}[${slot}]`);
  }
  store(address: number, size: number, value: number | bigint, line: number, order = 'plain', name = '', cpu = 'cpu0'): number {
    return this.emit(cpu, 'store', { address: BigInt(address), size, value, order, name, site: at(line) });
  }
  drain(store: number, reach = 'all'): number {
    const event = this.events[store - 1];
    if (event?.kind !== 'store') throw new Error(`event ${store} is no store`);
    return this.emit(event.agent, 'drain', { store, address: event.address, size: event.size, value: event.value, reach });
  }
  /** A store that drains at once. */
  putNow(field: Field, slot: number, value: number, line: number, order = 'plain'): number {
    return this.drain(this.put(field, slot, value, line, order));
  }

  get(agent: string, field: Field, slot: number, value: number, from: number, line = 0, base = RING): number {
    const order = field === 'flags' ? 'relaxed' : 'plain';
    return this.load(agent, base + 16 * slot + FIELDS[field].offset, FIELDS[field].size, field === 'addr' ? BigInt(value) : value, from, line, order, `${field}[${slot}]`);
  }
  load(agent: string, address: number, size: number, value: number | bigint, from: number, line = 0, order = 'plain', name = ''): number {
    return this.emit(agent, 'load', { address: BigInt(address), size, value, order, name, from, forwarded: false, stale: false, site: line === 0 ? null : at(line) });
  }
  write(address: number, size: number, value: number | bigint, name = ''): number {
    return this.emit('nic0', 'write', { address: BigInt(address), size, value, name });
  }
  writeField(field: Field, slot: number, value: number): number {
    return this.write(RING + 16 * slot + FIELDS[field].offset, FIELDS[field].size, value, `${field}[${slot}]`);
  }

  fence(name: string, line: number, instructions = 'dmb oshst'): number {
    return this.emit('cpu0', 'fence', { name, instructions, site: at(line) });
  }
  /** `issued`: the last event before the CPU issued it, when it was held back since. */
  bell(value: number, line: number, register = 'DOORBELL', issued?: number): number {
    return this.emit('cpu0', 'mmio-write', { device: 'nic0', register, offset: 28, size: 4, value, order: 'plain', issued: issued ?? this.events.length, site: at(line) });
  }
  takeBell(write: number): number {
    const arrival = this.emit('nic0', 'mmio-arrive', { write, register: 'DOORBELL', value: 0 });
    return this.emit('nic0', 'mmio-take', { register: 'DOORBELL', offset: 28, value: 0, write: arrival });
  }

  map(address: number, size: number, direction: string, line: number, dma = address, device = 'nic0'): number {
    return this.emit('cpu0', 'map', { device, address: BigInt(address), dma: BigInt(dma), size, direction, error: false, site: at(line) });
  }
  checked(dma: number, device = 'nic0'): void {
    this.emit('cpu0', 'map-check', { device, dma: BigInt(dma), site: null });
  }
  unmap(dma: number, size: number, direction: string, line: number, device = 'nic0'): number {
    return this.emit('cpu0', 'unmap', { device, dma: BigInt(dma), size, direction, site: at(line) });
  }
  sync(dma: number, size: number, direction: string, side: 'cpu' | 'device', line: number): number {
    return this.emit('cpu0', 'sync', { device: 'nic0', dma: BigInt(dma), size, direction, for: side, site: at(line) });
  }
  alloc(what: string, address: number, size: number, line: number): number {
    return this.emit('cpu0', 'alloc', { what, address: BigInt(address), dma: what.includes('coherent') ? BigInt(address) : 0n, size, site: at(line) });
  }
  free(what: string, address: number, size: number, line: number, dma = address): number {
    return this.emit('cpu0', 'free', { what, address: BigInt(address), dma: BigInt(dma), size, site: at(line) });
  }
  fill(line: number, why = 'load'): number {
    return this.emit('cpu0', 'line-fill', { line: BigInt(line), why });
  }
  writeBack(line: number, why = 'eviction'): number {
    return this.emit('cpu0', 'line-writeback', { line: BigInt(line), why });
  }
  drop(line: number, lostDirty: boolean, why = 'maintenance'): number {
    return this.emit('cpu0', 'line-drop', { line: BigInt(line), why, lostDirty });
  }
  end(reason = 'quiescent'): number {
    return this.emit('machine', 'end', { reason, text: '' });
  }
}
