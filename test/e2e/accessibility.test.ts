// SPDX-License-Identifier: Apache-2.0
/**
 * What people who see differently, or use no mouse, have: axe on every route
 * and theme, a lab done by keyboard alone, tables that say what the pictures
 * show, and a phone that scrolls one way.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, openLab, openWindow, PATIENCE_MS, PHONE, profileWord, timeline, typeDriver, violations, visibleText } from '../support/browser.ts';
import { COPY_LAB, driverText, NIC_LAB } from '../support/repo.ts';
import { type ServerProcess, startServer } from '../support/server.ts';

const THEMES = ['light', 'dark', 'contrast'] as const;

let server: ServerProcess;
let browser: Browser;
let page: Page;
/** The address of a failing run's failing step. */
let failing = '';

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launchBrowser()]);
  ({ page } = await openWindow(browser, { signInUrl: server.signInUrl }));
  await openLab(page, server.url, NIC_LAB.id);
  await typeDriver(page, driverText(NIC_LAB.folder, 'variants/no-dma-wmb'));
  await page.getByLabel('Workload').selectOption({ label: 'Two frames, one after the other' });
  await page.getByRole('radio', { name: /^arm64/ }).click();
  await page.getByRole('button', { name: /^Run/ }).click();
  await page.locator('.verdict.bad').waitFor();
  await page.locator('.verdict.bad .where').filter({ hasText: /step \d+ of \d+/ }).waitFor();
  await page.getByRole('img', { name: /^Space-time diagram/ }).waitFor();
  await page.getByRole('button', { name: 'Copy link' }).click();
  await page.waitForURL(/token=/);
  failing = page.url();
}, 240_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
}, 60_000);

async function inTheme(of: Page, theme: (typeof THEMES)[number]): Promise<void> {
  await of.evaluate((t) => localStorage.setItem('dmalab.theme', t), theme);
}

async function openRegister(of: Page): Promise<void> {
  await of.locator('.monaco-editor .view-line').first().waitFor();
  await of.getByRole('tab', { name: 'Registers' }).click();
  await of.getByRole('button', { name: 'STATUS' }).click();
  await of.getByRole('img', { name: /^Bits 31 to 0: 0x0\./ }).waitFor();
}

const ROUTES: readonly (readonly [name: string, path: () => string, ready: (of: Page) => Promise<unknown>])[] = [
  ['the catalogue', () => '/', (of) => of.locator('a.lab').first().waitFor()],
  ['a lab before its first run, a register of its device opened bit by bit', () => `/labs/${COPY_LAB.id}`, openRegister],
  ['a lab at a failing step', () => failing.slice(server.url.length), (of) => of.getByRole('img', { name: /^Space-time diagram/ }).waitFor()],
  ['a lab there is not', () => '/labs/no-such-lab', (of) => of.getByRole('alert').first().waitFor()],
  ['a page there is not', () => '/nowhere/at/all', (of) => of.getByRole('heading', { name: 'There is no page here.' }).waitFor()],
];

