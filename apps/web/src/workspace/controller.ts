// SPDX-License-Identifier: Apache-2.0
/**
 * The workspace's deeds: open a lab, keep the draft, seek, switch profile. Running and submitting live in their own
 * files; all of them change the one store and nothing else.
 */
import type { ProfileId } from '@dmalab/contracts/lab';
import { PROFILE_IDS } from '@dmalab/contracts/lab';
import { Refused, type Backend } from '../net/backend.ts';
import type { LabLink } from '../router.ts';
import type { Replayer } from '../worker/replayer.ts';
import { RunControl } from './run-control.ts';
import { activeRun, createWorkspaceStore, type WorkspaceStore } from './state.ts';
import { SubmitControl } from './submit-control.ts';

const SAVE_AFTER_MS = 500;
const PLAY_EVERY_MS = 500;

export class Workspace {
  readonly store: WorkspaceStore = createWorkspaceStore();
  readonly runs: RunControl;
  readonly submissions: SubmitControl;
  readonly #backend: Backend;
  #version = 0;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;
  #playTimer: ReturnType<typeof setInterval> | undefined;
  #closers: (() => void)[] = [];

  constructor(backend: Backend, replayer: Replayer) {
    this.#backend = backend;
    this.runs = new RunControl(this.store, backend, replayer);
    this.submissions = new SubmitControl(this.store, backend);
  }

