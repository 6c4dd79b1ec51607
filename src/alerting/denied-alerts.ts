/** Alerts about denied traffic. Their labels are the key of an incident, so that the page and its answer are about the same thing. */
import type { AlertKind, Runbook, Scope } from './alert-kind.ts';
import { matchersOf, matchersOfAny } from './alert-kind.ts';
import { compare, firstOf, type Matcher, type Promql, without } from './promql.ts';
import { type RecordingId, recorded } from './recordings.ts';
import type { Settings } from './settings.ts';

const WHERE = '{{ $labels.workload_kind }} {{ $labels.workload_name }} in namespace {{ $labels.namespace }}';
const SERVER = 'Server {{ $labels.srv_name }}';
const ROUTE = 'route {{ $labels.route_name }}';

const EXPLAIN = `kubectl logs -n NAMESPACE WORKLOAD -c linkerd-proxy --tail=-1 \\
  | denywhy explain -n NAMESPACE WORKLOAD --cluster dump.yaml`;

/** One scope of what was recorded. What is left out is taken away whole: nothing says that its parts lie within `only`. */
export function scoped(id: RecordingId, { only, leftOut }: Scope, settings: Settings, more: readonly Matcher[] = []): Promql {
  return without(
    recorded(id, settings, [...matchersOf(only), ...more]),
    matchersOfAny(leftOut).map((matchers) => recorded(id, settings, matchers)),
  );
}

interface Denied extends Pick<AlertKind, 'name' | 'severity' | 'summary' | 'description'> {
  readonly recordings: readonly RecordingId[];
  readonly runbook: Runbook;
}

/** `incident_kind` comes with what is recorded. */
function denied({ recordings, ...alert }: Denied): AlertKind {
  return {
    ...alert,
    threshold: 0,
    for: 0,
    keepsFiring: true,
    about: 'denied',
    conditions: (scope, threshold, settings) => [
      { expr: compare(firstOf(recordings.map((id) => scoped(id, scope, settings))), '>', threshold), labels: {} },
    ],
  };
}

