import { describe, expect, test } from 'vitest';
import { admit } from '../../src/policy/admission.ts';
import type { Resource } from '../../src/policy/resource.ts';

function of(apiVersion: string, kind: string, spec: unknown, annotations?: Record<string, string>): Resource {
  return { apiVersion, kind, metadata: { name: 'test', namespace: 'shop', ...(annotations && { annotations }) }, spec };
}

const ok = { admitted: true, message: '', ownWords: true };
const refused = (message: string) => ({ admitted: false, message, ownWords: true });
const unreadable = { admitted: false, ownWords: false };

const policy = (targetRef: object, ...requiredAuthenticationRefs: object[]) =>
  of('policy.linkerd.io/v1alpha1', 'AuthorizationPolicy', { targetRef, requiredAuthenticationRefs });
const server = { group: 'policy.linkerd.io', kind: 'Server', name: 'api' };
const net = (name: string) => ({ group: 'policy.linkerd.io', kind: 'NetworkAuthentication', name });

describe('AuthorizationPolicy', () => {
  test.each([
    ['the own namespace', policy({ kind: 'Namespace', name: 'shop' }), ok],
    ['core may be spelled out, in any case', policy({ group: 'CORE', kind: 'namespace', name: 'shop' }), ok],
    ['an empty group is core', policy({ group: '', kind: 'Namespace', name: 'shop' }), ok],
    ['another namespace', policy({ kind: 'Namespace', name: 'staging' }), refused('cannot target another namespace: staging')],
    [
      'a foreign namespace comes before the authentications',
      policy({ kind: 'Namespace', name: 'x' }, net('a'), net('b')),
      refused('cannot target another namespace: x'),
    ],
    ['two networks', policy(server, net('a'), net('b')), refused('only a single NetworkAuthentication may be set')],
    [
      'kinds are listed in order',
      policy(server, { kind: 'Pod', name: 'a' }, { group: '', kind: 'Pod', name: 'b' }),
      refused('unsupported authentication kind(s): Pod, Pod.'),
    ],
    [
      'an empty group leaves its dot',
      policy({ group: '', kind: 'Server', name: 'api' }),
      refused('unsupported authorization target type: Server.'),
    ],
    [
      'authentications come before the target',
      policy({ kind: 'Pod', name: 'a' }, { kind: 'Pod', name: 'b' }),
      refused('unsupported authentication kind(s): Pod'),
    ],
    [
      'a TLSRoute cannot be authorized',
      policy({ group: 'gateway.networking.k8s.io', kind: 'TLSRoute', name: 'r' }),
      refused('unsupported authorization target type: TLSRoute.gateway.networking.k8s.io'),
    ],
    [
      'null is no list',
      of('policy.linkerd.io/v1alpha1', 'AuthorizationPolicy', { targetRef: server, requiredAuthenticationRefs: null }),
      unreadable,
    ],
    [
      'a null group is no group',
      policy({ group: null, kind: 'Server', name: 'api' }),
      refused('unsupported authorization target type: Server'),
    ],
    ['a number is no name', policy({ ...server, name: 7 }), unreadable],
    ['a ref may be written as a list of its fields', policy(['policy.linkerd.io', 'Server', 'api']), ok],
    ['but of all its fields', policy(['policy.linkerd.io', 'Server']), unreadable],
  ])('%s', (_, resource, expected) => {
    expect(admit(resource)).toMatchObject(expected);
  });
});

describe('the kind', () => {
  test.each([
    [
      'any version of a kind is judged alike',
      of('policy.linkerd.io/v9', 'NetworkAuthentication', { networks: [] }),
      refused('at least one network must be specified'),
    ],
    [
      'group and kind ignore case',
      of('Policy.Linkerd.io/v1alpha1', 'networkauthentication', { networks: [] }),
      refused('at least one network must be specified'),
    ],
    [
      'a kind of another group is not known',
      of('networking.k8s.io/v1', 'NetworkPolicy', {}),
      refused('unsupported resource type: networking.k8s.io.v1.NetworkPolicy'),
    ],
    ['a null spec is there but cannot be read', of('policy.linkerd.io/v1beta3', 'Server', null), unreadable],
    [
      'a Gateway route that cannot be read is admitted',
      of('gateway.networking.k8s.io/v1', 'HTTPRoute', { rules: [{ filters: [{ type: 'CORS' }] }] }),
      ok,
    ],
    [
      'even one with a fault besides',
      of('gateway.networking.k8s.io/v1', 'HTTPRoute', { rules: [{ matches: [{ path: { value: 'x' }, method: 'get' }] }] }),
      ok,
    ],
    ['and one without a spec', of('gateway.networking.k8s.io/v1', 'GRPCRoute', undefined), ok],
  ])('%s', (_, resource, expected) => {
    expect(admit(resource)).toMatchObject(expected);
  });
});

