// SPDX-License-Identifier: Apache-2.0
/** The NVMe controller: starting, queues that come and go, data over pages and lists, every status, wrap-around, and the barrier behind the phase bit. */
import { describe, expect, it } from 'vitest';
import { NVME_ADMIN, NVME_IO, NvmeAqa, NvmeCc, NvmeCsts, NvmeStatus, type NvmeStatusName } from '../devices/nvme/registers.ts';
import { NvmeCommand, NvmeCompletion, NvmeCreateQueue, NvmeIdentifyController, NvmeIdentifyNamespace } from '../devices/nvme/structures.ts';
import { bench, outcomes, PageBus, randomNumbers, type BenchResult, type Cpu } from './device-bench.test-support.ts';

const ASQ = 0x2_0000;
const ACQ = 0x2_1000;
const SQ = 0x2_2000;
const CQ = 0x2_3000;
const DATA = 0x3_0000;
const BACK = 0x4_0000;
const LIST = 0x2_8000;
const EN = Number(NvmeCc.encode({ EN: true, IOSQES: 6, IOCQES: 4 }));
const RDY = Number(NvmeCsts.encode({ RDY: true }));
type Fields = Parameters<typeof NvmeCommand.encode>[0];

/** A driver's side of one queue pair. */
class Pair {
  tail = 0;
  head = 0;
  phase = 1;
  cid = 0;
  readonly #cpu: Cpu;
  readonly #q: number;
  readonly #sq: number;
  readonly #cq: number;
  readonly #size: number;
  constructor(cpu: Cpu, q: number, sq: number, cq: number, size: number) {
    this.#cpu = cpu;
    this.#q = q;
    this.#sq = sq;
    this.#cq = cq;
    this.#size = size;
  }
  put(fields: Fields): void {
    this.#cpu.put(this.#sq + 64 * this.tail, NvmeCommand.toBytes(NvmeCommand.encode({ cid: (this.cid += 1), ...fields })));
    this.tail = (this.tail + 1) % this.#size;
  }
  ring(): void {
    this.#cpu.reg(`SQ${this.#q}TDBL`, this.tail);
  }
  /** Takes one completion. */
  take(): number {
    const at = this.#cq + 16 * this.head;
    const status = this.#cpu.until(at + 14, 2, (v) => (v & 1) === this.phase);
    this.head += 1;
    if (this.head === this.#size) {
      this.head = 0;
      this.phase ^= 1;
    }
    this.#cpu.reg(`CQ${this.#q}HDBL`, this.head);
    return (status >> 1) & 0x7ff;
  }
  run(fields: Fields): number {
    this.put(fields);
    this.ring();
    return this.take();
  }
}

