// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { History, type Message } from './history.ts';

const X = 0x1000;
function message(time: number, address: number, size: number, value: number | bigint, more: Partial<Message> = {}): Message {
  return { c: time, a: time, address, size, value, agent: 0, device: false, published: null, event: time, ...more };
}
function history(...messages: Message[]): History {
  const h = new History((address) => address & 0xff);
  for (const m of messages) h.append(m);
  return h;
}
const values = (h: History, agent = 1, bound = 0): (number | bigint)[] => h.candidates(X, 4, agent, false, bound, bound, []).map((way) => way.value);

describe('what a load may return', () => {
  it('is the initial content where nobody wrote, in memory order', () => {
    expect(values(history())).toEqual([0x03020100]);
    expect(new History((a) => a & 0xff, 'big').candidates(X, 4, 0, false, 0, 0, []).map((w) => w.value)).toEqual([0x00010203]);
  });

  it('is any message not older than the bound, newest first', () => {
    const h = history(message(1, X, 4, 7), message(2, X, 4, 8));
    expect(values(h)).toEqual([8, 7, 0x03020100]);
    expect(values(h, 1, 1)).toEqual([8, 7]);
    expect(values(h, 1, 2)).toEqual([8]);
  });

  it('is never older than what the agent saw before', () => {
    const h = history(message(1, X, 4, 7), message(2, X, 4, 8));
    const [newest, older] = h.candidates(X, 4, 1, false, 0, 0, []);
    h.saw(1, false, X, 4, older?.parts ?? []);
    expect(values(h)).toEqual([8, 7]);
    h.saw(1, false, X, 4, newest?.parts ?? []);
    expect(values(h)).toEqual([8]);
    expect(values(h, 2)).toEqual([8, 7, 0x03020100]);
  });

  it('combines bytes of several messages as of one time', () => {
    const h = history(message(1, X, 4, 0x11111111), message(2, X + 2, 2, 0x2222), message(3, X, 1, 0x33));
    expect(values(h)).toEqual([0x22221133, 0x22221111, 0x11111111, 0x03020100]);
    expect(h.candidates(X, 8, 1, false, 3, 3, [])[0]?.value).toBe(0x0706050422221133n);
  });

  it('shows own waiting bytes over everything, and older content around them', () => {
    const h = history(message(1, X, 4, 0x11111111));
    const own = [{ address: X + 1, size: 1, value: 0xaa }];
    expect(h.candidates(X, 4, 1, false, 0, 0, own).map((w) => w.value)).toEqual([0x1111aa11, 0x0302aa00]);
    expect(h.candidates(X + 1, 1, 1, false, 0, 0, own).map((w) => w.value)).toEqual([0xaa]);
  });
});

describe('a store that only CPUs see', () => {
  const h = history(message(1, X, 4, 1), message(2, X, 4, 2, { a: 0 }));
  it('is there for CPUs and not for devices', () => {
    expect(values(h, 1, 2)).toEqual([2]);
    expect(h.candidates(X, 4, 3, true, 0, 0, []).map((w) => w.value)).toEqual([1, 0x03020100]);
  });
  it('lands on top of what a device writes meanwhile', () => {
    h.insertBeforeHalfVisible(message(3, X, 4, 9, { agent: 3, device: true }));
    expect(h.overlapping(X, 4).map((m) => m.value)).toEqual([1, 9, 2]);
    expect(h.candidates(X, 4, 3, true, 0, 3, []).map((w) => w.value)).toEqual([9]);
    expect(h.byte(X)).toBe(2);
  });
});

it('a line that came in leaves nothing readable that is older than its loss', () => {
  const h = history(message(1, X, 4, 7), message(9, X, 4, 5, { agent: -1, device: true, since: 4 }));
  expect(values(h, 1, 3)).toEqual([5, 7]);
  expect(values(h, 1, 4)).toEqual([5]);
});
