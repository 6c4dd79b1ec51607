import { describe, expect, it } from 'vitest';
import type { Traffic } from '../../src/policy/evaluation.ts';
import {
  ask,
  DENY,
  get,
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
  server,
  targetServer,
  UNMESHED,
} from './cluster.ts';

const TCP: Traffic = { type: 'tcp' };
const ON_SERVER = targetServer('backend-http');
const LISTED = [meshTLS('m', { identities: ['listed.id'] }), policy('p', ON_SERVER, [MESHTLS('m')])];

describe('TCP (facts §5.14)', () => {
  it.each([
    ['unknown', true],
    ['opaque', true],
    ['TLS', true],
    ['HTTP/1', false],
    ['HTTP/2', false],
    ['gRPC', false],
  ])('on %s is judged by the Server’s authorizations: %s', (proxyProtocol, expected) => {
    const policies = policyAt([server('backend-http', { proxyProtocol }), policy('p', ON_SERVER, [])]);
    expect(ask(policies, { traffic: TCP }).verdict).toBe(expected ? 'allow' : 'deny');
    expect(ask(policies, { traffic: TCP, ip: '127.0.0.1' }).verdict).toBe(expected ? 'allow' : 'deny');
  });

  it('a route’s policies do not count', () => {
    const all = [server('backend-http'), route('r'), policy('p', { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'r' }, [])];
    expect(ask(policyAt(all)).verdict).toBe('allow');
    expect(ask(policyAt(all), { traffic: TCP }).verdict).toBe('deny');
  });
});

describe('HTTP where the policy has no routes (facts §5.14)', () => {
  it.each(['opaque', 'TLS'])('on %s finds no route, whoever asks', (proxyProtocol) => {
    const policies = policyAt([server('backend-http', { proxyProtocol }), policy('p', ON_SERVER, [])]);
    expect(ask(policies)).toMatchObject({ verdict: 'route_not_found', route: null, considered: [] });
  });
});

describe('localhost (facts §1.4)', () => {
  it.each([
    ['127.0.0.1', true],
    ['::1', true],
    ['127.0.0.2', false],
    ['::ffff:127.0.0.1', false],
  ])('%s: %s', (ip, expected) => {
    expect(letInBy(ask(policyAt([SERVER]), { ip, tls: UNMESHED }))).toEqual(expected ? ['default/localhost'] : []);
  });
});

describe('why an authorization did not apply', () => {
  const considered = (all: Parameters<typeof policyAt>[0], asked: Parameters<typeof ask>[1]) =>
    ask(policyAt([SERVER, ...all]), asked).considered[0];

  it.each([
    ['no TLS', UNMESHED, 'no-tls'],
    ['TLS of its own', { state: 'passthru', sni: 'x' } as const, 'passthru'],
    ['no client certificate', meshed(null), 'no-client-identity'],
    ['another identity', meshed('other.id'), 'identity-not-listed'],
    ['a SPIFFE id that is not listed', meshed('spiffe://a/b'), 'identity-not-listed'],
  ])('%s', (_what, tls, why) => {
    expect(considered(LISTED, { tls })?.authentication).toEqual({ match: 'no', why });
  });

  it('a SPIFFE id meets a wildcard', () => {
    const wildcard = [meshTLS('m', { identities: ['*'] }), policy('p', ON_SERVER, [MESHTLS('m')])];
    expect(considered(wildcard, { tls: meshed('spiffe://a/b') })?.authentication).toEqual({ match: 'no', why: 'uri-identity' });
  });

  it('an exception of a network is named', () => {
    const all = [network('n', [{ cidr: '10.0.0.0/8', except: ['10.42.0.0/16'] }]), policy('p', ON_SERVER, [NETWORK('n')])];
    expect(considered(all, { ip: '10.42.0.1' })?.network).toMatchObject({ match: 'no', exceptedBy: { text: '10.42.0.0/16' } });
    expect(considered(all, { ip: '192.0.2.1' })?.network).toEqual({ match: 'no', exceptedBy: null });
    expect(considered(all, { ip: '10.1.1.1' })?.network).toMatchObject({ match: 'yes', by: { net: { text: '10.0.0.0/8' } } });
  });

  it('the pattern that matched is named', () => {
    const all = [meshTLS('m', { identities: ['*.shop.local'] }), policy('p', ON_SERVER, [MESHTLS('m')])];
    expect(considered(all, { tls: meshed('a.shop.local') })?.authentication).toEqual({ match: 'yes', by: '*.shop.local' });
  });
});

