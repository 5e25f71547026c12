// SPDX-License-Identifier: Apache-2.0
/**
 * The sanitizer: an observer of one execution that finds broken rules. It
 * reads events and nothing else, so it judges a live run, a replay and a
 * stored trace alike. It is made anew for each execution.
 */
import type { Observer, TraceEvent } from '@dmalab/core/base/events';
import { DmaDebugRules } from './dma-debug.ts';
import { Findings, type SanitizerFinding } from './finding.ts';
import { LineRules } from './lines.ts';
import { Mappings } from './mappings.ts';
import { Messages } from './messages.ts';
import { Names } from './names.ts';
import { OrderingRules } from './ordering.ts';
import { OwnershipRules } from './ownership.ts';
import { QuiescenceRules } from './quiescence.ts';
import { RaceRules } from './races.ts';
import { SlotRules } from './slots.ts';

export interface SanitizerOptions {
  /** Told of each finding as it is made, so that it can go into the trace right there. */
  readonly onFinding?: (finding: SanitizerFinding) => void;
  /** Functions whose return ends the driver's life: whatever is still held then is a leak. Default: `remove` and `…_remove`. */
  readonly isRemoval?: (functionName: string) => boolean;
}

export class Sanitizer implements Observer {
  readonly #findings: Findings;
  readonly #names = new Names();
  readonly #messages = new Messages();
  readonly #mappings = new Mappings();
  readonly #devices = new Set<string>();
  readonly #cpus = new Set<string>();
  readonly #isRemoval: (functionName: string) => boolean;
  readonly #ordering: OrderingRules;
  readonly #slots: SlotRules;
  readonly #debug: DmaDebugRules;
  readonly #ownership: OwnershipRules;
  readonly #lines: LineRules;
  readonly #quiescence: QuiescenceRules;
  readonly #races: RaceRules;

  constructor(options: SanitizerOptions = {}) {
    this.#findings = new Findings(options.onFinding);
    this.#isRemoval = options.isRemoval ?? ((name) => /(^|_)remove$/.test(name));
    const isDevice = (agent: string): boolean => this.#isDevice(agent);
    this.#ordering = new OrderingRules(this.#messages, this.#names, this.#findings, isDevice);
    this.#slots = new SlotRules(this.#messages, this.#names, this.#findings, isDevice);
    this.#debug = new DmaDebugRules(this.#mappings, this.#names, this.#findings);
    this.#ownership = new OwnershipRules(this.#mappings, this.#names, this.#findings);
    this.#lines = new LineRules(this.#mappings, this.#names, this.#findings, this.#ownership.blamed);
    this.#quiescence = new QuiescenceRules(this.#messages, this.#names, this.#findings);
    this.#races = new RaceRules(this.#messages, this.#names, this.#findings);
  }

  /** In the order in which they were made; the first is the one to show. */
  get findings(): readonly SanitizerFinding[] {
    return this.#findings.list;
  }

