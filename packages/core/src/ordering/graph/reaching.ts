// SPDX-License-Identifier: Apache-2.0
/** Where an operation reaches memory if devices do not see the CPUs' cache lines: which of the two copies. */
import type { Op } from '../../base/port.ts';
import { NotInGraph } from './accesses.ts';
import { CPU_COPY, type Cells } from './cells.ts';

/**
 * The operation with its place in the copy that it reaches.
 * @throws NotInGraph for what lines do not model; Split when a line turns out to have two copies
 */
export function reaching({ lines }: Cells, cpu: boolean, op: Op): Op {
  if (lines === null) return op;
  if (op.kind === 'maintain') {
    lines.use(op.line, 'shared');
    return op;
  }
  if (!('place' in op) || op.place.space !== 'ram') return op;
  const why = lines.use(op.place.address, !cpu ? 'shared' : op.place.uncached === true ? 'uncached' : 'cached');
  if (why !== '') throw new NotInGraph(why);
  if (!lines.held(lines.lineOf(op.place.address))) return op;
  if ((op.kind !== 'load' && op.kind !== 'store') || op.exclusive === true) throw new NotInGraph('an atomic or a wait on a cache line that a device uses');
  return cpu ? { ...op, place: { ...op.place, owner: CPU_COPY } } : op;
}
