import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OwnerReference, Resource } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { isStandIn, standInName, standInPods } from '../../src/policy/templates.ts';
import { readPod } from '../../src/policy/workload.ts';

type Texts = Record<string, string>;

const story: Resource[] = JSON.parse(readFileSync(new URL('../fixtures/network-policy/story.json', import.meta.url), 'utf8'));
const stand = (resources: readonly Resource[]) => standInPods(resources, LINKERD_DEFAULTS);
const names = (resources: readonly Resource[]) => stand(resources).map((p) => p.metadata.name);

const owner = (kind: string, name: string): OwnerReference => ({
  apiVersion: kind === 'Job' || kind === 'CronJob' ? 'batch/v1' : 'apps/v1',
  kind,
  name,
  controller: true,
});

function workload(kind: string, name: string, spec: Record<string, unknown> = {}, owners: readonly OwnerReference[] = []): Resource {
  const template = {
    metadata: { labels: { app: name }, annotations: { 'linkerd.io/inject': 'enabled' } },
    spec: { containers: [{ name: 'app' }] },
  };
  const made = kind === 'CronJob' ? { jobTemplate: { spec: { template } } } : { template };
  const selector = kind === 'Job' || kind === 'CronJob' ? {} : { selector: { matchLabels: { app: name } } };
  return {
    apiVersion: owner(kind, name).apiVersion,
    kind,
    metadata: { name, namespace: 'shop', ownerReferences: owners },
    spec: { ...selector, ...made, ...spec },
  };
}

function pod(name: string, owners: readonly OwnerReference[], labels: Texts = {}): Resource {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', labels, ownerReferences: owners },
    spec: { containers: [] },
  };
}

describe('the recorded story', () => {
  const withoutPods = story.filter((r) => r.kind !== 'Pod');
  const realPods = story.filter((r) => r.kind === 'Pod');
  const appOf = (p: Resource) => p.metadata.labels?.['app'];
  /** What tells one pod from another, and what the injector says of itself. */
  const own = (texts: Readonly<Texts> | undefined) =>
    Object.fromEntries(
      Object.entries(texts ?? {}).filter(
        ([key]) => !['pod-template-hash', 'linkerd.io/created-by', 'linkerd.io/proxy-version'].includes(key),
      ),
    );

  test('no workload needs a stand-in while its pods are there', () => {
    expect(stand(story)).toEqual([]);
    expect(stand(story.filter((r) => r.kind !== 'ReplicaSet'))).toEqual([]);
  });

  test('without pods each Deployment has one, its ReplicaSets none of their own', () => {
    expect(names(withoutPods)).toEqual(
      ['admin-panel', 'backend', 'database', 'frontend', 'reports', 'scanner'].map((n) => standInName('Deployment', n)),
    );
  });

  test.each(realPods.map((p) => [p.metadata.name, p] as const))(
    'the stand-in of %s is what the real injector made, as far as policy looks',
    (_, real) => {
      const made = stand(withoutPods).find((p) => appOf(p) === appOf(real)) as Resource;
      expect(own(made.metadata.labels)).toEqual(own(real.metadata.labels));
      expect(own(made.metadata.annotations)).toEqual(own(real.metadata.annotations));
      const [a, b] = [readPod(made), readPod(real)];
      expect({
        ports: a.ports,
        names: a.portNames,
        probes: a.probes,
        settings: a.settings,
        meshed: a.meshed,
        serviceAccount: a.serviceAccount,
      }).toEqual({
        ports: b.ports,
        names: b.portNames,
        probes: b.probes,
        settings: b.settings,
        meshed: b.meshed,
        serviceAccount: b.serviceAccount,
      });
      expect(a.ips).toEqual([]);
      expect(made.status).toBeUndefined();
    },
  );
});

