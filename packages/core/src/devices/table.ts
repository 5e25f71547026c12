// SPDX-License-Identifier: Apache-2.0
/** Every device the machine knows: one row each. */
import type { RegisterTable } from './registers.ts';
import type { Device, DeviceContext, DeviceSpec } from './device.ts';
import { CopyEngineRegisters, createCopyEngine } from './copy-engine/copy-engine.ts';
import { RingNicRegisters } from './ring-nic/registers.ts';
import { createRingNic } from './ring-nic/ring-nic.ts';

interface DeviceRow {
  readonly title: string;
  readonly registers: RegisterTable;
  readonly create: (spec: DeviceSpec, context: DeviceContext) => Device;
}

export const DEVICES: Readonly<Record<string, DeviceRow>> = {
  'ring-nic': { title: 'NIC with descriptor rings', registers: RingNicRegisters, create: createRingNic },
  'copy-engine': { title: 'Copy engine', registers: CopyEngineRegisters, create: createCopyEngine },
};

/** @throws RangeError for an unknown kind or option; lab files are checked with it before anything runs */
export function createDevice(spec: DeviceSpec, context: DeviceContext): Device {
  const row = Object.hasOwn(DEVICES, spec.kind) ? DEVICES[spec.kind] : undefined;
  if (row === undefined) throw new RangeError(`device ${spec.id}: unknown kind "${spec.kind}"; expected one of ${Object.keys(DEVICES).join(', ')}`);
  return row.create(spec, context);
}
