// SPDX-License-Identifier: Apache-2.0
/** Physical region pages: where the bytes of a command lie (4.1.1). */
import type { DmaPort } from '../../pcie/dma-port.ts';
import { NVME_PAGE, type NvmeStatusName } from './registers.ts';

export interface Region {
  readonly address: bigint;
  readonly length: number;
}

const PAGE = BigInt(NVME_PAGE);
const offsetIn = (address: bigint): number => Number(address % PAGE);

/** Follows prp1, prp2 and lists. Lists are read an entry at a time, each only when it is needed. */
export function regionsOf(dma: DmaPort, prp1: bigint, prp2: bigint, length: number): readonly Region[] | NvmeStatusName {
  if (prp1 % 4n !== 0n) return 'prpOffset';
  const regions: Region[] = [{ address: prp1, length: Math.min(length, NVME_PAGE - offsetIn(prp1)) }];
  let left = length - (regions[0]?.length ?? 0);
  if (left === 0) return regions;
  if (left <= NVME_PAGE) {
    if (offsetIn(prp2) !== 0) return 'prpOffset';
    return [...regions, { address: prp2, length: left }];
  }
  if (prp2 % 8n !== 0n) return 'prpOffset';
  for (let at = prp2; left > 0; ) {
    const { value, fault } = dma.tryLoad(at, 8, 'prp', 'data');
    if (fault !== null) return 'dataTransferError';
    const entry = BigInt(value ?? 0);
    if (offsetIn(entry) !== 0) return 'prpOffset';
    if (offsetIn(at) === NVME_PAGE - 8 && left > NVME_PAGE) {
      // The last entry of a page points to the next part of the list, unless it is the last of all.
      at = entry;
      continue;
    }
    const here = Math.min(left, NVME_PAGE);
    regions.push({ address: entry, length: here });
    left -= here;
    at += 8n;
  }
  return regions;
}

/** @returns null when not all of it could be read */
export function readRegions(dma: DmaPort, regions: readonly Region[], name: string): Uint8Array | null {
  const all = new Uint8Array(regions.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const { address, length } of regions) {
    const { bytes, fault } = dma.tryRead(address, length, name);
    if (fault !== null) return null;
    all.set(bytes, at);
    at += length;
  }
  return all;
}

/** @returns whether all of it could be written */
export function writeRegions(dma: DmaPort, regions: readonly Region[], bytes: Uint8Array, name: string): boolean {
  let at = 0;
  for (const { address, length } of regions) {
    if (dma.tryWrite(address, bytes.subarray(at, at + length), name).fault !== null) return false;
    at += length;
  }
  return true;
}
