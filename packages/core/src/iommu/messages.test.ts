// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { packFromUnit, packToUnit, RegisterWrite, unpackFromUnit, unpackToUnit, type FromUnit, type ToUnit } from './messages.ts';

const TOP = (1n << 64n) - 1n;
const grant = { read: true, write: false, execute: true, privileged: false, global: true, untranslatedOnly: false, noSnoop: true };

describe('what is packed comes out as it was', () => {
  const toUnit: readonly Exclude<ToUnit, { kind: 'register-write' }>[] = [
    { kind: 'request', from: 255, request: { source: 0xff_ffff, pasid: 0xf_ffff, type: 'ats', write: false, execute: true, privileged: false, noWrite: true, address: TOP } },
    { kind: 'request', from: 0, request: { source: 0, pasid: null, type: 'untranslated', write: true, execute: false, privileged: true, noWrite: false, address: 0n } },
    { kind: 'request', from: 1, request: { source: 8, pasid: 0, type: 'translated', write: false, execute: false, privileged: false, noWrite: false, address: 1n } },
    { kind: 'request', from: 2, asks: true, request: { source: 8, pasid: 3, type: 'untranslated', write: false, execute: false, privileged: false, noWrite: true, address: 1n } },
    { kind: 'request', from: 3, direct: true, request: { source: 8, pasid: null, type: 'untranslated', write: true, execute: false, privileged: false, noWrite: false, address: TOP } },
    { kind: 'page', request: { source: 0x100, pasid: 7, privileged: true, execute: false, read: true, write: false, last: true, group: 511, address: TOP & ~0xfffn } },
    { kind: 'page', request: { source: 0x100, pasid: null, privileged: false, execute: true, read: false, write: true, last: false, group: 0, address: 0n } },
    { kind: 'landed', ticket: 0xffff_ffff },
    { kind: 'invalidated', source: 0x1234, tag: 31 },
    { kind: 'timed-out', tag: 3 },
  ];
  it.each(toUnit)('to a unit: %o', (message) => expect(unpackToUnit(packToUnit(message))).toEqual(message));

  const fromUnit: readonly FromUnit[] = [
    { kind: 'answer', answer: { kind: 'memory', address: TOP, span: 64, ticket: 0xffff_ffff, ats: null } },
    { kind: 'answer', answer: { kind: 'memory', address: 0x1000n, span: 12, ticket: 0, ats: grant } },
    { kind: 'answer', answer: { kind: 'memory', address: 0x1000n, span: 12, ticket: 1, ats: { ...grant, read: false, write: true, execute: false, privileged: true, global: false, untranslatedOnly: true, noSnoop: false } } },
    { kind: 'answer', answer: { kind: 'interrupt', address: 0xfee0_0000n } },
    { kind: 'answer', answer: { kind: 'interrupt', address: 0x1000n, resident: { notice: TOP, noticeId: 0x7ff } } },
    { kind: 'answer', answer: { kind: 'denied' } },
    { kind: 'answer', answer: { kind: 'zero' } },
    { kind: 'answer', answer: { kind: 'refused', status: 'unsupported-request' } },
    { kind: 'answer', answer: { kind: 'refused', status: 'completer-abort' } },
    { kind: 'answer', answer: { kind: 'stalled', tag: 0xffff } },
    { kind: 'invalidate', source: 0x100, pasid: null, tag: 31, address: 0n, span: 64, global: true },
    { kind: 'invalidate', source: 0x100, pasid: 0xf_ffff, tag: 0, address: TOP & ~0xfffn, span: 12, global: false },
    { kind: 'page-response', source: 0x100, pasid: 9, group: 511, code: 'invalid' },
    { kind: 'page-response', source: 0x100, pasid: null, group: 0, code: 'failure' },
    { kind: 'resume', source: 3, tag: 17, action: 'zero' },
    { kind: 'resume', source: 3, tag: 0, action: 'retry' },
  ];
  it.each(fromUnit)('of a unit: %o', (message) => expect(unpackFromUnit(packFromUnit(message))).toEqual(message));

  it('and a register write', () => {
    expect(unpackToUnit(RegisterWrite.encode({ kind: 'register-write', bytes: 8, offset: 0xfff8, value: TOP }))).toEqual({ kind: 'register-write', size: 8, offset: 0xfff8, value: TOP });
  });
});

it('what no unit sends is an error of ours, and never read as something else', () => {
  expect(() => unpackToUnit(0n)).toThrow('no message to a unit');
  expect(() => unpackToUnit(packFromUnit({ kind: 'answer', answer: { kind: 'denied' } }))).toThrow('no message to a unit');
  expect(() => unpackFromUnit(packToUnit({ kind: 'landed', ticket: 1 }))).toThrow('no message of a unit');
});
