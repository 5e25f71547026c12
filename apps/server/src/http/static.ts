// SPDX-License-Identifier: Apache-2.0
/**
 * The built web app. Files whose name holds a hash never change; a `.br` or
 * `.gz` beside a file is sent instead to whoever takes it, since Monaco's
 * workers are megabytes. Any other address is a page of the app.
 */
import { existsSync } from 'node:fs';
import { extname, join, resolve, sep } from 'node:path';
import express, { Router, type NextFunction, type Request, type Response } from 'express';
import { Refusal } from '../refusal.ts';

const ENCODINGS = [
  { name: 'br', ending: '.br' },
  { name: 'gzip', ending: '.gz' },
] as const;

export function webApp(folder: string): Router {
  const router = Router();
  const index = join(folder, 'index.html');
  const immutable = (path: string): boolean => path.includes(`${sep}assets${sep}`);
  router.use(precompressed(resolve(folder)));
  router.use(
    express.static(folder, {
      index: false,
      setHeaders: (response, path) => response.setHeader('Cache-Control', immutable(path) ? 'public, max-age=31536000, immutable' : 'no-cache'),
    }),
  );
  router.get(/.*/, (request, response, next) => {
    if (extname(request.path) !== '' || !request.accepts('html')) return next();
    if (!existsSync(index)) return void response.status(503).type('text').send('The web app has not been built. Run npm start, which builds it.\n');
    response.sendFile(index, { headers: { 'Cache-Control': 'no-cache' } });
  });
  return router;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new Refusal(400, 'the address is malformed');
  }
}

function precompressed(folder: string) {
  return (request: Request, response: Response, next: NextFunction): void => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return next();
    const file = resolve(folder, `.${decoded(request.path)}`);
    if (!file.startsWith(folder + sep) || extname(file) === '' || file.includes('\0')) return next();
    const chosen = ENCODINGS.find(({ name, ending }) => request.acceptsEncodings(name) === name && existsSync(file + ending));
    if (chosen === undefined) return next();
    response.setHeader('Content-Encoding', chosen.name);
    response.setHeader('Vary', 'Accept-Encoding');
    response.type(extname(file));
    response.sendFile(file + chosen.ending, { headers: { 'Cache-Control': file.includes(`${sep}assets${sep}`) ? 'public, max-age=31536000, immutable' : 'no-cache', 'Content-Type': response.getHeader('Content-Type') } });
  };
}
