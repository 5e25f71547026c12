// SPDX-License-Identifier: Apache-2.0
/** Devices of several engines in the graph form: whole jobs, all executions, and the same answers as on the machine. */
import { expect, it } from 'vitest';
import type { Agent, Port, Size, Value } from '../base/port.ts';
import { DSA_COMMANDS, DSA_OPCODES, DsaCommand, DsaLaunch, DsaWqLimits } from '../devices/dsa/registers.ts';
import { DsaDescriptor } from '../devices/dsa/structures.ts';
import { resetContents } from '../devices/registers.ts';
import { createDevice } from '../devices/table.ts';
import { VirtqDesc } from '../devices/virtio/structures.ts';
import { initialState } from '../memory/initial.ts';
import { exploreGraph } from '../ordering/graph/explore.ts';
import { ARMV8 } from '../ordering/tables/armv8.ts';
import { X86_TSO } from '../ordering/tables/x86-tso.ts';
import type { RuleTable } from '../ordering/rules.ts';
import { RAM } from './device-bench.test-support.ts';

interface Cpu {
  reg(name: string, value: Value): void;
  ready(name: string, until: (value: number) => boolean): void;
  store(address: number, size: Size, value: Value): void;
  load(address: number, size: Size): Value;
  until(address: number, size: Size, until: (value: number) => boolean): void;
  fence(name: string): void;
}
interface Memory { readonly address: number; readonly bytes: Uint8Array }

/** What a script answers over all executions. */
function all(kind: string, table: RuleTable, script: (cpu: Cpu) => string, memory: readonly Memory[], options: Record<string, boolean> = {}): string[] {
  const device = createDevice({ id: 'dev0', kind, options }, { ram: RAM });
  let said = '';
  const cpu: Agent = {
    id: 'cpu0',
    kind: 'cpu',
    run(port: Port) {
      const mmio = (name: string) => ({ space: 'mmio', owner: 'dev0', address: device.registers[name]?.offset ?? -1, size: device.registers[name]?.bytes ?? 4 }) as const;
      const ram = (address: number, size: Size) => ({ space: 'ram', owner: '', address, size }) as const;
      said = 'waits for ever';
      said = script({
        reg: (name, value) => void port.op({ kind: 'store', place: mmio(name), value, order: 'plain', name }),
        ready: (name, until) => void port.op({ kind: 'await', place: mmio(name), order: 'plain', until: (v) => until(Number(v)), name }),
        store: (address, size, value) => void port.op({ kind: 'store', place: ram(address, size), value, order: 'plain' }),
        load: (address, size) => port.op({ kind: 'load', place: ram(address, size), order: 'plain' }),
        until: (address, size, until) => void port.op({ kind: 'await', place: ram(address, size), order: 'plain', until: (v) => until(Number(v)) }),
        fence: (name) => void port.op({ kind: 'fence', fence: name }),
      });
    },
  };
  const found = new Set<string>();
  const stats = exploreGraph({ table, agents: [cpu, ...device.agents], initial: initialState({ ram: memory, registers: resetContents(device.registers).map((r) => ({ owner: 'dev0', ...r })) }), loadStore: 'free', limits: { executions: 20_000, events: 3000 }, onLeaf: () => void found.add(said) });
  expect(stats).toMatchObject({ complete: true, why: '' });
  return [...found].sort();
}

it('virtio answers a request, and the driver needs its read barrier', () => {
  const memory = [{ address: 0x2_0000, bytes: VirtqDesc.toBytes(VirtqDesc.encode({ addr: 0x3_0000n, len: 1, WRITE: false, NEXT: true, next: 1 })) }, { address: 0x2_0010, bytes: VirtqDesc.toBytes(VirtqDesc.encode({ addr: 0x3_1000n, len: 1, WRITE: true })) }, { address: 0x2_1002, bytes: Uint8Array.of(1) }, { address: 0x3_0000, bytes: Uint8Array.of(0x61) }];
  const run = (fence: string | null): string[] => all('virtio', ARMV8, (cpu) => {
    for (const [name, value] of [['DRIVER_FEATURES_1', 1], ['QUEUE_NUM', 2], ['QUEUE_READY', 1], ['QUEUE_DESC_LO', 0x2_0000], ['QUEUE_DRIVER_LO', 0x2_1000], ['QUEUE_DEVICE_LO', 0x2_2000], ['STATUS', 15]] as const) cpu.reg(name, value);
    cpu.ready('DEVICE_STATUS', (v) => v === 15);
    cpu.reg('QUEUE_NOTIFY', 0);
    cpu.until(0x2_2002, 2, (v) => v === 1);
    if (fence !== null) cpu.fence(fence);
    return `answer ${cpu.load(0x3_1000, 1)}`;
  }, memory);
  expect(run(null)).toEqual(['answer 0', 'answer 65']);
  expect(run('dmb.oshld')).toEqual(['answer 65']);
});

