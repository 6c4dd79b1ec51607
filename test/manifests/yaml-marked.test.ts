import fc from 'fast-check';
import { expect, it } from 'vitest';
import { linesOf, showWritten } from '../../src/manifests/yaml-marked.ts';
import type { Resource } from '../../src/policy/resource.ts';

const made = (spec: unknown, annotations: Readonly<Record<string, string>> = {}): Resource => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name: 'one', namespace: 'shop', annotations, resourceVersion: '7', managedFields: [{ manager: 'me', operation: 'Update' }] },
  spec,
  status: { ready: true },
});

it('shows what a person writes, and where fields stand in it', () => {
  const text = showWritten(made({ port: 80, list: ['a', 'b'], map: { x: [{ y: 1, z: 'two' }] } }, { 'a.io/b': 'c' }));
  expect(text.split('\n')).toEqual([
    'apiVersion: v1',
    'kind: Thing',
    'metadata:',
    '  name: one',
    '  namespace: shop',
    '  annotations:',
    '    a.io/b: c',
    'spec:',
    '  port: 80',
    '  list:',
    '    - a',
    '    - b',
    '  map:',
    '    x:',
    '      - y: 1',
    '        z: two',
    '',
  ]);
  const paths = [
    ['spec', 'port'],
    ['spec', 'list'],
    ['spec', 'list', 1],
    ['spec', 'map', 'x', 0],
    ['metadata', 'annotations', 'a.io/b'],
    ['spec', 'none'],
    ['spec', 'port', 'x'],
  ];
  expect(linesOf(text, paths).map((lines) => lines && [lines.from, lines.to])).toEqual([
    [9, 9],
    [10, 12],
    [12, 12],
    [15, 16],
    [7, 7],
    null,
    null,
  ]);
});

it('is right whatever texts stand in an object', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('a\nb: c', '---\nx', '- y', "'", '"\n', '# no', '\u202e', '\u0085x', '{{ x }}', '&a *b', '\ttab', 'long '.repeat(60)),
  );
  fc.assert(
    fc.property(fc.array(hostile, { minLength: 1, maxLength: 6 }), fc.nat(5), (list, at) => {
      const index = at % list.length;
      const whole = linesOf(showWritten(made({ list })), [['spec', 'list']])[0];
      const text = showWritten(made({ list }));
      const found = linesOf(text, [['spec', 'list', index]])[0];
      if (whole == null || found == null) throw new Error(text);
      const before = linesOf(
        text,
        list.slice(0, index).map((_, i) => ['spec', 'list', i]),
      );
      expect(found.from).toBe(Math.max(whole.from, ...before.map((lines) => lines?.to ?? 0)) + 1);
      expect(text.split('\n')[found.from - 1]).toMatch(/^ {4}- /);
      expect(found.to).toBeLessThanOrEqual(whole.to);
    }),
  );
});
