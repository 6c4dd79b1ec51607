/** What HTTPRoutes and GRPCRoutes have in common: parents, hosts, status (linkerd2 `policy-controller/k8s/index/src/inbound/routes.rs`). */

import { POLICY_GROUP } from './authorization-policy.ts';
import type { GrpcRouteMatch, HostMatch, HttpRouteMatch, RouteRule } from './inbound.ts';
import { listOf, stringOr, targetsKind, type Unreadable } from './reading.ts';
import type { Instant, ObjectRef, Resource } from './resource.ts';
import { isObject } from './selector.ts';

export interface Route {
  readonly ref: ObjectRef;
  /** Look-up key of policies that target it. */
  readonly key: string;
  /** Names of the Servers it wants to attach to. */
  readonly parents: readonly string[];
  /** Names of the Servers whose status entry says `Accepted`. */
  readonly accepted: ReadonlySet<string>;
  readonly hosts: readonly HostMatch[];
  readonly rules:
    | { readonly type: 'http'; readonly rules: readonly RouteRule<HttpRouteMatch>[] }
    | { readonly type: 'grpc'; readonly rules: readonly RouteRule<GrpcRouteMatch>[] };
  /** null sorts last. */
  readonly createdAt: Instant | null;
}

const CONTROLLER = 'linkerd.io/policy-controller';

/** Server parents, of which there may be none; one that Linkerd refuses spoils the whole route. */
export function readParents(resource: Resource): readonly string[] | Unreadable {
  const spec = isObject(resource.spec) ? resource.spec : {};
  const parents: string[] = [];
  for (const parent of listOf(spec['parentRefs']).filter(isObject)) {
    const name = stringOr(parent['name'], '');
    const kind = stringOr(parent['kind'], null);
    if (kind === null || name === '' || !targetsKind({ group: stringOr(parent['group'], null), kind }, POLICY_GROUP, 'Server')) continue;
    const namespace = stringOr(parent['namespace'], null);
    if (namespace !== null && namespace !== resource.metadata.namespace) {
      return { unreadable: 'route resource may not reference a parent Server in an other namespace' };
    }
    if (parent['port'] != null) return { unreadable: 'route resource may not reference a parent by port' };
    if (parent['sectionName'] != null) return { unreadable: 'route resource may not reference a parent by section name' };
    parents.push(name);
  }
  return parents;
}

/** Of a status entry's parentRef only `kind` and `name` count. */
export function acceptedServers(resource: Resource): ReadonlySet<string> {
  const status = isObject(resource.status) ? resource.status : {};
  const accepted = new Set<string>();
  for (const parent of listOf(status['parents']).filter(isObject)) {
    const ref = parent['parentRef'];
    if (parent['controllerName'] !== CONTROLLER || !isObject(ref) || ref['kind'] !== 'Server') continue;
    if (hasAccepted(parent['conditions']) && typeof ref['name'] === 'string') accepted.add(ref['name']);
  }
  return accepted;
}

export function hasAccepted(conditions: unknown): boolean {
  return listOf(conditions).some((c) => isObject(c) && c['type'] === 'Accepted' && c['status'] === 'True');
}

export function readHosts(hostnames: unknown): readonly HostMatch[] {
  return listOf(hostnames)
    .filter((host) => typeof host === 'string')
    .map((host) => (host.startsWith('*.') ? { type: 'suffix', value: host.slice(2) } : { type: 'exact', value: host }));
}

/** Oldest first, without a timestamp last, then by name, then by group. */
export function compareRoutes(a: Route, b: Route): number {
  const [at, bt] = [a.createdAt ?? Number.POSITIVE_INFINITY, b.createdAt ?? Number.POSITIVE_INFINITY];
  if (at !== bt) return at < bt ? -1 : 1;
  if (a.ref.name !== b.ref.name) return a.ref.name < b.ref.name ? -1 : 1;
  return a.ref.group < b.ref.group ? -1 : 1;
}
