// SPDX-License-Identifier: Apache-2.0
/** For whole-system tests: where things are in this clone, and what the labs hold. */
import { existsSync, mkdtempSync, chmodSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const labsFolder = join(root, 'labs');
export const NIC_LAB = { id: 'coherent-is-not-ordered', folder: '06-coherent-is-not-ordered' } as const;
export const COPY_LAB = { id: 'clean-before-you-send', folder: '02-clean-before-you-send' } as const;

/** Text of one of a lab's own drivers: `starter`, `solution`, `variants/no-dma-wmb`. */
export function driverText(folder: string, name: string): string {
  return readFileSync(join(labsFolder, folder, name, 'driver.ts'), 'utf8');
}

/** Names of every driver of a lab, as its manifest writes them. */
export function driverNames(folder: string): string[] {
  const below = (kind: string): string[] => readdirSync(join(labsFolder, folder, kind)).sort().map((name) => `${kind}/${name}`);
  return ['starter', 'solution', ...below('wheats'), ...below('variants')];
}

/** A file that the build makes. Tests of whole programs run what people run, so they need it. */
export function built(...path: string[]): string {
  const file = join(root, ...path);
  if (!existsSync(file)) throw new Error(`${path.join('/')} is missing: build first, or run npm test, which builds`);
  return file;
}

export interface Folder {
  readonly path: string;
  remove(): void;
}

/** Others may look into it: a store that root starts runs as somebody else. */
export function temporaryFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'dmalab-test-'));
  chmodSync(path, 0o755);
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) };
}
