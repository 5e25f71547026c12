// SPDX-License-Identifier: Apache-2.0
/** One RISC-V IOMMU vector: a unit, its memory and registers, and what happens to it step by step. */
import { PlainMemory } from '@dmalab/core/mmu/plain-memory';
import { lowOf } from '@dmalab/core/mmu/word';
import type { DeviceMessage } from '@dmalab/core/iommu/riscv/commands';
import { NO_CACHES, type CacheSizes } from '@dmalab/core/iommu/riscv/caches';
import type { BuildOptions } from '@dmalab/core/iommu/riscv/features';
import type { Answer, Request } from '@dmalab/core/iommu/riscv/request';
import { OTHER_READING, REFERENCE, type Switches } from '@dmalab/core/iommu/riscv/switches';
import { RiscvIommu } from '@dmalab/core/iommu/riscv/unit';
import { FormatError, type Fields } from './json.ts';

/** What one step did, as far as it can be seen from outside. */
export interface StepResult {
  readonly answer: Answer | null;
  /** Of a register read. */
  readonly value: bigint | null;
  readonly unexpected: boolean;
  /** 64-bit words stored to, ascending, with their value after the step. */
  readonly stored: ReadonlyMap<bigint, bigint>;
  readonly messages: readonly DeviceMessage[];
  readonly ordered: readonly (readonly [boolean, boolean])[];
  /** `["r", address, bytes]` as the vectors write it, and `deny` or `poison`. */
  readonly accesses: readonly string[];
  readonly commandHead: number;
  readonly commandControl: number;
  readonly pageTail: number;
  readonly pageControl: number;
}

/** A unit on its bench, ready for the first step. */
export class Bench {
  readonly memory: PlainMemory;
  readonly unit: RiscvIommu;
  readonly #messages: DeviceMessage[] = [];
  readonly #ordered: (readonly [boolean, boolean])[] = [];

  constructor(vector: Fields, switches: Switches, caches: CacheSizes = NO_CACHES) {
    this.memory = new PlainMemory(vector.tuples('ram').map(([base = 0n, size = 0n]) => [base, size] as const));
    this.memory.damage(vector.words('deny'), vector.words('poison'));
    for (const [address = 0n, value = 0n] of vector.tuples('mem')) this.memory.poke(address, value);
    this.memory.log = [];
    this.unit = new RiscvIommu(this.memory, buildOptions(vector, switches, caches), {
      send: (message) => this.#messages.push(message),
      order: (reads, writes) => this.#ordered.push([reads, writes]),
      invalidated: () => undefined,
    });
    for (const [offset = 0n, size = 0n, value = 0n] of vector.tuples('setup')) this.unit.writeRegister(Number(offset), size === 8n ? 8 : 4, value);
    this.#forget();
  }

