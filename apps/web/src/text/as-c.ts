// SPDX-License-Identifier: Apache-2.0
/** The kernel calls of a driver as C declares them, with the lines that make them. Read from the declarations' own comments. Pure. */
import type { Declaration } from './declarations.ts';

export interface CallInC {
  readonly name: string;
  /** `linux/dma-mapping`: the header it is declared in. */
  readonly module: string;
  readonly prototype: string;
  /** Lines of the driver that call it, from 1; empty when it is only imported. */
  readonly lines: readonly number[];
}

const IMPORT = /^\s*import\s+(?:type\s+)?\{([^}]*)\}\s*from\s*['"]([^'"]+)['"]/gm;
const STRING = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
const STRING_OR_COMMENT = new RegExp(`${STRING.source}|/\\*[\\s\\S]*?\\*/|//[^\\n]*`, 'g');
const PROTOTYPE = /^```c\n([\s\S]*?)\n```/;

/** In the order in which the driver first calls them; what it does not call goes last. */
export function callsInC(source: string, declarations: readonly Declaration[]): CallInC[] {
  const code = withoutComments(source);
  const bare = code.replace(STRING, (all) => all.replace(/[^\n]/g, ' '));
  const calls = [...code.matchAll(IMPORT)].flatMap(([, names = '', module = '']) =>
    names.split(',').flatMap((part): CallInC[] => {
      const [name = '', local = name] = part.trim().replace(/^type\s+/, '').split(/\s+as\s+/);
      const prototype = declarations.filter((d) => d.module === module && d.name === name).map((d) => PROTOTYPE.exec(d.doc)?.[1]).find((p) => p !== undefined);
      return prototype === undefined ? [] : [{ name, module, prototype, lines: linesOf(bare, local) }];
    }),
  );
  const first = (c: CallInC): number => c.lines[0] ?? Infinity;
  return calls.sort((a, b) => (first(a) === first(b) ? 0 : first(a) - first(b)));
}

function linesOf(bare: string, name: string): number[] {
  const call = new RegExp(`(?<![\\w$.])${name.replace(/\$/g, '\\$')}\\s*\\(`);
  return bare.split('\n').flatMap((line, i) => (call.test(line) ? [i + 1] : []));
}

/** Comments become blanks, so that line numbers stay. Strings are left alone. */
function withoutComments(source: string): string {
  return source.replace(STRING_OR_COMMENT, (all) => (all.startsWith('/') ? all.replace(/[^\n]/g, ' ') : all));
}
