// SPDX-License-Identifier: Apache-2.0
/**
 * Devices that share address spaces with processes and the kernel: behind a
 * RISC-V IOMMU that walks real tables in the same memory, and behind a function
 * with ATS and page requests.
 */
import { describe, expect, it } from 'vitest';
import { DSA_COMMANDS, DSA_OPCODES, DsaCommand, DsaLaunch, DsaStatus, DsaWqLimits, DsaWqMode } from '../devices/dsa/registers.ts';
import { DsaCompletion, DsaDescriptor } from '../devices/dsa/structures.ts';
import { OWN } from '../devices/ring-nic/descriptor.ts';
import { WalkerErrors, WalkerFlags, WalkerOp, WalkerPasid, WalkerStatus } from '../devices/tree-walker/registers.ts';
import { WalkerNode } from '../devices/tree-walker/structures.ts';
import { IofenceCommand, IotinvalCommand } from '../iommu/riscv/records.ts';
import { OFFSET } from '../iommu/riscv/registers.ts';
import { BaseDeviceContext, ProcessContext } from '../iommu/riscv/structures.ts';
import { PageTableEntry } from '../mmu/formats/riscv-entries.ts';
import { Endpoint } from '../pcie/endpoint.ts';
import { Fabric } from '../pcie/fabric.ts';
import { PageHandler } from '../pcie/page-handler.ts';
import { PageMapUnit } from '../pcie/page-map.test-support.ts';
import { PageRequests } from '../pcie/page-requests.ts';
import { bench, SOURCE, type BenchOptions, type BenchResult, type Cpu } from './device-bench.test-support.ts';

const DIRECTORY = 0x2_0000;
const PROCESSES = 0x2_1000;
const COMMANDS = 0x2_2000;
const FENCE = 0x2_3000;
/** Three table pages each. */
const TABLES = 0x3_0000;
const VA = 0x4000_0000;
const RECORD_PAGE = 0x6_0000;
type Flags = Parameters<typeof PageTableEntry.encode>[0];
type Page = readonly [page: number, to: number, flags?: Flags];
const USER: Flags = { U: true, R: true, W: true, A: true, D: true };
const KERNEL: Flags = { R: true, W: true, A: true, D: true };

const word = (address: number, raw: bigint, size = 8) => ({ address, bytes: Uint8Array.from({ length: size }, (_, i) => Number((raw >> BigInt(8 * i)) & 0xffn)) });
const leafAt = (process: number, page: number): number => TABLES + 0x3000 * process + 0x2000 + 8 * page;
const leaf = (to: number, flags: Flags = USER): bigint => PageTableEntry.encode({ V: true, ...flags, PPN: BigInt(to >> 12) });

/** Directory, process directory, and a Sv39 table for each process, which lies at VA. Process i has PASID i + 1. */
function spaces(...processes: readonly (readonly Page[])[]) {
  const pointer = (to: number): bigint => PageTableEntry.encode({ V: true, PPN: BigInt(to >> 12) });
  return [
    word(DIRECTORY + 32 * SOURCE, BaseDeviceContext.encode({ V: true, PDTV: true, fsc_MODE: 1, fsc_PPN: BigInt(PROCESSES >> 12) }), 32),
    ...processes.flatMap((pages, i) => {
      const root = TABLES + 0x3000 * i;
      return [
        word(PROCESSES + 16 * (i + 1), ProcessContext.encode({ V: true, ENS: true, SUM: true, PSCID: i + 1, fsc_MODE: 8, fsc_PPN: BigInt(root >> 12) }), 16),
        word(root + 8, pointer(root + 0x1000)),
        word(root + 0x1000, pointer(root + 0x2000)),
        ...pages.map(([page, to, flags]) => word(leafAt(i, page), leaf(to, flags))),
      ];
    }),
  ];
}
const iommu: BenchOptions['iommu'] = {
  kind: 'riscv',
  iotlb: 8,
  contexts: 4,
  coherentWalks: true,
  reads: [],
  setup: [
    [OFFSET.ddtp, 8, 2n | (BigInt(DIRECTORY >> 12) << 10n)],
    [OFFSET.cqb, 8, (BigInt(COMMANDS >> 12) << 10n) | 3n],
    [OFFSET.cqcsr, 4, 1n],
  ],
};