describe('Server', () => {
  const of3 = (spec: object) => of('policy.linkerd.io/v1beta3', 'Server', { podSelector: {}, port: 80, ...spec });
  test.each([
    ['a selector of nothing in particular', of3({}), ok],
    ['port 0', of3({ port: 0 }), unreadable],
    ['port 65535', of3({ port: 65535 }), ok],
    ['port 65536', of3({ port: 65536 }), unreadable],
    ['a fraction is no port', of3({ port: 80.5 }), unreadable],
    ['any string is a port name', of3({ port: '' }), ok],
    ['no selector at all', of('policy.linkerd.io/v1beta3', 'Server', { port: 80 }), unreadable],
    ['an external selector hides the one for pods', of3({ externalWorkloadSelector: {}, podSelector: 'x' }), ok],
    ['a null selector cannot be read', of3({ podSelector: null }), unreadable],
    ['labels are strings', of3({ podSelector: { matchLabels: { app: 1 } } }), unreadable],
    ['an unknown operator', of3({ podSelector: { matchExpressions: [{ key: 'a', operator: 'Gt' }] } }), unreadable],
    ['an operator without values', of3({ podSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } }), ok],
    ['a null protocol is none', of3({ proxyProtocol: null }), ok],
    ['audit is a policy', of3({ accessPolicy: 'audit' }), ok],
    ['policies do not ignore case', of3({ accessPolicy: 'Deny' }), refused(`Invalid 'accessPolicy' field: invalid mode: "Deny"`)],
    ['hostile text is quoted', of3({ accessPolicy: '"\n\u001b' }), refused(`Invalid 'accessPolicy' field: invalid mode: "\\"\\n\\u{1b}"`)],
  ])('%s', (_, resource, expected) => {
    expect(admit(resource)).toMatchObject(expected);
  });
});

describe('networks', () => {
  const of1 = (cidr: unknown, ...except: unknown[]) =>
    of('policy.linkerd.io/v1alpha1', 'NetworkAuthentication', { networks: [{ cidr, except }] });
  test.each([
    [
      'host bits are kept in the message',
      of1('10.1.1.77/24', '10.2.0.0/16'),
      refused("cidr '10.1.1.77/24' does not include exception '10.2.0.0/16'"),
    ],
    ['host bits do not matter for what lies inside', of1('10.1.1.77/24', '10.1.1.0/25'), ok],
    [
      'an address and its /32 are the same',
      of1('10.1.1.1', '10.1.1.1/32'),
      refused("cidr '10.1.1.1' is completely negated by exception '10.1.1.1/32'"),
    ],
    ['IPv6 is printed in its short form', of1('FD00:0:0:0:0:0:0:0/8', '::1'), refused("cidr 'fd00::/8' does not include exception '::1'")],
    ['leading zeros in a network', of1('010.0.0.0/08'), ok],
    ['leading zeros in an address', of1('010.0.0.1'), unreadable],
    ['three digits of an IPv4 length', of1('10.0.0.0/008'), unreadable],
    ['an exception that cannot be read', of1('10.0.0.0/8', 'x'), unreadable],
    ['a zone', of1('fe80::1%eth0'), unreadable],
    ['white space', of1(' 10.0.0.0/8'), unreadable],
  ])('%s', (_, resource, expected) => {
    expect(admit(resource)).toMatchObject(expected);
  });

  test.each([
    ['an EgressNetwork may have none', { trafficPolicy: 'Allow' }, ok],
    ['but no empty list', { trafficPolicy: 'Deny', networks: [] }, refused('at least one network must be specified')],
    [
      'nor an exception outside',
      { trafficPolicy: 'Deny', networks: [{ cidr: '1.0.0.0/8', except: ['2.0.0.0/8'] }] },
      refused("cidr '1.0.0.0/8' does not include exception '2.0.0.0/8'"),
    ],
    ['and needs its traffic policy', { networks: [{ cidr: '1.0.0.0/8' }] }, unreadable],
  ])('%s', (_, spec, expected) => {
    expect(admit(of('policy.linkerd.io/v1alpha1', 'EgressNetwork', spec))).toMatchObject(expected);
  });
});

