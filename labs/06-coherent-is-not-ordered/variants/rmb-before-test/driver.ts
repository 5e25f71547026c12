// SPDX-License-Identifier: Apache-2.0
/** Sends and receives frames through two descriptor rings that the NIC reads and writes on its own. */
import { dma_rmb, dma_wmb } from 'asm/barrier';
import { cpu_to_le16, cpu_to_le64, le16_to_cpu } from 'linux/byteorder';
import { READ_ONCE, WRITE_ONCE } from 'linux/compiler';
import type { device } from 'linux/device';
import { EBUSY } from 'linux/errno';
import { IRQ_HANDLED, type irqreturn_t } from 'linux/interrupt';
import { writel } from 'linux/io';
import type { dma_addr_t } from 'linux/types';
import { DONE, DOORBELL, type Nic, nic_deliver, nic_setup, nic_wait, OWN, RING } from './nic.ts';

export function probe(dev: device): number {
  return nic_setup(dev, nic_interrupt);
}

/** Queues one frame. The ring is coherent memory. */
export function nic_xmit(nic: Nic, frame: dma_addr_t, bytes: number): number {
  const i = nic.load('next');
  const d = nic.ring.at(i % RING);

  if (le16_to_cpu(READ_ONCE(d, 'flags')) & OWN)
    return -EBUSY; // still the NIC's

  d.store('addr', cpu_to_le64(frame));
  d.store('len', cpu_to_le16(bytes));
  dma_wmb();
  // hand over
  WRITE_ONCE(d, 'flags', cpu_to_le16(OWN));

  nic.store('next', i + 1);
  writel(i % RING, nic.regs + DOORBELL);
  return 0;
}

/** Takes what the NIC has received. It goes on receiving meanwhile. */
export function nic_interrupt(irq: number, nic: Nic): irqreturn_t {
  for (;;) {
    const i = nic.load('rx_next');
    const d = nic.rx_ring.at(i % RING);

    dma_rmb();
    if (!(le16_to_cpu(READ_ONCE(d, 'flags')) & DONE))
      return IRQ_HANDLED; // still the NIC's
    const bytes = le16_to_cpu(d.load('len'));

    // An empty slot: nobody's until it gets a new buffer.
    WRITE_ONCE(d, 'flags', cpu_to_le16(0));
    nic.store('rx_next', i + 1);
    nic_deliver(nic, bytes);
  }
}

/** Waits for `frames` frames; returns their bytes. */
export function nic_receive(nic: Nic, frames: number): number {
  return nic_wait(nic, frames);
}
