/** Debian's Prometheus, of the test's own: on a free loopback port, with its files in a directory that goes away with it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** Why tests with Prometheus are skipped; null: they run. Under CI a missing one is a failure. */
export const prometheusSkip: string | null = hasPrometheus() ? null : 'prometheus and promtool are not installed';

function hasPrometheus(): boolean {
  if (['prometheus', 'promtool'].every((binary) => spawnSync(binary, ['--version']).status === 0)) return true;
  if (process.env['CI'] === 'true') throw new Error('prometheus is not installed: apt-get install prometheus');
  return false;
}

/** Runs promtool in a directory. */
export function promtool(directory: string, ...args: readonly string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: directory, encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

/** A page of metrics on a loopback port; what it says may change. */
export interface Exporter {
  readonly address: string;
  text: string;
  close(): Promise<void>;
}

export async function startExporter(text: string): Promise<Exporter> {
  const exporter = { text };
  const server: Server = createServer((_, response) => response.setHeader('Content-Type', 'text/plain; version=0.0.4').end(exporter.text));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the exporter has no port');
  return Object.assign(exporter, {
    address: `127.0.0.1:${address.port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
    },
  });
}

/** One pod: whose page it is, and the labels that discovery would put on it. */
export interface ScrapeTarget {
  readonly exporter: Exporter;
  readonly labels: Readonly<Record<string, string>>;
}

export interface TestPrometheus {
  readonly url: string;
  /** `data` of an answer of its API. */
  ask(path: string): Promise<unknown>;
  stop(): Promise<void>;
}

/** `job`, target by target; scraped and evaluated each second. `rules`: text of a rule file. */
export async function startPrometheus(job: string, targets: readonly ScrapeTarget[], rules: string): Promise<TestPrometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-prometheus-'));
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yaml'],
    scrape_configs: [{ job_name: job, static_configs: targets.map(({ exporter, labels }) => ({ targets: [exporter.address], labels })) }],
  };
  writeFileSync(join(directory, 'prometheus.yml'), stringify(config));
  writeFileSync(join(directory, 'rules.yaml'), rules);
  const port = await freePort();
  const child: ChildProcess = spawn(
    'prometheus',
    ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'],
    { cwd: directory, stdio: 'ignore' },
  );
  const url = `http://127.0.0.1:${port}`;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(directory, { recursive: true });
  };
  const isReady = () =>
    fetch(`${url}/-/ready`).then(
      (response) => response.ok,
      () => false,
    );
  if (!(await waitFor(isReady, 15_000))) {
    await stop();
    throw new Error('prometheus did not become ready');
  }
  return {
    url,
    async ask(path) {
      const answer = (await (await fetch(`${url}${path}`)).json()) as { readonly status: string; readonly data: unknown };
      if (answer.status !== 'success') throw new Error(JSON.stringify(answer));
      return answer.data;
    },
    stop,
  };
}

/** Polls until it holds; false: it did not in time. */
export async function waitFor(holds: () => Promise<boolean>, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (performance.now() < deadline) {
    if (await holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

async function freePort(): Promise<number> {
  const { address, close } = await startExporter('');
  await close();
  return Number(address.split(':').at(-1));
}
