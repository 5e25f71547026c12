// SPDX-License-Identifier: Apache-2.0
/** Numbers that guest prelude and host must agree on. */

/** High half of a kernel virtual address in the direct map; the low half is the physical address (RAM lies below 4 GiB). */
export const DIRECT_HIGH = 0xffff_8880;
/** High half of the uncached alias that `dma_alloc_coherent` returns on a non-coherent profile. */
export const UNCACHED_HIGH = 0xffff_c900;

/** Flags of an access op, within the code word. */
export const SIZE_SHIFT = 8;
export const SIZE_MASK = 0x300;
export const UNCACHED_FLAG = 0x400;
export const DEP_SHIFT = 16;

/** Where register windows begin in the guest's eyes: an `iomem` value is this, plus 64 KiB a device, plus the offset. */
export const IOMEM_BASE = 0xe000_0000;
export const IOMEM_WINDOW_SHIFT = 16;
export const IOMEM_WINDOW = 1 << IOMEM_WINDOW_SHIFT;
/** What a `device` field holds in memory: this, plus the device's number. */
export const DEVICE_BASE = 0xd000_0000;
export const MAX_DEVICES = 64;

/** Kinds of an argument that the host passes to a driver function, each followed by its words. */
export const ARGUMENT = { number: 0, wide: 1, device: 2, pointer: 3, null: 4 } as const;

/** Characters that one message may have. */
export const MAX_TEXT = 1024;
/** Characters of the table of functions and structures. */
export const MAX_DESCRIPTION = 65_536;

export const DIRECTIONS = ['DMA_BIDIRECTIONAL', 'DMA_TO_DEVICE', 'DMA_FROM_DEVICE'] as const;
export type Direction = (typeof DIRECTIONS)[number];
