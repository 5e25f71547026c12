// SPDX-License-Identifier: Apache-2.0
/** Every device the machine knows: one row each. */
import type { Datasheet } from './datasheet.ts';
import type { Device, DeviceContext, DeviceSpec } from './device.ts';
import type { DeviceKind } from './kinds.ts';
import { booleanOption } from './options.ts';
import { createCopyEngine } from './copy-engine/copy-engine.ts';
import { CopyEngineDatasheet } from './copy-engine/datasheet.ts';
import { DsaDatasheet } from './dsa/datasheet.ts';
import { createDsa } from './dsa/dsa.ts';
import { Legacy32Datasheet } from './legacy32/datasheet.ts';
import { createLegacy32 } from './legacy32/legacy32.ts';
import { NvmeDatasheet } from './nvme/datasheet.ts';
import { createNvme } from './nvme/nvme.ts';
import { RingNicDatasheet } from './ring-nic/datasheet.ts';
import { createRingNic } from './ring-nic/ring-nic.ts';
import { SensorDatasheet } from './sensor/datasheet.ts';
import { createSensor } from './sensor/sensor.ts';
import { TreeWalkerDatasheet } from './tree-walker/datasheet.ts';
import { createTreeWalker } from './tree-walker/tree-walker.ts';
import { VirtioDatasheet } from './virtio/datasheet.ts';
import { createVirtio } from './virtio/virtio.ts';

interface DeviceRow {
  readonly datasheet: Datasheet;
  readonly create: (spec: DeviceSpec, context: DeviceContext) => Device;
}

export const DEVICES: Readonly<Record<DeviceKind, DeviceRow>> = {
  'ring-nic': { datasheet: RingNicDatasheet, create: createRingNic },
  'copy-engine': { datasheet: CopyEngineDatasheet, create: createCopyEngine },
  virtio: { datasheet: VirtioDatasheet, create: createVirtio },
  nvme: { datasheet: NvmeDatasheet, create: createNvme },
  dsa: { datasheet: DsaDatasheet, create: createDsa },
  'tree-walker': { datasheet: TreeWalkerDatasheet, create: createTreeWalker },
  sensor: { datasheet: SensorDatasheet, create: createSensor },
  legacy32: { datasheet: Legacy32Datasheet, create: createLegacy32 },
};
const byName: Readonly<Record<string, DeviceRow>> = DEVICES;

/** Options that every kind has. */
export const COMMON_OPTIONS = {
  relaxedOrdering: 'Relaxed ordering: the accesses of one transfer of data or of one descriptor may reach memory in another order, a choice each time. Flags, indices and status words are accesses of their own and keep their place. false when left out.',
};

/** @throws RangeError for an unknown kind or option; lab files are checked with it before anything runs */
export function createDevice(spec: DeviceSpec, context: DeviceContext): Device {
  const row = Object.hasOwn(byName, spec.kind) ? byName[spec.kind] : undefined;
  if (row === undefined) throw new RangeError(`device ${spec.id}: unknown kind "${spec.kind}"; expected one of ${Object.keys(DEVICES).join(', ')}`);
  const relaxedOrdering = booleanOption(spec, 'relaxedOrdering', false);
  const own = Object.fromEntries(Object.entries(spec.options).filter(([name]) => !Object.hasOwn(COMMON_OPTIONS, name)));
  return row.create({ ...spec, options: own }, { ...context, relaxedOrdering });
}
