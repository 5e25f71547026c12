// SPDX-License-Identifier: Apache-2.0
/**
 * A function's side of the fabric: it looks into its translation cache, asks
 * for translations, sends translated requests, asks for pages that are not
 * there, and takes the messages of the unit. To a `DmaPort` it is the bus.
 *
 * Nothing here runs by itself: messages are taken before each request, while
 * something is waited for, and whenever `serve` is called.
 */
import type { AtsGrant, DmaAnswer, DmaRequest, PageRequestMessage, UnitMessage } from '../iommu/unit.ts';
import { Atc, type AtcUse } from './atc.ts';
import type { DmaBus, InterruptMessage, OnFault } from './dma-port.ts';
import { PageRequests, type PageGroup } from './page-requests.ts';

/** The link upstream, as one function sees it. */
export interface FunctionLink {
  request(request: DmaRequest): DmaAnswer;
  landed(ticket: number): void;
  page(request: PageRequestMessage): void;
  /** An invalidation of this function is complete. */
  invalidated(tag: number): void;
  /** The next message for this function. Null: none is there; with `wait`: none will ever come. */
  receive(wait: boolean): UnitMessage | null;
  /** A write that is an interrupt message. */
  message?(message: InterruptMessage): void;
}

/** What software has switched on in the function's configuration space. */
export interface FunctionControl {
  /** Without it a function makes no request. */
  readonly busMaster: boolean;
  readonly relaxedOrdering: boolean;
  readonly ats: boolean;
  readonly pasid: boolean;
  /** The prefix may ask for execution, for privileged mode. */
  readonly executePermission: boolean;
  readonly privilegedMode: boolean;
  /** PASIDs have so many bits here. */
  readonly pasidBits: number;
}

export interface EndpointOptions {
  readonly source: number;
  readonly link: FunctionLink;
  readonly control: FunctionControl;
  readonly atc?: Atc;
  readonly pages?: PageRequests;
  /** How often an access asks for a page again that it was promised and did not get. */
  readonly attempts?: number;
  /** Told of every request that came back refused. Posted ones do not come back. */
  readonly refused?: (status: 'unsupported-request' | 'completer-abort') => void;
}

const REFUSED: DmaAnswer = { kind: 'refused', status: 'unsupported-request' };

export class Endpoint implements DmaBus {
  readonly source: number;
  readonly atc: Atc;
  readonly pages: PageRequests;
  readonly #link: FunctionLink;
  readonly #control: FunctionControl;
  readonly #attempts: number;
  readonly #refused: ((status: 'unsupported-request' | 'completer-abort') => void) | undefined;
  /** Accesses that used a cached translation: what they hold here and upstream. */
  readonly #held = new Map<number, { readonly use: number; readonly upstream: number }>();
  readonly #resumed = new Map<number, 'retry' | 'abort' | 'zero'>();
  /** Invalidations that found the queue full. */
  readonly #pressed: Extract<UnitMessage, { readonly kind: 'invalidate' }>[] = [];
  #lastTicket = 0;

  constructor(options: EndpointOptions) {
    this.source = options.source;
    this.#link = options.link;
    this.#control = options.control;
    this.atc = options.atc ?? new Atc();
    this.pages = options.pages ?? new PageRequests();
    this.#attempts = options.attempts ?? 8;
    this.#refused = options.refused;
  }

  get relaxes(): boolean {
    return this.#control.relaxedOrdering;
  }

