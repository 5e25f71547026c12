// SPDX-License-Identifier: Apache-2.0
/** Memory allocation, interrupts, completions, device data and messages. */
import { DIRECT_HIGH, IOMEM_BASE, IOMEM_WINDOW_SHIFT } from '../abi.ts';
import type { Place, Value } from '@dmalab/core/base/port';
import { kmalloc, release, type Layout } from '../state.ts';
import type { Behaviour } from './behaviours.ts';
import type { GuestCall } from './call.ts';
import { deviceAt, minus, unknownHere } from './dma.ts';
import { fill } from './memory.ts';
import { describeLayout } from './naming.ts';
import type { CpuRun } from './run.ts';

export const allocate: Behaviour = (run, call, { a, b, row }) => {
  run.interruptible();
  run.moved();
  run.metrics.allocations += 1;
  const taken = run.fails(call, 'kmalloc') ? null : kmalloc(run.state, run.arena, a, run.profile.cache?.minimumAlignment ?? 8);
  if (taken === null) return call.answer(0, 0);
  const { address } = taken.allocation;
  run.note('alloc', () => ({ what: row.name, address: BigInt(address), dma: 0n, size: a, site: run.site(call) }));
  // Memory nobody had before is zero anyway.
  if (b === 1 && taken.used) fill(run, call, address, a, 0, false);
  return call.answer(address, DIRECT_HIGH);
};

export const kfree: Behaviour = (run, call, { a, b, row }) => {
  run.interruptible();
  run.moved();
  const allocation = run.state.live.get(a);
  const known = allocation?.what === 'kmalloc' && b === DIRECT_HIGH;
  if (!known && !unknownHere(run, a)) throw run.fault(call, `kfree: 0x${a.toString(16)} is not allocated: it was freed before, or never came from kmalloc`);
  run.note('free', () => ({ what: row.name, address: BigInt(a), dma: 0n, size: 0, site: run.site(call) }));
  if (known) {
    release(run.state, allocation, run.arena);
    run.renamed();
  }
  return 0;
};

/** A structure is seen where an allocation begins: from here on its bytes have names. */
export const cast: Behaviour = (run, call, { a }) => {
  const [, struct] = call.latched(0);
  const info = run.options.tables.structs[struct];
  const allocation = run.state.live.get(a);
  if (info === undefined || allocation === undefined || allocation.size < info.size) return 0;
  if (run.state.layouts.some((layout) => layout.address === a && layout.struct === struct)) return 0;
  const layout: Layout = { address: a, struct, count: Math.floor(allocation.size / info.size), stride: info.size };
  // The newest view of the same memory wins.
  run.state.layouts.unshift(layout);
  run.renamed();
  const owner = allocation.what === 'coherent' ? run.options.platform.devices[allocation.device]?.id : undefined;
  run.note('layout', () => ({ name: info.name, address: BigInt(a), layout: describeLayout(run.options.tables, layout, run.profile.endian, owner) }));
  return 0;
};

const IRQF_SHARED = 0x80;

export const requestIrq: Behaviour = (run, call, { a, b, row }) => {
  const [low, high] = call.latched(1);
  const [type, flags] = call.latched(0);
  const name = call.takeText();
  const line = run.options.lines.find((candidate) => candidate.irq === a);
  const shared = (flags & IRQF_SHARED) !== 0;
  if (line === undefined || (shared && low === 0 && high === 0)) return minus('EINVAL') >>> 0;
  if (run.options.tables.functions[b] === undefined) throw run.fault(call, `${row.name}: there is no such handler`);
  const there = run.state.irqs.filter((action) => action.irq === a);
  if (there.length > 0 && !(shared && there.every((action) => action.shared))) return minus('EBUSY') >>> 0;
  if (!run.options.boot && line.cpu !== run.options.id) throw run.fault(call, `${row.name}: interrupt ${a} goes to ${line.cpu}; install its handler in probe, or there`);
  run.addHandler({ irq: a, handler: b, name, shared, device: { low, high, type } });
  return 0;
};

export const freeIrq: Behaviour = (run, call, { a, row }) => {
  const [low, high] = call.latched(0);
  const at = run.state.irqs.findIndex((action) => action.irq === a && action.device.low === low && action.device.high === high);
  if (at < 0) {
    run.note('log', () => ({ level: 'warn', text: `Trying to free already-free IRQ ${a}` }));
    return 0;
  }
  const line = run.options.lines.find((candidate) => candidate.irq === a);
  if (!run.options.boot && line?.cpu !== run.options.id) throw run.fault(call, `${row.name}: interrupt ${a} goes to another CPU; free it there`);
  run.removeHandler(at);
  return 0;
};

