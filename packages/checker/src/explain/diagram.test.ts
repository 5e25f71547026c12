// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { OWN, Trace } from '../sanitizer/trace.test-support.ts';
import { spaceTime } from './diagram.ts';

/** Slot 0 goes well; in slot 1 the own bit overtakes the length. */
function run(): Trace {
  const t = new Trace();
  t.ring();
  const len0 = t.putNow('len', 0, 60, 15);
  t.putNow('addr', 0, 0x8010_4000, 14);
  const flags0 = t.putNow('flags', 0, OWN, 18, 'relaxed');
  t.takeBell(t.bell(0, 21));
  t.get('nic0', 'flags', 0, OWN, flags0);
  t.get('nic0', 'len', 0, 60, len0);
  t.putNow('addr', 1, 0x8010_4800, 14);
  const len = t.put('len', 1, 1514, 15);
  const flags = t.put('flags', 1, OWN, 18, 'relaxed');
  const seen = t.drain(flags);
  t.get('nic0', 'flags', 1, OWN, seen);
  t.get('nic0', 'addr', 1, 0x8010_4800, len - 1);
  t.get('nic0', 'len', 1, 0, 0);
  t.drain(len);
  t.bell(1, 21);
  return t;
}

describe('the diagram in text', () => {
  const t = run();
  const finding = t.sanitizer.findings[0];
  const lines = spaceTime(t.events, finding);
  const text = lines.join('\n');

  it('draws this', () => {
    expect(lines).toMatchInlineSnapshot(`
      [
        "step     3–15  16            17  18  19            20         21    22",
        "               no edge: dma_wmb() is missing",
        "               ╭╌╌╌╌╌╌╌╌╌╌╌╌╌╮",
        "CPU 0    ⋯⋯⋯⋯──①■len[1]=1514 ②■flags[1]=OWN ─────────────────────────────────────",
        " waiting       ▒▒ len[1] waits ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒╯",
        "memory   ⋯⋯⋯⋯────────────────────▼flags[1]=OWN ───────────────□old ─▼len[1]=1514",
        "NIC      ⋯⋯⋯⋯────────────────────────○flags[1]→OWN ○addr[1]→… ✗len[1]→0 ─────────",
        "",
        "①  step 16  driver.ts:15  CPU 0 stores len[1] = 1514. It waits.",
        "②  step 17  driver.ts:18  CPU 0 stores flags[1] = OWN. It waits.",
        "✗  step 21  NIC reads len[1]: 0.",
        "   step 22  len[1] = 1514 reaches memory: too late.",
        "⋯  steps 3–15  4 stores, 4 stores that reach memory, 1 register write, 1 register write that",
        "    arrives, 1 wake-up, 2 reads.",
      ]
    `);
  });
  it('fits 100 columns, and any other width from 60 on', () => {
    for (const width of [60, 72, 80, 100, 140]) for (const line of spaceTime(t.events, finding, { width })) expect(line.length, line).toBeLessThanOrEqual(width);
  });
  it('marks both halves where they happened, and names the edge that is missing', () => {
    expect(text).toContain('①■len[1]=1514');
    expect(text).toContain('②■flags[1]=OWN');
    expect(text).toContain('no edge: dma_wmb() is missing');
    expect(text).toContain('✗len[1]→0');
    expect(text).toMatch(/driver\.ts:15 {2}CPU 0 stores len\[1\] = 1514/);
    expect(text).toContain('too late.');
  });
  it('shows the store that waits as a bar that ends where it drains', () => {
    expect(text).toContain('len[1] waits');
  });
  it('folds the steps that do not matter and says what they were', () => {
    expect(text).toMatch(/⋯ +steps \d+–\d+ {2}4 stores, 4 stores that reach memory/);
    expect(text).not.toContain('len[0]');
  });
  it('keeps lanes in their order: CPU, waiting, memory, device', () => {
    const order = ['CPU 0', ' waiting', 'memory', 'NIC'].map((label) => lines.findIndex((l) => l.startsWith(label)));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order).not.toContain(-1);
  });
  it('draws a run without a finding by its doorbells', () => {
    const plain = spaceTime(t.events.slice(0, 14), null);
    expect(plain.join('\n')).toContain('»doorbell');
    expect(plain.join('\n')).not.toContain('✗');
  });
  it('draws nothing of nothing', () => {
    expect(spaceTime([], null)).toEqual([]);
  });
});
