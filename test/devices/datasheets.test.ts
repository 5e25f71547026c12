// SPDX-License-Identifier: Apache-2.0
/** The datasheets are what the declarations say. `DMALAB_WRITE_DOCS=1` writes them anew. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createDevice, DEVICES } from '@dmalab/core/devices/table';
import { DEVICE_KINDS } from '@dmalab/core/devices/kinds';
import { describe, expect, it } from 'vitest';
import { datasheetPage, devicesPage } from './datasheet-page.ts';

const FOLDER = new URL('../../docs/devices/', import.meta.url);
const create = (kind: string, options: Record<string, number>): unknown => createDevice({ id: 'dev0', kind, options }, { ram: { base: 0, size: 4096 } });

describe.each(Object.entries(DEVICES))('%s', (kind, { datasheet }) => {
  it('has the datasheet that its declarations make', () => {
    const page = datasheetPage(kind, datasheet);
    const file = new URL(`${kind}.md`, FOLDER);
    if (process.env['DMALAB_WRITE_DOCS'] === '1') writeFileSync(file, page);
    expect(readFileSync(file, 'utf8')).toBe(page);
  });

  it('describes the options that it takes, and the registers that it has', () => {
    expect(() => create(kind, { nonsense: 1 })).toThrow(`knows ${Object.keys(datasheet.options).join(', ') || 'none'}`);
    const device = createDevice({ id: 'dev0', kind, options: {} }, { ram: { base: 0, size: 4096 } });
    expect(device.registers).toBe(datasheet.registers);
    expect(device.mmioSize).toBe(datasheet.windowSize);
  });

  it('no two errors share a code', () => {
    const codes = Object.values(datasheet.errors.codes).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });
});

it('the list of devices is that of the table', () => {
  const page = devicesPage(DEVICES);
  const file = new URL('../../docs/devices.md', import.meta.url);
  if (process.env['DMALAB_WRITE_DOCS'] === '1') writeFileSync(file, page);
  expect(readFileSync(file, 'utf8')).toBe(page);
});

it('there is no other datasheet, and no kind without a device', () => {
  expect(readdirSync(FOLDER).sort()).toEqual(Object.keys(DEVICES).map((kind) => `${kind}.md`).sort());
  expect([...DEVICE_KINDS].sort()).toEqual(Object.keys(DEVICES).sort());
});
