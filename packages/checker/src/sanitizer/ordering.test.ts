// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { DONE, OWN, RING, Trace, at } from './trace.test-support.ts';

let t: Trace;
beforeEach(() => {
  t = new Trace();
  t.ring();
});

/** The driver fills slot 1 on lines 14 to 18 and the own bit overtakes the length; the NIC reads the slot. */
function overtaken(options: { fence?: [name: string, line: number]; after?: [string, number]; before?: [string, number]; order?: string } = {}): { len: number; flags: number; read: number } {
  if (options.before) t.fence(...options.before);
  t.putNow('addr', 1, 0x8010_4800, 14);
  const len = t.put('len', 1, 1514, 15);
  if (options.fence) t.fence(...options.fence);
  const flags = t.put('flags', 1, OWN, 18, options.order ?? 'relaxed');
  if (options.after) t.fence(...options.after);
  const seen = t.drain(flags);
  t.get('nic0', 'flags', 1, OWN, seen);
  t.get('nic0', 'addr', 1, 0x8010_4800, len - 1);
  const read = t.get('nic0', 'len', 1, 0, 0);
  t.drain(len);
  return { len, flags, read };
}

describe('XB2: an own bit that reaches memory before its payload', () => {
  it('names slot, field, both halves and the barrier that is missing', () => {
    const { len, flags, read } = overtaken();
    expect(t.sanitizer.findings).toEqual([
      {
        rule: 'XB2',
        sentence: 'The NIC took slot 1 with length 0: its own bit reached memory before its length did, and no barrier orders the two.',
        first: len, second: flags, firstSite: at(15), secondSite: at(18), missing: 'dma_wmb', step: read,
        evidence: 'cited section', source: expect.stringContaining('memory-barriers.txt') as string,
        detail: expect.objectContaining({ observer: 'nic0', side: 'writer' }) as unknown,
      },
    ]);
  });

  it('is silent when the payload came first, though the value is the same', () => {
    const len = t.putNow('len', 1, 0, 15);
    const flags = t.putNow('flags', 1, OWN, 18, 'relaxed');
    t.get('nic0', 'flags', 1, OWN, flags);
    t.get('nic0', 'len', 1, 0, len);
    expect(t.rules()).toEqual([]);
  });

  it('is told although the old value happens to equal the new one: the next one will not', () => {
    const old = t.putNow('len', 1, 60, 15);
    const len = t.put('len', 1, 60, 15);
    const flags = t.putNow('flags', 1, OWN, 18, 'relaxed');
    t.get('nic0', 'flags', 1, OWN, flags);
    t.get('nic0', 'len', 1, 60, old);
    t.drain(len);
    expect(t.rules()).toEqual(['XB2']);
  });

  it('is silent about what the driver stores after the own bit of another slot', () => {
    const flags = t.putNow('flags', 0, OWN, 18, 'relaxed');
    t.put('len', 1, 1514, 15);
    t.get('nic0', 'flags', 0, OWN, flags);
    t.get('nic0', 'len', 1, 0, 0);
    expect(t.rules()).toEqual([]);
  });

  it('is silent before the NIC has read the own bit', () => {
    t.put('len', 1, 1514, 15);
    t.putNow('flags', 1, OWN, 18, 'relaxed');
    t.get('nic0', 'len', 1, 0, 0);
    expect(t.rules()).toEqual([]);
  });

  it('counts a value that CPUs see and devices do not as not yet there', () => {
    const len = t.put('len', 1, 1514, 15);
    t.drain(len, 'cpu');
    const flags = t.putNow('flags', 1, OWN, 18, 'relaxed');
    t.get('nic0', 'flags', 1, OWN, flags);
    t.get('nic0', 'len', 1, 0, 0);
    expect(t.rules()).toEqual(['XB2']);
  });

  it.each([
    [{ fence: ['smp_wmb', 16] as [string, number] }, 'smp_wmb() between the two orders CPUs only'],
    [{ fence: ['barrier', 16] as [string, number] }, 'barrier() between the two binds the compiler only'],
    [{ fence: ['dma_rmb', 16] as [string, number] }, 'dma_rmb() between the two does not order them'],
    [{ order: 'release' }, 'a release orders CPUs only'],
    [{ after: ['dma_wmb', 19] as [string, number] }, 'no barrier orders the two: dma_wmb() comes after both'],
    [{ before: ['dma_wmb', 13] as [string, number] }, 'no barrier orders the two: dma_wmb() comes before both'],
  ])('says what stands there instead: %j', (options, words) => {
    overtaken(options);
    expect(t.sentences()[0]).toContain(`, and ${words}.`);
  });

  it('does not blame the barrier of the frame before', () => {
    t.putNow('len', 0, 60, 15);
    t.fence('dma_wmb', 16);
    t.putNow('flags', 0, OWN, 18, 'relaxed');
    overtaken();
    expect(t.sentences()[0]).toMatch(/and no barrier orders the two\.$/);
  });

  it('is one finding for one mistake, however many slots show it', () => {
    overtaken();
    const len = t.put('len', 2, 1514, 15);
    const flags = t.putNow('flags', 2, OWN, 18, 'relaxed');
    t.get('nic0', 'flags', 2, OWN, flags);
    t.get('nic0', 'len', 2, 0, 0);
    t.drain(len);
    expect(t.rules()).toEqual(['XB2']);
  });
});

