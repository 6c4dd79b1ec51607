/** The pages Policy and Simulate in a real browser, over the service with the recorded story's policy. */
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAsking } from '../../src/commands/service-asking.ts';
import { createRemedyAsking } from '../../src/commands/service-remedies.ts';
import type { Denial, Observation } from '../../src/evidence/facts.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import { clusterInfo } from '../../src/policy/cluster-settings.ts';
import { createHistory } from '../../src/policy/history.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { type Running, startTestServer, TOKENS } from '../http/running.ts';
import { buildWindow, CHROMIUM, openBrowser, openPage, SKIPPED, violations } from './browser.ts';

/** In the middle of the story: the identity has its typo. */
const DENIED_AT = Date.parse('2026-11-23T09:28:00Z');
const MENDED_AT = Date.parse('2026-11-23T09:33:00Z');
const EVIL = '<img/src=x/onerror=document.title="owned">';

/** As somebody could write it who may write policies. */
const EVIL_POLICY = `
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: evil, labels: {app: web, linkerd.io/control-plane-ns: linkerd}}
spec: {serviceAccountName: web, containers: [{name: web, ports: [{containerPort: 8080, name: http}]}]}
status: {podIP: 10.42.0.99, phase: Running}
---
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: web-http, namespace: evil}
spec: {podSelector: {matchLabels: {app: web}}, port: 8080, proxyProtocol: HTTP/1}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: web, namespace: evil}
spec:
  targetRef: {group: policy.linkerd.io, kind: Server, name: web-http}
  requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: web}]
---
apiVersion: policy.linkerd.io/v1alpha1
kind: MeshTLSAuthentication
metadata: {name: web, namespace: evil}
spec: {identities: ['${EVIL}', "\\u202Egnp.exe"]}
`;
const STORY = readManifests(readFileSync('demo/policy-history.jsonl', 'utf8'), 'history.jsonl', {});
const { changes } = mergeManifests([STORY]);
const evil = mergeManifests([readManifests(EVIL_POLICY, 'evil.yaml', {})]).changes;

const linkerd = (kind: string, name: string) => ({ group: 'policy.linkerd.io', kind, name });
const FACT = {
  reporter: {
    ...{ cluster: '', namespace: 'production', pod: 'backend-756f7c997f-2588f' },
    workload: { namespace: 'production', kind: 'Deployment', name: 'backend' },
  },
  server: linkerd('server', 'backend-http'),
  route: linkerd('HTTPRoute', 'backend-routes'),
  port: 8080,
  client: {
    ...{ ip: '10.42.0.14', port: null },
    tls: { state: 'established', clientId: 'frontend.production.serviceaccount.identity.linkerd.cluster.local' },
  },
  request: null,
  source: { kind: 'log', name: 'backend.log', line: 1, raw: '' },
} as const;
const ALLOWED: Observation = {
  ...FACT,
  ...{ type: 'observation', at: DENIED_AT, lastAt: DENIED_AT, count: 41 },
  authorization: linkerd('authorizationpolicy', 'backend-api-authz'),
};
const DENIED: Denial = {
  ...FACT,
  ...{ type: 'denial', kind: 'http-denied', at: DENIED_AT, admin: false, count: 1, sinceBefore: false, error: null, didNotApply: [] },
};

/** As the service is at that moment. */
async function serve(at: number, tokens: typeof TOKENS | readonly [] = []): Promise<Running> {
  const view = createHistory([...changes.filter((one) => one.at === null || one.at <= at), ...evil], LINKERD_DEFAULTS);
  const settings = clusterInfo({ resources: [], flags: { defaultPolicy: 'all-unauthenticated' } });
  const current = () => ({ view, revision: '1' });
  const policy = { current, settings: () => settings, history: () => view, unread: () => new Map() };
  let running: Running | null = null;
  const own = () => (running as Running).store;
  const store = {
    get: (...args: Parameters<Running['store']['get']>) => own().get(...args),
    list: (...args: Parameters<Running['store']['list']>) => own().list(...args),
  } as Running['store'];
  const alerting = async () => ({ prometheus: null, targets: null, rules: null, retention: null });
  const asking = createAsking(policy, store, { alerting, now: () => at });
  running = await startTestServer({ asking, remedies: createRemedyAsking(policy, store), tokens }, { body: 100_000, unpacked: 100_000 });
  await running.take([
    ALLOWED,
    DENIED,
    { ...ALLOWED, count: 1, client: { ip: null, port: null, tls: { state: 'established', clientId: EVIL } } },
  ]);
  return running;
}

