import { describe, expect, it } from 'vitest';
import { decide, decideFromDenialAlone } from '../../src/policy/deciding.ts';
import type { DecidingContext, DenialAlone } from '../../src/policy/decision.ts';
import { excludedPolicies, nearServers, unattachedRoutes } from '../../src/policy/excluded.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { type ClusterInfo, LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { findWorkload } from '../../src/policy/snapshot.ts';
import {
  ACCOUNT,
  type Asked,
  ask,
  DENY,
  get,
  MESHTLS,
  meshed,
  meshTLS,
  NETWORK,
  network,
  pod,
  policy,
  policyIn,
  route,
  SERVER,
  server,
  snapshot,
  targetServer,
  UNMESHED,
} from './cluster.ts';

const ON_SERVER = targetServer('backend-http');
const DENIED: DenialAlone = { kind: 'http-denied', server: null, route: null, tls: null, clientIp: null, error: null, requests: [] };

interface Options {
  readonly asked?: Asked;
  readonly info?: ClusterInfo;
  readonly port?: number;
  readonly context?: Partial<DecidingContext>;
}

function decided(all: readonly Resource[], { asked = {}, info = LINKERD_DEFAULTS, port = 8080, context = {} }: Options = {}) {
  const of = snapshot([...(all.some((r) => r.kind === 'Pod') ? [] : [pod()]), ...all], info);
  const workload = findWorkload(of, 'Pod', 'shop', 'backend') ?? expect.fail('no pod');
  const evaluation = ask(policyIn(of, port), asked);
  return decide(evaluation, {
    excluded: excludedPolicies(of, workload, evaluation),
    nearServers: nearServers(of, workload, port),
    unattachedRoutes: unattachedRoutes(of, evaluation.policy),
    workload: 'pod backend',
    port,
    isDeclared: true,
    probePaths: ['/health'],
    denied: DENIED,
    agrees: true,
    isOfMomentAsked: false,
    hasServiceAccount: () => null,
    clientIsMeshed: null,
    clientOutside: null,
    clusterNetworks: info.clusterNetworks.map((n) => n.text),
    ...context,
  });
}

