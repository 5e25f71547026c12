// SPDX-License-Identifier: Apache-2.0
/** The tree walker: four walks over nodes of four shapes, every way to end, address spaces, and what publishing and freeing need. */
import { describe, expect, it } from 'vitest';
import { WalkerErrors, WalkerFlags, WalkerOp, WalkerPasid, WalkerStatus, type WalkerError } from '../devices/tree-walker/registers.ts';
import { nodeLayout, WalkerNode } from '../devices/tree-walker/structures.ts';
import { bench, outcomes, PageBus, RAM, randomNumbers, type BenchOptions, type BenchResult, type Cpu } from './device-bench.test-support.ts';

const NODES = 0x2_0000;
const BUCKETS = 0x3_0000;
const at = (i: number): number => NODES + 32 * i;
type Kind = 'listSum' | 'bstFind' | 'hashChain' | 'graphCount';
interface Ask {
  readonly kind?: Kind;
  readonly root?: bigint | number;
  readonly key?: bigint | number;
  readonly buckets?: number;
  readonly limit?: number;
  readonly pasid?: number;
  readonly flags?: Parameters<typeof WalkerFlags.encode>[0];
}

function set(cpu: Cpu, { kind = 'listSum', root = at(0), key = 0, buckets = 1, limit = 64, pasid, flags = {} }: Ask): void {
  cpu.pair('ROOT_LO', 'ROOT_HI', BigInt(root));
  cpu.pair('KEY_LO', 'KEY_HI', BigInt(key));
  cpu.reg('OP', Number(WalkerOp.encode({ kind })));
  cpu.reg('PASID', pasid === undefined ? 0 : Number(WalkerPasid.encode({ pasid, valid: true })));
  cpu.reg('FLAGS', Number(WalkerFlags.encode(flags)));
  cpu.reg('BUCKETS', buckets);
  cpu.reg('LIMIT', limit);
}
function go(cpu: Cpu): void {
  const before = cpu.status('STATUS') >>> 16;
  cpu.reg('DOORBELL', 1);
  cpu.ready('STATUS', (v) => v >>> 16 !== before && (v & 1) === 0);
}
const ask = (what: Ask, o: BenchOptions = {}): BenchResult => bench('tree-walker', (cpu) => { set(cpu, what); go(cpu); }, o);
function ended(run: BenchResult): { error: string; result: bigint; fault: bigint; steps: number } {
  const pair = (name: string): bigint => (BigInt(run.register(`${name}_HI`)) << 32n) | BigInt(run.register(`${name}_LO`));
  const { error } = WalkerStatus.decode(BigInt(run.register('STATUS')));
  return { error: Object.entries(WalkerErrors).find(([, { code }]) => code === error)?.[0] ?? '?', result: pair('RESULT'), fault: pair('FAULT_VA'), steps: run.register('STEPS') };
}
interface Node { readonly key?: number; readonly left?: number; readonly right?: number; readonly payload?: number }
const bytes = (node: Node): Uint8Array => WalkerNode.toBytes(WalkerNode.encode({ key: BigInt(node.key ?? 0), left: BigInt(node.left ?? 0), right: BigInt(node.right ?? 0), payload: BigInt(node.payload ?? 0) }));
const nodes = (...list: Node[]) => list.map((node, i) => ({ address: at(i), bytes: bytes(node) }));
const list = nodes({ payload: 10, right: at(2) }, { payload: 1000 }, { payload: 20, right: at(3) }, { payload: 30 });
/** Keys 4; 2, 6; 1, 3. */
const tree = nodes({ key: 4, payload: 104, left: at(1), right: at(2) }, { key: 2, payload: 102, left: at(3), right: at(4) }, { key: 6, payload: 106 }, { key: 1, payload: 101 }, { key: 3, payload: 103 });

