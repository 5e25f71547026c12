// SPDX-License-Identifier: Apache-2.0
/**
 * A lab as plain data: loaded from a map of path → text, checked as a whole,
 * and able to cross a process boundary. Reading folders is the host's work.
 */
import { LabManifest, type ProfileId, Workload } from '@dmalab/contracts/lab';
import { problemText, readYaml, type Problem } from '@dmalab/contracts/read';
import { assertionProblem } from './assertions.ts';
import { hashFiles, sha256 } from './hash.ts';

/** `code` is `text` with its types blanked: same lines, same columns. */
export interface SourceText {
  readonly text: string;
  readonly code: string;
}

export interface WorkloadFile {
  /** The file's name without its ending. */
  readonly id: string;
  readonly visibility: 'public' | 'hidden';
  readonly workload: Workload;
  readonly hash: string;
}

/** Chosen by failure class in hints.md. */
export type Hints = Readonly<Record<string, string>>;

export interface LabBundle {
  readonly manifest: LabManifest;
  /** The folder's number (`06`), '' if it has none. */
  readonly number: string;
  /** README.md. */
  readonly text: string;
  /** hints.md as written, and by heading. */
  readonly hintsText: string;
  readonly hints: Hints;
  /** Read-only modules of the driver. */
  readonly given: Readonly<Record<string, SourceText>>;
  /** `starter`, and on the author's side `solution`, `wheats/NAME`, `variants/NAME`: file → text. */
  readonly drivers: Readonly<Record<string, Readonly<Record<string, SourceText>>>>;
  readonly publicWorkloads: readonly WorkloadFile[];
  /** Empty in what students are handed. */
  readonly hiddenWorkloads: readonly WorkloadFile[];
  /** Of everything. */
  readonly hash: string;
  /** Of what students are handed: the same whatever the hidden part is. Tokens carry this one. */
  readonly publicHash: string;
}

export type Blank = (source: string, file: string) => { readonly code: string; readonly diagnostics: readonly { readonly line: number; readonly column: number; readonly message: string }[] };
export type LoadLabResult = { readonly ok: true; readonly bundle: LabBundle } | { readonly ok: false; readonly problems: readonly Problem[] };

/** Why a lab could not be loaded: one line a problem, as `problemText` writes them. */
export class LabError extends Error {
  override readonly name = 'LabError';
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(problems.map(problemText).join('\n'));
    this.problems = problems;
  }
}

/**
 * @param files path inside the lab folder (`lab.yaml`, `starter/driver.ts` …) → text
 * @param blank replaces types by blanks; the host has the compiler, the engine has not
 * @param folder name of the folder (`06-coherent-is-not-ordered`), for the lab's number
 */
export function loadLab(files: Readonly<Record<string, string>>, blank: Blank, folder = ''): LoadLabResult {
  const problems: Problem[] = [];
  const manifestName = files['lab.yaml'] !== undefined ? 'lab.yaml' : 'lab.json';
  const manifestText = files[manifestName];
  if (manifestText === undefined) return { ok: false, problems: [whole('lab.yaml', 'a lab folder needs this file; expected the manifest')] };
  const read = readYaml(manifestName, manifestText, LabManifest);
  if (!read.ok) return read;
  const manifest = read.value;
  const complain = (path: readonly (string | number)[], message: string): void => {
    problems.push({ file: manifestName, ...read.at(path), key: path.reduce<string>((t, p) => (typeof p === 'number' ? `${t}[${p}]` : t === '' ? p : `${t}.${p}`), ''), message });
  };

  const drivers: Record<string, Record<string, SourceText>> = {};
  const given: Record<string, SourceText> = {};
  const source = (path: string, file: string): SourceText => {
    const text = files[path] ?? '';
    const { code, diagnostics } = blank(text, file);
    for (const d of diagnostics) problems.push({ file: path, line: d.line, column: d.column, key: '', message: d.message });
    return { text, code };
  };
  for (const path of Object.keys(files).sort()) {
    const match = /^(starter|solution|wheats\/[^/]+|variants\/[^/]+)\/([^/]+\.ts)$/.exec(path);
    if (match) (drivers[match[1]!] ??= {})[match[2]!] = source(path, match[2]!);
  }
  manifest.driver.given.forEach((file, i) => {
    if (files[`given/${file}`] === undefined) complain(['driver', 'given', i], `expected the file given/${file}`);
    else given[file] = source(`given/${file}`, file);
  });
  if (files['README.md'] === undefined) problems.push(whole('README.md', 'a lab needs its text'));
  if (drivers['starter'] === undefined) problems.push(whole(`starter/${manifest.driver.file}`, 'a lab needs what students start from'));
  for (const [name, sources] of Object.entries(drivers)) {
    if (sources[manifest.driver.file] === undefined) problems.push(whole(`${name}/${manifest.driver.file}`, `expected this file, which driver.file names; ${name} has ${Object.keys(sources).join(', ')}`));
    for (const file of Object.keys(sources)) if (manifest.driver.given.includes(file)) problems.push(whole(`${name}/${file}`, 'a given module cannot be replaced'));
  }

  checkManifest(manifest, drivers, complain);
  const publicWorkloads = workloads(files, 'public', manifest, problems);
  const hiddenWorkloads = workloads(files, 'hidden', manifest, problems);
  if (publicWorkloads.length === 0) problems.push(whole('workloads/public', 'expected at least one workload: without it students cannot run anything'));
  if (problems.length > 0) return { ok: false, problems };

  const publicFiles = Object.fromEntries(Object.entries(files).filter(([path]) => isPublic(path)));
  return {
    ok: true,
    bundle: {
      manifest,
      number: /^(\d+)-/.exec(folder)?.[1] ?? '',
      text: files['README.md']!,
      hintsText: files['hints.md'] ?? '',
      hints: parseHints(files['hints.md'] ?? ''),
      given,
      drivers,
      publicWorkloads,
      hiddenWorkloads,
      hash: hashFiles(files),
      publicHash: hashFiles({ ...publicFiles, [manifestName]: publicManifestText(manifest) }),
    },
  };
}

