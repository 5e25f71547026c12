// SPDX-License-Identifier: Apache-2.0
/** Reads names, signatures and doc comments out of the generated declaration files, for the API page. */

export interface Declaration {
  readonly module: string;
  readonly name: string;
  readonly signature: string;
  readonly doc: string;
}

const ITEM = /(?:\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*)?(?:export\s+)(?:declare\s+)?(function|const|type|interface|class)\s+([A-Za-z_$][\w$]*)([^\n]*)/g;

export function parseDeclarations(path: string, text: string): Declaration[] {
  const found: Declaration[] = [];
  const modules = [...text.matchAll(/declare module ['"]([^'"]+)['"]/g)];
  for (const m of text.matchAll(ITEM)) {
    const at = m.index;
    const module = modules.filter((d) => d.index <= at).at(-1)?.[1] ?? path.replace(/\.d\.ts$/, '').replace(/^.*node_modules\//, '');
    const signature = `${m[2] === 'function' ? '' : `${m[2]} `}${m[3]}${m[4] ?? ''}`.replace(/\s*[;{]?\s*$/, '');
    found.push({ module, name: m[3]!, signature, doc: cleanComment(m[1] ?? '') });
  }
  return found;
}

function cleanComment(raw: string): string {
  return raw
    .split('\n')
    .map((l) => l.replace(/^\s*\*?\s?/, '').trimEnd())
    .join('\n')
    .trim();
}

/** Tags of a doc comment (`@param size bytes`) as a list, so that they read as the editor shows them. */
export function docMarkdown(doc: string): string {
  return doc.replace(/^@(\w+)[ \t]*/gm, (_, tag: string) => `- *${tag}* `).replace(/([^\n])\n- \*/, '$1\n\n- *');
}
