// SPDX-License-Identifier: Apache-2.0
/** Makes agents of the programs in `device-rows.table.ts`; any form can run them. */
import type { AccessOrder, Agent, Place, Port, Value } from '@dmalab/core/base/port';
import type { CoreProfileId } from '@dmalab/core/machine/profile';
import { initialState, type InitialState } from '@dmalab/core/memory/initial';
import type { DeviceRow, Step, Word } from './device-rows.table.ts';

const WORDS: Record<Word, number> = { d: 0x1000, e: 0x1008, f: 0x2000, g: 0x3000 };
const DOORBELL = 0x10;
const STATUS = 0x04;
const RUNG = 1;

type Isa = 'x86' | 'arm64' | 'strict';
const ISA: Record<CoreProfileId, Isa> = { 'x86-64': 'x86', arm64: 'arm64', 'arm64-nc': 'arm64', strict: 'strict', 'strict-nc': 'strict' };

/** Linux 6.12 asm/barrier.h and asm/io.h, SMP builds; STRICT has the primitives themselves. */
const LOWERING: Record<Exclude<Isa, 'strict'>, Record<string, string>> = {
  x86: { mb: 'mfence', rmb: 'lfence', wmb: 'sfence', dma_mb: 'mfence', dma_rmb: 'compiler', dma_wmb: 'compiler', smp_rmb: 'compiler', smp_wmb: 'compiler', smp_mb: 'mfence' },
  arm64: { mb: 'dsb.sy', rmb: 'dsb.ld', wmb: 'dsb.st', dma_mb: 'dmb.osh', dma_rmb: 'dmb.oshld', dma_wmb: 'dmb.oshst', smp_mb: 'dmb.ish', smp_rmb: 'dmb.ishld', smp_wmb: 'dmb.ishst' },
};

export interface Program {
  readonly agents: readonly Agent[];
  readonly initial: InitialState;
  /** Of the run that was made last: `d=1 f=0`, by name. */
  readonly outcome: () => string;
}

export function program(row: DeviceRow, profile: CoreProfileId): Program {
  const seen = new Map<string, Value>();
  const isa = ISA[profile];
  const cpus = row.cpus.map((steps, i): Agent => ({ id: `cpu${i}`, kind: 'cpu', run: (port) => steps.forEach((step) => perform(port, step, isa, seen)) }));
  const device: Agent = { id: 'dev', kind: 'device', run: (port) => row.device.forEach((step) => perform(port, step, isa, seen)) };
  return {
    agents: [...cpus, device],
    initial: initialState({ registers: [{ owner: 'dev', offset: DOORBELL, value: 0 }] }),
    outcome: () => [...seen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`).join(' '),
  };
}

function perform(port: Port, step: Step, isa: Isa, seen: Map<string, Value>): void {
  const fence = (name: string): void => void port.op({ kind: 'fence', fence: name });
  const ram = (word: Word, uncached = false): Place => ({ space: 'ram', owner: '', address: WORDS[word], size: 4, uncached });
  const register = (address: number): Place => ({ space: 'mmio', owner: 'dev', address, size: 4 });
  const mmio = (relaxed: boolean): AccessOrder => (isa === 'strict' && !relaxed ? 'full' : 'relaxed');
  if ('st' in step) port.op({ kind: 'store', place: ram(step.st, step.uncached), value: step.v, order: 'relaxed', name: step.st });
  else if ('ld' in step) seen.set(step.as, port.op({ kind: 'load', place: ram(step.ld, step.uncached), order: 'relaxed', name: step.as }));
  else if ('call' in step) fence(isa === 'strict' ? step.call : (LOWERING[isa][step.call] ?? step.call));
  else if ('fence' in step) fence(step.fence);
  else if ('maintain' in step) port.op({ kind: 'maintain', operation: step.maintain, line: WORDS[step.word] - (WORDS[step.word] % 64) });
  else if ('ring' in step) {
    if (isa === 'arm64' && step.ring === 'writel') fence('dmb.oshst');
    port.op({ kind: 'store', place: register(DOORBELL), value: RUNG, order: mmio(step.ring === 'writel_relaxed'), name: 'doorbell' });
  } else if ('done' in step) {
    port.op({ kind: 'await', place: register(STATUS), order: mmio(step.done === 'readl_relaxed'), until: (v) => v === 1, name: 'status' });
    if (isa === 'arm64' && step.done === 'readl') fence('dmb.oshld');
  } else if ('bell' in step) port.op({ kind: 'await', place: register(DOORBELL), order: 'relaxed', until: (v) => v === RUNG, next: true, name: 'doorbell' });
  else port.op({ kind: 'store', place: register(STATUS), value: 1, order: 'relaxed', name: 'status' });
}
