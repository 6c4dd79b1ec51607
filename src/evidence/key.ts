/** The incident's key: what every source carries (DESIGN §1). Never a port, a pod or a client; those are listed inside an incident. */
import type { Labels, RouteRef, ServerRef } from '../policy/inbound.ts';
import type { Denial, DenialKind, Symptom, SymptomKind } from './facts.ts';

/** `admin-denied`: any refusal by the proxy's admin server (4191), where scrapes and probes arrive. */
export type IncidentKind = DenialKind | SymptomKind | 'admin-denied';

/** A workload within the key's namespace. */
export interface KeyWorkload {
  readonly kind: string;
  readonly name: string;
}

/** null: no fact has said yet, or (route of a TCP denial) there is none. */
export interface IncidentKey {
  /** Empty where nobody names clusters. */
  readonly cluster: string;
  readonly namespace: string | null;
  /** The server's workload: the one that refused. */
  readonly workload: KeyWorkload | null;
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  readonly kind: IncidentKind;
}

/** Part of a key: what is absent selects everything. */
export type KeySelection = { readonly [Part in keyof IncidentKey]?: NonNullable<IncidentKey[Part]> };

/** An observation has no incident. */
export function keyOf(fact: Denial | Symptom): IncidentKey {
  const { cluster, namespace, workload } = fact.reporter;
  return {
    cluster,
    namespace,
    workload: workload === null ? null : { kind: workload.kind, name: workload.name },
    server: fact.type === 'denial' ? fact.server : null,
    route: fact.type === 'denial' ? fact.route : null,
    kind: fact.type === 'denial' && fact.admin && fact.kind !== 'audit-allowed' ? 'admin-denied' : fact.kind,
  };
}

/** Canonical text: equal keys and no others have equal texts, whatever stands in the names. */
export function keyText(key: IncidentKey): string {
  const labels = (ref: Labels | null) => (ref === null ? null : [ref.group, ref.kind, ref.name]);
  const workload = key.workload === null ? null : [key.workload.kind, key.workload.name];
  return JSON.stringify([key.cluster, key.namespace, workload, labels(key.server), labels(key.route), key.kind]);
}

/** True unless a part of the selection contradicts the key; an unknown part of the key contradicts nothing. */
export function selects(selection: KeySelection, key: IncidentKey): boolean {
  const { cluster, namespace, workload, server, route, kind } = selection;
  if (cluster !== undefined && key.cluster !== '' && cluster !== key.cluster) return false;
  if (namespace !== undefined && key.namespace !== null && namespace !== key.namespace) return false;
  if (workload !== undefined && key.workload !== null && !sameWorkload(workload, key.workload)) return false;
  if (server !== undefined && key.server !== null && !sameLabels(server, key.server)) return false;
  if (route !== undefined && (key.route === null ? NO_ROUTE.has(key.kind) : !sameLabels(route, key.route))) return false;
  return kind === undefined || kind === key.kind;
}

/** Kinds whose facts never have a route. */
const NO_ROUTE: ReadonlySet<IncidentKind> = new Set<IncidentKind>(['tcp-denied', 'terminated', 'route-not-found']);

function sameWorkload(a: KeyWorkload, b: KeyWorkload): boolean {
  return a.kind === b.kind && a.name === b.name;
}

function sameLabels(a: Labels, b: Labels): boolean {
  return a.group === b.group && a.kind === b.kind && a.name === b.name;
}
