// SPDX-License-Identifier: Apache-2.0
/** Raised with every change of machine, checker or engine that can change a verdict or a report. */
export const ENGINE_VERSION = '2';
