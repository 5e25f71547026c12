// SPDX-License-Identifier: Apache-2.0
/**
 * Same code, same verdict, byte for byte: the server's way of grading, the
 * command line and Chromium write the same report for every driver of both
 * labs. What comes out is also what the lab says must come out.
 *
 * The command line starts processes of its own for each driver, so a normal
 * run asks it for the starter, the solution and every tenth variant, and
 * DMALAB_LONG for all; the server's way and Chromium grade all of them always.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Report } from '@dmalab/contracts/report';
import type { LabBundle } from '@dmalab/engine/lab-bundle';
import { checkLab } from '@dmalab/engine/lab-check';
import { readLab } from '@dmalab/grader/lab-folder';
import { GraderPool } from '@dmalab/grader/pool';
import type { CompiledSource } from '@dmalab/grader/job';
import { gradeWith } from '@dmalab/server/queue/grade';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dmalab } from '../support/cli.ts';
import { COPY_LAB, driverNames, driverText, type Folder, labsFolder, NIC_LAB, temporaryFolder } from '../support/repo.ts';
import { BrowserGrader, WORKERS } from './browser-grader.ts';

const LABS = [COPY_LAB, NIC_LAB] as const;
const LONG = process.env['DMALAB_LONG'] !== undefined;

const bundles: Record<string, LabBundle> = {};
let place: Folder;
let pool: GraderPool;
let browser: BrowserGrader;
/** The server's reports by lab and driver. */
const server = new Map<string, { staff: string; student: string }>();
const keyOf = (lab: string, driver: string): string => `${lab} ${driver}`;

beforeAll(async () => {
  place = temporaryFolder();
  for (const { id, folder } of LABS) bundles[id] = await readLab(join(labsFolder, folder));
  pool = new GraderPool({ size: 2, standby: false });
  browser = await BrowserGrader.start(bundles);
}, 120_000);

afterAll(async () => {
  pool?.close();
  await browser?.close();
  place?.remove();
});

function labOf(id: string): LabBundle {
  const lab = bundles[id];
  if (lab === undefined) throw new Error(`no lab ${id}`);
  return lab;
}

/** What the server does with a submission, behind the same wall. */
const catalogue = { get: (id: string) => ({ whole: labOf(id) }) } as unknown as Parameters<typeof gradeWith>[1];
const asServer = (id: string, text: string): Promise<{ staff: string; student: string }> => gradeWith(pool, catalogue)(id, text).then(({ bytes }) => bytes);

async function compiled(id: string, text: string): Promise<CompiledSource> {
  const { manifest, given } = labOf(id);
  return pool.compile({ [manifest.driver.file]: text }, Object.fromEntries(Object.entries(given).map(([name, source]) => [name, source.text])));
}

/** All of a list, a few at a time, in order. */
async function eachOf<T>(list: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...list];
  await Promise.all(Array.from({ length: width }, async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  }));
}

describe.each(LABS)('lab $folder', { timeout: 900_000 }, ({ id, folder }) => {
  const names = driverNames(folder);

  it('the server grades every driver as the lab expects', async () => {
    await eachOf(names, 2, async (name) => void server.set(keyOf(id, name), await asServer(id, driverText(folder, name))));
    const result = checkLab(labOf(id), (name) => Report.parse(JSON.parse(server.get(keyOf(id, name))?.staff ?? '{}')));
    expect(result.problems).toEqual([]);
    expect(result.drivers.filter((driver) => !driver.ok).map(({ name, problems }) => ({ name, problems }))).toEqual([]);
    expect(result.drivers.map((driver) => driver.name).sort()).toEqual([...names].sort());
  });

  it('Chromium writes the same bytes for every one', async () => {
    const different: string[] = [];
    await eachOf(names, WORKERS, async (name) => {
      const source = await compiled(id, driverText(folder, name));
      if ((await browser.grade(id, source, 'staff')) !== server.get(keyOf(id, name))?.staff) different.push(name);
    });
    expect(different).toEqual([]);
  });

  it(`so does the command line${LONG ? '' : ', for a part of them'}`, async () => {
    const asked = LONG ? names : names.filter((name, i) => name === 'starter' || name === 'solution' || (name.startsWith('variants/') && i % 10 === 0));
    const different: string[] = [];
    await eachOf(asked, 2, async (name) => {
      const file = join(place.path, `${id}-${name.replaceAll('/', '-')}.json`);
      const { code, stderr } = await dmalab('grade', folder, '--submission', join(labsFolder, folder, name), '--json', file);
      if (code !== 0) throw new Error(`${name}: exit code ${code}: ${stderr}`);
      if (readFileSync(file, 'utf8') !== server.get(keyOf(id, name))?.staff) different.push(name);
    });
    expect(different).toEqual([]);
  });

  it('students get the same bytes everywhere, too, and twice is the same as once', async () => {
    const name = 'starter';
    const text = driverText(folder, name);
    const file = join(place.path, `${id}-student.json`);
    const [again, inPage, command] = await Promise.all([
      asServer(id, text),
      compiled(id, text).then((source) => browser.grade(id, source, 'student')),
      dmalab('grade', folder, '--submission', join(labsFolder, folder, name), '--audience', 'student', '--json', file),
    ]);
    expect(command.code).toBe(0);
    expect(again).toEqual(server.get(keyOf(id, name)));
    expect(inPage === again.student).toBe(true);
    expect(readFileSync(file, 'utf8') === again.student).toBe(true);
    expect(again.student).not.toBe(again.staff);
  });
});

describe('what differs makes a difference', { timeout: 180_000 }, () => {
  it('a driver changed by one comment has another hash, and otherwise the same report', async () => {
    const text = driverText(NIC_LAB.folder, 'starter');
    const { staff } = await asServer(NIC_LAB.id, `${text}// one comment more\n`);
    const before = Report.parse(JSON.parse(server.get(keyOf(NIC_LAB.id, 'starter'))?.staff ?? '{}'));
    const after = Report.parse(JSON.parse(staff));
    expect(after.submission.hash).not.toBe(before.submission.hash);
    expect(after.points).toEqual(before.points);
    expect(after.runs.map((run) => run.verdict)).toEqual(before.runs.map((run) => run.verdict));
  });
});
