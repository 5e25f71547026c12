// SPDX-License-Identifier: Apache-2.0
import type { Datasheet } from '../datasheet.ts';
import { WALKER_WINDOW, WalkerErrors, WalkerRegisters } from './registers.ts';
import { WalkerNode, WalkerNode32, WalkerNode32Big, WalkerNodeBig } from './structures.ts';
import { WALKER_OPTIONS } from './tree-walker.ts';

export const TreeWalkerDatasheet: Datasheet = {
  title: 'Tree walker',
  purpose: [
    'Follows pointers. It sums the payloads of a list, finds a key in a search tree or in a chain of a hash table, or counts the nodes of a graph, starting at an address it is given and going on at addresses it reads. They are virtual addresses of a process or of the kernel; which, a PASID and the privilege of its accesses decide.',
  ],
  follows: 'No device in particular. It answers the question whether a device ever follows kernel pointers, by being one. Whether it translates ahead (ATS) and may ask for pages (PRI) is switched on in its function\'s configuration space, as for every function.',
  badge: 'choice',
  options: WALKER_OPTIONS,
  windowSize: WALKER_WINDOW,
  registers: WalkerRegisters,
  structures: [WalkerNode, WalkerNodeBig, WalkerNode32, WalkerNode32Big],
  programming: [
    'Bind the address space and write its PASID; or leave `valid` clear for addresses that were mapped for the function.',
    'Write ROOT, OP, FLAGS, and what the operation needs: KEY, BUCKETS.',
    'Write DOORBELL. Wait for the interrupt, or until STATUS.finished has changed; then read STATUS.error, RESULT or FAULT_VA, STEPS.',
    'Before the address space goes away or a page of nodes is freed: set CANCEL, wait until STATUS is not busy, and have the IOMMU forget the translation.',
  ],
  ordering: {
    promises: [
      'One access for each field, in the order in which a walk needs them: `listSum` payload then right; `bstFind` key, then left or right or payload; `hashChain` the bucket, then key and right of each; `graphCount` right then left.',
      'Writes its result registers before STATUS, and STATUS before the interrupt. It never writes memory.',
    ],
    needs: [
      'A node is complete in memory before the pointer to it is stored (`dma_wmb`, not `smp_wmb`): the walker is no CPU.',
      'A node that was unlinked may still be visited by a walk that began before: wait for STATUS, as one waits for readers under RCU, before it is freed or changed.',
      'The driver and FLAGS agree on word size and byte order of the nodes.',
    ],
  },
  errors: { where: 'STATUS.error; FAULT_VA and STEPS say where', codes: WalkerErrors },
  interrupts: ['Vector 0: a walk is over.'],
  teaches: ['Shared virtual addresses: no mapping calls, but every rule of the address space applies to the device. Publishing and freeing what a device reads, byte order and word size as part of an interface, page faults in the middle of a walk, and what happens to a walker when kernel memory is freed without telling the IOMMU.'],
};
