import { describe, expect, it } from 'vitest';
import type { ScrapeTarget } from '../../src/evidence/metrics-json.ts';
import { clusterInfo } from '../../src/policy/cluster-settings.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { buildSnapshot, type Snapshot } from '../../src/policy/snapshot.ts';
import { type AlertingFacts, checkAlertmanagers, checkRules, checkScrapes } from '../../src/posture/check-alerting.ts';
import { checkGrants } from '../../src/posture/check-grants.ts';
import type { CheckLine } from '../../src/posture/check-line.ts';
import { checkLinkerd } from '../../src/posture/check-linkerd.ts';
import { checkLogs, showsInfo } from '../../src/posture/check-logs.ts';
import { checkNetwork } from '../../src/posture/check-network.ts';
import { checkRights, checkStore, type Right } from '../../src/posture/check-rights.ts';

const MESHED = { 'linkerd.io/control-plane-ns': 'linkerd', 'linkerd.io/proxy-deployment': 'cart' };

function object(apiVersion: string, kind: string, namespace: string, name: string, rest: object = {}): Resource {
  return { apiVersion, kind, metadata: { name, namespace }, ...rest };
}

function pod(name: string, annotations: Record<string, string> = {}, env: readonly object[] = []): Resource {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', labels: MESHED, annotations: { 'linkerd.io/proxy-version': 'edge-26.8.3', ...annotations } },
    spec: { containers: [{ name: 'linkerd-proxy', image: 'cr.l5d.io/linkerd/proxy:edge-26.8.3', env }] },
    status: { phase: 'Running' },
  };
}

const CONFIG = object('v1', 'ConfigMap', 'linkerd', 'linkerd-config', {
  data: {
    values:
      'linkerdVersion: edge-26.8.3\nproxy:\n  defaultInboundPolicy: deny\n  logLevel: warn,linkerd=info\nidentityTrustDomain: cluster.local\n',
  },
});

function facts(resources: readonly Resource[], isWhole = true, served: Parameters<typeof checkLinkerd>[0]['served'] = null) {
  const settings = clusterInfo({ resources, flags: {} });
  return { snapshot: buildSnapshot(resources, settings.info), settings, served, isWhole };
}

function snapshotOf(...resources: readonly Resource[]): Snapshot {
  return facts(resources).snapshot;
}

/** `✓ id: text | remedy | …`. */
function shown({ id, mark, text, remedy }: CheckLine): string {
  return [`${{ ok: '✓', failed: '✗', unknown: '?' }[mark]} ${id}: ${text}`, ...remedy].join(' | ');
}

function lineOf(lines: readonly CheckLine[], id: string): string {
  return lines
    .filter((line) => line.id === id)
    .map(shown)
    .join('\n');
}