  event(event: TraceEvent): void {
    switch (event.kind) {
      case 'machine':
        this.#names.machine(event.agents);
        this.#agents(event.agents);
        this.#debug.machine(event.lineSize);
        this.#lines.machine(event.coherent, event.lineSize);
        this.#races.machine(event.profile, event.coherent);
        return;
      case 'layout': {
        this.#names.layout(event);
        const placed = this.#names.layouts.find((l) => l.address === Number(event.address));
        if (placed !== undefined) this.#slots.layout(placed, event.id);
        return;
      }
      case 'store': {
        this.#ownership.cpu(event);
        const message = this.#messages.add(event);
        this.#ordering.stored(message);
        this.#slots.stored(message);
        this.#races.stored(event);
        return;
      }
      case 'drain': {
        const message = this.#messages.drained(event);
        if (message !== undefined) this.#lines.drained(message);
        return;
      }
      case 'load':
        if (this.#isDevice(event.agent)) {
          // A dirty line says more than whose turn it is; no right at all says more than a dirty line.
          if (this.#ownership.mayTouch(event)) this.#lines.deviceRead(event);
          this.#ownership.device(event);
          this.#lines.deviceRead(event);
        } else {
          this.#ownership.cpu(event);
          this.#lines.cpuRead(event);
          this.#slots.loaded(event);
        }
        this.#ordering.load(event, !this.#lines.cached(Number(event.address), event.size));
        this.#quiescence.loaded(event);
        this.#races.loaded(event, this.#isDevice(event.agent));
        return;
      case 'write':
        this.#ownership.device(event);
        this.#messages.add(event);
        this.#lines.deviceWrite(event);
        this.#races.written(event);
        return;
      case 'rmw': {
        const device = this.#isDevice(event.agent);
        if (device) this.#ownership.device(event);
        else this.#ownership.cpu(event);
        this.#ordering.load(event, !this.#lines.cached(Number(event.address), event.size));
        const message = this.#messages.add(event);
        if (device) this.#lines.deviceWrite(event);
        else this.#lines.drained(message);
        this.#races.updated(event);
        return;
      }
      case 'fence':
        this.#ordering.fence(event);
        return;
      case 'mmio-write':
        this.#ordering.mmioWrite(event);
        this.#races.told(event.id, event.agent, event.issued);
        this.#lines.doorbell(event);
        this.#quiescence.doorbell(event);
        return;
      case 'mmio-arrive':
        this.#ordering.mmioArrive(event);
        this.#races.arrived(event);
        return;
      case 'mmio-take':
        this.#ordering.take(event);
        this.#races.learnt(event.agent, event.write);
        return;
      case 'mmio-read':
        this.#ordering.mmioRead(event);
        this.#races.learnt(event.agent, event.from);
        return;
      case 'register':
        this.#ordering.registerSet(event);
        this.#races.told(event.id, event.agent, event.id);
        return;
      case 'line-fill':
        this.#lines.fill(event);
        return;
      case 'line-writeback':
        this.#lines.writeBack(event);
        return;
      case 'line-drop':
        this.#lines.drop(event);
        return;
      case 'alloc':
        this.#debug.alloc(event);
        return;
      case 'free':
        this.#debug.free(event);
        return;
      case 'map':
        this.#debug.map(event);
        return;
      case 'unmap':
        this.#debug.unmap(event);
        return;
      case 'sync':
        this.#debug.sync(event);
        return;
      case 'map-check':
        this.#debug.check(event);
        return;
      case 'call':
        this.#quiescence.call(event);
        return;
      case 'return':
        this.#quiescence.returned(event);
        this.#slots.returned(event.agent);
        if (this.#isRemoval(event.name)) this.#debug.removed(event.agent, { id: event.id, site: null });
        return;
      case 'irq-exit':
        this.#slots.returned(event.agent);
        return;
      case 'block':
        this.#quiescence.block(event);
        return;
      case 'end':
        this.#quiescence.end(event);
        this.#races.end(event.id);
        return;
      case 'irq-raise':
        this.#races.told(event.id, event.agent, event.id);
        return;
      case 'irq-enter':
        this.#races.learnt(event.agent, event.raise);
        return;
      case 'maintain':
      case 'maintain-done':
      case 'device':
      case 'log':
      case 'wake':
      case 'finding':
        return;
    }
  }

  #agents(agents: unknown): void {
    if (!Array.isArray(agents)) return;
    for (const agent of agents as readonly { readonly id?: unknown; readonly kind?: unknown }[]) {
      if (typeof agent.id !== 'string') continue;
      (agent.kind === 'cpu' ? this.#cpus : this.#devices).add(agent.id);
    }
  }

  #isDevice(agent: string): boolean {
    if (this.#cpus.has(agent)) return false;
    return this.#devices.has(agent) || !/^cpu\d+$/.test(agent);
  }
}
