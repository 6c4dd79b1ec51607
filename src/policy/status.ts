/**
 * The statuses that Linkerd's status controller would write (linkerd2 `policy-controller/k8s/status/src/index.rs`), for objects that never were
 * in an API server: manifests in Git hold none, and a route without one is not in use.
 */
import { POLICY_GROUP } from './authorization-policy.ts';
import { listOf, stringOr, targetsKind } from './reading.ts';
import { groupOf, type Resource } from './resource.ts';
import { isObject } from './selector.ts';
import { parseInstant } from './time.ts';

const CONTROLLER = 'linkerd.io/policy-controller';

/** Gives routes and rate limits without status the one they would get. Objects that an API server has stored are left as they are. */
export function withStatuses(resources: readonly Resource[]): readonly Resource[] {
  const servers = new Set<string>();
  const grpcServers = new Set<string>();
  for (const resource of resources) {
    const { namespace, name } = resource.metadata;
    if (resource.kind === 'Server' && groupOf(resource.apiVersion) === POLICY_GROUP) servers.add(`${namespace}/${name}`);
    if (resource.kind === 'GRPCRoute')
      for (const parent of serverParents(resource)) grpcServers.add(`${namespace}/${stringOr(parent['name'], '')}`);
  }
  const limits = firstLimits(resources);
  return resources.map((resource) => {
    if (resource.status !== undefined || resource.metadata.resourceVersion !== undefined || resource.metadata.uid !== undefined)
      return resource;
    if (resource.kind === 'HTTPRoute' || resource.kind === 'GRPCRoute')
      return { ...resource, status: routeStatus(resource, servers, grpcServers) };
    if (resource.kind === 'HTTPLocalRateLimitPolicy') return { ...resource, status: limitStatus(limits.has(resource)) };
    return resource;
  });
}

function serverParents(resource: Resource): readonly Readonly<Record<string, unknown>>[] {
  const spec = isObject(resource.spec) ? resource.spec : {};
  return listOf(spec['parentRefs'])
    .filter(isObject)
    .filter((p) => targetsKind({ group: stringOr(p['group'], null), kind: stringOr(p['kind'], '') }, POLICY_GROUP, 'Server'));
}

function routeStatus(resource: Resource, servers: ReadonlySet<string>, grpcServers: ReadonlySet<string>) {
  const { namespace } = resource.metadata;
  const parents = serverParents(resource).map((parentRef) => {
    const server = `${stringOr(parentRef['namespace'], namespace)}/${stringOr(parentRef['name'], '')}`;
    const conflicted = resource.kind === 'HTTPRoute' && grpcServers.has(server);
    const reason = !servers.has(server) ? 'NoMatchingParent' : conflicted ? 'RouteReasonConflicted' : 'Accepted';
    return { controllerName: CONTROLLER, parentRef, conditions: [condition(reason)] };
  });
  return { parents };
}

function condition(reason: string) {
  return { type: 'Accepted', status: reason === 'Accepted' ? 'True' : 'False', reason };
}

function limitStatus(first: boolean) {
  return { conditions: [condition(first ? 'Accepted' : 'RateLimitReasonAlreadyExists')] };
}

/** The oldest limit of each Server, then the first by name. */
function firstLimits(resources: readonly Resource[]): ReadonlySet<Resource> {
  const first = new Map<string, Resource>();
  for (const resource of resources) {
    if (resource.kind !== 'HTTPLocalRateLimitPolicy') continue;
    const spec = isObject(resource.spec) ? resource.spec : {};
    const target = isObject(spec['targetRef']) ? stringOr(spec['targetRef']['name'], '') : '';
    const key = `${resource.metadata.namespace}/${target}`;
    const known = first.get(key);
    if (known === undefined || isOlder(resource, known)) first.set(key, resource);
  }
  return new Set(first.values());
}

function isOlder(a: Resource, b: Resource): boolean {
  const [at, bt] = [a, b].map((r) => parseInstant(r.metadata.creationTimestamp ?? '') ?? 0) as [number, number];
  return at !== bt ? at < bt : a.metadata.name < b.metadata.name;
}
