// SPDX-License-Identifier: Apache-2.0
/**
 * The sanitizer's rules, each declared once: what it is called, what it rests
 * on, and what a finding says. `{name}` is filled from the finding. Sentences
 * follow one voice: agent first, plain verbs, what was missing last.
 */

export type Evidence = 'oracle' | 'cited section' | 'our choice';

export interface Rule {
  /** A noun phrase for lists and checks. */
  readonly title: string;
  readonly sentence: string;
  /** Other ways to break the same rule, each with words of its own. */
  readonly variants?: Readonly<Record<string, string>>;
  readonly evidence: Evidence;
  /** Document and section the rule rests on. */
  readonly source: string;
}

const DEBUG = 'Linux 6.12 kernel/dma/debug.c';
const HOWTO = 'Linux Documentation/core-api/dma-api-howto.rst';
const API = 'Linux Documentation/core-api/dma-api.rst';
const BARRIERS = 'Linux Documentation/memory-barriers.txt';
const debug = (title: string, sentence: string, where: string): Rule => ({ title, sentence, evidence: 'cited section', source: `${DEBUG}, ${where}` });

export const RULES = {
  DD01: debug('unmap of an address that is no mapping', '{agent} unmapped DMA_MAPPING_ERROR: the mapping had failed, and there is nothing to unmap.', 'check_unmap, "frees an invalid DMA memory address"'),
  DD02: debug('free of something that is not allocated', '{agent} gave back {dma}, which {device} does not hold: {why}.', 'check_unmap, "frees DMA memory it has not allocated"'),
  DD03: debug('free with another size', '{agent} gave back {got} bytes of a range of {expected}: the sizes must be the same.', 'check_unmap, "frees DMA memory with different size"'),
  DD04: debug('free with the wrong function', '{agent} gave back with {got} what it got from {expected}.', 'check_unmap, "frees DMA memory with wrong function"'),
  DD05: debug('free with another address', '{agent} freed coherent memory at {got} with the bus address of the memory at {expected}.', 'check_unmap, "frees DMA memory with different CPU address"'),
  DD06: debug('free of a list with another count', '{agent} unmapped a list of {got} entries that was mapped with {expected}.', 'check_unmap, "frees DMA sg list with different entry count"'),
  DD07: debug('unmap with another direction', '{agent} unmapped {dma} as {got}; it was mapped as {expected}.', 'check_unmap, "frees DMA memory with different direction"'),
  DD08: debug('mapping never checked', '{agent} used the mapping at {dma} without asking dma_mapping_error whether it had worked.', 'check_unmap, "device driver failed to check map error"'),
  DD13: debug('sync of something that is not mapped', '{agent} synced {dma}, which lies in no live mapping of {device}.', 'check_sync, "tries to sync DMA memory it has not allocated"'),
  DD14: debug('sync beyond the mapping', '{agent} synced {got} bytes from {dma}; the mapping ends after {expected}.', 'check_sync, "syncs DMA memory outside allocated range"'),
  DD15: debug('sync with another direction', '{agent} synced {dma} as {got}; it was mapped as {expected}.', 'check_sync, "syncs DMA memory with different direction"'),
  DD16: debug('sync for the CPU of what the device only reads', '{agent} synced {dma} for the CPU as {got}; it was mapped DMA_TO_DEVICE, so the device never writes it.', 'check_sync, "syncs device read-only DMA memory for cpu"'),
  DD17: debug('sync for the device of what it only writes', '{agent} synced {dma} for the device as {got}; it was mapped DMA_FROM_DEVICE, so the device never reads it.', 'check_sync, "syncs device write-only DMA memory to device"'),
  DD21: debug('overlapping mappings', '{agent} mapped {size} bytes at {address}, and their first cache line is in another live mapping already.', 'add_dma_entry, "cacheline tracking EEXIST, overlapping mappings aren\'t supported"'),
  DD23: debug('allocations left at removal', 'The driver is gone and {device} still holds {count}: {example}.', 'dma_debug_device_change, "device driver has pending DMA allocations while released from device"'),

  XO1: { title: 'CPU access to a buffer that the device owns', sentence: '{agent} {did} {place} while {device} owned it: {direction}, lent at {where} and not taken back.', evidence: 'cited section', source: `${API}, Part Id; ${HOWTO}, "Using Streaming DMA mappings"` },
  XO2: { title: 'device access to memory it was not given', sentence: '{device} {did} {place}, {why}.', evidence: 'cited section', source: `${HOWTO}, "Using Streaming DMA mappings"` },
  XO3: { title: 'device access against the direction', sentence: '{device} {did} {place}, which was mapped {direction}.', evidence: 'cited section', source: `${API}, DMA directions; Linux 6.12 drivers/iommu/dma-iommu.c, dma_info_to_prot` },
  XO4: { title: 'device read what the cache still held', sentence: '{device} read a line that was still dirty in {agent}\'s cache. Nothing cleaned it between {where} and {until}.', evidence: 'cited section', source: 'Linux 6.12 arch/arm64/mm/dma-mapping.c, arch_sync_dma_for_device; Arm ARM D7.5' },
  XO5: { title: 'CPU read an old line', sentence: '{agent} read an old copy of {place} from its cache: {device} had written memory since the line was filled, and nothing dropped the line.', evidence: 'cited section', source: 'Linux 6.12 arch/arm64/mm/dma-mapping.c, arch_sync_dma_for_cpu' },
  XO6: { title: 'dirty line written over the device\'s data', sentence: 'A line that {agent} had written at {where} went back to memory over what {device} had put there.', evidence: 'cited section', source: `${API}, Part Id, "Memory coherency operates at a granularity called the cache line width"` },
  XO7: { title: 'neighbour in the same cache line', sentence: '{what}: {place} shares a cache line with the buffer of {device}.', evidence: 'cited section', source: `${HOWTO}, "What memory is DMA'able?"; Linux 6.12 arch/arm64/mm/cache.S dcache_inval_poc; arch/riscv/mm/dma-noncoherent.c` },

  XB1: { title: 'doorbell before the descriptor', sentence: '{device} was woken and read {place} as {old}: the doorbell reached it before {new} reached memory, and {missing}.', evidence: 'cited section', source: `${BARRIERS}, "Kernel I/O barrier effects"; Documentation/driver-api/device-io.rst` },
  XB2: { title: 'own bit before its payload', sentence: '{device} {took}: {flag} reached memory before {payload} did, and {missing}.', variants: { after: '{agent} stored {place} after it had given slot {slot} to {device}: the own bit was set at {where}, and {device} may read the slot from then on.' }, evidence: 'cited section', source: `${BARRIERS}, "dma_wmb() dma_rmb() dma_mb()"` },
  XB3: { title: 'payload read before its done bit', sentence: '{agent} read {place} as {old} after {flag} said it was done: the load was early, and {missing}.', variants: { before: '{agent} read {place} before it knew that slot {slot} was done: it got {old}, and {device} wrote {new} before it gave the slot back.' }, evidence: 'cited section', source: `${BARRIERS}, "dma_wmb() dma_rmb() dma_mb()"` },
  XB5: { title: 'CPU barrier used for a device', sentence: '{barrier} stands between {first} and {second}. It orders CPUs only; {device} is none.', evidence: 'cited section', source: `${BARRIERS}, "SMP conditional barriers"; "dma_wmb() dma_rmb() dma_mb()"` },

  XC1: { title: 'plain load in a wait loop', sentence: '{agent} waits for {place} with a plain load: the compiler may make it once, before the loop, and {never}.', evidence: 'cited section', source: `${BARRIERS}, "Compiler barrier"; founding ruling 16` },
  XC2: { title: 'plain load of what another agent writes', sentence: '{agent} read {place} with a plain load, and {other} wrote it at {write}: nothing told the one of the other, and the compiler may tear, repeat or hoist the load.', evidence: 'cited section', source: 'Linux tools/memory-model/Documentation/access-marking.txt; lib/Kconfig.kcsan; founding ruling 16' },

  XQ1: { title: 'work left when nothing can happen', sentence: '{what}, and nothing is left that could happen. {why}', evidence: 'our choice', source: 'docs/decisions, time and quiescence' },
} as const satisfies Record<string, Rule>;

export type RuleId = keyof typeof RULES;

/** @throws RangeError when the sentence names something that is not given: a finding is never half said */
export function say(rule: RuleId, values: Readonly<Record<string, string>>, variant?: string): string {
  const row: Rule = RULES[rule];
  const template = variant === undefined ? row.sentence : row.variants?.[variant];
  if (template === undefined) throw new RangeError(`rule ${rule} has no variant "${variant ?? ''}"`);
  const text = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new RangeError(`rule ${rule}: its sentence needs "${name}"`);
    return value;
  });
  // Names of functions and fields keep their case.
  return /^(the|a|an) /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
