// SPDX-License-Identifier: Apache-2.0
/** The browser's entry: one backend, one worker, one page. */
import { createRoot } from 'react-dom/client';
import './styles/index.ts';
import { App } from './app.tsx';
import { ServerBackend } from './net/server-backend.ts';
import { applyThemes } from './theme/theme.ts';
import { WorkerReplayer } from './worker/worker-replayer.ts';

applyThemes();
createRoot(document.getElementById('root')!).render(<App backend={new ServerBackend()} replayer={new WorkerReplayer()} />);
