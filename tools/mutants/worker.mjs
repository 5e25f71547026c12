// SPDX-License-Identifier: Apache-2.0
/** Tries the changes it is sent, one at a time. A process of its own: a change may eat all memory. */
import { Checks } from './checks.mjs';
import { applied, mutantsOf } from './mutate.mjs';
import { sourceOf } from './modules.mjs';

const checks = new Checks(process.argv[2] === 'trust');
process.on('message', ({ file, index, by: wanted }) => {
  const text = sourceOf(file);
  const changed = applied(text, mutantsOf(text, file)[index]);
  const before = performance.now();
  let by;
  try {
    by = wanted === undefined ? checks.firstFailure(file, changed) : checks.notices(file, changed, wanted) ? wanted : null;
  } catch (error) {
    // Our own fault, or sources that fail unchanged.
    process.send({ error: String(error?.stack ?? error) });
    return;
  }
  process.send({ by, ms: performance.now() - before });
});
process.send({ ready: true });
