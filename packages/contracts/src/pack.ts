// SPDX-License-Identifier: Apache-2.0
/**
 * Event batches as bytes. The socket's own encoding has no 64-bit integers,
 * so a batch travels as one packed byte string inside its message: numbers
 * stay numbers, bigints stay bigints. A batch is packed once, however many
 * clients watch.
 */
import type { TraceEvent } from '@dmalab/core/base/events';
import { Packr, Unpackr } from 'msgpackr';
import { z } from 'zod';

/** Most events in one batch. */
export const BATCH_EVENTS = 256;
/** Longest a batch waits for more events, milliseconds. */
export const BATCH_MS = 33;
/** Batches a client may have outstanding; it grants more with `run:credit`. */
export const BATCH_CREDIT = 8;

// Plain maps, so that a batch can be read without the ones before it.
const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

/** Packs a batch. The bytes are the caller's own. */
export function packEvents(events: readonly TraceEvent[]): Uint8Array {
  return Uint8Array.from(packr.pack(events));
}

/** The events of a batch. Throws when the bytes are not one. */
export function unpackEvents(bytes: Uint8Array): TraceEvent[] {
  const events: unknown = unpackr.unpack(bytes);
  if (!Array.isArray(events)) throw new TypeError(`a batch of events must be an array, this is ${typeof events}`);
  return events as TraceEvent[]; // written by packEvents
}

/** A packed batch as it arrives: Node hands over a byte array, browsers an ArrayBuffer. */
export const PackedEvents = z.union([z.instanceof(Uint8Array), z.instanceof(ArrayBuffer)]).transform((bytes): Uint8Array => (bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes));
