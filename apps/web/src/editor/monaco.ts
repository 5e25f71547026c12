// SPDX-License-Identifier: Apache-2.0
/**
 * Monaco, slim: the editor and TypeScript, nothing else, in a chunk of its own. Its checker is a hint for the writer;
 * what is graded is decided by one compiler on the server.
 */
import * as monaco from 'monaco-editor/editor';
import 'monaco-editor/features/register.all';
import 'monaco-editor/languages/definitions/typescript/register';
import * as ts from 'monaco-editor/languages/features/typescript/register';
import EditorWorker from 'monaco-editor/editor/editor.worker?worker';
import TsWorker from 'monaco-editor/languages/features/typescript/ts.worker?worker';

export { monaco };

self.MonacoEnvironment = { getWorker: (_id, label) => (label === 'typescript' || label === 'javascript' ? new TsWorker() : new EditorWorker()) };

const ROOT = 'file:///lab/';
export const uriOf = (file: string): monaco.Uri => monaco.Uri.parse(ROOT + file);

/** The kernel API's own declarations, as the server serves them, and the lab's given modules. */
export function setLibraries(types: readonly { readonly path: string; readonly text: string }[], given: readonly { readonly file: string; readonly text: string }[]): void {
  const defaults = ts.typescriptDefaults;
  defaults.setCompilerOptions({
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.NodeJs,
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    allowNonTsExtensions: true,
    isolatedModules: true,
    lib: ['es2023'],
    types: [],
  });
  defaults.setDiagnosticsOptions({ noSemanticValidation: false, noSyntaxValidation: false, onlyVisible: false });
  defaults.setExtraLibs([
    ...types.map((t) => ({ content: t.text, filePath: `file:///node_modules/${t.path.replace(/^(\.?\/)?(node_modules\/)?/, '')}` })),
    ...given.map((g) => ({ content: g.text, filePath: ROOT + g.file })),
  ]);
}

/** One model a file; the same text keeps its undo history across renders. */
export function modelOf(file: string, text: string): monaco.editor.ITextModel {
  const uri = uriOf(file);
  const existing = monaco.editor.getModel(uri);
  if (existing !== null) {
    if (existing.getValue() !== text) existing.setValue(text);
    return existing;
  }
  return monaco.editor.createModel(text, 'typescript', uri);
}

export function disposeModels(): void {
  for (const model of monaco.editor.getModels()) model.dispose();
}
