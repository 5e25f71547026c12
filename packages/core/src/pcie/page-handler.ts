// SPDX-License-Identifier: Apache-2.0
/**
 * Software's half of page requests, scripted: it collects requests into
 * groups, has a process make the pages present, and answers each group once.
 * Where requests come from and responses go to is the caller's: a queue in
 * memory and a command, or a bench's own lists.
 */
import type { PageRequestMessage, UnitMessage } from '../iommu/unit.ts';

export type PageResponse = Omit<Extract<UnitMessage, { readonly kind: 'page-response' }>, 'kind'>;

export interface PageQueue {
  /** The oldest request that was not taken yet. */
  next(): PageRequestMessage | null;
  respond(response: PageResponse): void;
}

/** An address space whose pages appear when they are asked for. */
export interface ScriptedProcess {
  readonly pasid: number | null;
  /** Makes a page present for the access; false: the process has no such page, or not for that. */
  fault(request: PageRequestMessage): boolean;
}

/** What the handler did with a group. */
export interface HandledGroup {
  readonly source: number;
  readonly pasid: number | null;
  readonly group: number;
  readonly pages: number;
  readonly code: 'success' | 'invalid' | 'failure';
}

export interface PageHandlerOptions {
  /** Groups are kept until `release`: a slow handler, or one that answers in another order. */
  readonly holds?: boolean;
  /** Answers with a failure instead: what a handler does that cannot go on. */
  readonly fails?: (first: PageRequestMessage) => boolean;
}

interface Group {
  readonly requests: PageRequestMessage[];
  whole: boolean;
}

export class PageHandler {
  readonly handled: HandledGroup[] = [];
  /** Stop markers, by function and PASID, in order. */
  readonly markers: { readonly source: number; readonly pasid: number | null }[] = [];
  readonly #queue: PageQueue;
  readonly #processes = new Map<number | null, ScriptedProcess>();
  readonly #options: PageHandlerOptions;
  readonly #groups = new Map<string, Group>();

  constructor(queue: PageQueue, processes: readonly ScriptedProcess[], options: PageHandlerOptions = {}) {
    this.#queue = queue;
    this.#options = options;
    for (const process of processes) this.#processes.set(process.pasid, process);
  }

  /** The process is gone: whatever is asked for it now is answered `invalid`. */
  exit(pasid: number): void {
    this.#processes.delete(pasid);
  }

  /** Takes what has come, and answers whole groups unless they are held. @returns whether it did anything */
  run(): boolean {
    let worked = false;
    for (let request = this.#queue.next(); request !== null; request = this.#queue.next()) {
      this.#take(request);
      worked = true;
    }
    return this.#options.holds === true ? worked : this.release() || worked;
  }

  /** Answers whole groups, oldest first, or those that `which` names. */
  release(which: (group: number) => boolean = () => true): boolean {
    let worked = false;
    for (const [key, { requests, whole }] of [...this.#groups]) {
      const first = requests[0];
      if (!whole || first === undefined || !which(first.group)) continue;
      this.#groups.delete(key);
      this.#answer(first, requests);
      worked = true;
    }
    return worked;
  }

  #take(request: PageRequestMessage): void {
    if (isStopMarker(request)) {
      this.markers.push({ source: request.source, pasid: request.pasid });
      return;
    }
    const key = `${request.source}/${String(request.pasid)}/${request.group}`;
    let group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, (group = { requests: [], whole: false }));
    group.requests.push(request);
    group.whole ||= request.last;
  }

  #answer(first: PageRequestMessage, requests: readonly PageRequestMessage[]): void {
    const process = this.#processes.get(first.pasid);
    // Every page is tried: those that can be made present are, whatever becomes of the group.
    const present = process === undefined ? [false] : requests.map((request) => process.fault(request));
    const code = this.#options.fails?.(first) === true ? 'failure' : present.every((is) => is) ? 'success' : 'invalid';
    const response = { source: first.source, pasid: first.pasid, group: first.group, code } as const;
    this.handled.push({ ...response, pages: requests.length });
    this.#queue.respond(response);
  }
}

/** L alone: nothing is asked for (PCIe 5.0, "Managing PASID Usage on PRG Requests"). */
const isStopMarker = (request: PageRequestMessage): boolean => request.last && !request.read && !request.write && !request.execute && request.pasid !== null;
