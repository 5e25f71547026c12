// SPDX-License-Identifier: Apache-2.0
/**
 * Every event of the architecture: a row that makes it happen and says every field of
 * its record, or a written reason why this unit never produces it. IHI 0070, 7.3.
 */
import { describe, expect, it } from 'vitest';
import type { DmaRequest } from '../unit.ts';
import { EVENTS, KINDS, UNPRODUCED } from './events.ts';
import { BadAtsRequestEvent, type Event } from './records.ts';
import { ADDRESS, AT, PAGE, STREAM, System, type SystemOptions } from './system.test-support.ts';

type Fields = ReturnType<typeof Event.decode>;

interface Row {
  readonly title: string;
  readonly event: number;
  readonly options?: SystemOptions;
  readonly prepare?: (system: System) => void;
  readonly request?: Partial<DmaRequest>;
  /** Fields of the record that are not 0. */
  readonly fields: Partial<Fields>;
}

const NONE: Omit<Fields, 'id' | 'stream'> = { SSV: false, substream: 0, STAG: 0, stall: false, PnU: false, InD: false, RnW: false, NSIPA: false, S2: false, class: 0, TTRnW: false, address: 0n, ipa: 0n };
const SUBSTREAMS: SystemOptions['ste'] = { S1CDMax: 2 };
/** What a privileged write by substream 1 says of itself. */
const BY = { pasid: 1, write: true, privileged: true } as const;
const SAYS = { SSV: true, substream: 1, PnU: true } as const;
/** The bits of F_BAD_ATS_TREQ that lie where others have STAG and Stall: span 1, and R. */
const ASKED = { STAG: 1, stall: true } as const;
const nested: SystemOptions = { ste: { Config: 7, S1CDMax: 2 } };
const leafOf = (system: System, bits: bigint): void => system.memory.poke(system.first[2], system.memory.peek(system.first[2]) ^ bits);

