// SPDX-License-Identifier: Apache-2.0
/** Registers of each device, from the device's own table: offset, access, value as far as the trace shows it, what it does, and its bits. */
import { useState, type ReactNode } from 'react';
import type { MachineState } from '@dmalab/core/base/state';
import type { Value } from '@dmalab/core/base/port';
import type { Register, RegisterTable } from '@dmalab/core/devices/registers';
import { DEVICES } from '@dmalab/core/devices/table';
import { RegisterView } from '../bits/register-view.tsx';
import { plainValue, hex, type Names } from '../trace/names.ts';
import { useWs } from '../workspace/context.tsx';

const TABLES: Readonly<Record<string, RegisterTable>> = Object.fromEntries(Object.entries(DEVICES).map(([kind, { datasheet }]) => [kind, datasheet.registers]));

export function Registers({ state, names }: { readonly state: MachineState | null; readonly names: Names | null }): ReactNode {
  const devices = useWs((s) => s.lab?.manifest.machine.devices);
  return (
    <>
      {(devices ?? []).map((d) => (
        <table key={d.id} className="regs">
          <caption>
            {names?.agent(d.id) ?? d.id}, {d.kind}
          </caption>
          <thead>
            <tr>
              <th scope="col">register</th>
              <th scope="col">offset</th>
              <th scope="col">access</th>
              <th scope="col">value</th>
              <th scope="col">what it does</th>
            </tr>
          </thead>
          <tbody>
            {Object.entries(TABLES[d.kind] ?? {}).map(([name, register]) => (
              <Row key={name} name={name} register={register} value={state?.devices.get(d.id)?.registers.get(name)?.value} />
            ))}
          </tbody>
        </table>
      ))}
    </>
  );
}

/** A register whose fields are declared opens, bit by bit: with what the trace shows of it, before that with what it holds at power-on. */
function Row({ name, register, value }: { readonly name: string; readonly register: Register; readonly value: Value | undefined }): ReactNode {
  const [open, setOpen] = useState(false);
  const { layout } = register;
  return (
    <>
      <tr>
        <th scope="row">
          {layout === undefined ? (
            name
          ) : (
            <button type="button" className="site" aria-expanded={open} onClick={() => setOpen(!open)}>
              {name}
            </button>
          )}
        </th>
        <td className="mono">{hex(register.offset)}</td>
        <td>{register.access}</td>
        <td className="mono">{value === undefined ? '–' : plainValue(value)}</td>
        <td>{register.doc}</td>
      </tr>
      {open && layout !== undefined && (
        <tr>
          <td colSpan={5}>
            <RegisterView layout={layout} raw={rawOf(value ?? register.reset ?? 0, layout.bits)} />
          </td>
        </tr>
      )}
    </>
  );
}

const rawOf = (value: Value, bits: number): bigint => BigInt.asUintN(bits, BigInt(value));
