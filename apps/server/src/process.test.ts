// SPDX-License-Identifier: Apache-2.0
/**
 * The built server as people run it: a process of its own and the real
 * graders. Started, stopped, killed. Needs a build.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LabsResponse, LabView, SubmissionView } from '@dmalab/contracts/api';
import { unpackEvents } from '@dmalab/contracts/pack';
import type { Report } from '@dmalab/contracts/report';
import { afterEach, describe, expect, it } from 'vitest';
import { TestClient } from './testing/client.ts';
import { DRIVERS, writeCourse } from './testing/course.ts';
import { temporaryFolder } from './testing/store.ts';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
/** For what a busy machine may take, milliseconds. */
const PATIENCE = 120_000;
const small = (folder: string): Record<string, string> => ({ DATA_DIR: join(folder, 'data'), LABS_DIR: writeCourse(join(folder, 'labs'), ['secret-question']) });

interface Process {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<number | string>;
}

const running = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of running) child.kill('SIGTERM');
  while (running.size > 0) await new Promise((resolve) => setTimeout(resolve, 50));
});

function run(env: Record<string, string>, as: { uid?: number; gid?: number } = {}): Process {
  const child = spawn(process.execPath, [main], { env: { PATH: process.env['PATH'], PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'pipe'], ...as });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve(signal ?? code ?? -1);
    }),
  );
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}

async function start(env: Record<string, string>, as = {}): Promise<Process & { client: TestClient; url: string }> {
  const started = run(env, as);
  await expect.poll(() => /sign-in\?token=\S+/.test(started.stdout()) || started.child.exitCode !== null, { timeout: PATIENCE }).toBe(true);
  const link = /http:\/\/\S+\/sign-in\?token=\S+/.exec(started.stdout())?.[0];
  if (link === undefined) throw new Error(`the server did not start: ${started.stderr()}`);
  const url = new URL(link).origin;
  return { ...started, url, client: await TestClient.signedIn(url, link) };
}