describe('recorded Job pods', () => {
  const meshLabels = { 'linkerd.io/control-plane-ns': 'linkerd', 'linkerd.io/workload-ns': 'shop' };
  const labelsOf = (resources: readonly Resource[]) => stand(resources).map((p) => p.metadata.labels);

  test('a Job is named on its pods, by Kubernetes and by the injector', () => {
    expect(labelsOf([workload('Job', 'plain-job')])).toEqual([
      {
        app: 'plain-job',
        ...meshLabels,
        'batch.kubernetes.io/job-name': 'plain-job',
        'job-name': 'plain-job',
        'linkerd.io/proxy-job': 'plain-job',
      },
    ]);
  });

  test('a Job of a CronJob is named by Kubernetes alone', () => {
    expect(labelsOf([workload('Job', 'nightly-1', {}, [owner('CronJob', 'nightly')])])).toEqual([
      { app: 'nightly-1', ...meshLabels, 'batch.kubernetes.io/job-name': 'nightly-1', 'job-name': 'nightly-1' },
    ]);
  });

  test('a CronJob is not named at all', () => {
    expect(labelsOf([workload('CronJob', 'nightly')])).toEqual([{ app: 'nightly', ...meshLabels }]);
  });
});

describe('which workloads stand for their pods', () => {
  const replicaSet = (name: string, deployment: string, replicas = 1) =>
    workload('ReplicaSet', name, { replicas }, [owner('Deployment', deployment)]);

  test.each<[string, readonly Resource[], readonly string[]]>([
    [
      'every kind that makes pods',
      ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob'].map((k) => workload(k, 'a')),
      ['a@deployment', 'a@statefulset', 'a@daemonset', 'a@replicaset', 'a@job', 'a@cronjob'],
    ],
    [
      'a Deployment whose pods are owned through a ReplicaSet',
      [workload('Deployment', 'a'), replicaSet('a-1', 'a'), pod('p', [owner('ReplicaSet', 'a-1')])],
      [],
    ],
    [
      'a Deployment whose ReplicaSet is not there but whose selector takes the pod',
      [workload('Deployment', 'a'), pod('p', [owner('ReplicaSet', 'a-1')], { app: 'a' })],
      [],
    ],
    [
      'a Deployment whose selector takes no pod',
      [workload('Deployment', 'a'), pod('p', [owner('ReplicaSet', 'b-1')], { app: 'b' })],
      ['a@deployment'],
    ],
    [
      'a Deployment whose labels a StatefulSet’s pod has',
      [workload('Deployment', 'a'), pod('p', [owner('StatefulSet', 'db')], { app: 'a' })],
      ['a@deployment'],
    ],
    [
      'a Deployment whose labels another Deployment’s pod has',
      [
        workload('Deployment', 'a'),
        workload('Deployment', 'b'),
        replicaSet('b-1', 'b'),
        pod('p', [owner('ReplicaSet', 'b-1')], { app: 'a' }),
      ],
      ['a@deployment'],
    ],
    ['a pod of nobody is found by label', [workload('StatefulSet', 'a'), pod('a-0', [], { app: 'a' })], []],
    [
      'a pod of another namespace is not',
      [
        workload('StatefulSet', 'a'),
        { ...pod('a-0', [], { app: 'a' }), metadata: { name: 'a-0', namespace: 'other', labels: { app: 'a' } } },
      ],
      ['a@statefulset'],
    ],
    ['a ReplicaSet whose Deployment is not there', [replicaSet('a-1', 'a')], ['a-1@replicaset']],
    ['a ReplicaSet of a former revision', [replicaSet('a-1', 'a', 0)], []],
    ['a Deployment scaled to nothing still says what its pods would be', [workload('Deployment', 'a', { replicas: 0 })], ['a@deployment']],
    ['a Job that has ended', [{ ...workload('Job', 'a'), status: { conditions: [{ type: 'Complete', status: 'True' }] } }], []],
    ['a Job that has a pod', [workload('Job', 'a'), pod('a-x', [], { 'job-name': 'a' })], []],
    [
      'a CronJob that has a pod through its Job',
      [workload('CronJob', 'a'), workload('Job', 'a-1', {}, [owner('CronJob', 'a')]), pod('p', [owner('Job', 'a-1')])],
      [],
    ],
    ['a CronJob whose Job is not there but whose run has a pod', [workload('CronJob', 'a'), pod('p', [owner('Job', 'a-29385120')])], []],
    [
      'a CronJob beside the pod of a Job with a similar name',
      [workload('CronJob', 'a'), pod('p', [owner('Job', 'a-manual')])],
      ['a@cronjob'],
    ],
    ['a Job of a CronJob that is there', [workload('CronJob', 'a'), workload('Job', 'a-1', {}, [owner('CronJob', 'a')])], ['a@cronjob']],
    ['kinds of other groups with these names', [{ ...workload('Deployment', 'a'), apiVersion: 'example.com/v1' }], []],
    ['a workload without a template', [workload('Deployment', 'a', { template: null })], []],
    [
      'owners in a circle',
      [
        workload('ReplicaSet', 'a', {}, [owner('ReplicaSet', 'b')]),
        workload('ReplicaSet', 'b', {}, [owner('ReplicaSet', 'a')]),
        pod('p', [owner('ReplicaSet', 'a')]),
      ],
      [],
    ],
  ])('%s', (_, resources, expected) => {
    expect(names(resources)).toEqual(expected);
  });

  test('an empty selector takes nobody’s pods', () => {
    expect(names([workload('Deployment', 'a', { selector: {} }), pod('p', [], { app: 'b' })])).toEqual(['a@deployment']);
  });
});

