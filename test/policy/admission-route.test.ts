import { describe, expect, test } from 'vitest';
import { admit } from '../../src/policy/admission.ts';
import type { Resource } from '../../src/policy/resource.ts';

const GATEWAY = 'gateway.networking.k8s.io/v1';
const LINKERD = 'policy.linkerd.io/v1beta3';

function route(apiVersion: string, kind: string, spec: unknown, annotations?: Record<string, string>): Resource {
  return { apiVersion, kind, metadata: { name: 'test', namespace: 'shop', ...(annotations && { annotations }) }, spec };
}

const ok = { admitted: true, message: '', ownWords: true };
const refused = (message: string) => ({ admitted: false, message, ownWords: true });
const unreadable = { admitted: false, ownWords: false };

const rule = (rules: object) => ({ rules: [rules] });
const match = (m: object) => rule({ matches: [m] });
const redirect = (requestRedirect: object) => rule({ filters: [{ type: 'RequestRedirect', requestRedirect }] });

describe.each([LINKERD, GATEWAY])('HTTPRoute of %s', (apiVersion) => {
  test.each([
    ['no spec fields at all', {}, ok],
    ['a path without a value is /', match({ path: { type: 'Exact' } }), ok],
    [
      'a path without a type is a prefix',
      match({ path: { value: 'x' } }),
      refused('HttpPathMatch paths must be absolute (begin with `/`); "x" is not an absolute path'),
    ],
    [
      'an empty path is relative',
      match({ path: { value: '' } }),
      refused('HttpPathMatch paths must be absolute (begin with `/`); "" is not an absolute path'),
    ],
    [
      'a path is quoted as Rust quotes it',
      match({ path: { value: 'a"\té' } }),
      refused('HttpPathMatch paths must be absolute (begin with `/`); "a\\"\\té" is not an absolute path'),
    ],
    [
      'the path comes before the headers',
      match({ path: { value: 'x' }, headers: [{ name: ' ', value: '' }] }),
      refused('HttpPathMatch paths must be absolute (begin with `/`); "x" is not an absolute path'),
    ],
    ['an empty header name', match({ headers: [{ name: '', value: 'a' }] }), refused('invalid HTTP header name')],
    ['upper case in a header name', match({ headers: [{ name: 'X-Foo', value: 'a' }] }), ok],
    ['a colon in a header name', match({ headers: [{ name: 'a:b', value: 'a' }] }), refused('invalid HTTP header name')],
    ['a control character in a header value', match({ headers: [{ name: 'a', value: 'a\nb' }] }), unreadable],
    ['a tab and UTF-8 in a header value', match({ headers: [{ name: 'a', value: 'a\té' }] }), ok],
    ['a header regex may hold anything that compiles', match({ headers: [{ name: 'a', type: 'RegularExpression', value: 'a\nb|c' }] }), ok],
    ['a query parameter may have any name', match({ queryParams: [{ name: ' ', value: '(' }] }), ok],
    [
      'a later rule is looked at too',
      { rules: [{}, { matches: [{}, { path: { value: 'y' } }] }] },
      refused('HttpPathMatch paths must be absolute (begin with `/`); "y" is not an absolute path'),
    ],
    [
      'matches come before filters',
      rule({
        matches: [{ path: { value: 'x' } }],
        filters: [{ type: 'RequestRedirect', requestRedirect: { path: { type: 'ReplaceFullPath' } } }],
      }),
      refused('HttpPathMatch paths must be absolute (begin with `/`); "x" is not an absolute path'),
    ],
    ['a redirect to nowhere in particular', redirect({}), ok],
    [
      'the full path wins over the prefix, whatever the type says',
      redirect({ path: { type: 'ReplacePrefixMatch', replaceFullPath: 'x', replacePrefixMatch: '/' } }),
      refused(`RequestRedirect filters may only contain absolute paths (starting with '/'); "x" is not an absolute path`),
    ],
    [
      'an empty replacement is relative',
      redirect({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '' } }),
      refused(`RequestRedirect filters may only contain absolute paths (starting with '/'); "" is not an absolute path`),
    ],
    ['any status that HTTP may have', redirect({ statusCode: 599 }), ok],
    ['a status that it may not have', redirect({ statusCode: 99 }), unreadable],
    ['a status beyond 16 bits', redirect({ statusCode: 70_000 }), unreadable],
    ['a port that is none is dropped', redirect({ port: -5 }), ok],
    [
      'removed headers have names too',
      rule({ filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { remove: ['a b'] } }] }),
      refused('invalid HTTP header name'),
    ],
    [
      'a value to add',
      rule({ filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { add: [{ name: 'a', value: '\0' }] } }] }),
      unreadable,
    ],
  ])('%s', (_, spec, expected) => {
    expect(admit(route(apiVersion, 'HTTPRoute', spec))).toMatchObject(expected);
  });
});

