// SPDX-License-Identifier: Apache-2.0
/**
 * The sources as modules that can be made again with one file changed. All in
 * this process: a change costs one transpiled file and new instances of what
 * imports it; everything else is shared.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { ts } from './mutate.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const require = createRequire(join(root, 'test', 'package.json'));

export const sourceOf = (path) => readFileSync(join(root, path), 'utf8');

function compile(path, text) {
  const { outputText } = ts.transpileModule(text, { fileName: path, compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: false } });
  return new vm.Script(`(function (exports, require, module, __meta) {${outputText.replaceAll('import.meta', '__meta')}\n})`, { filename: join(root, path) });
}

export class Modules {
  /** @param given modules by name that stand in for packages */
  constructor(given) {
    this.given = given;
    this.scripts = new Map();
    this.imports = new Map();
    this.instances = new Map();
  }

  #script(path) {
    let script = this.scripts.get(path);
    if (script === undefined) this.scripts.set(path, (script = compile(path, sourceOf(path))));
    return script;
  }

  /** Where an import leads: a path of this tree, or null for a package or a module of Node. */
  resolve(from, name) {
    if (name.startsWith('.')) return relative(root, join(root, dirname(from), name));
    const ours = /^@dmalab\/([a-z]+)\/(.+)$/.exec(name);
    if (ours === null) return null;
    for (const home of ['packages', 'apps']) if (existsSync(join(root, home, ours[1], 'src', `${ours[2]}.ts`))) return join(home, ours[1], 'src', `${ours[2]}.ts`);
    return null;
  }

  /** Every file that a module imports, directly or not, and itself. */
  closure(path, into = new Set()) {
    if (into.has(path)) return into;
    into.add(path);
    let found = this.imports.get(path);
    if (found === undefined) {
      found = ts.preProcessFile(sourceOf(path)).importedFiles.map(({ fileName }) => this.resolve(path, fileName)).filter((file) => file !== null && file.endsWith('.ts'));
      this.imports.set(path, found);
    }
    for (const file of found) this.closure(file, into);
    return into;
  }

  /** The exports of a module. */
  load(path) {
    return this.#load(path, this.instances, null, null);
  }

  /** A loader in which one file has another text. What does not import it keeps its instance. */
  changed(file, text) {
    const instances = new Map();
    const change = { file, script: compile(file, text) };
    return (path) => this.#load(path, instances, change, (other) => this.closure(other).has(file));
  }

  /** A loader that makes one module anew and shares all others. */
  again(file) {
    const instances = new Map();
    return (path) => this.#load(path, instances, null, (other) => other === file);
  }

  #load(path, instances, change, renews) {
    if (renews !== null && !renews(path)) return this.load(path);
    const known = instances.get(path);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    instances.set(path, module);
    const run = (change?.file === path ? change.script : this.#script(path)).runInThisContext();
    const requireFrom = (name) => {
      const to = this.resolve(path, name);
      if (to !== null) return this.#load(to, instances, change, renews);
      return this.given[name] ?? require(name);
    };
    run(module.exports, requireFrom, module, { url: pathToFileURL(join(root, path)).href, dirname: dirname(join(root, path)) });
    return module.exports;
  }
}
