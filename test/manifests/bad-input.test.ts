import { describe, expect, test } from 'vitest';
import { InvalidInput, type Place } from '../../src/errors.ts';
import { dumpCommand } from '../../src/manifests/dump.ts';
import { readManifests } from '../../src/manifests/read.ts';

const POD = 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  namespace: shop\n';
const server = (name: string) =>
  `apiVersion: policy.linkerd.io/v1beta3\nkind: Server\nmetadata:\n  name: ${name}\n  namespace: shop\nspec:\n  port: http\n`;

/** As kubectl prints it. */
function yamlList(...objects: string[]): string {
  const items = objects.map((object) => object.trimEnd().replaceAll('\n', '\n  '));
  return `apiVersion: v1\nitems:\n${items.map((item) => `- ${item}\n`).join('')}kind: List\nmetadata:\n  resourceVersion: ""\n`;
}
const LIST = yamlList(server('a'), server('b'), server('c'));
const JSON_LIST = JSON.stringify(
  {
    apiVersion: 'v1',
    items: ['a', 'b', 'c'].map((name) => ({
      apiVersion: 'policy.linkerd.io/v1beta3',
      kind: 'Server',
      metadata: { name, namespace: 'shop' },
      spec: { port: 'http' },
    })),
    kind: 'List',
    metadata: { resourceVersion: '' },
  },
  null,
  4,
);
const BOMB = `  a: &a [${'x,'.repeat(10)}]\n${[...'bcdefghi'].map((anchor, i) => `  ${anchor}: &${anchor} [${`*${'abcdefgh'[i]},`.repeat(10)}]\n`).join('')}`;

const upTo = (text: string, end: string) => text.slice(0, text.indexOf(end) + end.length);

const MANIFEST = `A cluster is given as objects, for instance:\n${dumpCommand('dump.yaml')}`;
const NEEDS = 'Every object needs apiVersion, kind and metadata.name, each of them text.';
const MEND = 'Mend it; kubectl apply --dry-run=client -f FILE stops at the same place.';
const RENDER = 'Render it first: helm template … > rendered.yaml';
const TEXT = 'Write it again as UTF-8 text: kubectl get … -o yaml.';
const FLATTEN = 'No Kubernetes object is: take this one out.';
const again = (count: string) => `${count} read. Write it again:\n${dumpCommand('dump.yaml')}`;

interface Case {
  readonly name: string;
  readonly text: string;
  readonly file?: string;
  readonly message: string;
  readonly remedy: string;
  /** line and column */
  readonly at: readonly [number, number] | null;
}

