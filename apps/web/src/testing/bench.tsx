// SPDX-License-Identifier: Apache-2.0
/** The picture bench: the real pages over the recorded run, for looking at. Served by `vite dev` as /bench.html, never built. */
import { createRoot } from 'react-dom/client';
import '../styles/index.ts';
import { App } from '../app.tsx';
import { applyThemes } from '../theme/theme.ts';
import { FixtureBackend, fixtureReplayer } from './fixture-backend.ts';

const to = new URLSearchParams(location.search).get('at') ?? '/';
history.replaceState(null, '', to);
applyThemes();
createRoot(document.getElementById('root')!).render(<App backend={new FixtureBackend()} replayer={fixtureReplayer} />);
