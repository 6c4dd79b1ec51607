/** Row 47: a policy on a route adds nothing, since one on its Server (or namespace) opens every route. No denial: too much is let in. */
import { authorizationsOfRoute, authorizationsOfServer } from '../policy/authorizations.ts';
import { covers } from '../policy/covers.ts';
import type { ClientAuthorization } from '../policy/inbound.ts';
import { type ObjectRef, showRef } from '../policy/resource.ts';
import type { Route } from '../policy/route.ts';
import type { Server } from '../policy/server.ts';
import { type NamespaceIndex, namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import type { Diagnosis, Draft, Seen } from './diagnosis.ts';
import { stated } from './drafting.ts';
import type { FindingEvidence } from './finding.ts';

export const routePolicyDoesNotRestrict: Diagnosis = {
  id: 'route-policy-does-not-restrict',
  title: 'a policy on a route restricts nothing',
  standing({ snapshot, namespaces, seen }) {
    return [...namespaces]
      .sort()
      .flatMap((namespace) => openedRoutes(snapshot, namespace).map((opened) => draftOf(snapshot, opened, seen)));
  },
};

interface Opened {
  readonly server: ObjectRef;
  readonly route: ObjectRef;
  /** Of the route, each let in as well by one of `broad`. */
  readonly narrow: readonly ClientAuthorization[];
  /** Of the Server or its namespace. */
  readonly broad: readonly ClientAuthorization[];
}

function openedRoutes(snapshot: Snapshot, namespace: string): readonly Opened[] {
  const index = namespaceIndex(snapshot, namespace);
  const routes = [...index.routes.values()].flatMap(({ value }) => value ?? []);
  return [...index.servers.values()].flatMap(({ value: server }) =>
    server === null ? [] : routes.flatMap((route) => openedBy(snapshot, index, server, route)),
  );
}

function openedBy(snapshot: Snapshot, index: NamespaceIndex, server: Server, route: Route): readonly Opened[] {
  if (!isUsed(server, route)) return [];
  const narrow = authorizationsOfRoute(snapshot, index, route);
  if (narrow.length === 0) return [];
  const broad = authorizationsOfServer(snapshot, index, server).filter((own) => narrow.some((one) => covers(own, one)));
  const isNothingAdded = narrow.every((one) => broad.some((own) => covers(own, one)));
  return isNothingAdded ? [{ server: server.ref, route: route.ref, narrow, broad }] : [];
}

function isUsed({ ref, protocol }: Server, route: Route): boolean {
  const isFitting =
    route.rules.type === 'grpc' ? protocol === 'grpc' : protocol === 'detect' || protocol === 'http1' || protocol === 'http2';
  return isFitting && route.parents.includes(ref.name) && route.accepted.has(ref.name);
}

function draftOf(snapshot: Snapshot, { server, route, narrow, broad }: Opened, seen: Seen): Draft {
  const namesOf = (of: readonly ClientAuthorization[]) =>
    of.map(({ object, ref }) => (object === null ? `accessPolicy ${ref.name}` : showRef(object))).join(' and ');
  const verb = broad.length > 1 ? 'let' : 'lets';
  const summary = `${namesOf(narrow)} ${narrow.length > 1 ? 'do' : 'does'} not restrict ${showRef(route)}: ${namesOf(broad)} ${verb} all of these in on every route of ${showRef(server)}.`;
  const todo = `If the route is to be for these alone, let what is on the Server target the other routes instead. Look first who comes to ${route.name} by it: they lose the route.`;
  const objects = [route, ...[...narrow, ...broad].map(({ object }) => object ?? server)];
  return { ...stated(snapshot, { summary, todo, remedies: ['narrow-policy'] }, objects), evidence: seenThrough(route, broad, seen) };
}

/** Whom the broad ones were seen to let in on the route. */
function seenThrough(route: ObjectRef, broad: readonly ClientAuthorization[], { observations }: Seen): readonly FindingEvidence[] {
  const through = observations.filter(
    (o) =>
      o.route?.name === route.name &&
      o.route.kind === route.kind &&
      broad.some(({ ref }) => ref.name === o.authorization?.name && ref.kind === o.authorization.kind),
  );
  return through.slice(0, MOST_SEEN).map(({ tls, ip, authorization, source, first }) => ({
    what: `${(tls?.state === 'established' ? tls.clientId : null) ?? ip ?? 'a client without an identity'} was let in on it by ${authorization?.name}`,
    source: source.line === null ? source.name : `${source.name}:${source.line}`,
    at: first,
  }));
}
const MOST_SEEN = 3;
