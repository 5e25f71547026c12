// SPDX-License-Identifier: Apache-2.0
/** A telling in lines: every table access with the fields that are set, and why a request ended as it did. */
import { hex } from '@dmalab/core/mmu/word';
import { bitsOf, placeOf, repairOf, type ToldAccess, type ToldFault, type Telling } from './tell.ts';

/** Lines for people. */
export function narrate({ id, note, unit, steps }: Telling): string[] {
  const out = [note === '' ? id : `${id}: ${note}`];
  const word = unit === 'RISC-V IOMMU' ? 'step' : 'DMA';
  steps.forEach((step, i) => {
    out.push('', `${word} ${i}: ${step.title}`);
    step.accesses.forEach((access, at) => out.push(...lines(access, at + 1)));
    if (step.end !== null) out.push(`   = ${step.end.text}`, ...(step.end.fault === null ? [] : reason(step.end.fault)));
    if (step.value !== null) out.push(`   = ${hex(step.value)}`);
    for (const message of step.messages) out.push(`   → ${message}`);
  });
  return out;
}

function lines(access: ToldAccess, number: number): string[] {
  const line = `  ${String(number).padStart(2)}  ${access.kind.padEnd(10)}  ${access.what.padEnd(28)}  ${hex(access.address)}`;
  return access.status === 'ok' ? [line, `        ${access.words.map(hex).join(' ')}${fields(access)}`] : [`${line}  ${access.status}`];
}

/** The fields that are not 0. */
function fields({ layout, raw }: ToldAccess): string {
  if (layout === null) return '';
  const set = Object.entries(layout.fields).flatMap(([name, field]) => {
    const value = bitsOf(raw, field.high, field.low);
    return value === 0n ? [] : [field.kind === 'flag' ? name : `${name}=${hex(value)}`];
  });
  const stray = layout.strayBits(raw);
  return `  ${[...set, ...(stray === 0n ? [] : [`reserved=${hex(stray)}`])].join(' ')}`;
}

/** Why: cause, table, entry, bits, rule, and what would mend it. */
function reason(fault: ToldFault): string[] {
  const { rule } = fault;
  const where = rule.bits === '-' ? '' : ` (${/^\d+$/.test(rule.bits) ? 'bit' : 'bits'} ${rule.bits})`;
  const repair = repairOf(rule);
  return [`     ${fault.code}, ${fault.name}: ${placeOf(fault)}`, `     ${rule.field}${where}: ${rule.text}`, `     ${rule.section}`, ...(repair === null ? [] : [`     to mend it: ${repair}`])];
}
