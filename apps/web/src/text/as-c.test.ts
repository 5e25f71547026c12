// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { callsInC } from './as-c.ts';
import { parseDeclarations } from './declarations.ts';

const declare = (module: string, ...functions: readonly (readonly [prototype: string, ts: string])[]) =>
  parseDeclarations(`${module}.d.ts`, `declare module '${module}' {\n${functions.map(([c, ts]) => `  /**\n   * \`\`\`c\n   * ${c}\n   * \`\`\`\n   * What it does.\n   */\n  export function ${ts};\n`).join('\n')}}\n`);
const declarations = [
  ...declare('asm/barrier', ['void dma_wmb(void);', 'dma_wmb(): void']),
  ...declare('linux/io', ['u32 readl(const volatile void __iomem *addr);', 'readl(address: iomem): u32'], ['void writel(u32 value, volatile void __iomem *addr);', 'writel(value: u32, address: iomem): void']),
];
const DRIVER = `import { dma_wmb } from 'asm/barrier';
import {
  readl,
  writel as post,
} from 'linux/io';
import type { dma_addr_t } from 'linux/types';
import { OWN } from './nic.ts';

/* post( in a comment is no call, dma_wmb() neither */
export function send(to: dma_addr_t): void {
  post(1, to); // readl(
  dma_wmb();
  post(OWN, to + 'dma_wmb()'.length + a.readl(2));
}
`;

it('calls are told as the kernel declares them, in the order of the driver, with their lines', () => {
  expect(callsInC(DRIVER, declarations)).toEqual([
    { name: 'writel', module: 'linux/io', prototype: 'void writel(u32 value, volatile void __iomem *addr);', lines: [11, 13] },
    { name: 'dma_wmb', module: 'asm/barrier', prototype: 'void dma_wmb(void);', lines: [12] },
    { name: 'readl', module: 'linux/io', prototype: 'u32 readl(const volatile void __iomem *addr);', lines: [] },
  ]);
});
