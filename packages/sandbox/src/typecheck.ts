// SPDX-License-Identifier: Apache-2.0
/**
 * Node only: type errors of student files against the kernel's declarations.
 * Everything is in memory; what does not change (libraries, declarations) is
 * parsed once per process.
 */
import { type Diagnostic, type SourceFile, libraryFolder, typescript } from './typescript.ts';

export interface TypeDiagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly code: string;
  readonly message: string;
}
export interface TypecheckInput {
  /** What the student wrote, by name. Only these are reported on. */
  readonly files: Readonly<Record<string, string>>;
  /** Modules beside it that may be imported by relative path. */
  readonly given?: Readonly<Record<string, string>>;
  /** Ambient declarations (`declare module 'linux/io' { … }`), or modules by path. */
  readonly declarations: readonly { readonly path: string; readonly text: string }[];
}

const ROOT = '/lab/';
const OPTIONS = {
  strict: true,
  noEmit: true,
  target: typescript.ScriptTarget.ES2023,
  module: typescript.ModuleKind.ESNext,
  moduleResolution: typescript.ModuleResolutionKind.Bundler,
  lib: ['lib.es2023.d.ts'],
  types: [],
  allowJs: true,
  allowImportingTsExtensions: true,
  erasableSyntaxOnly: true,
  verbatimModuleSyntax: false,
  skipLibCheck: true,
  skipDefaultLibCheck: true,
} as const;

const parsed = new Map<string, { readonly text: string; readonly file: SourceFile }>();
/** Reused while the set of names stays the same, which makes an edit cheap. */
let last: { readonly names: string; readonly program: ReturnType<typeof typescript.createProgram> } | null = null;

/** In the order of files and positions. */
export function typecheck({ files, given = {}, declarations }: TypecheckInput): TypeDiagnostic[] {
  const texts = new Map<string, string>();
  for (const [name, text] of [...Object.entries(given), ...Object.entries(files)]) texts.set(ROOT + name, text);
  for (const { path, text } of declarations) texts.set(ROOT + path, text);
  const names = [...texts.keys()];
  const key = names.join('\n');
  const read = (name: string): string | undefined => texts.get(name) ?? (name.startsWith(libraryFolder) ? typescript.sys.readFile(name) : undefined);

  const program = typescript.createProgram(
    names,
    OPTIONS,
    {
      fileExists: (name) => read(name) !== undefined,
      readFile: read,
      getSourceFile: (name, target) => sourceFile(name, target, read),
      getDefaultLibFileName: () => `${libraryFolder}lib.es2023.d.ts`,
      getDefaultLibLocation: () => libraryFolder,
      writeFile: () => {},
      getCurrentDirectory: () => ROOT,
      getCanonicalFileName: (name) => name,
      useCaseSensitiveFileNames: () => true,
      getNewLine: () => '\n',
    },
    last?.names === key ? last.program : undefined,
  );
  last = { names: key, program };

  return Object.keys(files).flatMap((name) => {
    const file = program.getSourceFile(ROOT + name);
    if (file === undefined) return [];
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return found.map((d) => described(name, file, d)).sort((a, b) => a.line - b.line || a.column - b.column);
  });
}

function described(name: string, file: SourceFile, diagnostic: Diagnostic): TypeDiagnostic {
  const { line, character } = file.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
  return { file: name, line: line + 1, column: character + 1, code: `TS${diagnostic.code}`, message: typescript.flattenDiagnosticMessageText(diagnostic.messageText, '\n') };
}

function sourceFile(name: string, target: number, read: (name: string) => string | undefined): SourceFile | undefined {
  const known = parsed.get(name);
  if (known !== undefined && name.startsWith(libraryFolder)) return known.file;
  const text = read(name);
  if (text === undefined) return undefined;
  if (known?.text === text) return known.file;
  const file = typescript.createSourceFile(name, text, target, true);
  parsed.set(name, { text, file });
  return file;
}
