import { namespaceIndex } from '../policy/snapshot.ts';
import { showProtocol } from '../policy/wording.ts';
import { effectOf } from './effect.ts';
import { itemsAt, policiesOf, textAt } from './objects.ts';
import type { LintRule } from './rule.ts';

export const mixedRoutes: LintRule = {
  code: 'mixed-routes',
  title: 'a route of a kind that its Server does not use',
  *check({ resources, snapshot }) {
    const routes = resources.filter(({ kind }) => kind === 'HTTPRoute' || kind === 'GRPCRoute');
    for (const object of routes) {
      const index = namespaceIndex(snapshot, object.metadata.namespace);
      const parents = itemsAt(object, 'spec', 'parentRefs').flatMap(([, parent]) =>
        textAt(parent, 'kind') === 'Server' ? [textAt(parent, 'name') ?? ''] : [],
      );
      for (const name of parents) {
        const server = index.servers.get(`policy.linkerd.io/Server/${name}`)?.value;
        if (server == null) continue;
        const others = [...index.routes.values()].flatMap(({ value }) => (value?.parents.includes(name) === true ? [value.ref] : []));
        const rival = object.kind === 'HTTPRoute' ? others.find(({ kind }) => kind === 'GRPCRoute') : undefined;
        const isUnused =
          server.protocol === 'opaque' || server.protocol === 'tls' || (object.kind === 'HTTPRoute') === (server.protocol === 'grpc');
        if (rival === undefined && !isUnused) continue;
        if (rival === undefined && object.kind === 'GRPCRoute' && server.protocol !== 'opaque' && server.protocol !== 'tls') {
          yield draft(
            `Server ${name} has protocol ${showProtocol(server.protocol)}: GRPCRoutes are used on gRPC Servers alone.`,
            `proxyProtocol: gRPC on Server ${name}, or an HTTPRoute`,
          );
          continue;
        }
        yield rival === undefined
          ? draft(
              `Server ${name} has protocol ${showProtocol(server.protocol)}, on which ${object.kind}s are not used.`,
              server.protocol === 'grpc'
                ? 'A GRPCRoute'
                : 'proxyProtocol: HTTP/1, HTTP/2 or unknown on the Server; without HTTP there are no routes, and policies target the Server.',
            )
          : draft(
              `GRPCRoute ${rival.name} is on Server ${name} too, and GRPCRoutes win: Linkerd does not accept this one (RouteReasonConflicted).`,
              'One kind of route on a Server; on a gRPC Server, GRPCRoutes.',
            );
        function draft(problem: string, right: string) {
          return {
            severity: 'error',
            object,
            path: ['spec', 'parentRefs'],
            problem,
            effect: effectOf(snapshot, object),
            right,
            edits: [],
          } as const;
        }
      }
    }
    for (const object of policiesOf(resources, 'AuthorizationPolicy')) {
      if (textAt(object, 'spec', 'targetRef', 'kind') !== 'HTTPRoute') continue;
      const name = textAt(object, 'spec', 'targetRef', 'name') ?? '';
      const index = namespaceIndex(snapshot, object.metadata.namespace);
      const route = [...index.routes.values()].find(
        ({ value }) => value !== null && value.ref.kind === 'HTTPRoute' && value.ref.name === name,
      )?.value;
      const server = route?.parents
        .map((parent) => index.servers.get(`policy.linkerd.io/Server/${parent}`)?.value)
        .find((one) => one?.protocol === 'grpc');
      if (route == null || server == null) continue;
      yield {
        severity: 'error',
        object,
        path: ['spec', 'targetRef'],
        problem: `It targets HTTPRoute ${name} of Server ${server.ref.name}, which is a gRPC Server: HTTPRoutes are not used there.`,
        effect: effectOf(snapshot, object),
        right: 'kind: GRPCRoute, group: gateway.networking.k8s.io, and its name',
        edits: [],
      };
    }
  },
};
