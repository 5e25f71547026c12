// SPDX-License-Identifier: Apache-2.0
/**
 * The one fold. The state at any step is `apply` over the events up to it;
 * nobody else may derive machine state from a trace. `apply` changes the state
 * it is given; `cloneState` makes one that may be kept.
 */
import type { EventOf, Json, TraceEvent } from './events.ts';
import { MemoryImage } from './image.ts';
import { placedLayout } from './placed-layout.ts';
import type { AgentInfo, CpuState, DeviceState, LineState, MachineState, Seen, UnitAccess, UnitState } from './state.ts';
import type { Value } from './port.ts';

export function createState(): MachineState {
  return {
    step: 0,
    cycle: 0,
    machine: null,
    cpus: new Map(),
    devices: new Map(),
    units: new Map(),
    memory: new MemoryImage(),
    lines: new Map(),
    posts: [],
    interrupts: [],
    mappings: new Map(),
    allocations: new Map(),
    layouts: [],
    names: new Map(),
    console: [],
    findings: [],
    choices: [],
    end: null,
  };
}

/** A state of its own: neither sees what is folded into the other later. */
export function cloneState(state: MachineState): MachineState {
  return {
    ...state,
    cpus: new Map([...state.cpus].map(([id, cpu]) => [id, { ...cpu, frames: [...cpu.frames], pending: [...cpu.pending], seen: new Map(cpu.seen), handlers: [...cpu.handlers] }])),
    devices: new Map([...state.devices].map(([id, device]) => [id, { ...device, seen: new Map(device.seen), registers: new Map(device.registers) }])),
    units: new Map([...state.units].map(([id, unit]) => [id, { ...unit, caches: new Map(unit.caches) }])),
    memory: new MemoryImage(state.memory),
    lines: new Map(state.lines),
    posts: [...state.posts],
    interrupts: [...state.interrupts],
    mappings: new Map(state.mappings),
    allocations: new Map(state.allocations),
    layouts: [...state.layouts],
    names: new Map(state.names),
    console: [...state.console],
    findings: [...state.findings],
  };
}

/** Device an agent belongs to: `nic0.rx` is an engine of `nic0`. */
export function deviceOf(agent: string): string {
  const dot = agent.indexOf('.');
  return dot === -1 ? agent : agent.slice(0, dot);
}

export function mappingKey(device: string, dma: number | bigint): string {
  return `${device}:${dma.toString(16)}`;
}

