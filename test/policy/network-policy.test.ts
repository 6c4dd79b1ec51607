import { describe, expect, test } from 'vitest';
import { indexNetworkPolicies, readNetworkPolicy } from '../../src/policy/network-policy.ts';
import type { Resource } from '../../src/policy/resource.ts';

function policy(spec: unknown, name = 'np', namespace = 'shop'): Resource {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace }, spec };
}

const directions = (spec: unknown) => {
  const read = readNetworkPolicy(policy(spec));
  if ('unreadable' in read) return read.unreadable;
  return { ingress: read.ingress?.length ?? null, egress: read.egress?.length ?? null };
};

describe('readNetworkPolicy', () => {
  test.each<[string, unknown, unknown]>([
    ['a policy without types and rules isolates for ingress', { podSelector: {} }, { ingress: 0, egress: null }],
    ['a policy without types but with an egress rule isolates for both', { podSelector: {}, egress: [{}] }, { ingress: 0, egress: 1 }],
    ['an empty egress list is no egress rule', { podSelector: {}, egress: [] }, { ingress: 0, egress: null }],
    ['empty types are no types', { podSelector: {}, policyTypes: [], ingress: [{}] }, { ingress: 1, egress: null }],
    [
      'type Egress alone leaves ingress open, whatever rules it has',
      { podSelector: {}, policyTypes: ['Egress'], ingress: [{}] },
      { ingress: null, egress: 0 },
    ],
    ['both types without rules isolate for both', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }, { ingress: 0, egress: 0 }],
    ['a missing podSelector takes every pod', {}, { ingress: 0, egress: null }],
  ])('%s', (_, spec, expected) => {
    expect(directions(spec)).toEqual(expected);
  });

  test.each<[string, unknown, string]>([
    ['no spec', undefined, 'spec: is no object'],
    ['a peer without anything', { ingress: [{ from: [{}] }] }, 'spec.ingress[0].from[0]: names no peer'],
    [
      'a block beside a selector',
      { egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }] }] },
      'spec.egress[0].to[0]: ipBlock goes with no selector',
    ],
    [
      'a bare address as block',
      { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.1' } }] }] },
      'spec.ingress[0].from[0].ipBlock.cidr: "10.0.0.1" is no CIDR',
    ],
    [
      'an exception outside its block',
      { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['192.168.0.0/16'] } }] }] },
      'spec.ingress[0].from[0].ipBlock.except: 192.168.0.0/16 is not inside 10.0.0.0/8',
    ],
    ['an unknown type', { policyTypes: ['ingress'] }, 'spec.policyTypes: "ingress" is neither Ingress nor Egress'],
    [
      'an unknown protocol',
      { ingress: [{ ports: [{ protocol: 'tcp' }] }] },
      'spec.ingress[0].ports[0].protocol: "tcp" is not TCP, UDP or SCTP',
    ],
    ['a port 0', { ingress: [{ ports: [{ port: 0 }] }] }, 'spec.ingress[0].ports[0].port: 0 is no port'],
    [
      'a range from a name',
      { ingress: [{ ports: [{ port: 'http', endPort: 90 }] }] },
      'spec.ingress[0].ports[0].endPort: ends no range that starts with a port number',
    ],
    [
      'a range that runs backwards',
      { ingress: [{ ports: [{ port: 90, endPort: 80 }] }] },
      'spec.ingress[0].ports[0].endPort: ends no range that starts with a port number',
    ],
    ['rules that are no list', { ingress: {} }, 'spec.ingress: is no list'],
    [
      'an operator that does not exist',
      { podSelector: { matchExpressions: [{ key: 'a', operator: 'Is' }] } },
      'spec.podSelector: is no label selector',
    ],
  ])('%s is refused by the API server, so it has no effect', (_, spec, why) => {
    expect(directions(spec)).toBe(why);
  });
});

describe('indexNetworkPolicies', () => {
  test('goes by namespace and name, passes over other kinds and keeps what is refused apart', () => {
    const index = indexNetworkPolicies([
      policy({}, 'b'),
      policy({}, 'a'),
      policy({ policyTypes: ['Egress'] }, 'c', 'legacy'),
      policy({ policyTypes: ['x'] }, 'bad'),
      { ...policy({}, 'calico'), apiVersion: 'projectcalico.org/v3' },
    ]);
    expect([...index.byNamespace].map(([ns, policies]) => [ns, policies.map((p) => p.ref.name)])).toEqual([
      ['shop', ['a', 'b']],
      ['legacy', ['c']],
    ]);
    expect(index.anyEgress).toBe(true);
    expect(index.unreadable.map((u) => u.ref.name)).toEqual(['bad']);
    expect(indexNetworkPolicies([policy({})]).anyEgress).toBe(false);
  });
});