function enable(cpu: Cpu, size = 4): Pair {
  cpu.reg('AQA', Number(NvmeAqa.encode({ ASQS: size - 1, ACQS: size - 1 })));
  cpu.reg('ASQ_LO', ASQ);
  cpu.reg('ACQ_LO', ACQ);
  cpu.reg('CC', EN);
  cpu.ready('CSTS', (v) => v === RDY);
  return new Pair(cpu, 0, ASQ, ACQ, size);
}
const create = (fields: Parameters<typeof NvmeCreateQueue.encode>[0]): { cdw10: number; cdw11: number } => {
  const raw = NvmeCreateQueue.encode({ contiguous: true, ...fields });
  return { cdw10: Number(raw & 0xffff_ffffn), cdw11: Number(raw >> 32n) };
};
const createCq = (q = 1, size = 4, more = {}): Fields => ({ opcode: NVME_ADMIN.createCq, prp1: BigInt(CQ), ...create({ qid: q, size: size - 1, interrupts: true, vectorOrCqid: 1, ...more }) });
const createSq = (q = 1, size = 4, more = {}): Fields => ({ opcode: NVME_ADMIN.createSq, prp1: BigInt(SQ), ...create({ qid: q, size: size - 1, vectorOrCqid: q, ...more }) });
function ready(cpu: Cpu, size = 4): { admin: Pair; io: Pair } {
  const admin = enable(cpu);
  admin.run(createCq(1, size));
  admin.run(createSq(1, size));
  return { admin, io: new Pair(cpu, 1, SQ, CQ, size) };
}
const blocks = (opcode: number, block: number, count: number, prp1: number | bigint, prp2: number | bigint = 0): Fields => ({ opcode, nsid: 1, cdw10: block, cdw12: count - 1, prp1: BigInt(prp1), prp2: BigInt(prp2) });
const text = Uint8Array.from({ length: 16384 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
const memory = [{ address: DATA, bytes: text }];
const equal = (run: BenchResult, at: number, bytes: Uint8Array): boolean => run.read(at, bytes.length).every((b, i) => b === bytes[i]);

describe('starting and stopping', () => {
  it('is ready when it may be used, and not ready when nothing is touched any more', () => {
    const run = bench('nvme', (cpu) => {
      enable(cpu);
      cpu.reg('CC', 0);
      cpu.ready('CSTS', (v) => v === 0);
      cpu.reg('SQ0TDBL', 1);
    });
    expect(run.register('CSTS')).toBe(0);
    expect(run.device.result()).toEqual({ done: [] });
  });
  it.each([
    ['an admin queue of one entry', 0, ASQ, ACQ, EN],
    ['an admin queue that is not on a page', 3, ASQ + 8, ACQ, EN],
    ['a completion queue that is not on a page', 3, ASQ, ACQ + 16, EN],
    ['another page size', 3, ASQ, ACQ, EN | (1 << 7)],
    ['another command set', 3, ASQ, ACQ, EN | (1 << 4)],
  ])('fails on %s', (_, size, asq, acq, cc) => {
    const run = bench('nvme', (cpu) => {
      cpu.reg('AQA', size | (size << 16));
      cpu.reg('ASQ_LO', asq);
      cpu.reg('ACQ_LO', acq);
      cpu.reg('CC', cc);
    });
    expect(NvmeCsts.decode(BigInt(run.register('CSTS')))).toEqual({ RDY: false, CFS: true, SHST: 0 });
  });
  it('what a driver set up while the controller was not running yet counts', () => {
    const run = bench('nvme', (cpu) => {
      cpu.ready('CSTS', (v) => v === RDY);
      cpu.say(String(new Pair(cpu, 0, ASQ, ACQ, 4).run({ opcode: 0x55 })));
    }, { registers: { AQA: 0x3_0003, ASQ_LO: ASQ, ACQ_LO: ACQ, CC: EN } });
    expect(run.said).toEqual([String(NvmeStatus.invalidOpcode.code)]);
  });
  it('shuts down when asked', () => {
    const run = bench('nvme', (cpu) => {
      enable(cpu);
      cpu.reg('CC', EN | (1 << 14));
      cpu.ready('CSTS', (v) => ((v >> 2) & 3) === 2);
      cpu.reg('SQ0TDBL', 1);
    });
    expect(run.device.result()).toEqual({ done: [] });
  });
  it('begins anew after a reset: indices, phase and queues', () => {
    const run = bench('nvme', (cpu) => {
      ready(cpu);
      cpu.reg('CC', 0);
      cpu.ready('CSTS', (v) => v === 0);
      for (let at = 0; at < 64; at += 8) cpu.store(ACQ + at, 8, 0n);
      const { io } = ready(cpu);
      cpu.say(String(io.run({ opcode: NVME_IO.flush, nsid: 1 })));
    });
    expect(run.said).toEqual(['0']);
  });
  it('can be reset while it waits for a completion to be taken', () => {
    const run = bench('nvme', (cpu) => {
      const admin = enable(cpu, 2);
      for (let i = 0; i < 2; i += 1) {
        admin.put({ opcode: 0x7f });
        admin.ring();
        cpu.until(ACQ + 14, 2, (v) => (v & 1) === 1);
      }
      cpu.reg('CC', 0);
      cpu.ready('CSTS', (v) => v === 0);
    });
    expect(run.register('Q0_BUSY')).toBe(0);
  });
});

describe('identify', () => {
  const identify = (cns: number, nsid = 0): BenchResult => bench('nvme', (cpu) => void enable(cpu).run({ opcode: NVME_ADMIN.identify, nsid, cdw10: cns, prp1: BigInt(BACK) }), { options: { blocks: 9 } });
  it('names the controller', () => {
    const found = NvmeIdentifyController.decode(NvmeIdentifyController.fromBytes(Uint8Array.from(identify(1).read(BACK, 4096))));
    expect(found).toMatchObject({ version: 0x2_0000, maxTransfer: 2, sqEntry: 0x66, cqEntry: 0x44, namespaces: 1, volatileCache: 0 });
    expect(identify(1).read(BACK + 24, 15).map((c) => String.fromCharCode(c)).join('')).toBe('dmalab RAM disk');
  });
  it('measures the namespace', () => {
    expect(NvmeIdentifyNamespace.decode(NvmeIdentifyNamespace.fromBytes(Uint8Array.from(identify(0, 1).read(BACK, 4096))))).toEqual({ size: 9n, capacity: 9n, used: 9n, formats: 0, format: 0, blockShift: 9 });
  });
});

describe('blocks', () => {
  it.each([
    ['one page', 8, DATA, 0],
    ['one block, not on a page', 1, DATA + 0x104, 0],
    ['two pages, the first cut', 8, DATA + 0x800, DATA + 0x1000],
  ])('%s: what was written comes back', (_, count, prp1, prp2) => {
    const run = bench('nvme', (cpu) => {
      const { io } = ready(cpu);
      cpu.say(String(io.run(blocks(NVME_IO.write, 5, count, prp1, prp2))));
      cpu.say(String(io.run({ opcode: NVME_IO.flush, nsid: 1 })));
      cpu.say(String(io.run(blocks(NVME_IO.read, 5, count, BACK))));
    }, { memory });
    expect(run.said).toEqual(['0', '0', '0']);
    expect(equal(run, BACK, text.subarray(prp1 - DATA, prp1 - DATA + 512 * count))).toBe(true);
  });
  it('more than two pages lie where a list says, and the list may go on in another page', () => {
    const list = (cpu: Cpu, at: number, pages: readonly number[]): void => pages.forEach((p, i) => cpu.store(at + 8 * i, 8, BigInt(p)));
    const run = bench('nvme', (cpu) => {
      const { io } = ready(cpu);
      // Pages of the source in a strange order; the list's first page has room for two entries only.
      list(cpu, LIST + 0x1000 - 16, [DATA + 0x3000, LIST + 0x2000]);
      list(cpu, LIST + 0x2000, [DATA + 0x1000, DATA + 0x2000]);
      cpu.say(String(io.run(blocks(NVME_IO.write, 0, 32, DATA, LIST + 0x1000 - 16))));
      // Three more pages fit into the list's last three entries: the last one is data, no pointer.
      list(cpu, LIST + 0x3000 - 24, [BACK + 0x1000, BACK + 0x2000, BACK + 0x3000]);
      cpu.say(String(io.run(blocks(NVME_IO.read, 0, 32, BACK, LIST + 0x3000 - 24))));
    }, { memory });
    expect(run.said).toEqual(['0', '0']);
    expect([0, 3, 1, 2].map((page, i) => equal(run, BACK + 0x1000 * i, text.subarray(0x1000 * page, 0x1000 * page + 0x1000)))).toEqual([true, true, true, true]);
  });
  it('two queues share the disk', () => {
    const run = bench('nvme', (cpu) => {
      const { admin, io } = ready(cpu);
      const second = new Pair(cpu, 2, SQ + 0x4000, CQ + 0x4000, 4);
      admin.run({ ...createCq(2), prp1: BigInt(CQ + 0x4000) });
      admin.run({ ...createSq(2), prp1: BigInt(SQ + 0x4000) });
      io.run(blocks(NVME_IO.write, 1, 1, DATA));
      cpu.say(String(second.run(blocks(NVME_IO.read, 1, 1, BACK))));
    }, { memory, options: { ioQueues: 2 } });
    expect(equal(run, BACK, text.subarray(0, 512))).toBe(true);
  });
  it('behind a unit everything is a bus address', () => {
    const bus = new PageBus();
    for (const page of [ASQ, ACQ, SQ, CQ]) bus.map(null, BigInt(page), page);
    bus.map(null, 0x9_0000_0000n, DATA, false).map(null, 0x9_0000_1000n, BACK);
    const run = bench('nvme', (cpu) => {
      const { io } = ready(cpu);
      io.run(blocks(NVME_IO.write, 0, 1, 0x9_0000_0000n));
      io.run(blocks(NVME_IO.read, 0, 1, 0x9_0000_1000n));
      cpu.say(String(io.run(blocks(NVME_IO.read, 0, 1, 0x9_0000_0000n))));
    }, { memory, bus });
    expect(run.said).toEqual([String(NvmeStatus.dataTransferError.code)]);
    expect(equal(run, BACK, text.subarray(0, 512))).toBe(true);
  });
});

describe('queues', () => {
  it('wrap around, the phase turns, and each completion names the command and the head', () => {
    const run = bench('nvme', (cpu) => {
      const { io } = ready(cpu, 3);
      for (let i = 0; i < 7; i += 1) io.run({ opcode: NVME_IO.flush, nsid: 1 });
    });
    const last = NvmeCompletion.decode(NvmeCompletion.fromBytes(Uint8Array.from(run.read(CQ, 16))));
    expect(last).toMatchObject({ cid: 7, sqId: 1, sqHead: 1, phase: true, status: 0, type: 0, doNotRetry: false });
    expect(NvmeCompletion.decode(NvmeCompletion.fromBytes(Uint8Array.from(run.read(CQ + 16, 16))))).toMatchObject({ cid: 5, phase: false });
  });
  it('several commands go with one doorbell', () => {
    const run = bench('nvme', (cpu) => {
      const { io } = ready(cpu);
      for (let i = 0; i < 3; i += 1) io.put({ opcode: NVME_IO.flush, nsid: 1 });
      io.ring();
      for (let i = 0; i < 3; i += 1) io.take();
    });
    expect((run.device.result() as { done: { queue: number }[] }).done.filter((d) => d.queue === 1)).toHaveLength(3);
  });
  it('a full completion queue waits for the driver, and overwrites nothing', () => {
    const run = bench('nvme', (cpu) => {
      const { io } = ready(cpu);
      for (let i = 0; i < 3; i += 1) io.put({ opcode: NVME_IO.flush, nsid: 1 });
      io.ring();
      cpu.until(CQ + 32 + 14, 2, (v) => (v & 1) === 1);
      io.put({ opcode: NVME_IO.flush, nsid: 1 });
      io.ring();
      cpu.say(`${cpu.load(CQ + 48 + 14, 2)}`);
      for (let i = 0; i < 4; i += 1) cpu.say(String(io.take()));
    });
    expect(run.said).toEqual(['0', '0', '0', '0', '0']);
  });
  it('interrupts come on the vector of the completion queue, or not at all', () => {
    const vectors = (more: object): number[] => bench('nvme', (cpu) => {
      const admin = enable(cpu);
      admin.run(createCq(1, 4, more));
      admin.run(createSq());
      new Pair(cpu, 1, SQ, CQ, 4).run({ opcode: NVME_IO.flush, nsid: 1 });
    }).events.flatMap((e) => (e.kind === 'irq-raise' ? [e.vector] : []));
    expect(vectors({})).toEqual([0, 0, 1]);
    expect(vectors({ vectorOrCqid: 0 })).toEqual([0, 0, 0]);
    expect(vectors({ interrupts: false })).toEqual([0, 0]);
  });
  it('a doorbell that is no index of its queue does nothing but show', () => {
    const run = bench('nvme', (cpu) => { enable(cpu); cpu.reg('SQ0TDBL', 4); });
    expect(run.register('BAD_DOORBELL')).toBe(1);
    expect(run.device.result()).toEqual({ done: [] });
  });
  it('a queue that is no memory is fatal', () => {
    const run = bench('nvme', (cpu) => {
      const admin = enable(cpu);
      admin.run({ ...createCq(), prp1: 1n << 40n });
      admin.run(createSq());
      const io = new Pair(cpu, 1, SQ, CQ, 4);
      io.put({ opcode: NVME_IO.flush, nsid: 1 });
      io.ring();
      cpu.ready('CSTS', (v) => (v & 2) === 2);
    });
    expect(NvmeCsts.decode(BigInt(run.register('CSTS')))).toMatchObject({ RDY: true, CFS: true });
  });
  it('a deleted queue takes nothing more, and its number can be used again', () => {
    const run = bench('nvme', (cpu) => {
      const { admin, io } = ready(cpu);
      cpu.say(String(admin.run({ opcode: NVME_ADMIN.deleteSq, cdw10: 1 })));
      io.put({ opcode: NVME_IO.flush, nsid: 1 });
      io.ring();
      cpu.say(String(admin.run({ opcode: NVME_ADMIN.deleteCq, cdw10: 1 })));
      admin.run(createCq());
      admin.run(createSq());
      const again = new Pair(cpu, 1, SQ, CQ, 4);
      cpu.say(String(again.run({ opcode: NVME_IO.flush, nsid: 1 })));
    });
    expect(run.said).toEqual(['0', '0', '0']);
    expect((run.device.result() as { done: { queue: number }[] }).done.filter((d) => d.queue === 1)).toHaveLength(1);
  });
});

describe('a status for every mistake', () => {
  const admin: readonly [NvmeStatusName, string, Fields][] = [
    ['invalidOpcode', 'no such command', { opcode: 0x55 }],
    ['invalidField', 'a fused command', { ...createCq(), fuse: 1 }],
    ['invalidField', 'an SGL', { ...createCq(), psdt: 1 }],
    ['invalidField', 'a queue in pieces', { ...createCq(1, 4, { contiguous: false }) }],
    ['invalidField', 'an unknown CNS', { opcode: NVME_ADMIN.identify, cdw10: 9 }],
    ['invalidNamespace', 'identify of namespace 2', { opcode: NVME_ADMIN.identify, nsid: 2 }],
    ['dataTransferError', 'identify to nowhere', { opcode: NVME_ADMIN.identify, cdw10: 1, prp1: 1n << 50n }],
    ['prpOffset', 'a queue that is not on a page', { ...createCq(), prp1: BigInt(CQ + 16) }],
    ['invalidQueueId', 'completion queue 0', createCq(0)],
    ['invalidQueueId', 'more queues than there are', createCq(2)],
    ['invalidQueueSize', 'one entry', createCq(1, 1)],
    ['invalidQueueSize', 'above MQES', createCq(1, 65)],
    ['invalidVector', 'a vector that the controller does not have', createCq(1, 4, { vectorOrCqid: 2 })],
    ['completionQueueInvalid', 'no completion queue', createSq()],
    ['completionQueueInvalid', 'another completion queue', createSq(1, 4, { vectorOrCqid: 0 })],
    ['invalidQueueId', 'deleting what is not there', { opcode: NVME_ADMIN.deleteSq, cdw10: 1 }],
    ['invalidQueueId', 'deleting the admin queue', { opcode: NVME_ADMIN.deleteCq, cdw10: 0 }],
  ];
  it.each(admin)('admin: %s, %s', (status, _, fields) => {
    expect(bench('nvme', (cpu) => cpu.say(String(enable(cpu).run(fields)))).said).toEqual([String(NvmeStatus[status].code)]);
  });
  const io: readonly [NvmeStatusName, string, Fields][] = [
    ['invalidOpcode', 'no such command', { opcode: 0x55, nsid: 1 }],
    ['success', 'a flush of all namespaces', { opcode: NVME_IO.flush, nsid: 0xffff_ffff }],
    ['invalidNamespace', 'a flush of namespace 0', { opcode: NVME_IO.flush, nsid: 0 }],
    ['invalidNamespace', 'namespace 2', { ...blocks(NVME_IO.read, 0, 1, BACK), nsid: 2 }],
    ['invalidField', 'more than MDTS', blocks(NVME_IO.read, 0, 33, BACK, LIST)],
    ['lbaOutOfRange', 'beyond the end', blocks(NVME_IO.read, 64, 1, BACK)],
    ['lbaOutOfRange', 'over the end', blocks(NVME_IO.write, 63, 2, BACK)],
    ['lbaOutOfRange', 'far beyond', { ...blocks(NVME_IO.read, 0, 1, BACK), cdw11: 0xffff_ffff }],
    ['prpOffset', 'an odd address', blocks(NVME_IO.read, 0, 1, BACK + 2)],
    ['prpOffset', 'a second page with an offset', blocks(NVME_IO.read, 0, 8, BACK + 512, BACK + 0x1200)],
    ['prpOffset', 'a list at an odd place', blocks(NVME_IO.read, 0, 24, BACK, LIST + 4)],
    ['prpOffset', 'an entry with an offset', blocks(NVME_IO.read, 0, 24, BACK, DATA)],
    ['dataTransferError', 'a list that is no memory', blocks(NVME_IO.read, 0, 24, BACK, 1n << 50n)],
    ['dataTransferError', 'data that is no memory', blocks(NVME_IO.write, 0, 1, 1n << 50n)],
  ];
  it.each(io)('I/O: %s, %s', (status, _, fields) => {
    const run = bench('nvme', (cpu) => cpu.say(String(ready(cpu).io.run(fields))), { memory });
    expect(run.said).toEqual([String(NvmeStatus[status].code)]);
    expect(run.device.result()).toMatchObject({ done: [{}, {}, { status }] });
  });
  it('deleting a completion queue before its submission queue, creating a queue twice', () => {
    const { said } = bench('nvme', (cpu) => {
      const { admin: queue } = ready(cpu);
      for (const fields of [{ opcode: NVME_ADMIN.deleteCq, cdw10: 1 }, createCq(), createSq()]) cpu.say(String(queue.run(fields)));
    });
    expect(said).toEqual([NvmeStatus.invalidDeletion, NvmeStatus.invalidQueueId, NvmeStatus.invalidQueueId].map(({ code }) => String(code)));
  });
  it('every status but that is in these tables', () => {
    const seen = new Set<string>([...admin, ...io].map(([status]) => status));
    expect(Object.keys(NvmeStatus).filter((s) => !seen.has(s))).toEqual(['invalidDeletion']);
  });
});

it('any command gives a completion', () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const numbers = randomNumbers(seed);
    const draw = (n: number): number => numbers.next().value % n;
    const address = (): bigint => [BigInt(BACK + draw(0x3000)), BigInt(BACK + 0x1000 * draw(4)), BigInt(draw(2 ** 32)) << BigInt(draw(33)), BigInt(LIST)][draw(4)] ?? 0n;
    const entry = BigInt(BACK + 0x1000 * draw(4) + (draw(5) === 0 ? 8 : 0));
    const run = bench('nvme', (cpu) => {
      const { admin, io } = ready(cpu);
      cpu.store(LIST, 8, entry);
      cpu.store(LIST + 8, 8, entry);
      for (let i = 0; i < 3; i += 1) {
        const fields: Fields = { opcode: draw(10) === 0 ? draw(256) : draw(7), fuse: draw(16) === 0 ? 1 : 0, nsid: draw(8) === 0 ? draw(2 ** 32) : 1, prp1: address(), prp2: address(), cdw10: draw(3) === 0 ? draw(2 ** 32) : draw(70), cdw11: draw(12) === 0 ? draw(2 ** 32) : draw(4), cdw12: draw(12) };
        (draw(2) === 0 && i < 2 ? admin : io).put(fields);
      }
      admin.ring();
      io.ring();
    }, { trace: false, steps: 60_000 });
    const { done } = run.device.result() as { done: unknown[] };
    expect(done.length + (run.register('CSTS') & 2), `seed ${seed}`).toBeGreaterThan(2);
  }
});

