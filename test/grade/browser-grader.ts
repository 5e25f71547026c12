// SPDX-License-Identifier: Apache-2.0
/** Grades in Chromium: bundles the engine as the web app does, minified, and asks it in workers of a page. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CompiledSource } from '@dmalab/engine/engine';
import type { LabBundle } from '@dmalab/engine/lab-bundle';
import { sandboxWasm } from '@dmalab/sandbox/node';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { launchBrowser } from '../support/browser.ts';
import { temporaryFolder } from '../support/repo.ts';
import type { GradeAnswer, GradeQuestion } from './page/worker.ts';

/** What the page offers to `evaluate`. */
type Window = typeof globalThis & { grade(question: GradeQuestion): Promise<GradeAnswer> };

/** So many drivers are graded at once; each in a worker of its own, as in a page. */
export const WORKERS = 2;

const PAGE = `<!doctype html><title>grading</title><script type="module">
const workers = Array.from({ length: ${WORKERS} }, () => {
  const waiting = new Map();
  const worker = new Worker('/worker.js', { type: 'module' });
  worker.onmessage = ({ data }) => { waiting.get(data.id)(data); waiting.delete(data.id); };
  worker.onerror = (event) => { for (const answer of waiting.values()) answer({ bytes: '', engine: '', problem: event.message || 'the worker could not be started' }); };
  return { worker, waiting };
});
window.grade = (question) => new Promise((answer) => {
  const [least] = workers.toSorted((a, b) => a.waiting.size - b.waiting.size);
  least.waiting.set(question.id, answer);
  least.worker.postMessage(question);
});
</script>`;

export class BrowserGrader {
  readonly #browser: Browser;
  readonly #server: Server;
  readonly #page: Page;
  #next = 1;

  private constructor(browser: Browser, server: Server, page: Page) {
    this.#browser = browser;
    this.#server = server;
    this.#page = page;
  }

  static async start(labs: Readonly<Record<string, LabBundle>>): Promise<BrowserGrader> {
    const worker = await bundle();
    const server = createServer((request, response) => {
      const path = request.url ?? '/';
      const lab = labs[/^\/lab\/(.+)\.json$/.exec(path)?.[1] ?? ''];
      const send = (type: string, body: string | Uint8Array): void => void response.writeHead(200, { 'content-type': type }).end(body);
      if (path === '/') send('text/html', PAGE);
      else if (path === '/worker.js') send('text/javascript', worker);
      else if (path === '/sandbox.wasm') send('application/wasm', sandboxWasm());
      else if (lab !== undefined) send('application/json', JSON.stringify(lab));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const browser = await launchBrowser();
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return new BrowserGrader(browser, server, page);
  }

  /** @param lab one of the keys given to `start` */
  async grade(lab: string, source: CompiledSource, audience: 'staff' | 'student'): Promise<string> {
    const question: GradeQuestion = { id: this.#next++, lab: `/lab/${lab}.json`, source, audience };
    const { bytes, problem } = await this.#page.evaluate((q) => (globalThis as Window).grade(q), question);
    if (problem !== '') throw new Error(`in the browser: ${problem}`);
    return bytes;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.close();
  }
}

async function bundle(): Promise<string> {
  const out = temporaryFolder();
  try {
    await build({
      configFile: false,
      root: fileURLToPath(new URL('./page', import.meta.url)),
      logLevel: 'error',
      resolve: { conditions: ['source', 'module', 'browser', 'development|production'] },
      build: { outDir: out.path, emptyOutDir: true, target: 'es2023', minify: true, lib: { entry: 'worker.ts', formats: ['es'], fileName: 'worker' } },
    });
    return readFileSync(join(out.path, 'worker.js'), 'utf8');
  } finally {
    out.remove();
  }
}
