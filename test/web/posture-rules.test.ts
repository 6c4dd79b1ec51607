/** Posture and Rules, long lists, and what stands there when nothing is denied or nothing is built: in a real browser, over the real server. */
import { readFileSync } from 'node:fs';
import express from 'express';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ruleReport } from '../../src/alerting/rule-report.ts';
import { DEFAULTS } from '../../src/alerting/settings.ts';
import { createAsking } from '../../src/commands/service-asking.ts';
import type { Asking, HttpOptions, KnownRules } from '../../src/http/options.ts';
import { problemOf, sendProblem } from '../../src/http/problem.ts';
import { withoutPrometheus } from '../../src/http/rules.ts';
import { serveWindow } from '../../src/http/window.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import { clusterInfo } from '../../src/policy/cluster-settings.ts';
import { createHistory } from '../../src/policy/history.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import type { Json } from '../../src/ports.ts';
import { saveSource } from '../../src/triage/sources.ts';
import { denials, FROM_CART, type Running, startTestServer } from '../http/running.ts';
import { buildWindow, CHROMIUM, openBrowser, openPage, SKIPPED, violations } from './browser.ts';
import { fillStore } from './many.ts';

const HOSTILE = '<img src=x onerror=document.title="owned">';
const FACES = [
  ['light', 1280],
  ['dark', 1280],
  ['light', 360],
] as const;

/** The machine may have other things to do. */
const PATIENT = { timeout: 15_000, interval: 100 };

let browser: Browser;
let running: Running | null = null;

async function start(options: Partial<HttpOptions> = {}): Promise<Running> {
  running = await startTestServer(options);
  return running;
}

/** Of the story's cluster as it is at its end. */
function askingOfStory(): Asking {
  const history = readFileSync('demo/policy-history.jsonl', 'utf8');
  const view = createHistory(mergeManifests([readManifests(history, 'history.jsonl', {})]).changes, LINKERD_DEFAULTS);
  const settings = clusterInfo({ resources: [], flags: { defaultPolicy: 'all-unauthenticated' } });
  const policy = { current: () => ({ view, revision: '1' }), settings: () => settings, unread: () => new Map(), history: () => view };
  const store = { list: async () => [] } as unknown as HttpOptions['store'];
  const alerting = async () => ({ prometheus: null, targets: null, rules: null, retention: null });
  return createAsking(policy, store, { alerting, now: () => Date.UTC(2026, 10, 23, 10) });
}

async function look(page: Page, width: number): Promise<void> {
  expect(await violations(page)).toEqual([]);
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
}