describe('linkerd', () => {
  const served = (version: string | null) => [
    { name: 'servers.policy.linkerd.io', isOptional: false, version },
    { name: 'httproutes.gateway.networking.k8s.io', isOptional: true, version: null },
  ];
  const bad = object('policy.linkerd.io/v1alpha1', 'AuthorizationPolicy', 'shop', 'cart', {
    spec: { targetRef: { kind: 'Deployment', name: 'cart' }, requiredAuthenticationRefs: [] },
  });

  it.each<readonly [string, Parameters<typeof checkLinkerd>[0], string, string]>([
    [
      'the version stands in the ConfigMap',
      facts([CONFIG]),
      'control-plane',
      '✓ control-plane: control plane edge-26.8.3 in namespace linkerd',
    ],
    [
      'the version is that of the image, which is what runs',
      facts([
        CONFIG,
        object('apps/v1', 'Deployment', 'linkerd', 'linkerd-destination', {
          spec: {
            template: { spec: { containers: [{ name: 'destination', image: 'cr.l5d.io/linkerd/controller:edge-26.8.4@sha256:0' }] } },
          },
        }),
      ]),
      'control-plane',
      '✓ control-plane: control plane edge-26.8.4 in namespace linkerd',
    ],
    ['a whole cluster without one', facts([]), 'control-plane', '✗ control-plane: no control plane'],
    ['a dump without one tells nothing', facts([], false), 'control-plane', '? control-plane: control plane: neither'],
    [
      'settings with their origin',
      facts([CONFIG]),
      'settings',
      '✓ settings: default inbound policy deny, trust domain cluster.local (ConfigMap linkerd-config)',
    ],
    ['settings that are assumed', facts([]), 'settings', '? settings: settings: Linkerd’s own are assumed'],
    [
      'settings that cannot be read',
      facts([object('v1', 'ConfigMap', 'linkerd', 'linkerd-config', { data: { values: 'proxy: {defaultInboundPolicy: nobody}' } })]),
      'settings',
      '✗ settings: settings: ConfigMap linkerd/linkerd-config: defaultPolicy "nobody" is not valid',
    ],
    [
      'kinds that are served',
      facts([], true, served('v1beta3')),
      'crds',
      '✓ crds: 1 kinds of Linkerd are served (Server v1beta3), Gateway API not',
    ],
    [
      'a kind that is missing',
      facts([], true, served(null)),
      'crds',
      '✗ crds: the API server does not serve servers.policy.linkerd.io | linkerd install --crds',
    ],
    ['no API server', facts([]), 'crds', '? crds:'],
    [
      'an object that the controller cannot read',
      facts([bad]),
      'policy-objects',
      '✗ policy-objects: 1 object of 1 cannot be read by the policy controller: AuthorizationPolicy shop/cart | AuthorizationPolicy shop/cart: unsupported authorization target type: Deployment',
    ],
    [
      'proxies of the control plane’s version',
      facts([CONFIG, pod('a'), pod('b')]),
      'proxies',
      '✓ proxies: 2 proxies: 2 edge-26.8.3 (2.20), like the control plane',
    ],
    [
      'a proxy of another version',
      facts([CONFIG, pod('a'), pod('b', { 'linkerd.io/proxy-version': 'stable-2.14.10' })]),
      'proxies',
      '✗ proxies: 1 of 2 proxies are more than one version older than the control plane’s edge-26.8.3 (2.20): 1 edge-26.8.3 (2.20), 1 stable-2.14.10 | kubectl rollout restart -n shop deploy/cart',
    ],
    [
      'a proxy one version behind, as after an upgrade',
      facts([CONFIG, pod('a'), pod('b', { 'linkerd.io/proxy-version': 'edge-25.11.2' })]),
      'proxies',
      '✓ proxies: 2 proxies: 1 edge-26.8.3 (2.20), 1 edge-25.11.2 (2.19); the control plane is edge-26.8.3 (2.20), and one version between them is fine',
    ],
    [
      'a proxy that is newer than the control plane',
      facts([object('v1', 'ConfigMap', 'linkerd', 'linkerd-config', { data: { values: 'linkerdVersion: stable-2.14.10\n' } }), pod('a')]),
      'proxies',
      '✗ proxies: 1 of 1 proxy are newer than the control plane’s stable-2.14.10: 1 edge-26.8.3 (2.20) | The control plane is upgraded first',
    ],
    [
      'a build of one’s own',
      facts([CONFIG, pod('a', { 'linkerd.io/proxy-version': 'dev-0a1b2c3' })]),
      'proxies',
      '? proxies: 1 of 1 proxy: how far their version is from the control plane’s edge-26.8.3 (2.20) is not known: 1 dev-0a1b2c3 | linkerd check --proxy',
    ],
    [
      'a proxy that is too old',
      facts([CONFIG, pod('a', { 'linkerd.io/proxy-version': 'stable-2.11.5' })]),
      'proxies',
      '✗ proxies: 1 of 1 proxy are older than 2.12: their denials name no route and no server group',
    ],
    [
      'pods that ended do not count',
      facts([CONFIG, { ...pod('a', { 'linkerd.io/proxy-version': 'stable-2.11.5' }), status: { phase: 'Succeeded' } }, pod('b')]),
      'proxies',
      '✓ proxies: 1 proxy: 1 edge-26.8.3 (2.20)',
    ],
    ['nothing is meshed', facts([CONFIG]), 'proxies', '✗ proxies: proxies: no pod with a proxy was found'],
  ])('%s', (_, given, id, words) => {
    expect(lineOf(checkLinkerd(given), id)).toContain(words);
  });
});

