import { describe, expect, it } from 'vitest';
import { readAuthorizationPolicy } from '../../src/policy/authorization-policy.ts';
import { authorizationOfPolicy } from '../../src/policy/authorizations.ts';
import { readMeshTLSAuthentication } from '../../src/policy/meshtls-authentication.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import {
  ACCOUNT,
  ask,
  FRONTEND,
  letInBy,
  MESHTLS,
  meshed,
  meshTLS,
  NETWORK,
  network,
  policy,
  policyAt,
  route,
  SERVER,
  saz,
  snapshot,
  targetServer,
  UNMESHED,
} from './cluster.ts';

const ON_SERVER = targetServer('backend-http');
const SUFFIX = '.serviceaccount.identity.linkerd.cluster.local';

function letsIn(all: readonly Resource[], asked: Parameters<typeof ask>[1] = {}): readonly string[] {
  return letInBy(ask(policyAt([SERVER, ...all]), asked));
}
const isLetIn = (all: readonly Resource[], asked: Parameters<typeof ask>[1] = {}) => letsIn(all, asked).length > 0;

describe('what an AuthorizationPolicy targets (facts §4.3, §5.4)', () => {
  it.each([
    ['a Server by its name', ON_SERVER, true],
    ['kind and group in any case', { group: 'POLICY.linkerd.io', kind: 'server', name: 'backend-http' }, true],
    ['a Server’s name counts with its case', targetServer('Backend-http'), false],
    ['a Server of the core group', { kind: 'Server', name: 'backend-http' }, false],
    ['the namespace', { kind: 'Namespace', name: 'shop' }, true],
    ['the namespace, by group core', { group: 'core', kind: 'namespace', name: 'shop' }, true],
    ['its own namespace, whatever name is written', { kind: 'Namespace', name: 'other' }, true],
    ['a Deployment', { group: 'apps', kind: 'Deployment', name: 'backend' }, false],
    ['a route, which is no Server', { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'r' }, false],
  ])('%s', (_what, target, expected) => {
    expect(isLetIn([policy('p', target, [])])).toBe(expected);
  });

  it('a route by its name in any case, of its own group only', () => {
    const on = (group: string) => [route('My-route'), policy('p', { group, kind: 'httproute', name: 'my-ROUTE' }, [])];
    expect(letsIn(on('policy.linkerd.io'))).toEqual(['authorizationpolicy/p']);
    expect(letsIn(on('gateway.networking.k8s.io'))).toEqual([]);
  });

  it('nothing in another namespace', () => {
    expect(isLetIn([policy('p', ON_SERVER, [], { namespace: 'other' })])).toBe(false);
    expect(isLetIn([policy('p', { kind: 'Namespace', name: 'shop' }, [], { namespace: 'other' })])).toBe(false);
  });

  it('nothing on a port that no Server takes', () => {
    expect(
      letInBy(ask(policyAt([policy('p', { kind: 'Namespace', name: 'shop' }, [])], 9090, { ...LINKERD_DEFAULTS, defaultPolicy: 'deny' }))),
    ).toEqual([]);
  });

  it('each route gets the Server’s authorizations too', () => {
    const all = [
      route('r'),
      policy('on-server', ON_SERVER, []),
      policy('on-route', { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'r' }, []),
    ];
    expect(letsIn(all)).toEqual(['authorizationpolicy/on-route', 'authorizationpolicy/on-server']);
    expect(letsIn(all, { traffic: { type: 'tcp' } })).toEqual([]);
  });
});

