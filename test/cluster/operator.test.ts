/** What `denywhy rules` says will be picked up, beside what the real operator picks up; and that what it picked up fires. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { prometheusSkip, startExporter, startPrometheus, waitFor } from '../prometheus.ts';
import { run } from '../run-command.ts';
import type { KubeObject } from './api.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { clusterSkip } from './skip.ts';

const RELEASE = { release: 'kube-prometheus-stack' };
const EVERYWHERE = { ruleSelector: {}, ruleNamespaceSelector: {} };

/** `namespace/name` and the spec of each Prometheus that the operator is given. */
const PROMETHEUSES: Readonly<Record<string, object>> = {
  'monitoring/by-release': { ruleSelector: { matchLabels: RELEASE }, ruleNamespaceSelector: {} },
  'monitoring/own-namespace': { ruleSelector: {} },
  'monitoring/by-namespace-label': { ruleSelector: {}, ruleNamespaceSelector: { matchLabels: { team: 'web' } } },
  'monitoring/by-expressions': {
    ruleSelector: { matchExpressions: [{ key: 'release', operator: 'In', values: ['other', 'kube-prometheus-stack'] }] },
    ruleNamespaceSelector: { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] },
  },
  'monitoring/nothing': { ruleNamespaceSelector: {} },
  'monitoring/enforced': { ...EVERYWHERE, enforcedNamespaceLabel: 'namespace' },
  'monitoring/excused': {
    ...EVERYWHERE,
    enforcedNamespaceLabel: 'namespace',
    excludedFromEnforcement: [{ group: 'monitoring.coreos.com', resource: 'prometheusrules', namespace: 'monitoring' }],
  },
  'web/own-namespace': { ruleSelector: {} },
  'old/prometheus': { ruleSelector: {}, version: 'v2.41.0' },
};

/** The packs that people would apply: `namespace/name`, and further options of `denywhy rules`. */
const PACKS: Readonly<Record<string, readonly string[]>> = {
  'monitoring/plain': [],
  'monitoring/released': ['--release', 'kube-prometheus-stack'],
  'web/plain': [],
  'old/plain': [],
};

const SELECTED: Readonly<Record<string, readonly string[]>> = {
  'monitoring/by-release': ['monitoring/released'],
  'monitoring/own-namespace': ['monitoring/plain', 'monitoring/released'],
  'monitoring/by-namespace-label': ['web/plain'],
  'monitoring/by-expressions': ['monitoring/released'],
  'monitoring/nothing': [],
  'monitoring/enforced': ['monitoring/plain', 'monitoring/released', 'old/plain', 'web/plain'],
  'monitoring/excused': ['monitoring/plain', 'monitoring/released', 'old/plain', 'web/plain'],
  'web/own-namespace': ['web/plain'],
  'old/prometheus': ['old/plain'],
};

interface ConfigMap {
  readonly data?: Readonly<Record<string, string>>;
}

interface Groups {
  readonly groups: readonly { readonly rules: readonly { readonly keep_firing_for?: string }[] }[];
}

const TARGET =
  'target_addr="10.42.0.16:8080",target_ip="10.42.0.16",target_port="8080",srv_group="policy.linkerd.io",srv_kind="server",srv_name="backend-http",srv_port="8080"';
const ROUTE = 'route_group="policy.linkerd.io",route_kind="HTTPRoute",route_name="backend-admin"';
const DENIAL = `inbound_http_authz_deny_total{${TARGET},${ROUTE},tls="true",client_id="default.production.serviceaccount.identity.linkerd.cluster.local"} 1\n`;
const QUIET = 'process_start_time_seconds 1700000000\nproxy_build_info{version="2.366.0"} 1\n';

const parts = (key: string): [namespace: string, name: string] => {
  const [namespace = '', name = ''] = key.split('/');
  return [namespace, name];
};