/** complete_all leaves this behind: no waiter uses it up. */
const ALL = 0xffff_ffff;

function counter(run: CpuRun, call: GuestCall, address: number): { place: Place; name: string } {
  const [high] = call.latched(0);
  return { place: run.place(call, address, 4, run.isUncached(call, high, address)), name: run.nameOf(address) ?? 'done' };
}

export const initCompletion: Behaviour = (run, call, { a }) => {
  const at = counter(run, call, a);
  run.interruptible();
  run.moved();
  run.op(call, { kind: 'store', ...at, value: 0, order: 'plain' });
  return 0;
};

function completer(next: (old: number) => number | undefined): Behaviour {
  return (run, call, { a }) => {
    const at = counter(run, call, a);
    run.interruptible();
    run.moved();
    run.op(call, { kind: 'rmw', ...at, order: run.profile.lowering.wake, fromOld: true, modify: (old: Value) => next(Number(old)) });
    return 0;
  };
}
export const complete = completer((old) => (old === ALL ? undefined : old + 1));
export const completeAll = completer(() => ALL);

const takeOne = (old: Value): Value | undefined => (Number(old) === 0 || Number(old) === ALL ? undefined : Number(old) - 1);

export const waitForCompletion: Behaviour = (run, call, { a, row }) => {
  const at = counter(run, call, a);
  if (run.inHandler) throw run.fault(call, `${row.name}: an interrupt handler must not sleep`);
  run.moved();
  for (;;) {
    run.interruptible();
    const seen = run.op(call, { kind: 'await', ...at, order: 'relaxed', until: (value) => Number(value) !== 0, ...run.wakes() });
    // -1: an interrupt came instead; it is taken at the top of the loop.
    if (seen === -1) continue;
    const old = run.op(call, { kind: 'rmw', ...at, order: run.profile.lowering.woken, fromOld: true, modify: takeOne });
    if (Number(old) !== 0) return 0;
  }
};

export const tryWait: Behaviour = (run, call, { a }) => {
  const at = counter(run, call, a);
  run.interruptible();
  run.moved();
  const old = run.op(call, { kind: 'rmw', ...at, order: run.profile.lowering.woken, fromOld: true, modify: takeOne });
  return Number(old) === 0 ? 0 : 1;
};

export const completionDone: Behaviour = (run, call, { a }) => {
  const at = counter(run, call, a);
  run.interruptible();
  run.moved();
  return Number(run.op(call, { kind: 'load', ...at, order: 'relaxed' })) === 0 ? 0 : 1;
};

export const setDrvdata: Behaviour = (run, call, { a, b, row }) => {
  const [index, type] = call.latched(0);
  deviceAt(run, call, index, row.name);
  run.state.drvdata.set(index, { low: a, high: b, type });
  return 0;
};

export const getDrvdata: Behaviour = (run, call, { a, row }) => {
  deviceAt(run, call, a, row.name);
  const data = run.state.drvdata.get(a);
  return data === undefined ? call.answer(0, 0, 0) : call.answer(data.low, data.high, data.type);
};

/** Character `b` of the name, 0 behind its end. */
export const deviceName: Behaviour = (run, call, { a, b, row }) => {
  const code = deviceAt(run, call, a, row.name).id.charCodeAt(b);
  return Number.isNaN(code) ? 0 : code;
};

export const ioremap: Behaviour = (run, call, { a, b, row }) => {
  deviceAt(run, call, a, row.name);
  return b === 0 ? IOMEM_BASE + a * 2 ** IOMEM_WINDOW_SHIFT : 0;
};

export const getIrq: Behaviour = (run, call, { a, b, row }) => {
  const device = deviceAt(run, call, a, row.name);
  const line = run.options.lines.find((candidate) => candidate.device === device.id && candidate.vector === b);
  return line === undefined ? minus('ENXIO') >>> 0 : line.irq;
};

const LEVELS: Readonly<Record<number, string>> = { 3: 'err', 4: 'warn', 6: 'info', 7: 'debug' };

/** `a` is Linux's level; `b` the device's number plus 1, or 0. */
export const log: Behaviour = (run, call, { a, b }) => {
  const text = call.takeText();
  const device = b === 0 ? undefined : run.options.platform.devices[b - 1];
  run.note('log', () => ({ level: LEVELS[a] ?? 'info', text: device === undefined ? text : `${device.id}: ${text}` }));
  return 0;
};
