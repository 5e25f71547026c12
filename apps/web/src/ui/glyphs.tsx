// SPDX-License-Identifier: Apache-2.0
/** One shape per agent and per kind of mark, the same in diagram, lists and cards. Colour comes second. */
import type { ReactNode } from 'react';
import type { Shape } from '../timeline/model.ts';

export interface GlyphProps {
  readonly x: number;
  readonly y: number;
  readonly r?: number;
  readonly fill?: string | undefined;
}

export function Cpu({ x, y, r = 5, fill }: GlyphProps): ReactNode {
  return <rect x={x - r} y={y - r} width={2 * r} height={2 * r} fill={fill ?? 'var(--pane)'} stroke="var(--cpu)" strokeWidth={1.75} />;
}
export function Memory({ x, y, r = 5, fill }: GlyphProps): ReactNode {
  return <path d={`M${x - r} ${y - r}H${x + r}L${x} ${y + r}Z`} fill={fill ?? 'var(--mem)'} stroke="var(--mem)" strokeWidth={1.5} strokeLinejoin="round" />;
}
export function Device({ x, y, r = 5, fill }: GlyphProps): ReactNode {
  return <circle cx={x} cy={y} r={r + 0.5} fill={fill ?? 'var(--pane)'} stroke="var(--dev)" strokeWidth={1.75} />;
}
export function IommuGlyph({ x, y, r = 5, fill }: GlyphProps): ReactNode {
  return <path d={`M${x} ${y - r - 1.5}L${x + r + 1.5} ${y}L${x} ${y + r + 1.5}L${x - r - 1.5} ${y}Z`} fill={fill ?? 'var(--pane)'} stroke="var(--iommu)" strokeWidth={1.75} />;
}
export function Bell({ x, y, r = 5 }: GlyphProps): ReactNode {
  return <path d={`M${x - r} ${y - r}L${x + 1} ${y}L${x - r} ${y + r}M${x - 1} ${y - r}L${x + r} ${y}L${x - 1} ${y + r}`} fill="none" stroke="var(--mmio)" strokeWidth={2} />;
}
export function Bad({ x, y, r = 9 }: GlyphProps): ReactNode {
  const a = r * 0.414;
  return (
    <>
      <path d={`M${x - a} ${y - r}H${x + a}L${x + r} ${y - a}V${y + a}L${x + a} ${y + r}H${x - a}L${x - r} ${y + a}V${y - a}Z`} fill="var(--bad-wash)" stroke="var(--bad)" strokeWidth={2} />
      <path d={`M${x - 3.2} ${y - 3.2}l6.4 6.4M${x + 3.2} ${y - 3.2}l-6.4 6.4`} stroke="var(--bad)" strokeWidth={2} />
    </>
  );
}
export function Fork({ x, y }: GlyphProps): ReactNode {
  return <path d={`M${x} ${y + 5}V${y}L${x - 4} ${y - 5}M${x} ${y}L${x + 4} ${y - 5}`} fill="none" stroke="var(--ink)" strokeWidth={1.6} />;
}
export function Barrier({ x, y, r = 5 }: GlyphProps): ReactNode {
  return <path d={`M${x - 2.5} ${y - r - 3}V${y + r + 3}M${x + 2.5} ${y - r - 3}V${y + r + 3}`} stroke="var(--cpu)" strokeWidth={2} fill="none" />;
}
export function Fault({ x, y, r = 6 }: GlyphProps): ReactNode {
  return <path d={`M${x} ${y - r}L${x + r} ${y + r - 1}H${x - r}ZM${x} ${y - r + 4}v4M${x} ${y + r - 3.2}v1.2`} fill="var(--pane)" stroke="var(--part)" strokeWidth={1.6} strokeLinejoin="round" />;
}
export function Tick({ x, y, r = 5 }: GlyphProps): ReactNode {
  return <path d={`M${x} ${y - r}V${y + r}M${x} ${y - r}h4`} stroke="var(--cpu)" strokeWidth={1.6} fill="none" />;
}

const BY_SHAPE: Record<Shape, (p: GlyphProps) => ReactNode> = { cpu: Cpu, mem: Memory, dev: Device, iommu: IommuGlyph, bell: Bell, barrier: Barrier, fault: Fault, tick: Tick };

export function Glyph({ shape, ...p }: GlyphProps & { readonly shape: Shape }): ReactNode {
  const Draw = BY_SHAPE[shape];
  return <Draw {...p} />;
}

/** A mark as an icon beside a word. */
export function ShapeIcon({ shape }: { readonly shape: Shape | 'bad' | 'fork' }): ReactNode {
  return (
    <svg className="ico" viewBox="0 0 14 14" aria-hidden="true">
      {shape === 'bad' ? <Bad x={7} y={7} r={6.3} /> : shape === 'fork' ? <Fork x={7} y={7} /> : <Glyph shape={shape} x={7} y={7} r={4.5} />}
    </svg>
  );
}
