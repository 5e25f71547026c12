// SPDX-License-Identifier: Apache-2.0
/** Makes agents of the programs in `device-rows.table.ts`; any form can run them. */
import type { AccessOrder, Agent, Operation, Place, Port, Value } from '@dmalab/core/base/port';
import type { CoreProfileId } from '@dmalab/core/machine/profile';
import { initialState, type InitialState } from '@dmalab/core/memory/initial';
import { LOWERINGS, type Access, type Lowering } from '@dmalab/kernel/lowering';
import type { DeviceRow, Step, Word } from './device-rows.table.ts';

const WORDS: Record<Word, number> = { d: 0x1000, e: 0x1008, f: 0x2000, g: 0x3000 };
const DOORBELL = 0x10;
const STATUS = 0x04;
const RUNG = 1;

/** The lowering that drivers use, by profile. */
const LOWERING: Record<CoreProfileId, Lowering> = { 'x86-64': LOWERINGS['x86-64'], arm64: LOWERINGS.arm64, 'arm64-nc': LOWERINGS.arm64, riscv64: LOWERINGS.riscv64, 'riscv64-nc': LOWERINGS.riscv64, strict: LOWERINGS.strict, 'strict-nc': LOWERINGS.strict };

export interface Program {
  readonly agents: readonly Agent[];
  readonly initial: InitialState;
  /** What each agent read in the run that it made last, by name. */
  readonly seen: readonly ReadonlyMap<string, Value>[];
  /** Of the runs that were made last: `d=1 f=0`, by name. */
  readonly outcome: () => string;
}

export const outcomeOf = (seen: readonly ReadonlyMap<string, Value>[]): string => seen.flatMap((map) => [...map]).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`).join(' ');

export function program(row: DeviceRow, profile: CoreProfileId): Program {
  const lowering = LOWERING[profile];
  const programs = [...row.cpus, row.device];
  const seen = programs.map(() => new Map<string, Value>());
  const [device, ...cpus] = programs.map((steps, i): Agent => ({ id: steps === row.device ? 'dev' : `cpu${i}`, kind: steps === row.device ? 'device' : 'cpu', run: (port) => steps.forEach((step) => perform(port, step, lowering, seen[i] ?? new Map())) })).reverse();
  if (device === undefined) throw new RangeError(`${row.id} has no device`);
  return {
    agents: [...cpus.reverse(), device],
    initial: initialState({ registers: [{ owner: 'dev', offset: DOORBELL, value: 0 }] }),
    seen,
    outcome: () => outcomeOf(seen),
  };
}

function perform(port: Port, step: Step, lowering: Lowering, seen: Map<string, Value>): void {
  const fence = (name: string): void => void port.op({ kind: 'fence', fence: name });
  const ram = (word: Word, uncached = false): Place => ({ space: 'ram', owner: '', address: WORDS[word], size: 4, uncached });
  const register = (address: number): Place => ({ space: 'mmio', owner: 'dev', address, size: 4 });
  const mmio = (access: Access, operation: (order: AccessOrder) => Operation): void => {
    for (const part of lowering.accesses[access]) {
      if (part.kind === 'fence') fence(part.fence);
      else if (part.kind === 'access') port.op(operation(part.order));
    }
  };
  if ('st' in step) port.op({ kind: 'store', place: ram(step.st, step.uncached), value: step.v, order: 'relaxed', name: step.st });
  else if ('ld' in step) seen.set(step.as, port.op({ kind: 'load', place: ram(step.ld, step.uncached), order: 'relaxed', name: step.as }));
  else if ('call' in step) lowering.barriers[step.call].forEach(fence);
  else if ('fence' in step) fence(step.fence);
  else if ('maintain' in step) port.op({ kind: 'maintain', operation: step.maintain, line: WORDS[step.word] - (WORDS[step.word] % 64) });
  else if ('ring' in step) mmio(step.ring === 'writel' ? 'mmio-write' : 'mmio-write-relaxed', (order) => ({ kind: 'store', place: register(DOORBELL), value: RUNG, order, name: 'doorbell' }));
  else if ('done' in step) mmio(step.done === 'readl' ? 'mmio-read' : 'mmio-read-relaxed', (order) => ({ kind: 'await', place: register(STATUS), order, until: (v) => v === 1, name: 'status' }));
  else if ('bell' in step) port.op({ kind: 'await', place: register(DOORBELL), order: 'relaxed', until: (v) => v === RUNG, next: true, name: 'doorbell' });
  else port.op({ kind: 'store', place: register(STATUS), value: 1, order: 'relaxed', name: 'status' });
}
