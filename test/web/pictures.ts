/** `npm run pictures`: each page of the window in both themes, into docs/window/. The story stands still in the midst of the outage. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { packFiles } from '../../src/alerting/files.ts';
import { DEFAULTS } from '../../src/alerting/settings.ts';
import { freePort } from '../ports.ts';
import { startExporter, startPrometheus, waitFor } from '../prometheus.ts';
import { startService } from '../service.ts';
import { buildWindow, openBrowser, openPage } from './browser.ts';
import { STORY, storyUntil } from './story.ts';

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'docs/window');
const THEMES = ['light', 'dark'] as const;
/** Six minutes of denials, and nothing mended yet. */
const MOMENT = '2026-11-23T09:28:40Z';
const CHANGE = `apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: database-sql, namespace: production}
spec:
  podSelector: {matchLabels: {app: database}}
  port: sql
  proxyProtocol: opaque
  accessPolicy: all-unauthenticated
`;

interface Picture {
  readonly name: string;
  /** null: as it is now. */
  readonly at: string | null;
  readonly height: number;
  open(page: Page): Promise<void>;
}

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const only = values.only?.split(',');

buildWindow();
const browser = await openBrowser();
try {
  await withStory((url) => takeAll(browser, picturesOfStory(url)));
  await withPrometheus((url) => takeAll(browser, picturesOfSources(url)));
} finally {
  await browser.close();
}

function picturesOfStory(url: string): readonly Picture[] {
  const at = { at: MOMENT, height: 900 } as const;
  const incident = async (page: Page, name: string) => {
    await page.goto(url);
    await page.getByRole('link', { name }).click();
    await page.getByRole('heading', { name: 'Decision, step by step' }).waitFor();
    await page.getByText('Remedies are being proved').waitFor({ state: 'hidden' });
    await page.locator('#over-time canvas').waitFor();
  };
  return [
    {
      ...{ ...at, name: 'incidents', height: 640 },
      async open(page) {
        await page.goto(url);
        await page.getByRole('link', { name: 'production/frontend → backend:8080' }).waitFor();
        await page.keyboard.press('j');
      },
    },
    { ...{ ...at, name: 'incident', height: 1100 }, open: (page) => incident(page, 'production/frontend → backend:8080') },
    { ...{ ...at, name: 'incident-reports', height: 1100 }, open: (page) => incident(page, 'production/reports → backend:8080') },
    {
      ...{ ...at, name: 'policy' },
      async open(page) {
        await page.goto(
          `${url}/policy?namespace=production&workload=Deployment/backend&from=deploy/reports&to=deploy/backend:8080&path=/admin`,
        );
        await page.getByRole('heading', { level: 1, name: 'backend' }).waitFor();
      },
    },
    {
      ...{ ...at, name: 'simulate' },
      async open(page) {
        await page.goto(`${url}/simulate`);
        await page.getByRole('textbox', { name: 'Objects', exact: true }).fill(CHANGE);
        await page.getByRole('button', { name: 'Simulate', exact: true }).click();
        await page.getByText('ewly allowed').first().waitFor();
      },
    },
    {
      ...{ ...at, name: 'posture', height: 1000 },
      async open(page) {
        await page.goto(`${url}/posture?namespace=production`);
        await page.getByRole('heading', { name: 'The way to default deny' }).waitFor();
      },
    },
  ];
}

function picturesOfSources(url: string): readonly Picture[] {
  return [
    {
      ...{ name: 'rules', at: null, height: 1000 },
      async open(page) {
        await page.goto(`${url}/rules?show=alerts&rule=LinkerdRequestsDenied`);
        await page.getByText('What it sees now').first().waitFor();
      },
    },
    {
      ...{ name: 'status', at: null, height: 660 },
      async open(page) {
        await page.goto(`${url}/status`);
        await page.getByText('Failing', { exact: true }).waitFor();
        await page.getByText('flushed to the disk').waitFor();
      },
    },
  ];
}

