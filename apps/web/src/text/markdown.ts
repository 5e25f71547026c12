// SPDX-License-Identifier: Apache-2.0
/** Lab texts are Markdown. Raw HTML in them is shown as text, so a text can never bring a script or a form along. */
import { Marked } from 'marked';

const escape = (s: string): string => s.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

const marked = new Marked({
  gfm: true,
  renderer: {
    // Listings may be wider than their pane: keyboards scroll what they can focus.
    code: ({ text }) => `<pre tabindex="0"><code>${escape(text)}</code></pre>\n`,
    tablecell({ header, align, tokens }) {
      const style = align === null ? '' : ` align="${align}"`;
      const inner = this.parser.parseInline(tokens);
      return header ? `<th scope="col"${style}>${inner}</th>\n` : `<td${style}>${inner}</td>\n`;
    },
    html: ({ text }) => escape(text),
    link({ href, tokens }) {
      const inner = this.parser.parseInline(tokens);
      return /^(https?:|#|\/(?!\/))/.test(href) ? `<a href="${escape(href)}">${inner}</a>` : inner;
    },
    image: ({ text }) => escape(text),
  },
});

export function renderMarkdown(text: string): string {
  return marked.parse(text, { async: false });
}

/** As `renderMarkdown`, for places where listings wrap instead of scrolling and need no stop of their own. */
export function renderWrapped(text: string): string {
  return renderMarkdown(text).replaceAll('<pre tabindex="0">', '<pre>');
}