describe('what it requires (facts §5.5)', () => {
  const objects = [meshTLS('m', { identities: [FRONTEND] }), network('n', [{ cidr: '10.42.0.0/16', except: ['10.42.9.0/24'] }])];
  const requires = (...refs: readonly Parameters<typeof policy>[2][number][]) => [...objects, policy('p', ON_SERVER, refs)];

  it.each([
    ['nothing: anyone', [], UNMESHED, '203.0.113.9', true],
    ['an identity, from anywhere', [MESHTLS('m')], meshed(), '203.0.113.9', true],
    ['an identity, and none is shown', [MESHTLS('m')], UNMESHED, '10.42.0.1', false],
    ['a network, meshed or not', [NETWORK('n')], UNMESHED, '10.42.0.1', true],
    ['a network, and an exception of it', [NETWORK('n')], meshed(), '10.42.9.1', false],
    ['both, and both are there', [MESHTLS('m'), NETWORK('n')], meshed(), '10.42.0.1', true],
    ['both, and the network is not', [MESHTLS('m'), NETWORK('n')], meshed(), '203.0.113.9', false],
    ['both, and the identity is not', [NETWORK('n'), MESHTLS('m')], meshed('x'), '10.42.0.1', false],
    ['a ServiceAccount of its own namespace', [ACCOUNT('frontend')], meshed(), '203.0.113.9', true],
    ['a ServiceAccount of another', [ACCOUNT('frontend', 'other')], meshed(), '10.42.0.1', false],
    ['a ServiceAccount by group core', [{ group: 'core', kind: 'serviceaccount', name: 'frontend' }], meshed(), '10.42.0.1', true],
  ])('%s', (_what, refs, tls, ip, expected) => {
    expect(isLetIn(requires(...refs), { tls, ip })).toBe(expected);
  });

  it('authentications of other namespaces, where they say so', () => {
    const elsewhere = { namespace: 'auth' };
    const all = [meshTLS('m', { identities: ['*'] }, elsewhere), network('n', [{ cidr: '0.0.0.0/0' }], elsewhere)];
    expect(isLetIn([...all, policy('p', ON_SERVER, [MESHTLS('m', 'auth'), NETWORK('n', 'auth')])])).toBe(true);
    expect(isLetIn([...all, policy('p', ON_SERVER, [MESHTLS('m')])])).toBe(false);
  });

  it.each([
    ['a missing MeshTLSAuthentication', [MESHTLS('x')], 'could not find MeshTLSAuthentication x in namespace shop'],
    [
      'a missing NetworkAuthentication beside an identity that fits',
      [MESHTLS('m'), NETWORK('x', 'auth')],
      'could not find NetworkAuthentication x in namespace auth',
    ],
    [
      'two missing ones: the identity first, wherever it stands',
      [NETWORK('x'), MESHTLS('x')],
      'could not find MeshTLSAuthentication x in namespace shop',
    ],
    ['two MeshTLSAuthentications', [MESHTLS('m'), MESHTLS('m')], 'policy must not include multiple MeshTLSAuthentications'],
    ['a second that is missing', [MESHTLS('m'), MESHTLS('x')], 'could not find MeshTLSAuthentication x in namespace shop'],
    ['two ServiceAccounts', [ACCOUNT('frontend'), ACCOUNT('frontend')], 'policy must not include multiple ServiceAccounts'],
    [
      'a MeshTLSAuthentication and a ServiceAccount',
      [MESHTLS('m'), ACCOUNT('frontend')],
      'policy must not include multiple ServiceAccounts',
    ],
    ['two NetworkAuthentications', [NETWORK('n'), NETWORK('n')], 'policy must not include multiple NetworkAuthentications'],
  ])('%s: the whole policy has no effect', (_what, refs, error) => {
    const all = requires(...refs);
    expect(isLetIn(all, { ip: '10.42.0.1' })).toBe(false);
    const read = readAuthorizationPolicy(all.at(-1) as Resource);
    expect('unreadable' in read ? read : authorizationOfPolicy(snapshot(all), read)).toMatchObject({ illegal: error });
  });

  it('an authentication that the controller cannot read is missing', () => {
    expect(isLetIn([network('n', []), policy('p', ON_SERVER, [NETWORK('n')])])).toBe(false);
    expect(isLetIn([meshTLS('m', {}), policy('p', ON_SERVER, [MESHTLS('m')])])).toBe(false);
    expect(isLetIn([network('n', [{ cidr: '10.0.0.0/33' }]), policy('p', ON_SERVER, [NETWORK('n')])])).toBe(false);
  });

  it('an authentication of another kind makes it unreadable', () => {
    expect(readAuthorizationPolicy(policy('p', ON_SERVER, [{ kind: 'MeshTLSAuthentication', name: 'm' }]))).toEqual({
      unreadable: 'unsupported authentication target: MeshTLSAuthentication',
    });
  });
});

