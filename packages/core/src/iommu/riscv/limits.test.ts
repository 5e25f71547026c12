// SPDX-License-Identifier: Apache-2.0
/** Edges that single-token changes of the unit showed the vectors not to hold: limits of ids, silence, races of marks, answers with guest addresses. */
import { describe, expect, it } from 'vitest';
import { PlainMemory } from '../../mmu/plain-memory.ts';
import type { AccessStatus } from '../../mmu/port.ts';
import type { DeviceMessage } from './commands.ts';
import { TYPICAL, type BuildOptions } from './features.ts';
import { FaultRecord, IodirCommand } from './records.ts';
import type { Request } from './request.ts';
import { Capabilities } from './registers.ts';
import { DeviceContext, DirectoryEntry, MsiEntry } from './structures.ts';
import { PageTableEntry, PageTableEntry32 } from '../../mmu/formats/riscv-entries.ts';
import { RiscvIommu } from './unit.ts';

const FULL = 0xdf2_87ef_8f10n;
const ROOT = 0x8000_0000n;
const QUEUES = 0x8100_0000n;

interface System {
  readonly memory: PlainMemory;
  readonly iommu: RiscvIommu;
  readonly sent: DeviceMessage[];
}

function system(options: Partial<BuildOptions> = {}, context: Parameters<typeof DeviceContext.encode>[0] = {}, memory = new PlainMemory()): System {
  const sent: DeviceMessage[] = [];
  const iommu = new RiscvIommu(memory, { ...TYPICAL, capabilities: FULL, gxlWritable: true, ...options }, { send: (message) => void sent.push(message), order: () => undefined, invalidated: () => undefined });
  const raw = DeviceContext.encode({ V: true, ...context });
  for (let i = 0n; i < 8n; i += 1n) memory.poke(ROOT + 5n * 64n + 8n * i, (raw >> (64n * i)) & ((1n << 64n) - 1n));
  iommu.writeRegister(24, 8, (QUEUES >> 2n) | 3n);
  iommu.writeRegister(40, 8, ((QUEUES + 0x1000n) >> 2n) | 3n);
  iommu.writeRegister(56, 8, ((QUEUES + 0x2000n) >> 2n) | 3n);
  for (const offset of [72, 76, 80]) iommu.writeRegister(offset, 4, 1n);
  iommu.writeRegister(16, 8, (ROOT >> 2n) | 2n);
  return { memory, iommu, sent };
}

const read = (over: Partial<Request> = {}): Request => ({ deviceId: 5, processId: null, type: 'untranslated', write: false, execute: false, privileged: false, noWrite: false, cxl: false, address: 0x1abcn, ...over });
const newestFault = ({ memory, iommu }: System): ReturnType<typeof FaultRecord.decode> => {
  const at = QUEUES + 0x1000n + BigInt(32 * (iommu.faultQueue.tail - 1));
  return FaultRecord.decode([3n, 2n, 1n, 0n].reduce((all, i) => (all << 64n) | memory.peek(at + 8n * i), 0n));
};

describe('commands', () => {
  const runs = (s: System, raw: bigint): boolean => {
    const at = QUEUES + BigInt(16 * s.iommu.commandQueue.tail);
    s.memory.poke(at, raw & ((1n << 64n) - 1n));
    s.memory.poke(at + 8n, raw >> 64n);
    s.iommu.commandQueue.advanceTail();
    s.iommu.runCommands();
    const ran = (s.iommu.commandQueue.control & 0x400) === 0;
    s.iommu.writeRegister(72, 4, 0n);
    s.iommu.commandQueue.writeTail(0);
    s.iommu.writeRegister(72, 4, 1n);
    return ran;
  };
  it('name a process within the widest directory that is built in', () => {
    for (const [without, bits] of [[0n, 20], [1n << 40n, 17], [3n << 39n, 8]] as const) {
      const s = system({ capabilities: FULL & ~without });
      const command = (PID: number): bigint => IodirCommand.encode({ opcode: 3, func3: 1, DV: true, DID: 5, PID });
      expect(runs(s, command(2 ** bits - 1))).toBe(true);
      if (bits < 20) expect(runs(s, command(2 ** bits))).toBe(false);
    }
    expect(runs(system({ capabilities: FULL & ~(7n << 38n) }), IodirCommand.encode({ opcode: 3, func3: 1, DV: true, PID: 1 }))).toBe(false);
  });
  it('name a device within the directory and the bits that exist, unless DV is clear', () => {
    const command = (DID: number, DV = true): bigint => IodirCommand.encode({ opcode: 3, func3: 0, DV, DID });
    expect(runs(system(), command(0x3f))).toBe(true);
    expect(runs(system(), command(0x40))).toBe(false);
    expect(runs(system(), command(0x40, false))).toBe(true);
    expect(runs(system({ deviceMask: 0x1f }), command(0x20))).toBe(false);
    expect(runs(system({ deviceMask: 0x1f }), command(0x1f))).toBe(true);
  });
});

