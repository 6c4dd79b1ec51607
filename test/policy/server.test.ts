import { describe, expect, it } from 'vitest';
import { readServer } from '../../src/policy/server.ts';
import { DENY, pod, policyAt, SERVER, server } from './cluster.ts';

function nameAt(resources: Parameters<typeof policyAt>[0], port = 8080): string {
  return policyAt(resources, port).ref.name;
}

describe('which Server takes a port (facts §5.2)', () => {
  it.each([
    ['a number, declared', 8080, 8080, 's'],
    ['a number that the pod does not declare', 9999, 9999, 's'],
    ["a container port's name", 'http', 8080, 's'],
    ['a name in another case', 'HTTP', 8080, 'all-unauthenticated'],
    ['a name that the pod has not', 'web', 8080, 'all-unauthenticated'],
    ['a number in quotes, which is a name', '8080', 8080, 'all-unauthenticated'],
    ['a name of the proxy itself', 'linkerd-admin', 4191, 's'],
  ])('%s', (_what, written, port, expected) => {
    const proxy = { name: 'linkerd-proxy', ports: [{ containerPort: 4191, name: 'linkerd-admin' }] };
    const app = { name: 'app', ports: [{ containerPort: 8080, name: 'http' }] };
    const all = [pod({}, { containers: [app], initContainers: [proxy] }), server('s', { port: written })];
    expect(nameAt(all, port)).toBe(expected);
  });

  it.each([
    ['the oldest', { creationTimestamp: '2026-01-02T00:00:00Z' }, { creationTimestamp: '2026-01-01T00:00:00Z' }, 'b'],
    [
      'the first by name of equally old ones',
      { creationTimestamp: '2026-01-01T00:00:00Z' },
      { creationTimestamp: '2026-01-01T00:00:00Z' },
      'a',
    ],
    ['one without a timestamp before any with', { creationTimestamp: '2026-01-01T00:00:00Z' }, {}, 'b'],
    ['the older by an offset', { creationTimestamp: '2026-01-01T01:00:00+02:00' }, { creationTimestamp: '2025-12-31T23:30:00Z' }, 'a'],
    ['the older by a fraction', { creationTimestamp: '2026-01-01T00:00:00.5Z' }, { creationTimestamp: '2026-01-01T00:00:00.25Z' }, 'b'],
  ])('of several: %s', (_what, a, b, winner) => {
    const both = [server('a', {}, a), server('b', {}, b)];
    for (const policy of [policyAt(both), policyAt(both.toReversed())]) {
      expect(policy.server?.name).toBe(winner);
      expect(policy.overshadowed.map((s) => s.name)).toEqual([winner === 'a' ? 'b' : 'a']);
    }
  });

  it('of one name that stands for two numbers: each port by itself', () => {
    const c = (port: number) => ({ name: `c${port}`, ports: [{ containerPort: port, name: 'adm' }] });
    const all = [
      pod({}, { containers: [c(1), c(2)] }),
      server('old', { port: 2 }, { creationTimestamp: '2026-01-01T00:00:00Z' }),
      server('young', { port: 'adm' }, { creationTimestamp: '2026-01-02T00:00:00Z' }),
    ];
    expect([nameAt(all, 1), nameAt(all, 2)]).toEqual(['young', 'old']);
  });

  it('none of another namespace, and none that selects ExternalWorkloads', () => {
    expect(nameAt([server('s', {}, { namespace: 'other' })])).toBe('all-unauthenticated');
    expect(nameAt([server('s', { podSelector: undefined, externalWorkloadSelector: {} })])).toBe('all-unauthenticated');
  });

  it('by a selector that is empty: every pod', () => {
    expect(nameAt([server('s', { podSelector: {} })])).toBe('s');
  });
});

describe('what cannot be read is ignored', () => {
  it.each([
    ['no selector', { podSelector: undefined }],
    ['port 0', { port: 0 }],
    ['port 65536', { port: 65536 }],
    ['no port', { port: undefined }],
    ['an unknown protocol', { proxyProtocol: 'http/1' }],
    ['a protocol that every object has', { proxyProtocol: 'constructor' }],
  ])('%s', (_what, spec) => {
    expect(readServer(server('s', spec))).toHaveProperty('unreadable');
    expect(policyAt([server('s', spec)], 8080, DENY).ref.name).toBe('deny');
  });
});

describe('accessPolicy (facts §5.4)', () => {
  it.each([
    [undefined, []],
    ['deny', []],
    ['audit', ['audit']],
    ['all-authenticated', ['all-authenticated']],
    ['all_authenticated', []],
    ['', []],
  ])('%s authorizes %j, whatever the default policy is', (accessPolicy, names) => {
    const policy = policyAt([server('s', { accessPolicy })]);
    expect(policy.server?.name).toBe('s');
    expect(policy.authorizations.map((a) => a.ref.name)).toEqual(names);
  });
});

it('speaks the protocol that is written, detect where none is', () => {
  const spoken = ['unknown', 'HTTP/1', 'HTTP/2', 'gRPC', 'opaque', 'TLS', undefined].map(
    (p) => policyAt([server('s', { proxyProtocol: p })]).protocol,
  );
  expect(spoken).toEqual(['detect', 'http1', 'http2', 'grpc', 'opaque', 'tls', 'detect']);
});

it('is read in every served version, and in no other', () => {
  const inVersion = (version: string) => nameAt([{ ...SERVER, apiVersion: `policy.linkerd.io/${version}` }]);
  expect(['v1alpha1', 'v1beta1', 'v1beta2', 'v1beta3', 'v1', 'v1alpha2'].map(inVersion)).toEqual([
    ...new Array(4).fill('backend-http'),
    ...new Array(2).fill('all-unauthenticated'),
  ]);
});
