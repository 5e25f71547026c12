// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, vi } from 'vitest';
import { FixtureBackend } from '../testing/fixture-backend.ts';
import type { Workspace } from '../workspace/controller.ts';
import { INITIAL, type WorkspaceState } from '../workspace/state.ts';
import { commandsOf, matching, type Hands } from './commands.ts';
import { KEYMAP } from './keymap.ts';

const lab = await new FixtureBackend().lab();
const state: WorkspaceState = { ...INITIAL, lab, text: lab.starter, profile: 'arm64', workload: 'two-frames' };
const hands = (over: Partial<Hands> = {}): Hands => ({ workspace: {} as Workspace, act: () => undefined, nextTheme: () => undefined, home: () => undefined, ...over });
const words = (s: WorkspaceState): string[] => commandsOf(s, hands()).map((c) => c.words);

describe('the commands', () => {
  it('hold every action that has a key, except the one that opens them', () => {
    for (const { action, does } of KEYMAP) if (action !== null) expect(words(state).includes(does), does).toBe(action !== 'commands');
  });

  it('offer what is not so already', () => {
    expect(words(state)).toEqual(expect.arrayContaining(['Profile x86-64', 'Profile strict', 'Workload “Two frames arrive”']));
    expect(words(state)).not.toContain('Profile arm64');
    expect(words(state).some((w) => w.startsWith('Start over'))).toBe(false);
    expect(words({ ...state, text: 'changed' })).toContain('Start over with the text the lab handed out');
  });

  it('do what they say', () => {
    const acted = vi.fn<Hands['act']>();
    const setProfile = vi.fn<Workspace['setProfile']>();
    const commands = commandsOf(state, hands({ act: acted, workspace: { setProfile } as unknown as Workspace }));
    matching(commands, 'copy link')[0]!.run();
    matching(commands, 'strict profile')[0]!.run();
    expect(acted).toHaveBeenCalledWith('link');
    expect(setProfile).toHaveBeenCalledWith('strict');
  });
});

describe('what is typed', () => {
  const commands = commandsOf(state, hands());
  it('is looked for in any order, what begins with it first', () => {
    expect(matching(commands, 'run')[0]!.words).toBe('Run');
    expect(matching(commands, 'arrive work').map((c) => c.words)).toEqual(['Workload “Two frames arrive”']);
  });
  it('may be a key', () => {
    expect(matching(commands, 'F9').map((c) => c.words)).toEqual(['Breakpoint on the line of this step']);
  });
  it('may fit nothing', () => {
    expect(matching(commands, 'xyzzy')).toEqual([]);
  });
});
