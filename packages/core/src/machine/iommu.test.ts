// SPDX-License-Identifier: Apache-2.0
/**
 * A device whose accesses go through an IOMMU that walks real tables, each
 * access of the walk under the memory model. Every test explores every
 * execution; the lists of outcomes are complete.
 */
import { describe, expect, it } from 'vitest';
import { plain } from '../base/choice.ts';
import type { TraceEvent } from '../base/events.ts';
import { createState, apply } from '../base/reducer.ts';
import { sentence } from '../base/sentence.ts';
import { createDevice } from '../devices/table.ts';
import { resetContents } from '../devices/registers.ts';
import { OFFSET as RISCV } from '../iommu/riscv/registers.ts';
import { ResumeCommand } from '../iommu/smmu/commands-layout.ts';
import { OFFSET as SMMU, QueueBase } from '../iommu/smmu/registers.ts';
import { StreamTableEntry } from '../iommu/smmu/structures.ts';
import { Capability } from '../iommu/vtd/capabilities.ts';
import { OFFSET as VTD } from '../iommu/vtd/registers.ts';
import { FirstStageEntry, PasidDirectoryEntry, PasidEntry, ScalableContextEntry, ScalableRootEntry } from '../iommu/vtd/structures.ts';
import { initialState } from '../memory/initial.ts';
import { PageTableEntry } from '../mmu/formats/riscv-entries.ts';
import { afterRing, CONTEXT, Cpu, ENTRY, FENCE, INTERRUPT, IOVA, look, outcomes, PAGE, queued, RAM, reaches, READY, RECORDS, riscvContext, riscvLeaf, ROOT, run, SOURCE, SYSTEMS, type Spec } from './iommu-bench.test-support.ts';
import { INTERRUPT_WINDOW, MachineIommu, USUAL, type IommuKind, type IommuSpec } from './iommu.ts';
import { OperationalMachine } from './operational.ts';
import { CORE_PROFILES, type CoreProfileId } from './profile.ts';

const KINDS: readonly IommuKind[] = ['riscv', 'vtd', 'smmuv3'];

describe('mapping a page, then telling the device', () => {
  const map = (kind: IommuKind, profile: CoreProfileId, ...fences: (string | null)[]): string[] =>
    outcomes({
      profile,
      iommu: { kind },
      memory: [...SYSTEMS[kind].contexts, [PAGE, 7n, 8]],
      cpu: (cpu) => {
        cpu.store(ENTRY, SYSTEMS[kind].leaf);
        cpu.fence(...fences);
        cpu.ring();
      },
      device: afterRing,
    });

  it.each([
    ['arm64', 'dmb.oshst'],
    ['riscv64', 'fence.w.o'],
    ['strict', 'wmb'],
  ] as const)('on %s the unit may read the entry before it is there, unless %s lies between', (profile, fence) => {
    for (const kind of KINDS) {
      expect(map(kind, profile)).toEqual(['7', 'refused']);
      expect(map(kind, profile, fence)).toEqual(['7']);
    }
  });

  it('on x86-64 stores leave in order, and nothing is needed', () => {
    for (const kind of KINDS) expect(map(kind, 'x86-64')).toEqual(['7']);
  });

  it('on strict, smp_wmb orders for CPUs only', () => {
    expect(map('riscv', 'strict', 'smp_wmb')).toEqual(['7', 'refused']);
  });
});

