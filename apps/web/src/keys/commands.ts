// SPDX-License-Identifier: Apache-2.0
/** Everything that can be done in the workspace, as a list that can be searched: the keys' actions first, then places to go. */
import type { Workspace } from '../workspace/controller.ts';
import type { WorkspaceState } from '../workspace/state.ts';
import { titleOf, violations } from '../workspace/verdicts.ts';
import { KEYMAP, type Action } from './keymap.ts';

export interface Command {
  readonly words: string;
  /** The keys that do the same; '' for none. */
  readonly keys: string;
  readonly run: () => void;
}

export interface Hands {
  readonly workspace: Workspace;
  readonly act: (action: Action) => void;
  readonly nextTheme: () => void;
  readonly home: () => void;
}

export function commandsOf(s: WorkspaceState, { workspace, act, nextTheme, home }: Hands): Command[] {
  if (s.lab === null) return [];
  const { lab } = s;
  const plain = (words: string, run: () => void): Command => ({ words, keys: '', run });
  const running = s.busy === 'running' || s.busy === 'checking';
  return [
    ...KEYMAP.flatMap(({ action, does, keys }): Command[] => (action === null || action === 'commands' ? [] : [{ words: does, keys, run: () => act(action) }])),
    ...(running ? [plain('Stop the run', () => workspace.runs.stop())] : []),
    ...violations(s.verdicts).map(({ message: m }) => plain(`Open the failure on ${m.profile}, “${titleOf(lab, m.workload)}”`, () => workspace.look(m.profile, m.workload))),
    ...lab.manifest.profiles.filter((p) => p !== s.profile).map((p) => plain(`Profile ${p}`, () => workspace.setProfile(p))),
    ...Object.entries(lab.workloads).filter(([id]) => id !== s.workload).map(([id, w]) => plain(`Workload “${w.title}”`, () => workspace.setWorkload(id))),
    ...s.runs.filter((r) => r.id !== s.active).map((r) => plain(`Look at ${r.label}, ${r.profile}`, () => workspace.runs.select(r.id))),
    ...s.runs.filter((r) => r.id !== s.active && r.id !== s.compared && r.trace.length > 0).map((r) => plain(`Compare with ${r.label}, ${r.profile}`, () => workspace.compare(r.id))),
    ...(s.compared === 0 ? [] : [plain('Do not compare', () => workspace.compare(0))]),
    ...(s.text === lab.starter ? [] : [plain('Start over with the text the lab handed out', () => workspace.restart())]),
    plain('Change the theme', nextTheme),
    plain('All labs', home),
  ];
}

/** Those that hold every word that was typed, in any order; what begins with the first word goes first. */
export function matching(commands: readonly Command[], typed: string): Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter((w) => w !== '');
  const found = commands.filter((c) => words.every((w) => `${c.words} ${c.keys}`.toLowerCase().includes(w)));
  const begins = (c: Command): number => (words[0] !== undefined && c.words.toLowerCase().startsWith(words[0]) ? 0 : 1);
  return [...found].sort((a, b) => begins(a) - begins(b));
}
