// SPDX-License-Identifier: Apache-2.0
/**
 * Somebody's connection drops in the middle of a run, for longer than it takes
 * the server to send several batches. When it is back, nothing is missing and
 * nothing comes twice. The drop is a real one: the TCP connection goes through
 * a door of ours, which is shut. DMALAB_LONG drops it for 30 s.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { TraceEvent } from '@dmalab/core/base/events';
import { LabView } from '@dmalab/contracts/api';
import { BATCH_CREDIT, unpackEvents } from '@dmalab/contracts/pack';
import type { ServerMessages } from '@dmalab/contracts/wire';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, openWindow, PATIENCE_MS, timeline, typeDriver } from '../support/browser.ts';
import { type HearingSocket, type Session, signIn } from '../support/client.ts';
import { driverText, NIC_LAB } from '../support/repo.ts';
import { type ServerProcess, startServer } from '../support/server.ts';

const DROPPED_MS = process.env['DMALAB_LONG'] === undefined ? 3_000 : 30_000;

/** A way to the server that can be shut and opened. */
class Door {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #shut = false;

  private constructor(to: number) {
    this.#server = createServer((here) => {
      if (this.#shut) return void here.destroy();
      const there = connect(to, '127.0.0.1');
      for (const [socket, other] of [[here, there], [there, here]] as const) {
        this.#open.add(socket);
        socket.pipe(other);
        socket.on('error', () => other.destroy());
        socket.on('close', () => (this.#open.delete(socket), other.destroy()));
      }
    });
  }

  static async to(url: string): Promise<Door> {
    const door = new Door(Number(new URL(url).port));
    await new Promise<void>((resolve) => door.#server.listen(0, '127.0.0.1', resolve));
    return door;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // a TCP server that listens has one
  }

  shut(): void {
    this.#shut = true;
    for (const socket of this.#open) socket.destroy();
  }

  open(): void {
    this.#shut = false;
  }

  close(): void {
    this.shut();
    this.#server.close();
  }
}

/** Many stores and loads that nothing shares: a long trace in a short time. */
function longDriver(): string {
  const solution = driverText(NIC_LAB.folder, 'solution');
  const longer = solution.replace("  d.store('addr'", "  for (let n = 0; n < 700; n += 1) d.store('addr', cpu_to_le64(frame));\n  d.store('addr'");
  if (longer === solution) throw new Error('the solution has changed; the long driver is made from it');
  return longer;
}

let server: ServerProcess;
let client: Session;

beforeAll(async () => {
  server = await startServer();
  client = await signIn(server.url, server.signInUrl);
}, 120_000);
afterAll(() => server?.close(), 60_000);

const eventsOf = (messages: readonly ServerMessages['run:events'][]): TraceEvent[] => messages.flatMap((m) => unpackEvents(m.events));

/** Acknowledges what comes, as the page does, until the run has ended. */
async function follow(socket: HearingSocket, run: string): Promise<ServerMessages['run:end']> {
  let credited = 0;
  for (;;) {
    const batches = socket.all('run:events').filter((m) => m.run === run).length;
    if (batches - credited >= BATCH_CREDIT / 2) {
      await socket.done('run:credit', { run, batches: batches - credited });
      credited = batches;
    }
    const end = socket.all('run:end').find((m) => m.run === run);
    if (end !== undefined) return end;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a client that drops in the middle of a run', { timeout: 180_000 }, () => {
  it(`for ${DROPPED_MS / 1_000} s has the same events as one that stayed`, async () => {
    const view = LabView.parse(await client.get(`/api/labs/${NIC_LAB.id}`));
    const [workload = ''] = Object.keys(view.workloads).filter((id) => id === 'two-frames');
    const door = await Door.to(server.url);
    const throughDoor = `http://127.0.0.1:${door.port}`;
    const [stays, leaves] = await Promise.all([client.connect(), client.connect(throughDoor)]);

    const { run } = await stays.done('run:start', { lab: NIC_LAB.id, text: longDriver(), profile: 'x86-64', workload, check: false });
    await leaves.done('run:join', { run, from: 1 });
    const whole = follow(stays, run);
    await expect.poll(() => leaves.all('run:events').length, { timeout: 30_000 }).toBeGreaterThan(0);
    door.shut();
    await expect.poll(() => leaves.connected, { timeout: 10_000 }).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, DROPPED_MS));
    door.open();

    const before = eventsOf(leaves.all('run:events').filter((m) => m.run === run));
    const back = await client.connect(throughDoor);
    await back.done('run:join', { run, from: before.length + 1 });
    const end = await follow(back, run);
    await whole;

    const full = eventsOf(stays.all('run:events'));
    expect(full.length).toBeGreaterThan(BATCH_CREDIT * 256);
    expect(full.map((e) => e.id)).toEqual(Array.from({ length: end.events }, (_, i) => i + 1));
    expect(before.length).toBeGreaterThan(0);
    expect(before.length).toBeLessThan(full.length);
    expect([...before, ...eventsOf(back.all('run:events'))]).toEqual(full);
    for (const socket of [stays, back]) socket.close();
    door.close();
  });
});

describe('a page whose connection drops', { timeout: 180_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  it('says so, and shows the whole run when it is back', async () => {
    const door = await Door.to(server.url);
    const { path } = (await client.post('/api/sign-in-links')) as { path: string };
    const { page } = await openWindow(browser);
    await page.goto(`http://localhost:${door.port}${path}`);
    await page.goto(`http://localhost:${door.port}/labs/${NIC_LAB.id}`);
    await page.locator('.monaco-editor .view-line').first().waitFor();
    await page.getByLabel('Workload').selectOption({ label: 'Two frames, one after the other' });
    await typeDriver(page, longDriver());
    await page.keyboard.press('ControlOrMeta+Enter');
    await page.getByRole('button', { name: 'Stop' }).waitFor();
    await expect.poll(async () => (await timeline(page)).last, { timeout: PATIENCE_MS }).toBeGreaterThan(1);
    door.shut();
    await page.getByText('The server cannot be reached.').waitFor();
    await new Promise((resolve) => setTimeout(resolve, DROPPED_MS));
    door.open();
    await expect.poll(() => page.getByText('The server cannot be reached.').count(), { timeout: PATIENCE_MS }).toBe(0);

    // The plain run of the same text, as somebody hears it who never dropped.
    const socket = await client.connect();
    const { run } = await socket.done('run:start', { lab: NIC_LAB.id, text: longDriver(), profile: 'x86-64', workload: 'two-frames', check: false });
    const { events } = await follow(socket, run);
    socket.close();
    await expect.poll(async () => (await timeline(page)).last, { timeout: PATIENCE_MS }).toBe(events);
    await page.keyboard.press('Escape');
    const slider = page.getByRole('slider', { name: 'Step' });
    await slider.focus();
    await page.keyboard.press('End');
    expect(await slider.getAttribute('aria-valuetext')).toMatch(new RegExp(`^Step ${events}: `));
    await page.context().close();
    door.close();
  });
});
