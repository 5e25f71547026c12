// SPDX-License-Identifier: Apache-2.0
/** docs/iommu-structures.md, made out of the declarations the hardware models run on. */
import type { AnyLayout, Field } from '@dmalab/core/base/layout';
import * as counters from '@dmalab/core/iommu/riscv/counter-registers';
import * as records from '@dmalab/core/iommu/riscv/records';
import * as registers from '@dmalab/core/iommu/riscv/registers';
import * as smmuCommands from '@dmalab/core/iommu/smmu/commands-layout';
import * as smmuRecords from '@dmalab/core/iommu/smmu/records';
import * as smmuRegisters from '@dmalab/core/iommu/smmu/registers';
import * as smmu from '@dmalab/core/iommu/smmu/structures';
import * as vtdCapabilities from '@dmalab/core/iommu/vtd/capabilities';
import * as vtdQueues from '@dmalab/core/iommu/vtd/queues';
import * as vtdRegisters from '@dmalab/core/iommu/vtd/registers';
import * as vtd from '@dmalab/core/iommu/vtd/structures';
import * as structures from '@dmalab/core/iommu/riscv/structures';
import * as armEntries from '@dmalab/core/mmu/formats/armv8-entries';
import * as entries from '@dmalab/core/mmu/formats/riscv-entries';
import * as config from '@dmalab/core/pcie/config-structures';
import * as packets from '@dmalab/core/pcie/tlp-layouts';

/** What an answer rests on. */
const BADGES = {
  oracle: 'checked against recorded answers of an independent model (`test/oracle/iommu`)',
  section: 'from the cited section; no outside answers',
  both: 'what requests without PASID or substream use is checked against recorded answers of QEMU 10.0.2; the rest is from the cited sections',
} as const;

interface Chapter {
  readonly title: string;
  readonly badge: keyof typeof BADGES;
  readonly layouts: readonly AnyLayout[];
}

export const CHAPTERS: readonly Chapter[] = [
  { title: 'RISC-V IOMMU: tables in memory', badge: 'oracle', layouts: [...layoutsOf(structures), ...layoutsOf(entries)] },
  { title: 'RISC-V IOMMU: queues', badge: 'oracle', layouts: layoutsOf(records) },
  { title: 'RISC-V IOMMU: registers', badge: 'oracle', layouts: layoutsOf(registers) },
  { title: 'RISC-V IOMMU: performance counters, QoS ids', badge: 'section', layouts: layoutsOf(counters) },
  { title: 'Intel VT-d: tables in memory', badge: 'both', layouts: layoutsOf(vtd) },
  { title: 'Intel VT-d: queues', badge: 'section', layouts: layoutsOf(vtdQueues) },
  { title: 'Intel VT-d: registers', badge: 'section', layouts: [...layoutsOf(vtdCapabilities), ...layoutsOf(vtdRegisters)] },
  { title: 'Arm SMMUv3: tables in memory', badge: 'both', layouts: [...layoutsOf(smmu), ...layoutsOf(armEntries)] },
  { title: 'Arm SMMUv3: commands', badge: 'section', layouts: layoutsOf(smmuCommands) },
  { title: 'Arm SMMUv3: events and page requests', badge: 'both', layouts: layoutsOf(smmuRecords) },
  { title: 'Arm SMMUv3: registers', badge: 'section', layouts: layoutsOf(smmuRegisters) },
  { title: 'PCIe: configuration space', badge: 'section', layouts: layoutsOf(config) },
  { title: 'PCIe: packets', badge: 'section', layouts: layoutsOf(packets) },
];

function layoutsOf(module: object): AnyLayout[] {
  return Object.values(module).filter((value: unknown): value is AnyLayout => typeof value === 'object' && value !== null && 'strayBits' in value);
}

export function structuresPage(): string {
  const chapters = CHAPTERS.map(({ title, badge, layouts }) => [`## ${title}`, '', `Badge: *${badge}*, ${BADGES[badge]}.`, '', ...layouts.map(section)].join('\n'));
  return [
    '# IOMMU structures, bit by bit',
    '',
    'Made by `test/iommu/structures.test.ts` out of the declarations in `packages/core/src/iommu`; `DMALAB_WRITE_DOCS=1` in front of its run writes it anew.',
    'Decoding, reserved-bit faults, register views and this page come from the same table. Bits that no row names are reserved: where the section says so, a set one is a fault.',
    '',
    ...chapters,
    '## Where the RISC-V registers lie',
    '',
    '| register | offset |',
    '|---|---|',
    ...Object.entries(registers.OFFSET).map(([name, offset]) => `| ${name} | ${offset} |`),
    '',
    '## Where the VT-d registers lie',
    '',
    '| register | offset |',
    '|---|---|',
    ...Object.entries(vtdRegisters.OFFSET).map(([name, offset]) => `| ${name} | 0x${offset.toString(16)} |`),
    '| IVA | ECAP.IRO × 16 |',
    '| IOTLB | ECAP.IRO × 16 + 8 |',
    '| FRCD | CAP.FRO × 16, 16 bytes each |',
    '',
    '## Where the SMMUv3 registers lie',
    '',
    '| register | offset |',
    '|---|---|',
    ...Object.entries(smmuRegisters.OFFSET).map(([name, offset]) => `| ${name} | 0x${offset.toString(16)} |`),
    '',
  ].join('\n');
}

function section(of: AnyLayout): string {
  const rows = Object.entries(of.fields).map(([name, field]) => `| ${bitsText(field)} | ${name} | ${field.doc}${valuesText(field)} |`);
  return [`### ${of.name}`, '', `${of.bytes} bytes. ${of.spec}.`, '', '| bits | field | meaning |', '|---|---|---|', ...rows, ''].join('\n');
}

const bitsText = (field: Field): string => (field.high === field.low ? String(field.low) : `${field.high}:${field.low}`);

function valuesText(field: Field): string {
  if (field.kind !== 'choice') return field.kind === 'frame' ? ' The value is the address.' : '';
  return ` ${Object.entries(field.values)
    .map(([name, value]) => `${value} ${name}`)
    .join(', ')}.`;
}
