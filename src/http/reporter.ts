/** Whose log or metrics a body holds, where the body does not say: request headers. */
import type { Request } from 'express';
import type { Reporter } from '../evidence/facts.ts';
import { Problem } from './problem.ts';

export const REPORTER_HEADERS = {
  'X-Denywhy-Cluster': 'The cluster, where the body does not say.',
  'X-Denywhy-Namespace': 'The namespace of the pod, where the body does not say.',
  'X-Denywhy-Pod': 'The pod, where the body does not say.',
  'X-Denywhy-Workload': 'The workload as KIND/NAME, such as Deployment/cart.',
} as const;

const KINDS: ReadonlyMap<string, string> = new Map([
  ['deployment', 'Deployment'],
  ['deploy', 'Deployment'],
  ['statefulset', 'StatefulSet'],
  ['sts', 'StatefulSet'],
  ['daemonset', 'DaemonSet'],
  ['ds', 'DaemonSet'],
  ['replicaset', 'ReplicaSet'],
  ['rs', 'ReplicaSet'],
  ['replicationcontroller', 'ReplicationController'],
  ['rc', 'ReplicationController'],
  ['job', 'Job'],
  ['cronjob', 'CronJob'],
  ['cj', 'CronJob'],
  ['pod', 'Pod'],
  ['po', 'Pod'],
]);

const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Errors: Problem 400. */
export function reporterOf(request: Request): Reporter {
  const namespace = nameIn(request, 'X-Denywhy-Namespace');
  const workload = workloadIn(request);
  if (workload !== null && namespace === null)
    throw new Problem(400, 'X-Denywhy-Workload is given without a namespace.', 'Send X-Denywhy-Namespace too.');
  return {
    cluster: nameIn(request, 'X-Denywhy-Cluster') ?? '',
    namespace,
    pod: nameIn(request, 'X-Denywhy-Pod'),
    workload: workload === null || namespace === null ? null : { ...workload, namespace },
  };
}

function nameIn(request: Request, header: keyof typeof REPORTER_HEADERS): string | null {
  const value = request.get(header)?.trim();
  if (value === undefined || value === '') return null;
  if (NAME.test(value)) return value;
  throw new Problem(400, `${header} is no name of a Kubernetes object.`, 'Names are lower-case letters, digits, dashes and dots.');
}

function workloadIn(request: Request): { readonly kind: string; readonly name: string } | null {
  const value = request.get('X-Denywhy-Workload')?.trim();
  if (value === undefined || value === '') return null;
  const slash = value.indexOf('/');
  const kind = KINDS.get(value.slice(0, Math.max(0, slash)).toLowerCase());
  const name = value.slice(slash + 1);
  if (kind === undefined || !NAME.test(name))
    throw new Problem(400, 'X-Denywhy-Workload is no workload.', 'Write KIND/NAME, such as Deployment/cart or sts/ledger.');
  return { kind, name };
}
