// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { LabsResponse, LabView, SubmissionsResponse } from '@dmalab/contracts/api';
import { unpackEvents } from '@dmalab/contracts/pack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readArguments } from './config.ts';
import { numberedEvent } from './testing/graders.ts';
import { demoLab, HIDDEN_WORDS, STARTER } from './testing/lab.ts';
import { TestClient, type TestSocket } from './testing/client.ts';
import { temporaryFolder } from './testing/store.ts';
import { startTestServer, type TestServer } from './testing/server.ts';

let t: TestServer;
let client: TestClient;
beforeAll(async () => {
  t = await startTestServer({ config: { logLevel: 'info', logToStderr: false } });
  client = await t.client();
});
afterAll(() => t?.close());

const log = (): string => readFileSync(join(t.dataDir, 'server.log'), 'utf8');
const run = (text: string, more: object = {}) => ({ lab: 'demo', text, profile: 'arm64', workload: 'two-frames', check: true, ...more });
const idsOf = (socket: TestSocket): number[] => socket.all('run:events').flatMap((m) => unpackEvents(m.events).map((e) => e.id));

/** Takes events as they come, granting credit for each batch, until the end or until `enough`. */
async function take(socket: TestSocket, runId: string, enough = Infinity): Promise<number[]> {
  let granted = 0;
  for (;;) {
    const batches = socket.all('run:events').length;
    if (idsOf(socket).length >= enough || socket.heard.some((h) => h.kind === 'run:end')) return idsOf(socket);
    for (; granted < batches; granted += 1) await socket.done('run:credit', { run: runId, batches: 1 });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('signing in', () => {
  it('works once with the printed link, and not again', async () => {
    const stranger = new TestClient(t.server.url);
    expect((await stranger.get('/api/me')).status).toBe(401);
    const link = (await client.request('POST', '/api/sign-in-links')).json<{ path: string }>().path;
    const first = await stranger.get(link);
    expect(first.status).toBe(303);
    expect(first.headers.get('set-cookie')).toMatch(/^dmalab_session_\d+=[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/);
    const again = await stranger.get(link);
    expect(again.status).toBe(403);
    expect(again.text).toContain('It was used already');
    expect(again.headers.get('set-cookie')).toBeNull();
  });

  it('a browser that fetches ahead does not use the link up', async () => {
    const link = (await client.request('POST', '/api/sign-in-links')).json<{ path: string }>().path;
    const stranger = new TestClient(t.server.url);
    expect((await stranger.request('GET', link, undefined, { 'sec-purpose': 'prefetch;prerender' })).status).toBe(503);
    expect((await stranger.get(link)).status).toBe(303);
  });

  it('ends with signing out', async () => {
    const link = (await client.request('POST', '/api/sign-in-links')).json<{ path: string }>().path;
    const other = await TestClient.signedIn(t.server.url, t.server.url + link);
    expect((await other.get('/api/me')).json()).toEqual({ name: 'Owner', role: 'owner' });
    const live = await other.connect();
    const gone = new Promise((resolve) => live.socket.once('disconnect', resolve));
    expect((await other.request('POST', '/api/sign-out')).status).toBe(204);
    await gone;
    expect((await other.get('/api/me')).status).toBe(401);
  });

  it.each(['/api/labs', '/api/labs/demo', '/api/drafts/demo', '/api/submissions', '/api/submissions/x'])('%s wants it', async (path) => {
    const answer = await new TestClient(t.server.url).get(path);
    expect(answer.status).toBe(401);
    expect(answer.json()).toEqual({ error: 'you are not signed in', expected: expect.stringContaining('sign-in link') });
  });

  it('sockets want it, too, and refuse other sites', async () => {
    await expect(new TestClient(t.server.url).connect()).rejects.toThrow('sign in first');
    await expect(client.connect({ origin: 'http://elsewhere.example' })).rejects.toThrow('websocket error');
    expect((await client.request('POST', '/api/sign-out', undefined, { origin: 'http://elsewhere.example' })).status).toBe(403);
  });
});

describe('labs', () => {
  it('are listed and shown in full, but for what is hidden', async () => {
    const list = await client.get('/api/labs');
    expect(LabsResponse.parse(list.json()).labs).toMatchObject([{ id: 'demo', number: '07', state: 'new', points: { possible: 100, earned: null } }]);
    const answer = await client.get('/api/labs/demo');
    const view = LabView.parse(answer.json());
    expect(view).toMatchObject({ starter: STARTER, draft: null, report: null, engine: 'engine', hash: demoLab().publicHash, given: [{ file: 'ring.ts' }], types: [{ path: 'linux/io.d.ts' }] });
    expect(Object.keys(view.workloads)).toEqual(['two-frames']);
    expect(view.manifest.expect).toEqual({});
    for (const word of HIDDEN_WORDS) expect(answer.text + list.text).not.toContain(word);
  });

  it('there is no other', async () => {
    expect((await client.get('/api/labs/none')).json()).toEqual({ error: 'there is no lab "none"' });
    expect((await client.get('/api/labs/..%2f..%2fetc')).status).toBe(400);
  });
});

describe('drafts', () => {
  it('are saved as typed, and the newest version wins whatever comes late', async () => {
    const socket = await client.connect();
    expect((await client.get('/api/drafts/demo')).json()).toEqual({ text: STARTER, version: 0 });
    expect(await socket.done('draft:save', { lab: 'demo', text: 'two', version: 2 })).toEqual({ version: 2 });
    expect(await socket.done('draft:save', { lab: 'demo', text: 'two', version: 2 })).toEqual({ version: 2 });
    expect(await socket.ask('draft:save', { lab: 'demo', text: 'one', version: 1 })).toEqual({ ok: false, error: expect.stringContaining('version 2'), expected: 'a version above 2' });
    expect((await client.get('/api/drafts/demo')).json()).toEqual({ text: 'two', version: 2 });
    expect((await client.request('PUT', '/api/drafts/demo', { text: 'größe ①', version: 3 })).json()).toEqual({ version: 3 });
    expect((await client.get('/api/labs/demo')).json()).toMatchObject({ draft: { text: 'größe ①', version: 3 } });
    expect((await client.request('PUT', '/api/drafts/demo', { text: 'late', version: 3 })).status).toBe(409);
    socket.close();
  });
});

describe('a public run', () => {
  it('streams every event in order, then its verdict and its end', async () => {
    const socket = await client.connect();
    const started = await socket.done('run:start', run('// events 5000'));
    expect(started).toMatchObject({ blanked: '// events 5000', diagnostics: [] });
    const ids = await take(socket, started.run);
    expect(ids).toEqual(Array.from({ length: 5000 }, (_, i) => i + 1));
    const batches = socket.all('run:events').map((m) => m.count);
    expect(Math.max(...batches)).toBeLessThanOrEqual(256);
    expect(unpackEvents(socket.all('run:events')[0]!.events)[0]).toEqual(numberedEvent(1));
    expect(await socket.hear('run:verdict')).toMatchObject({ profile: 'arm64', verdict: { kind: 'complete' } });
    expect(await socket.hear('run:end')).toEqual({ run: started.run, reason: 'quiescent', events: 5000, text: 'nothing is left to happen', notes: [], diagnostics: [] });
    expect((await client.get('/api/labs')).json()).toMatchObject({ runs: [{ run: started.run, lab: 'demo', verdict: { kind: 'complete' } }] });
    socket.close();
  });

  it('that fails elsewhere than where it was started is listed with that failure', async () => {
    const socket = await client.connect();
    const { run: id } = await socket.done('run:start', run('// breaks on strict'));
    await socket.hear('run:end', (m) => m.run === id);
    const { runs } = (await client.get('/api/labs')).json() as { runs: { run: string }[] };
    expect(runs.find((r) => r.run === id)).toMatchObject({ profile: 'strict', workload: 'two-frames', verdict: { kind: 'violated' }, token: 'd1.strict' });
    socket.close();
  });

  it('waits for credit after eight batches', async () => {
    const socket = await client.connect();
    const { run: id } = await socket.done('run:start', run('// events 9000'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(socket.all('run:events')).toHaveLength(8);
    await socket.done('run:credit', { run: id, batches: 2 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(socket.all('run:events')).toHaveLength(10);
    socket.close();
  });

  it('goes on without loss for a client that dropped in the middle', async () => {
    const first = await client.connect();
    const { run: id } = await first.done('run:start', run('// events 4000'));
    const before = await take(first, id, 1000);
    first.close();
    await new Promise((resolve) => setTimeout(resolve, 200)); // the run goes on meanwhile
    const second = await client.connect();
    await second.done('run:join', { run: id, from: before.length + 1 });
    const after = await take(second, id);
    expect([...before, ...after]).toEqual(Array.from({ length: 4000 }, (_, i) => i + 1));
    expect(await second.hear('run:end')).toMatchObject({ events: 4000 });
    second.close();
  });

  it('is stopped on request, and two may go at once', async () => {
    const socket = await client.connect();
    const a = await socket.done('run:start', run('// waits'));
    await socket.done('run:start', run('// waits'));
    expect(await socket.ask('run:start', run('// waits'))).toMatchObject({ ok: false, error: '2 of your runs are still going; stop one first' });
    await socket.done('run:stop', { run: a.run });
    expect(await socket.hear('run:end', (m) => m.run === a.run)).toMatchObject({ reason: 'stopped' });
    t.graders.release();
    socket.close();
  });

  it('that does not compile has a verdict and an end, and no events', async () => {
    const socket = await client.connect();
    const started = await socket.done('run:start', run('// syntax error'));
    expect(started.diagnostics).toHaveLength(1);
    expect(await socket.hear('run:end')).toMatchObject({ reason: 'error', events: 0, text: 'driver.ts:1: expected an expression' });
    expect(socket.all('run:verdict')).toMatchObject([{ verdict: { kind: 'error', whose: 'student' }, diagnostics: started.diagnostics }]);
    expect(socket.all('run:events')).toEqual([]);
    socket.close();
  });

  it('is of this lab, or refused', async () => {
    const socket = await client.connect();
    expect(await socket.ask('run:start', run('', { workload: 'hidden-burst' }))).toMatchObject({ ok: false, error: expect.stringContaining('expected one of two-frames') });
    expect(await socket.ask('run:start', run('', { profile: 'x86-64' }))).toMatchObject({ ok: false, error: expect.stringContaining('expected one of arm64, strict') });
    expect(await socket.ask('run:join', { run: 'unknown', from: 1 })).toEqual({ ok: false, error: 'this run is no longer kept; run it again' });
    socket.close();
  });
});

describe('what is malformed is refused with a reason and logged', () => {
  let socket: TestSocket;
  beforeAll(async () => void (socket = await client.connect()));
  afterAll(() => socket.close());

  it.each([
    ['draft:save', { lab: 'demo', text: 'x', version: -1 }, 'draft:save is malformed at version'],
    ['draft:save', { lab: 'demo', text: 'x', version: 1, extra: true }, 'draft:save is malformed'],
    ['draft:save', { lab: 'demo', text: 'a\0b', version: 9 }, 'draft:save is malformed at text'],
    ['draft:save', { lab: 'demo', text: 'x'.repeat(262_145), version: 9 }, 'draft:save is malformed at text'],
    ['run:start', { lab: 'demo' }, 'run:start is malformed at text'],
    ['run:start', null, 'run:start is malformed'],
    ['submission:create', 'text', 'submission:create is malformed'],
    ['__proto__', {}, 'there is no such message'],
    ['constructor', {}, 'there is no such message'],
  ])('%s, case %#', async (kind, message, error) => {
    const before = log().length;
    const ack = await socket.ask(kind, message);
    expect(ack).toMatchObject({ ok: false, error: expect.stringMatching(`^${error}: .+|^there is no such message$`) });
    const line = log().slice(before);
    expect(line).toContain('a message was refused');
    expect(line).toContain(error);
  });

  it.each([
    ['bytes that are no message', Buffer.from([0xc1, 0xff])],
    ['a message of no known type', Buffer.from([0x82, 0xa4, 0x74, 0x79, 0x70, 0x65, 0x63, 0xa3, 0x6e, 0x73, 0x70, 0xa1, 0x2f])],
    ['lists within lists without end', Buffer.alloc(200_000, 0x91)],
    ['text', 'not MessagePack'],
  ])('%s closes that connection, and no other', async (_what, bytes) => {
    const rude = await client.connect();
    const before = log().length;
    const gone = new Promise((resolve) => rude.socket.once('disconnect', resolve));
    rude.socket.io.engine.write(bytes);
    await gone;
    expect(log().slice(before)).toContain('a message was refused: it is not one of ours');
    expect(await socket.ask('run:join', { run: 'x', from: 1 })).toMatchObject({ ok: false });
  });

  it('a message that is too large closes that connection, and no other', async () => {
    const rude = await client.connect();
    const gone = new Promise((resolve) => rude.socket.once('disconnect', resolve));
    rude.socket.emit('draft:save', { lab: 'demo', text: 'x'.repeat(2 << 20), version: 99 });
    await gone;
    expect(log()).toContain('a connection was closed');
    expect(await socket.ask('run:join', { run: 'x', from: 1 })).toMatchObject({ ok: false });
  });

  it('a message without an acknowledgement does no harm', async () => {
    socket.socket.emit('run:start', 7);
    expect(await socket.ask('run:join', { run: 'x', from: 1 })).toMatchObject({ ok: false });
  });

  it.each([
    ['PUT', '/api/drafts/demo', '{"text":', 400, { error: 'the body is not JSON', expected: 'a JSON object' }],
    ['PUT', '/api/drafts/demo', { text: 1, version: 1 }, 400, { error: 'the body is malformed at text: Invalid input: expected string, received number' }],
    ['PUT', '/api/drafts/demo', { text: 'x'.repeat(2 << 20), version: 1 }, 413, { error: 'the body is too large', expected: 'at most 1 MiB' }],
    ['GET', '/api/submissions?lab[]=x', undefined, 400, { error: 'the query is malformed: Unrecognized key: "lab[]"' }],
    ['POST', '/api/labs', undefined, 404, { error: 'there is no POST /api/labs' }],
    ['GET', '/%zz', undefined, 400, { error: expect.any(String) }],
  ])('%s %s', async (method, path, body, status, answer) => {
    const response = await client.request(method, path, body);
    expect(response.status).toBe(status);
    expect(response.json()).toEqual(answer);
    expect(log()).toContain('a request was refused');
  });

  it('a body that is not said to be JSON is refused', async () => {
    expect((await client.request('PUT', '/api/drafts/demo', 'text=x', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415);
  });

  it('neither sign-in links nor texts reach the log', async () => {
    const link = (await client.request('POST', '/api/sign-in-links')).json<{ path: string }>().path;
    await new TestClient(t.server.url).get(link);
    expect(log()).not.toContain(new URL(link, t.server.url).searchParams.get('token'));
  });
});

describe('submissions', () => {
  it('are graded, and the result reaches every page of their person', async () => {
    const socket = await client.connect();
    const other = await client.connect();
    const { submission } = await socket.done('submission:create', { lab: 'demo', text: '// fails XB1 on public', key: 'k1' });
    const done = await other.hear('submission:state', (m) => m.submission === submission && m.state === 'done');
    expect(done.report).toMatchObject({ audience: 'student', points: { earned: 40, possible: 100 } });
    expect((await client.get(`/api/submissions/${submission}`)).json()).toMatchObject({ submission, state: 'done', position: null, report: done.report });
    expect((await client.get('/api/labs')).json()).toMatchObject({ labs: [{ state: 'partial', points: { earned: 40 } }] });
    socket.close();
    other.close();
  });

  it('the same click twice is one submission', async () => {
    const socket = await client.connect();
    const [a, b] = await Promise.all([socket.done('submission:create', { lab: 'demo', text: 'once', key: 'k2' }), socket.done('submission:create', { lab: 'demo', text: 'once', key: 'k2' })]);
    expect(a.submission).toBe(b.submission);
    await socket.hear('submission:state', (m) => m.submission === a.submission && m.state === 'done');
    expect(t.graders.graded.filter((text) => text === 'once')).toHaveLength(1);
    socket.close();
  });

  it('whoever waits knows the place, and moves up', async () => {
    const socket = await client.connect();
    const ids: string[] = [];
    for (const key of ['w1', 'w2', 'w3']) ids.push((await socket.done('submission:create', { lab: 'demo', text: '// waits', key })).submission);
    await socket.hear('submission:state', (m) => m.submission === ids[0] && m.state === 'running');
    expect((await client.get(`/api/submissions/${ids[2]}`)).json()).toMatchObject({ state: 'queued', position: 2 });
    t.graders.release();
    await socket.hear('submission:state', (m) => m.submission === ids[2] && m.position === 1);
    const letGo = setInterval(() => t.graders.release(), 50);
    await socket.hear('submission:state', (m) => m.submission === ids[2] && m.state === 'done');
    clearInterval(letGo);
    socket.close();
  });

  it('a grader that stops costs nothing but is never a pass: it is tried again, then said plainly', async () => {
    const socket = await client.connect();
    const { submission } = await socket.done('submission:create', { lab: 'demo', text: '// crashes', key: 'k3' });
    const failed = await socket.hear('submission:state', (m) => m.submission === submission && m.state === 'failed');
    expect(failed.report).toBeNull();
    expect(log()).toContain('a submission could not be graded');
    socket.close();
  });

  it('say nothing of what is hidden', async () => {
    const socket = await client.connect();
    const { submission } = await socket.done('submission:create', { lab: 'demo', text: '// fails XB1 on hidden', key: 'k4' });
    await socket.hear('submission:state', (m) => m.submission === submission && m.state === 'done');
    const texts = [JSON.stringify(socket.heard), (await client.get(`/api/submissions/${submission}`)).text, (await client.get('/api/submissions')).text, (await client.get('/api/labs/demo')).text];
    for (const word of HIDDEN_WORDS) for (const text of texts) expect(text).not.toContain(word);
    const [newest] = SubmissionsResponse.parse((await client.get('/api/submissions?lab=demo')).json()).submissions;
    expect(newest?.report?.hidden).toEqual({ passed: false, classes: ['violated'] });
    expect(newest?.report?.runs.every((r) => r.visibility === 'public')).toBe(true);
    socket.close();
  });
});

describe('two hidden suites whose verdicts are of equal classes', () => {
  /** Every answer a student can get, without the ids and times that differ between any two submissions. */
  async function everything(hidden: Record<string, string>): Promise<string> {
    const server = await startTestServer({ lab: demoLab(hidden) });
    try {
      const student = await server.client();
      const socket = await student.connect();
      const texts: string[] = [];
      for (const text of ['// right', '// fails XB1 on hidden', '// fails XB3 on public']) {
        const { submission } = await socket.done('submission:create', { lab: 'demo', text, key: text });
        await socket.hear('submission:state', (m) => m.submission === submission && m.state === 'done');
        texts.push((await student.get(`/api/submissions/${submission}`)).text);
      }
      await socket.done('run:start', run('// events 10'));
      await socket.hear('run:end');
      for (const path of ['/api/labs', '/api/labs/demo', '/api/submissions', '/api/drafts/demo', '/api/me']) texts.push((await student.get(path)).text);
      texts.push(JSON.stringify(socket.all('submission:state').filter((m) => m.state === 'done')));
      socket.close();
      return texts.join('\n').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID').replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME');
    } finally {
      await server.close();
    }
  }

  it('give a student equal bytes', async () => {
    const [one, other] = [await everything({ 'hidden-burst': 'A hidden burst of frames' }), await everything({ alpha: 'First', beta: 'Second', gamma: 'Third' })];
    expect(one).toBe(other);
    expect(one).toContain('It holds on the public workloads and fails on a hidden one.');
  });
});

describe('a server that stops in the middle', () => {
  it('loses no submission and grades none twice', async () => {
    const folder = temporaryFolder();
    const dataDir = join(folder.path, 'data');
    const first = await startTestServer({ dataDir });
    const student = await first.client();
    const socket = await student.connect();
    const texts = ['done before', ...Array.from({ length: 8 }, (_, i) => `// waits ${i}`)];
    const ids: string[] = [];
    for (const text of texts) ids.push((await socket.done('submission:create', { lab: 'demo', text, key: text })).submission);
    await socket.hear('submission:state', (m) => m.submission === ids[0] && m.state === 'done');
    await socket.hear('submission:state', (m) => m.submission === ids[1] && m.state === 'running');
    await first.close(); // with one under way and seven waiting

    const second = await startTestServer({ dataDir, graders: first.graders });
    const letGo = setInterval(() => first.graders.release(), 20);
    const again = await second.client();
    for (const id of ids) {
      await expect.poll(async () => (await again.get(`/api/submissions/${id}`)).json()['state'], { timeout: 30_000 }).toBe('done');
    }
    clearInterval(letGo);
    expect([...first.graders.graded].sort()).toEqual([...texts].sort());
    await second.close();
    folder.remove();
  });
});

describe('a store that dies under a running server', () => {
  it('is started again, and the queue goes on', async () => {
    const server = await startTestServer();
    const student = await server.client();
    const pidFile = join(server.dataDir, 'store', 'cluster', 'postmaster.pid');
    const postmaster = (): number => Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
    const first = postmaster();
    process.kill(first, 'SIGKILL');
    await expect.poll(() => existsSync(pidFile) && postmaster() !== first, { timeout: 20_000 }).toBe(true);
    await expect.poll(async () => (await student.get('/healthz')).status, { timeout: 20_000 }).toBe(200);
    const socket = await student.connect();
    const { submission } = await socket.done('submission:create', { lab: 'demo', text: 'after', key: 'after' });
    await expect.poll(async () => (await student.get(`/api/submissions/${submission}`)).json()['state'], { timeout: 30_000 }).toBe('done');
    socket.close();
    await server.close();
  });
});

describe('headers', () => {
  it('let Monaco and the workers run, and nothing foreign', async () => {
    const { headers } = await client.get('/healthz');
    const policy = headers.get('content-security-policy') ?? '';
    for (const part of ["script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self' blob:", "style-src 'self' 'unsafe-inline'", "font-src 'self' data:", "frame-ancestors 'none'"]) expect(policy).toContain(part);
    expect(policy).not.toContain('upgrade-insecure-requests');
    expect(headers.get('strict-transport-security')).toBeNull();
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });
});

describe('the web app', () => {
  const folder = temporaryFolder();
  const script = 'const word = 1;\n'.repeat(5_000);
  let app: TestServer;
  beforeAll(async () => {
    const webDir = join(folder.path, 'web');
    mkdirSync(join(webDir, 'assets'), { recursive: true });
    writeFileSync(join(webDir, 'index.html'), '<!doctype html><title>dmalab</title>');
    writeFileSync(join(webDir, 'assets', 'ts.worker-4f2a.js'), script);
    writeFileSync(join(webDir, '..', 'secret.txt'), 'secret');
    app = await startTestServer({ config: { webDir } });
  });
  afterAll(async () => {
    await app?.close();
    folder.remove();
  });

  it('is served for every address that is a page', async () => {
    for (const path of ['/', '/labs/demo', '/litmus']) {
      const answer = await new TestClient(app.server.url).request('GET', path, undefined, { accept: 'text/html' });
      expect(answer).toMatchObject({ status: 200, text: expect.stringContaining('<title>dmalab') });
      expect(answer.headers.get('cache-control')).toBe('no-cache');
    }
  });

  it.each(['br', 'gzip', 'identity'])('sends what never changes as %s, to be kept', async (encoding) => {
    for (let time = 0; time < 2; time += 1) {
      const answer = await new TestClient(app.server.url).request('GET', '/assets/ts.worker-4f2a.js', undefined, { 'accept-encoding': encoding });
      expect(answer).toMatchObject({ status: 200, text: script });
      expect(answer.headers.get('content-encoding')).toBe(encoding === 'identity' ? null : encoding);
      expect(Number(answer.headers.get('content-length')) < script.length / 100).toBe(encoding !== 'identity');
      expect(answer.headers.get('content-type')).toMatch(/^text\/javascript/);
      expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    }
  });

  it('nothing outside its folder is', async () => {
    for (const path of ['/..%2fsecret.txt', '/assets/..%2f..%2fsecret.txt', '/%2e%2e/secret.txt', '/missing.js']) expect((await new TestClient(app.server.url).get(path)).status).toBe(404);
  });
});

describe('a start that cannot succeed', () => {
  it('says that the port is in use, before it touches the store', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(startTestServer({ config: { port } })).rejects.toThrow(`port ${port} is in use. Stop what uses it, or choose another: PORT=${port + 1} npm start.`);
    other.close();
  });

  it('says that the data folder is in use', async () => {
    await expect(startTestServer({ dataDir: t.dataDir })).rejects.toThrow(/a server is already using the data folder .* \(http:\/\/localhost:\d+\)\. Stop it first/);
  });

  it('names the variable that is wrong', async () => {
    await expect(startTestServer({ options: { env: { PORT: 'http' } } })).rejects.toThrow('PORT is "http": expected an integer from 0 to 65535. Correct it or unset it, and start again.');
    await expect(startTestServer({ options: { env: { DATABASE_URL: 'mysql://x' } } })).rejects.toThrow('DATABASE_URL is "mysql://x": expected postgresql://user:password@host:port/database.');
    expect(() => readArguments(['--port'])).toThrow('--port needs a value.');
    expect(() => readArguments(['--prot', '1'])).toThrow('there is no option --prot. Expected --port, --host, --data, --labs');
    expect(readArguments(['--port=1', '--data', 'x=y'])).toEqual({ PORT: '1', DATA_DIR: 'x=y' });
  });
});
