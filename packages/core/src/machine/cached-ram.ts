// SPDX-License-Identifier: Apache-2.0
/**
 * RAM as CPUs see it where devices are not coherent: lines over DRAM. The CPUs
 * share one history above the lines; devices and uncached accesses use DRAM's.
 * A line that comes in brings DRAM's bytes as messages of the memory system.
 */
import { CacheLines, type LineEffect } from '../cache/lines.ts';
import { History, type Message } from '../memory/history.ts';
import type { View } from '../ordering/operational/memory.ts';

type Tag = Message<View> | undefined;

export class CachedRam {
  readonly lines: CacheLines<Tag>;
  /** What CPUs have written and filled. */
  readonly history: History<View>;
  readonly #dram: History<View>;
  readonly #tick: () => number;
  /** When a line was lost last; 0 = never held. */
  readonly #lost = new Map<number, number>();
  /** A write-back in progress: bytes for DRAM. */
  readonly #returned: { address: number; byte: number; tag: Tag }[] = [];

  /** @param tick gives the next point in time */
  constructor(lineSize: number, dram: History<View>, endian: 'little' | 'big', tick: () => number) {
    this.#dram = dram;
    this.#tick = tick;
    this.history = new History<View>(() => 0, endian);
    this.lines = new CacheLines<Tag>(lineSize, {
      byte: (address) => dram.byte(address),
      tag: (address) => dram.newestOf(address),
      write: (address, byte, tag) => this.#returned.push({ address, byte, tag }),
    });
  }

  /** Brings a line in. @returns whether it was absent */
  fill(line: number): boolean {
    if (!this.lines.fill(line)) return false;
    const time = this.#tick();
    const since = this.#lost.get(line) ?? 0;
    for (let address = line; address < line + this.lines.lineSize; address += 8) {
      let newest: Tag;
      const bytes: number[] = [];
      for (let i = 0; i < 8; i += 1) {
        bytes.push(this.lines.byte(address + i));
        const tag = this.lines.tag(address + i);
        if (tag !== undefined && (newest === undefined || tag.a > newest.a)) newest = tag;
      }
      this.history.append({ address, size: 8, value: this.history.wordOf(bytes), agent: -1, device: true, c: time, a: time, since, published: newest?.published ?? null, event: newest?.event ?? 0 });
    }
    return true;
  }

  /** Whether DRAM has other content than a line that is present. */
  isBehind(line: number): boolean {
    for (let address = line; address < line + this.lines.lineSize; address += 1) if (this.lines.byte(address) !== this.#dram.byte(address)) return true;
    return false;
  }

  /** A line as an earlier run left it; before anything happens. */
  preload(line: number, bytes: Uint8Array, dirty: boolean): void {
    this.fill(line);
    for (let address = line; address < line + this.lines.lineSize; address += 8) {
      const part = [...bytes.subarray(address - line, address - line + 8)];
      const time = this.#tick();
      this.history.append({ address, size: 8, value: this.history.wordOf(part), agent: -1, device: true, c: time, a: time, since: 0, published: null, event: 0 });
      if (dirty) part.forEach((byte, i) => this.lines.write(address + i, byte, undefined));
    }
  }

  /** A store through the line, which must be present, was made. A device's may lie below one that only CPUs see so far: that one's bytes stay. */
  store(message: Message<View>): void {
    this.history.bytesOf(message.value, message.size).forEach((byte, i) => {
      if (this.history.newestOf(message.address + i) === message) this.lines.write(message.address + i, byte, message);
    });
  }

  clean(line: number): LineEffect {
    return this.#settle(this.lines.clean(line));
  }
  drop(line: number): LineEffect {
    return this.#settle(this.lines.drop(line));
  }
  cleanAndInvalidate(line: number): LineEffect {
    return this.#settle(this.lines.cleanAndInvalidate(line));
  }

  #settle(effect: LineEffect): LineEffect {
    if (effect.wroteBack) {
      const time = this.#tick();
      for (let at = 0; at < this.#returned.length; at += 8) {
        const part = this.#returned.slice(at, at + 8);
        const first = part[0];
        if (first === undefined) continue;
        let newest: Tag;
        for (const { tag } of part) if (tag !== undefined && (newest === undefined || tag.c > newest.c)) newest = tag;
        this.#dram.append({ address: first.address, size: 8, value: this.history.wordOf(part.map((p) => p.byte)), agent: -1, device: true, c: time, a: time, published: null, event: newest?.event ?? 0 });
      }
    }
    this.#returned.length = 0;
    if (effect.dropped) this.#lost.set(effect.line, this.#tick());
    return effect;
  }
}
