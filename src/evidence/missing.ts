/** Evidence that would decide more, and the exact command that supplies it. */
import type { Evaluation } from '../policy/evaluation.ts';
import { PROXY_CONTAINER } from './conventions.ts';
import type { WorkloadRef } from './facts.ts';
import type { JoinedClient, JoinedTarget } from './join.ts';
import { isWhole } from './judge.ts';
import { plainName } from './plain-name.ts';

export interface MissingEvidence {
  readonly what: string;
  /** Ready to run; names that nobody knows are in capitals. */
  readonly command: string;
}

const KIND_PREFIX: ReadonlyMap<string, string> = new Map([
  ['Pod', 'po'],
  ['Deployment', 'deploy'],
  ['StatefulSet', 'sts'],
  ['DaemonSet', 'ds'],
  ['ReplicaSet', 'rs'],
  ['ReplicationController', 'rc'],
  ['Job', 'job'],
  ['CronJob', 'cronjob'],
]);

/** As kubectl takes it: `deploy/backend`. */
export function showWorkload({ kind, name }: WorkloadRef): string {
  return `${KIND_PREFIX.get(kind) ?? kind.toLowerCase()}/${name}`;
}

/** The same in a command: `deploy/NAME` where the name or the kind is none. */
function inCommand({ kind, name }: WorkloadRef): string {
  const prefix = KIND_PREFIX.get(kind);
  return prefix === undefined ? 'deploy/NAME' : `${prefix}/${plainName(name, 'NAME')}`;
}

/** `dumpCommand` writes down the cluster; null where one was given. */
export function missingEvidence(
  target: JoinedTarget,
  client: JoinedClient,
  evaluation: Evaluation | null,
  dumpCommand: string | null,
): readonly MissingEvidence[] {
  const namespace = plainName(target.namespace, 'NAMESPACE');
  const own = target.pods[0];
  const pod = own === undefined && target.workload !== null ? inCommand(target.workload) : plainName(own, 'POD');
  const resource = own === undefined ? pod : `po/${pod}`;
  const out: MissingEvidence[] = [];
  if (dumpCommand !== null) out.push({ what: 'the policy objects and pods', command: dumpCommand });
  else if (evaluation === null) {
    const what = `${pod} of ${namespace}, or anything of the same owner`;
    out.push({ what, command: `kubectl get -n ${namespace} -o yaml pods,rs,deploy,sts,ds > pods.yaml` });
  }
  const logs = `kubectl logs -n ${namespace} ${pod} -c ${PROXY_CONTAINER} --since=15m | denywhy explain …`;
  if (!isKnown(client)) out.push({ what: 'who the client is: counters carry no address, the log does', command: logs });
  else if (evaluation?.missing.includes('client-address') === true) out.push({ what: 'the client’s address', command: logs });
  else if (client.tls === null && evaluation?.missing.includes('client-tls') === true)
    out.push({
      what: 'the client’s identity, which the counters name',
      command: `linkerd diagnostics proxy-metrics -n ${namespace} ${resource} > page.prom`,
    });
  if (needsRequest(target, evaluation) && !client.requests.some(isWhole)) out.push(missingRequest(target, namespace));
  return out;
}

function isKnown({ ref, ips }: JoinedClient): boolean {
  return ref.ip !== null || ips.length > 0 || ref.identity !== null;
}

/** Method and path tell more only where routes do. */
function needsRequest({ kind }: JoinedTarget, evaluation: Evaluation | null): boolean {
  if (kind === 'rate-limited') return false;
  return evaluation === null ? kind === 'route-not-found' : evaluation.missing.includes('request');
}

/** Makes its pods anew when its template is changed. A pod itself has no template, and an annotation on it comes too late. */
const ROLLED_OUT: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet']);

function missingRequest({ workload }: JoinedTarget, namespace: string): MissingEvidence {
  const what = 'method and path of the request: the access log has them, once it is on';
  const name = workload === null || !ROLLED_OUT.has(workload.kind) ? 'deploy/NAME' : inCommand(workload);
  const patch = '{"spec":{"template":{"metadata":{"annotations":{"config.linkerd.io/access-log":"json"}}}}}';
  return { what, command: `kubectl patch -n ${namespace} ${name} -p '${patch}'` };
}
