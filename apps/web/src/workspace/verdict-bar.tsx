// SPDX-License-Identifier: Apache-2.0
/** The sentence first; rule, sites and evidence below it in small type. Absent before the first run, quiet when right. */
import type { ReactNode } from 'react';
import { Icon } from '../ui/icons.tsx';
import { SiteLink, WithPlaces } from '../ui/site-link.tsx';
import { barOf, remarks, type Bar, type FoundLine } from './bar.ts';
import { useRun, useWorkspace, useWs } from './context.tsx';
import { copyLink } from './permalink.ts';
import type { Chosen } from './state.ts';
import { titleOf, type Checked } from './verdicts.ts';

/** The region stays; what is in it changes, and a finding is an alert inside it. */
export function VerdictBar(): ReactNode {
  return (
    <section aria-label="Verdict">
      <Content />
    </section>
  );
}

function Content(): ReactNode {
  const workspace = useWorkspace();
  const bar = barOf(useWs((s) => s));
  const { run } = useRun();
  if (bar === null) return null;
  const { look, violated, stale } = bar;
  return (
    <section className={`verdict ${violated ? 'bad' : ''} ${stale ? 'stale' : ''}`} role={violated && !stale ? 'alert' : undefined} aria-live={violated ? undefined : 'polite'}>
      <strong className={`w v-${look.tone}`}>
        <Icon name={look.icon} />
        {look.word}
      </strong>
      <p>
        {violated ? bar.text : <WithPlaces text={bar.text} />}
        {!violated && bar.elsewhere !== null && <Elsewhere verdict={bar.elsewhere} />}
        <Where bar={bar} />
      </p>
      <div className="acts">
        {bar.elsewhere !== null && <OpenIt verdict={bar.elsewhere} />}
        {violated && bar.elsewhere === null && <WhyNot />}
        {run !== null && run.trace.length > 0 && (
          <button type="button" className="btn" onClick={() => void copyLink(workspace)}>
            <Icon name="link" />
            Copy link
          </button>
        )}
      </div>
    </section>
  );
}

/** The small line: what it is about, and what else is to be known. */
function Where({ bar }: { readonly bar: Bar }): ReactNode {
  const lab = useWs((s) => s.lab);
  const diagnostics = useWs((s) => s.diagnostics);
  if (lab === null) return null;
  const named = (c: Chosen): string => `${c.profile}${c.workload === '' ? '' : `, workload “${titleOf(lab, c.workload)}”`}`;
  const parts: ReactNode[] = [];
  if (bar.found !== null) parts.push(...Found(bar.found));
  if (bar.about !== null) parts.push(`${named(bar.about)}${bar.found === null ? '' : `, step ${bar.found.step} of ${bar.found.steps}`}`);
  if (bar.shown !== '') parts.push(`shown: ${bar.shown}`);
  if (bar.found !== null && bar.found.evidence !== '') parts.push(<span title={bar.found.source}>rule rests on {bar.found.evidence === 'cited section' ? 'a cited section' : bar.found.evidence === 'our choice' ? 'our choice' : 'an oracle'}</span>);
  if (bar.from !== null) parts.push(`you ran ${named(bar.from)}: ${bar.from.word}`);
  for (const { words, first } of remarks(diagnostics)) {
    parts.push(
      <span data-remark={first.severity}>
        {words}, <SiteLink site={first} title={first.message} />
      </span>,
    );
  }
  return (
    <span className="where">
      {bar.stale && 'Of an earlier text. '}
      {parts.map((part, i) => (
        <span key={i}>
          {i > 0 && ' · '}
          {part}
        </span>
      ))}
    </span>
  );
}

function Found({ rule, first, second }: FoundLine): ReactNode[] {
  const places = first !== null && second !== null ? (
    <>
      halves at <SiteLink site={first} /> and <SiteLink site={second} />
    </>
  ) : first !== null || second !== null ? (
    <>
      at <SiteLink site={(first ?? second)!} />
    </>
  ) : null;
  return [...(rule === '' ? [] : [rule]), ...(places === null ? [] : [places])];
}

/** A failure the page does not stand at, said plainly. */
function Elsewhere({ verdict: { message, finding } }: { readonly verdict: Checked }): ReactNode {
  const lab = useWs((s) => s.lab);
  return (
    <span className="elsewhere v-bad">
      <Icon name="no" />
      <span>
        <b>
          {message.profile} is violated{lab === null ? '' : `, workload “${titleOf(lab, message.workload)}”`}.
        </b>
        {finding === null ? '' : ` ${finding.sentence}`}
      </span>
    </span>
  );
}

function OpenIt({ verdict: { message } }: { readonly verdict: Checked }): ReactNode {
  const workspace = useWorkspace();
  const profile = useWs((s) => s.profile);
  return (
    <button type="button" className="btn" onClick={() => workspace.look(message.profile, message.workload)}>
      {message.profile === profile ? 'Open the failing run' : `Open ${message.profile}`}
    </button>
  );
}

/** Offers a profile on which the same text and workload showed no violation. */
function WhyNot(): ReactNode {
  const workspace = useWorkspace();
  const other = useWs((s) => s.verdicts.find(({ message: m }) => m.profile !== s.profile && m.workload === s.workload && ['complete', 'bounded', 'sampled'].includes(m.verdict.kind))?.message.profile);
  if (other === undefined) return null;
  return (
    <button type="button" className="btn" onClick={() => workspace.setProfile(other)}>
      Why not on {other}?
    </button>
  );
}
