// SPDX-License-Identifier: Apache-2.0
/**
 * Every setting that makes a stream table entry or a context descriptor illegal, one at a time
 * (IHI 0070, 5.2.2 and 5.4.2), and the nearest legal one. The section stands in each rule.
 */
import { describe, expect, it } from 'vitest';
import { EVENTS } from './events.ts';
import type { SmmuFeatures } from './features.ts';
import { FULL, mend, System, type Cd, type Ste } from './system.test-support.ts';

const unit = (over: Partial<SmmuFeatures>): SmmuFeatures => ({ ...FULL, ...over });
const ask = (system: System): ReturnType<System['unit']['translate']> => system.unit.translate({ streamId: 0x28, write: false, privileged: true, address: 0x1234_5678n });
const fault = (system: System): string => {
  const answer = ask(system);
  if (answer.kind !== 'refused') return 'legal';
  return answer.fault.event === EVENTS.badSte ? `STE.${answer.fault.why.rule.field}` : answer.fault.event === EVENTS.badCd ? `CD.${answer.fault.why.rule.field}` : 'legal';
};
/** Makes the edit that the fault names; every rule has one or says why not. */
function mended(system: System): string {
  const answer = ask(system);
  if (answer.kind !== 'refused') return 'no fault';
  const { entry, rule } = answer.fault.why;
  if (rule.repair === undefined) return rule.beyondRepair === undefined ? 'nothing is said' : 'beyond repair';
  const before = fault(system);
  mend(system.memory, entry ?? 0n, rule.repair);
  return fault(system) === before ? 'not mended' : 'mended';
}
/** What no edit of the entry alone puts right. */
const BEYOND: ReadonlySet<string> = new Set(['S1ContextPtr', 'S2TG', 'S2SL0', 'S2T0SZ S2SL0', 'S2TTB', 'TG0', 'TG1', 'T0SZ', 'T1SZ', 'TTB0', 'TTB1']);
/** Stage 2 alone, nested. */
const two = (over: Ste): Ste => ({ Config: 6, ...over });
const both = (over: Ste): Ste => ({ Config: 7, ...over });