describe('axe finds nothing', { timeout: 180_000 }, () => {
  it.each(ROUTES)('on %s, in any theme', async (_name, path, ready) => {
    await page.goto(server.url + path());
    await ready(page);
    for (const theme of THEMES) {
      // Colours follow from this attribute alone; that a stored theme sets it is seen below.
      await page.evaluate((t) => (document.documentElement.dataset['theme'] = t), theme);
      expect({ theme, violations: await violations(page, { colours: theme !== 'light' }) }).toEqual({ theme, violations: [] });
    }
  });

  it('a page opens in the theme that was chosen last', async () => {
    for (const theme of THEMES.toReversed()) {
      await inTheme(page, theme);
      await page.goto(server.url);
      await page.locator('a.lab').first().waitFor();
      expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe(theme);
    }
  });

  it('on the narrower layouts, with the tables open, in the key sheet and in the submit dialog', async () => {
    const other = await openWindow(browser, { like: page });
    for (const width of [1280, 1024, 390]) {
      await other.page.setViewportSize({ width, height: 900 });
      await other.page.goto(failing);
      await other.page.getByRole('img', { name: /^Space-time diagram/ }).waitFor();
      expect({ width, violations: await violations(other.page) }).toEqual({ width, violations: [] });
      await other.page.locator('[data-twin="timeline"]').click();
      await other.page.locator('table.tt').waitFor();
      // Those of the finding: a row is a row.
      await other.page.locator('.twin-bar select').selectOption('matter');
      expect({ width, table: true, violations: await violations(other.page, { within: width === 390 ? 'main' : '[data-pane="Timeline"]' }) }).toEqual({ width, table: true, violations: [] });
    }
    await other.page.setViewportSize({ width: 1600, height: 1000 });
    await other.page.goto(failing);
    await other.page.getByRole('img', { name: /^Space-time diagram/ }).waitFor();
    await other.page.locator('[data-twin="machine"]').click();
    expect(await violations(other.page)).toEqual([]);
    for (const tab of ['Cache', 'Registers']) {
      await other.page.getByRole('tab', { name: tab }).click();
      expect({ tab, violations: await violations(other.page, { within: '[data-pane="Machine"]' }) }).toEqual({ tab, violations: [] });
    }
    for (const tab of ['Hints', 'API', 'as C']) {
      await other.page.getByRole('tab', { name: tab }).click();
      if (tab === 'API') await other.page.getByRole('searchbox', { name: 'Find a function' }).fill('dma_map');
      expect({ tab, violations: await violations(other.page, { within: tab === 'as C' ? '[data-pane="Editor"]' : '[data-pane="Lab text"]' }) }).toEqual({ tab, violations: [] });
    }
    await other.page.locator('.choice:not(.taken)').first().click();
    await other.page.getByLabel('Compare with').selectOption({ index: 1 });
    for (const region of ['Two space-time diagrams', 'Differences as a table']) {
      await other.page.getByRole('region', { name: region }).waitFor();
      expect({ region, violations: await violations(other.page, { within: '[data-pane="Timeline"]' }) }).toEqual({ region, violations: [] });
      await other.page.locator('[data-twin="timeline"]').click();
    }
    await other.page.getByRole('slider', { name: 'Step' }).focus();
    await other.page.keyboard.press('?');
    await other.page.getByRole('dialog').getByRole('heading', { name: 'Keys' }).waitFor();
    expect({ dialog: 'keys', violations: await violations(other.page, { within: '[role="dialog"]' }) }).toEqual({ dialog: 'keys', violations: [] });
    await other.page.keyboard.press('Escape');
    await other.page.keyboard.press('ControlOrMeta+Shift+P');
    await other.page.getByRole('combobox', { name: 'Command' }).fill('submit');
    expect({ dialog: 'commands', violations: await violations(other.page, { within: '[role="dialog"]' }) }).toEqual({ dialog: 'commands', violations: [] });
    await other.page.keyboard.press('Enter');
    await other.page.getByRole('dialog').getByRole('heading', { name: 'Submit driver.ts?' }).waitFor();
    expect({ dialog: 'submit', violations: await violations(other.page, { within: '[role="dialog"]' }) }).toEqual({ dialog: 'submit', violations: [] });
    await other.page.context().close();
  });

  it('is not because axe sees nothing: it finds a planted button without a name', async () => {
    await page.goto(server.url);
    await page.locator('a.lab').first().waitFor();
    await page.evaluate(() => document.querySelector('main')?.append(document.createElement('button')));
    expect((await violations(page)).map((v) => v.split(':')[0])).toContain('button-name');
  });
});