it('virtio: between the index and the flags lies a full barrier, or both go to sleep', () => {
  const memory = [{ address: 0x2_1002, bytes: Uint8Array.of(0) }];
  const run = (fence: string | null): string[] => all('virtio', X86_TSO, (cpu) => {
    for (const [name, value] of [['DRIVER_FEATURES_1', 1], ['QUEUE_NUM', 1], ['QUEUE_READY', 1], ['QUEUE_DESC_LO', 0x2_0000], ['QUEUE_DRIVER_LO', 0x2_1000], ['QUEUE_DEVICE_LO', 0x2_2000], ['STATUS', 15]] as const) cpu.reg(name, value);
    cpu.ready('DEVICE_STATUS', (v) => v === 15);
    // It wakes for nothing, and is about to go to sleep again.
    cpu.reg('QUEUE_NOTIFY', 0);
    cpu.store(0x2_1002, 2, 1);
    if (fence !== null) cpu.fence(fence);
    if (cpu.load(0x2_2000, 2) === 0) cpu.reg('QUEUE_NOTIFY', 0);
    cpu.until(0x2_2002, 2, (v) => v === 1);
    return 'answered';
  }, memory);
  expect(run(null)).toEqual(['answered', 'waits for ever']);
  expect(run('mfence')).toEqual(['answered']);
});

it('the accelerator fills, and the driver needs its read barrier', () => {
  const descriptor = DsaDescriptor.encode({ opcode: DSA_OPCODES.fill, source: 5n, destination: 0x3_0000n, size: 1, CRAV: true, RCR: true, completionAddress: 0x4_0000n });
  const run = (fence: string | null): string[] => all('dsa', ARMV8, (cpu) => {
    cpu.reg('WQCFG0_SIZE', 1);
    cpu.reg('WQCFG0_MODE', 1);
    cpu.reg('WQCFG0_LIMITS', Number(DsaWqLimits.encode({ maxTransferShift: 4 })));
    for (const [i, command] of [DSA_COMMANDS.enableDevice, DSA_COMMANDS.enableWq].entries()) {
      cpu.reg('CMD', Number(DsaCommand.encode({ command })));
      cpu.ready('CMDSTS', (v) => v >>> 24 === i + 1);
    }
    for (let i = 0; i < 8; i += 1) cpu.reg(`P0_W${i}`, (descriptor >> BigInt(64 * i)) & 0xffff_ffff_ffff_ffffn);
    cpu.reg('P0_LAUNCH', Number(DsaLaunch.encode({ kind: 'movdir64b', sequence: 1 })));
    cpu.until(0x4_0000, 1, (v) => v !== 0);
    if (fence !== null) cpu.fence(fence);
    return `filled ${cpu.load(0x3_0000, 1)}`;
  }, [], { reorder: false });
  expect(run(null)).toEqual(['filled 0', 'filled 5']);
  expect(run('dmb.oshld')).toEqual(['filled 5']);
});

it('an NVMe controller starts and completes a command', () => {
  expect(all('nvme', X86_TSO, (cpu) => {
    for (const [name, value] of [['AQA', 0x3_0003], ['ASQ_LO', 0x2_0000], ['ACQ_LO', 0x2_1000], ['CC', 0x46_0001]] as const) cpu.reg(name, value);
    cpu.ready('CSTS', (v) => v === 1);
    cpu.store(0x2_0000, 8, 0xffn);
    cpu.reg('SQ0TDBL', 1);
    cpu.until(0x2_100e, 2, (v) => (v & 1) === 1);
    return `status ${(Number(cpu.load(0x2_100e, 2)) >> 1) & 0xff}`;
  }, [])).toEqual(['status 1']);
});
