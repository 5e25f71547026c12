// SPDX-License-Identifier: Apache-2.0
/**
 * Changes the walker and the translation of every front end by one token at a
 * time and looks whether a test notices.
 *
 *     node tools/mutants/run.mjs [--only PART] [--slice] [--key KEY] [--every N] [--jobs N] [--trust] [--show] [--list]
 *
 * PART is a key of files.json or a piece of a path. `--slice` tries the changes of slice.json against the one
 * check that it names, which must pass without the change, as far as their lines are still there; `--every N` each N-th change. `--trust` does not try first whether all checks pass on sources as they are. Ends with 0 when at least 90 % of the changes that are not signed off
 * in equivalent.json are noticed (with `--slice` all, and at least 20), at most 20 % are signed off, and no line of that list is out of date.
 */
import { fork } from 'node:child_process';
import { readFileSync, writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { mutantsOf } from './mutate.mjs';
import { sourceOf } from './modules.mjs';

const { values } = parseArgs({ options: { only: { type: 'string' }, slice: { type: 'boolean' }, key: { type: 'string' }, every: { type: 'string' }, jobs: { type: 'string' }, show: { type: 'boolean' }, list: { type: 'boolean' }, trust: { type: 'boolean' } } });
const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));
const parts = read('files.json');
/** By file, by key: why the change means the same; or that nothing notices it yet. */
const { equivalent, surviving } = read('equivalent.json');
const known = (list, file, key) => list[file]?.[key] !== undefined;

const wanted = (part, file) => values.only === undefined || part === values.only || file.includes(values.only);
const all = Object.entries(parts).flatMap(([part, files]) => files.filter((file) => wanted(part, file)).flatMap((file) => mutantsOf(sourceOf(file), file).map((mutant, index) => ({ ...mutant, file, index }))));
let chosen = all.filter(({ key }, i) => (values.key === undefined ? i % Number(values.every ?? 1) === 0 : key === values.key));
if (values.slice) {
  const slice = read('slice.json');
  chosen = all.filter(({ file, key }) => slice[file]?.[key] !== undefined).map((mutant) => ({ ...mutant, by: slice[mutant.file][mutant.key] }));
}
if (values.list) {
  writeSync(1, chosen.map(({ file, line, key }) => `${file}:${line}: ${key}\n`).join(''));
  process.exit(0);
}

const started = Date.now();
const results = new Map();
const queue = [...chosen];
let done = 0;
let noticed = 0;
const seconds = () => ((Date.now() - started) / 1000).toFixed(0);
const progress = () => {
  if (!process.stderr.isTTY) {
    if (done % 100 === 0 && !values.slice) process.stderr.write(`${done}/${chosen.length}, ${noticed} noticed, ${seconds()} s\n`);
    return;
  }
  const width = 30;
  const filled = Math.round((width * done) / chosen.length);
  process.stderr.write(`\r[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${done}/${chosen.length}, ${noticed} noticed, ${seconds()} s `);
};

/** One process after another, until the queue is empty. */
function work() {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('worker.mjs', import.meta.url), values.slice || values.trust ? ['trust'] : [], { execArgv: ['--max-old-space-size=1500'], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let current = null;
    const finish = (result) => {
      results.set(current, result);
      done += 1;
      if (result.by !== null) noticed += 1;
      else if (!known(equivalent, current.file, current.key)) process.stdout.write(`survives: ${current.file}:${current.line}: ${current.key}\n`);
      progress();
    };
    const next = () => {
      current = queue.shift() ?? null;
      if (current === null) child.disconnect();
      else child.send({ file: current.file, index: current.index, by: current.by });
    };
    child.on('message', (message) => {
      if (message.error !== undefined) {
        child.kill();
        reject(new Error(message.error));
        return;
      }
      if (message.ready !== true) finish(message);
      next();
    });
    child.on('exit', () => {
      if (current === null) resolve();
      else {
        // It took the process with it: too much memory.
        finish({ by: 'the process ends', ms: 0 });
        work().then(resolve, reject);
      }
    });
  });
}
await Promise.all(Array.from({ length: Number(values.jobs ?? Math.max(1, Math.floor(availableParallelism() / 2))) }, work));
if (process.stderr.isTTY) process.stderr.write('\n');

const survivors = chosen.filter((mutant) => results.get(mutant).by === null);
const unsigned = survivors.filter(({ file, key }) => !known(equivalent, file, key));
const signed = chosen.filter(({ file, key }) => known(equivalent, file, key));
const wrong = signed.filter((mutant) => results.get(mutant).by !== null);
const whole = !values.slice && values.key === undefined && values.every === undefined;
const here = new Set(all.map(({ file, key }) => `${file}\n${key}`));
const stale = whole ? [equivalent, surviving].flatMap((list) => Object.entries(list).flatMap(([file, keys]) => (Object.values(parts).flat().some((one) => one === file && (values.only === undefined || all.some((m) => m.file === one))) ? Object.keys(keys).filter((key) => !here.has(`${file}\n${key}`)).map((key) => `${file}: ${key}`) : []))) : [];

if (values.show) for (const mutant of chosen) process.stdout.write(`${mutant.file}:${mutant.line}: ${mutant.key}\n    ${results.get(mutant).by ?? '-'} (${results.get(mutant).ms.toFixed(0)} ms)\n`);
for (const mutant of wrong) process.stdout.write(`signed off, but noticed by ${results.get(mutant).by}: ${mutant.file}:${mutant.line}: ${mutant.key}\n`);
for (const line of stale) process.stdout.write(`signed off, but no longer there: ${line}\n`);
const real = chosen.length - signed.length + wrong.length;
const killed = real - unsigned.length;
process.stdout.write(`${chosen.length} changes of one token: ${killed} noticed, ${unsigned.length} not, ${signed.length - wrong.length} signed off as meaning the same; ${((100 * killed) / Math.max(1, real)).toFixed(1)} % noticed; ${seconds()} s\n`);
const enough = values.slice ? chosen.length >= 20 && unsigned.length === 0 : killed >= 0.9 * real && signed.length <= 0.2 * chosen.length;
process.exitCode = enough && wrong.length === 0 && stale.length === 0 ? 0 : 1;
