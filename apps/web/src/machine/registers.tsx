// SPDX-License-Identifier: Apache-2.0
/** Registers of each device, from the device's own table: offset, access, value as far as the trace shows it, and what it does. */
import type { ReactNode } from 'react';
import type { MachineState } from '@dmalab/core/base/state';
import type { RegisterTable } from '@dmalab/core/devices/registers';
import { DEVICES } from '@dmalab/core/devices/table';
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
            {Object.entries(TABLES[d.kind] ?? {}).map(([name, r]) => {
              const value = state?.devices.get(d.id)?.registers.get(name);
              return (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td className="mono">{hex(r.offset)}</td>
                  <td>{r.access}</td>
                  <td className="mono">{value === undefined ? '–' : plainValue(value.value)}</td>
                  <td>{r.doc}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      ))}
    </>
  );
}
