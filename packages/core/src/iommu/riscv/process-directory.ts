// SPDX-License-Identifier: Apache-2.0
/** From a process id to its context. The directory lies at guest addresses where there is a second stage. */
import { wordView } from '../../base/layout-words.ts';
import type { Rule } from '../../mmu/format.ts';
import { addressOf } from '../../mmu/word.ts';
import type { Bus } from '../bus.ts';
import type { AccessKind } from './causes.ts';
import { nextTable } from './directory-entry.ts';
import { CORRUPT, DENIED, fault, type Fault } from './fault.ts';
import { firstStage, type Features } from './features.ts';
import { DirectoryEntry, ProcessContext } from './structures.ts';
import type { LateContext } from './late-context.ts';
import { withFirst, type Space } from './space.ts';
import type { TwoStage } from './two-stage.ts';

const LOCATE = 'RISC-V IOMMU, "Process to locate the Process-context"';
const CHECKS = 'RISC-V IOMMU, "Process-context configuration checks"';

export interface Process {
  readonly kind: 'process';
  /** Where the context lies. */
  readonly frame: number;
  readonly offset: number;
  readonly ens: boolean;
  readonly sum: boolean;
  readonly space: Space;
}

const entry = wordView(DirectoryEntry);
const context = wordView(ProcessContext);
const SHIFT = [0, 8, 17] as const;
const MASK = [0xff, 0x1ff, 0x7] as const;

/** Whether the process id has more bits than the directory has levels for. */
export function processTooWide(levels: number, processId: number): boolean {
  return levels > 0 && processId >= (levels === 1 ? 0x100 : levels === 2 ? 0x2_0000 : 0x10_0000);
}

export function locateProcess(of: Features, bus: Bus, stages: TwoStage, guest: Space, levels: number, root: number, processId: number, kind: AccessKind, late: LateContext<Process>): Process | Fault {
  let table = root;
  for (let level = levels - 1; ; level -= 1) {
    const bytes = level === 0 ? 16 : 8;
    const offset = ((processId >>> (SHIFT[level] ?? 0)) & (MASK[level] ?? 0)) * bytes;
    const kept = stages.locateTable(guest, table, offset, kind);
    if (kept !== null) return kept;
    const frame = stages.second.frame;
    const at = bus.fetch(LEVELS[level] ?? 'process directory', frame, offset, bytes, guest.firstBig);
    if (at < 0) return refused(at === -1 ? 265 : 269, at === -1 ? DENIED : CORRUPT, level, frame, offset);
    const words = bus.found;
    if (level > 0) {
      const next = nextTable(words, at);
      if (next >= 0) {
        table = next;
        continue;
      }
    }
    if (entry.get.V(words, at) === 0) return refused(266, NOT_VALID, level, frame, offset);
    if (level > 0) return refused(267, STRAY_ENTRY, level, frame, offset);
    const known = late.find(words, at, frame, offset, guest);
    if (known !== null) return known;
    if (context.hasStray(words, at)) return refused(267, STRAY_CONTEXT, level, frame, offset);
    const format = firstStage(of, context.get.fsc_MODE(words, at), guest.sxl);
    if (format === null) return refused(267, MODE, level, frame, offset);
    const process: Process = {
      kind: 'process',
      frame,
      offset,
      ens: context.get.ENS(words, at) === 1,
      sum: context.get.SUM(words, at) === 1,
      space: format === 'bare' ? guest : withFirst(guest, format, context.get.fsc_PPN(words, at), context.get.PSCID(words, at)),
    };
    late.keep(words, at, frame, offset, guest, process);
    return process;
  }
}

function refused(cause: number, rule: Rule, level: number, frame: number, offset: number): Fault {
  return fault(cause, { table: 'process directory', level, entry: addressOf(frame, offset), rule });
}

const LEVELS = ['process context', 'process directory, level 1', 'process directory, level 2'];
const NOT_VALID: Rule = { field: 'V', bits: '0', text: 'V must be set', section: LOCATE, repair: { set: 1n } };
const STRAY_ENTRY: Rule = { field: 'reserved', bits: '63:54, 9:1', text: 'reserved bits of a directory entry must be clear', section: LOCATE, repair: { clear: (0x3ffn << 54n) | 0x3fen } };
const STRAY_CONTEXT: Rule = { field: 'reserved', bits: '123:108, 63:32, 11:3', text: 'reserved bits of a process context must be clear', section: CHECKS, repair: { clear: ProcessContext.strayBits((1n << 128n) - 1n) } };
const MODE: Rule = { field: 'fsc.MODE', bits: '127:124', text: 'the first-stage mode is not one that is built in', section: CHECKS, repair: { clear: 0xfn << 124n } };
