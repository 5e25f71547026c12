// SPDX-License-Identifier: Apache-2.0
/**
 * The naive enumerator, part 3: local order, written directly from the cat
 * files and manuals (aarch64.cat of herd 7.58, riscv.cat, x86-TSO), not from
 * our rule tables. `lob` for everyone; `cpuOnly` for edges CPUs alone agree on.
 */
import { closure, intersect, only, relation, sequence, union, type Relation } from './relation.ts';
import type { NaiveEvent } from './runs.ts';

export interface Candidate {
  readonly events: readonly NaiveEvent[];
  readonly po: Relation;
  readonly sameBytes: Relation;
  readonly rf: Relation;
  readonly rfi: Relation;
}
export interface LocalOrder {
  readonly lob: Relation;
  readonly cpuOnly: Relation;
  /** An atomic is one event: its two halves are merged before the check. */
  readonly oneEventAtomics: boolean;
  /** Local order besides that binds the halves of an atomic one by one, one event or not. */
  readonly stay?: Relation;
}
export type Model = (c: Candidate) => LocalOrder;

const LINE = 64;
export const lineOf = (address: number): number => address - (address % LINE);

interface Kit {
  readonly n: number;
  readonly at: (i: number) => NaiveEvent;
  readonly is: (member: (e: NaiveEvent) => boolean) => Relation;
  readonly R: Relation;
  readonly W: Relation;
  readonly M: Relation;
  /** Maintenance of cache lines. */
  readonly C: Relation;
  /** Program order of maintenance behind accesses to the line and earlier maintenance of it, and of stores behind maintenance. */
  readonly poLine: Relation;
  /** From maintenance to later loads of its line. */
  readonly readsLine: Relation;
  readonly po: Relation;
  readonly addr: Relation;
  readonly data: Relation;
  readonly ctrl: Relation;
  readonly pickAddr: Relation;
  readonly pickData: Relation;
  readonly pickCtrl: Relation;
  readonly rmw: Relation;
  readonly poLoc: Relation;
  /** A read from the newest own write. */
  readonly rfi: Relation;
  readonly rfiWhole: Relation;
  readonly rfiPart: Relation;
  readonly fence: (...names: string[]) => Relation;
}

