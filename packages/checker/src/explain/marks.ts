// SPDX-License-Identifier: Apache-2.0
/** What of a trace a space-time diagram draws: one mark an event, in its lane, with a short label. */
import type { TraceEvent } from '@dmalab/core/base/events';
import { addressText, placeText, valueText } from '@dmalab/core/base/format';
import { deviceOf } from '@dmalab/core/base/reducer';
import type { MachineState } from '@dmalab/core/base/state';

export const MEMORY = 'memory';

export interface Mark {
  readonly id: number;
  /** An agent's id, or `MEMORY`. */
  readonly lane: string;
  readonly glyph: string;
  readonly label: string;
  /** Plural noun for folded runs. */
  readonly noun: string;
}

/** @param state the machine after the whole trace: it knows every name */
export function markOf(event: TraceEvent, state: MachineState): Mark | null {
  const at = (lane: string, glyph: string, label: string, noun: string): Mark => ({ id: event.id, lane, glyph, label, noun });
  const lane = deviceOf(event.agent);
  const device = state.devices.has(lane) && !state.cpus.has(event.agent);
  const place = (address: bigint, name: string): string => placeText(state, Number(address), name);
  switch (event.kind) {
    case 'store':
      return at(lane, '■', `${place(event.address, event.name)}=${short(valueText(state, Number(event.address), event.size, event.value))}`, 'stores');
    case 'drain':
      return at(MEMORY, '▼', `${place(event.address, '')}=${short(valueText(state, Number(event.address), event.size, event.value))}${event.reach === 'cpu' ? ' (CPUs)' : ''}`, 'stores that reach memory');
    case 'load':
      return at(lane, device ? '○' : '□', `${place(event.address, event.name)}→${short(valueText(state, Number(event.address), event.size, event.value))}`, 'reads');
    case 'write':
      return at(lane, '●', `${place(event.address, event.name)}=${short(valueText(state, Number(event.address), event.size, event.value))}`, 'writes');
    case 'rmw':
      return at(lane, '◆', `${place(event.address, event.name)}=${short(valueText(state, Number(event.address), event.size, event.value))}`, 'atomics');
    case 'fence':
      return at(lane, '‖', event.name, 'barriers');
    case 'mmio-write':
      return at(lane, '»', registerText(event.register), 'register writes');
    case 'mmio-arrive':
      return at(lane, '»', registerText(event.register), 'register writes that arrive');
    case 'mmio-read':
      return at(lane, '«', registerText(event.register), 'register reads');
    case 'mmio-take':
      return event.register.endsWith('DOORBELL') ? at(lane, '»', 'wakes', 'wake-ups') : null;
    case 'irq-raise':
      return at(lane, '»', `irq ${event.vector}`, 'interrupts raised');
    case 'irq-enter':
      return at(lane, '»', `irq ${event.vector}`, 'interrupts taken');
    case 'translate':
      return at(lane, '◇', `${addressText(event.dma)}→${event.outcome === 'memory' ? addressText(event.address) : event.outcome}`, 'translations');
    case 'iommu-message':
      return at(lane, '»', event.what, 'messages of the unit');
    case 'line-fill':
      return at(MEMORY, '△', `fill ${addressText(event.line)}`, 'line fills');
    case 'line-writeback':
      return at(MEMORY, '▼', `line ${addressText(event.line)}`, 'lines written back');
    case 'line-drop':
      return at(MEMORY, '✕', `drop ${addressText(event.line)}`, 'lines dropped');
    case 'map':
    case 'unmap':
    case 'sync':
      return at(lane, '‖', event.kind === 'sync' ? `sync for ${event.for}` : event.kind, 'DMA calls');
    case 'machine':
    case 'layout':
    case 'call':
    case 'return':
    case 'register':
    case 'message':
    case 'message-take':
    case 'walk':
    case 'iommu-cache':
    case 'irq-exit':
    case 'maintain':
    case 'maintain-done':
    case 'alloc':
    case 'free':
    case 'map-check':
    case 'device':
    case 'log':
    case 'block':
    case 'wake':
    case 'finding':
    case 'end':
      return null;
  }
}

const registerText = (register: string): string => (register.endsWith('DOORBELL') ? 'doorbell' : register);
/** Addresses say little in a diagram. */
const short = (value: string): string => (value.startsWith('0x') && value.length > 8 ? '…' : value);
