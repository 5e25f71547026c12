// SPDX-License-Identifier: Apache-2.0
/** Short labels beside marks. Each is a list, longest first: a label that has no room falls back to the next, then to nothing. */
import type { TraceEvent } from '@dmalab/core/base/events';
import type { TraceIndex } from '../trace/index-trace.ts';
import type { Names } from '../trace/names.ts';
import { hex, plainValue } from '../trace/names.ts';

export interface LabelChoice {
  readonly labels: readonly string[];
  readonly mono: boolean;
}

const LONGEST_VALUE = 6;

/** `rx_done.done=1`, `done=1`, then the value alone; `addr=…` for values too long to read beside a mark. */
function assign(name: string, mark: string, value: string): string[] {
  // A bare address says little beside a mark; its end tells neighbours apart.
  const field = name.startsWith('0x') && name.length > 8 ? `…${name.slice(-4)}` : name;
  const names = [...new Set([field, field.slice(field.lastIndexOf('.') + 1)])];
  return value.length > LONGEST_VALUE ? names.map((n) => `${n}${mark}…`) : [...names.map((n) => `${n}${mark}${value}`), value];
}

export function labelsOf(e: TraceEvent, names: Names, index: TraceIndex): LabelChoice {
  const mono = (labels: readonly string[]): LabelChoice => ({ labels, mono: true });
  const words = (...labels: string[]): LabelChoice => ({ labels: labels.filter((l) => l !== ''), mono: false });
  switch (e.kind) {
    case 'store':
    case 'write':
    case 'rmw':
      return mono(assign(names.short(e.address, e.name), '=', names.value(e.address, e.value)));
    case 'drain':
      return mono(assign(names.short(e.address, index.nameOf(e.store)), '=', names.value(e.address, e.value)));
    case 'load':
      return mono(assign(names.short(e.address, e.name), '→', names.value(e.address, e.value)));
    case 'mmio-write':
      return /doorbell|tail/i.test(e.register) ? words('doorbell', 'bell') : mono(assign(e.register, '=', plainValue(e.value)));
    case 'mmio-arrive':
      return words('arrives');
    case 'mmio-take':
      return e.write === 0 ? mono(assign(e.register, '→', plainValue(e.value))) : words('wakes');
    case 'mmio-read':
      return mono(assign(e.register, '→', plainValue(e.value)));
    case 'fence':
      return mono([e.name]);
    case 'irq-raise':
      return words(`interrupt ${e.vector}`, `irq ${e.vector}`);
    case 'irq-enter':
      return words(e.handler, 'handler');
    case 'irq-exit':
      return words('done');
    case 'call':
      return mono([`${e.name}()`]);
    case 'map':
      return words(e.error ? 'map fails' : 'map');
    case 'unmap':
      return words('unmap');
    case 'sync':
      return words(`sync for ${e.for}`, 'sync');
    case 'maintain':
      return words(e.operation, e.operation.slice(0, 5));
    case 'translate':
      return mono(assign(hex(e.dma), '→', e.outcome === 'memory' ? hex(e.address) : e.outcome));
    case 'iommu-message':
      return words(e.what);
    case 'line-fill':
      return words(`fill, ${e.why}`, 'fill');
    case 'line-writeback':
      return words(`write-back, ${e.why}`, 'write-back');
    case 'line-drop':
      return words(e.lostDirty ? 'drop, lost' : 'drop');
    case 'device':
      return words(...deviceWords(e.text, names.agent(e.agent)));
    default:
      return words('');
  }
}

/** `nic0 sends frame 0, 60 bytes` → `sends frame 0`, `sends`. */
function deviceWords(text: string, agent: string): string[] {
  const own = text.replace(/\.\s*$/, '').replace(new RegExp(`^(the )?(${agent.replace(/[^\w]/g, '.')}|NIC|engine|device)\\s+`, 'i'), '');
  const clause = own.split(/[,;:]/)[0] ?? own;
  const first = clause.split(' ').slice(0, 2).join(' ');
  return [clause, first, clause.split(' ')[0] ?? ''].filter((w, i, all) => w.length > 0 && w.length <= 22 && all.indexOf(w) === i);
}
