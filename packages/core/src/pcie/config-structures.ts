// SPDX-License-Identifier: Apache-2.0
/** Configuration space of a function, register by register: decode, encode, the register view and the reference page come from here. */
import { choice, flag, layout, uint, wide } from '../base/layout.ts';

/** Capability ids. */
export const CAPABILITY = { msi: 0x05, pcie: 0x10, msix: 0x11 } as const;
/** Ids of extended capabilities, which lie from offset 0x100. */
export const EXTENDED = { ats: 0x0f, pri: 0x13, pasid: 0x1b } as const;

const HEADER = 'PCIe 5.0, "Type 0 Configuration Space Header"';

export const Identity = layout({
  name: 'Vendor and device', spec: HEADER, bits: 32,
  fields: { vendorId: uint(15, 0, 'Who made it.'), deviceId: uint(31, 16, 'What it is.') },
});

export const CommandStatus = layout({
  name: 'Command and status', spec: 'PCIe 5.0, "Command Register", "Status Register"', bits: 32,
  fields: {
    ioSpace: flag(0, 'Answers accesses to its I/O BARs.'),
    memorySpace: flag(1, 'Answers accesses to its memory BARs.'),
    busMaster: flag(2, 'May make requests of its own, message-signalled interrupts included.'),
    parityResponse: flag(6, 'Reacts to poisoned data.'),
    serr: flag(8, 'Reports errors that are not fatal, and fatal ones.'),
    intxDisable: flag(10, 'Raises no INTx.'),
    interruptStatus: flag(19, 'An INTx is pending.'),
    capabilityList: flag(20, 'There is a list of capabilities; always set.'),
    masterDataParityError: flag(24, 'Received poisoned data, or sent some. Cleared by writing 1.'),
    signaledTargetAbort: flag(27, 'Answered with Completer Abort. Cleared by writing 1.'),
    receivedTargetAbort: flag(28, 'A request of its own was answered with Completer Abort. Cleared by writing 1.'),
    receivedMasterAbort: flag(29, 'A request of its own was answered with Unsupported Request. Cleared by writing 1.'),
    signaledSystemError: flag(30, 'Sent an error message. Cleared by writing 1.'),
    detectedParityError: flag(31, 'Received a poisoned packet. Cleared by writing 1.'),
  },
});

export const ClassRevision = layout({
  name: 'Revision and class', spec: HEADER, bits: 32,
  fields: { revision: uint(7, 0, 'Of the device.'), interface: uint(15, 8, 'Programming interface.'), subclass: uint(23, 16, 'Within the class.'), baseClass: uint(31, 24, '01 storage, 02 network, 08 system, 12 accelerator.') },
});

export const HeaderType = layout({
  name: 'Cache line, latency, header type, BIST', spec: HEADER, bits: 32,
  fields: { cacheLine: uint(7, 0, 'Software may keep a number here; nothing reads it.'), latency: uint(15, 8, 'Always 0.'), headerType: uint(22, 16, 'Always 0.'), multiFunction: flag(23, 'Other functions may exist beside this one.'), bist: uint(31, 24, 'Always 0: no self-test.') },
});

export const BaseAddress = layout({
  name: 'Base address', spec: 'PCIe 5.0, "Base Address Registers"', bits: 32,
  fields: { io: flag(0, 'I/O space, not memory.'), width: choice(2, 1, 'Of the address.', { bits32: 0, bits64: 2 }), prefetchable: flag(3, 'Reading has no side effects.'), address: uint(31, 4, 'Address bits; those below the size stay 0, so that ones read back as the size.') },
});

export const UpperBaseAddress = layout({
  name: 'Base address, upper half', spec: 'PCIe 5.0, "Base Address Registers"', bits: 32,
  fields: { address: uint(31, 0, 'Bits 63:32 of the address before it.') },
});

export const Subsystem = layout({
  name: 'Subsystem', spec: HEADER, bits: 32,
  fields: { vendorId: uint(15, 0, 'Who made the board.'), id: uint(31, 16, 'What the board is.') },
});

export const CapabilitiesPointer = layout({
  name: 'Capabilities pointer', spec: HEADER, bits: 32,
  fields: { pointer: uint(7, 0, 'Offset of the first capability.') },
});

export const InterruptLine = layout({
  name: 'Interrupt line and pin', spec: HEADER, bits: 32,
  fields: { line: uint(7, 0, 'For software alone.'), pin: uint(15, 8, '0: no INTx; 1 to 4: A to D.') },
});

