// SPDX-License-Identifier: Apache-2.0
/**
 * The driver's editor. Marks of a finding, the line of the current step, breakpoints and the missing-edge line are
 * decorations and a view zone: never part of the text.
 */
import { useEffect, useRef, type ReactNode } from 'react';
import type { Diagnostic } from '@dmalab/contracts/report';
import { useTheme } from '../theme/theme.ts';
import { siteOf } from '../trace/index-trace.ts';
import { useRun, useWorkspace, useWs } from '../workspace/context.tsx';
import { shownFinding } from '../workspace/shown-finding.ts';
import { defineTheme } from './editor-theme.ts';
import { findingLines, type FindingLines } from './finding-lines.ts';
import { disposeModels, modelOf, monaco, setLibraries, uriOf } from './monaco.ts';

type Editor = monaco.editor.IStandaloneCodeEditor;

/** Asks the editor to show a line; the number of the request makes two equal ones differ. */
export interface Reveal {
  readonly file: string;
  readonly line: number;
  readonly nth: number;
}

export function CodeEditor({ file, reveal }: { readonly file: string; readonly reveal: Reveal | null }): ReactNode {
  const workspace = useWorkspace();
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const lab = useWs((s) => s.lab);
  const theme = useTheme((s) => s.theme);

  useEffect(() => {
    if (host.current === null || lab === null) return;
    setLibraries(lab.types, lab.given);
    for (const g of lab.given) modelOf(g.file, g.text);
    const created = monaco.editor.create(host.current, {
      model: modelOf(file, workspace.store.getState().text),
      theme: defineTheme(monaco, useTheme.getState().theme),
      automaticLayout: true,
      minimap: { enabled: false },
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mono'),
      fontSize: 13,
      lineHeight: 21,
      fontLigatures: false,
      tabSize: 2,
      glyphMargin: true,
      lineNumbersMinChars: 3,
      folding: false,
      scrollBeyondLastLine: false,
      renderLineHighlight: 'line',
      overviewRulerLanes: 0,
      padding: { top: 8, bottom: 8 },
      ariaLabel: `${file}. Escape, then Tab leaves the editor.`,
      accessibilitySupport: 'auto',
      fixedOverflowWidgets: true,
      'semanticHighlighting.enabled': false,
    });
    editor.current = created;
    created.addCommand(monaco.KeyCode.Escape, () => {
      // Escape, then Tab leaves: the next Tab moves the focus, and typing switches it back.
      created.updateOptions({ tabFocusMode: true });
    }, '!suggestWidgetVisible && !findWidgetVisible && !markersNavigationVisible && !parameterHintsVisible && !renameInputVisible');
    const subscriptions = [
      created.onDidChangeModelContent(() => {
        created.updateOptions({ tabFocusMode: false });
        workspace.edit(created.getValue());
      }),
      created.onDidFocusEditorText(() => created.updateOptions({ tabFocusMode: false })),
      created.onMouseDown((e) => {
        const line = e.target.position?.lineNumber;
        if (line === undefined) return;
        if (e.target.type === monaco.editor.MouseTargetType.GUTTER_GLYPH_MARGIN) workspace.toggleBreakpoint(line);
        else if (e.target.type === monaco.editor.MouseTargetType.GUTTER_LINE_NUMBERS) seekLine(line);
      }),
    ];
    const seekLine = (line: number): void => {
      const s = workspace.store.getState();
      const trace = s.runs.find((r) => r.id === s.active)?.trace;
      if (trace === undefined) return;
      const on = trace.index.events.filter((e) => siteOf(e)?.line === line && siteOf(e)?.file === file);
      const next = on.find((e) => e.id > s.step) ?? on[0];
      if (next !== undefined) workspace.seek(next.id);
    };
    const stop = workspace.store.subscribe((s) => {
      if (s.text !== created.getValue()) created.setValue(s.text);
    });
    return () => {
      stop();
      for (const s of subscriptions) s.dispose();
      created.dispose();
      disposeModels();
      editor.current = null;
    };
  }, [file, lab, workspace]);

  useEffect(() => monaco.editor.setTheme(defineTheme(monaco, theme)), [theme]);
  useFindingMarks(editor, file);
  useDiagnostics(file);
  useEffect(() => {
    if (reveal?.file === file) revealAt(editor.current, reveal.line);
  }, [reveal, file]);
  return <div className="editor" ref={host} data-editor={file} />;
}

