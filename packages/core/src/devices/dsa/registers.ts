// SPDX-License-Identifier: Apache-2.0
/** Registers, portals, commands and error codes; offsets and numbers follow Linux drivers/dma/idxd/registers.h. */
import { choice, flag, layout, uint } from '../../base/layout.ts';
import type { ErrorTable } from '../datasheet.ts';
import { NEVER_RUNG, registerTable, type Register } from '../registers.ts';

export const DSA_WQS = 2;
/** Entries of all queues together. */
export const DSA_TOTAL_SIZE = 16;
export const DSA_MAX_TRANSFER_SHIFT = 16;
export const DSA_MAX_BATCH_SHIFT = 4;
export const DSA_VECTORS = 4;
export const DSA_WINDOW = 0x1000 * (1 + DSA_WQS);

const spec = (section: string): string => `Intel Data Streaming Accelerator Architecture Specification, ${section}`;

export const DsaGencap = layout({
  name: 'DSA GENCAP, low half',
  spec: spec('"GENCAP"'),
  bits: 32,
  fields: {
    blockOnFault: flag(0, 'Queues may allow BOF.'),
    overlapCopy: flag(1, 'Memmove takes buffers that overlap.'),
    maxTransferShift: uint(20, 16, 'Largest transfer, 2^this bytes.'),
    maxBatchShift: uint(24, 21, 'Largest batch, 2^this descriptors.'),
    configuration: flag(31, 'Queues can be configured.'),
  },
});
export const DsaWqcap = layout({
  name: 'DSA WQCAP, low half',
  spec: spec('"WQCAP"'),
  bits: 32,
  fields: {
    totalSize: uint(15, 0, 'Entries of all queues together.'),
    count: uint(23, 16, 'How many queues there are.'),
    configurationSize: uint(27, 24, 'A queue\'s configuration has 32 << this bytes.'),
  },
});
export const DsaGensts = layout({
  name: 'DSA GENSTS',
  spec: spec('"GENSTS"'),
  bits: 32,
  fields: { state: choice(1, 0, 'What the device is.', { disabled: 0, enabled: 1 }) },
});
export const DsaCommand = layout({
  name: 'DSA CMD',
  spec: spec('"CMD"'),
  bits: 32,
  fields: {
    operand: uint(19, 0, 'Queue number (enable WQ), mask of queues in 15:0 (other queue commands), PASID, or vector.'),
    command: uint(24, 20, 'What to do.'),
    interrupt: flag(31, 'Interrupt on vector 0 when it is done.'),
  },
});
export const DsaCommandStatus = layout({
  name: 'DSA CMDSTS',
  spec: spec('"CMDSTS"'),
  bits: 32,
  fields: {
    error: uint(7, 0, 'How the last command ended.'),
    result: uint(23, 8, 'Of a request for an interrupt handle.'),
    finished: uint(30, 24, 'How many commands are over, modulo 2^7. Not in the specification: until the device takes a command CMDSTS is that of the one before.'),
    active: flag(31, 'A command is under way.'),
  },
});
export const DsaWqMode = layout({
  name: 'DSA WQCFG, word 2',
  spec: spec('"WQCFG"'),
  bits: 32,
  fields: {
    dedicated: flag(0, 'Dedicated: one client, MOVDIR64B, which must count entries itself. Clear: shared, ENQCMD, which is told to retry.'),
    bof: flag(1, 'Descriptors may have BOF.'),
    atsDisable: flag(2, 'No translation requests for this queue; without effect here.'),
    prsDisable: flag(3, 'No page requests for this queue: BOF then ends like no BOF.'),
    priority: uint(7, 4, 'Without effect here.'),
    pasid: uint(27, 8, 'Of a dedicated queue with pasidEnable.'),
    pasidEnable: flag(28, 'Accesses carry a PASID. Shared queues must have it.'),
    priv: flag(29, 'Dedicated: accesses are privileged. Shared: descriptors may ask for it.'),
  },
});
export const DsaWqLimits = layout({
  name: 'DSA WQCFG, word 3',
  spec: spec('"WQCFG"'),
  bits: 32,
  fields: {
    maxTransferShift: uint(4, 0, 'Largest transfer, 2^this bytes.'),
    maxBatchShift: uint(8, 5, 'Largest batch, 2^this descriptors.'),
  },
});
export const DsaWqState = layout({
  name: 'DSA WQCFG, word 6',
  spec: spec('"WQCFG"'),
  bits: 32,
  fields: { state: choice(31, 30, 'What the queue is.', { disabled: 0, enabled: 1 }) },
});
export const DsaSwerr = layout({
  name: 'DSA SWERR, word 0',
  spec: spec('"SWERR"'),
  bits: 32,
  fields: {
    valid: flag(0, 'An error is recorded. The driver clears it by a store of 0.'),
    overflow: flag(1, 'There was another one since.'),
    write: flag(5, 'The access that failed was a write.'),
    error: uint(15, 8, 'Status, as completion records have it.'),
    wq: uint(23, 16, 'Queue.'),
  },
});
export const DsaLaunch = layout({
  name: 'portal launch',
  spec: 'dmalab: the kind of 64-byte store that a processor made (Intel SDM, MOVDIR64B, ENQCMD, ENQCMDS)',
  bits: 32,
  fields: {
    kind: choice(1, 0, 'The instruction.', { movdir64b: 1, enqcmd: 2, enqcmds: 3 }),
    sequence: uint(31, 2, 'Which submission to this portal it is, counted by whoever makes the stores: a drain waits for the portal to have seen all that arrived before the command.'),
  },
});
export const DsaResponse = layout({
  name: 'portal response',
  spec: 'dmalab: the answer to a deferrable write',
  bits: 32,
  fields: {
    retry: flag(0, 'Not accepted (ZF = 1): try again later.'),
    count: uint(31, 1, 'How many ENQCMD and ENQCMDS the portal has answered; the answer is new when this has changed.'),
  },
});
export const DsaDropped = layout({
  name: 'portal dropped',
  spec: 'dmalab: what became of posted writes that nobody can answer',
  bits: 32,
  fields: {
    count: uint(15, 0, 'How many submissions were dropped, modulo 2^16.'),
    why: choice(18, 16, 'The last one.', { disabled: 1, shared: 2, full: 3, kind: 4 }),
  },
});

