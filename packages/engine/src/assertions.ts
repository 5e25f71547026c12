// SPDX-License-Identifier: Apache-2.0
/**
 * The catalogue of assertions a lab's checks may name. Each looks at what a
 * finished run left behind: what devices did, what calls returned, what memory
 * holds. Whether an *order* was right is the sanitizer's question, not theirs.
 */
import type { Json } from '@dmalab/core/base/events';
import type { Workload } from '@dmalab/contracts/lab';

/** One call of a workload, as it ended. */
export interface CallRecord {
  readonly context: string;
  /** Place in the context's list, as written in the workload. */
  readonly index: number;
  readonly call: string;
  readonly finished: boolean;
  /** Null when it returned nothing or has not returned. */
  readonly returned: number | bigint | null;
}

export interface BufferRecord {
  /** What it was filled with. */
  readonly initial: Uint8Array;
  /** What it holds when nothing can happen any more, as the CPUs see it. */
  readonly final: Uint8Array;
}

export interface Evidence {
  readonly workload: Workload;
  readonly calls: readonly CallRecord[];
  /** `Device.result()` by device id. */
  readonly devices: Readonly<Record<string, Json>>;
  readonly buffers: Readonly<Record<string, BufferRecord>>;
  readonly checksum: (bytes: Uint8Array) => number;
}

interface Assertion {
  readonly parameters: readonly ('device' | 'buffer')[];
  readonly doc: string;
  /** What is wrong, or `undefined`. */
  readonly test: (evidence: Evidence, args: readonly string[]) => string | undefined;
}

export const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  allFramesSent: {
    parameters: ['device'],
    doc: 'Each call that hands over a frame (a buffer followed by its size) returned 0, and the NIC sent exactly these frames, whole, in any order.',
    test: (evidence, [device = '']) => {
      const sent = framesOf(evidence, device, 'sent');
      const left = [...sent];
      for (const frame of expectedFrames(evidence)) {
        if (frame.refused !== undefined) return frame.refused;
        const at = left.findIndex((f) => f.length === frame.size && f.checksum === frame.checksum);
        if (at < 0) return `${device} never sent the ${frame.size} bytes of ${frame.where} whole`;
        left.splice(at, 1);
      }
      return left.length > 0 ? `${device} sent ${count(left.length, 'frame')} that nobody handed over` : undefined;
    },
  },
  framesInOrder: {
    parameters: ['device'],
    doc: 'The frames the NIC sent came in the order in which they were handed over.',
    test: (evidence, [device = '']) => {
      const sent = framesOf(evidence, device, 'sent');
      const expected = expectedFrames(evidence).filter((f) => f.refused === undefined);
      const wrong = sent.findIndex((f, i) => expected[i] !== undefined && (f.length !== expected[i].size || f.checksum !== expected[i].checksum));
      return wrong < 0 ? undefined : `frame ${wrong + 1} on the wire is not the one of ${expected[wrong]!.where}`;
    },
  },
  receivedAll: {
    parameters: ['device'],
    doc: 'Every frame from the wire found a slot of the NIC with room for it.',
    test: (evidence, [device = '']) => {
      const arrived = evidence.workload.devices[device]?.length ?? 0;
      const received = framesOf(evidence, device, 'received').length;
      return received === arrived ? undefined : `${device} could store ${received} of ${count(arrived, 'frame')} from the wire`;
    },
  },
  bufferEquals: {
    parameters: ['buffer', 'buffer'],
    doc: 'Both buffers hold the same bytes at the end; when one is longer, its first bytes count.',
    test: (evidence, [a = '', b = '']) => {
      const left = evidence.buffers[a];
      const right = evidence.buffers[b];
      if (!left || !right) return undefined; // a workload without these buffers is not about them
      const size = Math.min(left.final.length, right.final.length);
      for (let i = 0; i < size; i += 1) {
        if (left.final[i] !== right.final[i]) return `byte ${i} of ${a} is ${hex(left.final[i]!)}, of ${b} ${hex(right.final[i]!)}`;
      }
      return undefined;
    },
  },
  returned: {
    parameters: [],
    doc: 'Every call came back, with the value the workload expects of it.',
    test: (evidence) => {
      for (const call of evidence.calls) {
        const expected = evidence.workload.contexts[call.context]?.[call.index]?.expect;
        const place = `${call.call} (${call.context}, call ${call.index + 1})`;
        if (!call.finished) return `${place} never returned`;
        const allowed = expected === undefined ? undefined : [expected].flat();
        if (allowed !== undefined && (call.returned === null || !allowed.includes(Number(call.returned)))) return `${place} returned ${call.returned === null ? 'nothing' : String(call.returned)}, expected ${allowed.join(' or ')}`;
      }
      return undefined;
    },
  },
};