describe('a context of 32 bytes is read in pieces', () => {
  // The first word holds V, the last one the root of the table; GSCID and PSCID lie between and are 0.
  const attach = (profile: CoreProfileId, validLast: boolean, fence: string | null): string[] => {
    const words = [CONTEXT + 24, CONTEXT].map((address) => [address, (riscvContext() >> BigInt(8 * (address - CONTEXT))) & ((1n << 64n) - 1n)] as const);
    return outcomes({
      profile,
      iommu: { kind: 'riscv' },
      memory: [[ENTRY, riscvLeaf(), 8], [PAGE, 7n, 8]],
      cpu: (cpu) => {
        for (const [i, [address, word]] of (validLast ? words : words.toReversed()).entries()) {
          if (i > 0) cpu.fence(fence);
          cpu.store(address, word);
        }
      },
      // The device does not wait. A context that is valid with fsc still 0 is Bare: IOVA is the address, which is no RAM here.
      device: (dma, _ring, out) => {
        const { value, fault } = dma.tryLoad(IOVA + BigInt(PAGE), 4, 'data');
        out(fault === null ? String(value) : fault.status);
      },
    });
  };

  it('valid first: the device can slip through a table that is not attached yet', () => {
    for (const profile of ['x86-64', 'arm64'] as const) expect(attach(profile, false, null)).toEqual(['7', 'not-memory', 'unsupported-request']);
  });

  it('valid last with a barrier: it is refused or translated, never half', () => {
    expect(attach('arm64', true, 'dmb.oshst')).toEqual(['7', 'unsupported-request']);
    expect(attach('strict', true, 'dma_wmb')).toEqual(['7', 'unsupported-request']);
    expect(attach('x86-64', true, null)).toEqual(['7', 'unsupported-request']);
  });

  it('valid last without one is half of the way where stores may pass each other', () => {
    expect(attach('arm64', true, null)).toEqual(['7', 'not-memory', 'unsupported-request']);
  });
});

describe('a context of 64 bytes that is used again', () => {
  /** Where the page of its last owner lies, and that owner's tables. */
  const THEIRS = 0x5_1000;
  const OLD_ROOT = 0x6_0000;
  const [OLD_SECOND, OLD_THIRD, OLD_LAST] = [0x6_1000, 0x6_2000, 0x6_3000];
  const NEW_SECOND = 0x6_4000;
  const TABLES = 0x2_2000;
  const frame = (address: number): bigint => BigInt(address >> 12);
  const word = (raw: bigint, i: number): bigint => (raw >> BigInt(64 * i)) & ((1n << 64n) - 1n);

  /** Its first word has the valid bit, word `second` the root of a table. */
  interface Reused {
    readonly kind: IommuKind;
    readonly setup: NonNullable<IommuSpec['setup']>;
    readonly at: number;
    readonly entry: (root: number) => bigint;
    readonly second: number;
    readonly pasid: number | null;
    readonly memory: Spec['memory'];
  }
  const first = (more: Parameters<typeof FirstStageEntry.encode>[0]): bigint => FirstStageEntry.encode({ P: true, RW: true, US: true, A: true, ...more });
  const arm = (address: number, bits: bigint): bigint => BigInt(address) | bits;
  const PAGE_OR_BLOCK = (0xfn << 2n) | (3n << 6n) | (1n << 10n);
  const CASES: readonly (readonly [string, Reused])[] = [
    ['a PASID-table entry', {
      kind: 'vtd',
      setup: [[VTD.RTADDR, 8, 0x2_0000n | (1n << 10n)], [VTD.GCMD, 4, 1n << 30n], [VTD.GCMD, 4, 1n << 31n]],
      at: TABLES + 0x1000 + 5 * 64,
      entry: (root) => PasidEntry.encode({ P: true, PGTT: 1, DID: 1, FSPTPTR: frame(root) }),
      second: 2,
      pasid: 5,
      memory: [
        [0x2_0000, ScalableRootEntry.encode({ LP: true, LCTP: frame(0x2_1000) }), 16],
        [0x2_1000 + 32 * SOURCE, ScalableContextEntry.encode({ P: true, PASIDE: true, PASIDDIRPTR: frame(TABLES) }), 32],
        [TABLES, PasidDirectoryEntry.encode({ P: true, SMPTBLPTR: frame(TABLES + 0x1000) }), 8],
        [ROOT, first({ address: frame(NEW_SECOND) }), 8], [NEW_SECOND + 8, first({ PS: true }), 8],
        [OLD_ROOT, first({ address: frame(OLD_SECOND) }), 8], [OLD_SECOND + 8, first({ address: frame(OLD_THIRD) }), 8], [OLD_THIRD, first({ address: frame(OLD_LAST) }), 8], [OLD_LAST + 8 * 0x50, first({ address: frame(THEIRS) }), 8],
      ],
    }],
    ['a stream table entry', {
      kind: 'smmuv3',
      setup: SYSTEMS.smmuv3.setup,
      at: 0x2_0000 + 64 * SOURCE,
      entry: (root) => StreamTableEntry.encode({ V: true, Config: 6, S2VMID: 1, S2T0SZ: 25, S2SL0: 1, S2PS: 4, S2AA64: true, S2R: true, S2TTB: BigInt(root) / 16n }),
      second: 3,
      pasid: null,
      memory: [
        [ROOT + 8, arm(0, PAGE_OR_BLOCK | 1n), 8],
        [OLD_ROOT + 8, arm(OLD_THIRD, 3n), 8], [OLD_THIRD, arm(OLD_LAST, 3n), 8], [OLD_LAST + 8 * 0x50, arm(THEIRS, PAGE_OR_BLOCK | 3n), 8],
      ],
    }],
  ];

  const attach = ({ kind, setup, at, entry, second, pasid, memory }: Reused, validLast: boolean, anyOrder = false, synced = false): string[] =>
    outcomes({
      profile: 'arm64',
      iommu: { kind, setup, anyOrder },
      // Its last owner cleared V, and nothing else.
      memory: [...memory, ...queued([SYSTEMS[kind].commands.done]), [at, entry(OLD_ROOT) & ~1n, 64], [PAGE, 7n, 8], [THEIRS, 9n, 8]],
      cpu: (cpu) => {
        const words = [second, 0];
        for (const [i, which] of (validLast ? words : words.toReversed()).entries()) {
          if (i > 0) cpu.fence('dmb.oshst');
          if (i > 0 && synced) {
            cpu.tail(SYSTEMS[kind].tail, 1);
            cpu.await(FENCE, 1);
          }
          cpu.store(at + 8 * which, word(entry(ROOT), which));
        }
      },
      device: (dma, _ring, out) => out(look(dma.as({ pasid }))),
    });

  it.each(CASES)('%s, valid first: the device can read the memory of its last owner', (_name, reused) => {
    expect(attach(reused, false)).toEqual(['7', '9', 'refused']);
  });
  it.each(CASES)('%s, valid last behind a barrier: never', (_name, reused) => {
    expect(attach(reused, true)).toEqual(['7', 'refused']);
  });

  it('where the unit may read pieces in any order, no barrier helps: it must be through with what it began, which a CMD_SYNC tells', () => {
    const [, [, entry]] = CASES as [unknown, readonly [string, Reused]];
    expect(attach(entry, true, true)).toEqual(['7', '9', 'refused']);
    expect(attach(entry, true, true, true)).toEqual(['7', 'refused']);
  });
});

