// SPDX-License-Identifier: Apache-2.0
/**
 * Every bit of every entry on the way, the other way round: a walk in place and
 * a walk that is watched, which the core does, must say and write the same.
 */
import { describe, expect, it } from 'vitest';
import type { Translation } from './caches.ts';
import type { BuildOptions } from './features.ts';
import type { Request } from './request.ts';
import { EVERYTHING, System } from './system.test-support.ts';

const ASKS: readonly Partial<Request>[] = [{}, { write: true }, { execute: true }, { processId: 1, privileged: true }, { processId: 1, privileged: true, execute: true }, { processId: 2, privileged: true }];
const NO_CACHES = { devices: null, processes: null, translations: null, firstPointers: null, secondPointers: null };

type Made = { readonly system: System; readonly first: bigint; readonly second: bigint };
/** Device 1 has processes, with and without SUM, and a second stage in `nested` levels; the same twice, the second one watched. */
function twice(levels: number, nested: number, fill: (made: Made) => void, options: Partial<BuildOptions> = {}, more: object = {}): readonly [System, System] {
  const make = (): System => {
    const system = new System({ caches: NO_CACHES, capabilities: EVERYTHING & ~((1n << 30n) | (1n << 41n)), ...options });
    const [first, second, directory] = [system.frames(), system.frames(4n), system.frames()];
    const context = { ENS: true, fsc_MODE: levels + 5, fsc_PPN: first };
    system.process(directory, 0, context);
    system.process(directory, 1, context);
    system.process(directory, 2, { ...context, SUM: true });
    system.device(1, { PDTV: true, DPE: true, fsc_MODE: 1, fsc_PPN: directory, ...(nested === 0 ? {} : { iohgatp_MODE: nested + 5, iohgatp_PPN: second }), ...more });
    fill({ system, first, second });
    if (nested > 0) for (let table = 0x20n; table < 0x60n; table += 1n) system.map(second, nested, table, table);
    return system;
  };
  const watched = make();
  watched.unit.bus.watch = () => undefined;
  return [make(), watched];
}

const shown = (answer: unknown): string => JSON.stringify(answer, (_, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value));
function agree([flat, watched]: readonly [System, System], frame: bigint, where: string): number {
  let reached = 0;
  for (const ask of ASKS) {
    const answer = flat.ask(1, frame, ask);
    reached += Number(answer.kind === 'translated');
    expect(shown(answer), where).toBe(shown(watched.ask(1, frame, ask)));
  }
  const changed = ({ memory }: System): string => memory.takeChanged().map((address) => `${address.toString(16)}=${memory.peek(address).toString(16)}`).join();
  expect(changed(flat), where).toBe(changed(watched));
  return reached;
}

/** Puts the entry, in both, to each value that differs from it in one bit. */
function everyBit(both: readonly [System, System], entries: readonly [bigint, bigint], frame: bigint): void {
  const [plain = 0n] = both.map((system, i) => system.memory.peek(entries[i] ?? 0n));
  expect(agree(both, frame, 'as it is')).toBeGreaterThan(0);
  for (let bit = 0n; bit < 64n; bit += 1n) {
    both.forEach((system, i) => system.memory.poke(entries[i] ?? 0n, plain ^ (1n << bit)));
    agree(both, frame, `bit ${bit} of 0x${plain.toString(16)}`);
  }
  both.forEach((system, i) => system.memory.poke(entries[i] ?? 0n, plain));
}

const LEVELS = [3, 4, 5].flatMap((levels) => Array.from({ length: levels }, (_, level) => [levels, level] as const));
/** Inside every superpage, and no index is 0. */
const INSIDE = 0x1_2345n;

