// SPDX-License-Identifier: Apache-2.0
/** Monaco's colours, taken from the tokens as the document has them now, so there is one source for every theme. */
import type * as Monaco from 'monaco-editor/editor';
import type { Theme } from '../theme/theme.ts';

type Api = typeof Monaco;

export function defineTheme(monaco: Api, theme: Theme): string {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => sixDigits(style.getPropertyValue(`--${name}`).trim());
  const bare = (name: string): string => token(name).replace('#', '');
  const id = `dmalab-${theme}`;
  monaco.editor.defineTheme(id, {
    base: theme === 'dark' ? 'vs-dark' : theme === 'contrast' ? 'hc-light' : 'vs',
    inherit: true,
    rules: [
      { token: '', foreground: bare('ink') },
      { token: 'keyword', foreground: bare('c-key') },
      { token: 'string', foreground: bare('c-str') },
      { token: 'comment', foreground: bare('c-com'), fontStyle: 'italic' },
      { token: 'number', foreground: bare('c-num') },
      { token: 'type', foreground: bare('c-fn') },
      { token: 'identifier', foreground: bare('ink') },
      { token: 'delimiter', foreground: bare('ink') },
    ],
    colors: {
      'editor.background': token('pane'),
      'editor.foreground': token('ink'),
      'editorLineNumber.foreground': token('ink-3'),
      'editorLineNumber.activeForeground': token('ink'),
      'editor.lineHighlightBorder': token('hair'),
      'editorGutter.background': token('pane'),
      'editorCursor.foreground': token('ink'),
      'editorWidget.background': token('raised'),
      'editorHoverWidget.background': token('raised'),
      focusBorder: token('focus'),
    },
  });
  return id;
}

/** A build may shorten `#ffffff` to `#fff`; Monaco takes six digits only. */
export function sixDigits(colour: string): string {
  return /^#[0-9a-f]{3}$/i.test(colour) ? `#${[...colour.slice(1)].map((c) => c + c).join('')}` : colour;
}