describe('a stream table entry is illegal: C_BAD_STE', () => {
  it.each<[string, string, Ste, SmmuFeatures?]>([
    ['V is clear', 'V', { V: false }],
    ['V is clear, whatever Config says', 'V', { V: false, Config: 0 }],
    ['stage 1 is not built in', 'Config', {}, unit({ stage1: false })],
    ['both stages, stage 1 is not built in', 'Config', both({}), unit({ stage1: false })],
    ['stage 2 is not built in', 'Config', two({}), unit({ stage2: false })],
    ['split-stage ATS with stage 1 alone', 'EATS', { EATS: 2 }],
    ['split-stage ATS with stage 2 alone', 'EATS', two({ EATS: 2 })],
    ['split-stage ATS with stalls', 'EATS', both({ EATS: 2, S2S: true })],
    ['split-stage ATS where it is not built in', 'EATS', both({ EATS: 2 }), unit({ fullAtsOnly: true })],
    ['full ATS with stalls of stage 2', 'EATS', two({ EATS: 1, S2S: true })],
    ['STRW 1', 'STRW', { STRW: 1 }],
    ['STRW 3', 'STRW', { STRW: 3 }],
    ['S1STALLD where stalls are not built in', 'S1STALLD', { S1STALLD: true }, unit({ stalls: 'never' })],
    ['S1STALLD where stalls are forced', 'S1STALLD', { S1STALLD: true }, unit({ stalls: 'always' })],
    ['more descriptors than substreams', 'S1CDMax', { S1CDMax: 5 }, unit({ substreamBits: 4 })],
    ['two levels of 4 KiB, not built in', 'S1Fmt', { S1CDMax: 2, S1Fmt: 1 }, unit({ twoLevelContexts: false })],
    ['two levels of 64 KiB, not built in', 'S1Fmt', { S1CDMax: 2, S1Fmt: 2 }, unit({ twoLevelContexts: false })],
    ['descriptors beyond the output size', 'S1ContextPtr', { S1ContextPtr: (1n << 44n) / 64n }],
    ['descriptors beyond guest addresses', 'S1ContextPtr', both({ S1ContextPtr: (1n << 44n) / 64n })],
    ['S2S where stalls are not built in', 'S2S', two({ S2S: true }), unit({ stalls: 'never' })],
    ['S2S clear where stalls are forced', 'S2S', two({}), unit({ stalls: 'always' })],
    ['S2AA64 clear', 'S2AA64', two({ S2AA64: false })],
    ['big-endian, not built in', 'S2ENDI', two({ S2ENDI: true }), unit({ tables: 'little' })],
    ['little-endian, not built in', 'S2ENDI', two({}), unit({ tables: 'big' })],
    ['S2HA without updates', 'S2HD S2HA', two({ S2HA: true }), unit({ setsAccessFlag: false, setsDirty: false })],
    ['S2HD without updates', 'S2HD S2HA', two({ S2HD: true }), unit({ setsAccessFlag: false, setsDirty: false })],
    ['S2HD with updates of the access flag alone', 'S2HD S2HA', two({ S2HA: true, S2HD: true }), unit({ setsDirty: false })],
    ['the reserved granule', 'S2TG', two({ S2TG: 3 })],
    ['a granule of 4 KiB, not built in', 'S2TG', two({}), unit({ granules: new Set([14, 16] as const) })],
    ['a granule of 64 KiB, not built in', 'S2TG', two({ S2TG: 1 }), unit({ granules: new Set([12, 14] as const) })],
    ['a granule of 16 KiB, not built in', 'S2TG', two({ S2TG: 2 }), unit({ granules: new Set([12, 16] as const) })],
    ['the reserved start level', 'S2SL0', two({ S2SL0: 3 })],
    ['more than sixteen roots', 'S2T0SZ S2SL0', two({ S2T0SZ: 20 })],
    ['no bits left for the start level', 'S2T0SZ S2SL0', two({ S2T0SZ: 34 })],
    ['an input below 25 bits', 'S2T0SZ S2SL0', two({ S2T0SZ: 40, S2SL0: 0 })],
    ['an input of more than 48 bits', 'S2T0SZ S2SL0', two({ S2T0SZ: 15, S2SL0: 2 }), unit({ outputBits: 52 })],
    ['an input larger than S2PS', 'S2T0SZ S2SL0', two({ S2PS: 0 })],
    ['everything 0', 'S2AA64', two({ S2AA64: false, S2T0SZ: 0, S2SL0: 0, S2PS: 0, S2TTB: 0n })],
    ['a root beyond S2PS', 'S2TTB', two({ S2T0SZ: 32, S2PS: 0, S2TTB: (1n << 32n) / 16n })],
    ['a root beyond the unit', 'S2TTB', two({ S2PS: 7, S2TTB: (1n << 44n) / 16n })],
    ['a root beyond 48 bits with 4 KiB granules', 'S2TTB', two({ S2PS: 6, S2TTB: (1n << 48n) / 16n }), unit({ outputBits: 52 })],
    ['a VMID of more than 8 bits', 'S2VMID', two({ S2VMID: 0x100 }), unit({ wideVmids: false })],
    ['a VMID of more than 8 bits, stage 1 alone', 'S2VMID', { S2VMID: 0x100 }, unit({ wideVmids: false })],
  ])('%s', (_, field, ste, features = FULL) => {
    const system = new System({ ste, features });
    expect([fault(system), mended(system)]).toEqual([`STE.${field}`, expect.stringMatching(BEYOND.has(field) ? /^beyond repair$/ : /^mended$/)]);
  });

  it.each<[string, Ste, SmmuFeatures?, Cd?]>([
    ['split-stage ATS with both stages', both({ EATS: 2 })],
    ['full ATS with stalls of stage 1', { EATS: 1 }, FULL, { S: true }],
    ['EATS 2 where there is no ATS: ignored', { EATS: 2 }, unit({ ats: false })],
    ['EATS 3 without device permission tables: as 0', { EATS: 3 }],
    ['STRW 2', { STRW: 2 }],
    ['STRW 1 without EL2: ignored', { STRW: 1 }, unit({ hypervisor: false })],
    ['STRW 1 with stage 2: ignored', both({ STRW: 1 })],
    ['S1STALLD', { S1STALLD: true }],
    ['S1STALLD with stage 2 alone: ignored', two({ S1STALLD: true }), unit({ stalls: 'never' })],
    ['as many descriptors as substreams', { S1CDMax: 4, S1DSS: 2 }, unit({ substreamBits: 4 })],
    ['S1CDMax without substreams: ignored', { S1CDMax: 31 }, unit({ substreamBits: 0 })],
    ['S1Fmt without substreams in use: ignored', { S1Fmt: 1 }, unit({ twoLevelContexts: false })],
    ['S1Fmt 3: as 0', { S1Fmt: 3, S1CDMax: 2, S1DSS: 2 }, unit({ twoLevelContexts: false })],
    ['S2S', two({ S2S: true })],
    ['S2S with stage 1 alone: ignored', { S2S: true }, unit({ stalls: 'never' })],
    ['S2HA', two({ S2HA: true })],
    ['S2HD alone: as nothing', two({ S2HD: true })],
    ['S2AA64 clear with stage 1 alone: ignored', { S2AA64: false, S2TG: 3, S2SL0: 3, S2T0SZ: 0 }],
    ['two roots', two({ S2T0SZ: 24 })],
    ['an input of 50 bits with 64 KiB granules', two({ S2TG: 1, S2T0SZ: 14, S2SL0: 2, S2PS: 6 }), unit({ outputBits: 52 })],
    ['a root within 48 bits', two({ S2PS: 6, S2T0SZ: 16, S2SL0: 2, S2TTB: ((1n << 48n) - 0x1_0000n) / 16n }), unit({ outputBits: 52 })],
    ['S2PS 7: the largest', two({ S2PS: 7 })],
    ['a VMID of 16 bits for EL2, where they have 8: ignored', { STRW: 2, S2VMID: 0x100 }, unit({ wideVmids: false })],
    ['reserved bits', { S1CIR: 3, S1COR: 3, S1CSH: 3, CONT: 15, MEV: true, DCP: true, DRE: true, MEMATTR: 15, MTCFG: true, ALLOCCFG: 15, SHCFG: 3, NSCFG: 3 }],
  ])('and legal with %s', (_, ste, features = FULL, cd = {}) => expect(fault(new System({ ste, cd, features }))).toBe('legal'));
});

