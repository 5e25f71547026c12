// SPDX-License-Identifier: Apache-2.0
/**
 * Node only: the TypeScript that ts-blank-space brings (6.0; TypeScript 7 has
 * no such API), and the little of its API that is used here.
 */
import { createRequire } from 'node:module';

export interface Node {
  readonly kind: number;
  readonly pos: number;
  readonly end: number;
  readonly parent: Node;
  getStart(file?: SourceFile): number;
}
export interface SourceFile extends Node {
  readonly fileName: string;
  readonly text: string;
  readonly parseDiagnostics: readonly Diagnostic[];
  getLineAndCharacterOfPosition(position: number): { readonly line: number; readonly character: number };
}
export interface Diagnostic {
  readonly file?: SourceFile;
  readonly start?: number;
  readonly code: number;
  readonly category: number;
  readonly messageText: string | { readonly messageText: string };
}
export interface Program {
  getSourceFile(name: string): SourceFile | undefined;
  getSyntacticDiagnostics(file?: SourceFile): readonly Diagnostic[];
  getSemanticDiagnostics(file?: SourceFile): readonly Diagnostic[];
}
export interface CompilerHost {
  fileExists(name: string): boolean;
  readFile(name: string): string | undefined;
  getSourceFile(name: string, target: number): SourceFile | undefined;
  getDefaultLibFileName(): string;
  getDefaultLibLocation(): string;
  writeFile(): void;
  getCurrentDirectory(): string;
  getCanonicalFileName(name: string): string;
  useCaseSensitiveFileNames(): boolean;
  getNewLine(): string;
}
export interface TypeScript {
  readonly version: string;
  readonly SyntaxKind: { readonly [name: string]: number };
  readonly ScriptTarget: { readonly ES2023: number; readonly ESNext: number };
  readonly ModuleKind: { readonly ESNext: number };
  readonly ModuleResolutionKind: { readonly Bundler: number };
  createSourceFile(name: string, text: string, target: number, setParentNodes: boolean): SourceFile;
  createProgram(names: readonly string[], options: Readonly<Record<string, unknown>>, host: CompilerHost, old?: Program): Program;
  flattenDiagnosticMessageText(text: Diagnostic['messageText'], newLine: string): string;
  sys: { readFile(name: string): string | undefined };
}

const fromHere = createRequire(import.meta.url);
const fromBlankSpace = createRequire(fromHere.resolve('ts-blank-space'));

export const typescript = fromBlankSpace('typescript') as TypeScript;
/** Folder of TypeScript's own `lib.*.d.ts`. */
export const libraryFolder = fromBlankSpace.resolve('typescript').replace(/[^/\\]*$/, '');
