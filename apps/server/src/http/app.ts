// SPDX-License-Identifier: Apache-2.0
/** The HTTP application: health, sign-in, API, web app, in that order. */
import compression from 'compression';
import express, { type Express } from 'express';
import { pinoHttp } from 'pino-http';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import { api, type ApiOptions } from './api.ts';
import { answerErrors, noSuchRoute } from './errors.ts';
import { ownPagesOnly, requestLimit, securityHeaders } from './security.ts';
import { signIn, whoAsks, type SignInOptions } from './sign-in.ts';
import { webApp } from './static.ts';

export interface AppOptions extends Omit<ApiOptions, 'who' | 'allow'>, SignInOptions {
  readonly config: Config;
  readonly store: Pick<Store, 'ping'>;
  readonly log: Log;
}

export function createApp(o: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag'); // API answers are not cached; static files have tags of their own
  app.use(securityHeaders(o.secure));
  app.use(
    pinoHttp({
      logger: o.log,
      autoLogging: { ignore: (request) => request.url === '/healthz' || request.url?.startsWith('/assets/') === true },
      customLogLevel: () => 'debug',
      // Addresses hold secrets in their query.
      serializers: { req: (request: { method: string; url: string }) => ({ method: request.method, path: request.url.split('?')[0] }), res: (response: { statusCode: number }) => ({ status: response.statusCode }) },
    }),
  );
  app.get('/healthz', async (_request, response) => {
    const answers = await o.store.ping().then(
      () => true,
      () => false,
    );
    response.status(answers ? 200 : 503).json({ ok: answers, store: answers ? 'ok' : 'does not answer' });
  });
  app.use(compression());
  app.use(requestLimit(o.config.requestsPerMinute));
  app.use(ownPagesOnly);
  app.use(express.json({ limit: '1mb', strict: true }));
  app.use(signIn(o));
  app.use('/api', api({ ...o, who: whoAsks(o), allow: o.config.allow }), noSuchRoute);
  app.use(webApp(o.config.webDir));
  app.use(noSuchRoute);
  app.use(answerErrors(o.log));
  return app;
}
