/** Row 37: a connection that is not what the Server's proxyProtocol says, or HTTP to a Server that knows no routes. */
import { evaluate } from '../policy/evaluate.ts';
import { closestOf } from './closest.ts';
import type { Denied, Diagnosis, Draft, PlacedSymptom } from './diagnosis.ts';
import { drafted, told } from './drafting.ts';

export const notHttp: Diagnosis = {
  id: 'not-http',
  title: 'the traffic is not of the Server’s proxyProtocol',
  denied(denied) {
    const { law, target } = denied;
    if (law === null || !law.agrees || target.kind === 'audit-allowed') return null;
    const { policy, traffic, considered } = law.evaluation;
    if (policy.server === null || policy.rejectedByProxy !== null || traffic.type !== 'tcp') return policyOnRoutes(denied);
    return considered.length > 0 ? policyOnRoutes(denied) : rawOnHttp(denied);
  },
};

/** Anything that does not begin as the declared HTTP is refused, whoever asks. */
function rawOnHttp(denied: Denied): Draft | null {
  const { law } = denied;
  if (law === null) return null;
  const { policy, connection } = law.evaluation;
  const asOpaque = evaluate({ ...policy, protocol: 'opaque', routes: null }, connection, { type: 'tcp' }).verdict;
  const draft = drafted(denied, {
    certainty: 'certain',
    removal: asOpaque === 'allow' ? 'allows' : asOpaque === 'deny' ? 'helps' : 'unknown',
    todo: 'If the application speaks no HTTP, set proxyProtocol of the Server to opaque (TLS, if it speaks TLS of its own; unknown, if it may speak either): then only policies on the Server count. If it does speak HTTP, let the client send it; an opaque-ports annotation on the Service or the client’s namespace keeps proxies from seeing it.',
    remedies: ['repair-protocol'],
  });
  return { ...draft, evidence: [...draft.evidence, ...detectionsAt(denied).map(told)] };
}

/** A policy lists the client on a route, and the connection was taken for plain TCP. */
function policyOnRoutes(denied: Denied): Draft | null {
  const nearest = closestOf(denied);
  const protocol = denied.law?.evaluation.policy.protocol;
  if (nearest?.type !== 'meant' || nearest.excluded.reason.type !== 'route-policy-on-tcp') return null;
  const detections = detectionsAt(denied);
  const isDetected = protocol === 'detect';
  const draft = drafted(
    denied,
    {
      certainty: isDetected && detections.length === 0 ? 'likely' : 'certain',
      removal: 'allows',
      todo: isDetected
        ? 'The proxy did not see HTTP in time and took it for TCP, where routes do not count. If the application does speak HTTP, set proxyProtocol of the Server to HTTP/1 or HTTP/2; if it does not, authorize the client on the Server.'
        : 'If the application speaks HTTP, set proxyProtocol of the Server to HTTP/1 (HTTP/2, if every client speaks that, the kubelet included); else authorize the client on the Server itself.',
      remedies: ['repair-protocol', 'authorize-on-server'],
    },
    [denied.law?.evaluation.policy.server ?? null],
  );
  return { ...draft, evidence: [...draft.evidence, ...detections.map(told)] };
}

/** That its proxy did not find HTTP on this port, or waited for it in vain. */
function detectionsAt({ seen, target, law }: Denied): readonly PlacedSymptom[] {
  return seen.symptoms.filter(({ symptom: { kind, port, count, reporter } }) => {
    const isHere = reporter.pod === null || target.pods.includes(reporter.pod);
    return kind === 'detection-fallback' && count > 0 && isHere && (port === null || law?.port == null || port === law.port);
  });
}
