// SPDX-License-Identifier: Apache-2.0
/** For whole-system tests: a real browser, and what a person does in the workspace. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, chromium, type Page } from 'playwright-core';
import { root } from './repo.ts';

const FLAGS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'];

/** Signals of the app may take seconds on a loaded machine. */
export const PATIENCE_MS = 45_000;
const DESK = { width: 1600, height: 1000 } as const;
export const PHONE = { width: 390, height: 844 } as const;

/** The browser that `npm test` found: CHROMIUM_PATH, or the system's. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium', args: FLAGS });
}

export interface Visit {
  readonly page: Page;
  /** What the page threw or logged as an error. Expected to stay empty. */
  readonly complaints: string[];
}

/** A window of its own that is signed in as whoever owns `signInUrl` or, for later windows, `like`. */
export async function openWindow(browser: Browser, o: { signInUrl?: string; like?: Page; width?: number; height?: number; touch?: boolean } = {}): Promise<Visit> {
  const context = await browser.newContext({
    permissions: ['clipboard-read', 'clipboard-write'],
    viewport: { width: o.width ?? DESK.width, height: o.height ?? DESK.height },
    reducedMotion: 'reduce',
    hasTouch: o.touch ?? false,
    isMobile: o.touch ?? false,
    ...(o.like === undefined ? {} : { storageState: await o.like.context().storageState() }),
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`threw ${error.message}`));
  page.on('console', (message) => message.type() === 'error' && complaints.push(`logged ${message.text()}`));
  if (o.signInUrl !== undefined) await page.goto(o.signInUrl);
  return { page, complaints };
}

/** What depends on colours alone; a theme changes nothing else. */
const OF_COLOURS = ['color-contrast', 'link-in-text-block'];

/**
 * Every violation that axe finds, with the elements it is about; Monaco answers for itself.
 * @param o.within what has changed since the whole page was looked at; looking at all of it again takes seconds
 * @param o.colours only what a theme can change
 */
export async function violations(of: Page, o: { within?: string; colours?: boolean } = {}): Promise<string[]> {
  let axe = new AxeBuilder({ page: of }).exclude('.monaco-editor');
  if (o.within !== undefined) axe = axe.include(o.within);
  if (o.colours === true) axe = axe.withRules(OF_COLOURS);
  const { violations: found } = await axe.analyze();
  return found.flatMap((v) => v.nodes.map((node) => `${v.id}: ${node.target.join(' ')}`));
}

/** Opens a lab and waits until its editor can be typed in. */
export async function openLab(page: Page, url: string, lab: string, query = ''): Promise<void> {
  await page.goto(`${url}/labs/${lab}${query}`);
  await page.locator('.monaco-editor .view-line').first().waitFor();
}

/** The lines of the editor that are on the screen, from the top. */
export async function visibleText(page: Page): Promise<string[]> {
  const lines = await page.locator('.monaco-editor .view-lines').first().locator('.view-line').evaluateAll((all) => all.map((line) => ({ top: line.getBoundingClientRect().top, text: line.textContent ?? '' })));
  return lines.sort((a, b) => a.top - b.top).map(({ text }) => text.replaceAll('\u00a0', ' '));
}

/** Replaces the editor's text as a person would: select all, paste. */
export async function typeDriver(page: Page, text: string): Promise<void> {
  await page.locator('.monaco-editor .view-lines').first().click();
  await page.keyboard.press('ControlOrMeta+A');
  await paste(page, text);
  await page.locator('[data-draft="saved"]').waitFor();
}

/** Typing would be indented and completed by the editor; pasted text stays as it is. */
async function paste(page: Page, text: string): Promise<void> {
  await page.evaluate((t) => navigator.clipboard.writeText(t), text);
  await page.keyboard.press('ControlOrMeta+V');
}

/** Puts the caret into a line, replaces what stands there by keyboard. */
export async function addToLine(page: Page, old: string, text: string): Promise<void> {
  await page.keyboard.press('Escape');
  const line = page.locator('.monaco-editor .view-lines').first().locator('.view-line').filter({ hasText: old.trim() });
  await page.locator('.monaco-editor .view-lines').first().click();
  await page.keyboard.press('ControlOrMeta+Home');
  // The editor draws a moment after the key, and only the lines that fit.
  const drawn = (): Promise<boolean> => line.first().waitFor({ timeout: 700 }).then(() => true, () => false);
  for (let i = 0; i < 40 && !(await drawn()); i += 1) await page.keyboard.press('PageDown');
  await line.first().click();
  await page.keyboard.press('End');
  await page.keyboard.press('Shift+Home');
  await page.keyboard.press('Shift+Home');
  await paste(page, text);
}

/** What the switch says of a profile: `complete`, `violated, of an earlier text`. */
export async function profileWord(page: Page, profile: string): Promise<string> {
  const label = await page.getByRole('radio', { name: new RegExp(`^${profile}:`) }).getAttribute('aria-label');
  return label?.slice(profile.length + 2) ?? '';
}

/** Where the timeline stands: the step all panes follow, and the last one. */
export async function timeline(page: Page): Promise<{ step: number; last: number }> {
  const range = page.getByRole('slider', { name: 'Step' });
  return { step: Number(await range.inputValue()), last: Number(await range.getAttribute('max')) };
}

/** Into test-results/, and into the docs when they are being made. */
export async function picture(page: Page, name: string, o: { docs?: boolean; fullPage?: boolean } = {}): Promise<void> {
  const places = [join(root, 'test-results', `${name}.png`), ...(o.docs === true && process.env['DMALAB_SCREENSHOTS'] === '1' ? [join(root, 'docs', 'images', `${name}.png`)] : [])];
  for (const path of places) {
    mkdirSync(dirname(path), { recursive: true });
    await page.screenshot({ path, fullPage: o.fullPage ?? false, animations: 'disabled' });
  }
}
