// SPDX-License-Identifier: Apache-2.0
/** docs/devices/: one datasheet each, out of the tables the device runs on and its prose. */
import type { AnyLayout, Field } from '@dmalab/core/base/layout';
import type { Datasheet } from '@dmalab/core/devices/datasheet';
import type { Register } from '@dmalab/core/devices/registers';
import { COMMON_OPTIONS } from '@dmalab/core/devices/table';

const BADGES = {
  section: 'formats and rules from the cited specification; no outside answers',
  choice: 'our own device; where it follows another one is said below',
} as const;

export function datasheetPage(kind: string, sheet: Datasheet): string {
  const withFields = Object.entries<Register>(sheet.registers).flatMap(([name, { layout }]) => (layout === undefined ? [] : [[name, layout] as const]));
  const shown = withFields.filter(([, layout], i) => withFields.findIndex(([, other]) => other === layout) === i);
  return [
    `# ${sheet.title}`,
    '',
    `Kind \`${kind}\` in a lab's machine description. Badge: *${sheet.badge}*, ${BADGES[sheet.badge]}.`,
    '',
    `Made by \`test/devices/datasheets.test.ts\` out of \`packages/core/src/devices/${kind}\`; \`DMALAB_WRITE_DOCS=1\` in front of its run writes it anew.`,
    '',
    '## Purpose',
    '',
    ...sheet.purpose.flatMap((text) => [text, '']),
    `Follows: ${sheet.follows}`,
    '',
    '## Options',
    '',
    ...table(['option', 'meaning'], Object.entries({ ...sheet.options, ...COMMON_OPTIONS }).map(([name, doc]) => [`\`${name}\``, doc])),
    '',
    '## Registers',
    '',
    `A window of 0x${sheet.windowSize.toString(16)} bytes, little-endian.`,
    '',
    ...table(['offset', 'register', 'bytes', 'access', 'at power-on', 'meaning'], Object.entries<Register>(sheet.registers).map(([name, r]) => [`0x${r.offset.toString(16)}`, name, String(r.bytes ?? 4), r.access, `0x${(r.reset ?? 0).toString(16)}`, r.doc])),
    '',
    ...shown.flatMap(([name, layout]) => [`### ${name}`, '', ...fields(layout), '']),
    '## Structures in memory',
    '',
    ...(sheet.structures.length === 0 ? ['None.', ''] : sheet.structures.flatMap((layout) => [`### ${layout.name}`, '', `${layout.bytes} bytes. ${layout.spec}.`, '', ...fields(layout), ''])),
    '## Programming sequence',
    '',
    ...sheet.programming.map((step, i) => `${i + 1}. ${step}`),
    '',
    '## Ordering',
    '',
    'The device promises:',
    '',
    ...sheet.ordering.promises.map((line) => `* ${line}`),
    '',
    'It needs:',
    '',
    ...sheet.ordering.needs.map((line) => `* ${line}`),
    '',
    '## Errors',
    '',
    `Reported in: ${sheet.errors.where}.`,
    '',
    ...table(['code', 'name', 'when'], Object.entries(sheet.errors.codes).map(([name, { code, doc }]) => [`0x${code.toString(16)}`, name, doc])),
    '',
    '## Interrupts',
    '',
    ...sheet.interrupts.map((line) => `* ${line}`),
    '',
    '## What it teaches',
    '',
    ...sheet.teaches.flatMap((text) => [text, '']),
  ].join('\n');
}

/** docs/devices.md: which there are. */
export function devicesPage(devices: Readonly<Record<string, { readonly datasheet: Datasheet }>>): string {
  return [
    '# Devices',
    '',
    'Made by `test/devices/datasheets.test.ts`. Each device is a folder in `packages/core/src/devices`; its datasheet comes from the tables it runs on. What is ours and what a specification says: [decision 0018](decisions/0018-devices.md).',
    '',
    ...table(['kind', 'device', 'what it teaches'], Object.entries(devices).map(([kind, { datasheet }]) => [`[\`${kind}\`](devices/${kind}.md)`, datasheet.title, datasheet.teaches.join(' ')])),
    '',
  ].join('\n');
}

const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string[] => [`| ${heads.join(' | ')} |`, `|${heads.map(() => '---').join('|')}|`, ...rows.map((row) => `| ${row.join(' | ')} |`)];

function fields(of: AnyLayout): string[] {
  return table(['bits', 'field', 'meaning'], Object.entries(of.fields).map(([name, field]) => [bits(field), name, `${field.doc}${values(field)}`]));
}

const bits = (field: Field): string => (field.high === field.low ? String(field.low) : `${field.high}:${field.low}`);

function values(field: Field): string {
  if (field.kind !== 'choice') return '';
  return ` ${Object.entries(field.values)
    .map(([name, value]) => `${value} ${name}`)
    .join(', ')}.`;
}
