// SPDX-License-Identifier: Apache-2.0
/**
 * The sandbox in a browser: the same bytes give the same results, fuel and
 * heap fingerprints as in Node. The page loads the sources, types blanked as
 * they are served, so there is no bundle between what is tested and what is.
 */
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sandboxModule, sandboxWasm } from '@dmalab/sandbox/node';
import { runAll } from '@dmalab/sandbox/testing/program';
import { blank } from '@dmalab/sandbox/transpile';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SOURCES = fileURLToPath(new URL('../../packages/sandbox/src/', import.meta.url));
const WORKER = `
import { runAll } from '/src/testing/program.ts';
const module = await WebAssembly.compileStreaming(fetch('/sandbox.wasm'));
postMessage([runAll(module), runAll(module)]);
`;
const FLAGS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'];

let server: Server;
let browser: Browser;

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const send = (type: string, body: string | Uint8Array): void => void response.writeHead(200, { 'content-type': type }).end(body);
    if (path === '/') send('text/html', '<!doctype html><title>sandbox</title>');
    else if (path === '/worker.js') send('text/javascript', WORKER);
    else if (path === '/sandbox.wasm') send('application/wasm', sandboxWasm());
    else if (/^\/src\/[a-z/]+\.ts$/.test(path)) send('text/javascript', blank(readFileSync(SOURCES + path.slice('/src/'.length), 'utf8'), path).code);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  browser = await chromium.launch({ executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium', args: FLAGS });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  server?.close();
});

describe('in a browser worker', () => {
  it('results, fuel and heaps are those of Node', async () => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const [first, second] = await page.evaluate(
      () =>
        new Promise<string[][]>((resolve, reject) => {
          const worker = new Worker('/worker.js', { type: 'module' });
          worker.onmessage = (message) => resolve(message.data as string[][]);
          worker.onerror = (error) => reject(new Error(error.message));
        }),
    );
    const here = runAll(sandboxModule());
    expect(here.length).toBeGreaterThan(10);
    expect(first).toEqual(here);
    expect(second).toEqual(here);
  });
});
