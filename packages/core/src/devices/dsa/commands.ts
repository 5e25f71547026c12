// SPDX-License-Identifier: Apache-2.0
/** The device's commands: enabling, disabling, draining, aborting. */
import type { Port } from '../../base/port.ts';
import { raiseMsi } from '../interrupt.ts';
import { Switch } from '../lifecycle.ts';
import { NEVER_RUNG, RegisterBank, type RegisterTable } from '../registers.ts';
import { DSA_COMMANDS, DSA_MAX_BATCH_SHIFT, DSA_MAX_TRANSFER_SHIFT, DSA_TOTAL_SIZE, DSA_VECTORS, DSA_WQS, DsaCommand, DsaCommandErrors, DsaCommandStatus, DsaGensts, DsaLaunch, DsaRegisters, DsaWqLimits, DsaWqMode, DsaWqState, type DsaCommandError } from './registers.ts';

const ALL = Array.from({ length: DSA_WQS }, (_, n) => n);

export function serveCommands(port: Port, id: string): void {
  const bank = new RegisterBank<RegisterTable>(port, id, DsaRegisters);
  const commands = new Commands(bank);
  for (let finished = 1; ; finished += 1) {
    const { command, operand, interrupt } = DsaCommand.decode(BigInt(bank.awaitRing('CMD')));
    bank.set('CMDSTS', Number(DsaCommandStatus.encode({ active: true, finished: (finished - 1) % 128 })));
    const error = commands.execute(command, operand);
    const result = command === DSA_COMMANDS.requestHandle && error === 'success' ? operand : 0;
    bank.set('CMDSTS', Number(DsaCommandStatus.encode({ error: DsaCommandErrors[error].code, result, finished: finished % 128 })));
    port.note?.('device', { patch: { command, error }, text: `command ${command}: ${error}` });
    if (interrupt) raiseMsi(port, id, 0);
  }
}

class Commands {
  readonly #bank: RegisterBank<RegisterTable>;
  #enabled = false;

  constructor(bank: RegisterBank<RegisterTable>) {
    this.#bank = bank;
  }