describe('unmapping a page and giving it away', () => {
  const give = (kind: IommuKind, steps: { readonly clear?: boolean; readonly invalidate?: boolean; readonly wait?: boolean }, more: Partial<IommuSpec> = {}): Spec => {
    const { contexts, leaf, commands, tail } = SYSTEMS[kind];
    const list = [...(steps.invalidate === false ? [] : [commands.invalidate]), commands.done];
    return {
      profile: 'x86-64',
      iommu: { kind, iotlb: 4, contexts: 4, ...more },
      memory: [...contexts, [ENTRY, leaf, 8], [PAGE, 7n, 8], ...queued(list)],
      cpu: (cpu) => {
        cpu.await(READY, 1);
        if (steps.clear !== false) cpu.store(ENTRY, 0n);
        cpu.tail(tail, list.length);
        if (steps.wait !== false) cpu.await(FENCE, 1);
        cpu.store(PAGE, 666n);
      },
      // It has used the page before, so a cache may know it.
      device: (dma, _ring, out) => {
        dma.tryStore(IOVA + BigInt(READY), 4, 1, 'ready');
        out(look(dma));
      },
    };
  };

  it.each(KINDS)('%s: entry, invalidation, wait: the next owner is never seen', (kind) => {
    expect(outcomes(give(kind, {}))).toEqual(['7', 'refused']);
  });

  it.each([
    ['the invalidation', { invalidate: false }],
    ['the wait', { wait: false }],
    ['the entry', { clear: false }],
  ] as const)('without %s it is', (_what, steps) => {
    for (const kind of KINDS) expect(reaches(give(kind, steps), '666')).toBe(true);
  });

  it('an entry that is evicted early changes nothing of that', () => {
    expect(outcomes(give('riscv', {}, { lapses: ['IOTLB'] }))).toEqual(['7', 'refused']);
    // Nor does it mend anything: without the invalidation the device is now refused sometimes, and reads the next owner's data at others.
    for (const outcome of ['666', 'refused']) expect(reaches(give('riscv', { invalidate: false }, { lapses: ['IOTLB'] }), outcome)).toBe(true);
  });

  it('a unit that remembers nothing needs no invalidation, but the wait all the same', () => {
    const nothing = { iotlb: 0, contexts: 0 };
    expect(outcomes(give('riscv', { invalidate: false }, nothing))).toEqual(['7', 'refused']);
    expect(reaches(give('riscv', { invalidate: false, wait: false }, nothing), '666')).toBe(true);
  });
});

