// SPDX-License-Identifier: Apache-2.0
/** For tests: a real embedded PostgreSQL in a folder of its own, and databases on it. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { openStore, type Store } from '../store/store.ts';

export const silent = pino({ level: 'silent' });

export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'dmalab-test-'));
  chmodSync(path, 0o755); // else root's store would be kept elsewhere
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export async function openTestStore(): Promise<{ store: Store; dataDir: string; close(): Promise<void> }> {
  const folder = temporaryFolder();
  const store = await openStore({ dataDir: folder.path, databaseUrl: undefined }, silent);
  return {
    store,
    dataDir: folder.path,
    close: async () => {
      await store.close();
      folder.remove();
    },
  };
}