const ROWS: readonly Row[] = [
  { title: 'a stream beyond the table', event: EVENTS.badStream, request: { source: 0x100, pasid: 1 }, fields: { stream: 0x100, SSV: true, substream: 1 } },
  { title: 'a stream table that cannot be read', event: EVENTS.steFetch, prepare: (s) => s.memory.damage([AT.entry + 8n], []), request: BY, fields: { SSV: true, substream: 1, ipa: AT.entry } },
  { title: 'an illegal stream table entry', event: EVENTS.badSte, options: { ste: { V: false } }, request: BY, fields: { SSV: true, substream: 1 } },
  { title: 'a translation request where ATS is off', event: EVENTS.badAtsRequest, options: { ste: { ...SUBSTREAMS, EATS: 0 } }, request: { ...BY, type: 'ats' }, fields: { SSV: true, substream: 1, ...ASKED, address: ADDRESS } },
  { title: 'a translation request of a bypassed stream', event: EVENTS.badAtsRequest, options: { ste: { Config: 4, EATS: 1 } }, request: { type: 'ats' }, fields: { ...ASKED, address: ADDRESS } },
  { title: 'no substream where one is needed', event: EVENTS.streamDisabled, options: { ste: { ...SUBSTREAMS, S1DSS: 0 } }, fields: {} },
  { title: 'substream 0 where it is taken', event: EVENTS.streamDisabled, options: { ste: { ...SUBSTREAMS, S1DSS: 2 } }, request: { pasid: 0 }, fields: {} },
  { title: 'a translated request where ATS is off', event: EVENTS.translationForbidden, prepare: (s) => s.write('CR0', 0x1fn), request: { ...BY, type: 'translated' }, fields: { address: ADDRESS } },
  { title: 'a translated read where ATS is off', event: EVENTS.translationForbidden, prepare: (s) => s.write('CR0', 0x1fn), request: { type: 'translated' }, fields: { address: ADDRESS, RnW: true } },
  { title: 'a substream without stage 1', event: EVENTS.badSubstream, options: { ste: { Config: 6 } }, request: { pasid: 5 }, fields: { substream: 5 } },
  { title: 'a substream without a table', event: EVENTS.badSubstream, request: { pasid: 5 }, fields: { substream: 5 } },
  { title: 'a substream beyond the table', event: EVENTS.badSubstream, options: { ste: SUBSTREAMS }, request: { pasid: 4 }, fields: { substream: 4 } },
  { title: 'a level-1 descriptor that is not valid, for a request without substream', event: EVENTS.badSubstream, options: { ste: { ...SUBSTREAMS, S1Fmt: 1, S1DSS: 2, S1ContextPtr: 0x14_0000n / 64n } }, fields: { substream: 0 } },
  { title: 'a context descriptor that cannot be read', event: EVENTS.cdFetch, options: { ste: SUBSTREAMS }, prepare: (s) => s.memory.damage([], [AT.contexts + 64n]), request: BY, fields: { SSV: true, substream: 1, ipa: AT.contexts + 64n } },
  { title: 'an illegal context descriptor', event: EVENTS.badCd, options: { ste: SUBSTREAMS, cd: { V: false } }, request: BY, fields: { SSV: true, substream: 1 } },
  { title: 'a stage-1 table that cannot be read', event: EVENTS.walkAbort, options: { ste: SUBSTREAMS }, prepare: (s) => s.memory.damage([s.first[1]], []), request: BY, fields: { ...SAYS, class: 1, address: ADDRESS, ipa: 0x13_1000n + ((ADDRESS >> 21n) & 0x1ffn) * 8n } },
  { title: 'a stage-2 table that cannot be read, for the input', event: EVENTS.walkAbort, options: { ste: { Config: 6 } }, prepare: (s) => s.memory.damage([AT.second], []), fields: { RnW: true, S2: true, class: 2, address: ADDRESS, ipa: AT.second } },
  { title: 'a stage-2 table that cannot be read, for a descriptor', event: EVENTS.walkAbort, options: nested, prepare: (s) => s.memory.damage([AT.second], []), request: BY, fields: { ...SAYS, S2: true, class: 0, address: ADDRESS, ipa: AT.second } },
  { title: 'an address outside the range', event: EVENTS.translation, options: { ste: SUBSTREAMS }, request: { ...BY, address: 1n << 40n }, fields: { ...SAYS, class: 2, address: 1n << 40n } },
  { title: 'a descriptor that is not valid', event: EVENTS.translation, options: { ste: SUBSTREAMS }, prepare: (s) => leafOf(s, 1n), request: BY, fields: { ...SAYS, class: 2, address: ADDRESS } },
  { title: 'the same for a fetch by a user', event: EVENTS.translation, options: { ste: SUBSTREAMS }, prepare: (s) => leafOf(s, 1n), request: { pasid: 1, execute: true }, fields: { SSV: true, substream: 1, InD: true, RnW: true, class: 2, address: ADDRESS } },
  { title: 'a range that is not walked', event: EVENTS.translation, options: { cd: { EPD0: true } }, fields: { RnW: true, class: 2, address: ADDRESS } },
  { title: 'a range that keeps users out', event: EVENTS.translation, options: { cd: { E0PD0: true } }, fields: { RnW: true, class: 2, address: ADDRESS } },
  { title: 'no stage-2 mapping for a context descriptor', event: EVENTS.translation, options: { ste: { ...nested.ste, S1ContextPtr: (1n << 31n) / 64n } }, request: BY, fields: { ...SAYS, S2: true, class: 0, address: ADDRESS, ipa: 1n << 31n } },
  { title: 'no stage-2 mapping for a table', event: EVENTS.translation, options: { ...nested, cd: { TTB0: (1n << 31n) / 16n } }, request: BY, fields: { ...SAYS, S2: true, class: 1, address: ADDRESS, ipa: 1n << 31n } },
  { title: 'no stage-2 mapping for the output', event: EVENTS.translation, options: nested, prepare: (s) => leafOf(s, 1n << 31n), request: BY, fields: { ...SAYS, S2: true, class: 2, address: ADDRESS, ipa: PAGE | (1n << 31n) } },
  { title: 'a stage-1 output beyond IPS', event: EVENTS.addressSize, options: { cd: { IPS: 0 } }, prepare: (s) => leafOf(s, 1n << 33n), fields: { RnW: true, class: 2, address: ADDRESS } },
  { title: 'a stage-2 output beyond S2PS', event: EVENTS.addressSize, options: { ste: { Config: 6, S2T0SZ: 32, S2PS: 0 } }, prepare: (s) => s.memory.poke(AT.second, 0x7fdn | (1n << 33n)), fields: { RnW: true, S2: true, class: 2, address: ADDRESS, ipa: ADDRESS & ~0xfffn } },
  { title: 'a bypassed address beyond the output size', event: EVENTS.addressSize, options: { ste: { Config: 4 } }, request: { address: 1n << 44n, write: true }, fields: { class: 2, address: 1n << 44n } },
  { title: 'an address that stage 1 passes on, beyond the output size', event: EVENTS.addressSize, options: { ste: { Config: 6 } }, request: { address: 1n << 44n, write: true }, fields: { class: 2, address: 1n << 44n } },
  { title: 'a clear access flag', event: EVENTS.access, prepare: (s) => leafOf(s, 0x400n), fields: { RnW: true, class: 2, address: ADDRESS } },
  { title: 'a clear access flag in stage 2', event: EVENTS.access, options: { ste: { Config: 6 } }, prepare: (s) => s.memory.poke(AT.second, 0x3fdn), fields: { RnW: true, S2: true, class: 2, address: ADDRESS, ipa: ADDRESS & ~0xfffn } },
  { title: 'a write to a read-only page', event: EVENTS.permission, options: { ste: SUBSTREAMS }, prepare: (s) => leafOf(s, 0x80n), request: BY, fields: { ...SAYS, class: 2, address: ADDRESS } },
  { title: 'a table that stage 2 lets nobody read', event: EVENTS.permission, options: { ste: { ...nested.ste, S2PTW: true } }, prepare: (s) => { s.memory.poke(AT.second, 0x12_1003n); s.memory.poke(0x12_1000n, 0x12_2003n); for (let i = 0n; i < 512n; i += 1n) s.memory.poke(0x12_2000n + 8n * i, (i << 12n) | 0x7ffn); s.memory.poke(0x12_2000n + (AT.first >> 12n) * 8n, AT.first | 0x7bfn); }, request: BY, fields: { ...SAYS, S2: true, class: 1, TTRnW: true, address: ADDRESS, ipa: AT.first } },
  { title: 'a table that stage 2 lets nobody mark', event: EVENTS.permission, options: { ste: { ...nested.ste }, cd: { HA: true } }, prepare: (s) => { leafOf(s, 0x400n); s.memory.poke(AT.second, 0x77dn); }, request: { ...BY, write: false }, fields: { ...SAYS, RnW: true, S2: true, class: 1, TTRnW: false, address: ADDRESS, ipa: 0x13_2000n } },
  { title: 'a page of device memory for a descriptor', event: EVENTS.permission, options: { ste: { ...nested.ste, S2PTW: true } }, prepare: (s) => s.memory.poke(AT.second, 0x7c1n), request: BY, fields: { ...SAYS, S2: true, class: 0, address: ADDRESS, ipa: AT.contexts } },
];