/** What students are handed: no hidden workload, no solution, no variant, no expectation. */
export function publicPart(bundle: LabBundle): LabBundle {
  return { ...bundle, manifest: { ...bundle.manifest, expect: {} }, drivers: { starter: bundle.drivers['starter'] ?? {} }, hiddenWorkloads: [], hash: bundle.publicHash };
}

/** Whether a file of the folder may reach students. */
export function isPublic(path: string): boolean {
  return /^(README\.md$|hints\.md$|lab\.(yaml|json)$|(given|starter|workloads\/public|figures)\/)/.test(path);
}

/** Throws what `loadLab` returns. */
export function requireLab(result: LoadLabResult): LabBundle {
  if (!result.ok) throw new LabError(result.problems);
  return result.bundle;
}

export function workloadItems(workload: Workload): string[] {
  const items: string[] = [];
  for (const [name, calls] of Object.entries(workload.contexts)) calls.forEach((_, i) => items.push(`${name}[${i}]`));
  for (const [name, list] of Object.entries(workload.devices)) list.forEach((_, i) => items.push(`${name}[${i}]`));
  workload.faults.forEach((_, i) => items.push(`faults[${i}]`));
  return items;
}

/** The workload without some of its items. */
export function withoutItems(workload: Workload, items: readonly string[]): Workload {
  if (items.length === 0) return workload;
  const keep = <T>(name: string, list: readonly T[]): T[] => list.filter((_, i) => !items.includes(`${name}[${i}]`));
  return {
    ...workload,
    contexts: Object.fromEntries(Object.entries(workload.contexts).map(([name, calls]) => [name, keep(name, calls)])),
    devices: Object.fromEntries(Object.entries(workload.devices).map(([name, list]) => [name, keep(name, list)])),
    faults: keep('faults', workload.faults),
  };
}

export function workloadHash(workload: Workload): string {
  return sha256(JSON.stringify(workload));
}

function publicManifestText(manifest: LabManifest): string {
  return JSON.stringify({ ...manifest, expect: {} });
}

function whole(file: string, message: string): Problem {
  return { file, line: 0, column: 0, key: '', message };
}

type Complain = (path: readonly (string | number)[], message: string) => void;

function checkManifest(manifest: LabManifest, drivers: Readonly<Record<string, unknown>>, complain: Complain): void {
  const devices = manifest.machine.devices.map((d) => d.id);
  unique(devices, (i) => complain(['machine', 'devices', i, 'id'], `two devices are called ${devices[i]}`));
  const ids = manifest.checks.map((c) => c.id);
  unique(ids, (i) => complain(['checks', i, 'id'], `two checks are called ${ids[i]}`));
  manifest.contexts.forEach((context, i) => {
    if (context.cpu >= manifest.machine.cpus) complain(['contexts', i, 'cpu'], `expected a CPU below ${manifest.machine.cpus}, the number of CPUs; found ${context.cpu}`);
  });
  manifest.checks.forEach((check, i) => {
    if (check.id === 'sanitizer') complain(['checks', i, 'id'], 'the check "sanitizer" is implicit: it collects findings that no check names');
    if (check.assert !== undefined) {
      const problem = assertionProblem(check.assert, devices);
      if (problem !== undefined) complain(['checks', i, 'assert'], problem);
    }
    if (check.cost && drivers['solution'] === undefined && Object.keys(drivers).some((d) => d !== 'starter')) complain(['checks', i, 'cost'], 'a cost is compared with the solution; expected solution/');
    check.profiles?.forEach((profile, j) => {
      if (!manifest.profiles.includes(profile)) complain(['checks', i, 'profiles', j], `expected one of the lab's profiles: ${manifest.profiles.join(', ')}; found ${profile}`);
    });
  });
  for (const [name, expectation] of Object.entries(manifest.expect)) {
    if (drivers[name] === undefined) complain(['expect', name], `there is no folder ${name}; expected one of ${Object.keys(drivers).join(', ')}`);
    expectation.fails?.forEach((id, j) => {
      if (!ids.includes(id) && id !== 'sanitizer') complain(['expect', name, 'fails', j], `there is no check ${id}; expected one of ${ids.join(', ')}`);
    });
  }
}

