// SPDX-License-Identifier: Apache-2.0
/** Handing a driver in: asked once, queued, graded against hidden workloads; the result comes back over the socket. */
import { Refused, type Backend } from '../net/backend.ts';
import type { SubmissionState, WorkspaceStore } from './state.ts';

export class SubmitControl {
  readonly #store: WorkspaceStore;
  readonly #backend: Backend;

  constructor(store: WorkspaceStore, backend: Backend) {
    this.#store = store;
    this.#backend = backend;
  }

  ask(): void {
    const { submission } = this.#store.getState();
    if (submission === null || submission.state === 'done' || submission.state === 'failed') this.#set({ state: 'asking', position: null, report: null, error: '' });
  }

  dismiss(): void {
    const { submission } = this.#store.getState();
    if (submission !== null && submission.state !== 'queued' && submission.state !== 'running' && submission.state !== 'sending') this.#store.setState({ submission: null });
  }

  async confirm(): Promise<void> {
    const { lab, text } = this.#store.getState();
    if (lab === null) return;
    this.#set({ state: 'sending', position: null, report: null, error: '' });
    try {
      // The key makes a repeated send the same submission: a dropped acknowledgement costs no attempt.
      const { position } = await this.#backend.submit({ lab: lab.manifest.id, text, key: crypto.randomUUID() }, (m) => {
        this.#set({ state: m.state, position: m.position, report: m.report, error: m.state === 'failed' ? OURS : '' });
        if (m.report !== null) this.#store.setState({ report: m.report });
      });
      if (this.#store.getState().submission?.state === 'sending') this.#set({ state: 'queued', position, report: null, error: '' });
    } catch (error) {
      this.#set({ state: 'failed', position: null, report: null, error: error instanceof Refused ? error.message : 'The server did not answer. Your text is saved; submit it again when the connection is back.' });
    }
  }

  #set(submission: SubmissionState): void {
    this.#store.setState({ submission });
  }
}

const OURS = 'The grader stopped before it had a verdict. This costs no attempt, and the run is queued again.';
