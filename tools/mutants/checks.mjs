// SPDX-License-Identifier: Apache-2.0
/**
 * What a mutant must not survive: every recorded vector, and every test of the
 * files named here, one check each. The tests are those of the suite, run without vitest, which
 * needs seconds to begin; `expect` is vitest's own.
 */
import { createRequire } from 'node:module';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { Modules, root, sourceOf } from './modules.mjs';

// Tests of random systems are short here.
process.env.DMALAB_SLICE = '1';

const vitest = createRequire(createRequire(join(root, 'test', 'package.json')).resolve('vitest'));
const { JestAsymmetricMatchers, JestChaiExpect, JestExtend, chai } = await import(pathToFileURL(vitest.resolve('@vitest/expect')).href);
for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);
const expect = (value, message) => chai.expect(value, message);
Object.assign(expect, chai.expect);

/** Folders whose tests are checks, but for those that start a process, write, measure, take long, or ask about the telling alone. */
const FOLDERS = ['packages/core/src/mmu', 'packages/core/src/iommu', 'test/iommu'];
const LEFT_OUT = /^test\/iommu\/(oracle|command|narrate|tell|speed|structures|mutants|caches|equivalence|kernel-half|sva|fuzz[^/]*|vtd\/tell)\.test\.ts$/;

/** A vector file concerns what lies in these folders. */
const VECTORS = [
  { file: 'riscv-iommu', of: /iommu\/riscv\/|formats\/riscv/ },
  { file: 'riscv-iommu-second', of: /iommu\/riscv\/|formats\/riscv/ },
  { file: 'qemu100-vtd', of: /iommu\/vtd\/|formats\/x86/ },
  { file: 'qemu100-smmuv3', of: /iommu\/smmu\/|formats\/armv8/ },
];
const OWN = /iommu\/(riscv|vtd|smmu)\/|mmu\/formats\//;
const READER = 'packages/litmus/src/iommu/oracle.ts';

/** Tests of the file being loaded. */
let registered = [];
let prefix = '';
/** What is done before and after each test of the groups around it. */
let around = { before: [], after: [] };

function describe(name, ...rest) {
  const outer = { prefix, around };
  prefix = `${prefix}${name} › `;
  around = { before: [...around.before], after: [...around.after] };
  rest.at(-1)();
  ({ prefix, around } = outer);
}
const beforeEach = (run) => void around.before.push(run);
const afterEach = (run) => void around.after.push(run);
/** Once in vitest; each test alone needs it here. */
const [beforeAll, afterAll] = [beforeEach, afterEach];
function it(name, ...rest) {
  const run = rest.find((part) => typeof part === 'function');
  const { before, after } = around;
  registered.push({
    name: prefix + name,
    run: () => {
      for (const step of before) step();
      const answer = run();
      for (const step of after) step();
      return answer;
    },
  });
}
/** Enough of vitest's titles to tell rows apart. */
it.each = (rows) => (name, ...rest) => {
  const run = rest.find((part) => typeof part === 'function');
  rows.forEach((row, i) => it(`${name} [${i}]`, () => (Array.isArray(row) ? run(...row) : run(row))));
};
describe.each = (rows) => (name, ...rest) => rows.forEach((row, i) => describe(`${name} [${i}]`, () => (Array.isArray(row) ? rest.at(-1)(...row) : rest.at(-1)(row))));
it.skipIf = (skip) => (skip ? () => undefined : it);
it.runIf = (run) => (run ? it : () => undefined);

/** @typedef {{ name: string, run: (load: (path: string) => any, tests: (path: string) => readonly { name: string, run: () => unknown }[]) => void, ms: number }} Check */

export class Checks {
  modules = new Modules({ vitest: { describe, it, test: it, expect, beforeEach, afterEach, beforeAll, afterAll } });
  #tests = FOLDERS.flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).filter((name) => name.endsWith('.test.ts')).sort().map((name) => `${folder}/${name.replaceAll('\\', '/')}`)).filter((path) => !LEFT_OUT.test(path));
  /** @type {Map<string, Check[]>} by test file or vector file */
  #made = new Map();
  /** By changed file: what failed lately. */
  #late = new Map();
  #tried = new Set();
  #trusts;

  /** @param trusts that every check passes on the sources as they are; otherwise each is tried first */
  constructor(trusts) {
    this.#trusts = trusts;
  }

  /** The checks that can see a change of this file, in an order in which neighbours differ. */
  #of(file) {
    const groups = this.#tests.filter((path) => this.modules.closure(path).has(file)).map((path) => this.#once(path, () => testChecks(path, (of) => testsOf(of, this.modules.again(of)), this.#trusts)));
    if (this.modules.closure(READER).has(file)) {
      for (const vectors of VECTORS) if (!OWN.test(file) || vectors.of.test(file)) groups.push(this.#once(vectors.file, () => vectorChecks(vectors.file)));
    }
    // Quick ones first; within those as they come.
    const slowness = ({ ms }) => (ms < 30 ? 0 : ms < 300 ? 1 : 2);
    return groups.flat().sort((a, b) => slowness(a) - slowness(b));
  }

