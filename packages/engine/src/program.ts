// SPDX-License-Identifier: Apache-2.0
/** A driver with its given modules, loaded into the sandbox: or what the student must be told instead. */
import type { Diagnostic } from '@dmalab/contracts/report';
import { guestProgram, readTables, type GuestTables } from '@dmalab/kernel/guest/program';
import { findModuleState } from '@dmalab/kernel/guest/top-level';
import { Sandbox, type SandboxLimits } from '@dmalab/sandbox/sandbox';
import { GuestMemo } from './guest-memo.ts';
import { hashFiles } from './hash.ts';
import type { LabBundle } from './lab-bundle.ts';

/** The compiled `sandbox.wasm`, as `Sandbox.create` takes it. */
export type SandboxModule = Parameters<typeof Sandbox.create>[0];

export interface Program {
  /** For exploration: no positions. */
  readonly memo: GuestMemo;
  /** For what people look at. Loaded when first asked for. */
  readonly traced: () => GuestMemo;
  readonly tables: GuestTables;
  /** Of the driver's own files, blanked: what tokens carry. */
  readonly hash: string;
}

export type LoadedProgram = { readonly ok: true; readonly program: Program } | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

const LIMITS: SandboxLimits = {};

/** @param driver file → blanked code of the student's own files */
export function loadProgram(module: SandboxModule, lab: LabBundle, driver: Readonly<Record<string, string>>): LoadedProgram {
  const { given, file, entry } = { ...lab.manifest.driver };
  const code = driver[file];
  if (code === undefined) return refused(file, null, 'missing-file', `there is no ${file}; expected the driver`);
  const own = Object.keys(driver).filter((name) => !given.includes(name)).sort((a, b) => Number(a === file) - Number(b === file) || (a < b ? -1 : 1));
  const state = own.flatMap((name) => findModuleState(driver[name]!).map((found): Diagnostic => ({ file: name, line: found.line, column: found.column, severity: 'error', code: 'module-state', message: found.message })));
  if (state.length > 0) return { ok: false, diagnostics: state };

  const sources = [...given.map((name) => ({ name, source: lab.given[name]!.code })), ...own.map((name) => ({ name, source: driver[name]! }))];
  const { modules, entry: main } = guestProgram(sources);
  const sandbox = Sandbox.create(module, LIMITS);
  const loaded = sandbox.load(modules, main);
  if (!loaded.ok) {
    const { error } = loaded;
    const message = 'message' in error ? `${error.name}: ${error.message}` : `the driver's modules ${error.kind === 'out-of-fuel' ? 'take too long to evaluate' : error.kind === 'out-of-memory' ? 'take too much memory to evaluate' : 'recurse too deeply while they are evaluated'}`;
    return refused(error.site?.file ?? file, error.site, `load-${error.kind}`, message);
  }
  const memo = new GuestMemo(sandbox);
  const tables = readTables(memo.guest());
  const missing = entry.filter((name) => !tables.functions.some((f) => f.name === name));
  if (missing.length > 0) return refused(file, null, 'missing-function', `there is no function ${listed(missing)} at the top level, and the lab calls ${missing.length === 1 ? 'it' : 'them'}; "export" is not needed`);
  let traced: GuestMemo | undefined;
  return { ok: true, program: { memo, traced: () => (traced ??= new GuestMemo(sandbox.fork(), true)), tables, hash: hashFiles(Object.fromEntries(own.map((name) => [name, driver[name]!]))) } };
}

/** `probe`, `probe or remove`, `probe, open or remove`. */
function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function refused(file: string, site: { readonly line: number; readonly column: number } | null, code: string, message: string): LoadedProgram {
  return { ok: false, diagnostics: [{ file, line: site?.line ?? 1, column: site?.column ?? 1, severity: 'error', code, message }] };
}
