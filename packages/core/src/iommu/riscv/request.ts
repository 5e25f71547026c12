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
  /** Resource and monitoring ids that the access goes on with; null where the unit has none. */
  readonly qos: { readonly rcid: number; readonly mcid: number } | null;
}

/**
 * `refused` carries the fault and what the bus is told. An ATS request that met
 * a fault which only denies permission is `denied`: success, without any.
 */
export type Answer =
  | Translated
  | { readonly kind: 'denied'; readonly fault: Fault; readonly ats: AtsPermissions }
  | { readonly kind: 'refused'; readonly fault: Fault; readonly status: 'unsupported-request' | 'completer-abort' };

/** A request in one number, for paths that make no object of it. */
export const WRITE = 1;
export const EXECUTE = 2;
export const PRIVILEGED = 4;
export const NO_WRITE = 8;
export const CXL = 16;
export const ATS = 32;
export const TRANSLATED = 64;

export function flagsOf(request: Request): number {
  const type = request.type === 'ats' ? ATS : request.type === 'translated' ? TRANSLATED : 0;
  return type | (request.write ? WRITE : 0) | (request.execute ? EXECUTE : 0) | (request.privileged ? PRIVILEGED : 0) | (request.noWrite ? NO_WRITE : 0) | (request.cxl ? CXL : 0);
}

/** A read with the execute attribute is a fetch. A translated request has that attribute only beside a process id. Process id -1: none. */
export const fetches = (flags: number, processId: number): boolean => (flags & (WRITE | EXECUTE)) === EXECUTE && ((flags & TRANSLATED) === 0 || processId >= 0);

export const isSupervisor = (flags: number, processId: number): boolean => processId >= 0 && (flags & PRIVILEGED) !== 0;

/** Which number a fault gets; ATS faults are those of reads. */
export function accessKind(flags: number, processId: number): AccessKind {
  if ((flags & ATS) !== 0) return 'read';
  return (flags & WRITE) !== 0 ? 'write' : fetches(flags, processId) ? 'fetch' : 'read';
}

/** TTYP of a fault record. "Fault record TTYP field encodings". */
export function transactionType(flags: number, processId: number): number {
  if ((flags & ATS) !== 0) return 8;
  const kind = accessKind(flags, processId);
  return ((flags & TRANSLATED) !== 0 ? 4 : 0) + (kind === 'fetch' ? 1 : kind === 'read' ? 2 : 3);
}