export const MsiControl = layout({
  name: 'MSI control', spec: 'PCIe 5.0, "Message Control Register for MSI"', bits: 32,
  fields: {
    id: uint(7, 0, 'Always 05.'),
    next: uint(15, 8, 'Offset of the next capability, 0 at the end.'),
    enable: flag(16, 'Interrupts are messages of this capability.'),
    capable: uint(19, 17, 'Vectors it can have, as a power of two.'),
    enabled: uint(22, 20, 'Vectors it has, as a power of two.'),
    wide: flag(23, 'Addresses have 64 bits.'),
    maskable: flag(24, 'Vectors can be masked one by one.'),
  },
});

export const MsiAddress = layout({
  name: 'MSI address', spec: 'PCIe 5.0, "Message Address Register for MSI"', bits: 32,
  fields: { address: uint(31, 2, 'Where the message is written; the lowest bits are 0.') },
});

export const MsiUpperAddress = layout({
  name: 'MSI upper address', spec: 'PCIe 5.0, "Message Upper Address Register for MSI"', bits: 32,
  fields: { address: uint(31, 0, 'Bits 63:32.') },
});

export const MsiData = layout({
  name: 'MSI data', spec: 'PCIe 5.0, "Message Data Register for MSI"', bits: 32,
  fields: { data: uint(15, 0, 'What is written; the lowest bits are replaced by the vector.') },
});

export const MsiMask = layout({
  name: 'MSI mask bits', spec: 'PCIe 5.0, "Mask Bits Register for MSI"', bits: 32,
  fields: { masked: uint(31, 0, 'By vector: it stays pending.') },
});

export const MsiPending = layout({
  name: 'MSI pending bits', spec: 'PCIe 5.0, "Pending Bits Register for MSI"', bits: 32,
  fields: { pending: uint(31, 0, 'By vector: it was raised while masked.') },
});

export const MsixControl = layout({
  name: 'MSI-X control', spec: 'PCIe 5.0, "Message Control Register for MSI-X"', bits: 32,
  fields: {
    id: uint(7, 0, 'Always 11.'),
    next: uint(15, 8, 'Offset of the next capability, 0 at the end.'),
    tableSize: uint(26, 16, 'Entries of the table, less one.'),
    functionMask: flag(30, 'Masks every vector.'),
    enable: flag(31, 'Interrupts are messages of this capability.'),
  },
});

export const MsixTable = layout({
  name: 'MSI-X table', spec: 'PCIe 5.0, "Table Offset/Table BIR Register for MSI-X"', bits: 32,
  fields: { bar: uint(2, 0, 'BAR that the table lies in.'), offset: uint(31, 3, 'In units of 8 bytes.') },
});

export const MsixPending = layout({
  name: 'MSI-X pending bits', spec: 'PCIe 5.0, "PBA Offset/PBA BIR Register for MSI-X"', bits: 32,
  fields: { bar: uint(2, 0, 'BAR that the bits lie in.'), offset: uint(31, 3, 'In units of 8 bytes.') },
});

/** An entry of the MSI-X table, in a BAR. */
export const MsixEntry = layout({
  name: 'MSI-X table entry', spec: 'PCIe 5.0, "MSI-X Table Structure"', bits: 128,
  fields: { address: wide(63, 2, 'Bits 63:2 of where the message is written.'), data: uint(95, 64, 'What is written.'), masked: flag(96, 'The vector stays pending.') },
});

export const PcieCapability = layout({
  name: 'PCI Express capability', spec: 'PCIe 5.0, "PCI Express Capability List Register", "PCI Express Capabilities Register"', bits: 32,
  fields: {
    id: uint(7, 0, 'Always 10.'),
    next: uint(15, 8, 'Offset of the next capability, 0 at the end.'),
    version: uint(19, 16, 'Always 2.'),
    type: choice(23, 20, 'What sort of function it is.', { endpoint: 0, rootComplexEndpoint: 9 }),
  },
});

export const DeviceCapabilities = layout({
  name: 'Device capabilities', spec: 'PCIe 5.0, "Device Capabilities Register"', bits: 32,
  fields: { payload: uint(2, 0, 'Largest payload: 128 bytes times two to this.'), extendedTag: flag(5, 'Tags of 8 bits.'), roleBasedErrors: flag(15, 'Always set.'), functionReset: flag(28, 'Can be reset by software.') },
});

