import { describe, expect, it } from 'vitest';
import type { HttpRequest } from '../../src/policy/evaluation.ts';
import { findRoute } from '../../src/policy/http-match.ts';
import { get, policyAt, route, SERVER, server } from './cluster.ts';

type Match = Readonly<Record<string, unknown>>;

/** Name of the route that takes the request; `routes` by name, each a list of matches (or a whole spec). */
function taken(
  routes: Readonly<Record<string, readonly Match[] | { readonly spec: Match }>>,
  path: string,
  more: Partial<HttpRequest> = {},
): string | null {
  const made = Object.entries(routes).map(([name, r]) => route(name, 'spec' in r ? r.spec : { rules: [{ matches: r }] }));
  return findRoute(policyAt([SERVER, ...made]).routes ?? [], get(path, more).request)?.route.ref.name ?? null;
}
function matches(match: Match, path: string, more: Partial<HttpRequest> = {}): boolean {
  return taken({ r: [match] }, path, more) === 'r';
}
const exact = (value: string) => ({ path: { type: 'Exact', value } });
const prefix = (value: string) => ({ path: { type: 'PathPrefix', value } });
const regex = (value: string) => ({ path: { type: 'RegularExpression', value } });

describe('paths (facts §5.11)', () => {
  it.each([
    [exact('/api'), '/api', true],
    [exact('/api'), '/api?x=1', true],
    [exact('/api'), '/api#x', true],
    [exact('/api'), '/api/', false],
    [exact('/api'), '/API', false],
    [exact('/'), '', true],
    [exact('/a%20b'), '/a%20b', true],
    [exact('/a b'), '/a%20b', false],
    [prefix('/api'), '/api', true],
    [prefix('/api'), '/api/x', true],
    [prefix('/api'), '/api/', true],
    [prefix('/api'), '/apix', false],
    [prefix('/api'), '/api//x', true],
    [prefix('/api/'), '/api', true],
    [prefix('/api///'), '/api', true],
    [prefix('/api/'), '/apix', false],
    [prefix('/'), '*', true],
    [prefix('//'), '*', false],
    [prefix('//'), '/anything', true],
    [prefix('//a'), '/a', false],
    [{ path: { value: '/api' } }, '/api/x', true],
    [{ path: {} }, '/x', true],
    [regex('/api'), '/api', true],
    [regex('/api'), '/api/x', false],
    [regex('/a|/api'), '/api', false],
    [regex('/api|/a'), '/api', true],
    [regex('/lazy/.*?'), '/lazy/x', false],
    [regex('.*'), '/x?y', true],
    [regex('(?i)/api'), '/API', true],
    [regex('/\\w+'), '/x-y', false],
  ])('%j takes %s: %s', (match, path, expected) => {
    expect(matches(match, path)).toBe(expected);
  });
});

describe('hosts (facts §5.11)', () => {
  it.each([
    [['shop.example.com'], 'shop.example.com', true],
    [['shop.example.com'], 'SHOP.example.COM', true],
    [['SHOP.example.com'], 'shop.example.com', true],
    [['shop.example.com'], 'shop.example.com:8080', true],
    [['shop.example.com'], 'shop.example.com.', true],
    [['shop.example.com'], 'shop.example.com.:8080', true],
    [['shop.example.com'], 'user@shop.example.com:80', true],
    [['shop.example.com'], 'example.com', false],
    [['shop.example.com'], null, false],
    [['shop.example.com.'], 'shop.example.com', false],
    [['shop.example.com.'], 'shop.example.com.', true],
    [['*.example.com'], 'a.example.com', true],
    [['*.example.com'], 'a.b.example.com:1', true],
    [['*.example.com'], 'example.com', false],
    [['*.example.com'], 'xexample.com', false],
    [['*.example.com'], '.example.com', true],
    [['*'], 'a', false],
    [['a.com', 'b.com'], 'b.com', true],
    [['[fd00::1]'], '[fd00::1]:8080', true],
    [[], null, true],
  ])('%j takes %s: %s', (hostnames, authority, expected) => {
    expect(taken({ r: { spec: { hostnames } } }, '/', { authority }) === 'r').toBe(expected);
  });

  it.each([
    ['exact beats wildcard', ['*.example.com'], ['a.example.com'], 'a.example.com', 'b'],
    ['the longer wildcard wins', ['*.com'], ['*.example.com'], 'a.example.com', 'b'],
    ['any host beats none', [], ['*.com'], 'a.com', 'b'],
    ['the best host of a route counts', ['a.com', '*.com'], ['*.com'], 'a.com', 'a'],
  ])('%s', (_what, a, b, authority, expected) => {
    const spec = (hostnames: readonly string[]) => ({ spec: { hostnames, rules: [{ matches: [prefix('/')] }] } });
    expect(taken({ a: spec(a), b: spec(b) }, '/', { authority })).toBe(expected);
  });

  it('a host goes before the longest path', () => {
    const all = {
      a: { spec: { rules: [{ matches: [exact('/long/path')] }] } },
      b: { spec: { hostnames: ['x.com'], rules: [{ matches: [prefix('/')] }] } },
    };
    expect(taken(all, '/long/path', { authority: 'x.com' })).toBe('b');
  });
});