describe('page requests', () => {
  const request = { deviceId: 5, requester: 5, segment: null, processId: null, privileged: false, execute: false, payload: 0x7n };
  it('that are not enabled are recorded unless DTF, and answered all the same', () => {
    for (const DTF of [false, true]) {
      const s = system({}, { DTF });
      s.iommu.pageRequest(request);
      expect(s.iommu.faultQueue.tail).toBe(DTF ? 0 : 1);
      expect(s.sent).toHaveLength(1);
    }
  });
  it('whose device has no context are recorded: DTF is then taken as clear', () => {
    const s = system({}, { V: false, DTF: true });
    s.iommu.pageRequest(request);
    expect(newestFault(s)).toMatchObject({ CAUSE: 258, TTYP: 9, DID: 5, PV: false, iotval: 4n });
  });
  it('are no business of a unit without ATS', () => {
    const s = system({ capabilities: FULL & ~(1n << 25n) });
    s.iommu.pageRequest(request);
    expect([s.sent.length, s.iommu.faultQueue.tail]).toEqual([0, 0]);
  });
});

describe('guest addresses', () => {
  it('have 34 bits where the first stage is Sv32, whatever the second stage could take', () => {
    const s = system({}, { SXL: true, iohgatp_MODE: 8, iohgatp_PPN: 0x90000n });
    for (let i = 0n; i < 32n; i += 1n) s.memory.poke(0x9000_0000n + 8n * i, PageTableEntry.encode({ V: true, R: true, U: true, A: true, PPN: i << 18n }));
    expect(s.iommu.translate(read({ address: 0x3_ffff_f000n }))).toMatchObject({ kind: 'translated', address: 0x3_ffff_f000n });
    expect(s.iommu.translate(read({ address: 0x4_0000_0000n }))).toMatchObject({ fault: { cause: 21, why: { entry: null, rule: { bits: '63:34' } } } });
  });
  it('are what ATS answers with under T2GPA, for messages too', () => {
    const s = system({}, { EN_ATS: true, T2GPA: true, iohgatp_MODE: 8, iohgatp_PPN: 0x90000n, msiptp_MODE: 1, msiptp_PPN: 0x91000n, msi_addr_pattern: 0x77n });
    s.memory.poke(0x9100_0000n, MsiEntry.encode({ V: true, M: 'basic', PPN: 0x1234n }));
    expect(s.iommu.translate(read({ type: 'ats', address: 0x7_7123n }))).toMatchObject({ kind: 'translated', isMsi: true, address: 0x7_7123n });
    expect(s.iommu.translate(read({ address: 0x7_7123n, write: true }))).toMatchObject({ kind: 'translated', isMsi: true, address: 0x123_4123n });
  });
});