describe('a walker that does not look into the CPUs\' caches', () => {
  const map = (profile: CoreProfileId, coherentWalks: boolean, clean: boolean, fence: string): string[] =>
    outcomes({
      profile,
      iommu: { kind: 'vtd', coherentWalks },
      memory: [...SYSTEMS.vtd.contexts, [PAGE, 7n, 8]],
      cpu: (cpu) => {
        cpu.store(ENTRY, SYSTEMS.vtd.leaf);
        if (clean) cpu.clean(ENTRY);
        cpu.fence(fence);
        cpu.ring();
      },
      device: afterRing,
    });

  it('needs the entry cleaned, whether or not other devices are coherent', () => {
    expect(map('arm64-nc', false, false, 'dsb.st')).toEqual(['refused']);
    expect(map('arm64-nc', false, true, 'dsb.sy')).toEqual(['7']);
    expect(map('arm64', false, false, 'dsb.st')).toEqual(['refused']);
    expect(map('arm64', false, true, 'dsb.sy')).toEqual(['7']);
    expect(map('x86-64', false, false, 'sfence')).toEqual(['refused']);
    expect(map('x86-64', false, true, 'sfence')).toEqual(['7']);
  });

  it('and one that does needs nothing, even where other devices do not', () => {
    expect(map('arm64-nc', true, false, 'dsb.st')).toEqual(['7']);
  });
});

describe('a unit before which stores stay in buffers (CAP.RWBF)', () => {
  const map = (flush: boolean, wait: boolean): string[] =>
    outcomes({
      profile: 'x86-64',
      iommu: { kind: 'vtd', vtd: { capability: USUAL.vtd.capability | Capability.encode({ RWBF: true }) }, reads: ['GSTS'] },
      memory: [...SYSTEMS.vtd.contexts, [PAGE, 7n, 8]],
      cpu: (cpu) => {
        cpu.store(ENTRY, SYSTEMS.vtd.leaf);
        cpu.fence('mfence');
        // WBF, with the bits that stay.
        if (flush) cpu.write('iommu0', VTD.GCMD, 4, 0x8c00_0000, 'GCMD');
        if (wait) cpu.register(VTD.GSTS, 4);
        cpu.ring();
      },
      device: afterRing,
    });

  it('no barrier of the CPU helps; the flush does, once it is known to be done', () => {
    expect(map(false, true)).toEqual(['7', 'refused']);
    expect(map(true, false)).toEqual(['7', 'refused']);
    expect(map(true, true)).toEqual(['7']);
  });
});

