// SPDX-License-Identifier: Apache-2.0
/** Tabs of a pane: a heading row with the triggers and one panel below. Keyboard and roles come from Radix. */
import { Tabs as Radix } from 'radix-ui';
import type { ReactNode } from 'react';

export interface TabSpec {
  readonly id: string;
  readonly label: ReactNode;
  readonly panel: ReactNode;
}
export interface TabbedPaneProps {
  readonly name: string;
  readonly className?: string;
  readonly tabs: readonly TabSpec[];
  readonly value: string;
  readonly onChange: (id: string) => void;
  /** Stands before the tabs. */
  readonly title?: string;
  /** Stands at the right end of the heading row. */
  readonly aside?: ReactNode;
  /** Below the panel, whichever tab is open. */
  readonly foot?: ReactNode;
}

export function TabbedPane({ name, className, tabs, value, onChange, title, aside, foot }: TabbedPaneProps): ReactNode {
  const open = tabs.some((t) => t.id === value) ? value : (tabs[0]?.id ?? '');
  return (
    <section className={`pane full ${className ?? ''}`} aria-label={name} data-pane={name}>
      <Radix.Root value={open} onValueChange={onChange} asChild>
        <div className="pane full">
          <div className="head">
            {title !== undefined && <h2>{title}</h2>}
            <Radix.List className="tabs" aria-label={name}>
              {tabs.map((t) => (
                <Radix.Trigger key={t.id} value={t.id} className="tab">
                  {t.label}
                </Radix.Trigger>
              ))}
            </Radix.List>
            <span className="grow" />
            {aside}
          </div>
          {tabs.map((t) => (
            <Radix.Content key={t.id} value={t.id} className="pane" style={t.id === open ? { flex: 1 } : { display: 'none' }} tabIndex={-1}>
              {t.panel}
            </Radix.Content>
          ))}
          {foot}
        </div>
      </Radix.Root>
    </section>
  );
}
