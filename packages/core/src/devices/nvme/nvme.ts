// SPDX-License-Identifier: Apache-2.0
/**
 * An NVMe controller with a small RAM disk: an admin queue, up to two I/O queue
 * pairs, and an engine for each, so that they overtake one another as real ones do.
 */
import type { Agent, Port } from '../../base/port.ts';
import type { DmaPort } from '../../pcie/dma-port.ts';
import { dmaPort, type Device, type DeviceContext, type DeviceSpec } from '../device.ts';
import { Switch } from '../lifecycle.ts';
import { integerOption, rejectUnknownOptions } from '../options.ts';
import { RegisterBank, type RegisterTable } from '../registers.ts';
import { Disk } from './disk.ts';
import { readRegions, regionsOf, writeRegions } from './prp.ts';
import { QueuePair, type Bank, type Command, type Done } from './queue-pair.ts';
import { NVME_ADMIN, NVME_BLOCK_SHIFT, NVME_ENTRIES, NVME_IO, NVME_IO_QUEUES, NVME_MDTS, NVME_PAGE, NVME_VERSION, NVME_WINDOW, NvmeAqa, NvmeCc, NvmeCsts, NvmeRegisters, type NvmeStatusName } from './registers.ts';
import { NvmeCreateQueue, NvmeIdentifyController, NvmeIdentifyNamespace } from './structures.ts';

export const NVME_OPTIONS = {
  ioQueues: `I/O queue pairs: 1 to ${NVME_IO_QUEUES}, 1 when left out.`,
  blocks: 'Size of the disk in blocks of 512 bytes: 1 to 4096, 64 when left out.',
};

/** Options: `NVME_OPTIONS`. @throws RangeError for any other, or a value out of range */
export function createNvme(spec: DeviceSpec, context: DeviceContext): Device {
  rejectUnknownOptions(spec, Object.keys(NVME_OPTIONS));
  const ioQueues = integerOption(spec, 'ioQueues', 1, 1, NVME_IO_QUEUES);
  const blocks = integerOption(spec, 'blocks', 64, 1, 4096);
  const done: Done[][] = [];
  const queueAgent = (q: number): Agent => {
    const list: Done[] = (done[q] = []);
    return {
      id: q === 0 ? `${spec.id}.admin` : `${spec.id}.q${q}`,
      kind: 'device',
      run(port) {
        list.length = 0;
        const dma = dmaPort(port, context);
        const disk = new Disk(port, spec.id, blocks);
        const bank = bankOf(port, spec.id);
        new QueuePair(port, spec.id, q, dma, (command) => (q === 0 ? admin(bank, dma, command, ioQueues, blocks) : io(dma, disk, command)), list).run();
      },
    };
  };
  const controller: Agent = { id: spec.id, kind: 'device', run: (port) => control(port, bankOf(port, spec.id), ioQueues) };
  return {
    id: spec.id,
    kind: spec.kind,
    title: 'NVMe controller',
    agents: [controller, ...Array.from({ length: ioQueues + 1 }, (_, q) => queueAgent(q))],
    registers: NvmeRegisters,
    mmioSize: NVME_WINDOW,
    vectors: ioQueues + 1,
    result: () => ({ done: done.flatMap((list) => list.map((d) => ({ ...d }))) }),
  };
}

const bankOf = (port: Port, id: string): Bank => new RegisterBank<RegisterTable>(port, id, NvmeRegisters);

/** Ends a queue pair. Its engine may be waiting for a completion to be taken: another content of that doorbell rouses it. */
function end(bank: Bank, q: number): void {
  const doorbell = `CQ${q}HDBL`;
  new Switch(bank, `Q${q}_EPOCH`, [`Q${q}_BUSY`]).off(() => bank.set(doorbell, (bank.read(doorbell) ^ 0x8000_0000) >>> 0));
}

