// SPDX-License-Identifier: Apache-2.0
/**
 * The built web app. Files whose name holds a hash never change; each is
 * compressed once, when first asked for, and kept, since Monaco's workers are
 * megabytes and a course opens them all at once. Any other address is a page
 * of the app.
 */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { extname, join, resolve, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import express, { Router, type NextFunction, type Request, type Response } from 'express';
import { Refusal } from '../refusal.ts';

const COMPRESSIBLE = new Set(['.js', '.mjs', '.css', '.html', '.svg', '.json', '.wasm', '.ttf', '.map']);
/** Smaller files gain nothing, bytes. */
const WORTHWHILE = 1_024;
const FOREVER = 'public, max-age=31536000, immutable';

/** Fast settings: half a second for the largest worker, once. */
const compressors = {
  br: (bytes: Buffer) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
  gzip: (bytes: Buffer) => promisify(gzip)(bytes, { level: 6 }),
} as const;
type Encoding = keyof typeof compressors;

export function webApp(folder: string): Router {
  const router = Router();
  const index = join(folder, 'index.html');
  router.use(compressedOnce(resolve(folder)));
  router.use(express.static(folder, { index: false, setHeaders: (response, path) => response.setHeader('Cache-Control', lifetime(path)) }));
  router.get(/.*/, (request, response, next) => {
    if (extname(request.path) !== '' || !request.accepts('html')) return next();
    if (!existsSync(index)) return void response.status(503).type('text').send('The web app has not been built. Run npm start, which builds it.\n');
    response.sendFile(index, { headers: { 'Cache-Control': 'no-cache' } });
  });
  return router;
}

function lifetime(path: string): string {
  return path.includes(`${sep}assets${sep}`) ? FOREVER : 'no-cache';
}

/** Hashed files only: what may change is compressed on its way. */
function compressedOnce(folder: string) {
  const kept = new Map<string, Promise<Buffer | undefined>>();
  const compress = async (file: string, encoding: Encoding): Promise<Buffer | undefined> => {
    const info = await stat(file).catch(() => undefined);
    if (info === undefined || !info.isFile() || info.size < WORTHWHILE) return undefined;
    return compressors[encoding](await readFile(file));
  };
  return async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    const file = resolve(folder, `.${decoded(request.path)}`);
    const asked = (request.method === 'GET' || request.method === 'HEAD') && file.startsWith(join(folder, 'assets') + sep) && COMPRESSIBLE.has(extname(file)) && !file.includes('\0');
    const encoding = asked ? request.acceptsEncodings(['br', 'gzip']) : false;
    if (encoding !== 'br' && encoding !== 'gzip') return next();
    const key = `${encoding}:${file}`;
    const bytes = kept.get(key) ?? compress(file, encoding);
    kept.set(key, bytes);
    const packed = await bytes.catch(() => undefined);
    if (packed === undefined) {
      kept.delete(key); // there is no such file, or it is small: the ordinary way says so
      return next();
    }
    response.set({ 'Content-Encoding': encoding, Vary: 'Accept-Encoding', 'Cache-Control': FOREVER }).type(extname(file)).end(request.method === 'HEAD' ? undefined : packed);
  };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new Refusal(400, 'the address is malformed');
  }
}
