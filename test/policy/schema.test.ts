import { describe, expect, test } from 'vitest';
import type { Resource } from '../../src/policy/resource.ts';
import { checkSchema } from '../../src/policy/schema.ts';

function of(apiVersion: string, kind: string, spec?: unknown): Resource {
  return { apiVersion, kind, metadata: { name: 'test', namespace: 'shop' }, ...(spec !== undefined && { spec }) };
}

const linkerdRoute = (rule: object) => of('policy.linkerd.io/v1beta3', 'HTTPRoute', { rules: [rule] });
const fault = (path: string, message: string) => [{ path, message }];

describe('checkSchema', () => {
  test.each([
    ['a missing spec', of('policy.linkerd.io/v1beta3', 'Server'), fault('spec', 'required')],
    ['a GRPCRoute may do without', of('gateway.networking.k8s.io/v1', 'GRPCRoute'), []],
    ['a null spec', of('policy.linkerd.io/v1beta3', 'Server', null), fault('spec', 'must be a map')],
    ['a missing field', of('policy.linkerd.io/v1beta3', 'Server', { podSelector: {} }), fault('spec.port', 'required')],
    [
      'one selector of two',
      of('policy.linkerd.io/v1beta3', 'Server', { port: 1 }),
      fault('spec', 'must have exactly one of podSelector, externalWorkloadSelector'),
    ],
    [
      'the first Server wanted one way of selecting',
      of('policy.linkerd.io/v1alpha1', 'Server', { port: 1, podSelector: {} }),
      fault('spec.podSelector', 'must have exactly one of matchExpressions, matchLabels'),
    ],
    ['the second did not', of('policy.linkerd.io/v1beta1', 'Server', { port: 1, podSelector: {} }), []],
    [
      'a port is an integer or a name',
      of('policy.linkerd.io/v1beta3', 'Server', { port: true, podSelector: {} }),
      fault('spec.port', 'must be an integer or a string'),
    ],
    ['and not looked at further', of('policy.linkerd.io/v1beta3', 'Server', { port: -1, podSelector: {} }), []],
    ['nor are labels', of('policy.linkerd.io/v1beta3', 'Server', { port: 1, podSelector: { matchLabels: { a: 1 } } }), []],
    [
      'an unknown operator',
      of('policy.linkerd.io/v1beta3', 'Server', { port: 1, podSelector: { matchExpressions: [{ key: 'a', operator: 'Gt' }] } }),
      fault('spec.podSelector.matchExpressions[0].operator', 'must be one of In, NotIn, Exists, DoesNotExist'),
    ],
    [
      'null stands for the default where there is one',
      of('policy.linkerd.io/v1beta3', 'Server', { port: 1, podSelector: {}, proxyProtocol: null }),
      [],
    ],
    [
      'and is no value elsewhere',
      of('policy.linkerd.io/v1beta3', 'Server', { port: 1, podSelector: null }),
      fault('spec.podSelector', 'must be a map'),
    ],
    [
      'an empty list of identities',
      of('policy.linkerd.io/v1alpha1', 'MeshTLSAuthentication', { identities: [] }),
      fault('spec.identities', 'must have at least 1 item'),
    ],
    [
      'two headers of one name',
      linkerdRoute({
        matches: [
          {
            headers: [
              { name: 'a', value: 'b' },
              { name: 'a', value: 'c' },
            ],
          },
        ],
      }),
      fault('spec.rules[0].matches[0].headers[1]', 'appears twice in the list'),
    ],
    [
      'names of headers are compared as they are',
      linkerdRoute({
        matches: [
          {
            headers: [
              { name: 'a', value: 'b' },
              { name: 'A', value: 'c' },
            ],
          },
        ],
      }),
      [],
    ],
    [
      'a redirect to 307',
      linkerdRoute({ filters: [{ type: 'RequestRedirect', requestRedirect: { statusCode: 307 } }] }),
      fault('spec.rules[0].filters[0].requestRedirect.statusCode', 'must be 301 or 302'),
    ],
    [
      'a duration in words',
      linkerdRoute({ timeouts: { request: 'soon' } }),
      fault('spec.rules[0].timeouts.request', 'must be a duration such as 10s or 1h30m'),
    ],
    ['a duration with a fraction', linkerdRoute({ timeouts: { request: '1.5s' } }), []],
    [
      'which Gateway durations do not know',
      of('gateway.networking.k8s.io/v1', 'HTTPRoute', { rules: [{ timeouts: { request: '1.5s' } }] }),
      fault('spec.rules[0].timeouts.request', 'must match ^([0-9]{1,5}(h|m|s|ms)){1,4}$'),
    ],
    [
      'a path of 1025 characters',
      linkerdRoute({ matches: [{ path: { value: '/'.repeat(1025) } }] }),
      fault('spec.rules[0].matches[0].path.value', 'must not be longer than 1024 characters'),
    ],
    ['length is counted in characters, not in UTF-16', linkerdRoute({ matches: [{ path: { value: '😀'.repeat(1024) } }] }), []],
    [
      '17 hostnames',
      of('policy.linkerd.io/v1beta3', 'HTTPRoute', { hostnames: Array(17).fill('a.b') }),
      fault('spec.hostnames', 'must not have more than 16 items'),
    ],
    [
      'two addresses of an old ExternalWorkload',
      of('workload.linkerd.io/v1alpha1', 'ExternalWorkload', {
        meshTls: { identity: 'a', serverName: 'b' },
        workloadIPs: [{ ip: '1.1.1.1' }, { ip: '::1' }],
      }),
      fault('spec.workloadIPs', 'must not have more than 1 items'),
    ],
  ])('%s', (_, resource, faults) => {
    expect(checkSchema(resource)).toEqual({ ok: faults.length === 0, faults, unknownFields: [] });
  });

  test('unknown fields are listed, not refused', () => {
    const spec = { port: 1, podSelector: { matchLabels: { any: 'thing' }, matchLabel: {} }, ports: [] };
    expect(checkSchema(of('policy.linkerd.io/v1beta3', 'Server', spec))).toEqual({
      ok: true,
      faults: [],
      unknownFields: ['spec.podSelector.matchLabel', 'spec.ports'],
    });
  });

  test('a field named like one of every object is unknown too', () => {
    const spec = JSON.parse('{"networks":[],"__proto__":{"networks":1},"constructor":1}') as object;
    expect(checkSchema(of('policy.linkerd.io/v1alpha1', 'NetworkAuthentication', spec))?.unknownFields).toEqual([
      'spec.__proto__',
      'spec.constructor',
    ]);
  });

  test.each([
    ['policy.linkerd.io/v1beta2', 'ServerAuthorization'],
    ['gateway.networking.k8s.io/v1alpha2', 'TLSRoute'],
    ['gateway.networking.k8s.io/v1alpha2', 'TCPRoute'],
    ['policy.linkerd.io/v1beta3', 'server'],
    ['v1', 'Service'],
  ])('no schema is known of %s %s', (apiVersion, kind) => {
    expect(checkSchema(of(apiVersion, kind, {}))).toBeNull();
  });
});
