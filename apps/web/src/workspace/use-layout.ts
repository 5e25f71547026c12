// SPDX-License-Identifier: Apache-2.0
/** Which of the four layouts fits, and whether the console has room of its own. */
import { useSyncExternalStore } from 'react';

export type Layout = 'wide' | 'middle' | 'column' | 'phone';

export function layoutFor(width: number): Layout {
  return width >= 1440 ? 'wide' : width >= 1100 ? 'middle' : width >= 640 ? 'column' : 'phone';
}

const subscribe = (listener: () => void): (() => void) => {
  addEventListener('resize', listener);
  return () => removeEventListener('resize', listener);
};

export function useLayout(): { readonly layout: Layout; readonly low: boolean } {
  const key = useSyncExternalStore(subscribe, () => `${layoutFor(innerWidth)}:${innerHeight < 960 ? 'low' : 'high'}`);
  const [layout, height] = key.split(':') as [Layout, string];
  return { layout, low: height === 'low' };
}