function wq(n: number): Record<string, Register> {
  const configuration = 0x500 + 0x20 * n;
  const state = 0x800 + 0x40 * n;
  const portal = 0x1000 * (1 + n);
  const error = 0xc0 + 0x40 * n;
  const words = Array.from({ length: 8 }, (_, i): [string, Register] => [`P${n}_W${i}`, { offset: portal + 8 * i, access: 'wo', bytes: 8, doc: `Portal of queue ${n}: bytes ${8 * i} to ${8 * i + 7} of a descriptor.` }]);
  return {
    [`SWERR${n}`]: { offset: error, access: 'rw', doc: `Error of queue ${n} that could not be written to a completion record. (The specification has one for the device.)`, layout: DsaSwerr },
    [`SWERR${n}_FLAGS`]: { offset: error + 0x0c, access: 'ro', doc: 'Invalid flags.' },
    [`SWERR${n}_LO`]: { offset: error + 0x10, access: 'ro', doc: 'Fault address.' },
    [`SWERR${n}_HI`]: { offset: error + 0x14, access: 'ro', doc: 'The high half.' },
    [`WQCFG${n}_SIZE`]: { offset: configuration, access: 'rw', doc: 'Entries of the queue.' },
    [`WQCFG${n}_THRESHOLD`]: { offset: configuration + 0x04, access: 'rw', doc: 'Shared: entries beyond which ENQCMD must retry.' },
    [`WQCFG${n}_MODE`]: { offset: configuration + 0x08, access: 'rw', doc: 'Mode and address space.', layout: DsaWqMode },
    [`WQCFG${n}_LIMITS`]: { offset: configuration + 0x0c, access: 'rw', doc: 'Limits.', layout: DsaWqLimits },
    [`WQCFG${n}_STATE`]: { offset: configuration + 0x18, access: 'ro', doc: 'State.', layout: DsaWqState },
    [`WQ${n}_EPOCH`]: { offset: state, access: 'ro', doc: 'Counts enabling and disabling; odd while enabled.' },
    [`WQ${n}_BUSY`]: { offset: state + 0x04, access: 'ro', doc: '1: the portal is taking a submission.' },
    [`WQ${n}_TAIL`]: { offset: state + 0x08, access: 'ro', doc: 'Submissions accepted, modulo 2^32.' },
    [`WQ${n}_HEAD`]: { offset: state + 0x0c, access: 'ro', doc: 'Submissions finished or abandoned, modulo 2^32.' },
    [`WQ${n}_SEEN`]: { offset: state + 0x18, access: 'ro', doc: 'Sequence of the last submission that the portal has dealt with.' },
    [`WQ${n}_ABORT`]: { offset: state + 0x10, access: 'ro', doc: 'Submissions before this one are abandoned if they have not begun.' },
    [`WQ${n}_ABORT_PASID`]: { offset: state + 0x14, access: 'ro', doc: 'Bit 31: only those of the PASID in 19:0.' },
    ...Object.fromEntries(words),
    [`P${n}_LAUNCH`]: { offset: portal + 0x40, access: 'wo', reset: NEVER_RUNG, doc: 'Ends the eight stores of one submission and says by which instruction it was made.', layout: DsaLaunch },
    [`P${n}_RESPONSE`]: { offset: portal + 0x44, access: 'ro', doc: 'Whether the last ENQCMD was accepted.', layout: DsaResponse },
    [`P${n}_DROPPED`]: { offset: portal + 0x48, access: 'ro', doc: 'Submissions that were dropped.', layout: DsaDropped },
  };
}

