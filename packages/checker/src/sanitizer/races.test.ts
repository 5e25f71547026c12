// SPDX-License-Identifier: Apache-2.0
/** XC1 and XC2 on traces: who meets whom with a plain load. */
import { HOISTED } from '@dmalab/core/base/events';
import { describe, expect, it } from 'vitest';
import { Trace } from './trace.test-support.ts';

const FLAG = 0x8000_4000;
const DATA = 0x8000_4040;
const CPUS = [['cpu0', 'cpu', 'CPU 0'], ['cpu1', 'cpu', 'CPU 1'], ['nic0', 'device', 'NIC']] as const;
const strict = (profile = 'strict', coherent = true): Trace => {
  const trace = new Trace(coherent, CPUS);
  trace.emit('machine', 'machine', { profile, workload: 'w', agents: CPUS.map(([id, kind, name]) => ({ id, kind, name })), lineSize: 64, coherent, description: null });
  return trace;
};
/** CPU 0 stores and it is seen at once. */
const put = (t: Trace, address: number, line: number, order = 'plain'): number => t.drain(t.store(address, 4, 1, line, order, address === FLAG ? 'flag' : 'data'));
const get = (t: Trace, agent: string, address: number, from: number, line: number, order = 'plain'): number => t.load(agent, address, 4, 1, from, line, order, address === FLAG ? 'flag' : 'data');

describe('a plain load of what another agent writes', () => {
  it('is found, with both sites', () => {
    const t = strict();
    get(t, 'cpu1', FLAG, put(t, FLAG, 3, 'relaxed'), 7);
    t.end();
    expect(t.rules()).toEqual(['XC2']);
    expect(t.sentences()[0]).toBe('CPU 1 read flag with a plain load, and CPU 0 wrote it at driver.ts:3: nothing told the one of the other, and the compiler may tear, repeat or hoist the load.');
    expect(t.sanitizer.findings[0]).toMatchObject({ missing: 'READ_ONCE', firstSite: { line: 3 }, secondSite: { line: 7 } });
  });
  it('is found when the load came first, too', () => {
    const t = strict();
    get(t, 'cpu1', FLAG, 0, 7);
    put(t, FLAG, 3, 'relaxed');
    t.end();
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'XC2', firstSite: { line: 7 }, secondSite: { line: 3 } }]);
  });
  it('and when the other one is a device', () => {
    const t = strict();
    get(t, 'cpu0', FLAG, t.write(FLAG, 4, 1), 7);
    t.end();
    expect(t.rules()).toEqual(['XC2']);
  });
  it('when the halves of one access overlap it only in part', () => {
    const t = strict();
    t.drain(t.store(FLAG, 8, 1n, 3));
    t.load('cpu1', FLAG + 4, 4, 0, 0, 7);
    t.end();
    expect(t.rules()).toEqual(['XC2']);
  });

  it('READ_ONCE is none, nor is a plain store that READ_ONCE meets', () => {
    for (const order of ['plain', 'relaxed', 'release']) {
      const t = strict();
      get(t, 'cpu1', FLAG, put(t, FLAG, 3, order), 7, 'relaxed');
      t.end();
      expect(t.rules()).toEqual([]);
    }
  });
  it('data behind a flag is not met: who reads the flag has learnt of it', () => {
    const t = strict();
    const data = put(t, DATA, 3);
    get(t, 'cpu1', FLAG, put(t, FLAG, 4, 'release'), 7, 'acquire');
    get(t, 'cpu1', DATA, data, 8);
    t.end();
    expect(t.rules()).toEqual([]);
  });
  it('data read before the flag is', () => {
    const t = strict();
    const data = put(t, DATA, 3);
    const flag = put(t, FLAG, 4, 'release');
    get(t, 'cpu1', DATA, data, 7);
    get(t, 'cpu1', FLAG, flag, 8, 'acquire');
    t.end();
    expect(t.rules()).toEqual(['XC2']);
  });
  it('what was learnt is passed on by a third', () => {
    const t = strict();
    const data = put(t, DATA, 3);
    get(t, 'nic0', FLAG, put(t, FLAG, 4, 'release'), 0, 'relaxed');
    get(t, 'cpu1', FLAG + 64, t.write(FLAG + 64, 4, 1), 8, 'relaxed');
    get(t, 'cpu1', DATA, data, 9);
    t.end();
    expect(t.rules()).toEqual([]);
  });
  it('a doorbell tells the device, an interrupt the CPU', () => {
    const t = strict();
    put(t, DATA, 3);
    t.takeBell(t.bell(1, 4));
    const written = t.write(DATA, 4, 2);
    const raise = t.emit('nic0', 'irq-raise', { vector: 0, cpu: 'cpu1', wire: 'msi' });
    t.emit('cpu1', 'irq-enter', { vector: 0, raise, handler: 'h' });
    get(t, 'cpu1', DATA, written, 9);
    t.end();
    expect(t.rules()).toEqual([]);
  });
  it('a doorbell held back tells only of what came before it in the program', () => {
    const t = strict();
    get(t, 'cpu0', DATA, 0, 2);
    const issued = t.events.length;
    get(t, 'cpu0', FLAG, 0, 4);
    t.takeBell(t.bell(1, 3, 'DOORBELL', issued));
    t.write(DATA, 4, 1);
    t.write(FLAG, 4, 1);
    t.end();
    expect(t.sanitizer.findings).toMatchObject([{ rule: 'XC2', firstSite: { line: 4 } }]);
  });
  it('only on STRICT, and only where lines do not come first', () => {
    for (const t of [strict('arm64'), strict('strict-nc', false)]) {
      get(t, 'cpu1', FLAG, put(t, FLAG, 3, 'relaxed'), 7);
      t.end();
      expect(t.rules()).toEqual([]);
    }
  });
});

describe('a plain load in a wait loop', () => {
  const hang = (agent = 'cpu1', on = `0x80004000 to change, ${HOISTED}`): Trace => {
    const t = strict();
    t.emit(agent, 'call', { context: 'task', name: 'wait', args: null, site: null });
    get(t, agent, FLAG, 0, 7);
    t.emit(agent, 'block', { on });
    return t;
  };
  it('never ends: the load and the store it never saw', () => {
    const t = hang();
    put(t, FLAG, 3);
    t.end();
    expect(t.sanitizer.findings[0]).toMatchObject({ rule: 'XC1', missing: 'READ_ONCE', firstSite: { line: 7 }, secondSite: { line: 3 } });
    expect(t.sentences()[0]).toBe('CPU 1 waits for flag with a plain load: the compiler may make it once, before the loop, and never saw what CPU 0 wrote at driver.ts:3.');
    expect(t.rules()).toEqual(['XC1', 'XQ1']);
  });
  it('also where nobody wrote', () => {
    const t = hang();
    t.end();
    expect(t.sentences()[0]).toMatch(/^CPU 1 waits for flag .* and then reads nothing else, ever\.$/);
  });
  it('a loop that waits for what never comes is another matter', () => {
    const t = hang('cpu1', '0x80004000 to change');
    t.end();
    expect(t.rules()).toEqual(['XQ1']);
  });
});