describe('names the object that decided, and the mismatch', () => {
  const listed = [
    meshTLS('m', { identities: ['frontend.prod.serviceaccount.identity.linkerd.cluster.local'] }),
    policy('p', ON_SERVER, [MESHTLS('m')]),
  ];

  it('an identity of another namespace', () => {
    const decision = decided([SERVER, ...listed], { context: { hasServiceAccount: (namespace) => namespace !== 'prod' } });
    expect(decision).toMatchObject({
      object: { kind: 'MeshTLSAuthentication', name: 'm' },
      required: ['frontend.prod.serviceaccount.identity.linkerd.cluster.local'],
      note: 'there is no ServiceAccount prod/frontend',
    });
    expect(decision.observed).toContain('frontend.shop');
    expect(decision.sentence).toMatch(/^MeshTLSAuthentication shop\/m /);
  });

  it('no identity at all', () => {
    const decision = decided([SERVER, ...listed], { asked: { tls: UNMESHED } });
    expect(decision.object?.name).toBe('m');
    expect(decision.observed).not.toContain('frontend.shop');
  });

  it('an address outside the network, where the identity fits', () => {
    const all = [SERVER, network('n', [{ cidr: '10.0.0.0/16' }]), policy('p', ON_SERVER, [ACCOUNT('frontend'), NETWORK('n')])];
    expect(decided(all)).toMatchObject({
      object: { kind: 'NetworkAuthentication', name: 'n' },
      required: ['10.0.0.0/16'],
      observed: '10.42.0.13',
    });
  });

  it('of several policies the one that came closest', () => {
    const all = [SERVER, policy('admin', ON_SERVER, [ACCOUNT('admin')]), policy('close', ON_SERVER, [ACCOUNT('frontend', 'prod')])];
    expect(decided(all).required[0]).toContain('frontend.prod');
  });

  it('a reference to nothing', () => {
    const decision = decided([SERVER, policy('p', ON_SERVER, [MESHTLS('frontend-mtsl')])]);
    expect(decision).toMatchObject({ object: { kind: 'AuthorizationPolicy', name: 'p' } });
    expect(decision.sentence).toContain('frontend-mtsl');
  });

  it('a Server with nothing on it', () => {
    const decision = decided([SERVER]);
    expect(decision).toMatchObject({ object: { kind: 'Server', name: 'backend-http' }, required: [] });
    expect(decision.sentence).toContain('Nothing authorizes anyone on Server backend-http');
  });

  it('default deny, and the Server that misses the port by a name', () => {
    const decision = decided([server('s', { port: 'web' })], { info: DENY });
    expect(decision.object?.name).toBe('s');
    expect(decision.sentence).toMatch(/No Server selects port 8080 of pod backend, so its default policy deny refuses everyone/);
    expect(decision.sentence).toContain('web');
  });

  it('a default policy that wants an identity', () => {
    const decision = decided([], { info: { ...LINKERD_DEFAULTS, defaultPolicy: 'all-authenticated' }, asked: { tls: UNMESHED } });
    expect(decision.object).toBeNull();
    expect(decision.sentence).toContain('Default policy all-authenticated');
  });

  it('raw TCP to an HTTP Server', () => {
    const decision = decided([SERVER, policy('p', ON_SERVER, [])], {
      asked: { traffic: { type: 'tcp' } },
      context: { denied: { ...DENIED, kind: 'tcp-denied' } },
    });
    expect(decision).toMatchObject({ object: { name: 'backend-http' }, required: ['HTTP/1'] });
  });

  it('a policy that the proxy cannot use', () => {
    const all = [
      server('backend-http', { proxyProtocol: 'gRPC' }),
      route('g', { grpc: true, rules: [{ matches: [{ headers: [{ name: 'a', value: 'b' }] }] }] }, {}, 'gateway.networking.k8s.io/v1'),
    ];
    expect(decided(all).sentence).toContain('missing RPC match');
  });

  it('no route that matches, what the routes take, and that it was a probe', () => {
    const all = [SERVER, route('api', { rules: [{ matches: [{ path: { value: '/api' }, method: 'POST' }] }] })];
    const requests = [{ method: 'GET', path: '/health?x' }];
    const decision = decided(all, {
      asked: { traffic: get('/health?x') },
      context: { denied: { ...DENIED, kind: 'route-not-found', requests } },
    });
    expect(decision.object?.name).toBe('backend-http');
    expect(decision.required.join()).toContain('/api');
    expect(decision.observed).toBe('GET /health?x');
    expect(decision.note).toContain('a probe');
  });

  it('a connection that was cut by a change', () => {
    const decision = decided([server('backend-http', { proxyProtocol: 'opaque' })], {
      asked: { traffic: { type: 'tcp' } },
      context: { denied: { ...DENIED, kind: 'terminated' } },
    });
    expect(decision.sentence).toMatch(/^A change of policy cut an open connection\. Nothing authorizes anyone/);
  });
});

describe('where objects and proxy disagree', () => {
  it('does not invent a reason', () => {
    const decision = decided([SERVER, policy('p', ON_SERVER, [])], {
      context: { agrees: false, denied: { ...DENIED, server: { group: '', kind: 'default', name: 'deny' } } },
    });
    expect(decision.sentence).not.toContain('Nothing authorizes');
    expect(decision.required).toEqual([]);
  });
});

describe('a denial alone', () => {
  const serverRef = { group: 'policy.linkerd.io', kind: 'server', name: 'orders' };
  it.each([
    [
      'default deny',
      { server: { group: '', kind: 'default', name: 'deny' } },
      'No Server selects the port, and the default policy deny refuses everyone.',
    ],
    ['the invalid policy', { server: { group: '', kind: 'default', name: 'invalid' } }, 'The proxy could not use the policy'],
    [
      'a Server and its route',
      { server: serverRef, route: { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'r' } },
      'or on HTTPRoute r authorizes this client',
    ],
    ['no route', { kind: 'route-not-found', server: serverRef }, 'No route of'],
    [
      'a rate limit',
      { kind: 'rate-limited', error: 'total rate limit exceeded: 1rps' },
      'A rate limit, not a denial: total rate limit exceeded: 1rps',
    ],
    ['audit', { kind: 'audit-allowed', server: { group: '', kind: 'default', name: 'audit' } }, 'the default policy is audit'],
    ['a cut connection', { kind: 'terminated', server: serverRef }, 'away from an open connection'],
  ] as const)('of %s says what it can', (_what, denied, sentence) => {
    expect(decideFromDenialAlone({ ...DENIED, tls: meshed(), ...denied }).sentence).toContain(sentence);
  });
});