describe.skipIf(clusterSkip !== null)(`the Prometheus operator${clusterSkip === null ? '' : ` [${clusterSkip}]`}`, () => {
  let cluster: Cluster;
  let scratch: string;
  /** What `kubectl get prometheuses,namespaces -A -o yaml` printed: what a person would give to --cluster. */
  let dump: string;
  const uids = new Map<string, string>();

  const rules = (pack: string, ...args: readonly string[]) => {
    const [namespace, name] = parts(pack);
    const tuning = join(scratch, 'tuning.yaml');
    return run(['rules', '--namespace', namespace, '--name', name, '--tuning', tuning, ...(PACKS[pack] ?? []), ...args]);
  };
  const files = async (prometheus: string) => {
    const [namespace, name] = parts(prometheus);
    const path = `/api/v1/namespaces/${namespace}/configmaps/prometheus-${name}-rulefiles-0`;
    return (await cluster.api.get<ConfigMap>(path)).data ?? {};
  };
  const fileOf = async (prometheus: string, pack: string) =>
    (await files(prometheus))[`${pack.replace('/', '-')}-${uids.get(pack)}.yaml`] ?? '';
  const taken = async (prometheus: string) => {
    const names = Object.keys(await files(prometheus));
    return Object.keys(PACKS).filter((pack) => names.includes(`${pack.replace('/', '-')}-${uids.get(pack)}.yaml`));
  };

  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'denywhy-operator-'));
    // Short, so that a denial is told from what was there before within seconds.
    writeFileSync(join(scratch, 'tuning.yaml'), 'window: 2s\nlookback: 60s\nrunbookUrl: https://wiki.example/%s\n');
    cluster = await startCluster();
    for (const name of ['monitoring', 'web', 'old']) await cluster.kubectl(['create', 'namespace', name]);
    await cluster.kubectl(['label', 'namespace', 'web', 'team=web']);
    for (const pack of Object.keys(PACKS)) {
      const { exitCode, stdout, stderr } = await rules(pack);
      expect([exitCode, stderr]).toEqual([0, '']);
      await cluster.kubectl(['apply', '--server-side', '-f', '-'], stdout);
      const rule = JSON.parse(await cluster.kubectl(['get', 'prometheusrule', parts(pack)[1], '-n', parts(pack)[0], '-o', 'json']));
      uids.set(pack, rule.metadata.uid);
    }
    for (const [key, spec] of Object.entries(PROMETHEUSES)) {
      const [namespace, name] = parts(key);
      const object = { apiVersion: 'monitoring.coreos.com/v1', kind: 'Prometheus', metadata: { name, namespace }, spec };
      await cluster.kubectl(['create', '-f', '-'], JSON.stringify(object));
    }
    dump = join(scratch, 'cluster.yaml');
    writeFileSync(dump, await cluster.kubectl(['get', 'prometheuses,namespaces', '-A', '-o', 'yaml']));
    // A Prometheus gets its StatefulSet after its rules: then it has all that were there before it.
    const isComplete = async () =>
      (await cluster.kubectl(['get', 'statefulsets', '-A', '-o', 'name'])).split('\n').filter(Boolean).length ===
      Object.keys(PROMETHEUSES).length;
    expect(await waitFor(isComplete, 60_000)).toBe(true);
  }, 240_000);

  afterAll(async () => {
    await cluster?.stop();
    rmSync(scratch, { recursive: true, force: true });
  }, 60_000);

  it.each(Object.entries(SELECTED))('gives Prometheus %s exactly %j', async (prometheus, packs) => {
    expect((await taken(prometheus)).toSorted()).toEqual(packs);
  });

  it.each(Object.keys(PACKS))('takes %s where denywhy rules said so, and leaves it out where denywhy rules said so', async (pack) => {
    const { stderr } = await rules(pack, '--cluster', dump);
    const said = Object.keys(PROMETHEUSES).map((prometheus) => [
      prometheus,
      stderr.includes(`Prometheus ${prometheus} will load this manifest.`),
      stderr.includes(`Prometheus ${prometheus} will not load this manifest: `),
    ]);
    const did = await Promise.all(
      Object.keys(PROMETHEUSES).map(async (prometheus) => {
        const isTaken = (await taken(prometheus)).includes(pack);
        return [prometheus, isTaken, !isTaken];
      }),
    );

    expect(said).toEqual(did);
  });

  it('takes a pack when it gets the label that denywhy rules asks for', async () => {
    const { stderr } = await rules('monitoring/plain', '--cluster', dump);
    const asked = /by-release will not load this manifest: .*--label (\S+=\S+?)\.?$/m.exec(stderr)?.[1] ?? '';
    expect(await taken('monitoring/by-release')).toEqual(['monitoring/released']);
    await cluster.kubectl(['label', 'prometheusrule', 'plain', '-n', 'monitoring', asked]);

    await expect.poll(() => taken('monitoring/by-release'), { timeout: 30_000 }).toEqual(['monitoring/plain', 'monitoring/released']);
    await cluster.kubectl(['label', 'prometheusrule', 'plain', '-n', 'monitoring', `${asked.split('=')[0]}-`]);
    await expect.poll(() => taken('monitoring/by-release'), { timeout: 30_000 }).toEqual(['monitoring/released']);
  });

  it('renders what the manifest says, rule by rule', async () => {
    const manifest = parse((await rules('monitoring/released')).stdout);

    expect(parse(await fileOf('monitoring/by-release', 'monitoring/released'))).toEqual(manifest.spec);
    expect(parse(await fileOf('monitoring/excused', 'monitoring/released'))).toEqual(manifest.spec);
  });

  it('drops keep_firing_for where Prometheus is too old for it, and nothing from a pack that was made for its version', async () => {
    const kept = (text: string) =>
      (parse(text) as Groups).groups.flatMap(({ rules: all }) => all.filter(({ keep_firing_for: time }) => time !== undefined));
    const unaware = (await rules('old/plain')).stdout;
    expect(kept(JSON.stringify(parse(unaware).spec)).length).toBeGreaterThan(0);
    expect(kept(await fileOf('old/prometheus', 'old/plain'))).toEqual([]);

    const { stdout } = await rules('old/plain', '--cluster', dump);
    await cluster.kubectl(['apply', '--server-side', '-f', '-'], stdout);
    await expect.poll(async () => parse(await fileOf('old/prometheus', 'old/plain')), { timeout: 30_000 }).toEqual(parse(stdout).spec);
  });

  it('restricts an enforced pack to its own namespace, as denywhy rules warned, and an excused one not', async () => {
    const { stderr } = await rules('monitoring/plain', '--cluster', dump);
    const isWarned = (prometheus: string) => stderr.includes(`Prometheus ${prometheus}: enforcedNamespaceLabel: namespace restricts`);
    const restriction = 'namespace="monitoring"';

    expect([isWarned('monitoring/enforced'), isWarned('monitoring/excused'), isWarned('monitoring/own-namespace')]).toEqual([
      true,
      false,
      false,
    ]);
    expect(await fileOf('monitoring/enforced', 'monitoring/plain')).toContain(restriction);
    expect(await fileOf('monitoring/excused', 'monitoring/plain')).not.toContain(restriction);
  });

  it('says of no pack that it is invalid', async () => {
    const { items } = await cluster.api.get<{ items: (KubeObject & { reason?: string; note?: string })[] }>(
      '/apis/events.k8s.io/v1/events',
    );

    expect(items.filter(({ reason }) => reason === 'InvalidConfiguration').map(({ note }) => note)).toEqual([]);
  });

  it('says so of a rule that is', async () => {
    const spec = { groups: [{ name: 'broken', rules: [{ alert: 'Broken', expr: 'up ==' }] }] };
    const object = { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule', metadata: { name: 'broken', namespace: 'web' }, spec };
    await cluster.kubectl(['create', '-f', '-'], JSON.stringify(object));

    await expect
      .poll(() => cluster.kubectl(['get', 'events', '-n', 'web', '--field-selector=reason=InvalidConfiguration', '-o', 'name']), {
        timeout: 30_000,
      })
      .toContain('event/broken.');
    await cluster.kubectl(['delete', 'prometheusrule', 'broken', '-n', 'web']);
  });

  it.skipIf(prometheusSkip !== null)(
    `renders rules that fire on a real denial${prometheusSkip === null ? '' : ` [${prometheusSkip}]`}, unless they are enforced`,
    async () => {
      const exporter = await startExporter(QUIET);
      const targets = [{ exporter, labels: { namespace: 'production', pod: 'backend-1', deployment: 'backend' } }];
      const [taken, enforced] = await Promise.all(
        ['monitoring/by-release', 'monitoring/enforced'].map(async (name) =>
          startPrometheus('linkerd-proxy', targets, await fileOf(name, 'monitoring/released')),
        ),
      );
      if (taken === undefined || enforced === undefined) throw new Error('no Prometheus');
      const query = async (prometheus: typeof taken, text: string) =>
        ((await prometheus.ask(`/api/v1/query?query=${encodeURIComponent(text)}`)) as { result: readonly unknown[] }).result.length;
      const isFiring = async (prometheus: typeof taken) =>
        (await query(prometheus, 'ALERTS{alertname="LinkerdRequestsDenied",alertstate="firing"}')) > 0;
      try {
        expect(await waitFor(async () => (await query(taken, 'max_over_time(up[60s] offset 2s) == 1')) > 0, 20_000)).toBe(true);
        expect(await isFiring(taken)).toBe(false);
        exporter.text = QUIET + DENIAL;
        expect(await waitFor(() => isFiring(taken), 20_000)).toBe(true);
        // It has seen the same denial for as long as it takes to fire.
        const seen = 'count_over_time(inbound_http_authz_deny_total[1m]) > 5';
        expect(await waitFor(async () => (await query(enforced, seen)) > 0, 20_000)).toBe(true);
        expect(await query(enforced, 'ALERTS{alertname="LinkerdRequestsDenied"}')).toBe(0);
      } finally {
        await Promise.all([taken.stop(), enforced.stop(), exporter.close()]);
      }
    },
    90_000,
  );
});
