// SPDX-License-Identifier: Apache-2.0
/** `dmalab walk FILE#N`: a translation step by step, every table access and the reason of a fault. */
import { FormatError } from '@dmalab/litmus/iommu/json';
import { narrateVector } from '@dmalab/litmus/iommu/oracle';
import { Command } from 'commander';
import { CommandError, EXIT, readInput } from './context.ts';

export function walkCommand(): Command {
  return new Command('walk')
    .description('show translations of a vector of the RISC-V IOMMU or of VT-d step by step')
    .argument('<vector>', 'a file of vectors and which one: FILE#3 is the third, FILE#ID the one with that id')
    .action(async (name: string) => {
      const hash = name.lastIndexOf('#');
      if (hash < 0) throw new CommandError(`${name}: expected FILE#N or FILE#ID`, EXIT.usage);
      const file = name.slice(0, hash);
      const which = name.slice(hash + 1);
      const text = await readInput(file);
      try {
        const lines = narrateVector(text, which);
        if (lines === null) throw new CommandError(`${file}: no vector ${which}`, EXIT.usage);
        process.stdout.write(`${lines.join('\n')}\n`);
      } catch (error) {
        if (error instanceof FormatError || error instanceof SyntaxError) throw new CommandError(`${file}#${which}: ${error.message}`, EXIT.usage);
        throw error;
      }
    });
}
