// SPDX-License-Identifier: Apache-2.0
/** The wall, tried from inside: each case runs as if the sandbox had already been escaped. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startBehind } from './start.ts';
import { probeWall } from './wall.ts';

const wall = probeWall();
const walled = wall.layers.some((layer) => layer.startsWith('bubblewrap'));

async function inside(code: string): Promise<string> {
  const child = startBehind(wall, ['-e', code], spawn);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((resolve) => child.on('close', resolve));
  return text;
}

it('says what is in force and what is not, one of the two for each layer', () => {
  expect(wall.layers[0]).toBe('WebAssembly sandbox with fuel');
  expect(wall.layers.length - 1 + wall.missing.length).toBe(3);
});

describe.runIf(walled)('behind bubblewrap and seccomp', () => {
  it('a secret file outside the packages cannot be read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dmalab-secret-'));
    writeFileSync(join(folder, 'hidden.yaml'), 'secret');
    const text = await inside(`try { console.log(require('fs').readFileSync(${JSON.stringify(join(folder, 'hidden.yaml'))}, 'utf8')) } catch (e) { console.log(e.code) }`);
    rmSync(folder, { recursive: true });
    expect(text).toContain('ENOENT');
    expect(text).not.toContain('secret');
  });

  it('the labs of this clone are not there', async () => {
    const text = await inside(`try { console.log(require('fs').readdirSync(${JSON.stringify(join(import.meta.dirname, '../../../../labs'))}).length) } catch (e) { console.log(e.code) }`);
    expect(text).toContain('ENOENT');
  });

  it('no connection leaves it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const text = await inside(`const s = require('net').connect(${port}, '127.0.0.1'); s.on('connect', () => { console.log('connected'); s.end(); }); s.on('error', (e) => console.log('refused', e.code))`);
    server.close();
    expect(text).toMatch(/refused|EPERM/);
    expect(text).not.toContain('connected');
  });

  it('no program can be started', async () => {
    const text = await inside(`const { spawnSync } = require('child_process'); const r = spawnSync('/usr/bin/id'); console.log(r.error ? r.error.code : r.stdout.toString())`);
    expect(text).toMatch(/EPERM|EACCES/);
    expect(text).not.toContain('uid=');
  });

  it('the environment is empty and nobody is root', async () => {
    expect(await inside(`console.log(JSON.stringify([Object.keys(process.env).filter((k) => k !== 'PWD'), process.getuid()]))`)).toContain('[[],65534]');
  });

  it('nothing can be written but a little scratch space', async () => {
    const text = await inside(`const fs = require('fs'); try { fs.writeFileSync('/usr/x', '1'); console.log('wrote') } catch (e) { console.log(e.code) }`);
    expect(text).toMatch(/EROFS|EACCES|EPERM/);
  });
});
