// SPDX-License-Identifier: Apache-2.0
/**
 * Runs: the public one that the server executes and streams, the one a finding's token shows, and branches. Tokens and
 * branches are replayed by the browser's own engine when it is the server's; otherwise the server replays the token.
 */
import { Finding, type Diagnostic } from '@dmalab/contracts/report';
import type { ProfileId } from '@dmalab/contracts/lab';
import { Refused, type Backend, type EndMessage, type RunHandle, type RunSink, type VerdictMessage } from '../net/backend.ts';
import { Trace } from '../run/trace.ts';
import type { Replayer } from '../worker/replayer.ts';
import { branchDeviations, branchLabel } from './branch.ts';
import { activeRun, type RunView, type WorkspaceStore } from './state.ts';
import { verdictOn, withVerdict } from './verdicts.ts';

export class RunControl {
  readonly #store: WorkspaceStore;
  readonly #backend: Backend;
  readonly #replayer: Replayer;
  #live: { readonly handle: RunHandle; readonly view: number } | null = null;
  #nextId = 1;
  #nextLabel = 1;
  #paint: number | null = null;

  constructor(store: WorkspaceStore, backend: Backend, replayer: Replayer) {
    this.#store = store;
    this.#backend = backend;
    this.#replayer = replayer;
  }

  /** Runs the text as it stands on the chosen profile and workload; then every public workload is checked on every profile. */
  async run(): Promise<void> {
    const { lab, text, profile, workload, busy } = this.#store.getState();
    if (lab === null || busy === 'starting') return;
    this.stop();
    const view = this.#add({ label: `run ${this.#nextLabel++}`, parent: null, profile, workload, token: '', source: text, blanked: '' }, true);
    this.#store.setState({ busy: 'starting', problem: '', verdicts: [], cameFrom: null, compared: 0, progress: null, diagnostics: [] });
    try {
      await this.#backend.run({ lab: lab.manifest.id, text, profile, workload, check: true }, this.#sink(view));
    } catch (error) {
      this.#remove(view.id);
      this.#store.setState({ busy: 'idle', problem: error instanceof Refused ? `${error.message}${error.expected === '' ? '' : ` Expected: ${error.expected}`}` : 'The server did not answer. The run was not started; your text is kept.' });
    }
  }

  stop(): void {
    if (this.#live !== null) {
      this.#live.handle.stop();
      this.#update(this.#live.view, { ended: 'stopped', words: 'It was stopped.' });
    }
    this.#live = null;
    this.#store.setState({ busy: 'idle', progress: null });
  }

  select(id: number): void {
    const run = this.#store.getState().runs.find((r) => r.id === id);
    if (run === undefined) return;
    this.#store.setState({ active: id, cameFrom: null, profile: run.profile, workload: run.workload, step: run.trace.failingStep || run.trace.length, following: run.ended === null, open: new Set() });
  }

  /** Another profile or workload was chosen: shows its failing run, or the plain one, when there is a verdict on this text. */
  async showChosen(): Promise<void> {
    const s = this.#store.getState();
    const known = verdictOn(s.verdicts, s.profile, s.workload);
    const failing = known?.message.verdict.kind === 'violated' ? known.message.token : null;
    const run = s.runs.findLast((r) => r.profile === s.profile && r.workload === s.workload && r.source === s.text && (failing === null || r.token === failing));
    if (run !== undefined) return this.select(run.id);
    if (known === null || known.message.verdict.kind === 'error') return;
    const { message, blanked, source } = known;
    await this.#replay({ label: `run ${this.#nextLabel - 1}`, profile: s.profile, token: message.token, blanked, source, workload: s.workload }, message.verdict.kind === 'violated' ? 0 : s.step);
  }

  /** A permalink: replays its token on the present text and opens the step. */
  async openToken(token: string, step: number): Promise<void> {
    const { lab, text, profile, workload } = this.#store.getState();
    if (lab === null) return;
    try {
      const { blanked, diagnostics } = await this.#backend.blank({ lab: lab.manifest.id, text });
      this.#store.setState({ diagnostics });
      await this.#replay({ label: `run ${this.#nextLabel++}`, profile, token, blanked, source: text, workload }, step);
    } catch (error) {
      this.#store.setState({ problem: error instanceof Refused ? error.message : 'The server did not answer, so the link could not be replayed.' });
    }
  }