describe.skipIf(CHROMIUM === null)(`the window${SKIPPED}`, () => {
  beforeAll(async () => {
    buildWindow();
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await running?.server.close(0);
    running = null;
  });

  describe('Posture', () => {
    it.each(FACES)('has no fault that axe finds, and no complaint of the browser: %s, %i px', async (colorScheme, width) => {
      const { url } = await start({ asking: askingOfStory() });
      const { page, complaints } = await openPage(browser, { colorScheme, viewport: { width, height: 800 } });
      await page.goto(`${url}/posture`);
      await page.getByRole('heading', { level: 1, name: /^Default deny is in force in \d of \d namespaces?$/ }).waitFor();
      await look(page, width);
      await page.getByRole('link', { name: 'production' }).click();
      await page.getByRole('heading', { level: 1, name: /^production: of 11 practices \d hold/ }).waitFor();
      await page.getByText('Its objects').first().click();
      await look(page, width);
      expect(complaints).toEqual([]);
    });

    it('shows practice by practice what was found, and a step of the plan is copied as the objects that it was proved with', async () => {
      const asking = askingOfStory();
      const { url } = await start({ asking });
      const { page } = await openPage(browser, { permissions: ['clipboard-read', 'clipboard-write'] });
      await page.goto(`${url}/posture?namespace=production`);
      const practice = page.getByRole('region', { name: 'Each workload has a ServiceAccount of its own' });
      await practice.getByText('runs as ServiceAccount default').first().waitFor();
      await practice.getByRole('button', { name: /^Copy kubectl create serviceaccount/ }).click();
      expect(await page.evaluate('navigator.clipboard.readText()')).toMatch(/^kubectl create serviceaccount -n production reports/);
      const plan = page.getByRole('region', { name: 'The way to default deny' });
      await plan.getByRole('button', { name: /^Copy YAML: Servers and grants/ }).click();
      const { plan: judged } = (await asking.posture('production')) as { plan: { steps: { yaml: string }[] } };
      await expect.poll(() => page.evaluate('navigator.clipboard.readText()'), PATIENT).toBe(judged.steps[0]?.yaml);
      expect(judged.steps[0]?.yaml).toContain('kind: Server');
      await page.getByRole('button', { name: /^Does not hold/ }).click();
      await expect.poll(() => page.url(), PATIENT).toContain('show=not');
      await page.getByRole('region', { name: 'Policies say what they are for' }).waitFor();
      expect(await practice.count()).toBe(0);
      await page.keyboard.press('g');
      await page.keyboard.press('r');
      await page.getByRole('heading', { level: 1, name: 'Whether the' }).waitFor();
    });

    it('that is slow says so, and holds up no other page', async () => {
      const asking = askingOfStory();
      let answer = () => {};
      const waited = new Promise<void>((resolve) => {
        answer = resolve;
      });
      const { url } = await start({ asking: { ...asking, posture: (ns) => waited.then(() => asking.posture(ns)) } });
      const { page } = await openPage(browser);
      await page.goto(`${url}/posture`);
      await page.getByText(/Judging every practice, \d s so far/).waitFor();
      await page.getByRole('link', { name: 'Status' }).click();
      await page.getByRole('heading', { name: 'Durability' }).waitFor();
      await page.getByRole('link', { name: 'Posture' }).click();
      answer();
      await page.getByRole('link', { name: 'production' }).waitFor();
      await page.getByRole('button', { name: 'Judge again' }).click();
      await page.getByText(/^Judged 0 s ago/).waitFor();
    });

    it('without a cluster says what to configure', async () => {
      const { url } = await start();
      const { page } = await openPage(browser);
      await page.goto(`${url}/posture`);
      await page.getByText('No cluster is known.').waitFor();
      await page.getByText('Set kubernetes.watch').waitFor();
    });
  });

  describe('Rules', () => {
    const labels = { alertname: 'LinkerdRequestsDenied', severity: 'warning', namespace: 'shop', client: HOSTILE };
    const active = [{ labels, state: 'firing', activeAt: new Date(Date.now() - 90_000).toISOString(), value: '3e+00' }];
    const running0 = ruleReport(DEFAULTS, null);
    /** All but the last are there, and one of them fires. */
    const known = async (): Promise<KnownRules> => ({
      ...withoutPrometheus([
        { name: 'monitoring/denywhy', by: [{ prometheus: 'monitoring/k8s', isTaken: false, reasons: [`its ruleSelector: ${HOSTILE}`] }] },
      ]),
      prometheus: 'Prometheus at http://prometheus:9090',
      fault: null,
      rules: running0.map((rule, i) => ({
        ...rule,
        state: i === running0.length - 1 ? ('missing' as const) : ('ok' as const),
        lastEvaluation: new Date().toISOString(),
        active:
          rule.name === 'LinkerdRequestsDenied'
            ? active.map(({ labels: { alertname: _, ...own }, ...alert }) => ({ ...alert, state: 'firing' as const, labels: own }))
            : [],
      })),
    });

    it.each(FACES)('has no fault that axe finds, and shows text of others as text: %s, %i px', async (colorScheme, width) => {
      const { url } = await start({ rules: known });
      const { page, complaints } = await openPage(browser, { colorScheme, viewport: { width, height: 800 } });
      await page.goto(`${url}/rules?rule=LinkerdRequestsDenied`);
      await page.getByRole('heading', { level: 1, name: '1 of 23 rules is not as they should be; 1 alert fires' }).waitFor();
      await page.getByText('Not selected', { exact: true }).waitFor();
      await page.getByText(`client="${HOSTILE}"`).waitFor();
      expect(await page.locator('main img').count()).toBe(0);
      await look(page, width);
      expect([await page.title(), complaints]).toEqual(['denywhy', []]);
    });

    it('shows of a rule its expression, its tests, its runbook and the incidents of what it sees', async () => {
      const { url } = await start({ rules: known });
      const { page } = await openPage(browser);
      await page.goto(`${url}/rules?show=active`);
      const row = page.locator('#LinkerdRequestsDenied');
      await row.waitFor();
      expect(await page.locator('.rules > li').count()).toBe(1);
      await row.locator('summary').click();
      await row.getByText('a series is born at its first denial, and stays').waitFor();
      await row.getByText('inbound_http_authz_deny:increase5m').first().waitFor();
      expect(await row.getByRole('link', { name: 'Its incidents' }).getAttribute('href')).toBe('/?namespace=shop');
      await row.getByRole('link', { name: 'Runbook of LinkerdRequestsDenied' }).click();
      await page.getByText('# LinkerdRequestsDenied').waitFor();
    });

    it('without a Prometheus says what to configure, and shows each rule', async () => {
      const { url } = await start();
      const { page } = await openPage(browser);
      await page.goto(`${url}/rules`);
      await page.getByText('Name it as prometheus.url (DENYWHY_PROMETHEUS_URL)').waitFor();
      expect(await page.locator('.rules > li').count()).toBe(23);
    });
  });

  describe('the incidents page without denials', () => {
    const observe = ({ store }: Running, namespace: string, last: number) => {
      const value = {
        ...{ id: namespace, cluster: '', namespace, workload: { kind: 'Deployment', name: 'cart' } },
        ...{ client: { identity: 'checkout.till', ip: null }, server: null, route: null, authorization: null, port: 8080 },
        ...{ first: last - 1000, last, count: 544 },
      };
      return store.commit({
        writes: [
          { collection: 'observations', id: namespace, expected: null, value: value as Json, tags: [`namespace:${namespace}`], sort: last },
        ],
      });
    };

    it('says that it is good news where allowed traffic proves that a denial would have been seen', async () => {
      const server = await start({ asking: askingOfStory() });
      await observe(server, 'shop', Date.now());
      await observe(server, HOSTILE, Date.now() - 3_600_000);
      // It counts nothing, so that nobody is blind without it.
      const fault = { message: 'Alertmanager is gone.', remedy: 'Start it.', since: Date.now() };
      await saveSource(server.store, {
        ...{
          id: 'alertmanager-0',
          place: 'Alertmanager',
          state: 'failing',
          at: Date.now(),
          answeredAt: null,
          lag: null,
          fault,
          remarks: [],
        },
      });
      const { page, complaints } = await openPage(browser);
      await page.goto(server.url);
      await page.getByRole('heading', { name: 'Nothing is denied, and it would have been seen' }).waitFor();
      const rows = page.getByRole('list', { name: 'Coverage' }).getByRole('listitem');
      await rows.filter({ hasText: 'shop' }).getByText('Yes, so there are none').waitFor();
      await rows.filter({ hasText: HOSTILE }).getByText('Not since then').waitFor();
      await rows.filter({ hasText: 'production' }).filter({ hasText: '7 proxies' }).getByText('Not proved').waitFor();
      await rows.filter({ hasText: 'security' }).filter({ hasText: 'no proxies' }).getByText('Not meshed, cannot deny').waitFor();
      await look(page, 1280);
      expect(complaints).toEqual([]);
    });

    it('says that it is blindness where a source fails, why, and what to do', async () => {
      const server = await start();
      await observe(server, 'shop', Date.now());
      const fault = { message: 'Prometheus refuses the connection.', remedy: 'Look whether it runs.', since: Date.now() };
      await saveSource(server.store, {
        ...{ id: 'prometheus', place: 'Prometheus at http://prometheus:9090', state: 'failing', at: Date.now() },
        ...{ answeredAt: null, lag: null, fault, remarks: [] },
      });
      const { page } = await openPage(browser, { colorScheme: 'dark' });
      await page.goto(server.url);
      await page.getByRole('heading', { name: 'No denials seen, but nothing proves that one would be' }).waitFor();
      await page.getByText('Prometheus refuses the connection. Look whether it runs.').waitFor();
      await page.getByText('Not while a source fails').waitFor();
      await look(page, 1280);
    });

    it('of a namespace without traffic says that nobody looks there', async () => {
      const server = await start();
      await observe(server, 'shop', Date.now());
      const { page } = await openPage(browser);
      await page.goto(`${server.url}/?namespace=till`);
      await page.getByText('No allowed request was ever seen in till').waitFor();
    });
  });

  describe('long lists', () => {
    const MANY = 3000;

    it('of incidents are counted whole and made as they come near; nothing moves under a chosen row', async () => {
      const server = await start();
      await fillStore(server.store, MANY, 3);
      const { page, complaints } = await openPage(browser);
      await page.goto(server.url);
      const rows = page.locator('.incidents > li');
      await rows.first().waitFor();
      await page.getByText(`${MANY} active, 0 resolved.`).waitFor();
      expect(await rows.count()).toBeLessThan(500);
      for (const _ of 'four') await page.keyboard.press('j');
      const chosen = page.locator('.incidents > li.chosen');
      await chosen.waitFor();
      const was = { box: await chosen.boundingBox(), text: await chosen.locator('.who a').getAttribute('id') };
      server.clock.now = Date.now();
      await server.ask('POST', '/api/v1/logs', { body: denials('10.1.1.1').replaceAll('cart-api', 'new-one'), headers: FROM_CART });
      await server.explain();
      await page.getByText(`${MANY + 1} active, 0 resolved.`).waitFor();
      expect({ box: await chosen.boundingBox(), text: await chosen.locator('.who a').getAttribute('id') }).toEqual(was);
      await page.getByRole('button', { name: 'Sort in 1 new one' }).click();
      await page.keyboard.press('/');
      await page.keyboard.type('new-one');
      await expect.poll(() => rows.count(), PATIENT).toBe(1);
      await page
        .getByRole('searchbox')
        .or(page.getByRole('textbox', { name: 'Search' }))
        .fill('');
      await expect.poll(() => rows.count(), PATIENT).toBeGreaterThan(1);
      const before = await rows.count();
      await page.evaluate('window.scrollTo(0, document.body.scrollHeight)');
      await expect.poll(() => rows.count(), PATIENT).toBeGreaterThan(before);
      await page.evaluate('window.dispatchEvent(new Event("beforeprint"))');
      await expect.poll(() => rows.count(), PATIENT).toBe(MANY + 1);
      expect(complaints).toEqual([]);
    });

    it('of clients: those that are explained, and on request all that were counted', async () => {
      const server = await start({
        remedies: { list: async () => ({ items: [], repairs: [], tightenings: [] }), one: async () => 'no remedy' },
      });
      const id = await fillStore(server.store, 1, 500);
      const { page, complaints } = await openPage(browser);
      await page.goto(`${server.url}/incidents/${id}`);
      await page.locator('#page h1').waitFor();
      const show = page.getByRole('button', { name: 'Show all 500 as counted' });
      await expect.poll(() => page.evaluate('window.scrollTo(0, document.body.scrollHeight)').then(() => show.count()), PATIENT).toBe(1);
      await show.click();
      const all = page.getByRole('list', { name: 'All clients as counted' }).getByRole('listitem');
      const seen = async () => {
        await all.last().scrollIntoViewIfNeeded();
        return all.count();
      };
      await expect.poll(seen, PATIENT).toBe(500);
      // No policy is known here, and so none of its objects.
      expect(complaints.filter((text) => !text.includes('404'))).toEqual([]);
    });
  });
});

it('a checkout without the build says what to run, to a browser in words and to a program as a problem', async () => {
  const app = express();
  serveWindow(app, new URL('file:///nowhere/build/web/'));
  app.use((error: unknown, _: express.Request, response: express.Response, __: express.NextFunction) =>
    sendProblem(response, problemOf(error)),
  );
  const server = app.listen(0, '127.0.0.1');
  try {
    await expect.poll(() => server.listening, PATIENT).toBe(true);
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    for (const path of ['/', '/rules', '/incidents/i1']) {
      const answer = await fetch(`${url}${path}`, { headers: { Accept: 'text/html,*/*;q=0.8' } });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'text/plain; charset=utf-8']);
      expect(await answer.text()).toContain('Run `npm run build` in the checkout');
    }
    const problem = await fetch(url, { headers: { Accept: 'application/json' } });
    expect([problem.status, await problem.json()]).toMatchObject([404, { detail: 'The window has not been built.' }]);
  } finally {
    server.close();
  }
});
