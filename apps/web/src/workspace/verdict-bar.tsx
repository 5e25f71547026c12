// SPDX-License-Identifier: Apache-2.0
/** The sentence first; rule, sites and evidence below it in small type. Absent before the first run, quiet when right. */
import type { ReactNode } from 'react';
import type { Site } from '@dmalab/core/base/events';
import { Icon } from '../ui/icons.tsx';
import { count, verdictLook } from '../ui/verdict-mark.tsx';
import { useRun, useWorkspace, useWs } from './context.tsx';
import { activeVerdict, isStale } from './state.ts';
import { copyLink } from './permalink.ts';

/** The region stays; what is in it changes, and a finding is an alert inside it. */
export function VerdictBar({ onSite }: { readonly onSite: (site: Site) => void }): ReactNode {
  return (
    <section aria-label="Verdict">
      <Content onSite={onSite} />
    </section>
  );
}

function Content({ onSite }: { readonly onSite: (site: Site) => void }): ReactNode {
  const workspace = useWorkspace();
  const busy = useWs((s) => s.busy);
  const problem = useWs((s) => s.problem);
  const progress = useWs((s) => s.progress);
  const diagnostics = useWs((s) => s.diagnostics);
  const verdict = useWs(activeVerdict);
  const stale = useWs((s) => verdict !== null && isStale(verdict, s));
  const { run, trace } = useRun();

  const broken = diagnostics.filter((d) => d.severity === 'error');
  if (problem !== '') return <Line tone="part" icon="error" word="not done" text={problem} />;
  const parts = trace?.index.finding ?? null;
  if (verdict === null && parts === null) {
    if (broken.length > 0 && busy === 'idle') {
      const d = broken[0]!;
      return <Line tone="ink" icon="error" word="error" text={`${d.file}:${d.line}: ${d.message}${broken.length > 1 ? ` And ${broken.length - 1} more.` : ''}`} />;
    }
    if (busy === 'idle') return run === null ? null : <Line tone="ink" icon="none" word={run.label} text={run.ended === null ? 'The run goes on.' : 'This run broke no rule. It is one schedule of many.'} />;
    return <Line tone="ink" icon="none" word={WORDS[busy]} text={progress === null ? BUSY[busy] : `${progress.profile}: ${progress.phase}, ${count(progress.executions)} executions so far.`} />;
  }

  const sentence = parts?.event.sentence ?? verdict?.finding?.sentence ?? '';
  const look = verdict === null ? null : verdictLook(verdict.message.verdict);
  const violated = sentence !== '' && (parts !== null || verdict?.message.verdict.kind === 'violated');
  const finding = verdict?.finding ?? null;
  const first = parts?.event.firstSite ?? finding?.first ?? null;
  const second = parts?.event.secondSite ?? finding?.second ?? null;
  const detail = (parts?.event.detail ?? null) as { readonly evidence?: unknown; readonly source?: unknown } | null;
  const evidence = finding?.evidence ?? (typeof detail?.evidence === 'string' ? detail.evidence : '');
  const source = finding?.source ?? (typeof detail?.source === 'string' ? detail.source : '');
  return (
    <section className={`verdict ${violated ? 'bad' : ''} ${stale ? 'stale' : ''}`} role={violated && !stale ? 'alert' : undefined}>
      <strong className={`w v-${violated ? 'bad' : (look?.tone ?? 'ink')}`}>
        <Icon name={violated ? 'no' : (look?.icon ?? 'none')} />
        {violated ? 'violated' : look?.word}
      </strong>
      <p>
        {violated ? sentence : verdict?.message.verdict.kind === 'error' ? verdict.message.verdict.message : `${look?.words ?? ''}.`.replace(/\.\.$/, '.')}
        <span className="where">
          {stale && 'Of an earlier text. '}
          {violated && (
            <>
              {parts?.event.rule ?? finding?.rule}
              {first !== null && (
                <>
                  {' · '}
                  {second !== null ? 'halves at ' : 'at '}
                  <SiteLink site={first} onSite={onSite} />
                </>
              )}
              {second !== null && (
                <>
                  {first === null ? ' · at ' : ' and '}
                  <SiteLink site={second} onSite={onSite} />
                </>
              )}
              {' · '}
            </>
          )}
          {run !== null && `${run.profile}, workload ${run.workload}`}
          {violated && parts !== null && `, step ${parts.witness} of ${trace!.length}`}
          {violated && parts === null && finding !== null && `, step ${finding.step} of ${finding.steps}`}
          {violated && parts === null && finding !== null && run !== null && run.ended !== null && busy !== 'replaying' && !run.label.endsWith('failing') && ` · shown: ${run.label}, which breaks no rule`}
          {violated && evidence !== '' && <span title={source}>{` · rule rests on ${evidence === 'cited section' ? 'a cited section' : evidence === 'our choice' ? 'our choice' : 'an oracle'}`}</span>}
        </span>
      </p>
      <div className="acts">
        {violated && <WhyNot />}
        {run !== null && (
          <button type="button" className="btn" onClick={() => void copyLink(workspace)}>
            <Icon name="link" />
            Copy link
          </button>
        )}
      </div>
    </section>
  );
}

const WORDS = { idle: '', starting: 'starting', running: 'running', checking: 'checking', replaying: 'replaying' } as const;
const BUSY = { idle: '', starting: 'The run is being started.', running: 'The driver runs. The machine moves below.', checking: 'Other schedules are being tried.', replaying: 'The failing run is being replayed.' } as const;

function Line({ tone, icon, word, text }: { readonly tone: string; readonly icon: 'none' | 'error'; readonly word: string; readonly text: string }): ReactNode {
  return (
    <section className="verdict" aria-live="polite">
      <strong className={`w v-${tone}`}>
        <Icon name={icon} />
        {word}
      </strong>
      <p>{text}</p>
    </section>
  );
}

function SiteLink({ site, onSite }: { readonly site: Site; readonly onSite: (site: Site) => void }): ReactNode {
  return (
    <button type="button" onClick={() => onSite(site)}>
      {site.file}:{site.line}
    </button>
  );
}

/** Offers a profile on which the same text showed no violation. */
function WhyNot(): ReactNode {
  const workspace = useWorkspace();
  const other = useWs((s) => s.lab?.manifest.profiles.find((p) => p !== s.profile && ['complete', 'bounded', 'sampled'].includes(s.verdicts[p]?.message.verdict.kind ?? '')));
  if (other === undefined) return null;
  return (
    <button type="button" className="btn" onClick={() => workspace.setProfile(other)}>
      Why not on {other}?
    </button>
  );
}
