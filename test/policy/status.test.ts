import { describe, expect, it } from 'vitest';
import type { Resource } from '../../src/policy/resource.ts';
import { withStatuses } from '../../src/policy/status.ts';
import { pod, policyIn, rateLimit, route, SERVER, server, snapshot, targetServer } from './cluster.ts';

const bare = ({ status: _, ...resource }: Resource): Resource => resource;
const routesOf = (...all: readonly Resource[]) => policyIn(snapshot(withStatuses([pod(), ...all]))).routes?.map((r) => r.ref.name);
const limitOf = (...all: readonly Resource[]) => policyIn(snapshot(withStatuses([pod(), SERVER, ...all]))).rateLimit?.ref.name ?? null;

describe('what Linkerd’s status controller would write (facts §5.9, §5.15)', () => {
  it('accepts a route whose Server exists', () => {
    expect(routesOf(SERVER, bare(route('r')))).toEqual(['r']);
    expect(routesOf(server('else'), bare(route('r')))).toEqual(['default', 'probe']);
  });

  it('leaves alone what an API server has stored', () => {
    const stored = bare(route('r', {}, { resourceVersion: '1' }));
    expect(withStatuses([SERVER, stored])[1]).toBe(stored);
    const refused = { ...route('r'), status: { parents: [] } };
    expect(routesOf(SERVER, refused)).toEqual(['default', 'probe']);
  });

  it('an HTTPRoute gives way to a GRPCRoute on the same Server, even where that is not used', () => {
    const grpc = bare(route('g', { grpc: true }, {}, 'gateway.networking.k8s.io/v1'));
    expect(routesOf(SERVER, bare(route('r')), grpc)).toEqual(['default', 'probe']);
    expect(routesOf(server('backend-http', { proxyProtocol: 'gRPC' }), bare(route('r')), grpc)).toEqual(['g']);
  });

  it.each([
    ['the oldest', '2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z', 'b'],
    ['the first by name of equally old ones', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', 'a'],
  ])('of the limits of one Server accepts %s', (_what, a, b, expected) => {
    const both = [bare(rateLimit('b', {}, { creationTimestamp: b })), bare(rateLimit('a', {}, { creationTimestamp: a }))];
    expect([limitOf(...both), limitOf(...both.toReversed())]).toEqual([expected, expected]);
  });

  it('a limit of another Server is not in the way', () => {
    const other = rateLimit('a', { targetRef: targetServer('else') });
    expect(limitOf(bare(other), bare(rateLimit('b', {})))).toBe('b');
  });
});