async function takeAll(opened: Browser, pictures: readonly Picture[]): Promise<void> {
  for (const { name, at, height, open } of pictures.filter((picture) => only === undefined || only.includes(picture.name)))
    for (const colorScheme of THEMES) {
      const { page, complaints } = await openPage(opened, { colorScheme, viewport: { width: 1280, height } });
      if (at !== null) await page.clock.setFixedTime(at);
      await open(page);
      await page.evaluate('document.fonts.ready');
      const path = join(FOLDER, `${name}-${colorScheme}.png`);
      await page.screenshot({ path });
      process.stdout.write(`docs/window/${name}-${colorScheme}.png${complaints.length === 0 ? '' : `: ${complaints.join('; ')}`}\n`);
      await page.context().close();
    }
}

async function withStory(use: (url: string) => Promise<void>): Promise<void> {
  const directory = storyUntil(MOMENT);
  const demo = spawn(process.execPath, [join(ROOT, 'bin/denywhy.js'), 'demo', '--from', STORY, '-o', 'json'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    await use(await addressOf(demo));
  } finally {
    demo.kill();
    rmSync(directory, { recursive: true });
  }
}

function addressOf({ stderr }: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const [, found] = /listens on (http:\S+)/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    stderr?.once('close', () => reject(new Error(said)));
  });
}

/** A service that asks a Prometheus with the pack, in which a denial is new. */
async function withPrometheus(use: (url: string) => Promise<void>): Promise<void> {
  const quiet = `process_start_time_seconds ${Date.now() / 1000 - 60}\nproxy_build_info{version="2.366.0"} 1\n`;
  const labels = 'target_port="8080",srv_group="policy.linkerd.io",srv_kind="server",srv_name="backend-http",srv_port="8080"';
  const route = 'route_group="policy.linkerd.io",route_kind="HTTPRoute",route_name="backend-routes"';
  const client = 'tls="true",client_id="frontend.production.serviceaccount.identity.linkerd.cluster.local"';
  const allowed = `inbound_http_authz_allow_total{${labels},${route},authz_group="policy.linkerd.io",authz_kind="authorizationpolicy",authz_name="backend-api-authz",${client.replace('frontend.', 'admin-panel.')}} 55\n`;
  const exporter = await startExporter(`${quiet}${allowed}`);
  const target = { exporter, labels: { namespace: 'production', pod: 'backend-756f7c997f-2588f', deployment: 'backend' } };
  const rules = packFiles(DEFAULTS, { name: 'denywhy', namespace: 'monitoring', labels: {} }).get('rules.yaml') ?? '';
  const prometheus = await startPrometheus('linkerd-proxy', [target], rules);
  // What is not there when denywhy first asks is asked for again after minutes.
  const isScraped = async () =>
    JSON.stringify(await prometheus.ask('/api/v1/query?query=inbound_http_authz_allow_total')).includes('admin-panel');
  if (!(await waitFor(isScraped, 60_000))) throw new Error('Prometheus scrapes nothing');
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-pictures-'));
  const env = {
    DENYWHY_STORE_DIRECTORY: join(directory, 'data'),
    DENYWHY_PROMETHEUS_URL: prometheus.url,
    // Nobody listens there.
    DENYWHY_ALERTMANAGER_URLS: `http://127.0.0.1:${await freePort()}`,
  };
  const service = startService({ port: await freePort(), directory, env });
  try {
    await service.ready();
    exporter.text = `${quiet}inbound_http_authz_deny_total{${labels},${route},${client}} 12\n${allowed}`;
    const answers = async (path: string, text: string) => (await (await fetch(`${service.url}/api/v1/${path}`)).text()).includes(text);
    const conditions: Readonly<Record<string, () => Promise<boolean>>> = {
      'LinkerdRequestsDenied does not fire': async () =>
        JSON.stringify(await prometheus.ask('/api/v1/alerts')).includes('LinkerdRequestsDenied'),
      'no source fails': () => answers('status', '"failing"'),
      'no allowed traffic was seen': () => answers('observations', 'admin-panel'),
    };
    for (const [what, isOver] of Object.entries(conditions)) if (!(await waitFor(isOver, 60_000))) throw new Error(what);
    await use(service.url);
  } finally {
    await service.kill();
    await prometheus.stop();
    await exporter.close();
    rmSync(directory, { recursive: true });
  }
}
