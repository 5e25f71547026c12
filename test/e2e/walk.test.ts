// SPDX-License-Identifier: Apache-2.0
/** The walk page in a real browser: a stopped request is understood, mended and sent again, by keyboard; and links lead back. */
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, openWindow, PHONE, picture, type Visit, violations } from '../support/browser.ts';
import { type ServerProcess, startServer } from '../support/server.ts';

const THEMES = ['light', 'dark', 'contrast'] as const;

let server: ServerProcess;
let browser: Browser;
let visit: Visit;
let page: Page;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launchBrowser()]);
  visit = await openWindow(browser);
  page = visit.page;
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
}, 60_000);

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await picture(page, 'walk-failed');
});

const outcome = (of: Page = page) => of.locator('.outcome p');
const here = (of: Page = page) => of.locator('ol.walk [aria-current="step"]');
const entry = (of: Page = page) => of.getByRole('region', { name: 'Entry' });

describe('the walk page', { timeout: 60_000 }, () => {
  it('opens at the entry that stops a request, and says why with field, bit, rule and section', async () => {
    await page.goto(`${server.url}/walk`);
    await outcome().filter({ hasText: 'is stopped: first-stage entry not present. P must be set.' }).waitFor();
    expect(await outcome().innerText()).toContain('reason 0x71 · first-stage table, level 0, entry at 0x1_3000_2018 · P (bit 0) · Intel VT-d, "First-Stage Translation"');
    expect(await here().innerText()).toMatch(/^first-stage table, level 0 \[3\]/);
    expect(await page.locator('.cut li[aria-current]').innerText()).toMatch(/000000011\s+3\s+20:12/);
    expect(await entry().getByRole('heading').innerText()).toBe('First-stage paging entry');
    expect(await entry().locator('tr.hot th').allInnerTexts()).toEqual(['P']);
    await picture(page, 'walk-1600');
  });

  it('steps back to the PASID-table entry by keyboard, whose bits and fields are those of the entry', async () => {
    await here().focus();
    for (let i = 0; i < 4; i += 1) await page.keyboard.press('ArrowUp');
    await entry().getByRole('heading', { name: 'PASID-table entry' }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.textContent)).toMatch(/^PASID-table entry \[PASID 5:0 = 5\]/);
    expect(await entry().getByRole('img').evaluateAll((all) => all.map((svg) => svg.getAttribute('aria-label')))).toEqual([
      'Bits 63 to 0: 0x41. The table below has them by field.',
      'Bits 127 to 64: 0x180_0007. The table below has them by field.',
      'Bits 191 to 128: 0x1_2345_6000. The table below has them by field.',
    ]);
    const rows = await entry().locator('table.fields tbody tr').evaluateAll((all) => all.map((row) => [...row.children].slice(0, 4).map((cell) => cell.textContent)));
    expect(rows).toEqual([
      ['P', '0', '0', '1'], ['PGTT', '0', '8:6', '1'], ['DID', '1', '15:0', '7'], ['PWSNP', '1', '23', '1'], ['PGSNP', '1', '24', '1'], ['FSPTPTR', '2', '63:12', '0x12_3456'],
    ]);
    expect(await entry().locator('tr.hot th').allInnerTexts()).toEqual(['FSPTPTR']);
    // Fields are chosen by arrow keys, too; the bits of the chosen one stand out.
    await entry().getByRole('button', { name: 'P', exact: true }).focus();
    for (let i = 0; i < 2; i += 1) await page.keyboard.press('ArrowDown');
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('DID');
    expect(await entry().locator('svg text.heavy').allTextContents()).toEqual(['DID = 7', 'FSPTPTR = 0x123456']);
    await page.keyboard.press('F11');
    await entry().getByRole('heading', { name: 'First-stage paging entry' }).waitFor();
    await page.keyboard.press('Shift+F11');
    await entry().getByRole('button', { name: 'Show them' }).click();
    expect(await entry().locator('table.fields tbody tr').count()).toBe(17);
    await picture(page, 'walk-entry');
  });

  it('makes the smallest edit, sends the request again, and takes it back', async () => {
    await page.getByRole('button', { name: 'Set bit 0, and send it again' }).click();
    await outcome().filter({ hasText: 'goes through: it reaches 0x1_8010_3080.' }).waitFor();
    expect(await outcome().innerText()).toContain('mended: 0x1_3000_2018 | 0x1');
    await expect.poll(() => new URL(page.url()).hash).toContain('edits=');
    const mended = page.url();
    await page.getByRole('button', { name: 'As it was' }).click();
    await outcome().filter({ hasText: 'is stopped' }).waitFor();

    const other = await openWindow(browser, { width: 1280, height: 900 });
    await other.page.goto(mended);
    await outcome(other.page).filter({ hasText: 'goes through: it reaches 0x1_8010_3080.' }).waitFor();
    expect(other.complaints).toEqual([]);
    await other.page.context().close();
  });

  it('shows an entry of the IOTLB that is stale, what the tables say instead, and that the invalidation closes it', async () => {
    await page.getByLabel('System').selectOption({ label: 'RISC-V: the unmap that was not enough' });
    await outcome().filter({ hasText: 'The IOTLB still answers for 0x4040_3128: the untranslated read reaches 0x8804_5128. A walk of the tables would stop: read page fault.' }).waitFor();
    const row = page.getByRole('region', { name: 'Caches' }).locator('tr.stale');
    expect(await row.innerText()).toMatch(/stale: the tables say otherwise\s+PSCID 33\s+0x4040_3000, 0x1000 bytes\s+0x8804_5000\s+read\s+step 0/);
    await picture(page, 'walk-stale');
    await page.getByRole('combobox', { name: 'Step' }).selectOption({ index: 4 });
    await outcome().filter({ hasText: 'is stopped: read page fault.' }).waitFor();
    expect(await row.count()).toBe(0);
  });

  it('tells a vector that somebody pastes, one of several a request at a time, and says what cannot be told', async () => {
    const file = readFileSync(new URL('../oracle/iommu/riscv-iommu.jsonl', import.meta.url), 'utf8');
    const [nested = ''] = file.split('\n').filter((row) => row.includes('"id":"nested-implicit-012"'));
    await page.getByLabel('System').selectOption({ label: 'Your own…' });
    const text = page.getByLabel('A machine file, or vectors, one JSON object a line');
    await text.fill('{"caps":');
    await page.getByRole('button', { name: 'Walk', exact: true }).click();
    await page.getByRole('alert').filter({ hasText: 'This is not JSON' }).waitFor();
    await text.fill(`${nested}\n${file.slice(0, file.indexOf('\n'))}`);
    await page.getByRole('button', { name: 'Walk', exact: true }).click();
    await page.getByText('RISC-V IOMMU', { exact: true }).waitFor();
    const count = await page.locator('ol.walk > li').count();
    expect(count).toBeGreaterThan(8);
    expect(await page.locator('ol.walk .below').count()).toBeGreaterThan(3);
    await page.getByRole('combobox', { name: 'Vector', exact: true }).selectOption({ label: 'ddt-offbare-002' });
    await outcome().filter({ hasText: 'all inbound transactions disallowed' }).waitFor();
    await expect.poll(() => new URL(page.url()).hash).toMatch(/^#vector=/);
    await page.reload();
    await outcome().filter({ hasText: 'all inbound transactions disallowed' }).waitFor();
  });

  it('has a table that says what the chain shows', async () => {
    await page.goto(`${server.url}/walk#example=riscv-nested`);
    await outcome().filter({ hasText: 'it reaches 0x8902_0040' }).waitFor();
    const chain = await page.locator('ol.walk > li').evaluateAll((all) => all.slice(0, -1).map((li) => /0x[\da-f_]+$/.exec(li.querySelector('.where')?.textContent ?? '')?.[0] ?? ''));
    await here().focus();
    await page.keyboard.press('t');
    const table = page.locator('table.tt');
    await table.waitFor();
    const rows = await table.locator('tbody tr').evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent ?? '')));
    expect(rows.slice(0, -1).map((cells) => cells[3])).toEqual(chain);
    expect(await page.locator('th:not([scope])').count()).toBe(0);
    await page.keyboard.press('t');
    await page.locator('ol.walk').waitFor();
  });

  it('is whole on a phone: nothing scrolls sideways', async () => {
    const phone = await openWindow(browser, { ...PHONE, touch: true });
    for (const id of ['vtd-nested-write', 'riscv-stale&request=2']) {
      await phone.page.goto(`${server.url}/walk#example=${id}`);
      await outcome(phone.page).waitFor();
      const wide = await phone.page.evaluate(() => {
        const root = document.documentElement;
        const boxed = (el: Element): boolean => {
          for (let at: Element | null = el; at !== null && at !== root; at = at.parentElement) if (/(auto|scroll|hidden|clip)/.test(getComputedStyle(at).overflowX)) return true;
          return false;
        };
        return [...document.body.querySelectorAll('*')].filter((el) => el.getBoundingClientRect().right > root.clientWidth + 1 && !boxed(el)).map((el) => `${el.tagName.toLowerCase()}.${el.getAttribute('class') ?? ''}`);
      });
      expect({ id, wide }).toEqual({ id, wide: [] });
    }
    await picture(phone.page, 'walk-narrow', { fullPage: true });
    expect(phone.complaints).toEqual([]);
    await phone.page.context().close();
  });

  it('has no fault that axe finds, in any theme', async () => {
    await page.goto(`${server.url}/walk?axe#example=riscv-no-process`);
    await outcome().filter({ hasText: 'is stopped' }).waitFor();
    for (const theme of THEMES) {
      await page.evaluate((t) => (document.documentElement.dataset['theme'] = t), theme);
      expect({ theme, violations: await violations(page, { colours: theme !== 'light' }) }).toEqual({ theme, violations: [] });
      await picture(page, `walk-${theme}`);
    }
    await page.getByRole('button', { name: 'As a table' }).click();
    expect(await violations(page, { within: '[data-pane="Walk"]' })).toEqual([]);
  });

  it('and the page complained of nothing on the way', () => {
    expect(visit.complaints).toEqual([]);
  });
});
