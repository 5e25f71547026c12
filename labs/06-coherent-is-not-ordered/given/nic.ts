// SPDX-License-Identifier: Apache-2.0
/**
 * What the NIC's data sheet says, and the parts of the driver that are right already.
 *
 * Each ring has RING slots of 16 bytes in coherent memory. A slot belongs to the NIC while OWN is set, and to the
 * driver while it is not. The NIC reads and writes a slot field by field; it touches no slot that is not its own.
 */
import { cast, ptr, sizeof, struct } from 'lab/struct';
import { cpu_to_le16, cpu_to_le64 } from 'linux/byteorder';
import { complete, completion, init_completion, wait_for_completion } from 'linux/completion';
import { dev_set_drvdata, device } from 'linux/device';
import { DMA_BIT_MASK, dma_alloc_coherent, dma_set_mask_and_coherent } from 'linux/dma-mapping';
import { ENOMEM } from 'linux/errno';
import { request_irq, type irq_handler_t } from 'linux/interrupt';
import { writel } from 'linux/io';
import { lower_32_bits, upper_32_bits } from 'linux/kernel';
import { devm_platform_ioremap_resource, platform_get_irq } from 'linux/platform_device';
import { GFP_KERNEL, kzalloc } from 'linux/slab';
import { dma_addr_t, iomem, le16, le32, le64, u32 } from 'linux/types';

/** Slots in each ring. */
export const RING = 2;

/** Bits of `flags`. */
export const OWN = 0x8000;
export const DONE = 0x4000;

/** Registers, in bytes from `regs`. */
export const CTRL = 0x00;
export const RING_LO = 0x10;
export const RING_HI = 0x14;
export const RING_SIZE = 0x18;
/** A store wakes the sender. It sends slot after slot while it finds OWN set, then sleeps. */
export const DOORBELL = 0x1c;
export const RX_RING_LO = 0x30;
export const RX_RING_HI = 0x34;
export const RX_RING_SIZE = 0x38;
export const RX_DOORBELL = 0x3c;

/** Bytes a receive buffer holds. */
export const RX_ROOM = 64;

/** A slot. Little-endian, as the NIC reads it. */
export const nic_desc = struct('nic_desc', {
  addr: le64, // bus address of the frame
  len: le16, // bytes of the frame
  flags: le16, // OWN, DONE
  reserved: le32,
});

/** What the driver remembers. Only the driver reads it. */
export const nic_priv = struct('nic_priv', {
  dev: device,
  regs: iomem,
  ring: ptr(nic_desc), // frames to send
  next: u32, // slot for the next frame
  rx_ring: ptr(nic_desc), // frames received
  rx_next: u32, // slot to look at next
  rx_bytes: u32, // bytes taken so far
  rx_done: completion, // one for each frame taken
  ring_dma: dma_addr_t,
  rx_ring_dma: dma_addr_t,
  rx_buffers_dma: dma_addr_t,
});
export type Nic = ptr<typeof nic_priv>;

/** Allocates both rings, hands the NIC empty receive buffers, and starts it. */
export function nic_setup(dev: device, handler: irq_handler_t<typeof nic_priv>): number {
  if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64)) !== 0) return -ENOMEM;
  const nic = cast(nic_priv, kzalloc(sizeof(nic_priv), GFP_KERNEL));
  if (nic === null) return -ENOMEM;
  const ring = cast(nic_desc, dma_alloc_coherent(dev, RING * sizeof(nic_desc), nic.field('ring_dma'), GFP_KERNEL));
  const rx_ring = cast(nic_desc, dma_alloc_coherent(dev, RING * sizeof(nic_desc), nic.field('rx_ring_dma'), GFP_KERNEL));
  const buffers = dma_alloc_coherent(dev, RING * RX_ROOM, nic.field('rx_buffers_dma'), GFP_KERNEL);
  if (ring === null || rx_ring === null || buffers === null) return -ENOMEM;

  const regs = devm_platform_ioremap_resource(dev, 0);
  nic.store('dev', dev);
  nic.store('regs', regs);
  nic.store('ring', ring);
  nic.store('rx_ring', rx_ring);
  init_completion(nic.rx_done);
  dev_set_drvdata(dev, nic);

  const buffers_dma = nic.load('rx_buffers_dma');
  for (let i = 0; i < RING; i += 1) {
    const d = rx_ring.at(i);
    d.store('addr', cpu_to_le64(buffers_dma + BigInt(i * RX_ROOM)));
    d.store('len', cpu_to_le16(RX_ROOM));
    d.store('flags', cpu_to_le16(OWN));
  }

  const error = request_irq(platform_get_irq(dev, 1), handler, 0, 'nic-rx', nic);
  if (error !== 0) return error;

  const ring_dma = nic.load('ring_dma');
  const rx_ring_dma = nic.load('rx_ring_dma');
  writel(lower_32_bits(ring_dma), regs + RING_LO);
  writel(upper_32_bits(ring_dma), regs + RING_HI);
  writel(RING, regs + RING_SIZE);
  writel(lower_32_bits(rx_ring_dma), regs + RX_RING_LO);
  writel(upper_32_bits(rx_ring_dma), regs + RX_RING_HI);
  writel(RING, regs + RX_RING_SIZE);
  writel(3, regs + CTRL);
  writel(0, regs + RX_DOORBELL);
  return 0;
}

/** Hands a received frame on to whoever waits in `nic_receive`. */
export function nic_deliver(nic: Nic, bytes: number): void {
  nic.store('rx_bytes', nic.load('rx_bytes') + bytes);
  complete(nic.rx_done);
}

/** Sleeps until `frames` frames were delivered, and returns how many bytes they had. */
export function nic_wait(nic: Nic, frames: number): number {
  for (let n = 0; n < frames; n += 1) wait_for_completion(nic.rx_done);
  return nic.load('rx_bytes');
}
