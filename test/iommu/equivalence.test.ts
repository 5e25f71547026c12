// SPDX-License-Identifier: Apache-2.0
/**
 * One random address space in three formats: the same accesses are let through,
 * to the same address, and the same leaves are marked. An abstract reading of
 * the mappings, which knows no format, must say the same.
 */
import { expect, it } from 'vitest';
import { Dice } from '../support/dice.ts';
import { MACHINES, type Access, type AddressSpace, type Mapping } from './formats.ts';

const SYSTEMS = 2600;

/** The tables' own GiB, which a second stage must map. */
const TABLES: Mapping = { from: 0n, to: 0n, level: 2, write: true, user: true, execute: true, marked: true };

function mapping(dice: Dice, from: bigint, to: bigint, level: 0 | 1 | 2): Mapping {
  const low = (1n << BigInt(9 * level)) - 1n;
  return { from: from & ~low, to: to & ~low, level, write: dice.chance(60), user: dice.chance(65), execute: dice.chance(60), marked: dice.chance(50) };
}

/** Frames of mappings do not overlap: each has a GiB of its own, chosen by its number. */
function randomSpace(dice: Dice): AddressSpace {
  const level = (): 0 | 1 | 2 => dice.pick([0, 0, 1, 2] as const);
  const within = (gib: number): bigint => (BigInt(gib) << 18n) + BigInt(dice.below(1 << 18));
  const nested = dice.chance(50);
  const first: Mapping[] = [];
  const second: Mapping[] = [TABLES];
  for (let i = 0; i < 4; i += 1) {
    const guest = within(8 + dice.below(1000) * 4 + i);
    const one = mapping(dice, within(8 + dice.below(20_000) * 4 + i), guest, level());
    first.push(one);
    if (nested && dice.chance(85)) second.push(mapping(dice, one.to + BigInt(dice.below(2 ** (9 * one.level))), within(8 + dice.below(1000)), level()));
  }
  return { first, second: nested ? second : null };
}

function randomAccess(dice: Dice, space: AddressSpace): Access {
  const near = dice.pick(space.first);
  const frame = dice.chance(85) ? near.from + BigInt(dice.below(2 ** (9 * near.level))) : near.from + (1n << BigInt(9 * near.level)) * BigInt(dice.below(3) - 1);
  const kind = dice.pick(['read', 'read', 'write', 'write', 'execute'] as const);
  return { address: (frame << 12n) | BigInt(dice.below(4096)), write: kind === 'write', execute: kind === 'execute', supervisor: dice.chance(40) };
}

/** What the mappings mean, without any table. */
function meaning(space: AddressSpace, { address, write, execute, supervisor }: Access): bigint | null {
  const through = (list: readonly Mapping[], frame: bigint): { frame: bigint; by: Mapping } | null => {
    const by = list.find((m) => frame >= m.from && frame < m.from + (1n << BigInt(9 * m.level)));
    return by === undefined ? null : { frame: by.to + frame - by.from, by };
  };
  const one = through(space.first, address >> 12n);
  if (one === null || (!supervisor && !one.by.user) || (write && !one.by.write)) return null;
  // Whoever asks executes pages of its own kind only.
  if (execute && (!one.by.execute || one.by.user === supervisor)) return null;
  if (space.second === null) return (one.frame << 12n) | (address & 0xfffn);
  const two = through(space.second, one.frame);
  return two === null || (write && !two.by.write) ? null : (two.frame << 12n) | (address & 0xfffn);
}

it('three formats of one address space mean the same', () => {
  const dice = new Dice(2026);
  const count = { mappings: 0, allowed: 0, denied: 0, fetched: 0, dirtied: 0 };
  const show = (value: bigint | null): string => (value === null ? 'refused' : `0x${value.toString(16)}`);
  for (let i = 0; i < SYSTEMS; i += 1) {
    const space = randomSpace(dice);
    count.mappings += space.first.length;
    const machines = MACHINES.map((make) => make(space));
    for (let j = 0; j < 4; j += 1) {
      const access = randomAccess(dice, space);
      const right = meaning(space, access);
      count[right === null ? 'denied' : 'allowed'] += 1;
      count.fetched += Number(right !== null && access.execute);
      for (const machine of machines) {
        const got = machine.access(access);
        if (got !== right) throw new Error(`system ${i}, ${access.write ? 'write' : access.execute ? 'fetch' : 'read'} of ${show(access.address)}${access.supervisor ? ' by a supervisor' : ''}: ${machine.name} says ${show(got)}, the mappings ${show(right)}`);
      }
    }
    for (const one of space.first) {
      const marked = machines.map((machine) => machine.isMarked(one));
      // RISC-V and Arm mark a page when the first stage is through, VT-d too: a second stage that refuses afterwards does not undo it.
      if (new Set(marked).size !== 1) throw new Error(`system ${i}: the page at frame ${show(one.from)} is marked by ${machines.filter((_, k) => marked[k]).map(({ name }) => name).join(', ')} only`);
      const dirty = machines.map((machine) => machine.isDirty(one));
      if (one.write && new Set(dirty).size !== 1) throw new Error(`system ${i}: the page at frame ${show(one.from)} is dirty for ${machines.filter((_, k) => dirty[k]).map(({ name }) => name).join(', ')} only`);
      count.dirtied += Number(one.write && !one.marked && dirty[0] === true);
    }
  }
  expect(count.mappings).toBeGreaterThanOrEqual(10_000);
  expect(count.allowed).toBeGreaterThan(2000);
  expect(count.denied).toBeGreaterThan(2000);
  expect(count.fetched).toBeGreaterThan(200);
  expect(count.dirtied).toBeGreaterThan(200);
});

it('a large page that is not aligned is refused, where an entry can say so', () => {
  // Arm has no such entry: the bits below a block are no address bits.
  const crooked: Mapping = { from: 8n << 18n, to: (9n << 18n) + 2n, level: 1, write: true, user: true, execute: true, marked: true };
  const answers = MACHINES.map((make) => make({ first: [crooked], second: null })).map((machine) => [machine.name, machine.access({ address: (8n << 30n) + 0x123n, write: false, execute: false, supervisor: false })]);
  expect(answers).toEqual([
    ['RISC-V', null],
    ['VT-d', null],
    ['SMMUv3', (9n << 30n) + 0x123n],
  ]);
});
