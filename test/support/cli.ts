// SPDX-License-Identifier: Apache-2.0
/** For whole-system tests: the built command line, run as people run it. */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { built, root } from './repo.ts';

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function dmalab(...args: string[]): Promise<CommandResult> {
  const child = spawn(process.execPath, [built('apps', 'cli', 'dist', 'main.js'), ...args], { cwd: root, env: { ...process.env, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

/** A right answer to the lab that `dmalab lab new` makes. */
const ANSWER = `
export function send(dev: device, text: ptr<u8>, bytes: number, to: dma_addr_t): number {
  const c: Copier = dev_get_drvdata(dev);

  memcpy(c.buffer, text, bytes);
  const from = dma_map_single(dev, c.buffer, bytes, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, from)) return -ENOMEM;
  copier_start(c, from, to, bytes);
  wait_for_completion(c.done);
  dma_unmap_single(dev, from, bytes, DMA_TO_DEVICE);
  return 0;
}
`;

/** Fills in what `lab new` leaves open: the solution. */
export function fillIn(folder: string): void {
  const file = join(folder, 'solution', 'driver.ts');
  const [head = ''] = readFileSync(file, 'utf8').split('/** Sends `bytes`');
  const imports = head.replace('dma_map_single }', 'dma_map_single, dma_mapping_error, dma_unmap_single }').replace("import { memcpy }", "import { ENOMEM } from 'linux/errno';\nimport { memcpy }");
  writeFileSync(file, imports + ANSWER);
}

/** The lab of the template, filled in, at `parent/01-ID`: the smallest lab there is. */
export function smallLab(parent: string, id = 'small'): string {
  const folder = join(parent, `01-${id}`);
  const template = join(root, 'apps', 'cli', 'template');
  mkdirSync(parent, { recursive: true });
  cpSync(template, folder, { recursive: true });
  const manifest = join(folder, 'lab.yaml');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replaceAll('{{id}}', id).replaceAll('{{title}}', id));
  const text = join(folder, 'README.md');
  writeFileSync(text, readFileSync(text, 'utf8').replaceAll('{{title}}', id));
  fillIn(folder);
  return folder;
}
