import { describe, expect, it } from 'vitest';
import type { Symptom } from '../../src/evidence/facts.ts';
import { linesOf, readLines } from './log-corpus.ts';

const INDEX = 'linkerd_policy_controller_k8s_index::inbound::index';
const line = (level: string, spans: string, text: string, target = INDEX) =>
  `2026-11-23T08:50:26.758165Z ${level.padStart(5)} ${spans}: ${target}: ${text}`;

function complaints(lines: readonly string[]) {
  const { facts, stats } = readLines(lines);
  expect(stats.samples).toEqual([]);
  return (facts as Symptom[]).map((fact) => fact.complaint);
}

describe('complaints of the policy controller', () => {
  it.each([
    [
      'a dangling reference',
      line(
        'INFO',
        'authorizationpolicies:apply{ns=shop saz=x}:reindex{ns=shop}:pod{pod=web-1}',
        'Illegal AuthorizationPolicy; ignoring server=web authorizationpolicy=web-authz error=could not find MeshTLSAuthentication nope in namespace shop',
      ),
      {
        kind: 'illegal-authorization-policy',
        namespace: 'shop',
        object: { kind: 'AuthorizationPolicy', name: 'web-authz' },
        pod: 'web-1',
        target: { kind: 'Server', name: 'web' },
        port: null,
        error: 'could not find MeshTLSAuthentication nope in namespace shop',
      },
    ],
    [
      'the same on a route',
      line(
        'INFO',
        'authorizationpolicies:apply{ns=shop saz=x}:reindex{ns=shop}:pod{pod=web-1}',
        'Illegal AuthorizationPolicy; ignoring route=GroupKindName { group: "gateway.networking.k8s.io", kind: "GRPCRoute", name: "calls" } authorizationpolicy=a error=policy must not include multiple ServiceAccounts',
      ),
      {
        kind: 'illegal-authorization-policy',
        namespace: 'shop',
        object: { kind: 'AuthorizationPolicy', name: 'a' },
        pod: 'web-1',
        target: { kind: 'GRPCRoute', name: 'calls' },
        port: null,
        error: 'policy must not include multiple ServiceAccounts',
      },
    ],
    [
      'an ignored route',
      line(
        'INFO',
        'grpcroutes.gateway.networking.k8s.io:apply grpcroute{ns=shop name=calls}',
        'Ignoring GrpcRoute ns=shop name=calls error=route resource may not reference a parent by port',
      ),
      {
        kind: 'ignored-route',
        namespace: 'shop',
        object: { kind: 'GRPCRoute', name: 'calls' },
        pod: null,
        target: null,
        port: null,
        error: 'route resource may not reference a parent by port',
      },
    ],
    [
      'overlapping Servers: the loser is complained of, the winner is the target',
      line(
        'WARN',
        'servers:apply{ns=shop name=b}:reindex{ns=shop}:pod{pod=web-1}',
        'Port already matched by another server; skipping port=8080 server=a conflict=b',
      ),
      {
        kind: 'overlapping-servers',
        namespace: 'shop',
        object: { kind: 'Server', name: 'b' },
        pod: 'web-1',
        target: { kind: 'Server', name: 'a' },
        port: 8080,
        error: '',
      },
    ],
    [
      'an invalid AuthorizationPolicy',
      line(
        'WARN',
        'authorizationpolicies:apply{ns=shop saz=bad}',
        'Invalid authorization policy error=unsupported authorization target type: Deployment.apps',
      ),
      {
        kind: 'invalid-object',
        namespace: 'shop',
        object: { kind: 'AuthorizationPolicy', name: 'bad' },
        pod: null,
        target: null,
        port: null,
        error: 'unsupported authorization target type: Deployment.apps',
      },
    ],
    [
      'an invalid rate limit',
      line('WARN', 'httplocalratelimitpolicies:apply{ns=shop name=rl}', 'Invalid rate limit policy error=unsupported target'),
      {
        kind: 'invalid-object',
        namespace: 'shop',
        object: { kind: 'HTTPLocalRateLimitPolicy', name: 'rl' },
        pod: null,
        target: null,
        port: null,
        error: 'unsupported target',
      },
    ],
    [
      'an annotation that is no policy',
      line(
        'WARN',
        'pods:apply{ns=shop name=web-1}',
        'Invalid default policy annotation value error=invalid mode: "all_authenticated"',
        'linkerd_policy_controller_k8s_index::inbound::workload',
      ),
      {
        kind: 'invalid-default-policy-annotation',
        namespace: 'shop',
        object: { kind: 'Pod', name: 'web-1' },
        pod: 'web-1',
        target: null,
        port: null,
        error: 'invalid mode: "all_authenticated"',
      },
    ],
    [
      'a pod whose port names changed',
      line('WARN', 'pods:apply{ns=shop name=web-1}', 'Illegal pod update error=pod web-1 port names must not change'),
      {
        kind: 'illegal-pod-update',
        namespace: 'shop',
        object: { kind: 'Pod', name: 'web-1' },
        pod: 'web-1',
        target: null,
        port: null,
        error: 'pod web-1 port names must not change',
      },
    ],
    [
      'an object that cannot be read at all',
      line(
        'WARN',
        'meshtlsauthentications',
        'skipping invalid MeshTLSAuthentication resource shop/nameless: Missing field name',
        'linkerd_policy_controller_runtime::args',
      ),
      {
        kind: 'invalid-object',
        namespace: 'shop',
        object: { kind: 'MeshTLSAuthentication', name: 'nameless' },
        pod: null,
        target: null,
        port: null,
        error: 'Missing field name',
      },
    ],
  ])('%s', (_name, text, expected) => {
    expect(complaints([text])).toEqual([expected]);
    expect(complaints([`2026-11-23T08:50:27.000000000Z ${text}`])).toEqual([expected]);
  });

  it('a regular expression’s error spans lines, and is one complaint', () => {
    const { facts } = readLines(linesOf('invalid-objects.policy-controller.log'));
    const ignored = (facts as Symptom[]).filter((f) => f.complaint?.kind === 'ignored-route');
    expect(ignored.map((f) => f.complaint?.error)).toEqual(
      Array(2).fill('regex parse error:\n    /[\n     ^\nerror: unclosed character class'),
    );
  });

  it('JSON says the same', () => {
    const json = {
      timestamp: '2026-11-23T08:50:26.758165Z',
      level: 'WARN',
      fields: { message: 'Port already matched by another server; skipping', port: 8080, server: 'a', conflict: 'b' },
      target: INDEX,
      spans: [{ name: 'servers' }, { ns: 'shop', name: 'reindex' }, { pod: 'web-1', name: 'pod' }],
    };
    expect(complaints([JSON.stringify(json)])).toMatchObject([
      { kind: 'overlapping-servers', object: { name: 'b' }, target: { name: 'a' }, port: 8080, pod: 'web-1', namespace: 'shop' },
    ]);
  });

  it.each([
    line('INFO', 'authorizationpolicies:apply{ns=shop saz=x}', 'Disregarding AuthorizationPolicy authorizationpolicy=a'),
    line(
      'WARN',
      'pods:apply{ns=shop name=web-1}',
      'Default policy annotation is odd',
      'linkerd_policy_controller_k8s_index::inbound::workload',
    ),
    line('WARN', 'servers', 'Could not read Server', 'linkerd_policy_controller_runtime::args'),
    '    /[',
  ])('what it never said before is unparsed: %s', (text) => {
    expect(readLines([text]).stats).toMatchObject({ parsed: 0, irrelevant: 0, unparsed: 1 });
  });
});
