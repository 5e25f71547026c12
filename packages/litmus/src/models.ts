// SPDX-License-Identifier: Apache-2.0
/** One test on several models. Instructions are the test's own; a model that lacks one of its fences cannot express it. */
import type { RuleTable } from '@dmalab/core/ordering/rules';
import { ARMV8 } from '@dmalab/core/ordering/tables/armv8';
import { RVWMO } from '@dmalab/core/ordering/tables/rvwmo';
import { STRICT } from '@dmalab/core/ordering/tables/strict';
import { X86_TSO } from '@dmalab/core/ordering/tables/x86-tso';
import { CompiledTable } from '@dmalab/core/ordering/views';
import type { Op, Port } from '@dmalab/core/base/port';
import { Thread } from './thread.ts';
import { runLitmus, type LitmusRun, type RunOptions } from './run.ts';
import type { LitmusTest } from './test.ts';

export const ALL_MODELS: Readonly<Record<string, RuleTable>> = { 'x86-tso': X86_TSO, armv8: ARMV8, rvwmo: RVWMO, strict: STRICT };

export type ModelRun = { readonly model: string; readonly run: LitmusRun } | { readonly model: string; readonly why: string };

export function runOnModels(test: LitmusTest, models: readonly string[] = Object.keys(ALL_MODELS), options: RunOptions = {}): ModelRun[] {
  const fences = fencesOf(test);
  return models.map((model) => {
    const table = ALL_MODELS[model];
    if (table === undefined) return { model, why: `is not a model; expected ${Object.keys(ALL_MODELS).join(', ')}` };
    const compiled = new CompiledTable(table);
    const unknown = fences.find((f) => !compiled.knowsFence(f));
    return unknown === undefined ? { model, run: runLitmus(test, { ...options, table }) } : { model, why: `has no instruction "${unknown}"` };
  });
}

/** Every fence of the code: each instruction is performed once, by itself. */
function fencesOf(test: LitmusTest): string[] {
  const found = new Set<string>();
  const port: Port = {
    ordinal: 0,
    op(op: Op) {
      if (op.kind === 'fence') found.add(op.fence);
      return 'place' in op && op.place.size === 8 ? 0n : 0;
    },
  };
  for (const thread of test.threads) for (const instruction of thread.code) if (/fence|dmb|dsb|isb/i.test(instruction.text)) instruction.run(new Thread(port, 64, thread.labels));
  return [...found];
}
