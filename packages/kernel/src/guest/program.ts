// SPDX-License-Identifier: Apache-2.0
/**
 * Puts prelude and student files together into what the sandbox loads, and
 * reads back the table of functions and structures. A driver's functions are
 * called by number, so that a handler that is not exported can be one, too.
 */
import { MAX_DESCRIPTION, SIZE_SHIFT } from '../abi.ts';
import type { Guest } from '../guest.ts';
import { GuestCall } from '../host/call.ts';
import { codeOf } from '../ops.ts';
import { guestModules, type GuestModule } from './modules.ts';
import { topLevelDeclarations } from './top-level.ts';

export interface SourceFile {
  /** As imports and messages name it: `driver.ts`. */
  readonly name: string;
  /** Erased TypeScript: types are blanks. */
  readonly source: string;
}

export interface GuestProgram {
  readonly modules: readonly GuestModule[];
  /** Name of the module to load; it exports `invoke` and `describe`. */
  readonly entry: string;
}

const ENTRY = 'kernel/entry';

/** Export under which a module hands its top-level functions to the entry module. */
const FUNCTIONS = '$dmalab_functions';
const RESERVED = new Set('arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield'.split(' '));

/**
 * Appended behind the last line, so positions stay true. `typeof` keeps it harmless: the scanner that found the names is no parser, and
 * a name it made up is only no function.
 */
function withFunctions(file: SourceFile): GuestModule {
  const names = [...new Set(topLevelDeclarations(file.source).flatMap((d) => (d.keyword === 'function' || d.keyword === 'const' ? [d.name] : [])))].filter((name) => !RESERVED.has(name));
  const list = names.map((name) => `[${JSON.stringify(name)}, typeof ${name} === "function" ? ${name} : null]`).join(', ');
  return { name: file.name, source: `${file.source}\nexport const ${FUNCTIONS} = () => [${list}];\n`, trusted: false };
}

/** @param files the driver and the modules beside it; all are evaluated, in this order */
export function guestProgram(files: readonly SourceFile[], endian: 'little' | 'big' = 'little'): GuestProgram {
  const own = files.map(withFunctions);
  const imports = own.map((module, i) => `import * as m${i} from ${JSON.stringify(module.name)};`);
  const registrations = own.map((module, i) => `k.register(${JSON.stringify(module.name)}, m${i}.${FUNCTIONS}());`);
  const source = [
    'import * as k from "kernel/core";',
    ...imports,
    ...registrations,
    'k.seal();',
    'export function describe() { k.describe(); return null; }',
    'export function invoke(index, ...words) { return k.invoke(index, words); }',
    '',
  ].join('\n');
  return { modules: [...guestModules(endian), ...own, { name: ENTRY, source, trusted: true, hidden: true }], entry: ENTRY };
}

export interface StructField {
  readonly name: string;
  readonly offset: number;
  /** Bytes of one element. */
  readonly size: number;
  /** Elements; 1 unless it is an array. */
  readonly count: number;
  /** Name of the scalar type; '' for an embedded structure. */
  readonly scalar: string;
  /** Number of the embedded structure, -1 for a scalar. */
  readonly struct: number;
}
export interface StructInfo {
  readonly name: string;
  readonly size: number;
  readonly fields: readonly StructField[];
}
export interface FunctionInfo {
  readonly module: string;
  readonly name: string;
}
/** What the guest declared, as the host knows it. Positions in the lists are the numbers that ops carry. */
export interface GuestTables {
  readonly functions: readonly FunctionInfo[];
  readonly structs: readonly StructInfo[];
}

/**
 * Checks the guest's own account of itself: it is untrusted, so every value is looked at.
 * @throws RangeError when it is not such a table
 */
export function parseTables(text: string): GuestTables {
  const table = record(JSON.parse(text), 'table');
  const structs = list(table['structs'], 'structs', 1024).map((entry, index): StructInfo => {
    const value = record(entry, 'struct');
    const size = integer(value['size'], 1, 1 << 20);
    return {
      name: name(value['name']),
      size,
      fields: list(value['fields'], 'fields', 1024).map((one): StructField => {
        const field = record(one, 'field');
        return {
          name: name(field['name']),
          offset: integer(field['offset'], 0, size - 1),
          size: integer(field['size'], 1, size),
          count: integer(field['count'], 1, 65_536),
          scalar: field['scalar'] === undefined ? '' : name(field['scalar']),
          struct: field['struct'] === undefined ? -1 : integer(field['struct'], 0, index - 1), // only what was declared before can lie inside
        };
      }),
    };
  });
  const functions = list(table['functions'], 'functions', 4096).map((entry): FunctionInfo => {
    const value = record(entry, 'function');
    return { module: String(value['module']).slice(0, 256), name: String(value['name']).slice(0, 256) };
  });
  return { functions, structs };
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new RangeError(`guest table: ${what} is not an object`);
  // Checked just above: a plain object straight from JSON.parse.
  return value as Readonly<Record<string, unknown>>;
}
function list(value: unknown, what: string, most: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > most) throw new RangeError(`guest table: ${what} is not a list of at most ${most}`);
  return value;
}
function integer(value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) throw new RangeError(`guest table: expected an integer from ${least} to ${most}`);
  return value;
}
function name(value: unknown): string {
  if (typeof value !== 'string' || !/^[A-Za-z_][A-Za-z0-9_ ]{0,63}$/.test(value)) throw new RangeError('guest table: expected a name');
  return value;
}

/** Asks a loaded program for its tables; once per snapshot. */
export function readTables(guest: Guest): GuestTables {
  const call = new GuestCall(guest, MAX_DESCRIPTION);
  const text = codeOf('opText');
  let tables: GuestTables | null = null;
  const outcome = guest.call('describe', [], (code, a, b) => {
    if ((code & 0xff) === text) call.addText(a, b, ((code >>> SIZE_SHIFT) & 3) + 1);
    else tables = parseTables(call.takeText());
    return 0;
  });
  if (outcome.kind !== 'returned' || tables === null) throw new RangeError(`the guest did not describe itself: ${outcome.kind === 'threw' ? outcome.message : outcome.kind}`);
  return tables;
}
