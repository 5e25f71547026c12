// SPDX-License-Identifier: Apache-2.0
import { createEngine } from '@dmalab/engine/engine';
import { sandboxModule } from '@dmalab/sandbox/node';
import { expect, it } from 'vitest';
import { warmUp } from './warm-up.ts';

it('the warm-up runs to its end, and the same again', () => {
  const engine = createEngine({ sandbox: sandboxModule() });
  const first = warmUp(engine);
  expect(first).toMatchObject({ reason: 'quiescent', notes: [] });
  expect(first.events).toBeGreaterThan(100);
  expect(warmUp(engine)).toEqual(first);
});