function kit(c: Candidate, carries: (e: NaiveEvent) => boolean): Kit {
  const { events } = c;
  const n = events.length;
  const at = (i: number): NaiveEvent => {
    const e = events[i];
    if (e === undefined) throw new RangeError(`no event ${i}`);
    return e;
  };
  const is = (member: (e: NaiveEvent) => boolean): Relation => only(n, (i) => member(at(i)));
  /** From the event that gave an answer to those that name it. */
  const names = (of: (e: NaiveEvent) => readonly number[]): Relation => relation(n, (i, j) => at(i).agent === at(j).agent && carries(at(i)) && of(at(j)).includes(at(i).ordinal) && at(i).index < at(j).index);
  const M = is((e) => e.kind === 'R' || e.kind === 'W');
  const line = (e: NaiveEvent): number => e.line ?? (e.mmio || e.bytes.length === 0 || e.kind === 'I' ? -1 : lineOf(Number(e.bytes[0]?.at.split(':')[1])));
  const maintains = (i: number, j: number): boolean => at(j).kind === 'C' || (at(i).kind === 'C' && at(j).kind === 'W');
  return {
    n, at, is, M,
    C: is((e) => e.kind === 'C'),
    readsLine: intersect(c.po, relation(n, (i, j) => at(i).kind === 'C' && at(j).kind === 'R' && line(at(i)) >= 0 && line(at(i)) === line(at(j)))),
    poLine: intersect(c.po, relation(n, (i, j) => maintains(i, j) && at(i).kind !== 'F' && at(j).kind !== 'F' && line(at(i)) >= 0 && line(at(i)) === line(at(j)))),
    R: is((e) => e.kind === 'R'),
    W: is((e) => e.kind === 'W'),
    po: c.po,
    addr: names((e) => (e.kind === 'F' ? [] : e.addr)),
    data: names((e) => (e.kind === 'W' ? e.data : [])),
    ctrl: names((e) => e.ctrl),
    pickAddr: names((e) => (e.kind === 'F' ? [] : e.addrPick)),
    pickData: names((e) => (e.kind === 'W' ? e.dataPick : [])),
    pickCtrl: names((e) => e.ctrlPick),
    rmw: relation(n, (i, j) => at(i).agent === at(j).agent && at(j).pair === at(i).index && at(j).pair >= 0),
    poLoc: intersect(c.po, c.sameBytes),
    rfi: c.rfi,
    // Of reads that take all, or only some, of their bytes from one own store.
    rfiWhole: intersect(c.rfi, relation(n, (i, j) => at(j).bytes.every((b) => at(i).bytes.some((x) => x.at === b.at)))),
    rfiPart: intersect(c.rfi, relation(n, (i, j) => at(j).bytes.some((b) => at(i).bytes.every((x) => x.at !== b.at)))),
    fence: (...fences) => is((e) => e.kind === 'F' && fences.includes(e.fence)),
  };
}
/** The same machine, but no load is passed by a later store of its CPU, nor by an MMIO read or an atomic: those have a moment. */
export const kept = (model: Model): Model => (c) => {
  const order = model(c);
  const k = kit(c, () => false);
  const stay = seq(k.R, k.po, k.is((e) => e.cpu && (e.kind === 'W' || e.kind === 'C' || (e.kind === 'R' && (e.mmio || e.atomic)))));
  return { ...order, stay };
};
const seq = (...rs: readonly Relation[]): Relation => rs.slice(1).reduce<Relation>((a, b) => sequence(a, b), rs[0] ?? []);
const nothing = (n: number): Relation => relation(n, () => false);
const A = (e: NaiveEvent): boolean => e.kind === 'R' && ['acquire', 'acq_rel'].includes(e.order) && !e.noReturn;
const Q = (e: NaiveEvent): boolean => e.kind === 'R' && e.order === 'acquirePC';
const L = (e: NaiveEvent): boolean => e.kind === 'W' && ['release', 'acq_rel'].includes(e.order);

/** MMIO accesses of one device in program order: Device-nGnRE, channel 0, UC. */
const channel = (k: Kit, po: Relation): Relation => intersect(po, relation(k.n, (i, j) => k.at(i).cpu && k.at(i).mmio && k.at(j).mmio && k.at(i).order !== 'streaming' && k.at(j).order !== 'streaming' && k.at(i).kind !== 'F' && k.at(j).kind !== 'F' && k.at(i).bytes[0]?.at.split(':')[0] === k.at(j).bytes[0]?.at.split(':')[0]));
/** A device does everything in program order. */
const inOrder = (k: Kit): Relation => intersect(k.po, relation(k.n, (i, j) => !k.at(i).cpu && k.at(i).kind !== 'F' && k.at(j).kind !== 'F'));