describe('the barriers', () => {
  it('entry before doorbell: with a relaxed doorbell and no wmb an old entry may be fetched', () => {
    const run = (fence: string | null): string[] => outcomes('nvme', (cpu) => {
      const admin = enable(cpu);
      cpu.explore();
      cpu.store(ASQ, 8, BigInt(NVME_ADMIN.deleteSq) | (9n << 16n));
      if (fence !== null) cpu.fence(fence);
      cpu.reg('SQ0TDBL', 1);
      admin.take();
      cpu.fence('dsb.sy');
      cpu.say(`completed ${cpu.load(ACQ + 12, 2)}`);
    }, 1, { profile: 'arm64' });
    expect(run(null)).toEqual(['completed 0', 'completed 9']);
    expect(run('dsb.st')).toEqual(['completed 9']);
  });
  it('phase before the rest: without dma_rmb the data of a read may be old', () => {
    const run = (fence: string | null): string[] => outcomes('nvme', (cpu) => {
      const { io } = ready(cpu);
      io.run(blocks(NVME_IO.write, 0, 1, DATA));
      io.put(blocks(NVME_IO.read, 0, 1, BACK));
      cpu.fence('dsb.st');
      cpu.explore();
      io.ring();
      cpu.until(CQ + 16 + 14, 2, (v) => (v & 1) === 1);
      if (fence !== null) cpu.fence(fence);
      cpu.say(cpu.load(BACK, 8) === 0n ? 'old' : 'new');
    }, 1, { profile: 'arm64', memory, kinds: ['read'] });
    expect(run(null)).toEqual(['new', 'old']);
    expect(run('dmb.oshld')).toEqual(['new']);
  });
});
