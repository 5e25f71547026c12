// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { docMarkdown, parseDeclarations } from './declarations.ts';
import { renderMarkdown, renderWrapped } from './markdown.ts';

it('raw HTML in a lab text is shown, never run', () => {
  const html = renderMarkdown('Hello <img src=x onerror=alert(1)> <script>alert(2)</script>\n\n<div onclick="x">y</div>');
  expect(html).not.toMatch(/<(img|script|div)/);
  expect(html).toContain('&lt;script&gt;');
});
it('links that are not web addresses are only words', () => {
  expect(renderMarkdown('[a](javascript:alert(1))')).not.toContain('href');
  expect(renderMarkdown('[a](https://example.org/x)')).toContain('href="https://example.org/x"');
  expect(renderMarkdown('[a](//evil)')).not.toContain('href');
});
it('code, lists and tables come out as such', () => {
  expect(renderMarkdown('- `dma_wmb()`\n')).toContain('<code>dma_wmb()</code>');
  expect(renderMarkdown('|a|b|\n|-|-|\n|1|2|\n')).toMatch(/<th scope="col">a<\/th>[\s\S]*<td>1<\/td>/);
  expect(renderMarkdown('```ts\na < b\n```\n')).toBe('<pre tabindex="0"><code>a &lt; b</code></pre>\n');
  expect(renderWrapped('```c\nx\n```\n')).toBe('<pre><code>x</code></pre>\n');
});

it('declarations are read with module, signature and comment', () => {
  const text = `declare module 'linux/io' {
  /**
   * Posts a value.
   * @param value what
   */
  export function writel(value: number, address: iomem): void;
  export const X: 4;
}`;
  expect(parseDeclarations('linux/io.d.ts', text)).toEqual([
    { module: 'linux/io', name: 'writel', signature: 'writel(value: number, address: iomem): void', doc: 'Posts a value.\n@param value what' },
    { module: 'linux/io', name: 'X', signature: 'const X: 4', doc: '' },
  ]);
});

it('tags of a comment become a list of their own', () => {
  const html = renderMarkdown(docMarkdown('Posts a value.\n@param value what\n@returns nothing'));
  expect(html).toMatch(/<p>Posts a value\.<\/p>\s*<ul>\s*<li><em>param<\/em> value what<\/li>\s*<li><em>returns<\/em> nothing<\/li>/);
});