const identityOf = (namespace: string) => `apiVersion: policy.linkerd.io/v1alpha1
kind: MeshTLSAuthentication
metadata: {name: frontend-mtls, namespace: production}
spec:
  identities: [frontend.${namespace}.serviceaccount.identity.linkerd.cluster.local]
`;

let browser: Browser;
let mended: Running;
let denied: Running;

const objects = (page: Page) => page.getByRole('textbox', { name: 'Objects', exact: true });
const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { level: 1, name });
const SLOW = { timeout: 20_000 };

describe.skipIf(CHROMIUM === null)(`policy and simulate${SKIPPED}`, () => {
  beforeAll(async () => {
    buildWindow();
    [browser, mended, denied] = await Promise.all([openBrowser(), serve(MENDED_AT), serve(DENIED_AT)]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await Promise.all([mended?.server.close(0), denied?.server.close(0)]);
  });

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['dark', 360],
  ] as const)('have no fault that axe finds, no complaint and no sideways scrolling: %s, %i px', async (colorScheme, width) => {
    const { page, complaints } = await openPage(browser, { colorScheme, viewport: { width, height: 800 } });
    const look = async () => {
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    };
    if (colorScheme === 'light') {
      await page.goto(`${mended.url}/policy`);
      await heading(page, 'Policy of 7 workloads in 3 namespaces').waitFor(SLOW);
      await look();
    }
    await page.goto(`${mended.url}/policy?namespace=production&workload=Deployment/backend&from=sa/frontend&to=deploy/backend:8080`);
    await page.getByText('for 4 reasons').waitFor(SLOW);
    await page.getByRole('region', { name: 'Who calls it' }).getByRole('row').nth(1).waitFor(SLOW);
    await look();
    await page.goto(`${mended.url}/simulate`);
    await objects(page).fill(identityOf('prod'));
    await objects(page).press('Control+Enter');
    await heading(page, /^This change would deny sa\/frontend, and let in frontend\.prod\./).waitFor(SLOW);
    await look();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('Policy: from the keyboard to a workload, who may and who was denied, and a question whose link asks it again', async () => {
    const { page, complaints } = await openPage(browser);
    await page.goto(denied.url);
    await page.getByText('Live', { exact: true }).waitFor(SLOW);
    await page.keyboard.press('g');
    await page.keyboard.press('p');
    await heading(page, /^Policy of 7 workloads/).waitFor(SLOW);
    await page.keyboard.press('/');
    await page.keyboard.type('end');
    await expect
      .poll(() => page.getByRole('navigation', { name: 'Workloads' }).getByRole('listitem').allTextContents(), SLOW)
      .toEqual(['backend 1 denied', 'frontend 2 pods']);
    expect(page.url()).toContain('q=end');
    await page.keyboard.press('Tab');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
    await heading(page, 'backend in production').waitFor(SLOW);
    const route = page.getByRole('region', { name: 'Port 8080' }).getByRole('row', { name: /^backend-routes/ });
    await route.waitFor(SLOW);
    expect(await route.getByRole('cell').allTextContents()).toEqual([
      'backend-routesGET /api/v1/…, POST /api/v1/…',
      ...[
        'sa/frontend.prod',
        'anywhere',
        'backend-api-authzMeshTLSAuthentication production/frontend-mtls',
        '42',
        '1 denied: the incident',
      ],
    ]);

    const form = page.getByRole('region', { name: 'Can it?' });
    await form.getByLabel('From', { exact: true }).fill('sa/frontend');
    await form.getByLabel('Path').fill('/api/v1/items');
    await page.keyboard.press('Enter');
    const said = page.getByRole('status', { name: 'Answer' });
    await said.getByText('Linkerd refuses it, and NetworkPolicy where it is enforced.').waitFor(SLOW);
    await said.getByText('lists ServiceAccount frontend of another namespace, prod').waitFor();
    await said.getByText('denywhy can sa/frontend deploy/backend:8080 -n production --path /api/v1/items').waitFor();
    await said.getByText('Seen so far on this port: 41 allowed, 1 denied: open the incident.').waitFor();
    expect(await page.evaluate('document.activeElement.value')).toBe('/api/v1/items');
    expect(page.url()).toMatch(/from=sa%2Ffrontend&to=deploy%2Fbackend%3A8080&path=%2Fapi%2Fv1%2Fitems/);
    await page.reload();
    await said.getByText('Linkerd refuses it, and NetworkPolicy where it is enforced.').waitFor(SLOW);
    await page.getByLabel('Policy as of').fill('yesterday');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('This is no time.').waitFor();
    await page.getByLabel('Policy as of').fill('2026-11-23 09:22 UTC');
    await page.keyboard.press('Enter');
    await said.getByText('Linkerd lets it in, NetworkPolicy refuses it where it is enforced.').waitFor(SLOW);
    await page.getByRole('button', { name: 'Back to now' }).click();
    await said.getByText('Linkerd refuses it, and NetworkPolicy where it is enforced.').waitFor(SLOW);
    await form.getByLabel('Path').fill('items');
    await page.keyboard.press('Enter');
    await form.getByRole('alert').getByText('"items" is no path of a request.').waitFor(SLOW);

    const calls = page.getByRole('region', { name: 'Who calls it' });
    await calls.getByRole('button', { name: 'Denied' }).click();
    await expect.poll(() => calls.getByRole('row').count(), SLOW).toBe(2);
    await calls.getByRole('link', { name: '1 denied: the incident' }).click();
    await expect.poll(() => page.url(), SLOW).toMatch(/incidents\/i[0-9a-f]+$/);
    expect(complaints.filter((one) => !one.includes('400 (Bad Request)'))).toEqual([]);
    await page.context().close();
  });

  it('Simulate: the typo would deny the frontend, its repair nobody; faults have a line; too much is refused and said', async () => {
    const { page } = await openPage(browser);
    await page.goto(`${mended.url}/simulate`);
    await objects(page).fill(identityOf('prod'));
    await objects(page).press('Control+Enter');
    await heading(page, /^This change would deny sa\/frontend, and let in frontend\.prod\./).waitFor(SLOW);
    const shut = page.getByRole('region', { name: 'Newly denied' });
    expect(await shut.getByRole('row').nth(1).textContent()).toMatch(
      /sa\/frontend[\s\S]*deploy\/backend:8080[\s\S]*42[\s\S]*line 1 of these objects/,
    );

    await objects(page).fill(identityOf('production'));
    await page.getByText('The objects were changed since: simulate again.').waitFor();
    await page.getByRole('button', { name: 'Simulate' }).click();
    await heading(page, 'This change would change nothing for anybody').waitFor(SLOW);
    await shut.getByText('nobody and nothing').waitFor();

    await page.reload();
    await expect.poll(() => objects(page).inputValue(), SLOW).toBe(identityOf('production'));

    await objects(page).fill(`${identityOf('production')}---\nkind: a: b\n`);
    await page.getByRole('button', { name: 'Simulate' }).click();
    await page.getByText('Line 7', { exact: false }).waitFor(SLOW);
    await page.getByRole('button', { name: 'Go there' }).click();
    expect(
      await page.evaluate('document.activeElement.value.slice(document.activeElement.selectionStart, document.activeElement.selectionEnd)'),
    ).toBe('kind: a: b');

    await objects(page).fill(`${identityOf('production')}#${'x'.repeat(200_000)}`);
    await page.getByRole('button', { name: 'Simulate' }).click();
    await page.getByRole('alert').getByText('This body is larger than 100000 bytes.').waitFor(SLOW);

    const file = { name: 'typo.yaml', mimeType: 'application/yaml', buffer: Buffer.from(identityOf('prod')) };
    const dropped = await page.evaluateHandle(`(() => {
      const data = new DataTransfer();
      data.items.add(new File(['dropped: here'], 'a.yaml'));
      return data;
    })()`);
    await objects(page).dispatchEvent('drop', { dataTransfer: dropped });
    await expect.poll(() => objects(page).inputValue(), SLOW).toBe('dropped: here');
    await page.getByLabel('From a file').setInputFiles(file);
    await expect.poll(() => objects(page).inputValue(), SLOW).toBe(identityOf('prod'));

    // Elsewhere and back: another run is another answer.
    await page.getByRole('link', { name: 'Policy' }).click();
    await heading(page, /^Policy of/).waitFor(SLOW);
    await page.getByRole('link', { name: 'Simulate' }).click();
    await expect.poll(() => objects(page).inputValue(), SLOW).toBe(identityOf('prod'));
    await objects(page).fill(identityOf('production'));
    await objects(page).press('Control+Enter');
    await heading(page, 'This change would change nothing for anybody').waitFor(SLOW);
    await page.context().close();
  });

  it('Simulate: a remedy of an incident is loaded and tried', async () => {
    const [incident] = await denied.incidents();
    const { page, complaints } = await openPage(browser);
    await page.goto(`${denied.url}/simulate?incident=${incident?.id}&remedy=1`);
    await heading(page, /^This change would let in sa\/frontend, and shut out nobody who was seen/).waitFor(SLOW);
    expect(await objects(page).inputValue()).toContain('- frontend.production.serviceaccount.identity.linkerd.cluster.local');
    await page.locator('body').press('Escape');
    await expect.poll(() => page.url(), SLOW).toBe(`${denied.url}/incidents/${incident?.id}`);
    expect(complaints).toEqual([]);
    await page.goto(`${denied.url}/simulate?incident=${incident?.id}&remedy=99`);
    await page.getByText('This incident has no such remedy.').waitFor(SLOW);
    await page.context().close();
  });

  it('show text of others as text', async () => {
    const { page, complaints } = await openPage(browser);
    await page.goto(`${mended.url}/policy?namespace=evil&workload=Pod/web-0&client=${encodeURIComponent(EVIL)}`);
    await page.getByRole('region', { name: 'Port 8080' }).getByText(EVIL).waitFor(SLOW);
    await page.getByText('\\u{202e}gnp.exe').first().waitFor();
    await page.goto(`${mended.url}/policy?namespace=production&from=${encodeURIComponent(EVIL)}&to=${encodeURIComponent(EVIL)}`);
    await page.getByRole('region', { name: 'Who calls whom' }).getByText(EVIL).first().waitFor(SLOW);
    await page.getByRole('alert').getByText('names no kind of workload').waitFor(SLOW);
    await page.goto(`${mended.url}/simulate`);
    await objects(page).fill(identityOf(EVIL.replaceAll('"', '')).replace('identities: [', "identities: ['").replace('local]', "local']"));
    await page.getByRole('button', { name: 'Simulate' }).click();
    await heading(page, 'This change would change nothing for anybody; 1 object would be refused').waitFor(SLOW);
    await page.getByRole('region', { name: 'Refused objects' }).getByText('<img/src=x').first().waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect([await page.title(), complaints.filter((one) => !one.includes('400 (Bad Request)'))]).toEqual(['denywhy', []]);
    await page.context().close();
  });

  it('a token that may only write is told so and sees neither page; one that may read sees all of both', async () => {
    const running = await serve(MENDED_AT, TOKENS);
    try {
      const { page } = await openPage(browser);
      const signIn = async (token: string) => {
        await page.goto(`${running.url}/simulate`);
        await page.getByLabel('Token').fill(token);
        await page.keyboard.press('Enter');
      };
      await signIn('collector-token-0001');
      await page.getByRole('heading', { name: 'The token collector may not read' }).waitFor(SLOW);
      expect(await page.getByRole('button', { name: 'Simulate' }).count()).toBe(0);
      expect(await page.getByRole('link', { name: 'Policy' }).count()).toBe(0);
      await page.context().clearCookies();
      await signIn('viewer-token-00000002');
      await page.getByRole('button', { name: 'Simulate' }).waitFor(SLOW);
      await page.getByRole('link', { name: 'Policy' }).click();
      await page.getByRole('button', { name: 'Ask' }).waitFor(SLOW);
      await page.context().close();
    } finally {
      await running.server.close(0);
    }
  });
});