describe('marking an entry', () => {
  /** Memory in which software changes an entry between the walker's read and its update. */
  class Racing extends PlainMemory {
    change: (() => void) | null = null;
    override exchange(...entry: Parameters<PlainMemory['exchange']>): AccessStatus | 'changed' {
      this.change?.();
      this.change = null;
      return super.exchange(...entry);
    }
  }
  const build = (small: boolean): { memory: Racing; iommu: RiscvIommu; leaf: bigint } => {
    const memory = new Racing();
    const { iommu } = system({}, { SADE: true, SXL: small, fsc_MODE: 8, fsc_PPN: 0x90000n }, memory);
    if (small) {
      memory.poke(0x9000_0000n, PageTableEntry32.encode({ V: true, PPN: 0x90001 }));
      memory.poke(0x9000_1000n, PageTableEntry32.encode({ V: true, R: true, U: true, PPN: 0x111 }) << 32n);
      return { memory, iommu, leaf: 0x9000_1000n };
    }
    memory.poke(0x9000_0000n, DirectoryEntry.encode({ V: true, PPN: 0x90001n }));
    memory.poke(0x9000_1000n, DirectoryEntry.encode({ V: true, PPN: 0x90002n }));
    memory.poke(0x9000_2008n, PageTableEntry.encode({ V: true, R: true, U: true, PPN: 0x111n }));
    return { memory, iommu, leaf: 0x9000_2008n };
  };
  it('looks again when the entry is no longer what was read, in either half', () => {
    for (const [small, bit] of [[false, 1n << 20n], [false, 1n << 40n], [true, 1n << 52n]] as const) {
      const { memory, iommu, leaf } = build(small);
      memory.change = () => memory.poke(leaf, memory.peek(leaf) ^ bit);
      const frame = small ? 0x111n ^ (bit >> 42n) : 0x111n ^ (bit >> 10n);
      expect(iommu.translate(read())).toMatchObject({ kind: 'translated', address: (frame << 12n) | 0xabcn });
      expect((memory.peek(leaf) >> (small ? 38n : 6n)) & 1n).toBe(1n);
    }
  });
  it('and refuses when it has become invalid meanwhile', () => {
    const { memory, iommu, leaf } = build(false);
    memory.change = () => memory.poke(leaf, 0n);
    expect(iommu.translate(read())).toMatchObject({ kind: 'refused', fault: { cause: 13, why: { rule: { field: 'V' } } } });
    expect(memory.peek(leaf)).toBe(0n);
  });
});

describe('the debug registers', () => {
  it('start a translation with the low half only, and only when told to go', () => {
    const s = system();
    s.iommu.writeRegister(600, 8, 0x5000n);
    s.iommu.writeRegister(612, 4, 0x500n);
    expect(s.iommu.readRegister(616, 8)).toBe(0n);
    s.iommu.writeRegister(608, 4, 8n);
    expect(s.iommu.readRegister(616, 8)).toBe(0n);
    s.iommu.writeRegister(608, 4, 9n);
    // Both stages are Bare: a range of 1 GiB, coded in the frame.
    expect(s.iommu.readRegister(616, 8)).toBe((0x1_ffffn << 10n) | 0x200n);
  });
});

describe('a structure that memory does not give', () => {
  const IOHGATP = { iohgatp_MODE: 8, iohgatp_PPN: 0x90000n } as const;
  const WORDS = { device: ROOT + 5n * 64n, root: ROOT, process: 0x9000_0050n, directory: 0x9000_0000n, first: 0x9000_0000n, second: 0x9000_0000n } as const;
  const DIRECTORY = { PDTV: true, fsc_MODE: 1, fsc_PPN: 0x90000n } as const;
  it.each([
    ['device context', 'device', {}, null, 'device directory', 0, 257, 268],
    ['device-directory entry', 'root', {}, 3n, 'device directory', 1, 257, 268],
    ['device-directory entry of the second level', 'root', {}, 4n, 'device directory', 2, 257, 268],
    ['process context', 'process', DIRECTORY, null, 'process directory', 0, 265, 269],
    ['process-directory entry', 'directory', { ...DIRECTORY, fsc_MODE: 2 }, null, 'process directory', 1, 265, 269],
    ['first-stage entry', 'first', { fsc_MODE: 8, fsc_PPN: 0x90000n }, null, 'first-stage table', 2, 5, 274],
    ['second-stage entry', 'second', IOHGATP, null, 'second-stage table', 2, 5, 274],
  ] as const)('%s: why names the entry, and whether it was refused or corrupt', (_, word, context, mode, table, level, denied, corrupt) => {
    for (const [refuses, cause, field] of [[true, denied, 'address'], [false, corrupt, 'entry']] as const) {
      const { memory, iommu } = system({}, context);
      // From one depth to another by way of Off.
      if (mode !== null) for (const ddtp of [0n, (ROOT >> 2n) | mode]) iommu.writeRegister(16, 8, ddtp);
      const at = WORDS[word];
      memory.damage(refuses ? [at] : [], refuses ? [] : [at]);
      const processId = 'PDTV' in context ? 5 : null;
      expect(iommu.translate(read({ processId, address: 0xabcn }))).toMatchObject({ kind: 'refused', fault: { cause, why: { table, level, entry: at, rule: { field } } } });
    }
  });
});

