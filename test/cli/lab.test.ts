// SPDX-License-Identifier: Apache-2.0
/** `dmalab lab new` and `lab check`, as an author uses them. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dmalab, fillIn, smallLab } from '../support/cli.ts';
import { COPY_LAB, driverNames, type Folder, NIC_LAB, temporaryFolder } from '../support/repo.ts';

let place: Folder;
beforeAll(() => (place = temporaryFolder()));
afterAll(() => place.remove());

describe('a new lab', () => {
  let folder = '';

  it('is a folder with the next number, and its check says what is missing', async () => {
    const made = await dmalab('lab', 'new', 'first-map', '--in', place.path);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    folder = made.stdout.split('\n')[0] ?? '';
    expect(folder).toBe(join(place.path, '01-first-map'));
    expect(made.stdout).toContain(`npx dmalab lab check ${folder}`);

    const checked = await dmalab('lab', 'check', folder);
    expect(checked.code).toBe(3);
    expect(checked.stdout).toMatch(/^✗ First map \(first-map\)$/m);
    expect(checked.stdout).toMatch(/^ +✗ solution .* fails errors-tested, nothing-left/m);
    expect(checked.stdout).toMatch(/^ +solution is right and should pass errors-tested: /m);
    expect(checked.stdout).toMatch(/^ +solution scores \d+ %; the lab expects 100 %$/m);
  });

  it('passes once it is filled in', async () => {
    fillIn(folder);
    const checked = await dmalab('lab', 'check', folder, '--json', join(place.path, 'check.json'));
    expect(checked).toMatchObject({ code: 0, stderr: '' });
    expect(checked.stdout).toMatch(/^✓ First map \(first-map\)$/m);
    expect(checked.stdout).toMatch(/^ +✓ starter .* fails errors-tested, nothing-left/m);
    expect(checked.stdout).toMatch(/^ +✓ solution +100 \/ 100$/m);
    expect(checked.stdout).toMatch(/^ +✓ variants\/no-unmap .* fails nothing-left/m);
    // The kill matrix: which workload on which profile catches the variant.
    expect(checked.stdout).toMatch(/^ +variants\/no-unmap +(#|\.) {2}/m);
    expect(checked.stdout).toMatch(/^ +[A-Z] +hidden long-text · strict-nc$/m);
    const { schema, labs } = JSON.parse(readFileSync(join(place.path, 'check.json'), 'utf8')) as { schema: string; labs: { ok: boolean; drivers: { name: string; ok: boolean }[] }[] };
    expect(schema).toBe('dmalab/lab-check/v1');
    expect(labs[0]).toMatchObject({ ok: true });
    expect(labs[0]?.drivers.map((d) => d.name)).toEqual(['starter', 'solution', 'variants/no-unmap']);
  });

  it('that exists is not made again, and an id must be one', async () => {
    const again = await dmalab('lab', 'new', 'first-map', '--in', place.path);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/a lab with this id exists/);
    const wrong = await dmalab('lab', 'new', 'First_Map', '--in', place.path);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/"First_Map" cannot be the id of a lab; expected lower-case words joined by "-"/);
  });
});

describe('a lab that proves nothing is told so', () => {
  it('when a variant survives, a right way fails, or a workload speaks too loudly', async () => {
    const lab = smallLab(join(place.path, 'weak'));
    cpSync(join(lab, 'solution'), join(lab, 'variants', 'as-good'), { recursive: true });
    cpSync(join(lab, 'starter'), join(lab, 'wheats', 'not-so-good'), { recursive: true });
    writeFileSync(join(lab, 'README.md'), '# Small\n\nBeware of A longer text.\n');
    const manifest = join(lab, 'lab.yaml');
    writeFileSync(manifest, `${readFileSync(manifest, 'utf8')}  variants/as-good: { fails: [nothing-left] }\n`);
    const { code, stdout } = await dmalab('lab', 'check', lab);
    expect(code).toBe(3);
    expect(stdout).toMatch(/variants\/as-good survives: it should fail nothing-left and fails nothing/);
    expect(stdout).toMatch(/wheats\/not-so-good is right and should pass errors-tested/);
    expect(stdout).toMatch(/the public files speak of the hidden workload long-text: "A longer text"/);
  });

  it('when nothing is hidden and nothing is solved', async () => {
    const lab = smallLab(join(place.path, 'bare'));
    for (const part of ['solution', 'variants', 'workloads/hidden']) rmSync(join(lab, part), { recursive: true });
    const manifest = join(lab, 'lab.yaml');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/^ {2}(solution|variants\/no-unmap):.*\n/gm, ''));
    const { code, stdout } = await dmalab('lab', 'check', lab);
    expect(code).toBe(3);
    for (const part of ['solution/', 'variants/', 'workloads/hidden/']) expect(stdout).toContain(`there is no ${part}`);
  });
});

describe('a broken lab names file, key and what was expected', () => {
  it.each([
    ['a key there is not', (text: string) => text.replace('minutes: 20', 'minuets: 20'), /lab\.yaml:\d+:\d+: .*minuets/],
    ['a profile there is not', (text: string) => text.replace('strict-nc]', 'vax-780]'), /lab\.yaml:\d+:\d+: profiles\[1\]: .*expected.*strict-nc/s],
    ['a budget that is no number', (text: string) => text.replace('fuel: 1G', 'fuel: plenty'), /lab\.yaml:\d+:\d+: budget\.fuel: .*plenty|lab\.yaml:\d+:\d+: budget\.fuel: .*expected/],
    ['a check that nothing defines', (text: string) => text.replace('fails: [nothing-left]', 'fails: [nothing-right]'), /lab\.yaml:\d+:\d+: expect\.variants\/no-unmap\.fails\[0\]: there is no check nothing-right; expected one of errors-tested, nothing-left, returns/],
    ['a module that is not given', (text: string) => text.replace('given: [copier.ts]', 'given: [engine.ts]'), /lab\.yaml:\d+:\d+: driver\.given\[0\]: expected the file given\/engine\.ts/],
    ['what is not YAML', (text: string) => text.replace('checks:', 'checks: ]'), /lab\.yaml:\d+:\d+: /],
  ])('%s', async (name, change, message) => {
    const lab = smallLab(join(place.path, name.replaceAll(' ', '-')));
    const manifest = join(lab, 'lab.yaml');
    const before = readFileSync(manifest, 'utf8');
    writeFileSync(manifest, change(before));
    expect(readFileSync(manifest, 'utf8')).not.toBe(before);
    const [checked, graded] = await Promise.all([dmalab('lab', 'check', lab), dmalab('grade', lab, '--submission', join(lab, 'solution'))]);
    expect([checked.code, graded.code]).toEqual([3, 3]);
    expect(checked.stdout).toMatch(message);
    expect(graded.stderr).toMatch(message);
  });

  it('a workload that calls what the driver does not export', async () => {
    const lab = smallLab(join(place.path, 'call'));
    const file = join(lab, 'workloads', 'hidden', 'long-text.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('call: send', 'call: sent'));
    const { code, stdout } = await dmalab('lab', 'check', lab);
    expect(code).toBe(3);
    expect(stdout).toMatch(/workloads\/hidden\/long-text\.yaml:\d+:\d+: .*driver\.entry does not list sent; expected one of probe, remove, send/);
  });

  it('a lab there is not, and both a lab and all of them', async () => {
    const [none, both] = await Promise.all([dmalab('lab', 'check', '99'), dmalab('lab', 'check', '06', '--all')]);
    expect([none.code, both.code]).toEqual([2, 2]);
    expect(none.stderr).toMatch(/^99: no lab of this name; expected a folder with lab\.yaml, or one of /m);
    expect(both.stderr).toMatch(/name one lab, or say --all/);
  });
});

describe('the labs of this repository', () => {
  /** test/grade proves both labs in every run, through the server's way of grading; the command itself is tried on small labs above, and on these in a long run. */
  it.runIf(process.env['DMALAB_LONG'] !== undefined)('are proven: starters fail as stated, right drivers pass, every wrong one is caught by a hidden workload', { timeout: 600_000 }, async () => {
    const { code, stdout, stderr } = await dmalab('lab', 'check', '--all', '--json', join(place.path, 'all.json'));
    expect(`${stdout.split('\n').filter((line) => line.includes('✗') || line.startsWith('      ')).join('\n')}${stderr}`).toBe('');
    expect(code).toBe(0);
    const { labs } = JSON.parse(readFileSync(join(place.path, 'all.json'), 'utf8')) as { labs: { lab: { id: string }; ok: boolean; drivers: { name: string }[]; fuel: { most: number; budget: number } }[] };
    const asked = [COPY_LAB, NIC_LAB];
    expect(labs.map((l) => [l.lab.id, l.ok])).toEqual(asked.map(({ id }) => [id, true]));
    expect(labs.map((l) => l.drivers.map((d) => d.name).sort())).toEqual(asked.map(({ folder }) => driverNames(folder).sort()));
    for (const { fuel } of labs) expect(fuel.most).toBeLessThanOrEqual(fuel.budget / 2);
  });
});
