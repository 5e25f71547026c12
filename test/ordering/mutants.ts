// SPDX-License-Identifier: Apache-2.0
/** Runs one fast test on a rule table that lacks a row: does it notice? */
import { readFileSync } from 'node:fs';
import { EveryChoice } from '@dmalab/core/machine/explore-choices';
import { OperationalMachine } from '@dmalab/core/machine/operational';
import { CORE_PROFILES, type CoreProfile, type CoreProfileId } from '@dmalab/core/machine/profile';
import { withSwitches, type RuleTable } from '@dmalab/core/ordering/rules';
import { readOracle, type OracleCase } from '@dmalab/litmus/oracle';
import { parseLitmus } from '@dmalab/litmus/parse';
import { runLitmus } from '@dmalab/litmus/run';
import { runOperational } from '@dmalab/litmus/run-operational';
import { DEVICE_ROWS } from './device-rows.table.ts';
import { program as deviceProgram } from './device-rows.ts';
import { byGraph, byMachine, byOperational } from './forms.ts';
import { IO_ROWS } from './rule-rows.io.ts';
import { LINE_PROFILES, LINE_ROWS, lineProgram } from './rule-rows.lines.ts';
import { MEMORY_ROWS } from './rule-rows.memory.ts';
import { STRICT_ROWS } from './rule-rows.strict.ts';
import { casesOf, short } from './rule-rows.ts';

export const RULE_ROWS = [...IO_ROWS, ...MEMORY_ROWS, ...STRICT_ROWS];

/**
 * Names one test: `oracle FILE NAME` (a herd7 outcome set, graph form), `operational FILE NAME` (the same, operational form),
 * `lines NAME` (a case of rule-rows.lines, machine), `row NAME` (a case of rule-rows, graph form; `row! NAME` on the machine, `row~ NAME` by the litmus explorer), `device ID PROFILE` (device-rows, machine).
 */
export type Test = string;

const FILES = new Map<string, Map<string, OracleCase>>();
function oracleCase(file: string, name: string): OracleCase {
  let cases = FILES.get(file);
  if (cases === undefined) FILES.set(file, (cases = new Map(readOracle(readFileSync(new URL(`../oracle/litmus/${file}.jsonl`, import.meta.url), 'utf8')).flatMap((c) => ('text' in c ? [[c.name, c] as const] : [])))));
  const found = cases.get(name);
  if (found === undefined) throw new RangeError(`${file} has no test ${name}`);
  return found;
}

/** Whether a case of rule-rows.lines has its outcomes. */
function linePasses(name: string, table: RuleTable): boolean {
  for (const row of LINE_ROWS) {
    for (const [model, filling, answer] of row.cases) {
      if (`${row.id} on ${model}: ${filling}` !== name) continue;
      const found = byMachine(lineProgram(row, filling), model, { memory: false, profile: LINE_PROFILES[model], table, limit: 20_000 });
      return found.why === '' && short(found.outcomes).join('\n') === [...row.outcomes, ...(answer === 'allowed' ? row.question : [])].sort().join('\n');
    }
  }
  throw new RangeError(`no line row ${name}`);
}

/** Whether the test passes on this table. `device`: the table is that of the devices. */
export function passes(test: Test, table: RuleTable, device = false): boolean {
  const [kind = '', rest = ''] = test.split(/ (.*)/s);
  const same = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && [...a].sort().join('\n') === [...b].sort().join('\n');
  switch (kind) {
    case 'oracle':
    case 'operational': {
      const [file = '', name = ''] = rest.split(/ (.*)/s);
      const expected = oracleCase(file, name);
      const run = (kind === 'oracle' ? runLitmus : runOperational)(parseLitmus(expected.text), { table: 'nsh' in table.switches ? withSwitches(table, { nsh: 'none' }) : table });
      return run.complete && same(run.states.map((s) => s.key), expected.states);
    }
    case 'row':
    case 'row!':
    case 'row~': {
      const found = RULE_ROWS.flatMap(casesOf).find((c) => c.name === rest);
      if (found === undefined) throw new RangeError(`no row ${rest}`);
      const options = { memory: false, ...(device ? { deviceTable: table } : { table }) };
      if (kind === 'row!') return same(short(byMachine(found.program, found.model, options).outcomes), found.kept);
      return same(short((kind === 'row' ? byGraph : byOperational)(found.program, found.model, options).outcomes), found.free);
    }
    case 'lines':
      return linePasses(rest, table);
    case 'device': {
      const [id = '', profile = ''] = rest.split(' ');
      const row = DEVICE_ROWS.find((r) => r.id === id);
      const core: CoreProfile | undefined = CORE_PROFILES[profile as CoreProfileId];
      const expected = row?.outcomes[profile as CoreProfileId];
      if (row === undefined || core === undefined || expected === undefined) throw new RangeError(`no device row ${id} on ${profile}`);
      const strategy = new EveryChoice();
      const found = new Set<string>();
      for (let runs = 0; runs < 20_000; runs += 1) {
        const { agents, initial, outcome } = deviceProgram(row, profile as CoreProfileId);
        new OperationalMachine({ profile: { ...core, ordering: table }, agents, initial, strategy, observers: [], limits: { steps: 100, events: 0 }, lines: 'all' }).run();
        found.add(outcome());
        if (!expected.includes(outcome())) return false;
        if (!strategy.advance()) return same([...found], expected);
      }
      return true;
    }
    default:
      throw new RangeError(`"${test}" names no test`);
  }
}