describe('undecided is never a guess', () => {
  const inNetwork = [network('n', [{ cidr: '10.0.0.0/8' }]), policy('p', ON_SERVER, [NETWORK('n')])];

  it.each([
    ['no address, and a network is asked for', inNetwork, { ip: null }, 'undecided', ['client-address']],
    ['no address, and any will do', LISTED, { ip: null, tls: meshed('listed.id') }, 'allow', []],
    ['no address, and the identity is refused already', LISTED, { ip: null, tls: meshed('x') }, 'deny', []],
    ['no TLS state, and an identity is asked for', LISTED, { tls: null }, 'undecided', ['client-tls']],
    ['no TLS state, and none is asked for', inNetwork, { tls: null }, 'allow', []],
    [
      'neither, and both are asked for',
      [...inNetwork, ...LISTED, policy('q', ON_SERVER, [MESHTLS('m'), NETWORK('n')])],
      { ip: null, tls: null },
      'undecided',
      ['client-address', 'client-tls'],
    ],
    ['one that applies decides, whatever is open', [...inNetwork, policy('all', ON_SERVER, [])], { ip: null, tls: null }, 'allow', []],
    ['nothing is authorized at all', [], { ip: null, tls: null }, 'deny', []],
  ] as const)('%s', (_what, all, asked, verdict, missing) => {
    expect(ask(policyAt([SERVER, ...all]), asked)).toMatchObject({ verdict, missing });
  });

  it('an address that was not observed is not taken for loopback, and is in no exception', () => {
    expect(ask(policyAt([SERVER]), { ip: null }).verdict).toBe('deny');
    const everywhereBut = network('n', [{ cidr: '0.0.0.0/0', except: ['10.0.0.1'] }, { cidr: '::/0' }]);
    expect(ask(policyAt([SERVER, everywhereBut, policy('p', ON_SERVER, [NETWORK('n')])]), { ip: null }).verdict).toBe('undecided');
  });
});

describe('HTTP of which the request is not known', () => {
  const onRoute = (name: string, kind = 'default', group = ''): Traffic => ({ type: 'http-on-route', route: { group, kind, name } });

  it('is judged on the route that the proxy named', () => {
    const policies = policyAt([SERVER, route('r'), ...LISTED]);
    expect(ask(policies, { traffic: onRoute('r', 'HTTPRoute', 'policy.linkerd.io') })).toMatchObject({
      verdict: 'deny',
      route: { name: 'r' },
    });
    expect(ask(policies, { traffic: onRoute('r', 'HTTPRoute', 'policy.linkerd.io'), tls: meshed('listed.id') }).verdict).toBe('allow');
  });

  it('a route that this policy has not is another policy’s', () => {
    expect(ask(policyAt([SERVER]), { traffic: onRoute('gone', 'HTTPRoute', 'policy.linkerd.io') })).toMatchObject({
      verdict: 'undecided',
      missing: ['policy'],
    });
  });

  it('without a route is decided only where all routes say the same', () => {
    const unknown: Traffic = { type: 'http-unknown' };
    expect(ask(policyAt([], 8080, DENY), { traffic: unknown })).toMatchObject({ verdict: 'undecided', missing: ['request'] });
    expect(ask(policyAt([], 9090, DENY), { traffic: unknown }).verdict).toBe('deny');
    expect(ask(policyAt([server('backend-http', { accessPolicy: 'audit' })]), { traffic: unknown }).verdict).toBe('allow');
    expect(ask(policyAt([SERVER, route('r')]), { traffic: unknown }).verdict).toBe('undecided');
  });
});

it('a request that no route takes considers nothing', () => {
  const policies = policyAt([SERVER, route('r', { rules: [{ matches: [{ path: { value: '/api' } }] }] }), policy('p', ON_SERVER, [])]);
  expect(ask(policies, { traffic: get('/other') })).toMatchObject({ verdict: 'route_not_found', route: null, considered: [] });
});
