// SPDX-License-Identifier: Apache-2.0
/** Page requests of devices, and the answer the unit gives itself where it cannot queue one. */
import type { DeviceMessage } from './commands.ts';
import { PageResponsePayload } from './records.ts';

export interface PageRequest {
  readonly deviceId: number;
  readonly requester: number;
  readonly segment: number | null;
  readonly processId: number | null;
  readonly privileged: boolean;
  readonly execute: boolean;
  /** Second half of the message: R, W, L, group index, page. */
  readonly payload: bigint;
}

const CODES = { success: 0, invalid: 1, failure: 15 } as const;

/** Only the last request of a group is answered, and never a stop marker (last, without read or write). A failure always carries the process id. */
export function answerPageRequest(request: PageRequest, status: keyof typeof CODES, prpr: boolean): DeviceMessage | null {
  const last = (request.payload & 4n) !== 0n;
  const stop = last && (request.payload & 3n) === 0n;
  if (!last || stop) return null;
  return {
    code: 5,
    tag: 0,
    requester: request.requester,
    processId: status === 'failure' || prpr ? request.processId : null,
    segment: request.segment,
    payload: PageResponsePayload.encode({ PRGI: Number((request.payload >> 3n) & 0x1ffn), code: CODES[status], destination: request.requester }),
  };
}