  perform(step: Fields): StepResult {
    this.#forget();
    const { unit, memory } = this;
    let answer: Answer | null = null;
    let value: bigint | null = null;
    let unexpected = false;
    const op = step.text('op');
    switch (op) {
      case 'xlate':
        answer = unit.translate(request(step));
        break;
      case 'cmd': {
        const queue = unit.commandQueue;
        const at = (BigInt(queue.frameOf(queue.tail)) << 12n) + BigInt(queue.offsetOf(queue.tail));
        const big = (unit.fctl & 1) !== 0;
        memory.poke(at, ordered(step.word('lo'), big));
        memory.poke(at + 8n, ordered(step.word('hi'), big));
        queue.advanceTail();
        unit.runCommands();
        break;
      }
      case 'run':
        unit.runCommands();
        break;
      case 'pagereq': {
        const segment = step.flag('dsv') ? step.number('dseg') : null;
        unit.pageRequest({
          deviceId: step.number('rid') + (segment ?? 0) * 0x1_0000,
          requester: step.number('rid'),
          segment,
          processId: step.flag('pv') ? step.number('pid') : null,
          privileged: step.flag('priv'),
          execute: step.flag('exec'),
          payload: step.word('payload'),
        });
        break;
      }
      case 'invdone':
        unexpected = unit.invalidationComplete(step.number('rid'), step.flag('dsv') ? step.number('dseg') : null, step.number('itags'), step.number('cc'));
        break;
      case 'timeout':
        unit.invalidationTimeOut(step.number('itags'));
        break;
      case 'memw':
        memory.poke(step.word('addr'), step.word('word'));
        break;
      case 'regw':
        unit.writeRegister(step.number('off'), step.number('size') === 8 ? 8 : 4, step.word('val'));
        break;
      case 'regr':
        value = unit.readRegister(step.number('off'), step.number('size') === 8 ? 8 : 4);
        break;
      case 'clr':
        memory.damage([], []);
        break;
      default:
        throw new FormatError(`step "${op}" is not known`);
    }
    return {
      answer,
      value,
      unexpected,
      stored: new Map(memory.takeChanged().map((address) => [address, memory.peek(address)])),
      messages: [...this.#messages],
      ordered: [...this.#ordered],
      accesses: (memory.log ?? []).map(({ kind, address, bytes, status }) => JSON.stringify([kind === 'read' ? 'r' : kind === 'write' ? 'w' : 'a', `0x${address.toString(16)}`, bytes, ...(status === 'ok' ? [] : [status === 'denied' ? 'deny' : 'poison'])])),
      commandHead: unit.commandQueue.head,
      commandControl: unit.commandQueue.control,
      pageTail: unit.pageQueue.tail,
      pageControl: unit.pageQueue.control,
    };
  }

  #forget(): void {
    this.memory.takeChanged();
    if (this.memory.log !== null) this.memory.log = [];
    this.#messages.length = 0;
    this.#ordered.length = 0;
  }
}

function buildOptions(vector: Fields, switches: Switches, caches: CacheSizes): BuildOptions {
  const impl = vector.object('impl');
  return {
    capabilities: vector.word('caps'),
    fctl: vector.number('fctl'),
    maxDirectoryMode: impl.number('max_ddt_mode'),
    deviceMask: lowOf(impl.word('did_mask')),
    gxlWritable: impl.flag('gxl_writable'),
    beWritable: impl.flag('be_writable'),
    vectorBits: impl.number('icvec_bits'),
    bareSpan: impl.word('bare_range').toString(2).length - 1,
    reportsContiguous: false,
    tags: 2,
    switches,
    counters: 7,
    caches,
  };
}

export function request(step: Fields): Request {
  return {
    deviceId: step.number('did'),
    processId: step.flag('pv') ? step.number('pid') : null,
    type: step.number('at') === 0 ? 'untranslated' : step.number('at') === 1 ? 'ats' : 'translated',
    write: step.flag('rw'),
    execute: step.flag('exec'),
    privileged: step.flag('priv'),
    noWrite: step.flag('nw'),
    cxl: step.flag('cxl'),
    address: step.word('iova'),
  };
}

/** The word as software of that byte order stores it. */
function ordered(value: bigint, big: boolean): bigint {
  if (!big) return value;
  let out = 0n;
  for (let i = 0n; i < 8n; i += 1n) out = (out << 8n) | ((value >> (8n * i)) & 0xffn);
  return out;
}

/**
 * `switches` of a vector or machine file: for an open question the reading that is taken, where it is not the reference model's.
 * @throws FormatError for a question or a reading that there is not
 */
export function switchesOf(from: Fields): Switches {
  if (!from.has('switches')) return REFERENCE;
  const given = from.object('switches');
  const other = new Map<string, string>(Object.entries(OTHER_READING));
  const readings = new Map(Object.entries(REFERENCE).map(([name, reading]) => [name, [reading, other.get(name)]]));
  for (const name of given.keys()) {
    const known = readings.get(name);
    if (known === undefined) throw new FormatError(`switches: unknown question "${name}"; expected ${[...readings.keys()].join(', ')}`);
    if (!known.includes(given.text(name))) throw new FormatError(`switches.${name}: "${given.text(name)}" is none of ${known.join(', ')}`);
  }
  return { ...REFERENCE, ...(given.raw as Partial<Switches>) };
}
