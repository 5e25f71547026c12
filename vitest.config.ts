// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vitest/config';

/** Tests that compute and nothing else: no process, no browser, no clock. Two files at a time; everything else has the machine alone. */
const COMPUTING = ['packages/{core,litmus,checker,contracts}/src/**/*.test.ts', 'test/{iommu,ordering,naive,oracle,devices}/**/*.test.ts'];
const OTHERS = ['packages/!(core|litmus|checker|contracts)/src/**/*.test.ts', 'apps/*/src/**/*.test.{ts,tsx}', 'test/!(iommu|ordering|naive|oracle|devices)/**/*.test.ts'];
const TIMED = ['packages/core/src/base/reducer.test.ts', 'test/ordering/larger-programs.test.ts', 'test/iommu/speed.test.ts', 'test/iommu/{command,narrate}.test.ts'];

/**
 * Tests run on the sources of every package (condition `source`), so no build stands between an edit and its test. Benchmarks run on the built
 * packages as Node loads them: in modules that vitest transforms, each use of an import is a lookup, which doubles the time of a short loop.
 */
export default defineConfig(({ mode }) => ({
  ...(mode === 'benchmark' ? {} : { resolve: { conditions: ['source'] }, ssr: { resolve: { conditions: ['source'] } } }),
  test: {
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
    pool: 'forks',
    testTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'computing', include: COMPUTING, exclude: TIMED, benchmark: { include: [] }, maxWorkers: 2, sequence: { groupOrder: 0 } } },
      { extends: true, test: { name: 'alone', include: [...OTHERS, ...TIMED], maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
}));
