// SPDX-License-Identifier: Apache-2.0
/** What a layout gives back: plain shapes in CSS pixels, in drawing order. React only copies them into SVG; tests read them. */
import type { ArrowKind, Shape } from './model.ts';

export type Tone = 'ink' | 'ink-2' | 'ink-3' | 'cpu' | 'mem' | 'dev' | 'iommu' | 'mmio' | 'bad' | 'paper';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}
export interface TextItem {
  readonly kind: 'text';
  readonly x: number;
  /** Baseline. */
  readonly y: number;
  readonly text: string;
  readonly size: number;
  readonly anchor: 'start' | 'middle' | 'end';
  readonly tone: Tone;
  readonly mono: boolean;
  readonly weight: number;
  /** Drawn around the letters so that lines behind do not cut them; '' for none. */
  readonly halo: '' | 'pane' | 'select';
  /** `label`: gives way to others. Anything else is placed by the frame and has room of its own. */
  readonly role: 'label' | 'frame' | 'finding';
  readonly step: number;
}
export type Item =
  | { readonly kind: 'rect'; readonly box: Box; readonly fill: 'select' | 'sunk' | 'ink' | 'pane'; readonly role: string }
  | { readonly kind: 'bracket'; readonly box: Box; readonly open: 'down' | 'sides' }
  | { readonly kind: 'torn'; readonly x: number; readonly y: number; readonly height: number; readonly along: 'x' | 'y'; readonly length: number }
  | { readonly kind: 'lane'; readonly x1: number; readonly y1: number; readonly x2: number; readonly y2: number; readonly tone: Tone; readonly width: number }
  | { readonly kind: 'bar'; readonly box: Box; readonly open: boolean; readonly along: 'x' | 'y'; readonly store: number }
  | { readonly kind: 'stem'; readonly x1: number; readonly y1: number; readonly x2: number; readonly y2: number; readonly tone: Tone }
  | { readonly kind: 'arrow'; readonly arrow: ArrowKind; readonly path: string; readonly from: number; readonly to: number; readonly start: readonly [number, number]; readonly end: readonly [number, number]; readonly tone: Tone; readonly width: number; readonly dash: '' | 'missing' | 'post' }
  | { readonly kind: 'mark'; readonly shape: Shape; readonly x: number; readonly y: number; readonly r: number; readonly filled: boolean; readonly future: boolean; readonly tone: Tone; readonly step: number; readonly inner: 'bell' | null }
  | { readonly kind: 'octagon'; readonly x: number; readonly y: number; readonly r: number; readonly step: number }
  | { readonly kind: 'old'; readonly x: number; readonly y: number }
  | { readonly kind: 'half'; readonly x: number; readonly y: number; readonly n: 1 | 2 }
  /** Around a mark that one of two compared runs has alone. */
  | { readonly kind: 'outline'; readonly box: Box; readonly step: number }
  | { readonly kind: 'fold'; readonly box: Box; readonly first: number; readonly last: number; readonly label: string }
  | { readonly kind: 'target'; readonly box: Box; readonly step: number }
  | TextItem;

export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly items: readonly Item[];
  /** Lane names: they stay in view while the rest scrolls. */
  readonly gutter: { readonly width: number; readonly items: readonly Item[] } | null;
}

/** Estimated advance of a character, as a part of the font size: the widest of the fonts in tokens.css, so that the guess errs to the safe side. */
const ADVANCE = { mono: 0.605, sans: 0.56 } as const;

export function textWidth(text: string, size: number, mono: boolean): number {
  return text.length * size * (mono ? ADVANCE.mono : ADVANCE.sans);
}

export function textBox(t: Pick<TextItem, 'x' | 'y' | 'text' | 'size' | 'anchor' | 'mono'>): Box {
  const w = textWidth(t.text, t.size, t.mono);
  const x = t.anchor === 'start' ? t.x : t.anchor === 'end' ? t.x - w : t.x - w / 2;
  return { x, y: t.y - t.size * 0.82, w, h: t.size * 1.05 };
}

export function overlap(a: Box, b: Box, gap = 0): boolean {
  return a.x < b.x + b.w + gap && b.x < a.x + a.w + gap && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** Places labels in order of weight; each falls back along its candidates until one is free, then gives way. */
export class LabelField {
  readonly #taken: { readonly box: Box; readonly tight: boolean }[] = [];
  readonly placed: TextItem[] = [];
  readonly #limit: Box;

  constructor(limit: Box) {
    this.#limit = limit;
  }

  /** Keeps room that something else will fill. A line is `tight`: a label may come right up to it. */
  reserve(box: Box, tight = false): void {
    this.#taken.push({ box, tight });
  }

  /** Candidates are tried in order; returns whether one found room. */
  place(candidates: readonly TextItem[], gap = 3): boolean {
    for (const c of candidates) {
      const box = textBox(c);
      if (box.x < this.#limit.x || box.x + box.w > this.#limit.x + this.#limit.w) continue;
      if (this.#taken.some((t) => overlap(t.box, box, t.tight ? 0 : gap))) continue;
      this.#taken.push({ box, tight: false });
      this.placed.push(c);
      return true;
    }
    return false;
  }
}