describe('XB5: a CPU barrier for a device', () => {
  it('is told beside the rule that it breaks', () => {
    overtaken({ fence: ['smp_wmb', 16] });
    expect(t.rules()).toEqual(['XB2', 'XB5']);
    expect(t.sentences()[1]).toBe('smp_wmb() stands between len[1] at driver.ts:15 and flags[1] = OWN at driver.ts:18. It orders CPUs only; the NIC is none.');
  });
  it('a release store is one, too', () => {
    overtaken({ order: 'release' });
    expect(t.sentences()[1]).toContain('smp_store_release() stands between');
  });
});

describe('XB2: a slot that is filled after it was handed over', () => {
  it('is the driver\'s own order, and no barrier is missing', () => {
    const flags = t.putNow('flags', 1, OWN, 12, 'relaxed');
    const len = t.put('len', 1, 1514, 15);
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'XB2', first: flags - 1, second: len, missing: '', firstSite: at(12), secondSite: at(15) }]);
    expect(t.sentences()[0]).toBe('CPU 0 stored len[1] after it had given slot 1 to the NIC: the own bit was set at driver.ts:12, and the NIC may read the slot from then on.');
  });
  it('is found also when the NIC tells where its ring lies only later', () => {
    t = new Trace();
    t.put('flags', 1, OWN, 12, 'relaxed');
    t.put('len', 1, 1514, 15);
    expect(t.rules()).toEqual([]);
    t.ring();
    expect(t.rules()).toEqual(['XB2']);
  });
  it('ends when the NIC has given the slot back', () => {
    t.putNow('flags', 1, OWN, 12, 'relaxed');
    t.writeField('flags', 1, DONE);
    t.put('len', 1, 60, 15);
    expect(t.rules()).toEqual([]);
  });
});

