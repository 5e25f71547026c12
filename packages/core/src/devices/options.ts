// SPDX-License-Identifier: Apache-2.0
/** Reading a device's options strictly: a misspelt one is an error, never a default. */
import type { DeviceSpec } from './device.ts';

export function rejectUnknownOptions(spec: DeviceSpec, known: readonly string[]): void {
  for (const name of Object.keys(spec.options)) {
    if (!known.includes(name)) throw new RangeError(`device ${spec.id}: unknown option "${name}"; ${spec.kind} knows ${known.join(', ') || 'none'}`);
  }
}

export function integerOption(spec: DeviceSpec, name: string, otherwise: number, low: number, high: number): number {
  const value = spec.options[name] ?? otherwise;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) throw new RangeError(`device ${spec.id}: option "${name}" is ${String(value)}; expected an integer from ${low} to ${high}`);
  return value;
}

export function booleanOption(spec: DeviceSpec, name: string, otherwise: boolean): boolean {
  const value = spec.options[name] ?? otherwise;
  if (typeof value !== 'boolean') throw new RangeError(`device ${spec.id}: option "${name}" is ${String(value)}; expected true or false`);
  return value;
}