describe("Linkerd's HTTPRoute alone", () => {
  test.each([
    ['a filter without its content', rule({ filters: [{ type: 'RequestRedirect' }] }), unreadable],
    ['a filter without a type', rule({ filters: [{ requestRedirect: {} }] }), unreadable],
    [
      'a filter of another type may hold anything',
      rule({ filters: [{ type: 'RequestRedirect', requestRedirect: {}, requestHeaderModifier: 7 }] }),
      ok,
    ],
    ['a parent without a name', { parentRefs: [{}] }, unreadable],
    ['a port beyond 32 bits', { parentRefs: [{ name: 'a', port: 2 ** 31 }] }, unreadable],
    ['a backend needs a name, but a Service no port', rule({ backendRefs: [{ name: 'a' }] }), ok],
    ['a backend without a name', rule({ backendRefs: [{ port: 1 }] }), unreadable],
    ['an unknown filter of a backend', rule({ backendRefs: [{ name: 'a', filters: [{ type: 'CORS' }] }] }), unreadable],
    ['a lower-case method', match({ method: 'get' }), unreadable],
    ['a match may be written as an empty list', rule({ matches: [[]] }), ok],
    ['a rule may not', { rules: [[]] }, unreadable],
    ['a timeout in words', rule({ timeouts: { request: 'soon' } }), unreadable],
    ['a timeout without a unit', rule({ timeouts: { request: '10' } }), unreadable],
    ['a bare 0 needs no unit', rule({ timeouts: { request: '0' } }), ok],
    ['a negative timeout', rule({ timeouts: { request: '-1s' } }), refused('request timeout must not be negative')],
    [
      'a negative backend timeout comes first',
      rule({ timeouts: { request: '-1s', backendRequest: '-1s' } }),
      refused('backendRequest timeout must not be negative'),
    ],
    [
      'a backend timeout above the whole',
      rule({ timeouts: { request: '1500ms', backendRequest: '1m0.5s' } }),
      refused('backendRequest timeout (60.5s) must not be greater than request timeout (1.5s)'),
    ],
    [
      'in short units',
      rule({ timeouts: { request: '1us', backendRequest: '1.25ms' } }),
      refused('backendRequest timeout (1.25ms) must not be greater than request timeout (1µs)'),
    ],
    ['an equal backend timeout', rule({ timeouts: { request: '1s', backendRequest: '1000ms' } }), ok],
    [
      'filters come before timeouts',
      rule({
        filters: [{ type: 'RequestRedirect', requestRedirect: { path: { type: 'ReplaceFullPath' } } }],
        timeouts: { request: '-1s' },
      }),
      refused('RequestRedirect filter must contain either replace_full_path or replace_prefix_match'),
    ],
  ])('%s', (_, spec, expected) => {
    expect(admit(route(LINKERD, 'HTTPRoute', spec))).toMatchObject(expected);
  });
});

describe('backends of Gateway routes', () => {
  const backend = (b: object) => rule({ backendRefs: [{ name: 'a', ...b }] });
  const cases = [
    ['a Service without a port', backend({}), refused('invalid backendRef')],
    ['port 0', backend({ port: 0 }), refused('invalid backendRef')],
    ['core spelled out', backend({ group: 'core', kind: 'Service' }), refused('invalid backendRef')],
    ['core in upper case is another group here', backend({ group: 'CORE', kind: 'Service' }), ok],
    ['another kind', backend({ group: 'policy.linkerd.io', kind: 'EgressNetwork' }), ok],
    ['a Service with a port', backend({ port: 80 }), ok],
  ] as const;
  test.each(cases)('HTTPRoute: %s', (_, spec, expected) => {
    expect(admit(route(GATEWAY, 'HTTPRoute', spec))).toMatchObject(expected);
  });
  test.each(cases)('GRPCRoute: %s', (_, spec, expected) => {
    expect(admit(route(GATEWAY, 'GRPCRoute', spec))).toMatchObject(expected);
  });
});