describe('headers and queries (facts §5.11)', () => {
  const header = (name: string, value: string, type?: string) => ({ headers: [{ name, value, ...(type === undefined ? {} : { type }) }] });
  it.each([
    ['names ignore case', header('X-Env', 'prod'), [['x-eNV', 'prod']], true],
    ['values do not', header('x-env', 'prod'), [['x-env', 'Prod']], false],
    [
      'any of several lines',
      header('x-env', 'prod'),
      [
        ['x-env', 'dev'],
        ['x-env', 'prod'],
      ],
      true,
    ],
    ['lists are not taken apart', header('x-env', 'prod'), [['x-env', 'dev,prod']], false],
    ['an expression covers the whole value', header('x-env', 'p|prod', 'RegularExpression'), [['x-env', 'prod']], false],
    ['an expression is not asked of values beyond ASCII', header('x-env', '.*', 'RegularExpression'), [['x-env', 'é']], false],
    ['a missing header is not the empty one', header('x-env', '', 'Exact'), [], false],
    ['the empty one is', header('x-env', '', 'Exact'), [['x-env', '']], true],
  ])('header: %s', (_what, match, headers, expected) => {
    expect(matches(match, '/', { headers: headers as [string, string][] })).toBe(expected);
  });

  it('all headers of a match must match, and gRPC brings its content type', () => {
    const two = {
      headers: [
        { name: 'a', value: '1' },
        { name: 'b', value: '2' },
      ],
    };
    expect(matches(two, '/', { headers: [['a', '1']] })).toBe(false);
    expect(matches(header('content-type', 'application/grpc'), '/', { grpc: true })).toBe(true);
  });

  const query = (name: string, value: string, type?: string) => ({
    queryParams: [{ name, value, ...(type === undefined ? {} : { type }) }],
  });
  it.each([
    ['plus is a blank', query('q', 'a b'), '/?q=a+b', true],
    ['percent signs are decoded', query('q', 'a/b'), '/?q=a%2Fb', true],
    ['a broken percent sign stays', query('q', '%zz'), '/?q=%zz', true],
    ['names count with their case', query('Q', '1'), '/?q=1', false],
    ['names are decoded too', query('a b', '1'), '/?a+b=1', true],
    ['any of several', query('q', '2'), '/?q=1&q=2', true],
    ['no value is an empty one', query('q', ''), '/?q', true],
    ['a second question mark belongs to the name', query('?q', '1'), '/??q=1', true],
    ['and not to the query', query('q', '1'), '/??q=1', false],
    ['semicolons do not separate', query('b', '2'), '/?a=1;b=2', false],
    ['fragments are no part', query('q', '1'), '/?q=1#x', true],
    ['an expression covers the whole value', query('q', '1|12', 'RegularExpression'), '/?q=12', false],
    ['no query, no match', query('q', '', 'RegularExpression'), '/', false],
  ])('query: %s', (_what, match, path, expected) => {
    expect(matches(match, path)).toBe(expected);
  });

  it('methods count with their case', () => {
    expect(matches({ method: 'GET' }, '/', { method: 'get' })).toBe(false);
    expect(matches({ method: 'GET' }, '/', { method: 'GET' })).toBe(true);
  });
});

