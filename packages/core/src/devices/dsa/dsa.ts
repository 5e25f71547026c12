// SPDX-License-Identifier: Apache-2.0
/**
 * An accelerator that moves, fills and compares memory by descriptors, for
 * kernels and for processes: dedicated and shared work queues, PASIDs, batches,
 * page faults that end an operation in the middle or are waited for.
 */
import type { Agent } from '../../base/port.ts';
import { dmaPort, type Device, type DeviceContext, type DeviceSpec } from '../device.ts';
import { booleanOption, rejectUnknownOptions } from '../options.ts';
import { serveCommands } from './commands.ts';
import { Engine, type Finished } from './engine.ts';
import { servePortal } from './portal.ts';
import { DSA_VECTORS, DSA_WINDOW, DSA_WQS, DsaRegisters } from './registers.ts';

export const DSA_OPTIONS = {
  reorder: 'Whether the device may do two waiting descriptors, or those of a batch up to a fence, the other way round, a choice each time; true when left out.',
};

/** Options: `DSA_OPTIONS`. @throws RangeError for any other, or a value out of range */
export function createDsa(spec: DeviceSpec, context: DeviceContext): Device {
  rejectUnknownOptions(spec, Object.keys(DSA_OPTIONS));
  const reorders = booleanOption(spec, 'reorder', true);
  const finished: Finished[][] = [];
  const queue = (wq: number): Agent[] => {
    const list: Finished[] = (finished[wq] = []);
    return [
      { id: `${spec.id}.wq${wq}`, kind: 'device', run: (port) => servePortal(port, spec.id, wq) },
      {
        id: `${spec.id}.engine${wq}`,
        kind: 'device',
        run(port) {
          list.length = 0;
          new Engine(port, spec.id, wq, dmaPort(port, context), reorders, list).run();
        },
      },
    ];
  };
  return {
    id: spec.id,
    kind: spec.kind,
    title: 'data accelerator',
    agents: [{ id: spec.id, kind: 'device', run: (port) => serveCommands(port, spec.id) }, ...Array.from({ length: DSA_WQS }, (_, wq) => queue(wq)).flat()],
    registers: DsaRegisters,
    mmioSize: DSA_WINDOW,
    vectors: DSA_VECTORS,
    result: () => ({ finished: finished.flatMap((list) => list.map((f) => ({ ...f }))) }),
  };
}
