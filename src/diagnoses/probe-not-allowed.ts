/** Rows 31 and 32: the policy refuses the kubelet's probes, so that the pod is not ready (or is restarted) and clients get 503 and 504. */
import { readinessOf } from '../evidence/destination.ts';
import type { Evaluation } from '../policy/evaluation.ts';
import { objectKey, showRef } from '../policy/resource.ts';
import { workloadsByName } from '../policy/snapshot.ts';
import { showProtocol, showServerRef } from '../policy/wording.ts';
import type { Workload } from '../policy/workload.ts';
import type { Denied, Diagnosis } from './diagnosis.ts';
import { drafted, evidenceOf, stated, troubled } from './drafting.ts';
import type { RemedyId } from './finding.ts';
import { probeOf, type RefusedProbe, refusedProbes } from './probes.ts';
import { aboutDestination, unreadyPods } from './symptoms.ts';

export const probeNotAllowed: Diagnosis = {
  id: 'probe-not-allowed',
  title: 'the kubelet’s probes are refused',
  denied(denied) {
    const probe = probeOf(denied);
    if (probe === null || denied.law === null) return null;
    const { certainty } = probe;
    return drafted(
      denied,
      {
        certainty,
        removal: certainty === 'possible' ? 'unknown' : 'allows',
        summary: `The kubelet’s probe of ${showRef(denied.law.pod.ref)} ${wordsOf(probe)}.`,
        observed: denied.client.ref.ip === null ? showProbe(probe) : `${showProbe(probe)} from ${denied.client.ref.ip}`,
        note: '',
        todo: todoOf(probe),
        remedies: remediesOf(probe),
      },
      objectsOf(probe, denied.law.pod),
    );
  },
  troubled(trouble) {
    const [unready] = unreadyPods(trouble).flatMap(({ pod }) => unreadyBy(trouble.snapshot, pod).map((probe) => ({ pod, probe })));
    if (unready === undefined) return null;
    const { pod, probe } = unready;
    const seen = trouble.refused.filter((denied) => isOf(denied, pod) && probeOf(denied) !== null);
    const draft = troubled(
      trouble.snapshot,
      {
        certainty: seen.length > 0 ? 'certain' : 'likely',
        summary: `${showRef(pod.ref)} is not ready: the kubelet’s probe ${wordsOf(probe)}. Its clients get 503 or 504 from their own proxies, or no connection.`,
        observed: showProbe(probe),
        todo: todoOf(probe),
        remedies: remediesOf(probe),
      },
      aboutDestination(trouble),
      objectsOf(probe, pod),
    );
    return { ...draft, evidence: [...seen.flatMap(evidenceOf), ...draft.evidence] };
  },
  standing({ snapshot, namespaces, refused }) {
    const told = refused.filter((denied) => probeOf(denied) !== null);
    return [...namespaces].sort().flatMap((namespace) => {
      const pods = workloadsByName(snapshot, namespace);
      const unready = pods.filter((pod) => readinessOf(pod).ready === false && !told.some((denied) => isOf(denied, pod)));
      return alike(unready.flatMap((pod) => unreadyBy(snapshot, pod).map((probe) => ({ pod, probe })))).map(([{ pod, probe }, ...more]) => {
        const who = more.length === 0 ? `${showRef(pod.ref)} is` : `${showRef(pod.ref)} and ${more.length} more like it are`;
        const said = {
          todo: todoOf(probe),
          remedies: remediesOf(probe),
          summary: `${who} not ready, and the kubelet’s probe ${wordsOf(probe)}.`,
        };
        return stated(snapshot, said, [...objectsOf(probe, pod), ...more.slice(0, MOST_ALIKE).map((other) => other.pod.ref)]);
      });
    });
  },
};
const MOST_ALIKE = 2;

interface Unready {
  readonly pod: Workload;
  readonly probe: RefusedProbe;
}

/** Of one owner, and refused in the same way. */
function alike(all: readonly Unready[]): readonly (readonly [Unready, ...Unready[]])[] {
  const groups = Map.groupBy(all, ({ pod, probe }) =>
    JSON.stringify([pod.resource.metadata.ownerReferences?.[0] ?? pod.labels, wordsOf(probe)]),
  );
  return [...groups.values()].map(([first, ...more]) => [first as Unready, ...more]);
}