describe('GRPCRoute, TLSRoute, TCPRoute', () => {
  const egress = { group: 'policy.linkerd.io', kind: 'EgressNetwork', name: 'all' };
  test.each([
    [
      'headers come before the method',
      'GRPCRoute',
      match({ headers: [{ name: ' ', value: 'a' }], method: { type: 'RegularExpression' } }),
      refused('invalid HTTP header name'),
    ],
    [
      'a header to set',
      'GRPCRoute',
      rule({ filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'a b', value: 'c' }] } }] }),
      refused('invalid HTTP header name'),
    ],
    [
      'no redirects: not a type of filter there, and admitted unread',
      'GRPCRoute',
      rule({ filters: [{ type: 'RequestRedirect', requestRedirect: { path: { type: 'ReplaceFullPath' } } }] }),
      ok,
    ],
    ['no rules', 'TLSRoute', { rules: [] }, refused('TlsRoute supports a single rule only')],
    ['rules missing: admitted unread', 'TLSRoute', {}, ok],
    [
      'the port comes before the rules',
      'TLSRoute',
      { parentRefs: [egress], rules: [] },
      refused('cannot target an EgressNetwork without specifying a port'),
    ],
    ['one rule', 'TLSRoute', { rules: [{}] }, ok],
    ['no rules', 'TCPRoute', { rules: [] }, refused('TcpRoute supports a single rule only')],
    ['an EgressNetwork needs its group', 'TCPRoute', { parentRefs: [{ ...egress, group: '' }], rules: [{}] }, ok],
    [
      'group and kind ignore case',
      'TCPRoute',
      { parentRefs: [{ ...egress, group: 'Policy.linkerd.io', kind: 'egressnetwork' }], rules: [{}] },
      refused('cannot target an EgressNetwork without specifying a port'),
    ],
  ])('%s: %s', (_, kind, spec, expected) => {
    expect(admit(route(GATEWAY, kind, spec))).toMatchObject(expected);
  });
});

