// SPDX-License-Identifier: Apache-2.0
/** The command palette: type a few letters, Enter does it. */
import { Dialog } from 'radix-ui';
import { useState, type KeyboardEvent, type ReactNode } from 'react';
import { go } from '../router.ts';
import { useTheme } from '../theme/theme.ts';
import { useWorkspace } from '../workspace/context.tsx';
import { commandsOf, matching, type Command } from './commands.ts';
import { act, type Sheet } from './use-keys.ts';

export function Palette({ open, onOpenChange, show }: { readonly open: boolean; readonly onOpenChange: (open: boolean) => void; readonly show: (sheet: Sheet) => void }): ReactNode {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="dialog-veil" />
        <Dialog.Content className="dialog palette" aria-describedby={undefined}>
          <Dialog.Title className="vh">Commands</Dialog.Title>
          <Search close={() => onOpenChange(false)} show={show} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Search({ close, show }: { readonly close: () => void; readonly show: (sheet: Sheet) => void }): ReactNode {
  const workspace = useWorkspace();
  const nextTheme = useTheme((s) => s.next);
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  // What there is when it opens; nothing else happens meanwhile that could be chosen.
  const [all] = useState(() => commandsOf(workspace.store.getState(), { workspace, act: (action) => act(action, workspace, show), nextTheme, home: () => go('/') }));
  const found = matching(all, typed);
  const chosen = Math.min(at, found.length - 1);
  const take = (command: Command | undefined): void => {
    if (command === undefined) return;
    close();
    command.run();
  };
  const key = (e: KeyboardEvent): void => {
    const by = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
    if (e.key === 'Enter') take(found[chosen]);
    else if (by !== 0 && found.length > 0) {
      const next = (chosen + by + found.length) % found.length;
      setAt(next);
      document.getElementById(`command-${next}`)?.scrollIntoView({ block: 'nearest' });
    } else return;
    e.preventDefault();
  };
  return (
    <>
      <input
        className="api-find"
        role="combobox"
        aria-label="Command"
        aria-expanded="true"
        aria-controls="commands"
        aria-activedescendant={found.length === 0 ? undefined : `command-${chosen}`}
        placeholder="Type a command"
        autoComplete="off"
        spellCheck={false}
        value={typed}
        onChange={(e) => {
          setTyped(e.target.value);
          setAt(0);
        }}
        onKeyDown={key}
      />
      <div id="commands" role="listbox" aria-label="Commands">
        {found.map((c, i) => (
          <button key={`${i} ${c.words}`} id={`command-${i}`} type="button" role="option" tabIndex={-1} aria-selected={i === chosen} onClick={() => take(c)} onMouseMove={() => setAt(i)}>
            {c.words}
            <span className="grow" />
            {c.keys !== '' && <kbd>{c.keys}</kbd>}
          </button>
        ))}
      </div>
      {found.length === 0 && <p role="status">No command has these words.</p>}
    </>
  );
}