function isOf({ law }: Denied, { ref }: Workload): boolean {
  return law !== null && objectKey(law.pod.ref) === objectKey(ref);
}

/** The first probe that is refused and makes the pod unready: a bare connection is taken by the proxy, and succeeds. */
function unreadyBy(...[snapshot, pod]: Parameters<typeof refusedProbes>): readonly RefusedProbe[] {
  return refusedProbes(snapshot, pod)
    .filter(({ probe }) => probe.type !== 'tcpSocket')
    .slice(0, 1);
}

function showProbe({ probe: { type, path, port, isTls } }: RefusedProbe): string {
  if (type === 'grpc') return `the gRPC health check on port ${port}`;
  return type === 'tcpSocket' ? `a connection to port ${port}` : `GET ${path} on port ${port}${isTls ? ' by HTTPS' : ''}`;
}

/** To follow `the probe`. */
function wordsOf(refused: RefusedProbe): string {
  const { evaluation, probe } = refused;
  const isEarlier = evaluation.policy.protocol === 'http2' && probe.type === 'httpGet';
  const server = showServerRef(evaluation.server);
  return isEarlier
    ? `(${showProbe(refused)}) would be refused even if ${server} took HTTP/1.1: it ${refusalWords(evaluation)}`
    : `(${showProbe(refused)}) ${refusalWords(evaluation)}`;
}

function refusalWords(evaluation: Evaluation): string {
  const server = showServerRef(evaluation.server);
  const { verdict, route, policy } = evaluation;
  if (isOfAnotherProtocol(evaluation))
    return `is plain TCP to ${server}, which is ${showProtocol(policy.protocol)}, and nothing there lets it in`;
  if (verdict === 'route_not_found') return `finds no route of ${server}: ${ENDED}`;
  const on = route === null || route.kind === 'default' ? server : `${route.kind} ${route.name}`;
  return `meets ${on}, where nothing lets it in without an identity: ${isOwnRoute(evaluation) ? ENDED : NEVER_MADE}`;
}

const ENDED = 'Linkerd’s own route for probes ends with the first route of a Server';
const NEVER_MADE = 'Linkerd’s own route is for HTTP probes alone, from the probe networks of the cluster';

/** No routes count there, Linkerd's own neither. */
function isOfAnotherProtocol({ policy: { routes } }: Evaluation): boolean {
  return routes === null;
}

function isOwnRoute({ policy: { routes } }: Evaluation): boolean {
  return routes?.some(({ object }) => object !== null) === true;
}

function todoOf({ probe, evaluation }: RefusedProbe): string {
  const nodes = 'an AuthorizationPolicy with a NetworkAuthentication of the nodes’ addresses';
  if (isOfAnotherProtocol(evaluation))
    return probe.type === 'httpGet' && !probe.isTls
      ? `If the application speaks HTTP, set proxyProtocol of the Server to HTTP/1: Linkerd then has a route for the probes itself. Else give the Server ${nodes}; it opens the whole port to them.`
      : `Give the Server ${nodes}; it opens the whole port to them.`;
  return probe.type === 'httpGet' && !probe.isTls
    ? `Give the Server a route for GET ${probe.path} alone (path type Exact), and that route ${nodes}. No restart is needed.`
    : `Give the Server ${nodes}, on a route for the probe alone where it has routes.`;
}

function remediesOf({ probe, evaluation }: RefusedProbe): readonly RemedyId[] {
  if (isOfAnotherProtocol(evaluation))
    return probe.type === 'httpGet' && !probe.isTls ? ['repair-protocol', 'network-authentication'] : ['network-authentication'];
  if (probe.type === 'grpc') return ['probe-route', 'network-authentication'];
  return probe.type === 'httpGet' && !probe.isTls ? ['probe-route'] : ['network-authentication'];
}

function objectsOf({ evaluation: { policy, route } }: RefusedProbe, pod: Workload) {
  const own = policy.routes?.find(({ ref }) => ref.kind === route?.kind && ref.name === route.name)?.object ?? null;
  return [policy.server, own, pod.ref].filter((ref) => ref !== null);
}
