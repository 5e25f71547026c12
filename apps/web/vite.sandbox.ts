// SPDX-License-Identifier: Apache-2.0
/**
 * Serves the sandbox's wasm as an asset of its own: `import url from 'virtual:sandbox-wasm'`. The bytes are those
 * that `@dmalab/sandbox` built, so browser, server and command line run the same engine.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const id = 'virtual:sandbox-wasm';
const file = fileURLToPath(new URL('../../packages/sandbox/dist/sandbox.wasm', import.meta.url));

export function sandboxWasm(): Plugin {
  let building = false;
  return {
    name: 'dmalab-sandbox-wasm',
    configResolved(config) {
      building = config.command === 'build';
    },
    resolveId: (source) => (source === id ? `\0${id}` : null),
    load(source) {
      if (source !== `\0${id}`) return null;
      if (!building) return `export default ${JSON.stringify(`/@fs${file}`)};`;
      if (!existsSync(file)) this.error('packages/sandbox/dist/sandbox.wasm is missing: build @dmalab/sandbox first');
      const reference = this.emitFile({ type: 'asset', name: 'sandbox.wasm', source: readFileSync(file) });
      return `export default import.meta.ROLLUP_FILE_URL_${reference};`;
    },
  };
}
