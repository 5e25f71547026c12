// SPDX-License-Identifier: Apache-2.0
/** Between the unit's own terms and those that every remapping unit shares with PCIe, devices and the machine. */
import type { AtsGrant, DmaRequest, PageRequestMessage, UnitMessage, UnitOutside } from '../unit.ts';
import type { Caches, Flush } from './caches.ts';
import type { DeviceMessage, Invalidation } from './commands.ts';
import type { PageRequest } from './page-requests.ts';
import { PageResponsePayload, type IotinvalCommand } from './records.ts';
import { ATS, EXECUTE, NO_WRITE, PRIVILEGED, TRANSLATED, WRITE } from './request.ts';
import { GRANTS_EXECUTE, GRANTS_GLOBAL, GRANTS_READ, GRANTS_WRITE } from './translate.ts';
import type { Outside } from './unit.ts';

export function requestFlags(request: DmaRequest): number {
  const type = request.type === 'ats' ? ATS : request.type === 'translated' ? TRANSLATED : 0;
  return type | (request.write ? WRITE : 0) | (request.execute ? EXECUTE : 0) | (request.privileged ? PRIVILEGED : 0) | (request.noWrite ? NO_WRITE : 0);
}

export function grantOf(grants: number, privileged: boolean, untranslatedOnly: boolean): AtsGrant {
  return { read: (grants & GRANTS_READ) !== 0, write: (grants & GRANTS_WRITE) !== 0, execute: (grants & GRANTS_EXECUTE) !== 0, privileged, global: (grants & GRANTS_GLOBAL) !== 0, untranslatedOnly, noSnoop: false };
}

/** The segment is what lies above the 16 bits of bus, device and function. */
export function pageRequestOf(of: PageRequestMessage): PageRequest {
  const segment = of.source >>> 16;
  return {
    deviceId: of.source,
    requester: of.source & 0xffff,
    segment: segment === 0 ? null : segment,
    processId: of.pasid,
    privileged: of.privileged,
    execute: of.execute,
    payload: (of.address & ~0xfffn) | (BigInt(of.group) << 3n) | (of.last ? 4n : 0n) | (of.write ? 2n : 0n) | (of.read ? 1n : 0n),
  };
}

/** A unit whose messages go where those of all units go. */
export function outsideOf(of: UnitOutside): Outside {
  return { send: (message) => of.send(messageOf(message)), order: () => undefined, invalidated: () => undefined, wire: (cause) => of.wire(cause) };
}

/** "PAYLOAD of an ATS.INVAL command", "PAYLOAD of an ATS.PRGR command". PCIe: a response code that is none counts as a failure. */
export function messageOf({ code, tag, requester, processId, segment, payload }: DeviceMessage): UnitMessage {
  const source = requester + (segment ?? 0) * 0x1_0000;
  if (code === 1) {
    const span = (payload & 0x800n) === 0n ? 12 : 13 + trailingOnes(payload >> 12n);
    return { kind: 'invalidate', source, pasid: processId, tag, address: span >= 64 ? 0n : (payload >> BigInt(span)) << BigInt(span), span: Math.min(64, span), global: (payload & 1n) !== 0n };
  }
  const { PRGI, code: answer } = PageResponsePayload.decode(payload);
  return { kind: 'page-response', source, pasid: processId, group: PRGI, code: answer === 0 ? 'success' : answer === 1 ? 'invalid' : 'failure' };
}

/** What an invalidation command says, done to the caches. */
export function forget(caches: Caches, of: Invalidation): void {
  switch (of.kind) {
    case 'device':
      caches.forgetDevice(of.command.DV ? of.command.DID : -1);
      return;
    case 'process':
      caches.forgetProcess(of.command.DID, of.command.PID);
      return;
    case 'first-stage':
      caches.forgetFirst(flushOf(of.command, of.command.AV));
      return;
    case 'second-stage':
      caches.forgetSecond(flushOf(of.command, of.command.AV && of.command.GV));
  }
}

function flushOf(command: ReturnType<typeof IotinvalCommand.decode>, addressed: boolean): Flush {
  const { GV, GSCID, PSCV, PSCID, NL } = command;
  return { gscid: GV ? GSCID : -1, pscid: PSCV ? PSCID : -1, ...rangeOf(command, addressed), pointersToo: NL };
}

/** "Address Range Invalidation": with S, 2^(X+1) pages, where X is the lowest bit of ADDR that is clear. All ones is everything, which is our reading of what the text leaves open. */
function rangeOf({ ADDR, S }: { readonly ADDR: bigint; readonly S: boolean }, valid: boolean): Pick<Flush, 'first' | 'range'> {
  if (!valid) return { first: 0, range: -1 };
  const range = S ? Math.min(52, 1 + trailingOnes(ADDR)) : 0;
  return { first: Number((ADDR >> BigInt(range)) << BigInt(range)), range };
}

function trailingOnes(of: bigint): number {
  let count = 0;
  while (count < 52 && ((of >> BigInt(count)) & 1n) === 1n) count += 1;
  return count;
}
