// SPDX-License-Identifier: Apache-2.0
/**
 * A translation step by step: how it ended in one sentence, the tables as a
 * chain, and the entry one stands at bit by bit. Where it was stopped, the
 * smallest edit can be made and the request sent again. All of it runs here.
 */
import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { address } from '../bits/bit-rows.ts';
import { RegisterView } from '../bits/register-view.tsx';
import { go } from '../router.ts';
import { StepButton } from '../timeline/transport.tsx';
import { Icon } from '../ui/icons.tsx';
import { HomeLink, ThemeButton } from '../workspace/top-bar.tsx';
import { Caches } from './caches.tsx';
import { Chain, ChainTable } from './chain.tsx';
import type { Place } from './link.ts';
import { SourceBar } from './source-bar.tsx';
import { Split } from './split.tsx';
import { usePlace } from './use-place.ts';
import { because, hotFields, indexText, open, outcome, repairWords, sentence, type Walk } from './walk.ts';

export function WalkPage(): ReactNode {
  const { place, ready, reads, move } = usePlace();
  const opened = useMemo(() => (ready ? open(place) : null), [place, ready]);
  const walk = opened?.kind === 'walk' ? opened.walk : null;
  useEffect(() => {
    document.title = 'A translation, step by step · dmalab';
  }, []);
  const last = walk?.step.accesses.length ?? 0;
  const seek = (at: number): void => move({ at: Math.max(0, Math.min(last, at)) });
  useStepKeys((by) => walk !== null && seek(walk.at + by));
  return (
    <div className="walk-page">
      <header className="top">
        <HomeLink />
        <nav className="crumb" aria-label="Where you are">
          <HomeCrumb />
          <span aria-hidden="true">/</span>
          <b aria-current="page">Walk</b>
        </nav>
        <span className="grow" />
        <div className="transport">
          <StepButton icon="first" label="First access" disabled={walk === null} onClick={() => seek(0)} />
          <StepButton icon="back" label="Step back" disabled={walk === null} onClick={() => walk !== null && seek(walk.at - 1)} />
          <output aria-live="off">{walk === null ? '' : walk.at >= last ? `End of ${last}` : `Access ${walk.at + 1} of ${last}`}</output>
          <StepButton icon="forward" label="Step" disabled={walk === null} onClick={() => walk !== null && seek(walk.at + 1)} />
          <StepButton icon="last" label="End" disabled={walk === null} onClick={() => seek(last)} />
        </div>
        <CopyLink />
        <ThemeButton />
      </header>
      <main>
        <h1 className="vh">A translation, step by step</h1>
        <SourceBar place={place} opened={reads} telling={walk?.telling ?? null} move={move} />
        {opened?.kind === 'problem' && (
          <p className="empty" role="alert">
            {opened.text}
          </p>
        )}
        {walk !== null && (
          <>
            <Outcome walk={walk} place={place} move={move} />
            <div className="walk-work">
              <WalkPane walk={walk} seek={seek} />
              <EntryPane walk={walk} />
            </div>
            <span className="vh" aria-live="polite">
              {sentence(walk)}
            </span>
          </>
        )}
      </main>
    </div>
  );
}

function HomeCrumb(): ReactNode {
  return (
    <a
      href="/"
      onClick={(e) => {
        if (e.ctrlKey || e.metaKey || e.shiftKey || e.button !== 0) return;
        e.preventDefault();
        go('/');
      }}
    >
      Drivers and devices
    </a>
  );
}

/** F11 steps and Shift+F11 steps back, as in a lab. */
function useStepKeys(step: (by: number) => void): void {
  useEffect(() => {
    const listen = (e: globalThis.KeyboardEvent): void => {
      if (e.key !== 'F11' || e.ctrlKey || e.metaKey || e.altKey) return;
      e.preventDefault();
      step(e.shiftKey ? -1 : 1);
    };
    addEventListener('keydown', listen, { capture: true });
    return () => removeEventListener('keydown', listen, { capture: true });
  });
}

function CopyLink(): ReactNode {
  const [said, setSaid] = useState('');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(location.href);
      setSaid('copied');
    } catch {
      setSaid('in the address bar');
    }
    setTimeout(() => setSaid(''), 2_000);
  };
  return (
    <button type="button" className="btn copy" onClick={() => void copy()}>
      <Icon name="link" />
      <span aria-live="polite">{said === '' ? 'Copy link' : said}</span>
    </button>
  );
}

const LOOKS = {
  through: { tone: 'good', icon: 'ok', word: 'through' },
  stopped: { tone: 'part', icon: 'warn', word: 'stopped' },
  stale: { tone: 'bad', icon: 'no', word: 'stale' },
  done: { tone: 'ink', icon: 'none', word: 'done' },
} as const;

