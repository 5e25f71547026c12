// SPDX-License-Identifier: Apache-2.0
/**
 * As much of the WebAssembly binary format as the rewriter needs: sections in,
 * sections out. Source: WebAssembly Core Specification 2.0, chapter 5.
 */

export const SECTION = { custom: 0, type: 1, import: 2, function: 3, table: 4, memory: 5, global: 6, export: 7, start: 8, element: 9, code: 10, data: 11, dataCount: 12 } as const;

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F64 = 0x7c;

/** Reads forward through bytes. Throws a `RangeError` past the end. */
export class Reader {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  byte(): number {
    const value = this.at < this.end ? this.bytes[this.at] : undefined;
    if (value === undefined) throw new RangeError(`wasm: unexpected end at 0x${this.at.toString(16)}`);
    this.at += 1;
    return value;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value >>> 0;
    }
  }

  /** Skips a LEB128 number of any width and sign. */
  skipLeb(): void {
    while ((this.byte() & 0x80) !== 0);
  }

  skip(count: number): void {
    this.at += count;
    if (this.at > this.end) throw new RangeError(`wasm: unexpected end at 0x${this.at.toString(16)}`);
  }

  text(): string {
    const length = this.u32();
    const start = this.at;
    this.skip(length);
    return String.fromCharCode(...this.bytes.subarray(start, this.at));
  }
}

export function u32(value: number): number[] {
  const out: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    out.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return out;
}

/** Signed LEB128, for `i32.const` and `i64.const`. */
export function sleb(value: number | bigint): number[] {
  const out: number[] = [];
  let rest = BigInt(value);
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) {
      out.push(low);
      return out;
    }
    out.push(low | 0x80);
  }
}

export function name(text: string): number[] {
  const bytes = Array.from(text, (c) => c.charCodeAt(0));
  if (bytes.some((b) => b > 0x7f)) throw new RangeError(`wasm: name "${text}" is not ASCII`);
  return [...u32(bytes.length), ...bytes];
}

export interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

export function readSections(wasm: Uint8Array): Section[] {
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  if (magic.some((b, i) => wasm[i] !== b)) throw new RangeError('wasm: not a WebAssembly 1 binary module');
  const reader = new Reader(wasm, magic.length);
  const sections: Section[] = [];
  while (!reader.done) {
    const id = reader.byte();
    const size = reader.u32();
    const start = reader.at;
    reader.skip(size);
    sections.push({ id, body: wasm.subarray(start, reader.at) });
  }
  return sections;
}

export function writeSections(sections: readonly Section[]): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00)];
  for (const { id, body } of sections) parts.push(Uint8Array.from([id, ...u32(body.length)]), body);
  return join(parts);
}

export function join(parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Body of a section that is a vector, with entries appended. */
export function appendEntries(body: Uint8Array, entries: readonly (readonly number[] | Uint8Array)[]): Uint8Array {
  const reader = new Reader(body);
  const count = reader.u32();
  return join([u32(count + entries.length), body.subarray(reader.at), ...entries]);
}
