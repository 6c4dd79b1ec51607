import { describe, expect, it } from 'vitest';
import { type Asked, ask, get, policyAt, rateLimit, route, SERVER, server, UNMESHED } from './cluster.ts';

type Fields = Readonly<Record<string, unknown>>;

function answer(
  redirect: Fields,
  path: string,
  { authority = 'a.com' as string | null, match = { path: { value: '/api' } } as Fields | null, asked = {} as Asked } = {},
) {
  const filters = [{ type: 'RequestRedirect', requestRedirect: redirect }];
  const all = [
    server('backend-http', { accessPolicy: 'all-unauthenticated' }),
    route('r', { rules: [{ matches: match === null ? [] : [match], filters }] }),
  ];
  const evaluation = ask(policyAt(all), { ...asked, traffic: get(path, { authority }) });
  return evaluation.redirect?.location ?? evaluation.error ?? evaluation.verdict;
}
const full = (value: string) => ({ path: { type: 'ReplaceFullPath', replaceFullPath: value } });
const prefix = (value: string) => ({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: value } });

describe('the authority of a redirect (facts §5.16, linkerd2-proxy `filter/redirect.rs`)', () => {
  it.each([
    [{ hostname: 'b.com', port: 80 }, 'a.com:8080', 'http://b.com:80/api'],
    [{ hostname: 'b.com', port: 443, scheme: 'https' }, 'a.com', 'https://b.com:443/api'],
    [{ hostname: 'b.com' }, 'a.com:8080', 'http://b.com:8080/api'],
    [{ hostname: 'b.com' }, 'a.com', 'http://b.com/api'],
    [{ hostname: 'b.com' }, 'a.com:80', 'http://b.com/api'],
    [{ hostname: 'b.com', scheme: 'https' }, 'a.com:443', 'https://b.com/api'],
    [{ hostname: 'b.com', scheme: 'https' }, 'a.com:80', 'https://b.com:80/api'],
    [{ hostname: 'b.com' }, null, 'http://b.com/api'],
    [{ port: 8443 }, 'a.com:8080', 'http://a.com:8443/api'],
    [{ port: 80 }, 'a.com:8080', 'http://a.com/api'],
    [{ port: 80, scheme: 'https' }, 'a.com', 'https://a.com:80/api'],
    [{ port: 443, scheme: 'https' }, 'a.com:8080', 'https://a.com/api'],
    [{ port: 8443 }, 'API.a.com.', 'http://API.a.com.:8443/api'],
    [{ port: 8443 }, '[fd00::1]:8080', 'http://[fd00::1]:8443/api'],
    [{ port: 8443 }, 'u@a.com:1', 'http://a.com:8443/api'],
    [{ scheme: 'https' }, 'a.com:8080', 'https://a.com:8080/api'],
    [{ port: 0, scheme: 'https' }, 'a.com', 'https://a.com/api'],
    [{ hostname: '', scheme: 'https' }, 'a.com', 'https://a.com/api'],
    [{ scheme: 'https' }, null, 'invalid redirect: no authority to redirect to'],
    [{ port: 80 }, null, 'invalid redirect: no authority to redirect to'],
  ])('%j of %s is %s', (redirect, authority, location) => {
    expect(answer(redirect, '/api', { authority })).toBe(location);
  });
});

describe('the path of a redirect', () => {
  it.each([
    ['kept, with its query', { hostname: 'b.com' }, '/api/x?q=1', 'http://b.com/api/x?q=1'],
    ['replaced, without the query', full('/moved'), '/api?q=1', 'http://a.com/moved'],
    ['replaced, with a query of its own', full('/moved?x=1'), '/api', 'http://a.com/moved?x=1'],
    ['replaced, without a fragment', full('/moved#x'), '/api', 'http://a.com/moved'],
    ['its prefix replaced', prefix('/v2'), '/api/x?q=1', 'http://a.com/v2/x?q=1'],
    ['its prefix replaced by the root', prefix('/'), '/api/x', 'http://a.com//x'],
    ['its prefix replaced, and nothing left', prefix('/v2'), '/api', 'http://a.com/v2'],
    ['a slash after the prefix kept', prefix('/v2'), '/api/', 'http://a.com/v2/'],
    ['no URI', full('/a b'), '/api', 'invalid redirect: redirect produced an invalid authority: invalid uri character'],
    [
      'full before prefix, whatever the type says',
      { path: { type: 'ReplacePrefixMatch', replaceFullPath: '/f', replacePrefixMatch: '/p' } },
      '/api',
      'http://a.com/f',
    ],
  ])('%s', (_what, redirect, path, location) => {
    expect(answer(redirect, path)).toBe(location);
  });

  it.each([
    ['no path', {}, '/api', 'http://a.com/v2/api'],
    ['no match at all', null, '/api', 'http://a.com/v2/api'],
    ['the root', { path: { value: '/' } }, '/api', 'http://a.com/v2/api'],
    ['trailing slashes', { path: { value: '/api//' } }, '/api/x', 'http://a.com/v2/x'],
    ['two slashes, which count nothing', { path: { value: '//' } }, '/api', 'http://a.com/v2/api'],
    ['an exact path', { path: { type: 'Exact', value: '/api' } }, '/api', expect.stringContaining('may only replace the path prefix')],
    [
      'an expression',
      { path: { type: 'RegularExpression', value: '.*' } },
      '/api',
      expect.stringContaining('may only replace the path prefix'),
    ],
  ])('a prefix match of %s', (_what, match, path, location) => {
    expect(answer(prefix('/v2'), path, { match })).toEqual(location);
  });
});

describe('a redirect', () => {
  it.each([
    ['nothing is asked for', {}, '/api'],
    ['the same host in other letters', { hostname: 'A.com' }, '/api'],
    ['the same path', full('/api'), '/api'],
    ['the same prefix', prefix('/api'), '/api/x?q=1'],
  ])('to where the request goes already is passed over: %s', (_what, redirect, path) => {
    expect(answer(redirect, path)).toBe('allow');
  });

  it('has status 200 where none is written', () => {
    const filters = (statusCode?: number) => [
      { type: 'RequestRedirect', requestRedirect: { hostname: 'b.com', ...(statusCode === undefined ? {} : { statusCode }) } },
    ];
    const status = (code?: number) => {
      const all = [
        server('backend-http', { accessPolicy: 'all-unauthenticated' }),
        route('r', { rules: [{ matches: [{}], filters: filters(code) }] }),
      ];
      return ask(policyAt(all)).redirect?.status;
    };
    expect([status(), status(301)]).toEqual([200, 301]);
  });

  it('comes after authorization and before the rate limit', () => {
    const filters = [{ type: 'RequestRedirect', requestRedirect: { hostname: 'b.com' } }];
    const limited = [route('r', { rules: [{ matches: [{}], filters }] }), rateLimit('l', { total: { requestsPerSecond: 1 } })];
    expect(ask(policyAt([SERVER, ...limited]), { tls: UNMESHED }).verdict).toBe('deny');
    expect(ask(policyAt([server('backend-http', { accessPolicy: 'audit' }), ...limited])).verdict).toBe('redirect');
  });
});
