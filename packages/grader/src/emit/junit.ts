// SPDX-License-Identifier: Apache-2.0
/**
 * JUnit XML of a report. A `failure` is the student's, an `error` ours or the
 * author's. No wall times: the report has none.
 */
import type { Report, Run } from '@dmalab/contracts/report';
import { verdictWords } from './text.ts';

/** XML 1.0 allows no other control characters, escaped or not. */
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;', '\n': '&#10;', '\t': '&#9;', '\r': '&#13;' };
const attribute = (text: string): string => text.replace(FORBIDDEN, '�').replace(/[&<>"'\n\t\r]/g, (c) => ESCAPES[c] ?? c);
const content = (text: string): string => text.replace(FORBIDDEN, '�').replace(/[&<>]/g, (c) => ESCAPES[c] ?? c);

interface Case {
  readonly xml: string;
  readonly outcome: 'passed' | 'failure' | 'error';
}

/** Well-formed XML in the dialect Jenkins, GitLab and GitHub actions read. */
export function junit(report: Report): string {
  const checks = report.gradable ? report.checks.map((check): Case => {
    const open = `<testcase classname="${attribute(report.lab.id)}.checks" name="${attribute(check.title)}">`;
    if (check.status === 'passed') return { xml: `${open}</testcase>`, outcome: 'passed' };
    const outcome = check.status === 'failed' ? 'failure' : 'error';
    return { xml: `${open}<${outcome} message="${attribute(check.detail)}" type="${attribute(check.id)}">${content(`${check.earned} of ${check.points} points. ${check.detail}`)}</${outcome}></testcase>`, outcome };
  }) : [notGraded(report)];
  const runs = report.runs.map((run) => runCase(report, run));
  const properties = Object.entries({ lab: report.lab.hash, engine: report.engine.hash, submission: report.submission.hash, audience: report.audience, points: `${report.points.earned}/${report.points.possible}` });
  const suites = [suite(`${report.lab.id}.checks`, checks, properties), ...(runs.length > 0 ? [suite(`${report.lab.id}.runs`, runs, [])] : [])];
  const all = [...checks, ...runs];
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="${attribute(report.lab.id)}" ${counts(all)}>\n${suites.join('\n')}\n</testsuites>\n`;
}

function notGraded(report: Report): Case {
  const text = report.diagnostics.filter((d) => d.severity === 'error').map((d) => `${d.file}:${d.line}:${d.column}: ${d.message}`).join('\n');
  const [first] = report.diagnostics;
  const place = first === undefined ? '' : ` file="${attribute(first.file)}" line="${first.line}"`;
  return { xml: `<testcase classname="${attribute(report.lab.id)}" name="compiles"${place}><error message="not graded" type="not-gradable">${content(text)}</error></testcase>`, outcome: 'error' };
}

function runCase(report: Report, run: Run): Case {
  const site = run.finding?.second ?? run.finding?.first ?? null;
  const place = site === null ? '' : ` file="${attribute(site.file)}" line="${site.line}"`;
  const open = `<testcase classname="${attribute(report.lab.id)}.runs.${attribute(run.profile)}" name="${attribute(run.title)}"${place}>`;
  if (run.verdict.kind === 'error') return { xml: `${open}<error message="${attribute(run.verdict.message)}" type="error"></error></testcase>`, outcome: 'error' };
  if (run.failed.length === 0) return { xml: `${open}</testcase>`, outcome: 'passed' };
  const message = run.finding?.sentence ?? `failed: ${run.failed.join(', ')}`;
  const body = run.finding === null ? verdictWords(run.verdict) : [verdictWords(run.verdict), ...run.finding.diagram, `token: ${run.finding.token}`].join('\n');
  return { xml: `${open}<failure message="${attribute(message)}" type="${attribute(run.finding?.rule ?? run.failed[0] ?? 'check')}">${content(body)}</failure></testcase>`, outcome: 'failure' };
}

const counts = (cases: readonly Case[]): string => `tests="${cases.length}" failures="${cases.filter((c) => c.outcome === 'failure').length}" errors="${cases.filter((c) => c.outcome === 'error').length}" skipped="0"`;

function suite(name: string, cases: readonly Case[], properties: readonly (readonly [string, string])[]): string {
  const props = properties.length === 0 ? '' : `<properties>${properties.map(([key, value]) => `<property name="${attribute(key)}" value="${attribute(value)}"/>`).join('')}</properties>\n`;
  return `<testsuite name="${attribute(name)}" ${counts(cases)}>\n${props}${cases.map((c) => c.xml).join('\n')}\n</testsuite>`;
}
