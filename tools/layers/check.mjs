// SPDX-License-Identifier: Apache-2.0
/**
 * Holds the imports of the tree against `layers.json`. Prints one line a
 * violation and `N modules, M violations`; reading no module is a failure,
 * because that is how a checker without a parser looks.
 *
 *     node tools/layers/check.mjs [ROOT]
 */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';

const here = dirname(fileURLToPath(import.meta.url));
const layers = JSON.parse(readFileSync(join(here, 'layers.json'), 'utf8'));
const root = resolve(process.argv[2] ?? join(here, '..', '..'));
const quote = (path) => path.replace(/[/.]/g, '\\$&');
const anyOf = (paths) => `^(${paths.map(quote).join('|')})/`;
const TEST = '\\.test\\.tsx?$|/testing/';

const between = Object.entries(layers.packages).map(([from, allowed]) => ({
  name: `${from} imports downwards only`,
  severity: 'error',
  from: { path: `^${quote(from)}/src`, pathNot: TEST },
  to: { path: '^(packages|apps|labs|test)/', pathNot: anyOf([from, ...allowed]) },
}));
const insideCore = Object.entries(layers.core).map(([from, allowed]) => ({
  name: `core/${from} imports its own floor and below`,
  severity: 'error',
  from: { path: `^packages/core/src/${from}/`, pathNot: TEST },
  to: { path: '^packages/core/src/', pathNot: anyOf([from, ...allowed].map((folder) => `packages/core/src/${folder}`)) },
}));
const rules = [
  ...between,
  ...insideCore,
  { name: 'pure packages use no Node module', severity: 'error', from: { path: anyOf(layers.pure.map((p) => `${p}/src`)), pathNot: TEST }, to: { dependencyTypes: ['core'] } },
  { name: 'labs are loaded, never imported', severity: 'error', from: { path: '^(packages|apps)/' }, to: { path: '^labs/' } },
  { name: 'no cycles at run time', severity: 'error', from: { path: '^(packages|apps)/' }, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
  { name: 'every import resolves', severity: 'error', from: { path: '^(packages|apps)/', pathNot: TEST }, to: { couldNotResolve: true, pathNot: '\\?(worker|url|raw)$|\\.(css|wasm)$|^monaco-editor|^virtual:' } },
];

const { output } = await cruise(
  ['packages', 'apps'],
  {
    baseDir: root,
    ruleSet: { forbidden: rules },
    validate: true,
    doNotFollow: { path: 'node_modules' },
    exclude: '^(packages|apps)/[^/]+/(dist|dist-types|scripts|template)/|vite\\.config|drizzle\\.config',
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['source', 'import', 'default'], extensions: ['.ts', '.tsx', '.js', '.mjs', '.json'] },
  },
);

const modules = output.modules.filter((module) => /^(packages|apps)\/.*\.tsx?$/.test(module.source));
for (const violation of output.summary.violations) {
  const path = violation.cycle ? ` (${violation.cycle.map((step) => step.name ?? step).join(' → ')})` : '';
  process.stdout.write(`${violation.from} → ${violation.to}: ${violation.rule.name}${path}\n`);
}
process.stdout.write(`${modules.length} modules, ${output.summary.violations.length} violations\n`);
if (modules.length === 0) process.stdout.write('no module was read: is a TypeScript with the classic API (6.x) installed beside dependency-cruiser?\n');
process.exit(modules.length === 0 || output.summary.violations.length > 0 ? 1 : 0);
