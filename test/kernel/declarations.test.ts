// SPDX-License-Identifier: Apache-2.0
/** What the editor says: the kernel's own d.ts accept the drivers of the labs, and refuse mixed endianness, widths and pointers. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { typeDeclarations } from '@dmalab/kernel/declare/declarations';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const labs = join(import.meta.dirname, '../../labs');
const OPTIONS = { strict: true, noEmit: true, target: 'ES2023', lib: ['ES2023'], types: [], module: 'ESNext', moduleResolution: 'bundler', allowImportingTsExtensions: true, erasableSyntaxOnly: true };

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kernel-types-'));
  for (const { path, text } of typeDeclarations()) write(`types/${path}`, text);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** Complaints about the files of one folder, one a line: `file(line,column): …`. */
async function check(name: string, files: Readonly<Record<string, string>>): Promise<string[]> {
  for (const [file, text] of Object.entries(files)) write(`${name}/${file}`, text);
  write(`${name}/tsconfig.json`, JSON.stringify({ compilerOptions: OPTIONS, include: ['*.ts', '../types/**/*.d.ts'] }));
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', join(folder, name), '--pretty', 'false']).catch((error: { stdout: string }) => error);
  return stdout.split('\n').filter((line) => line.includes(': error '));
}

const HEAD = `import { READ_ONCE, WRITE_ONCE } from 'linux/compiler';
import { smp_load_acquire, smp_store_release } from 'asm/barrier';
import { cpu_to_le16, cpu_to_le64, le16_to_cpu } from 'linux/byteorder';
import { readq, writel } from 'linux/io';
import { DMA_TO_DEVICE, dma_alloc_coherent, dma_map_single, dma_unmap_single } from 'linux/dma-mapping';
import { GFP_KERNEL, kzalloc } from 'linux/slab';
import { array, cast, le16, le64, out, ptr, sizeof, struct, u32, u64, u8, iomem, type dma_addr_t } from 'lab/struct';
import { device } from 'linux/device';
import { complete, completion } from 'linux/completion';
import { IRQ_HANDLED, request_irq, type irqreturn_t } from 'linux/interrupt';
const desc = struct('desc', { addr: le64, len: le16, flags: le16 });
const priv = struct('priv', { dev: device, regs: iomem, ring: ptr(desc), next: u32, handle: u64, done: completion, bytes: array(u8, 4) });
type Priv = ptr<typeof priv>;
declare const dev: device; declare const p: Priv; declare const d: ptr<typeof desc>; declare const dma: dma_addr_t;
export { READ_ONCE, WRITE_ONCE, smp_load_acquire, smp_store_release, cpu_to_le16, cpu_to_le64, le16_to_cpu, readq, writel, DMA_TO_DEVICE, dma_alloc_coherent, dma_map_single, dma_unmap_single, GFP_KERNEL, kzalloc, cast, out, ptr, sizeof, complete, IRQ_HANDLED, request_irq };
export type { irqreturn_t, Priv };
`;
const LINES_BEFORE = HEAD.split('\n').length - 1;

