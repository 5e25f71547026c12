// SPDX-License-Identifier: Apache-2.0
/** Picks the page for the address. */
import { lazy, Suspense, type ReactNode } from 'react';
import { CataloguePage } from './catalogue/catalogue-page.tsx';
import type { Backend } from './net/backend.ts';
import { useRoute } from './router.ts';
import type { Replayer } from './worker/replayer.ts';
import { HomeLink } from './workspace/top-bar.tsx';
import { Boundary } from './ui/boundary.tsx';
import { WorkspacePage } from './workspace/workspace-page.tsx';

const WalkPage = lazy(async () => ({ default: (await import('./walk/walk-page.tsx')).WalkPage }));

export function App(props: { readonly backend: Backend; readonly replayer: Replayer }): ReactNode {
  return (
    <Boundary what="The page">
      <Page {...props} />
    </Boundary>
  );
}

function Page({ backend, replayer }: { readonly backend: Backend; readonly replayer: Replayer }): ReactNode {
  const route = useRoute();
  switch (route.page) {
    case 'catalogue':
      return <CataloguePage backend={backend} />;
    case 'walk':
      return (
        <Suspense fallback={<p className="empty">The page is being loaded.</p>}>
          <WalkPage />
        </Suspense>
      );
    case 'lab':
      return <WorkspacePage key={route.id} backend={backend} replayer={replayer} id={route.id} link={route.link} />;
    case 'missing':
      return (
        <>
          <header className="top">
            <HomeLink />
          </header>
          <main className="page">
            <h1>There is no page here.</h1>
          </main>
        </>
      );
  }
}
