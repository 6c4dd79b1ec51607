/** Clients that came with an identity come without: the trouble that looks like a denial of somebody unknown (facts §8, rows 1 to 6). */
import { ADMIN_PORT, ALERT_LABEL, LABEL, METRIC, NO_INCIDENT, OUTBOUND, SERVER_LABELS, TLS } from '../evidence/conventions.ts';
import type { AlertKind } from './alert-kind.ts';
import { keyLabels, type Level, named } from './key-labels.ts';
import {
  binary,
  combine,
  differs,
  equals,
  firstOf,
  isNoneOf,
  lastSeen,
  type Matcher,
  number,
  type Promql,
  series,
  sumBy,
} from './promql.ts';
import type { Settings } from './settings.ts';

export const IDENTITY_ALERT: AlertKind = {
  name: 'LinkerdIdentityLost',
  severity: 'warning',
  threshold: null,
  for: 0,
  keepsFiring: true,
  about: 'trouble',
  summary: 'Traffic that carried a mesh identity arrives without one.',
  description:
    '{{ $labels.workload_kind }} {{ $labels.workload_name }} in namespace {{ $labels.namespace }}: connections that were mutual TLS are plain now (Server {{ $labels.srv_name }}, Service {{ $labels.dst_namespace }}/{{ $labels.dst_service }}).',
  runbook: {
    meaning: [
      'With `dst_service`: the proxies of the named workload reached that Service by mutual TLS before, and now discovery gives no identity for it (`no_tls_reason="not_provided_by_service_discovery"`).',
      'With `srv_name`: the Server saw clients with an identity only, and now sees some without.',
    ],
    impact: [
      'Policies that name identities deny such a client, and no widening of a list of identities helps. Traffic that is still allowed is no longer encrypted.',
    ],
    diagnosis: [
      'Client side: is the destination’s pod still meshed, of the same control plane, and behind the Service by its Endpoints? Was it reached by address instead of by name?',
      'Server side: who is new? The proxy’s log has the address. A pod without a proxy, `skip-outbound-ports`, a Job, or a node.',
    ],
    mitigation: [
      'Mesh the client, or address the Service by its name; restart the client’s pods after a change of control plane. Do not loosen the policy.',
    ],
    command: `kubectl logs -n NAMESPACE WORKLOAD -c linkerd-proxy --tail=-1 \\
  | denywhy explain -n NAMESPACE WORKLOAD --cluster dump.yaml`,
  },
  conditions: (_, __, settings) => [
    {
      expr: firstOf([
        client(settings),
        server('namespace_workload_server_route', METRIC.httpAllow, METRIC.httpDeny, settings),
        server('namespace_workload_server', METRIC.tcpAllow, METRIC.tcpDeny, settings),
      ]),
      labels: { [ALERT_LABEL.incidentKind]: NO_INCIDENT },
    },
  ],
};

/** Plain now, not plain before, mutual TLS before; before is where the denials' rules look too, so that a gap in the scrapes is no loss. */
function client(settings: Settings): Promql {
  const by = [...keyLabels(settings, 'namespace_workload'), OUTBOUND.dstNamespace, OUTBOUND.dstService];
  const select = (matcher: Matcher) =>
    series(OUTBOUND.tcpOpen, [
      equals(OUTBOUND.direction, 'outbound'),
      equals(OUTBOUND.peer, 'dst'),
      differs(OUTBOUND.dstService, ''),
      matcher,
    ]);
  const opened = (connections: Promql) => sumBy(by, named(binary(connections, '>', number(0)), settings));
  const plain = select(equals(LABEL.noTlsReason, OUTBOUND.noIdentityKnown));
  const mutual = select(equals(LABEL.tls, TLS.established));
  return lost(opened(plain), opened(before(plain, settings)), opened(before(mutual, settings)), by);
}

/** Probes and the pod's own containers never have an identity, and are no loss of one. */
function server(level: Level, allow: string, deny: string, settings: Settings): Promql {
  const by = keyLabels(settings, level);
  const traffic = [equals(LABEL.serverKind, SERVER_LABELS.kind), differs(LABEL.targetPort, String(ADMIN_PORT))];
  const plain = equals(LABEL.tls, TLS.none);
  const letIn = series(allow, [...traffic, plain, isNoneOf(LABEL.authzName, ['probe', 'localhost'])]);
  const refused = series(deny, [...traffic, plain]);
  const mutual = series(allow, [...traffic, equals(LABEL.tls, TLS.established)]);
  const either = (a: Promql, b: Promql) => sumBy(by, named(combine(a, 'or', b), settings));
  return lost(
    either(letIn, refused),
    either(before(letIn, settings), before(refused, settings)),
    sumBy(by, named(before(mutual, settings), settings)),
    by,
  );
}

function before(of: Promql, { lookback, window }: Settings): Promql {
  return lastSeen(of, lookback, window);
}

function lost(plain: Promql, plainBefore: Promql, mutualBefore: Promql, on: readonly string[]): Promql {
  return combine(combine(plain, 'unless', plainBefore, on), 'and', mutualBefore, on);
}