/** What each must be accepted as, and what must not be. */
const GOOD = `d.store('len', cpu_to_le16(60)); d.store('addr', cpu_to_le64(dma));
const n: number = le16_to_cpu(READ_ONCE(d, 'flags')) & 0x8000;
WRITE_ONCE(d, 'flags', cpu_to_le16(n)); smp_store_release(p, 'next', n + 1); const a: number = smp_load_acquire(p.field('next'));
p.ring.at(1).store('len', cpu_to_le16(a)); p.field('next').store(4); p.bytes.at(2).store(7); complete(p.done);
writel(1, p.regs + 0x1c); const wide: bigint = readq(p.regs) + 1n;
const handle = out<dma_addr_t>(); const ring = cast(desc, dma_alloc_coherent(dev, 4 * sizeof(desc), handle, GFP_KERNEL));
if (ring !== null) { p.store('ring', ring); dma_unmap_single(p.dev, handle.value, 4, DMA_TO_DEVICE); }
const raw = kzalloc(sizeof(priv), GFP_KERNEL); if (raw !== null) dma_map_single(dev, raw, 4, DMA_TO_DEVICE);
function handler(irq: number, q: Priv): irqreturn_t { q.store('next', irq); return IRQ_HANDLED; }
request_irq(3, handler, 0, 'x', p); export { wide };
`;
const BAD: readonly (readonly [text: string, complaint: RegExp])[] = [
  ["d.store('len', 60);", /'number' is not assignable to parameter of type 'le16'/],
  ["d.store('len', cpu_to_le16(5n));", /'bigint' is not assignable to parameter of type 'number'/],
  ["d.store('addr', cpu_to_le64(5));", /'number' is not assignable to parameter of type 'bigint'/],
  ["d.store('addr', dma);", /'dma_addr_t' is not assignable to parameter of type 'le64'/],
  ["d.store('lne', cpu_to_le16(5));", /'"lne"' is not assignable/],
  ["WRITE_ONCE(d, 'flags', 1);", /not assignable to parameter of type 'le16'/],
  ["smp_store_release(d, 'flags', 1);", /not assignable/],
  ["const x: number = READ_ONCE(d, 'addr');", /'le64' is not assignable to type 'number'/],
  ['le16_to_cpu(3);', /not assignable to parameter of type 'le16'/],
  ["le16_to_cpu(cpu_to_le64(3n));", /not assignable/],
  ['writel(1n, p.regs);', /'bigint' is not assignable/],
  ["p.store('handle', 1);", /'number' is not assignable/],
  ['const y = dma + 4;', /cannot be applied to types/],
  ['dma_map_single(dev, dma, 5, DMA_TO_DEVICE);', /'dma_addr_t' is not assignable to parameter of type 'any_ptr'/],
  ['dma_map_single(dev, p, 5, 1);', /'dma_data_direction'/],
  ['dma_unmap_single(dev, p.ring, 5, DMA_TO_DEVICE);', /not assignable to parameter of type 'dma_addr_t'/],
  ['dma_unmap_single(dev, 5n, 5, DMA_TO_DEVICE);', /'bigint' is not assignable to parameter of type 'dma_addr_t'/],
  ['kzalloc(8, 1);', /'gfp_t'/],
  ['kzalloc(8, GFP_KERNEL).address;', /possibly 'null'/],
  ["cast(desc, kzalloc(8, GFP_KERNEL)).load('len');", /possibly 'null'/],
  ["p.store('ring', p);", /not assignable/],
  ["request_irq(3, (irq: number, q: ptr<typeof desc>): irqreturn_t => IRQ_HANDLED, 0, 'x', p);", /not assignable/],
  ["request_irq(3, (irq: number, q: Priv) => 1, 0, 'x', p);", /irqreturn_t/],
  ["p.load('done');", /not assignable/],
  ['complete(p);', /not assignable/],
];

describe('declarations', () => {
  it('accept what is right and refuse what is wrong, each at its own line', async () => {
    expect(await check('good', { 'driver.ts': HEAD + GOOD })).toEqual([]);
    const complaints = await check('bad', { 'driver.ts': `${HEAD}${BAD.map(([text]) => `{ ${text} }`).join('\n')}\n` });
    BAD.forEach(([text, complaint], i) => {
      const own = complaints.filter((line) => line.includes(`driver.ts(${LINES_BEFORE + i + 1},`));
      expect(own.join('\n'), text).toMatch(complaint);
    });
    expect(complaints).toHaveLength(BAD.length);
  }, 60_000);

  it('accept every driver of every lab', async () => {
    for (const lab of readdirSync(labs, { withFileTypes: true })) {
      if (!lab.isDirectory()) continue;
      const given = readFolder(join(labs, lab.name, 'given'));
      for (const kind of ['starter', 'solution']) expect(await check(`${lab.name}-${kind}`, { ...given, ...readFolder(join(labs, lab.name, kind)) }), `${lab.name}/${kind}`).toEqual([]);
    }
  }, 120_000);
});

function readFolder(path: string): Record<string, string> {
  return Object.fromEntries(readdirSync(path).filter((file) => file.endsWith('.ts')).map((file) => [file, readFileSync(join(path, file), 'utf8')]));
}
