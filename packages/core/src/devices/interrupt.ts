// SPDX-License-Identifier: Apache-2.0
/** Raising an MSI: a posted message on the device's interrupt line. Taking it orders as the profile's MSI rule says. */
import type { Port } from '../base/port.ts';

export function raiseMsi(port: Port, owner: string, vector: number): void {
  port.op({ kind: 'store', place: { space: 'irq', owner, address: vector, size: 4 }, value: 1, order: 'relaxed', name: `msi${vector}` });
}