describe('a device context that is not allowed', () => {
  const top = (high: number, low: number): bigint => (1n << BigInt(high + 1)) - (1n << BigInt(low));
  const nested = { iohgatp_MODE: 8, iohgatp_PPN: 0x90000n } as const;
  it.each<[string, Parameters<typeof DeviceContext.encode>[0], object, Partial<BuildOptions>, bigint, bigint]>([
    ['ta.RCID ta.MCID', { RCID: 1 }, { QOSID: false }, {}, top(191, 168), 0n],
    ['ta.RCID ta.MCID', { MCID: 1 }, { QOSID: false }, {}, top(191, 168), 0n],
    ['tc.EN_ATS', { EN_ATS: true }, { ATS: false }, {}, 0x46n, 0n],
    ['tc.EN_ATS', { EN_PRI: true }, { ATS: false }, {}, 0x46n, 0n],
    ['tc.EN_ATS', { PRPR: true }, { ATS: false }, {}, 0x46n, 0n],
    ['tc.T2GPA', { T2GPA: true, ...nested }, {}, {}, 8n, 0n],
    ['tc.EN_PRI', { EN_PRI: true }, {}, {}, 4n, 0n],
    ['tc.PRPR', { EN_ATS: true, PRPR: true }, {}, {}, 0x40n, 0n],
    ['tc.T2GPA', { EN_ATS: true, T2GPA: true, ...nested }, { T2GPA: false }, {}, 8n, 0n],
    ['tc.T2GPA', { EN_ATS: true, T2GPA: true }, {}, {}, 8n, 0n],
    ['tc.GADE tc.SADE', { GADE: true }, { AMO_HWAD: false }, {}, 0x180n, 0n],
    ['tc.GADE tc.SADE', { SADE: true }, { AMO_HWAD: false }, {}, 0x180n, 0n],
    ['tc.SBE', { SBE: true }, { END: false }, {}, 0x400n, 0n],
    ['tc.SXL', { SXL: true }, {}, { gxlWritable: false }, 0x800n, 0n],
    ['iohgatp.MODE', { iohgatp_MODE: 5 }, {}, {}, top(127, 124), 0n],
    ['iohgatp.PPN', { ...nested, iohgatp_PPN: 0x90002n }, {}, {}, top(65, 64), 0n],
    ['tc.DPE', { DPE: true }, {}, {}, 0x200n, 0n],
    ['fsc.MODE', { PDTV: true, fsc_MODE: 4 }, {}, {}, top(255, 252), 0n],
    ['fsc.MODE', { fsc_MODE: 5 }, {}, {}, top(255, 252), 0n],
    ['msiptp.MODE', { ...nested, msiptp_MODE: 2 }, {}, {}, top(319, 316), 0n],
    ['msiptp.MODE', { msiptp_MODE: 1 }, {}, {}, top(319, 316), 0n],
  ])('names %s of %o and its edit', (field, context, without, options, clear, set) => {
    const { iommu } = system({ capabilities: Capabilities.encode({ ...Capabilities.decode(FULL), ...without }), ...options }, context);
    const answer = iommu.translate(read());
    expect(answer).toMatchObject({ kind: 'refused', fault: { cause: 259, why: { entry: ROOT + 5n * 64n, level: 0, rule: { field } } } });
    const { clear: cleared = 0n, set: made = 0n } = answer.kind === 'refused' ? (answer.fault.why.rule.repair ?? {}) : {};
    expect([cleared, made]).toEqual([clear, set]);
  });
});

describe('a range with an interrupt file in it', () => {
  it.each([['shrink', 16], ['keep', 30]] as const)('may %s: 2^%i bytes around a page 64 KiB off', (msiInRange, span) => {
    const { memory, iommu } = system({ switches: { ...TYPICAL.switches, msiInRange } }, { iohgatp_MODE: 8, iohgatp_PPN: 0x90000n, msiptp_MODE: 1, msiptp_PPN: 0x91000n, msi_addr_pattern: 0x10n });
    memory.poke(0x9000_0000n, PageTableEntry.encode({ V: true, R: true, W: true, U: true, A: true, D: true }));
    expect(iommu.translate(read())).toMatchObject({ kind: 'translated', address: 0x1abcn, span });
  });
});
