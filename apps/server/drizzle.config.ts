// SPDX-License-Identifier: Apache-2.0
/** For `drizzle-kit generate` only. The output is applied by `src/store/store.ts` at start. */
import { defineConfig } from 'drizzle-kit';

// The tool wants a default export.
export default defineConfig({ dialect: 'postgresql', schema: './src/store/schema.ts', out: './drizzle' });