/** Folds one event in. Events come in the order of their ids. */
export function apply(state: MachineState, event: TraceEvent): void {
  state.step = event.id;
  state.cycle = event.cycle;
  state.choices = event.choices ?? NO_CHOICES;
  switch (event.kind) {
    case 'machine':
      state.machine = { profile: event.profile, workload: event.workload, agents: agentInfos(event.agents), lineSize: event.lineSize, coherent: event.coherent, description: event.description };
      for (const agent of state.machine.agents) if (agent.kind === 'cpu') cpuOf(state, agent.id); else deviceState(state, agent.id);
      return;
    case 'layout': {
      const placed = placedLayout(event);
      if (placed === null) return;
      // What a device says of its own ring tells more than a driver's view of the same bytes.
      const shadowed = placed.own === null && state.layouts.some((l) => l.address === placed.address && l.own !== null);
      if (!shadowed) state.layouts = [...state.layouts.filter((l) => l.address !== placed.address), placed];
      return;
    }
    case 'call': {
      const cpu = cpuOf(state, event.agent);
      cpu.frames.push({ context: event.context, name: event.name, args: event.args, since: event.id, site: event.site });
      if (event.site !== null) cpu.site = event.site;
      return;
    }
    case 'return': {
      const cpu = cpuOf(state, event.agent);
      for (let i = cpu.frames.length - 1; i >= 0; i -= 1) {
        if (cpu.frames[i]?.name !== event.name || cpu.frames[i]?.context !== event.context) continue;
        cpu.frames.length = i;
        break;
      }
      return;
    }
    case 'store': {
      const cpu = cpuOf(state, event.agent);
      if (event.site !== null) cpu.site = event.site;
      const address = Number(event.address);
      named(state, address, event.name);
      cpu.pending.push({ store: event.id, address, size: event.size, value: event.value, name: event.name, site: event.site, atCpus: false });
      return;
    }
    case 'drain': {
      const cpu = cpuOf(state, event.agent);
      if (event.reach === 'cpu') {
        cpu.pending = cpu.pending.map((p) => (p.store === event.store ? { ...p, atCpus: true } : p));
        return;
      }
      cpu.pending = cpu.pending.filter((p) => p.store !== event.store);
      cpuWrites(state, Number(event.address), event.size, event.value, event.id);
      return;
    }
    case 'load':
      reads(state, event, event.value);
      return;
    case 'rmw':
      reads(state, event, event.old);
      if (isCpu(state, event.agent)) cpuWrites(state, Number(event.address), event.size, event.value, event.id);
      else state.memory.write(Number(event.address), event.size, event.value, event.id);
      return;
    case 'write':
      named(state, Number(event.address), event.name);
      state.memory.write(Number(event.address), event.size, event.value, event.id);
      return;
    case 'fence': {
      if (!isCpu(state, event.agent)) return;
      const cpu = cpuOf(state, event.agent);
      if (event.site !== null) cpu.site = event.site;
      return;
    }
    case 'mmio-write': {
      const cpu = cpuOf(state, event.agent);
      if (event.site !== null) cpu.site = event.site;
      state.posts.push({ write: event.id, cpu: event.agent, device: event.device, register: event.register, value: event.value });
      return;
    }
    case 'mmio-arrive':
      state.posts = state.posts.filter((p) => p.write !== event.write);
      deviceState(state, event.agent).registers.set(event.register, { value: event.value, step: event.id });
      return;
    case 'mmio-read': {
      const cpu = cpuOf(state, event.agent);
      if (event.site !== null) cpu.site = event.site;
      return;
    }
    case 'mmio-take':
      deviceState(state, event.agent).blockedOn = null;
      return;
    case 'register':
      deviceState(state, event.agent).registers.set(event.register, { value: event.value, step: event.id });
      return;
    case 'message':
    case 'iommu-message':
      return;
    case 'message-take':
      deviceState(state, event.agent).blockedOn = null;
      return;
    case 'walk': {
      const unit = unitOf(state, event.agent);
      const access: UnitAccess = { what: event.what, access: event.access, address: Number(event.address), size: event.size, words: textsOf(event.words), status: event.status, step: event.id };
      unit.walk = [...unit.walk, access];
      return;
    }
    case 'translate': {
      const unit = unitOf(state, event.agent);
      const { source, type, write, dma, outcome, address, span } = event;
      const pasid = typeof event.pasid === 'number' ? event.pasid : null;
      unit.last = { source, pasid, type, write, dma, outcome, address, span, walk: unit.walk, step: event.id };
      unit.walk = [];
      return;
    }
    case 'iommu-cache':
      unitOf(state, event.agent).caches.set(event.cache, Array.isArray(event.lines) ? (event.lines as readonly Json[]) : []);
      return;
    case 'irq-raise':
      state.interrupts.push({ raise: event.id, device: deviceOf(event.agent), vector: event.vector, cpu: event.cpu });
      return;
    case 'irq-enter': {
      const at = state.interrupts.findIndex((i) => (event.raise !== 0 ? i.raise === event.raise : i.vector === event.vector));
      if (at !== -1) state.interrupts.splice(at, 1);
      const cpu = cpuOf(state, event.agent);
      cpu.blockedOn = null;
      cpu.handlers.push({ vector: event.vector, handler: event.handler, since: event.id });
      return;
    }
    case 'irq-exit':
      cpuOf(state, event.agent).handlers.pop();
      return;
    case 'line-fill':
      state.lines.set(Number(event.line), filledLine(state, Number(event.line), event.id, event.why));
      return;
    case 'line-writeback':
      writeBack(state, Number(event.line), event);
      return;
    case 'line-drop':
      state.lines.delete(Number(event.line));
      return;
    case 'maintain':
      if (event.site !== null && isCpu(state, event.agent)) cpuOf(state, event.agent).site = event.site;
      return;
    case 'maintain-done':
      return;
    case 'alloc':
      state.allocations.set(Number(event.address), { what: event.what, address: Number(event.address), dma: Number(event.dma), size: event.size, since: event.id, site: event.site });
      return;
    case 'free':
      state.allocations.delete(Number(event.address));
      return;
    case 'map':
      if (event.error) return;
      state.mappings.set(mappingKey(event.device, event.dma), {
        device: event.device, address: Number(event.address), dma: Number(event.dma), size: event.size, direction: event.direction, since: event.id, site: event.site, checked: false, owner: 'device',
      });
      return;
    case 'unmap':
      state.mappings.delete(mappingKey(event.device, event.dma));
      return;
    case 'sync': {
      const dma = Number(event.dma);
      for (const [key, m] of state.mappings) {
        if (m.device === event.device && dma >= m.dma && dma < m.dma + m.size) state.mappings.set(key, { ...m, owner: event.for === 'cpu' ? 'cpu' : 'device' });
      }
      return;
    }
    case 'map-check': {
      const key = mappingKey(event.device, event.dma);
      const mapping = state.mappings.get(key);
      if (mapping !== undefined) state.mappings.set(key, { ...mapping, checked: true });
      return;
    }
    case 'device': {
      const device = deviceState(state, event.agent);
      device.facts = merged(device.facts, event.patch);
      if (event.text !== '') {
        device.lastText = event.text;
        state.console.push({ step: event.id, agent: event.agent, level: 'info', text: event.text });
      }
      return;
    }
    case 'log':
      state.console.push({ step: event.id, agent: event.agent, level: event.level, text: event.text });
      return;
    case 'block':
      setBlocked(state, event.agent, event.on);
      return;
    case 'wake':
      setBlocked(state, event.agent, null);
      return;
    case 'finding':
      state.findings.push(event);
      return;
    case 'end':
      state.end = { reason: event.reason, text: event.text };
      return;
  }
}

