/** The window in a real browser, over the service with the recorded story. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, TOKENS } from '../http/running.ts';
import { buildWindow, CHROMIUM, openBrowser, openPage, SKIPPED, startProxy, violations } from './browser.ts';

const ROOT = join(import.meta.dirname, '../..');

let browser: Browser;
let demo: ChildProcess;
let url = '';

/** Resolves with the address that the demo says it listens on. */
function startDemo(): Promise<string> {
  demo = spawn(process.execPath, [join(ROOT, 'bin/denywhy.js'), 'demo', '-o', 'json'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] });
  return new Promise((resolve, reject) => {
    let said = '';
    demo.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const [, found] = /listens on (http:\S+)/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    demo.once('exit', () => reject(new Error(said)));
  });
}

const BACKEND = 'production/frontend → backend:8080';

describe.skipIf(CHROMIUM === null)(`the window${SKIPPED}`, () => {
  beforeAll(async () => {
    buildWindow();
    [browser, url] = await Promise.all([openBrowser(), startDemo()]);
  }, 120_000);
  afterAll(async () => {
    demo?.kill();
    await browser?.close();
  });

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 360],
  ] as const)(
    'has no fault that axe finds, no complaint of the browser and no sideways scrolling: %s, %i px',
    async (colorScheme, width) => {
      const { page, complaints } = await openPage(browser, { colorScheme, viewport: { width, height: 800 } });
      const look = async () => {
        expect(await violations(page)).toEqual([]);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      };
      await page.goto(url);
      await page.getByRole('link', { name: BACKEND }).waitFor();
      await page.getByText('Do not allow', { exact: true }).nth(1).waitFor();
      await look();
      await page.getByRole('link', { name: BACKEND }).click();
      await page.getByRole('heading', { name: 'Decision, step by step' }).waitFor();
      await page.getByRole('heading', { name: 'Nothing to do' }).waitFor();
      await look();
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keys' }).waitFor();
      await look();
      await page.keyboard.press('Escape');
      await page.getByRole('link', { name: 'Status' }).click();
      await page.getByRole('heading', { name: 'Durability' }).waitFor();
      await page.getByText('flushed to the disk').waitFor();
      await look();
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    60_000,
  );

  it('answers on the first screen who is denied, by what, and which part differs; by keys alone; an incident is acknowledged and muted', async () => {
    const { page, complaints } = await openPage(browser);
    await page.goto(url);
    await page.getByRole('link', { name: BACKEND }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('frontend-mtls');
    await expect.poll(() => page.url()).toContain('?q=frontend-mtls');
    await page.keyboard.press('Tab');
    await page.getByRole('link', { name: BACKEND }).waitFor();
    await page.locator('body').press('j');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'lists ServiceAccount frontend of another namespace, prod' }).waitFor();
    expect(await page.locator('.identity mark').allTextContents()).toEqual(['prod', 'production']);
    expect(await page.locator('.steps .decides code').textContent()).toBe('backend-api-authz');

    await page.keyboard.press('a');
    await page.getByRole('dialog', { name: 'Acknowledge backend:8080' }).waitFor();
    await page.locator('textarea:focus').waitFor();
    await page.keyboard.type('looked after by the test');
    await page.keyboard.press('Enter');
    await page.getByText('looked after by the test').waitFor();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.keyboard.press('m');
    await page.getByRole('dialog', { name: 'Mute backend:8080' }).waitFor();
    await page.locator('textarea:focus').waitFor();
    await page.keyboard.type('known until the rollout');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'End the mute: known until the rollout' }).waitFor();
    const { items } = (await (await fetch(`${url}/api/v1/incidents?muted=true`)).json()) as {
      items: { state: string; server: { name: string } }[];
    };
    expect(items.map(({ state, server }) => [state, server.name])).toEqual([['acknowledged', 'backend-http']]);

    await page.keyboard.press('Escape');
    await page.locator('#page').getByRole('heading', { level: 1 }).waitFor();
    await page.goto(`${url}/?show=muted`);
    await page.getByRole('link', { name: BACKEND }).waitFor();
    // The answer is the scanner's, the sentence the frontend's.
    await page.getByRole('listitem').filter({ hasText: BACKEND }).getByText('security/scanner: This denial looks deliberate').waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('does without single keys where a reader wants none', async () => {
    const { page } = await openPage(browser);
    await page.goto(`${url}/status`);
    await page.getByRole('heading', { name: 'Durability' }).waitFor();
    await page.keyboard.press('?');
    const keys = page.getByRole('checkbox', { name: 'Single keys do something' });
    await keys.uncheck();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.reload();
    await page.getByRole('heading', { name: 'Durability' }).waitFor();
    await page.keyboard.press('?');
    await page.getByRole('button', { name: 'Keys', exact: true }).click();
    await keys.check();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.context().close();
  });

  it('shows text of others as text', async () => {
    const evil = '<img/src=x/onerror=document.title="owned">';
    const line = `[ 10.000000s]  INFO ThreadId(01) inbound:server{port=4143}: linkerd_app_inbound::policy::http: Request denied server.group=policy.linkerd.io server.kind=server server.name=${evil} route.group= route.kind=default route.name=default client.tls=None(NoClientHello) client.ip=10.9.9.9`;
    const answer = await fetch(`${url}/api/v1/logs`, {
      method: 'POST',
      headers: {
        'Content-Type': 'text/plain',
        'X-Denywhy-Namespace': 'evil',
        'X-Denywhy-Pod': 'p-1',
        'X-Denywhy-Workload': 'deploy/javascript',
      },
      body: `2026-11-23T09:30:00.000Z ${line}\n`,
    });
    expect(await answer.json()).toMatchObject({ facts: 1 });
    const { page, complaints } = await openPage(browser);
    await page.goto(`${url}/?namespace=evil&q=%3Cscript%3Edocument.title%3D1%3C/script%3E`);
    await page.getByText('passes these filters').waitFor();
    await page.goto(`${url}/?namespace=evil`);
    await page.getByText(evil).first().waitFor();
    await page.locator('.who a').first().click();
    await page.locator('.raw').first().waitFor();
    expect(await page.locator('.raw').first().textContent()).toContain(evil);
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect([await page.title(), complaints]).toEqual(['denywhy', []]);
    await page.context().close();
  });

  it('survives a dead API below a path of a proxy, says so, and comes back by itself', async () => {
    const proxy = await startProxy(url, '/deep/denywhy/');
    const { page } = await openPage(browser);
    await page.goto(proxy.url);
    await page.getByText('Live', { exact: true }).waitFor();
    const row = page.getByRole('link', { name: 'security/scanner → database:5432' });
    await row.waitFor();
    await proxy.die();
    await page.getByText('Reconnecting, data from').waitFor();
    expect(await row.isVisible()).toBe(true);
    await proxy.rise();
    await page.getByText('Live', { exact: true }).waitFor({ timeout: 20_000 });
    await row.click();
    await page.getByRole('heading', { name: 'Decision, step by step' }).waitFor();
    const deep = page.url();
    expect(deep).toMatch(/\/deep\/denywhy\/incidents\/i[0-9a-f]+$/);
    await page.goto(deep);
    await page.getByRole('heading', { name: 'Decision, step by step' }).waitFor();
    await page.context().close();
    await proxy.die();
  }, 40_000);
});

describe.skipIf(CHROMIUM === null)(`signing in${SKIPPED}`, () => {
  it('a reader reads and sees no button that would be refused; nothing of the token stands in the address or in a script’s reach', async () => {
    const running = await startTestServer({ tokens: TOKENS });
    const opened = await openBrowser();
    try {
      const { page } = await openPage(opened);
      await page.goto(`${running.url}/status`);
      await page.getByLabel('Token').fill('wrong-token-0000000001');
      await page.keyboard.press('Enter');
      await page.getByText('This token is not known.').waitFor();
      expect(await violations(page)).toEqual([]);
      await page.getByLabel('Token').fill('viewer-token-00000002');
      await page.keyboard.press('Enter');
      await page.getByText('viewer: read').waitFor();
      expect(await page.evaluate('document.cookie + JSON.stringify(localStorage) + location.href')).not.toContain('viewer-token');
      await page.reload();
      await page.getByText('viewer: read').waitFor();
      await page.getByRole('link', { name: 'Incidents' }).click();
      await page.getByText('nothing proves that one would be').waitFor();
      expect(await page.getByText('acknowledge').count()).toBe(0);
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('Token').waitFor();
    } finally {
      await opened.close();
      await running.server.close(0);
    }
  });
});
