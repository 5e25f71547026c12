// SPDX-License-Identifier: Apache-2.0
/** `dmalab oracle` and `dmalab litmus` on what is no test: one sentence, exit code 2, never a trace. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dmalab } from '../support/cli.ts';
import { root } from '../support/repo.ts';

let folder = '';
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'dmalab-oracle-'))));
afterAll(() => rmSync(folder, { recursive: true }));

const GOOD = readFileSync(join(root, 'test', 'oracle', 'litmus', 'x86_64.jsonl'), 'utf8').split('\n').slice(0, 2);
const WRONG = (GOOD[0] ?? '').replace('"1:rax=0;1:rbx=0;[x]=1;[y]=1",', '');

describe('a file of recorded answers', () => {
  it.each([
    ['empty', '', /: no test in this file; expected JSON lines/],
    ['no-json', 'Test MP Allowed\nStates 3\n', /: no test in this file \(line 1: not JSON\); expected/],
    ['other-keys', '{"name":"a"}\n{"name":"b"}\n', /: no test in this file \(line 1, a: not a litmus case: expected the keys "text"/],
  ])('%s is refused in one sentence', async (name, text, message) => {
    const { code, stdout, stderr } = await dmalab('oracle', file(name, text));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
  it('with some lines that are no tests: three are told, the others counted, the tests run', async () => {
    const { code, stdout } = await dmalab('oracle', file('some.jsonl', [...GOOD, ...Array.from({ length: 7 }, (_, i) => `{"id":${i}}`), '{'].join('\n')));
    const lines = stdout.trim().split('\n');
    expect(lines.slice(0, 3).map((l) => l.split(':')[0])).toEqual(['line 3', 'line 4', 'line 5']);
    expect(lines.slice(3)).toEqual(['5 more lines are no test', '2 agree, 0 disagree, 8 not run']);
    expect(code).toBe(2);
  });
  it('among others: it is told, the rest is compared, and a disagreement decides the exit code', async () => {
    const [bad, good, wrong] = [file('bad', 'x\n'), file('good', GOOD.join('\n')), file('wrong', WRONG)];
    const [kept, disagrees] = await Promise.all([dmalab('oracle', bad, good), dmalab('oracle', bad, wrong, join(folder, 'nowhere'))]);
    expect(kept).toMatchObject({ code: 2, stdout: `${good}: 2 agree, 0 disagree, 0 not run\n`, stderr: expect.stringMatching(/bad: no test in this file/) });
    expect(disagrees).toMatchObject({ code: 1, stdout: expect.stringMatching(/wrong: 0 agree, 1 disagree, 0 not run\n$/), stderr: expect.stringMatching(/nowhere: no such file/) });
  });

  it('that disagrees: exit code 1, whatever else is wrong with it', async () => {
    const { code, stdout } = await dmalab('oracle', file('wrong.jsonl', `${WRONG}\n{}\n`));
    expect(stdout).toContain('extra 1:rax=0;1:rbx=0;[x]=1;[y]=1');
    expect(code).toBe(1);
  });
});

it.each(['oracle', 'litmus'])('%s: a folder, and a file that is not there', async (command) => {
  expect(await dmalab(command, folder)).toMatchObject({ code: 2, stderr: `${folder}: this is a folder; expected a file\n` });
  expect(await dmalab(command, join(folder, 'none'))).toMatchObject({ code: 2, stderr: `${join(folder, 'none')}: no such file\n` });
});

it('walk: a folder; serve: a port that is none', async () => {
  const [walk, serve] = await Promise.all([dmalab('walk', `${folder}#1`), dmalab('serve', '--port', 'abc')]);
  expect(walk).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/: this is a folder; expected a file\n$/) });
  expect(serve).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/'abc' is invalid\. expected a number from 0 to 65535/) });
});

it('a broken test is refused with file, line and column', async () => {
  const path = file('broken.litmus', 'X86_64 t\n{}\n P0 ;\n movl $1,(x) ;\n movl (x,%eax ;\nexists (x=1)\n');
  const { code, stderr } = await dmalab('litmus', path);
  expect(code).toBe(2);
  expect(stderr).toMatch(new RegExp(`^${path}:5:\\d+: .*expected`));
});