  execute(command: number, operand: number): DsaCommandError {
    switch (command) {
      case DSA_COMMANDS.enableDevice:
        return this.#enableDevice();
      case DSA_COMMANDS.disableDevice:
        if (!this.#enabled) return 'disableNotEnabled';
        for (const wq of ALL) this.#disable(wq);
        this.#setEnabled(false);
        return 'success';
      case DSA_COMMANDS.resetDevice:
        for (const wq of ALL) this.#reset(wq);
        this.#setEnabled(false);
        return 'success';
      case DSA_COMMANDS.enableWq:
        return this.#enableWq(operand);
      case DSA_COMMANDS.drainAll:
        return this.#each(ALL, (wq) => this.#drain(wq));
      case DSA_COMMANDS.abortAll:
        return this.#each(ALL, (wq) => this.#abort(wq, null));
      case DSA_COMMANDS.disableWq:
        return this.#each(masked(operand), (wq) => this.#disable(wq));
      case DSA_COMMANDS.drainWq:
        return this.#each(masked(operand), (wq) => this.#drain(wq));
      case DSA_COMMANDS.abortWq:
        return this.#each(masked(operand), (wq) => this.#abort(wq, null));
      case DSA_COMMANDS.resetWq:
        return this.#each(masked(operand), (wq) => this.#reset(wq));
      case DSA_COMMANDS.drainPasid:
        // Everything that was submitted, whatever its PASID: more than was asked for is allowed.
        return this.#each(ALL, (wq) => this.#drain(wq));
      case DSA_COMMANDS.abortPasid:
        return this.#each(ALL, (wq) => this.#abort(wq, operand));
      case DSA_COMMANDS.requestHandle:
      case DSA_COMMANDS.releaseHandle:
        return operand < DSA_VECTORS ? 'success' : 'badHandle';
      default:
        return 'badCommand';
    }
  }

  #enableDevice(): DsaCommandError {
    if (this.#enabled) return 'deviceEnabled';
    const total = ALL.reduce((sum, wq) => sum + this.#bank.read(`WQCFG${wq}_SIZE`), 0);
    if (total > DSA_TOTAL_SIZE) return 'totalSize';
    this.#setEnabled(true);
    return 'success';
  }

  #enableWq(wq: number): DsaCommandError {
    if (wq >= DSA_WQS) return 'badQueue';
    if (!this.#enabled) return 'deviceNotEnabled';
    const power = this.#power(wq);
    if (power.isOn) return 'wqEnabled';
    const size = this.#bank.read(`WQCFG${wq}_SIZE`);
    const threshold = this.#bank.read(`WQCFG${wq}_THRESHOLD`);
    const mode = DsaWqMode.decode(BigInt(this.#bank.read(`WQCFG${wq}_MODE`)));
    const limits = DsaWqLimits.decode(BigInt(this.#bank.read(`WQCFG${wq}_LIMITS`)));
    if (size < 1 || size > DSA_TOTAL_SIZE || (!mode.dedicated && (threshold < 1 || threshold > size))) return 'wqSize';
    if (!mode.dedicated && !mode.pasidEnable) return 'pasidEnable';
    if (limits.maxBatchShift > DSA_MAX_BATCH_SHIFT) return 'maxBatch';
    if (limits.maxTransferShift > DSA_MAX_TRANSFER_SHIFT) return 'maxTransfer';
    power.on();
    this.#bank.set(`WQCFG${wq}_STATE`, Number(DsaWqState.encode({ state: 'enabled' })));
    return 'success';
  }

  #each(wqs: readonly number[], action: (wq: number) => void): DsaCommandError {
    if (!this.#enabled) return 'queueNotEnabled';
    if (wqs.some((wq) => wq >= DSA_WQS)) return 'badQueue';
    for (const wq of wqs) action(wq);
    return 'success';
  }

  /** Takes nothing more, and finishes what it has. */
  #disable(wq: number): void {
    this.#catchUp(wq);
    this.#power(wq).off();
    this.#drain(wq);
    this.#bank.set(`WQCFG${wq}_STATE`, Number(DsaWqState.encode({ state: 'disabled' })));
  }

  /** Takes nothing more, abandons what has not begun, forgets its configuration. */
  #reset(wq: number): void {
    this.#power(wq).off();
    this.#abort(wq, null);
    for (const word of ['SIZE', 'THRESHOLD', 'MODE', 'LIMITS', 'STATE']) this.#bank.set(`WQCFG${wq}_${word}`, 0);
  }

  /** Comes back when everything that was submitted before is finished. */
  #drain(wq: number): void {
    this.#catchUp(wq);
    this.#reach(wq, this.#bank.read(`WQ${wq}_TAIL`));
  }

  /** Comes back when what was submitted before is finished or abandoned. What has begun is finished. */
  #abort(wq: number, pasid: number | null): void {
    this.#catchUp(wq);
    const tail = this.#bank.read(`WQ${wq}_TAIL`);
    this.#bank.set(`WQ${wq}_ABORT_PASID`, pasid === null ? 0 : (pasid | 0x8000_0000) >>> 0);
    this.#bank.set(`WQ${wq}_ABORT`, tail);
    this.#reach(wq, tail);
  }

  /** What arrived at the portal before the command belongs to it, though the portal may not have looked yet. */
  #catchUp(wq: number): void {
    const launch = this.#bank.read(`P${wq}_LAUNCH`);
    if (launch === NEVER_RUNG) return;
    const { sequence } = DsaLaunch.decode(BigInt(launch));
    this.#bank.awaitContent(`WQ${wq}_SEEN`, (seen) => seen === sequence);
  }

  #reach(wq: number, tail: number): void {
    this.#bank.awaitContent(`WQ${wq}_HEAD`, (head) => ((head - tail) | 0) >= 0);
  }

  #power(wq: number): Switch<RegisterTable> {
    return new Switch(this.#bank, `WQ${wq}_EPOCH`, [`WQ${wq}_BUSY`]);
  }

  #setEnabled(enabled: boolean): void {
    this.#enabled = enabled;
    this.#bank.set('GENSTS', Number(DsaGensts.encode({ state: enabled ? 'enabled' : 'disabled' })));
  }
}

/** Queues of a mask in 15:0; group 0 in 19:16 is the only one. */
function masked(operand: number): number[] {
  return Array.from({ length: 16 }, (_, i) => i).filter((i) => (operand & (1 << i)) !== 0).map((i) => i + 16 * (operand >>> 16));
}
