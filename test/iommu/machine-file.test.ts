// SPDX-License-Identifier: Apache-2.0
/** Machine files: the same page for the same process in three formats, and every slip told with its place. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FormatError } from '@dmalab/litmus/iommu/json';
import { isMachineFile, machineVector } from '@dmalab/litmus/iommu/machine-file';
import { narrateMachine, tellVector } from '@dmalab/litmus/iommu/oracle';

const DIRECTORY = join(import.meta.dirname, 'machines');
const files = readdirSync(DIRECTORY).sort();
const read = (name: string): string => readFileSync(join(DIRECTORY, name), 'utf8');

it('there is one for each unit', () => {
  expect(files).toEqual(['riscv-process.json', 'smmuv3-substream.json', 'vtd-pasid.json']);
  for (const file of files) expect(isMachineFile(read(file))).toBe(true);
  expect(isMachineFile('{"caps":"0x0","steps":[]}\n{}')).toBe(false);
  expect(isMachineFile('[1]')).toBe(false);
});

describe.each(files)('%s', (file) => {
  const telling = tellVector(machineVector(read(file), file));
  const requests = telling.steps.filter((step) => step.request !== null);

  it('the writable page is reached, through the tables of its process', () => {
    const [first] = requests;
    expect(first?.end).toMatchObject({ address: 0x5555_123n, fault: null });
    expect(first?.accesses.some(({ index }) => index !== null && index.value === 5 && /process|PASID|substream/.test(index.of))).toBe(true);
    expect(first?.accesses.at(-1)?.walk).toMatchObject({ stage: 'first', input: 0x40_3123n });
  });

  it('the read-only page is not written, and the fault names its entry and the edit', () => {
    expect(requests[1]?.end).toMatchObject({ address: null, fault: { entry: 0x20_2020n, rule: { repair: expect.anything() } } });
    const lines = narrateMachine(read(file), 'it').join('\n');
    expect(lines).toMatch(/entry at 0x202020\n.*\n.*\n +to mend it: (set|clear) bit \d/);
    expect(lines.startsWith('it: ')).toBe(true);
  });
});

it('an edit that puts a value into a field names each bit once', () => {
  expect(narrateMachine(read('smmuv3-substream.json'), 'it')).toContain('     to mend it: set bit 65, clear bit 64');
});

it('a store between requests is what the next one finds', () => {
  for (const file of files) {
    const { steps } = tellVector(machineVector(read(file), file));
    expect([steps[1]?.end?.address, steps[2]?.request, steps[3]?.end?.address]).toEqual([null, null, 0x5556_000n]);
  }
});

/** A machine file with its requests replaced, and whatever lets the device send ATS requests. */
function asking(file: string, steps: readonly object[], more: object = {}): string {
  const parsed = JSON.parse(read(file)) as { memory: readonly Record<string, unknown>[] };
  const ATS: Readonly<Record<string, object>> = { BaseDeviceContext: { EN_ATS: true }, ScalableContextEntry: { DTE: true }, StreamTableEntry: { EATS: 1 } };
  const memory = parsed.memory.map((item) => Object.fromEntries(Object.entries(item).map(([key, value]) => [key, key in ATS ? { ...(value as object), ...ATS[key] } : value])));
  return JSON.stringify({ ...parsed, ...more, memory, steps });
}

describe('functions that translate themselves', () => {
  it.each(files)('%s: a translation request is granted what the page permits, and a translated request passes', (file) => {
    const { steps } = tellVector(machineVector(asking(file, [{ by: '0x28', process: 5, address: '0x403123', type: 'ats' }, { by: '0x28', process: 5, address: '0x404000', type: 'ats', noWrite: true }, { by: '0x28', address: '0x5555123', type: 'translated', write: true }]), file));
    expect(steps[0]?.title).toMatch(/translation request|ATS request/);
    expect(steps[0]?.end).toMatchObject({ address: 0x5555_123n, text: expect.stringMatching(/ATS (grants|permits) read, write$/) });
    expect(steps[1]?.end).toMatchObject({ address: 0x5556_000n, text: expect.stringMatching(/ATS (grants|permits) read$/) });
    expect(steps[2]?.title).toMatch(/translated write/);
    expect(steps[2]?.end).toMatchObject({ address: 0x5555_123n, fault: null });
  });

  it('and an open question can be read the other way', () => {
    const request = [{ by: '0x28', process: 5, address: '0x403123', type: 'ats' }];
    const end = (switches: object): string | undefined => tellVector(machineVector(asking('riscv-process.json', request, { switches }), 'x')).steps[0]?.end?.text;
    expect(end({})).toMatch(/ATS permits read, write$/);
    expect(end({ atsSetsDirty: 'no' })).toMatch(/ATS permits read$/);
  });
});

