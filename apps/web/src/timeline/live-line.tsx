// SPDX-License-Identifier: Apache-2.0
/** The sentence of the step: the page's one polite live region, at most every 500 ms while playing or streaming. */
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { because } from '../trace/words.ts';
import { useRun } from '../workspace/context.tsx';
import { neverStarted, whyEmpty } from '../workspace/state.ts';

const EVERY_MS = 500;

export function useLiveSentence(): { readonly text: string; readonly why: string } {
  const { trace, step } = useRun();
  const e = trace?.event(step);
  const text = trace === null || e === undefined ? '' : trace.sentence(step);
  return { text, why: e === undefined ? '' : because(e) };
}

function useThrottled(text: string): string {
  const [shown, setShown] = useState(text);
  const last = useRef(0);
  useEffect(() => {
    const wait = Math.max(0, last.current + EVERY_MS - performance.now());
    const timer = setTimeout(() => {
      last.current = performance.now();
      setShown(text);
    }, wait);
    return () => clearTimeout(timer);
  }, [text]);
  return shown;
}

export function LiveLine(): ReactNode {
  const { text, why } = useLiveSentence();
  const { run } = useRun();
  const spoken = useThrottled(text);
  return (
    <div className="live">
      <b>{text === '' ? (run === null ? 'No run yet.' : neverStarted(run) ? 'The run did not start.' : whyEmpty(run)) : `${text}.`}</b>
      {why !== '' && <span>{why}</span>}
      <span className="grow" />
      <span className="eyebrow">F11 step · Shift F11 back · ? all keys</span>
      <span className="vh" aria-live="polite" data-live>
        {spoken === '' ? '' : `${spoken}.`}
      </span>
    </div>
  );
}
