/** What Linkerd's and Kubernetes' policy of the chart comes to in the recorded cluster: who reaches what of denywhy. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Caller, callerOfPod, can, UNMESHED } from '../../src/access/can.ts';
import { stateAt } from '../../src/manifests/history.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { buildSnapshot, findWorkload, type Snapshot, workloadsByServiceAccount } from '../../src/policy/snapshot.ts';
import { withStatuses } from '../../src/policy/status.ts';
import { standInPods } from '../../src/policy/templates.ts';
import { get } from '../policy/cluster.ts';
import { CHART, helmSkip, PRESETS, type Preset, renderText } from './helm.ts';

const ROOT = join(CHART, '../..');
const NODE = '192.168.77.10';
const STORY = readManifests(readFileSync(join(ROOT, 'demo/policy-history.jsonl'), 'utf8'), 'policy-history.jsonl');

/** A pod of the monitoring stack, as its operator makes it. */
const monitoring = (app: string, ip: string, isMeshed = true) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `${app}-0`,
    namespace: 'monitoring',
    labels: { 'app.kubernetes.io/name': app, ...(isMeshed ? { 'linkerd.io/control-plane-ns': 'linkerd' } : {}) },
  },
  spec: { serviceAccountName: `kube-prometheus-stack-${app}`, containers: [{ name: app, image: app }] },
  status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], hostIP: '192.168.77.11' },
});
const NEIGHBOURS = [
  ...['denywhy', 'monitoring'].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
  monitoring('alertmanager', '10.42.0.101'),
  monitoring('prometheus', '10.42.0.102'),
  monitoring('grafana', '10.42.0.103'),
  // Of the right name and labels, but without a proxy nobody can know that it is the one.
  {
    ...monitoring('alertmanager', '10.42.0.104', false),
    metadata: { ...monitoring('alertmanager', '', false).metadata, name: 'unmeshed-0' },
  },
];

/** The recorded cluster at its end, with the monitoring stack and the chart, and a running pod of denywhy. */
function clusterWith(chart: string): Snapshot {
  const added = [...NEIGHBOURS.map((object) => stringify(object)), chart].join('---\n');
  const all = withStatuses(stateAt(mergeManifests([STORY, readManifests(added, 'chart.yaml')]).changes, null));
  const [pod, ...others] = standInPods(all, LINKERD_DEFAULTS).filter(({ metadata }) => metadata.namespace === 'denywhy');
  if (pod === undefined || others.length > 0) throw new Error('not one Deployment in the chart');
  const running: Resource = {
    ...pod,
    metadata: { ...pod.metadata, name: 'denywhy-0' },
    status: { phase: 'Running', podIP: '10.42.0.100', podIPs: [{ ip: '10.42.0.100' }], hostIP: NODE, hostIPs: [{ ip: NODE }] },
  };
  return buildSnapshot([...all, running], LINKERD_DEFAULTS);
}

function callersIn(snapshot: Snapshot): ReadonlyMap<string, Caller> {
  const pod = (namespace: string, account: string, name = '') => {
    const [found] = workloadsByServiceAccount(snapshot, namespace, account).filter(({ ref }) => ref.name.startsWith(name));
    if (found === undefined) throw new Error(`no pod of ${namespace}/${account}`);
    return callerOfPod(snapshot, found);
  };
  return new Map<string, Caller>([
    ['Alertmanager', pod('monitoring', 'kube-prometheus-stack-alertmanager', 'alertmanager')],
    ['Prometheus', pod('monitoring', 'kube-prometheus-stack-prometheus')],
    ['kubelet', { tls: UNMESHED, ip: NODE, pod: null }],
    ['Alertmanager, unmeshed', pod('monitoring', 'kube-prometheus-stack-alertmanager', 'unmeshed')],
    ['Grafana', pod('monitoring', 'kube-prometheus-stack-grafana')],
    ['frontend', pod('production', 'frontend')],
    ['scanner, unmeshed', pod('security', 'scanner')],
    ['outside', { tls: UNMESHED, ip: '203.0.113.9', pod: null }],
  ]);
}

const REQUESTS = [
  [8417, 'POST', '/api/v1/webhooks/alertmanager'],
  [8417, 'GET', '/metrics'],
  [8417, 'GET', '/healthz'],
  [8417, 'GET', '/readyz'],
  [8417, 'GET', '/api/v1/incidents'],
  [8417, 'POST', '/api/v1/logs'],
  [4191, 'GET', '/metrics'],
  [4191, 'GET', '/live'],
  [4191, 'GET', '/ready'],
  [4191, 'POST', '/shutdown'],
] as const;

