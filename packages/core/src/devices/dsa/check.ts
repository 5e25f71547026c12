// SPDX-License-Identifier: Apache-2.0
/** Whether a descriptor may be begun, in the order in which the device looks. */
import { DSA_OPCODES, DSA_VECTORS } from './registers.ts';
import type { Outcome, Descriptor } from './operations.ts';
import { DSA_FLAGS, DsaDescriptor } from './structures.ts';

/** What a queue allows. */
export interface QueueRules {
  readonly dedicated: boolean;
  readonly bof: boolean;
  readonly priv: boolean;
  readonly maxTransfer: number;
  readonly maxBatch: number;
}

const KNOWN: readonly number[] = Object.values(DSA_OPCODES);
const WRITES: readonly number[] = [DSA_OPCODES.memmove, DSA_OPCODES.fill, DSA_OPCODES.dualcast];
const COMPARES: readonly number[] = [DSA_OPCODES.compare, DSA_OPCODES.comparePattern];
const MOVES_NOTHING: readonly number[] = [DSA_OPCODES.nop, DSA_OPCODES.drain];

/** @returns null when it may */
export function check(raw: bigint, d: Descriptor, rules: QueueRules, inBatch: boolean): Outcome | null {
  if (!rules.dedicated && d.priv && !rules.priv) return { status: 'privilege' };
  const opcodeOk = KNOWN.includes(d.opcode) && !(inBatch && (d.opcode === DSA_OPCODES.batch || d.opcode === DSA_OPCODES.drain));
  if (!opcodeOk) return { status: 'badOpcode' };
  const invalidFlags = Number((raw >> 32n) & 0xff_ffffn) & ~allowed(d, rules, inBatch);
  if (invalidFlags !== 0) return { status: 'badFlags', invalidFlags };
  if (DsaDescriptor.strayBits(raw) !== 0n) return { status: 'reserved' };
  if (d.RCI && d.intHandle >= DSA_VECTORS) return { status: 'badHandle' };
  if (d.opcode === DSA_OPCODES.batch) {
    if (d.size < 2 || d.size > rules.maxBatch) return { status: 'badCount' };
    return d.source % BigInt(DsaDescriptor.bytes) === 0n ? null : { status: 'listAlignment' };
  }
  if (MOVES_NOTHING.includes(d.opcode)) return null;
  return d.size >= 1 && d.size <= rules.maxTransfer ? null : { status: 'badSize' };
}

function allowed(d: Descriptor, rules: QueueRules, inBatch: boolean): number {
  let flags: number = DSA_FLAGS.CRAV | DSA_FLAGS.RCI;
  // A record that is asked for must have a place.
  if (d.CRAV) flags |= DSA_FLAGS.RCR;
  if (rules.bof) flags |= DSA_FLAGS.BOF;
  if (inBatch) flags |= DSA_FLAGS.FENCE;
  if (WRITES.includes(d.opcode)) flags |= DSA_FLAGS.CC;
  if (COMPARES.includes(d.opcode)) flags |= DSA_FLAGS.CR;
  return flags;
}
