// SPDX-License-Identifier: Apache-2.0
/** The key sheet behind `?`. */
import { Dialog } from 'radix-ui';
import type { ReactNode } from 'react';
import { KEYMAP } from './keymap.ts';

export function KeySheet({ open, onOpenChange }: { readonly open: boolean; readonly onOpenChange: (open: boolean) => void }): ReactNode {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="dialog-veil" />
        <Dialog.Content className="dialog" aria-describedby={undefined}>
          <Dialog.Title asChild>
            <h2>Keys</h2>
          </Dialog.Title>
          <table className="keys">
            <tbody>
              {KEYMAP.map((b) => (
                <tr key={b.keys + b.does}>
                  <th scope="row">
                    <kbd>{b.keys}</kbd>
                  </th>
                  <td>{b.does}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <div className="acts">
            <Dialog.Close className="btn">Close</Dialog.Close>
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
