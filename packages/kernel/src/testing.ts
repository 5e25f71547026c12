// SPDX-License-Identifier: Apache-2.0
/** A sequentially consistent port for tests of the host part: one agent, memory that answers at once, everything it was asked. */
import type { Op, Port, Size, Value } from '@dmalab/core/base/port';

export interface Note {
  readonly kind: string;
  readonly fields: Record<string, unknown>;
}

export class RecordingPort implements Port {
  readonly ops: Op[] = [];
  readonly notes: Note[] = [];
  readonly ram = new Map<number, number>();
  readonly registers = new Map<string, Value>();
  /** Answers of `interrupt` and `idle` ops, by how many have been asked; 0 when used up. */
  interrupts: number[] = [];
  /** Called before an await is looked at, so that a test can play the other side. */
  onAwait: (op: Extract<Op, { kind: 'await' }>) => void = () => undefined;
  ordinal = 0;

  readonly note = (kind: string, fields: Record<string, unknown>): void => {
    this.notes.push({ kind, fields });
  };

  op(op: Op): Value {
    this.ordinal += 1;
    this.ops.push(op);
    switch (op.kind) {
      case 'load':
        return op.place.space === 'mmio' ? (this.registers.get(`${op.place.owner}:${op.place.address}`) ?? 0) : this.peek(op.place.address, op.place.size);
      case 'store':
        if (op.place.space === 'mmio') this.registers.set(`${op.place.owner}:${op.place.address}`, op.value);
        else this.poke(op.place.address, op.place.size, op.value);
        return 0;
      case 'rmw': {
        const old = this.peek(op.place.address, op.place.size);
        const next = op.modify(old);
        if (next !== undefined) this.poke(op.place.address, op.place.size, next);
        return old;
      }
      case 'await': {
        this.onAwait(op);
        const value = this.peek(op.place.address, op.place.size);
        if (op.until(value)) return value;
        if (op.interruptible === true && this.interrupts.length > 0) return -1;
        throw new Error(`nothing will ever satisfy the wait for ${op.name ?? op.place.address}`);
      }
      case 'interrupt':
      case 'idle':
        return this.interrupts.shift() ?? 0;
      default:
        return 0;
    }
  }

  peek(address: number, size: Size): Value {
    let value = 0n;
    for (let i = size - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(this.ram.get(address + i) ?? 0);
    return size === 8 ? value : Number(value);
  }

  poke(address: number, size: Size, value: Value): void {
    for (let i = 0; i < size; i += 1) this.ram.set(address + i, Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
  }

  /** Ops of these kinds as short text: `store len[0]=60`, `fence dmb.oshst`. */
  shown(...kinds: readonly Op['kind'][]): string[] {
    return this.ops.filter((op) => kinds.includes(op.kind)).map(show);
  }
}

function show(op: Op): string {
  switch (op.kind) {
    case 'load':
    case 'await':
      return `${op.kind} ${op.place.space === 'mmio' ? `${op.place.owner}+${op.place.address}` : (op.name ?? op.place.address)}${op.order === 'plain' || op.order === 'relaxed' ? '' : ` ${op.order}`}`;
    case 'store':
      return `store ${op.place.space === 'mmio' ? `${op.place.owner}+${op.place.address}` : (op.name ?? op.place.address)}=${op.value}${op.order === 'plain' || op.order === 'relaxed' ? '' : ` ${op.order}`}`;
    case 'rmw':
      return `rmw ${op.name ?? op.place.address} ${op.order}`;
    case 'fence':
      return `fence ${op.fence}`;
    case 'maintain':
      return `${op.operation} ${op.line.toString(16)}`;
    default:
      return op.kind;
  }
}
