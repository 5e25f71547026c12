// SPDX-License-Identifier: Apache-2.0
/** Read-only code without an editor: given modules, and the lines of a finding on a phone. */
import type { ReactNode } from 'react';
import type { FindingLines } from './finding-lines.ts';

const TOKEN = /(\/\/.*|\/\*.*?\*\/|^\s*\*.*|\/\*\*.*)|('[^']*'|"[^"]*"|`[^`]*`)|\b(import|export|from|function|const|let|return|if|else|for|while|type|interface|new|in|of|as|true|false|null|undefined)\b|\b(0x[\da-fA-F_]+|\d[\d_]*n?)\b|\b([a-zA-Z_]\w*)(?=\()/g;
const CLASS = ['c', 's', 'k', 'n', 'f'] as const;
const COLOUR = { c: 'var(--c-com)', s: 'var(--c-str)', k: 'var(--c-key)', n: 'var(--c-num)', f: 'var(--c-fn)' } as const;

export function Paint({ line }: { readonly line: string }): ReactNode {
  const parts: ReactNode[] = [];
  let at = 0;
  for (const m of line.matchAll(TOKEN)) {
    if (m.index > at) parts.push(line.slice(at, m.index));
    const kind = CLASS[m.slice(1).findIndex((g) => g !== undefined)]!;
    parts.push(
      <span key={m.index} style={{ color: COLOUR[kind], fontStyle: kind === 'c' ? 'italic' : undefined }}>
        {m[0]}
      </span>,
    );
    at = m.index + m[0].length;
  }
  parts.push(line.slice(at));
  return parts;
}

export function CodeLines({ text, from, to, finding, name }: { readonly text: string; readonly from: number; readonly to: number; readonly finding: FindingLines; readonly name: string }): ReactNode {
  const lines = text.split('\n');
  const rows: ReactNode[] = [];
  for (let n = Math.max(1, from); n <= Math.min(lines.length, to); n += 1) {
    const half = finding.halves.find((h) => h.line === n)?.half;
    rows.push(
      <div key={n} className={`ln ${half === undefined ? '' : 'half'}`}>
        {half !== undefined && <b className="tag">{half === 'one' ? 1 : half === 'two' ? 2 : '12'}</b>}
        <i>{n}</i>
        <span className="src">
          <Paint line={lines[n - 1] || ' '} />
        </span>
      </div>,
    );
    if (finding.gap?.after === n) {
      rows.push(
        <div key={`gap${n}`} className="ln">
          <i />
          <div className="gap">{finding.gap.text}</div>
        </div>,
      );
    }
  }
  return (
    <div className="code" tabIndex={0} role="region" aria-label={name}>
      {rows}
    </div>
  );
}
