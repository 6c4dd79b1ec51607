/** Names of workloads as kubectl takes them: `deploy/backend`, `po/x`, or a pod's bare name. */
import { InvalidInput } from '../errors.ts';

export interface WorkloadName {
  readonly kind: string;
  readonly name: string;
}

const KINDS: readonly (readonly [kind: string, ...names: string[]])[] = [
  ['Pod', 'po', 'pod', 'pods'],
  ['Deployment', 'deploy', 'deployment', 'deployments', 'deployment.apps', 'deployments.apps'],
  ['StatefulSet', 'sts', 'statefulset', 'statefulsets', 'statefulset.apps', 'statefulsets.apps'],
  ['DaemonSet', 'ds', 'daemonset', 'daemonsets', 'daemonset.apps', 'daemonsets.apps'],
  ['ReplicaSet', 'rs', 'replicaset', 'replicasets', 'replicaset.apps', 'replicasets.apps'],
  ['ReplicationController', 'rc', 'replicationcontroller', 'replicationcontrollers'],
  ['Job', 'job', 'jobs', 'job.batch', 'jobs.batch'],
  ['CronJob', 'cj', 'cronjob', 'cronjobs', 'cronjob.batch', 'cronjobs.batch'],
  ['ExternalWorkload', 'externalworkload', 'externalworkloads'],
];

const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Errors: InvalidInput. */
export function readWorkloadName(text: string): WorkloadName {
  const slash = text.indexOf('/');
  const [prefix, name] = slash < 0 ? ['pod', text] : [text.slice(0, slash).toLowerCase(), text.slice(slash + 1)];
  const kind = KINDS.find(([, ...names]) => names.includes(prefix))?.[0];
  const example = 'Give it as kubectl does: deploy/NAME, sts/NAME, ds/NAME, job/NAME, or the name of a pod.';
  if (kind === undefined) throw new InvalidInput(`"${text}" names no kind of workload: there are no pods behind "${prefix}".`, example);
  if (!NAME.test(name)) throw new InvalidInput(`"${text}" is no name of a workload.`, example);
  return { kind, name };
}
