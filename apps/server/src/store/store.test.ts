// SPDX-License-Identifier: Apache-2.0
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestStore, silent, temporaryFolder } from '../testing/store.ts';
import { storeIdentity } from './embedded/identity.ts';
import { binariesIn } from './embedded/binaries.ts';
import { startCluster } from './embedded/cluster.ts';
import { canEnter, choosePlace } from './embedded/place.ts';
import { takeDataFolder } from './lock.ts';
import { auditLog, people, results, submissions } from './schema.ts';
import { openStore } from './store.ts';

describe('the embedded store', () => {
  let opened: Awaited<ReturnType<typeof openTestStore>>;
  beforeAll(async () => void (opened = await openTestStore()));
  afterAll(() => opened?.close());

  it('listens on a private unix socket and on no port', async () => {
    const { rows } = await opened.store.db.execute<{ listen_addresses: string; unix_socket_directories: string }>("select current_setting('listen_addresses') as listen_addresses, current_setting('unix_socket_directories') as unix_socket_directories");
    expect(rows[0]?.listen_addresses).toBe('');
    expect(statSync(rows[0]?.unix_socket_directories ?? '').mode & 0o077).toBe(0);
  });

  it('never changes or removes a result or a line of the audit log', async () => {
    const { db } = opened.store;
    await db.insert(people).values({ id: 'p1', name: 'one', role: 'student' });
    await db.insert(submissions).values({ id: 's1', personId: 'p1', lab: 'l', key: 'k', text: 't' });
    await db.insert(results).values({ submissionId: 's1', labHash: 'a', engineHash: 'b', gradable: true, earned: 1, possible: 2, staffReport: '{}', studentReport: '{}' });
    await db.insert(auditLog).values({ personId: 'p1', action: 'x', detail: {} });
    const refused = (query: Promise<unknown>) => expect(query).rejects.toMatchObject({ cause: { message: expect.stringContaining('never changed or removed') } });
    await refused(db.update(results).set({ earned: 2 }).where(eq(results.submissionId, 's1')));
    await refused(db.delete(results));
    await refused(db.execute('truncate results'));
    await refused(db.delete(auditLog));
    expect((await db.select().from(results))[0]?.earned).toBe(1);
  });
});

describe('a start that cannot succeed says what to do, in one sentence', () => {
  it('when the data folder cannot be written', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder.path, 'file'), '');
    await expect(takeDataFolder(join(folder.path, 'file', 'data'))).rejects.toThrow(/^the data folder .* cannot be written \(ENOTDIR\)\. Make it writable, or set DATA_DIR/);
    folder.remove();
  });

  it('when another server holds the data folder, naming it; and not after it is gone', async () => {
    const folder = temporaryFolder();
    const holder = await takeDataFolder(folder.path);
    holder.announce('http://localhost:1234');
    await expect(takeDataFolder(folder.path)).rejects.toThrow(/already using the data folder .*\(http:\/\/localhost:1234\)\. Stop it first/);
    await holder.release();
    await (await takeDataFolder(folder.path)).release();
    folder.remove();
  });

  it('when root has nobody to drop to', () => {
    expect(() => storeIdentity(undefined, 0, () => 'root:x:0:0:root:/root:/bin/sh\n')).toThrow(/PostgreSQL cannot run as root, and this system has no user "nobody"/);
    expect(storeIdentity(undefined, 0, () => 'root:x:0:0::/:\nnobody:x:65534:65534::/:\n')).toMatchObject({ uid: 65534 });
    expect(storeIdentity(undefined, 1000, () => '')).toBeUndefined();
  });

  it('when the database of DATABASE_URL does not exist', async () => {
    await expect(openStore({ dataDir: '/nowhere', databaseUrl: 'postgresql://nobody@127.0.0.1:1/none?connect_timeout=1' }, silent, 0)).rejects.toThrow(/the database of DATABASE_URL cannot be reached: .*ECONNREFUSED.* Start it, correct DATABASE_URL/);
  });
});

describe.runIf(process.getuid?.() === 0 && process.platform === 'linux')('root', () => {
  it('runs the store as an unprivileged user', async () => {
    const opened = await openTestStore();
    const { rows } = await opened.store.db.execute<{ pid: number }>('select pg_backend_pid() as pid');
    expect(statSync(`/proc/${rows[0]?.pid}`).uid).not.toBe(0);
    await opened.close();
  });

  it('keeps it elsewhere when that user cannot enter the data folder, and finds it again', async () => {
    const folder = temporaryFolder();
    chmodSync(folder.path, 0o700);
    const dataDir = join(folder.path, 'data');
    mkdirSync(dataDir);
    const first = await openStore({ dataDir, databaseUrl: undefined }, silent);
    await first.db.insert(people).values({ id: 'kept', name: 'kept', role: 'student' });
    await first.close();
    const second = await openStore({ dataDir, databaseUrl: undefined }, silent);
    expect((await second.db.select().from(people)).map((p) => p.id)).toEqual(['kept']);
    await second.close();
    const elsewhere = /the store is in (\S+)/.exec(readFileSync(join(dataDir, 'store-is-elsewhere.txt'), 'utf8'))?.[1] ?? '';
    expect(elsewhere).toMatch(/dmalab\/store-[0-9a-f]{12}$/);
    rmSync(elsewhere, { recursive: true });
    folder.remove();
  });
});

it('an external database is brought up to date and used; nothing is started or stopped', async () => {
  const folder = temporaryFolder();
  const cluster = await startCluster(folder.path, silent);
  const { user, password, host } = cluster.address;
  const databaseUrl = `postgresql://${user}:${password}@localhost/postgres?host=${encodeURIComponent(host)}`;
  const [first, second] = await Promise.all([openStore({ dataDir: '/nowhere', databaseUrl }, silent), openStore({ dataDir: '/nowhere', databaseUrl }, silent)]);
  await first.db.insert(people).values({ id: 'a', name: 'a', role: 'student' });
  await first.close();
  expect((await second.db.select().from(people)).map((p) => p.id)).toEqual(['a']);
  await second.close();
  await cluster.stop();
  folder.remove();
});

it.runIf(process.getuid?.() === 0)('programs that the store’s user cannot reach are copied to where it can', () => {
  const folder = temporaryFolder();
  const native = join(folder.path, 'closed', 'native');
  mkdirSync(join(native, 'bin'), { recursive: true });
  writeFileSync(join(native, 'bin', 'initdb'), '#!/bin/sh\n', { mode: 0o755 });
  chmodSync(join(folder.path, 'closed'), 0o700);
  const user = storeIdentity(undefined);
  const place = choosePlace(folder.path, binariesIn(native), user);
  expect(place.binaries.initdb).not.toContain(folder.path);
  expect(canEnter(place.binaries.initdb, user!)).toBe(true);
  expect(readFileSync(place.binaries.initdb, 'utf8')).toBe('#!/bin/sh\n');
  expect(choosePlace(folder.path, binariesIn(native), user).binaries).toEqual(place.binaries);
  rmSync(place.binaries.native, { recursive: true });
  folder.remove();
});

it('a folder that others may not enter is not for the store’s user', () => {
  const folder = temporaryFolder();
  const inner = join(folder.path, 'inner');
  mkdirSync(inner);
  chmodSync(folder.path, 0o700);
  const stranger = { uid: 4_000_000, gid: 4_000_000, name: 'stranger' };
  expect(canEnter(inner, stranger)).toBe(false);
  chmodSync(folder.path, 0o711);
  expect(canEnter(inner, stranger)).toBe(true);
  folder.remove();
});