/** `allFramesSent(nic0)` → name and arguments. */
export function parseAssertion(text: string): { readonly name: string; readonly args: readonly string[] } {
  const [, name = '', list = ''] = /^([a-zA-Z]+)\(([^()]*)\)$/.exec(text) ?? [];
  return { name, args: list.split(',').map((arg) => arg.trim()).filter((arg) => arg !== '') };
}

/** What is wrong with an assertion as a lab writes it, or `undefined`. */
export function assertionProblem(text: string, devices: readonly string[]): string | undefined {
  const { name, args } = parseAssertion(text);
  const assertion = Object.hasOwn(ASSERTIONS, name) ? ASSERTIONS[name] : undefined;
  if (!assertion) return `there is no assertion ${name}; expected one of ${Object.keys(ASSERTIONS).join(', ')}`;
  if (args.length !== assertion.parameters.length) return `${name} takes ${count(assertion.parameters.length, 'argument')} (${assertion.parameters.join(', ')}); found ${args.length}`;
  for (const [i, kind] of assertion.parameters.entries()) {
    if (kind === 'device' && !devices.includes(args[i]!)) return `${name}: there is no device ${args[i]}; expected one of ${devices.join(', ')}`;
  }
  return undefined;
}

export function assertHolds(text: string, evidence: Evidence): string | undefined {
  const { name, args } = parseAssertion(text);
  return ASSERTIONS[name]!.test(evidence, args);
}

interface Frame {
  readonly length: number;
  readonly checksum: number;
}

function framesOf(evidence: Evidence, device: string, list: 'sent' | 'received'): Frame[] {
  // The devices' own result shape; an absent list counts as empty.
  const result = evidence.devices[device] as unknown as { readonly [key: string]: readonly (Frame & { readonly ok: boolean })[] } | undefined;
  return (result?.[list] ?? []).filter((frame) => frame.ok);
}

/** Calls whose arguments hold a buffer followed by a size hand over a frame, unless the workload expects a refusal. */
function expectedFrames(evidence: Evidence): { readonly size: number; readonly checksum: number; readonly where: string; readonly refused: string | undefined }[] {
  return evidence.calls.flatMap((record) => {
    const call = evidence.workload.contexts[record.context]?.[record.index];
    if (!call) return [];
    const allowed = [call.expect ?? 0].flat();
    if (!allowed.includes(0)) return [];
    const at = call.args.findIndex((arg, i) => typeof arg === 'object' && ('buffer' in arg || 'dma' in arg) && typeof call.args[i + 1] === 'number');
    if (at < 0) return [];
    const argument = call.args[at] as { buffer?: string; dma?: string };
    const size = call.args[at + 1] as number;
    const initial = evidence.buffers[argument.buffer ?? argument.dma ?? '']?.initial ?? new Uint8Array();
    const where = `${record.call} (${record.context}, call ${record.index + 1})`;
    const returned = record.returned === null ? null : Number(record.returned);
    if (record.finished && returned !== null && returned !== 0 && allowed.includes(returned)) return [];
    const refused = !record.finished ? `${where} never returned` : returned !== 0 ? `${where} returned ${returned === null ? 'nothing' : returned}, expected 0` : undefined;
    return [{ size, checksum: evidence.checksum(initial.subarray(0, size)), where, refused }];
  });
}

function count(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}
