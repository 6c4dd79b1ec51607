import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readManifests } from '../../src/manifests/read.ts';
import { clusterInfo } from '../../src/policy/cluster-settings.ts';
import { createHistory } from '../../src/policy/history.ts';
import { decidingContentOf, isSameContent, keptOf } from '../../src/policy/kept.ts';
import type { Resource } from '../../src/policy/resource.ts';
import type { Snapshot } from '../../src/policy/snapshot.ts';
import { standInPods } from '../../src/policy/templates.ts';
import { readPod } from '../../src/policy/workload.ts';
import { compareCluster } from '../oracle/cases.ts';
import { differences } from '../oracle/diff.ts';
import { filesBelow, type Json, readRecords } from '../oracle/read.ts';

const PROBE = { httpGet: { path: '/ready', port: 'http' } };
const CONTAINER = { name: 'cart', image: 'shop/cart:1', ports: [{ name: 'http', containerPort: 8080 }], readinessProbe: PROBE };

function pod(
  more: { readonly container?: object; readonly spec?: object; readonly status?: object; readonly metadata?: object } = {},
): Resource {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'cart-1', namespace: 'shop', labels: { app: 'cart' }, ...more.metadata },
    spec: { serviceAccountName: 'cart', nodeName: 'n1', containers: [{ ...CONTAINER, ...more.container }], ...more.spec },
    status: { podIP: '10.0.0.1', hostIP: '192.168.0.1', ...more.status },
  };
}

