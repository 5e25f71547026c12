// SPDX-License-Identifier: Apache-2.0
/** Gives components the workspace and the part of its state they read. */
import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { MachineState } from '@dmalab/core/base/state';
import type { Trace } from '../run/trace.ts';
import type { Workspace } from './controller.ts';
import { activeRun, type RunView, type WorkspaceState } from './state.ts';

const Context = createContext<Workspace | null>(null);
export const WorkspaceProvider = Context.Provider;

export function useWorkspace(): Workspace {
  const workspace = useContext(Context);
  if (workspace === null) throw new Error('no workspace around this component');
  return workspace;
}

export function useWs<T>(select: (s: WorkspaceState) => T): T {
  return useStore(useWorkspace().store, select);
}

/** The run that is looked at, and its trace as it is now: asks again whenever the trace grew. */
export function useRun(): { readonly run: RunView | null; readonly trace: Trace | null; readonly step: number; readonly grown: number } {
  const run = useWs(activeRun);
  const step = useWs((s) => s.step);
  const grown = useWs((s) => s.grown);
  return { run, trace: run?.trace ?? null, step, grown };
}

/** The machine after the current step; null before the first event. */
export function useMachine(): MachineState | null {
  const { trace, step } = useRun();
  return trace === null || trace.length === 0 || step === 0 ? null : trace.at(step);
}
