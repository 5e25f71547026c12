// SPDX-License-Identifier: Apache-2.0
/**
 * Where stream table entries and context descriptors are found, and what the unit
 * remembers of them. Each structure of each level is cached by itself, in any
 * state it was read in, a failed read never (IHI 0070, 4.3, 5.2.1, 5.4.1).
 */
import { wordView } from '../../base/layout-words.ts';
import { EntryCache, overlaps, type CacheGeometry } from '../../mmu/cache.ts';
import type { Repair, Rule } from '../../mmu/format.ts';
import type { Bus } from '../bus.ts';
import { readContext, readStream, type Context, type FirstStage, type SecondStage, type Stream, type World } from './contexts.ts';
import { EVENTS, failure, type Failure } from './events.ts';
import type { SmmuFeatures } from './features.ts';
import { ContextTableDescriptor, StreamTableDescriptor } from './structures.ts';

/** STRTAB_BASE and STRTAB_BASE_CFG, and what else decides how entries read. */
export interface TableRegisters {
  readonly base: bigint;
  readonly config: number;
  readonly e2h: boolean;
}

interface StreamTable {
  /** Physical address of a level-2 table. */
  readonly at: number;
  /** Entries in it. */
  readonly entries: number;
}

interface ContextTable {
  /** Address of a leaf table, physical or guest; null: not valid. */
  readonly table: number | null;
  /** Where the descriptor is. */
  readonly at: number;
}

/** A descriptor with the place it was read at: a cached illegal one is still told by its address. */
interface Read<T> {
  readonly value: T | Rule;
  readonly at: number;
}

const SPEC = 'Arm SMMUv3 (IHI 0070)';
const rule = (field: string, bits: string, text: string, section: string, mending: Repair | string): Rule => (typeof mending === 'string' ? { field, bits, text, section: `${SPEC}, ${section}`, beyondRepair: mending } : { field, bits, text, section: `${SPEC}, ${section}`, repair: mending });
const MEMORY = 'memory there refuses or is corrupt, whatever the structure says';
const NO_STREAM = rule('StreamID', '-', 'the stream must lie in the stream table', '7.3.3 "C_BAD_STREAMID"', 'no entry is to blame');
const NO_SPAN = rule('Span', '4:0', 'the level-1 descriptor must hold a table as large as the stream asks, and no larger than SPLIT says', '5.1 "Level 1 Stream Table Descriptor"', 'the table would have to be there');
const UNREAD_STREAM = rule('address', '-', 'the stream table must lie where memory can be read', '7.3.4 "F_STE_FETCH"', MEMORY);
const UNREAD_CONTEXT = rule('address', '-', 'the context descriptor must lie where memory can be read', '7.3.10 "F_CD_FETCH"', MEMORY);
const NO_TABLE = rule('V', '0', 'the level-1 descriptor of the substream must be valid', '5.3 "Level 1 Context Descriptor"', { set: 1n });
const TABLE_TOO_FAR = rule('L2Ptr', '51:12', 'the table must not lie beyond the output size', '3.4.3 "Address sizes of SMMU-originated accesses"', 'where the table should be cannot be told');

const streamTable = wordView(StreamTableDescriptor);
const contextTable = wordView(ContextTableDescriptor);

export interface ConfigurationCaches {
  readonly streamTables: EntryCache<StreamTable>;
  readonly streams: EntryCache<Read<Stream>>;
  readonly contextTables: EntryCache<ContextTable>;
  readonly contexts: EntryCache<Read<Context>>;
}

export function configurationCaches(geometry: CacheGeometry): ConfigurationCaches {
  return {
    streamTables: new EntryCache('stream table, level 1', geometry),
    streams: new EntryCache('stream table entries', geometry),
    contextTables: new EntryCache('context descriptors, level 1', geometry),
    contexts: new EntryCache('context descriptors', geometry),
  };
}

/** Reads guest memory: the physical frame, or why not. */
export type ThroughSecond = (second: SecondStage | null, frame: number, offset: number) => number | Failure;

/** What words of a structure came to, kept so that the same words at the same place are not taken apart again. No cache: memory is read each time. */
class Understood<T> {
  readonly #known = new Map<number, { readonly words: Uint32Array; readonly under: number; readonly read: Read<T> }>();

