// SPDX-License-Identifier: Apache-2.0
/**
 * Advice that costs nothing: a driver that passes with `smp_` barriers on a
 * one-CPU machine passes by luck, and is told where. On arm64 such a barrier
 * happens to reach a coherent device; nobody promises it.
 */
import type { TraceEvent } from '@dmalab/core/base/events';
import { Replay } from '@dmalab/checker/strategies/replay';
import type { Diagnostic } from '@dmalab/contracts/report';
import type { Program } from './program.ts';
import type { DriverSystem } from './system.ts';

/** One piece of advice for each line with such a barrier, from plain runs of `systems`. */
export function barrierAdvice(program: Program, systems: readonly DriverSystem[]): Diagnostic[] {
  const found = new Map<string, Diagnostic>();
  for (const system of systems) {
    if (system.spec.manifest.machine.cpus > 1) continue;
    const see = (event: TraceEvent): void => {
      if (event.kind !== 'fence' || event.site === null || !event.name.startsWith('smp_')) return;
      const { file, line, column } = event.site;
      found.set(`${file}:${line}`, {
        file,
        line,
        column,
        severity: 'advice',
        code: 'XB5',
        message: `${event.name}() orders CPUs among each other, and this machine has one. On arm64 the instruction happens to reach a coherent device as well; strict, and a kernel built for one CPU, give it no meaning for a device. Use the dma_ barrier of the same kind.`,
      });
    };
    system.execute(new Replay([]), program.traced(), [{ event: see }]);
  }
  return [...found.values()].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
}
