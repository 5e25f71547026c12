// SPDX-License-Identifier: Apache-2.0
/** What a device asks, and what it is told. */
import type { AccessKind } from './causes.ts';
import type { Fault } from './fault.ts';

export interface Request {
  readonly deviceId: number;
  /** Null: the request carries none. */
  readonly processId: number | null;
  readonly type: 'untranslated' | 'ats' | 'translated';
  readonly write: boolean;
  readonly execute: boolean;
  readonly privileged: boolean;
  /** ATS: will only read. */
  readonly noWrite: boolean;
  /** From a CXL device. */
  readonly cxl: boolean;
  readonly address: bigint;
}

/** What an ATS answer permits. */
export interface AtsPermissions {
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly privileged: boolean;
  readonly global: boolean;
  /** Use untranslated requests only. */
  readonly untranslatedOnly: boolean;
  readonly noSnoop: boolean;
  readonly cxlIo: boolean;
}

export interface Translated {
  readonly kind: 'translated';
  /** Physical address of the request's own address; guest address where ATS answers with those. Null for a memory-resident interrupt file. */
  readonly address: bigint | null;
  /** log2 of the bytes that translate alike. */
  readonly span: number;
  /** 0 by the memory's own attributes, 1 not cached, 2 I/O. */
  readonly memoryType: number;
  readonly isMsi: boolean;
  readonly mrif: { readonly address: bigint; readonly notice: bigint; readonly noticeId: number } | null;
  readonly ats: AtsPermissions | null;
}

/**
 * `refused` carries the fault and what the bus is told. An ATS request that met
 * a fault which only denies permission is `denied`: success, without any.
 */
export type Answer =
  | Translated
  | { readonly kind: 'denied'; readonly fault: Fault; readonly ats: AtsPermissions }
  | { readonly kind: 'refused'; readonly fault: Fault; readonly status: 'unsupported-request' | 'completer-abort' };

/** Which number a fault gets; ATS faults are those of reads. */
export function accessKind(request: Request): AccessKind {
  if (request.type === 'ats') return 'read';
  return request.write ? 'write' : fetches(request) ? 'fetch' : 'read';
}

/** A read with the execute attribute is a fetch. A translated request has that attribute only beside a process id. */
export const fetches = (request: Request): boolean => !request.write && request.execute && (request.type !== 'translated' || request.processId !== null);

/** TTYP of a fault record. "Fault record TTYP field encodings". */
export function transactionType(request: Request): number {
  if (request.type === 'ats') return 8;
  const kind = accessKind(request);
  return (request.type === 'translated' ? 4 : 0) + (kind === 'fetch' ? 1 : kind === 'read' ? 2 : 3);
}
