// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { RULES, say, type RuleId } from './rules.ts';
import { Trace, at } from './trace.test-support.ts';

const BUF = 0x8010_4000;
const TO = 'DMA_TO_DEVICE';
const FROM = 'DMA_FROM_DEVICE';
const BIDI = 'DMA_BIDIRECTIONAL';
let t: Trace;
beforeEach(() => {
  t = new Trace();
});
const lend = (direction = TO, size = 64, address = BUF, line = 10): number => {
  const id = t.map(address, size, direction, line);
  t.checked(address);
  return id;
};

describe('what DMA_API_DEBUG reports', () => {
  it('says nothing about a mapping that is checked and given back as it was taken', () => {
    lend();
    t.unmap(BUF, 64, TO, 20);
    expect(t.rules()).toEqual([]);
  });
  it('DD01: unmapping an error', () => {
    t.emit('cpu0', 'unmap', { device: 'nic0', dma: 0xffff_ffff_ffff_ffffn, size: 64, direction: TO, site: at(20) });
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'DD01', secondSite: at(20), missing: 'dma_mapping_error' }]);
  });
  it('DD02: unmapping twice, and says where the first time was', () => {
    lend();
    const first = t.unmap(BUF, 64, TO, 20);
    t.unmap(BUF, 64, TO, 21);
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'DD02', first, firstSite: at(20), secondSite: at(21) }]);
    expect(t.sentences()[0]).toBe('CPU 0 gave back 0x8010_4000, which the NIC does not hold: it was given back at driver.ts:20 already.');
  });
  it('DD02: the address of another device, or none at all', () => {
    t.map(BUF, 64, TO, 10, BUF, 'copy0');
    t.unmap(BUF, 64, TO, 20);
    t.unmap(BUF + 4096, 64, TO, 21);
    expect(t.sentences()).toEqual([
      'CPU 0 gave back 0x8010_4000, which the NIC does not hold: it is mapped for copy0.',
      'CPU 0 gave back 0x8010_5000, which the NIC does not hold: no mapping begins there.',
    ]);
  });
  it('an address that is mapped again may be unmapped again', () => {
    lend();
    t.unmap(BUF, 64, TO, 20);
    lend();
    t.unmap(BUF, 64, TO, 20);
    expect(t.rules()).toEqual([]);
  });
  it('DD03 and DD07: another size, another direction', () => {
    lend(TO, 64);
    t.unmap(BUF, 60, FROM, 20);
    expect(t.rules()).toEqual(['DD03', 'DD07']);
    expect(t.sanitizer.findings[0]).toMatchObject({ firstSite: at(10), secondSite: at(20) });
  });
  it('DD04: the wrong function', () => {
    t.alloc('dma_alloc_coherent', BUF, 4096, 8);
    t.unmap(BUF, 4096, TO, 20);
    t.free('kfree', BUF, 0, 21, 0);
    expect(t.rules()).toEqual(['DD04', 'DD04']);
  });
  it('DD05: coherent memory freed with the wrong pointer', () => {
    t.alloc('dma_alloc_coherent', BUF, 4096, 8);
    t.free('dma_free_coherent', BUF + 64, 4096, 21, BUF);
    expect(t.rules()).toEqual(['DD05']);
  });
  it('DD08: never asked whether it worked', () => {
    t.map(BUF, 64, TO, 10);
    t.unmap(BUF, 64, TO, 20);
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'DD08', firstSite: at(10), missing: 'dma_mapping_error' }]);
  });
  it('DD13 … DD17: syncs', () => {
    t.sync(BUF, 64, TO, 'cpu', 12);
    expect(t.rules()).toEqual(['DD13']);
    lend(TO);
    t.sync(BUF + 32, 64, TO, 'device', 13);
    t.sync(BUF, 64, FROM, 'device', 14);
    t.sync(BUF, 64, BIDI, 'cpu', 15);
    expect(t.rules()).toEqual(['DD13', 'DD14', 'DD15', 'DD16']);
    expect(t.sentences()[1]).toBe('CPU 0 synced 64 bytes from 0x8010_4020; the mapping ends after 32 bytes.');
    t = new Trace();
    lend(FROM);
    t.sync(BUF, 64, TO, 'device', 16);
    expect(t.rules()).toEqual(['DD17']);
  });
  it('DD15 is not reported of a bidirectional mapping', () => {
    lend(BIDI);
    t.sync(BUF, 64, FROM, 'cpu', 14);
    expect(t.rules()).toEqual([]);
  });
  it('DD21: two mappings that begin in one line, unless the device only reads', () => {
    lend(FROM, 32);
    lend(FROM, 32, BUF + 32, 11);
    expect(t.rules()).toEqual(['DD21']);
    t = new Trace();
    lend(TO, 32);
    lend(TO, 32, BUF + 32, 11);
    lend(FROM, 64, BUF + 64, 12);
    expect(t.rules()).toEqual([]);
  });
  it('DD23: what is still held when the driver goes', () => {
    lend(TO);
    t.alloc('dma_alloc_coherent', BUF + 0x1000, 4096, 8);
    t.alloc('kmalloc', BUF + 0x3000, 64, 9);
    t.emit('cpu0', 'call', { context: 'task', name: 'nic_remove', args: [], site: null });
    t.emit('cpu0', 'return', { context: 'task', name: 'nic_remove', value: null });
    expect(t.sentences()).toEqual([
      'The driver is gone and the NIC still holds 1 mapping: 64 bytes mapped at driver.ts:10.',
      'The driver is gone and a device still holds 1 coherent allocation: 4096 bytes allocated at driver.ts:8.',
    ]);
  });
});