describe('the tables say what the pictures show', { timeout: 180_000 }, () => {
  it('of the timeline: every step, who did it, and which one is the finding', async () => {
    await page.goto(failing);
    const picture = page.getByRole('img', { name: /^Space-time diagram/ });
    await picture.waitFor();
    const name = (await picture.getAttribute('aria-label')) ?? (await picture.locator('title').first().textContent()) ?? '';
    const [, steps = '', agents = '', at = ''] = /of (\d+) steps of (.*) and memory, at step (\d+):/.exec(name) ?? [];
    const drawn = await picture.evaluate((svg) => [...svg.querySelectorAll('text')].map((t) => t.textContent ?? ''));

    await page.getByRole('region', { name: 'Timeline', exact: true }).locator('[data-twin="timeline"]').focus();
    await page.keyboard.press('t');
    const table = page.locator('table.tt');
    await table.waitFor();
    const rows = await table.locator('tbody tr').evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent ?? '')));
    expect(rows).toHaveLength(Number(steps));
    expect(rows.map((cells) => Number(cells[0]))).toEqual(rows.map((_, i) => i + 1));
    for (const agent of agents.split(', ')) expect(rows.some((cells) => cells[1] === agent)).toBe(true);
    expect(await table.locator('[aria-current="step"] th').textContent()).toBe(at);
    expect(await table.locator('caption').textContent()).toContain(`step ${at} is the finding`);
    expect(rows[Number(at) - 1]?.at(-1)).toMatch(/^finding/);
    // The values on the picture's marks stand in the table, too.
    const values = drawn.filter((text) => /^(len|flags|addr)(=|→)\w+$/.test(text)).map((text) => text.split(/=|→/)[1] ?? '');
    expect(values.length).toBeGreaterThan(2);
    const all = rows.map((cells) => cells.join(' ')).join('\n');
    for (const value of values) expect(all).toContain(value);
    expect(await page.locator('th:not([scope])').count()).toBe(0);

    // Moving through its rows moves the picture.
    await table.locator('[aria-current="step"] button').focus();
    await page.keyboard.press('ArrowUp');
    await expect.poll(async () => (await timeline(page)).step).toBe(Number(at) - 1);
    await page.keyboard.press('t');
    await page.getByRole('img', { name: new RegExp(`at step ${Number(at) - 1}:`) }).waitFor();
  });

  it('of the machine: what waits, what memory holds, what the device has read', async () => {
    await page.goto(failing);
    await page.getByRole('img', { name: /^Space-time diagram/ }).waitFor();
    const ring = page.locator('table.ring').first();
    const picture = await ring.locator('tbody tr').evaluateAll((all) => all.map((row) => [...row.querySelectorAll('td')].slice(1).map((cell) => cell.firstChild?.textContent?.trim() ?? '')));
    const waiting = await page.locator('.mach').first().innerText();
    const [, pending = ''] = /\b((?:addr|len|flags)\[\d\]) = /.exec(waiting) ?? [];
    expect(pending).not.toBe('');

    await page.locator('[data-twin="machine"]').click();
    const twin = page.locator('.mach table.regs').first();
    await twin.waitFor();
    const rows = await twin.locator('tbody tr').evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent ?? '')));
    const fields = rows.length / picture.length;
    picture.forEach((cells, slot) => {
      for (let f = 0; f < fields; f += 1) {
        const row = rows[slot * fields + f] ?? [];
        expect(row[2]).toBe(cells[f]);
        expect(row[3]).toMatch(new RegExp(`^${(cells[fields + f] ?? '').replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`));
      }
    });
    const waits = rows.filter((cells) => cells[1] !== '–');
    expect(waits.map((cells) => cells[0])).toContain(pending);
  });
});

