// SPDX-License-Identifier: Apache-2.0
/** The register file, one row a register: what a write leaves, when it is ignored; queues, global errors and interrupts. IHI 0070, 6.3, 7.4, 7.5, 3.18. */
import { describe, expect, it } from 'vitest';
import { PlainMemory } from '../../mmu/plain-memory.ts';
import { EVENTS } from './events.ts';
import { smmuFeatures, type SmmuFeatures } from './features.ts';
import { OFFSET } from './registers.ts';
import { ADDRESS, AT, EVERYTHING, FULL, STREAM, System } from './system.test-support.ts';
import { SmmuUnit } from './unit.ts';

const ONES = 0xffff_ffffn;
const fresh = (features: SmmuFeatures = FULL): SmmuUnit => new SmmuUnit(new PlainMemory([[0n, 1n << 30n]]), { features, spans: 'exact' });
type Register = keyof typeof OFFSET;

describe('after reset', () => {
  it('the ID registers say what the unit has, everything else is 0', () => {
    const unit = fresh();
    const values = Object.entries(OFFSET).filter(([, at]) => unit.readRegister(at, 4) !== 0n).map(([name, at]) => [name, unit.readRegister(at, 4)]);
    expect(values).toEqual([['IDR0', EVERYTHING.idr0], ['IDR1', EVERYTHING.idr1], ['IDR3', EVERYTHING.idr3], ['IDR5', EVERYTHING.idr5], ['AIDR', 2n]]);
  });
  it('requests pass, events are nowhere', () => {
    expect(fresh().serve({ source: 1, pasid: 3, type: 'untranslated', write: true, execute: false, privileged: false, noWrite: false, address: ADDRESS })).toMatchObject({ kind: 'memory', address: ADDRESS });
  });
});

describe('what a write of all ones leaves', () => {
  it.each<[Register, 4 | 8, bigint, Partial<SmmuFeatures>?]>([
    ['IDR0', 4, EVERYTHING.idr0],
    ['AIDR', 4, 2n],
    ['CR0', 4, 0x1fn],
    ['CR0', 4, 0xdn, { ats: false, pri: false }],
    ['CR0ACK', 4, 0n],
    ['CR1', 4, 0xfffn],
    ['CR2', 4, 0xbn],
    ['CR2', 4, 2n, { hypervisor: false, recordsAts: false }],
    ['GBPA', 4, 0x1f_3f1fn],
    ['IRQ_CTRL', 4, 7n],
    ['IRQ_CTRL', 4, 5n, { pri: false }],
    ['IRQ_CTRLACK', 4, 0n],
    ['GERROR', 4, 0n],
    ['GERRORN', 4, 0x1fdn],
    ['GERROR_IRQ_CFG0', 8, 0xf_ffff_ffff_fffcn],
    ['GERROR_IRQ_CFG0', 8, 0n, { msi: false }],
    ['GERROR_IRQ_CFG1', 4, ONES],
    ['GERROR_IRQ_CFG1', 4, 0n, { msi: false }],
    ['GERROR_IRQ_CFG2', 4, 0x3fn],
    ['EVENTQ_IRQ_CFG0', 8, 0xf_ffff_ffff_fffcn],
    ['EVENTQ_IRQ_CFG1', 4, ONES],
    ['EVENTQ_IRQ_CFG2', 4, 0x3fn],
    ['PRIQ_IRQ_CFG0', 8, 0xf_ffff_ffff_fffcn],
    ['PRIQ_IRQ_CFG0', 8, 0n, { pri: false }],
    ['PRIQ_IRQ_CFG1', 4, ONES],
    ['PRIQ_IRQ_CFG2', 4, 0x8000_003fn],
    ['PRIQ_IRQ_CFG2', 4, 0x8000_0000n, { msi: false }],
    ['STRTAB_BASE', 8, 0x400f_ffff_ffff_ffc0n],
    ['STRTAB_BASE_CFG', 4, 0x3_07ffn],
    ['CMDQ_BASE', 8, 0x400f_ffff_ffff_ffffn],
    ['EVENTQ_BASE', 8, 0x400f_ffff_ffff_ffffn],
    ['PRIQ_BASE', 8, 0x400f_ffff_ffff_ffffn],
    ['PRIQ_BASE', 8, 0n, { pri: false }],
    ['CMDQ_PROD', 4, 0xf_ffffn],
    ['CMDQ_CONS', 4, 0xf_ffffn],
    ['EVENTQ_PROD', 4, 0x800f_ffffn],
    ['EVENTQ_CONS', 4, 0x800f_ffffn],
    ['PRIQ_PROD', 4, 0x800f_ffffn],
    ['PRIQ_CONS', 4, 0x800f_ffffn],
    ['PRIQ_CONS', 4, 0n, { pri: false }],
  ])('in %s (%i bytes): %s', (register, size, left, features = {}) => {
    const unit = fresh({ ...FULL, ...features });
    unit.writeRegister(OFFSET[register], size, size === 8 ? (1n << 64n) - 1n : ONES);
    expect(unit.readRegister(OFFSET[register], size)).toBe(left);
  });
  it('is acknowledged at once: CR0ACK, IRQ_CTRLACK, GBPA.UPDATE', () => {
    const unit = fresh();
    for (const name of ['CR0', 'IRQ_CTRL', 'GBPA'] as const) unit.writeRegister(OFFSET[name], 4, ONES);
    expect([unit.readRegister(OFFSET.CR0ACK, 4), unit.readRegister(OFFSET.IRQ_CTRLACK, 4), unit.readRegister(OFFSET.GBPA, 4) >> 31n]).toEqual([0x1fn, 7n, 0n]);
  });
  it('GBPA without UPDATE is not taken over (6.3.14)', () => {
    const unit = fresh();
    unit.writeRegister(OFFSET.GBPA, 4, 1n << 20n);
    expect(unit.readRegister(OFFSET.GBPA, 4)).toBe(0n);
    unit.writeRegister(OFFSET.GBPA, 4, (1n << 31n) | (1n << 20n));
    expect(unit.serve({ source: 1, pasid: null, type: 'untranslated', write: true, execute: false, privileged: false, noWrite: false, address: ADDRESS })).toEqual({ kind: 'refused', status: 'unsupported-request' });
  });
});

