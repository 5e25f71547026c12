// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { DmaRequest } from '../iommu/unit.ts';
import { DmaPort, type DmaBus, type InterruptMessage } from './dma-port.ts';
import { PcieFunction } from './function.ts';
import { MsixVectors, sendMessage } from './interrupts.ts';
import { StraightPort } from './straight-port.test-support.ts';

const set = (table: MsixVectors, vector: number, address: bigint, data: number, masked: boolean): void => {
  table.write(16 * vector, Number(address & 0xffff_ffffn));
  table.write(16 * vector + 4, Number(address >> 32n));
  table.write(16 * vector + 8, data);
  table.write(16 * vector + 12, masked ? 1 : 0);
};

describe('the MSI-X table', () => {
  it('has every vector masked after reset, and nothing pending', () => {
    const table = new MsixVectors(3);
    expect([0, 1, 2].map((vector) => table.read(16 * vector + 12))).toEqual([1, 1, 1]);
    expect(table.pending(0)).toBe(0);
  });

  it('an unmasked vector is sent where its entry says', () => {
    const table = new MsixVectors(3);
    set(table, 1, 0x12_fee0_1000n, 0x8000_0041, false);
    expect(table.raise(1, false)).toEqual({ address: 0x12_fee0_1000n, data: 0x8000_0041 });
    expect(table.pending(0)).toBe(0);
  });

  it('a masked one stays pending, and is sent once when it is unmasked', () => {
    const table = new MsixVectors(40);
    for (const vector of [33, 2]) set(table, vector, 0xfee0_0000n, vector, true);
    expect([table.raise(33, false), table.raise(2, false), table.raise(2, false)]).toEqual([null, null, null]);
    expect([table.pending(0), table.pending(1)]).toEqual([4, 2]);
    expect(table.released(false)).toEqual([]);
    for (const vector of [33, 2]) table.write(16 * vector + 12, 0);
    expect(table.released(true)).toEqual([]);
    expect(table.released(false).map(({ data }) => data)).toEqual([2, 33]);
    expect([table.released(false), table.pending(0), table.pending(1)]).toEqual([[], 0, 0]);
  });

  it('the function mask masks all', () => {
    const table = new MsixVectors(1);
    set(table, 0, 0xfee0_0000n, 7, false);
    expect(table.raise(0, true)).toBeNull();
    expect(table.released(false)).toEqual([{ address: 0xfee0_0000n, data: 7 }]);
  });

  it('keeps what there is of a word, and nothing outside', () => {
    const table = new MsixVectors(1);
    table.write(0, 0xffff_ffff);
    table.write(12, 0xffff_fffe);
    table.write(16, 5);
    table.write(2, 5);
    expect([0, 12, 16, 2].map((offset) => table.read(offset))).toEqual([0xffff_fffc, 0, 0, 0]);
    expect(() => table.raise(1, false)).toThrow(RangeError);
    expect(() => new MsixVectors(2049)).toThrow(RangeError);
  });
});

describe('a message', () => {
  const RAM = { base: 0x1_0000, size: 0x1000 };
  const bench = () => {
    const messages: InterruptMessage[] = [];
    const asked: DmaRequest[] = [];
    const bus: DmaBus = {
      translate(request) {
        asked.push(request);
        return request.address >> 20n === 0xfeen && request.write ? { kind: 'interrupt', address: request.address } : { kind: 'refused', status: 'unsupported-request' };
      },
      landed: () => undefined,
      message: (message) => messages.push(message),
    };
    return { messages, asked, dma: new DmaPort(new StraightPort(RAM.base, RAM.size), RAM, { bus, source: 1 }) };
  };

  it('is a write without PASID, whatever else the port carries', () => {
    const { dma, messages, asked } = bench();
    expect(sendMessage(dma.as({ pasid: 5, privileged: true, relaxed: true, onFault: 'request' }), { address: 0xfee0_0000n, data: 0x41 }, 'msi')).toBeNull();
    expect(messages).toEqual([{ address: 0xfee0_0000n, value: 0x41 }]);
    expect(asked).toMatchObject([{ pasid: null, privileged: false, write: true, type: 'untranslated' }]);
  });

  it('that the unit refuses does not arrive', () => {
    const { dma, messages } = bench();
    expect(sendMessage(dma, { address: 0x9000n, data: 1 }, 'msi')).toMatchObject({ status: 'unsupported-request', posted: true });
    expect(messages).toEqual([]);
  });

  it('of the MSI capability goes where the driver put it', () => {
    const fn = new PcieFunction({ vendorId: 1, deviceId: 2, classCode: 3, msi: { vectors: 2 } });
    const msi = fn.places.msi ?? 0;
    fn.config.write(4, 2, 4);
    fn.config.write(msi + 4, 4, 0xfee0_0000);
    fn.config.write(msi + 12, 4, 0x40);
    fn.config.write(msi + 2, 2, 0x11);
    const { dma, messages } = bench();
    const message = fn.msi(1);
    if (message !== null) sendMessage(dma, message, 'msi');
    expect(messages).toEqual([{ address: 0xfee0_0000n, value: 0x41 }]);
  });
});