describe('walks', () => {
  it('sums a list', () => expect(ended(ask({}, { memory: list }))).toEqual({ error: 'ok', result: 60n, fault: 0n, steps: 3 }));
  it('an empty list has sum 0', () => expect(ended(ask({ root: 0 }))).toEqual({ error: 'ok', result: 0n, fault: 0n, steps: 0 }));
  it.each([[1, 3], [2, 2], [3, 3], [4, 1], [6, 2]])('finds key %i in a tree, after %i nodes', (key, steps) => {
    expect(ended(ask({ kind: 'bstFind', key }, { memory: tree }))).toEqual({ error: 'ok', result: BigInt(100 + key), fault: 0n, steps });
  });
  it('keys are unsigned', () => {
    const memory = nodes({ key: 5, right: at(1) }, { payload: 7 }).map((n, i) => (i === 1 ? { ...n, bytes: WalkerNode.toBytes(WalkerNode.encode({ key: (1n << 64n) - 1n, payload: 7n })) } : n));
    expect(ended(ask({ kind: 'bstFind', key: (1n << 64n) - 1n }, { memory }))).toMatchObject({ error: 'ok', result: 7n });
  });
  it('finds a key in a chain of its bucket only', () => {
    const table = new Uint8Array(32);
    new DataView(table.buffer).setBigUint64(8, BigInt(at(0)), true);
    const memory = [{ address: BUCKETS, bytes: table }, ...nodes({ key: 1, right: at(1), payload: 11 }, { key: 5, payload: 55 })];
    const find = (key: number): unknown => ended(ask({ kind: 'hashChain', root: BUCKETS, buckets: 4, key }, { memory }));
    expect(find(5)).toEqual({ error: 'ok', result: 55n, fault: 0n, steps: 2 });
    expect(find(9)).toMatchObject({ error: 'notFound', steps: 2 });
    expect(find(6)).toMatchObject({ error: 'notFound', steps: 0 });
  });
  it('counts each node of a graph once, though it has cycles', () => {
    expect(ended(ask({ kind: 'graphCount' }, { memory: nodes({ left: at(1), right: at(2) }, { left: at(0), right: at(2) }, { right: at(0) }, { left: at(0) }) }))).toEqual({ error: 'ok', result: 3n, fault: 0n, steps: 3 });
  });
  it.each([[false, false], [false, true], [true, false], [true, true]])('words of 32 bits: %s, big-endian: %s', (words32, bigEndian) => {
    const layout = nodeLayout(words32, bigEndian);
    const node = (payload: number, right: number): Uint8Array => {
      // The two shapes have the same fields in words of different sizes.
      const bits = words32 ? 32n : 64n;
      return layout.toBytes((BigInt(right) << (2n * bits)) | (BigInt(payload) << (3n * bits)));
    };
    const memory = [{ address: at(0), bytes: node(1, at(1)) }, { address: at(1), bytes: node(2, 0) }];
    expect(ended(ask({ flags: { words32, bigEndian } }, { memory }))).toEqual({ error: 'ok', result: 3n, fault: 0n, steps: 2 });
    expect(ended(ask({ flags: { words32, bigEndian: !bigEndian } }, { memory })).error).not.toBe('ok');
  });
  it('reads each field by itself, when it needs it', () => {
    const { events } = ask({}, { memory: nodes({ payload: 1, right: at(1) }, { payload: 2 }) });
    expect(events.flatMap((e) => (e.kind === 'load' && e.agent === 'dev0' ? [e.name] : []))).toEqual(['node.payload', 'node.right', 'node.payload', 'node.right']);
  });
});

describe('every way to end', () => {
  const bus = (): PageBus => new PageBus().map(5, BigInt(NODES), NODES);
  const refusing = new PageBus({ kind: 'refused', status: 'unsupported-request' });
  const cases: readonly [WalkerError, string, Ask, BenchOptions, object][] = [
    ['ok', 'a sum', {}, { memory: list }, { steps: 3 }],
    ['notFound', 'no such key', { kind: 'bstFind', key: 5 }, { memory: tree }, { steps: 2, fault: 0n }],
    ['badOperation', 'no buckets', { kind: 'hashChain', buckets: 0 }, {}, { steps: 0 }],
    ['badOperation', 'buckets that are no power of 2', { kind: 'hashChain', buckets: 6 }, {}, {}],
    ['badOperation', 'too many buckets', { kind: 'hashChain', buckets: 0x2_0000 }, {}, {}],
    ['misaligned', 'a pointer into a word', { root: at(0) + 4 }, { memory: list }, { fault: BigInt(at(0) + 4 + 24), steps: 1 }],
    ['pageFault', 'a node on a page that is not there', { pasid: 5 }, { memory: nodes({ payload: 1, right: NODES + 0x1000 }), bus: bus() }, { fault: BigInt(NODES + 0x1000 + 24), steps: 2 }],
    ['pageRefused', 'the same, asked for', { pasid: 5, flags: { blockOnFault: true } }, { memory: nodes({ payload: 1, right: NODES + 0x1000 }), bus: bus() }, { fault: BigInt(NODES + 0x1000 + 24) }],
    ['refused', 'another address space', { pasid: 6 }, { bus: refusing }, { fault: BigInt(NODES + 24), steps: 1 }],
    ['refused', 'no memory', { root: 0x40 }, {}, { fault: 0x58n }],
    ['tooManySteps', 'a loop', { limit: 9 }, { memory: nodes({ right: at(1) }, { right: at(0) }) }, { steps: 9 }],
    ['tooManySteps', 'more than the device\'s own limit', { limit: 0xffff_ffff }, { memory: nodes({ right: at(0) }), options: { maxSteps: 5 } }, { steps: 5 }],
  ];
  it.each(cases)('%s: %s', (error, _, what, o, more) => expect(ended(ask(what, o))).toMatchObject({ error, ...more }));
  it('cancelled', () => expect(ended(bench('tree-walker', (cpu) => { set(cpu, {}); cpu.reg('CANCEL', 1); go(cpu); }, { memory: list }))).toMatchObject({ error: 'cancelled', steps: 0 }));
  it('a reserved operation', () => expect(ended(bench('tree-walker', (cpu) => { set(cpu, {}); cpu.reg('OP', 9); go(cpu); }))).toMatchObject({ error: 'badOperation' }));
  it('every code is here', () => expect(new Set([...cases.map(([error]) => error), 'cancelled'])).toEqual(new Set(Object.keys(WalkerErrors))));
  it('interrupts, and counts its walks', () => {
    const run = bench('tree-walker', (cpu) => { set(cpu, {}); go(cpu); go(cpu); }, { memory: list });
    expect(run.events.filter((e) => e.kind === 'irq-raise')).toHaveLength(2);
    expect(WalkerStatus.decode(BigInt(run.register('STATUS'))).finished).toBe(2);
  });
});

