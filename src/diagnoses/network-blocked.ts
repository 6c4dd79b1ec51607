/** Row 53: connections do not get through to the server at all: a NetworkPolicy, or something else below the mesh. */

import type { DialledPod } from '../evidence/destination.ts';
import { plainName } from '../evidence/plain-name.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { type NetworkAnswer, networkAnswer } from '../policy/network-answer.ts';
import { showRef } from '../policy/resource.ts';
import type { Diagnosis, Draft, PlacedSymptom, Troubled } from './diagnosis.ts';
import { troubled } from './drafting.ts';
import { aboutDestination, isDated, nameOfClient } from './symptoms.ts';

const TIMED_OUT = 'connect timed out';

export const networkBlocked: Diagnosis = {
  id: 'network-blocked',
  title: 'the network lets no connection through',
  troubled(trouble) {
    const told = aboutDestination(trouble).filter(isConnecting);
    const at = dialledPod(trouble, told);
    if (told.length === 0 || at === null) return null;
    const answer = answerFor(trouble, at);
    return answer?.verdict.verdict === 'deny' ? byPolicy(trouble, at, answer, told) : bySomething(trouble, at, answer, told);
  },
};

function isConnecting(placed: PlacedSymptom): boolean {
  return placed.symptom.kind === 'connect-failed' && isDated(placed);
}

/** The pod whose address was dialled, else the first. */
function dialledPod({ destination }: Troubled, told: readonly PlacedSymptom[]): DialledPod | null {
  const pods = destination?.pods ?? [];
  const isDialled = ({ pod, port }: DialledPod) =>
    told.some(({ symptom: { sample } }) => pod.ips.some((ip) => [`${ip}:${port}`, `[${ip}]:${port}`].includes(sample.peer?.address ?? '')));
  return pods.find(isDialled) ?? pods[0] ?? null;
}

function answerFor({ client, snapshot }: Troubled, { pod, port }: DialledPod): NetworkAnswer | null {
  const policy = inboundServer(snapshot, pod, port ?? 0);
  return networkAnswer(snapshot, { client: client?.pod ?? null, clientIp: client?.ip ?? null, tls: null, server: pod, port, policy });
}

function byPolicy(trouble: Troubled, at: DialledPod, { verdict, wire }: NetworkAnswer, told: readonly PlacedSymptom[]): Draft {
  const side = verdict.ingress.verdict === 'deny' ? verdict.ingress : verdict.egress;
  const names = side.policies.map(showRef);
  const lets = names.length === 1 ? `${names[0]} does not let` : `None of ${names.join(', ')} lets`;
  const proxies = wire.port === at.port ? '' : `, the port of its proxy, which takes what is meant for ${at.port}`;
  const allowed = side.considered.map(({ port, peer }) => `${listed(peer.allowed, 'everyone')} to port ${listed(port.allowed, 'any')}`);
  return troubled(
    trouble.snapshot,
    {
      certainty: 'certain',
      summary: `${lets} the connection through to port ${wire.port} of ${at.pod.ref.namespace}/${at.pod.ref.name}${proxies}: it reaches no proxy, and no policy of Linkerd is asked.`,
      required: [...new Set(allowed)],
      observed: `${nameOfClient(trouble)} to port ${wire.port}`,
      todo: `Let TCP ${wire.port} through ${side.direction === 'ingress' ? 'to the server' : 'out of the client'} in the NetworkPolicy, from just this client. Which client may use which port of the application is then for policies of Linkerd to say.`,
      remedies: ['open-inbound-port'],
    },
    told,
    [...side.policies, at.pod.ref],
  );
}

function listed(items: readonly string[], all: string): string {
  return items.length === 0 ? all : items.join(', ');
}

/** A refused connection may be a pod that just starts or a closed port; one that times out is dropped on its way. */
function bySomething(trouble: Troubled, at: DialledPod, answer: NetworkAnswer | null, told: readonly PlacedSymptom[]): Draft | null {
  const dropped = told.filter(({ symptom: { detail } }) => detail.includes(TIMED_OUT));
  if (dropped.length === 0) return null;
  const port = answer?.wire.port ?? 4143;
  const { namespace, name } = at.pod.ref;
  return troubled(
    trouble.snapshot,
    {
      certainty: 'possible',
      summary: `Connections of ${nameOfClient(trouble)} to ${namespace}/${name} time out before they reach its proxy: no policy of Linkerd is asked. No NetworkPolicy among these objects stops them.`,
      todo: `See what drops TCP ${port} on its way: a policy of the CNI's own kind, a firewall between nodes, an address that no pod has any more.`,
      remedies: [],
      missing: [
        {
          what: 'NetworkPolicies, of Kubernetes and of the CNI',
          command: `kubectl get -n ${plainName(namespace, 'NAMESPACE')} networkpolicies.networking.k8s.io -o yaml`,
        },
      ],
    },
    dropped,
    [at.pod.ref],
  );
}
