// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { DmaAnswer, DmaRequest } from '../iommu/unit.ts';
import { DmaPort, type DmaBus, type InterruptMessage } from './dma-port.ts';
import { StraightPort } from './straight-port.test-support.ts';

const RAM = { base: 0x1_0000, size: 0x4000 };

/** A bus whose translations are given by hand: page → answer. */
class Pages implements DmaBus {
  readonly asked: DmaRequest[] = [];
  readonly landings: number[] = [];
  readonly messages: string[] = [];
  decisions: ('retry' | 'abort' | 'zero')[] = [];
  readonly #pages: Record<string, bigint | DmaAnswer | (() => DmaAnswer)>;
  #ticket = 0;

  constructor(pages: Record<string, bigint | DmaAnswer | (() => DmaAnswer)>) {
    this.#pages = pages;
  }

  translate(request: DmaRequest): DmaAnswer {
    this.asked.push(request);
    const page = this.#pages[`0x${(request.address >> 12n).toString(16)}`];
    if (page === undefined) return { kind: 'refused', status: 'unsupported-request' };
    if (typeof page === 'bigint') return { kind: 'memory', address: page + (request.address & 0xfffn), span: 12, ats: null, ticket: (this.#ticket += 1) };
    return typeof page === 'function' ? page() : page;
  }
  landed(ticket: number): void {
    this.landings.push(ticket);
  }
  resumed(): 'retry' | 'abort' | 'zero' {
    return this.decisions.shift() ?? 'abort';
  }
  message({ address, value }: InterruptMessage): void {
    this.messages.push(`0x${address.toString(16)}=${value}`);
  }
}

const over = (pages: ConstructorParameters<typeof Pages>[0]): { port: StraightPort; bus: Pages; dma: DmaPort } => {
  const port = new StraightPort(RAM.base, RAM.size);
  const bus = new Pages(pages);
  return { port, bus, dma: new DmaPort(port, RAM, { bus, source: 0x100 }) };
};

describe('without a unit, bus addresses are physical', () => {
  it('a range is cut into aligned accesses', () => {
    const port = new StraightPort(RAM.base, RAM.size);
    const dma = new DmaPort(port, RAM);
    dma.write(RAM.base + 3, Uint8Array.of(1, 2, 3, 4, 5, 6, 7), 'x');
    expect(port.log).toEqual(['store 0x10003 1', 'store 0x10004 4', 'store 0x10008 2']);
    expect([...dma.tryRead(0x1_0003n, 7, 'x').bytes]).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('a range that runs out of RAM is done up to the last byte of RAM', () => {
    const port = new StraightPort(RAM.base, RAM.size);
    const dma = new DmaPort(port, RAM);
    const end = BigInt(RAM.base + RAM.size);
    expect(dma.tryWrite(end - 3n, new Uint8Array(10).fill(7), 'x')).toEqual({ written: 3, fault: { address: end, write: true, status: 'not-memory', posted: true } });
    expect(dma.tryRead(end - 3n, 10, 'x')).toEqual({ bytes: Uint8Array.of(7, 7, 7), fault: { address: end, write: false, status: 'not-memory', posted: false } });
  });
});

it('RAM may end anywhere', () => {
  const dma = new DmaPort(new StraightPort(RAM.base, 0x10), { base: RAM.base, size: 0x10 });
  expect(dma.tryWrite(0x1_000cn, new Uint8Array(8), 'x')).toMatchObject({ written: 4, fault: { address: 0x1_0010n } });
  expect(dma.tryLoad(0x1_0008n, 8, 'x').fault).toBeNull();
  expect([dma.reaches(0x1_0000, 0x10), dma.reaches(0x1_0000, 0x11), dma.reaches(0xffff, 1)]).toEqual([true, false, false]);
});

it('flags are marked, everything else is data', () => {
  const { port, dma } = over({ '0x5': 0x1_1000n });
  const own = new DmaPort(port, RAM);
  for (const [one, at] of [[own, 0x1_1000], [dma, 0x5000]] as const) {
    port.ops.length = 0;
    one.poll(at, 4, 'x');
    one.publish(at, 4, 1, 'x');
    one.load(at, 4, 'x');
    one.store(at, 8, 1n, 'x');
    one.tryLoad(BigInt(at), 4, 'x');
    one.tryStore(BigInt(at), 4, 1, 'x', 'data');
    one.tryRead(BigInt(at), 4, 'x');
    one.tryWrite(BigInt(at), new Uint8Array(8), 'x');
    expect(port.ops.map((op) => ('order' in op ? `${op.kind} ${op.order}${'data' in op && op.data === true ? ' data' : ''}` : op.kind))).toEqual(['load relaxed', 'store relaxed', 'load plain data', 'store plain data', 'load relaxed', 'store plain data', 'load plain data', 'store plain data']);
  }
});

it('an access off its size is ours', () => {
  expect(() => new DmaPort(new StraightPort(RAM.base, RAM.size), RAM).tryLoad(0x1_0002n, 4, 'x')).toThrow(RangeError);
});

describe('behind a unit', () => {
  it('any address may be tried, up to 2^64', () => {
    const { dma } = over({});
    expect([dma.reaches(0n, 1), dma.reaches((1n << 64n) - 4n, 4), dma.reaches((1n << 64n) - 4n, 5), dma.reaches(-1n, 1)]).toEqual([true, true, false, false]);
  });

  it('a translation that covers less than a page is asked for again beyond it', () => {
    const { bus, dma, port } = over({ '0x5': () => ({ kind: 'memory', address: 0x1_1000n + BigInt(bus.asked.at(-1)?.address ?? 0n) % 0x1000n, span: 10, ats: null, ticket: 0 }) });
    dma.tryWrite(0x53f8n, new Uint8Array(16), 'x');
    expect(bus.asked.map(({ address }) => address)).toEqual([0x53f8n, 0x5400n]);
    expect(port.log).toEqual(['store 0x113f8 8', 'store 0x11400 8']);
  });

  it('an access that ends as if nothing were there reads zeros of its size', () => {
    const { dma } = over({ '0x5': { kind: 'zero' } });
    expect([dma.tryLoad(0x5000n, 8, 'x').value, dma.tryLoad(0x5000n, 4, 'x').value, dma.atomic(0x5000n, 8, { kind: 'swap', value: 1n }, 'x').old, dma.atomic(0x5000n, 4, { kind: 'swap', value: 1 }, 'x').old]).toEqual([0n, 0, 0n, 0]);
  });

  it('no request crosses a page, each is translated, and each has landed in the end', () => {
    const { port, bus, dma } = over({ '0x5': 0x1_1000n, '0x6': 0x1_0000n });
    expect(dma.tryWrite(0x5ffcn, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 'x').fault).toBeNull();
    expect(bus.asked.map((r) => r.address)).toEqual([0x5ffcn, 0x6000n]);
    expect(bus.landings).toEqual([1, 2]);
    expect(port.log).toEqual(['store 0x11ffc 4', 'store 0x10000 4']);
  });

  it('a fault in the second page leaves the first one done', () => {
    const { dma } = over({ '0x5': 0x1_1000n });
    expect(dma.tryWrite(0x5ff0n, new Uint8Array(32), 'x')).toEqual({ written: 16, fault: { address: 0x6000n, write: true, status: 'unsupported-request', posted: true } });
  });

  it.each([
    [{ kind: 'refused', status: 'completer-abort' }, 'completer-abort'],
    [{ kind: 'refused', status: 'unsupported-request' }, 'unsupported-request'],
    [{ kind: 'denied' }, 'page'],
    [{ kind: 'memory', address: 0x9_0000n, span: 12, ats: null, ticket: 9 }, 'not-memory'],
  ] as const)('the answer %o is the fault %s', (answer, status) => {
    const { dma, bus } = over({ '0x5': answer });
    expect(dma.tryLoad(0x5008n, 4, 'x')).toEqual({ value: null, fault: { address: 0x5008n, write: false, status, posted: false } });
    expect(bus.landings).toEqual(answer.kind === 'memory' ? [9] : []);
  });

  it('requests carry the attributes of their port', () => {
    const { bus, dma } = over({ '0x5': 0x1_1000n });
    dma.as({ pasid: 7, privileged: true, execute: true }).tryRead(0x5000n, 8, 'x');
    dma.as({ pasid: 7, privileged: true, execute: true }).tryStore(0x5000n, 8, 1n, 'x');
    dma.tryRead(0x5000n, 8, 'x');
    expect(bus.asked.map(({ source, pasid, privileged, execute, write }) => ({ source, pasid, privileged, execute, write }))).toEqual([
      { source: 0x100, pasid: 7, privileged: true, execute: true, write: false },
      { source: 0x100, pasid: 7, privileged: true, execute: false, write: true },
      { source: 0x100, pasid: null, privileged: false, execute: false, write: false },
    ]);
  });

  it('the plain calls read ones, lose writes, and keep the first fault', () => {
    const { port, dma } = over({});
    dma.write(0x7000, Uint8Array.of(1), 'x');
    expect(dma.load(0x5000, 4, 'x')).toBe(0xffff_ffff);
    expect(dma.load(0x5000, 8, 'x')).toBe((1n << 64n) - 1n);
    expect([...dma.read(0x5000, 2, 'x')]).toEqual([0xff, 0xff]);
    expect(dma.refused).toMatchObject({ address: 0x7000n, write: true });
    expect(port.log).toEqual([]);
    dma.clearRefused();
    expect(dma.as({ pasid: 1 }).refused).toBeNull();
  });

  it('a stalled access is tried again, aborted, or ends as if nothing were there, as software decides', () => {
    const { bus, dma } = over({ '0x5': { kind: 'stalled', tag: 3 } });
    bus.decisions = ['retry', 'zero', 'abort'];
    expect(dma.tryLoad(0x5000n, 4, 'x')).toEqual({ value: 0, fault: null });
    expect(bus.asked.length).toBe(2);
    expect(dma.tryLoad(0x5000n, 4, 'x').fault?.status).toBe('completer-abort');
  });

  it('a write to an interrupt address is a message of one word', () => {
    const { bus, dma } = over({ '0xfee00': () => ({ kind: 'interrupt', address: 0xfee0_0000n }) });
    expect(dma.tryStore(0xfee0_0000n, 4, 0x31, 'x').fault).toBeNull();
    expect(dma.tryWrite(0xfee0_0000n, Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0), 'x')).toMatchObject({ written: 0, fault: { status: 'unsupported-request' } });
    expect(dma.tryWrite(0xfee0_0000n, Uint8Array.of(1, 2, 0, 0), 'x')).toEqual({ written: 4, fault: null });
    expect(bus.messages).toEqual(['0xfee00000=49', '0xfee00000=513']);
    expect(dma.atomic(0xfee0_0000n, 4, { kind: 'fetch-add', add: 1 }, 'x')).toEqual({ old: null, fault: { address: 0xfee0_0000n, write: true, status: 'unsupported-request', posted: false } });
  });

  it('a message into an interrupt file in memory keeps what the unit says of it', () => {
    const seen: unknown[] = [];
    const bus: DmaBus = { translate: () => ({ kind: 'interrupt', address: 0x1000n, resident: { notice: 0x2000n, noticeId: 7 } }), landed: () => undefined, message: (message) => seen.push(message) };
    new DmaPort(new StraightPort(RAM.base, RAM.size), RAM, { bus, source: 1 }).tryStore(0x9000n, 4, 3, 'x');
    expect(seen).toEqual([{ address: 0x1000n, value: 3, resident: { notice: 0x2000n, noticeId: 7 } }]);
  });

  it('the last byte of a page is in it', () => {
    const { bus, dma, port } = over({ '0x5': 0x1_1000n, '0x6': 0x1_2000n });
    dma.tryWrite(0x5fffn, Uint8Array.of(1, 2), 'x');
    expect(bus.asked.map(({ address }) => address)).toEqual([0x5fffn, 0x6000n]);
    expect(port.log).toEqual(['store 0x11fff 1', 'store 0x12000 1']);
  });

  it('addresses end at 2^64', () => {
    const { dma } = over({ '0xfffffffffffff': 0x1_1000n });
    expect(dma.tryRead((1n << 64n) - 4n, 8, 'x')).toMatchObject({ bytes: new Uint8Array(4), fault: { address: 1n << 64n, status: 'unsupported-request' } });
  });
});

describe('AtomicOps', () => {
  it.each([
    [{ kind: 'fetch-add', add: 3 }, 4, 0xffff_fffe, 1],
    [{ kind: 'fetch-add', add: 3n }, 8, (1n << 64n) - 1n, 2n],
    [{ kind: 'swap', value: 9n }, 8, 5n, 9n],
    [{ kind: 'compare-swap', compare: 5, value: 6 }, 4, 5, 6],
    [{ kind: 'compare-swap', compare: 4, value: 6 }, 4, 5, 5],
  ] as const)('%o of %i bytes on %s leaves %s', (operation, size, before, after) => {
    const { bus, dma } = over({ '0x5': 0x1_1000n });
    dma.tryStore(0x5010n, size, before, 'x');
    expect(dma.atomic(0x5010n, size, operation, 'x')).toEqual({ old: before, fault: null });
    expect(dma.tryLoad(0x5010n, size, 'x').value).toBe(after);
    expect(bus.asked[1]).toMatchObject({ write: true, noWrite: false });
  });

  it('are not posted: the function learns that one was refused', () => {
    const { dma } = over({});
    expect(dma.atomic(0x5000n, 4, { kind: 'fetch-add', add: 1 }, 'x')).toEqual({ old: null, fault: { address: 0x5000n, write: true, status: 'unsupported-request', posted: false } });
  });
});

it('relaxed ordering may write the highest address first; without it nothing may', () => {
  const written = (relaxed: boolean): string[] => {
    const { port, dma } = over({ '0x5': 0x1_1000n, '0x6': 0x1_2000n });
    port.answers.set('x/order', 1);
    dma.as({ relaxed }).tryWrite(0x5ff8n, new Uint8Array(16), 'x');
    return port.log;
  };
  expect(written(false)).toEqual(['store 0x11ff8 8', 'store 0x12000 8']);
  expect(written(true)).toEqual(['store 0x12000 8', 'store 0x11ff8 8']);
});
