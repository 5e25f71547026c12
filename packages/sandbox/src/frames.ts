// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the QuickJS call stack straight out of linear memory: nothing runs, so
 * neither fuel nor heap can change, and it works after a trap. The offsets are
 * those of the one build `QUICKJS_SHA256` names; `frames.test.ts` compares
 * every result with what QuickJS itself says in `Error.stack`.
 */
import { type FunctionCode, loopSite } from './loops.ts';
import { mended } from './lexer.ts';
import type { GuestModule, Site } from './result.ts';
import type { Vm } from './vm.ts';

/** Byte offsets, wasm32. */
const RUNTIME = { currentStackFrame: 660 } as const;
const FRAME = { previous: 0, function: 8, functionTag: 12, pc: 28 } as const;
const OBJECT = { classId: 10, bytecode: 24 } as const;
const BYTECODE = { code: 12, codeLength: 16, constantCount: 44, constants: 52, file: 56, line: 60, column: 64, sourceLength: 68, tableLength: 72, table: 76, source: 80 } as const;
/** Class ids of functions that have bytecode: plain, generator, async, async generator. */
const BYTECODE_CLASSES: ReadonlySet<number> = new Set([13, 17, 55, 59]);
const OBJECT_TAG = 0xffff_ffff;
const BYTECODE_TAG = 0xffff_fffe;
/** Line table: one byte says both steps, `(op - 1) / 5` bytes of code and `(op - 1) % 5 - 1` lines; 0 escapes to LEB128. */
const TABLE = { first: 1, range: 5, base: -1 } as const;
const MAX_FRAMES = 64;

interface Position {
  readonly pc: number;
  readonly line: number;
  readonly column: number;
}
interface Code extends FunctionCode {
  readonly module: GuestModule;
  /** Each position holds from its pc up to the next one's. */
  readonly positions: readonly Position[];
  /** Asked for before. */
  readonly sites: Map<number, Site>;
}

/** Decodes line tables once per function. Valid for one snapshot: no code is compiled after it. */
export class Frames {
  /** Text of each module whose frames are shown, by the atom of its name. */
  readonly #files: ReadonlyMap<number, GuestModule>;
  readonly #codes = new Map<number, Code | null>();

  constructor(files: ReadonlyMap<number, GuestModule>) {
    this.#files = files;
  }

  /** Innermost first; frames of other files are left out. */
  read(vm: Vm, runtime: number): Site[] {
    return this.#walk(vm, runtime).map(({ code, pc }) => this.#site(code, pc));
  }

  /** The innermost loop that is being executed, whichever frame it is in. */
  loop(vm: Vm, runtime: number): Site | null {
    for (const { code, pc } of this.#walk(vm, runtime)) {
      const site = loopSite(vm, code, code.module.source, pc, (at) => this.#around(code, at));
      if (site !== null) return site;
    }
    return null;
  }

  #site(code: Code, pc: number): Site {
    let site = code.sites.get(pc);
    if (site === undefined) {
      const { line, column } = positionOf(code, pc);
      site = { file: code.file, line, column: mended(code.module.source, line, column) };
      code.sites.set(pc, site);
    }
    return site;
  }

  #around(code: Code, pc: number): readonly [Site, Site | null] {
    const next = code.positions.find((p) => p.pc > pc - code.start);
    return [this.#site(code, pc), next === undefined ? null : { file: code.file, line: next.line, column: mended(code.module.source, next.line, next.column) }];
  }

  #walk(vm: Vm, runtime: number): { readonly code: Code; readonly pc: number }[] {
    const frames: { code: Code; pc: number }[] = [];
    const limit = vm.bytes.length - 96;
    let frame = vm.u32(runtime + RUNTIME.currentStackFrame);
    for (let depth = 0; frame !== 0 && frame < limit && frames.length < MAX_FRAMES && depth < 4096; depth += 1) {
      const object = vm.u32(frame + FRAME.function);
      if (vm.u32(frame + FRAME.functionTag) === OBJECT_TAG && object < limit && BYTECODE_CLASSES.has(vm.view.getUint16(object + OBJECT.classId, true))) {
        const code = this.#code(vm, vm.u32(object + OBJECT.bytecode));
        if (code !== null) frames.push({ code, pc: vm.u32(frame + FRAME.pc) });
      }
      frame = vm.u32(frame + FRAME.previous);
    }
    return frames;
  }

  #code(vm: Vm, bytecode: number): Code | null {
    let code = this.#codes.get(bytecode);
    if (code === undefined) {
      code = this.#decode(vm, bytecode);
      this.#codes.set(bytecode, code);
    }
    return code;
  }

  #decode(vm: Vm, bytecode: number): Code | null {
    const file = this.#files.get(vm.u32(bytecode + BYTECODE.file));
    if (file === undefined) return null;
    const line = vm.u32(bytecode + BYTECODE.line);
    const column = vm.u32(bytecode + BYTECODE.column);
    const source = vm.u32(bytecode + BYTECODE.source);
    const inner: FunctionCode[] = [];
    const constants = vm.u32(bytecode + BYTECODE.constants);
    for (let i = 0, count = vm.u32(bytecode + BYTECODE.constantCount); i < count; i += 1) {
      const code = vm.u32(constants + 8 * i + 4) === BYTECODE_TAG ? this.#code(vm, vm.u32(constants + 8 * i)) : null;
      if (code !== null) inner.push(code);
    }
    return {
      module: file, file: file.name, line, column: mended(file.source, line, column), inner, start: vm.u32(bytecode + BYTECODE.code), length: vm.u32(bytecode + BYTECODE.codeLength),
      source: source === 0 ? '' : vm.utf8(source, vm.u32(bytecode + BYTECODE.sourceLength)),
      sites: new Map(),
      positions: lineTable(vm, vm.u32(bytecode + BYTECODE.table), vm.u32(bytecode + BYTECODE.tableLength), line, column),
    };
  }
}

/** The saved pc is that of the instruction after the call; 0: nothing has been called yet. */
function positionOf(code: Code, pc: number): Position {
  const offset = pc === 0 ? 0 : pc - code.start - 1;
  let found: Position = { pc: -1, line: code.line, column: code.column };
  for (const position of code.positions) {
    if (position.pc > offset) break;
    found = position;
  }
  return found;
}

function lineTable(vm: Vm, start: number, length: number, firstLine: number, firstColumn: number): Position[] {
  const positions: Position[] = [];
  const end = start + length;
  let at = start;
  let pc = 0;
  let line = firstLine;
  let column = firstColumn;
  const leb = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = vm.bytes[at] ?? 0;
      at += 1;
      value |= (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) break;
    }
    return value >>> 0;
  };
  const signed = (): number => {
    const value = leb();
    return (value >>> 1) ^ -(value & 1);
  };
  while (at < end) {
    const op = vm.bytes[at] ?? 0;
    at += 1;
    if (op === 0) {
      pc += leb();
      line += signed();
    } else {
      pc += Math.floor((op - TABLE.first) / TABLE.range);
      line += ((op - TABLE.first) % TABLE.range) + TABLE.base;
    }
    column += signed();
    positions.push({ pc, line, column });
  }
  return positions;
}
