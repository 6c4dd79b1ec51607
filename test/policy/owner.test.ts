import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { workloadOf } from '../../src/policy/owner.ts';
import { type OwnerReference, objectKey, type Resource, refOf } from '../../src/policy/resource.ts';

const OWNERS = {
  ReplicaSet: 'apps/v1',
  Deployment: 'apps/v1',
  StatefulSet: 'apps/v1',
  Job: 'batch/v1',
  CronJob: 'batch/v1',
  Rollout: 'argoproj.io/v1alpha1',
  Node: 'v1',
} as const;

function owner(kind: keyof typeof OWNERS, name: string, controller = true): OwnerReference {
  return { apiVersion: OWNERS[kind], kind, name, controller };
}

function object(kind: string, apiVersion: string, name: string, owners: OwnerReference[], labels: Record<string, string> = {}): Resource {
  return { apiVersion, kind, metadata: { name, namespace: 'shop', labels, ownerReferences: owners } };
}
const pod = (owners: OwnerReference[], labels: Record<string, string> = {}) =>
  object('Pod', 'v1', 'backend-756f7c997f-2588f', owners, labels);

function find(objects: readonly Resource[]) {
  const index = new Map(objects.map((each) => [objectKey(refOf(each)), each]));
  return (ref: Parameters<typeof objectKey>[0]) => index.get(objectKey(ref));
}

const HASH = { 'pod-template-hash': '756f7c997f' };
const replicaSet = (...owners: OwnerReference[]) => object('ReplicaSet', 'apps/v1', 'backend-756f7c997f', owners);

describe('the workload of a pod', () => {
  test.each<[string, Resource, Resource[], string]>([
    [
      'a Deployment, by its ReplicaSet',
      pod([owner('ReplicaSet', 'backend-756f7c997f')]),
      [replicaSet(owner('Deployment', 'backend'))],
      'apps/Deployment backend',
    ],
    [
      'a Deployment, by the label of the injector',
      pod([owner('ReplicaSet', 'x-1')], { 'linkerd.io/proxy-deployment': 'backend' }),
      [],
      'apps/Deployment backend',
    ],
    ['a Deployment, by the hash of its template', pod([owner('ReplicaSet', 'backend-756f7c997f')], HASH), [], 'apps/Deployment backend'],
    ['a ReplicaSet of its own', pod([owner('ReplicaSet', 'backend')], HASH), [], 'apps/ReplicaSet backend'],
    [
      'a ReplicaSet that nobody owns',
      pod([owner('ReplicaSet', 'backend-756f7c997f')], HASH),
      [replicaSet()],
      'apps/ReplicaSet backend-756f7c997f',
    ],
    [
      'a ReplicaSet of a Rollout',
      pod([owner('ReplicaSet', 'backend-756f7c997f')], HASH),
      [replicaSet(owner('Rollout', 'backend'))],
      'apps/ReplicaSet backend-756f7c997f',
    ],
    ['a ReplicaSet whose name is the hash', pod([owner('ReplicaSet', '-756f7c997f')], HASH), [], 'apps/ReplicaSet -756f7c997f'],
    ['a StatefulSet', pod([owner('StatefulSet', 'db')]), [], 'apps/StatefulSet db'],
    ['a Job', pod([owner('Job', 'nightly-1')]), [], 'batch/Job nightly-1'],
    [
      'a CronJob',
      pod([owner('Job', 'nightly-1')]),
      [object('Job', 'batch/v1', 'nightly-1', [owner('CronJob', 'nightly')])],
      'batch/CronJob nightly',
    ],
    ['a Job that nobody owns', pod([owner('Job', 'nightly-1')]), [object('Job', 'batch/v1', 'nightly-1', [])], 'batch/Job nightly-1'],
    ['the controller among several owners', pod([owner('Node', 'n', false), owner('StatefulSet', 'db')]), [], 'apps/StatefulSet db'],
    ['something unknown', pod([{ apiVersion: 'example.com/v1', kind: 'Widget', name: 'w' }]), [], 'example.com/Widget w'],
    ['nobody: the pod itself', pod([]), [], '/Pod backend-756f7c997f-2588f'],
    ['nobody, but the injector wrote one', pod([], { 'linkerd.io/proxy-daemonset': 'agent' }), [], 'apps/DaemonSet agent'],
  ])('%s', (_name, subject, others, expected) => {
    const { group, kind, namespace, name } = workloadOf(subject, find(others));
    expect([`${group}/${kind} ${name}`, namespace]).toEqual([expected, 'shop']);
  });

  test('of pods that the real injector labelled: a CronJob is known only by the Job', () => {
    const captured = JSON.parse(readFileSync(new URL('../fixtures/manifests/job-labels.json', import.meta.url), 'utf8')) as Record<
      string,
      { labels: Record<string, string>; ownerReferences: { kind: 'Job'; name: string }[] }
    >;
    const named = Object.values(captured).map(
      ({ labels, ownerReferences }) =>
        workloadOf(
          pod(
            ownerReferences.map(({ kind, name }) => owner(kind, name)),
            labels,
          ),
          find([]),
        ).name,
    );
    expect(named).toEqual(['nightly-1', 'plain-job']);
  });
});