function startDsa(cpu: Cpu, mode: Parameters<typeof DsaWqMode.encode>[0]): void {
  cpu.reg('WQCFG0_SIZE', 4);
  cpu.reg('WQCFG0_THRESHOLD', 4);
  cpu.reg('WQCFG0_MODE', Number(DsaWqMode.encode(mode)));
  cpu.reg('WQCFG0_LIMITS', Number(DsaWqLimits.encode({ maxTransferShift: 13, maxBatchShift: 3 })));
  for (const [i, command] of [DSA_COMMANDS.enableDevice, DSA_COMMANDS.enableWq].entries()) {
    cpu.reg('CMD', Number(DsaCommand.encode({ command })));
    cpu.ready('CMDSTS', (v) => v >>> 24 === i + 1);
  }
}
function submit(cpu: Cpu, fields: Parameters<typeof DsaDescriptor.encode>[0], sequence: number, kind: 'movdir64b' | 'enqcmd' | 'enqcmds'): void {
  const raw = DsaDescriptor.encode({ CRAV: true, RCR: true, ...fields });
  for (let i = 0; i < 8; i += 1) cpu.reg(`P0_W${i}`, (raw >> BigInt(64 * i)) & 0xffff_ffff_ffff_ffffn);
  cpu.reg('P0_LAUNCH', Number(DsaLaunch.encode({ kind, sequence })));
}
const recordAt = (run: BenchResult, at: number): ReturnType<typeof DsaCompletion.decode> => DsaCompletion.decode(DsaCompletion.fromBytes(Uint8Array.from(run.read(at, 32))));

describe('the accelerator in processes\' address spaces', () => {
  const memory = [
    ...spaces([[0, 0x5_0000], [1, 0x5_1000], [2, RECORD_PAGE], [3, 0x5_8000, KERNEL], [4, 0x5_0000, { ...USER, W: false, D: false }]], [[0, 0x5_4000], [1, 0x5_5000], [2, RECORD_PAGE]]),
    { address: 0x5_0000, bytes: Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1) },
    { address: 0x5_4000, bytes: Uint8Array.of(2, 2, 2, 2, 2, 2, 2, 2) },
    { address: 0x5_8000, bytes: Uint8Array.of(3, 3, 3, 3, 3, 3, 3, 3) },
  ];
  const move = (pasid: number, o: { from?: number; to?: number; record?: number } = {}) => ({ opcode: DSA_OPCODES.memmove, pasid, source: BigInt(o.from ?? VA), destination: BigInt(o.to ?? VA + 0x1000), size: 8, completionAddress: BigInt(VA + 0x2000 + (o.record ?? 0)) });

  it('the same descriptor in two processes moves two different things', () => {
    const run = bench('dsa', (cpu) => {
      startDsa(cpu, { pasidEnable: true });
      submit(cpu, move(1), 1, 'enqcmd');
      submit(cpu, move(2, { record: 32 }), 2, 'enqcmd');
      cpu.until(RECORD_PAGE, 1, (v) => v !== 0);
      cpu.until(RECORD_PAGE + 32, 1, (v) => v !== 0);
    }, { memory, iommu, options: { reorder: false } });
    expect([recordAt(run, RECORD_PAGE).status, recordAt(run, RECORD_PAGE + 32).status]).toEqual([1, 1]);
    expect([run.read(0x5_1000, 8), run.read(0x5_5000, 8)]).toEqual([Array(8).fill(1), Array(8).fill(2)]);
  });

  it.each([
    ['a page of the kernel', { from: VA + 0x3000 }, 'enqcmd', false, 'translation'],
    ['a page of the kernel, as a privileged descriptor', { from: VA + 0x3000 }, 'enqcmds', true, 'success'],
    ['the privilege of user mode is taken away', { from: VA + 0x3000 }, 'enqcmd', true, 'translation'],
    ['a page that may only be read', { to: VA + 0x4000 }, 'enqcmd', false, 'translation'],
    ['a page that is not there', { from: VA + 0x9000 }, 'enqcmd', false, 'translation'],
  ] as const)('%s', (_, o, kind, priv, status) => {
    const run = bench('dsa', (cpu) => {
      startDsa(cpu, { pasidEnable: true, priv: true });
      submit(cpu, { ...move(1, o), priv }, 1, kind);
      cpu.until(RECORD_PAGE, 1, (v) => v !== 0);
    }, { memory, iommu });
    expect(recordAt(run, RECORD_PAGE)).toMatchObject({ status: DsaStatus[status].code });
  });
});

