/** A Server for a port that has none, with everything kept that the default policy allows today. */
import type { Resource } from '../policy/resource.ts';
import { refOf } from '../policy/resource.ts';
import { grantByAddress, grantByIdentity } from './authorize.ts';
import { freeName, made } from './objects.ts';
import type { Candidate, Kind, Plea } from './plea.ts';
import { selectorOf } from './pod-labels.ts';

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
