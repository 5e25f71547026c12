// SPDX-License-Identifier: Apache-2.0
/**
 * Which Linux primitive keeps which order, per profile: what the machine is
 * expected to answer, each cell with what it rests on. `linux-primitives.test.ts`
 * runs the programs and compares cell by cell.
 */

export const COLUMNS = ['x86-64', 'arm64', 'riscv64', 'strict', 'x86-64-up', 'arm64-up', 'riscv64-up', 'strict-up'] as const;
export type Column = (typeof COLUMNS)[number];
export type Verdict = 'kept' | 'broken';

export const SOURCES = {
  tso: 'Intel SDM volume 3A, 9.2.2: loads are not reordered with loads, stores not with stores, stores not with older loads',
  tsoLoad: 'Intel SDM volume 3A, 9.2.2: a load may be reordered with an older store to a different location',
  drain: 'Intel SDM volume 3A, 9.2.2 and 9.2.5: MFENCE and locked operations order earlier stores with later loads',
  uc: 'Intel SDM volume 3A, 12.3 (UC): program order; an uncacheable load is made after the store buffer has drained',
  armWeak: 'Arm ARM DDI 0487, B2.3: accesses that no barrier, dependency or acquire and release orders may be observed in any order',
  armDmb: 'Arm ARM DDI 0487, B2.3.7 barrier-ordered-before (DMB and DSB; OSH and ISH alike towards coherent observers, founding ruling 4)',
  armAcquire: 'Arm ARM DDI 0487, B2.3.7: Load-Acquire and Store-Release',
  armDep: 'Arm ARM DDI 0487, B2.3.6: address dependency; a control dependency orders stores only',
  rvWeak: 'RISC-V unprivileged ISA, RVWMO: only preserved program order is kept',
  rvFence: 'RISC-V unprivileged ISA, FENCE: predecessor and successor sets, I and O apart from R and W',
  doc: 'Linux Documentation/memory-barriers.txt, "Mandatory barriers", "dma_wmb() dma_rmb() dma_mb()"',
  docSmp: 'Linux Documentation/memory-barriers.txt, "SMP conditional barriers": SMP barriers order CPUs; founding ruling 3',
  docNone: 'Linux Documentation/memory-barriers.txt, "Guarantees": nothing else is promised',
  docIo: 'Linux Documentation/memory-barriers.txt, "Kernel I/O barrier effects"; Documentation/driver-api/device-io.rst',
  docDep: 'Linux Documentation/memory-barriers.txt, "Control dependencies", "Address-dependency barriers"',
  posted: 'Linux Documentation/driver-api/device-io.rst: writes are posted; a read back makes them arrive',
  wc: 'Intel SDM volume 3A, 12.3.1: write-combining stores are weakly ordered; SFENCE, MFENCE, locked and uncacheable accesses empty the buffers',
  lock: 'Linux asm-generic/mmiowb.h; Documentation/memory-barriers.txt, "Kernel I/O barrier effects", 2: writeX under a lock arrives in the order of the lock',
  armLock: 'Arm ARM DDI 0487, B2.3.7: a Store-Release comes after every earlier access, Device memory included',
  rvLock: 'Linux arch/riscv: spin_unlock is fence rw,w and a store, which names no output; mmiowb (fence o,w) comes only after writeX',
  up: 'Linux include/asm-generic/barrier.h: without CONFIG_SMP every smp_* is barrier()',
} as const;
export type SourceId = keyof typeof SOURCES;

export type Cell = readonly [Verdict, SourceId];
export interface PrimitiveRow {
  /** What stands in the place of the primitive. */
  readonly primitive: string;
  /** Profile → verdict. UP builds: as the SMP build, unless it is said here. */
  readonly cells: Readonly<Record<'x86-64' | 'arm64' | 'riscv64' | 'strict', Cell>> & Readonly<Partial<Record<Column, Cell>>>;
  /** Shape's own words for what is between; default: the primitive. */
  readonly code?: string;
}

export interface Shape {
  readonly id: string;
  readonly title: string;
  /** What goes wrong, in one sentence. */
  readonly story: string;
  /** `$` is replaced by the primitive; see linux.ts. */
  readonly program: string;
  /** Variables that are not 0 at the start. */
  readonly start?: Readonly<Record<string, number>>;
  /** Parts of an outcome that together are the wrong one. */
  readonly bad: readonly string[];
  /** Two CPUs: has no meaning on a UP build. */
  readonly cpus?: 2;
  readonly rows: readonly PrimitiveRow[];
}