describe('NetworkPolicy', () => {
  const daemonSet = (name: string, container = name) =>
    object('apps/v1', 'DaemonSet', 'kube-system', name, { spec: { template: { spec: { containers: [{ name: container }] } } } });
  const policy = object('networking.k8s.io/v1', 'NetworkPolicy', 'shop', 'cart', { spec: { podSelector: {} } });

  it.each<readonly [string, readonly Resource[], string]>([
    [
      'a plugin that enforces it',
      [daemonSet('calico-node'), policy],
      '✓ network-policy: NetworkPolicy is enforced by Calico (DaemonSet kube-system/calico-node); there is 1 object',
    ],
    [
      'by its container, whatever the DaemonSet is called',
      [daemonSet('net', 'cilium-agent')],
      '✓ network-policy: NetworkPolicy is enforced by Cilium (DaemonSet kube-system/net); there is none',
    ],
    ['Flannel beside Calico', [daemonSet('kube-flannel-ds'), daemonSet('calico-node'), policy], '✓ network-policy:'],
    [
      'Flannel alone, and objects that promise something',
      [daemonSet('kube-flannel-ds'), policy],
      '✗ network-policy: NetworkPolicy: there is 1 object, and Flannel',
    ],
    ['one that may or may not', [daemonSet('aws-node'), policy], '? network-policy: NetworkPolicy: Amazon VPC CNI'],
    ['none that is known', [daemonSet('node-exporter'), policy], '? network-policy: NetworkPolicy: no CNI known to enforce it was found'],
  ])('%s', (_, resources, words) => {
    expect(shown(checkNetwork(snapshotOf(...resources), true))).toContain(words);
  });
});

describe('logs', () => {
  it.each([
    ['warn,linkerd=info,hickory=error', true],
    ['warn,linkerd=info,hickory=error,[{headers}]=off,[{request}]=off', true],
    ['linkerd=debug', true],
    ['info', true],
    ['linkerd_app_inbound=trace,warn', true],
    ['warn', false],
    ['linkerd=info,linkerd_app_inbound=warn', false],
    ['linkerd=info,linkerd_app_inbound::policy=off', false],
    ['linkerd_app_outbound=info', false],
    ['error,linkerd=warn', false],
    ['', false],
  ])('the filter %j lets denials through: %s', (filter, expected) => {
    expect(showsInfo(filter)).toBe(expected);
  });

  it.each<readonly [string, readonly Resource[], string, string]>([
    ['defaults', [pod('a')], 'log-level', '✓ log-level: 1 proxy logs denials'],
    [
      'an annotation',
      [pod('a', { 'config.linkerd.io/proxy-log-level': 'warn' }), pod('b')],
      'log-level',
      '✗ log-level: 1 of 2 proxies log no denials: shop/a',
    ],
    [
      'the environment is what runs',
      [pod('a', { 'config.linkerd.io/proxy-log-level': 'warn' }, [{ name: 'LINKERD2_PROXY_LOG', value: 'linkerd=info' }])],
      'log-level',
      '✓',
    ],
    [
      'the chart’s level',
      [
        object('v1', 'ConfigMap', 'linkerd', 'linkerd-config', {
          data: { values: 'proxy:\n  logLevel: error\nother:\n  logLevel: info\n' },
        }),
        pod('a'),
      ],
      'log-level',
      '✗',
    ],
    [
      'formats',
      [pod('a'), pod('b', { 'config.linkerd.io/proxy-log-format': 'json' })],
      'log-format',
      '✓ log-format: log format: 1 plain, 1 json',
    ],
  ])('%s', (_, resources, id, words) => {
    expect(lineOf(checkLogs(snapshotOf(...resources)), id)).toContain(words);
  });
});

