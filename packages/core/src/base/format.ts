// SPDX-License-Identifier: Apache-2.0
/** How addresses, values and agents are written for people, everywhere the same. */
import { elementText, fieldAt } from './placed-layout.ts';
import type { Value } from './port.ts';
import { deviceOf } from './reducer.ts';
import type { LayoutField, MachineState } from './state.ts';

/** `0x8010_4800`: grouped by four from the right. */
export function addressText(address: number | bigint): string {
  const digits = address.toString(16);
  const head = digits.length % 4;
  const groups = digits.slice(head).match(/.{4}/g) ?? [];
  return `0x${[...(head > 0 ? [digits.slice(0, head)] : []), ...groups].join('_')}`;
}

/** `OWN|DONE`, `1514`, `0x8010_4800`, as the field's format says. Bits that have no name are added in hex. */
export function fieldText(field: LayoutField, value: Value): string {
  switch (field.format) {
    case 'decimal':
      return String(value);
    case 'address':
      return addressText(value);
    case 'hex':
      return value < 0x1_0000 ? `0x${value.toString(16)}` : addressText(value);
    case 'flags': {
      let rest = BigInt(value);
      const names: string[] = [];
      for (const [name, bit] of Object.entries(field.flags)) {
        if (bit !== 0 && (rest & BigInt(bit)) === BigInt(bit)) {
          names.push(name);
          rest &= ~BigInt(bit);
        }
      }
      if (rest !== 0n || names.length === 0) names.push(rest === 0n ? '0' : `0x${rest.toString(16)}`);
      return names.join('|');
    }
  }
}

/** A value as the structure that lies at its address would have it. */
export function valueText(state: MachineState, address: number, size: number, value: Value): string {
  const at = fieldAt(state.layouts, address);
  if (at !== null && at.field.size === size) return fieldText(at.field, value);
  return value < 0x1_0000 ? String(value) : addressText(value);
}

/** `len[1]`: a ring's own words for its slots first, so that both sides call them alike; then the access's own name, the structure's, the last name used there, the address. */
export function placeText(state: MachineState, address: number, name: string): string {
  const at = fieldAt(state.layouts, address);
  if (at !== null && at.layout.own !== null) return elementText(at);
  if (name !== '') return name;
  return at !== null ? elementText(at) : (state.names.get(address) ?? addressText(address));
}

/** `CPU 0`, `NIC`; an engine of a device goes by the device's name. */
export function agentText(state: MachineState, agent: string): string {
  const device = deviceOf(agent);
  const known = state.machine?.agents.find((a) => a.id === agent) ?? state.machine?.agents.find((a) => a.id === device);
  if (known !== undefined && known.name !== known.id) return known.name;
  const cpu = /^cpu(\d+)$/.exec(agent);
  return cpu === null ? device : `CPU ${cpu[1] ?? ''}`;
}

/** `the NIC`, but `CPU 0`: as it stands inside a sentence. */
export function agentPhrase(state: MachineState, agent: string): string {
  const name = agentText(state, agent);
  return agent.startsWith('cpu') || /\d$/.test(name) ? name : `the ${name}`;
}