function unique(names: readonly string[], onRepeat: (index: number) => void): void {
  names.forEach((name, i) => {
    if (names.indexOf(name) !== i) onRepeat(i);
  });
}

function workloads(files: Readonly<Record<string, string>>, visibility: 'public' | 'hidden', manifest: LabManifest, problems: Problem[]): WorkloadFile[] {
  const out: WorkloadFile[] = [];
  for (const path of Object.keys(files).sort()) {
    const id = new RegExp(`^workloads/${visibility}/([a-z0-9][a-z0-9-]*)\\.(?:yaml|json)$`).exec(path)?.[1];
    if (id === undefined) continue;
    const read = readYaml(path, files[path]!, Workload);
    if (!read.ok) {
      problems.push(...read.problems);
      continue;
    }
    checkWorkload(read.value, manifest, (at, message) => problems.push({ file: path, ...read.at(at), key: at.map((p, i) => (typeof p === 'number' ? `[${p}]` : i === 0 ? p : `.${p}`)).join(''), message }));
    out.push({ id, visibility, workload: read.value, hash: workloadHash(read.value) });
  }
  return out;
}

function checkWorkload(workload: Workload, manifest: LabManifest, complain: Complain): void {
  const contexts = manifest.contexts.map((c) => c.name);
  const devices = manifest.machine.devices.map((d) => d.id);
  for (const [name, calls] of Object.entries(workload.contexts)) {
    if (!contexts.includes(name)) complain(['contexts', name], `there is no context ${name}; expected one of ${contexts.join(', ')}`);
    calls.forEach((call, i) => {
      if (!manifest.driver.entry.includes(call.call)) complain(['contexts', name, i, 'call'], `driver.entry does not list ${call.call}; expected one of ${manifest.driver.entry.join(', ')}`);
      call.args.forEach((argument, j) => {
        if (typeof argument === 'number') return;
        const device = 'device' in argument ? argument.device : 'drvdata' in argument ? argument.drvdata : undefined;
        if (device !== undefined && !devices.includes(device)) complain(['contexts', name, i, 'args', j], `there is no device ${device}; expected one of ${devices.join(', ')}`);
        const buffer = 'buffer' in argument ? argument.buffer : 'dma' in argument ? argument.dma : undefined;
        if (buffer !== undefined && workload.buffers[buffer] === undefined) complain(['contexts', name, i, 'args', j], `there is no buffer ${buffer}; expected one of ${Object.keys(workload.buffers).join(', ') || 'none: buffers is empty'}`);
        if ('dma' in argument && workload.buffers[argument.dma]?.coherent === false) complain(['contexts', name, i, 'args', j], `buffer ${argument.dma} has no DMA address: it is not coherent`);
      });
    });
  }
  for (const name of Object.keys(workload.devices)) if (!devices.includes(name)) complain(['devices', name], `there is no device ${name}; expected one of ${devices.join(', ')}`);
  workload.profiles?.forEach((profile: ProfileId, i) => {
    if (!manifest.profiles.includes(profile)) complain(['profiles', i], `expected one of the lab's profiles: ${manifest.profiles.join(', ')}; found ${profile}`);
  });
  workload.checks?.forEach((id, i) => {
    if (!manifest.checks.some((c) => c.id === id)) complain(['checks', i], `there is no check ${id}; expected one of ${manifest.checks.map((c) => c.id).join(', ')}`);
  });
}

/** hints.md: each `## CLASS[, CLASS …]` heading (a rule, a check id, `other`) and the text below it. */
export function parseHints(text: string): Hints {
  const hints: Record<string, string> = {};
  for (const part of text.split(/^## /m).slice(1)) {
    const [heading = '', ...rest] = part.split('\n');
    for (const name of heading.split(',')) hints[name.trim()] = rest.join('\n').trim();
  }
  return hints;
}
