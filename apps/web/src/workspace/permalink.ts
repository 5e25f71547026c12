// SPDX-License-Identifier: Apache-2.0
/** A link to this step of this run, put on the clipboard and into the address bar. */
import { labPath } from '../router.ts';
import type { Workspace } from './controller.ts';
import { activeRun } from './state.ts';

export function linkOf(workspace: Workspace): string {
  const s = workspace.store.getState();
  const run = activeRun(s);
  if (s.lab === null) return location.href;
  const path = labPath(s.lab.manifest.id, run === null ? { profile: s.profile } : { profile: run.profile, workload: run.workload, token: run.token, step: s.step });
  return location.origin + path;
}

export async function copyLink(workspace: Workspace): Promise<void> {
  const link = linkOf(workspace);
  history.replaceState(null, '', link);
  try {
    await navigator.clipboard.writeText(link);
  } catch {
    // no clipboard without a secure origin: the address bar holds the link
  }
}
