/** A Server for a port that has none, with everything kept that the default policy allows today. */
import type { Resource } from '../policy/resource.ts';
import { refOf } from '../policy/resource.ts';
import { isObject, readSelector, selects } from '../policy/selector.ts';
import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { grantByAddress, grantByIdentity } from './authorize.ts';
import { freeName, made } from './objects.ts';
import type { Candidate, Kind, Plea } from './plea.ts';

export const serverForPort: Kind = {
  id: 'server-for-port',
  candidates(plea) {
    const server = newServer(plea);
    if (server === null) return [];
    const title = `Create Server ${server.metadata.namespace}/${server.metadata.name} for the port`;
    const alone: Candidate = { title: `${title}: policies of its namespace then count.`, changes: [{ apply: server }] };
    const byIdentity = grantByIdentity(plea, refOf(server));
    const grant = byIdentity.length > 0 ? byIdentity : grantByAddress(plea, refOf(server));
    if (grant.length === 0) return [alone];
    return [alone, { title: `${title}, and authorize the client on it.`, changes: [{ apply: server }, ...grant] }];
  },
};

/** null: the port has a Server, or the pod no label to select it by. Its `accessPolicy` is the default policy of today. */
export function newServer({ snapshot, pod, port, law }: Plea): Resource | null {
  const { policy } = law.evaluation;
  const labels = selectorOf(snapshot, pod);
  if (policy.server !== null || labels === null || pod.kind !== 'Pod') return null;
  const [name] = [...pod.portNames].flatMap(([named, ports]) => (ports.length === 1 && ports[0] === port ? [named] : []));
  const today = policy.defaultPolicy.policy;
  const { namespace } = pod.ref;
  return made('Server', namespace, freeName(snapshot, 'Server', namespace, Object.values(labels)[0] ?? '', name ?? String(port)), {
    podSelector: { matchLabels: labels },
    port: name ?? port,
    proxyProtocol: policy.protocol === 'opaque' ? 'opaque' : 'unknown',
    ...(today === 'deny' ? {} : { accessPolicy: today }),
  });
}

/** As a Service selects it, else by the labels that name an application, else by all that its owner does not count up. null: it has none. */
function selectorOf(snapshot: Snapshot, pod: Workload): Readonly<Record<string, string>> | null {
  for (const { spec } of resourcesOfKind(snapshot, '', 'Service', pod.ref.namespace).values()) {
    const matchLabels = isObject(spec) && isObject(spec['selector']) ? spec['selector'] : {};
    const selector = readSelector({ matchLabels });
    if (selector !== null && selector.matchLabels.length > 0 && selects(selector, pod.labels))
      return Object.fromEntries(selector.matchLabels);
  }
  const own = Object.entries(pod.labels).filter(([key]) => !COUNTED.has(key) && !key.includes('linkerd.io/'));
  const naming = own.filter(([key]) => NAMING.has(key));
  const chosen = naming.length > 0 ? naming : own;
  return chosen.length === 0 ? null : Object.fromEntries(chosen);
}
const COUNTED: ReadonlySet<string> = new Set([
  'pod-template-hash',
  'controller-revision-hash',
  'pod-template-generation',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
  'controller-uid',
  'job-name',
  'batch.kubernetes.io/controller-uid',
  'batch.kubernetes.io/job-name',
]);
const NAMING: ReadonlySet<string> = new Set([
  'app',
  'k8s-app',
  'app.kubernetes.io/name',
  'app.kubernetes.io/instance',
  'app.kubernetes.io/component',
]);
