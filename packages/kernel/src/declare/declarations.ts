// SPDX-License-Identifier: Apache-2.0
/** The d.ts files the editor and the type check read: one ambient module for each header, with documentation on everything. */
import { MODULES } from '../guest/modules.ts';
import { CONSTANTS, OPS } from '../ops.ts';
import type { Constant, ModuleName, NumberedRow } from '../ops/row.ts';
import { TYPE_REEXPORTS, TYPE_TEXTS } from './types.ts';

export interface DeclarationFile {
  /** `linux/dma-mapping.d.ts` */
  readonly path: string;
  readonly text: string;
}

/** Where each shared type name comes from. */
const HOME: ReadonlyMap<string, ModuleName> = new Map(MODULES.flatMap((name) => (TYPE_TEXTS[name]?.exports ?? []).map((exported): [string, ModuleName] => [exported, name])));

export function typeDeclarations(): readonly DeclarationFile[] {
  return MODULES.map((name) => ({ path: `${name}.d.ts`, text: moduleText(name) }));
}

function moduleText(name: ModuleName): string {
  const types = TYPE_TEXTS[name];
  const own = new Set(types?.exports ?? []);
  const body = [
    ...(types === undefined ? [] : [types.text]),
    ...CONSTANTS.filter((constant) => constant.module === name).map(constantText),
    ...OPS.filter((row) => row.module === name).map(functionText),
    ...(TYPE_REEXPORTS[name] ?? []).flatMap((other) => [`export { ${(TYPE_TEXTS[other]?.exports ?? []).filter((e) => e !== 'scalar_type').join(', ')} } from '${other}';`]),
  ].join('\n\n');
  const used = words(OPS.filter((row) => row.module === name).flatMap((row) => row.ts).join(' ') + CONSTANTS.filter((c) => c.module === name).map((c) => c.type ?? '').join(' ') + (types?.text ?? ''));
  const imports = new Map<ModuleName, string[]>();
  for (const word of used) {
    const home = HOME.get(word);
    if (home === undefined || home === name || own.has(word)) continue;
    imports.set(home, [...(imports.get(home) ?? []), word]);
  }
  // `holds` is private to linux/types; lab/struct extends what is declared there.
  const shared = name === 'lab/struct' ? ["import type { holds } from 'linux/types';"] : [];
  const lines = [...[...imports].sort(([a], [b]) => (a < b ? -1 : 1)).map(([home, names]) => `import type { ${names.sort().join(', ')} } from '${home}';`), ...shared, '', body];
  return `declare module '${name}' {\n${indent(lines.join('\n'))}\n}\n`;
}

function words(text: string): string[] {
  return [...new Set(text.match(/[A-Za-z_][A-Za-z0-9_]*/g) ?? [])];
}

const indent = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n');

function constantText(constant: Constant): string {
  const type = constant.type ?? (typeof constant.value === 'bigint' ? 'bigint' : String(constant.value));
  return `/** ${constant.doc} Value ${typeof constant.value === 'bigint' ? `0x${constant.value.toString(16)}` : constant.value}. */\nexport const ${constant.name}: ${type};`;
}

function functionText(row: NumberedRow): string {
  return row.ts.map((signature, i) => `${i === 0 ? `${docComment(row)}\n` : ''}export function ${row.name}${signature};`).join('\n');
}

/** The C prototype first: that is what people will search for. */
function docComment(row: NumberedRow): string {
  const { doc } = row;
  const lines = [
    '```c',
    `${row.c.endsWith(';') || row.c === '(none)' ? row.c : `${row.c};`}`,
    '```',
    doc.text,
    '',
    ...Object.entries(doc.params ?? {}).map(([name, text]) => `@param ${name} ${text}`),
    ...(doc.returns === undefined ? [] : [`@returns ${doc.returns}`]),
    `@context ${doc.context}`,
    `@source ${doc.source}`,
    `@differs ${doc.differs}`,
  ];
  // A comment must not end early, whatever a row says.
  return `/**\n${lines.map((line) => ` * ${line.replaceAll('*/', '*\u200b/')}`.trimEnd()).join('\n')}\n */`;
}
