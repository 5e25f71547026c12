// SPDX-License-Identifier: Apache-2.0
/** The place that is looked at, kept in the address: what is changed here is written there, and the other way round. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { linkOf, placeOf, type Place } from './link.ts';

const BEGINNING: Place = { source: { kind: 'example', id: 'vtd-unmapped' }, edits: [], step: 0, at: null };

export function usePlace(): { readonly place: Place; readonly ready: boolean; /** How often the address was read. */ readonly reads: number; readonly move: (to: Partial<Place>) => void } {
  const [place, setPlace] = useState(BEGINNING);
  const [ready, setReady] = useState(location.hash.length < 2);
  const [reads, setReads] = useState(0);
  const written = useRef('');
  useEffect(() => {
    const read = async (): Promise<void> => {
      const { hash } = location;
      if (hash === written.current) return setReady(true);
      const found = await placeOf(hash);
      if (found !== null) {
        setPlace(found);
        setReads((n) => n + 1);
      }
      setReady(true);
    };
    const listen = (): void => void read();
    listen();
    addEventListener('hashchange', listen);
    return () => removeEventListener('hashchange', listen);
  }, []);
  useEffect(() => {
    if (!ready || place === BEGINNING) return;
    let late = false;
    void linkOf(place).then((hash) => {
      if (late || hash === location.hash) return;
      written.current = hash;
      history.replaceState(null, '', hash);
    });
    return () => void (late = true);
  }, [place, ready]);
  const move = useCallback((to: Partial<Place>) => setPlace((before) => ({ ...before, ...to })), []);
  return { place, ready, reads, move };
}
