/** Polling a real Prometheus that has much to tell: hours in which denywhy was away, and more series than one answer may hold. */
import { Writable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { startPrometheus as startPolling } from '../../src/commands/service-prometheus.ts';
import { createPrometheus } from '../../src/drivers/metrics-prometheus.ts';
import { createUpstream } from '../../src/drivers/upstream.ts';
import type { Prometheus } from '../../src/ports.ts';
import { createLogger, createMetrics } from '../../src/telemetry.ts';
import { readPolling, savePolling } from '../../src/triage/polling.ts';
import { readSources } from '../../src/triage/sources.ts';
import { type Exporter, prometheusSkip, startExporter, startPrometheus, type TestPrometheus, waitFor } from '../prometheus.ts';
import { createDesk } from '../triage/desk.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const TIMEOUT = { timeout: 120_000 };
/** What sorts of labels are in each sample of history, or are put there by a scrape. */
const targetOf = (pod: string) => ({ namespace: 'shop', pod, deployment: 'cart' });
const textOf = (labels: Readonly<Record<string, string>>) =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',');
const denials = (client: string) =>
  `srv_group="policy.linkerd.io",srv_kind="server",srv_name="cart-http",route_group="",route_kind="default",route_name="default",tls="true",client_id="${client}"`;

describe.skipIf(prometheusSkip !== null)(`a real Prometheus${prometheusSkip === null ? '' : ` (${prometheusSkip})`}`, () => {
  let exporters: readonly Exporter[] = [];
  let prometheus: TestPrometheus | null = null;
  let work: ReturnType<typeof startPolling> | null = null;

  afterEach(async () => {
    await work?.stop();
    await prometheus?.stop();
    for (const exporter of exporters) await exporter.close();
  });

  /** `asked`: told of every question. */
  async function poll(desk: ReturnType<typeof createDesk>, url: string, asked: (query: string) => void): Promise<void> {
    const upstream = await createUpstream({
      name: 'Prometheus',
      url,
      credentials: { bearer: null, bearerFile: null, basic: null },
      headers: new Map(),
      tls: { ca: null, certificate: null, key: null, serverName: null, isVerified: true },
      timeout: 20_000,
      mostBytes: 64 * 2 ** 20,
    });
    const driver = createPrometheus(upstream);
    const told: Prometheus = {
      ...driver,
      query: (query, at) => {
        asked(`query ${query}`);
        return driver.query(query, at);
      },
      queryRange: (query, range) => {
        asked(`range ${query}`);
        return driver.queryRange(query, range);
      },
    };
    work = startPolling({
      prometheus: told,
      store: desk.store,
      intake: desk.intake,
      isLeader: () => true,
      cluster: '',
      ownCluster: '',
      every: 1000,
      everyAllowed: HOUR,
      resume: 6 * HOUR,
      mostSeries: 100_000,
      now: Date.now,
      logger: createLogger(new Writable({ write: (_chunk, _encoding, done) => done() }), 'error'),
      metrics: createMetrics('0.0.0'),
    });
    const isWell = async () => (await readSources(desk.store)).some(({ id, answeredAt }) => id === 'prometheus' && answeredAt !== null);
    if (!(await waitFor(isWell, 60_000))) throw new Error(JSON.stringify(await readSources(desk.store)));
  }

  it('is read on by range queries after three hours, with what pods counted that are gone, and each denial once', TIMEOUT, async () => {
    const now = Date.now();
    const started = now / 1000 - 86_400;
    const lines: string[] = [];
    const add = (name: string, labels: string, from: number, to: number, value: number) => {
      for (let at = from; at < to; at += MINUTE / 2) lines.push(`${name}{${labels}} ${value} ${(at / 1000).toFixed(3)}`);
    };
    const proxy = (pod: string, from: number, to: number, since: number) => {
      const labels = textOf({ job: 'linkerd-proxy', instance: pod, ...targetOf(pod) });
      add('up', labels, from, to, 1);
      add('process_start_time_seconds', labels, from, to, since);
      return labels;
    };
    const kept = proxy('cart-1', now - 4 * HOUR, now, started);
    add('inbound_http_authz_deny_total', `${kept},${denials('old')}`, now - 4 * HOUR, now, 50);
    add('inbound_http_authz_deny_total', `${kept},${denials('web')}`, now - 2 * HOUR, now, 4);
    const gone = proxy('cart-2', now - 90 * MINUTE, now - 80 * MINUTE, (now - 90 * MINUTE) / 1000);
    add('inbound_http_authz_deny_total', `${gone},${denials('batch')}`, now - 89 * MINUTE, now - 80 * MINUTE, 7);
    prometheus = await startPrometheus('linkerd-proxy', [], '', { history: historyOf(lines) });

    const desk = createDesk();
    const away = now - 3 * HOUR;
    await savePolling(desk.store, { since: away - HOUR, deniedAt: away, allowedAt: null, sideAt: null, newest: away, cluster: '' });
    const asked: string[] = [];
    await poll(desk, prometheus.url, (query) => void asked.push(query));
    const counted = async () => (await desk.incidents()).map(({ counted: { metrics } }) => metrics);
    expect(await waitFor(async () => String(await counted()) === '11', 30_000)).toBe(true);
    const ranges = asked.filter((query) => query.startsWith('range ')).length;
    expect(ranges).toBeGreaterThanOrEqual(3 * 3);
    const [incident] = await desk.incidents();
    expect(Math.abs((incident?.firstSeen ?? 0) - (now - 2 * HOUR))).toBeLessThan(2 * MINUTE);
    const before = (await readPolling(desk.store))?.deniedAt ?? 0;
    expect(await waitFor(async () => ((await readPolling(desk.store))?.deniedAt ?? 0) > before + 2000, 30_000)).toBe(true);
    expect(await counted()).toEqual([11]);
    expect(asked.filter((query) => query.startsWith('range ')).length).toBe(ranges);
  });

  it('with 12,000 deny series is asked in pieces, and each series counts once', TIMEOUT, async () => {
    const pods = Array.from({ length: 12 }, (_, i) => `cart-${i.toString(36)}`);
    const page = (value: number) =>
      `process_start_time_seconds 1700000000\nproxy_build_info{version="2.366.0"} 1\n${Array.from({ length: 1000 }, (_, c) => `inbound_http_authz_deny_total{${denials(`client-${c}`)}} ${value}\n`).join('')}`;
    exporters = await Promise.all(pods.map(() => startExporter(page(1))));
    const targets = exporters.map((exporter, i) => ({ exporter, labels: targetOf(pods[i] ?? '') }));
    prometheus = await startPrometheus('linkerd-proxy', targets, '');
    const isScraped = async () => (await counts('count(inbound_http_authz_deny_total)')) === 12_000;
    expect(await waitFor(isScraped, 60_000)).toBe(true);

    const desk = createDesk();
    let asked: string[] = [];
    await poll(desk, prometheus.url, (query) => void asked.push(query));
    expect(await desk.incidents()).toEqual([]);
    for (const exporter of exporters) exporter.text = page(2);
    asked = [];
    const counted = async () => (await desk.incidents()).map(({ counted: { metrics } }) => metrics);
    expect(await waitFor(async () => String(await counted()) === '12000', 60_000)).toBe(true);
    const pieces = new Set(asked.filter((query) => query.includes('inbound_http_authz_deny_total')));
    expect(pieces.size).toBeGreaterThan(1);
  });

  async function counts(query: string): Promise<number> {
    const answer = await prometheus?.ask(`/api/v1/query?query=${encodeURIComponent(query)}`);
    return Number((answer as { result: { value: [number, string] }[] }).result[0]?.value[1] ?? 0);
  }
});

/** OpenMetrics wants the samples of a metric together. */
function historyOf(lines: readonly string[]): string {
  const names = [...new Set(lines.map((line) => line.slice(0, line.indexOf('{'))))];
  return [...names.flatMap((name) => lines.filter((line) => line.startsWith(`${name}{`))), '# EOF', ''].join('\n');
}