describe('a walker in the kernel\'s address space', () => {
  const node = (payload: number, right = 0): Uint8Array => WalkerNode.toBytes(WalkerNode.encode({ payload: BigInt(payload), right: BigInt(right) }));
  const memory = [...spaces([[0, 0x5_0000, KERNEL], [1, 0x5_1000, KERNEL]]), { address: 0x5_0000, bytes: node(1, VA + 0x1000) }, { address: 0x5_1000, bytes: node(2) }];
  const ended = (run: BenchResult): [string, number] => [Object.entries(WalkerErrors).find(([, { code }]) => code === WalkerStatus.decode(BigInt(run.register('STATUS'))).error)?.[0] ?? '?', run.register('RESULT_LO')];

  function walk(cpu: Cpu, count: number, priv = true): void {
    cpu.pair('ROOT_LO', 'ROOT_HI', BigInt(VA));
    cpu.reg('OP', Number(WalkerOp.encode({ kind: 'listSum' })));
    cpu.reg('PASID', Number(WalkerPasid.encode({ pasid: 1, valid: true })));
    cpu.reg('FLAGS', Number(WalkerFlags.encode({ priv })));
    cpu.reg('DOORBELL', count);
    cpu.ready('STATUS', (v) => v >>> 16 === count);
  }
  it('follows kernel pointers, with privilege', () => {
    expect(ended(bench('tree-walker', (cpu) => walk(cpu, 1), { memory, iommu }))).toEqual(['ok', 3]);
    expect(ended(bench('tree-walker', (cpu) => walk(cpu, 1, false), { memory, iommu }))[0]).toBe('refused');
  });

  /** vfree: the entry goes, the page gets another owner, who puts something of his own there. */
  const freed = (tells: boolean): [string, number] => ended(bench('tree-walker', (cpu) => {
    walk(cpu, 1);
    cpu.store(leafAt(0, 1), 8, 0n);
    if (tells) {
      [IotinvalCommand.encode({ opcode: 1, func3: 0 }), IofenceCommand.encode({ opcode: 2, func3: 0, AV: true, PR: true, PW: true, DATA: 1, ADDR: BigInt(FENCE) >> 2n })].forEach((raw, i) => {
        cpu.store(COMMANDS + 16 * i, 8, raw & 0xffff_ffff_ffff_ffffn);
        cpu.store(COMMANDS + 16 * i + 8, 8, raw >> 64n);
      });
      cpu.unit(OFFSET.cqt, 4, 2);
      cpu.until(FENCE, 4, (v) => v === 1);
    }
    cpu.put(0x5_1000, node(665));
    walk(cpu, 2);
  }, { memory, iommu }));
  it('after vfree without telling the IOMMU it walks into the page of the next owner', () => {
    expect(freed(false)).toEqual(['ok', 666]);
  });
  it('with the invalidation, and waiting for it, it is refused', () => {
    expect(freed(true)[0]).toBe('refused');
  });
});