/** A process that nobody has waited for yet is dead, too. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function submit(client: TestClient, text: string, key: string): Promise<string> {
  const socket = await client.connect();
  const { submission } = await socket.done('submission:create', { lab: 'small', text, key });
  socket.close();
  return submission;
}

async function graded(client: TestClient, submission: string): Promise<SubmissionView> {
  let view!: SubmissionView;
  await expect
    .poll(
      async () => {
        view = SubmissionView.parse((await client.get(`/api/submissions/${submission}`)).json());
        return view.state;
      },
      { timeout: PATIENCE, interval: 100 },
    )
    .toBe('done');
  return view;
}

async function grade(client: TestClient, name: keyof typeof DRIVERS): Promise<Report> {
  const { report } = await graded(client, await submit(client, DRIVERS[name], name));
  if (report === null) throw new Error(`${name} has no report`);
  return report;
}

async function stop(server: Process, folder: { path: string; remove: () => void }): Promise<void> {
  server.child.kill('SIGINT');
  expect(await server.ended).toBe(0);
  for (const data of [folder.path, join(folder.path, 'data')]) expect(existsSync(join(data, 'store', 'cluster', 'postmaster.pid'))).toBe(false);
  folder.remove();
}

describe('the server as a process', { timeout: PATIENCE * 2 }, () => {
  it('serves the labs of the repository', async () => {
    const folder = temporaryFolder();
    const server = await start({ DATA_DIR: folder.path });
    expect(server.stdout().match(/http:/g)).toHaveLength(1);
    const { labs } = LabsResponse.parse((await server.client.get('/api/labs')).json());
    expect(labs.map((lab) => lab.id)).toEqual(expect.arrayContaining(['clean-before-you-send', 'coherent-is-not-ordered']));
    for (const { id } of labs) {
      const view = LabView.parse((await server.client.get(`/api/labs/${id}`)).json());
      expect(view.types.map((t) => t.path)).toContain('linux/dma-mapping.d.ts');
      expect(view.engine).toMatch(/^[0-9a-f]{64}$/);
    }
    await stop(server, folder);
  });

  it('streams a run, grades, and stops with everything it started', async () => {
    const folder = temporaryFolder();
    const server = await start(small(folder.path));
    const socket = await server.client.connect();
    const { run: id } = await socket.done('run:start', { lab: 'small', text: DRIVERS.right, profile: 'strict', workload: 'two', check: true });
    const end = await socket.hear('run:end', (m) => m.run === id, PATIENCE);
    expect(end).toMatchObject({ reason: 'quiescent' });
    const ids = socket.all('run:events').flatMap((m) => unpackEvents(m.events).map((e) => e.id));
    expect(ids).toEqual(Array.from({ length: end.events }, (_, i) => i + 1));
    expect(ids.length).toBeGreaterThan(5);
    expect(socket.all('run:verdict').map((v) => v.profile)).toEqual(['strict', 'x86-64']);
    socket.close();

    expect((await grade(server.client, 'right')).points).toEqual({ earned: 100, possible: 100 });
    expect((await grade(server.client, 'wrong')).points.earned).toBe(0);
    const broken = await grade(server.client, 'broken');
    expect(broken.gradable).toBe(false);
    expect(broken.diagnostics[0]).toMatchObject({ file: 'driver.ts', line: 1, column: 17, severity: 'error' });
    await stop(server, folder);
  });

  it('killed in the middle, it goes on where it was: nothing lost, nothing graded twice', async () => {
    const folder = temporaryFolder();
    const first = await start(small(folder.path));
    const names = ['wrong', 'right', 'hiddenWrong', 'right'] as const;
    const ids: string[] = [];
    for (const [i, name] of names.entries()) ids.push(await submit(first.client, DRIVERS[name], `${name}${i}`));
    const before = await graded(first.client, ids[0] ?? '');
    first.child.kill('SIGKILL');
    await first.ended;
    const orphan = Number(readFileSync(join(folder.path, 'data', 'store', 'cluster', 'postmaster.pid'), 'utf8').split('\n')[0]);
    expect(isAlive(orphan)).toBe(true);

    const second = await start(small(folder.path));
    expect(isAlive(orphan)).toBe(false);
    const earned: unknown[] = [];
    for (const id of ids) earned.push((await graded(second.client, id)).report?.points.earned);
    expect(earned).toEqual([0, 100, 0, 100]);
    expect((await graded(second.client, ids[0] ?? '')).report).toEqual(before.report);
    await stop(second, folder);
  });

  it('two hidden suites of equal classes give a student equal bytes', async () => {
    const answers: string[] = [];
    for (const hidden of [['secret-question'], ['renamed-question', 'the-same-again']]) {
      const folder = temporaryFolder();
      const server = await start({ DATA_DIR: join(folder.path, 'data'), LABS_DIR: writeCourse(join(folder.path, 'labs'), hidden) });
      const texts: string[] = [];
      for (const name of ['right', 'hiddenWrong', 'wrong'] as const) texts.push(JSON.stringify(await grade(server.client, name)));
      texts.push((await server.client.get('/api/labs')).text, (await server.client.get('/api/labs/small')).text);
      answers.push(texts.join('\n'));
      await stop(server, folder);
    }
    expect(answers[0]).toBe(answers[1]);
    expect(answers[0]).toContain('"hidden":{"passed":false,"classes":["violated"]}');
    expect(answers.join()).not.toMatch(/secret-question|renamed-question|the-same-again/);
  });
});

describe('a start that cannot succeed ends with one sentence', { timeout: PATIENCE }, () => {
  const sentence = async (env: Record<string, string>, as = {}): Promise<string> => {
    const failed = run(env, as);
    expect(await failed.ended).toBe(1);
    expect(failed.stdout()).toBe('');
    const lines = failed.stderr().trim().split('\n');
    expect(lines).toHaveLength(1);
    return lines[0] ?? '';
  };

  it('about a port in use', async () => {
    const folder = temporaryFolder();
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    expect(await sentence({ PORT: String(port), DATA_DIR: folder.path })).toBe(`port ${port} is in use. Stop what uses it, or choose another: PORT=${port + 1} npm start.`);
    other.close();
    folder.remove();
  });

  it('about a data folder that cannot be written', async () => {
    expect(await sentence({ DATA_DIR: '/dev/null/data' })).toMatch(/^the data folder \/dev\/null\/data cannot be written \(ENOTDIR\)\. Make it writable, or set DATA_DIR to a folder that is\.$/);
  });

  it('about a database that cannot be reached', async () => {
    const folder = temporaryFolder();
    expect(await sentence({ DATA_DIR: folder.path, DATABASE_URL: 'postgresql://x:y@nowhere.invalid/z' })).toMatch(/^the database of DATABASE_URL cannot be reached: .* Start it, correct DATABASE_URL, or unset it to use the embedded store\.$/);
    folder.remove();
  });

  it('but not about the lock of a store that died with its machine', async () => {
    const folder = temporaryFolder();
    const first = await start({ DATA_DIR: folder.path });
    const pidFile = join(folder.path, 'store', 'cluster', 'postmaster.pid');
    const lock = readFileSync(pidFile, 'utf8');
    first.child.kill('SIGTERM');
    await first.ended;
    // Its number belongs to somebody else now, as after a restart of a container.
    writeFileSync(pidFile, lock.replace(/^\d+/, String(process.pid)));
    const second = await start({ DATA_DIR: folder.path });
    expect((await second.client.get('/healthz')).status).toBe(200);
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
    folder.remove();
  });

  it('about a store whose files are damaged', async () => {
    const folder = temporaryFolder();
    const first = await start({ DATA_DIR: folder.path });
    first.child.kill('SIGTERM');
    await first.ended;
    rmSync(join(folder.path, 'store', 'cluster', 'global'), { recursive: true });
    expect(await sentence({ DATA_DIR: folder.path })).toMatch(/^the embedded store cannot start: .*global.* See server\.log in the data folder, or set DATABASE_URL/);
    folder.remove();
  });
});

describe.runIf(process.getuid?.() === 0)('started by somebody who is not root', { timeout: PATIENCE }, () => {
  it('runs everything as that user', async () => {
    const folder = temporaryFolder();
    chownSync(folder.path, 65_534, 65_534);
    const server = await start({ DATA_DIR: folder.path }, { uid: 65_534, gid: 65_534 });
    expect((await server.client.get('/healthz')).json()).toEqual({ ok: true, store: 'ok' });
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    folder.remove();
  });

  it('and whose data folder is not theirs, says so', async () => {
    const folder = temporaryFolder();
    const closed = join(folder.path, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o755);
    const failed = run({ DATA_DIR: closed }, { uid: 65_534, gid: 65_534 });
    expect(await failed.ended).toBe(1);
    expect(failed.stderr()).toMatch(/^the data folder .* cannot be written \(EACCES\)\. Make it writable/);
    folder.remove();
  });
});
