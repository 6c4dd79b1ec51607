import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInput } from '../../src/errors.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { splitDocuments, splitList } from '../../src/manifests/yaml-split.ts';

function outcome(text: string): Readonly<Record<string, unknown>> {
  try {
    const { resources, events, notices } = readManifests(text, 'x.yaml');
    return { resources, events, notices };
  } catch (error) {
    if (error instanceof InvalidInput) return { message: error.message, place: error.place };
    throw error;
  }
}

const line = fc.constantFrom(
  '  kind: Pod',
  '  metadata: {name: a, namespace: b}',
  '  metadata:',
  '    name: a',
  '    namespace: b',
  '    labels: &l {app: x}',
  '    annotations: *l',
  '  spec: |',
  '  spec: "',
  '  spec: >-',
  '    - not an item',
  '  items:',
  '  - nested: 1',
  '- apiVersion: v1',
  '# comment',
  '',
  '  data: {a: [1,',
  '    2]}',
  '  "',
  '- |',
  '  text',
  'metadata: {}',
  'items:',
  '\ttab: 1',
);

describe('a text read piece by piece', () => {
  test('gives what it gives when it is parsed whole', () => {
    const item = fc.array(line, { maxLength: 6 }).map((lines) => ['- apiVersion: v1', '  kind: Pod', ...lines]);
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 4 }), (items) => {
        const list = `apiVersion: v1\nitems:\n${items.flat().join('\n')}\nkind: List\n`;
        // A document end keeps it from being split; an open quote then ends a line later.
        const { place: _place, ...whole } = outcome(`${list}...\n`);
        expect(outcome(list)).toMatchObject(whole);
      }),
      { numRuns: 2000 },
    );
  });

  test('documents and items are cut where they begin', () => {
    const text = '# head\na: 1\n---\nitems:\n- b: |\n    - c\n# d\n- e: 1\nkind: List\n--- # f\ng: 1\n';
    const documents = splitDocuments(text) ?? [];
    expect(documents.map((piece) => piece.text)).toEqual([
      '# head\na: 1\n',
      '---\nitems:\n- b: |\n    - c\n# d\n- e: 1\nkind: List\n',
      '--- # f\ng: 1\n',
    ]);
    expect(documents.every((piece) => text.startsWith(piece.text, piece.start))).toBe(true);
    const pieces = documents.map(splitList);
    expect(pieces[0]).toBeNull();
    expect(pieces[1]?.map(({ text: part }) => part)).toEqual(['- b: |\n    - c\n# d\n', '- e: 1\n', '---\nitems: []\nkind: List\n']);
  });

  test('directives and document ends are left to the parser', () => {
    expect(splitDocuments('%YAML 1.2\n---\na: 1\n')).toBeNull();
    expect(splitDocuments('a: 1\n...\n')).toBeNull();
    expect(readManifests('%YAML 1.1\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n...\n', 'x').resources).toHaveLength(1);
  });
});

describe('places in JSON', () => {
  const bad = (object: object) =>
    JSON.stringify(
      { apiVersion: 'v1', kind: 'List', items: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' } }, object] },
      null,
      2,
    );
  const lineOf = (text: string, part: string) => text.slice(0, text.indexOf(part)).split('\n').length;

  test('of a value deep in a list', () => {
    const text = bad({ apiVersion: 'v1', kind: 'Pod', spec: { name: 8 }, metadata: { labels: { name: 9 }, name: 7 } });
    expect(outcome(text)).toMatchObject({ place: { line: lineOf(text, '"name": 7'), column: 17 } });
  });

  test('of a value that is absent: of what it should be in, not of one like it elsewhere', () => {
    const text = bad({ apiVersion: 'v1', kind: 'Pod', metadata: { labels: { name: 'y' } }, spec: { name: 'z' } });
    expect(outcome(text)).toEqual({
      message: 'This Pod has no metadata.name.',
      place: { file: 'x.yaml', line: lineOf(text, '"labels"') - 1, column: 19 },
    });
  });

  test('of keys and texts full of quotes, brackets and backslashes', () => {
    const text = bad({ apiVersion: 'v1', kind: 'Pod', 'x"]}\\': ['{"', '\\', '\\"'], metadata: { name: 7 } });
    expect(outcome(text)).toMatchObject({ place: { line: lineOf(text, '"name": 7'), column: 17 } });
  });
});
