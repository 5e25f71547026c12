// SPDX-License-Identifier: Apache-2.0
/**
 * What descriptors do to memory. Work goes page by page, so that what was done
 * before a fault is known and can be resumed.
 */
import type { DmaFault, DmaPort } from '../../pcie/dma-port.ts';
import { DSA_OPCODES, type DsaStatusName } from './registers.ts';
import type { DsaDescriptor } from './structures.ts';

export type Descriptor = ReturnType<typeof DsaDescriptor.decode>;

export interface Outcome {
  readonly status: DsaStatusName;
  readonly result?: number;
  /** Bytes, or descriptors of a batch. */
  readonly completed?: number;
  readonly fault?: DmaFault;
  readonly invalidFlags?: number;
}

const PAGE = 4096n;
const SUCCESS: Outcome = { status: 'success' };

/** @param blocks whether the accesses waited for pages */
export function faultStatus(fault: DmaFault, blocks: boolean): DsaStatusName {
  switch (fault.status) {
    case 'page':
      return blocks ? 'pageFaultRefused' : 'pageFault';
    case 'not-memory':
      return 'hardware';
    case 'unsupported-request':
    case 'completer-abort':
      return 'translation';
  }
}

/** Cuts a range so that no piece crosses a page in any of the buffers. Ascending. */
function pieces(size: number, ...buffers: readonly bigint[]): { readonly at: number; readonly length: number }[] {
  const cut: { at: number; length: number }[] = [];
  for (let at = 0; at < size; ) {
    const length = Math.min(size - at, ...buffers.map((buffer) => Number(PAGE - ((buffer + BigInt(at)) % PAGE))));
    cut.push({ at, length });
    at += length;
  }
  return cut;
}

const overlaps = (a: bigint, b: bigint, size: number): boolean => a < b + BigInt(size) && b < a + BigInt(size);

/** An operation on memory; its descriptor was checked already. */
export function operate(dma: DmaPort, d: Descriptor): Outcome {
  switch (d.opcode) {
    case DSA_OPCODES.memmove:
      return move(dma, d);
    case DSA_OPCODES.fill:
      return fill(dma, d);
    case DSA_OPCODES.compare:
      return compare(dma, d, (at, length) => dma.tryRead(d.destination + BigInt(at), length, 'source2'), d.destination);
    case DSA_OPCODES.comparePattern: {
      const pattern = patternBytes(d.destination);
      return compare(dma, d, (at, length) => ({ bytes: Uint8Array.from({ length }, (_, i) => pattern[(at + i) % 8] ?? 0), fault: null }), 0n);
    }
    case DSA_OPCODES.dualcast:
      return dualcast(dma, d);
    default:
      return SUCCESS;
  }
}

function move(dma: DmaPort, d: Descriptor): Outcome {
  const backwards = d.destination > d.source && overlaps(d.source, d.destination, d.size);
  const result = backwards ? 1 : 0;
  const order = pieces(d.size, d.source, d.destination);
  if (backwards) order.reverse();
  let completed = 0;
  for (const { at, length } of order) {
    const read = dma.tryRead(d.source + BigInt(at), length, 'source');
    // Backwards a piece counts as a whole or not at all, and its destination may lie on its own source: nothing is written that would have to be read again.
    if (backwards && read.fault !== null) return stopped(d, read.fault, completed, result);
    const write = dma.tryWrite(d.destination + BigInt(at), read.bytes, 'destination');
    const fault = write.fault ?? read.fault;
    if (fault !== null) return stopped(d, fault, backwards ? completed : completed + write.written, result);
    completed += length;
  }
  return { status: 'success', completed: d.size };
}

function fill(dma: DmaPort, d: Descriptor): Outcome {
  const pattern = patternBytes(d.source);
  let completed = 0;
  for (const { at, length } of pieces(d.size, d.destination)) {
    const { written, fault } = dma.tryWrite(d.destination + BigInt(at), Uint8Array.from({ length }, (_, i) => pattern[(at + i) % 8] ?? 0), 'destination');
    completed += written;
    if (fault !== null) return stopped(d, fault, completed);
  }
  return { status: 'success', completed };
}

function compare(dma: DmaPort, d: Descriptor, other: (at: number, length: number) => { readonly bytes: Uint8Array; readonly fault: DmaFault | null }, second: bigint): Outcome {
  const end = (result: number, completed: number): Outcome => ({ status: d.CR && result !== Number(d.specific & 0xffn) ? 'successFalse' : 'success', result, completed });
  for (const { at, length } of pieces(d.size, d.source, second)) {
    const a = dma.tryRead(d.source + BigInt(at), length, 'source');
    const b = other(at, a.bytes.length);
    const both = b.bytes.length;
    const differs = a.bytes.subarray(0, both).findIndex((byte, i) => byte !== b.bytes[i]);
    if (differs >= 0) return end(1, at + differs);
    const fault = b.fault ?? a.fault;
    if (fault !== null) return stopped(d, fault, at + both);
  }
  return end(0, d.size);
}

function dualcast(dma: DmaPort, d: Descriptor): Outcome {
  const second = d.specific;
  if ((d.destination ^ second) % PAGE !== 0n) return { status: 'dualcast' };
  if (overlaps(d.source, d.destination, d.size) || overlaps(d.source, second, d.size) || overlaps(d.destination, second, d.size)) return { status: 'overlap' };
  let completed = 0;
  for (const { at, length } of pieces(d.size, d.source, d.destination)) {
    const read = dma.tryRead(d.source + BigInt(at), length, 'source');
    const first = dma.tryWrite(d.destination + BigInt(at), read.bytes, 'destination');
    const both = dma.tryWrite(second + BigInt(at), read.bytes.subarray(0, first.written), 'destination2');
    completed += both.written;
    const fault = both.fault ?? first.fault ?? read.fault;
    if (fault !== null) return stopped(d, fault, completed);
  }
  return { status: 'success', completed };
}

function stopped(d: Descriptor, fault: DmaFault, completed: number, result = 0): Outcome {
  return { status: faultStatus(fault, d.BOF), completed, fault, result };
}

const patternBytes = (pattern: bigint): Uint8Array => Uint8Array.from({ length: 8 }, (_, i) => Number((pattern >> BigInt(8 * i)) & 0xffn));