  async open(id: string, link: LabLink): Promise<void> {
    this.#closers.push(
      this.#backend.onConnection((connection) => {
        const before = this.store.getState();
        this.store.setState({ connection });
        if (connection === 'online' && before.draft === 'kept here') void this.#save();
      }),
    );
    try {
      const lab = await this.#backend.lab(id);
      const kept = readKept(id);
      const server = lab.draft ?? { text: lab.starter, version: 0 };
      const newer = kept !== null && kept.version > server.version ? kept : null;
      this.#version = (newer ?? server).version;
      const wanted = PROFILE_IDS.find((p) => p === link.profile && lab.manifest.profiles.includes(p));
      const workloads = Object.keys(lab.workloads);
      this.store.setState({
        lab,
        text: (newer ?? server).text,
        draft: newer === null ? 'saved' : 'kept here',
        profile: wanted ?? lab.manifest.profiles[0]!,
        workload: workloads.find((w) => w === link.workload) ?? workloads[0] ?? '',
        report: lab.report,
      });
      if (newer !== null) void this.#save();
      if (link.token !== undefined) await this.runs.openToken(link.token, link.step ?? 0);
    } catch (error) {
      this.store.setState({ loadError: error instanceof Refused ? `${error.message}${error.expected === '' ? '' : `. ${error.expected}`}` : `The lab could not be loaded: ${(error as Error).message}` });
    }
  }

  close(): void {
    clearTimeout(this.#saveTimer);
    this.pause();
    if (this.store.getState().draft === 'typing') void this.#save();
    for (const close of this.#closers.splice(0)) close();
  }

  edit(text: string): void {
    const { lab } = this.store.getState();
    if (lab === null || text === this.store.getState().text) return;
    this.#version += 1;
    this.store.setState({ text, draft: 'typing' });
    keep(lab.manifest.id, text, this.#version);
    clearTimeout(this.#saveTimer);
    this.#saveTimer = setTimeout(() => void this.#save(), SAVE_AFTER_MS);
  }

  /** Back to what the lab handed out. The way back is the editor's undo. */
  restart(): void {
    const { lab } = this.store.getState();
    if (lab !== null) this.edit(lab.starter);
  }

  setProfile(profile: ProfileId): void {
    if (profile === this.store.getState().profile) return;
    this.look(profile, this.store.getState().workload);
  }

  setWorkload(workload: string): void {
    if (workload === this.store.getState().workload) return;
    this.look(this.store.getState().profile, workload);
  }

  /** Chooses a profile and a workload, and shows what the newest run knows of them. */
  look(profile: ProfileId, workload: string): void {
    this.store.setState({ profile, workload, problem: '', cameFrom: null });
    void this.runs.showChosen();
  }

  /** Puts another run below the one that is looked at; 0 takes it away. */
  compare(run: number): void {
    this.store.setState({ compared: run });
  }

  get last(): number {
    return activeRun(this.store.getState())?.trace.length ?? 0;
  }

  seek(step: number): void {
    const last = this.last;
    if (last === 0) return;
    const to = Math.max(1, Math.min(last, Math.trunc(step)));
    this.store.setState({ step: to, following: to === last && activeRun(this.store.getState())?.ended === null });
  }

  stepBy(n: number): void {
    this.seek(this.store.getState().step + n);
  }

  /** Next (1) or previous (-1) step of the first CPU, or of the agent of the current step when it is one. */
  stepOfCpu(direction: 1 | -1): void {
    const { step } = this.store.getState();
    const trace = activeRun(this.store.getState())?.trace;
    if (trace === undefined) return;
    const here = trace.event(step)?.agent ?? '';
    const cpu = trace.names.shape(here) === 'cpu' ? here : (trace.names.agents.find((a) => a.kind === 'cpu')?.id ?? 'cpu0');
    for (let s = step + direction; s >= 1 && s <= trace.length; s += direction) if (trace.event(s)?.agent === cpu) return this.seek(s);
  }

  unfold(first: number, last: number): void {
    const open = new Set(this.store.getState().open);
    for (let s = first; s <= last; s += 1) open.add(s);
    this.store.setState({ open });
  }

  toggleBreakpoint(line: number): void {
    const { breakpoints } = this.store.getState();
    this.store.setState({ breakpoints: breakpoints.includes(line) ? breakpoints.filter((l) => l !== line) : [...breakpoints, line].sort((a, b) => a - b) });
  }

  /** Plays until the end, a finding, or a breakpoint. */
  play(): void {
    if (this.store.getState().playing) return this.pause();
    if (this.store.getState().step >= this.last) this.seek(1);
    this.store.setState({ playing: true });
    this.#playTimer = setInterval(() => {
      const s = this.store.getState();
      const trace = activeRun(s)?.trace;
      if (trace === undefined || s.step >= trace.length) return this.pause();
      this.seek(s.step + 1);
      const e = trace.event(s.step + 1);
      const line = e !== undefined && 'site' in e ? e.site?.line : undefined;
      if (s.step + 1 === trace.index.finding?.witness || (line !== undefined && s.breakpoints.includes(line))) this.pause();
    }, PLAY_EVERY_MS);
  }

  pause(): void {
    clearInterval(this.#playTimer);
    if (this.store.getState().playing) this.store.setState({ playing: false });
  }

  async #save(): Promise<void> {
    clearTimeout(this.#saveTimer);
    const { lab, text } = this.store.getState();
    if (lab === null) return;
    const version = this.#version;
    this.store.setState({ draft: 'saving' });
    try {
      await this.#backend.saveDraft({ lab: lab.manifest.id, text, version });
      if (this.#version === version) this.store.setState({ draft: 'saved', draftError: '' });
    } catch (error) {
      if (this.#version !== version) return;
      this.store.setState(error instanceof Refused ? { draft: 'refused', draftError: error.message } : { draft: 'kept here' });
    }
  }
}

const keyOf = (lab: string): string => `dmalab.draft.${lab}`;

/** The draft as typed, kept in the browser until the server has it. */
function keep(lab: string, text: string, version: number): void {
  try {
    localStorage.setItem(keyOf(lab), JSON.stringify({ text, version }));
  } catch {
    // storage is full or forbidden: the server's copy is the one that counts
  }
}

function readKept(lab: string): { text: string; version: number } | null {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(keyOf(lab)) ?? 'null');
    if (value === null || typeof value !== 'object') return null;
    const { text, version } = value as { text?: unknown; version?: unknown };
    return typeof text === 'string' && typeof version === 'number' ? { text, version } : null;
  } catch {
    return null;
  }
}