describe('devices that know nothing of PASIDs', () => {
  it('the NIC sends from addresses that only the tables know', () => {
    const memory = [...spaces([]), word(DIRECTORY + 32 * SOURCE, BaseDeviceContext.encode({ V: true, fsc_MODE: 8, fsc_PPN: BigInt(TABLES >> 12) }), 32), word(TABLES + 8, PageTableEntry.encode({ V: true, ...USER, PPN: 0n })), { address: 0x5_0000, bytes: Uint8Array.of(9, 8, 7) }];
    const run = bench('ring-nic', (cpu) => {
      cpu.store(0x5_1000, 8, BigInt(VA + 0x5_0000));
      cpu.store(0x5_1008, 2, 3);
      cpu.store(0x5_100a, 2, OWN);
      cpu.reg('RING_LO', VA + 0x5_1000);
      cpu.reg('RING_SIZE', 2);
      cpu.reg('CTRL', 1);
      cpu.reg('DOORBELL', 0);
    }, { memory, iommu });
    expect(run.device.result()).toMatchObject({ sent: [{ address: '0x40050000', length: 3, ok: true }] });
  });
});

describe('block on fault, with page requests', () => {
  let asked = 0;
  /** A function with ATS and page requests before a unit that is a map; the process has the pages that are named. */
  const path = (has: readonly number[]): NonNullable<BenchOptions['path']> => () => {
    const fabric = new Fabric();
    const unit = new PageMapUnit(fabric);
    fabric.attach(unit);
    const pages = new PageRequests({ capacity: 8, responsePasidRequired: true });
    pages.allocation = 4;
    pages.enabled = true;
    const control = { busMaster: true, relaxedOrdering: true, ats: true, pasid: true, executePermission: false, privilegedMode: true, pasidBits: 20 };
    unit.map(5, BigInt(VA + 0x2000), BigInt(RECORD_PAGE));
    unit.map(5, BigInt(VA), 0x5_0000n);
    const handler = new PageHandler(unit, [{ pasid: 5, fault: ({ address }) => {
      asked += 1;
      const page = Number(address) - VA;
      if (has.includes(page)) unit.map(5, address, 0x5_0000n + BigInt(page));
      return has.includes(page);
    } }]);
    fabric.software = () => handler.run();
    return { bus: new Endpoint({ source: SOURCE, link: fabric.link(SOURCE), control, pages }), source: SOURCE };
  };
  const memory = [{ address: 0x5_0000, bytes: Uint8Array.of(7, 7, 7, 7, 7, 7, 7, 7) }];
  const run = (BOF: boolean, has: readonly number[]): BenchResult => {
    asked = 0;
    return bench('dsa', driver(BOF), { memory, path: path(has) });
  };
  const driver = (BOF: boolean) => (cpu: Cpu): void => {
    startDsa(cpu, { dedicated: true, bof: true, pasidEnable: true, pasid: 5 });
    submit(cpu, { opcode: DSA_OPCODES.memmove, BOF, source: BigInt(VA), destination: BigInt(VA + 0x1000), size: 8, completionAddress: BigInt(VA + 0x2000) }, 1, 'movdir64b');
    cpu.until(RECORD_PAGE, 1, (v) => v !== 0);
  };

  it('the page is asked for, made present, and the operation goes on', () => {
    const done = run(true, [0x1000]);
    expect(recordAt(done, RECORD_PAGE)).toMatchObject({ status: DsaStatus.success.code, bytesCompleted: 8 });
    expect(done.read(0x5_1000, 8)).toEqual(Array(8).fill(7));
    expect(asked).toBeGreaterThan(0);
  });
  it('a process that has no such page: the request was refused', () => {
    expect(recordAt(run(true, []), RECORD_PAGE)).toMatchObject({ status: DsaStatus.pageFaultRefused.code, write: true, faultAddress: BigInt(VA + 0x1000) });
  });
  it('without BOF nobody is asked', () => {
    expect(recordAt(run(false, [0x1000]), RECORD_PAGE)).toMatchObject({ status: DsaStatus.pageFault.code, write: true, bytesCompleted: 0, faultAddress: BigInt(VA + 0x1000) });
    expect(asked).toBe(0);
  });
});
