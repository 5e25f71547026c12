// SPDX-License-Identifier: Apache-2.0
/** For tests: a whole server on a free port, with a store of its own and scripted graders. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabBundle } from '@dmalab/engine/lab-bundle';
import type { Config } from '../config.ts';
import { startServer, type RunningServer, type ServerOptions } from '../main.ts';
import { TestClient } from './client.ts';
import { ScriptedGraders } from './graders.ts';
import { demoLab } from './lab.ts';
import { temporaryFolder } from './store.ts';

export interface TestServer {
  readonly server: RunningServer;
  readonly graders: ScriptedGraders;
  readonly dataDir: string;
  client(): Promise<TestClient>;
  close(): Promise<void>;
}

export async function startTestServer(o: { lab?: LabBundle; dataDir?: string; graders?: ScriptedGraders; config?: Partial<Config>; options?: ServerOptions } = {}): Promise<TestServer> {
  const folder = temporaryFolder();
  const labs = join(folder.path, 'labs');
  mkdirSync(join(labs, '07-demo'), { recursive: true });
  writeFileSync(join(labs, '07-demo', 'lab.yaml'), ''); // what is read is `lab`
  const graders = o.graders ?? new ScriptedGraders();
  const dataDir = o.dataDir ?? join(folder.path, 'data');
  const server = await startServer({
    env: { LOG_LEVEL: 'silent', DATA_DIR: dataDir },
    graders,
    readLab: async () => o.lab ?? demoLab(),
    facts: { hash: 'engine', types: [{ path: 'linux/io.d.ts', text: 'export {};\n' }] },
    ...o.options,
    config: { port: 0, labDirs: [labs], ...o.config },
  }).catch((thrown: unknown) => {
    folder.remove();
    throw thrown;
  });
  // One link signs in once; every client of a test shares its session.
  const first = await TestClient.signedIn(server.url, server.signInUrl);
  return {
    server,
    graders,
    dataDir,
    client: async () => {
      const client = new TestClient(server.url);
      client.cookie = first.cookie;
      return client;
    },
    close: async () => {
      await server.close();
      folder.remove();
    },
  };
}
