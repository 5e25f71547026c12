// SPDX-License-Identifier: Apache-2.0
/** Copies a scene into SVG. It decides nothing: places come from the layout, looks from the vocabulary. */
import type { ReactNode } from 'react';
import { Bad, Bell, Glyph } from '../ui/glyphs.tsx';
import type { Item, Scene, TextItem } from './scene.ts';

const HEADS = ['mem', 'mmio', 'bad'] as const;
const DASH = { '': undefined, missing: '4 3', post: '7 3 2 3' } as const;

export interface SceneSvgProps {
  readonly scene: Scene;
  /** One sentence: what the picture shows. */
  readonly name: string;
  readonly onSeek: (step: number) => void;
  readonly onUnfold: (first: number, last: number) => void;
  /** Patterns and arrow heads hold for the whole page; a second drawing uses those of the first. */
  readonly second?: boolean;
}

export function SceneSvg({ scene, name, onSeek, onUnfold, second = false }: SceneSvgProps): ReactNode {
  const left = scene.gutter?.width ?? 0;
  const draw = (items: readonly Item[]): ReactNode => items.map((item, i) => <Draw key={i} item={item} onSeek={onSeek} onUnfold={onUnfold} />);
  return (
    <div className="scene">
      {scene.gutter !== null && (
        <svg className="gutter" aria-hidden="true" width={left} height={scene.height} viewBox={`0 0 ${left} ${scene.height}`}>
          {draw(scene.gutter.items)}
        </svg>
      )}
      <svg role="img" aria-label={name} width={scene.width - left} height={scene.height} viewBox={`${left} 0 ${scene.width - left} ${scene.height}`}>
        {!second && <Definitions />}
        {draw(scene.items)}
      </svg>
    </div>
  );
}

function Definitions(): ReactNode {
  return (
    <defs>
      <pattern id="wait" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect width="5" height="5" fill="var(--cpu-wash)" />
        <path d="M0 0V5" stroke="var(--cpu)" style={{ strokeWidth: 'calc(var(--hatch) * 2.4px)' }} />
      </pattern>
      {HEADS.map((c) => (
        <marker key={c} id={`h-${c}`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
          <path d="M0 .5L7.5 4L0 7.5Z" fill={`var(--${c})`} />
        </marker>
      ))}
    </defs>
  );
}

interface DrawProps {
  readonly item: Item;
  readonly onSeek: (step: number) => void;
  readonly onUnfold: (first: number, last: number) => void;
}

function Draw({ item, onSeek, onUnfold }: DrawProps): ReactNode {
  switch (item.kind) {
    case 'rect':
      return <rect x={item.box.x} y={item.box.y} width={item.box.w} height={item.box.h} fill={`var(--${item.fill})`} data-role={item.role} />;
    case 'bracket': {
      const { x, y, w, h } = item.box;
      const d = item.open === 'down' ? `M${x + 0.75} ${y + h}V${y + 0.75}h${w - 1.5}V${y + h}` : `M${x + 5} ${y}h-5V${y + h}h5M${x + w - 5} ${y}h5V${y + h}h-5`;
      return <path d={d} fill="none" stroke="var(--ink)" strokeWidth={1.5} />;
    }
    case 'torn':
      return <path d={`M${item.x} ${item.y}l-5 8 10 8-10 8 5 8V${item.y + item.length}`} fill="none" stroke="var(--rule)" />;
    case 'lane':
      return <path d={`M${item.x1} ${item.y1}L${item.x2} ${item.y2}`} stroke={`var(--${item.tone})`} strokeWidth={item.width} />;
    case 'stem':
      return <path d={`M${item.x1} ${item.y1}L${item.x2} ${item.y2}`} stroke={`var(--${item.tone})`} />;
    case 'bar':
      return <Bar item={item} />;
    case 'arrow':
      return (
        <>
          {item.dash === 'post' && <path d={item.path} stroke="var(--pane)" strokeWidth={5} fill="none" />}
          <path d={item.path} stroke={`var(--${item.tone})`} strokeWidth={item.width} strokeDasharray={DASH[item.dash]} fill="none" markerEnd={`url(#h-${item.tone})`} data-arrow={item.arrow} data-from={item.from} data-to={item.to} />
        </>
      );
    case 'mark':
      return (
        <g strokeDasharray={item.future ? '2 2' : undefined} data-mark={item.step}>
          <Glyph shape={item.shape} x={item.x} y={item.y} r={item.r} fill={item.future ? 'var(--pane)' : item.filled ? `var(--${item.tone})` : item.shape === 'mem' && item.step === 0 ? undefined : 'var(--pane)'} />
          {item.inner === 'bell' && <Bell x={item.x} y={item.y} r={3} />}
        </g>
      );
    case 'octagon':
      return (
        <g data-finding={item.step}>
          <Bad x={item.x} y={item.y} r={item.r} />
        </g>
      );
    case 'old':
      return <rect x={item.x - 5} y={item.y - 5} width={10} height={10} fill="var(--pane)" stroke="var(--bad)" strokeWidth={1.75} />;
    case 'half':
      return (
        <g>
          <circle cx={item.x} cy={item.y} r={7.5} fill="var(--pane)" stroke="var(--bad)" strokeWidth={1.5} />
          <text x={item.x} y={item.y + 4} fontSize={11} fontWeight={700} textAnchor="middle" style={{ fill: 'var(--bad)' }}>
            {item.n}
          </text>
        </g>
      );
    case 'outline':
      return <rect x={item.box.x} y={item.box.y} width={item.box.w} height={item.box.h} fill="none" stroke="var(--ink)" strokeWidth={1.5} data-alone={item.step} />;
    case 'fold':
      return (
        <rect x={item.box.x} y={item.box.y} width={item.box.w} height={item.box.h} fill="transparent" className="fold" onClick={() => onUnfold(item.first, item.last)}>
          <title>{`Unfold ${item.label}`}</title>
        </rect>
      );
    case 'target':
      return <rect className="hit" x={item.box.x} y={item.box.y} width={item.box.w} height={item.box.h} onClick={() => onSeek(item.step)} data-step={item.step} />;
    case 'text':
      return <Text t={item} />;
  }
}

function Bar({ item }: { readonly item: Item & { kind: 'bar' } }): ReactNode {
  const { x, y, w, h } = item.box;
  const tip = item.along === 'x' ? `M${x + w} ${y}l5 ${h / 2}-5 ${h / 2}` : `M${x} ${y + h}l${w / 2} 5 ${w / 2}-5`;
  return (
    <>
      <rect x={x} y={y} width={w} height={h} fill="url(#wait)" stroke="var(--cpu)" data-bar={item.store} />
      {item.open && <path d={tip} fill="none" stroke="var(--cpu)" strokeWidth={1.25} />}
    </>
  );
}

function Text({ t }: { readonly t: TextItem }): ReactNode {
  const halo = t.halo === '' ? {} : { paintOrder: 'stroke', stroke: `var(--${t.halo})`, strokeWidth: 4 };
  return (
    <text x={t.x} y={t.y} fontSize={t.size} textAnchor={t.anchor} fontWeight={t.weight} className={t.mono ? 'm' : undefined} pointerEvents="none" style={{ fill: `var(--${t.tone})`, ...halo }}>
      {t.text}
    </text>
  );
}
