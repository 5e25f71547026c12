// SPDX-License-Identifier: Apache-2.0
/** The door: bound before anything else starts, so that a port in use is known at once. Until the server is ready it says so. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { codeOf, reasonOf, StartProblem } from '../problem.ts';

export interface Door {
  readonly server: Server;
  readonly port: number;
  /** From here on requests go to `app`. */
  open(app: RequestListener): void;
  close(): Promise<void>;
}

/** @throws StartProblem */
export async function bind(host: string, port: number): Promise<Door> {
  if (host === '127.0.0.1' && port !== 0 && (await isTaken('::1', port))) throw inUse(port);
  let app: RequestListener = (_request, response) => void response.writeHead(503, { 'Retry-After': '1', 'Content-Type': 'text/plain' }).end('dmalab is starting.\n');
  const server = createServer((request, response) => app(request, response));
  server.headersTimeout = 20_000;
  server.requestTimeout = 60_000;
  await listen(server, host, port);
  return {
    server,
    port: (server.address() as AddressInfo).port, // a TCP server that listens has one
    open: (ready) => void (app = ready),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Browsers try `localhost` on both families: the other one must not be somebody else. */
async function isTaken(host: string, port: number): Promise<boolean> {
  const probe = createServer();
  try {
    await listen(probe, host, port);
    await new Promise((resolve) => probe.close(resolve));
    return false;
  } catch (thrown) {
    return thrown instanceof StartProblem && thrown.message === inUse(port).message;
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const code = codeOf(error);
      if (code === 'EADDRINUSE') reject(inUse(port));
      else if (code === 'EACCES') reject(new StartProblem(`port ${port} may not be used by this user. Set PORT to one above 1023, such as PORT=8080, and start again.`));
      else reject(new StartProblem(`the server cannot listen on ${host}:${port} (${code || reasonOf(error)}). Set HOST to an address of this machine, or unset it.`));
    });
    server.listen(port, host, () => resolve());
  });
}

function inUse(port: number): StartProblem {
  return new StartProblem(`port ${port} is in use. Stop what uses it, or choose another: PORT=${port < 65_535 ? port + 1 : 8080} npm start.`);
}
