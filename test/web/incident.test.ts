/** The page of an incident in a real browser, over the story stopped before its policy is mended: the fix is to be found, and taken away. */
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BEFORE_MENDED, type ServedStory, serveStory } from '../story.ts';
import { buildWindow, CHROMIUM, openBrowser, openPage, SKIPPED, violations } from './browser.ts';

const BACKEND = 'production/frontend → backend:8080';
const WAIT = { timeout: 30_000 };

let browser: Browser;
let story: ServedStory;

async function openIncident(page: Page): Promise<string> {
  await page.goto(story.url);
  await page.getByRole('link', { name: BACKEND }).click(WAIT);
  await page.locator('.plot canvas').waitFor(WAIT);
  await page.getByRole('heading', { name: 'Policy objects' }).waitFor(WAIT);
  await page.getByRole('heading', { name: 'Smallest fix' }).waitFor(WAIT);
  return page.url().split('/').at(-1) ?? '';
}

const remedy = async (id: string, form: string) => (await fetch(`${story.url}/api/v1/incidents/${id}/remedies/1?format=${form}`)).text();
const clipboard = (page: Page) => page.evaluate('navigator.clipboard.readText()');

describe.skipIf(CHROMIUM === null)(`the page of an incident${SKIPPED}`, () => {
  beforeAll(async () => {
    buildWindow();
    [browser, story] = await Promise.all([openBrowser(), serveStory(BEFORE_MENDED)]);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await story?.remove();
  });

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 360],
  ] as const)(
    'has no fault that axe finds, no complaint of the browser and no sideways scrolling: %s, %i px',
    async (colorScheme, width) => {
      const { page, complaints } = await openPage(browser, { colorScheme, viewport: { width, height: 800 } });
      await openIncident(page);
      await page.getByText('As a table').click();
      await page.getByRole('columnheader', { name: 'production/frontend denied' }).waitFor(WAIT);
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    90_000,
  );

  it('says by keys alone, from the list, why the frontend is denied, who did it, and what the smallest fix is, and has it copied', async () => {
    const { page, complaints } = await openPage(browser);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.goto(story.url);
    await page.getByRole('link', { name: BACKEND }).waitFor(WAIT);
    await page.getByText('Live', { exact: true }).waitFor(WAIT);
    const requests: string[] = [];
    page.on('request', (request) => requests.push(new URL(request.url()).pathname));
    const keys: string[] = [];
    const press = async (key: string) => {
      keys.push(key);
      await page.keyboard.press(key);
    };
    await press('j');
    await press('Enter');
    await page
      .getByRole('heading', {
        level: 1,
        name: 'MeshTLSAuthentication production/frontend-mtls lists ServiceAccount frontend of another namespace, prod.',
      })
      .waitFor(WAIT);
    const edit = page.getByRole('region', { name: 'The edit that did it' });
    await edit.getByText('with kubectl-edit').waitFor(WAIT);
    expect(await edit.locator('ins').textContent()).toContain('frontend.prod.serviceaccount');
    const fix = page.getByRole('region', { name: 'Smallest fix' });
    await fix.getByText('Correct the identity in MeshTLSAuthentication production/frontend-mtls.').waitFor(WAIT);
    await fix.getByText('Proved').waitFor(WAIT);
    await press('c');
    await page.getByText('The fix is copied, as YAML.').waitFor(WAIT);
    const id = page.url().split('/').at(-1) ?? '';
    expect(await clipboard(page)).toBe(await remedy(id, 'yaml'));
    const asked = requests.filter((path) => path.includes('/api/'));
    console.log(`why, who and what to do: ${keys.length} keys (${keys.join(' ')}), ${asked.length} requests of the API`);
    expect(keys.length).toBeLessThanOrEqual(3);
    expect(asked.length).toBeLessThanOrEqual(12);
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 90_000);

  it('draws the denials with the change that did it, and says the same in words and as a table', async () => {
    const { page } = await openPage(browser);
    const id = await openIncident(page);
    const said = page.locator('#over-time');
    const words = await page.getByRole('img', { name: 'Denied from' }).getAttribute('aria-label');
    expect(words).toMatch(/^Denied from 09:23:00 to 09:28:00 UTC, .*Change: 09:23:07 frontend-mtls edited with kubectl-edit\.$/);
    await said.getByText('As a table').click();
    const cells = await said.locator('tbody td').allTextContents();
    const { clients } = (await (await fetch(`${story.url}/api/v1/incidents/${id}/series`)).json()) as { clients: { count: number }[] };
    const columns = clients.length + 1;
    const sums = clients.map((_, column) => cells.filter((__, i) => i % columns === column).reduce((sum, text) => sum + Number(text), 0));
    expect(sums).toEqual(clients.map(({ count }) => count));
    // The line of the change is drawn: a column of one colour from above the bars down to the axis.
    expect(
      await page.locator('.plot canvas').evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL().length),
    ).toBeGreaterThan(2000);
    await page.context().close();
  }, 60_000);

  it('marks the lines of the policy objects that decided, then, and shows them as they are now', async () => {
    const { page } = await openPage(browser);
    await openIncident(page);
    const objects = page.locator('#objects');
    expect(await objects.locator('.denies code').allTextContents()).toEqual([
      '    - frontend.prod.serviceaccount.identity.linkerd.cluster.local',
      '    - group: policy.linkerd.io',
      '      kind: MeshTLSAuthentication',
      '      name: frontend-mtls',
    ]);
    await objects.getByRole('button', { name: 'Now' }).click();
    await objects.getByText('as they are now').waitFor(WAIT);
    expect(await objects.locator('.denies').count()).toBe(0);
    // `s` alone takes the fix along; behind `g` it is the page.
    await page.locator('body').press('g');
    await page.keyboard.press('s');
    await expect.poll(() => new URL(page.url()).pathname + new URL(page.url()).search, WAIT).toBe('/simulate');
    await page.context().close();
  }, 60_000);

  it('gives its fix in every form: copied, as a command, downloaded as the API gives it, and simulated', async () => {
    const { page, complaints } = await openPage(browser, { acceptDownloads: true });
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const id = await openIncident(page);
    const fix = page.getByRole('region', { name: 'Smallest fix' });
    for (const [button, form] of [
      ['Copy Git patch', 'diff'],
      ['Copy JSON patch', 'patch'],
    ] as const) {
      await fix.getByRole('button', { name: button }).click();
      await expect.poll(() => clipboard(page), WAIT).toBe(await remedy(id, form));
    }
    const yaml = await remedy(id, 'yaml');
    await fix.getByRole('button', { name: 'Copy kubectl' }).click();
    await expect.poll(() => clipboard(page), WAIT).toBe(`kubectl apply -f - <<'END'\n${yaml}END\n`);
    for (const [link, form, ending] of [
      ['Download .yaml', 'yaml', '.yaml'],
      ['Download .patch.json', 'patch', '.patch.json'],
      ['Download .diff', 'diff', '.diff'],
    ] as const) {
      const [download] = await Promise.all([page.waitForEvent('download', WAIT), fix.getByRole('link', { name: link }).click()]);
      expect(download.suggestedFilename()).toBe(`${id}-remedy-1${ending}`);
      expect(readFileSync(await download.path(), 'utf8')).toBe(await remedy(id, form));
    }
    await page.locator('body').press('s');
    await expect.poll(() => page.url(), WAIT).toContain(`/simulate?incident=${id}&remedy=1`);
    await page
      .getByRole('row', { name: /sa\/frontend.*frontend-mtls lets it in/ })
      .first()
      .waitFor(WAIT);
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 90_000);

  it('shows a list whose rows say when, on one axis', async () => {
    const { page } = await openPage(browser);
    await page.goto(story.url);
    const row = page.locator('.incidents li').filter({ hasText: BACKEND });
    await row.getByRole('img', { name: /^459 since \S+( \S+)? UTC$/ }).waitFor(WAIT);
    expect(await row.locator('.spark rect').count()).toBeGreaterThan(15);
    await page.context().close();
  }, 60_000);
});
