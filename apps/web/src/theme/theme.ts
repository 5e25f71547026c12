// SPDX-License-Identifier: Apache-2.0
/** Light, dark, high contrast. With no choice stored, the system's preferences decide, and go on deciding. */
import { create } from 'zustand';

export const THEMES = ['light', 'dark', 'contrast'] as const;
export type Theme = (typeof THEMES)[number];
const KEY = 'dmalab.theme';

const query = (q: string): MediaQueryList | null => (typeof matchMedia === 'function' ? matchMedia(q) : null);
const dark = query('(prefers-color-scheme: dark)');
const more = query('(prefers-contrast: more)');

function stored(): Theme | null {
  const value = localStorage.getItem(KEY);
  return THEMES.find((t) => t === value) ?? null;
}
const preferred = (): Theme => stored() ?? (more?.matches === true ? 'contrast' : dark?.matches === true ? 'dark' : 'light');

interface ThemeStore {
  readonly theme: Theme;
  set(theme: Theme): void;
  next(): void;
}

export const useTheme = create<ThemeStore>()((set, get) => ({
  theme: preferred(),
  set: (theme) => {
    localStorage.setItem(KEY, theme);
    set({ theme });
  },
  next: () => get().set(THEMES[(THEMES.indexOf(get().theme) + 1) % THEMES.length]!),
}));

/** Puts the theme on the document now and on every change. */
export function applyThemes(): void {
  const put = (theme: Theme): void => {
    document.documentElement.dataset['theme'] = theme;
  };
  put(useTheme.getState().theme);
  useTheme.subscribe((s) => put(s.theme));
  for (const q of [dark, more]) q?.addEventListener('change', () => stored() === null && useTheme.setState({ theme: preferred() }));
}
