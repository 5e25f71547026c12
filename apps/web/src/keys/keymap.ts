// SPDX-License-Identifier: Apache-2.0
/** The keys of the workspace, as data: the sheet behind `?` and the handler both read this. Single keys live in their panes. */

export type Action = 'run' | 'submit' | 'link' | 'step' | 'back' | 'cpu-step' | 'cpu-back' | 'next-mark' | 'previous-mark' | 'breakpoint' | 'next-pane' | 'previous-pane' | 'keys' | 'commands' | 'play';

export interface KeyBinding {
  readonly action: Action | null;
  readonly keys: string;
  readonly does: string;
  /** `null` for rows that only explain what a widget does by itself. */
  readonly match: { readonly key: string; readonly shift?: boolean; readonly ctrl?: boolean; readonly single?: boolean } | null;
}

export const KEYMAP: readonly KeyBinding[] = [
  { action: 'run', keys: 'Ctrl Enter', does: 'Run', match: { key: 'Enter', ctrl: true } },
  { action: 'submit', keys: 'Ctrl Shift Enter', does: 'Submit (asks once)', match: { key: 'Enter', ctrl: true, shift: true } },
  { action: 'link', keys: 'Ctrl Shift L', does: 'Copy link to this step', match: { key: 'L', ctrl: true, shift: true } },
  { action: 'commands', keys: 'Ctrl Shift P', does: 'Commands', match: { key: 'P', ctrl: true, shift: true } },
  { action: 'step', keys: 'F11', does: 'Step', match: { key: 'F11' } },
  { action: 'back', keys: 'Shift F11', does: 'Step back', match: { key: 'F11', shift: true } },
  { action: 'cpu-step', keys: 'F10', does: 'Next step of my CPU', match: { key: 'F10' } },
  { action: 'cpu-back', keys: 'Shift F10', does: 'Previous step of my CPU', match: { key: 'F10', shift: true } },
  { action: 'next-mark', keys: 'F8', does: 'Next mark: finding, choice, barrier, doorbell, fault', match: { key: 'F8' } },
  { action: 'previous-mark', keys: 'Shift F8', does: 'Previous mark', match: { key: 'F8', shift: true } },
  { action: 'play', keys: 'Ctrl Shift Space', does: 'Play, and pause; stops at a finding or a breakpoint', match: { key: ' ', ctrl: true, shift: true } },
  { action: 'breakpoint', keys: 'F9', does: 'Breakpoint on the line of this step', match: { key: 'F9' } },
  { action: 'next-pane', keys: 'F6', does: 'Next pane', match: { key: 'F6' } },
  { action: 'previous-pane', keys: 'Shift F6', does: 'Previous pane', match: { key: 'F6', shift: true } },
  { action: 'keys', keys: '?', does: 'All keys', match: { key: '?', single: true } },
  { action: null, keys: 'Home End PgUp PgDn ← → (Shift: 10)', does: 'On the scrubber: move through the steps', match: null },
  { action: null, keys: '1 – 9, Enter', does: 'In the choice list: take it', match: null },
  { action: null, keys: 'T', does: 'In the timeline: its table, and back', match: null },
  { action: null, keys: '↑ ↓', does: 'In the table: previous and next event', match: null },
  { action: null, keys: 'Esc then Tab', does: 'Leave the editor', match: null },
];

export interface KeyPress {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  /** Focus is in something that takes text. */
  readonly typing: boolean;
}

/** The action of a key press; null for none. Single characters never act while somebody types. */
export function actionOf(e: KeyPress): Action | null {
  if (e.altKey) return null;
  const ctrl = e.ctrlKey || e.metaKey;
  for (const b of KEYMAP) {
    const m = b.match;
    if (m === null || b.action === null) continue;
    if (m.single === true ? e.key === m.key && !ctrl && !e.typing : e.key.toLowerCase() === m.key.toLowerCase() && ctrl === (m.ctrl ?? false) && e.shiftKey === (m.shift ?? false)) return b.action;
  }
  return null;
}