describe('annotations of an outbound route', () => {
  const service = { parentRefs: [{ kind: 'Service', name: 'web', port: 80 }] };
  const http = (annotations: Record<string, string>) => admit(route(LINKERD, 'HTTPRoute', service, annotations));
  const grpc = (annotations: Record<string, string>) => admit(route(GATEWAY, 'GRPCRoute', service, annotations));

  test.each([
    ['statuses, ranges and names', { 'retry.linkerd.io/http': '5xx,GATEWAY-ERROR,404,500-599' }, ok],
    ['a range that runs backwards', { 'retry.linkerd.io/http': '504-502' }, refused('invalid retry condition: 504-502')],
    [
      'a status that does not exist; all conditions are quoted',
      { 'retry.linkerd.io/http': '5xx,600' },
      refused('invalid retry condition: 5xx,600'),
    ],
    ['white space is not trimmed', { 'retry.linkerd.io/http': '5xx, 404' }, refused('invalid retry condition: 5xx, 404')],
    ['a limit beyond 16 bits', { 'retry.linkerd.io/limit': '65536' }, unreadable],
    ['a limit of zero', { 'retry.linkerd.io/limit': '0' }, ok],
    ['a timeout without digits', { 'timeout.linkerd.io/idle': ' s ' }, refused('s does not contain a timeout duration value')],
    ['a timeout without a unit', { 'timeout.linkerd.io/response': '10' }, unreadable],
    ['a bare 0', { 'timeout.linkerd.io/response': '0' }, ok],
    ['days', { 'timeout.linkerd.io/request': '2d' }, ok],
    ['a fraction', { 'timeout.linkerd.io/request': '1.5s' }, unreadable],
    ['a negative timeout', { 'timeout.linkerd.io/request': '-1s' }, unreadable],
    ['milliseconds beyond 64 bits', { 'timeout.linkerd.io/request': '18446744073709551615s' }, unreadable],
    [
      'retries come before timeouts',
      { 'retry.linkerd.io/http': 'x', 'timeout.linkerd.io/request': 'y' },
      refused('invalid retry condition: x'),
    ],
    ['an unknown accrual mode', { 'balancer.linkerd.io/failure-accrual': 'foo' }, refused('unsupported failure accrual mode: foo')],
    ['accrual with its defaults', { 'balancer.linkerd.io/failure-accrual': 'consecutive' }, ok],
    ['parameters without a mode are not read', { 'balancer.linkerd.io/failure-accrual-consecutive-max-penalty': 'x' }, ok],
    [
      'penalties the wrong way round',
      { 'balancer.linkerd.io/failure-accrual': 'consecutive', 'balancer.linkerd.io/failure-accrual-consecutive-max-penalty': '500ms' },
      refused('min_penalty (1s) cannot exceed max_penalty (500ms)'),
    ],
    [
      'no penalty at all',
      {
        'balancer.linkerd.io/failure-accrual': 'consecutive',
        'balancer.linkerd.io/failure-accrual-consecutive-max-penalty': '0',
        'balancer.linkerd.io/failure-accrual-consecutive-min-penalty': '0',
      },
      refused('max_penalty cannot be zero'),
    ],
    [
      'negative jitter',
      { 'balancer.linkerd.io/failure-accrual': 'consecutive', 'balancer.linkerd.io/failure-accrual-consecutive-jitter-ratio': '-0.1' },
      refused('jitter cannot be negative'),
    ],
    [
      'jitter that is no number is not positive either',
      { 'balancer.linkerd.io/failure-accrual': 'consecutive', 'balancer.linkerd.io/failure-accrual-consecutive-jitter-ratio': 'NaN' },
      refused('jitter cannot be negative'),
    ],
    [
      'too much jitter',
      { 'balancer.linkerd.io/failure-accrual': 'consecutive', 'balancer.linkerd.io/failure-accrual-consecutive-jitter-ratio': '1e3' },
      refused('jitter cannot be greater than 100'),
    ],
    [
      'jitter in words',
      { 'balancer.linkerd.io/failure-accrual': 'consecutive', 'balancer.linkerd.io/failure-accrual-consecutive-jitter-ratio': 'much' },
      unreadable,
    ],
    [
      'a success rate above one',
      { 'balancer.linkerd.io/failure-accrual': 'unified', 'balancer.alpha.linkerd.io/failure-accrual-success-rate-threshold': '1.5' },
      refused('success-rate threshold must be between 0.0 and 1.0, got 1.5'),
    ],
    [
      'a window of nothing',
      { 'balancer.linkerd.io/failure-accrual': 'unified', 'balancer.alpha.linkerd.io/failure-accrual-success-rate-window': '0' },
      refused('success-rate-window must be greater than zero'),
    ],
    [
      'a window too short',
      { 'balancer.linkerd.io/failure-accrual': 'unified', 'balancer.alpha.linkerd.io/failure-accrual-success-rate-window': '9ms' },
      refused('success-rate-window must be at least 10ms, got 9ms'),
    ],
    [
      'which does not matter when the rate is off',
      {
        'balancer.linkerd.io/failure-accrual': 'unified',
        'balancer.alpha.linkerd.io/failure-accrual-success-rate-threshold': '0',
        'balancer.alpha.linkerd.io/failure-accrual-success-rate-window': '9ms',
      },
      ok,
    ],
    [
      'too many requests',
      {
        'balancer.linkerd.io/failure-accrual': 'unified',
        'balancer.alpha.linkerd.io/failure-accrual-success-rate-min-requests': '1000001',
      },
      refused('success-rate-min-requests cannot exceed 1000000, got 1000001'),
    ],
  ])('HTTPRoute: %s', (_, annotations, expected) => {
    expect(http(annotations as unknown as Record<string, string>)).toMatchObject(expected);
  });

  test('gRPC conditions ignore case, and only the unknown one is quoted', () => {
    expect(grpc({ 'retry.linkerd.io/grpc': 'Cancelled,internal' })).toEqual(ok);
    expect(grpc({ 'retry.linkerd.io/grpc': 'cancelled,wat' })).toEqual(refused('Unknown grpc retry condition: wat'));
    expect(grpc({ 'retry.linkerd.io/http': 'wat' })).toEqual(ok);
  });

  test('a parent without a kind is no Service', () => {
    expect(admit(route(LINKERD, 'HTTPRoute', { parentRefs: [{ name: 'web' }] }, { 'retry.linkerd.io/http': 'x' }))).toEqual(ok);
  });

  test('an EgressNetwork parent counts too', () => {
    const spec = { parentRefs: [{ group: 'policy.linkerd.io', kind: 'EgressNetwork', name: 'all', port: 443 }] };
    expect(admit(route(GATEWAY, 'HTTPRoute', spec, { 'retry.linkerd.io/http': 'x' }))).toEqual(refused('invalid retry condition: x'));
  });
});