describe('a slip is told with its place', () => {
  const vtd = { unit: 'vtd', memory: [], steps: [] };
  it.each([
    [{ ...vtd, unit: 'amd' }, 'machine.unit: "amd" is none of riscv, vtd, smmuv3'],
    [{ ...vtd, speed: 3 }, 'machine: unknown key "speed"'],
    [{ ...vtd, registers: { RTADDR: 0 } }, 'machine.registers: unknown key "RTADDR"; expected CAP_REG, ECAP_REG, RTADDR_REG'],
    [{ ...vtd, registers: { RTADDR_REG: { TTM: 4 } } }, 'machine.registers.RTADDR_REG: RTADDR_REG.TTM: 4 does not fit in 2 bits'],
    [{ ...vtd, registers: { RTADDR_REG: '0x1_0' } }, 'machine.registers.RTADDR_REG: expected a hex string'],
    [{ ...vtd, memory: [{ at: '0x1000', PasidEntry: { present: true } }] }, 'machine.memory[0].PasidEntry: unknown key "present"; expected P, '],
    [{ ...vtd, memory: [{ at: '0x1000', PasidEntry: { P: 'yes' } }] }, 'machine.memory[0].PasidEntry: PASID-table entry.P: expected a boolean'],
    [{ ...vtd, memory: [{ at: '0x1020', PasidEntry: {} }] }, 'machine.memory[0].at: a structure of 64 bytes does not lie at 0x1020'],
    [{ ...vtd, memory: [{ at: '0x1000', PageTableEntry: {} }] }, 'machine.memory[0]: unknown key "PageTableEntry"'],
    [{ ...vtd, memory: [{ at: '0x1000' }] }, 'machine.memory[0]: expected "words" or one structure of RootEntry, '],
    [{ ...vtd, memory: [{ at: '0x1000', RootEntry: {}, words: [] }] }, 'machine.memory[0]: expected "words" or one structure'],
    [{ ...vtd, memory: [{ at: '0x1004', words: ['0x1'] }] }, 'machine.memory[0].at: 0x1004 is no address of a 64-bit word'],
    [{ ...vtd, memory: [{ at: '0x1000', words: ['0x1', '0x10000000000000000'] }] }, 'machine.memory[0].words[1]: 0x10000000000000000 does not fit in 64 bits'],
    [{ ...vtd, memory: [{ at: -4096, words: ['0x1'] }] }, 'machine.memory[0].at: expected a hex string'],
    [{ ...vtd, memory: [{ at: '0x1000', FirstStageEntry: '0x10000000000000000' }] }, 'does not fit in 64 bits'],
    [{ ...vtd, steps: [{ by: 1, address: '0x0', write: 1 }] }, 'machine.steps[0].write: expected true or false'],
    [{ ...vtd, steps: [{ by: 1, address: '0x0', type: 'pre' }] }, 'machine.steps[0].type: "pre" is none of untranslated, ats, translated'],
    [{ ...vtd, steps: [{ by: '0x10000', address: '0x0' }] }, 'machine.steps[0].by: 0x10000 does not fit in 16 bits'],
    [{ ...vtd, unit: 'riscv', steps: [{ by: '0x1000000', address: '0x0' }] }, 'machine.steps[0].by: 0x1000000 does not fit in 24 bits'],
    [{ ...vtd, unit: 'smmuv3', steps: [{ by: 1, process: '0x100000', address: '0x0' }] }, 'machine.steps[0].process: 0x100000 does not fit in 20 bits'],
    [{ ...vtd, steps: [{ by: 1, address: '0x10000000000000000' }] }, 'machine.steps[0].address: 0x10000000000000000 does not fit in 64 bits'],
    [{ ...vtd, steps: [{ address: '0x0' }] }, 'machine.steps[0].by: expected a hex string'],
    [{ ...vtd, switches: {} }, 'machine.switches: only the RISC-V IOMMU has them'],
    [{ ...vtd, unit: 'riscv', switches: { tableDirt: 'on-read' } }, 'switches: unknown question "tableDirt"; expected atsCleanPage, '],
    [{ ...vtd, unit: 'riscv', switches: { tableDirty: 'yes' } }, 'switches.tableDirty: "yes" is none of on-read, on-write'],
    [{ unit: 'riscv', memory: [{ at: '0x1000', PageTableEntry32: { V: true } }], steps: [] }, 'machine.memory[0]: entries of 4 bytes are written by "words"'],
  ])('%j', (file, words) => {
    const make = (): unknown => machineVector(JSON.stringify(file), 'x');
    expect(make).toThrow(FormatError);
    expect(make).toThrow(words);
  });

  it('words and structures write the same memory', () => {
    const by = (memory: unknown): unknown => machineVector(JSON.stringify({ unit: 'riscv', memory: [memory], steps: [] }), 'x').raw['mem'];
    expect(by({ at: '0x2000', PageTableEntry: { V: true, R: true, PPN: '0x5' } })).toEqual(by({ at: '0x2000', words: ['0x1403'] }));
    expect(by({ at: '0x2000', PageTableEntry: '0x1403' })).toEqual([['0x2000', '0x1403']]);
  });
});