describe('precedence (facts §5.11)', () => {
  const env = { headers: [{ name: 'x-env', value: 'prod' }] };
  const q = { queryParams: [{ name: 'q', value: '1' }] };
  const asked = { headers: [['x-env', 'prod']] as const };
  it.each([
    ['the longer path, whatever its type', [exact('/api')], [prefix('/api/v1')], '/api/v1', {}, 'b'],
    ['an expression counts the whole path', [prefix('/api/v1')], [regex('.*')], '/api/v1/x', {}, 'b'],
    ['a prefix counts without its trailing slashes', [prefix('/api/')], [exact('/api/')], '/api/', {}, 'b'],
    ['as long an exact path and prefix are a tie', [prefix('/api')], [exact('/api')], '/api', {}, 'a'],
    ['no path counts 1, as / does', [{ method: 'GET' }], [prefix('/')], '/', {}, 'a'],
    ['// counts nothing', [prefix('//')], [prefix('/')], '/api', {}, 'b'],
    ['a rule without matches counts as /', [], [prefix('//')], '/api', {}, 'a'],
    ['path before headers', [{ ...prefix('/'), ...env }], [prefix('/api')], '/api', asked, 'b'],
    ['headers before queries', [{ ...q }], [{ ...env }], '/?q=1', asked, 'b'],
    ['queries before the method', [{ method: 'GET' }], [{ ...q }], '/?q=1', {}, 'b'],
    ['the method at last', [{}], [{ method: 'GET' }], '/', {}, 'b'],
    ['a tie goes to the first in the list', [{}], [{}], '/', {}, 'a'],
    ['the best match of a rule counts', [prefix('/'), exact('/api/v1')], [prefix('/api')], '/api/v1', {}, 'a'],
  ])('%s', (_what, a, b, path, more, expected) => {
    expect(taken({ a, b }, path, more)).toBe(expected);
  });

  it('within a route the first of equal rules wins', () => {
    const policy = policyAt([SERVER, route('r', { rules: [{ matches: [exact('/x')] }, { matches: [prefix('/')] }, { matches: [{}] }] })]);
    expect(findRoute(policy.routes ?? [], get('/y').request)?.rule).toBe(1);
  });

  it('rules: [] takes nothing', () => {
    expect(taken({ r: { spec: { rules: [] } } }, '/')).toBeNull();
  });
});

describe('gRPC (facts §5.11)', () => {
  const grpc = (name: string, rules: readonly object[], more: object = {}) =>
    route(name, { grpc: true, rules, ...more }, {}, 'gateway.networking.k8s.io/v1');
  const call = (routes: readonly ReturnType<typeof grpc>[], path: string, more: Partial<HttpRequest> = {}) => {
    const policy = policyAt([server('backend-http', { proxyProtocol: 'gRPC' }), ...routes]);
    return findRoute(policy.routes ?? [], get(path, { method: 'POST', ...more }).request)?.route.ref.name ?? null;
  };
  const method = (service?: string, name?: string) => [
    { matches: [{ method: { ...(service === undefined ? {} : { service }), ...(name === undefined ? {} : { method: name }) } }] },
  ];

  it.each([
    [method('a.B', 'Get'), '/a.B/Get', true],
    [method('a.B', 'Get'), '/a.B/get', false],
    [method('a.B'), '/a.B/Any', true],
    [method(undefined, 'Get'), '/x.Y/Get', true],
    [method(), '/x.Y/Z', true],
    [method('a.B', 'Get'), '/a.B/Get/more', true],
    [method('a.B', 'Get'), '/a.B/Get?q=1', true],
    [method('a.B'), '/a.B', false],
    [method('a.B'), 'a.B/Get', false],
    [method(), '//', true],
  ])('%j takes POST %s: %s', (rules, path, expected) => {
    expect(call([grpc('g', rules)], path)).toBe(expected ? 'g' : null);
  });

  it('POST only, but a rule without matches takes any method', () => {
    expect(call([grpc('g', method())], '/a/b', { method: 'GET' })).toBeNull();
    expect(call([grpc('g', [{}])], '/a', { method: 'GET' })).toBe('g');
  });

  it.each([
    ['the longer service', method('a.B'), method(undefined, 'Get'), 'a'],
    ['then the longer method', method('a.B'), method('a.B', 'Get'), 'b'],
    ['then more headers', [{ matches: [{ method: {} }] }], [{ matches: [{ method: {}, headers: [{ name: 'h', value: '1' }] }] }], 'b'],
    ['no matches counts least, and a tie goes to the first', [{}], method(), 'a'],
  ])('%s wins', (_what, a, b, expected) => {
    expect(call([grpc('a', a), grpc('b', b)], '/a.B/Get', { headers: [['h', '1']] })).toBe(expected);
  });

  it('hostnames count as for HTTP', () => {
    expect(call([grpc('g', method(), { hostnames: ['x.com'] })], '/a/b', { authority: 'y.com' })).toBeNull();
  });

  it('without GRPCRoutes takes POST to a service and a method alone', () => {
    expect([call([], '/a/b'), call([], '/a'), call([], '/a/b', { method: 'GET' })]).toEqual(['default', null, null]);
  });
});