/** Begins one. Doorbells of an earlier life count no more. */
function begin(bank: Bank, q: number): void {
  bank.set(`SQ${q}TDBL`, 0);
  bank.set(`CQ${q}HDBL`, 0);
  new Switch(bank, `Q${q}_EPOCH`, [`Q${q}_BUSY`]).on();
}

function setRing(bank: Bank, q: number, ring: 'SQ' | 'CQ', address: bigint, size: number): void {
  bank.set(`Q${q}_${ring}_LO`, Number(address & 0xffff_ffffn));
  bank.set(`Q${q}_${ring}_HI`, Number(address >> 32n));
  bank.set(`Q${q}_${ring}_SIZE`, size);
}

/** 3.5.1 "Memory-based Controller Initialization", 3.6 "Shutdown", 3.7.2 "Controller Level Reset". */
function control(port: Port, bank: Bank, ioQueues: number): void {
  const queues = Array.from({ length: ioQueues + 1 }, (_, q) => q);
  let state: 'off' | 'on' | 'shut' | 'failed' = 'off';
  for (;;) {
    const cc = NvmeCc.decode(BigInt(bank.nextFromZero('CC')));
    if (!cc.EN) {
      for (const q of queues) end(bank, q);
      for (const q of queues) setRing(bank, q, 'CQ', 0n, 0);
      bank.set('BAD_DOORBELL', 0);
      state = 'off';
      bank.set('CSTS', 0);
      port.note?.('device', { patch: { state }, text: 'reset' });
    } else if (state === 'off') {
      const aqa = NvmeAqa.decode(BigInt(bank.read('AQA')));
      const asq = bank.pair('ASQ_LO', 'ASQ_HI');
      const acq = bank.pair('ACQ_LO', 'ACQ_HI');
      const page = BigInt(NVME_PAGE);
      const fits = aqa.ASQS >= 1 && aqa.ACQS >= 1 && asq % page === 0n && acq % page === 0n && cc.MPS === 0 && cc.CSS === 0;
      state = fits ? 'on' : 'failed';
      if (fits) {
        setRing(bank, 0, 'SQ', asq, aqa.ASQS + 1);
        setRing(bank, 0, 'CQ', acq, aqa.ACQS + 1);
        bank.set('Q0_VECTOR', 1);
        begin(bank, 0);
      }
      bank.set('CSTS', Number(NvmeCsts.encode(fits ? { RDY: true } : { CFS: true })));
      port.note?.('device', { patch: { state }, text: fits ? 'ready' : 'the admin registers make no sense' });
    }
    if (cc.EN && cc.SHN !== 0 && state === 'on') {
      for (const q of queues) end(bank, q);
      state = 'shut';
      bank.set('CSTS', Number(NvmeCsts.encode({ RDY: true, SHST: 2 })));
    }
  }
}

function admin(bank: Bank, dma: DmaPort, command: Command, ioQueues: number, blocks: number): NvmeStatusName {
  const isIo = (q: number): boolean => q >= 1 && q <= ioQueues;
  const hasCq = (q: number): boolean => bank.read(`Q${q}_CQ_SIZE`) !== 0;
  const hasSq = (q: number): boolean => bank.read(`Q${q}_EPOCH`) % 2 === 1;
  const { qid, size, contiguous, interrupts, vectorOrCqid } = NvmeCreateQueue.decode((BigInt(command.cdw11) << 32n) | BigInt(command.cdw10));
  const badShape = (): NvmeStatusName | null => {
    if (size < 1 || size >= NVME_ENTRIES) return 'invalidQueueSize';
    if (!contiguous) return 'invalidField';
    return command.prp1 % BigInt(NVME_PAGE) === 0n ? null : 'prpOffset';
  };
  switch (command.opcode) {
    case NVME_ADMIN.createCq: {
      if (!isIo(qid) || hasCq(qid)) return 'invalidQueueId';
      const wrong = badShape();
      if (wrong !== null) return wrong;
      if (interrupts && vectorOrCqid > ioQueues) return 'invalidVector';
      bank.set(`Q${qid}_VECTOR`, interrupts ? vectorOrCqid + 1 : 0);
      setRing(bank, qid, 'CQ', command.prp1, size + 1);
      return 'success';
    }
    case NVME_ADMIN.createSq: {
      if (!isIo(qid) || hasSq(qid)) return 'invalidQueueId';
      if (vectorOrCqid !== qid || !hasCq(qid)) return 'completionQueueInvalid';
      const wrong = badShape();
      if (wrong !== null) return wrong;
      setRing(bank, qid, 'SQ', command.prp1, size + 1);
      begin(bank, qid);
      return 'success';
    }
    case NVME_ADMIN.deleteSq:
      if (!isIo(qid) || !hasSq(qid)) return 'invalidQueueId';
      end(bank, qid);
      return 'success';
    case NVME_ADMIN.deleteCq:
      if (!isIo(qid) || !hasCq(qid)) return 'invalidQueueId';
      if (hasSq(qid)) return 'invalidDeletion';
      setRing(bank, qid, 'CQ', 0n, 0);
      return 'success';
    case NVME_ADMIN.identify:
      return identify(dma, command, blocks);
    default:
      return 'invalidOpcode';
  }
}