const CASES: Case[] = [
  { name: 'an empty file', text: '', message: 'There is nothing in it.', remedy: MANIFEST, at: null },
  { name: 'comments alone', text: '# later\n---\n', message: 'There is nothing in it.', remedy: MANIFEST, at: null },
  {
    name: 'the table of kubectl get',
    text: 'NAME READY\nbackend-1 2/2\n',
    message: 'This is text, not Kubernetes objects.',
    remedy: MANIFEST,
    at: [1, 1],
  },
  { name: 'a number', text: '42\n', message: 'This is the number 42, not Kubernetes objects.', remedy: MANIFEST, at: [1, 1] },
  {
    name: 'values of a chart',
    text: '# x\nreplicas: 2\n',
    message: 'This is no Kubernetes object: it has no apiVersion and kind.',
    remedy: MANIFEST,
    at: [2, 1],
  },
  {
    name: 'an object without a kind',
    text: 'apiVersion: v1\nmetadata: {name: x}\n',
    message: 'This is no Kubernetes object: it has no kind.',
    remedy: MANIFEST,
    at: [1, 1],
  },
  {
    name: 'an object without an apiVersion',
    text: 'kind: Pod\nmetadata: {name: x}\n',
    message: 'This is no Kubernetes object: it has no apiVersion.',
    remedy: MANIFEST,
    at: [1, 1],
  },
  {
    name: 'a second document that is no object',
    text: `${POD}---\nkind: Pod\n`,
    message: 'This object has no apiVersion.',
    remedy: NEEDS,
    at: [7, 1],
  },
  {
    name: 'an object without a name',
    text: POD.replace('  name: a\n', ''),
    message: 'This Pod has no metadata.name.',
    remedy: NEEDS,
    at: [4, 3],
  },
  {
    name: 'an object with an empty name',
    text: POD.replace('name: a', 'name: ""'),
    message: 'This Pod has no metadata.name.',
    remedy: NEEDS,
    at: [4, 9],
  },
  {
    name: 'an object without metadata',
    text: 'apiVersion: v1\nkind: Pod\n',
    message: 'This Pod has no metadata.name.',
    remedy: NEEDS,
    at: [1, 1],
  },
  {
    name: 'a number as a name',
    text: POD.replace('name: a', 'name: 8080'),
    message: 'This Pod has as its metadata.name the number 8080, not text.',
    remedy: `${NEEDS} Put it in quotes.`,
    at: [4, 9],
  },
  {
    name: 'a YAML 1.1 boolean as a namespace',
    text: POD.replace('shop', 'yes'),
    message: '"a" has as its metadata.namespace the boolean true, not text.',
    remedy: `${NEEDS} Put it in quotes.`,
    at: [5, 14],
  },
  {
    name: 'a list as a kind',
    text: POD.replace('Pod', '[Pod]'),
    message: 'This object has as its kind a list, not text.',
    remedy: NEEDS,
    at: [2, 7],
  },
  {
    name: 'a number among the items',
    text: yamlList(POD, '7'),
    message: 'This is the number 7, not a Kubernetes object.',
    remedy: 'Take it out, or write the dump again with -o yaml.',
    at: [8, 3],
  },
  {
    name: 'a refusal of the API server',
    text: '{"kind":"Status","apiVersion":"v1","message":"servers is forbidden"}',
    message: 'This is a refusal of the API server, not a dump: servers is forbidden.',
    remedy: 'Ask for the objects again with the rights to read them.',
    at: [1, 1],
  },
  {
    name: 'a tab as indentation',
    text: 'apiVersion: v1\nkind: Pod\nmetadata:\n\tname: a\n',
    message: 'A tab indents this line; YAML takes spaces only.',
    remedy: 'Replace the tab by spaces.',
    at: [4, 1],
  },
  {
    name: 'a key that stands twice',
    text: `${POD}kind: Server\n`,
    message: 'The key "kind" stands twice in one mapping.',
    remedy: 'Keep one of them.',
    at: [6, 1],
  },
  {
    name: 'a key that stands twice in an item of a list',
    text: yamlList(server('a'), `${server('b')}kind: Pod\n`),
    message: 'The key "kind" stands twice in one mapping.',
    remedy: 'Keep one of them.',
    at: [17, 3],
  },
  {
    name: 'wrong indentation',
    text: 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n namespace: b\n',
    message: 'This is not YAML: All mapping items must start at the same column.',
    remedy: MEND,
    at: [5, 1],
  },
  {
    name: 'a quote that is never closed',
    text: `${POD}spec: "abc\n`,
    message: 'A quote or bracket that was opened is not closed before this.',
    remedy: MEND,
    at: [7, 1],
  },
  {
    name: 'a template of a name',
    text: POD.replace('name: a', 'name: {{ .Values.name }}'),
    message: 'This is a template, not a manifest.',
    remedy: RENDER,
    at: [4, 9],
  },
  {
    name: 'a template of a block',
    text: `{{- if .Values.policy }}\n${POD}{{- end }}\n`,
    message: 'This is a template, not a manifest.',
    remedy: RENDER,
    at: [1, 1],
  },
  {
    name: 'a mapping as a key',
    text: `${POD}spec:\n  ? {a: b}\n  : 1\n`,
    message: 'A mapping stands where a key must be.',
    remedy: 'If this is a template, render it first: helm template … > rendered.yaml. Else put the text in quotes.',
    at: [7, 5],
  },
  {
    name: 'aliases that multiply',
    text: `${POD}spec:\n${BOMB}`,
    message: 'Aliases stand for more than 100,000 values here.',
    remedy: 'Such a file is made to exhaust its reader: write the values out.',
    at: [11, 31],
  },
  {
    name: 'an alias of nothing',
    text: `${POD}spec: *x\n`,
    message: 'The alias *x has no anchor &x before it.',
    remedy: 'Write the value out, or set the anchor first.',
    at: [6, 7],
  },
  {
    name: 'an alias of what holds it',
    text: `${POD}spec: &x [*x]\n`,
    message: 'The alias *x has no anchor &x before it.',
    remedy: 'Write the value out, or set the anchor first.',
    at: [6, 11],
  },
  {
    name: 'a merge of a number',
    text: `${POD}spec:\n  <<: 7\n`,
    message: 'The merge key << takes mappings only.',
    remedy: 'Write the values out.',
    at: [7, 3],
  },
  {
    name: 'deep nesting in YAML',
    text: `${POD}spec: ${'['.repeat(150)}${']'.repeat(150)}\n`,
    message: 'Values are nested more than 100 deep here.',
    remedy: FLATTEN,
    at: [6, 107],
  },
  {
    name: 'deep nesting that would overflow the stack',
    text: `${POD}spec:\n${'- '.repeat(30_000)}x\n`,
    message: 'Values are nested more than 100 deep here.',
    remedy: FLATTEN,
    at: expect.anything() as unknown as [number, number],
  },
  {
    name: 'deep nesting by aliases of aliases',
    text: `${POD}spec:\n  a: &a ${'['.repeat(60)}${']'.repeat(60)}\n  b: ${'['.repeat(60)}*a${']'.repeat(60)}\n`,
    message: 'Values are nested more than 100 deep here.',
    remedy: FLATTEN,
    at: [1, 1],
  },
  {
    name: 'deep nesting in JSON',
    text: `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
    message: 'Values are nested more than 100 deep here.',
    remedy: FLATTEN,
    at: [1, 1],
  },
  {
    name: 'a packed file',
    text: '\u001f\ufffd\u0008\0',
    message: 'This is not text: it holds the control character U+001F.',
    remedy: TEXT,
    at: [1, 1],
  },
  {
    name: 'UTF-16 without its mark',
    text: [...POD].join('\0'),
    message: 'This is not text: it holds the control character U+0000.',
    remedy: TEXT,
    at: [1, 2],
  },
  {
    name: 'JSON with a comma too many',
    text: '{"apiVersion": "v1",\n "kind": "Pod",, }',
    message: 'This is not JSON: "," cannot stand here.',
    remedy: 'Mend it, or write it again with kubectl get … -o json.',
    at: [2, 16],
  },
  {
    name: 'an event at no time',
    text: '{"observedAt":"yesterday","type":"ADDED","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}}',
    message: 'observedAt is no time.',
    remedy: 'Write RFC 3339, such as 2026-11-23T09:20:35.762Z.',
    at: [1, 15],
  },
  {
    name: 'a YAML dump cut off in a name',
    text: upTo(LIST, 'name: c'),
    message: 'Server "c" is cut off here.',
    remedy: again('2 objects before it were'),
    at: [20, 12],
  },
  {
    name: 'a YAML dump cut off before a kind',
    text: upTo(LIST, 'name: b\n    namespace: shop\n  spec:\n    port: http\n- apiV'),
    message: 'An object is cut off here.',
    remedy: again('2 objects before it were'),
    at: [17, 7],
  },
  {
    name: 'a YAML dump cut off in a quoted text',
    text: `${upTo(LIST, 'name: c')}\n    namespace: "sh`,
    message: 'Server "c" is cut off here.',
    remedy: again('2 objects before it were'),
    at: [21, 19],
  },
  {
    name: 'a YAML dump cut off between two lines',
    text: upTo(LIST, 'name: c\n'),
    message: 'Server "c" is cut off here.',
    remedy: again('2 objects before it were'),
    at: [20, 12],
  },
  {
    name: 'YAML documents cut off in the last',
    text: `${POD}---\n${server('b').slice(0, 36)}`,
    message: 'An object is cut off here.',
    remedy: again('1 object before it was'),
    at: [7, 37],
  },
  {
    name: 'a JSON dump cut off after a name',
    text: upTo(JSON_LIST, '"name": "c"'),
    file: 'x.json',
    message: 'Server "c" is cut off here.',
    remedy: `2 objects before it were read. Write it again:\n${dumpCommand('dump.json')}`,
    at: [30, 28],
  },
  {
    name: 'a JSON dump cut off in a key',
    text: upTo(JSON_LIST, '"name": "b",\n                "names'),
    message: 'Server "b" is cut off here.',
    remedy: again('1 object before it was'),
    at: [20, 23],
  },
  {
    name: 'a JSON dump cut off after its items',
    text: upTo(JSON_LIST, '"kind": "List"'),
    message: 'The list is cut off here.',
    remedy: again('3 objects before it were'),
    at: [38, 19],
  },
  {
    name: 'JSON lines cut off in the last',
    text: '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}\n{"apiVersion":"v1","kind":"Pod","metada',
    message: 'Pod without a name is cut off here.',
    remedy: again('1 object before it was'),
    at: [2, 40],
  },
];