describe('marking a page while software changes its entry', () => {
  const marks = (change: (cpu: Cpu) => void): string[] =>
    outcomes({
      profile: 'x86-64',
      iommu: { kind: 'riscv' },
      memory: [[CONTEXT, riscvContext({ SADE: true }), 32], [ENTRY, riscvLeaf({}), 8]],
      cpu: change,
      device: (dma, _ring, out) => out(dma.tryStore(IOVA + BigInt(PAGE), 4, 1, 'data').fault === null ? 'written' : 'refused'),
      final: (read) => {
        const { V, A, D } = PageTableEntry.decode(read(ENTRY));
        return `${V ? 'V' : '-'}${A ? 'A' : '-'}${D ? 'D' : '-'}`;
      },
    });

  it('the entry that software takes away does not come back, and its dirty bit is not lost', () => {
    const found = marks((cpu) => {
      const old = cpu.change(ENTRY, () => 0n);
      if (PageTableEntry.decode(old).D) cpu.store(PAGE + 8, 1n);
    });
    expect(found).toEqual(['refused ---', 'written ---']);
  });

  it('a plain store that writes back what was read loses the mark', () => {
    // Software sets a bit of its own by reading and storing, not in one step.
    expect(marks((cpu) => cpu.store(ENTRY, riscvLeaf({ RSW: 1 })))).toEqual(['written V--', 'written VAD']);
    expect(marks((cpu) => void cpu.change(ENTRY, (old) => old | (1n << 8n)))).toEqual(['written VAD']);
  });
});

describe('a fault', () => {
  it('is in the queue when its interrupt is taken', () => {
    const found = outcomes({
      profile: 'arm64',
      // The message of vector 0 goes to an interrupt address; the fault queue is on, with interrupts.
      iommu: { kind: 'riscv', setup: [...SYSTEMS.riscv.setup, [RISCV.msi_cfg_tbl, 4, BigInt(INTERRUPT_WINDOW.base)], [RISCV.msi_cfg_tbl + 8, 4, BigInt(INTERRUPT)], [RISCV.fqb, 8, (BigInt(RECORDS >> 12) << 10n) | 3n], [RISCV.fqcsr, 4, 3n]] },
      memory: SYSTEMS.riscv.contexts,
      cpu: (cpu, out) => {
        if (cpu.sleep()) out(`cause ${Number(BigInt(cpu.read(RECORDS, 8)) & 0xfffn)} at 0x${cpu.read(RECORDS + 16, 8).toString(16)}`);
      },
      device: (dma, _ring, out) => out(look(dma)),
    });
    expect(found).toEqual(['cause 13 at 0x40050000 refused']);
  });

  const stall = (...fences: string[]): Spec => {
    const { setup, contexts, leaf, tail } = SYSTEMS.smmuv3;
    return {
      profile: 'arm64',
      iommu: { kind: 'smmuv3', setup: [...setup, [SMMU.EVENTQ_BASE, 8, QueueBase.encode({ LOG2SIZE: 3, ADDR: BigInt(RECORDS) / 32n })], [SMMU.CR0, 4, 13n]] },
      // CD.S: faults stall.
      memory: [...contexts.map(([address, raw, bytes], i) => [address, i === 1 ? raw | (1n << 44n) : raw, bytes] as const), [PAGE, 7n, 8], ...queued([ResumeCommand.encode({ opcode: 0x44, Ac: true, SID: SOURCE, STAG: 0 })])],
      cpu: (cpu) => {
        cpu.await(RECORDS, 0x10);
        cpu.store(ENTRY, leaf);
        cpu.fence(...fences);
        cpu.tail(tail, 1);
      },
      device: (dma, _ring, out) => out(look(dma)),
    };
  };

  it('that stalls the access is reported, mended and resumed: the device never knows', () => {
    expect(outcomes(stall('dmb.oshst'))).toEqual(['7']);
  });

  it('resumed before the entry is there it stalls again, and nobody comes any more', () => {
    for (const outcome of [' hangs', '7']) expect(reaches(stall(), outcome)).toBe(true);
  });
});