const all = (x86: Cell, arm64: Cell, riscv64: Cell, strict: Cell): PrimitiveRow['cells'] => ({ 'x86-64': x86, arm64, riscv64, strict });
const K = (source: SourceId): Cell => ['kept', source];
const B = (source: SourceId): Cell => ['broken', source];
/** An `smp_*` primitive: UP builds lose it. */
const smp = (cells: PrimitiveRow['cells'], up: Readonly<Record<'x86-64' | 'arm64' | 'riscv64' | 'strict', Verdict>>): PrimitiveRow['cells'] => ({ ...cells, 'x86-64-up': [up['x86-64'], up['x86-64'] === 'kept' ? 'tso' : 'up'], 'arm64-up': [up.arm64, 'up'], 'riscv64-up': [up.riscv64, 'up'], 'strict-up': [up.strict, 'up'] });
const weak = { 'x86-64': 'kept', arm64: 'broken', riscv64: 'broken', strict: 'broken' } as const;
const weakAll = { 'x86-64': 'broken', arm64: 'broken', riscv64: 'broken', strict: 'broken' } as const;

const NOTHING = all(K('tso'), B('armWeak'), B('rvWeak'), B('docNone'));
const EVERYWHERE = all(K('tso'), K('armDmb'), K('rvFence'), K('doc'));
/** Orders CPUs; a coherent device profits where the instruction does not tell the two apart. */
const CPU_ONLY = smp(all(K('tso'), K('armDmb'), K('rvFence'), B('docSmp')), weak);