describe('scrapes', () => {
  const target = (name: string, health: string, lastError = '', job = 'linkerd-proxy'): ScrapeTarget => ({
    labels: new Map([
      ...Object.entries({ namespace: 'shop', pod: name, job, instance: job === 'linkerd-proxy' ? '10.0.0.1:4191' : '10.0.0.1:9090' }),
    ]),
    health,
    lastError,
    lastScrape: null,
  });
  const check = (targets: AlertingFacts['targets'], prometheus: string | null = 'Prometheus') =>
    shown(checkScrapes({ snapshot: snapshotOf(pod('a'), pod('b')), prometheus, targets, rules: null, manifests: [] }));

  it.each<readonly [string, AlertingFacts['targets'], string]>([
    ['all of them', [target('a', 'up'), target('b', 'up')], '✓ scrapes: Prometheus scrapes all 2 proxies'],
    [
      'one is refused',
      [target('a', 'up'), target('b', 'down', 'server returned HTTP status 403 Forbidden')],
      '✗ scrapes: Prometheus gets 403 from 1 proxy (shop/b): every rule is blind there | denywhy policy -n shop po/b:4191',
    ],
    [
      'one does not answer',
      [target('a', 'up'), target('b', 'down', 'context deadline exceeded')],
      '✗ scrapes: Prometheus cannot read 1 proxy (shop/b): context deadline exceeded',
    ],
    ['one is no target', [target('a', 'up')], '✗ scrapes: 1 of 2 proxies are no target of Prometheus: shop/b'],
    ['the application’s own target is no proxy’s', [target('a', 'up'), target('b', 'up', '', 'apps')], '✗ scrapes: 1 of 2'],
    ['two jobs, of which one is refused', [target('a', 'up'), target('b', 'down', '403'), target('b', 'up')], '✓'],
    ['it scrapes nothing itself', null, '? scrapes:'],
    [
      'it cannot be asked',
      { why: 'It is not reachable.', remedy: 'Is it running?' },
      '? scrapes: scrape targets: It is not reachable. | Is it running?',
    ],
  ])('%s', (_, targets, words) => {
    expect(check(targets)).toContain(words);
  });

  it('no Prometheus', () => {
    expect(check(null, null)).toContain('? scrapes: whether Prometheus scrapes the proxies: none was asked');
  });
});

describe('rules and Alertmanager', () => {
  const check = (rest: Partial<AlertingFacts>) =>
    checkRules({ snapshot: snapshotOf(), prometheus: 'Prometheus', targets: null, rules: { good: 9, bad: [] }, manifests: [], ...rest })
      .map(shown)
      .join('\n');
  const by = (isTaken: boolean | null, reasons: readonly string[] = []) => [
    { name: 'monitoring/denywhy', by: [{ prometheus: 'monitoring/k8s', isTaken, reasons }] },
  ];

  it.each<readonly [string, Partial<AlertingFacts>, string]>([
    ['all are there', {}, '✓ rules-loaded: Prometheus has all 9 alert rules'],
    [
      'none is there',
      { rules: { good: 0, bad: ['A', 'B'] } },
      '✗ rules-loaded: Prometheus has none of the alert rules | denywhy rules | kubectl apply -f -',
    ],
    [
      'one is ill',
      { rules: { good: 8, bad: ['LinkerdRequestsDenied'] } },
      '✗ rules-loaded: 1 of 9 alert rules are not as they should be: LinkerdRequestsDenied',
    ],
    ['nobody to ask', { prometheus: null, rules: null }, '? rules-loaded:'],
    ['selected', { manifests: by(true) }, '✓ rules-selected: PrometheusRule monitoring/denywhy is selected by Prometheus monitoring/k8s'],
    [
      'not selected',
      { manifests: by(false, ['it wants the label release: kps']) },
      '✗ rules-selected: PrometheusRule monitoring/denywhy is selected by no Prometheus | Prometheus monitoring/k8s: it wants the label release: kps',
    ],
    ['perhaps selected', { manifests: by(null) }, '? rules-selected:'],
  ])('%s', (_, rest, words) => {
    expect(check(rest)).toContain(words);
  });

  const alertmanager = (spec: object) => object('monitoring.coreos.com/v1', 'Alertmanager', 'monitoring', 'main', { spec });
  const config = object('monitoring.coreos.com/v1alpha1', 'AlertmanagerConfig', 'shop', 'denywhy');
  it.each<readonly [string, readonly Resource[], string]>([
    ['None', [alertmanager({ alertmanagerConfigMatcherStrategy: { type: 'None' } })], '✓ matcher-strategy:'],
    [
      'the default, where nobody routes so',
      [alertmanager({})],
      '? matcher-strategy: Alertmanager monitoring/main: an AlertmanagerConfig gets alerts of its own namespace alone (matcher strategy OnNamespace)',
    ],
    ['the default, where somebody does', [alertmanager({}), config], '✗ matcher-strategy:'],
  ])('matcher strategy: %s', (_, resources, words) => {
    expect(
      checkAlertmanagers(snapshotOf(...resources))
        .map(shown)
        .join('\n'),
    ).toContain(words);
  });
});