/** Non-shareable barriers have the strength of the others (decision 4). */
const DMB = (...options: string[]): string[] => ['', 'nsh', 'ish', 'osh'].flatMap((d) => options.map((o) => (d === '' ? o : o === 'sy' ? d : d + o)));
export const AARCH64: Model = (c) => {
  const k = kit(c, (e) => e.kind === 'R');
  const { po, R, W, M, addr, data, ctrl, rmw } = k;
  const full = k.fence(...DMB('sy').flatMap((o) => [`dmb.${o}`, `dsb.${o}`]));
  const ld = k.fence(...DMB('ld').flatMap((o) => [`dmb.${o}`, `dsb.${o}`]));
  const st = k.fence(...DMB('st').flatMap((o) => [`dmb.${o}`, `dsb.${o}`]));
  const dsbSt = k.fence(...DMB('st').map((o) => `dsb.${o}`));
  const isb = k.fence('isb');
  const returning = k.is((e) => e.kind === 'R' && !e.noReturn);
  const acquires = k.is((e) => A(e) || Q(e));
  const releases = k.is(L);
  const dob = union(
    addr, data,
    seq(ctrl, W),
    seq(union(ctrl, seq(addr, po)), isb, po, R),
    seq(addr, po, W),
    seq(union(addr, data), k.rfiWhole),
  );
  const pob = union(k.pickData, seq(k.pickAddr, W), seq(k.pickCtrl, W), seq(k.pickAddr, po, W), seq(union(k.pickCtrl, seq(k.pickAddr, po)), isb, po, R));
  // What selected a stored value selects what an own load gets from it: it orders what only writes would wait for.
  const selects = union(k.pickData, seq(k.pickAddr, W), seq(k.pickCtrl, W), seq(k.pickAddr, po, W), data, seq(addr, W), seq(ctrl, W), seq(addr, po, W), seq(union(ctrl, k.pickCtrl, seq(union(addr, k.pickAddr), po)), isb, po, R));
  let passedOn = seq(k.pickData, k.rfi, selects);
  for (let i = 0; i < 3; i += 1) passedOn = union(passedOn, seq(union(k.pickData, seq(passedOn, W)), k.rfi, selects));
  const paired = k.is((e) => e.kind === 'W' && e.pair >= 0);
  const aob = union(rmw, seq(rmw, paired, k.rfi, acquires));
  const bob = union(
    seq(M, po, full, po, M),
    seq(returning, po, ld, po, M),
    seq(W, po, st, po, W),
    seq(W, po, dsbSt, po, M),
    seq(releases, po, k.is(A)),
    seq(acquires, po, M),
    seq(M, po, releases),
    seq(k.is((e) => e.kind === 'W' && e.atomic && e.order === 'acq_rel' && !e.noReturn), po, M),
  );
  const lws = seq(M, k.poLoc, W);
  // A partly forwarded read: its forwarded bytes come after the store's operands, the others need not; what hangs on its value does.
  const hangs = union(dob, pob, seq(acquires, po, M));
  let carried = seq(union(addr, data), k.rfiPart, hangs);
  for (let i = 0; i < 3; i += 1) carried = union(carried, seq(union(addr, data), k.rfiPart, carried));
  // DMB and DSB order maintenance with accesses to memory; only DSB completes it, which a device register can tell.
  const waits = k.fence(...DMB('sy').map((o) => `dsb.${o}`));
  const ram = k.is((e) => (e.kind === 'R' || e.kind === 'W') && !e.mmio);
  const cmo = union(k.poLine, seq(addr, k.C), seq(union(M, k.C), po, full, po, k.C), seq(k.C, po, full, po, ram), seq(k.C, po, waits, po, M));
  return { lob: union(dob, carried, passedOn, pob, aob, bob, lws, cmo, channel(k, po), inOrder(k)), cpuOnly: nothing(k.n), oneEventAtomics: false };
};

