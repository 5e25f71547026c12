// SPDX-License-Identifier: Apache-2.0
/** Listens on the page and does what the key map says. */
import { useEffect } from 'react';
import { nextMark, scrubMarks } from '../timeline/marks.ts';
import { siteOf } from '../trace/index-trace.ts';
import type { Workspace } from '../workspace/controller.ts';
import { copyLink } from '../workspace/permalink.ts';
import { activeRun } from '../workspace/state.ts';
import { actionOf, type Action } from './keymap.ts';

/** What opens over the page. */
export type Sheet = 'keys' | 'commands';

export function useKeys(workspace: Workspace, show: (sheet: Sheet) => void): void {
  useEffect(() => {
    const listen = (e: KeyboardEvent): void => {
      const target = e.target as HTMLElement | null;
      const typing = target !== null && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) && (target as HTMLInputElement).type !== 'range';
      const action = actionOf({ key: e.key, shiftKey: e.shiftKey, ctrlKey: e.ctrlKey, metaKey: e.metaKey, altKey: e.altKey, typing });
      if (action === null) return;
      e.preventDefault();
      e.stopPropagation();
      act(action, workspace, show);
    };
    addEventListener('keydown', listen, { capture: true });
    return () => removeEventListener('keydown', listen, { capture: true });
  }, [workspace, show]);
}

export function act(action: Action, workspace: Workspace, show: (sheet: Sheet) => void): void {
  const s = workspace.store.getState();
  const trace = activeRun(s)?.trace;
  switch (action) {
    case 'run':
      return void workspace.runs.run();
    case 'submit':
      return workspace.submissions.ask();
    case 'link':
      return void copyLink(workspace);
    case 'step':
      return workspace.stepBy(1);
    case 'back':
      return workspace.stepBy(-1);
    case 'cpu-step':
      return workspace.stepOfCpu(1);
    case 'cpu-back':
      return workspace.stepOfCpu(-1);
    case 'next-mark':
    case 'previous-mark': {
      const to = trace === undefined ? 0 : nextMark(scrubMarks(trace.index), s.step, action === 'next-mark' ? 1 : -1);
      if (to > 0) workspace.seek(to);
      return;
    }
    case 'play':
      return workspace.play();
    case 'breakpoint': {
      const e = trace?.event(s.step);
      const line = e === undefined ? undefined : siteOf(e)?.line;
      if (line !== undefined) workspace.toggleBreakpoint(line);
      return;
    }
    case 'next-pane':
      return focusPane(1);
    case 'previous-pane':
      return focusPane(-1);
    case 'keys':
    case 'commands':
      return show(action);
  }
}

/** Moves the focus to the next pane's first focusable thing. */
function focusPane(direction: 1 | -1): void {
  const panes = [...document.querySelectorAll<HTMLElement>('[data-pane]')].filter((p) => p.offsetParent !== null);
  const here = panes.findIndex((p) => p.contains(document.activeElement));
  const next = panes[(here + direction + panes.length) % panes.length];
  next?.querySelector<HTMLElement>('button, input, select, textarea, [tabindex="0"]')?.focus();
}
