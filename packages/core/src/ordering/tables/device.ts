// SPDX-License-Identifier: Apache-2.0
/**
 * A device's DMA engine: everything in program order, as PCIe orders posted
 * writes and as an in-order engine issues its reads (decision 8). It has no
 * store buffer; a write is at memory when it is made.
 */
import type { RuleTable } from '../rules.ts';

export const DEVICE: RuleTable = {
  id: 'device',
  title: 'device (in order)',
  rows: [
    { id: 'device.read', on: { access: ['r', 'i'] }, before: ['rNew'], join: [['event', 'rNew'], ['event', 'wNew']], source: 'PCIe base specification 2.4.1; decision 8: reads are issued in order', evidence: 'choice' },
    { id: 'device.write', on: { access: ['w', 'o'] }, before: ['wNew'], join: [['event', 'rNew'], ['event', 'wNew']], source: 'PCIe base specification 2.4.1: a posted request does not pass a posted request, a read pushes earlier writes', evidence: 'section' },
      ],
  // The write buffers are the machine's; no access of the device is ordered by them.
  idleFences: ['compiler', 'write-buffers'],
  forwarding: false,
  singleCopyBytes: 8,
  switches: {},
  source: 'PCI Express Base Specification 6.0, 2.4.1',
};
