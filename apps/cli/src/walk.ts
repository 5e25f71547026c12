// SPDX-License-Identifier: Apache-2.0
/** `dmalab walk FILE#N`, `dmalab walk MACHINE.json`: a translation step by step, every table access and the reason of a fault. */
import { basename } from 'node:path';
import { FormatError } from '@dmalab/litmus/iommu/json';
import { isMachineFile } from '@dmalab/litmus/iommu/machine-file';
import { narrateMachine, narrateVector } from '@dmalab/litmus/iommu/oracle';
import { Command } from 'commander';
import { CommandError, EXIT, readInput } from './context.ts';

export function walkCommand(): Command {
  return new Command('walk')
    .description('show translations step by step: of a vector of the RISC-V IOMMU, of VT-d or of the SMMUv3, or of a machine file')
    .argument('<file>', 'a machine file; or a file of vectors and which one: FILE#3 is the third, FILE#ID the one with that id')
    .action(async (name: string) => {
      const hash = name.lastIndexOf('#');
      const file = hash < 0 ? name : name.slice(0, hash);
      const which = hash < 0 ? '' : name.slice(hash + 1);
      const text = await readInput(file);
      try {
        const machine = hash < 0 && isMachineFile(text);
        if (hash < 0 && !machine) {
          if (!isJsonLines(text)) JSON.parse(text);
          throw new CommandError(`${name}: expected FILE#N, FILE#ID, or a machine file, which has the keys unit and memory`, EXIT.usage);
        }
        const lines = machine ? narrateMachine(text, basename(file, '.json')) : narrateVector(text, which);
        if (lines === null) throw new CommandError(`${file}: no vector ${which}`, EXIT.usage);
        process.stdout.write(`${lines.join('\n')}\n`);
      } catch (error) {
        if (error instanceof SyntaxError) throw new CommandError(`${name}: not JSON: ${error.message}`, EXIT.usage);
        if (error instanceof FormatError) throw new CommandError(`${name}: ${error.message}`, EXIT.usage);
        throw error;
      }
    });
}

/** As far as the first line tells. */
function isJsonLines(text: string): boolean {
  try {
    JSON.parse(text.trimStart().split('\n', 1)[0] ?? '');
    return true;
  } catch {
    return false;
  }
}
