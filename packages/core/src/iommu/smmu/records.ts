// SPDX-License-Identifier: Apache-2.0
/** What an Arm SMMUv3 writes into its queues. */
import { flag, layout, uint, wide } from '../../base/layout.ts';

const SPEC = 'Arm System Memory Management Unit, architecture version 3 (IHI 0070)';

export const Event = layout({
  name: 'Event record',
  spec: `${SPEC}, 7.3 "Event records"`,
  bits: 256,
  fields: {
    id: uint(7, 0, 'Kind of event.'),
    SSV: flag(11, 'The substream is valid.'),
    substream: uint(31, 12, 'Substream.'),
    stream: uint(63, 32, 'Stream.'),
    STAG: uint(79, 64, 'Tag of a stalled request.'),
    stall: flag(95, 'The request is stalled.'),
    PnU: flag(97, 'A supervisor request.'),
    InD: flag(98, 'An instruction fetch.'),
    RnW: flag(99, 'A read.'),
    NSIPA: flag(102, 'The guest address is non-secure; secure streams only.'),
    S2: flag(103, 'Stage 2 found it.'),
    class: uint(105, 104, 'While reading 0 a context descriptor, 1 a table; 2 for the input itself.'),
    TTRnW: flag(108, 'F_PERMISSION of a table access (class 1): that access was a read.'),
    address: wide(191, 128, 'Input address.'),
    ipa: wide(255, 192, 'Guest address of a stage-2 event (a page), or the address of what could not be fetched.'),
  },
});

export const BadAtsRequestEvent = layout({
  name: 'Event record, F_BAD_ATS_TREQ',
  spec: `${SPEC}, 7.3.6 "F_BAD_ATS_TREQ"`,
  bits: 256,
  fields: {
    id: uint(7, 0, 'Kind of event: 5.'),
    SSV: flag(11, 'The substream is valid.'),
    substream: uint(31, 12, 'Substream.'),
    stream: uint(63, 32, 'Stream.'),
    span: uint(67, 64, 'How many translations were asked for.'),
    P: flag(92, 'For the privileged.'),
    X: flag(93, 'To execute.'),
    W: flag(94, 'To write.'),
    R: flag(95, 'To read; always.'),
    address: wide(191, 128, 'Input address.'),
  },
});

export const PageRequestRecord = layout({
  name: 'Page request record',
  spec: `${SPEC}, 8 "Page request queue"`,
  bits: 128,
  fields: {
    stream: uint(31, 0, 'Stream.'),
    substream: uint(51, 32, 'Substream.'),
    priv: flag(58, 'Privileged.'),
    exec: flag(59, 'To execute.'),
    read: flag(60, 'To read.'),
    write: flag(61, 'To write.'),
    last: flag(62, 'Last of its group.'),
    SSV: flag(63, 'The substream is valid.'),
    group: uint(72, 64, 'Page request group index.'),
    address: wide(127, 76, 'The page, in frames.'),
  },
});
