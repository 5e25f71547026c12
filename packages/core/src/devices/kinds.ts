// SPDX-License-Identifier: Apache-2.0
/** What a lab's machine description may call a device. Without the devices themselves, for whoever only checks names. */
export const DEVICE_KINDS = ['ring-nic', 'copy-engine', 'virtio', 'nvme', 'dsa', 'tree-walker', 'sensor', 'legacy32'] as const;
export type DeviceKind = (typeof DEVICE_KINDS)[number];