export const RISCV: Model = (c) => {
  const k = kit(c, (e) => e.kind === 'R' || (e.kind === 'W' && e.exclusive));
  const { po, W, M, addr, data, ctrl, rmw } = k;
  const annotated = (e: NaiveEvent): boolean => e.exclusive || e.atomic;
  const sets: Record<string, Relation> = {
    r: k.is((e) => e.kind === 'R' && !e.mmio), w: k.is((e) => (e.kind === 'W' && !e.mmio) || e.kind === 'C'),
    i: k.is((e) => e.kind === 'R' && e.mmio), o: k.is((e) => e.kind === 'W' && e.mmio),
  };
  const fences: Relation[] = [];
  for (const p of 'rwio') for (const s of 'rwio') fences.push(seq(sets[p] ?? [], po, k.is((e) => e.kind === 'F' && /^fence\.([rwio]+)\.([rwio]+)$/.test(e.fence) && (e.fence.split('.')[1] ?? '').includes(p) && (e.fence.split('.')[2] ?? '').includes(s)), po, sets[s] ?? []));
  const tso = k.fence('fence.tso');
  fences.push(seq(sets['r'] ?? [], po, tso, po, union(sets['r'] ?? [], sets['w'] ?? [])), seq(sets['w'] ?? [], po, tso, po, sets['w'] ?? []));
  const aq = k.is((e) => (e.kind === 'R' && ['acquire', 'acquirePC', 'acq_rel'].includes(e.order)) || (e.kind === 'W' && annotated(e) && ['acquire', 'acq_rel'].includes(e.order)));
  const rl = k.is((e) => (e.kind === 'W' && ['release', 'releasePC', 'acq_rel'].includes(e.order)) || (e.kind === 'R' && annotated(e) && ['release', 'acq_rel'].includes(e.order)));
  const rcsc = k.is((e) => annotated(e) && ['acquire', 'release', 'acq_rel'].includes(e.order));
  const memory = k.is((e) => e.kind !== 'F' && !e.mmio);
  const ppo = union(
    seq(M, k.poLoc, W),
    seq(k.is((e) => e.kind === 'W' && e.pair >= 0), k.rfi, k.R),
    ...fences,
    seq(aq, po, memory), seq(memory, po, rl), seq(rcsc, po, rcsc), rmw,
    addr, data, seq(ctrl, union(W, k.C)), seq(union(addr, data), k.rfi), seq(addr, po, union(W, k.C)), k.poLine, k.readsLine,
  );
  return { lob: union(ppo, channel(k, po), inOrder(k)), cpuOnly: nothing(k.n), oneEventAtomics: true };
};

export const X86: Model = (c) => {
  const k = kit(c, () => false);
  const { po, R, W, M, rmw } = k;
  const locked = k.is((e) => e.atomic);
  const fence = k.fence('mfence', 'lock.addl');
  const storing = k.fence('sfence', 'mfence', 'lock.addl');
  const uc = k.is((e) => e.mmio && e.order !== 'streaming');
  const streaming = k.is((e) => e.kind === 'W' && e.order === 'streaming');
  const direct = k.is((e) => e.kind === 'W' && e.order !== 'streaming');
  const ppo = union(seq(R, po, M), seq(direct, po, direct));
  // A load that a buffered store covers only in part waits until the store is in the cache.
  const stalled = intersect(k.rfi, relation(k.n, (i, j) => k.at(j).bytes.some((b) => k.at(i).bytes.every((x) => x.at !== b.at))));
  // Write-combining buffers are emptied by fences, locked and uncacheable accesses, and interrupts.
  const emptied = union(seq(W, po, storing, po, W), seq(W, po, seq(locked, R)), seq(streaming, po, uc), seq(streaming, po, k.is((e) => e.kind === 'I'), po, M));
  // CLFLUSHOPT, CLWB.
  const flushed = union(k.poLine, seq(union(W, k.C), po, storing, po, k.C), seq(k.C, po, storing, po, W), seq(k.C, po, fence, po, R), seq(k.C, po, seq(locked, R)));
  return { lob: union(ppo, stalled, emptied, flushed, seq(W, po, fence, po, R), seq(locked, W, po, R), seq(locked, M, po, streaming), seq(k.poLoc, streaming), seq(streaming, k.poLoc, W), rmw, seq(W, po, seq(uc, R)), channel(k, po), inOrder(k)), cpuOnly: nothing(k.n), oneEventAtomics: false };
};