describe('any one bit of an entry', () => {
  it.each(LEVELS)('that maps, first stage of %i levels, level %i', (levels, level) => {
    const entries: bigint[] = [];
    const from = (INSIDE >> BigInt(9 * level)) << BigInt(9 * level);
    const both = twice(levels, 0, ({ system, first }) => void entries.push(system.map(first, levels, from, level > 2 ? 0n : 1n << BigInt(9 * level), {}, level)));
    everyBit(both, [entries[1] ?? 0n, entries[0] ?? 0n], INSIDE);
  });

  it.each(LEVELS)('that maps, second stage of %i levels, level %i', (levels, level) => {
    const entries: bigint[] = [];
    // The tables' own mappings are pages, so what a superpage would hide of them lies elsewhere.
    const guest = (1n << BigInt(9 * level)) * (level === levels - 1 ? 3n : 0x403n);
    const both = twice(3, levels, ({ system, first, second }) => {
      system.map(first, 3, INSIDE, guest + (INSIDE & ((1n << BigInt(9 * level)) - 1n)));
      entries.push(system.map(second, levels, guest, level > 2 ? 0n : 1n << BigInt(9 * level), {}, level));
    });
    everyBit(both, [entries[1] ?? 0n, entries[0] ?? 0n], INSIDE);
  });

  it.each(LEVELS.filter(([, level]) => level > 0))('that points, of %i levels, level %i, in each stage', (levels, level) => {
    const guest = 0x1_1000n;
    const entries: { first: bigint; second: bigint }[] = [];
    const both = twice(levels, levels, ({ system, first, second }) => {
      system.map(first, levels, INSIDE, guest);
      system.map(second, levels, guest, 0x9000n);
      // The entry that leads to the page's table at this level is found by following it.
      const along = (root: bigint, frame: bigint): bigint => {
        let table = root;
        for (let at = levels - 1; ; at -= 1) {
          const index = frame >> BigInt(9 * at);
          const entry = (table << 12n) + 8n * (at === levels - 1 ? index : index & 0x1ffn);
          if (at === level) return entry;
          table = (system.memory.peek(entry) >> 10n) & 0xfff_ffff_ffffn;
        }
      };
      entries.push({ first: along(first, INSIDE), second: along(second, guest) });
    });
    const at = (stage: 'first' | 'second'): [bigint, bigint] => [entries[1]?.[stage] ?? 0n, entries[0]?.[stage] ?? 0n];
    everyBit(both, at('first'), INSIDE);
    everyBit(both, at('second'), INSIDE);
  });
});

describe('addresses', () => {
  it.each([3, 4, 5])('with any one bit more, first stage of %i levels, both signs', (levels) => {
    const bits = BigInt(9 * levels);
    const top = (1n << 52n) - (1n << (bits - 1n));
    const both = twice(levels, 0, ({ system, first }) => {
      system.map(first, levels, INSIDE, 0x7000n);
      system.map(first, levels, (top | 0x77n) & ((1n << bits) - 1n), 0x7001n);
    });
    expect(agree(both, top | 0x77n, 'high')).toBeGreaterThan(0);
    for (let bit = 0n; bit < 52n; bit += 1n) {
      agree(both, INSIDE ^ (1n << bit), `bit ${bit}`);
      agree(both, top ^ 0x77n ^ (1n << bit), `bit ${bit} of the upper half`);
    }
  });

  it.each([3, 4, 5])('of a guest with any one bit more, second stage of %i levels', (levels) => {
    for (let bit = 0n; bit < 44n; bit += 1n) {
      const guest = 0x1_1000n ^ (1n << bit);
      const both = twice(3, levels, ({ system, first, second }) => {
        system.map(first, 3, INSIDE, guest);
        if (guest >> BigInt(9 * levels + 2) === 0n) system.map(second, levels, guest, 0x9000n);
      });
      agree(both, INSIDE, `bit ${bit}`);
    }
  });
});

