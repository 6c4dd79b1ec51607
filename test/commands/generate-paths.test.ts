import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isNameable, type PathMatch, pathMatches, type SeenRequest } from '../../src/commands/generate-paths.ts';
import { findRoute } from '../../src/policy/http-match.ts';
import type { InboundRoute } from '../../src/policy/inbound.ts';

function seen(client: string, method: string, path: string, count = 2): SeenRequest {
  return { client, method, path, count };
}
const short = (requests: readonly SeenRequest[]) =>
  pathMatches(requests).map(
    ({ method, type, value, clients }) => `${method} ${type} ${value} ${[...clients].map(([who, n]) => `${who}${n}`)}`,
  );

describe('what was seen becomes', () => {
  const many = Array.from({ length: 17 }, (_, i) => seen('a', 'GET', `/stock/item${String.fromCharCode(97 + i)}`, 1));
  it.each<[string, readonly SeenRequest[], readonly string[]]>([
    ['a path as it is', [seen('a', 'GET', '/orders'), seen('b', 'POST', '/orders')], ['GET Exact /orders a2', 'POST Exact /orders b2']],
    ['the root alone', [seen('a', 'GET', '/')], ['GET Exact / a2']],
    ['a prefix, of numbers', [seen('a', 'GET', '/orders/1', 1), seen('a', 'GET', '/orders/2/items', 1)], ['GET PathPrefix /orders a2']],
    ['a prefix, of UUIDs', [seen('a', 'GET', '/o/0b9cbf0e-9f0c-4d3e-8a3e-1f1f3a8d2c11')], ['GET PathPrefix /o a2']],
    ['a prefix, of the crowd', many, ['GET PathPrefix /stock a17']],
    [
      'a longer path of its own below a prefix',
      [seen('a', 'GET', '/orders/1'), seen('b', 'GET', '/orders/export')],
      ['GET PathPrefix /orders a2', 'GET Exact /orders/export b2'],
    ],
    ['a version as it is', [seen('a', 'GET', '/api/v1/facade')], ['GET Exact /api/v1/facade a2']],
  ])('%s', (_, requests, expected) => expect(short(requests)).toEqual(expected));
});

it.each(['/a//b', '/a/../b', '/a/%2e%2e', '/a%2Fb', '/a b', '/a\n', '/ä', 'x', `/${'x'.repeat(1024)}`])('%j is in no route', (path) => {
  expect(isNameable({ method: 'GET', path })).toBe(false);
});

it('a method that HTTPRoutes do not know is in no route', () => {
  expect(isNameable({ method: 'PROPFIND', path: '/a' })).toBe(false);
  expect(isNameable({ method: 'GET', path: '/a/b.c/%7Ed' })).toBe(true);
});

/** One route for each match, and one for the rest, in any order. */
function routesOf(matches: readonly PathMatch[]): readonly InboundRoute[] {
  const route = (name: string, value: string, type: 'exact' | 'prefix', method: string | null): InboundRoute => ({
    ref: { group: 'policy.linkerd.io', kind: 'HTTPRoute', name },
    object: null,
    hosts: [],
    rules: { type: 'http', rules: [{ matches: [{ path: { type, value }, headers: [], queryParams: [], method }], filters: [] }] },
    authorizations: [],
  });
  const own = matches.map(({ method, type, value }, i) => route(String(i), value, type === 'Exact' ? 'exact' : 'prefix', method));
  return [route('other', '/', 'prefix', null), ...own];
}

it('the proxy takes every request that was seen to the match that counts it, in whatever order the routes come', () => {
  const segment = fc.constantFrom('', 'a', 'b', 'orders', '1', '22', 'deadbeef01', 'v1', ...'cdefghijklmnopqrstu');
  const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
  const request = fc.record({ client: fc.constantFrom('x', 'y'), method: fc.constantFrom('GET', 'POST'), path, count: fc.constant(1) });
  const requests = fc.array(request, { maxLength: 60 }).map((all) => all.filter(isNameable));
  fc.assert(
    fc.property(requests, fc.boolean(), (all, reversed) => {
      const matches = pathMatches(all);
      const routes = reversed ? routesOf(matches).toReversed() : routesOf(matches);
      for (const { client, method, path: asked } of all) {
        const choice = findRoute(routes, { version: 'HTTP/1.1', method, path: asked, authority: null, headers: [], grpc: false });
        expect(matches[Number(choice?.route.ref.name)]?.clients.has(client), `${method} ${asked}`).toBe(true);
      }
      expect(matches.reduce((sum, { clients }) => sum + [...clients.values()].reduce((a, b) => a + b, 0), 0)).toBe(all.length);
    }),
  );
});
