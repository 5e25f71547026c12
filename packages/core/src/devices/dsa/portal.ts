// SPDX-License-Identifier: Apache-2.0
/**
 * Where submissions arrive. A processor's 64-byte store is eight stores of
 * 8 bytes and a ninth that names the instruction; nothing happens before the
 * ninth, and each submission finds its own eight words though another one is
 * right behind it. A dedicated queue that is full loses what comes; a shared
 * one answers that the processor must try again.
 */
import type { Port } from '../../base/port.ts';
import { Gate } from '../lifecycle.ts';
import { NEVER_RUNG, RegisterBank, type RegisterTable } from '../registers.ts';
import { DSA_TOTAL_SIZE, DsaDropped, DsaLaunch, DsaRegisters, DsaResponse, DsaWqMode } from './registers.ts';
import { DsaDescriptor } from './structures.ts';

const WORDS = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const MASK = 0xffff_ffff_ffff_ffffn;
/** The queues' entries lie beyond the window: locations that portal and engine share. */
const ENTRIES = 0x1_0000;

/** The entries of one queue, as portal and engine see them. */
export class Entries {
  readonly #port: Port;
  readonly #owner: string;
  readonly #wq: number;

  constructor(port: Port, owner: string, wq: number) {
    this.#port = port;
    this.#owner = owner;
    this.#wq = wq;
  }

  /** @param index counts submissions from the start of time */
  read(index: number): bigint {
    return WORDS.reduce((raw, i) => raw | (BigInt(this.#port.op({ kind: 'load', place: this.#place(index, i), order: 'relaxed', name: `entry[${index}]` })) << BigInt(64 * i)), 0n);
  }

  write(index: number, raw: bigint): void {
    for (const i of WORDS) this.#port.op({ kind: 'store', place: this.#place(index, i), value: (raw >> BigInt(64 * i)) & MASK, order: 'relaxed', name: `entry[${index}]` });
  }

  #place(index: number, word: number) {
    return { space: 'mmio', owner: this.#owner, address: ENTRIES + 0x1000 * this.#wq + DsaDescriptor.bytes * (index % DSA_TOTAL_SIZE) + 8 * word, size: 8 } as const;
  }
}

export function servePortal(port: Port, id: string, wq: number): void {
  const bank = new RegisterBank<RegisterTable>(port, id, DsaRegisters);
  const gate = new Gate(bank, `WQ${wq}_EPOCH`, `WQ${wq}_BUSY`);
  const entries = new Entries(port, id, wq);
  let tail = 0;
  let answered = 0;
  let dropped = 0;
  for (;;) {
    const launch = Number(bank.next(`P${wq}_LAUNCH`));
    const raw = WORDS.reduce((sum, i) => sum | (BigInt(bank.next(`P${wq}_W${i}`)) << BigInt(64 * i)), 0n);
    // What was there before the run is a submission only if one was launched.
    if (launch === NEVER_RUNG) continue;
    const { kind, sequence } = DsaLaunch.decode(BigInt(launch));
    const isOn = gate.enter() !== null;
    const { dedicated } = DsaWqMode.decode(BigInt(bank.read(`WQCFG${wq}_MODE`)));
    const used = (tail - bank.read(`WQ${wq}_HEAD`)) >>> 0;
    const push = (descriptor: bigint): void => {
      entries.write(tail, descriptor);
      tail = (tail + 1) >>> 0;
      bank.set(`WQ${wq}_TAIL`, tail);
    };
    if (kind === 'enqcmd' || kind === 'enqcmds') {
      const accepted = isOn && !dedicated && used < Math.min(DSA_TOTAL_SIZE, bank.read(`WQCFG${wq}_THRESHOLD`));
      if (accepted) push(kind === 'enqcmd' ? withoutPrivilege(raw) : raw);
      answered += 1;
      bank.set(`P${wq}_RESPONSE`, Number(DsaResponse.encode({ retry: !accepted, count: answered })));
    } else {
      const why = kind === 'reserved' ? 'kind' : !isOn ? 'disabled' : !dedicated ? 'shared' : used >= Math.min(DSA_TOTAL_SIZE, bank.read(`WQCFG${wq}_SIZE`)) ? 'full' : null;
      if (why === null) push(raw);
      else {
        dropped += 1;
        bank.set(`P${wq}_DROPPED`, Number(DsaDropped.encode({ count: dropped % 0x1_0000, why })));
        port.note?.('device', { patch: {}, text: `queue ${wq}: a submission was dropped (${why})` });
      }
    }
    bank.set(`WQ${wq}_SEEN`, sequence);
    if (isOn) gate.leave();
  }
}

const withoutPrivilege = (raw: bigint): bigint => raw & ~DsaDescriptor.encode({ priv: true });
