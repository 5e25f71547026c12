// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');
const THEMES = ['light', 'dark', 'contrast'] as const;

function tokensOf(theme: string): Record<string, string> {
  const block = new RegExp(`(?:^|\\n)[^\\n{]*\\[data-theme='${theme}'\\] \\{([^}]*)\\}`).exec(css.replace(/\/\*[\s\S]*?\*\//g, ''))?.[1] ?? '';
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1]!, m[2]!]));
}

/** Relative luminance, WCAG 2.2. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function ratio(a: string, b: string): number {
  const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (hi + 0.05) / (lo + 0.05);
}

const SURFACES = ['paper', 'pane', 'sunk', 'raised'];
const HUES = ['cpu', 'mem', 'dev', 'iommu', 'mmio', 'bad', 'good', 'part'];
const TEXT = [
  ...SURFACES.flatMap((s) => ['ink', 'ink-2', 'ink-3', ...HUES].map((t) => [t, s] as const)),
  ...['ink', 'ink-2', 'ink-3', ...HUES].map((t) => [t, 'select'] as const),
  ...HUES.flatMap((h) => [h, 'ink', 'ink-2'].map((t) => [t, `${h}-wash`] as const)),
  ...['c-key', 'c-str', 'c-com', 'c-num', 'c-fn'].flatMap((t) => ['pane', 'bad-wash'].map((s) => [t, s] as const)),
  ['on-action', 'action'] as const,
  ['paper', 'ink'] as const,
];
const GRAPHICS = [...SURFACES, 'select'].flatMap((s) => [...HUES, 'focus', 'now'].map((g) => [g, s] as const)).concat(['paper', 'pane', 'sunk'].map((s) => ['rule', s] as const));

describe.each(THEMES)('the %s theme', (theme) => {
  const tokens = tokensOf(theme);

  it.each(TEXT)('has text %s on %s at 4.5:1 or more', (text, surface) => {
    expect(ratio(tokens[text]!, tokens[surface]!)).toBeGreaterThanOrEqual(4.5);
  });
  it.each(GRAPHICS)('has graphic %s on %s at 3:1 or more', (graphic, surface) => {
    expect(ratio(tokens[graphic]!, tokens[surface]!)).toBeGreaterThanOrEqual(3);
  });
  it('names the same tokens as the others', () => {
    expect(Object.keys(tokens).sort()).toEqual(Object.keys(tokensOf('light')).sort());
  });
});

it('agrees with a ratio computed by hand', () => {
  expect(ratio('#000000', '#ffffff')).toBeCloseTo(21, 5);
  expect(ratio('#767676', '#ffffff')).toBeCloseTo(4.54, 2);
});

it('keeps literal colours out of every other style sheet', () => {
  const here = new URL('.', import.meta.url);
  for (const file of readdirSync(here).filter((f) => f.endsWith('.css') && f !== 'tokens.css')) {
    expect(readFileSync(new URL(file, here), 'utf8').match(/#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(/gi) ?? [], file).toEqual([]);
  }
});
