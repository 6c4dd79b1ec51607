import { describe, expect, it } from 'vitest';
import { createRateLimiter } from '../../src/policy/rate-limit.ts';
import { ACCOUNT, FRONTEND, policyAt, rateLimit, SERVER, server } from './cluster.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The first complaint of each client in a row of requests, or `ok`. */
function take(spec: Fields, clients: readonly (string | null)[]): readonly string[] {
  const limit = policyAt([SERVER, rateLimit('l', spec)]).rateLimit ?? expect.fail('no limit');
  const limiter = createRateLimiter(limit);
  return clients.map((client) => limiter.take(client) ?? 'ok');
}
const rps = (requestsPerSecond: number) => ({ requestsPerSecond });
const override = (n: number, ...names: readonly string[]) => ({ requestsPerSecond: n, clientRefs: names.map((name) => ACCOUNT(name)) });
const ADMIN = 'admin.shop.serviceaccount.identity.linkerd.cluster.local';

describe('buckets (facts §5.15, linkerd2-proxy `local_rate_limit.rs`)', () => {
  it('the total holds its number and starts full', () => {
    expect(take({ total: rps(2) }, [null, FRONTEND, null])).toEqual(['ok', 'ok', 'total rate limit exceeded: 2rps']);
  });

  it('each identity has its own, all without identity one', () => {
    const refused = 'per-identity rate limit exceeded: 1rps';
    expect(take({ identity: rps(1) }, [FRONTEND, ADMIN, null, FRONTEND, null])).toEqual(['ok', 'ok', 'ok', refused, refused]);
  });

  it('an override counts in place of the identity’s, and is shared by all that it names', () => {
    const spec = { identity: rps(1), overrides: [override(2, 'frontend', 'admin')] };
    expect(take(spec, [FRONTEND, ADMIN, FRONTEND, null])).toEqual(['ok', 'ok', 'override rate limit exceeded: 2rps', 'ok']);
  });

  it('of several overrides for one identity the last counts', () => {
    const spec = { overrides: [override(5, 'frontend'), override(1, 'frontend')] };
    expect(take(spec, [FRONTEND, FRONTEND])).toEqual(['ok', 'override rate limit exceeded: 1rps']);
  });

  it('what a later limit refuses has used up the total', () => {
    const spec = { total: rps(2), identity: rps(1) };
    expect(take(spec, [FRONTEND, FRONTEND, ADMIN])).toEqual([
      'ok',
      'per-identity rate limit exceeded: 1rps',
      'total rate limit exceeded: 2rps',
    ]);
  });

  it('a limit of 0 is none, and an override of 0 leaves the identity its own', () => {
    expect(take({ total: rps(0), identity: rps(0) }, [null, null])).toEqual(['ok', 'ok']);
    const refused = 'per-identity rate limit exceeded: 1rps';
    expect(take({ identity: rps(1), overrides: [override(0, 'frontend')] }, [FRONTEND, FRONTEND])).toEqual(['ok', refused]);
  });

  it('nothing set limits nothing', () => {
    expect(take({}, new Array(50).fill(FRONTEND))).toEqual(new Array(50).fill('ok'));
  });
});

describe('which policy is used', () => {
  const limitOf = (...all: Parameters<typeof policyAt>[0]) => policyAt([SERVER, ...all]).rateLimit?.ref.name ?? null;

  it('an accepted one of this Server', () => {
    expect(limitOf(rateLimit('l', {}))).toBe('l');
    expect(limitOf({ ...rateLimit('l', {}), status: {} })).toBeNull();
    expect(limitOf({ ...rateLimit('l', {}), status: { conditions: [{ type: 'Accepted', status: 'False' }] } })).toBeNull();
    expect(limitOf(rateLimit('l', { targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: 'else' } }))).toBeNull();
  });

  it('none that targets another kind, or a client that is no ServiceAccount', () => {
    expect(limitOf(rateLimit('l', { targetRef: { kind: 'Server', name: 'backend-http' } }))).toBeNull();
    expect(limitOf(rateLimit('l', { overrides: [{ requestsPerSecond: 1, clientRefs: [{ kind: 'Pod', name: 'x' }] }] }))).toBeNull();
  });

  it.each([
    ['unknown', 'l'],
    ['HTTP/2', 'l'],
    ['gRPC', null],
    ['opaque', null],
    ['TLS', null],
  ])('on %s: %s', (proxyProtocol, expected) => {
    expect(policyAt([server('backend-http', { proxyProtocol }), rateLimit('l', {})]).rateLimit?.ref.name ?? null).toBe(expected);
  });
});