  #once(key, make) {
    let made = this.#made.get(key);
    if (made === undefined) {
      made = make();
      this.#made.set(key, made);
      made.sort((a, b) => a.order - b.order);
    }
    return made;
  }

  /** Sources as they are must pass, made anew as for a change; and for how long each check takes when it is new. */
  #trust(file) {
    if (this.#trusts || this.#tried.has(file)) return;
    this.#tried.add(file);
    const load = this.modules.changed(file, sourceOf(file));
    const tests = memo((path) => testsOf(path, load));
    for (const check of this.#of(file)) {
      const before = performance.now();
      check.run(load, tests);
      check.ms = performance.now() - before;
    }
  }

  /** Whether that one check passes on the file as it is, and fails on the changed text. */
  notices(file, text, name) {
    const path = name.startsWith('packages/') || name.startsWith('test/') ? name.slice(0, name.indexOf('.test.ts') + 8) : name.split(' ')[0];
    const make = () => (path.endsWith('.ts') ? testChecks(path, (of) => testsOf(of, this.modules.again(of)), true) : vectorChecks(path));
    const check = this.#once(path, make).find((one) => one.name === name);
    const on = (changed) => {
      const load = this.modules.changed(file, changed);
      const tests = memo((of) => testsOf(of, load));
      return passes(() => check.run(load, tests), 20_000);
    };
    return check !== undefined && on(sourceOf(file)) && !on(text);
  }

  /** The name of the first check that the changed text fails, or null. What failed lately for this file is asked first. */
  firstFailure(file, text) {
    this.#trust(file);
    const all = this.#of(file);
    const late = this.#late.get(file) ?? [];
    const load = this.modules.changed(file, text);
    const tests = memo((path) => testsOf(path, load));
    for (const check of [...late, ...all.filter((check) => !late.includes(check))]) {
      if (passes(() => check.run(load, tests), 3000 + 20 * check.ms)) continue;
      this.#late.set(file, [check, ...late.filter((other) => other !== check)].slice(0, 60));
      return check.name;
    }
    return null;
  }
}

/** Loads a test file and takes what it registers. */
function testsOf(path, load) {
  registered = [];
  prefix = '';
  around = { before: [], after: [] };
  load(path);
  return registered;
}

/** Tests of one file. Those that need vitest's own clock or are asynchronous are left out. */
function testChecks(path, tests, trusts) {
  const found = tests(path);
  // Tests that need one another run together.
  if (!trusts && found.some((_, i) => !passesAlone(() => tests(path)[i].run()))) return [together(path)];
  return found.map(({ name }, i) => ({
    name: `${path}: ${name}`,
    order: 0,
    ms: path.startsWith('test/') ? 1000 : 10,
    run: (_load, again) => {
      const test = again(path)[i];
      if (test === undefined || test.name !== name) throw new Error('the test is not there');
      const answer = test.run();
      if (answer instanceof Promise) throw new TypeError(`${path}: ${name} is asynchronous; expected a test that is done when it returns`);
    },
  }));
}

const together = (path) => ({
  name: path,
  order: 0,
  ms: path.startsWith('test/') ? 1000 : 100,
  run: (_load, again) => {
    for (const { run } of again(path)) run();
  },
});

function passesAlone(run) {
  try {
    run();
    return true;
  } catch {
    return false;
  }
}

function vectorChecks(file) {
  const lines = (name) => sourceOf(`test/oracle/iommu/${name}.jsonl`).split('\n').filter((line) => line !== '');
  const idOf = (line) => /"id": ?"([^"]*)"/.exec(line)?.[1] ?? '';
  const companions = file === 'riscv-iommu-second' ? new Map(lines('riscv-iommu').map((line) => [idOf(line), line])) : null;
  return lines(file).map((line, i) => ({
    name: `${file} ${idOf(line)}`,
    // Neighbours in a file are alike: go through it in large steps.
    order: 1 + ((i * 617) % 1999),
    ms: 10,
    run: (load) => {
      const { agree, walks, sameWalks } = load(READER).compareIommu(line, companions === null ? [] : [companions.get(idOf(line)) ?? '']);
      if (agree !== 1 || walks !== sameWalks) throw new Error('it disagrees');
    },
  }));
}

function memo(make) {
  const made = new Map();
  return (key) => {
    let value = made.get(key);
    if (value === undefined) made.set(key, (value = make(key)));
    return value;
  };
}

const CALL = new vm.Script('globalThis.__check()');

/** Whether the check ends in time and without an exception. */
function passes(run, limitMs) {
  globalThis.__check = run;
  try {
    CALL.runInThisContext({ timeout: Math.ceil(limitMs) });
    return true;
  } catch {
    return false;
  }
}
