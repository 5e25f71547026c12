// SPDX-License-Identifier: Apache-2.0
/** Which bits the edits of root, context and PASID entries touch: Intel VT-d, "Root Entry" to "Scalable-Mode PASID Table Entry", by the bit numbers of the tables there. */
import { describe, expect, it } from 'vitest';
import type { Rule } from '../../mmu/format.ts';
import { Capability, ExtendedCapability } from './capabilities.ts';
import * as rules from './context-rules.ts';

type Cap = Parameters<typeof Capability.encode>[0];
type Ecap = Parameters<typeof ExtendedCapability.encode>[0];
const of = (cap: Cap = {}, ecap: Ecap = {}, hostBits = 39): rules.UnitRules => rules.rulesOf({ cap: Capability.decode(Capability.encode(cap)), ecap: ExtendedCapability.decode(ExtendedCapability.encode(ecap)), options: { capability: 0n, extended: 0n, hostBits } });

/** `63:39 7` of a mask, highest first. */
function named(mask: bigint): string {
  const runs: string[] = [];
  for (let at = mask.toString(2).length - 1; at >= 0; at -= 1) {
    if (((mask >> BigInt(at)) & 1n) === 0n) continue;
    const high = at;
    while (at > 0 && ((mask >> BigInt(at - 1)) & 1n) !== 0n) at -= 1;
    runs.push(high === at ? String(high) : `${high}:${at}`);
  }
  return runs.join(' ');
}
const clears = ({ repair }: Rule): string => named(repair?.clear ?? 0n);
const sets = ({ repair }: Rule): string => named(repair?.set ?? 0n);

describe('an edit', () => {
  it.each([
    ['P', rules.P, '', '0'],
    ['UP', rules.UP, '', '64'],
    ['TT', rules.TYPE, '3:2', ''],
    ['DTE', rules.NO_DTE, '', '2'],
    ['PASIDE', rules.NO_PASIDE, '', '3'],
    ['PRE', rules.NO_PRE, '', '4'],
    ['SRE', rules.NO_SRE, '', '128'],
    ['ERE', rules.NO_ERE, '', '129'],
    ['FSPM', rules.FIRST_DEPTH, '131:130', ''],
    ['reserved', rules.STRAY_DIRECTORY, '11:2', ''],
  ] as const)('of %s', (field, rule, clear, set) => {
    expect([rule.field, clears(rule), sets(rule)]).toEqual([field, clear, set]);
  });

  it('clears what is reserved, and address bits above the host', () => {
    const { strayRoot, strayContext, strayScalableRoot, strayScalableContext, strayEntry } = of();
    expect([strayRoot, strayContext, strayScalableRoot, strayScalableContext].map(clears)).toEqual(['127:39 11:1', '127:88 71 63:39 11:4', '127:103 75:65 63:39 11:1', '255:85 63:39 8:5']);
    expect(clears(of({}, {}, 52).strayScalableRoot)).toBe('127:116 75:65 63:52 11:1');
    expect(clears(strayEntry)).toBe('511:192 139:136 134:133 129 127:89 86:80 11:9 5');
    expect(clears(of({}, { SSADS: true }).strayEntry)).toBe('511:192 139:136 134:133 129 127:89 86:80 11:10 5');
    expect(clears(of({}, { ERS: true }).strayEntry)).toBe('511:192 139:136 127:89 86:80 11:9 5');
  });

  it.each([
    [0b0100, 2],
    [0b0110, 2],
    [0b1110, 2],
    [0b0010, 1],
    [0b1010, 1],
    [0b1000, 3],
  ])('with SAGAW %i asks for AW %i', (SAGAW, width) => {
    const { contextDepth, entryDepth } = of({ SAGAW });
    expect(contextDepth.repair).toEqual({ clear: 7n << 64n, set: BigInt(width) << 64n });
    expect(entryDepth.repair).toEqual({ clear: 0x1cn, set: BigInt(width) << 2n });
  });
  it.each([0, 1, 0x10])('is none with SAGAW %i, which names no depth', (SAGAW) => {
    for (const rule of [of({ SAGAW }).contextDepth, of({ SAGAW }).entryDepth]) expect([rule.repair, typeof rule.beyondRepair]).toEqual([undefined, 'string']);
  });

  it.each([
    [{ FSTS: true, SSTS: true, NEST: true, PT: true }, 1],
    [{ SSTS: true, NEST: true, PT: true }, 2],
    [{ NEST: true, PT: true }, 3],
    [{ PT: true }, 4],
  ] as const)('with %o asks for the first kind of translation that exists', (ecap, kind) => {
    expect(of({}, ecap).stages.repair).toEqual({ clear: 0x1c0n, set: BigInt(kind) << 6n });
  });
  it('is none where no kind of translation exists, or no device TLB for translation type 1', () => {
    const { stages, notAllowed } = of();
    expect([stages.repair, typeof stages.beyondRepair, notAllowed.repair, typeof notAllowed.beyondRepair]).toEqual([undefined, 'string', undefined, 'string']);
    expect(of({}, { DT: true }).notAllowed.repair).toEqual({ clear: 0xcn, set: 4n });
  });

  it('makes the directory just large enough for a PASID: it has 2^(PDTS + 13)', () => {
    for (const [pasid, size] of [[0, 0n], [0x1fff, 0n], [0x2000, 1n], [0x3fff, 1n], [0x4000, 2n], [0xf_ffff, 7n]] as const) expect(rules.wider(pasid).repair).toEqual({ clear: 0xe00n, set: size << 9n });
  });
  it('takes from RID_PASID what the directory does not hold', () => {
    expect([0x2000, 0x4000, 0x10_0000].map((limit) => clears(rules.narrower(limit)))).toEqual(['83:77', '83:78', '']);
  });
});
