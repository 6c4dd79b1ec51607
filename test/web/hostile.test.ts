/** Names, texts and annotations of others on the page of an incident: as text in the chart's legend and table, in YAML, and in what is copied. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { showYaml } from '../../src/manifests/yaml-show.ts';
import { type Served, serve } from '../commands/served.ts';
import { buildWindow, CHROMIUM, openBrowser, openPage, SKIPPED, violations } from './browser.ts';

const MARKUP = '<img/src=x/onerror=document.title=1>';
const HIDDEN = 'turned \u202e round \u0007 \u2028 END\n---\nkind: Secret';
const WAIT = { timeout: 30_000 };

const own = { namespace: 'evil', name: 'shop' };
const MANIFESTS = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: 'evil', name: 'web' } },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'evil', name: 'p-1', labels: { app: 'shop', 'linkerd.io/control-plane-ns': 'linkerd' } },
    spec: { serviceAccountName: 'web', containers: [{ name: 'app', ports: [{ name: 'http', containerPort: 8080 }] }] },
    status: { phase: 'Running', podIP: '10.9.0.1', podIPs: [{ ip: '10.9.0.1' }] },
  },
  {
    apiVersion: 'policy.linkerd.io/v1beta3',
    kind: 'Server',
    metadata: { ...own, annotations: { [`note`]: MARKUP, hidden: HIDDEN } },
    spec: { podSelector: { matchLabels: { app: 'shop' } }, port: 'http', proxyProtocol: 'HTTP/1', accessPolicy: 'deny' },
  },
  {
    apiVersion: 'policy.linkerd.io/v1alpha1',
    kind: 'AuthorizationPolicy',
    metadata: { namespace: 'evil', name: 'shop-clients', annotations: { note: MARKUP } },
    spec: {
      targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: 'shop' },
      requiredAuthenticationRefs: [{ group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', name: 'shop-clients' }],
    },
  },
  {
    apiVersion: 'policy.linkerd.io/v1alpha1',
    kind: 'MeshTLSAuthentication',
    metadata: { namespace: 'evil', name: 'shop-clients' },
    spec: { identities: [`${MARKUP}.evil.serviceaccount.identity.linkerd.cluster.local`, HIDDEN] },
  },
];

const LINE =
  '[ 10.000000s]  INFO ThreadId(01) inbound:server{port=4143}: linkerd_app_inbound::policy::http: Request denied server.group=policy.linkerd.io server.kind=server server.name=shop route.group= route.kind=default route.name=default client.tls=Some(Established { client_id: Some(ClientId(Dns(Name("NAME")))), negotiated_protocol: None }) client.ip=10.9.9.9';

describe.skipIf(CHROMIUM === null)(`what others write${SKIPPED}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-evil-'));
  let served: Served | null = null;
  afterAll(async () => {
    await served?.stop('SIGTERM');
    rmSync(directory, { recursive: true, force: true });
  });

  it('is text in the chart, in the objects and in what is copied', async () => {
    buildWindow();
    writeFileSync(join(directory, 'cluster.yaml'), MANIFESTS.map((one) => `---\n${showYaml(one)}`).join(''));
    served = await serve({ DENYWHY_STORE_DIRECTORY: directory, DENYWHY_CLUSTER_MANIFESTS: join(directory, 'cluster.yaml') });
    const headers = { 'Content-Type': 'text/plain', 'X-Denywhy-Namespace': 'evil', 'X-Denywhy-Pod': 'p-1' };
    const line = LINE.replace('NAME', `x${MARKUP}.evil.serviceaccount.identity.linkerd.cluster.local`);
    const body = [1, 2, 3].map((second) => `2026-11-23T09:30:0${second}.000Z ${line}\n`).join('');
    const answer = await fetch(`${served.url}/api/v1/logs`, { method: 'POST', headers, body });
    expect(await answer.json()).toMatchObject({ facts: 3 });
    const browser = await openBrowser();
    try {
      const { page, complaints } = await openPage(browser);
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      await page.goto(served.url);
      await page.locator('.who a').first().click(WAIT);
      await page.locator('.plot canvas').waitFor(WAIT);
      await page.locator('#over-time').getByText('As a table').click();
      expect(await page.locator('#over-time .chart-legend').textContent()).toContain(MARKUP);
      const objects = page.locator('#objects');
      await objects.getByRole('heading', { name: 'Server evil/shop' }).waitFor(WAIT);
      const text = (await objects.locator('.yaml code').allTextContents()).join('\n');
      expect(text).toContain(MARKUP);
      expect(text).toContain(String.raw`hidden: "turned \u202e round \a \u2028 END`);
      for (const hidden of ['\u202e', '\u0007', '\u2028']) expect(text).not.toContain(hidden);
      const yaml = await objects
        .getByRole('button', { name: 'Copy Server evil/shop' })
        .click()
        .then(() => page.evaluate('navigator.clipboard.readText()'));
      expect(
        String(yaml)
          .split('\n')
          .filter((one) => /^(---|kind: Secret)/.test(one)),
      ).toEqual([]);
      expect(await page.locator('main img, main script').count()).toBe(0);
      expect(await violations(page)).toEqual([]);
      expect([await page.title(), complaints]).toEqual(['denywhy', []]);
    } finally {
      await browser.close();
    }
  }, 180_000);
});