describe('a function with a translation cache', () => {
  it('asks once, and sends translated requests from then on', () => {
    const events: TraceEvent[] = [];
    const { outcome } = run(
      {
        profile: 'x86-64',
        iommu: { kind: 'riscv' },
        // Bus master; ATS on. It lies at 0x100, the first of the extended capabilities.
        function: { pcie: { vendorId: 1, deviceId: 2, classCode: 3, ats: {} }, pcieSetup: [[4, 2, 4], [0x104, 4, 0x8000_0000]] },
        memory: [[CONTEXT, riscvContext({ EN_ATS: true }), 32], [ENTRY, riscvLeaf(), 8], [PAGE, 7n, 8]],
        cpu: () => undefined,
        device: (dma, _ring, out) => {
          out(look(dma));
          out(look(dma));
        },
      },
      plain,
      (event) => events.push(event),
    );
    expect(outcome).toBe('7 7');
    expect(events.flatMap((e) => (e.kind === 'translate' ? [`${e.type} 0x${e.dma.toString(16)} ${e.outcome}`] : []))).toEqual(['ats 0x40050000 memory', 'translated 0x50000 memory', 'translated 0x50000 memory']);
  });
});

describe('registers', () => {
  const read = (kind: IommuKind, offset: number, size: 4 | 8, cpu: Spec['cpu'] = () => undefined): string[] =>
    outcomes({
      profile: 'arm64',
      iommu: { kind, reads: ['ddtp', 'cqh', 'GSTS', 'IQH', 'CR0ACK', 'CMDQ_CONS'] },
      memory: queued([SYSTEMS[kind].commands.invalidate, SYSTEMS[kind].commands.done]),
      cpu: (c, out) => {
        cpu(c, out);
        out(`0x${c.register(offset, size).toString(16)}`);
      },
      device: () => undefined,
    });

  it('are read as the unit left them, not as they were written', () => {
    // ddtp stays as it is while it has levels. Half of it can be read.
    expect(read('riscv', RISCV.ddtp, 8, (cpu) => cpu.write('iommu0', RISCV.ddtp, 8, 3n, 'ddtp'))).toEqual(['0x8002']);
    expect(read('riscv', RISCV.ddtp + 4, 4)).toEqual(['0x0']);
    expect(read('smmuv3', SMMU.CR0ACK, 4, (cpu) => cpu.write('iommu0', SMMU.CR0, 4, 8, 'CR0'))).toEqual(['0x8']);
    expect(read('vtd', VTD.GSTS, 4)).toEqual(['0xc4000000']);
  });

  it('a read waits for the writes before it, not for the queue', () => {
    expect(read('riscv', RISCV.cqh, 4, (cpu) => cpu.tail(SYSTEMS.riscv.tail, 2))).toEqual(['0x0', '0x1', '0x2']);
    expect(read('smmuv3', SMMU.CMDQ_CONS, 4, (cpu) => cpu.tail(SYSTEMS.smmuv3.tail, 2))).toEqual(['0x0', '0x1', '0x2']);
    expect(read('vtd', VTD.IQH, 8, (cpu) => cpu.tail(SYSTEMS.vtd.tail, 2))).toEqual(['0x0', '0x10', '0x20']);
  });
});

