// SPDX-License-Identifier: Apache-2.0
import type { TraceEvent } from '@dmalab/core/base/events';
import { decodeToken } from '@dmalab/checker/token';
import { canonicalJson } from '@dmalab/contracts/canonical';
import { Report } from '@dmalab/contracts/report';
import type { CompiledSource, RunOutcome, RunVerdict } from '@dmalab/engine/engine';
import type { LabBundle } from '@dmalab/engine/lab-bundle';
import { describe, expect, it } from 'vitest';
import { NIC_LAB, COPY_LAB } from '../support/repo.ts';
import { driver, engine, lab, part } from './lab.ts';

const nic = lab(NIC_LAB.folder);
const copy = lab(COPY_LAB.folder);

function run(of: LabBundle, source: CompiledSource, workload: string, profile: 'arm64' | 'x86-64' | 'strict' | 'arm64-nc', token?: string): { events: TraceEvent[]; outcome: RunOutcome } {
  const events: TraceEvent[] = [];
  const outcome = engine.run({ lab: of, source, profile, workload, token, check: false, withChoices: false }, { events: (batch) => events.push(...batch) });
  return { events, outcome };
}
const text = (events: readonly TraceEvent[]): string => JSON.stringify(events, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));

describe('a finding of lab 06', () => {
  const source = driver(nic, 'variants/no-dma-wmb');
  const { verdict, finding, token } = engine.explore({ lab: nic, source, profile: 'arm64', workload: 'two-frames' });

  it('names both halves, the missing barrier and the step', () => {
    expect(verdict.kind).toBe('violated');
    expect(finding).toMatchObject({ rule: 'XB2', missing: 'dma_wmb', first: { file: 'driver.ts' }, second: { file: 'driver.ts' } });
    const lines = source.original['driver.ts']!.split('\n');
    expect(lines[finding!.first!.line - 1]).toMatch(/d\.store\('(len|addr)'/);
    expect(lines[finding!.second!.line - 1]).toContain("WRITE_ONCE(d, 'flags'");
    expect(finding!.diagram.join('\n')).toContain('dma_wmb() is missing');
  });

  it('takes one deviation, and no other would do', () => {
    const decoded = decodeToken(token);
    expect(decoded.ok && decoded.token.deviations).toHaveLength(1);
    expect(token.length).toBeLessThan(400);
  });

  it('replays 100 times out of 100, event for event', () => {
    const first = run(nic, source, 'two-frames', 'arm64', token);
    expect(first.outcome.notes).toEqual([]);
    expect(first.events.filter((e) => e.kind === 'finding')).toMatchObject([{ rule: 'XB2', id: finding!.step + 1 }]);
    const expected = text(first.events);
    for (let i = 1; i < 100; i += 1) expect(text(run(nic, source, 'two-frames', 'arm64', token).events) === expected).toBe(true);
  }, 60_000);

  it('survives an edit that keeps the call, and says so', () => {
    const edited = driver(nic, 'variants/no-dma-wmb', (t) => t.replace('  // hand over\n', '  // now the slot is handed over\n\n'));
    const { events, outcome } = run(nic, edited, 'two-frames', 'arm64', token);
    expect(events.some((e) => e.kind === 'finding' && e.rule === 'XB2')).toBe(true);
    expect(outcome.notes).toEqual(['the token was made with other driver code']);
  });

  it('says which call is gone after an edit that removes it', () => {
    const edited = driver(nic, 'variants/no-dma-wmb', (t) => t.replace(/ {2}d\.store\('(len|addr)', .*\n/g, ''));
    expect(run(nic, edited, 'two-frames', 'arm64', token).outcome.notes.join('\n')).toMatch(/drain choice of cpu0 at task\/nic_xmit#2\/(len|addr)\[1\] is gone/);
  });

  it('cannot happen with the barrier, nor on x86-64', () => {
    expect(run(nic, driver(nic, 'solution'), 'two-frames', 'arm64', token).events.some((e) => e.kind === 'finding')).toBe(false);
    expect(engine.explore({ lab: nic, source, profile: 'x86-64', workload: 'two-frames' }).verdict.kind).toBe('complete');
  });

  it('a token that is no token is refused with a reason', () => {
    expect(run(nic, source, 'two-frames', 'arm64', token.slice(0, -4)).outcome.text).toContain('the token cannot be read: the checksum does not match');
  });
});

describe('complete', () => {
  it.each(nic.manifest.profiles.flatMap((profile) => ['two-frames', 'two-incoming', 'one-each-way'].map((workload) => ({ profile, workload }))))('is the verdict on the solution of lab 06: $workload on $profile', ({ profile, workload }) => {
    expect(engine.explore({ lab: nic, source: driver(nic, 'solution'), profile, workload }).verdict).toMatchObject({ kind: 'complete', engine: 'operational, graph' });
  });

  it('is the verdict where cache lines move by themselves, too', () => {
    for (const profile of copy.manifest.profiles) expect(engine.explore({ lab: copy, source: driver(copy, 'solution'), profile, workload: 'two-texts' }).verdict).toMatchObject({ kind: 'complete', engine: 'operational, graph' });
  });
});

describe('a checked run', () => {
  const small = part(nic, ['two-frames', 'two-incoming', 'one-each-way'], ['x86-64', 'arm64']);
  const source = driver(nic, 'variants/no-dma-rmb');
  const checked = (): RunVerdict[] => {
    const verdicts: RunVerdict[] = [];
    engine.run({ lab: small, source, profile: 'arm64', workload: 'two-frames', check: true }, { events: () => undefined, verdict: (v) => verdicts.push(v) });
    return verdicts;
  };
  const verdicts = checked();

  it('tries every public workload on every profile, the chosen ones first, and no hidden one', () => {
    expect(small.hiddenWorkloads.map(({ id }) => id)).toEqual(['one-each-way']);
    expect(verdicts.map((v) => [v.workload, v.profile, v.verdict.kind])).toEqual([
      ['two-frames', 'arm64', 'complete'],
      ['two-frames', 'x86-64', 'complete'],
      ['two-incoming', 'arm64', 'violated'],
      ['two-incoming', 'x86-64', 'complete'],
    ]);
  });

  it('gives tokens that show each failure on its own workload', () => {
    const failing = verdicts[2]!;
    const { events, outcome } = run(small, source, failing.workload, 'arm64', failing.token);
    expect(outcome.notes).toEqual([]);
    expect(events.filter((e) => e.kind === 'finding')).toMatchObject([{ rule: failing.finding!.rule }]);
  });

  it('says the same again', () => {
    expect(checked()).toEqual(verdicts);
  });
});

describe('an smp_ barrier', () => {
  const small = part(nic, ['two-frames'], ['arm64', 'strict']);
  const report = engine.grade(small, driver(nic, 'variants/smp-wmb-instead'), { audience: 'staff' });
  it('passes on arm64 and fails on strict', () => {
    expect(report.runs.map((r) => [r.profile, r.verdict.kind])).toEqual([['arm64', 'complete'], ['strict', 'violated']]);
  });
  it('is advised against, at its line, without costing anything by itself', () => {
    expect(report.diagnostics).toMatchObject([{ severity: 'advice', code: 'XB5', file: 'driver.ts' }]);
  });
});

describe('grading', () => {
  const small = part(nic, ['two-frames', 'one-each-way'], ['arm64']);

  it('writes the same bytes twice, as the schema has them', () => {
    const bytes = (): string => canonicalJson(engine.grade(small, driver(nic, 'starter'), { audience: 'staff' }));
    expect(bytes()).toBe(bytes());
    expect(Report.safeParse(JSON.parse(bytes())).error).toBeUndefined();
  });

  it('gives a driver that is wrong twice both losses', () => {
    const report = engine.grade(part(nic, ['two-frames', 'two-incoming'], ['arm64']), driver(nic, 'starter'), { audience: 'staff' });
    expect(report.checks.filter((c) => c.status === 'failed').map((c) => c.id)).toEqual(['whole-frames', 'finished-slots']);
  });

  it('gives nothing for doing nothing', () => {
    const idle = driver(nic, 'solution', (t) => t.replace(/export function nic_xmit[\s\S]*?\n}\n/, 'export function nic_xmit(): number {\n  return 0;\n}\n'));
    const report = engine.grade(part(nic, ['two-frames'], ['arm64']), idle, { audience: 'staff' });
    expect(report.points.earned).toBe(0);
    expect(report.checks.find((c) => c.id === 'whole-frames')!.detail).toContain('Not shown');
  });

  it('does not judge what does not compile, and says where', () => {
    const broken = { ...driver(nic, 'starter'), diagnostics: [{ file: 'driver.ts', line: 3, column: 7, severity: 'error' as const, code: 'syntax', message: 'expected a semicolon' }] };
    expect(engine.grade(small, broken, { audience: 'student' })).toMatchObject({ gradable: false, points: { earned: 0, possible: 100 }, diagnostics: broken.diagnostics });
  });

  it.each([
    ['shared state in a module variable', (t: string) => `${t}\nlet last = 0;\n`, 'module-state', 'module-level "let last"'],
    ['an import that does not exist', (t: string) => t.replace("from 'asm/barrier'", "from 'asm/barriers'"), 'load-import', 'asm/barriers'],
    ['a function that is missing', (t: string) => t.replace('export function nic_receive', 'export function nic_recieve'), 'missing-function', 'nic_receive'],
  ])('refuses %s', (_, change, code, words) => {
    const report = engine.grade(small, driver(nic, 'solution', change), { audience: 'staff' });
    expect(report).toMatchObject({ gradable: false });
    expect(report.diagnostics).toMatchObject([{ code, severity: 'error', file: 'driver.ts' }]);
    expect(report.diagnostics[0]!.message).toContain(words);
  });

  it('calls functions that are not exported, and names only those it does not find', () => {
    const bare = (t: string): string => t.replaceAll('export function', 'function');
    expect(engine.grade(part(nic, ['two-frames'], ['x86-64']), driver(nic, 'solution', bare), { audience: 'staff' })).toMatchObject({ gradable: true, diagnostics: [], points: { earned: expect.any(Number) } });
    const without = (t: string): string => bare(t).replace('function probe', 'function prob').replace('function nic_xmit', 'function nic_xmitt');
    expect(engine.grade(small, driver(nic, 'solution', without), { audience: 'staff' }).diagnostics[0]!.message).toBe('there is no function probe or nic_xmit at the top level, and the lab calls them; "export" is not needed');
  });

  it.each([
    ['throws', "    throw new RangeError('too many');\n", 'RangeError: too many'],
    ['never ends', '    for (;;);\n', 'ran out of fuel'],
    ['recurses for ever', '    return (function f(n: number): number { return f(n + 1) + 1; })(0);\n', 'ran out of stack'],
    ['eats memory', '    for (const a: Uint8Array[] = []; ; ) a.push(new Uint8Array(1 << 20));\n', 'ran out of JavaScript memory'],
  ])('a driver that %s fails every check, at its own line', (_, line, words) => {
    const source = driver(nic, 'solution', (t) => t.replace("  d.store('addr', cpu_to_le64(frame));\n", `  if (bytes > 20)\n${line}  d.store('addr', cpu_to_le64(frame));\n`));
    const report = engine.grade(part(nic, ['two-frames'], ['arm64']), source, { audience: 'staff' });
    expect(report.points.earned).toBe(0);
    const finding = report.runs[0]!.finding!;
    expect(finding.rule).toBe('RT1');
    expect(finding.sentence).toMatch(/^nic_xmit\(\)/);
    expect(finding.sentence).toContain(words);
    const at = source.original['driver.ts']!.split('\n').findIndex((l) => l.includes(line.trim())) + 1;
    expect(finding.first).toMatchObject({ file: 'driver.ts', line: at });
    // The next submission is not affected.
    expect(engine.grade(part(nic, ['two-frames'], ['arm64']), driver(nic, 'solution'), { audience: 'staff' }).checks.find((c) => c.id === 'whole-frames')!.status).toBe('passed');
  }, 60_000);
});

describe('a handler', () => {
  const small = part(copy, ['one-text'], ['arm64-nc']);
  /** The solution, with an interrupt that is asked for while a copy is under way only. */
  const source = driver(copy, 'solution', (t) =>
    t
      .replace("import { ENOMEM } from 'linux/errno';", "import { ENOMEM } from 'linux/errno';\nimport { free_irq, request_irq } from 'linux/interrupt';\nimport { platform_get_irq } from 'linux/platform_device';\nimport { kfree } from 'linux/slab';")
      .replace('import { copier_remove,', 'import { copier_interrupt,')
      .replace('return copier_setup(dev);', 'const error = copier_setup(dev);\n  free_irq(platform_get_irq(dev, 0), dev_get_drvdata(dev));\n  return error;')
      .replace('copier_remove(dev);', 'const c: Copier = dev_get_drvdata(dev);\n  kfree(c.buffer);\n  kfree(c);')
      .replace('  copier_start(c, from, to, bytes);\n  wait_for_completion(c.done);\n', "  REQUEST\n  wait_for_completion(c.done);\n  free_irq(platform_get_irq(dev, 0), c);\n"));
  const asked = (text: string): ReturnType<typeof driver> => {
    const change = (code: string): string => code.replace('REQUEST', text);
    return { ...source, original: { 'driver.ts': change(source.original['driver.ts']!) }, files: { 'driver.ts': change(source.files['driver.ts']!) } };
  };
  const request = "if (request_irq(platform_get_irq(dev, 0), copier_interrupt, 0, 'copier', c) !== 0) return -ENOMEM;";

  it.each([
    ['before the device is started', `${request} copier_start(c, from, to, bytes);`],
    ['after it: what was raised before stays pending', `copier_start(c, from, to, bytes); ${request}`],
  ])('may be installed long after probe, %s', (_, text) => {
    const report = engine.grade(small, asked(text), { audience: 'staff' });
    expect(report.runs.map((run) => [run.verdict.kind, run.failed])).toEqual([[expect.stringMatching(/complete|bounded/), []]]);
  });

  it('that is never installed leaves its waiter waiting', () => {
    const report = engine.grade(small, asked('copier_start(c, from, to, bytes);'), { audience: 'staff' });
    expect(report.runs[0]!.verdict.kind).toBe('violated');
    expect(report.runs[0]!.finding!.sentence).toMatch(/never returned|waits/);
  });
});

it('a write to an object of a module is a finding of its own, which says where shared state belongs', () => {
  const small = part(copy, ['one-text'], ['arm64-nc']);
  const report = engine.grade(small, driver(copy, 'solution', (t) => t.replace('export function probe', 'const seen = { copies: 0 };\n\nexport function probe').replace('  memcpy(', '  seen.copies += 1;\n  memcpy(')), { audience: 'staff' });
  expect(report.runs[0]!.finding).toMatchObject({ rule: 'RT4', first: { file: 'driver.ts' } });
  expect(report.runs[0]!.finding!.sentence).toMatch(/what must outlive a call belongs in simulated memory/);
});

describe('lab 02', () => {
  it('reads stale memory where nothing was cleaned, and names the line of the store', () => {
    const source = driver(copy, 'variants/no-sync-for-device');
    const report = engine.grade(part(copy, ['two-texts'], ['arm64-nc']), source, { audience: 'staff' });
    expect(report.checks.find((c) => c.id === 'device-sees-it')!.status).toBe('failed');
  });

  it('a fault in the workload is a fault in the run, and can be replayed', () => {
    const source = driver(copy, 'variants/mapping-error-unchecked');
    const { finding, token } = engine.explore({ lab: copy, source, profile: 'arm64-nc', workload: 'no-mapping' });
    expect(finding).not.toBeNull();
    expect(run(copy, source, 'no-mapping', 'arm64-nc', token).events.some((e) => e.kind === 'finding' && e.rule === finding!.rule)).toBe(true);
  });
});

it('a driver that cannot be loaded: the run says where and why', () => {
  const { events, outcome } = run(nic, driver(nic, 'solution', (t) => `let count = 0;\n${t}`), 'two-frames', 'arm64');
  expect(events).toEqual([]);
  expect(outcome).toMatchObject({ reason: 'error', text: `driver.ts:1: ${outcome.diagnostics[0]?.message}` });
});
