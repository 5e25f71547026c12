// SPDX-License-Identifier: Apache-2.0
/** What a page needs to know about the engine that grades: its hash, and the declarations of the kernel API for the editor. */
import { engineHash } from '@dmalab/engine/engine';
import { type DeclarationFile, typeDeclarations } from '@dmalab/kernel/declare/declarations';
import { sandboxModule } from '@dmalab/sandbox/node';

export interface EngineFacts {
  /** A browser whose engine has another hash replays on the server. */
  readonly hash: string;
  readonly types: readonly DeclarationFile[];
}

export function engineFacts(): EngineFacts {
  return { hash: engineHash(sandboxModule()), types: typeDeclarations() };
}
