// SPDX-License-Identifier: Apache-2.0
/** The IOMMU formats of `dmalab oracle`: a line a disagreement, and whether there was none. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describeSummary } from '@dmalab/litmus/oracle';
import { compareIommu, COMPANIONS, describeIommu, type IommuSummary } from '@dmalab/litmus/iommu/oracle';
import { bar, progressLine } from './context.ts';

/** @returns the counts; everything that is no agreement has been printed */
export async function runIommuFile(file: string, text: string): Promise<IommuSummary & { readonly line: string }> {
  const companions = await Promise.all(COMPANIONS.map((name) => readFile(join(dirname(file), name), 'utf8').catch(() => '')));
  const progress = progressLine();
  const total = text.split('\n').length;
  const summary = compareIommu(text, companions, (comparison, done) => {
    if (done % 64 === 0) progress.show(`${file} ${bar(done, total)}`);
    if (comparison.kind === 'agrees') return;
    progress.clear();
    process.stdout.write(`${describeIommu(comparison)}\n`);
  });
  progress.clear();
  return { ...summary, line: describeSummary({ ...summary, executions: 0, dead: 0 }) };
}
