/** What the labels of a counter say: Server, route, authorization, client, port, and the proxy that counted. Facts §1.2 to 1.6, 1.10, 2. */
import { parseDefaultPolicy } from '../policy/default-policy.ts';
import type { ClientTls } from '../policy/evaluation.ts';
import type { AuthorizationRef, Labels, RouteRef, ServerRef } from '../policy/inbound.ts';
import {
  DEFAULT_KIND,
  DEFAULT_PREFIX_211,
  EXPORTED,
  INBOUND_PORT,
  LABEL,
  SERVER_AUTHORIZATION_LABELS,
  SERVER_LABELS,
  TLS,
  WORKLOAD_LABELS,
} from './conventions.ts';
import type { Reporter, WorkloadRef } from './facts.ts';
import { MAX_IDENTITY, MAX_NAME } from './lengths.ts';

type LabelSet = ReadonlyMap<string, string>;

/** A label's value, its own before its target's of the same name; `''` when missing. */
export function labelOf(labels: LabelSet, name: string): string {
  return labels.get(EXPORTED + name) ?? labels.get(name) ?? '';
}

/** null when the labels name no Server (aggregated away, or a family without). 2.11 has the name alone, a default written `default:NAME`. */
export function serverOf(labels: LabelSet): ServerRef | null {
  const ref = refOf(labels, LABEL.serverGroup, LABEL.serverKind, LABEL.serverName);
  return ref !== null && ref.kind === '' ? from211(ref.name, SERVER_LABELS) : ref;
}

export function routeOf(labels: LabelSet): RouteRef | null {
  return refOf(labels, LABEL.routeGroup, LABEL.routeKind, LABEL.routeName);
}

export function authorizationOf(labels: LabelSet): AuthorizationRef | null {
  const name211 = labelOf(labels, LABEL.authzName211);
  if (name211 !== '') return from211(name211, SERVER_AUTHORIZATION_LABELS);
  return refOf(labels, LABEL.authzGroup, LABEL.authzKind, LABEL.authzName);
}

/** `ref` is null when the policy came without metadata. */
export function rateLimitOf(labels: LabelSet): { readonly ref: Labels | null; readonly scope: string } {
  const ref = refOf(labels, LABEL.rateLimitGroup, LABEL.rateLimitKind, LABEL.rateLimitName);
  return { ref, scope: labelOf(labels, LABEL.rateLimitScope) };
}

function refOf(labels: LabelSet, group: string, kind: string, name: string): Labels | null {
  const ref = { group: labelOf(labels, group), kind: labelOf(labels, kind), name: labelOf(labels, name) };
  const isName = ref.name !== '' && ref.name.length <= MAX_NAME && ref.group.length <= MAX_NAME && ref.kind.length <= MAX_NAME;
  return isName ? ref : null;
}

/** A 2.11 proxy prints the name its controller gave it; a newer controller gives defaults without the prefix. */
function from211(name: string, resource: { readonly group: string; readonly kind: string }): Labels {
  if (name.startsWith(DEFAULT_PREFIX_211)) return { group: '', kind: DEFAULT_KIND, name: name.slice(DEFAULT_PREFIX_211.length) };
  return parseDefaultPolicy(name) === null ? { ...resource, name } : { group: '', kind: DEFAULT_KIND, name };
}

/** null: the labels do not say (aggregated away, or a value Linkerd does not write). */
export function clientTlsOf(labels: LabelSet): ClientTls | null {
  const tls = labelOf(labels, LABEL.tls);
  const [clientId, sni] = [labelOf(labels, LABEL.clientId), labelOf(labels, LABEL.sni)];
  if (clientId.length > MAX_IDENTITY || sni.length > MAX_IDENTITY) return null;
  if (tls === TLS.established) return { state: 'established', clientId: clientId || null };
  if (tls === TLS.passthru) return { state: 'passthru', sni };
  if (tls === TLS.disabled) return { state: 'none', reason: 'disabled' };
  if (tls !== TLS.none) return null;
  const reason = labelOf(labels, LABEL.noTlsReason);
  return reason === 'no_tls_from_remote' || reason === 'port_skipped' || reason === 'loopback' ? { state: 'none', reason } : null;
}

/**
 * The application's port. `target_port` stands in for `srv_port` before 2.18, but never where it is the proxy's inbound listener:
 * rate limits and errors of meshed traffic name that one.
 */
export function portOf(labels: LabelSet): number | null {
  const server = readPort(labelOf(labels, LABEL.serverPort));
  if (server !== null) return server;
  const target = targetPortOf(labels);
  return target === INBOUND_PORT ? null : target;
}

/** The port that was dialled, be it the proxy's own. */
export function targetPortOf(labels: LabelSet): number | null {
  return readPort(labelOf(labels, LABEL.targetPort));
}

function readPort(text: string): number | null {
  return /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) <= 65_535 ? Number(text) : null;
}

/** The proxy that counted: scrape labels where there are some, else what is known of the page they were read from. */
export function reporterOf(labels: LabelSet, page: Reporter): Reporter {
  const namespace = labelOf(labels, LABEL.namespace) || page.namespace;
  const pod = labelOf(labels, LABEL.pod) || page.pod;
  const workload = workloadOf(labels, namespace) ?? page.workload;
  return { cluster: labelOf(labels, LABEL.cluster) || page.cluster, namespace, pod, workload };
}

/** The workload that scrape or alert labels name; null without a namespace, since it would fit several. */
export function workloadOf(labels: LabelSet, namespace: string | null): WorkloadRef | null {
  if (namespace === null) return null;
  for (const [label, kind] of Object.entries(WORKLOAD_LABELS)) {
    const name = labelOf(labels, label);
    if (name !== '') return { kind, namespace, name };
  }
  return null;
}
