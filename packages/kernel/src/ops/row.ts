// SPDX-License-Identifier: Apache-2.0
/**
 * One row of the kernel API. Everything about a function stands in its row:
 * the guest prelude, the declarations the editor reads, the host dispatch and
 * the reference page are made from it, so that they cannot disagree.
 */
import type { HostKey } from '../host/behaviours.ts';

/** Modules student code imports, named after Linux's headers; `lab/…` is ours. `kernel/core` is private. */
export type ModuleName =
  | 'kernel/core'
  | 'asm/barrier'
  | 'lab/struct'
  | 'linux/bits'
  | 'linux/byteorder'
  | 'linux/compiler'
  | 'linux/completion'
  | 'linux/device'
  | 'linux/dma-mapping'
  | 'linux/errno'
  | 'linux/interrupt'
  | 'linux/io'
  | 'linux/kernel'
  | 'linux/log2'
  | 'linux/platform_device'
  | 'linux/printk'
  | 'linux/slab'
  | 'linux/spinlock'
  | 'linux/string'
  | 'linux/types';

/** What a reader is owed about one function (style: unit, ownership, errors, context, source, where we differ). */
export interface RowDoc {
  /** First sentence says what it does; units and ownership follow. */
  readonly text: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly returns?: string;
  /** Where it may be called, whether it sleeps. */
  readonly context: string;
  readonly source: string;
  /** Where this machine differs from Linux 6.12; `none` when it does not. */
  readonly differs: string;
}

export interface Row {
  readonly name: string;
  readonly module: ModuleName;
  /** The prototype as Linux has it. */
  readonly c: string;
  /** TypeScript signatures without the name: `(dev: device): string`; several are overloads. */
  readonly ts: readonly string[];
  readonly doc: RowDoc;
  /**
   * JavaScript of the guest half, a function declaration called `name`. `k` is the private core; `$code` stands for the row's op code.
   * Runs in the sandbox, on the student's side of the wall: the host trusts nothing it sends.
   */
  readonly guest: string;
  /** What the host does for the row's op; absent for functions that never leave the guest. */
  readonly host?: HostKey;
}

/** A row with its place in the op ABI: 8 bits, 0 for functions without an op. */
export interface NumberedRow extends Row {
  readonly code: number;
}

export interface Constant {
  readonly name: string;
  readonly module: ModuleName;
  readonly value: number | bigint;
  /** TypeScript type of the constant; default `number` or `bigint`. */
  readonly type?: string;
  readonly doc: string;
}
