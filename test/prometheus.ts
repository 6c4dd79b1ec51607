/** Debian's Prometheus, of the test's own: on a free loopback port, with its files in a directory that goes away with it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from './ports.ts';

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
  /** Kills it. Its data stay. */
  kill(): Promise<void>;
  /** Starts it again at the same address, with the data it had or (`isEmpty`) with none. */
  startAgain(isEmpty?: boolean): Promise<void>;
  /** Kills it, and removes its files. */
  stop(): Promise<void>;
}

export interface PrometheusOptions {
  /** `host:port` of those that get its alerts. */
  readonly alertmanagers?: readonly string[];
  /** Text of its web configuration file; its URL has `https` then. */
  readonly web?: string;
  /** OpenMetrics with times: what it scraped before it was started. */
  readonly history?: string;
  /** More of its command line. */
  readonly flags?: readonly string[];
}

/** `job`, target by target; scraped and evaluated each second. `rules`: text of a rule file. */
export async function startPrometheus(
  job: string,
  targets: readonly ScrapeTarget[],
  rules: string,
  { alertmanagers = [], web, history, flags = [] }: PrometheusOptions = {},
): Promise<TestPrometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-prometheus-'));
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yaml'],
    alerting: { alertmanagers: [{ static_configs: [{ targets: alertmanagers }] }] },
    scrape_configs: [{ job_name: job, static_configs: targets.map(({ exporter, labels }) => ({ targets: [exporter.address], labels })) }],
  };
  writeFileSync(join(directory, 'prometheus.yml'), stringify(config));
  writeFileSync(join(directory, 'rules.yaml'), rules);
  const port = await freePort();
  if (web !== undefined) writeFileSync(join(directory, 'web.yml'), web);
  if (history !== undefined) writeHistory(directory, history);
  const args = [
    '--config.file=prometheus.yml',
    '--storage.tsdb.path=data',
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=error',
    ...(web === undefined ? [] : ['--web.config.file=web.yml']),
    ...flags,
  ];
  const url = `${web === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;
  const kill = async () => {
    const ending = child;
    child = null;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => ending.once('exit', () => resolve()));
    ending.kill('SIGKILL');
    await ended;
  };
  const stop = async () => {
    await kill();
    rmSync(directory, { recursive: true });
  };
  /** Where it asks for certificates, nobody here has one: that it listens must do. */
  const isReady = () => (web === undefined ? isOk(`${url}/-/ready`) : listens(port));
  const start = async () => {
    child = spawn('prometheus', args, { cwd: directory, stdio: 'ignore' });
    if (await waitFor(isReady, 30_000)) return;
    await stop();
    throw new Error('prometheus did not become ready');
  };
  await start();
  return {
    url,
    async ask(path) {
      const answer = (await (await fetch(`${url}${path}`)).json()) as { readonly status: string; readonly data: unknown };
      if (answer.status !== 'success') throw new Error(JSON.stringify(answer));
      return answer.data;
    },
    kill,
    async startAgain(isEmpty = false) {
      if (isEmpty) rmSync(join(directory, 'data'), { recursive: true });
      await start();
    },
    stop,
  };
}

function writeHistory(directory: string, text: string): void {
  writeFileSync(join(directory, 'history.txt'), text);
  const { status, output } = promtool(directory, 'tsdb', 'create-blocks-from', 'openmetrics', 'history.txt', 'data');
  if (status !== 0) throw new Error(output);
}

function isOk(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
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