/** Text as it lies in memory, filled with blanks. */
function ascii(text: string, length: number): bigint {
  return [...text.padEnd(length)].reduceRight((sum, c) => (sum << 8n) | BigInt(c.charCodeAt(0)), 0n);
}

function identify(dma: DmaPort, command: Command, blocks: number): NvmeStatusName {
  const cns = command.cdw10 & 0xff;
  if (cns > 1) return 'invalidField';
  if (cns === 0 && command.nsid !== 1) return 'invalidNamespace';
  const size = BigInt(blocks);
  const bytes =
    cns === 0
      ? NvmeIdentifyNamespace.toBytes(NvmeIdentifyNamespace.encode({ size, capacity: size, used: size, blockShift: NVME_BLOCK_SHIFT }))
      : NvmeIdentifyController.toBytes(NvmeIdentifyController.encode({ vendor: 0xffff, serial: ascii('1', 20), model: ascii('dmalab RAM disk', 40), maxTransfer: NVME_MDTS, version: NVME_VERSION, sqEntry: 0x66, cqEntry: 0x44, namespaces: 1 }));
  return transfer(dma, command, bytes.length, (regions) => writeRegions(dma, regions, bytes, 'identify'));
}

function io(dma: DmaPort, disk: Disk, command: Command): NvmeStatusName {
  // A flush may be for all namespaces at once.
  if (command.opcode === NVME_IO.flush) return command.nsid === 1 || command.nsid === 0xffff_ffff ? 'success' : 'invalidNamespace';
  if (command.nsid !== 1) return 'invalidNamespace';
  if (command.opcode !== NVME_IO.read && command.opcode !== NVME_IO.write) return 'invalidOpcode';
  const first = (BigInt(command.cdw11) << 32n) | BigInt(command.cdw10);
  const count = (command.cdw12 & 0xffff) + 1;
  const length = count << NVME_BLOCK_SHIFT;
  if (length > NVME_PAGE << NVME_MDTS) return 'invalidField';
  if (first + BigInt(count) > BigInt(disk.blocks)) return 'lbaOutOfRange';
  const block = Number(first);
  return transfer(dma, command, length, (regions) => {
    if (command.opcode === NVME_IO.read) return writeRegions(dma, regions, disk.read(block, count), 'data');
    const bytes = readRegions(dma, regions, 'data');
    if (bytes !== null) disk.write(block, bytes);
    return bytes !== null;
  });
}

function transfer(dma: DmaPort, command: Command, length: number, move: (regions: Exclude<ReturnType<typeof regionsOf>, string>) => boolean): NvmeStatusName {
  const regions = regionsOf(dma, command.prp1, command.prp2, length);
  if (typeof regions === 'string') return regions;
  return move(regions) ? 'success' : 'dataTransferError';
}