describe('a write is ignored', () => {
  it.each<[Register, 4 | 8, Register, bigint]>([
    ['CR1', 4, 'CR0', 1n],
    ['CR1', 4, 'CR0', 8n],
    ['CR2', 4, 'CR0', 1n],
    ['STRTAB_BASE', 8, 'CR0', 1n],
    ['STRTAB_BASE_CFG', 4, 'CR0', 1n],
    ['CMDQ_BASE', 8, 'CR0', 8n],
    ['CMDQ_CONS', 4, 'CR0', 8n],
    ['EVENTQ_BASE', 8, 'CR0', 4n],
    ['EVENTQ_PROD', 4, 'CR0', 4n],
    ['PRIQ_BASE', 8, 'CR0', 2n],
    ['PRIQ_PROD', 4, 'CR0', 2n],
    ['GERROR_IRQ_CFG0', 8, 'IRQ_CTRL', 1n],
    ['GERROR_IRQ_CFG1', 4, 'IRQ_CTRL', 1n],
    ['GERROR_IRQ_CFG2', 4, 'IRQ_CTRL', 1n],
    ['PRIQ_IRQ_CFG0', 8, 'IRQ_CTRL', 2n],
    ['PRIQ_IRQ_CFG2', 4, 'IRQ_CTRL', 2n],
    ['EVENTQ_IRQ_CFG0', 8, 'IRQ_CTRL', 4n],
    ['EVENTQ_IRQ_CFG1', 4, 'IRQ_CTRL', 4n],
  ])('to %s (%i bytes) while %s has %s', (register, size, guard, bit) => {
    const unit = fresh();
    unit.writeRegister(OFFSET[guard], 4, bit);
    unit.writeRegister(OFFSET[register], size, size === 8 ? (1n << 64n) - 1n : ONES);
    expect(unit.readRegister(OFFSET[register], size)).toBe(0n);
  });
  it('where it is misaligned, and where there is nothing', () => {
    const unit = fresh();
    unit.writeRegister(OFFSET.STRTAB_BASE + 2, 4, ONES);
    unit.writeRegister(OFFSET.STRTAB_BASE + 4, 8, ONES);
    unit.writeRegister(0x100, 8, ONES);
    unit.writeRegister(-4, 4, ONES);
    expect([unit.readRegister(OFFSET.STRTAB_BASE, 8), unit.readRegister(0x100, 8), unit.readRegister(-8, 8), unit.readRegister(OFFSET.IDR0 + 1, 4)]).toEqual([0n, 0n, 0n, 0n]);
  });
});

it('registers of 8 bytes are read and written by halves, too', () => {
  const unit = fresh();
  unit.writeRegister(OFFSET.STRTAB_BASE, 4, 0x1234_5640n);
  unit.writeRegister(OFFSET.STRTAB_BASE + 4, 4, 0x4000_0001n);
  expect([unit.readRegister(OFFSET.STRTAB_BASE, 8), unit.readRegister(OFFSET.STRTAB_BASE + 4, 4)]).toEqual([0x4000_0001_1234_5640n, 0x4000_0001n]);
  unit.writeRegister(OFFSET.CMDQ_PROD, 8, (5n << 32n) | 7n);
  expect([unit.readRegister(OFFSET.CMDQ_PROD, 4), unit.readRegister(OFFSET.CMDQ_CONS, 4), unit.readRegister(OFFSET.CMDQ_PROD, 8)]).toEqual([7n, 5n, (5n << 32n) | 7n]);
});