describe('whom a MeshTLSAuthentication lists (facts §5.7)', () => {
  it.each([
    [{ identities: ['*'] }, meshed('anybody.at.all'), true],
    [{ identities: ['*'] }, meshed('spiffe://mesh.example/vm'), false],
    [{ identities: ['*'] }, meshed(null), false],
    [{ identities: ['*'] }, UNMESHED, false],
    [{ identities: ['*'] }, { state: 'passthru', sni: 'x' } as const, false],
    [{ identities: ['spiffe://mesh.example/vm'] }, meshed('spiffe://mesh.example/vm'), true],
    [{ identities: ['spiffe://mesh.example/*'] }, meshed('spiffe://mesh.example/vm'), false],
    [{ identities: [`*.shop${SUFFIX}`] }, meshed(FRONTEND), true],
    [{ identities: [`*.sho${SUFFIX}`] }, meshed(FRONTEND), false],
    [{ identities: [FRONTEND.toUpperCase()] }, meshed(FRONTEND), false],
    [{ identities: [`front*.shop${SUFFIX}`] }, meshed(FRONTEND), false],
    [{ identityRefs: [{ kind: 'ServiceAccount', name: 'frontend' }] }, meshed(FRONTEND), true],
    [{ identityRefs: [{ kind: 'ServiceAccount', name: 'frontend', namespace: 'x' }] }, meshed(FRONTEND), false],
    [{ identityRefs: [{ kind: 'Namespace', name: 'shop' }] }, meshed(FRONTEND), true],
    [{ identityRefs: [{ kind: 'Namespace', name: 'shop', namespace: 'x' }] }, meshed(FRONTEND), true],
    [{ identityRefs: [{ kind: 'Namespace', name: 'x' }] }, meshed(FRONTEND), false],
    [{ identities: ['x'], identityRefs: [{ kind: 'ServiceAccount', name: 'frontend' }] }, meshed(FRONTEND), true],
    [{ identities: ['x', 'x', FRONTEND] }, meshed(FRONTEND), true],
    [{ identityRefs: [{ kind: 'Pod', name: 'x' }], identities: [FRONTEND] }, meshed(FRONTEND), false],
  ])('%j for %j: %s', (spec, tls, expected) => {
    expect(isLetIn([meshTLS('m', spec), policy('p', ON_SERVER, [MESHTLS('m')])], { tls })).toBe(expected);
  });

  it('keeps duplicates', () => {
    expect(readMeshTLSAuthentication(meshTLS('m', { identities: ['a', 'a'] }), LINKERD_DEFAULTS)).toEqual({
      identities: ['a', 'a'],
      suffixes: [],
    });
  });
});

describe('ServerAuthorizations (facts §5.6)', () => {
  const named = { name: 'backend-http' };
  const anyone = { unauthenticated: true };
  it.each([
    ['by name', named, true],
    ['by another name', { name: 'x' }, false],
    ['by labels of the Server', { selector: { matchLabels: { team: 'a' } } }, true],
    ['by other labels', { selector: { matchLabels: { team: 'b' } } }, false],
    ['by an empty selector: every Server', { selector: {} }, true],
    ['by neither: every Server', {}, true],
    ['by name, where both are given', { name: 'x', selector: {} }, false],
    ['by a selector that nothing fulfils', { selector: { matchExpressions: [{ key: 'team', operator: 'Exists', values: [] }] } }, false],
  ])('%s', (_what, target, expected) => {
    const labelled = { ...SERVER, metadata: { ...SERVER.metadata, labels: { team: 'a' } } };
    expect(letInBy(ask(policyAt([labelled, saz('z', { server: target, client: anyone })])))).toEqual(
      expected ? ['serverauthorization/z'] : [],
    );
  });

  it.each([
    ['unauthenticated', { unauthenticated: true }, UNMESHED, true],
    ['unauthenticated wins over identities', { unauthenticated: true, meshTLS: { identities: ['x'] } }, UNMESHED, true],
    ['any TLS of the mesh', { meshTLS: { unauthenticatedTLS: true } }, meshed(null), true],
    ['any TLS of the mesh, even with identities', { meshTLS: { unauthenticatedTLS: true, identities: ['x'] } }, meshed('y'), true],
    ['any TLS of the mesh, and none came', { meshTLS: { unauthenticatedTLS: true } }, UNMESHED, false],
    ['TLS of its own is none of the mesh', { meshTLS: { unauthenticatedTLS: true } }, { state: 'passthru', sni: 'x' } as const, false],
    ['identities', { meshTLS: { identities: ['*'] } }, meshed(), true],
    ['ServiceAccounts of its own namespace', { meshTLS: { serviceAccounts: [{ name: 'frontend' }] } }, meshed(), true],
    ['meshTLS: {} is invalid', { meshTLS: {} }, meshed(), false],
    ['no client is invalid', {}, meshed(), false],
  ])('%s', (_what, client, tls, expected) => {
    expect(isLetIn([saz('z', { server: named, client })], { tls })).toBe(expected);
  });

  it.each([
    ['the cluster’s, where there are none', undefined, '203.0.113.9', false],
    ['the cluster’s, where the list is empty', [], '10.1.1.1', true],
    ['its own', [{ cidr: '203.0.113.0/24' }], '203.0.113.9', true],
    ['its own, with exceptions', [{ cidr: '203.0.113.0/24', except: ['203.0.113.9'] }], '203.0.113.9', false],
    [
      'another one with the same exception',
      [{ cidr: '203.0.113.0/24', except: ['203.0.113.9'] }, { cidr: '0.0.0.0/0' }],
      '203.0.113.9',
      true,
    ],
  ])('networks: %s', (_what, networks, ip, expected) => {
    expect(isLetIn([saz('z', { server: named, client: { ...anyone, networks } })], { ip })).toBe(expected);
  });
});
