// SPDX-License-Identifier: Apache-2.0
/** From the text a student wrote to what the engine takes: types blanked in place, and every diagnostic. Runs inside the wall. */
import type { Diagnostic } from '@dmalab/contracts/report';
import { typeDeclarations } from '@dmalab/kernel/declare/declarations';
import { blank } from '@dmalab/sandbox/transpile';
import { typecheck } from '@dmalab/sandbox/typecheck';
import type { CompiledSource } from '@dmalab/engine/engine';

/**
 * Only syntax errors and constructs that types cannot blank are of severity
 * `error` (the attempt is not graded then); type errors are warnings.
 */
export function compileSources(files: Readonly<Record<string, string>>, given: Readonly<Record<string, string>>, types: boolean): CompiledSource {
  const code: Record<string, string> = {};
  const diagnostics: Diagnostic[] = [];
  for (const [file, text] of Object.entries(files)) {
    const blanked = blank(text, file);
    code[file] = blanked.code;
    diagnostics.push(...blanked.diagnostics.map((d): Diagnostic => ({ file, severity: 'error', ...d })));
  }
  if (types && diagnostics.length === 0) {
    diagnostics.push(...typecheck({ files, given, declarations: typeDeclarations() }).map((d): Diagnostic => ({ severity: 'warning', ...d })));
  }
  return { files: code, original: files, diagnostics };
}