describe('by keyboard alone', { timeout: 300_000 }, () => {
  it('a lab is opened, mended, run, stepped through and handed in', async () => {
    const { page: keys } = await openWindow(browser, { like: page });
    await keys.request.get(`${server.url}/api/me`);
    await keys.goto(server.url);
    await keys.locator('a.lab').first().waitFor();
    const focused = (): Promise<string> =>
      keys.evaluate(() => {
        const el = document.activeElement;
        return `${el instanceof HTMLInputElement && el.type === 'range' ? 'slider ' : ''}${el?.getAttribute('aria-label') ?? el?.textContent ?? ''}`;
      });
    /** Tab until the focus is where it is wanted. */
    const tabTo = async (wanted: RegExp): Promise<void> => {
      for (let i = 0; i < 80; i += 1) {
        await keys.keyboard.press('Tab');
        if (wanted.test(await focused())) return;
      }
      throw new Error(`Tab never came to ${wanted}`);
    };
    await tabTo(/Coherent is not ordered/);
    await keys.keyboard.press('Enter');
    await keys.locator('.monaco-editor .view-line').first().waitFor();

    // Into the editor pane, into the editor; the whole text replaced from the clipboard.
    await tabTo(/^driver\.ts/);
    await tabTo(/Escape, then Tab leaves the editor/);
    await keys.evaluate((text) => navigator.clipboard.writeText(text), driverText(NIC_LAB.folder, 'solution'));
    await keys.keyboard.press('ControlOrMeta+A');
    await keys.keyboard.press('ControlOrMeta+V');
    await keys.locator('[data-draft="saved"]').waitFor();
    expect((await visibleText(keys)).length).toBeGreaterThan(5);
    // Tab writes in the editor; Escape, then Tab leaves it.
    await keys.keyboard.press('Escape');
    await keys.keyboard.press('Tab');
    expect(await keys.evaluate(() => document.activeElement?.closest('.monaco-editor') === null)).toBe(true);

    await keys.keyboard.press('ControlOrMeta+Enter');
    await expect.poll(async () => (await timeline(keys)).last, { timeout: PATIENCE_MS }).toBeGreaterThan(10);
    const [first = ''] = await keys.getByRole('radio').evaluateAll((all) => all.map((r) => r.textContent ?? ''));
    await expect.poll(() => profileWord(keys, first), { timeout: PATIENCE_MS }).toMatch(/complete|bounded/);
    await keys.keyboard.press('F6');
    await tabTo(/^slider Step$/);
    await keys.keyboard.press('Home');
    await expect.poll(async () => (await timeline(keys)).step).toBe(1);
    await keys.keyboard.press('F11');
    await expect.poll(async () => (await timeline(keys)).step).toBe(2);

    await keys.keyboard.press('ControlOrMeta+Shift+Enter');
    const dialog = keys.getByRole('dialog');
    await dialog.getByRole('heading', { name: 'Submit driver.ts?' }).waitFor();
    for (let i = 0; i < 4 && (await focused()) !== 'Submit'; i += 1) await keys.keyboard.press('Tab');
    expect(await focused()).toBe('Submit');
    await keys.keyboard.press('Enter');
    await dialog.getByText(/^100 of 100 points\./).waitFor({ timeout: 3 * PATIENCE_MS });
    await keys.keyboard.press('Escape');
    await expect.poll(() => dialog.count()).toBe(0);
    await keys.context().close();
  });
});

describe('on a phone', { timeout: 180_000 }, () => {
  it('nothing scrolls sideways but code, diagrams and tables in their own boxes', async () => {
    const { page: phone } = await openWindow(browser, { like: page, ...PHONE, touch: true });
    for (const path of [server.url, failing, `${server.url}/labs/${COPY_LAB.id}`]) {
      await phone.goto(path);
      await phone.locator('h1').first().waitFor();
      if (path === failing) await phone.getByRole('img', { name: /^Space-time diagram/ }).waitFor();
      const { wide, page: overflow } = await phone.evaluate(() => {
        const root = document.documentElement;
        const boxed = (el: Element): boolean => {
          for (let at: Element | null = el; at !== null && at !== root; at = at.parentElement) if (/(auto|scroll|hidden|clip)/.test(getComputedStyle(at).overflowX)) return true;
          return false;
        };
        const wide = [...document.body.querySelectorAll('*')].filter((el) => el.getBoundingClientRect().right > root.clientWidth + 1 && !boxed(el)).map((el) => `${el.tagName.toLowerCase()}.${el.getAttribute('class') ?? ''}`);
        return { wide, page: root.scrollWidth - root.clientWidth };
      });
      expect({ path, wide, overflow }).toEqual({ path, wide: [], overflow: 0 });
    }
    // Transport and the sentence of the step stay at the bottom, and take steps.
    await phone.goto(failing);
    await phone.getByRole('img', { name: /^Space-time diagram/ }).waitFor();
    await expect.poll(async () => (await timeline(phone)).step, { timeout: PATIENCE_MS }).toBeGreaterThan(1);
    const { step } = await timeline(phone);
    const back = phone.getByRole('button', { name: 'Step back' });
    const box = await back.boundingBox();
    expect(box !== null && box.y + box.height <= PHONE.height && box.height >= 44).toBe(true);
    await back.click();
    await expect.poll(async () => (await timeline(phone)).step).toBe(step - 1);
    await phone.context().close();
  });
});
