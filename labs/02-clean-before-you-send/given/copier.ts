// SPDX-License-Identifier: Apache-2.0
/**
 * What the copy engine's data sheet says, and the parts of the driver that are right already.
 *
 * The engine copies LENGTH bytes from SOURCE to DESTINATION when DOORBELL is written, then raises its interrupt. It reads and
 * writes memory directly: it does not look into the CPU's caches.
 */
import { cast, ptr, sizeof, struct } from 'lab/struct';
import { complete, completion, init_completion } from 'linux/completion';
import { dev_get_drvdata, dev_set_drvdata, type device } from 'linux/device';
import { DMA_BIT_MASK, dma_set_mask_and_coherent } from 'linux/dma-mapping';
import { ENOMEM } from 'linux/errno';
import { free_irq, IRQ_HANDLED, request_irq, type irqreturn_t } from 'linux/interrupt';
import { writel } from 'linux/io';
import { lower_32_bits } from 'linux/kernel';
import { devm_platform_ioremap_resource, platform_get_irq } from 'linux/platform_device';
import { GFP_KERNEL, kfree, kmalloc, kzalloc } from 'linux/slab';
import { iomem, u8, type dma_addr_t } from 'linux/types';

/** Registers, in bytes from `regs`. */
export const SOURCE = 0x00;
export const DESTINATION = 0x04;
export const LENGTH = 0x08;
export const DOORBELL = 0x0c;

/** Bytes the driver's buffer holds. */
export const ROOM = 64;

/** What the driver remembers. Only the driver reads it. */
export const copier = struct('copier', {
  regs: iomem,
  buffer: ptr(u8), // ordinary memory: the CPU's caches hold it
  done: completion,
});
export type Copier = ptr<typeof copier>;

export function copier_interrupt(irq: number, c: Copier): irqreturn_t {
  complete(c.done);
  return IRQ_HANDLED;
}

/** Allocates the buffer, maps the registers, and asks for the interrupt. */
export function copier_setup(dev: device): number {
  if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32)) !== 0) return -ENOMEM;
  const c = cast(copier, kzalloc(sizeof(copier), GFP_KERNEL));
  if (c === null) return -ENOMEM;
  const buffer = cast(u8, kmalloc(ROOM, GFP_KERNEL));
  if (buffer === null) {
    kfree(c);
    return -ENOMEM;
  }
  c.store('regs', devm_platform_ioremap_resource(dev, 0));
  c.store('buffer', buffer);
  init_completion(c.done);
  dev_set_drvdata(dev, c);
  const error = request_irq(platform_get_irq(dev, 0), copier_interrupt, 0, 'copier', c);
  if (error !== 0) {
    kfree(buffer);
    kfree(c);
  }
  return error;
}

/** Gives everything back that `copier_setup` took. */
export function copier_remove(dev: device): void {
  const c: Copier = dev_get_drvdata(dev);
  free_irq(platform_get_irq(dev, 0), c);
  kfree(c.buffer);
  kfree(c);
}

/** Tells the engine what to copy, and starts it. `writel` waits for every earlier store of this CPU. */
export function copier_start(c: Copier, from: dma_addr_t, to: dma_addr_t, bytes: number): void {
  writel(lower_32_bits(from), c.regs + SOURCE);
  writel(lower_32_bits(to), c.regs + DESTINATION);
  writel(bytes, c.regs + LENGTH);
  writel(1, c.regs + DOORBELL);
}