/** Opcodes that are there: 0 to 6 and 9. */
const OPCAP = 0x27f;
const GENERAL = {
  GENCAP_LO: { offset: 0x10, access: 'ro', reset: Number(DsaGencap.encode({ blockOnFault: true, overlapCopy: true, maxTransferShift: DSA_MAX_TRANSFER_SHIFT, maxBatchShift: DSA_MAX_BATCH_SHIFT, configuration: true })), doc: 'General capabilities.', layout: DsaGencap },
  WQCAP_LO: { offset: 0x20, access: 'ro', reset: Number(DsaWqcap.encode({ totalSize: DSA_TOTAL_SIZE, count: DSA_WQS })), doc: 'Capabilities of queues.', layout: DsaWqcap },
  WQCAP_HI: { offset: 0x24, access: 'ro', reset: 0x3_0000, doc: 'Bits 16 and 17: shared and dedicated queues.' },
  OPCAP_LO: { offset: 0x40, access: 'ro', reset: OPCAP, doc: 'One bit for each opcode that the device has.' },
  OFFSETS: { offset: 0x60, access: 'ro', reset: 0x5_0000, doc: 'Bits 31:16: WQCFG begins at 0x100 times this.' },
  GENSTS: { offset: 0x90, access: 'ro', doc: 'State of the device.', layout: DsaGensts },
  CMD: { offset: 0xa0, access: 'wo', reset: NEVER_RUNG, doc: 'A store gives a command.', layout: DsaCommand },
  CMDSTS: { offset: 0xa8, access: 'ro', doc: 'How it ended.', layout: DsaCommandStatus },
} as const satisfies Record<string, Register>;

export const DsaRegisters: Readonly<Record<string, Register>> = registerTable(DSA_WINDOW, { ...GENERAL, ...wq(0), ...wq(1) });

export const DSA_COMMANDS = {
  enableDevice: 1, disableDevice: 2, drainAll: 3, abortAll: 4, resetDevice: 5, enableWq: 6, disableWq: 7, drainWq: 8, abortWq: 9, resetWq: 10, drainPasid: 11, abortPasid: 12, requestHandle: 13, releaseHandle: 14,
} as const;

