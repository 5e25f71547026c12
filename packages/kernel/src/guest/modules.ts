// SPDX-License-Identifier: Apache-2.0
/** The prelude: one ES module for each header, made from the rows, plus the private core. */
import { CONSTANTS, OPS } from '../ops.ts';
import type { ModuleName, NumberedRow } from '../ops/row.ts';
import { coreSource } from './core.ts';

/** A module for the sandbox. `trusted` ones may use the host's door and are left out of positions. */
export interface GuestModule {
  readonly name: string;
  readonly source: string;
  readonly trusted: boolean;
  /** Only trusted modules may import it. */
  readonly hidden?: boolean;
}

/** Values that a module exports besides rows and constants: `export const le16 = k.le16`. */
export const VALUE_EXPORTS: Readonly<Partial<Record<ModuleName, readonly (readonly [name: string, from: string])[]>>> = {
  'linux/types': ['u8', 'u16', 's8', 's16', 's32', 'u64', 's64', 'le16', 'le32', 'le64', 'be16', 'be32', 'be64', 'dma_addr_t', 'phys_addr_t', 'iomem'].map((name): [string, string] => [name, `k.${name}`]).concat([['u32', 'k.u32_type']]),
  'linux/device': [['device', 'k.device_type']],
  'linux/completion': [['completion', 'k.defineStruct("completion", { done: k.u32_type })']],
  'linux/spinlock': [['spinlock_t', 'k.defineStruct("spinlock_t", { locked: k.u32_type })']],
};
/** What a module passes on, so that a driver finds everything where its C counterpart would. */
export const REEXPORTS: Readonly<Partial<Record<ModuleName, readonly ModuleName[]>>> = {
  'lab/struct': ['linux/types', 'linux/device'],
};

export const MODULES: readonly ModuleName[] = [...new Set<ModuleName>([...OPS.map((row) => row.module), ...CONSTANTS.map((constant) => constant.module), 'linux/types'])].filter((name) => name !== 'kernel/core').sort();

const codeText = (row: NumberedRow): string => row.guest.replaceAll('$code', String(row.code));
const literal = (value: number | bigint): string => (typeof value === 'bigint' ? `${value}n` : String(value));

function moduleSource(name: ModuleName): string {
  const lines = ['import * as k from "kernel/core";'];
  for (const [exported, from] of VALUE_EXPORTS[name] ?? []) lines.push(`export const ${exported} = ${from};`);
  for (const constant of CONSTANTS) if (constant.module === name) lines.push(`export const ${constant.name} = ${literal(constant.value)};`);
  for (const row of OPS) if (row.module === name) lines.push(`export ${codeText(row)}`);
  for (const other of REEXPORTS[name] ?? []) {
    for (const [exported] of VALUE_EXPORTS[other] ?? []) lines.push(`export { ${exported} } from "${other}";`);
  }
  return `${lines.join('\n')}\n`;
}

/** @param endian byte order of the CPU: decides what cpu_to_le32 and its siblings do */
export function guestModules(endian: 'little' | 'big' = 'little'): readonly GuestModule[] {
  const codes = OPS.filter((row) => row.module === 'kernel/core').map(codeText).join('\n');
  const core = { name: 'kernel/core', source: coreSource({ endian, codes }), trusted: true, hidden: true };
  return [core, ...MODULES.map((name) => ({ name, source: moduleSource(name), trusted: true }))];
}
