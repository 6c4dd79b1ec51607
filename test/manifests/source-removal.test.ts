/** A key is taken out of the text of a file, wherever it stands and in whatever form: what is left says the rest, and no comment is lost. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { changedSource } from '../../src/manifests/source-edit.ts';

const SERVER = { group: 'policy.linkerd.io', kind: 'Server', namespace: 'shop', name: 'a' };
const HEAD = 'apiVersion: policy.linkerd.io/v1beta3\nkind: Server\nmetadata:\n  name: a\n  namespace: shop\n';

type Steps = readonly (string | number)[];

function without(at: unknown, [step, ...rest]: Steps): unknown {
  if (Array.isArray(at)) return at.map((item, i) => (i === step ? without(item, rest) : item));
  const fields = at as Record<string, unknown>;
  if (rest.length > 0) return { ...fields, [step as string]: without(fields[step as string], rest) };
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== step));
}

function removed(text: string, path: Steps): string | null {
  return changedSource(HEAD + text, SERVER, (written) => without(written, path))?.slice(HEAD.length) ?? null;
}

describe('a key', () => {
  it.each<[string, string, Steps, string]>([
    [
      'the only one of a mapping',
      'spec:\n  labels: # these\n    a: b # own\n',
      ['spec', 'labels', 'a'],
      'spec:\n  labels: {} # these\n    # own\n',
    ],
    [
      'the only one, below an anchor',
      'spec:\n  labels: &x\n    a: b\n  port: 1\n',
      ['spec', 'labels', 'a'],
      'spec:\n  labels: &x {}\n  port: 1\n',
    ],
    [
      'the only one of an item',
      'spec:\n  list:\n    - a: b # own\n    - c\n',
      ['spec', 'list', 0, 'a'],
      'spec:\n  list:\n    - {} # own\n    - c\n',
    ],
    ['the first of an item', 'spec:\n  list:\n    - a: b\n      c: d\n', ['spec', 'list', 0, 'a'], 'spec:\n  list:\n    - c: d\n'],
    ['the first of a flow mapping', 'spec: {a: b, c: d} # own\n', ['spec', 'a'], 'spec: {c: d} # own\n'],
    ['the last of a flow mapping', 'spec: { a: b, c: d }\n', ['spec', 'c'], 'spec: { a: b }\n'],
    ['the only one of a flow mapping', 'spec: { l: {a: b} }\n', ['spec', 'l', 'a'], 'spec: { l: {} }\n'],
    [
      'one of a flow mapping with comments',
      'spec: {\n  a: b, # one, two\n  c: d # three\n}\n',
      ['spec', 'a'],
      'spec: {\n   # one, two\n  c: d # three\n}\n',
    ],
    ['one with a comment behind it', 'spec:\n  a: b # why\n  c: d\n', ['spec', 'a'], 'spec:\n  # why\n  c: d\n'],
    ['one with a block text', 'spec:\n  a: |\n    # no comment\n    x\n  c: d\n', ['spec', 'a'], 'spec:\n  c: d\n'],
    ['the last, at an end without a line break', 'spec:\n  a: b\n  c: d', ['spec', 'c'], 'spec:\n  a: b'],
  ])('%s', (_, text, path, expected) => {
    expect(removed(text, path)).toBe(expected);
  });

  it('with an anchor that is used elsewhere is left', () => {
    expect(removed('spec:\n  a: &x { b: c }\n  d: *x\n', ['spec', 'a'])).toBeNull();
  });
});

/** A mapping, how it is written, and a way to one of its keys. */
interface Tree {
  readonly isFlow: boolean;
  readonly entries: readonly {
    readonly key: string;
    readonly value: Tree | string;
    readonly before: string | null;
    readonly behind: string | null;
  }[];
}

const comment = fc.option(fc.constantFrom('own', 'a, b', '"x" { y', "it's", '- z: 1'), { nil: null, freq: 1 });
const scalar = fc.constantFrom('b', '1', '""', "'it''s'", '"a # b"', 'true', 'x y');

function tree(depth: number, isFlow: boolean): fc.Arbitrary<Tree> {
  const value =
    depth === 0
      ? scalar
      : fc.oneof(
          scalar,
          fc.boolean().chain((flow) => tree(depth - 1, isFlow || flow)),
        );
  const entry = fc.record({ key: fc.constantFrom('a', 'b', 'c.d/e', 'f g', '"h"'), value, before: comment, behind: comment });
  return fc.uniqueArray(entry, { selector: ({ key }) => key, minLength: 1, maxLength: 4 }).map((entries) => ({ isFlow, entries }));
}

function written({ isFlow, entries }: Tree, pad: string): string {
  if (!isFlow)
    return entries
      .map(({ key, value, before, behind }) => {
        const note = behind === null ? '' : ` # ${behind}`;
        const above = before === null ? '' : `${pad}# ${before}\n`;
        if (typeof value === 'string') return `${above}${pad}${key}: ${value}${note}\n`;
        return value.isFlow
          ? `${above}${pad}${key}: ${written(value, `${pad}  `)}${note}\n`
          : `${above}${pad}${key}:${note}\n${written(value, `${pad}  `)}`;
      })
      .join('');
  const isLong = entries.some(({ before, behind }) => before !== null || behind !== null);
  const parts = entries.map(({ key, value, before, behind }, i) => {
    const own = `${key}: ${typeof value === 'string' ? value : written(value, `${pad}  `)}${i < entries.length - 1 ? ',' : ''}`;
    if (!isLong) return own;
    return `${before === null ? '' : `${pad}# ${before}\n`}${pad}${own}${behind === null ? '' : ` # ${behind}`}\n`;
  });
  return isLong ? `{\n${parts.join('')}${pad}}` : `{${parts.join(' ')}}`;
}

function pathsIn(value: unknown, at: Steps = []): readonly Steps[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [[...at, key], ...pathsIn(inner, [...at, key])]);
}

it('of any mapping goes alone, and every comment that is not inside of it stays', () => {
  fc.assert(
    fc.property(tree(3, false), fc.nat(), (made, choice) => {
      const text = `spec:\n${written(made, '  ')}# the end\n`;
      const before = parse(text) as { readonly spec: Record<string, unknown> };
      const paths = pathsIn(before).filter((path) => path.length > 1);
      const path = paths[choice % paths.length] ?? [];
      const after = removed(text, path);
      expect(after, `${text}\n${path.join('/')}`).not.toBeNull();
      expect(parse(after ?? '')).toEqual(without(before, path));
      const comments = (of: string) => (of.match(/# (?:own|a, b|"x" \{ y|it's|- z: 1|the end)$/gm) ?? []).length;
      expect(comments(after ?? ''), `${text}\n${path.join('/')}\n${after}`).toBe(comments(text));
    }),
    { numRuns: 500 },
  );
});
