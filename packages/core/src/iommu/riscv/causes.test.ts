// SPDX-License-Identifier: Apache-2.0
/** RISC-V IOMMU, "Fault/Event-Queue" (which causes DTF does not silence) and "PCIe ATS translation request handling" (how each answers an ATS request). */
import { expect, it } from 'vitest';
import { accessFault, CAUSES, guestPageFault, pageFault } from './causes.ts';

const reported = (despiteDtf: boolean): number[] => Object.entries(CAUSES).filter(([, cause]) => cause.despiteDtf === despiteDtf).map(([code]) => Number(code));
const answered = (ats: string): number[] => Object.entries(CAUSES).filter(([, cause]) => cause.ats === ats).map(([code]) => Number(code));

it('DTF silences all but what hides the device context, and what no device caused', () => {
  expect(reported(true)).toEqual([256, 257, 258, 259, 268, 272, 273]);
  expect(reported(false)).toEqual([1, 4, 5, 6, 7, 12, 13, 15, 20, 21, 23, 260, 261, 262, 263, 264, 265, 266, 267, 269, 270, 271, 274]);
});

it('an ATS request is answered without permissions, with unsupported request, or with completer abort', () => {
  expect(answered('quiet')).toEqual([12, 13, 15, 20, 21, 23, 262, 266]);
  expect(answered('unsupported-request')).toEqual([256, 257, 258, 259, 260]);
  expect(answered('completer-abort')).toEqual([1, 4, 5, 6, 7, 261, 263, 264, 265, 267, 268, 269, 270, 271, 272, 273, 274]);
});

it('a corrupt structure is told apart from one that is not readable', () => {
  expect(Object.entries(CAUSES).filter(([, { corrupt }]) => corrupt === true).map(([code]) => Number(code))).toEqual([268, 269, 270, 271, 274]);
});

it('three faults are numbered by what the device wanted, and have their names', () => {
  const kinds = ['fetch', 'read', 'write'] as const;
  expect([accessFault, pageFault, guestPageFault].map((number) => kinds.map((kind) => number(kind)))).toEqual([[1, 5, 7], [12, 13, 15], [20, 21, 23]]);
  expect([1, 5, 7, 12, 13, 15, 20, 21, 23].map((code) => CAUSES[code]?.name)).toEqual([
    'instruction access fault', 'read access fault', 'write/AMO access fault',
    'instruction page fault', 'read page fault', 'write/AMO page fault',
    'instruction guest page fault', 'read guest page fault', 'write/AMO guest page fault',
  ]);
});