it('PASID, privilege and whether to wait go with every access', () => {
  for (const [flags, pasid] of [[{}, 7], [{ priv: true }, 8], [{ blockOnFault: true }, undefined]] as const) {
    const bus = new PageBus().map(pasid ?? null, BigInt(NODES), NODES);
    expect(ended(ask({ flags, ...(pasid === undefined ? {} : { pasid }) }, { memory: list, bus })).error).toBe('ok');
    expect(new Set(bus.asked.map((r) => `${r.pasid} ${r.privileged} ${r.write} ${r.onFault}`))).toEqual(new Set([`${pasid ?? null} ${'priv' in flags} false ${'blockOnFault' in flags ? 'request' : 'report'}`]));
  }
});

it('any memory is walked to an end', () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 200; seed += 1) {
    const numbers = randomNumbers(seed);
    const draw = (n: number): number => numbers.next().value % n;
    const pointer = (): number => [0, at(draw(8)), at(draw(8)), at(draw(8)), at(draw(8)) + draw(9), RAM.base + RAM.size - draw(40), draw(2 ** 32)][draw(7)] ?? 0;
    const memory = nodes(...Array.from({ length: 8 }, () => ({ key: draw(16), left: pointer(), right: pointer(), payload: draw(100) })));
    const kind = (['listSum', 'bstFind', 'hashChain', 'graphCount'] as const)[draw(4)] ?? 'listSum';
    seen.add(ended(ask({ kind, root: at(draw(8)), key: draw(16), buckets: 2 ** draw(3), flags: { words32: draw(4) === 0, bigEndian: draw(8) === 0 } }, { memory, trace: false })).error);
  }
  expect([...seen].sort()).toEqual(['misaligned', 'notFound', 'ok', 'refused', 'tooManySteps']);
});

describe('what it shares with CPUs', () => {
  it('a node is complete before the pointer to it is: without dma_wmb the walker may sum an old payload', () => {
    const run = (fence: string | null): string[] => outcomes('tree-walker', (cpu) => {
      set(cpu, {});
      cpu.fence('dmb.osh');
      cpu.explore();
      cpu.reg('DOORBELL', 1);
      cpu.store(at(1) + 24, 8, 5n);
      if (fence !== null) cpu.fence(fence);
      cpu.store(at(0) + 16, 8, BigInt(at(1)));
      cpu.ready('STATUS', (v) => v >>> 16 === 1 && (v & 1) === 0);
      cpu.say(`sum ${cpu.status('RESULT_LO')}`);
    }, 2, { profile: 'arm64', memory: nodes({ payload: 1 }, { payload: 900 }), kinds: ['step', 'drain'] });
    expect(run(null)).toEqual(['sum 1', 'sum 6', 'sum 901']);
    expect(run('dmb.oshst')).toEqual(['sum 1', 'sum 6']);
  });
  it('smp_wmb is not enough on a machine that keeps no more than what is promised', () => {
    const run = (fence: string): string[] => outcomes('tree-walker', (cpu) => {
      set(cpu, {});
      cpu.fence('mb');
      cpu.explore();
      cpu.reg('DOORBELL', 1);
      cpu.store(at(1) + 24, 8, 5n);
      cpu.fence(fence);
      cpu.store(at(0) + 16, 8, BigInt(at(1)));
      cpu.ready('STATUS', (v) => v >>> 16 === 1 && (v & 1) === 0);
      cpu.say(`sum ${cpu.status('RESULT_LO')}`);
    }, 2, { profile: 'strict', memory: nodes({ payload: 1 }, { payload: 900 }), kinds: ['step', 'drain'] });
    expect(run('smp_wmb')).toContain('sum 901');
    expect(run('dma_wmb')).toEqual(['sum 1', 'sum 6']);
  });
  it('a node that was unlinked may be freed after STATUS, not before', () => {
    const run = (waits: boolean): string[] => outcomes('tree-walker', (cpu) => {
      set(cpu, {});
      cpu.explore();
      cpu.reg('DOORBELL', 1);
      cpu.store(at(0) + 16, 8, 0n);
      if (waits) cpu.ready('STATUS', (v) => v >>> 16 === 1 && (v & 1) === 0);
      cpu.store(at(1) + 24, 8, 666n);
      cpu.ready('STATUS', (v) => v >>> 16 === 1 && (v & 1) === 0);
      cpu.say(`sum ${cpu.status('RESULT_LO')}`);
    }, 2, { memory: nodes({ payload: 1, right: at(1) }, { payload: 2 }), kinds: ['step'] });
    expect(run(false)).toEqual(['sum 1', 'sum 3', 'sum 667']);
    expect(run(true)).toEqual(['sum 1', 'sum 3']);
  });
});
