import { describe, expect, it } from 'vitest';
import { fieldDiff } from '../../src/policy/field-diff.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { meshTLS, pod, route, SERVER, server } from './cluster.ts';

const changes = (before: Resource, after: Resource) => fieldDiff(before, after).fields.map((f) => [f.path, f.before, f.after]);

describe('what differs between two versions', () => {
  it.each<[string, Resource, Resource, readonly (readonly [string, string | null, string | null])[]]>([
    ['nothing', SERVER, SERVER, []],
    [
      'one item of a list',
      meshTLS('m', { identities: ['a', 'b'] }),
      meshTLS('m', { identities: ['a', 'c'] }),
      [['spec.identities[1]', 'b', 'c']],
    ],
    [
      'an item taken out of the middle',
      meshTLS('m', { identities: ['a', 'b', 'c'] }),
      meshTLS('m', { identities: ['a', 'c'] }),
      [['spec.identities[1]', 'b', null]],
    ],
    ['a number', server('s', { port: 80 }), server('s', { port: 81 }), [['spec.port', '80', '81']]],
    ['a field that is new', server('s'), server('s', { accessPolicy: 'audit' }), [['spec.accessPolicy', null, 'audit']]],
    [
      'a label and an annotation with a slash',
      pod({ labels: { app: 'a' } }),
      pod({ labels: { app: 'b' }, annotations: { 'config.linkerd.io/opaque-ports': '80' } }),
      [
        ['metadata.labels.app', 'a', 'b'],
        ['metadata.annotations["config.linkerd.io/opaque-ports"]', null, '80'],
      ],
    ],
    [
      'what the API server counts is no difference',
      server('s', {}, { generation: 1, resourceVersion: '1' }),
      server('s', {}, { generation: 2, resourceVersion: '9' }),
      [],
    ],
    ['nor the hash of a ReplicaSet', pod({ labels: { 'pod-template-hash': 'a' } }), pod({ labels: { 'pod-template-hash': 'b' } }), []],
  ])('%s', (_, before, after, expected) => {
    expect(changes(before, after)).toEqual(expected);
  });

  it('counts the status of a route, not its clock', () => {
    const withStatus = (status: string, lastTransitionTime: string): Resource => ({
      ...route('r'),
      status: { parents: [{ conditions: [{ type: 'Accepted', status, lastTransitionTime }] }] },
    });
    expect(changes(withStatus('True', 'x'), withStatus('False', 'y'))).toEqual([
      ['status.parents[0].conditions[0].status', 'True', 'False'],
    ]);
  });

  it('is bounded, however large and deep the objects are', () => {
    let deep: unknown = 'x';
    for (let i = 0; i < 500; i++) deep = { a: deep };
    const wide = (value: string) => Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`k${i}`, value]));
    expect(fieldDiff(server('s', { deep }), server('s', { deep: 'y' })).fields).toHaveLength(1);
    const { fields, more } = fieldDiff(server('s', wide('a')), server('s', wide('b'.repeat(10_000))));
    expect(fields).toHaveLength(16);
    expect(more).toBeGreaterThan(1000);
    expect(Math.max(...fields.map(({ after }) => after?.length ?? 0))).toBeLessThan(300);
  });

  it('takes fields of any name for what they are', () => {
    const hostile = (value: string) => server('s', JSON.parse(`{"__proto__": {"polluted": "${value}"}, "constructor": "${value}"}`));
    expect(changes(hostile('a'), hostile('b'))).toEqual([
      ['spec.__proto__.polluted', 'a', 'b'],
      ['spec.constructor', 'a', 'b'],
    ]);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});
