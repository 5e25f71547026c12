// SPDX-License-Identifier: Apache-2.0
/** Submit asks once; then the place in the queue, and the result by checks. */
import { Dialog } from 'radix-ui';
import type { ReactNode } from 'react';
import type { Report } from '@dmalab/contracts/report';
import { Icon } from '../ui/icons.tsx';
import { useWorkspace, useWs } from './context.tsx';

export function SubmitDialog(): ReactNode {
  const workspace = useWorkspace();
  const submission = useWs((s) => s.submission);
  const lab = useWs((s) => s.lab);
  if (submission === null || lab === null) return null;
  const working = submission.state === 'sending' || submission.state === 'queued' || submission.state === 'running';
  return (
    <Dialog.Root open onOpenChange={(open) => !open && workspace.submissions.dismiss()}>
      <Dialog.Portal>
        <Dialog.Overlay className="dialog-veil" />
        <Dialog.Content className="dialog" aria-describedby={undefined} onEscapeKeyDown={(e) => working && e.preventDefault()} onPointerDownOutside={(e) => e.preventDefault()}>
          <Dialog.Title asChild>
            <h2>{submission.state === 'asking' ? `Submit ${lab.manifest.driver.file}?` : submission.state === 'done' ? 'Result' : submission.state === 'failed' ? 'Not graded' : 'Submitted'}</h2>
          </Dialog.Title>
          {submission.state === 'asking' && <p>The text as it stands is graded on every profile of this lab, with workloads you do not see. The result is kept.</p>}
          {working && (
            <p role="status">
              {submission.state === 'sending' ? 'The text is being sent.' : submission.state === 'queued' ? (submission.position === null ? 'It waits in the queue.' : submission.position === 0 ? 'It is next in the queue.' : `${submission.position} before it in the queue.`) : 'It is being graded.'}
            </p>
          )}
          {submission.state === 'failed' && <p role="alert">{submission.error}</p>}
          {submission.state === 'done' && submission.report !== null && <Result report={submission.report} />}
          <div className="acts">
            {submission.state === 'asking' && (
              <>
                <Dialog.Close className="btn">Not yet</Dialog.Close>
                <button type="button" className="btn main" onClick={() => void workspace.submissions.confirm()}>
                  Submit
                </button>
              </>
            )}
            {(submission.state === 'done' || submission.state === 'failed') && <Dialog.Close className="btn main">Close</Dialog.Close>}
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Result({ report }: { readonly report: Report }): ReactNode {
  if (!report.gradable) {
    return (
      <>
        <p role="status">It could not be graded, and this costs no attempt.</p>
        <ul className="checks">
          {report.diagnostics.map((d, i) => (
            <li key={i}>
              <span className="v-ink">
                <Icon name="error" />
              </span>
              <span>
                {d.file}:{d.line}: {d.message}
              </span>
              <span />
            </li>
          ))}
        </ul>
      </>
    );
  }
  return (
    <>
      <p role="status" data-points={report.points.earned}>
        <b>
          {report.points.earned} of {report.points.possible} points.
        </b>
        {report.hidden !== null && (report.hidden.passed ? ' Every hidden workload passed.' : ` Hidden workloads: ${[...new Set(report.hidden.classes)].join(', ')}.`)}
      </p>
      <ul className="checks">
        {report.checks.map((c) => (
          <li key={c.id}>
            <span className={c.status === 'passed' ? 'v-good' : c.status === 'failed' ? 'v-bad' : 'v-ink'}>
              <Icon name={c.status === 'passed' ? 'ok' : c.status === 'failed' ? 'no' : 'error'} />
              <span className="vh">{c.status}:</span>
            </span>
            <span>{c.title}</span>
            <span>
              {c.earned} / {c.points}
            </span>
            {c.status !== 'passed' && (c.hint ?? c.detail) !== '' && <small>{c.hint ?? c.detail}</small>}
          </li>
        ))}
      </ul>
    </>
  );
}
