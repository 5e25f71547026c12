// SPDX-License-Identifier: Apache-2.0
/** `dmalab grade` as CI uses it: the exit code says whether there is a verdict, the files say which. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Report } from '@dmalab/contracts/report';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { dmalab, smallLab } from '../support/cli.ts';
import { type Folder, temporaryFolder } from '../support/repo.ts';

let place: Folder;
let lab: string;
let solution: string;
let starter: string;

beforeAll(() => {
  place = temporaryFolder();
  lab = smallLab(join(place.path, 'labs'));
  solution = join(lab, 'solution');
  starter = join(lab, 'starter', 'driver.ts');
});
afterAll(() => place.remove());

const out = (name: string): string => join(place.path, name);
const report = (name: string): Report => Report.parse(JSON.parse(readFileSync(out(name), 'utf8')));

/** What a real XML parser makes of a file: its test cases with their outcomes, or the parser's complaint. */
async function parseXml(text: string): Promise<{ error: string; tests: number; cases: { name: string; outcome: string }[] }> {
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    return await page.evaluate((xml) => {
      const parsed = new DOMParser().parseFromString(xml, 'text/xml');
      const cases = [...parsed.querySelectorAll('testcase')].map((c) => ({ name: c.getAttribute('name') ?? '', outcome: c.firstElementChild?.tagName ?? 'passed' }));
      return { error: parsed.querySelector('parsererror')?.textContent ?? '', tests: Number(parsed.documentElement.getAttribute('tests')), cases };
    }, text);
  } finally {
    await browser.close();
  }
}

describe('a right driver', () => {
  it('has full marks, exit code 0 even when strict, and files that say so', async () => {
    const { code, stdout } = await dmalab('grade', lab, '--submission', solution, '--strict', '--json', out('right.json'), '--junit', out('right.xml'));
    expect({ code, first: stdout.split('\n')[0] }).toEqual({ code: 0, first: 'small: 100 of 100 points' });
    expect(report('right.json')).toMatchObject({ audience: 'staff', gradable: true, withoutHidden: false, points: { earned: 100, possible: 100 } });
    const xml = await parseXml(readFileSync(out('right.xml'), 'utf8'));
    expect(xml).toMatchObject({ error: '', tests: xml.cases.length });
    expect(xml.cases.length).toBeGreaterThan(4);
    expect(xml.cases.map((c) => c.outcome)).toEqual(xml.cases.map(() => 'passed'));
  });
});

describe('a wrong driver', () => {
  it('is graded, which is success; below full marks is a failure only when strict', async () => {
    const [lax, strict] = await Promise.all([dmalab('grade', lab, '--submission', starter, '--json', out('lax.json')), dmalab('grade', lab, '--submission', starter, '--strict', '--json', out('strict.json'), '--junit', out('wrong.xml'))]);
    expect([lax.code, strict.code]).toEqual([0, 1]);
    expect(readFileSync(out('strict.json'), 'utf8')).toBe(readFileSync(out('lax.json'), 'utf8'));
    const { points, checks } = report('strict.json');
    expect(points.earned).toBeLessThan(100);
    expect(checks.filter((c) => c.status === 'failed').map((c) => c.id)).toEqual(expect.arrayContaining(['errors-tested', 'nothing-left']));

    const xml = await parseXml(readFileSync(out('wrong.xml'), 'utf8'));
    expect(xml.error).toBe('');
    expect(xml.cases.filter((c) => c.outcome === 'failure').map((c) => c.name)).toEqual(expect.arrayContaining(['A failed mapping is noticed', 'Nothing stays mapped']));
    expect(xml.cases.some((c) => c.outcome === 'passed')).toBe(true);
  });

  it('reads as a sentence, both halves, the interleaving and a command that shows it again', async () => {
    const { stdout } = await dmalab('grade', lab, '--submission', starter);
    expect(stdout).toMatch(/✗ A failed mapping is noticed +0 \/ 40/);
    expect(stdout).toMatch(/driver\.ts:\d+:\d+/);
    const [, command = ''] = /(npx dmalab replay d1\.\S+ \S+ --submission \S+)/.exec(stdout) ?? [];
    const [, , ...args] = command.split(' ');
    const shown = await dmalab(...args);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/^(DD|X)\w+ at step \d+: /m);
  });

  it('of a student shows nothing of the hidden workloads but their class', async () => {
    const { code, stdout } = await dmalab('grade', lab, '--submission', starter, '--audience', 'student', '--json', out('student.json'));
    expect(code).toBe(0);
    const text = stdout + readFileSync(out('student.json'), 'utf8');
    expect(text).not.toMatch(/long-text|A longer text/);
    expect(report('student.json')).toMatchObject({ audience: 'student', hidden: { passed: false, classes: expect.arrayContaining(['violated']) } });
  });
});

