// SPDX-License-Identifier: Apache-2.0
/** What every tracked file must keep: a licence header in sources, no addresses in the lock file, no paths of one machine. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

function tracked() {
  return execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' }).split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
}

const complaints = [];
for (const file of tracked()) {
  if (/\.(png|wasm|ico|woff2)$/.test(file)) continue;
  const text = readFileSync(join(root, file), 'utf8');
  if (/\.(ts|tsx|mjs|css)$/.test(file) && !text.split('\n', 3).some((line) => line.includes('SPDX-License-Identifier: Apache-2.0')) && !file.startsWith('labs/')) {
    complaints.push(`${file}:1: expected "// SPDX-License-Identifier: Apache-2.0" in the first lines`);
  }
  if (file === 'pnpm-lock.yaml' && /https?:\/\//.test(text)) complaints.push(`${file}: expected no addresses in the lock file`);
  const lines = text.split('\n');
  lines.forEach((line, index) => {
    if (/(^|[\s"'`(=])\/(home|Users|root)\/[a-z]/.test(line) && file !== 'scripts/check-text.mjs') complaints.push(`${file}:${index + 1}: a path of one machine`);
  });
}
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
process.exit(complaints.length === 0 ? 0 : 1);
