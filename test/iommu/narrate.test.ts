// SPDX-License-Identifier: Apache-2.0
/** `dmalab walk`: a vector told step by step. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { narrateVector } from '@dmalab/litmus/iommu/oracle';
import { dmalab } from '../support/cli.ts';

const FILE = new URL('../oracle/iommu/riscv-iommu.jsonl', import.meta.url);
const text = readFileSync(FILE, 'utf8');

it('tells a fault down to the bit, and what would mend it', () => {
  expect(narrateVector(text, 's2-ad-001')?.slice(0, 24)).toEqual([
    's2-ad-001: A=0 D=0 W=0 GADE=0',
    '',
    'step 0: untranslated read of 0x12345000 by device 0x20',
    '   1  read        device directory, level 2     0x80003000',
    '        0x20002801  V PPN=0x8000a',
    '   2  read        device directory, level 1     0x8000a000',
    '        0x7d0000401  V PPN=0x1f40001',
    '   3  read        device context                0x1f40001800',
    '        0x3 0x9000300000080004 0x0 0x0 0x0 0x0 0x0 0x0  V EN_ATS iohgatp_PPN=0x80004 GSCID=0x3 iohgatp_MODE=0x9',
    '   4  read        second-stage table, level 3   0x80004000',
    '        0x20002001  V PPN=0x80008',
    '   5  read        second-stage table, level 2   0x80008000',
    '        0x7d0000001  V PPN=0x1f40000',
    '   6  read        second-stage table, level 1   0x1f40000488',
    '        0x20002401  V PPN=0x80009',
    '   7  read        second-stage table, level 0   0x80009a28',
    '        0x1159e01b  V R X U PPN=0x45678',
    '   8  write       fault queue                   0x80001000',
    '        0x200800000015 0x0 0x12345000 0x12345000  CAUSE=0x15 TTYP=0x2 DID=0x20 iotval=0x12345000 iotval2=0x12345000',
    '   = unsupported request',
    '     cause 21, read guest page fault: second-stage table, level 0, entry at 0x80009a28',
    '     A D (bits 7:6): A (and D for a write) must be set, or hardware allowed to set it',
    '     RISC-V IOMMU, "Translation control", GADE and SADE',
    '     to mend it: set bit 6, 7',
  ]);
});

it('tells every kind of vector', () => {
  for (const row of text.split('\n').filter((line, i) => line !== '' && i % 16 === 0)) {
    const id = /"id":"([^"]+)"/.exec(row)?.[1] ?? '';
    expect(narrateVector(text, id)?.length).toBeGreaterThan(2);
  }
  expect(narrateVector(text, '1')?.[0]).toContain('ddt-offbare-002');
  expect(narrateVector(text, 'nothing')).toBeNull();
});

it('and the emulator vectors of VT-d', () => {
  const vtd = readFileSync(new URL('../oracle/iommu/qemu100-vtd.jsonl', import.meta.url), 'utf8');
  const told = narrateVector(vtd, 'first-perm-002') ?? [];
  expect(told).toContain('        0x49 0x5 0x101000 0x0 0x0 0x0 0x0 0x0  P AW=0x2 PGTT=0x1 DID=0x5 FSPTPTR=0x101');
  expect(told).toContain('     reason 0x71, first-stage entry not present: first-stage table, level 0, entry at 0x1091a0');
});

it('and those of the SMMUv3', () => {
  const smmu = readFileSync(new URL('../oracle/iommu/qemu100-smmuv3.jsonl', import.meta.url), 'utf8');
  const told = narrateVector(smmu, 'nested-hole-001') ?? [];
  expect(told.slice(0, 15)).toEqual([
    'nested-hole-001: second stage does not map the context descriptor',
    '',
    'DMA 0: write of 0x1234000 by stream 0x28',
    '   1  read        stream table entry            0x40100a00',
    '        0x4011700f 0x0 0x40c005900000009 0x40110000 0x0 0x0 0x0 0x0  V Config=0x7 S1ContextPtr=0x10045c0 S2VMID=0x9 S2T0SZ=0x19 S2SL0=0x1 S2PS=0x4 S2AA64 S2R S2TTB=0x4011000',
    '   2  read        stage-2 table, level 1        0x40110008',
    '        0x40118003  valid table address=0x40118',
    '   3  read        stage-2 table, level 2        0x40118000',
    '        0x40119003  valid table address=0x40119',
    '   4  read        stage-2 table, level 3        0x401198b8',
    '        0x0  ',
    '   = blocked',
    '     event 0x10, F_TRANSLATION: stage-2 table, level 3, entry at 0x401198b8',
    '     valid (bits 1:0): the descriptor must be valid and of a type that its level has',
    '     Arm ARM (DDI 0487), "VMSAv8-64 translation table format descriptors"',
  ]);
  for (const row of smmu.split('\n').filter((line) => line !== '')) {
    const id = /"id":"([^"]+)"/.exec(row)?.[1] ?? '';
    expect(narrateVector(smmu, id)?.length, id).toBeGreaterThan(3);
  }
});

it('and so does the command line', async () => {
  const told = await dmalab('walk', `${FILE.pathname}#msi-mrif-001`);
  expect(told).toMatchObject({ code: 0, stderr: '' });
  expect(told.stdout).toContain('   = an interrupt file in memory at 0x55555200, notice 0 to 0x28010000; 0x1000 bytes alike, as memory says, a message\n');
  expect(await dmalab('walk', 'nowhere.jsonl#1')).toMatchObject({ code: 2, stderr: expect.stringContaining('nowhere.jsonl: no such file') });
  expect(await dmalab('walk', FILE.pathname)).toMatchObject({ code: 2, stderr: expect.stringContaining('expected FILE#N, FILE#ID, or a machine file') });
});
