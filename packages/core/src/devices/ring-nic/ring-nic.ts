// SPDX-License-Identifier: Apache-2.0
/**
 * A NIC with one descriptor ring for each direction: own bit, doorbell, MSI
 * (vector 0 sent, vector 1 received). Its freedoms are those that make missing
 * barriers fail: it goes on without a second doorbell, reads descriptors in
 * separate accesses, may read one ahead, and finishes more while a handler runs.
 */
import type { Agent } from '../../base/port.ts';
import type { Device, DeviceContext, DeviceSpec } from '../device.ts';
import { booleanOption, integerOption, rejectUnknownOptions } from '../options.ts';
import type { NicOptions } from './engine.ts';
import { receive, type ReceivedFrame } from './receive.ts';
import { RING_NIC_WINDOW, RingNicRegisters } from './registers.ts';
import { send, type SentFrame } from './send.ts';

export const RING_NIC_OPTIONS = {
  maxFrame: 'Longest frame in bytes: 1 to 65535, 1518 when left out.',
  prefetch: 'Whether the send engine may read one descriptor ahead, a choice at each slot; true when left out.',
  maskable: 'Whether INT_MASK counts; false when left out.',
  coalesce: 'Interrupt after this many finished descriptors: 1 to 1024, 1 when left out.',
};

/** Options: `RING_NIC_OPTIONS`. @throws RangeError for any other, or a value out of range */
export function createRingNic(spec: DeviceSpec, context: DeviceContext): Device {
  rejectUnknownOptions(spec, Object.keys(RING_NIC_OPTIONS));
  const options: NicOptions = { maxFrame: integerOption(spec, 'maxFrame', 1518, 1, 0xffff), prefetch: booleanOption(spec, 'prefetch', true), coalesce: integerOption(spec, 'coalesce', 1, 1, 1024) };
  const maskable = booleanOption(spec, 'maskable', false);
  const wire = context.receive ?? [];
  const sent: SentFrame[] = [];
  const received: ReceivedFrame[] = [];

  const sender: Agent = {
    id: spec.id,
    kind: 'device',
    run(port) {
      sent.length = 0;
      send(port, { device: spec.id, direction: 'send', maskable, context }, options, sent);
    },
  };
  const receiver: Agent = {
    id: `${spec.id}.rx`,
    kind: 'device',
    run(port) {
      received.length = 0;
      receive(port, { device: spec.id, direction: 'receive', maskable, context }, options, wire, received);
    },
  };
  return {
    id: spec.id,
    kind: spec.kind,
    title: 'NIC',
    agents: wire.length > 0 ? [sender, receiver] : [sender],
    registers: RingNicRegisters,
    mmioSize: RING_NIC_WINDOW,
    vectors: 2,
    result: () => ({ sent: sent.map((f) => ({ ...f })), received: received.map((f) => ({ ...f })) }),
  };
}
