// SPDX-License-Identifier: Apache-2.0
/** What the sandbox says about guest code. Plain data. */

/** A position in a module's source. Line and column count from 1; the column counts UTF-16 units as editors do. */
export interface Site {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Ways guest code can fail. All are the guest's doing; the sandbox's own faults are thrown. */
export type Failure =
  /** `site`: innermost position in untrusted code, null when the thrown value carries none. */
  | { readonly kind: 'threw'; readonly name: string; readonly message: string; /** It tried to change what a module built while it was loaded, or an intrinsic. */ readonly frozen?: true; readonly site: Site | null; readonly stack: readonly Site[] }
  | { readonly kind: 'out-of-fuel' | 'out-of-memory' | 'stack-overflow'; readonly site: Site | null; readonly stack: readonly Site[] };

/** `value`: what the function returned; booleans become 0 and 1, nothing becomes null, a bigint is taken modulo 2^64. */
export type CallResult = { readonly fuel: number } & ({ readonly kind: 'returned'; readonly value: number | bigint | null } | Failure);

export type LoadError = Failure | { readonly kind: 'syntax' | 'import'; readonly name: string; readonly message: string; readonly site: Site | null; readonly stack: readonly Site[] };

export type LoadResult = { readonly fuel: number } & ({ readonly ok: true; /** Functions the entry module exports, in its order. */ readonly functions: readonly string[] } | { readonly ok: false; readonly error: LoadError });

export interface SandboxLimits {
  /** Bytes of JavaScript heap. Default 8 MiB. */
  readonly memory?: number;
  /** Bytes of guest stack; one plain call takes about 250. Default 60 KiB, safe under a host stack of 984 KiB. */
  readonly stack?: number;
  /** Fuel for parsing and evaluating the modules. Default 50 M. */
  readonly loadFuel?: number;
}

export interface GuestModule {
  /** What `import` calls it, and the file name in messages. */
  readonly name: string;
  readonly source: string;
  /** May import `sandbox:op`, and is left out of sites. */
  readonly trusted?: boolean;
  /** Only trusted modules may import it. */
  readonly hidden?: boolean;
}
