// SPDX-License-Identifier: Apache-2.0
/** First, back, where we are, step, last. Step back is a seek, never an undo of the driver. */
import type { ReactNode } from 'react';
import { Icon, type IconName } from '../ui/icons.tsx';
import { useRun, useWorkspace } from '../workspace/context.tsx';

export function StepButton({ icon, label, onClick, disabled = false }: { readonly icon: IconName; readonly label: string; readonly onClick: () => void; readonly disabled?: boolean }): ReactNode {
  return (
    <button type="button" className="btn icon quiet" aria-label={label} title={label} onClick={onClick} disabled={disabled}>
      <Icon name={icon} />
    </button>
  );
}

export function Transport(): ReactNode {
  const workspace = useWorkspace();
  const { run, trace, step } = useRun();
  const last = trace?.length ?? 0;
  const none = last === 0;
  return (
    <div className="transport">
      <StepButton icon="first" label="First step" disabled={none} onClick={() => workspace.seek(1)} />
      <StepButton icon="back" label="Step back" disabled={none} onClick={() => workspace.stepBy(-1)} />
      <output aria-live="off" data-step={step}>
        {none ? (run === null ? 'No run yet' : run.ended === null ? 'Starting' : 'No steps') : `Step ${step} of ${last}`}
      </output>
      <StepButton icon="forward" label="Step" disabled={none} onClick={() => workspace.stepBy(1)} />
      <StepButton icon="last" label="Last step" disabled={none} onClick={() => workspace.seek(last)} />
    </div>
  );
}