describe('what is kept of an object', () => {
  const unread: readonly (readonly [what: string, changed: Resource])[] = [
    ['the environment', pod({ container: { env: [{ name: 'A', value: 'secret' }], envFrom: [] } })],
    ['volumes, tolerations and mounts', pod({ spec: { volumes: [{}], tolerations: [{}] }, container: { volumeMounts: [{}] } })],
    [
      'other conditions, restarts and phase',
      pod({
        status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'True' }], containerStatuses: [{ restartCount: 7 }] },
      }),
    ],
    ['its version in the API server', pod({ metadata: { resourceVersion: '77', generation: 3 } })],
    ["a probe's timing", pod({ container: { readinessProbe: { ...PROBE, periodSeconds: 3 } } })],
    ["kubectl's copy of it", pod({ metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } } })],
    ["a container's arguments", pod({ container: { args: ['--password=x'] } })],
  ];
  test.each(unread)('%s of a pod is not', (_, changed) => {
    const without = (resource: Resource) => JSON.stringify({ ...keptOf(resource), metadata: keptOf(resource)?.metadata.labels });
    expect(without(changed)).toBe(without(pod()));
    expect(JSON.stringify(keptOf(changed))).not.toMatch(/secret|password|resourceVersion|last-applied/);
  });

  const read: readonly (readonly [what: string, changed: Resource])[] = [
    ['a label', pod({ metadata: { labels: { app: 'other' } } })],
    ['an annotation', pod({ metadata: { annotations: { 'config.linkerd.io/opaque-ports': '8080' } } })],
    ['a port', pod({ container: { ports: [{ containerPort: 1 }] } })],
    ['the path of a probe', pod({ container: { readinessProbe: { httpGet: { path: '/x', port: 'http' } } } })],
    ['the ServiceAccount', pod({ spec: { serviceAccountName: 'web' } })],
    ['the network of the node', pod({ spec: { hostNetwork: true } })],
    ['the address', pod({ status: { podIP: '10.0.0.2' } })],
    ['whether it is ready', pod({ status: { conditions: [{ type: 'Ready', status: 'False' }] } })],
    ['that it has ended and its address is free', pod({ status: { phase: 'Succeeded' } })],
  ];
  test.each(read)('%s of a pod is', (_, changed) => {
    expect(keptOf(changed)).not.toEqual(keptOf(pod()));
  });

  test('readiness of a pod is one condition without heartbeats, and no verdict turns on it', () => {
    const ready = { type: 'Ready', status: 'True', lastTransitionTime: '2026-11-23T09:00:00Z' };
    const beating = pod({
      status: {
        conditions: [
          { type: 'Initialized', status: 'True' },
          { ...ready, lastProbeTime: '2026-11-23T09:07:00Z' },
        ],
      },
    });
    expect(keptOf(beating)?.status).toEqual({ podIP: '10.0.0.1', hostIP: '192.168.0.1', conditions: [ready] });
    const unready = pod({ status: { conditions: [{ ...ready, status: 'False' }] } });
    expect(isSameContent(keptOf(beating) as Resource, keptOf(unready) as Resource)).toBe(false);
    expect(decidingContentOf(beating)).toBe(decidingContentOf(unready));
    expect(decidingContentOf(beating)).not.toBe(decidingContentOf(pod({ metadata: { labels: { app: 'other' } } })));
    expect(keptOf(pod({ status: { phase: 'Failed', conditions: [ready] } }))?.status).toEqual({ hostIP: '192.168.0.1' });
  });

  test('objects of kinds that nobody reads are not: their heartbeats are no change of the policy', () => {
    const of = (apiVersion: string, kind: string) => keptOf({ apiVersion, kind, metadata: { name: 'x', namespace: 'shop' }, spec: {} });
    expect(of('coordination.k8s.io/v1', 'Lease')).toBeNull();
    expect(of('v1', 'Secret')).toBeNull();
    expect(of('apiextensions.k8s.io/v1', 'CustomResourceDefinition')).toBeNull();
    expect(of('policy.linkerd.io/v1beta3', 'Server')).not.toBeNull();
    expect(of('policy.linkerd.io/v9', 'Server')).not.toBeNull();
  });

  test('who wrote a policy is, and of a pod only what people and their tools wrote', () => {
    const managedFields = [
      { manager: 'kubectl-edit', operation: 'Update', time: '2026-11-23T09:27:16Z' },
      { manager: 'kube-controller-manager', operation: 'Update', time: '2026-11-23T09:27:17Z' },
      { manager: 'kubelet', operation: 'Update', time: '2026-11-23T09:27:18Z', subresource: 'status' },
    ];
    const metadata = { name: 'x', namespace: 'shop', generation: 2, managedFields };
    const server = keptOf({ apiVersion: 'policy.linkerd.io/v1beta3', kind: 'Server', metadata, spec: {} });
    expect(server?.metadata).toEqual(metadata);
    expect(keptOf(pod({ metadata: { generation: 2, managedFields } }))?.metadata.managedFields).toEqual(managedFields.slice(0, 1));
  });

  test('an EndpointSlice is its addresses, not their readiness; a PrometheusRule the names of its rules', () => {
    const slice = (conditions: object) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'x', namespace: 'shop' },
      data: { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'], conditions }], ports: [{ port: 80 }] },
    });
    expect(keptOf(slice({ ready: true }))).toEqual(keptOf(slice({ ready: false })));
    expect(keptOf(slice({}))?.data).toEqual({ addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }] });
    const rules = [
      { alert: 'Denied', expr: 'x > 0', labels: {} },
      { record: 'r', expr: 'y' },
    ];
    const rule = { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule', metadata: { name: 'x', namespace: 'shop' } };
    expect(keptOf({ ...rule, spec: { groups: [{ name: 'g', rules }] } })?.spec).toEqual({
      groups: [{ name: 'g', rules: [{ alert: 'Denied' }, { record: 'r' }] }],
    });
  });

  test('a policy, its status and its annotations are kept whole', () => {
    const server: Resource = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'x', namespace: 'shop', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } },
      spec: { parentRefs: [{ name: 'cart' }], unknown: 1 },
      status: { parents: [{ conditions: [{ type: 'Accepted', status: 'True', reason: 'Accepted' }] }] },
    };
    expect(keptOf(server)).toEqual(server);
  });

  test.each([[null], [7], ['text'], [[]], [[null]], [{ containers: 7, initContainers: [null, 'x'] }]])(
    'what is no spec stays none: %j',
    (spec) => {
      const broken: Resource = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', namespace: 'y' }, spec, status: spec };
      expect(withoutResource(keptOf(broken) as Resource)).toEqual(withoutResource(broken));
      for (const [apiVersion, kind] of [
        ['apps/v1', 'Deployment'],
        ['batch/v1', 'Job'],
        ['batch/v1', 'CronJob'],
        ['v1', 'Node'],
      ] as const)
        expect(() => keptOf({ ...broken, apiVersion, kind })).not.toThrow();
    },
  );
});

function withoutResource(resource: Resource): unknown {
  const { resource: _, ...workload } = readPod(resource);
  return workload;
}

/** Every object of a recorded cluster, as an API server gave it. */
function recorded() {
  const path = new URL('../../demo/policy-history.jsonl', import.meta.url);
  return readManifests(readFileSync(path, 'utf8'), 'history').events;
}