describe('ServerAuthorization', () => {
  const of1 = (client: unknown, target: unknown = { name: 'api' }) =>
    of('policy.linkerd.io/v1beta1', 'ServerAuthorization', { server: target, client });
  test.each([
    ['a server of nothing', of1({}, {}), ok],
    ['a client is needed', of('policy.linkerd.io/v1beta1', 'ServerAuthorization', { server: {} }), unreadable],
    ['null is no boolean', of1({ unauthenticated: null }), unreadable],
    ['a null meshTLS is none', of1({ unauthenticated: true, meshTLS: null }), ok],
    [
      'an empty meshTLS is one',
      of1({ unauthenticated: true, meshTLS: {} }),
      refused('`unauthenticated` must be false if `mesh_tls` is specified'),
    ],
    [
      'service accounts need authentication',
      of1({ meshTLS: { unauthenticatedTLS: true, serviceAccounts: [{ name: 'a' }] } }),
      refused('`unauthenticatedTLS` be false if any `identities` or `service_accounts` is specified'),
    ],
    ['empty lists name nobody', of1({ meshTLS: { unauthenticatedTLS: true, identities: [], serviceAccounts: [] } }), ok],
    ['a service account needs its name', of1({ meshTLS: { serviceAccounts: [{ namespace: 'a' }] } }), unreadable],
    [
      'exceptions are judged',
      of1({ networks: [{ cidr: '10.0.0.0/8', except: ['10.0.0.0/7'] }] }),
      refused("cidr '10.0.0.0/8' is completely negated by exception '10.0.0.0/7'"),
    ],
    ['identities are not', of1({ meshTLS: { identities: ['Not Ok'] } }), ok],
  ])('%s', (_, resource, expected) => {
    expect(admit(resource)).toMatchObject(expected);
  });
});

describe('HTTPLocalRateLimitPolicy', () => {
  const rps = (requestsPerSecond: unknown) => ({ requestsPerSecond });
  const account = { kind: 'ServiceAccount', name: 'a' };
  const of1 = (spec: object) => of('policy.linkerd.io/v1alpha1', 'HTTPLocalRateLimitPolicy', { targetRef: server, ...spec });
  test.each([
    [
      'an override above the total',
      of1({ total: rps(5), overrides: [{ ...rps(6), clientRefs: [account] }] }),
      refused('override.requestsPerSecond must be less than or equal to total.requestsPerSecond'),
    ],
    [
      'the identity comes before the overrides',
      of1({ total: rps(5), identity: rps(6), overrides: [{ ...rps(7), clientRefs: [] }] }),
      refused('identity.requestsPerSecond must be less than or equal to total.requestsPerSecond'),
    ],
    [
      'an override of zero',
      of1({ overrides: [{ ...rps(0), clientRefs: [] }] }),
      refused('override.requestsPerSecond must be greater than 0'),
    ],
    [
      'each override is looked at whole',
      of1({
        overrides: [
          { ...rps(1), clientRefs: [{ kind: 'Pod', name: 'p' }] },
          { ...rps(0), clientRefs: [] },
        ],
      }),
      refused('overrides.clientRefs must target a ServiceAccount'),
    ],
    ['a negative number', of1({ total: rps(-1) }), unreadable],
    ['2^32 - 1', of1({ total: rps(4_294_967_295) }), ok],
    ['2^32', of1({ total: rps(4_294_967_296) }), unreadable],
    ['a number in a string', of1({ total: rps('5') }), unreadable],
    ['clientRefs are needed', of1({ overrides: [rps(1)] }), unreadable],
    [
      'the target comes first',
      of('policy.linkerd.io/v1alpha1', 'HTTPLocalRateLimitPolicy', { targetRef: { ...server, group: '' }, total: rps(0) }),
      refused('invalid targetRef kind: Server.'),
    ],
  ])('%s', (_, resource, expected) => {
    expect(admit(resource)).toMatchObject(expected);
  });
});
