// SPDX-License-Identifier: Apache-2.0
/** What every diagram in a box does: measures its room, opens the fold the step walks into, keeps the step in view. */
import { useEffect, useLayoutEffect, useRef, useState, type RefObject } from 'react';
import { useWorkspace } from '../workspace/context.tsx';
import type { Fold } from './fold.ts';
import { GUTTER, type Columns } from './layout.ts';
import type { Column } from './model.ts';

/** How much of a long fold opens when the step walks into it. */
const CHUNK = 12;

export function useRoom(): { readonly box: RefObject<HTMLDivElement | null>; readonly width: number } {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const el = box.current;
    if (el === null) return;
    const observer = new ResizeObserver(() => setWidth(el.clientWidth));
    observer.observe(el);
    setWidth(el.clientWidth);
    return () => observer.disconnect();
  }, []);
  return { box, width };
}

/** A step inside a fold opens the fold around it. */
export function useOpenFold(columns: Columns | null, all: readonly Column[] | null, step: number): void {
  const workspace = useWorkspace();
  useEffect(() => {
    if (columns?.folded(step) !== true || all === null) return;
    const at = all.findIndex((c) => step >= c.first && step <= c.last);
    const slot = columns.slots.find((s): s is Fold => s.kind === 'fold' && step >= s.first && step <= s.last);
    if (slot === undefined) return;
    const near = slot.columns.length <= 2 * CHUNK ? slot.columns : all.slice(Math.max(0, at - CHUNK / 2), at + CHUNK).filter((c) => c.first >= slot.first && c.last <= slot.last);
    workspace.unfold(near[0]!.first, near.at(-1)!.last);
  }, [columns, all, step, workspace]);
}

export function useFollow(box: RefObject<HTMLDivElement | null>, columns: Columns | null, step: number): void {
  useEffect(() => {
    const el = box.current;
    if (el === null || columns === null) return;
    const x = columns.x(step);
    if (Number.isNaN(x)) return;
    const margin = columns.cell * 1.5;
    if (x - margin < el.scrollLeft + GUTTER) el.scrollTo({ left: Math.max(0, x - margin - columns.cell - GUTTER) });
    else if (x + margin > el.scrollLeft + el.clientWidth) el.scrollTo({ left: x + margin + columns.cell - el.clientWidth });
  }, [box, columns, step]);
}
