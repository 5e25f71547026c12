// SPDX-License-Identifier: Apache-2.0
/** What the pages need from a server. One implementation speaks to the real one; tests and the picture bench bring their own. */
import type { AckValues, LabsResponse, LabView, MeResponse } from '@dmalab/contracts/api';
import type { Diagnostic } from '@dmalab/contracts/report';
import type { ClientMessages, ServerMessages } from '@dmalab/contracts/wire';
import type { TraceEvent } from '@dmalab/core/base/events';

export type RunRequest = ClientMessages['run:start'];
export type VerdictMessage = Omit<ServerMessages['run:verdict'], 'run'>;
export type ProgressMessage = Omit<ServerMessages['run:progress'], 'run'>;
export type EndMessage = Omit<ServerMessages['run:end'], 'run'>;
export type SubmissionMessage = Omit<ServerMessages['submission:state'], 'submission'>;

export interface RunSink {
  /** Called once, before anything else. */
  started(handle: RunHandle): void;
  events(batch: readonly TraceEvent[]): void;
  progress(message: ProgressMessage): void;
  verdict(message: VerdictMessage): void;
  end(message: EndMessage): void;
}
export interface RunHandle {
  readonly run: string;
  /** What is executed: types blanked. */
  readonly blanked: string;
  readonly diagnostics: readonly Diagnostic[];
  stop(): void;
}

/** `lost`: reconnecting by itself; what runs goes on at the server and is caught up with. */
export type Connection = 'connecting' | 'online' | 'lost';

export interface Backend {
  me(): Promise<MeResponse>;
  labs(): Promise<LabsResponse>;
  lab(id: string): Promise<LabView>;
  /** Calls back at once with the present state, then on every change. Returns the way to stop. */
  onConnection(listener: (state: Connection) => void): () => void;
  saveDraft(message: ClientMessages['draft:save']): Promise<AckValues['draft:save']>;
  blank(message: ClientMessages['source:blank']): Promise<AckValues['source:blank']>;
  run(request: RunRequest, sink: RunSink): Promise<void>;
  submit(message: ClientMessages['submission:create'], onState: (state: SubmissionMessage) => void): Promise<AckValues['submission:create']>;
}

/** A refusal by the server, with what it expected. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly expected: string;
  constructor(message: string, expected = '') {
    super(message);
    this.expected = expected;
  }
}