describe('a device of the table', () => {
  it.each(KINDS)('copies through %s what its driver has mapped, and nothing else', (kind) => {
    const { setup, contexts, leaf } = SYSTEMS[kind];
    const iommu = new MachineIommu({ id: 'iommu0', kind, iotlb: 4, contexts: 4, coherentWalks: true, setup }, RAM, [{ device: 'copy0', engines: ['copy0'], source: SOURCE }]);
    const device = createDevice({ id: 'copy0', kind: 'copy-engine', options: {} }, { ram: RAM, path: iommu.path('copy0') });
    const events: TraceEvent[] = [];
    const text = 'behind the unit';
    const bytes = [...text].map((c) => c.charCodeAt(0));
    const machine = new OperationalMachine({
      profile: CORE_PROFILES['x86-64'],
      agents: [
        {
          id: 'cpu0',
          kind: 'cpu',
          run(port) {
            const cpu = new Cpu(port);
            for (const [source, destination] of [[Number(IOVA) + PAGE, Number(IOVA) + PAGE + 0x100], [PAGE, Number(IOVA) + PAGE + 0x200]] as const) {
              for (const [name, value] of [['SOURCE', source], ['DESTINATION', destination], ['LENGTH', text.length], ['DOORBELL', 0]] as const) cpu.write('copy0', device.registers[name]?.offset ?? -1, 4, value, name);
              port.op({ kind: 'idle' });
            }
          },
        },
        ...device.agents,
        ...iommu.agents,
      ],
      initial: initialState({
        ram: [...contexts, [ENTRY, leaf, 8] as const].map(([address, raw, size]) => ({ address, bytes: Array.from({ length: size }, (_, i) => Number((raw >> BigInt(8 * i)) & 0xffn)) })).concat({ address: PAGE, bytes }),
        registers: [...resetContents(device.registers).map((r) => ({ owner: 'copy0', ...r })), ...iommu.contents],
      }),
      strategy: plain,
      observers: [{ event: (e) => events.push(e) }],
      limits: { steps: 5000, events: 5000 },
      interrupts: [{ device: 'copy0', vector: 0, cpu: 'cpu0', number: 0 }],
      registers: new Map([['iommu0', iommu.registers], ['copy0', device.registers]]),
    });
    expect(machine.run()).toMatchObject({ reason: 'quiescent' });
    expect(device.result()).toMatchObject({ copies: [{ ok: true }, { ok: false, why: `source cannot be read at 0x${PAGE.toString(16)} (unsupported-request)` }] });
    expect([...machine.read(PAGE + 0x100, text.length)]).toEqual(bytes);
    expect(events.flatMap((e) => (e.kind === 'translate' ? [`${e.write ? 'w' : 'r'} 0x${e.dma.toString(16)} ${e.outcome}`] : []))).toEqual(['r 0x40050000 memory', 'w 0x40050100 memory', 'r 0x50000 unsupported-request']);
  });
});

describe('the trace', () => {
  const spec: Spec = { profile: 'x86-64', iommu: { kind: 'riscv', iotlb: 4, contexts: 0 }, memory: [...SYSTEMS.riscv.contexts, [ENTRY, riscvLeaf(), 8], [PAGE, 7n, 8]], cpu: (cpu) => cpu.ring(), device: afterRing };

  it('shows each access of a walk with its table, what is answered, and what the caches hold', () => {
    const events: TraceEvent[] = [];
    run(spec, plain, (event) => events.push(event));
    expect(events.flatMap((e) => (e.kind === 'walk' ? [`${e.what} ${e.access} 0x${e.address.toString(16)} ${e.size}`] : []))).toEqual(['device context read 0x20060 32', 'first-stage table, level 2 read 0x30008 8']);
    expect(events.find((e) => e.kind === 'translate')).toMatchObject({ agent: 'iommu0', source: SOURCE, pasid: null, dma: IOVA + BigInt(PAGE), outcome: 'memory', address: BigInt(PAGE), span: 30 });
    const state = createState();
    const said: string[] = [];
    for (const event of events) {
      apply(state, event);
      if (event.kind === 'walk' || event.kind === 'translate' || event.kind === 'iommu-cache' || event.kind === 'message') said.push(sentence(event, state));
    }
    const unit = state.units.get('iommu0');
    expect(unit?.last).toMatchObject({ outcome: 'memory', walk: [{ what: 'device context' }, { what: 'first-stage table, level 2', words: [`0x${riscvLeaf().toString(16)}`] }] });
    expect([...(unit?.caches.values() ?? [])].flat()).toHaveLength(1);
    expect(said).toEqual([
      'dma0 sends request to iommu0.',
      'iommu0 reads device context at 0x2_0060.',
      'iommu0 reads first-stage table, level 2 at 0x3_0008.',
      'iommu0 is asked for 0x4005_0000 by function 0x3, to read: memory at 0x5_0000.',
      'iommu0 sends answer to dma0.',
      'iommu0: IOTLB holds 1 entry.',
      'dma0 sends landed to iommu0.',
    ]);
  });

  it('costs nothing: a run that is watched takes the same steps', () => {
    expect(run(spec, plain, () => undefined).result.steps).toBe(run(spec, plain).result.steps);
  });
});
