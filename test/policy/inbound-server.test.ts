import { describe, expect, it } from 'vitest';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { ask, DENY, get, letInBy, meshed, pod, policyAt, route, SERVER, saz, server, UNMESHED } from './cluster.ts';

const annotated = (annotations: Readonly<Record<string, string>>) => [pod({ annotations })];
const DEFAULT = 'config.linkerd.io/default-inbound-policy';
const IDENTITY = 'config.linkerd.io/proxy-require-identity-inbound-ports';
const OPAQUE = 'config.linkerd.io/opaque-ports';

describe('the default policy of a port that no Server takes (facts §5.3)', () => {
  it.each([
    ['the cluster’s', {}, 'deny', 'deny', 'cluster-default'],
    ['the annotation’s before it', { [DEFAULT]: 'all-authenticated' }, 'deny', 'all-authenticated', 'pod-annotation'],
    ['not a misspelt annotation’s', { [DEFAULT]: 'all_authenticated' }, 'audit', 'audit', 'cluster-default'],
    ['not an empty annotation’s', { [DEFAULT]: '' }, 'audit', 'audit', 'cluster-default'],
    [
      'its authenticated sibling on ports that require identity',
      { [IDENTITY]: '8080' },
      'all-unauthenticated',
      'all-authenticated',
      'cluster-default',
    ],
    [
      'the same in the cluster’s networks',
      { [IDENTITY]: '8000-9000' },
      'cluster-unauthenticated',
      'cluster-authenticated',
      'cluster-default',
    ],
    ['deny itself where identity is required', { [IDENTITY]: '8080' }, 'deny', 'deny', 'cluster-default'],
    ['audit itself where identity is required', { [IDENTITY]: '8080' }, 'audit', 'audit', 'cluster-default'],
    ['the same as ever on other ports', { [IDENTITY]: '80' }, 'all-unauthenticated', 'all-unauthenticated', 'cluster-default'],
    [
      'the same as ever where the list is spoiled',
      { [IDENTITY]: '8080,http' },
      'all-unauthenticated',
      'all-unauthenticated',
      'cluster-default',
    ],
  ] as const)('%s', (_what, annotations, clusterDefault, expected, from) => {
    const policy = policyAt(annotated(annotations), 8080, { ...LINKERD_DEFAULTS, defaultPolicy: clusterDefault });
    expect(policy.ref).toEqual({ group: '', kind: 'default', name: expected });
    expect(policy.defaultPolicy).toMatchObject({ policy: expected, from });
  });

  it.each([
    ['all-unauthenticated', [true, true, true, true]],
    ['all-authenticated', [false, true, true, false]],
    ['cluster-unauthenticated', [true, true, false, true]],
    ['cluster-authenticated', [false, true, false, false]],
    ['audit', [true, true, true, true]],
    ['deny', [false, false, false, false]],
  ] as const)('%s lets in: unmeshed inside, meshed inside, meshed outside, SPIFFE', (defaultPolicy, expected) => {
    const policy = policyAt([pod()], 8080, { ...LINKERD_DEFAULTS, defaultPolicy });
    const clients = [
      { ip: '10.1.1.1', tls: UNMESHED },
      { ip: '10.1.1.1', tls: meshed() },
      { ip: '203.0.113.9', tls: meshed() },
      { ip: '10.1.1.1', tls: meshed('spiffe://mesh.example/vm') },
    ];
    expect(clients.map((c) => ask(policy, c).verdict === 'allow')).toEqual(expected);
  });

  it('is opaque where the annotation says so, and where no Server speaks another protocol', () => {
    expect(policyAt(annotated({ [OPAQUE]: '8080' }))).toMatchObject({ protocol: 'opaque', routes: null });
    expect(policyAt(annotated({ [OPAQUE]: '80-90' })).protocol).toBe('detect');
    expect(policyAt(annotated({ [OPAQUE]: '8080,sql' })).protocol).toBe('detect');
    expect(policyAt([...annotated({ [OPAQUE]: '8080' }), SERVER]).protocol).toBe('http1');
  });

  it('the cluster’s own opaque ports mean nothing to the controller', () => {
    expect(policyAt([pod()], 5432).protocol).toBe('detect');
  });
});

