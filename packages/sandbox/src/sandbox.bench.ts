// SPDX-License-Identifier: Apache-2.0
/** `npm run bench`: what the sandbox costs. Tests assert ratios only; times are published here. */
import { bench, describe } from 'vitest';
import { makeSandboxWasm, sandboxModule } from './node.ts';
import { type Handler, Sandbox } from './sandbox.ts';
import { PROGRAM } from './testing/program.ts';

const module = sandboxModule();
const sandbox = Sandbox.create(module);
sandbox.load(PROGRAM, 'driver.ts');
const answer: Handler = (_code, a) => a;

describe('sandbox', () => {
  bench('100 000 host calls from a loop', () => void sandbox.call('ops', [100_000], answer, 1_000_000_000));
  bench('100 000 loop turns without them', () => void sandbox.call('turns', [100_000], answer, 1_000_000_000));
  bench('an empty call, reset included', () => void sandbox.call('nothing', [], answer, 100_000));
  bench('stopping an endless loop after 1 M fuel', () => void sandbox.call('spin', [], answer, 1_000_000));
  bench('another instance from the snapshot', () => void sandbox.fork());
  bench('create, parse, evaluate and freeze a program', () => void Sandbox.create(module).load(PROGRAM, 'driver.ts'));
  bench('rewriting QuickJS', () => void makeSandboxWasm(), { iterations: 3, warmupIterations: 1 });
});