  /** `under`: what else decides how the words read. */
  of(at: number, words: Uint32Array, under: number, read: () => T | Rule): Read<T> {
    const known = this.#known.get(at);
    if (known !== undefined && known.under === under && known.words.every((word, i) => word === words[i])) return known.read;
    if (this.#known.size >= 256) this.#known.clear();
    const fresh = { words: words.slice(0, 16), under, read: { value: read(), at } };
    this.#known.set(at, fresh);
    return fresh.read;
  }
}

export class Configuration {
  readonly #streams = new Understood<Stream>();
  readonly #contexts = new Understood<Context>();
  readonly caches: ConfigurationCaches | null;
  readonly #bus: Bus;
  readonly #features: SmmuFeatures;
  readonly #spans: 'exact' | 'twice';
  readonly #through: ThroughSecond;

  constructor(bus: Bus, features: SmmuFeatures, spans: 'exact' | 'twice', caches: ConfigurationCaches | null, through: ThroughSecond) {
    this.#bus = bus;
    this.#features = features;
    this.#spans = spans;
    this.caches = caches;
    this.#through = through;
  }

  findStream(registers: TableRegisters, streamId: number): Stream | Failure {
    const known = this.caches?.streams.find(0, streamId) ?? null;
    if (known !== null) return illegal(known, EVENTS.badSte, 'stream table');
    const at = this.#placeOf(registers, streamId);
    if (typeof at !== 'number') return at;
    if (this.#bus.load('stream table entry', Math.floor(at / 4096), at % 4096, 64, false) !== 'ok') return unread(EVENTS.steFetch, 'stream table', at, UNREAD_STREAM);
    const read = this.#streams.of(at, this.#bus.data, registers.e2h ? 1 : 0, () => readStream(this.#features, this.#bus.data, at, registers.e2h));
    this.caches?.streams.put(0, streamId, 0, read);
    return illegal(read, EVENTS.badSte, 'stream table');
  }

  /** Where the entry of a stream is. */
  #placeOf({ base, config }: TableRegisters, streamId: number): number | Failure {
    const bits = Math.min(config & 0x3f, this.#features.streamBits);
    if (streamId >= 2 ** bits) return failure(EVENTS.badStream, { table: 'stream table', level: null, entry: null, rule: NO_STREAM });
    const root = Number((base >> 6n) & 0x3fff_ffff_ffffn) * 64;
    // FMT 2 and 3 behave as 0, a SPLIT that is reserved as 6.
    if (!this.#features.twoLevelStreams || ((config >>> 16) & 3) !== 1) return aligned(root, 2 ** bits * 64) + streamId * 64;
    const coded = (config >>> 6) & 0x1f;
    const split = coded === 8 || coded === 10 ? coded : 6;
    const index = Math.floor(streamId / 2 ** split);
    const first = aligned(root, Math.max(64, 2 ** Math.max(0, bits - split) * 8)) + index * 8;
    let table = this.caches?.streamTables.find(0, index * 2 ** split) ?? null;
    if (table === null) {
      if (this.#bus.load('stream table, level 1', Math.floor(first / 4096), first % 4096, 8, false) !== 'ok') return unread(EVENTS.steFetch, 'stream table', first, UNREAD_STREAM);
      const span = streamTable.get.Span(this.#bus.data, 0);
      const emulated = this.#spans === 'twice';
      // Larger ones than SPLIT asks for are illegal, the reserved ones (from 12) among them.
      const legal = span > 0 && (emulated || span <= split + 1);
      const entries = legal ? 2 ** (span - 1) : 0;
      table = { at: aligned(streamTable.get.L2Ptr(this.#bus.data, 0) * 64, emulated ? 64 : Math.max(1, entries) * 64), entries };
      this.caches?.streamTables.put(0, index * 2 ** split, split, table);
    }
    const below = streamId % 2 ** split;
    const taken = this.#spans === 'exact' ? table.entries : 2 * table.entries;
    if (below < taken) return table.at + below * 64;
    const emulated = this.#spans === 'twice' && table.entries > 0;
    return failure(emulated ? EVENTS.badSte : EVENTS.badStream, { table: 'stream table', level: 1, entry: BigInt(first), rule: NO_SPAN });
  }

  /** The descriptor with that index. `through`: the stream that leads to it. */
  findContext(stream: { readonly first: FirstStage; readonly second: SecondStage | null; readonly world: World }, streamId: number, index: number): Context | Failure {
    const { first, second, world } = stream;
    const known = this.caches?.contexts.find(streamId, index) ?? null;
    if (known !== null) return illegal(known, EVENTS.badCd, 'context descriptor');
    const guest = first.leafBits === 0 ? first.pointer + index * 64 : this.#inTable(first, second, streamId, index);
    if (typeof guest !== 'number') return guest;
    const at = this.#reach(second, guest);
    if (typeof at !== 'number') return at;
    if (this.#bus.load('context descriptor', Math.floor(at / 4096), at % 4096, 64, false) !== 'ok') return unread(EVENTS.cdFetch, 'context descriptor', at, UNREAD_CONTEXT);
    const { stallDisabled } = first;
    const read = this.#contexts.of(at, this.#bus.data, (world === 'el2' ? 2 : 0) + (stallDisabled ? 1 : 0), () => readContext(this.#features, this.#bus.data, at, { world, stallDisabled }));
    this.caches?.contexts.put(streamId, index, 0, read);
    return illegal(read, EVENTS.badCd, 'context descriptor');
  }

  #inTable(first: FirstStage, second: SecondStage | null, streamId: number, index: number): number | Failure {
    const size = 2 ** first.leafBits;
    const slot = first.bits <= first.leafBits ? 0 : Math.floor(index / size);
    let known = this.caches?.contextTables.find(streamId, slot * size) ?? null;
    if (known === null) {
      const at = this.#reach(second, first.pointer + slot * 8);
      if (typeof at !== 'number') return at;
      if (this.#bus.load('context descriptor, level 1', Math.floor(at / 4096), at % 4096, 8, false) !== 'ok') return unread(EVENTS.cdFetch, 'context descriptor', at, UNREAD_CONTEXT);
      known = { table: contextTable.get.V(this.#bus.data, 0) === 0 ? null : aligned(contextTable.get.L2Ptr(this.#bus.data, 0) * 4096, size * 64), at };
      this.caches?.contextTables.put(streamId, slot * size, first.leafBits, known);
    }
    const { table, at } = known;
    if (table !== null && table < 2 ** this.#features.outputBits) return table + (index % size) * 64;
    return failure(EVENTS.badSubstream, { table: 'context descriptor', level: 1, entry: BigInt(at), rule: table === null ? NO_TABLE : TABLE_TOO_FAR }, { index });
  }

  #reach(second: SecondStage | null, address: number): number | Failure {
    const frame = this.#through(second, Math.floor(address / 4096), address % 4096);
    return typeof frame === 'number' ? frame * 4096 + (address % 4096) : frame;
  }

  /** CMD_CFGI_STE and CMD_CFGI_STE_RANGE: 2^`span` streams from `first`, with all their descriptors. */
  forgetStreams(first: number, span: number, leaf: boolean): void {
    const { caches } = this;
    if (caches === null) return;
    const named = (id: number): boolean => id >= first && id < first + 2 ** span;
    caches.streams.drop((line) => named(line.first));
    if (!leaf) caches.streamTables.drop((line) => overlaps(line, first, span));
    caches.contexts.drop((line) => named(line.tag));
    caches.contextTables.drop((line) => named(line.tag));
  }

  /** CMD_CFGI_CD. */
  forgetContext(streamId: number, index: number, leaf: boolean): void {
    this.caches?.contexts.drop((line) => line.tag === streamId && line.first === index);
    if (!leaf) this.caches?.contextTables.drop((line) => line.tag === streamId && overlaps(line, index, 0));
  }

  /** CMD_CFGI_CD_ALL. */
  forgetContexts(streamId: number): void {
    this.caches?.contexts.drop((line) => line.tag === streamId);
    this.caches?.contextTables.drop((line) => line.tag === streamId);
  }
}

function illegal<T extends object>(read: Read<T>, event: number, table: string): T | Failure {
  const { value, at } = read;
  return 'text' in value ? failure(event, { table, level: null, entry: BigInt(at), rule: value }) : value;
}

const unread = (event: number, table: string, at: number, broken: Rule): Failure => failure(event, { table, level: null, entry: BigInt(at), rule: broken }, { last: BigInt(at) });

/** An address aligned down to a power of two of bytes. */
const aligned = (address: number, bytes: number): number => address - (address % bytes);
