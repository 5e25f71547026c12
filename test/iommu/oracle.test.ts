// SPDX-License-Identifier: Apache-2.0
/** Our IOMMUs against the answers of others: every vector, in full. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compareIommu, describeIommu, iommuFormat, vectorLine } from '@dmalab/litmus/iommu/oracle';

const read = (name: string): string => readFileSync(new URL(`../oracle/iommu/${name}.jsonl`, import.meta.url), 'utf8');
const riscv = read('riscv-iommu');

describe('the RISC-V IOMMU answers as the reference model', () => {
  it('on every vector, reading tables in the same order', () => {
    const problems: string[] = [];
    const summary = compareIommu(riscv, [], (c) => {
      if (c.kind !== 'agrees') problems.push(describeIommu(c));
    });
    expect(problems).toEqual([]);
    expect(summary).toEqual({ agree: 1941, disagree: 0, notRun: 0, malformed: 0, walks: 4026, sameWalks: 4026 });
  });

  it('and as the second model where the text allows both and the switches say so', () => {
    const problems: string[] = [];
    const summary = compareIommu(read('riscv-iommu-second'), [riscv], (c) => {
      if (c.kind !== 'agrees') problems.push(describeIommu(c));
    });
    expect(problems).toEqual([]);
    expect(summary).toMatchObject({ agree: 122, disagree: 0, notRun: 0 });
  });
});

describe('Intel VT-d lets through, records and marks what an unmodified QEMU does', () => {
  it('on every vector, but for what is marked as its own habit', () => {
    const problems: string[] = [];
    const summary = compareIommu(read('qemu100-vtd'), [], (c) => {
      if (c.kind !== 'agrees') problems.push(describeIommu(c));
    });
    expect(problems).toEqual([]);
    expect(summary).toMatchObject({ agree: 272, disagree: 0, notRun: 0 });
  });

  it.each([
    ['an address', 'legacy-size-004', /"pa":"0x2953018"/, '"pa":"0x2954018"', 'pa 0x2953018, expected 0x2954018'],
    ['a reason', 'first-perm-004', /"reason":129/g, '"reason":128', 'record 0x81 40 read 0x1234000, expected 0x80 40 read 0x1234000'],
    ['what is let through', 'legacy-context-023', /"ok":true/, '"ok":false', 'allowed, expected blocked'],
    ['a mark', 'first-ad-003', /0x109027/, '0x109007', 'memory 0x108048 = 0x109027, expected 0x109007'],
  ])('and can fail on %s', (_, id, from, to, message) => {
    expect(withExpectation('qemu100-vtd', id, from, to)).toContain(message);
  });
});

describe('Arm SMMUv3 lets through and reports what an unmodified QEMU does', () => {
  it('on every vector, but for what is marked as its own habit', () => {
    const problems: string[] = [];
    const summary = compareIommu(read('qemu100-smmuv3'), [], (c) => {
      if (c.kind !== 'agrees') problems.push(describeIommu(c));
    });
    expect(problems).toEqual([]);
    expect(summary).toMatchObject({ agree: 154, disagree: 0, notRun: 0 });
  });

  it.each([
    ['an address', 's1-size-002', /"pa":"0x42c7f008"/, '"pa":"0x42c80008"', 'pa 0x42c7f008, expected 0x42c80008'],
    ['an event', 'cd-bad-001', /0x280000000a/, '0x2800000004', 'event 0x280000000a 0x0 0x0 0x0, expected 0x2800000004 0x0 0x0 0x0'],
    ['a class', 'nested-hole-001', /0x8800000000/, '0x28800000000', 'expected 0x2800000010 0x28800000000'],
    ['what is let through', 'ste-config-005', /"ok":true/, '"ok":false', 'allowed, expected blocked'],
  ])('and can fail on %s', (_, id, from, to, message) => {
    expect(withExpectation('qemu100-smmuv3', id, from, to)).toContain(message);
  });
});

/** What the comparison says of a vector with one expectation changed. */
function withExpectation(file: string, id: string, from: RegExp, to: string): string {
  const found = read(file).split('\n').find((line) => line.includes(`"${id}"`));
  if (found === undefined) throw new Error(`no vector ${id}`);
  const { expect: recorded, ...inputs } = JSON.parse(found) as Record<string, unknown>;
  const lines: string[] = [];
  compareIommu(JSON.stringify({ ...inputs, expect: JSON.parse(JSON.stringify(recorded).replace(from, to)) as unknown }), [], (c) => lines.push(describeIommu(c)));
  return lines.join('\n');
}

