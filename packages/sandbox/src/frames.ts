// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the QuickJS call stack straight out of linear memory: nothing runs, so
 * neither fuel nor heap can change, and it works after a trap. The offsets are
 * those of the one build `QUICKJS_SHA256` names; `frames.test.ts` compares
 * every result with what QuickJS itself says in `Error.stack`.
 */
import type { Site } from './result.ts';
import type { Vm } from './vm.ts';

/** Byte offsets, wasm32. */
const RUNTIME = { currentStackFrame: 660 } as const;
const FRAME = { previous: 0, function: 8, functionTag: 12, pc: 28 } as const;
const OBJECT = { classId: 10, bytecode: 24 } as const;
const BYTECODE = { code: 12, file: 56, line: 60, column: 64, tableLength: 72, table: 76 } as const;
/** Class ids of functions that have bytecode: plain, generator, async, async generator. */
const BYTECODE_CLASSES: ReadonlySet<number> = new Set([13, 16, 42, 48]);
const OBJECT_TAG = 0xffff_ffff;
/** Line table: one byte says both steps, `(op - 1) / 5` bytes of code and `(op - 1) % 5 - 1` lines; 0 escapes to LEB128. */
const TABLE = { first: 1, range: 5, base: -1 } as const;
const MAX_FRAMES = 64;

interface Position {
  readonly pc: number;
  readonly line: number;
  readonly column: number;
}
interface Code {
  readonly file: string;
  readonly start: number;
  /** Each position holds from its pc up to the next one's. */
  readonly positions: readonly Position[];
}

/** Decodes line tables once per function. Valid for one snapshot: no code is compiled after it. */
export class Frames {
  readonly #files: ReadonlyMap<number, string>;
  readonly #codes = new Map<number, Code | null>();


  /**
   * @param files module names by atom; frames of other files are left out
   */
  constructor(files: ReadonlyMap<number, string>) {
    this.#files = files;
  }

  /** Innermost first. */
  read(vm: Vm, runtime: number): Site[] {
    const sites: Site[] = [];
    const limit = vm.bytes.length - 96;
    let frame = vm.u32(runtime + RUNTIME.currentStackFrame);
    for (let depth = 0; frame !== 0 && frame < limit && sites.length < MAX_FRAMES && depth < 4096; depth += 1) {
      const object = vm.u32(frame + FRAME.function);
      if (vm.u32(frame + FRAME.functionTag) === OBJECT_TAG && object < limit && BYTECODE_CLASSES.has(vm.view.getUint16(object + OBJECT.classId, true))) {
        const site = this.#site(vm, vm.u32(object + OBJECT.bytecode), vm.u32(frame + FRAME.pc));
        if (site !== null) sites.push(site);
      }
      frame = vm.u32(frame + FRAME.previous);
    }
    return sites;
  }

  #site(vm: Vm, bytecode: number, pc: number): Site | null {
    let code = this.#codes.get(bytecode);
    if (code === undefined) {
      code = this.#decode(vm, bytecode);
      this.#codes.set(bytecode, code);
    }
    if (code === null) return null;
    // The saved pc is that of the instruction after the call; 0: nothing has been called yet.
    const offset = pc === 0 ? 0 : pc - code.start - 1;
    let found = code.positions[0];
    for (const position of code.positions) {
      if (position.pc > offset) break;
      found = position;
    }
    return found === undefined ? null : { file: code.file, line: found.line, column: found.column };
  }

  #decode(vm: Vm, bytecode: number): Code | null {
    const file = this.#files.get(vm.u32(bytecode + BYTECODE.file));
    if (file === undefined) return null;
    let line = vm.u32(bytecode + BYTECODE.line);
    let column = vm.u32(bytecode + BYTECODE.column);
    let pc = 0;
    const positions: Position[] = [{ pc: -1, line, column }];
    let at = vm.u32(bytecode + BYTECODE.table);
    const end = at + vm.u32(bytecode + BYTECODE.tableLength);
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
    return { file, start: vm.u32(bytecode + BYTECODE.code), positions };
  }
}
