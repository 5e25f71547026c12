// SPDX-License-Identifier: Apache-2.0
/**
 * A device that follows pointers: it sums a list, searches a tree or a hash
 * chain, counts a graph, by the addresses that lie in the nodes. They are
 * virtual ones of a process or of the kernel, so each access carries a PASID.
 */
import type { Agent, Port } from '../../base/port.ts';
import { hex } from '../../mmu/word.ts';
import type { DmaPort } from '../../pcie/dma-port.ts';
import { dmaPort, type Device, type DeviceContext, type DeviceSpec } from '../device.ts';
import { raiseMsi } from '../interrupt.ts';
import { integerOption, rejectUnknownOptions } from '../options.ts';
import { RegisterBank } from '../registers.ts';
import { WALKER_WINDOW, WalkerErrors, WalkerRegisters, WalkerStatus, type WalkerError } from './registers.ts';
import { walk } from './walk.ts';

export const WALKER_OPTIONS = {
  maxSteps: 'Most nodes of a walk, whatever LIMIT says: 1 to 4096, 256 when left out.',
};

interface Walked {
  readonly kind: string;
  readonly root: string;
  readonly error: WalkerError;
  readonly result: string;
  readonly faultAddress: string;
  readonly steps: number;
}

/** Options: `WALKER_OPTIONS`. @throws RangeError for any other, or a value out of range */
export function createTreeWalker(spec: DeviceSpec, context: DeviceContext): Device {
  rejectUnknownOptions(spec, Object.keys(WALKER_OPTIONS));
  const maxSteps = integerOption(spec, 'maxSteps', 256, 1, 4096);
  const walks: Walked[] = [];
  const agent: Agent = {
    id: spec.id,
    kind: 'device',
    run(port) {
      walks.length = 0;
      serve(port, spec.id, dmaPort(port, context), maxSteps, walks);
    },
  };
  return {
    id: spec.id,
    kind: spec.kind,
    title: 'tree walker',
    agents: [agent],
    registers: WalkerRegisters,
    mmioSize: WALKER_WINDOW,
    vectors: 1,
    result: () => ({ walks: walks.map((w) => ({ ...w })) }),
  };
}

function serve(port: Port, id: string, plain: DmaPort, maxSteps: number, walks: Walked[]): void {
  const bank = new RegisterBank(port, id, WalkerRegisters);
  for (;;) {
    bank.awaitRing('DOORBELL');
    bank.set('STATUS', Number(WalkerStatus.encode({ busy: true, finished: walks.length % 0x1_0000 })));
    const { pasid, valid } = bank.fields('PASID');
    const { priv, blockOnFault, words32, bigEndian } = bank.fields('FLAGS');
    const { kind } = bank.fields('OP');
    const dma = plain.as({ pasid: valid ? pasid : null, privileged: priv, onFault: blockOnFault ? 'request' : 'report' });
    const root = bank.pair('ROOT_LO', 'ROOT_HI');
    const found = walk(dma, { kind, root, key: bank.pair('KEY_LO', 'KEY_HI'), buckets: bank.read('BUCKETS'), limit: Math.min(maxSteps, bank.read('LIMIT')), words32, bigEndian, blocks: blockOnFault, isCancelled: () => bank.read('CANCEL') === 1 });
    walks.push({ kind, root: hex(root), error: found.error, result: hex(found.result), faultAddress: hex(found.faultAddress), steps: found.steps });
    for (const [low, high, value] of [['RESULT_LO', 'RESULT_HI', found.result], ['FAULT_VA_LO', 'FAULT_VA_HI', found.faultAddress]] as const) {
      bank.set(low, Number(value & 0xffff_ffffn));
      bank.set(high, Number((value >> 32n) & 0xffff_ffffn));
    }
    bank.set('STEPS', found.steps);
    bank.set('STATUS', Number(WalkerStatus.encode({ error: WalkerErrors[found.error].code, finished: walks.length % 0x1_0000 })));
    port.note?.('device', { patch: { state: 'idle', walks: walks.length, last: found.error }, text: `${kind} from ${hex(root)}: ${found.error} after ${found.steps} nodes${found.error === 'ok' ? `, ${hex(found.result)}` : ''}` });
    raiseMsi(port, id, 0);
  }
}