describe('a walk in place', () => {
  it('takes the first entry of a fifth-level root for all guest frames below 2^31', () => {
    const both = twice(3, 5, ({ system, first, second }) => {
      system.map(first, 3, INSIDE, 0x72n);
      system.map(second, 5, 0x72n, 0x9000n);
      system.map(second, 5, (7n << 36n) | 0x72n, 0x9001n);
    });
    expect(both.map((system) => system.reach(1, INSIDE))).toEqual([0x9000n, 0x9000n]);
  });

  it.each([['first', 0], ['second', 3]] as const)('reads no table of the %s stage where there is no memory', (_, nested) => {
    const far = 1n << 20n;
    const small = (EVERYTHING & ~((1n << 30n) | (1n << 41n) | (63n << 32n))) | (32n << 32n);
    for (const capabilities of [small, small + (1n << 32n)]) {
      const both = twice(3, nested, ({ system, first, second }) => {
        system.map(first, 3, INSIDE, 0x1000n);
        if (nested > 0) system.map(second, 3, 0x1000n, 0x9000n);
        // The last table lies beyond: its page is copied there.
        const along = (root: bigint, frame: bigint): bigint => {
          const next = (system.memory.peek((root << 12n) + 8n * (frame >> 18n)) >> 10n) & 0xfff_ffffn;
          return (next << 12n) + 8n * ((frame >> 9n) & 0x1ffn);
        };
        const pointer = nested > 0 ? along(second, 0x1000n) : along(first, INSIDE);
        const table = (system.memory.peek(pointer) >> 10n) << 12n;
        for (let at = 0n; at < 4096n; at += 8n) system.memory.poke((far << 12n) + at, system.memory.peek(table + at));
        system.memory.poke(pointer, (far << 10n) | 1n);
      }, { capabilities });
      const beyond = capabilities === small;
      const page = nested > 0 ? 0x9000n : 0x1000n;
      expect(both.map((system) => system.reach(1, INSIDE))).toEqual(beyond ? ['cause 5', 'cause 5'] : [page, page]);
    }
  });

  it('knows what a pointer above makes global', () => {
    const system = new System();
    const root = system.frames();
    system.map(root, 3, INSIDE, 0x7000n);
    system.memory.poke(root << 12n, system.memory.peek(root << 12n) | 0x20n);
    system.device(1, { fsc_MODE: 8, fsc_PPN: root, PSCID: 3 });
    expect(system.reach(1, INSIDE)).toBe(0x7000n);
    expect(system.lines('IOTLB').map(({ entry }) => (entry as Translation).global)).toEqual([true]);
  });
});

describe('modes that are walked at length', () => {
  it.each([
    ['tables of the first stage in the other byte order', { fctl: 0, beWritable: true, capabilities: EVERYTHING | (1n << 27n) }, { SBE: true }],
    ['tables of the second stage in the other byte order', { fctl: 1, beWritable: true, capabilities: EVERYTHING | (1n << 27n) }, { SBE: false }],
    ['Sv32 in front of guest addresses of 34 bits', { gxlWritable: true }, { SXL: true }],
    ['marks by hardware', {}, { SADE: true, GADE: true }],
    ['marks in the first stage only', {}, { SADE: true }],
  ] as const)('%s', (_, options, more) => {
    for (const guest of [0x1_1000n, 0x3f_ffffn, 0x40_0000n]) {
      const both = twice(3, 3, ({ system, first, second }) => {
        system.map(first, 3, INSIDE, guest, { D: false });
        system.map(second, 3, guest, 0x9000n, { A: false, D: false });
      }, options, more);
      agree(both, INSIDE, `guest frame 0x${guest.toString(16)}`);
    }
  });

  it('a guest address of 35 bits is refused where it has 34', () => {
    const both = twice(3, 3, ({ system, second }) => {
      system.map(second, 3, 0x40_0000n, 0x9000n);
      system.device(2, { SXL: true, iohgatp_MODE: 8, iohgatp_PPN: second });
    }, { gxlWritable: true });
    expect(both.map((system) => system.reach(2, 0x40_0000n))).toEqual(['cause 21', 'cause 21']);
  });
});

describe('a walk that is watched', () => {
  it('names its tables by stage and level, and says what it is of', () => {
    const guest = 0x32_1077n;
    const made = new System({ caches: NO_CACHES });
    const second = made.frames(4n);
    const first = made.frames();
    made.map(first, 5, INSIDE, guest);
    for (let table = first; table < first + 16n; table += 1n) made.map(second, 5, table, table);
    made.map(second, 5, guest, 0x9000n);
    made.device(1, { fsc_MODE: 10, fsc_PPN: first, iohgatp_MODE: 10, iohgatp_PPN: second });
    const seen: string[] = [];
    made.unit.bus.watch = ({ what }) => void seen.push(what);
    expect(made.reach(1, INSIDE)).toBe(0x9000n);
    const levels = [4, 3, 2, 1, 0];
    const inSecond = levels.map((level) => `second-stage table, level ${level}`);
    expect(seen).toEqual(['device context', ...levels.flatMap((level) => [...inSecond, `first-stage table, level ${level}`]), ...inSecond]);
    const { walkers } = made.unit;
    expect([walkers.first, walkers.second].map(({ inputHigh, inputLow }) => [inputHigh, inputLow >>> 12])).toEqual([INSIDE, guest].map((frame) => [Number(frame >> 20n), Number(frame & 0xf_ffffn)]));
  });
});
