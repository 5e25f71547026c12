// SPDX-License-Identifier: Apache-2.0
/** Lab texts are Markdown. Raw HTML in them is shown as text, so a text can never bring a script or a form along. */
import { Marked } from 'marked';

const escape = (s: string): string => s.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

const marked = new Marked({
  gfm: true,
  renderer: {
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