describe('the event queue (7.2, 7.4)', () => {
  const bad = { source: 0x100 };
  it('wraps; a record finds the place that software has taken', () => {
    const system = new System();
    for (let i = 0; i < 6; i += 1) {
      system.outcome({ source: 0x100 + i });
      expect(system.events()).toMatchObject([{ id: EVENTS.badStream, stream: 0x100 + i }]);
    }
    expect(system.read('EVENTQ_PROD')).toBe(6n);
  });
  it('overflows when a record is lost: OVFLG toggles once, until software acknowledges', () => {
    const system = new System();
    for (let i = 0; i < 4; i += 1) system.outcome(bad);
    expect(system.read('EVENTQ_PROD')).toBe(4n);
    system.outcome(bad);
    system.outcome(bad);
    expect(system.read('EVENTQ_PROD')).toBe(0x8000_0004n);
    // An overflow that is not acknowledged keeps no record out.
    expect(system.events().length).toBe(4);
    system.outcome(bad);
    expect(system.events().length).toBe(1);
    system.write('EVENTQ_CONS', 0x8000_0005n);
    for (let i = 0; i < 5; i += 1) system.outcome(bad);
    expect(system.read('EVENTQ_PROD')).toBe(1n);
  });
  it('does not overflow while it is off', () => {
    const system = new System();
    for (let i = 0; i < 4; i += 1) system.outcome(bad);
    system.write('CR0', 0xbn);
    system.outcome(bad);
    expect(system.read('EVENTQ_PROD')).toBe(4n);
  });
  it('fails when it cannot be written: EVENTQ_ABT_ERR, PROD stays, nothing comes in until that is acknowledged', () => {
    const system = new System();
    system.memory.damage([AT.events + 8n], []);
    system.outcome(bad);
    expect([system.active, system.read('EVENTQ_PROD'), system.wires]).toEqual([4n, 0n, ['gerror']]);
    system.memory.damage([], []);
    system.outcome(bad);
    expect(system.read('EVENTQ_PROD')).toBe(0n);
    system.acknowledge();
    system.outcome(bad);
    expect([system.read('EVENTQ_PROD'), system.wires]).toEqual([1n, ['gerror', 'eventq']]);
  });
  it('is no larger than the unit can take (IDR1.EVENTQS)', () => {
    const system = new System({ features: smmuFeatures(Number(EVERYTHING.idr0), Number(EVERYTHING.idr1) & ~(0x1f << 16), Number(EVERYTHING.idr5)) });
    system.outcome(bad);
    system.outcome(bad);
    expect(system.read('EVENTQ_PROD')).toBe(0x8000_0001n);
  });
});

describe('interrupts (3.18)', () => {
  const messages = (system: System): void => {
    system.write('IRQ_CTRL', 0n);
    for (const [i, name] of (['GERROR', 'EVENTQ', 'PRIQ'] as const).entries()) {
      system.unit.writeRegister(OFFSET[`${name}_IRQ_CFG0`], 8, BigInt(0x4000 + 8 * i));
      system.write(`${name}_IRQ_CFG1`, BigInt(100 + i));
    }
    system.write('IRQ_CTRL', 7n);
  };
  const raiseAll = (system: System): void => {
    system.outcome({ source: 0x100 });
    system.unit.page({ source: STREAM, pasid: null, privileged: false, execute: false, read: true, write: false, last: true, group: 0, address: 0n });
    system.command(0xffn);
  };
  const words = (system: System): bigint[] => [0x4000n, 0x4008n, 0x4010n].map((at) => system.memory.peek(at));

  it('are messages where an address is set up', () => {
    const system = new System();
    messages(system);
    raiseAll(system);
    expect([words(system), system.wires]).toEqual([[100n, 101n, 102n], []]);
  });
  it('and wires where not', () => {
    const system = new System();
    raiseAll(system);
    expect([words(system), system.wires]).toEqual([[0n, 0n, 0n], ['eventq', 'priq', 'gerror']]);
  });
  it('and nothing while they are off', () => {
    const system = new System();
    messages(system);
    system.write('IRQ_CTRL', 0n);
    raiseAll(system);
    expect([words(system), system.wires]).toEqual([[0n, 0n, 0n], []]);
  });
  it('of the event queue come when it was empty', () => {
    const system = new System();
    system.outcome({ source: 0x100 });
    system.outcome({ source: 0x100 });
    expect(system.wires).toEqual(['eventq']);
    system.events();
    system.outcome({ source: 0x100 });
    expect(system.wires).toEqual(['eventq', 'eventq']);
  });
  it.each<[string, number, bigint]>([
    ['the event queue', 1, 0x20n],
    ['page requests', 2, 0x40n],
    ['global errors: no second interrupt', 0, 0x80n],
  ])('whose message cannot be written are global errors: %s', (_, i, error) => {
    const system = new System();
    messages(system);
    system.memory.damage([0x4000n + BigInt(8 * i)], []);
    raiseAll(system);
    expect(system.active & ~1n).toBe(error);
  });
  it('an error that is active says nothing new (7.5)', () => {
    const system = new System();
    system.command(0xffn);
    system.acknowledge();
    system.command(0xffn);
    expect([system.read('GERROR'), system.read('GERRORN'), system.wires]).toEqual([0n, 1n, ['gerror', 'gerror']]);
  });
});