describe('in a recorded cluster', () => {
  const changes = recorded();
  const whole = changes.map(({ resource }) => resource);
  const kept = whole.map(keptOf).filter((resource) => resource !== null);
  const { info } = clusterInfo({ resources: whole, flags: {} });

  test('settings and pods are read the same', () => {
    expect(kept.length).toBe(46);
    expect(clusterInfo({ resources: kept, flags: {} })).toEqual(clusterInfo({ resources: whole, flags: {} }));
    const pods = whole.filter(({ kind }) => kind === 'Pod');
    expect(pods.length).toBeGreaterThan(5);
    for (const one of pods) expect(withoutResource(keptOf(one) as Resource)).toEqual(withoutResource(one));
  });

  test('what is kept of what is kept is the same', () => {
    expect(kept.map(keptOf)).toEqual(kept);
  });

  test('every indexed object is in force, or not, for the same reason', () => {
    const last = (given: typeof changes) => createHistory(given, info).at(null);
    const mine = changes.flatMap((change) => {
      const resource = keptOf(change.resource);
      return resource === null ? [] : [{ ...change, resource }];
    });
    const errors = (snapshot: Snapshot) =>
      [...snapshot.namespaces].flatMap(([name, { others: _, ...own }]) =>
        Object.values(own).flatMap((entries) => [...entries].map(([key, { value, error }]) => [name, key, error, value !== null])),
      );
    expect(errors(last(mine))).toEqual(errors(last(changes)));
  });
});

test.each(['scenarios', 'random-dev.jsonl.gz', 'random-routes-dev.jsonl.gz'])('Linkerd decides the same on what is kept of %s', (file) => {
  let compared = 0;
  for (const record of filesBelow([new URL(`../fixtures/oracle/${file}`, import.meta.url).pathname]).flatMap(readRecords)) {
    const resources = ((record['resources'] ?? []) as unknown as readonly Resource[]).map(keptOf) as unknown as Json;
    for (const { expected, got } of compareCluster({ ...record, resources })) {
      compared++;
      expect(differences(expected, got)).toEqual([]);
    }
  }
  expect(compared).toBeGreaterThan(100);
});

describe('a workload stands for its pods as before', () => {
  const template = {
    metadata: { labels: { app: 'cart' }, annotations: { 'linkerd.io/inject': 'enabled' }, creationTimestamp: null },
    spec: { serviceAccountName: 'cart', containers: [{ ...CONTAINER, env: [{ name: 'A' }] }], volumes: [{}] },
  };
  const selector = { matchLabels: { app: 'cart' } };
  const workload = (apiVersion: string, kind: string, spec: object, status?: object): Resource => ({
    apiVersion,
    kind,
    metadata: { name: 'cart', namespace: 'shop', uid: 'u' },
    spec,
    ...(status && { status }),
  });
  const { info } = clusterInfo({ resources: [], flags: {} });

  test.each([
    ['Deployment', workload('apps/v1', 'Deployment', { replicas: 3, selector, template, strategy: {} }, { replicas: 2 }), 1],
    ['ReplicaSet', workload('apps/v1', 'ReplicaSet', { replicas: 1, selector, template }), 1],
    ['former ReplicaSet', workload('apps/v1', 'ReplicaSet', { replicas: 0, selector, template }), 0],
    ['StatefulSet', workload('apps/v1', 'StatefulSet', { selector, template, volumeClaimTemplates: [{}] }), 1],
    ['DaemonSet', workload('apps/v1', 'DaemonSet', { selector, template }), 1],
    ['Job', workload('batch/v1', 'Job', { template }), 1],
    ['ended Job', workload('batch/v1', 'Job', { template }, { conditions: [{ type: 'Complete', status: 'True', lastProbeTime: 'x' }] }), 0],
    ['CronJob', workload('batch/v1', 'CronJob', { schedule: '* * * * *', jobTemplate: { spec: { template } } }), 1],
  ])('%s', (_, whole, count) => {
    const kept = keptOf(whole) as Resource;
    const [mine, theirs] = [standInPods([kept], info), standInPods([whole], info)];
    expect(mine).toHaveLength(count);
    expect(mine.map(withoutResource)).toEqual(theirs.map(withoutResource));
    expect(mine.map(keptOf)).toEqual(theirs.map(keptOf));
    expect(JSON.stringify(kept)).not.toContain('env');
  });

  test('and replicas that come and go are no change of the policy', () => {
    const scaled = (replicas: number) => keptOf(workload('apps/v1', 'Deployment', { replicas, selector, template }, { replicas }));
    expect(scaled(3)).toEqual(scaled(5));
  });
});
