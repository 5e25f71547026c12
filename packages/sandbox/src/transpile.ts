// SPDX-License-Identifier: Apache-2.0
/**
 * Node only: TypeScript in, JavaScript out, with every type replaced by
 * blanks, so that lines and columns stay those the student wrote. What cannot
 * be blanked is an error that says what to write instead.
 */
import { blankSourceFile } from 'ts-blank-space';
import { type Node, type SourceFile, typescript } from './typescript.ts';

export interface SourceDiagnostic {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** `TS1005`, or `erasable` for what types cannot blank. */
  readonly code: string;
  readonly message: string;
}
export interface Blanked {
  readonly code: string;
  /** Syntax errors and constructs that are more than types. With any of them `code` is not to be run. */
  readonly diagnostics: readonly SourceDiagnostic[];
}

/** @param fileName only its extension counts: `.ts` or `.js` */
export function blank(source: string, fileName: string): Blanked {
  const file = typescript.createSourceFile(fileName, source, typescript.ScriptTarget.ESNext, true);
  const syntax = file.parseDiagnostics.map((d) => diagnosticAt(file, d.start ?? 0, `TS${d.code}`, typescript.flattenDiagnosticMessageText(d.messageText, '\n')));
  if (syntax.length > 0) return { code: source, diagnostics: syntax };

  const diagnostics: SourceDiagnostic[] = [];
  const code = blankSourceFile(file as unknown as Parameters<typeof blankSourceFile>[0], (node) => {
    const found = node as unknown as Node;
    diagnostics.push(diagnosticAt(file, found.getStart(file), 'erasable', adviceFor(found.kind)));
  });
  return { code, diagnostics };
}

function diagnosticAt(file: SourceFile, offset: number, code: string, message: string): SourceDiagnostic {
  const { line, character } = file.getLineAndCharacterOfPosition(offset);
  return { line: line + 1, column: character + 1, code, message };
}

function adviceFor(kind: number): string {
  const K = typescript.SyntaxKind;
  switch (kind) {
    case K['EnumDeclaration']:
      return 'an enum is code, not only types; write `const Name = { a: 0, b: 1 } as const` instead';
    case K['ModuleDeclaration']:
      return 'a namespace is code, not only types; export the functions from a module instead';
    case K['Parameter']:
    case K['PublicKeyword']:
    case K['PrivateKeyword']:
    case K['ProtectedKeyword']:
    case K['ReadonlyKeyword']:
    case K['OverrideKeyword']:
      return 'a parameter property is code, not only types; declare the field and assign it in the constructor instead';
    case K['ImportEqualsDeclaration']:
      return '`import x = …` is code, not only types; write `import … from …` instead';
    case K['ExportAssignment']:
      return '`export = …` is not an ES module; write `export { … }` instead';
    case K['TypeAssertionExpression']:
      return '`<T>value` cannot be blanked; write `value as T` instead';
    default:
      return 'this construct is more than types and cannot be blanked; write it in plain JavaScript';
  }
}
