// SPDX-License-Identifier: Apache-2.0
/** Node only: where `sandbox.wasm` comes from. A browser fetches the file instead. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { QUICKJS_SHA256, buildSandbox } from './build/build.ts';

/** The built file; it exists after `npm start` or `pnpm build`. */
export const sandboxWasmPath = fileURLToPath(new URL('../dist/sandbox.wasm', import.meta.url));

/** Rewrites the QuickJS that is installed (60 ms). Throws when it is not the one this package was made for. */
export function makeSandboxWasm(): Uint8Array {
  const quickjs = readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm'));
  const sha256 = sha256Of(quickjs);
  if (sha256 !== QUICKJS_SHA256) throw new Error(`quickjs-wasi's quickjs.wasm has SHA-256 ${sha256}, expected ${QUICKJS_SHA256}: the memory map in frames.ts belongs to that build`);
  return buildSandbox(quickjs).wasm;
}

let wasm: Uint8Array | null = null;
let module: WebAssembly.Module | null = null;

/** The bytes of `sandbox.wasm`. Sources make it in memory, so that tests need no build and never see a stale file. */
export function sandboxWasm(): Uint8Array {
  wasm ??= import.meta.url.endsWith('.ts') || !existsSync(sandboxWasmPath) ? makeSandboxWasm() : readFileSync(sandboxWasmPath);
  return wasm;
}

/** Compiled once per process. */
export function sandboxModule(): WebAssembly.Module {
  module ??= new WebAssembly.Module(new Uint8Array(sandboxWasm()));
  return module;
}

/** Part of the engine hash. */
export function sandboxHash(): string {
  return sha256Of(sandboxWasm());
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
