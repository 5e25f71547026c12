// SPDX-License-Identifier: Apache-2.0
/**
 * The whole path of a student, in a real browser against the server that
 * people start: a wrong driver, its failing step, another schedule, the fix,
 * full marks. Each test goes on where the one before it stopped.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addToLine, launchBrowser, openLab, openWindow, PATIENCE_MS, PHONE, picture, profileWord, timeline, typeDriver, type Visit, visibleText } from '../support/browser.ts';
import { driverText, NIC_LAB } from '../support/repo.ts';
import { type ServerProcess, startServer } from '../support/server.ts';

const PROFILES = ['x86-64', 'arm64', 'strict'] as const;

let server: ServerProcess;
let browser: Browser;
let visit: Visit;
let page: Page;
let link = '';
let failing = { step: 0, last: 0 };
let sentence = '';

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launchBrowser()]);
  visit = await openWindow(browser);
  page = visit.page;
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
}, 60_000);

// What the page looked like when a test failed is worth more than the message.
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await picture(page, 'journey-failed');
});

const verdict = (of: Page = page) => of.locator('section.verdict');
const alert = (of: Page = page) => of.locator('.verdict.bad:not(.stale)');
const choices = () => page.getByRole('region', { name: 'Open choices' });

describe('a student', { timeout: 150_000 }, () => {
  it('signs in with the printed link, which then works no more', async () => {
    await page.goto(server.signInUrl);
    await page.getByRole('heading', { name: 'Drivers and devices' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/');

    const { page: stranger } = await openWindow(browser);
    await stranger.goto(server.signInUrl);
    await stranger.getByRole('heading', { name: 'This link does not sign you in' }).waitFor();
    await stranger.context().close();
  });

  it('finds the labs in the order of the course', async () => {
    await page.locator('a.lab').first().waitFor();
    expect(await page.locator('a.lab .no').allInnerTexts()).toEqual(['02', '06']);
    expect(await page.locator('a.lab .ti').allInnerTexts()).toEqual(['Clean before you send', 'Coherent is not ordered']);
  });

  it('opens one and finds its starter in the editor', async () => {
    await page.getByRole('link', { name: /Coherent is not ordered/ }).click();
    await page.locator('.monaco-editor .view-line').first().waitFor();
    expect(new URL(page.url()).pathname).toBe(`/labs/${NIC_LAB.id}`);
    const starter = driverText(NIC_LAB.folder, 'starter').split('\n');
    // The editor lays its lines out a few at a time.
    await expect.poll(async () => (await visibleText(page)).length, { timeout: PATIENCE_MS }).toBeGreaterThan(10);
    await expect
      .poll(async () => {
        const shown = await visibleText(page);
        return shown.every((line, i) => line === starter[i]) ? '' : shown.join('\n');
      }, { timeout: PATIENCE_MS })
      .toBe('');
    await page.getByRole('heading', { level: 1, name: 'Coherent is not ordered' }).first().waitFor();
  });

  it('runs a wrong driver and stands at the failing step, with one sentence', async () => {
    await typeDriver(page, driverText(NIC_LAB.folder, 'variants/no-dma-wmb'));
    await page.getByLabel('Workload').selectOption({ label: 'Two frames, one after the other' });
    await page.getByRole('radio', { name: /^arm64/ }).click();
    await page.keyboard.press('ControlOrMeta+Enter');

    await alert().waitFor();
    await expect.poll(() => profileWord(page, 'arm64'), { timeout: PATIENCE_MS }).toBe('violated');
    await expect.poll(async () => (failing = await timeline(page)).step, { timeout: PATIENCE_MS }).toBeGreaterThan(1);
    sentence = await verdict().locator('p').evaluate((p) => p.firstChild?.textContent ?? '');
    expect(sentence).toMatch(/NIC took slot \d with (length|address) .*no barrier orders the two/);
    const where = await verdict().locator('.where').innerText();
    expect(where).toContain(`step ${failing.step} of ${failing.last}`);
    expect(where).toMatch(/XB2 · halves at driver\.ts:\d+ and driver\.ts:\d+/);

    // The same moment in the code and in the picture.
    await expect.poll(() => page.locator('.monaco-editor .half-line').count()).toBe(2);
    expect(await page.locator('.monaco-editor .gap').innerText()).toMatch(/nothing orders/);
    await page.getByRole('img', { name: new RegExp(`^Space-time diagram of ${failing.last} steps .* at step ${failing.step}`) }).waitFor();
    expect(await page.locator('.circle').innerText()).toContain('dma_wmb()');
    await expect.poll(() => profileWord(page, 'strict'), { timeout: PATIENCE_MS }).toBe('violated');
    await expect.poll(() => profileWord(page, 'x86-64'), { timeout: PATIENCE_MS }).toBe('complete');
    await page.getByRole('button', { name: /^Run/ }).waitFor();
    await picture(page, 'workspace-light', { docs: true });
  });

  it('reads it in the dark as well', async () => {
    const theme = page.getByRole('button', { name: /^Theme/ });
    await theme.click();
    await expect.poll(() => page.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');
    await picture(page, 'workspace-dark', { docs: true });
    await theme.click();
    await picture(page, 'workspace-contrast');
    await theme.click();
    expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe('light');
  });

  it('steps back and forth, and seeks, by keyboard', async () => {
    const at = async (step: number): Promise<void> => {
      await expect.poll(async () => (await timeline(page)).step).toBe(step);
      // All panes follow the one step.
      await page.getByRole('img', { name: new RegExp(`at step ${step}:`) }).waitFor();
      await page.getByText(`Step ${step} of ${failing.last}`, { exact: true }).waitFor();
    };
    await page.keyboard.press('Shift+F11');
    await at(failing.step - 1);
    await page.keyboard.press('Shift+F11');
    await at(failing.step - 2);
    await page.keyboard.press('F11');
    await at(failing.step - 1);

    const slider = page.getByRole('slider', { name: 'Step' });
    await slider.focus();
    await page.keyboard.press('Home');
    await at(1);
    await page.keyboard.press('Shift+ArrowRight');
    await at(11);
    await page.keyboard.press('ArrowLeft');
    await at(10);
    await page.keyboard.press('End');
    await at(failing.last);
    expect(await slider.getAttribute('aria-valuetext')).toMatch(new RegExp(`^Step ${failing.last}: \\S`));
    await slider.evaluate((input: HTMLInputElement, to) => {
      const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set;
      set?.call(input, String(to));
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }, failing.step);
    await at(failing.step);
  });

  it('shares a link to this step, and whoever opens it stands there', async () => {
    await page.keyboard.press('ControlOrMeta+Shift+L');
    await expect.poll(() => new URL(page.url()).searchParams.get('step')).toBe(String(failing.step));
    link = page.url();
    expect(link.length).toBeLessThan(2_048);
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(link);

    const other = await openWindow(browser, { like: page });
    await other.page.goto(link);
    await alert(other.page).waitFor();
    expect(await verdict(other.page).locator('p').evaluate((p) => p.firstChild?.textContent)).toBe(sentence);
    await expect.poll(() => timeline(other.page), { timeout: PATIENCE_MS }).toEqual(failing);
    expect(other.complaints).toEqual([]);
    await other.page.context().close();

    const phone = await openWindow(browser, { like: page, ...PHONE, touch: true });
    await phone.page.goto(link);
    await alert(phone.page).waitFor();
    await phone.page.getByRole('img', { name: /^Space-time diagram/ }).waitFor();
    await expect.poll(() => timeline(phone.page), { timeout: PATIENCE_MS }).toEqual(failing);
    await picture(phone.page, 'narrow', { docs: true });
    expect(phone.complaints).toEqual([]);
    await phone.page.context().close();
  });

  it('is the scheduler: takes another choice, and sees another run', async () => {
    const others = choices().locator('.choice:not(.taken)');
    for (let step = failing.step; step > 1 && (await others.count()) === 0; step -= 1) await page.keyboard.press('Shift+F11');
    const { step } = await timeline(page);
    expect(await choices().locator('.choice.taken').count()).toBeGreaterThan(0);
    const words = await others.first().locator('b').innerText();
    await others.first().click();

    const runs = page.getByRole('navigation', { name: 'Runs' });
    const branch = runs.getByRole('button', { name: new RegExp(`^run 1\\.${step}[b-z], arm64`) });
    await branch.waitFor();
    expect(await branch.getAttribute('aria-current')).toBe('true');
    await expect.poll(() => branch.innerText(), { timeout: PATIENCE_MS }).toMatch(/\d+ steps|X[A-Z]\d/);
    // The past is kept, and the answer that was picked is the one this run took.
    await expect.poll(async () => (await timeline(page)).step).toBeGreaterThanOrEqual(1);
    const slider = page.getByRole('slider', { name: 'Step' });
    await slider.focus();
    await page.keyboard.press('Home');
    for (let s = 1; s < step; s += 1) await page.keyboard.press('ArrowRight');
    await expect.poll(async () => (await timeline(page)).step).toBe(step);
    expect(await choices().locator('.choice.taken b').allInnerTexts()).toContain(words);

    // Beside the run it came from: where they part, and what only one of them does.
    await page.getByLabel('Compare with').selectOption({ label: 'run 1 failing, arm64' });
    await page.getByText(new RegExp(`^Up to step \\d+ both runs do the same\\. Step \\d+ of run 1\\.${step}[b-z], arm64: `)).waitFor();
    await expect.poll(() => page.getByRole('img', { name: /^Space-time diagram of run 1/ }).count()).toBe(2);
    await picture(page, 'compare');
    await page.locator('[data-twin="timeline"]').click();
    const own = await page.getByRole('region', { name: 'Differences as a table' }).locator('tbody tr').evaluateAll((all) => all.map((row) => row.children[1]?.textContent ?? ''));
    expect(new Set(own)).toEqual(new Set([`run 1 failing, arm64`, (await branch.innerText()).split('\n')[0]]));
    await page.locator('[data-twin="timeline"]').click();
    await page.getByLabel('Compare with').selectOption({ label: 'Do not compare' });

    await runs.getByRole('button', { name: /^run 1 failing/ }).click();
    await expect.poll(() => timeline(page)).toEqual(failing);
    expect(await verdict().locator('p').evaluate((p) => p.firstChild?.textContent)).toBe(sentence);
  });

  it('switches the machine, and sees why that one does not fail', async () => {
    await page.getByRole('button', { name: 'Why not on x86-64?' }).click();
    expect(await page.getByRole('radio', { name: /^x86-64/ }).getAttribute('aria-checked')).toBe('true');
    await expect.poll(() => verdict().innerText(), { timeout: PATIENCE_MS }).toMatch(/^complete\s+complete: \d+ executions/);
    expect(await alert().count()).toBe(0);
    await expect.poll(async () => (await timeline(page)).last, { timeout: PATIENCE_MS }).toBeGreaterThan(1);
    await page.getByRole('radio', { name: /^strict/ }).click();
    await alert().waitFor();
    expect(await verdict().locator('.where').innerText()).toContain('strict, workload “Two frames, one after the other”');
  });

  it('mends the driver in the editor; the old verdict is said to be old', async () => {
    await addToLine(page, "import { dma_rmb } from 'asm/barrier';", "import { dma_rmb, dma_wmb } from 'asm/barrier';");
    await addToLine(page, '  // hand over', '  dma_wmb();\n  // hand over');
    await page.locator('[data-draft="saved"]').waitFor();
    const { text } = (await (await page.request.get(`${server.url}/api/drafts/${NIC_LAB.id}`)).json()) as { text: string };
    expect(text).toBe(driverText(NIC_LAB.folder, 'solution'));
    expect(await verdict().locator('.where').innerText()).toContain('Of an earlier text.');
    expect(await profileWord(page, 'strict')).toBe('violated, of an earlier text');
  });

  it('runs it: no violation on any machine, every execution tried', async () => {
    await page.getByRole('button', { name: /^Run/ }).click();
    for (const profile of PROFILES) await expect.poll(() => profileWord(page, profile), { timeout: PATIENCE_MS }).toBe('complete');
    expect(await verdict().innerText()).toMatch(/complete: \d+ executions/);
    expect(await alert().count()).toBe(0);
    await picture(page, 'workspace-complete');
  });

  it('submits it, is asked once, and has full marks', async () => {
    await page.getByRole('button', { name: 'Submit' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('heading', { name: 'Submit driver.ts?' }).waitFor();
    await dialog.getByRole('button', { name: 'Submit' }).click();
    await dialog.getByRole('heading', { name: 'Result' }).waitFor({ timeout: 2 * PATIENCE_MS });
    expect(await dialog.locator('[data-points]').innerText()).toBe('100 of 100 points. Every hidden workload passed.');
    expect(await dialog.locator('ul.checks > li .v-bad').count()).toBe(0);
    await picture(page, 'result');
    await dialog.getByRole('button', { name: 'Close' }).click();
  });

  it('reloads, and draft and result are still there', async () => {
    await page.goto(`${server.url}/labs/${NIC_LAB.id}`);
    await page.locator('.monaco-editor .view-line').first().waitFor();
    const solution = driverText(NIC_LAB.folder, 'solution').split('\n');
    await expect
      .poll(async () => {
        const shown = await visibleText(page);
        return shown.length > 10 && shown.every((line, i) => line === solution[i]);
      }, { timeout: PATIENCE_MS })
      .toBe(true);
    await page.getByText('Only whole frames are sent').first().waitFor();
    expect(await page.locator('.checks').first().innerText()).toMatch(/Only whole frames are sent\s+30 \/ 30/);
    await page.getByRole('link', { name: 'dmalab, all labs' }).click();
    await page.getByText('100 / 100').waitFor();
    expect(await page.getByRole('link', { name: /Coherent is not ordered/ }).innerText()).toMatch(/solved, all points/);
    await picture(page, 'catalogue', { docs: true });
  });

  it('is told that the old link was made with another text, and sees the run that comes out', async () => {
    await page.goto(link);
    await expect.poll(() => verdict().innerText(), { timeout: PATIENCE_MS }).toMatch(/made with other driver code/);
    await expect.poll(async () => (await timeline(page)).last, { timeout: PATIENCE_MS }).toBeGreaterThan(1);
  });

  it('is taken to a failure with another workload on another machine, and told of type errors', async () => {
    await openLab(page, server.url, NIC_LAB.id);
    const lines = driverText(NIC_LAB.folder, 'variants/no-dma-rmb').split('\n');
    const at = lines.findIndex((line) => line.includes("d.store('len'"));
    lines[at] = lines[at]!.replace('cpu_to_le16(bytes)', 'bytes');
    await typeDriver(page, lines.join('\n'));
    await page.getByLabel('Workload').selectOption({ label: 'Two frames, one after the other' });
    await page.getByRole('radio', { name: /^x86-64/ }).click();
    await page.keyboard.press('ControlOrMeta+Enter');

    await alert().waitFor();
    const where = verdict().locator('.where');
    await expect.poll(() => where.innerText(), { timeout: PATIENCE_MS }).toMatch(/^XB3 .* arm64, workload “Two frames arrive”, step \d+ of \d+/);
    expect(await where.innerText()).toContain('you ran x86-64, workload “Two frames, one after the other”: complete');
    expect(await where.innerText()).toContain(`1 type error, driver.ts:${at + 1}`);
    await expect.poll(() => profileWord(page, 'x86-64'), { timeout: PATIENCE_MS }).toBe('complete');
    await expect.poll(async () => (await timeline(page)).step, { timeout: PATIENCE_MS }).toBeGreaterThan(1);
    await picture(page, 'workspace-elsewhere');

    await page.getByRole('log').getByRole('button', { name: `driver.ts:${at + 1}` }).click();
    await expect.poll(() => page.locator('.monaco-editor .active-line-number').first().innerText()).toBe(String(at + 1));
    await page.getByRole('button', { name: 'Why not on x86-64?' }).click();
    await expect.poll(() => verdict().innerText(), { timeout: PATIENCE_MS }).toMatch(/arm64 is violated, workload “Two frames arrive”\./);
    await page.getByRole('button', { name: 'Open arm64' }).click();
    await alert().waitFor();
  });

  it('clicks on the line that says what is missing, and writes', async () => {
    const gap = (await page.locator('.monaco-editor .gap').boundingBox())!;
    await page.mouse.click(gap.x + gap.width / 2, gap.y + gap.height / 2);
    expect(await page.evaluate(() => document.activeElement?.closest('.monaco-editor') !== null)).toBe(true);
  });

  it('is told why a driver did not start, wherever its steps would be', async () => {
    await typeDriver(page, driverText(NIC_LAB.folder, 'solution').replace('function probe', 'function prob'));
    await page.keyboard.press('ControlOrMeta+Enter');
    await expect.poll(() => verdict().innerText(), { timeout: PATIENCE_MS }).toMatch(/^error\s+driver\.ts:1: there is no function probe at the top level, and the lab calls it/);
    for (const pane of ['Machine', 'Timeline']) await page.getByRole('region', { name: pane, exact: true }).getByText(/^Run 2 did not start, so there is nothing to see\. driver\.ts:1: /).waitFor();
    await page.getByRole('navigation', { name: 'Runs' }).getByRole('button', { name: /^run 2, arm64.*did not start$/ }).waitFor();
  });

  it('and the page complained of nothing on the way', () => {
    expect(visit.complaints).toEqual([]);
  });
});
