// SPDX-License-Identifier: Apache-2.0
/**
 * One plain sentence for each event: the live line, the table twin and the
 * text diagram read the same words. Present tense, agent first, names as the
 * code has them.
 */
import type { Json, TraceEvent } from './events.ts';
import { addressText, agentPhrase, agentText, placeText, valueText } from './format.ts';
import type { MachineState } from './state.ts';

/** @param state the machine right before or right after the event; both give the same words */
export function sentence(event: TraceEvent, state: MachineState): string {
  const who = agentText(state, event.agent);
  switch (event.kind) {
    case 'machine':
      return `The machine starts: ${event.profile}${event.workload === '' ? '' : `, workload ${event.workload}`}.`;
    case 'layout':
      return `${event.name} lies at ${addressText(event.address)}.`;
    case 'call':
      return `${who} enters ${event.name}(${argumentText(event.args)}).`;
    case 'return':
      return `${who} returns ${jsonText(event.value)} from ${event.name}.`;
    case 'store':
      return `${who} stores ${placeText(state, Number(event.address), event.name)} = ${valueText(state, Number(event.address), event.size, event.value)}. It waits.`;
    case 'drain': {
      const what = `${placeText(state, Number(event.address), '')} = ${valueText(state, Number(event.address), event.size, event.value)}`;
      if (event.reach === 'cpu') return `${what} reaches the other CPUs, and not yet the devices.`;
      const overtaken = (state.cpus.get(event.agent)?.pending ?? []).filter((p) => p.store < event.store);
      const first = overtaken[0];
      return first === undefined ? `${what} reaches memory.` : `${what} reaches memory, ahead of ${placeText(state, first.address, first.name)}.`;
    }
    case 'load': {
      const what = `${who} reads ${placeText(state, Number(event.address), event.name)}: ${valueText(state, Number(event.address), event.size, event.value)}`;
      return event.forwarded ? `${what}, its own store that still waits.` : event.stale ? `${what}, an old value.` : `${what}.`;
    }
    case 'write':
      return `${who} writes ${placeText(state, Number(event.address), event.name)} = ${valueText(state, Number(event.address), event.size, event.value)}.`;
    case 'rmw':
      return `${who} changes ${placeText(state, Number(event.address), event.name)} from ${valueText(state, Number(event.address), event.size, event.old)} to ${valueText(state, Number(event.address), event.size, event.value)} in one step.`;
    case 'fence':
      return event.instructions === '' ? `${who} passes ${event.name}(), which is no instruction here.` : `${who} passes ${event.name}() (${event.instructions}).`;
    case 'mmio-write':
      return `${who} writes ${event.register} = ${plainText(event.value)} to ${event.device}. The write is on its way.`;
    case 'mmio-arrive':
      return `${event.register} = ${plainText(event.value)} reaches ${agentPhrase(state, event.agent)}.`;
    case 'mmio-read':
      return `${who} reads ${event.register} of ${event.device}: ${plainText(event.value)}.`;
    case 'mmio-take':
      return `${who} looks at ${event.register}: ${plainText(event.value)}.`;
    case 'register':
      return `${who} sets ${event.register} to ${plainText(event.value)}.`;
    case 'message':
      return `${who} sends ${event.what === '' ? 'a message' : `${event.what.replaceAll('-', ' ')}`} to ${agentPhrase(state, event.to)}.`;
    case 'message-take':
      return `${who} takes a message.`;
    case 'translate': {
      const by = event.pasid === null ? `function ${addressText(BigInt(event.source))}` : `function ${addressText(BigInt(event.source))}, PASID ${jsonText(event.pasid)}`;
      const what = `${who} is asked for ${addressText(event.dma)} by ${by}, to ${event.write ? 'write' : 'read'}`;
      return event.outcome === 'memory' || event.outcome === 'interrupt' ? `${what}: ${event.outcome} at ${addressText(event.address)}.` : `${what}: ${event.outcome.replaceAll('-', ' ')}.`;
    }
    case 'walk':
      return `${who} ${event.access === 'write' ? 'writes' : event.access === 'atomic' ? 'changes' : 'reads'} ${event.what} at ${addressText(event.address)}${event.status === 'ok' ? '' : `, and memory answers ${event.status}`}.`;
    case 'iommu-cache':
      return `${who}: ${event.cache} holds ${entries(event.lines)}.`;
    case 'iommu-message':
      return `${who} tells ${event.to === '' ? 'a function that does not exist' : agentPhrase(state, event.to)}: ${event.text}.`;
    case 'irq-raise':
      return `${who} raises interrupt ${event.vector}${event.cpu === '' ? '' : ` for ${agentPhrase(state, event.cpu)}`}.`;
    case 'irq-enter':
      return `${who} takes interrupt ${event.vector} and runs ${event.handler}.`;
    case 'irq-exit':
      return `${who} returns from interrupt ${event.vector}.`;
    case 'line-fill':
      return `The line at ${addressText(event.line)} is filled from memory (${event.why}).`;
    case 'line-writeback':
      return `The line at ${addressText(event.line)} is written back to memory (${event.why}).`;
    case 'line-drop':
      return event.lostDirty ? `The line at ${addressText(event.line)} is dropped (${event.why}), and what was written to it is lost.` : `The line at ${addressText(event.line)} is dropped (${event.why}).`;
    case 'maintain':
      return `${who} asks to ${event.operation.replace('+', ' and ')} the line at ${addressText(event.line)}.`;
    case 'maintain-done':
      return `${who} has completed its cache maintenance.`;
    case 'alloc':
      return `${who} allocates ${bytes(event.size)} at ${addressText(event.address)} (${event.what}).`;
    case 'free':
      return `${who} frees ${bytes(event.size)} at ${addressText(event.address)} (${event.what}).`;
    case 'map':
      return event.error ? `${who} asks to map ${bytes(event.size)} for ${event.device}, and it fails.` : `${who} lends ${bytes(event.size)} at ${addressText(event.address)} to ${event.device} (${event.direction}).`;
    case 'unmap':
      return `${who} takes ${bytes(event.size)} at ${addressText(event.dma)} back from ${event.device} (${event.direction}).`;
    case 'sync':
      return event.for === 'cpu' ? `${who} syncs ${bytes(event.size)} at ${addressText(event.dma)} for the CPU (${event.direction}).` : `${who} syncs ${bytes(event.size)} at ${addressText(event.dma)} for ${event.device} (${event.direction}).`;
    case 'map-check':
      return `${who} checks the mapping at ${addressText(event.dma)}.`;
    case 'device':
      return event.text === '' ? `${who} changes state.` : `${who}: ${event.text}.`;
    case 'log':
      return `${who} prints: ${event.text}`;
    case 'block':
      return `${who} waits for ${event.on}.`;
    case 'wake':
      return event.cause === '' ? `${who} goes on.` : `${who} goes on: ${event.cause}.`;
    case 'finding':
      return `${event.sentence} Finding ${event.rule}.`;
    case 'end':
      return event.text === '' ? `The run ends: ${event.reason}.` : `The run ends: ${event.text}`;
  }
}

const bytes = (size: number): string => (size === 1 ? '1 byte' : `${size} bytes`);

const entries = (lines: Json): string => (!Array.isArray(lines) || lines.length === 0 ? 'nothing' : lines.length === 1 ? '1 entry' : `${lines.length} entries`);

function plainText(value: number | bigint): string {
  return value < 0x1_0000 ? String(value) : addressText(value);
}

function argumentText(args: Json): string {
  return Array.isArray(args) ? (args as readonly Json[]).map(jsonText).join(', ') : '';
}

function jsonText(json: Json): string {
  return typeof json === 'string' ? json : json === null ? 'nothing' : JSON.stringify(json);
}
