// SPDX-License-Identifier: Apache-2.0
/** A unit with tables in plain memory, for tests: devices, processes, pages of both stages, a command queue and a fault queue. */
import { PlainMemory } from '../../mmu/plain-memory.ts';
import type { CacheGeometry } from '../../mmu/cache.ts';
import type { CacheSizes } from './caches.ts';
import type { DeviceMessage, Invalidation } from './commands.ts';
import { TYPICAL, type BuildOptions } from './features.ts';
import { FaultRecord } from './records.ts';
import { Capabilities, OFFSET } from './registers.ts';
import type { Answer, Request } from './request.ts';
import { DeviceContext, DirectoryEntry, ProcessContext } from './structures.ts';
import { PageTableEntry } from '../../mmu/formats/riscv-entries.ts';
import { RiscvIommu } from './unit.ts';

export const EVERYTHING = Capabilities.encode({ version: 16, Sv32: true, Sv39: true, Sv48: true, Sv57: true, Sv32x4: true, Sv39x4: true, Sv48x4: true, Sv57x4: true, Svpbmt: true, MSI_FLAT: true, MSI_MRIF: true, AMO_HWAD: true, ATS: true, T2GPA: true, IGS: 2, HPM: true, DBG: true, PAS: 50, PD8: true, PD17: true, PD20: true, QOSID: true, NL: true, S: true });
const ROOM: CacheGeometry = { sets: 4, ways: 16, policy: 'lru' };
export const ROOMY: CacheSizes = { devices: ROOM, processes: ROOM, translations: ROOM, firstPointers: null, secondPointers: null };

/** One table of devices, at this frame; the queues and everything handed out lie above it. */
const DEVICES = 0x10n;
const COMMANDS = 0x11n;
const FAULTS = 0x12n;

export class System {
  readonly memory = new PlainMemory();
  readonly unit: RiscvIommu;
  readonly messages: DeviceMessage[] = [];
  readonly ordered: (readonly [boolean, boolean])[] = [];
  readonly invalidations: Invalidation[] = [];
  readonly wires: string[] = [];
  #next = 0x20n;

  constructor(options: Partial<BuildOptions> = {}) {
    this.unit = new RiscvIommu(
      this.memory,
      { ...TYPICAL, capabilities: EVERYTHING, caches: ROOMY, ...options },
      {
        send: (message) => this.messages.push(message),
        order: (reads, writes) => this.ordered.push([reads, writes]),
        invalidated: (invalidation) => this.invalidations.push(invalidation),
        wire: (cause) => this.wires.push(cause),
      },
    );
    this.unit.writeRegister(OFFSET.cqb, 8, (COMMANDS << 10n) | 6n);
    this.unit.writeRegister(OFFSET.fqb, 8, (FAULTS << 10n) | 5n);
    this.unit.writeRegister(OFFSET.cqcsr, 4, 1n);
    this.unit.writeRegister(OFFSET.fqcsr, 4, 1n);
    this.unit.writeRegister(OFFSET.ddtp, 8, 2n | (DEVICES << 10n));
  }

  frames(count = 1n): bigint {
    this.#next = ((this.#next + count - 1n) / count) * count + count;
    return this.#next - count;
  }

  put(address: bigint, raw: bigint, words = 1): void {
    this.memory.put(address, raw, words);
  }

  /** Device ids up to 63. */
  device(id: number, fields: Parameters<typeof DeviceContext.encode>[0]): void {
    this.put((DEVICES << 12n) + 64n * BigInt(id), DeviceContext.encode({ V: true, ...fields }), 8);
  }

  /** In a directory of one level (PD8). */
  process(directory: bigint, id: number, fields: Parameters<typeof ProcessContext.encode>[0]): void {
    this.put((directory << 12n) + 16n * BigInt(id), ProcessContext.encode({ V: true, ...fields }), 2);
  }

  /** Maps what lies around a frame by an entry of that level. Returns the entry's address. */
  map(root: bigint, levels: number, from: bigint, to: bigint, fields: Parameters<typeof PageTableEntry.encode>[0] = {}, level = 0): bigint {
    let table = root;
    for (let at = levels - 1; at > level; at -= 1) {
      const entry = this.#entry(table, levels, at, from);
      if (this.memory.peek(entry) === 0n) this.put(entry, DirectoryEntry.encode({ V: true, PPN: this.frames() }));
      table = PageTableEntry.decode(this.memory.peek(entry)).PPN;
    }
    const entry = this.#entry(table, levels, level, from);
    this.put(entry, PageTableEntry.encode({ V: true, R: true, W: true, X: true, U: true, A: true, D: true, PPN: to, ...fields }));
    return entry;
  }

  #entry(table: bigint, levels: number, level: number, frame: bigint): bigint {
    const index = frame >> BigInt(9 * level);
    return (table << 12n) + 8n * (level === levels - 1 ? index : index & 0x1ffn);
  }

  ask(deviceId: number, frame: bigint, request: Partial<Request> = {}): Answer {
    return this.unit.translate({ deviceId, processId: null, type: 'untranslated', write: false, execute: false, privileged: false, noWrite: false, cxl: false, address: frame << 12n, ...request });
  }

  /** The frame a read reaches, or the cause of its fault. */
  reach(deviceId: number, frame: bigint, request: Partial<Request> = {}): bigint | string {
    const answer = this.ask(deviceId, frame, request);
    return answer.kind === 'translated' ? (answer.address ?? 0n) >> 12n : `cause ${answer.fault.cause}`;
  }

  /** Puts a command into the queue. */
  queue(raw: bigint): void {
    const { commandQueue } = this.unit;
    this.put((COMMANDS << 12n) + 16n * BigInt(commandQueue.tail), raw, 2);
    commandQueue.advanceTail();
  }

  command(raw: bigint): void {
    this.queue(raw);
    this.unit.runCommands();
  }

  /** Records in the fault queue so far. */
  faults(): ReturnType<typeof FaultRecord.decode>[] {
    return Array.from({ length: this.unit.faultQueue.tail }, (_, i) => FaultRecord.decode([3n, 2n, 1n, 0n].reduce((raw, word) => (raw << 64n) | this.memory.peek((FAULTS << 12n) + BigInt(32 * i) + 8n * word), 0n)));
  }

  /** What a cache holds. */
  lines(name: string): readonly { readonly tag: number; readonly first: number; readonly span: number; readonly entry: unknown }[] {
    return this.unit.caches.find((cache) => cache.name === name)?.entries() ?? [];
  }
}
