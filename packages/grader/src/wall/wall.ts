// SPDX-License-Identifier: Apache-2.0
/**
 * The second wall around a grading process: bubblewrap namespaces, a seccomp
 * filter, resource limits. The first wall is the sandbox itself. What a system
 * does not offer is left out and said plainly, never silently.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, closeSync, writeFileSync, rmSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type SeccompArch, seccompFilter } from './seccomp.ts';

export interface Wall {
  /** Layers in force, in words. */
  readonly layers: readonly string[];
  /** Layers this system does not offer, with what to do about it. */
  readonly missing: readonly string[];
  /** Command line around `node ARGS`, and a filter to be handed over as file descriptor 3 (none: `undefined`). */
  readonly command: (args: readonly string[]) => { readonly file: string; readonly args: string[]; readonly filter: Buffer | undefined };
}

/** `packages/`, whose built files and dependencies a grading process may read; labs and their hidden workloads are not among them. */
const packages = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const modules = join(dirname(packages), 'node_modules');
const HEAP_MIB = 512;
/** Exploring makes much that dies young: with a larger nursery less of it is copied. */
const NURSERY = ['--min-semi-space-size=16', '--max-semi-space-size=32'];
const nodeFlags = [`--max-old-space-size=${HEAP_MIB}`, '--stack-size=3900', '--disable-proto=delete', ...NURSERY];
/** CPU seconds and bytes; address space stays unlimited because wasm reserves gigabytes it never touches. */
const limits = ['--cpu=60', '--fsize=0', '--nofile=128', '--core=0'];

const onPath = (name: string): string | undefined => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)).find((path) => existsSync(path));

function bubblewrap(bwrap: string, args: readonly string[], withFilter: boolean): string[] {
  const node = realpathSync(process.execPath);
  const readable = ['/usr', '/lib', '/lib64', '/bin'].filter((path) => existsSync(path)).flatMap((path) => ['--ro-bind', path, path]);
  const own = node.startsWith('/usr/') ? [] : ['--ro-bind', node, node];
  return [
    bwrap,
    '--unshare-all',
    '--die-with-parent',
    '--new-session',
    '--clearenv',
    '--cap-drop', 'ALL',
    '--uid', '65534', '--gid', '65534',
    ...readable,
    ...own,
    '--proc', '/proc',
    '--dev', '/dev',
    '--size', String(1 << 20), '--tmpfs', '/tmp',
    '--ro-bind', packages, packages,
    '--ro-bind', modules, modules,
    '--chdir', '/tmp',
    ...(withFilter ? ['--seccomp', '3'] : []),
    '--',
    node, ...nodeFlags, ...args,
  ];
}

function works(command: readonly string[], filter?: Buffer): boolean {
  const [file = '', ...args] = command;
  if (filter === undefined) return spawnSync(file, args, { stdio: 'ignore', timeout: 10_000 }).status === 0;
  const folder = mkdtempSync(join(tmpdir(), 'dmalab-wall-'));
  const path = join(folder, 'filter');
  writeFileSync(path, filter);
  const descriptor = openSync(path, 'r');
  const { status } = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'ignore', descriptor], timeout: 10_000 });
  closeSync(descriptor);
  rmSync(folder, { recursive: true });
  return status === 0;
}

/** Finds out once what this system offers, by trying each layer. */
export function probeWall(): Wall {
  const layers: string[] = ['WebAssembly sandbox with fuel'];
  const missing: string[] = [];
  const bwrap = onPath('bwrap');
  const hello = ['-e', '0'];
  const arch = (['x64', 'arm64'] as const).find((known): known is SeccompArch => known === process.arch);
  const filter = arch === undefined ? undefined : seccompFilter(arch);
  const prlimit = onPath('prlimit');
  const limited = prlimit !== undefined && works([prlimit, ...limits, process.execPath, '-e', '0']);

  const namespaces = bwrap !== undefined && works(bubblewrap(bwrap, hello, false));
  const filtered = namespaces && bwrap !== undefined && filter !== undefined && works(bubblewrap(bwrap, hello, true), filter);
  if (namespaces) layers.push('bubblewrap: own file system view, no network, no privileges');
  else missing.push(bwrap === undefined ? 'bubblewrap is not installed (on Debian: apt-get install bubblewrap)' : 'bubblewrap is installed but may not make namespaces here (allow unprivileged user namespaces)');
  if (filtered) layers.push('seccomp filter');
  else missing.push(namespaces ? 'the seccomp filter could not be installed' : 'no seccomp filter without bubblewrap');
  if (limited) layers.push('resource limits');
  else missing.push('prlimit is not available (package util-linux)');

  return {
    layers,
    missing,
    command: (args) => {
      const inner = namespaces && bwrap !== undefined ? bubblewrap(bwrap, args, filtered) : [process.execPath, ...nodeFlags, ...args];
      const [file = process.execPath, ...rest] = limited && prlimit !== undefined ? [prlimit, ...limits, ...inner] : inner;
      return { file, args: rest, filter: filtered ? filter : undefined };
    },
  };
}
