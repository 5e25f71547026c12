// SPDX-License-Identifier: Apache-2.0
/** What pages need to know about the engine: its hash, and the declarations of the kernel API for the editor. */
import type { LabView } from '@dmalab/contracts/api';

export interface EngineFacts {
  /** A browser whose engine has another hash replays on the server. */
  readonly hash: string;
  readonly types: LabView['types'];
}

export async function engineFacts(): Promise<EngineFacts> {
  return { hash: '', types: [] };
}