describe('text that does not compile', () => {
  it('is not graded: exit code 4, the line, and an error in both files', async () => {
    const broken = out('broken.ts');
    writeFileSync(broken, readFileSync(starter, 'utf8').replace('wait_for_completion(c.done);', 'wait_for_completion(c.done;'));
    const line = readFileSync(broken, 'utf8').split('\n').findIndex((l) => l.includes('(c.done;')) + 1;
    const { code, stdout } = await dmalab('grade', lab, '--submission', broken, '--strict', '--json', out('broken.json'), '--junit', out('broken.xml'));
    expect(code).toBe(4);
    expect(stdout).toContain('small: not graded. This costs no attempt.');
    expect(stdout).toMatch(new RegExp(`^driver\\.ts:${line}:\\d+: error: `, 'm'));
    expect(report('broken.json')).toMatchObject({ gradable: false, points: { earned: 0 }, diagnostics: [{ file: 'driver.ts', line, severity: 'error' }] });
    const xml = await parseXml(readFileSync(out('broken.xml'), 'utf8'));
    expect(xml).toEqual({ error: '', tests: 1, cases: [{ name: 'compiles', outcome: 'error' }] });
  });

  it('that types cannot be blanked from is refused with the reason', async () => {
    const unerasable = out('enum.ts');
    writeFileSync(unerasable, `${readFileSync(starter, 'utf8')}\nenum Colour { red }\n`);
    const { code, stdout } = await dmalab('grade', lab, '--submission', unerasable);
    expect(code).toBe(4);
    expect(stdout).toMatch(/driver\.ts:\d+:\d+: error: .*enum/i);
  });
});

describe('what cannot be asked', () => {
  it.each([
    ['no submission', () => ['grade', lab], /--submission <path>/],
    ['an option there is not', () => ['grade', lab, '--submission', solution, '--fast'], /unknown option '--fast'/],
    ['an audience there is not', () => ['grade', lab, '--submission', solution, '--audience', 'world'], /Allowed choices are student, staff/],
    ['a lab there is not', () => ['grade', 'no-such-lab', '--submission', solution], /^no-such-lab: no lab of this name; expected a folder with lab\.yaml, or one of 02-clean-before-you-send, 06-coherent-is-not-ordered/m],
    ['a submission there is not', () => ['grade', lab, '--submission', out('nowhere.ts')], /nowhere\.ts: no such file or folder; expected the driver or a folder with driver\.ts/],
    ['a command there is not', () => ['mark', lab], /unknown command 'mark'/],
  ])('%s: exit code 2 and what was expected', async (_name, args, message) => {
    const { code, stdout, stderr } = await dmalab(...args());
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
  });

  it('a folder without the driver, a file too large, one that cannot be read', async () => {
    const empty = out('empty');
    mkdirSync(empty);
    const large = out('large.ts');
    writeFileSync(large, `// ${'x'.repeat(300_000)}\n`);
    const results = await Promise.all([dmalab('grade', lab, '--submission', empty), dmalab('grade', lab, '--submission', large), dmalab('grade', lab, '--submission', '/dev/null/driver.ts')]);
    expect(results.map((r) => r.code)).toEqual([2, 2, 2]);
    expect(results[0]?.stderr).toMatch(/empty: expected a file driver\.ts in this folder/);
    expect(results[1]?.stderr).toMatch(/large\.ts: 300004 bytes; expected at most 262144/);
    expect(results[2]?.stderr).toMatch(/driver\.ts: no such file or folder/);
  });

  it('a report that cannot be written is said in a sentence', async () => {
    const { code, stderr } = await dmalab('grade', lab, '--submission', solution, '--json', '/dev/null/report.json');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^\/dev\/null\/report\.json cannot be written .*; name another file$/m);
  });
});
