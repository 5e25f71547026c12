// SPDX-License-Identifier: Apache-2.0
/** A report as people read it in a terminal: the sentence first, then where, the interleaving, and how to see it again. */
import { isRule, type Finding, type Report, type Run, type Verdict } from '@dmalab/contracts/report';

export interface TextOptions {
  /** The folder or file that was graded, for the replay command. */
  readonly submission: string;
  readonly lab: string;
  readonly color: boolean;
}

const MARKS: Record<Verdict['kind'], string> = { violated: '✗', complete: '✓', bounded: '◐', sampled: '◌', error: '!' };
const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

/** `complete: 5 executions, ring of 2.` and so on: a verdict is always its word, with its counts. */
export function verdictWords(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'violated':
      return `violated at execution ${verdict.executions}`;
    case 'complete':
      return `complete: ${verdict.executions} executions, ${verdict.within}`;
    case 'bounded':
      return `bounded(${verdict.k}): no violation in ${verdict.executions} executions, ${verdict.within}. Longer schedules were not tried`;
    case 'sampled':
      return `sampled(${verdict.n}): no violation seen. This proves nothing about the rest`;
    case 'error':
      return `error: ${verdict.message}`;
  }
}

export function reportText(report: Report, options: TextOptions): string {
  const paint = (code: keyof typeof CODES, text: string): string => (options.color ? `\u001b[${CODES[code]}m${text}\u001b[0m` : text);
  const lines: string[] = [];
  const { earned, possible } = report.points;
  lines.push(paint('bold', report.gradable ? `${report.lab.title}: ${earned} of ${possible} points` : `${report.lab.title}: not graded. This costs no attempt.`));
  if (report.withoutHidden) lines.push('Graded without the hidden workloads: they are not in this folder.');
  for (const d of report.diagnostics) lines.push(`${d.file}:${d.line}:${d.column}: ${d.severity}: ${d.message}`);
  if (!report.gradable) return `${lines.join('\n')}\n`;

  lines.push('');
  const width = Math.max(...report.checks.map((check) => check.title.length));
  for (const check of report.checks) {
    const mark = check.status === 'passed' ? paint('green', '✓') : check.status === 'failed' ? paint('red', '✗') : paint('yellow', '!');
    lines.push(`${mark} ${check.title.padEnd(width)}  ${String(check.earned).padStart(3)} / ${check.points}${check.status === 'passed' ? '' : `  ${check.detail}`}`);
    if (check.status !== 'passed' && check.hint !== null) lines.push(...paragraph(`hint: ${check.hint}`).map((line) => paint('dim', `  ${line}`)));
  }
  lines.push('');
  const shown = new Set<string>();
  for (const run of report.runs) lines.push(...runLines(run, shown, options, paint));
  if (report.hidden !== null) lines.push(report.hidden.passed ? `${paint('green', '✓')} hidden workloads` : `${paint('red', '✗')} hidden workloads: ${report.hidden.classes.join(', ')}`);
  return `${lines.join('\n')}\n`;
}

function runLines(run: Run, shown: Set<string>, options: TextOptions, paint: (code: keyof typeof CODES, text: string) => string): string[] {
  const tint = run.verdict.kind === 'violated' || run.verdict.kind === 'error' ? 'red' : run.verdict.kind === 'complete' ? 'green' : 'yellow';
  const head = `${paint(tint, MARKS[run.verdict.kind])} ${run.profile.padEnd(9)} ${run.workload}${run.visibility === 'hidden' ? ' (hidden)' : ''}: ${verdictWords(run.verdict)}`;
  if (run.finding === null) return [head];
  // The same two lines of code, broken in the same way, are drawn once.
  const key = JSON.stringify([run.finding.rule, run.finding.first, run.finding.second]);
  if (shown.has(key)) return [head, `    ${run.finding.rule} as above. See it: ${replayCommand(run.finding, options)}`];
  shown.add(key);
  return [head, ...findingLines(run.finding, options, paint)];
}

const replayCommand = (finding: Finding, options: TextOptions): string => `npx dmalab replay ${finding.token} ${options.lab} --submission ${options.submission}`;

/** Lines of at most 96 characters. */
function paragraph(text: string): string[] {
  const lines = [''];
  for (const word of text.split(/\s+/)) {
    const last = lines[lines.length - 1] ?? '';
    if (last !== '' && last.length + 1 + word.length > 96) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}

function findingLines(finding: Finding, options: TextOptions, paint: (code: keyof typeof CODES, text: string) => string): string[] {
  const at = (site: Finding['first']): string => (site === null ? 'not in the driver' : `${site.file}:${site.line}:${site.column}`);
  return [
    '',
    `  ${paint('bold', finding.sentence)}`,
    `  ${finding.rule} · ① ${at(finding.first)} · ② ${at(finding.second)} · step ${finding.step} of ${finding.steps}${finding.missing === '' ? '' : ` · missing: ${finding.missing}()`}`,
    ...(isRule(finding.rule) ? [paint('dim', `  rests on ${finding.evidence === 'our choice' ? 'our choice' : finding.evidence === 'oracle' ? 'an oracle' : 'a cited section'}: ${finding.source}`)] : []),
    '',
    ...finding.diagram.map((line) => `    ${line}`),
    '',
    `  see it again: ${replayCommand(finding, options)}`,
    '',
  ];
}