describe('a stand-in', () => {
  test('is told from every real pod by its name, and keeps where it came from', () => {
    const [made] = stand([{ ...workload('Deployment', 'a'), origin: { file: 'a.yaml', line: 7 } }]);
    expect(made?.origin).toEqual({ file: 'a.yaml', line: 7 });
    expect(made?.metadata.ownerReferences).toEqual([owner('Deployment', 'a')]);
    expect(isStandIn(made as Resource)).toBe(true);
    expect(story.filter((r) => r.kind === 'Pod').some(isStandIn)).toBe(false);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['the named one', { serviceAccountName: 'orders' }, 'orders'],
    ['the one under the old field', { serviceAccount: 'orders' }, 'orders'],
    ['default where none is named', {}, 'default'],
  ])('runs as a ServiceAccount: %s', (_, part, expected) => {
    const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [], ...part } };
    expect(stand([workload('Deployment', 'a', { template })]).map((p) => readPod(p).serviceAccount)).toEqual([expected]);
  });

  test('is unmeshed where nothing asks for injection', () => {
    const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'app' }] } };
    const [made] = stand([workload('Deployment', 'a', { template })]);
    expect(readPod(made as Resource).meshed).toBe(false);
    expect(made?.metadata.labels).toEqual({ app: 'a' });
  });

  test('a template injected by hand is taken as it is', () => {
    const template = {
      metadata: {
        labels: { app: 'a', 'linkerd.io/control-plane-ns': 'mesh', 'linkerd.io/proxy-cronjob': 'a' },
        annotations: { 'linkerd.io/inject': 'enabled' },
      },
      spec: { containers: [{ name: 'linkerd-proxy', ports: [{ name: 'linkerd-proxy', containerPort: 4143 }] }] },
    };
    const [made] = stand([workload('Deployment', 'a', { template })]);
    expect(made?.metadata.labels).toEqual(template.metadata.labels);
    expect(readPod(made as Resource).ports).toEqual([4143]);
  });

  test('the order of the objects changes none', () => {
    const sorted = (resources: readonly Resource[]) => stand(resources).toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    const some = story.filter((r) => r.kind !== 'Pod' || r.metadata.labels?.['app'] === 'backend');
    fc.assert(
      fc.property(fc.shuffledSubarray(some, { minLength: some.length }), (shuffled) => {
        expect(sorted(shuffled)).toEqual(sorted(some));
      }),
      { numRuns: 30 },
    );
  });

  test('labels that are no text, and hostile keys, do no harm', () => {
    const template = JSON.parse(
      '{"metadata":{"labels":{"app":"a","n":7,"__proto__":"x"},"annotations":{"constructor":"y"}},"spec":{"containers":[null,{"ports":[null,{"containerPort":"80"}]}]}}',
    );
    const [made] = stand([workload('Deployment', 'a', { template })]);
    expect(Object.keys(made?.metadata.labels ?? {})).toEqual(['app', '__proto__']);
    expect(readPod(made as Resource).ports).toEqual([]);
  });
});
