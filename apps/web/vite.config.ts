// SPDX-License-Identifier: Apache-2.0
/** Dev and build read every package from its sources (condition `source`), so no build stands between an edit and the page. */
import { defineConfig, type PluginOption } from 'vite';
import react from '@vitejs/plugin-react';
import { sandboxWasm } from './vite.sandbox.ts';

/** Where `vite dev` finds the server; in production one process serves both. */
const server = process.env['DMALAB_SERVER'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react() as PluginOption, sandboxWasm()],
  resolve: { conditions: ['source', 'module', 'browser', 'development|production'] },
  worker: { format: 'es', plugins: () => [sandboxWasm()] },
  build: { outDir: 'dist', sourcemap: false, chunkSizeWarningLimit: 8_000, target: 'es2023' },
  server: { proxy: { '/api': server, '/socket.io': { target: server, ws: true } } },
});