describe('rights and the store', () => {
  const right = (resource: string, isAllowed: boolean, use = ''): Right => ({ resource, verb: 'list', isAllowed, use });
  it.each<readonly [string, Parameters<typeof checkRights>[0], string]>([
    [
      'all',
      [right('pods', true), right('servers.policy.linkerd.io', true)],
      '✓ rights: may read all 2 kinds that decide, in every namespace',
    ],
    ['one is refused', [right('pods', true), right('nodes', false)], '✗ rights: may not list nodes in every namespace'],
    [
      'an extra one is refused',
      [right('pods', true), right('pods/log', false, 'logs of proxies')],
      '✗ right-pods/log: may not list pods/log in every namespace: no logs of proxies',
    ],
    ['not asked', null, '? rights:'],
    ['no answer', { why: 'It is not reachable.', remedy: 'Is it running?' }, '? rights: rights: It is not reachable.'],
  ])('rights: %s', (_, rights, words) => {
    expect(checkRights(rights, 'in every namespace').map(shown).join('\n')).toContain(words);
  });

  it('the store is as good as its own word', () => {
    expect(shown(checkStore({ name: 'store x.db', durability: 'What was acknowledged is on disk.' }))).toContain(
      '✓ store: store x.db: What',
    );
    expect(shown(checkStore({ name: 'store in Redis', why: 'maxmemory-policy is allkeys-lru.', remedy: 'Set noeviction.' }))).toContain(
      '✗ store:',
    );
    expect(shown(checkStore(null))).toContain('? store:');
  });
});

describe('temporary grants', () => {
  const NOW = Date.UTC(2026, 10, 24, 12);
  const grant = (name: string, expires: string) => ({
    ...object('policy.linkerd.io/v1alpha1', 'AuthorizationPolicy', 'shop', name),
    metadata: { name, namespace: 'shop', annotations: { 'denywhy.dev/expires': expires } },
  });
  const check = (...grants: readonly Resource[]) =>
    checkGrants([CONFIG, ...grants], NOW)
      .map(shown)
      .join('\n');

  it.each<readonly [string, readonly Resource[], string]>([
    ['none', [], ''],
    [
      'those that run',
      [grant('a', '2026-11-24T13:00:00Z'), grant('b', '2026-11-24T14:30:00+02:00')],
      '✓ temporary-grants: 2 temporary grants, the next one expires 2026-11-24T12:30Z',
    ],
    [
      'those that have expired, the oldest first',
      [grant('a', '2026-11-24T11:00:00Z'), grant('b', '2026-11-25T00:00:00Z'), grant('c', '2026-11-23T09:00:00Z')],
      '✗ temporary-grants: 2 of 3 temporary grants expired and still in force: AuthorizationPolicy shop/c (2026-11-23T09:00Z), AuthorizationPolicy shop/a (2026-11-24T11:00Z) | Linkerd does not read the annotation: remove what it grants, or give it more time: | kubectl annotate --overwrite -n shop authorizationpolicy/c denywhy.dev/expires=TIME | kubectl annotate --overwrite -n shop authorizationpolicy/a denywhy.dev/expires=TIME',
    ],
    [
      'a time that nobody can read',
      [grant('a', 'tomorrow')],
      '✗ temporary-grants: 1 of 1 temporary grant say no time that can be read in denywhy.dev/expires: AuthorizationPolicy shop/a | It is written 2026-11-24T12:00:00Z.',
    ],
  ])('%s', (_, grants, expected) => {
    expect(check(...grants)).toBe(expected);
  });

  it('a name that a shell would run does not stand in the command', () => {
    expect(check(grant('$(reboot)', '2026-11-24T11:00:00Z')).split('|').at(-1)).toBe(
      ' kubectl annotate --overwrite -n shop authorizationpolicy/NAME denywhy.dev/expires=TIME',
    );
  });
});
