// SPDX-License-Identifier: Apache-2.0
/**
 * The labs this server serves. Each is held twice: whole, for the graders, and
 * as its public part, from which alone pages and public runs are made. What is
 * hidden has no way into an answer: it is not in the object answers come from.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabSummary, LabView } from '@dmalab/contracts/api';
import { publicPart, type LabBundle } from '@dmalab/engine/lab-bundle';
import type { Log } from '../log.ts';
import { codeOf, reasonOf, StartProblem } from '../problem.ts';

export interface ServedLab {
  /** Hidden workloads included: for graders only. */
  readonly whole: LabBundle;
  readonly open: LabBundle;
}
export type ReadLab = (folder: string) => Promise<LabBundle>;

export interface BrokenLab {
  readonly folder: string;
  /** File, key and what was expected, one line a problem. */
  readonly problem: string;
}

export class Catalogue {
  /** In the order of their folders. */
  readonly labs: ReadonlyMap<string, ServedLab>;
  readonly broken: readonly BrokenLab[];

  private constructor(labs: ReadonlyMap<string, ServedLab>, broken: readonly BrokenLab[]) {
    this.labs = labs;
    this.broken = broken;
  }

  /** A lab that cannot be read is left out and reported; the others are served. @throws StartProblem when a folder cannot be listed */
  static async read(folders: readonly string[], readLab: ReadLab, log: Log): Promise<Catalogue> {
    const labs = new Map<string, ServedLab>();
    const broken: BrokenLab[] = [];
    for (const folder of folders) {
      for (const name of await labFolders(folder)) {
        const at = join(folder, name);
        try {
          const whole = await readLab(at);
          const { id } = whole.manifest;
          if (labs.has(id)) throw new Error(`lab.yaml: id: another lab is called ${id} already; expected an id of its own`);
          labs.set(id, { whole, open: publicPart(whole) });
        } catch (thrown) {
          broken.push({ folder: at, problem: reasonOf(thrown) });
          log.warn({ folder: at, problem: reasonOf(thrown) }, 'a lab is left out');
        }
      }
    }
    return new Catalogue(labs, broken);
  }

  get(id: string): ServedLab | undefined {
    return this.labs.get(id);
  }
}

async function labFolders(folder: string): Promise<string[]> {
  try {
    const names = (await readdir(folder)).sort();
    return names.filter((name) => existsSync(join(folder, name, 'lab.yaml')) || existsSync(join(folder, name, 'lab.json')));
  } catch (thrown) {
    throw new StartProblem(`the labs in ${folder} cannot be read (${codeOf(thrown) || reasonOf(thrown)}). Set LABS_DIR to a folder that holds labs.`);
  }
}

/** Points that can be earned. */
function possible(lab: LabBundle): number {
  return lab.manifest.checks.reduce((sum, check) => sum + check.points, 0);
}

export function labSummary({ open }: ServedLab, best: { earned: number; possible: number } | undefined, tried: boolean): LabSummary {
  const { manifest, number } = open;
  const points = { possible: possible(open), earned: best?.earned ?? null };
  const state = best === undefined ? (tried ? 'tried' : 'new') : best.earned >= best.possible ? 'solved' : best.earned > 0 ? 'partial' : 'tried';
  const { id, title, summary, needs, teaches, profiles } = manifest;
  return { id, number, title, summary, needs, teaches, minutes: manifest.minutes ?? null, profiles, points, state };
}

/** Everything of a lab that a page needs, apart from what belongs to the person. */
export function labView({ open }: ServedLab, engine: string, types: LabView['types']): Omit<LabView, 'draft' | 'report'> {
  const { manifest, number } = open;
  return {
    number,
    manifest,
    hash: open.publicHash,
    engine,
    text: open.text,
    hints: open.hintsText,
    starter: starterOf(open),
    given: Object.entries(open.given).map(([file, { text, code }]) => ({ file, text, blanked: code })),
    workloads: Object.fromEntries(open.publicWorkloads.map(({ id, workload }) => [id, workload])),
    types,
  };
}

/** The driver students start from. */
export function starterOf(lab: LabBundle): string {
  return lab.drivers['starter']?.[lab.manifest.driver.file]?.text ?? '';
}
