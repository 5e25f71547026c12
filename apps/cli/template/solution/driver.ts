// SPDX-License-Identifier: Apache-2.0
/** Sends text through a copy engine. */
import type { ptr } from 'lab/struct';
import { wait_for_completion } from 'linux/completion';
import { dev_get_drvdata, type device } from 'linux/device';
import { DMA_TO_DEVICE, dma_map_single } from 'linux/dma-mapping';
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
  copier_start(c, from, to, bytes);
  wait_for_completion(c.done);
  return 0;
}