/** How it ended, in one sentence; why, in small type; and the way on. */
function Outcome({ walk, place, move }: { readonly walk: Walk; readonly place: Place; readonly move: (to: Partial<Place>) => void }): ReactNode {
  const fault = walk.actual.end?.fault ?? null;
  const { edits } = place;
  const look = LOOKS[walk.remembered === 'stale' ? 'stale' : walk.actual.end === null ? 'done' : fault === null ? 'through' : 'stopped'];
  return (
    <section aria-label="Outcome">
      <div className={`verdict outcome ${look.tone}`} role="status">
        <strong className={`w v-${look.tone}`}>
          <Icon name={look.icon} />
          {look.word}
        </strong>
        <p>
          {outcome(walk)}
          <span className="where">
            {fault === null ? walk.telling.note : because(fault)}
            {edits.length > 0 && ` · mended: ${edits.map(editText).join(', ')}`}
          </span>
        </p>
        <div className="acts">
          {fault !== null && walk.repair.length > 0 && (
            <button type="button" className="btn main" onClick={() => move({ edits: [...edits, ...walk.repair], step: walk.nth, at: null })}>
              {repairWords(fault)}, and send it again
            </button>
          )}
          {edits.length > 0 && (
            <button type="button" className="btn" onClick={() => move({ edits: [], step: walk.nth, at: null })}>
              As it was
            </button>
          )}
        </div>
      </div>
    </section>
  );
}

const editText = ({ address: at, set, clear }: Place['edits'][number]): string => `${address(at)}${set === 0n ? '' : ` | ${address(set)}`}${clear === 0n ? '' : ` & ~${address(clear)}`}`;

function WalkPane({ walk, seek }: { readonly walk: Walk; readonly seek: (at: number) => void }): ReactNode {
  const [table, setTable] = useState(false);
  const pane = useRef<HTMLElement>(null);
  // The row one stood on goes with the other form; the same row of the new one takes the focus.
  const turn = (e: KeyboardEvent): void => {
    if (e.key.toLowerCase() !== 't' || e.ctrlKey || e.metaKey || e.altKey) return;
    setTable(!table);
    requestAnimationFrame(() => pane.current?.querySelector<HTMLElement>('button[aria-current="step"], [aria-current="step"] button')?.focus());
  };
  return (
    <section className="pane" aria-label="Walk" data-pane="Walk" ref={pane} onKeyDown={turn}>
      <div className="head">
        <h2>Walk</h2>
        <span className="eyebrow">{walk.remembered === 'no' ? walk.telling.unit : 'not taken: the IOTLB was asked first'}</span>
        <span className="grow" />
        <button type="button" className="tab" aria-pressed={table} onClick={() => setTable(!table)}>
          {table ? 'As a chain' : 'As a table'}
        </button>
      </div>
      <div className="body">
        <Split walk={walk} />
        {walk.step.accesses.length === 0 && <p className="empty">No table was read.</p>}
        {table ? <ChainTable walk={walk} seek={seek} /> : <Chain walk={walk} seek={seek} />}
        <p className="eyebrow keys-here">↑ ↓ Home End move · F11 and Shift F11 step · T turns chain and table</p>
        {walk.step.messages.map((message) => (
          <p key={message}>→ {message}</p>
        ))}
      </div>
    </section>
  );
}

function EntryPane({ walk }: { readonly walk: Walk }): ReactNode {
  const access = walk.step.accesses[walk.at];
  return (
    <div className="entry">
      <section className="pane" aria-label="Entry" data-pane="Entry">
        <div className="head">
          <h2>{access === undefined ? 'The end' : (access.layout?.name ?? access.what)}</h2>
          {access !== undefined && (
            <span className="eyebrow">
              at <code>{address(access.address)}</code>, {access.bytes} bytes{access.index === null ? '' : `, ${indexText(access.index)}`}
            </span>
          )}
          <span className="grow" />
          {access?.layout && <span className="pill">cited: {access.layout.spec}</span>}
        </div>
        <div className="body">
          <p className="say">{sentence(walk)}</p>
          {access?.layout && <RegisterView key={access.layout.name} layout={access.layout} raw={access.raw} hot={hotFields(walk, walk.at)} />}
          {access !== undefined && access.layout === null && <p className="mono">{access.words.map(address).join(' ')}</p>}
        </div>
      </section>
      <Caches walk={walk} />
      <Registers walk={walk} />
    </div>
  );
}

/** The unit's registers as the request found them, each in the same view. */
function Registers({ walk: { telling } }: { readonly walk: Walk }): ReactNode {
  return (
    <section className="pane" aria-label="Registers" data-pane="Registers">
      <div className="head">
        <h2>Registers</h2>
        <span className="eyebrow">before the first request</span>
      </div>
      <div className="body">
        {telling.registers.map(({ name, raw, layout }) => (
          <details key={name}>
            <summary>
              <b>{name}</b> <code>{address(raw)}</code>
            </summary>
            <RegisterView layout={layout} raw={raw} />
          </details>
        ))}
      </div>
    </section>
  );
}
