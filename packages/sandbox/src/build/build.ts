// SPDX-License-Identifier: Apache-2.0
/**
 * Makes `sandbox.wasm` out of the QuickJS that npm `quickjs-wasi` ships: adds
 * the guest's C functions, a fuel counter and a memory ceiling. No toolchain,
 * no clock, no order that could differ: same input, same bytes.
 */
import { hashWords, ID_SECTION } from '../hash.ts';
import { type MeterCounts, meterCode } from './meter.ts';
import { trampolines } from './trampoline.ts';
import { I32, Reader, SECTION, type Section, appendEntries, join, name, readSections, sleb, u32, writeSections } from './wasm.ts';

/** SHA-256 of the only input this rewriter, and the memory map in `frames.ts`, were made for. */
export const QUICKJS_SHA256 = 'd4c9375f2b1ca4dc95f72c8aa2982a7a9951ac8011490d79c6582df732b4bbd9';

/** Ceiling of linear memory, in pages of 64 KiB. */
export const MAX_PAGES = 512;

const EXPORT_FUNCTION = 0;
const EXPORT_GLOBAL = 3;

/** @returns the rewritten module and how many places pay for fuel */
export function buildSandbox(quickjs: Uint8Array): { wasm: Uint8Array; counts: MeterCounts } {
  const sections = readSections(quickjs).filter((s) => s.id !== SECTION.custom);
  const body = (id: number): Uint8Array => {
    const section = sections.find((s) => s.id === id);
    if (section === undefined) throw new RangeError(`wasm: no section ${id}`);
    return section.body;
  };

  const types = readTypes(body(SECTION.type));
  const imported = readImports(body(SECTION.import));
  const signatures = readVector(body(SECTION.function), (r) => r.u32());
  const globals = new Reader(body(SECTION.global)).u32();
  const exported = readExports(body(SECTION.export));
  const exportIndex = (symbol: string): number => {
    const index = exported.get(symbol);
    if (index === undefined) throw new RangeError(`wasm: "${symbol}" is not exported`);
    return index;
  };

  const fuel = globals;
  const raised = globals + 1;
  const base = imported.length + signatures.length;
  const host = imported.indexOf('host_call');
  if (host < 0) throw new RangeError('wasm: "host_call" is not imported');
  const functions = trampolines({
    host, raised, base, stackPointer: exportIndex('__stack_pointer'),
    toBigInt64: exportIndex('JS_ToBigInt64'), newBigUint64: exportIndex('JS_NewBigUint64'),
  });

  const counts: MeterCounts = { loops: 0, bulk: 0, functions: 0 };
  const metered = meterCode(body(SECTION.code), (i) => types[signatures[i] ?? -1]?.params ?? fail(i), fuel, counts);
  const mutableZero = [I32, 1, 0x41, ...sleb(0), 0x0b];
  const exportOf = (symbol: string, kind: number, index: number): number[] => [...name(symbol), kind, ...u32(index)];

  const replaced = new Map<number, Uint8Array>([
    [SECTION.type, appendEntries(body(SECTION.type), functions.map((f) => [0x60, ...u32(f.params.length), ...f.params, ...u32(f.results.length), ...f.results]))],
    [SECTION.function, appendEntries(body(SECTION.function), functions.map((_, i) => u32(types.length + i)))],
    [SECTION.global, appendEntries(body(SECTION.global), [mutableZero, mutableZero])],
    [SECTION.memory, limitMemory(body(SECTION.memory))],
    [
      SECTION.export,
      appendEntries(body(SECTION.export), [
        exportOf('fuel', EXPORT_GLOBAL, fuel),
        exportOf('raised', EXPORT_GLOBAL, raised),
        ...functions.map((f, i) => exportOf(f.name, EXPORT_FUNCTION, base + i)),
      ]),
    ],
    [
      SECTION.code,
      appendEntries(
        metered,
        functions.map((f) => {
          const code = [...u32(f.locals.length), ...f.locals.flatMap((t) => [1, t]), ...f.code, 0x0b];
          return [...u32(code.length), ...code];
        }),
      ),
    ],
  ]);
  const wasm = writeSections(sections.map((s): Section => ({ id: s.id, body: replaced.get(s.id) ?? s.body })));
  return { wasm: join([wasm, idSection(wasm)]), counts };
}

/** A custom section that carries a fingerprint of all the others, so that whoever holds only the compiled module can name it. */
function idSection(wasm: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil(wasm.length / 4) * 4);
  padded.set(wasm);
  const body = join([name(ID_SECTION), Array.from(hashWords(padded), (digit) => digit.charCodeAt(0))]);
  return join([[SECTION.custom], u32(body.length), body]);
}

function fail(index: number): never {
  throw new RangeError(`wasm: function ${index} has no type`);
}

function limitMemory(body: Uint8Array): Uint8Array {
  const reader = new Reader(body);
  if (reader.u32() !== 1) throw new RangeError('wasm: expected one memory');
  if ((reader.byte() & ~1) !== 0) throw new RangeError('wasm: shared and 64-bit memories are not for this rewriter');
  return join([u32(1), [1], u32(reader.u32()), u32(MAX_PAGES)]);
}

function readVector<T>(body: Uint8Array, entry: (reader: Reader) => T): T[] {
  const reader = new Reader(body);
  return Array.from({ length: reader.u32() }, () => entry(reader));
}

function readTypes(body: Uint8Array): { params: number }[] {
  return readVector(body, (r) => {
    if (r.byte() !== 0x60) throw new RangeError('wasm: expected a function type');
    const params = r.u32();
    r.skip(params);
    r.skip(r.u32());
    return { params };
  });
}

function readImports(body: Uint8Array): string[] {
  return readVector(body, (r) => {
    r.text();
    const field = r.text();
    if (r.byte() !== 0) throw new RangeError(`wasm: import "${field}" is not a function`);
    r.u32();
    return field;
  });
}

function readExports(body: Uint8Array): Map<string, number> {
  return new Map(
    readVector(body, (r): [string, number] => {
      const symbol = r.text();
      r.byte();
      return [symbol, r.u32()];
    }),
  );
}
