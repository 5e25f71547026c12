// SPDX-License-Identifier: Apache-2.0
/**
 * One sentence for each event: agent first, present tense, things called as the code calls them. The live line, the
 * scrubber's value text and the table twin all say the same words.
 */
import type { TraceEvent } from '@dmalab/core/base/events';
import type { Names } from './names.ts';
import { hex } from './names.ts';
import type { TraceIndex } from './index-trace.ts';

const REASONS: Record<string, string> = {
  quiescent: 'nothing is left that could happen',
  budget: 'its budget is used up',
  error: 'the driver stopped with an error',
  stopped: 'it was stopped',
};

const line = (address: bigint): string => `line ${hex(address)}`;

/** The sentence of an event, without the full stop. */
export function sentence(e: TraceEvent, names: Names, index: TraceIndex): string {
  const who = names.agent(e.agent);
  switch (e.kind) {
    case 'machine':
      return `The machine stands ready: ${e.profile}, workload ${e.workload}`;
    case 'layout':
      return `${e.name} lies at ${hex(e.address)}`;
    case 'call':
      return `${who} calls ${e.name}`;
    case 'return':
      return `${e.name} returns ${JSON.stringify(e.value)}`;
    case 'store':
      return `${who} stores ${names.place(e.address, e.name)} = ${names.value(e.address, e.value)}${index.waits(e.id) ? '; it waits' : ''}`;
    case 'drain': {
      const place = names.place(e.address, index.nameOf(e.store));
      const ahead = index.overtaken(e.id);
      const reach = e.reach === 'cpu' ? 'reaches the other CPUs, no device yet' : 'reaches memory';
      const late = index.late(e.id) ? ', too late' : '';
      return `${place} = ${names.value(e.address, e.value)} ${reach}${ahead === null ? '' : `, ahead of ${names.place(ahead.address, ahead.name)}`}${late}`;
    }
    case 'load': {
      const f = index.finding;
      const old = e.stale || (f?.witness === e.id && f.old);
      const tail = (e.forwarded ? ', its own waiting store' : old ? ', the old value' : '') + (f?.witness === e.id ? `. Finding ${f.event.rule}` : '');
      return `${who} reads ${names.place(e.address, e.name)}: ${names.value(e.address, e.value)}${tail}`;
    }
    case 'write':
      return `${who} writes ${names.place(e.address, e.name)} = ${names.value(e.address, e.value)} to memory`;
    case 'rmw':
      return `${who} changes ${names.place(e.address, e.name)} from ${names.value(e.address, e.old)} to ${names.value(e.address, e.value)} at once`;
    case 'fence':
      return `${who} passes ${e.name}()${e.instructions === '' ? ': it holds back the compiler only' : `: ${e.instructions}`}`;
    case 'mmio-write':
      return `${who} posts ${e.register} = ${plain(e.value)} to ${names.agent(e.device)}`;
    case 'mmio-arrive':
      return `${e.register} = ${plain(e.value)} reaches ${who}`;
    case 'mmio-read':
      return `${who} reads ${e.register} of ${names.agent(e.device)}: ${plain(e.value)}`;
    case 'mmio-take':
      return e.write === 0 ? `${who} looks at ${e.register}: ${plain(e.value)}` : `${who} takes ${e.register} = ${plain(e.value)}`;
    case 'register':
      return `${who} sets ${e.register} to ${plain(e.value)}`;
    case 'message':
      return `${who} sends ${e.what === '' ? 'a message' : e.what.replaceAll('-', ' ')} to ${names.agent(e.to)}`;
    case 'message-take':
      return `${who} takes a message`;
    case 'translate':
      return `${who} is asked for ${hex(e.dma)}: ${e.outcome === 'memory' ? hex(e.address) : e.outcome.replaceAll('-', ' ')}`;
    case 'walk':
      return `${who} ${e.access === 'write' ? 'writes' : e.access === 'atomic' ? 'changes' : 'reads'} ${e.what} at ${hex(e.address)}`;
    case 'iommu-cache':
      return `${who}: ${e.cache} changes`;
    case 'iommu-message':
      return `${who} tells ${names.agent(e.to)}: ${e.text}`;
    case 'irq-raise':
      return `${who} raises interrupt ${e.vector} for ${names.agent(e.cpu)}`;
    case 'irq-enter':
      return `${who} takes interrupt ${e.vector}: ${e.handler} runs`;
    case 'irq-exit':
      return `${who} leaves interrupt ${e.vector}`;
    case 'line-fill':
      return `${who} brings ${line(e.line)} into its cache (${e.why})`;
    case 'line-writeback':
      return `${line(e.line)} goes from the cache to memory (${e.why})`;
    case 'line-drop':
      return `${line(e.line)} leaves the cache (${e.why})${e.lostDirty ? ', and what it alone held is lost' : ''}`;
    case 'maintain':
      return `${who} asks to ${e.operation.replace('+', ' and ')} ${line(e.line)}`;
    case 'maintain-done':
      return `${who}'s cache maintenance is complete`;
    case 'alloc':
      return `${who} allocates ${e.size} bytes (${e.what}) at ${hex(e.address)}`;
    case 'free':
      return `${who} frees ${e.what} at ${hex(e.address)}`;
    case 'map':
      return e.error ? `${who} cannot map ${e.size} bytes for ${names.agent(e.device)}` : `${who} lends ${e.size} bytes at ${hex(e.dma)} to ${names.agent(e.device)}`;
    case 'unmap':
      return `${who} takes ${e.size} bytes at ${hex(e.dma)} back from ${names.agent(e.device)}`;
    case 'sync':
      return `${who} syncs ${e.size} bytes at ${hex(e.dma)} for the ${e.for}`;
    case 'map-check':
      return `${who} checks ${hex(e.dma)} for a mapping error`;
    case 'device':
      return e.text === '' ? `${who} goes on` : `${who}: ${trimStop(e.text)}`;
    case 'log':
      return `${who} prints: ${trimStop(e.text)}`;
    case 'block':
      return `${who} waits for ${e.on}`;
    case 'wake':
      return `${who} goes on after ${e.cause}`;
    case 'finding':
      return `Finding ${e.rule}: ${trimStop(e.sentence)}`;
    case 'end':
      return `The run ends: ${REASONS[e.reason] ?? e.reason}${e.text === '' || e.reason === 'quiescent' ? '' : `. ${capital(trimStop(e.text))}`}`;
  }
}

const capital = (s: string): string => s.charAt(0).toUpperCase() + s.slice(1);
const trimStop = (s: string): string => s.replace(/\.\s*$/, '');
const plain = (v: number | bigint): string => (BigInt(v) >= 0x1_0000n ? hex(v) : v.toString());

/** `because of steps 5, 6`; empty for an event with no cause. */
export function because(e: TraceEvent): string {
  const causes = [...new Set(causesOf(e))].filter((c) => c > 0 && c < e.id).sort((a, b) => a - b);
  return causes.length === 0 ? '' : `because of step${causes.length > 1 ? 's' : ''} ${causes.join(', ')}`;
}

/** Header causes and the ids an event's own fields name. */
export function causesOf(e: TraceEvent): number[] {
  const own = e.kind === 'drain' ? [e.store] : e.kind === 'load' || e.kind === 'rmw' || e.kind === 'mmio-read' ? [e.from] : e.kind === 'mmio-arrive' || e.kind === 'mmio-take' ? [e.write] : e.kind === 'irq-enter' ? [e.raise] : e.kind === 'maintain-done' ? e.operations : [];
  return [...e.causes, ...own].filter((c) => c > 0);
}