function faultOf(text: string, file = 'x.yaml'): { message: string; remedy: string; place: Place | null } {
  try {
    readManifests(text, file);
  } catch (error) {
    if (error instanceof InvalidInput) return { message: error.message, remedy: error.remedy, place: error.place };
    throw error;
  }
  throw new Error('was read without a complaint');
}

describe('bad input gets one clear message, its place and what to do', () => {
  test.each(CASES)('$name', ({ text, file = 'x.yaml', message, remedy, at }) => {
    const fault = faultOf(text, file);
    expect(fault.message).toBe(message);
    expect(fault.remedy).toBe(remedy);
    if (Array.isArray(at)) expect(fault.place).toEqual({ file, line: at[0], column: at[1] });
    else expect(fault.place?.file).toBe(file);
  });

  test('wherever a dump is cut, it is never taken for a whole one', () => {
    // What kubectl writes after `kind: List` holds no objects: without it nothing is missing.
    for (let end = 1; end <= LIST.indexOf('kind: List') + 'kind:'.length; end++)
      expect(() => readManifests(LIST.slice(0, end), 'x.yaml'), LIST.slice(0, end)).toThrow(InvalidInput);
    for (let end = 1; end < JSON_LIST.length; end++)
      expect(() => readManifests(JSON_LIST.slice(0, end), 'x.json'), JSON_LIST.slice(0, end)).toThrow(InvalidInput);
  });

  test('what exhausts a reader is answered at once', () => {
    const start = performance.now();
    faultOf(`${POD}spec:\n  ${'? '.repeat(20_000)}\n`);
    faultOf(`${POD}spec: ${'{a: '.repeat(20_000)}\n`);
    readManifests(`${POD}spec:\n${Array.from({ length: 20_000 }, (_, i) => `  k${i}: 1\n`).join('')}`, 'x.yaml');
    expect(performance.now() - start).toBeLessThan(15_000);
  });
});