describe('XB1: a doorbell that arrives before what it announces', () => {
  it('tells the own bit that was not there yet', () => {
    const flags = t.put('flags', 0, OWN, 18, 'relaxed');
    const bell = t.bell(0, 21);
    t.takeBell(bell);
    t.get('nic0', 'flags', 0, 0, 0);
    t.drain(flags);
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'XB1', first: flags, second: bell, missing: 'wmb', firstSite: at(18), secondSite: at(21) }]);
    expect(t.sentences()[0]).toBe('The NIC was woken and read flags[0] as 0: the doorbell reached it before flags[0] = OWN reached memory, and no barrier orders the two.');
  });
  it('is silent about a slot that is filled after the doorbell', () => {
    const bell = t.bell(0, 21);
    t.takeBell(bell);
    t.put('flags', 1, OWN, 18, 'relaxed');
    t.get('nic0', 'flags', 1, 0, 0);
    expect(t.rules()).toEqual([]);
  });
  it('is silent about a slot that is filled after a doorbell that was held back', () => {
    const issued = t.events.length;
    t.put('flags', 1, OWN, 18, 'relaxed');
    t.takeBell(t.bell(0, 21, 'DOORBELL', issued));
    t.get('nic0', 'flags', 1, 0, 0);
    expect(t.rules()).toEqual([]);
  });
  it('is silent while the doorbell is only on its way', () => {
    t.put('flags', 0, OWN, 18, 'relaxed');
    t.bell(0, 21);
    t.get('nic0', 'flags', 0, 0, 0);
    expect(t.rules()).toEqual([]);
  });
  it('says where a barrier that would have done stands, and is silent about one that would not', () => {
    for (const [name, words] of [['wmb', 'no barrier orders the two: wmb() comes after both'], ['dma_wmb', 'no barrier orders the two.']] as const) {
      t = new Trace();
      t.ring();
      t.put('flags', 0, OWN, 18, 'relaxed');
      const bell = t.bell(0, 21);
      t.fence(name, 22);
      t.takeBell(bell);
      t.get('nic0', 'flags', 0, 0, 0);
      expect(t.sentences()[0]).toContain(words);
    }
  });
  it('says that a DMA barrier promises nothing about registers', () => {
    t.put('flags', 0, OWN, 18, 'relaxed');
    t.fence('dma_wmb', 20);
    t.takeBell(t.bell(0, 21));
    t.get('nic0', 'flags', 0, 0, 0);
    expect(t.sentences()[0]).toContain('dma_wmb() between the two promises nothing about registers');
  });
});

describe('XB3: a payload that is read before its done bit', () => {
  const received = (): { len: number; flags: number } => ({ len: t.writeField('len', 0, 60), flags: t.writeField('flags', 0, DONE) });

  it('names the early load and the flag it should have waited for', () => {
    const { flags } = received();
    const flag = t.get('cpu0', 'flags', 0, DONE, flags, 30);
    const load = t.get('cpu0', 'len', 0, 1514, 0, 32);
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'XB3', first: flag, second: load, firstSite: at(30), secondSite: at(32), missing: 'dma_rmb' }]);
    expect(t.sentences()[0]).toBe('CPU 0 read len[0] as 1514 after flags[0] = DONE said it was done: the load was early, and no barrier orders the two.');
  });
  it('is silent when the load came back with what the NIC wrote', () => {
    const { len, flags } = received();
    t.get('cpu0', 'flags', 0, DONE, flags, 30);
    t.get('cpu0', 'len', 0, 60, len, 32);
    expect(t.rules()).toEqual([]);
  });
  it('says that the barrier stands before the test', () => {
    const { flags } = received();
    t.fence('dma_rmb', 29, 'dmb oshld');
    t.get('cpu0', 'flags', 0, DONE, flags, 30);
    t.get('cpu0', 'len', 0, 1514, 0, 32);
    expect(t.sentences()[0]).toMatch(/no barrier orders the two: dma_rmb\(\) comes before both\.$/);
  });
  it('says that an SMP barrier is none here', () => {
    const { flags } = received();
    t.get('cpu0', 'flags', 0, DONE, flags, 30);
    t.fence('smp_rmb', 31, '');
    t.get('cpu0', 'len', 0, 1514, 0, 32);
    expect(t.rules()).toEqual(['XB3', 'XB5']);
  });
  it('is told when the driver itself reads the length first and uses it', () => {
    const early = t.get('cpu0', 'len', 0, 1514, 0, 30);
    const { flags } = received();
    const flag = t.get('cpu0', 'flags', 0, DONE, flags, 31);
    t.emit('cpu0', 'irq-exit', { vector: 1, value: 1 });
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'XB3', first: early, second: flag, missing: '' }]);
    expect(t.sentences()[0]).toBe('CPU 0 read len[0] before it knew that slot 0 was done: it got 1514, and the NIC wrote 60 before it gave the slot back.');
  });
  it('is forgiven when the driver reads it again afterwards', () => {
    t.get('cpu0', 'len', 0, 1514, 0, 30);
    const { len, flags } = received();
    t.get('cpu0', 'flags', 0, DONE, flags, 31);
    t.get('cpu0', 'len', 0, 60, len, 33);
    t.putNow('flags', 0, 0, 35, 'relaxed');
    t.emit('cpu0', 'irq-exit', { vector: 1, value: 1 });
    expect(t.rules()).toEqual([]);
  });
  it('also where a register said so: a relaxed read orders nothing', () => {
    const payload = t.write(RING + 0x1000, 8, 5n, 'result');
    const status = t.emit('nic0', 'register', { register: 'STATUS', offset: 4, value: 1 });
    t.emit('cpu0', 'mmio-read', { device: 'nic0', register: 'STATUS', offset: 4, size: 4, value: 1, order: 'plain', from: status, site: at(40) });
    t.load('cpu0', RING + 0x1000, 8, 0n, 0, 41, 'plain', 'result');
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'XB3', missing: 'rmb', detail: { written: payload } }]);
  });
});

