// SPDX-License-Identifier: Apache-2.0
/** Be the scheduler: what was open at the step, the taken answer first; another one branches the run. The tree of runs stands below. */
import type { KeyboardEvent, ReactNode } from 'react';
import { RunsList } from '../workspace/runs-list.tsx';
import { ShapeIcon } from '../ui/glyphs.tsx';
import type { Shape } from './model.ts';
import { openAnswers, type OpenAnswer } from '../workspace/branch.ts';
import { useRun, useWorkspace, useWs } from '../workspace/context.tsx';
import { neverStarted, whyEmpty } from '../workspace/state.ts';

const KIND_WORDS: Record<string, string> = {
  step: 'who goes on', read: 'which value the load returns', drain: 'whether the store waits', deliver: 'whether the post arrives', irq: 'whether the interrupt is taken', fault: 'whether the call fails', device: 'left to the device', order: 'order of stores',
};
const KIND_SHAPE: Record<string, Shape | 'fork'> = { drain: 'mem', deliver: 'bell', irq: 'bell', fault: 'fault', device: 'dev', read: 'cpu', step: 'fork', order: 'mem' };

export function Choices(): ReactNode {
  const workspace = useWorkspace();
  const { run, trace, step } = useRun();
  const busy = useWs((s) => s.busy);
  const answers = openAnswers(trace?.event(step), (id) => trace?.names.agent(id) ?? id);
  const take = (a: OpenAnswer): void => {
    if (!a.taken) void workspace.runs.branch(step, a.question, a.answer);
  };
  const key = (e: KeyboardEvent): void => {
    const n = Number(e.key);
    const a = Number.isInteger(n) && n >= 1 && n <= 9 ? answers[n - 1] : undefined;
    if (a === undefined || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    take(a);
  };
  const nothing = trace === null || trace.length === 0 ? (run === null ? 'No run yet.' : neverStarted(run) ? 'The run did not start, so nothing was open.' : whyEmpty(run)) : 'Nothing else could have happened at this step.';
  return (
    <section className="pane full" aria-label="Open choices" data-pane="Open choices">
      <div className="head">
        <h2>Be the scheduler</h2>
        <span className="grow" />
        <span className="eyebrow">{answers.length === 0 ? '' : `${answers.length} open at step ${step}`}</span>
      </div>
      <div className="open" onKeyDown={key} tabIndex={0} role="group" aria-label={`Open at step ${step}`}>
        <p>{answers.length === 0 ? nothing : busy === 'replaying' ? 'The branch is being run.' : 'Pick another and the run branches here.'}</p>
        {answers.map((a) => (
          <button key={`${a.question}.${a.answer}`} type="button" className={`choice ${a.taken ? 'taken' : ''}`} aria-pressed={a.taken} disabled={busy === 'replaying'} onClick={() => take(a)}>
            <span>
              <ShapeIcon shape={KIND_SHAPE[a.choice.kind] ?? 'fork'} />
            </span>
            <b>{a.text}</b>
            <small>
              {a.taken ? 'taken · ' : ''}
              {KIND_WORDS[a.choice.kind] ?? a.choice.kind}
              {a.answer === 0 ? ', as in a plain run' : ''}
            </small>
          </button>
        ))}
      </div>
      <RunsList />
    </section>
  );
}