describe('the stream table (7.3.3, 5.1)', () => {
  it.each<[string, bigint, number, string]>([
    ['linear, the last stream', 8n, 0xff, 'found'],
    ['linear, the next', 8n, 0x100, 'C_BAD_STREAMID'],
    ['larger than the unit has streams (IDR1.SIDSIZE)', 63n, 0x1_0000, 'C_BAD_STREAMID'],
    ['FMT 2 is linear', 8n | (2n << 16n) | (6n << 6n), 0xff, 'found'],
  ])('%s', (_, config, source, expected) => {
    const system = new System();
    system.write('CR0', 0xen);
    system.write('STRTAB_BASE_CFG', config);
    system.write('CR0', 0xfn);
    system.ste({}, source);
    expect([system.outcome({ source }) === 'unsupported-request' ? 'C_BAD_STREAMID' : 'found', system.events().map(({ id }) => id)]).toEqual([expected, expected === 'found' ? [] : [EVENTS.badStream]]);
  });
  const TABLE = 0x17_0000n;
  /** Two levels, SPLIT 6 or as given; the entry of stream 0x28 lies where a table of 64 holds it. */
  const twoLevels = (descriptor: bigint, split = 6n, features = FULL): System => {
    const system = new System({ features });
    system.write('CR0', 0xen);
    system.unit.writeRegister(OFFSET.STRTAB_BASE, 8, TABLE);
    system.write('STRTAB_BASE_CFG', 12n | (split << 6n) | (1n << 16n));
    system.write('CR0', 0xfn);
    system.memory.poke(TABLE, descriptor);
    return system;
  };
  it.each<[string, bigint, bigint, boolean]>([
    ['a span that holds it', 7n, 6n, true],
    ['a smaller one', 6n, 6n, false],
    ['none', 0n, 6n, false],
    ['one larger than SPLIT says', 8n, 6n, false],
    ['the same with SPLIT 8', 8n, 8n, true],
    ['the largest', 11n, 10n, true],
    ['a reserved one', 12n, 10n, false],
    ['SPLIT 7 is as 6', 7n, 7n, true],
  ])('two levels, %s', (_, span, split, found) => {
    const system = twoLevels(AT.streams | span, split);
    expect([system.outcome() !== 'unsupported-request', system.events().map(({ id }) => id)]).toEqual([found, found ? [] : [EVENTS.badStream]]);
  });
  it('two levels, the first stream of a level-1 descriptor that holds none', () => {
    const system = twoLevels(AT.streams);
    system.ste({}, 0);
    expect([system.outcome({ source: 0 }), system.events().map(({ id }) => id)]).toEqual(['unsupported-request', [EVENTS.badStream]]);
  });
  it('a level-1 table is aligned to its size, and to 64 bytes', () => {
    const system = twoLevels(AT.streams | 7n);
    const based = (at: bigint, config: bigint): string => {
      system.write('CR0', 0xen);
      system.unit.writeRegister(OFFSET.STRTAB_BASE, 8, at);
      system.write('STRTAB_BASE_CFG', config | (6n << 6n) | (1n << 16n));
      system.write('CR0', 0xfn);
      return system.outcome();
    };
    // 2^6 descriptors of 8 bytes; then 2^3.
    expect([based(TABLE + 0x1c0n, 12n), based(TABLE + 0x200n, 12n), based(TABLE, 9n), based(TABLE + 0x40n, 9n)].map((outcome) => outcome !== 'unsupported-request')).toEqual([true, false, true, false]);
  });
  it('two levels need a unit that has them', () => expect(twoLevels(AT.streams | 7n, 6n, { ...FULL, twoLevelStreams: false }).outcome()).toBe('unsupported-request'));
  it('a level-2 table is aligned to its size', () => expect(twoLevels((AT.streams + 64n) | 7n).outcome()).not.toBe('unsupported-request'));
  it('a level-1 descriptor that cannot be read is F_STE_FETCH', () => {
    const system = twoLevels(AT.streams | 7n);
    system.memory.damage([TABLE], []);
    system.outcome();
    expect(system.events()).toMatchObject([{ id: EVENTS.steFetch, ipa: TABLE }]);
  });
});
