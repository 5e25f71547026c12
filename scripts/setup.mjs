// SPDX-License-Identifier: Apache-2.0
/**
 * Gets a fresh clone on a fresh machine ready with nothing but Node and npm:
 * pnpm into `.tools`, dependencies from the lockfile, a build. Built-in
 * modules only, since nothing is installed yet when this runs.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const tools = join(root, '.tools');
const windows = process.platform === 'win32';
const started = Date.now();

/** One line of progress, on stderr so that a command's own output stays clean. */
export function say(text) {
  process.stderr.write(`[setup ${((Date.now() - started) / 1000).toFixed(1)}s] ${text}\n`);
}

/** Stops with one sentence that says what to do. */
export function fail(sentence, code = 1) {
  process.stderr.write(`${sentence}\n`);
  process.exit(code);
}

/** The environment for children: our tools first on PATH, no settings inherited from the npm that started us. */
export function environment() {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', TURBO_NO_UPDATE_NOTIFIER: '1' };
  for (const name of Object.keys(env)) {
    if (/^npm_(package|lifecycle)_/i.test(name) || (/^npm_config_/i.test(name) && !/^npm_config_(userconfig|globalconfig|cache|registry|cafile|proxy|https_proxy|noproxy)$/i.test(name))) delete env[name];
  }
  env.PATH = [join(tools, 'node_modules', '.bin'), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
  return env;
}

/** Runs a command in the clone and answers its exit code; output goes where `stdio` says. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, env: environment(), stdio: 'inherit', shell: windows, ...options });
  if (result.error) return 127;
  return result.status ?? 1;
}

export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) fail(`dmalab needs Node 20.19 or newer; this is ${process.versions.node}. Install a newer Node and run the command again.`);
}

function pinned() {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return packageManager.replace(/^pnpm@/, '');
}

export function ensurePnpm() {
  const version = pinned();
  const manifest = join(tools, 'node_modules', 'pnpm', 'package.json');
  if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version) return;
  say(`getting pnpm ${version}`);
  const code = run('npm', ['install', '--prefix', tools, `pnpm@${version}`, '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (code !== 0) fail(`pnpm ${version} could not be installed into .tools (npm ended with ${code}). Check that npm can reach its registry, then run the command again.`);
}

export function installDependencies() {
  say('installing dependencies');
  const code = run('pnpm', ['install', '--frozen-lockfile', '--reporter=append-only', '--config.minimumReleaseAge=0'], { stdio: ['ignore', 2, 2] });
  if (code !== 0) fail(`the dependencies could not be installed (pnpm ended with ${code}). The lines above say why.`);
}

/** Builds what changed. `filters` are turbo filters; none means everything. */
export function build(filters = []) {
  say('building');
  const code = run('turbo', ['run', 'build', '--output-logs=errors-only', ...filters.map((f) => `--filter=${f}`)], { stdio: ['ignore', 2, 2] });
  if (code !== 0) fail(`the build failed (turbo ended with ${code}). The lines above say where.`);
}

export function isReady() {
  return existsSync(join(root, 'node_modules', '.modules.yaml')) || existsSync(join(root, 'node_modules', '.pnpm'));
}

/** Whether a file in these places (relative to the root) is newer than `stamp`, or there is no stamp. What builds and installs leave behind does not count. */
export function changedSince(stamp, places) {
  const built = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs;
  if (built === undefined) return true;
  const newer = (path) => {
    const info = statSync(path, { throwIfNoEntry: false });
    if (info === undefined) return false;
    if (!info.isDirectory()) return info.mtimeMs > built;
    return readdirSync(path).some((name) => name !== 'node_modules' && !name.startsWith('dist') && !name.startsWith('.') && newer(join(path, name)));
  };
  return places.some((place) => newer(resolve(root, place)));
}
