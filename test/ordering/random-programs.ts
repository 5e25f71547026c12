// SPDX-License-Identifier: Apache-2.0
/** Seeded random programs in the notation of `mini.ts`, small enough for the naive enumerator. */
import type { ModelName } from './forms.ts';

/** Deterministic dice (mulberry32). */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }
  of<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to choose from');
    return item;
  }
}

/** Features of a family of programs. */
export interface Family {
  readonly sizes?: true;
  readonly atomics?: true;
  readonly mmio?: true;
  readonly interrupts?: true;
  readonly maintenance?: true;
  /** Without fences, orders and dependencies: what every model can run. */
  readonly bare?: true;
}

const FENCES: Record<ModelName, readonly string[]> = {
  x86: ['mfence', 'sfence', 'lfence', 'lock.addl'],
  arm: ['dmb.ish', 'dmb.ishst', 'dmb.ishld', 'dsb.sy', 'dsb.st', 'dmb.oshst', 'isb', 'dsb.ld'],
  riscv: ['fence.rw.rw', 'fence.w.w', 'fence.r.r', 'fence.r.rw', 'fence.rw.w', 'fence.tso', 'fence.w.o', 'fence.i.ir', 'fence.iorw.iorw', 'fence.o.w', 'fence.ow.ow', 'fence.i.r'],
  strict: ['smp_mb', 'smp_rmb', 'smp_wmb', 'dma_mb', 'dma_rmb', 'dma_wmb', 'mb', 'rmb', 'wmb', 'spin_unlock; fence spin_lock'],
};
const LOADS: Record<ModelName, readonly string[]> = { x86: [''], arm: ['', '', 'acquire', 'acquirePC'], riscv: ['', '', 'acquirePC'], strict: ['', '', 'acquire'] };
const STORES: Record<ModelName, readonly string[]> = { x86: [''], arm: ['', '', 'release'], riscv: ['', '', 'releasePC'], strict: ['', '', 'release'] };
const ATOMICS: Record<ModelName, readonly string[]> = { x86: [''], arm: ['', 'acquire', 'release', 'acq_rel'], riscv: ['', 'acquire', 'release', 'acq_rel'], strict: ['relaxed', 'acquire', 'release', 'full'] };

/** A program of two to four agents. */
export function randomProgram(model: ModelName, family: Family, seed: number): string {
  const dice = new Dice(seed * 7919 + 17);
  if (family.maintenance === true) return maintenanceProgram(model, family, dice);
  const device = family.mmio === true || family.interrupts === true;
  const cpus = device ? 1 + dice.below(2) : 2 + dice.below(2);
  const words = device ? ['x', 'y'] : dice.of([['x', 'y'], ['x', 'y'], ['x', 'y', 'z']]);
  // Candidates grow exponentially with the accesses, faster where bytes may come from different stores.
  let budget = family.sizes === true ? 5 : device ? 6 : 6 + dice.below(2);
  let value = 0;
  const agents: string[] = [];
  let bells = 0;
  let rungs = 0;
  const fresh = (size: number): string => {
    value += 1;
    return `0x${Array.from({ length: size }, () => `0${value}`).join('')}`;
  };
  for (let cpu = 0; cpu < cpus; cpu += 1) {
    const steps: string[] = [];
    const registers: string[] = [];
    const length = 1 + dice.below(3) + (device ? 1 : 0);
    if (family.interrupts === true && cpu === 0 && dice.below(2) === 0) steps.push(`irq i${masked(dice)}`);
    for (let k = 0; k < length && budget > 0; k += 1) {
      const addressed = family.bare !== true && registers.length > 0 && model !== 'x86' && dice.below(4) === 0 ? ` addr:${dice.of(registers)}` : '';
      const size = family.sizes === true ? dice.of([1, 2, 4, 8, 4]) : 4;
      const word = `${dice.of(family.sizes === true ? ['x'] : words)}${family.sizes === true && size < 8 ? dice.of(['', `+${size}`, '']) : ''}`;
      const dot = size === 4 ? '' : `.${size}`;
      const register = `r${k}`;
      budget -= 1;
      const kind = dice.below(10);
      if (family.mmio === true && kind < 2) {
        steps.push(rungs === 0 ? `out dev.16 1${model === 'strict' && dice.below(2) === 0 ? ' full' : ''}` : `out dev.${16 + 8 * rungs} 1`);
        if (rungs === 0) bells += 1;
        rungs += 1;
      } else if (family.mmio === true && kind < 4) {
        steps.push(`in dev.4 ${register}${model === 'strict' && dice.below(2) === 0 ? ' full' : ''}`);
        registers.push(register);
      } else if (family.atomics === true && (family.mmio === true ? kind > 7 : kind < 4)) {
        budget -= 1;
        const order = dice.of(ATOMICS[model]);
        // Atomics are four bytes, aligned.
        const counter = family.sizes === true ? dice.of(['x', 'x+4']) : word;
        const op = dice.of(['swp', 'add', 'cas', 'ldx']);
        if (op === 'cas') steps.push(`cas ${counter} ${dice.below(2)} ${fresh(4)} ${register} ${order}`);
        else if (op === 'ldx') steps.push(`ldx ${counter} ${register}${order.startsWith('acq') ? ' acquire' : ''}`, `stx ${counter} ${fresh(4)} s${k}${order === 'release' || order === 'acq_rel' ? ' release' : ''}`);
        else steps.push(`${op} ${counter} ${op === 'add' ? '1' : fresh(4)} ${register} ${order}`);
        registers.push(register);
      } else if (kind % 2 === 0) {
        steps.push(`ld${dot} ${word} ${register} ${family.bare === true ? '' : dice.of(LOADS[model])}${addressed}`);
        registers.push(register);
      } else steps.push(`st${dot} ${word} ${family.bare !== true && registers.length > 0 && family.sizes !== true && dice.below(3) === 0 ? dice.of(registers) : fresh(size)} ${family.bare === true ? '' : dice.of(STORES[model])}${addressed}`);
      if (family.bare !== true && dice.below(3) === 0) steps.push(`fence ${dice.of(FENCES[model])}`);
      else if (family.bare !== true && registers.length > 0 && dice.below(5) === 0) steps.push(`br ${dice.of(registers)}`);
    }
    // What follows an `idle` that nothing woke is at the end of all things; so nothing does, but the load when it was surely woken.
    if (family.interrupts === true && cpu === 0) {
      const open = masked(dice);
      steps.push(...(steps[0]?.startsWith('irq i') === true || open !== '' ? [`ld ${dice.of(words)} q`, `idle j${open}`] : ['idle j', `ld ${dice.of(words)} q`]));
    }
    agents.push(`cpu${cpu}: ${steps.map((s) => s.trim()).join('; ')}`);
  }
  if (device) {
    const steps: string[] = bells > 0 ? ['bell dev.16 1'] : [];
    for (let k = 0; k < 2; k += 1) steps.push(dice.below(2) === 0 ? `ld ${dice.of(words)} d${k}` : dice.below(3) === 0 && family.mmio === true ? 'st dev.4 1' : `st ${dice.of(words)} ${fresh(4)}`);
    if (family.interrupts === true) steps.splice(1 + dice.below(steps.length), 0, 'msi dev!0');
    if (family.interrupts === true && dice.below(4) === 0) steps.push('msi dev!1');
    agents.push(`dev: ${steps.join('; ')}`);
  }
  return agents.join('\n');
}

