// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { actionOf, KEYMAP, type KeyPress } from './keymap.ts';

const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, typing: false, ...more });

it('every binding does what the sheet says', () => {
  for (const b of KEYMAP) {
    if (b.match === null || b.action === null) continue;
    expect(actionOf(press(b.match.key, { ctrlKey: b.match.ctrl ?? false, shiftKey: b.match.shift ?? false })), b.keys).toBe(b.action);
  }
});

it('no two bindings share a key', () => {
  const keys = KEYMAP.flatMap((b) => (b.match === null ? [] : [JSON.stringify([b.match.key, b.match.ctrl ?? false, b.match.shift ?? false])]));
  expect(new Set(keys).size).toBe(keys.length);
});

it('a single character does nothing while somebody types', () => {
  expect(actionOf(press('?'))).toBe('keys');
  expect(actionOf(press('?', { typing: true }))).toBeNull();
  expect(actionOf(press('F11', { typing: true }))).toBe('step');
});

it('Command does what Control does', () => {
  expect(actionOf(press('Enter', { metaKey: true }))).toBe('run');
  expect(actionOf(press('Enter', { ctrlKey: true, shiftKey: true }))).toBe('submit');
  expect(actionOf(press('Enter'))).toBeNull();
});
