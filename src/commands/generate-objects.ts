/** What closes one port: its Server, grants to those who were seen, and routes where their methods and paths were. */

import { inboundServer } from '../policy/inbound-server.ts';
import type { ObjectRef, Resource } from '../policy/resource.ts';
import { isObject, type Labels } from '../policy/selector.ts';
import { findResource, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { made, type PolicyKind, refTo } from '../remedies/objects.ts';
import { routeForProbes } from '../remedies/probe-route.ts';
import { type PathMatch, pathMatches, type SeenRequest } from './generate-paths.ts';
import { type NotGranted, notGrantedOf, type OpenPort, type Seen } from './generate-seen.ts';
import { ownerOf } from './workload-port.ts';

const GROUP = 'policy.linkerd.io';

/** Hands out names that no object has. */
export interface Names {
  free(kind: PolicyKind, wanted: string): string;
}

export function createNames(snapshot: Snapshot, namespace: string): Names {
  const taken = new Set<string>();
  return {
    free(kind, wanted) {
      for (let i = 1; ; i++) {
        const name = i === 1 ? wanted : `${wanted}-${i}`;
        const isTaken = taken.has(`${kind}/${name}`) || findResource(snapshot, { group: GROUP, kind, namespace, name }) !== null;
        if (isTaken) continue;
        taken.add(`${kind}/${name}`);
        return name;
      }
    },
  };
}

export interface PortObjects {
  /** Its `accessPolicy` is today's default policy. */
  readonly server: Resource;
  readonly grants: readonly Resource[];
  readonly notGranted: readonly NotGranted[];
  /** Why there are no routes although methods and paths were seen; null: there are, or none were seen. */
  readonly routes: 'too-many' | 'no-node' | null;
  /** Somebody is granted the whole port, because methods and paths of HTTP were not seen. */
  readonly hasUntold: boolean;
  /** Matches by a prefix, which take more than was seen. */
  readonly prefixes: readonly PathMatch[];
}

/** HTTPRoutes hold 16 rules of 8 matches; more of them would help nobody who reads them. */
const [MOST_RULES, MOST_MATCHES] = [16, 8];

export function objectsFor(snapshot: Snapshot, open: OpenPort, seen: Seen, names: Names): PortObjects {
  const { name: workload, pods, port, policy } = open;
  const [pod] = pods as readonly [Workload, ...Workload[]];
  const base = `${workload.slice(workload.indexOf('/') + 1)}-${portName(pod, port)}`.slice(0, 200);
  const own = inboundServer(snapshot, pod, port);
  const { namespace } = pod.ref;
  const server = made('Server', namespace, names.free('Server', base), {
    podSelector: { matchLabels: selectorOf(snapshot, pod) },
    port,
    proxyProtocol: own.protocol === 'opaque' ? 'opaque' : 'unknown',
    accessPolicy: policy,
  });
  const at: At = { snapshot, names, open, base, server: { group: GROUP, kind: 'Server', namespace, name: server.metadata.name } };
  const routed = seen.requests.length === 0 ? NO_ROUTES : routesFor(at, seen.requests);
  const { hasUntold } = seen;
  if (typeof routed === 'string') {
    const everyone = [...new Set([...seen.whole, ...seen.requests.map(({ client }) => client)])].sort();
    const grants = grantTo(at, at.server, base, everyone);
    return { server, grants, notGranted: seen.notGranted, routes: routed, hasUntold, prefixes: [] };
  }
  const grants = [...routed.objects, ...grantTo(at, at.server, base, seen.whole)];
  return { server, grants, notGranted: [...seen.notGranted, ...routed.notGranted], routes: null, hasUntold, prefixes: routed.prefixes };
}

interface At {
  readonly snapshot: Snapshot;
  readonly names: Names;
  readonly open: OpenPort;
  readonly base: string;
  readonly server: ObjectRef;
}

interface Routed extends Pick<PortObjects, 'notGranted' | 'prefixes'> {
  readonly objects: readonly Resource[];
}

const NO_ROUTES: Routed = { objects: [], notGranted: [], prefixes: [] };

/**
 * A route for each set of clients, one for the probes, whose own route the first one ends, and one that takes all the rest, so that the Server's
 * `accessPolicy` and grants for the whole port decide it. A word: why there are none.
 */
function routesFor(at: At, requests: readonly SeenRequest[]): Routed | NonNullable<PortObjects['routes']> {
  const { snapshot, open, base, server } = at;
  const [pod] = open.pods as readonly [Workload, ...Workload[]];
  const probed = new Set(open.pods.flatMap(({ probes }) => probes.get(open.port) ?? []));
  const probes = routeForProbes(snapshot, pod, open.port, server, [...probed].sort()).flatMap((change) =>
    'apply' in change ? [change.apply] : [],
  );
  if (probed.size > 0 && probes.length === 0) return 'no-node';
  for (const { kind, metadata } of probes) at.names.free(kind as PolicyKind, metadata.name);

  const isProbed = ({ method, path }: { readonly method: string; readonly path: string }) => method === 'GET' && probed.has(path);
  const matches = pathMatches(requests.filter((one) => !isProbed(one)));
  // An exact match and a prefix of the same length are equals for a proxy.
  const isAmbiguous = matches.some(({ method, type, value }) => method === 'GET' && type === 'PathPrefix' && probed.has(value));
  if (isAmbiguous || matches.length > MOST_RULES * MOST_MATCHES) return 'too-many';

  const notGranted: NotGranted[] = [];
  const bySet = new Map<string, { readonly clients: readonly string[]; readonly matches: PathMatch[] }>();
  for (const match of matches) {
    for (const [client, count] of match.clients)
      if (count === 1)
        notGranted.push(notGrantedOf(open.name, open.port, { client, method: match.method, path: match.value, count }, 'seen once'));
    const clients = [...match.clients].flatMap(([client, count]) => (count > 1 ? [client] : [])).sort();
    if (clients.length === 0) continue;
    const known = bySet.get(clients.join(' '));
    if (known === undefined) bySet.set(clients.join(' '), { clients, matches: [match] });
    else known.matches.push(match);
  }
  const granted = [...bySet.values()].flatMap(({ clients, matches: own }) => routeTo(at, clients, own));
  const onProbes = [...new Set(requests.filter(isProbed).map(({ client }) => client))].sort();
  const probeRoute = probes.find(({ kind }) => kind === 'HTTPRoute');
  const probing = probeRoute === undefined ? [] : grantTo(at, refOfRoute(probeRoute), probeRoute.metadata.name, onProbes);
  const other = routeOn(at, `${base}-other`, [{ path: { type: 'PathPrefix', value: '/' } }]);
  const prefixes = matches.filter(({ type, clients }) => type === 'PathPrefix' && [...clients.values()].some((count) => count > 1));
  return { objects: [other, ...probes, ...probing, ...granted], notGranted, prefixes };
}

function routeTo(at: At, clients: readonly string[], matches: readonly PathMatch[]): readonly Resource[] {
  const route = routeOn(
    at,
    `${at.base}-${slugOf((matches[0] as PathMatch).value)}`,
    matches.map(({ method, type, value }) => ({ path: { type, value }, method })),
  );
  return [route, ...grantTo(at, refOfRoute(route), route.metadata.name, clients)];
}

function routeOn({ names, server }: At, wanted: string, matches: readonly Readonly<Record<string, unknown>>[]): Resource {
  const rules = Array.from({ length: Math.ceil(matches.length / MOST_MATCHES) }, (_, i) => ({
    matches: matches.slice(i * MOST_MATCHES, (i + 1) * MOST_MATCHES),
  }));
  const { namespace, name } = server;
  return made('HTTPRoute', namespace, names.free('HTTPRoute', wanted), { parentRefs: [{ group: GROUP, kind: 'Server', name }], rules });
}

function refOfRoute({ metadata: { namespace, name } }: Resource): ObjectRef {
  return { group: GROUP, kind: 'HTTPRoute', namespace, name };
}

/** Of the first segments that are words: `orders-items`; of the root `root`. */
function slugOf(path: string): string {
  const words = path
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  return words.slice(0, 3).join('-').slice(0, 40) || 'root';
}

function grantTo({ names }: At, target: ObjectRef, base: string, identities: readonly string[]): readonly Resource[] {
  if (identities.length === 0) return [];
  const { namespace } = target;
  const authentication = made('MeshTLSAuthentication', namespace, names.free('MeshTLSAuthentication', `${base}-clients`), { identities });
  const { kind, metadata } = authentication;
  const policy = made('AuthorizationPolicy', namespace, names.free('AuthorizationPolicy', `${base}-clients`), {
    targetRef: refTo(target, namespace),
    requiredAuthenticationRefs: [refTo({ group: GROUP, kind, name: metadata.name })],
  });
  return [authentication, policy];
}

function portName(pod: Workload, port: number): string {
  return [...pod.portNames].find(([, ports]) => ports.includes(port))?.[0] ?? String(port);
}

/** As the workload itself finds its pods; of a pod of nobody all its labels. */
function selectorOf(snapshot: Snapshot, pod: Workload): Labels {
  const owner = findResource(snapshot, ownerOf(snapshot, pod));
  const selector = owner !== null && isObject(owner.spec) && isObject(owner.spec['selector']) ? owner.spec['selector'] : {};
  const labels = isObject(selector['matchLabels']) ? Object.entries(selector['matchLabels']) : [];
  const texts = labels.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (texts.length > 0) return Object.fromEntries(texts);
  const added = /^(?:pod-template-hash|controller-revision-hash|pod-template-generation)$|linkerd\.io\//;
  return Object.fromEntries(Object.entries(pod.labels).filter(([key]) => !added.test(key)));
}