describe('the record of', () => {
  it.each(ROWS.map((row) => [`${KINDS.get(row.event)?.name ?? ''} (${KINDS.get(row.event)?.section ?? ''}): ${row.title}`, row] as const))('%s', (_, { event, options, prepare, request, fields }) => {
    const system = new System(options);
    prepare?.(system);
    system.serve(request);
    expect(system.events()).toEqual([{ ...NONE, id: event, stream: STREAM, ...fields }]);
  });
});

it.each<[string, Partial<DmaRequest>, object]>([
  ['a read', { noWrite: true }, { R: true, W: false, X: false, P: false }],
  ['a write', { noWrite: false }, { R: true, W: true, X: false, P: false }],
  ['a privileged fetch', { noWrite: true, pasid: 1, execute: true, privileged: true }, { R: true, W: false, X: true, P: true, SSV: true, substream: 1 }],
  ['the same without PASID, which can say neither', { noWrite: true, execute: true, privileged: true }, { R: true, W: false, X: false, P: false, SSV: false }],
])('F_BAD_ATS_TREQ (7.3.6) says what was asked for: %s', (_, request, fields) => {
  const system = new System({ ste: { PRIVCFG: 3 } });
  const answer = system.unit.translate({ streamId: STREAM, substream: request.pasid ?? null, type: 'ats', write: false, execute: request.pasid !== undefined && request.execute === true, privileged: request.pasid !== undefined && request.privileged === true, noWrite: request.noWrite === true, address: ADDRESS });
  expect(answer.kind === 'refused' && answer.record !== null ? BadAtsRequestEvent.decode(answer.record) : null).toMatchObject({ id: EVENTS.badAtsRequest, stream: STREAM, span: 1, address: ADDRESS, ...fields });
});

describe('the list of events', () => {
  /** IHI 0070, 7.3.2 to 7.3.20. */
  const ARCHITECTURE = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x10, 0x11, 0x12, 0x13, 0x20, 0x21, 0x24, 0x25];
  it('is complete: each is produced or has a reason why not', () => {
    expect([...KINDS.keys(), ...UNPRODUCED.keys()].sort((a, b) => a - b)).toEqual(ARCHITECTURE);
    expect([...KINDS.keys()].sort((a, b) => a - b)).toEqual(Object.values(EVENTS));
    for (const { why } of UNPRODUCED.values()) expect(why.length).toBeGreaterThan(20);
  });
  it('has a row for each that is produced', () => {
    expect([...new Set(ROWS.map(({ event }) => event))].sort((a, b) => a - b)).toEqual(Object.values(EVENTS));
  });
});

describe('an event is not recorded', () => {
  it.each<[string, SystemOptions, Partial<DmaRequest>, ((s: System) => void)?]>([
    ['C_BAD_STREAMID without RECINVSID (7.3.3)', {}, { source: 0x100 }, (s) => { s.write('CR0', 0xen); s.write('CR2', 0n); s.write('CR0', 0xfn); }],
    ['with CD.R clear (5.5)', { cd: { R: false } }, { address: 0n }],
    ['with S2R clear (5.5)', { ste: { Config: 6, S2R: false } }, { address: 1n << 38n }],
    ['while the queue is off (7.2.1)', { ste: { V: false } }, {}, (s) => s.write('CR0', 0xbn)],
    ['of a stream that is told to abort (5.2)', { ste: { Config: 0 } }, {}],
    ['of a stream with a reserved Config (5.2)', { ste: { Config: 3 } }, {}],
  ])('%s', (_, options, request, prepare) => {
    const system = new System(options);
    prepare?.(system);
    expect(system.outcome(request)).toBe('unsupported-request');
    system.write('CR0', 0xfn);
    expect(system.events()).toEqual([]);
  });
  it('R decides about faults of translation only: F_WALK_EABT is recorded anyway (5.5)', () => {
    const system = new System({ cd: { R: false } });
    system.memory.damage([system.first[0]], []);
    system.serve();
    expect(system.events()).toMatchObject([{ id: EVENTS.walkAbort }]);
  });
});