const NO_CHOICES: readonly never[] = [];

function reads(state: MachineState, event: EventOf<'load'> | EventOf<'rmw'>, value: Value): void {
  const address = Number(event.address);
  named(state, address, event.name);
  const stale = event.kind === 'load' && event.stale;
  const seen: Seen = { address, size: event.size, value, name: event.name, step: event.id, from: event.from, stale };
  if (isCpu(state, event.agent)) {
    const cpu = cpuOf(state, event.agent);
    if (event.site !== null) cpu.site = event.site;
    cpu.seen.set(address, seen);
  } else deviceState(state, event.agent).seen.set(address, seen);
  const forwarded = event.kind === 'load' && event.forwarded;
  if (event.from === 0 && !forwarded) state.memory.reveal(address, event.size, value);
}

/** A CPU's value leaves its store buffer: into a line where one is present, else into memory. */
function cpuWrites(state: MachineState, address: number, size: number, value: Value, id: number): void {
  const lineSize = state.machine?.lineSize ?? 0;
  const start = lineSize > 0 ? address - (address % lineSize) : -1;
  const line = state.lines.get(start);
  if (line === undefined || isUncached(state, address)) {
    state.memory.write(address, size, value, id);
    return;
  }
  const next: LineState = { ...line, changed: id, dirty: true, bytes: line.bytes.slice(), by: line.by.slice(), dirtyBytes: line.dirtyBytes.slice() };
  const raw = BigInt(value);
  for (let i = 0; i < size; i += 1) {
    const at = address - start + i;
    next.bytes[at] = Number((raw >> BigInt(8 * i)) & 0xffn);
    next.by[at] = id;
    next.dirtyBytes[at] = 1;
  }
  state.lines.set(start, next);
}

