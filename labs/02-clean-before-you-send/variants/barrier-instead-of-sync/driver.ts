// SPDX-License-Identifier: Apache-2.0
/** Sends text through a copy engine that does not look into the CPU's caches. */
import { wmb } from 'asm/barrier';
import type { ptr } from 'lab/struct';
import { wait_for_completion } from 'linux/completion';
import { dev_get_drvdata, type device } from 'linux/device';
import { DMA_TO_DEVICE, dma_map_single, dma_mapping_error, dma_unmap_single } from 'linux/dma-mapping';
import { ENOMEM } from 'linux/errno';
import { memcpy } from 'linux/string';
import type { dma_addr_t, u8 } from 'linux/types';
import { copier_remove, copier_setup, copier_start, type Copier } from './copier.ts';

export function probe(dev: device): number {
  return copier_setup(dev);
}

export function remove(dev: device): void {
  copier_remove(dev);
}

/** Sends `bytes` bytes of `text` to bus address `to`. */
export function send(dev: device, text: ptr<u8>, bytes: number, to: dma_addr_t): number {
  const c: Copier = dev_get_drvdata(dev);

  memcpy(c.buffer, text, bytes);
  const from = dma_map_single(dev, c.buffer, bytes, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, from))
    return -ENOMEM;

  copier_start(c, from, to, bytes);
  wait_for_completion(c.done);

  dma_unmap_single(dev, from, bytes, DMA_TO_DEVICE);
  return 0;
}

/** Sends two texts of the same size one after the other, and maps the buffer only once. */
export function send_both(dev: device, first: ptr<u8>, second: ptr<u8>, bytes: number, to: dma_addr_t, then: dma_addr_t): number {
  const c: Copier = dev_get_drvdata(dev);

  memcpy(c.buffer, first, bytes);
  const from = dma_map_single(dev, c.buffer, bytes, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, from))
    return -ENOMEM;
  copier_start(c, from, to, bytes);
  wait_for_completion(c.done);

  memcpy(c.buffer, second, bytes);
  wmb(); // everything is in memory now
  copier_start(c, from, then, bytes);
  wait_for_completion(c.done);

  dma_unmap_single(dev, from, bytes, DMA_TO_DEVICE);
  return 0;
}