it('between CPUs nothing is judged here', () => {
  t = new Trace(true, [['cpu0', 'cpu', 'CPU 0'], ['cpu1', 'cpu', 'CPU 1'], ['nic0', 'device', 'NIC']]);
  t.store(0x9000, 4, 1, 1);
  const flag = t.drain(t.store(0x9008, 4, 1, 2, 'relaxed'));
  t.load('cpu1', 0x9008, 4, 1, flag, 3, 'relaxed');
  t.load('cpu1', 0x9000, 4, 0, 0, 4);
  expect(t.rules()).toEqual([]);
});

describe('XQ1: nothing can happen any more', () => {
  it('and a slot still belongs to the NIC: no doorbell followed', () => {
    const flags = t.putNow('flags', 3, OWN, 18, 'relaxed');
    const end = t.end();
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'XQ1', first: flags - 1, second: end }]);
    expect(t.sentences()).toEqual(['Slot 3 stayed with the NIC, and nothing is left that could happen. No doorbell followed the last frame.']);
  });
  it('is not said of empty receive buffers, nor of a run that was cut short', () => {
    t = new Trace();
    t.ring('rx ring', RING, false);
    t.putNow('flags', 3, OWN, 18, 'relaxed');
    t.end();
    expect(t.rules()).toEqual([]);
    t = new Trace();
    t.ring();
    t.putNow('flags', 3, OWN, 18, 'relaxed');
    t.end('budget');
    expect(t.rules()).toEqual([]);
  });
  it('sees an own bit that came with a wider store', () => {
    t.drain(t.store(RING + 8, 8, (BigInt(OWN) << 16n) | 60n, 18));
    t.end();
    expect(t.rules()).toEqual(['XQ1']);
  });
  it('and a function never came back', () => {
    t.emit('cpu0', 'call', { context: 'task', name: 'nic_receive', args: [], site: at(40) });
    t.emit('cpu0', 'block', { on: 'the completion rx_done' });
    t.end();
    expect(t.sentences()).toEqual(['CPU 0 never came back from nic_receive, and nothing is left that could happen. It waits for the completion rx_done.']);
  });
  it('is silent when all is done', () => {
    t.emit('cpu0', 'call', { context: 'task', name: 'nic_xmit', args: [], site: null });
    t.putNow('flags', 3, OWN, 18, 'relaxed');
    t.writeField('flags', 3, DONE);
    t.emit('cpu0', 'return', { context: 'task', name: 'nic_xmit', value: 0 });
    t.end();
    expect(t.rules()).toEqual([]);
  });
});
