// SPDX-License-Identifier: Apache-2.0
/** linux/dma-mapping.h: coherent memory, streaming mappings and who owns a buffer when. */
import type { Constant, Row } from './row.ts';

const HOWTO = 'Linux Documentation/core-api/dma-api-howto.rst';
const API = 'Linux Documentation/core-api/dma-api.rst';
const DEV = 'device that makes the accesses';
const NO_BOUNCE = 'no swiotlb: where Linux would copy through a bounce buffer (an address above the mask), the mapping fails';

export const DMA_ROWS: readonly Row[] = [
  {
    name: 'dma_alloc_coherent',
    module: 'linux/dma-mapping',
    c: 'void *dma_alloc_coherent(struct device *dev, size_t size, dma_addr_t *dma_handle, gfp_t gfp)',
    ts: ['(dev: device, size: number, dma_handle: out_ptr<dma_addr_t>, gfp: gfp_t): ptr<void> | null'],
    doc: {
      text: 'Allocates memory that CPU and device may both use at any time, without maps and syncs. It is zeroed, and aligned to its size rounded up to a power of two pages. Coherent is not ordered: barriers are still needed. Never map it again.',
      params: {
        dev: `${DEV}; its coherent mask limits the address`,
        size: 'bytes, at least 1; rounded up to whole 4096-byte pages',
        dma_handle: 'receives the bus address the device must use: a `dma_addr_t` field of a structure, or an `out()` variable',
        gfp: '`GFP_KERNEL`, or `GFP_ATOMIC` where sleeping is forbidden',
      },
      returns: 'pointer to the memory, or null when there is none (the handle is then left alone); give it back with `dma_free_coherent`',
      context: 'may sleep unless GFP_ATOMIC',
      source: `${API}, "Part Ia - Using large DMA-coherent buffers"`,
      differs: 'on a non-coherent profile the memory is an uncached alias, as with DMA_DIRECT_REMAP; there is no pool for GFP_ATOMIC, which gets the same memory',
    },
    guest: `function dma_alloc_coherent(dev, size, dma_handle, gfp) {
  k.need(typeof dma_handle === "object" && dma_handle !== null && typeof dma_handle.store === "function", "dma_alloc_coherent: dma_handle must be a pointer to a dma_addr_t or an out()");
  k.flags(gfp, "dma_alloc_coherent");
  const low = k.op($code, k.deviceIndex(dev, "dma_alloc_coherent"), k.size(size, "dma_alloc_coherent"));
  const high = k.result(1);
  if (low === 0 && high === 0) return null;
  dma_handle.store(k.join(k.result(3), k.result(2)));
  return k.voidPointer(high, low);
}`,
    host: 'alloc-coherent',
  },
  {
    name: 'dma_free_coherent',
    module: 'linux/dma-mapping',
    c: 'void dma_free_coherent(struct device *dev, size_t size, void *cpu_addr, dma_addr_t dma_handle)',
    ts: ['(dev: device, size: number, cpu_addr: ptr<any> | null, dma_handle: dma_addr_t): void'],
    doc: {
      text: 'Gives coherent memory back. The device must have stopped using it.',
      params: { dev: 'device it was allocated for', size: 'bytes, as asked for', cpu_addr: 'pointer `dma_alloc_coherent` returned; null does nothing', dma_handle: 'bus address it stored' },
      context: 'not with interrupts disabled',
      source: `${API}, "Part Ia - Using large DMA-coherent buffers"`,
      differs: 'none',
    },
    guest: `function dma_free_coherent(dev, size, cpu_addr, dma_handle) {
  if (cpu_addr === null) return;
  const p = k.pointer(cpu_addr, "dma_free_coherent: cpu_addr");
  k.latch(k.deviceIndex(dev, "dma_free_coherent"), k.size(size, "dma_free_coherent"));
  k.latchWide(k.wideValue(dma_handle, "dma_free_coherent: dma_handle"));
  k.op($code, p.$lo, p.$hi);
}`,
    host: 'free-coherent',
  },
  {
    name: 'dma_map_single',
    module: 'linux/dma-mapping',
    c: 'dma_addr_t dma_map_single(struct device *dev, void *ptr, size_t size, enum dma_data_direction dir)',
    ts: ['(dev: device, ptr: ptr<any>, size: number, dir: dma_data_direction): dma_addr_t'],
    doc: {
      text: 'Lends `size` bytes to a device and returns the address the device must use for them. From here until `dma_unmap_single` the range is the device\'s: a CPU load or store to it is a finding. Write everything the device is to read before this call.',
      params: {
        dev: DEV,
        ptr: 'first byte; `kmalloc` memory, whole cache lines of its own; not coherent memory',
        size: 'bytes, at least 1',
        dir: 'as the data flows: `DMA_TO_DEVICE` when the CPU filled it, `DMA_FROM_DEVICE` when the device will',
      },
      returns: 'bus address in bytes; or `DMA_MAPPING_ERROR`, to be tested with `dma_mapping_error` and nothing else (0 is a valid address)',
      context: 'any; does not sleep',
      source: `${API}, "Part Id - Streaming DMA mappings"; ${HOWTO}`,
      differs: `${NO_BOUNCE}; a size of 0 fails`,
    },
    guest: `function dma_map_single(dev, ptr, size, dir) {
  const p = k.pointer(ptr, "dma_map_single: ptr");
  k.latch(k.deviceIndex(dev, "dma_map_single"), k.direction(dir, "dma_map_single"));
  k.latch(p.$hi, 0);
  return k.wide(k.op($code, p.$lo, k.size(size, "dma_map_single")));
}`,
    host: 'map-single',
  },
  {
    name: 'dma_unmap_single',
    module: 'linux/dma-mapping',
    c: 'void dma_unmap_single(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir)',
    ts: ['(dev: device, addr: dma_addr_t, size: number, dir: dma_data_direction): void'],
    doc: {
      text: 'Takes a mapped range back for good. The device must be done with it; afterwards the CPU sees what the device wrote.',
      params: { dev: 'device it was mapped for', addr: 'address `dma_map_single` returned', size: 'bytes, as mapped', dir: 'direction, as mapped' },
      context: 'any; does not sleep',
      source: `${API}, "Part Id - Streaming DMA mappings"`,
      differs: 'none',
    },
    guest: `function dma_unmap_single(dev, addr, size, dir) {
  k.latch(k.deviceIndex(dev, "dma_unmap_single"), k.direction(dir, "dma_unmap_single"));
  k.latchWide(k.wideValue(addr, "dma_unmap_single: addr"));
  k.op($code, k.size(size, "dma_unmap_single"), 0);
}`,
    host: 'unmap-single',
  },
  ...(['cpu', 'device'] as const).flatMap((side): Row[] => {
    const meaning =
      side === 'cpu'
        ? 'Takes a mapped range back for a while: the CPU may look at it now, and sees what the device wrote. The device must not touch it until `dma_sync_single_for_device`.'
        : 'Lends a mapped range to the device again: the device sees what the CPU wrote. The CPU must not touch it until `dma_sync_single_for_cpu` or `dma_unmap_single`.';
    const whole = `dma_sync_single_for_${side}`;
    const range = `dma_sync_single_range_for_${side}`;
    const common = { module: 'linux/dma-mapping' as const, host: `sync-for-${side}` as const };
    return [
      {
        ...common,
        name: whole,
        c: `void ${whole}(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir)`,
        ts: ['(dev: device, addr: dma_addr_t, size: number, dir: dma_data_direction): void'],
        doc: {
          text: meaning,
          params: { dev: 'device it is mapped for', addr: 'bus address within a live mapping', size: 'bytes; the range must lie within the mapping', dir: 'direction, as mapped' },
          context: 'any; does not sleep',
          source: `${API}, "Part Id - Streaming DMA mappings"; ${HOWTO}`,
          differs: 'none',
        },
        guest: `function ${whole}(dev, addr, size, dir) {
  k.latch(k.deviceIndex(dev, "${whole}"), k.direction(dir, "${whole}"));
  k.latchWide(k.wideValue(addr, "${whole}: addr"));
  k.op($code, k.size(size, "${whole}"), 0);
}`,
      },
      {
        ...common,
        name: range,
        c: `void ${range}(struct device *dev, dma_addr_t addr, unsigned long offset, size_t size, enum dma_data_direction dir)`,
        ts: ['(dev: device, addr: dma_addr_t, offset: number, size: number, dir: dma_data_direction): void'],
        doc: {
          text: `${meaning} This form takes a part of the mapping.`,
          params: { dev: 'device it is mapped for', addr: 'address `dma_map_single` returned', offset: 'where the part begins, bytes from `addr`', size: 'bytes of the part', dir: 'direction, as mapped' },
          context: 'any; does not sleep',
          source: `${API}, "Part Id - Streaming DMA mappings"`,
          differs: 'none',
        },
        guest: `function ${range}(dev, addr, offset, size, dir) {
  k.latch(k.deviceIndex(dev, "${range}"), k.direction(dir, "${range}"));
  k.latchWide(k.wideValue(addr, "${range}: addr"));
  k.op($code, k.size(size, "${range}"), k.size(offset, "${range}: offset"));
}`,
      },
    ];
  }),
  {
    name: 'dma_mapping_error',
    module: 'linux/dma-mapping',
    c: 'int dma_mapping_error(struct device *dev, dma_addr_t dma_addr)',
    ts: ['(dev: device, dma_addr: dma_addr_t): number'],
    doc: {
      text: 'Says whether a mapping failed. Every mapping must be tested before the device gets the address.',
      params: { dev: 'device it was mapped for', dma_addr: 'what `dma_map_single` returned' },
      returns: '0, or -ENOMEM when the mapping failed',
      context: 'any; does not sleep',
      source: `${HOWTO}, "Handling Errors"`,
      differs: 'none',
    },
    guest: `function dma_mapping_error(dev, dma_addr) {
  k.latchWide(k.wideValue(dma_addr, "dma_mapping_error: dma_addr"));
  return k.op($code, k.deviceIndex(dev, "dma_mapping_error"), 0) | 0;
}`,
    host: 'mapping-error',
  },
  ...([
    ['dma_set_mask', 1, 'for streaming mappings'],
    ['dma_set_coherent_mask', 2, 'for coherent memory'],
    ['dma_set_mask_and_coherent', 3, 'for streaming mappings and for coherent memory'],
  ] as const).map(
    ([name, which, purpose]): Row => ({
      name,
      module: 'linux/dma-mapping',
      c: `int ${name}(struct device *dev, u64 mask)`,
      ts: ['(dev: device, mask: u64): number'],
      doc: {
        text: `Says how many address bits the device can drive ${purpose}. Call it in probe, before anything is mapped or allocated; a driver that never calls it is taken to have 32 bits.`,
        params: { dev: DEV, mask: '`DMA_BIT_MASK(n)`' },
        returns: '0, or -EIO when the machine cannot serve so few bits',
        context: 'probe; may sleep',
        source: `${API}, "Part Ic - DMA addressing limitations"`,
        differs: 'fewer than 32 bits are never served: there is no ZONE_DMA',
      },
      guest: `function ${name}(dev, mask) { k.latchWide(k.wideValue(mask, "${name}: mask")); return k.op($code, k.deviceIndex(dev, "${name}"), ${which}) | 0; }`,
      host: 'set-mask',
    }),
  ),
  {
    name: 'DMA_BIT_MASK',
    module: 'linux/dma-mapping',
    c: 'DMA_BIT_MASK(n)',
    ts: ['(n: number): u64'],
    doc: { text: 'The mask of a device that drives the low `n` address bits.', params: { n: 'bits, 1 to 64' }, returns: '2^n - 1', context: 'any', source: 'Linux include/linux/dma-mapping.h', differs: 'none' },
    guest: `function DMA_BIT_MASK(n) { k.need(Number.isInteger(n) && n >= 1 && n <= 64, "DMA_BIT_MASK: expected 1 to 64 bits"); return (1n << BigInt(n)) - 1n; }`,
  },
  {
    name: 'dev_is_dma_coherent',
    module: 'linux/dma-mapping',
    c: 'bool dev_is_dma_coherent(struct device *dev)',
    ts: ['(dev: device): boolean'],
    doc: {
      text: 'Says whether the device sees the CPU\'s caches, so that maps and syncs need no cache maintenance. It says nothing about order.',
      params: { dev: DEV },
      returns: 'true when it snoops',
      context: 'any',
      source: 'Linux include/linux/dma-map-ops.h',
      differs: 'drivers do not call it on Linux; it is here because the course is about the difference',
    },
    guest: `function dev_is_dma_coherent(dev) { return k.op($code, k.deviceIndex(dev, "dev_is_dma_coherent"), 0) !== 0; }`,
    host: 'is-coherent',
  },
  {
    name: 'dma_get_cache_alignment',
    module: 'linux/dma-mapping',
    c: 'int dma_get_cache_alignment(void)',
    ts: ['(): number'],
    doc: {
      text: 'The alignment and granule that a streaming buffer must keep to itself.',
      returns: 'bytes, a power of two; 1 where devices are coherent',
      context: 'any',
      source: `${API}, "Part II - Non-coherent DMA allocations"`,
      differs: 'none',
    },
    guest: `function dma_get_cache_alignment() { return k.op($code, 0, 0); }`,
    host: 'cache-alignment',
  },
];

export const DMA_CONSTANTS: readonly Constant[] = [
  { name: 'DMA_BIDIRECTIONAL', module: 'linux/dma-mapping', value: 0, type: 'dma_data_direction', doc: 'Data flows both ways.' },
  { name: 'DMA_TO_DEVICE', module: 'linux/dma-mapping', value: 1, type: 'dma_data_direction', doc: 'From memory to the device: the CPU filled it.' },
  { name: 'DMA_FROM_DEVICE', module: 'linux/dma-mapping', value: 2, type: 'dma_data_direction', doc: 'From the device to memory: the device fills it.' },
  { name: 'DMA_MAPPING_ERROR', module: 'linux/dma-mapping', value: 0xffff_ffff_ffff_ffffn, type: 'dma_addr_t', doc: 'What a failed mapping returns; test with `dma_mapping_error`.' },
];
