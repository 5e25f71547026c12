// SPDX-License-Identifier: Apache-2.0
/** The course's labs by the question they ask, what is next, and the last runs. */
import { useEffect, useState, type ReactNode } from 'react';
import type { LabsResponse, LabSummary, MeResponse, RunSummary } from '@dmalab/contracts/api';
import type { Backend } from '../net/backend.ts';
import { go, labPath } from '../router.ts';
import { Icon, type IconName } from '../ui/icons.tsx';
import { verdictLook, VerdictMark } from '../ui/verdict-mark.tsx';
import { HomeLink, ThemeButton } from '../workspace/top-bar.tsx';
import { groupLabs, nextLab } from './groups.ts';

const STATES: Record<LabSummary['state'], { readonly icon: IconName; readonly tone: string; readonly word: string }> = {
  solved: { icon: 'ok', tone: 'good', word: 'solved, all points' },
  partial: { icon: 'part', tone: 'part', word: 'some points' },
  tried: { icon: 'no', tone: 'bad', word: 'tried, no points yet' },
  new: { icon: 'none', tone: 'ink', word: 'not begun' },
};

export function CataloguePage({ backend }: { readonly backend: Backend }): ReactNode {
  const [data, setData] = useState<LabsResponse | null>(null);
  const [me, setMe] = useState<MeResponse | null>(null);
  const [error, setError] = useState('');
  useEffect(() => {
    document.title = 'Labs · dmalab';
    backend.labs().then(setData, (e: unknown) => setError((e as Error).message));
    backend.me().then(setMe, () => undefined);
  }, [backend]);
  return (
    <>
      <header className="top">
        <HomeLink />
        <nav className="crumb" aria-label="Pages">
          <b aria-current="page">Labs</b>
          <Link to="/walk">Walk</Link>
        </nav>
        <span className="grow" />
        {me !== null && <span className="crumb">signed in as {me.name}</span>}
        <ThemeButton />
      </header>
      <div className="page">
        <main>
          <h1>Drivers and devices</h1>
          <p className="lede">A device that shares your page tables sees your memory. Does it also see it in the order you wrote it? That question has caught experienced kernel developers. Before you start: if a device and a process share one address space, can the driver drop its barriers?</p>
          {error !== '' && <p role="alert">The labs could not be loaded: {error}</p>}
          {data === null ? error === '' && <p role="status">The labs are being read.</p> : <Groups labs={data.labs} />}
        </main>
        <aside aria-label="Next and recent">
          {data !== null && <Next labs={data.labs} runs={data.runs} />}
          {data !== null && data.runs.length > 0 && <Runs runs={data.runs.slice(0, 6)} labs={data.labs} />}
          <section>
            <h2>Playground</h2>
            <p className="next-lab">How an IOMMU finds a page: every table, every bit, and what stops a request.</p>
            <Link className="btn" to="/walk">
              Walk through a translation
            </Link>
          </section>
          <section>
            <h2>Marks</h2>
            <div className="leg">
              {(['solved', 'partial', 'tried', 'new'] as const).map((s) => (
                <Legend key={s} state={s} />
              ))}
            </div>
          </section>
        </aside>
      </div>
    </>
  );
}

function Legend({ state }: { readonly state: LabSummary['state'] }): ReactNode {
  const { icon, tone, word } = STATES[state];
  return (
    <>
      <span className={`v-${tone}`}>
        <Icon name={icon} />
      </span>
      <span>{word}</span>
    </>
  );
}

function Link({ to, className, children }: { readonly to: string; readonly className?: string; readonly children: ReactNode }): ReactNode {
  return (
    <a
      href={to}
      className={className}
      onClick={(e) => {
        if (e.ctrlKey || e.metaKey || e.shiftKey || e.button !== 0) return;
        e.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}

function Groups({ labs }: { readonly labs: readonly LabSummary[] }): ReactNode {
  const next = nextLab(labs);
  if (labs.length === 0) return <p>No lab is installed.</p>;
  return groupLabs(labs).map((g) => (
    <section key={g.name} className="grp">
      <h2>
        {g.name}
        <span>{g.question}</span>
      </h2>
      {g.labs.map((lab) => (
        <Link key={lab.id} to={labPath(lab.id)} className={`lab ${lab.id === next?.id ? 'next' : ''}`}>
          <span className="no">{lab.number}</span>
          <span>
            <span className="ti">{lab.title}</span>
            <span className="su">{lab.summary}</span>
          </span>
          <span className="pf">
            {lab.profiles.map((p) => (
              <span key={p}>{p}</span>
            ))}
          </span>
          <Score lab={lab} />
        </Link>
      ))}
    </section>
  ));
}

function Score({ lab }: { readonly lab: LabSummary }): ReactNode {
  const { icon, tone, word } = STATES[lab.state];
  const points = lab.points.earned === null ? `${lab.points.possible} points` : `${lab.points.earned} / ${lab.points.possible}`;
  return (
    <span className={`sco ${lab.state === 'new' ? '' : `v-${tone}`}`}>
      {points}
      <Icon name={icon} />
      <span className="vh">{word}</span>
    </span>
  );
}

function Next({ labs, runs }: { readonly labs: readonly LabSummary[]; readonly runs: readonly RunSummary[] }): ReactNode {
  const lab = nextLab(labs);
  if (lab === undefined) return null;
  const failed = runs.find((r) => r.lab === lab.id && r.verdict.kind === 'violated' && r.token !== '');
  return (
    <section>
      <h2>Next for you</h2>
      <p className="next-lab">
        <b>
          {lab.number} {lab.title}
        </b>
        <br />
        {failed === undefined ? (lab.minutes === null ? lab.summary : `About ${lab.minutes} minutes.`) : `Last run failed on ${failed.profile}.`}
      </p>
      <Link className="btn main" to={failed === undefined ? labPath(lab.id) : labPath(lab.id, { profile: failed.profile, workload: failed.workload, token: failed.token })}>
        {failed === undefined ? (lab.state === 'new' ? 'Begin' : 'Continue') : 'Continue at the failing step'}
      </Link>
    </section>
  );
}

function Runs({ runs, labs }: { readonly runs: readonly RunSummary[]; readonly labs: readonly LabSummary[] }): ReactNode {
  return (
    <section>
      <h2>Your last runs</h2>
      <ul className="runs">
        {runs.map((r) => (
          <li key={r.run}>
            <VerdictMark look={verdictLook(r.verdict)} />
            <span>
              {labs.find((l) => l.id === r.lab)?.number ?? r.lab}, {r.profile}: {verdictLook(r.verdict).word}
            </span>
            <time dateTime={r.at}>{new Date(r.at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}</time>
          </li>
        ))}
      </ul>
    </section>
  );
}