/** CMDSTS.error, as `enum idxd_cmdsts_err` has them. */
export const DsaCommandErrors = {
  success: { code: 0x00, doc: 'Done.' },
  badCommand: { code: 0x01, doc: 'No such command.' },
  badQueue: { code: 0x02, doc: 'No such queue.' },
  deviceEnabled: { code: 0x10, doc: 'Enable device: it is already.' },
  totalSize: { code: 0x14, doc: 'Enable device: the queues have more entries together than WQCAP says.' },
  deviceNotEnabled: { code: 0x20, doc: 'Enable WQ: the device is not enabled.' },
  wqEnabled: { code: 0x21, doc: 'Enable WQ: it is already.' },
  wqSize: { code: 0x22, doc: 'Enable WQ: size 0, or a shared queue whose threshold is 0 or above its size.' },
  pasidEnable: { code: 0x26, doc: 'Enable WQ: a shared queue without pasidEnable.' },
  maxBatch: { code: 0x27, doc: 'Enable WQ: maxBatchShift above GENCAP.' },
  maxTransfer: { code: 0x28, doc: 'Enable WQ: maxTransferShift above GENCAP.' },
  disableNotEnabled: { code: 0x31, doc: 'Disable device: it is not enabled.' },
  queueNotEnabled: { code: 0x32, doc: 'Drain, abort, disable or reset while the device is not enabled.' },
  badHandle: { code: 0x41, doc: 'Request for a handle: no such vector.' },
} as const satisfies ErrorTable;
export type DsaCommandError = keyof typeof DsaCommandErrors;

export const DSA_OPCODES = { nop: 0, batch: 1, drain: 2, memmove: 3, fill: 4, compare: 5, comparePattern: 6, dualcast: 9 } as const;

/** Status of a completion record, as `enum dsa_completion_status` has them. */
export const DsaStatus = {
  success: { code: 0x01, doc: 'Done.' },
  successFalse: { code: 0x02, doc: 'Done; the result is not the expected one (CR).' },
  pageFault: { code: 0x03, doc: 'A page was not there and the descriptor did not want to wait. What lies before it is done: resume there.' },
  pageFaultRefused: { code: 0x04, doc: 'BOF: the page was asked for and software said no.' },
  batchFailed: { code: 0x05, doc: 'A descriptor of the batch did not succeed; each has a record of its own.' },
  batchPageFault: { code: 0x06, doc: 'The list of descriptors could not be read to its end.' },
  badOpcode: { code: 0x10, doc: 'Not in OPCAP; or a batch or drain inside a batch.' },
  badFlags: { code: 0x11, doc: 'A flag that the operation or the queue does not allow: see invalidFlags.' },
  reserved: { code: 0x12, doc: 'A reserved field is not 0.' },
  badSize: { code: 0x13, doc: 'Size 0, or above the limit of the queue.' },
  badCount: { code: 0x14, doc: 'A batch of fewer than 2 descriptors, or above the limit of the queue.' },
  overlap: { code: 0x16, doc: 'Dualcast: buffers overlap.' },
  dualcast: { code: 0x17, doc: 'Dualcast: the destinations differ in their bits 11:0.' },
  listAlignment: { code: 0x18, doc: 'Batch: the list is not at a multiple of 64.' },
  badHandle: { code: 0x19, doc: 'No such interrupt handle.' },
  recordFault: { code: 0x1a, doc: 'SWERR: the completion record could not be written.' },
  recordAlignment: { code: 0x1b, doc: 'SWERR: the completion address is no multiple of 32.' },
  privilege: { code: 0x1d, doc: 'A privileged descriptor in a shared queue that does not allow it.' },
  hardware: { code: 0x20, doc: 'An address translated to something that is no memory.' },
  translation: { code: 0x22, doc: 'The request was refused: no page could help.' },
} as const satisfies ErrorTable;
export type DsaStatusName = keyof typeof DsaStatus;