  translate(wanted: DmaRequest, onFault: OnFault, untranslated = false): DmaAnswer {
    this.serve();
    for (let attempt = 0; attempt < this.#attempts; attempt += 1) {
      // Software may have switched something off while a page was waited for.
      const request = this.#permitted(wanted);
      if (request === null) return REFUSED;
      if (!this.#control.ats || untranslated) return this.#upstream(request);
      const used = this.#cached(request);
      if (used !== null) return 'kind' in used ? used : this.#go(request, used);
      if (onFault === 'report' || !this.#fetched(request)) return { kind: 'denied' };
    }
    return { kind: 'denied' };
  }

  landed(ticket: number): void {
    const held = this.#held.get(ticket);
    if (held === undefined) return;
    this.#held.delete(ticket);
    this.#link.landed(held.upstream);
    if (held.use !== 0) this.atc.landed(held.use);
    this.#complete();
  }

  resumed(tag: number): 'retry' | 'abort' | 'zero' {
    while (!this.#resumed.has(tag)) if (!this.#take(true)) return 'abort';
    const action = this.#resumed.get(tag) ?? 'abort';
    this.#resumed.delete(tag);
    return action;
  }

  message(message: InterruptMessage): void {
    this.#link.message?.(message);
  }

  /** Takes the messages that are there, and completes what can be completed. */
  serve(): void {
    while (this.#take(false));
    this.#complete();
  }

  /** Blocks until a message has been taken. @returns false: none will ever come */
  wait(): boolean {
    const taken = this.#take(true);
    this.#complete();
    return taken;
  }

  /**
   * Stops a PASID. The caller issues nothing more for it. `wait`: comes back when every group is answered, `marker`: abandons them and
   * sends a stop marker behind them. @returns false: a response is missing and will not come
   */
  stopPasid(pasid: number, way: 'wait' | 'marker'): boolean {
    if (way === 'marker') {
      this.#link.page(this.pages.stopMarker(this.source, pasid));
      return true;
    }
    while (this.pages.pending(pasid) > 0) if (!this.wait()) return false;
    return true;
  }

  /** ATS was switched on or off, or the function reset. */
  forget(): void {
    this.atc.clear();
    this.#complete();
  }

  /** The request as the function may send it, or null where it may not be sent at all. */
  #permitted(request: DmaRequest): DmaRequest | null {
    const { busMaster, pasid, pasidBits, executePermission, privilegedMode } = this.#control;
    if (!busMaster) return null;
    if (request.pasid === null) return request;
    if (!pasid || request.pasid >= 2 ** pasidBits) return null;
    return { ...request, execute: request.execute && executePermission, privileged: request.privileged && privilegedMode };
  }

  /** A translation that permits the access: out of the cache, or asked for. Null: there is none. */
  #cached(request: DmaRequest): AtcUse | DmaAnswer | null {
    for (;;) {
      const found = this.atc.use(request);
      if (found !== null) {
        if (permits(found.grant, request)) return found;
        this.#drop(found.use);
      }
      const question = this.atc.ask(request);
      const answer = this.#send({ ...request, type: 'ats', write: false, noWrite: !request.write, address: request.address & ~0xfffn });
      // What came before the completion is taken before it.
      while (this.#take(false));
      const kept = this.atc.fill(question, answer);
      if (kept === 'stale') {
        this.#complete();
        continue;
      }
      if (answer.kind === 'interrupt') return this.#upstream(request);
      if (answer.kind === 'refused') return answer;
      if (answer.kind === 'memory') this.#link.landed(answer.ticket);
      if (kept === 'nothing') return answer.kind === 'memory' && answer.ats !== null && permits(answer.ats, request) ? this.#upstream(request) : null;
      if (permits(kept.grant, request)) return kept;
      this.#drop(kept.use);
      return null;
    }
  }

  /** Sends the access itself: translated, or untranslated where the completion says so. */
  #go(request: DmaRequest, used: AtcUse): DmaAnswer {
    if (used.grant.untranslatedOnly) {
      this.#drop(used.use);
      return this.#upstream(request);
    }
    const answer = this.#send({ source: this.source, pasid: null, type: 'translated', write: request.write, execute: false, privileged: false, noWrite: !request.write, address: used.address });
    if (answer.kind !== 'memory') {
      this.#drop(used.use);
      return answer;
    }
    return { ...answer, span: Math.min(used.span, answer.span), ticket: this.#hold(used.use, answer.ticket) };
  }

  #upstream(request: DmaRequest): DmaAnswer {
    const answer = this.#send(request);
    return answer.kind === 'memory' && answer.ticket !== 0 ? { ...answer, ticket: this.#hold(0, answer.ticket) } : answer;
  }

  #send(request: DmaRequest): DmaAnswer {
    const answer = this.#link.request(request);
    if (answer.kind === 'refused' && (request.type === 'ats' || !request.write)) this.#refused?.(answer.status);
    return answer;
  }

  #hold(use: number, upstream: number): number {
    this.#lastTicket += 1;
    this.#held.set(this.#lastTicket, { use, upstream });
    return this.#lastTicket;
  }

  #drop(use: number): void {
    this.atc.landed(use);
    this.#complete();
  }

  /** Asks for the page and waits for the response. @returns whether it is worth trying again */
  #fetched(request: DmaRequest): boolean {
    let group: PageGroup | null = null;
    while (group === null) {
      const asked = this.pages.ask(this.source, request.pasid, request.privileged, [{ address: request.address, read: !request.write, write: request.write, execute: request.execute }]);
      if (asked !== null) {
        group = asked.group;
        for (const message of asked.messages) this.#link.page(message);
      } else if (!this.pages.enabled || this.pages.outstanding === 0 || !this.wait()) return false;
    }
    while (group.outcome === null) if (!this.wait()) return false;
    return group.outcome === 'success' && !group.abandoned;
  }

  #take(wait: boolean): boolean {
    const message = this.#link.receive(wait);
    if (message === null) return false;
    switch (message.kind) {
      case 'invalidate':
        // Behind one that waits for room, all wait.
        if (this.#pressed.length > 0 || !this.atc.invalidate(message)) this.#pressed.push(message);
        break;
      case 'page-response':
        this.pages.answered(message);
        break;
      case 'resume':
        this.#resumed.set(message.tag, message.action);
    }
    return true;
  }

  #complete(): void {
    for (;;) {
      const done = this.atc.completed();
      for (const { tag } of done) this.#link.invalidated(tag);
      while (this.#pressed[0] !== undefined && this.atc.invalidate(this.#pressed[0])) this.#pressed.shift();
      if (done.length === 0) return;
    }
  }
}

/** A completion speaks of one mode; reads for execution need both permissions. */
function permits(grant: AtsGrant, request: DmaRequest): boolean {
  if (request.pasid !== null && request.privileged !== grant.privileged) return false;
  if (request.write) return grant.write;
  return grant.read && (!request.execute || grant.execute);
}
