/**
 * The window in Chromium, over the service as a process of its own with 10,000 incidents, one of them of 500 clients: from navigation until what is
 * looked for stands there, beside a page of plain text of the same server; and what each page weighs, packed.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { SQLITE_FILE } from '../../src/commands/service-stores.ts';
import { openSqlite } from '../../src/drivers/sqlite.ts';
import { createSqliteStore } from '../../src/drivers/store-sqlite.ts';
import { freePort } from '../ports.ts';
import { startService } from '../service.ts';
import { buildWindow, CHROMIUM, openBrowser } from '../web/browser.ts';
import { fillStore } from '../web/many.ts';
import { type Line, median } from './measure.ts';

const INCIDENTS = 10_000;
const CLIENTS = 500;
const BUILT = new URL('../../build/web/', import.meta.url);

type Round = Readonly<Record<'text' | 'status' | 'incident' | 'list' | 'whole', number>>;

/** Empty where no Chromium is installed. */
export async function benchWindow(rounds: number): Promise<readonly Line[]> {
  if (CHROMIUM === null) {
    process.stderr.write('window: left out, no chromium is installed\n');
    return [];
  }
  buildWindow();
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-bench-'));
  const data = join(directory, 'data');
  mkdirSync(data);
  const store = createSqliteStore(openSqlite(join(data, SQLITE_FILE)), () => Date.now());
  const id = await fillStore(store, INCIDENTS, CLIENTS);
  await store.close();
  const service = startService({ port: await freePort(), directory, env: { DENYWHY_STORE_DIRECTORY: data } });
  let browser: Browser | null = null;
  try {
    [browser] = await Promise.all([openBrowser(), service.ready()]);
    const measured: Round[] = [];
    for (let i = 0; i < rounds; i++) measured.push(await round(browser, service.url, id));
    return [...timeLines(measured), ...(await weights(browser, service.url, id))];
  } finally {
    await browser?.close();
    await service.kill();
    rmSync(directory, { recursive: true });
  }
}

async function round(browser: Browser, url: string, id: string): Promise<Round> {
  const h1 = (page: Page) => page.locator('#page h1').waitFor();
  const text = await until(browser, `${url}/runbooks`, (page) => page.getByText('LinkerdRequestsDenied').first().waitFor());
  const status = await until(browser, `${url}/status`, h1);
  const incident = await until(browser, `${url}/incidents/${id}`, h1);
  const list = await until(browser, url, (page) => page.locator('.incidents li').first().waitFor());
  const whole = await until(browser, url, (page) => page.getByText(`${INCIDENTS} active, 0 resolved.`).waitFor());
  return { text, status, incident, list, whole };
}

/** Milliseconds; with nothing in the browser's cache. */
async function until(browser: Browser, url: string, seen: (page: Page) => Promise<void>): Promise<number> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  try {
    const page = await context.newPage();
    const begin = performance.now();
    await page.goto(url, { waitUntil: 'commit' });
    await seen(page);
    return performance.now() - begin;
  } finally {
    await context.close();
  }
}

const NAMES = {
  status: 'Status, first screen',
  incident: `an incident of ${CLIENTS} clients, first screen`,
  list: 'the list of 10,000 incidents, first screen',
  whole: 'the list of 10,000 incidents, all of them known',
} as const;

function timeLines(measured: readonly Round[]): readonly Line[] {
  const line = (name: string, unit: Line['unit'], aim: number | null, figure: (of: Round) => number): Line => {
    const figures = measured.map(figure);
    return { name: `window: ${name}`, value: median(figures), unit, aim, rounds: figures };
  };
  return [
    line('a page of plain text', 'ms', null, ({ text }) => text),
    ...(Object.keys(NAMES) as readonly (keyof typeof NAMES)[]).flatMap((key) => [
      line(NAMES[key], 'ms', key === 'incident' || key === 'list' ? 1000 : null, (of) => of[key]),
      line(`${NAMES[key]}, against plain text`, 'x', null, (of) => of[key] / of.text),
    ]),
  ];
}

/** Scripts and styles that a page asks for, as they are sent. */
async function weights(browser: Browser, url: string, id: string): Promise<readonly Line[]> {
  const pages = { Incidents: '', 'an incident': `incidents/${id}`, Posture: 'posture', Rules: 'rules', Status: 'status' };
  const lines: Line[] = [];
  for (const [name, path] of Object.entries(pages)) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${url}/${path}`);
    await page.locator('#page h1').waitFor();
    const names = (await page.evaluate('performance.getEntriesByType("resource").map((entry) => entry.name)')) as readonly string[];
    const assets = names.flatMap((address) => /assets\/[\w.-]+\.(?:js|css)$/.exec(address)?.[0] ?? []);
    const bytes = assets.reduce((sum, asset) => sum + gzipSync(readFileSync(new URL(asset, BUILT))).length, 0);
    lines.push({ name: `window: scripts and styles of ${name}, packed`, value: bytes / 1024, unit: 'KiB', aim: null, rounds: [] });
    await context.close();
  }
  return lines;
}