interface Verdict {
  readonly who: string;
  readonly asks: string;
  readonly linkerd: string;
  readonly network: string;
  readonly answer: string;
}

function verdicts(chart: string): readonly Verdict[] {
  const snapshot = clusterWith(chart);
  const server = findWorkload(snapshot, 'Pod', 'denywhy', 'denywhy-0');
  if (server === null) throw new Error('no pod of denywhy');
  return [...callersIn(snapshot)].flatMap(([who, caller]) =>
    REQUESTS.map(([port, method, path]) => {
      const asks = `${port} ${method} ${path}`;
      const { answer, cases } = can(snapshot, {
        callers: [caller],
        servers: [server],
        port,
        request: { text: asks, traffic: get(path, { method }) },
      });
      const [one] = cases;
      return { who, asks, linkerd: one?.evaluation?.verdict ?? 'no say', network: one?.network?.verdict.verdict ?? 'no say', answer };
    }),
  );
}

function table(all: readonly Verdict[]): string {
  const rows = [{ who: 'who', asks: 'asks', linkerd: 'Linkerd', network: 'NetworkPolicy', answer: 'gets in' }, ...all];
  return rows.map((r) => `${r.who.padEnd(24)}${r.asks.padEnd(42)}${r.linkerd.padEnd(17)}${r.network.padEnd(15)}${r.answer}\n`).join('');
}

const gettingIn = (all: readonly Verdict[]) => all.filter(({ answer }) => answer !== 'no').map(({ who, asks }) => `${who}: ${asks}`);
const manifests = (preset: Preset) => readFileSync(join(ROOT, 'deploy/manifests', `${preset}.yaml`), 'utf8');

const WORK = ['Alertmanager: 8417 POST /api/v1/webhooks/alertmanager', 'Prometheus: 8417 GET /metrics', 'Prometheus: 4191 GET /metrics'];
const PROBES = ['8417 GET /healthz', '8417 GET /readyz', '4191 GET /live', '4191 GET /ready'].map((probe) => `kubelet: ${probe}`);

describe.each(PRESETS)('in the recorded cluster, by the preset %s', (preset) => {
  it('Alertmanager posts, Prometheus scrapes and the kubelet probes', async () => {
    const all = verdicts(manifests(preset));
    await expect(table(all)).toMatchFileSnapshot(join(import.meta.dirname, 'golden/access.txt'));
    const said = all.map(({ who, asks, answer }) => `${who}: ${asks} ${answer}`);
    expect([...WORK, ...PROBES].filter((one) => !said.includes(`${one} yes`))).toEqual([]);
  });

  it('everyone else is refused all but, as long as access.kubelet is wide open, the probes', () => {
    const others = gettingIn(verdicts(manifests(preset))).filter((one) => !WORK.includes(one));
    expect(others.filter((one) => !/ GET \/(healthz|readyz|live|ready)$/.test(one))).toEqual([]);
  });

  it.skipIf(helmSkip !== null)(
    `nobody else gets in where access.kubelet is the nodes' addresses${helmSkip === null ? '' : ` [${helmSkip}]`}`,
    () => {
      const access = { kubelet: [`${NODE}/32`] };
      const all = verdicts(renderText(preset, { access, monitoring: { enabled: false } }));
      expect(gettingIn(all).toSorted()).toEqual([...WORK, ...PROBES].toSorted());
      // Neither leans on the other.
      const withoutNetworkPolicy = renderText(preset, { access, monitoring: { enabled: false }, networkPolicy: { enabled: false } });
      expect(gettingIn(verdicts(withoutNetworkPolicy)).toSorted()).toEqual([...WORK, ...PROBES].toSorted());
    },
  );

  it.skipIf(helmSkip !== null)(
    `those who are named in access.others ask for everything${helmSkip === null ? '' : ` [${helmSkip}]`}`,
    () => {
      const others = [
        { namespace: 'monitoring', serviceAccount: 'kube-prometheus-stack-grafana', podLabels: { 'app.kubernetes.io/name': 'grafana' } },
      ];
      const all = verdicts(renderText(preset, { access: { others }, monitoring: { enabled: false } }));
      expect(all.filter(({ who, asks, answer }) => who === 'Grafana' && asks.startsWith('8417') && answer !== 'yes')).toEqual([]);
      expect(all.filter(({ who, asks, answer }) => who === 'frontend' && asks.startsWith('8417') && answer !== 'no')).toEqual([]);
    },
  );
});
