/** The rules in a real Prometheus: a denial is scraped, and its alert fires; hostile labels select what they name. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packFiles } from '../../src/alerting/files.ts';
import { equals, series } from '../../src/alerting/promql.ts';
import { DEFAULTS } from '../../src/alerting/settings.ts';
import { parseWebhook } from '../../src/evidence/alert.ts';
import { type Exporter, prometheusSkip, startExporter, startPrometheus, type TestPrometheus, waitFor } from '../prometheus.ts';
import { run } from '../run-command.ts';

const METADATA = { name: 'denywhy', namespace: 'monitoring', labels: {} };
const TARGET =
  'target_addr="10.42.0.16:8080",target_ip="10.42.0.16",target_port="8080",srv_group="policy.linkerd.io",srv_kind="server",srv_name="backend-http",srv_port="8080"';
const ROUTE = 'route_group="policy.linkerd.io",route_kind="HTTPRoute",route_name="backend-admin"';
const CLIENT = 'tls="true",client_id="default.production.serviceaccount.identity.linkerd.cluster.local"';
const HOSTILE = ['a"b', 'back\\slash', 'new\nline', '{{ $labels.x }}', '.*', '漢字 💥', '"} or up{job="'];

const escaped = (value: string) => value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
/** A proxy that has run for days. */
const QUIET = `process_start_time_seconds 1700000000
proxy_build_info{version="2.366.0"} 1
${HOSTILE.map((value, i) => `hostile{value="${escaped(value)}"} ${i}`).join('\n')}
`;

interface Alerts {
  readonly alerts: readonly { readonly labels: Readonly<Record<string, string>>; readonly state: string }[];
}

describe.skipIf(prometheusSkip !== null)(`a real Prometheus ${prometheusSkip === null ? '' : `(${prometheusSkip})`}`, () => {
  let exporter: Exporter;
  let prometheus: TestPrometheus;
  const firing = async () => ((await prometheus.ask('/api/v1/alerts')) as Alerts).alerts.filter(({ state }) => state === 'firing');

  beforeAll(async () => {
    exporter = await startExporter(QUIET);
    // Short, so that the proxy has been seen before the window within seconds.
    const settings = { ...DEFAULTS, window: 2, lookback: 60 };
    const labels = { namespace: 'production', pod: 'backend-1', deployment: 'backend' };
    prometheus = await startPrometheus('linkerd-proxy', [{ exporter, labels }], packFiles(settings, METADATA).get('rules.yaml') ?? '');
  }, 30_000);
  afterAll(async () => {
    await prometheus.stop();
    await exporter.close();
  });

  it('fires on the first denial, and says whose incident it is', { timeout: 30_000 }, async () => {
    const up = 'max_over_time(up[60s] offset 2s) == 1';
    const isKnown = async () =>
      ((await prometheus.ask(`/api/v1/query?query=${encodeURIComponent(up)}`)) as { result: unknown[] }).result.length > 0;
    expect(await waitFor(isKnown, 15_000)).toBe(true);
    expect(await firing()).toEqual([]);
    exporter.text = `${QUIET}inbound_http_authz_deny_total{${TARGET},${ROUTE},${CLIENT}} 1\n`;
    expect(await waitFor(async () => (await firing()).length > 0, 10_000)).toBe(true);
    const [alert, ...more] = await firing();
    expect(more).toEqual([]);
    expect(alert?.labels['alertname']).toBe('LinkerdRequestsDenied');
    expect(parseWebhook({ alerts: [{ status: 'firing', labels: alert?.labels }] }).alerts[0]?.selects).toEqual({
      namespace: 'production',
      workload: { kind: 'Deployment', name: 'backend' },
      server: { group: 'policy.linkerd.io', kind: 'server', name: 'backend-http' },
      route: { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'backend-admin' },
      kind: 'http-denied',
    });
  });

  it.each(HOSTILE.map((value, i) => [JSON.stringify(value), value, i] as const))(
    'selects the series whose label is %s, and no other',
    async (_, value, i) => {
      const query = encodeURIComponent(series('hostile', [equals('value', value)]));
      const { result } = (await prometheus.ask(`/api/v1/query?query=${query}`)) as {
        result: { metric: { value: string }; value: [number, string] }[];
      };
      expect(result.map((each) => [each.metric.value, each.value[1]])).toEqual([[value, String(i)]]);
    },
  );

  it('tells denywhy rules how it scrapes', async () => {
    const { exitCode, stdout, stderr } = await run(['rules', '--prometheus', prometheus.url, '-o', 'rules']);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain('up{job="linkerd-proxy"}');
    expect(stderr).toContain('Prometheus does not scrape denywhy');
    expect(stderr).not.toContain('knows no proxy');
  });

  it('tells denywhy rules --check which rules it evaluates', async () => {
    const { exitCode, stdout } = await run(['rules', '--prometheus', prometheus.url, '--check']);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/✗ linkerd-denials: \d+ of \d+ rules loaded/);
    expect(stdout).toContain('increase5m: missing');
    expect(stdout).toMatch(/✓ linkerd-policy: 1 of 1 rules loaded, healthy and evaluated, last \d+ s ago/);
  });
});
