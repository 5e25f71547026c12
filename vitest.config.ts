// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vitest/config';

/** Tests run on the sources of every package (condition `source`), so no build stands between an edit and its test. */
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.{ts,tsx}', 'test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 60_000,
  },
});