/** Opens with the line at 45 % of the editor's height. */
function revealAt(editor: Editor | null, line: number): void {
  if (editor === null) return;
  const top = editor.getTopForLineNumber(line);
  editor.setScrollTop(Math.max(0, top - editor.getLayoutInfo().height * 0.45));
  editor.setPosition({ lineNumber: line, column: 1 });
}

function useFindingMarks(editor: { readonly current: Editor | null }, file: string): void {
  const { run, trace, step } = useRun();
  const lab = useWs((s) => s.lab);
  const breakpoints = useWs((s) => s.breakpoints);
  const text = useWs((s) => s.text);
  const verdicts = useWs((s) => s.verdicts);
  const f = shownFinding(run, verdicts);
  const key = f?.key ?? '';
  const shown = useRef('');

  useEffect(() => {
    const e = editor.current;
    if (e === null) return;
    const lines: FindingLines = f === null || run?.source !== text ? { halves: [], gap: null } : findingLines(f.first, f.second, f.missing, file);
    const set = e.createDecorationsCollection([
      ...lines.halves.map((h) => ({ range: new monaco.Range(h.line, 1, h.line, 1), options: { isWholeLine: true, className: 'half-line', linesDecorationsClassName: 'half-bar', glyphMarginClassName: `half-mark ${h.half}`, glyphMarginHoverMessage: { value: lines.halves.length === 1 && h.half !== 'both' ? 'where it went wrong' : h.half === 'both' ? 'both halves of the finding' : h.half === 'one' ? 'half 1 of the finding' : 'half 2 of the finding' } } })),
      ...breakpoints.map((b) => ({ range: new monaco.Range(b, 1, b, 1), options: { glyphMarginClassName: 'break-mark', glyphMarginHoverMessage: { value: 'playing stops here' } } })),
    ]);
    let zone = '';
    if (lines.gap !== null) {
      const { after, text: words } = lines.gap;
      e.changeViewZones((zones) => {
        const node = document.createElement('div');
        const inner = document.createElement('div');
        inner.className = 'gap';
        inner.textContent = words;
        node.append(inner);
        // A click on the line is a click into the editor: without this Monaco leaves the focus to the page.
        zone = zones.addZone({ afterLineNumber: after, heightInLines: 1, domNode: node, suppressMouseDown: true });
      });
    }
    const first = lines.halves[0];
    if (first !== undefined && shown.current !== key) {
      shown.current = key;
      revealAt(e, first.line);
    }
    return () => {
      set.clear();
      if (zone !== '') e.changeViewZones((zones) => zones.removeZone(zone));
    };
  }, [editor, key, file, breakpoints, run?.source === text, lab]);

  const site = trace === null ? null : siteOf(trace.event(step) ?? ({ kind: 'end' } as never));
  const line = site?.file === file && run?.source === text ? site.line : 0;
  useEffect(() => {
    const e = editor.current;
    if (e === null || line === 0) return;
    const set = e.createDecorationsCollection([{ range: new monaco.Range(line, 1, line, 1), options: { isWholeLine: true, className: 'step-line' } }]);
    e.revealLineInCenterIfOutsideViewport(line);
    return () => set.clear();
  }, [editor, line, lab]);
}

/** Errors the server found in the text as it was run, beside those Monaco finds while typing. */
function useDiagnostics(file: string): void {
  const diagnostics = useWs((s) => s.diagnostics);
  useEffect(() => {
    const model = monaco.editor.getModel(uriOf(file));
    if (model === null) return;
    monaco.editor.setModelMarkers(model, 'dmalab', diagnostics.filter((d) => d.file === file).map((d) => marker(d, model)));
  }, [diagnostics, file]);
}

function marker(d: Diagnostic, model: monaco.editor.ITextModel): monaco.editor.IMarkerData {
  const line = Math.min(Math.max(1, d.line), model.getLineCount());
  const word = model.getWordAtPosition({ lineNumber: line, column: Math.max(1, d.column) });
  const severity = d.severity === 'error' ? monaco.MarkerSeverity.Error : d.severity === 'warning' ? monaco.MarkerSeverity.Warning : monaco.MarkerSeverity.Info;
  return { severity, message: d.message, code: d.code, startLineNumber: line, endLineNumber: line, startColumn: Math.max(1, d.column), endColumn: word?.endColumn ?? model.getLineMaxColumn(line) };
}
