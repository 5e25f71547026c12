// SPDX-License-Identifier: Apache-2.0
/**
 * The page request interface of one function: groups of page requests, one
 * response per group, a limit on what is outstanding, and the two ways of
 * stopping a PASID. It makes messages and takes responses; it sends nothing.
 *
 * Sections are named as in chapter 10 of PCIe 5.0.
 */
import type { PageRequestMessage, UnitMessage } from '../iommu/unit.ts';

export interface PageRequestOptions {
  /** Page requests that the function can ever have outstanding. */
  readonly capacity?: number;
  /** Status bit 15: responses to groups with a PASID carry it; without the bit, none may. */
  readonly responsePasidRequired?: boolean;
}

/** One page that a function wants. A group has one PASID and one mode. */
export interface WantedPage {
  readonly address: bigint;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
}

type Response = Extract<UnitMessage, { readonly kind: 'page-response' }>;
export type PageOutcome = 'success' | 'invalid' | 'failure';

export interface PageGroup {
  readonly index: number;
  readonly pasid: number | null;
  readonly pages: number;
  /** Null while the response is out. */
  outcome: PageOutcome | null;
  /** Its PASID was stopped: the response will be taken and mean nothing ("Managing PASID Usage on PRG Requests"). */
  abandoned: boolean;
}

const INDEXES = 512;

export class PageRequests {
  readonly capacity: number;
  readonly responsePasidRequired: boolean;
  /** Set by software; at most `capacity` counts. */
  allocation = 0;
  /** Status bit 0: a response said failure. Software clears it. */
  responseFailure = false;
  /** Status bit 1: a response named a group that is not open. Software clears it. */
  unexpectedIndex = false;
  #enabled = false;
  readonly #groups = new Map<number, PageGroup>();
  #nextIndex = 0;

  constructor(options: PageRequestOptions = {}) {
    this.capacity = options.capacity ?? 32;
    this.responsePasidRequired = options.responsePasidRequired ?? true;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** Software's enable bit. Clearing it lets open groups come to their end ("Page Request Control Register"). */
  set enabled(on: boolean) {
    this.#enabled = on;
  }

  /** Status bit 8: switched off, and nothing outstanding. */
  get stopped(): boolean {
    return !this.#enabled && this.#groups.size === 0;
  }

  /** Page requests without a response yet. */
  get outstanding(): number {
    let pages = 0;
    for (const group of this.#groups.values()) pages += group.pages;
    return pages;
  }

  /** Groups whose response is out. */
  get open(): readonly PageGroup[] {
    return [...this.#groups.values()];
  }

  /** How many pages may be asked for now. */
  get room(): number {
    return Math.max(0, Math.min(this.allocation, this.capacity) - this.outstanding);
  }

  /** The reset bit: outstanding requests are forgotten, and who waits for one gets nothing. Without effect while the interface is enabled. */
  reset(): void {
    if (this.#enabled) return;
    for (const group of this.#groups.values()) {
      group.abandoned = true;
      group.outcome = 'failure';
    }
    this.#groups.clear();
  }

  /**
   * Opens a group for some pages. The last message carries L; one response answers them all.
   * @returns null: the interface is off, or the pages do not fit the allocation now
   * @throws RangeError for a group of nothing
   */
  ask(source: number, pasid: number | null, privileged: boolean, pages: readonly WantedPage[]): { readonly group: PageGroup; readonly messages: readonly PageRequestMessage[] } | null {
    if (pages.length === 0) throw new RangeError('a page request group of no page');
    if (!this.#enabled || pages.length > this.room) return null;
    const index = this.#freeIndex();
    if (index === null) return null;
    const group: PageGroup = { index, pasid, pages: pages.length, outcome: null, abandoned: false };
    this.#groups.set(index, group);
    const messages = pages.map((page, i) => ({
      source,
      pasid,
      privileged: pasid !== null && privileged,
      execute: pasid !== null && page.execute,
      read: page.read,
      write: page.write,
      last: i === pages.length - 1,
      group: index,
      address: page.address & ~0xfffn,
    }));
    return { group, messages };
  }

  /** A response arrives. A group that is not open, or a PASID where none belongs, is not expected. */
  answered(response: Response): PageGroup | null {
    const group = this.#groups.get(response.group);
    const pasid = this.responsePasidRequired ? (group?.pasid ?? null) : null;
    if (group === undefined || response.pasid !== pasid) {
      this.unexpectedIndex = true;
      return null;
    }
    this.#groups.delete(response.group);
    group.outcome = response.code;
    if (response.code === 'failure') {
      this.responseFailure = true;
      this.#enabled = false;
    }
    return group;
  }

  /**
   * Stops a PASID by a marker: its open groups are abandoned, and behind the marker there is no request of that PASID ("Managing PASID Usage on PRG Requests").
   * The other way is to ask nothing more and wait until `pending` is 0.
   */
  stopMarker(source: number, pasid: number): PageRequestMessage {
    for (const group of this.#groups.values()) if (group.pasid === pasid) group.abandoned = true;
    return { source, pasid, privileged: false, execute: false, read: false, write: false, last: true, group: 0, address: 0n };
  }

  /** Open groups of a PASID that somebody still waits for. */
  pending(pasid: number | null): number {
    return this.open.filter((group) => group.pasid === pasid && !group.abandoned).length;
  }

  /** An index is free again when its response has come. */
  #freeIndex(): number | null {
    for (let i = 0; i < INDEXES; i += 1) {
      const index = (this.#nextIndex + i) % INDEXES;
      if (this.#groups.has(index)) continue;
      this.#nextIndex = (index + 1) % INDEXES;
      return index;
    }
    return null;
  }
}
