// SPDX-License-Identifier: Apache-2.0
/** Writes dist/sandbox.wasm and dist/sandbox.sha256. Runs after `tsc -b`. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { makeSandboxWasm, sandboxWasmPath } from '../dist/node.js';

const wasm = makeSandboxWasm();
writeFileSync(sandboxWasmPath, wasm);
writeFileSync(new URL('../dist/sandbox.sha256', import.meta.url), `${createHash('sha256').update(wasm).digest('hex')}\n`);