export const SHAPES: readonly Shape[] = [
  {
    id: 'own-bit',
    title: 'Descriptor, then its own bit; the device polls',
    story: 'The device sees the own bit and reads the descriptor as it was.',
    program: `cpu0: WRITE_ONCE d 1; $; WRITE_ONCE f 1
              dev: READ_ONCE f f; READ_ONCE d d`,
    bad: ['dev.f=1', 'dev.d=0'],
    rows: [
      { primitive: 'nothing', code: '', cells: NOTHING },
      { primitive: 'barrier', cells: NOTHING },
      { primitive: 'smp_wmb', cells: CPU_ONLY },
      { primitive: 'smp_mb', cells: CPU_ONLY },
      { primitive: 'smp_rmb', cells: smp(all(K('tso'), B('armWeak'), B('rvWeak'), B('docNone')), weak) },
      { primitive: 'dma_rmb', cells: all(K('tso'), B('armWeak'), B('rvWeak'), B('docNone')) },
      { primitive: 'dma_wmb', cells: EVERYWHERE },
      { primitive: 'dma_mb', cells: EVERYWHERE },
      { primitive: 'wmb', cells: EVERYWHERE },
      { primitive: 'mb', cells: EVERYWHERE },
    ],
  },
  {
    id: 'own-bit-release',
    title: 'Descriptor, then its own bit by smp_store_release; the device polls',
    story: 'The device sees the own bit and reads the descriptor as it was.',
    program: `cpu0: WRITE_ONCE d 1; smp_store_release f 1
              dev: READ_ONCE f f; READ_ONCE d d`,
    bad: ['dev.f=1', 'dev.d=0'],
    rows: [{ primitive: 'smp_store_release', cells: smp(all(K('tso'), K('armAcquire'), K('rvFence'), B('docSmp')), weak) }],
  },
  {
    id: 'done-bit',
    title: 'The device writes data, then the done bit; the driver tests the bit and reads the data',
    story: 'The bit says done and the data read is older.',
    program: `cpu0: READ_ONCE f f; if f 1; $; READ_ONCE d d; fi
              dev: WRITE_ONCE d 1; WRITE_ONCE f 1`,
    bad: ['cpu0.f=1', 'cpu0.d=0'],
    rows: [
      { primitive: 'the test alone', code: '', cells: all(K('tso'), B('armDep'), B('rvWeak'), B('docDep')) },
      { primitive: 'barrier', cells: all(K('tso'), B('armDep'), B('rvWeak'), B('docDep')) },
      { primitive: 'smp_rmb', cells: CPU_ONLY },
      { primitive: 'smp_mb', cells: CPU_ONLY },
      { primitive: 'dma_wmb', cells: NOTHING },
      { primitive: 'dma_rmb', cells: EVERYWHERE },
      { primitive: 'dma_mb', cells: EVERYWHERE },
      { primitive: 'rmb', cells: EVERYWHERE },
      { primitive: 'mb', cells: EVERYWHERE },
    ],
  },
  {
    id: 'done-bit-early',
    title: 'The same, with dma_rmb before the test',
    story: 'The barrier stands before the load it should follow.',
    program: `cpu0: dma_rmb; READ_ONCE f f; if f 1; READ_ONCE d d; fi
              dev: WRITE_ONCE d 1; WRITE_ONCE f 1`,
    bad: ['cpu0.f=1', 'cpu0.d=0'],
    rows: [{ primitive: 'dma_rmb, too early', cells: all(K('tso'), B('armDep'), B('rvWeak'), B('docDep')) }],
  },
  {
    id: 'done-bit-acquire',
    title: 'The same, with the bit read by smp_load_acquire',
    story: 'The bit says done and the data read is older.',
    program: `cpu0: smp_load_acquire f f; READ_ONCE d d
              dev: WRITE_ONCE d 1; WRITE_ONCE f 1`,
    bad: ['cpu0.f=1', 'cpu0.d=0'],
    rows: [{ primitive: 'smp_load_acquire', cells: smp(all(K('tso'), K('armAcquire'), K('rvFence'), B('docSmp')), weak) }],
  },
  {
    id: 'doorbell',
    title: 'Descriptor, then the doorbell',
    story: 'The doorbell wakes the device and the descriptor it reads is older.',
    program: `cpu0: WRITE_ONCE d 1; $ bell 1
              dev: bell bell; READ_ONCE d d`,
    bad: ['dev.d=0'],
    rows: [
      { primitive: 'writel', cells: all(K('uc'), K('armDmb'), K('rvFence'), K('docIo')) },
      { primitive: 'writel_relaxed', cells: all(K('uc'), B('armWeak'), B('rvWeak'), B('docIo')) },
      { primitive: 'smp_wmb; writel_relaxed', cells: smp(all(K('uc'), K('armDmb'), B('rvFence'), B('docSmp')), { ...weak }) },
      { primitive: 'smp_mb; writel_relaxed', cells: smp(all(K('uc'), K('armDmb'), B('rvFence'), B('docSmp')), { ...weak }) },
      { primitive: 'dma_wmb; writel_relaxed', cells: all(K('uc'), K('armDmb'), K('rvFence'), B('doc')) },
      { primitive: 'dma_mb; writel_relaxed', cells: all(K('uc'), K('armDmb'), K('rvFence'), B('doc')) },
      { primitive: 'wmb; writel_relaxed', cells: all(K('uc'), K('armDmb'), K('rvFence'), K('doc')) },
      { primitive: 'mb; writel_relaxed', cells: all(K('uc'), K('armDmb'), K('rvFence'), K('doc')) },
      { primitive: 'rmb; writel_relaxed', cells: all(K('uc'), B('armWeak'), B('rvFence'), B('docNone')) },
    ],
  },
  {
    id: 'status',
    title: 'The driver learns from a register that the device is done, then reads the data',
    story: 'The register says done and the data read is older.',
    program: `cpu0: $; READ_ONCE d d
              dev: WRITE_ONCE d 1; writel status 1`,
    bad: ['cpu0.s=1', 'cpu0.d=0'],
    rows: [
      { primitive: 'readl', code: 'readl status s', cells: all(K('uc'), K('armDmb'), K('rvFence'), K('docIo')) },
      { primitive: 'readl_relaxed', code: 'readl_relaxed status s', cells: all(K('uc'), B('armWeak'), B('rvWeak'), B('docIo')) },
      { primitive: 'readl_relaxed; smp_rmb', code: 'readl_relaxed status s; smp_rmb', cells: smp(all(K('uc'), K('armDmb'), B('rvFence'), B('docSmp')), weak) },
      { primitive: 'readl_relaxed; dma_rmb', code: 'readl_relaxed status s; dma_rmb', cells: all(K('uc'), K('armDmb'), K('rvFence'), B('doc')) },
      { primitive: 'readl_relaxed; rmb', code: 'readl_relaxed status s; rmb', cells: all(K('uc'), K('armDmb'), K('rvFence'), K('doc')) },
      { primitive: 'readl_relaxed; mb', code: 'readl_relaxed status s; mb', cells: all(K('uc'), K('armDmb'), K('rvFence'), K('doc')) },
    ],
  },
  {
    id: 'rearm',
    title: 'Arm the interrupt, then look at the ring again; the device writes the ring, then looks whether it is armed',
    story: 'The driver finds nothing, the device finds the interrupt off: the interrupt is lost.',
    program: `cpu0: $; READ_ONCE d d
              dev: WRITE_ONCE d 1; READ_ONCE bell armed`,
    bad: ['cpu0.d=0', 'dev.armed=0'],
    rows: [
      { primitive: 'writel', code: 'writel bell 1', cells: all(B('tsoLoad'), B('armWeak'), B('rvWeak'), B('docIo')) },
      { primitive: 'writel; dma_rmb', code: 'writel bell 1; dma_rmb', cells: all(B('tsoLoad'), B('armWeak'), B('rvFence'), B('doc')) },
      { primitive: 'writel; wmb', code: 'writel bell 1; wmb', cells: all(B('tsoLoad'), B('posted'), B('rvFence'), B('doc')) },
      { primitive: 'writel; mb', code: 'writel bell 1; mb', cells: all(B('posted'), B('posted'), B('posted'), B('posted')) },
      { primitive: 'writel; readl_relaxed', code: 'writel bell 1; readl_relaxed bell back', cells: all(K('uc'), B('armWeak'), B('rvWeak'), B('docIo')) },
      { primitive: 'writel; readl_relaxed; mb', code: 'writel bell 1; readl_relaxed bell back; mb', cells: all(K('uc'), K('armDmb'), K('rvFence'), K('doc')) },
      { primitive: 'writel; readl', code: 'writel bell 1; readl bell back', cells: all(K('uc'), K('armDmb'), K('rvFence'), K('docIo')) },
    ],
  },
  {
    id: 'shadow',
    title: 'Arm the event in memory, then look at the ring again (shadow doorbell); the device does the same the other way round',
    story: 'Each finds what the other wrote missing: the event is lost.',
    program: `cpu0: WRITE_ONCE a 1; $; READ_ONCE d d
              dev: WRITE_ONCE d 1; READ_ONCE a armed`,
    bad: ['cpu0.d=0', 'dev.armed=0'],
    rows: [
      { primitive: 'nothing', code: '', cells: all(B('tsoLoad'), B('armWeak'), B('rvWeak'), B('docNone')) },
      { primitive: 'dma_wmb', cells: all(B('tsoLoad'), B('armWeak'), B('rvWeak'), B('doc')) },
      { primitive: 'dma_rmb', cells: all(B('tsoLoad'), B('armWeak'), B('rvWeak'), B('doc')) },
      { primitive: 'wmb', cells: all(B('tsoLoad'), K('armDmb'), B('rvWeak'), B('doc')) },
      { primitive: 'smp_mb', cells: smp(all(K('drain'), K('armDmb'), K('rvFence'), B('docSmp')), weakAll) },
      { primitive: 'dma_mb', cells: all(K('drain'), K('armDmb'), K('rvFence'), K('doc')) },
      { primitive: 'mb', cells: all(K('drain'), K('armDmb'), K('rvFence'), K('doc')) },
    ],
  },
  {
    id: 'cpu-mp',
    title: 'Message from CPU to CPU: data, then a flag',
    story: 'The other CPU sees the flag and reads older data.',
    program: '$',
    bad: ['cpu1.f=1', 'cpu1.d=0'],
    cpus: 2,
    rows: (
      [
        ['nothing', '', '', 'READ_ONCE', 'WRITE_ONCE', NOTHING],
        ['smp_wmb only', 'smp_wmb; ', '', 'READ_ONCE', 'WRITE_ONCE', NOTHING],
        ['smp_rmb only', '', 'smp_rmb; ', 'READ_ONCE', 'WRITE_ONCE', NOTHING],
        ['smp_wmb and smp_rmb', 'smp_wmb; ', 'smp_rmb; ', 'READ_ONCE', 'WRITE_ONCE', all(K('tso'), K('armDmb'), K('rvFence'), K('docSmp'))],
        ['smp_store_release and smp_load_acquire', '', '', 'smp_load_acquire', 'smp_store_release', all(K('tso'), K('armAcquire'), K('rvFence'), K('docSmp'))],
        ['dma_wmb and dma_rmb', 'dma_wmb; ', 'dma_rmb; ', 'READ_ONCE', 'WRITE_ONCE', EVERYWHERE],
        ['wmb and rmb', 'wmb; ', 'rmb; ', 'READ_ONCE', 'WRITE_ONCE', EVERYWHERE],
        ['smp_mb and smp_mb', 'smp_mb; ', 'smp_mb; ', 'READ_ONCE', 'WRITE_ONCE', all(K('tso'), K('armDmb'), K('rvFence'), K('docSmp'))],
      ] as const
    ).map(([primitive, write, read, load, store, cells]): PrimitiveRow => ({ primitive, code: `cpu0: WRITE_ONCE d 1; ${write}${store} f 1\ncpu1: ${load} f f; ${read}READ_ONCE d d`, cells })),
  },
  {
    id: 'cpu-sb',
    title: 'Two CPUs raise their flags, then look at each other\'s',
    story: 'Both see the other\'s flag down.',
    program: `cpu0: WRITE_ONCE x 1; $; READ_ONCE y y
              cpu1: WRITE_ONCE y 1; $; READ_ONCE x x`,
    bad: ['cpu0.y=0', 'cpu1.x=0'],
    cpus: 2,
    rows: [
      { primitive: 'nothing', code: '', cells: all(B('tsoLoad'), B('armWeak'), B('rvWeak'), B('docNone')) },
      { primitive: 'smp_wmb', cells: all(B('tsoLoad'), B('armWeak'), B('rvWeak'), B('docNone')) },
      { primitive: 'smp_rmb', cells: all(B('tsoLoad'), B('armWeak'), B('rvWeak'), B('docNone')) },
      { primitive: 'dma_wmb', cells: all(B('tsoLoad'), B('armWeak'), B('rvWeak'), B('doc')) },
      { primitive: 'wmb', cells: all(B('tsoLoad'), K('armDmb'), B('rvWeak'), B('doc')) },
      { primitive: 'smp_mb', cells: all(K('drain'), K('armDmb'), K('rvFence'), K('docSmp')) },
      { primitive: 'dma_mb', cells: all(K('drain'), K('armDmb'), K('rvFence'), K('doc')) },
      { primitive: 'mb', cells: all(K('drain'), K('armDmb'), K('rvFence'), K('doc')) },
    ],
  },
  {
    id: 'wc-doorbell',
    title: 'Descriptor, then a doorbell in a write-combining mapping',
    story: 'The doorbell wakes the device and the descriptor it reads is older.',
    program: `cpu0: WRITE_ONCE d 1; $; wc_store bell 1
              dev: bell bell; READ_ONCE d d`,
    bad: ['dev.d=0'],
    rows: [
      { primitive: 'nothing', code: '', cells: all(B('wc'), B('armWeak'), B('rvWeak'), B('docNone')) },
      { primitive: 'smp_wmb', cells: smp(all(B('wc'), K('armDmb'), B('rvFence'), B('docSmp')), weakAll) },
      { primitive: 'dma_wmb', cells: all(B('wc'), K('armDmb'), K('rvFence'), B('doc')) },
      { primitive: 'wmb', cells: all(K('wc'), K('armDmb'), K('rvFence'), K('doc')) },
      { primitive: 'mb', cells: all(K('wc'), K('armDmb'), K('rvFence'), K('doc')) },
    ],
  },
  {
    id: 'locked-registers',
    title: 'Two CPUs write to one register under one spinlock',
    story: 'The CPU that had the lock later is heard first.',
    // The first CPU has the lock already; the second is looked at when it gets it.
    start: { l: 1 },
    program: `cpu0: $ bell 2; spin_unlock l
              cpu1: spin_lock l; $ bell 1
              dev: take bell first`,
    bad: ['dev.first=1'],
    cpus: 2,
    rows: [
      { primitive: 'writel', cells: all(K('tso'), K('armLock'), K('lock'), K('lock')) },
      { primitive: 'writel_relaxed', cells: all(K('tso'), K('armLock'), B('rvLock'), B('docIo')) },
    ],
  },
];

/** What a UP build is expected to answer: its table's own word, or the SMP build's. */
export function expectedCell(row: PrimitiveRow, column: Column): Cell {
  const own = row.cells[column];
  if (own !== undefined) return own;
  const [base] = column.split('-up');
  const smpCell = Object.entries(row.cells).find(([id]) => id === base)?.[1];
  if (smpCell === undefined) throw new RangeError(`no expectation for ${row.primitive} on ${column}`);
  return smpCell;
}