/** STRICT: what the kernel's documents promise, with whom an edge binds (decision 3). */
export const STRICT: Model = (c) => {
  const k = kit(c, (e) => e.kind === 'R');
  const { po, W, M, addr, data, ctrl, rmw } = k;
  const r = k.is((e) => e.kind === 'R' && !e.mmio);
  const w = k.is((e) => e.kind === 'W' && !e.mmio);
  const i = k.is((e) => e.kind === 'R' && e.mmio);
  const o = k.is((e) => e.kind === 'W' && e.mmio);
  const over = (from: Relation, name: string, to: Relation): Relation => seq(from, po, k.fence(name), po, to);
  const hangs = union(addr, data, seq(ctrl, union(W, k.C)), seq(addr, k.C), seq(union(addr, data), k.rfiWhole));
  let carried = seq(union(addr, data), k.rfiPart, hangs);
  for (let i = 0; i < 3; i += 1) carried = union(carried, seq(union(addr, data), k.rfiPart, carried));
  const lob = union(
    addr, data, seq(ctrl, W), seq(union(addr, data), k.rfiWhole), carried, rmw, seq(M, k.poLoc, W),
    over(union(r, w), 'dma_mb', union(r, w)), over(r, 'dma_rmb', r), over(w, 'dma_wmb', w), over(r, 'dma_for_cpu', r), over(o, 'mmiowb', w),
    over(union(M, k.C), 'mb', union(M, k.C)), over(union(r, i), 'rmb', union(r, i)), over(union(w, o), 'wmb', union(w, o)),
    over(k.C, 'dma_sync', union(M, k.C)), over(r, 'dma_for_cpu', k.C), seq(ctrl, k.C), seq(addr, k.C), k.poLine,
    seq(union(r, w), po, seq(o, k.is((e) => e.order === 'full'))), seq(seq(i, k.is((e) => e.order === 'full')), po, r),
    channel(k, po), inOrder(k),
  );
  const full = (e: NaiveEvent): boolean => e.atomic && e.order === 'full';
  // What a release hands over, an acquire takes over, and may hand on; a barrier that reaches devices covers it.
  const releases = k.is((e) => e.kind === 'W' && !e.mmio && (['release', 'releasePC', 'acq_rel'].includes(e.order) || full(e)));
  const acquires = k.is((e) => e.kind === 'R' && !e.mmio && !e.noReturn && (['acquire', 'acquirePC', 'acq_rel'].includes(e.order) || full(e)));
  const handed = seq(union(seq(union(r, w), po), k.is(() => true)), releases, c.rf, acquires);
  const taken = closure(union(handed, seq(handed, po, handed)));
  const covered = union(
    over(k.is(() => true), 'dma_mb', union(r, w)), over(k.is(() => true), 'dma_rmb', r), over(k.is(() => true), 'dma_wmb', w), over(k.is(() => true), 'dma_for_cpu', union(r, k.C)),
    over(k.is(() => true), 'mb', union(M, k.C)), over(k.is(() => true), 'rmb', union(r, i)), over(k.is(() => true), 'wmb', union(w, o)), seq(po, o, k.is((e) => e.order === 'full')),
  );
  const memory = union(r, w);
  const fullWrites = k.is((e) => full(e) && e.kind === 'W');
  const fullReads = k.is((e) => full(e) && e.kind === 'R');
  const successful = seq(fullReads, rmw, fullWrites);
  // An unlock, then a lock, of one CPU.
  const passed = seq(po, k.fence('spin_unlock'), po, k.fence('spin_lock'), po);
  const cpuOnly = union(
    over(memory, 'smp_mb', memory), over(r, 'smp_rmb', r), over(w, 'smp_wmb', w),
    seq(k.is((e) => (A(e) || Q(e)) && !e.mmio), po, memory), seq(memory, po, k.is((e) => L(e) || (e.kind === 'W' && e.order === 'releasePC'))),
    seq(memory, po, fullWrites), seq(fullWrites, po, memory), seq(successful, po, memory),
    seq(memory, po, fullWrites, po, memory),
    seq(r, passed, memory), seq(w, passed, w),
  );
  return { lob: union(lob, seq(taken, covered)), cpuOnly, oneEventAtomics: false };
};
