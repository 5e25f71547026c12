// SPDX-License-Identifier: Apache-2.0
/**
 * What software and a VT-d unit write each other into queues: invalidation
 * descriptors and page requests. A descriptor is 16 bytes, or 32 of which the
 * second half is reserved (page group responses keep private data there).
 */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const DESCRIPTORS = 'Intel VT-d Architecture Specification, "Invalidation Queue Interface"';
const type = { type: uint(3, 0, 'Which descriptor.'), typeHigh: uint(11, 9, 'High bits of the type; 0 in all of these.') } as const;
const range = { AM: uint(69, 64, 'log2 of the pages around the address.'), IH: flag(70, 'Only leaves changed: what is cached of tables above them may stay.'), ADDR: wide(127, 76, 'First page.') } as const;

export const ContextCacheDescriptor = layout({
  name: 'Context-cache invalidate descriptor',
  spec: `${DESCRIPTORS}, "Context-cache Invalidate Descriptor"`,
  bits: 128,
  fields: {
    ...type,
    G: uint(5, 4, '1 everything, 2 one domain, 3 one device.'),
    DID: uint(31, 16, 'The domain.'),
    SID: uint(47, 32, 'The device.'),
    FM: uint(49, 48, 'Bits of the function number that do not matter: 0 none, 1 the highest, 2 the upper two, 3 all.'),
  },
});

export const IotlbDescriptor = layout({
  name: 'IOTLB invalidate descriptor',
  spec: `${DESCRIPTORS}, "IOTLB Invalidate Descriptor"`,
  bits: 128,
  fields: {
    ...type,
    G: uint(5, 4, '1 everything, 2 one domain, 3 pages of one domain.'),
    DW: flag(6, 'Complete only when writes translated before are in memory.'),
    DR: flag(7, 'Complete only when reads translated before are done.'),
    DID: uint(31, 16, 'The domain.'),
    ...range,
  },
});

export const DeviceTlbDescriptor = layout({
  name: 'Device-TLB invalidate descriptor',
  spec: `${DESCRIPTORS}, "Device-TLB Invalidate Descriptor"`,
  bits: 128,
  fields: {
    ...type,
    PFSIDLow: uint(15, 12, 'Physical function, low bits; for throttling.'),
    MIP: uint(20, 16, 'How many invalidations the function takes at once.'),
    SID: uint(47, 32, 'The function.'),
    PFSIDHigh: uint(63, 52, 'Physical function, high bits.'),
    S: flag(64, 'The lowest bit of the address that is 0 gives the size.'),
    ADDR: wide(127, 76, 'First page, with the size in its low bits.'),
  },
});

export const InterruptCacheDescriptor = layout({
  name: 'Interrupt-entry-cache invalidate descriptor',
  spec: `${DESCRIPTORS}, "Interrupt Entry Cache Invalidate Descriptor"`,
  bits: 128,
  fields: {
    ...type,
    G: flag(4, 'Clear: everything. Set: by index.'),
    IM: uint(31, 27, 'log2 of the entries.'),
    IIDX: uint(47, 32, 'First entry.'),
  },
});

export const WaitDescriptor = layout({
  name: 'Invalidation wait descriptor',
  spec: `${DESCRIPTORS}, "Invalidation Wait Descriptor"`,
  bits: 128,
  fields: {
    ...type,
    IF: flag(4, 'Interrupt when done.'),
    SW: flag(5, 'Write the status data when done.'),
    FN: flag(6, 'Later descriptors start only when it is done.'),
    PD: flag(7, 'Page requests on their way come first.'),
    STDATA: uint(63, 32, 'What is written.'),
    STADDR: wide(127, 66, 'Where, in units of four bytes.'),
  },
});

export const PasidIotlbDescriptor = layout({
  name: 'PASID-based IOTLB invalidate descriptor',
  spec: `${DESCRIPTORS}, "PASID-based-IOTLB Invalidate Descriptor"`,
  bits: 128,
  fields: {
    ...type,
    G: uint(5, 4, '2 the PASID but its global entries, 3 pages.'),
    DID: uint(31, 16, 'The domain.'),
    PASID: uint(51, 32, 'The PASID.'),
    ...range,
  },
});

export const PasidCacheDescriptor = layout({
  name: 'PASID-cache invalidate descriptor',
  spec: `${DESCRIPTORS}, "PASID-cache Invalidate Descriptor"`,
  bits: 128,
  fields: {
    ...type,
    G: uint(5, 4, '0 every PASID of the domain, 1 one PASID, 3 everything.'),
    DID: uint(31, 16, 'The domain.'),
    PASID: uint(51, 32, 'The PASID.'),
  },
});

export const PasidDeviceTlbDescriptor = layout({
  name: 'PASID-based device-TLB invalidate descriptor',
  spec: `${DESCRIPTORS}, "PASID-based-Device-TLB Invalidate Descriptor"`,
  bits: 128,
  fields: {
    ...type,
    MIP: uint(8, 4, 'How many invalidations the function takes at once.'),
    PFSIDLow: uint(15, 12, 'Physical function, low bits; for throttling.'),
    SID: uint(31, 16, 'The function.'),
    PASID: uint(51, 32, 'The PASID.'),
    PFSIDHigh: uint(63, 52, 'Physical function, high bits.'),
    G: flag(64, 'In every PASID.'),
    S: flag(75, 'The lowest bit of the address that is 0 gives the size.'),
    ADDR: wide(127, 76, 'First page, with the size in its low bits.'),
  },
});

export const PageGroupResponseDescriptor = layout({
  name: 'Page group response descriptor',
  spec: `${DESCRIPTORS}, "Page Group Response Descriptor"`,
  bits: 256,
  fields: {
    ...type,
    PASID_P: flag(4, 'The response carries the PASID.'),
    PDP: flag(5, 'Private data is present.'),
    code: uint(15, 12, '0 success, 1 invalid request, 15 failure.'),
    RID: uint(31, 16, 'The function.'),
    PASID: uint(51, 32, 'The PASID.'),
    LPIG: flag(66, 'The request was the last of its group; only then the function is told.'),
    PRGI: uint(75, 67, 'The group.'),
    privateLow: wide(191, 128, 'Private data of the request.'),
    privateHigh: wide(255, 192, 'Private data of the request.'),
  },
});

export const PageRequestEntry = layout({
  name: 'Page request descriptor',
  spec: 'Intel VT-d Architecture Specification, "Page Request Queue", "Page Request Descriptor"',
  bits: 256,
  fields: {
    type: uint(7, 0, '1.'),
    PASID_P: flag(8, 'The request carried a PASID.'),
    RID: uint(31, 16, 'The function.'),
    PASID: uint(51, 32, 'The PASID.'),
    EXE: flag(52, 'Execution was asked for.'),
    PRIV: flag(53, 'Asked for a supervisor.'),
    R: flag(64, 'A read was asked for.'),
    W: flag(65, 'A write was asked for.'),
    LPIG: flag(66, 'The last of its group: one response is due.'),
    PRGI: uint(75, 67, 'The group.'),
    ADDR: wide(127, 76, 'The page.'),
    privateLow: wide(191, 128, 'Private data.'),
    privateHigh: wide(255, 192, 'Private data.'),
  },
});