/** Coherent memory is reached past the lines, whatever lines its pages may still have. */
function isUncached(state: MachineState, address: number): boolean {
  for (const a of state.allocations.values()) if (a.what.includes('coherent') && a.address <= address && address < a.address + a.size) return true;
  return false;
}

function filledLine(state: MachineState, line: number, id: number, why: string): LineState {
  const size = state.machine?.lineSize ?? 64;
  const bytes = new Uint8Array(size);
  const by = new Int32Array(size);
  for (let i = 0; i < size; i += 1) {
    bytes[i] = state.memory.byteAt(line + i);
    by[i] = state.memory.byAt(line + i);
  }
  return { line, filled: id, changed: id, why, dirty: false, bytes, by, dirtyBytes: new Uint8Array(size) };
}

function writeBack(state: MachineState, at: number, event: EventOf<'line-writeback'>): void {
  const line = state.lines.get(at);
  if (line === undefined) return;
  for (let i = 0; i < line.bytes.length; i += 1) {
    const by = line.by[i] ?? -1;
    if (by !== -1) state.memory.setByte(at + i, line.bytes[i] ?? 0, by);
  }
  state.lines.set(at, { ...line, changed: event.id, why: event.why, dirty: false, dirtyBytes: new Uint8Array(line.bytes.length) });
}

function named(state: MachineState, address: number, name: string): void {
  if (name !== '' && state.names.get(address) !== name) state.names.set(address, name);
}

function isCpu(state: MachineState, agent: string): boolean {
  return state.cpus.has(agent) || (!state.devices.has(deviceOf(agent)) && agent.startsWith('cpu'));
}

function cpuOf(state: MachineState, id: string): CpuState {
  let cpu = state.cpus.get(id);
  if (cpu === undefined) {
    cpu = { id, frames: [], site: null, pending: [], seen: new Map(), handlers: [], blockedOn: null };
    state.cpus.set(id, cpu);
  }
  return cpu;
}

function deviceState(state: MachineState, agent: string): DeviceState {
  const id = deviceOf(agent);
  let device = state.devices.get(id);
  if (device === undefined) {
    device = { id, facts: {}, seen: new Map(), registers: new Map(), lastText: '', blockedOn: null };
    state.devices.set(id, device);
  }
  return device;
}

function unitOf(state: MachineState, id: string): UnitState {
  let unit = state.units.get(id);
  if (unit === undefined) {
    unit = { id, caches: new Map(), walk: [], last: null };
    state.units.set(id, unit);
  }
  return unit;
}

const textsOf = (words: Json): readonly string[] => (Array.isArray(words) ? (words as readonly Json[]).filter((word) => typeof word === 'string') : []);

function setBlocked(state: MachineState, agent: string, on: string | null): void {
  if (agent === 'machine' || agent === 'memory') return;
  if (isCpu(state, agent)) cpuOf(state, agent).blockedOn = on;
  else deviceState(state, agent).blockedOn = on;
}

function merged(facts: Readonly<Record<string, Json>>, patch: Json): Readonly<Record<string, Json>> {
  return typeof patch === 'object' && patch !== null && !Array.isArray(patch) ? { ...facts, ...(patch as Readonly<Record<string, Json>>) } : facts;
}

function agentInfos(agents: Json): AgentInfo[] {
  if (!Array.isArray(agents)) return [];
  const infos: AgentInfo[] = [];
  for (const agent of agents as readonly Json[]) {
    if (typeof agent !== 'object' || agent === null || Array.isArray(agent)) continue;
    const { id, kind, name } = agent as Readonly<Record<string, Json>>;
    if (typeof id === 'string' && (kind === 'cpu' || kind === 'device' || kind === 'iommu')) infos.push({ id, kind, name: typeof name === 'string' ? name : id });
  }
  return infos;
}