describe('who owns a buffer', () => {
  it('XO1: the CPU writes what it has lent', () => {
    lend(TO);
    const store = t.store(BUF + 8, 4, 1, 15, 'plain', 'header');
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'XO1', second: store, firstSite: at(10), secondSite: at(15), missing: 'dma_sync_single_for_cpu' }]);
    expect(t.sentences()[0]).toBe('CPU 0 wrote header while the NIC owned it: DMA_TO_DEVICE, lent at driver.ts:10 and not taken back.');
  });
  it('XO1: reading is a mistake only where the device may write', () => {
    lend(TO);
    t.load('cpu0', BUF, 4, 0, 0, 15);
    expect(t.rules()).toEqual([]);
    lend(FROM, 64, BUF + 64);
    t.load('cpu0', BUF + 64, 4, 0, 0, 16);
    expect(t.rules()).toEqual(['XO1']);
  });
  it('a sync lends the part it names to the CPU, until it is given back', () => {
    lend(FROM, 128);
    t.sync(BUF, 64, FROM, 'cpu', 12);
    t.load('cpu0', BUF + 60, 4, 0, 0, 15);
    expect(t.rules()).toEqual([]);
    t.load('cpu0', BUF + 64, 4, 0, 0, 16);
    expect(t.rules()).toEqual(['XO1']);
    t.sync(BUF, 64, FROM, 'device', 17);
    t.load('cpu0', BUF + 60, 4, 0, 0, 18);
    expect(t.rules()).toEqual(['XO1', 'XO1']);
  });
  it('XO2: the device touches what was taken back, or never given', () => {
    lend(FROM);
    const unmap = t.unmap(BUF, 64, FROM, 20);
    const write = t.write(BUF, 8, 1n, 'buffer[0]+0');
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'XO2', first: unmap, second: write, firstSite: at(20) }]);
    expect(t.sentences()[0]).toBe('The NIC wrote buffer[0]+0, which was unmapped at driver.ts:20.');
    t = new Trace();
    t.alloc('kmalloc', BUF, 64, 9);
    t.load('nic0', BUF, 8, 0n, 0, 0, 'plain', 'frame[0]+0');
    expect(t.sentences()).toEqual(['The NIC read frame[0]+0, which was allocated at driver.ts:9 and never mapped.']);
  });
  it('XO2: not of coherent memory while it lives, but once it is freed', () => {
    t.alloc('dma_alloc_coherent', BUF, 4096, 8);
    t.load('nic0', BUF, 8, 0n, 0);
    expect(t.rules()).toEqual([]);
    t.free('dma_free_coherent', BUF, 4096, 30);
    t.load('nic0', BUF, 8, 0n, 0);
    expect(t.rules()).toEqual(['XO2']);
  });
  it('XO2: the device works on while a sync gave the buffer to the CPU', () => {
    lend(FROM);
    t.sync(BUF, 64, FROM, 'cpu', 12);
    t.write(BUF, 8, 1n);
    expect(t.sentences()[0]).toContain('while a sync had given it to the CPU');
  });
  it('XO3: against the direction', () => {
    lend(TO);
    t.write(BUF, 8, 1n, 'buffer[0]+0');
    expect(t.sentences()).toEqual(['The NIC wrote buffer[0]+0, which was mapped DMA_TO_DEVICE at driver.ts:10.']);
  });
});