  /** Takes another answer at a step. The past stays, the future is run anew, the first run stays one click away. */
  async branch(step: number, question: number, answer: number): Promise<void> {
    const s = this.#store.getState();
    const parent = activeRun(s);
    if (s.lab === null || parent === null || s.busy === 'replaying') return;
    const deviations = branchDeviations(parent.trace.index.events, step, question, answer);
    const view = this.#add({ label: branchLabel(parent.label, step, answer), parent: parent.id, profile: parent.profile, workload: parent.workload, token: '', source: parent.source, blanked: parent.blanked });
    this.#store.setState({ busy: 'replaying', problem: '' });
    try {
      const result = await this.#replayer.replay({ lab: s.lab, blanked: parent.blanked, profile: parent.profile, workload: parent.workload, token: parent.token, deviations }, (batch) => this.#events(view.id, batch));
      this.#update(view.id, { ended: result.reason, words: '', token: result.token });
      this.#open(view, step);
    } catch (error) {
      this.#remove(view.id);
      this.#store.setState({ active: parent.id, step, problem: `The branch could not be run: ${(error as Error).message}` });
    }
    this.#store.setState({ busy: 'idle' });
  }

  #sink(view: RunView): RunSink {
    return {
      started: (handle) => {
        this.#live = { handle, view: view.id };
        this.#update(view.id, { blanked: handle.blanked });
        this.#store.setState({ diagnostics: handle.diagnostics, busy: 'running' });
      },
      events: (batch) => this.#events(view.id, batch),
      progress: (progress) => this.#store.setState({ progress, busy: 'checking' }),
      verdict: (message) => void this.#verdict(view, message),
      end: (message) => this.#end(view, message),
    };
  }

  #end(view: RunView, { reason, text, diagnostics }: EndMessage): void {
    this.#update(view.id, { ended: reason, words: reason === 'quiescent' ? '' : text });
    this.#live = null;
    this.#store.setState((s) => ({ diagnostics: together(s.diagnostics, diagnostics), ...(s.busy === 'replaying' ? {} : { busy: 'idle', progress: null }) }));
  }

  async #verdict(view: RunView, message: VerdictMessage): Promise<void> {
    const finding = Finding.safeParse(message.finding);
    const blanked = this.#find(view.id)?.blanked ?? '';
    const verdict = { message, finding: finding.success ? finding.data : null, source: view.source, blanked };
    this.#store.setState((s) => ({ diagnostics: together(s.diagnostics, message.diagnostics), verdicts: withVerdict(s.verdicts, verdict) }));
    const s = this.#store.getState();
    const chosen = message.profile === s.profile && message.workload === s.workload;
    const { kind } = message.verdict;
    if (kind === 'violated' && (chosen || this.#stillWatching(view))) {
      if (!chosen) this.#store.setState({ profile: message.profile, workload: message.workload, cameFrom: { profile: view.profile, workload: view.workload } });
      await this.#replay({ label: `${view.label} failing`, parent: view.id, profile: message.profile, token: message.token, blanked, source: view.source, workload: message.workload }, 0);
    } else if (chosen && kind !== 'error' && (view.profile !== s.profile || view.workload !== s.workload)) await this.showChosen();
  }

  /** Nobody has sought, chosen or branched since the run began: the page may go to what it finds. */
  #stillWatching(view: RunView): boolean {
    const s = this.#store.getState();
    return s.active === view.id && s.following && s.profile === view.profile && s.workload === view.workload;
  }

  /** Shows the run of a token: by the browser's engine if it is the server's, else by the server. */
  async #replay(o: { label: string; parent?: number; profile: ProfileId; token: string; blanked: string; source: string; workload: string }, step: number): Promise<void> {
    const { lab } = this.#store.getState();
    if (lab === null) return;
    this.#store.setState({ busy: 'replaying' });
    const view = this.#add({ ...o, parent: o.parent ?? null });
    try {
      if (o.blanked !== '' && (await this.#replayer.matches(lab.engine))) {
        const result = await this.#replayer.replay({ lab, blanked: o.blanked, profile: o.profile, workload: o.workload, token: o.token }, (batch) => this.#events(view.id, batch));
        this.#update(view.id, { ended: result.reason, words: '' });
        if (result.notes.length > 0) this.#store.setState({ problem: `The link does not fit any more: ${result.notes.join('; ')}. What is shown is the run that came out.` });
      } else await this.#replayOnServer(view, o);
      this.#open(view, step);
    } catch (error) {
      this.#remove(view.id);
      this.#store.setState({ problem: (error as Error).message });
    }
    this.#store.setState((s) => ({ busy: this.#live === null ? 'idle' : s.busy === 'replaying' ? 'checking' : s.busy }));
  }

  async #replayOnServer(view: RunView, o: { profile: ProfileId; token: string; source: string; workload: string }): Promise<void> {
    const { lab } = this.#store.getState();
    await new Promise<void>((resolve, reject) => {
      const sink: RunSink = {
        started: (handle) => this.#update(view.id, { blanked: handle.blanked }),
        events: (batch) => this.#events(view.id, batch),
        progress: () => undefined,
        verdict: () => undefined,
        end: ({ reason, text }) => {
          this.#update(view.id, { ended: reason, words: reason === 'quiescent' ? '' : text });
          resolve();
        },
      };
      const request = { lab: lab!.manifest.id, text: o.source, profile: o.profile, workload: o.workload, check: false, ...(o.token === '' ? {} : { token: o.token }) };
      this.#backend.run(request, sink).catch(reject);
    });
  }

  /** Opens at the wanted step, else at the failing one, else at the end. */
  #open(view: RunView, step: number): void {
    if (this.#store.getState().active !== view.id) return;
    const { trace } = view;
    const to = step > 0 && step <= trace.length ? step : trace.failingStep || trace.length;
    this.#store.setState((s) => ({ step: to, following: false, grown: s.grown + 1 }));
  }

  #events(id: number, batch: Parameters<RunSink['events']>[0]): void {
    const run = this.#find(id);
    if (run === undefined) return;
    run.trace.append(batch);
    // One paint a frame however many batches came; long traces are redrawn less often while they grow.
    if (this.#paint !== null) return;
    const paint = (): void => {
      this.#paint = null;
      const s = this.#store.getState();
      const shown = activeRun(s);
      this.#store.setState({ grown: s.grown + 1, ...(s.following && shown !== null ? { step: shown.trace.length } : {}) });
    };
    this.#paint = run.trace.length > 5_000 ? window.setTimeout(paint, 250) : requestAnimationFrame(paint);
  }

  #add(o: Omit<RunView, 'id' | 'trace' | 'ended' | 'words' | 'parent'> & { parent: number | null }, live = false): RunView {
    const view: RunView = { id: this.#nextId++, label: o.label, parent: o.parent, profile: o.profile, workload: o.workload, token: o.token, source: o.source, blanked: o.blanked, trace: new Trace(), ended: null, words: '' };
    this.#store.setState((s) => ({ runs: [...s.runs, view].slice(-40), active: view.id, step: 0, following: live, open: new Set<number>() }));
    return view;
  }

  #find(id: number): RunView | undefined {
    return this.#store.getState().runs.find((r) => r.id === id);
  }

  #update(id: number, change: Partial<Pick<RunView, 'ended' | 'words' | 'blanked' | 'token'>>): void {
    this.#store.setState((s) => ({ runs: s.runs.map((r) => (r.id === id ? { ...r, ...change } : r)) }));
  }

  #remove(id: number): void {
    this.#store.setState((s) => {
      const runs = s.runs.filter((r) => r.id !== id);
      const last = runs.at(-1);
      return { runs, ...(s.active === id ? { active: last?.id ?? 0, step: last === undefined ? 0 : last.trace.failingStep || last.trace.length } : {}) };
    });
  }
}

/** Each thing once: the compiler's words come with the start, with every verdict and with the end. */
function together(known: readonly Diagnostic[], more: readonly Diagnostic[]): readonly Diagnostic[] {
  const same = (a: Diagnostic, b: Diagnostic): boolean => a.file === b.file && a.line === b.line && a.column === b.column && a.code === b.code;
  const fresh = more.filter((d) => !known.some((k) => same(k, d)));
  return fresh.length === 0 ? known : [...known, ...fresh];
}