export const DeviceControl = layout({
  name: 'Device control and status', spec: 'PCIe 5.0, "Device Control Register", "Device Status Register"', bits: 32,
  fields: {
    correctableReports: flag(0, 'Reports correctable errors.'),
    nonFatalReports: flag(1, 'Reports errors that are not fatal.'),
    fatalReports: flag(2, 'Reports fatal errors.'),
    unsupportedReports: flag(3, 'Reports unsupported requests.'),
    relaxedOrdering: flag(4, 'May set Relaxed Ordering in its requests. Set after reset.'),
    payload: uint(7, 5, 'Largest payload it sends: 128 bytes times two to this.'),
    extendedTag: flag(8, 'Uses tags of 8 bits.'),
    noSnoop: flag(11, 'May set No Snoop in its requests. Set after reset.'),
    readRequest: uint(14, 12, 'Longest read it asks for: 128 bytes times two to this.'),
    functionReset: flag(15, 'Writing 1 resets the function; reads 0.'),
    correctable: flag(16, 'Such an error was seen. Cleared by writing 1.'),
    nonFatal: flag(17, 'Such an error was seen. Cleared by writing 1.'),
    fatal: flag(18, 'Such an error was seen. Cleared by writing 1.'),
    unsupported: flag(19, 'Received a request it does not support. Cleared by writing 1.'),
    pending: flag(21, 'Requests of its own are without completion.'),
  },
});

export const DeviceCapabilities2 = layout({
  name: 'Device capabilities 2', spec: 'PCIe 5.0, "Device Capabilities 2 Register"', bits: 32,
  fields: { atomic32: flag(7, 'Completes AtomicOps of 32 bits.'), atomic64: flag(8, 'Completes AtomicOps of 64 bits.'), prefixes: flag(21, 'Takes end-to-end TLP prefixes; PASID needs it.'), maxPrefixes: uint(23, 22, 'How many of them; 0 means 4.') },
});

export const DeviceControl2 = layout({
  name: 'Device control 2', spec: 'PCIe 5.0, "Device Control 2 Register"', bits: 32,
  fields: { atomicRequester: flag(6, 'May send AtomicOps.'), idoRequest: flag(8, 'May set ID-based Ordering in requests.'), idoCompletion: flag(9, 'May set ID-based Ordering in completions.') },
});

export const ExtendedHeader = layout({
  name: 'Extended capability header', spec: 'PCIe 5.0, "PCI Express Extended Capability Header"', bits: 32,
  fields: { id: uint(15, 0, '000f ATS, 0013 page requests, 001b PASID.'), version: uint(19, 16, 'Always 1 here.'), next: uint(31, 20, 'Offset of the next one, 0 at the end.') },
});

export const AtsRegister = layout({
  name: 'ATS capability and control', spec: 'PCIe 5.0, "ATS Capability Register", "ATS Control Register"', bits: 32,
  fields: {
    queueDepth: uint(4, 0, 'Invalidations that can be open at once; 0 means 32.'),
    pageAligned: flag(5, 'Its translation requests are for whole pages.'),
    globalInvalidate: flag(6, 'Obeys invalidations for every PASID.'),
    relaxedOrdering: flag(7, 'May set Relaxed Ordering in translation requests.'),
    stu: uint(20, 16, 'Smallest translation unit: 4096 bytes times two to this.'),
    enable: flag(31, 'May keep translations. Changing it forgets them.'),
  },
});

export const PriControl = layout({
  name: 'Page request control and status', spec: 'PCIe 5.0, "Page Request Control Register", "Page Request Status Register"', bits: 32,
  fields: {
    enable: flag(0, 'May ask for pages.'),
    reset: flag(1, 'Writing 1 while it is off forgets what is outstanding; reads 0.'),
    responseFailure: flag(16, 'A response said failure. Cleared by writing 1.'),
    unexpectedIndex: flag(17, 'A response named a group that is not open. Cleared by writing 1.'),
    stopped: flag(24, 'Off, and nothing outstanding.'),
    responsePasidRequired: flag(31, 'Responses to groups with a PASID carry it.'),
  },
});

export const PriCapacity = layout({
  name: 'Outstanding page request capacity', spec: 'PCIe 5.0, "Outstanding Page Request Capacity"', bits: 32,
  fields: { capacity: uint(31, 0, 'Requests it can ever have outstanding.') },
});

export const PriAllocation = layout({
  name: 'Outstanding page request allocation', spec: 'PCIe 5.0, "Outstanding Page Request Allocation"', bits: 32,
  fields: { allocation: uint(31, 0, 'Requests it may have outstanding.') },
});

export const PasidRegister = layout({
  name: 'PASID capability and control', spec: 'PCIe 5.0, "PASID Capability Register", "PASID Control Register"', bits: 32,
  fields: {
    executeSupported: flag(1, 'Can ask for execution.'),
    privilegedSupported: flag(2, 'Can ask in privileged mode.'),
    width: uint(12, 8, 'Bits of its PASIDs, 0 to 20.'),
    enable: flag(16, 'Requests may have a PASID.'),
    execute: flag(17, 'Requests with a PASID may ask for execution.'),
    privileged: flag(18, 'Requests with a PASID may be of privileged mode.'),
  },
});