const LINE_FENCES: Record<ModelName, readonly string[]> = {
  x86: ['mfence', 'sfence', 'lock.addl'],
  arm: ['dsb.sy', 'dsb.sy', 'dmb.osh', 'dmb.oshst', 'dsb.st'],
  riscv: ['fence.w.o', 'fence.rw.rw', 'fence.w.w', 'fence.iorw.iorw', 'fence.i.ir'],
  strict: ['dma_sync', 'dma_sync', 'dma_for_cpu', 'mb', 'dma_wmb', 'smp_mb', 'smp_rmb'],
};

/**
 * One or two CPUs that use cache lines, a device that does not see them. Two words share a line; `u` is uncached memory. Lines
 * multiply whatever else there is, so the programs are smaller.
 */
function maintenanceProgram(model: ModelName, family: Family, dice: Dice): string {
  const words = dice.of([['x'], ['x', 'x+8'], ['x', 'x+8'], ['x', 'y']]);
  const size = family.sizes === true ? dice.of([['', ''], ['.2', ''], ['', '.2'], ['.1', '.2'], ['', '.8']]) : ['', ''];
  const cpus = 1 + (dice.below(4) === 0 ? 1 : 0);
  const agents: string[] = [];
  let value = 0;
  let rang = false;
  const fresh = (dot: string): string => {
    value += 1;
    return `0x${`0${value}`.repeat(dot === '' ? 4 : Number(dot.slice(1)))}`;
  };
  const access = (k: string, uncached: boolean): string => {
    const dot = family.sizes === true ? dice.of(size) : '';
    const word = uncached ? 'u' : dice.of(words);
    return dice.below(2) === 0 ? `ld${dot} ${word} ${k}${uncached ? ' uncached' : ''}` : `st${dot} ${word} ${fresh(dot)}${uncached ? ' uncached' : ''}`;
  };
  for (let cpu = 0; cpu < cpus; cpu += 1) {
    const steps: string[] = family.interrupts === true && cpu === 0 && dice.below(2) === 0 ? ['irq i'] : [];
    const waits = family.interrupts === true && cpu === 0 && steps.length === 0;
    const length = cpus === 1 ? 2 + dice.below(3) : 1 + dice.below(2);
    for (let k = 0; k < length; k += 1) {
      const kind = dice.below(10);
      if (kind < 4) steps.push(`${dice.of(['clean', 'inval', 'flush'])} ${dice.of(words)}`);
      else if (kind < 6 && family.mmio === true) {
        if (!rang && dice.below(2) === 0) {
          rang = true;
          steps.push('out dev.16 1');
        } else steps.push(`in dev.4 r${k}${dice.below(2) === 0 && model === 'strict' ? ' full' : ''}`);
      } else steps.push(access(`r${k}`, kind === 6));
      if (dice.below(3) === 0) steps.push(`fence ${dice.of(LINE_FENCES[model])}`);
    }
    if (waits) steps.push('idle j', `ld ${dice.of(words)} q`);
    else if (steps.includes('irq i')) steps.push('idle j');
    agents.push(`cpu${cpu}: ${steps.join('; ')}`);
  }
  const device = rang ? ['bell dev.16 1'] : [];
  for (let k = 0; k < 2; k += 1) device.push(family.mmio === true && k === 1 && dice.below(3) === 0 ? 'st dev.4 1' : access(`d${k}`, false).replace(/ x/, dice.below(5) === 0 ? ' u' : ' x').replace(' u+8', ' u'));
  if (family.interrupts === true) device.splice(1 + dice.below(device.length), 0, 'msi dev!0');
  agents.push(`dev: ${device.join('; ')}`);
  return agents.join('\n');
}

/** Mostly every line is let through. */
const masked = (dice: Dice): string => (dice.below(3) > 0 ? '' : dice.of([' lines:0', ' lines:1', ' lines:']));