describe('the comparison can fail', () => {
  const row = (id: string): Record<string, unknown> => {
    const found = riscv.split('\n').find((line) => line.includes(`"id":"${id}"`));
    if (found === undefined) throw new Error(`no vector ${id}`);
    return JSON.parse(found) as Record<string, unknown>;
  };
  /** The vector with one recorded value replaced everywhere it is expected. */
  const changed = (id: string, from: RegExp, to: string): string => {
    const { expect: recorded, final, ...inputs } = row(id);
    return JSON.stringify({ ...inputs, expect: JSON.parse(JSON.stringify(recorded).replace(from, to)), final: JSON.parse(JSON.stringify(final).replace(from, to)) });
  };
  it.each([
    ['an address', 'msi-flat-001', /"pa":"0x28000000"/, '"pa":"0x28001000"', 'pa 0x28000000, expected 0x28001000'],
    ['a size', 's1-napot-017', /"size":"0x1000"/, '"size":"0x10000"', 'size 0x1000, expected 0x10000'],
    ['a cause', 'ddt-offbare-002', /"cause":256/, '"cause":257', 'cause 256, expected 257'],
    ['a status', 'ddt-walk-fault-003', /"status":"ca"/, '"status":"ur"', 'status ca, expected ur'],
    ['a guest address', 'sv32-wide-001', /"iotval2":"0x412345000"/, '"iotval2":"0x412346000"', 'iotval2 0x412345000, expected 0x412346000'],
    ['an ATS permission', 's1-ad-016', /"w":1/, '"w":0', 'ats.w 1, expected 0'],
    ['a word in memory', 's1-ad-003', /"0x1159e245b"/, '"0x1159e241b"', 'memory 0x1f40002a28 = 0x1159e245b, expected 0x1159e241b'],
    ['a write that is missing', 's1-ad-003', /\["0x1f40002a28","0x1159e245b"\]/, '["0x80000000","0x0"]', 'memory 0x80000000 not written'],
    ['a message', 'pri-basic-001', /0x21f1a500000000/, '0x2101a500000000', 'messages [{"code":5'],
    ['an ordering', 'cq-fence-002', /"sync":\[0,1\]/, '"sync":[1,1]', 'ordering [0,1], expected [1,1]'],
    ['a register', 'reg-056', /"val":"0x3033"/, '"val":"0x3333"', 'value 0x3033, expected 0x3333'],
    ['a state at the end', 'ddt-offbare-002', /"fqt":1/, '"fqt":0', 'final fqt 0x1, expected 0x0'],
    ['a memory type', 'nested-pbmt-002', /"pbmt":1/, '"pbmt":2', 'pbmt 1, expected 2'],
    ['an interrupt file in memory', 'msi-mrif-001', /"nid":0/, '"nid":1', 'mrif 0x55555200 0x0 0x28010000, expected 0x55555200 0x1 0x28010000'],
  ])('on %s', (_, id, from, to, message) => {
    const lines: string[] = [];
    expect(compareIommu(changed(id, from, to), [], (c) => lines.push(describeIommu(c)))).toMatchObject({ agree: 0, disagree: 1, notRun: 0 });
    expect(lines[0]).toContain(message);
  });

  it('and the wish of the text wins over what a model did', () => {
    const recorded = row('ddt-offbare-002');
    const wrong = JSON.stringify({ ...recorded, expect: [{ op: 'xlate', status: 'ok' }], spec_expect: recorded['expect'] });
    expect(compareIommu(wrong)).toMatchObject({ agree: 1 });
  });

  it('and what cannot be run is said', () => {
    const lines: string[] = [];
    const text = ['not json', '{"id":"a"}', '{"id":"b","caps":"0x1","steps":[]}', '{"id":"c","cls":"choice","second":{}}'].join('\n');
    expect(compareIommu(text, [], (c) => lines.push(describeIommu(c)))).toMatchObject({ agree: 0, disagree: 0, notRun: 4, malformed: 3 });
    expect(lines.map((line) => line.replace(/not JSON:.*/, 'not JSON'))).toEqual([
      'line 1: not run: not JSON',
      'a: not run: not a vector of an IOMMU: expected the keys caps and steps, cls and second, ecap and dma, or idr and dma',
      'b: not run: line 3.impl: expected an object',
      'c: not run: the vector is not at hand; expected it in riscv-iommu.jsonl or riscv-iommu-quirks.jsonl beside this file',
    ]);
  });

  it.each([
    ['riscv-iommu', 'riscv-iommu', 'expect[0]: missing'],
    ['riscv-iommu', 'cq-fence-002', 'expect[0]: missing'],
    ['qemu100-vtd', 'legacy-size-004', 'expect[0]: missing'],
    ['qemu100-smmuv3', 's1-size-002', 'expect[0]: missing'],
  ])('and a vector of %s without answers agrees with nothing (%s)', (file, id, why) => {
    const lines: string[] = [];
    const found = read(file).split('\n').find((line) => id === file || line.includes(`"${id}"`)) ?? '';
    expect(compareIommu(JSON.stringify({ ...(JSON.parse(found) as object), expect: [] }), [], (c) => lines.push(describeIommu(c)))).toMatchObject({ agree: 0, notRun: 1, malformed: 1 });
    expect(lines[0]).toContain(why);
  });

  it.each([
    ['qemu100-vtd', 'legacy-size-004', { sid: 0x1_0000 }, 'line 1.sid: 0x10000 does not fit in 16 bits'],
    ['qemu100-vtd', 'legacy-size-004', { dma: [{ dir: 'r', iova: '0x10000000000000000', len: 8 }] }, 'line 1.dma[0].iova: 0x10000000000000000 does not fit in 64 bits'],
    ['qemu100-smmuv3', 's1-size-002', { dma: [{ dir: 'r', ssid: 0x10_0000, iova: '0x0', len: 8 }] }, 'line 1.dma[0].ssid: 0x100000 does not fit in 20 bits'],
    ['qemu100-smmuv3', 's1-size-002', { cr0: -1 }, 'line 1.cr0: expected a whole number, 0 or more'],
  ])('and numbers that no hardware has stop a vector of %s, not the command (%s, %j)', (file, id, change, why) => {
    const lines: string[] = [];
    const found = read(file).split('\n').find((line) => line.includes(`"${id}"`)) ?? '';
    expect(compareIommu(JSON.stringify({ ...(JSON.parse(found) as object), ...change }), [], (c) => lines.push(describeIommu(c)))).toMatchObject({ notRun: 1, malformed: 1 });
    expect(lines).toEqual([`${id}: not run: ${why}`]);
  });

  it('a vector is found by its id, however its line is written', () => {
    const recorded = row('ddt-offbare-002');
    const text = [JSON.stringify({ note: 'ddt-offbare-002', id: 'another' }), JSON.stringify(recorded, null, 1).replaceAll('\n', '')].join('\n');
    expect(vectorLine(text, 'ddt-offbare-002')).toBe(text.split('\n')[1]);
    expect(vectorLine(text, 'ddt-offbare')).toBeNull();
  });

  it('the format shows in a later line where the first is broken', () => {
    expect(iommuFormat('{bad\n{"caps":"0x0","steps":[]}')).toBe('riscv');
    expect(iommuFormat('{"name":"n"}\n{"caps":"0x0","steps":[]}')).toBeNull();
  });

  it('formats are told apart by their keys', () => {
    expect(iommuFormat(riscv)).toBe('riscv');
    expect(iommuFormat(read('riscv-iommu-second'))).toBe('riscv-second');
    expect(iommuFormat(read('qemu100-vtd'))).toBe('vtd');
    expect(iommuFormat(read('qemu100-smmuv3'))).toBe('smmuv3');
    expect(iommuFormat('{"name":"SB","text":"","states":[]}')).toBeNull();
    expect(iommuFormat('')).toBeNull();
  });
});
