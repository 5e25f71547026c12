// SPDX-License-Identifier: Apache-2.0
/**
 * What a datasheet says beyond the declarations: prose, in a datasheet's order.
 * Registers and structures come from the tables the device runs on;
 * test/devices/datasheets.test.ts makes docs/devices/ out of both.
 */
import type { AnyLayout } from '../base/layout.ts';
import type { RegisterTable } from './registers.ts';

export interface ErrorCode {
  /** As it is reported: a number in a field, or a word. */
  readonly code: number;
  readonly doc: string;
}
/** By name. The device's code takes its numbers from here. */
export type ErrorTable = Readonly<Record<string, ErrorCode>>;

export interface Datasheet {
  readonly title: string;
  /** What it does, for whom. Paragraphs. */
  readonly purpose: readonly string[];
  /** What it follows, and where it differs. */
  readonly follows: string;
  /** What the rules rest on. */
  readonly badge: 'section' | 'choice';
  /** Option names, with default, range and meaning. */
  readonly options: Readonly<Record<string, string>>;
  readonly windowSize: number;
  readonly registers: RegisterTable;
  /** What lies in memory. */
  readonly structures: readonly AnyLayout[];
  /** Numbered steps. */
  readonly programming: readonly string[];
  readonly ordering: {
    /** What the device promises about the order of its accesses. */
    readonly promises: readonly string[];
    /** What the driver must do. */
    readonly needs: readonly string[];
  };
  /** Where errors show, then the codes. */
  readonly errors: { readonly where: string; readonly codes: ErrorTable };
  readonly interrupts: readonly string[];
  readonly teaches: readonly string[];
}
