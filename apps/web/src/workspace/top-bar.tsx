// SPDX-License-Identifier: Apache-2.0
/** Where you are, which machine, Run, Submit, theme. */
import type { ReactNode } from 'react';
import { go } from '../router.ts';
import { useTheme } from '../theme/theme.ts';
import { BrandMark, Icon } from '../ui/icons.tsx';
import { useWorkspace, useWs } from './context.tsx';
import { ProfileSwitch } from './profile-switch.tsx';

export function HomeLink({ word = true }: { readonly word?: boolean }): ReactNode {
  return (
    <a
      className="brand"
      href="/"
      aria-label="dmalab, all labs"
      onClick={(e) => {
        if (e.ctrlKey || e.metaKey || e.shiftKey || e.button !== 0) return;
        e.preventDefault();
        go('/');
      }}
    >
      <BrandMark />
      {word && 'dmalab'}
    </a>
  );
}

export function ThemeButton(): ReactNode {
  const theme = useTheme((s) => s.theme);
  const next = useTheme((s) => s.next);
  const words = { light: 'light', dark: 'dark', contrast: 'high contrast' } as const;
  return (
    <button type="button" className="btn icon quiet" aria-label={`Theme: ${words[theme]}. Change`} title={`Theme: ${words[theme]}`} onClick={next}>
      <Icon name="theme" />
    </button>
  );
}

export function TopBar(): ReactNode {
  const workspace = useWorkspace();
  const lab = useWs((s) => s.lab);
  const busy = useWs((s) => s.busy);
  if (lab === null) return null;
  const running = busy === 'running' || busy === 'checking' || busy === 'starting';
  return (
    <header className="top">
      <HomeLink />
      <nav className="crumb" aria-label="Where you are">
        <span className="course">Drivers and devices</span>
        <span className="course" aria-hidden="true">
          /
        </span>
        <b>
          {lab.number} {lab.manifest.title}
        </b>
      </nav>
      <span className="grow" />
      <WorkloadSelect />
      <ProfileSwitch />
      {running ? (
        <button type="button" className="btn" onClick={() => workspace.runs.stop()}>
          Stop
        </button>
      ) : (
        <button type="button" className="btn" onClick={() => void workspace.runs.run()} data-action="run">
          <Icon name="run" />
          Run <kbd>Ctrl ↵</kbd>
        </button>
      )}
      <button type="button" className="btn main" onClick={() => workspace.submissions.ask()}>
        Submit
      </button>
      <ThemeButton />
    </header>
  );
}

/** Which public workload is run; absent when there is only one. */
export function WorkloadSelect(): ReactNode {
  const workspace = useWorkspace();
  const lab = useWs((s) => s.lab);
  const workload = useWs((s) => s.workload);
  const all = Object.entries(lab?.workloads ?? {});
  if (all.length < 2) return null;
  return (
    <label>
      <span className="vh">Workload</span>
      <select className="btn" style={{ maxWidth: 200 }} value={workload} onChange={(e) => workspace.setWorkload(e.target.value)}>
        {all.map(([id, w]) => (
          <option key={id} value={id}>
            {w.title}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A dropped socket is said plainly, with what is safe. */
export function NetLine(): ReactNode {
  const connection = useWs((s) => s.connection);
  if (connection !== 'lost') return null;
  return (
    <div className="net" role="status">
      <Icon name="warn" />
      The server cannot be reached. Your text is kept in this browser; runs go on at the server and are caught up with.
    </div>
  );
}
