// SPDX-License-Identifier: Apache-2.0
/** What memory and registers hold before an execution: shared by executions, never written. */

export const PAGE_BYTES = 4096;

export interface InitialState {
  /** RAM by page number; pages left out are zero. */
  readonly ram: ReadonlyMap<number, Uint8Array>;
  /** Device registers: owner, then offset, then content. */
  readonly registers: ReadonlyMap<string, ReadonlyMap<number, number | bigint>>;
  /** Cache lines the CPUs hold already (non-coherent profiles). */
  readonly lines?: readonly { readonly line: number; readonly bytes: Uint8Array; readonly dirty: boolean }[];
  /** Trace event that wrote a byte of RAM, by page number; 0 for none. Absent where nobody traced. */
  readonly writers?: ReadonlyMap<number, Uint32Array>;
}

export const EMPTY_STATE: InitialState = { ram: new Map(), registers: new Map() };

/** Builds an initial state from runs of bytes and single registers. */
export function initialState(o: { readonly ram?: readonly { readonly address: number; readonly bytes: Uint8Array | readonly number[] }[]; readonly registers?: readonly { readonly owner: string; readonly offset: number; readonly value: number | bigint }[] }): InitialState {
  const ram = new Map<number, Uint8Array>();
  for (const { address, bytes } of o.ram ?? []) {
    bytes.forEach((byte, i) => {
      const page = Math.floor((address + i) / PAGE_BYTES);
      let content = ram.get(page);
      if (content === undefined) ram.set(page, (content = new Uint8Array(PAGE_BYTES)));
      content[(address + i) % PAGE_BYTES] = byte;
    });
  }
  const registers = new Map<string, Map<number, number | bigint>>();
  for (const { owner, offset, value } of o.registers ?? []) {
    let bank = registers.get(owner);
    if (bank === undefined) registers.set(owner, (bank = new Map()));
    bank.set(offset, value);
  }
  return { ram, registers };
}