describe('a context descriptor is illegal: C_BAD_CD', () => {
  it.each<[string, string, Cd, SmmuFeatures?, Ste?]>([
    ['V is clear', 'V', { V: false }],
    ['it stalls although the stream forbids it', 'S', { S: true }, FULL, { S1STALLD: true }],
    ['it stalls where stalls are not built in', 'S', { S: true }, unit({ stalls: 'never' })],
    ['it does not stall where stalls are forced', 'S', {}, unit({ stalls: 'always' })],
    ['A is clear where requests can only abort', 'A', { A: false }, unit({ abortsOnly: true })],
    ['big-endian, not built in', 'ENDI', { ENDI: true }, unit({ tables: 'little' })],
    ['little-endian, not built in', 'ENDI', {}, unit({ tables: 'big' })],
    ['AA64 is clear', 'AA64', { AA64: false }],
    ['HA without updates', 'HD HA', { HA: true }, unit({ setsAccessFlag: false, setsDirty: false })],
    ['HD without updates', 'HD HA', { HD: true }, unit({ setsAccessFlag: false, setsDirty: false })],
    ['HD with updates of the access flag alone', 'HD HA', { HA: true, HD: true }, unit({ setsDirty: false })],
    ['an ASID of more than 8 bits', 'ASID', { ASID: 0x100 }, unit({ wideAsids: false })],
    ['the reserved granule', 'TG0', { TG0: 3 }],
    ['the reserved upper granule', 'TG1', { EPD1: false, TG1: 0 }],
    ['a granule that is not built in', 'TG0', {}, unit({ granules: new Set([16] as const) })],
    ['an upper granule that is not built in', 'TG1', { EPD0: true, EPD1: false }, unit({ granules: new Set([16] as const) })],
    ['too large an input', 'T0SZ', { T0SZ: 15 }],
    ['too large an input with 64 KiB granules', 'T0SZ', { T0SZ: 15, TG0: 1 }],
    ['too large an input where 52 bits are built in, with 4 KiB granules', 'T0SZ', { T0SZ: 15 }, unit({ largeInput: true })],
    ['too large an input with 52 bits', 'T0SZ', { T0SZ: 11, TG0: 1 }, unit({ largeInput: true })],
    ['too small an input', 'T0SZ', { T0SZ: 40 }],
    ['too large an upper input', 'T1SZ', { EPD1: false, T1SZ: 15 }],
    ['too small an upper input', 'T1SZ', { EPD1: false, T1SZ: 40 }],
    ['a root beyond IPS', 'TTB0', { IPS: 0, TTB0: (1n << 32n) / 16n }],
    ['a root beyond the unit', 'TTB0', { IPS: 7, TTB0: (1n << 44n) / 16n }],
    ['an upper root beyond IPS', 'TTB1', { EPD1: false, IPS: 0, TTB1: (1n << 32n) / 16n }],
    ['a root beyond 48 bits with 4 KiB granules', 'TTB0', { IPS: 6, TTB0: (1n << 48n) / 16n }, unit({ outputBits: 52 })],
  ])('%s', (_, field, cd, features = FULL, ste = {}) => {
    const system = new System({ ste, cd, features });
    expect([fault(system), mended(system)]).toEqual([`CD.${field}`, expect.stringMatching(BEYOND.has(field) ? /^beyond repair$/ : /^mended$/)]);
  });

  it.each<[string, Cd, SmmuFeatures?, Ste?]>([
    ['S', { S: true }],
    ['A clear', { A: false }],
    ['big-endian', { ENDI: true }],
    ['either order where nothing is walked: ignored', { ENDI: true, EPD0: true }, unit({ tables: 'little' })],
    ['HD alone: as nothing', { HD: true }],
    ['an ASID of 16 bits for EL2, where they have 8: ignored', { ASID: 0x100 }, unit({ wideAsids: false }), { STRW: 2 }],
    ['a range that is not walked, whatever its fields say', { EPD0: true, TG0: 3, T0SZ: 0, TTB0: (1n << 47n) / 16n }],
    ['an upper range that is not walked, whatever its fields say', { TG1: 0, T1SZ: 0, TTB1: (1n << 47n) / 16n }],
    ['an upper range for EL2, whatever its fields say', { EPD1: false, TG1: 0, T1SZ: 0 }, FULL, { STRW: 2 }],
    ['16 and 39', { T0SZ: 16, EPD1: false, T1SZ: 39 }],
    ['12 with 64 KiB granules and 52 bits', { T0SZ: 12, TG0: 1 }, unit({ largeInput: true })],
    ['IPS 7: the largest', { IPS: 7 }],
    ['memory attributes of any kind', { MAIR0: 0xffff_ffff, MAIR1: 0x1234_5678, IR0: 3, OR0: 3, SH0: 1, IR1: 3, OR1: 3, SH1: 1, NSCFG0: true, NSCFG1: true }],
  ])('and legal with %s', (_, cd, features = FULL, ste = {}) => expect(fault(new System({ ste, cd, features }))).toBe('legal'));

  it('in EL2 EPD0 does not count: its fields are looked at (5.4, EPD0)', () => expect(fault(new System({ ste: { STRW: 2 }, cd: { EPD0: true, TG0: 3 } }))).toBe('CD.TG0'));
});