describe('default and probe route (facts §5.10)', () => {
  const names = (policy: ReturnType<typeof policyAt>) => policy.routes?.map((r) => r.ref.name) ?? null;

  it('are there as long as no route is accepted, the probe on its port alone', () => {
    expect(names(policyAt([SERVER]))).toEqual(['default', 'probe']);
    expect(names(policyAt([]))).toEqual(['default', 'probe']);
    expect(names(policyAt([], 9090))).toEqual(['default']);
  });

  it('are gone with the first accepted one, even one without rules', () => {
    expect(names(policyAt([SERVER, route('r')]))).toEqual(['r']);
    const policy = policyAt([SERVER, route('empty', { rules: [] })]);
    expect(names(policy)).toEqual(['empty']);
    expect(ask(policy, { traffic: get('/health') }).verdict).toBe('route_not_found');
  });

  it('the probe lets anyone in by GET, from the probes’ networks', () => {
    const policy = policyAt([pod()], 8080, DENY);
    expect(letInBy(ask(policy, { ip: '203.0.113.9', tls: UNMESHED, traffic: get('/health?x=1') }))).toEqual(['default/probe']);
    expect(ask(policy, { traffic: get('/health', { method: 'POST' }) }).verdict).toBe('deny');
    const narrow = policyAt([pod()], 8080, { ...DENY, probeNetworks: LINKERD_DEFAULTS.clusterNetworks });
    expect(ask(narrow, { ip: '203.0.113.9', traffic: get('/health') })).toMatchObject({ verdict: 'deny', route: { name: 'probe' } });
  });

  it('no probe networks, no probe route', () => {
    expect(names(policyAt([pod()], 8080, { ...DENY, probeNetworks: [] }))).toEqual(['default']);
  });

  it('a gRPC Server has neither probes nor HTTPRoutes', () => {
    const policy = policyAt([server('backend-http', { proxyProtocol: 'gRPC' }), route('r')]);
    expect(names(policy)).toEqual(['default']);
    expect(policy.routes?.[0]?.rules.type).toBe('grpc');
  });

  it.each(['opaque', 'TLS'])('%s has no routes', (proxyProtocol) => {
    expect(policyAt([server('backend-http', { proxyProtocol }), route('r')]).routes).toBeNull();
  });
});

describe('what the proxy refuses to use (facts §5.11)', () => {
  const grpc = server('backend-http', { proxyProtocol: 'gRPC' });
  const headersOnly = route(
    'g',
    { grpc: true, rules: [{ matches: [{ headers: [{ name: 'a', value: 'b' }] }] }] },
    {},
    'gateway.networking.k8s.io/v1',
  );

  it('a gRPC match with headers and no method, on HTTP and TCP, for everyone', () => {
    const policy = policyAt([grpc, headersOnly]);
    expect(policy.rejectedByProxy).toBe('invalid gRPC route: invalid route match: missing RPC match');
    for (const asked of [{}, { traffic: { type: 'tcp' } as const }, { ip: '127.0.0.1' }]) {
      expect(ask(policy, asked)).toMatchObject({ verdict: 'deny', protocol: 'detect', server: { name: 'invalid' }, considered: [] });
    }
    expect(ask(policy).route?.name).toBe('invalid');
  });

  it('an authorization for no network at all, as without cluster networks', () => {
    const info = { ...LINKERD_DEFAULTS, clusterNetworks: [] };
    const everyone = saz('z', { server: { name: 'backend-http' }, client: { unauthenticated: true } });
    const complaint = 'invalid authorization: missing networks';
    expect(policyAt([SERVER, everyone], 8080, info).rejectedByProxy).toBe(complaint);
    expect(policyAt([], 8080, { ...info, defaultPolicy: 'cluster-authenticated' }).rejectedByProxy).toBe(complaint);
    expect(policyAt([], 8080, info).rejectedByProxy).toBeNull();
  });
});
