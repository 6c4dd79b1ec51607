import { describe, expect, it } from 'vitest';
import { excludedPolicies, nearServers, unattachedRoutes } from '../../src/policy/excluded.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { findWorkload, withChanges } from '../../src/policy/snapshot.ts';
import {
  ACCOUNT,
  type Asked,
  accepted,
  ask,
  MESHTLS,
  meshTLS,
  pod,
  policy,
  policyIn,
  route,
  SERVER,
  saz,
  server,
  snapshot,
  targetServer,
} from './cluster.ts';

const ON_SERVER = targetServer('backend-http');
const ON_ROUTE = { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'r' };

function workloadOf(of: ReturnType<typeof snapshot>) {
  return findWorkload(of, 'Pod', 'shop', 'backend') ?? expect.fail('no pod');
}
function excluded(all: readonly Resource[], { asked = {}, port = 8080 }: { readonly asked?: Asked; readonly port?: number } = {}) {
  const of = snapshot([pod(), ...all]);
  return excludedPolicies(of, workloadOf(of), ask(policyIn(of, port), asked)).map(({ object, reason, wouldApply }) => [
    object.name,
    reason,
    wouldApply,
  ]);
}

describe('policies that had no say (facts §8 rows 13 to 17, 22, 28, 29)', () => {
  it.each([
    ['an authentication that does not exist', [SERVER, policy('p', ON_SERVER, [MESHTLS('x', 'auth')])], 'dangling', null],
    ['two identities', [SERVER, policy('p', ON_SERVER, [ACCOUNT('frontend'), ACCOUNT('frontend')])], 'illegal', null],
    ['a target that cannot be', [SERVER, policy('p', { kind: 'Server', name: 'backend-http' }, [])], 'unreadable', null],
    ['a Server that does not exist', [SERVER, policy('p', targetServer('backend'), [])], 'target-missing', 'yes'],
    ['a route that does not exist', [SERVER, policy('p', ON_ROUTE, [])], 'target-missing', 'yes'],
    [
      'a Server that lost the port',
      [SERVER, server('zz'), policy('p', targetServer('zz'), [ACCOUNT('admin')])],
      'overshadowed-server',
      'no',
    ],
    ['a route that is not attached', [SERVER, { ...route('r'), status: {} }, policy('p', ON_ROUTE, [])], 'route-not-attached', 'yes'],
    ['another namespace', [SERVER, policy('p', ON_SERVER, [], { namespace: 'other' })], 'other-namespace', 'yes'],
    ['no Server on the port', [policy('p', { kind: 'Namespace', name: 'shop' }, [])], 'no-server', 'yes'],
  ] as const)('%s', (_what, all, type, wouldApply) => {
    expect(excluded(all)).toEqual([['p', expect.objectContaining({ type }), wouldApply]]);
  });

  it('a policy of another route than the one that matched', () => {
    const other = route('r', { rules: [{ matches: [{ path: { value: '/api' } }] }] });
    const all = [SERVER, other, route('root'), policy('p', ON_ROUTE, [])];
    expect(excluded(all)).toEqual([['p', { type: 'other-route', route: 'r' }, 'yes']]);
  });

  it('a route’s policy where the port is judged as TCP', () => {
    const all = [server('backend-http', { proxyProtocol: 'opaque' }), route('r'), policy('p', ON_ROUTE, [])];
    expect(excluded(all, { asked: { traffic: { type: 'tcp' } } })).toEqual([['p', { type: 'route-policy-on-tcp' }, 'yes']]);
  });

  it('a route’s policy where the connection was not found to be HTTP', () => {
    const all = [server('backend-http', { proxyProtocol: 'unknown' }), route('r'), policy('p', ON_ROUTE, [])];
    expect(excluded(all, { asked: { traffic: { type: 'tcp' } } })).toEqual([['p', { type: 'route-policy-on-tcp' }, 'yes']]);
  });

  it('says which object is missing, and which version is kept', () => {
    expect(excluded([SERVER, policy('p', ON_SERVER, [MESHTLS('x', 'auth')])])[0]?.[1]).toEqual({
      type: 'dangling',
      missing: { group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', namespace: 'auth', name: 'x' },
      error: 'could not find MeshTLSAuthentication x in namespace auth',
    });
    const before = snapshot([pod(), SERVER, policy('p', ON_SERVER, [])]);
    const of = withChanges(before, [{ apply: policy('p', { kind: 'Pod', name: 'x' }, []) }]);
    expect(excludedPolicies(of, workloadOf(of), ask(policyIn(of)))[0]?.reason).toMatchObject({ type: 'unreadable', keptOld: true });
  });

  it('ServerAuthorizations: unreadable, or of a Server that is not there', () => {
    const z = (name: string, client: object) => saz('z', { server: { name }, client });
    expect(excluded([SERVER, z('backend-http', {})])).toEqual([['z', expect.objectContaining({ type: 'unreadable' }), null]]);
    expect(excluded([SERVER, z('gone', { unauthenticated: true })])).toEqual([
      ['z', { type: 'target-missing', target: 'Server gone' }, 'yes'],
    ]);
  });

  it('leaves out those that had their say, and those that are for other Servers', () => {
    const all = [
      SERVER,
      server('other', { port: 9090 }),
      meshTLS('m', { identities: ['x'] }),
      policy('p', ON_SERVER, [MESHTLS('m')]),
      policy('q', targetServer('other'), []),
    ];
    expect(excluded(all)).toEqual([]);
  });
});

describe('Servers that nearly take a port (facts §8 rows 18 to 20)', () => {
  it.each([
    ['a name that no port has', server('s', { port: 'web' }), { type: 'port-name', port: 'web', declared: ['http'] }],
    ['another number', server('s', { port: 80 }), { type: 'other-port', port: 80 }],
    ['other labels', server('s', { podSelector: { matchLabels: { app: 'backnd' } } }), { type: 'selector', required: ['app=backnd'] }],
  ])('%s', (_what, object, why) => {
    const of = snapshot([pod(), object]);
    expect(nearServers(of, workloadOf(of), 8080)).toEqual([{ server: expect.objectContaining({ name: 's' }), why }]);
  });

  it('not one that takes it, nor one that misses it twice', () => {
    const of = snapshot([pod(), SERVER, server('far', { port: 80, podSelector: { matchLabels: { app: 'x' } } })]);
    expect(nearServers(of, workloadOf(of), 8080)).toEqual([]);
  });
});

describe('routes that are not attached (facts §8 row 29)', () => {
  it.each([
    ['no status', { ...route('r'), status: {} }, 'its status does not say Accepted for this Server'],
    ['a bad filter', route('r', { rules: [{ filters: [{ type: 'URLRewrite', urlRewrite: {} }] }] }), 'URLRewrite filter is not supported'],
    ['a GRPCRoute on an HTTP Server', route('r', { grpc: true }, {}, 'gateway.networking.k8s.io/v1'), 'only a gRPC Server uses GRPCRoutes'],
    [
      'a parent that is no Server',
      { ...route('r', { parentRefs: [{ kind: 'Gateway', name: 'backend-http' }] }), status: { parents: [accepted(ON_SERVER)] } },
      expect.stringContaining('none of its parentRefs is a Server'),
    ],
  ])('%s', (_what, object, why) => {
    const of = snapshot([pod(), SERVER, object]);
    expect(unattachedRoutes(of, policyIn(of))).toEqual([{ route: expect.objectContaining({ name: 'r' }), why }]);
  });

  it('none where all are', () => {
    const of = snapshot([pod(), SERVER, route('r')]);
    expect(unattachedRoutes(of, policyIn(of))).toEqual([]);
  });
});
