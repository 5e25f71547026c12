// SPDX-License-Identifier: Apache-2.0
/**
 * As whom the store runs. PostgreSQL refuses to run as root, so root drops to
 * an unprivileged user of the system; everybody else runs it as themselves.
 */
import { readFileSync } from 'node:fs';
import { StartProblem } from '../../problem.ts';

export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

const PREFERRED = ['nobody', 'postgres', 'daemon'];

/** The users of `/etc/passwd`. initdb looks its own user up there, so a bare number will not do. */
export function parsePasswd(text: string): Identity[] {
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 7 && /^\d+$/.test(fields[2] ?? '') && /^\d+$/.test(fields[3] ?? ''))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
}

/**
 * @param owner uid that owns an existing store, which then has to be used again
 * @returns undefined when this process may run the store as itself
 * @throws StartProblem when root finds nobody to drop to
 */
export function storeIdentity(owner: number | undefined, currentUid = process.getuid?.(), passwd = readPasswd): Identity | undefined {
  if (currentUid !== 0) return undefined;
  const users = parsePasswd(passwd());
  const before = users.find((user) => user.uid === owner && user.uid !== 0);
  const found = before ?? PREFERRED.map((name) => users.find((user) => user.name === name && user.uid !== 0)).find((user) => user !== undefined);
  if (found === undefined) {
    throw new StartProblem('PostgreSQL cannot run as root, and this system has no user "nobody" or "postgres" to run it as. Start dmalab as another user, add one of these users, or set DATABASE_URL.');
  }
  return found;
}

function readPasswd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    return '';
  }
}