describe('cache lines that the device does not see', () => {
  beforeEach(() => {
    t = new Trace(false);
  });
  const cpuWrite = (address: number, line: number): number => {
    t.fill(address - (address % 64), 'store');
    const store = t.store(address, 4, 7, line, 'plain', 'data');
    t.drain(store);
    return store;
  };

  it('XO4: the device reads memory while the line is dirty', () => {
    const store = cpuWrite(BUF, 22);
    const bell = t.bell(0, 30);
    t.load('nic0', BUF, 8, 0n, 0, 0, 'plain', 'source+0');
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'XO4', first: store, second: bell, missing: 'dma_map_single' }]);
    expect(t.sentences()).toEqual(['The NIC read a line that was still dirty in CPU 0\'s cache. Nothing cleaned it between driver.ts:22 and DOORBELL at driver.ts:30.']);
  });
  it('XO4: not once the line is written back, nor for bytes beside the dirty ones', () => {
    cpuWrite(BUF, 22);
    t.load('nic0', BUF + 32, 8, 0n, 0);
    t.writeBack(BUF, 'maintenance');
    t.load('nic0', BUF, 8, 7n, 0);
    expect(t.rules()).toEqual([]);
  });
  it('XO4 comes before the turn that was not the device\'s, and after the right that it never had', () => {
    lend(TO);
    t.sync(BUF, 64, TO, 'cpu', 12);
    cpuWrite(BUF, 22);
    t.load('nic0', BUF, 8, 0n, 0);
    expect(t.rules()).toEqual(['XO4', 'XO2']);
    t = new Trace(false);
    t.alloc('kmalloc', BUF, 64, 9);
    cpuWrite(BUF, 22);
    t.load('nic0', BUF, 8, 0n, 0);
    expect(t.rules()).toEqual(['XO2', 'XO4']);
  });
  it('XO4 does not repeat what XO1 has said', () => {
    lend(TO);
    cpuWrite(BUF, 22);
    t.load('nic0', BUF, 8, 0n, 0);
    expect(t.rules()).toEqual(['XO1']);
  });
  it('XO5: the CPU reads a line that was filled before the device wrote', () => {
    lend(FROM);
    t.fill(BUF, 'prefetch');
    const write = t.write(BUF, 8, 9n);
    t.unmap(BUF, 64, FROM, 20);
    const load = t.load('cpu0', BUF, 4, 0, 0, 21, 'plain', 'dst[0]');
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'XO5', first: write, second: load, missing: 'dma_sync_single_for_cpu' }]);
    expect(t.sentences()).toEqual(['CPU 0 read an old copy of dst[0] from its cache: the NIC had written memory since the line was filled, and nothing dropped the line.']);
  });
  it('XO5: not when the line was dropped and filled again', () => {
    t.fill(BUF);
    t.write(BUF, 8, 9n);
    t.drop(BUF, false);
    t.fill(BUF);
    t.load('cpu0', BUF, 4, 9, 0, 21);
    expect(t.rules()).toEqual([]);
  });
  it('XO6: a dirty line goes back over what the device wrote', () => {
    cpuWrite(BUF, 12);
    lend(FROM); // the kernel's clean did not happen: the model under test would have emitted a write-back here
    t.write(BUF + 8, 8, 9n);
    t.writeBack(BUF);
    expect(t.sentences()).toEqual(['A line that CPU 0 had written at driver.ts:12 went back to memory over what the NIC had put there.']);
  });
  it('XO7: a neighbour\'s line goes back over the buffer (arm64), or its data is lost (riscv64)', () => {
    lend(FROM, 32);
    cpuWrite(BUF + 48, 15);
    t.write(BUF, 8, 9n);
    t.writeBack(BUF, 'maintenance');
    expect(t.sentences()).toEqual(['The line that CPU 0 wrote at driver.ts:15 went back to memory over what the NIC had put there: data shares a cache line with the buffer of the NIC.']);
    t = new Trace(false);
    lend(FROM, 32);
    cpuWrite(BUF + 48, 15);
    t.write(BUF, 8, 9n);
    t.drop(BUF, true);
    expect(t.sentences()).toEqual(['What CPU 0 wrote at driver.ts:15 is lost with its line: data shares a cache line with the buffer of the NIC.']);
  });
  it('coherent memory is reached past the lines that its page may still have', () => {
    t.alloc('dma_alloc_coherent', BUF, 4096, 8);
    t.fill(BUF, 'prefetch');
    t.drain(t.store(BUF, 4, 7, 15));
    t.load('nic0', BUF, 4, 7, t.events.length);
    t.write(BUF + 8, 4, 9);
    t.load('cpu0', BUF + 8, 4, 9, t.events.length, 16);
    expect(t.rules()).toEqual([]);
  });
  it('a clean eviction after the device wrote harms nobody', () => {
    t.fill(BUF);
    t.write(BUF, 8, 9n);
    t.drop(BUF, false, 'eviction');
    expect(t.rules()).toEqual([]);
  });
});

describe('the table of rules', () => {
  const ids = Object.keys(RULES) as RuleId[];
  it.each(ids)('%s names its source and speaks in whole sentences', (id) => {
    expect(RULES[id].source).not.toBe('');
    expect(RULES[id].sentence).toMatch(/(\.|\{why\})$/);
    expect(RULES[id].sentence).not.toMatch(/[!—]/);
  });
  it('never says half a finding', () => {
    expect(() => say('XB2', { device: 'the NIC' })).toThrow('rule XB2: its sentence needs "took"');
  });
});