export const DENIED_ALERTS: readonly AlertKind[] = [
  denied({
    name: 'LinkerdRequestsDenied',
    severity: 'warning',
    recordings: ['httpDeny'],
    summary: 'Requests are denied by Linkerd policy.',
    description: `${WHERE} denied {{ $value }} requests (${SERVER}, ${ROUTE}).`,
    runbook: {
      meaning: [
        'The proxy of the named workload answered requests with 403 (gRPC status 7), because no authorization of the route or the Server that took them applies to their client.',
        'It fires on the first denial. `incident_kind` is `admin-denied` where the proxy’s own admin port 4191 refused: then scrapes or probes are denied.',
      ],
      impact: [
        'The client does not get in. The workload itself never sees the request, so its own success rate looks perfect.',
        'Where probes are denied the pod goes unready; where scrapes are denied every other rule is blind for it.',
      ],
      diagnosis: [
        '`client_id` of the counter, or the client’s address in the proxy’s log, says who was denied.',
        'Was a policy changed just before? `kubectl get authorizationpolicies,servers,meshtlsauthentications -A --sort-by=.metadata.creationTimestamp`.',
        'A client without an identity (`tls="no_identity"`) is not meshed, or its connection does not go through its proxy.',
      ],
      mitigation: [
        'If the client should get in, name exactly it: its ServiceAccount in the MeshTLSAuthentication that the route’s AuthorizationPolicy requires.',
        'If it should not, leave the policy as it is. Never widen a default policy to make an alert go away.',
      ],
      command: EXPLAIN,
    },
  }),
  denied({
    name: 'LinkerdConnectionsDenied',
    severity: 'warning',
    recordings: ['tcpDeny'],
    summary: 'Connections are denied by Linkerd policy.',
    description: `${WHERE} refused {{ $value }} connections (${SERVER}).`,
    runbook: {
      meaning: ['The proxy closed connections that are no HTTP to it, because no authorization of the Server that took them applies.'],
      impact: [
        'The client sees a connection that is reset right after it was opened. There is no status code and nothing in the application’s log.',
      ],
      diagnosis: [
        '`proxyProtocol` of the Server: what is no HTTP on an HTTP Server is always denied, whoever the client is.',
        '`no_tls_reason="port_skipped"` is an unmeshed client on an opaque port; `tls="opaque"` is the application’s own TLS, sent past the mesh.',
        '`srv_name="deny"` in a short burst when a pod starts is the proxy that has not yet heard of the policy of a port that its containers do not declare.',
      ],
      mitigation: ['Mesh the client or correct `proxyProtocol`; then name the client in the Server’s AuthorizationPolicy.'],
      command: EXPLAIN,
    },
  }),
  denied({
    name: 'LinkerdRouteNotFound',
    severity: 'info',
    recordings: ['routeNotFound'],
    summary: 'Requests match no route of their Server.',
    description: `${WHERE} answered {{ $value }} requests with 404 (${SERVER} has no route for them).`,
    runbook: {
      meaning: [
        'The Server has routes, and the request matches none of them: the proxy answers 404 (gRPC status 5). The application is not asked.',
      ],
      impact: ['Looks like a missing page of the application. A probe’s path that lost its route makes the pod unready.'],
      diagnosis: [
        'The first route of a Server takes away the route for everything else, probes included.',
        'Exact paths compare the trailing slash too; a prefix compares whole segments; a match may name a method or a header.',
      ],
      mitigation: [
        'Add the path to the route that should take it, with its own AuthorizationPolicy; for a probe, allow the node’s address on that path alone.',
      ],
      command: EXPLAIN,
    },
  }),
  denied({
    name: 'LinkerdConnectionsTerminated',
    severity: 'critical',
    recordings: ['tcpTerminate'],
    summary: 'Open connections were closed by a policy change.',
    description: `${WHERE} closed {{ $value }} open connections after a change of policy (${SERVER}).`,
    runbook: {
      meaning: ['A policy that let a client in was removed or narrowed while its connections were open; the proxy closed them.'],
      impact: ['Databases and message brokers lose their sessions at once, and the clients cannot come back.'],
      diagnosis: [
        'Who changed a policy in this minute? `kubectl get authorizationpolicies,meshtlsauthentications -n NAMESPACE -o yaml --show-managed-fields`.',
      ],
      mitigation: ['If the change was not meant for this client, put exactly its identity back.'],
      command: EXPLAIN,
    },
  }),
  denied({
    name: 'LinkerdAuditHits',
    severity: 'info',
    recordings: ['httpAudit', 'tcpAudit'],
    summary: 'Traffic passes by the audit policy alone.',
    description: `${WHERE} let {{ $value }} requests or connections in by audit alone (${SERVER}); deny would refuse them.`,
    runbook: {
      meaning: [
        'No authorization applied, and the policy `audit` let the traffic in all the same. With `deny` in its place this would have been a denial.',
      ],
      impact: ['None today. It is the list of what would break.'],
      diagnosis: ['Each client that is hit needs an authorization of its own, or should not be there.'],
      mitigation: [
        'Authorize the clients that belong there, one ServiceAccount at a time; enforce when nothing was hit for as long as your slowest job needs.',
      ],
      command: EXPLAIN,
    },
  }),
  denied({
    name: 'LinkerdRateLimited',
    severity: 'info',
    recordings: ['rateLimited'],
    summary: 'Requests exceed a rate limit of Linkerd.',
    description: `${WHERE} answered {{ $value }} requests with 429 (${SERVER}).`,
    runbook: {
      meaning: ['An HTTPLocalRateLimitPolicy of the Server refused requests with 429. They were authorized: this is no denial.'],
      impact: ['The client is slowed down. Each proxy counts for itself, so the limit of the workload grows with its pods.'],
      diagnosis: ['`ratelimit_scope` of the counter says which limit: the total, or one identity’s.'],
      mitigation: ['Find the client that repeats itself; else raise the limit, or give that identity an override.'],
      command: EXPLAIN,
    },
  }),
  denied({
    name: 'LinkerdConnectionsRefusedBeforePolicy',
    severity: 'warning',
    recordings: ['tcpErrors'],
    summary: 'Connections fail in the proxy before any policy is asked.',
    description: `The proxy of ${WHERE} failed {{ $value }} connections before it asked any policy.`,
    runbook: {
      meaning: [
        'The proxy gave connections up as an error of its own. No denial is counted and nothing is logged at level info.',
        'The usual cause is a Server with `proxyProtocol: HTTP/2` (or `gRPC`) on a port where HTTP/1 arrives, above all the kubelet’s probes; or something that dials port 4143 without the mesh’s TLS.',
      ],
      impact: ['Pods go unready although the application is well; clients then see 503 and 504.'],
      diagnosis: [
        '`target_port` of `inbound_tcp_errors_total`: 4143 is a caller that should dial the application’s port; the application’s port is the protocol.',
      ],
      mitigation: ['Set the Server’s `proxyProtocol` to `HTTP/1` or `unknown`; or correct the caller’s port.'],
      command: `denywhy explain -n NAMESPACE WORKLOAD --cluster dump.yaml \\
  --metrics NAMESPACE/POD=page.prom`,
    },
  }),
];
