// SPDX-License-Identifier: Apache-2.0
/** docs/kernel-api.md, made from the rows; a test keeps the page in step. */
import { MODULES } from '../guest/modules.ts';
import { BARRIERS, LOWERINGS, type Access, type Lowering, type Step } from '../lowering.ts';
import { CONSTANTS, OPS } from '../ops.ts';
import type { NumberedRow } from '../ops/row.ts';
import { BARRIER_WEIGHT } from '../profiles.ts';

export function kernelApiMarkdown(): string {
  const parts = [
    '# Kernel API',
    '',
    'What driver code may import. Names, argument order and results are those of Linux 6.12. This page is generated from the ops table in',
    '`packages/kernel/src/ops`; run `UPDATE_DOCS=1 npx vitest run packages/kernel` after changing it.',
    '',
    ...MODULES.flatMap(moduleSection),
    ...loweringSection(),
    ...privateSection(),
  ];
  return `${parts.join('\n').trimEnd()}\n`;
}

function moduleSection(name: string): string[] {
  const rows = OPS.filter((row) => row.module === name);
  const constants = CONSTANTS.filter((constant) => constant.module === name);
  const values = constants.length === 0 ? [] : ['| constant | value | |', '|---|---|---|', ...constants.map((c) => `| \`${c.name}\` | ${typeof c.value === 'bigint' ? `0x${c.value.toString(16)}` : c.value} | ${c.doc} |`), ''];
  if (rows.length === 0 && constants.length === 0) return [`## ${name}`, '', 'Types only; see the editor.', ''];
  return [`## ${name}`, '', ...values, ...rows.flatMap(rowSection)];
}

function rowSection(row: NumberedRow): string[] {
  const { doc } = row;
  const signatures = row.ts.map((signature) => `${row.name}${signature}`);
  return [
    `### ${row.name}`,
    '',
    '```c',
    row.c,
    '```',
    '',
    '```ts',
    ...signatures,
    '```',
    '',
    doc.text,
    '',
    ...Object.entries(doc.params ?? {}).map(([name, text]) => `* \`${name}\`: ${text}`),
    ...(doc.returns === undefined ? [] : [`* returns ${doc.returns}`]),
    `* context: ${doc.context}`,
    `* source: ${doc.source}`,
    `* differs from Linux: ${doc.differs}`,
    '',
  ];
}

const BUILDS = ['x86-64', 'arm64', 'riscv64', 'strict', 'x86-64-up', 'arm64-up', 'riscv64-up', 'strict-up'] as const;
const SHOWN: readonly (readonly [name: string, access: Access])[] = [
  ['smp_store_release', 'store-release'],
  ['smp_load_acquire', 'load-acquire'],
  ['READ_ONCE', 'load-once'],
  ['WRITE_ONCE', 'store-once'],
  ['readl', 'mmio-read'],
  ['writel', 'mmio-write'],
  ['readl_relaxed', 'mmio-read-relaxed'],
  ['writel_relaxed', 'mmio-write-relaxed'],
];

function step(one: Step): string {
  if (one.kind === 'fence') return one.fence;
  return one.kind === 'branch' ? 'branch' : `access (${one.order})`;
}

/** A lock marks that it was taken only where the profile has a name for that. */
const takes = ({ lock, locked }: Lowering): string => [lock === null ? 'compiler' : `atomic (${lock})`, ...(locked === null ? [] : [locked])].join('; ');
const frees = ({ mmiowb, unlocks, unlock }: Lowering): string => [...(mmiowb === null ? [] : [`after writel: ${mmiowb}`]), ...(unlocks === null ? [] : [unlocks]), ...unlock.map(step)].join('; ');

function loweringSection(): string[] {
  const cell = (lowering: Lowering, primitive: (typeof BARRIERS)[number]): string => lowering.barriers[primitive].map((fence) => (fence === 'compiler' ? 'compiler only' : `\`${fence}\``)).join(' ');
  return [
    '## What each primitive becomes',
    '',
    'The instructions Linux emits (`asm/barrier.h`, `asm/io.h`). STRICT has none: there a name stands for what the documentation promises of it. `-nc` profiles lower as the others.',
    '',
    `| primitive | weight | ${BUILDS.join(' | ')} |`,
    `|---|---|${BUILDS.map(() => '---').join('|')}|`,
    ...BARRIERS.map((name) => `| \`${name}\` | ${BARRIER_WEIGHT[name]} | ${BUILDS.map((build) => cell(LOWERINGS[build], name)).join(' | ')} |`),
    ...SHOWN.map(([name, access]) => `| \`${name}\` | | ${BUILDS.map((build) => LOWERINGS[build].accesses[access].map(step).join('; ')).join(' | ')} |`),
    `| \`spin_lock\` | | ${BUILDS.map((build) => takes(LOWERINGS[build])).join(' | ')} |`,
    `| \`spin_unlock\` | | ${BUILDS.map((build) => frees(LOWERINGS[build])).join(' | ')} |`,
    '',
    'The weight is what the cost metric `barriers` counts (our choice).',
    '',
  ];
}

function privateSection(): string[] {
  return ['## Beneath', '', 'Ops of the private core, on which the rest is built. Drivers cannot call them by name.', '', ...OPS.filter((row) => row.module === 'kernel/core').map((row) => `* \`${row.name}\`: ${row.doc.text}`), ''];
}
