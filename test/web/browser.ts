/** A real Chromium: Debian's (apt-get install chromium), or the one that DENYWHY_CHROMIUM names. */
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const ROOT = join(import.meta.dirname, '../..');

/** null: there is none on this machine, which only CI does not forgive. */
export const CHROMIUM: string | null = (() => {
  const found = process.env['DENYWHY_CHROMIUM'] ?? spawnSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).stdout.trim();
  if (found === '' && process.env['CI'] === 'true') throw new Error('chromium is not installed: apt-get install chromium');
  return found === '' ? null : found;
})();

export const SKIPPED = CHROMIUM === null ? ' [no chromium: apt-get install chromium]' : '';

/**
 * Builds the window as `npm run build` does: what is tested is what src/web is now. Test files that run side by side build it once. Files of an
 * earlier build stay: a server of another test may be reading them.
 */
export function buildWindow(): void {
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  const lock = join(ROOT, 'build/.window');
  while (!takes(lock)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  try {
    if (isBuilt()) return;
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn', '--no-emptyOutDir', 'src/web'],
      { cwd: ROOT, encoding: 'utf8', env: { ...process.env, NODE_ENV: 'production' } },
    );
    if (status !== 0) throw new Error(stderr);
  } finally {
    rmdirSync(lock);
  }
}

/** A lock that a killed run left is nobody's after so many milliseconds. */
const STALE = 120_000;

function takes(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - since > STALE) rmdirSync(lock);
    return false;
  }
}

/** Newer than all that it is made of. */
function isBuilt(): boolean {
  const built = statSync(join(ROOT, 'build/web/index.html'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = [...globSync('src/web/**', { cwd: ROOT }), 'package-lock.json'];
  return sources.every((name) => statSync(join(ROOT, name)).mtimeMs < built);
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

export interface Opened {
  readonly page: Page;
  /** What the browser complained of: refused by the Content-Security-Policy, thrown, not found. */
  readonly complaints: string[];
}

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    reducedMotion: 'reduce',
    timezoneId: 'Europe/Berlin',
    ...options,
  });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return { page, complaints };
}

/** What axe finds (WCAG 2.2 AA and best practice), as `rule: where`. */
export async function violations(page: Page): Promise<readonly string[]> {
  // By the debugger, which the page's policy does not concern.
  await page.evaluate(axe.source);
  const found = (await page.evaluate('axe.run()')) as {
    violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
  };
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary}`));
}

export interface Proxy {
  readonly url: string;
  /** From now on nobody listens at its port, and what was open is cut. */
  die(): Promise<void>;
  /** Listens there again. */
  rise(): Promise<void>;
}

/** A proxy that serves `target` below a path, as one in front of a cluster does. */
export async function startProxy(target: string, path: string): Promise<Proxy> {
  const make = () =>
    createServer((incoming, outgoing) => {
      const { url = '', method, headers } = incoming;
      if (!url.startsWith(path)) {
        outgoing.writeHead(404).end();
        return;
      }
      const forwarded = request(new URL(`/${url.slice(path.length)}`, target), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      forwarded.on('error', () => outgoing.destroy());
      outgoing.on('close', () => forwarded.destroy());
      incoming.pipe(forwarded);
    });
  const listen = (server: ReturnType<typeof make>, port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve());
    });
  let server = make();
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${path}`,
    async die() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
    async rise() {
      server = make();
      await listen(server, port);
    },
  };
}
