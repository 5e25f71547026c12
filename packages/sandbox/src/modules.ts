// SPDX-License-Identifier: Apache-2.0
/**
 * Which module an `import` means. Only the names given to `load` exist; a
 * relative one is taken relative to its importer. Nothing is ever fetched.
 */
import { bareThrows, lineColumn } from './lexer.ts';
import { OPS_MODULE, OPS_SOURCE } from './realm.ts';
import type { GuestModule, Site } from './result.ts';

export class Modules {
  readonly #byName = new Map<string, GuestModule>();
  readonly #imports = new Map<string, string[]>();

  constructor(modules: readonly GuestModule[]) {
    this.#byName.set(OPS_MODULE, { name: OPS_MODULE, source: OPS_SOURCE, trusted: true, hidden: true });
    for (const module of modules) {
      if (this.#byName.has(module.name)) throw new RangeError(`sandbox: two modules are called "${module.name}"`);
      this.#byName.set(module.name, module);
    }
  }

  /** Whether positions in `file` are the guest's own. */
  readonly visible = (file: string): boolean => {
    const module = this.#byName.get(file);
    return module !== undefined && module.trusted !== true;
  };

  names(): string[] {
    return [...this.#byName.keys()];
  }

  get(name: string): GuestModule | undefined {
    return this.#byName.get(name);
  }

  /** @returns the module's name, or a sentence about why there is none */
  resolve(base: string, specifier: string): { name: string } | { refused: string } {
    const written = specifier.startsWith('./') || specifier.startsWith('../') ? relative(base, specifier) : specifier;
    // './nic' is './nic.ts', as in TypeScript.
    const name = specifier.startsWith('.') && !this.#byName.has(written) ? `${written}.ts` : written;
    if (this.#byName.get(name)?.hidden === true && this.visible(base)) return { refused: this.#refusal(specifier) };
    if (!this.#byName.has(name)) return { refused: this.#refusal(specifier) };
    this.#imports.set(base, [...(this.#imports.get(base) ?? []), name]);
    return { name };
  }

  /** Trusted modules imported so far that depend on trusted ones only, in the order in which they were met. */
  foundation(): string[] {
    const met = [...new Set([...this.#imports.values()].flat())];
    const pure = (name: string, above: readonly string[]): boolean =>
      !this.visible(name) && (this.#imports.get(name) ?? []).every((next) => above.includes(next) || pure(next, [...above, name]));
    return met.filter((name) => name !== OPS_MODULE && pure(name, []));
  }

  /** Where a value that knows no line was thrown, when only one place can have thrown it. */
  siteOfBareThrow(): Site | null {
    const found = [...this.#byName.values()].filter((m) => this.visible(m.name)).flatMap((m) => bareThrows(m.source).map((at) => position(m, at)));
    return found.length === 1 ? (found[0] ?? null) : null;
  }

  /** The import clause that names `specifier`, or, given `binding`, the place where it names that. */
  siteOfImport(specifier: string, binding?: string): Site | null {
    for (const module of this.#byName.values()) {
      if (!this.visible(module.name)) continue;
      for (const match of module.source.matchAll(/\b(?:import|export)\b([^'";]*?(?:\bfrom\s*)?)(['"])((?:(?!\2)[^\n\\])*)\2/g)) {
        const [whole, clause = '', , target = ''] = match;
        if (target !== specifier && relative(module.name, target) !== specifier) continue;
        if (binding === undefined) return position(module, match.index + whole.length - target.length - 2);
        const inner = new RegExp(`(?<![\\w$])${binding.replace(/\$/g, '\\$')}(?![\\w$])`).exec(clause);
        if (inner !== null) return position(module, match.index + whole.indexOf(clause) + inner.index);
      }
    }
    return null;
  }

  #refusal(specifier: string): string {
    const names = this.names().filter((n) => this.#byName.get(n)?.trusted === true && this.#byName.get(n)?.hidden !== true);
    return `cannot import "${specifier}": ${names.length === 0 ? 'there is nothing to import here' : `only ${names.join(', ')} can be imported`}`;
  }
}

function relative(base: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  const parts = base.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function position(module: GuestModule, offset: number): Site {
  return { file: module.name, ...lineColumn(module.source, offset) };
}
