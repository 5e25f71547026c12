// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { InFlight } from './in-flight.ts';

describe('accesses in flight', () => {
  it('hold up what came after they left, and nothing else', () => {
    const flights = new InFlight();
    const first = flights.open();
    const moment = flights.now;
    const second = flights.open();
    expect(flights.through(moment)).toBe(false);
    flights.close(first);
    expect(flights.through(moment)).toBe(true);
    expect(flights.through(flights.now)).toBe(false);
    flights.close(second);
    flights.close(0);
    expect(flights.through(flights.now)).toBe(true);
  });
});
