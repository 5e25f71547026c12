// SPDX-License-Identifier: Apache-2.0
/** linux/io: registers of a device. Every accessor assumes a little-endian device and swaps on a big-endian CPU, as Linux does. */
import type { Row } from './row.ts';

const DEVICE_IO = 'Linux Documentation/driver-api/device-io.rst';
const IO_EFFECTS = 'Linux Documentation/memory-barriers.txt, "Kernel I/O barrier effects"';

const WIDTHS = [
  { letter: 'b', bytes: 1, type: 'u8' },
  { letter: 'w', bytes: 2, type: 'u16' },
  { letter: 'l', bytes: 4, type: 'u32' },
  { letter: 'q', bytes: 8, type: 'u64' },
] as const;

type Width = (typeof WIDTHS)[number];

const ORDERING = {
  read: {
    full: 'Completes before every later read of memory by this CPU, and stays in order with its other accesses to the same device.',
    relaxed: 'Stays in order with this CPU\'s other accesses to the same device, and with nothing else: not with memory.',
  },
  write: {
    full: 'Waits for every earlier write to memory by this CPU, so that a descriptor is in memory before its doorbell arrives. Posted: it returns before the device has it; a read of the same device flushes it.',
    relaxed: 'Stays in order with this CPU\'s other accesses to the same device, and with nothing else: a descriptor may still be on its way when it arrives. Posted.',
  },
} as const;

/** All registers are 32 bits wide, so that is what an access must be. */
function differs(width: Width): string {
  if (width.bytes === 8) return 'registers are 32 bits wide, so it is two 32-bit accesses, the low half first, as linux/io-64-nonatomic-lo-hi.h does it; both must lie within the mapped registers';
  if (width.bytes === 4) return 'an access must be aligned and lie within the mapped registers';
  return 'registers are 32 bits wide, and narrower accesses end the run with an error that says so; a real device may do anything';
}

function reader(name: string, width: Width, relaxed: boolean, c: string): Row {
  return {
    name,
    module: 'linux/io',
    c,
    ts: [`(addr: iomem): ${width.type}`],
    doc: {
      text: `Reads a ${width.bytes * 8}-bit register. ${ORDERING.read[relaxed ? 'relaxed' : 'full']}`,
      params: { addr: 'register: what `devm_platform_ioremap_resource` returned, plus its offset in bytes' },
      returns: width.bytes === 8 ? 'the value, a bigint' : 'the value; all ones when no device answers there',
      context: 'any; does not sleep',
      source: relaxed ? DEVICE_IO : IO_EFFECTS,
      differs: differs(width),
    },
    guest: width.bytes === 8 ? `function ${name}(addr) { const low = k.mmioRead($code, addr, ${width.bytes}, "${name}"); return k.wide(low); }` : `function ${name}(addr) { return k.mmioRead($code, addr, ${width.bytes}, "${name}"); }`,
    host: 'mmio-read',
  };
}

function writer(name: string, width: Width, relaxed: boolean, c: string): Row {
  return {
    name,
    module: 'linux/io',
    c,
    ts: [`(value: ${width.type}, addr: iomem): void`],
    doc: {
      text: `Writes a ${width.bytes * 8}-bit register. ${ORDERING.write[relaxed ? 'relaxed' : 'full']}`,
      params: { value: 'what to write; the value comes first, as in Linux', addr: 'register: what `devm_platform_ioremap_resource` returned, plus its offset in bytes' },
      context: 'any; does not sleep',
      source: relaxed ? DEVICE_IO : IO_EFFECTS,
      differs: differs(width),
    },
    guest: `function ${name}(value, addr) { k.mmioWrite($code, value, addr, ${width.bytes}, "${name}"); }`,
    host: 'mmio-write',
  };
}

const accessors = WIDTHS.flatMap((width) => [
  reader(`read${width.letter}`, width, false, `${width.type} read${width.letter}(const volatile void __iomem *addr)`),
  writer(`write${width.letter}`, width, false, `void write${width.letter}(${width.type} value, volatile void __iomem *addr)`),
  reader(`read${width.letter}_relaxed`, width, true, `${width.type} read${width.letter}_relaxed(const volatile void __iomem *addr)`),
  writer(`write${width.letter}_relaxed`, width, true, `void write${width.letter}_relaxed(${width.type} value, volatile void __iomem *addr)`),
]);

const ioports = WIDTHS.filter((width) => width.bytes < 8).flatMap((width) => [
  reader(`ioread${width.bytes * 8}`, width, false, `unsigned int ioread${width.bytes * 8}(const void __iomem *addr)`),
  writer(`iowrite${width.bytes * 8}`, width, false, `void iowrite${width.bytes * 8}(${width.type} value, void __iomem *addr)`),
]);

const ADDRESSES: readonly Row[] = [
  {
    name: 'virt_to_phys',
    module: 'linux/io',
    c: 'phys_addr_t virt_to_phys(volatile void *address)',
    ts: ['(address: ptr<any>): phys_addr_t'],
    doc: {
      text: 'Says where in RAM a direct-mapped byte lies. Not what a device may be given: that is what `dma_map_single` returns, even where both happen to be equal.',
      params: { address: 'pointer from kmalloc' },
      returns: 'physical address, bytes',
      context: 'any',
      source: 'Linux Documentation/core-api/bus-virt-phys-mapping.rst; include/asm-generic/io.h',
      differs: 'throws for memory that is not direct-mapped, where Linux returns nonsense',
    },
    guest: `function virt_to_phys(address) { const p = k.pointer(address, "virt_to_phys"); k.need(p.$hi === k.DIRECT, "virt_to_phys: " + p + " is not direct-mapped"); return BigInt(p.$lo); }`,
  },
];

export const IO_ROWS: readonly Row[] = [...accessors, ...ioports, ...ADDRESSES];
