import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Document, isScalar, Scalar, type ToStringOptions, visit } from 'yaml';
import { readManifests } from '../../src/manifests/read.ts';
import type { Resource } from '../../src/policy/resource.ts';

const fixture = (name: string) => readFileSync(new URL(`../fixtures/manifests/${name}`, import.meta.url), 'utf8');
const messages = (text: string, file = 'x.yaml') =>
  readManifests(text, file).notices.map(({ origin, message }) => [origin.line, origin.column, message]);

/** Objects as an API server holds them: every field of a Resource in use, names and texts hostile. */
const text = fc.string({ unit: 'grapheme' });
const strings = fc.dictionary(fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('__proto__', 'constructor', 'yes', '1', '<<')), text, {
  maxKeys: 4,
});
const resource: fc.Arbitrary<Resource> = fc.record(
  {
    apiVersion: fc.constantFrom('policy.linkerd.io/v1beta3', 'example.com/v1'),
    kind: fc.constantFrom('Server', 'Widget'),
    metadata: fc.record(
      {
        name: fc.string({ minLength: 1 }),
        namespace: fc.string({ minLength: 1 }),
        uid: fc.uuid(),
        resourceVersion: fc.nat().map(String),
        generation: fc.nat(),
        creationTimestamp: fc.constant('2026-11-23T08:46:20Z'),
        labels: strings,
        annotations: strings,
        ownerReferences: fc.array(
          fc.record({ apiVersion: fc.constant('apps/v1'), kind: text, name: text, uid: fc.uuid(), controller: fc.boolean() }),
          { maxLength: 2 },
        ),
      },
      { requiredKeys: ['name', 'namespace'] },
    ),
    spec: fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown),
    status: fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown),
  },
  { requiredKeys: ['apiVersion', 'kind', 'metadata'] },
);

const bare = (resources: readonly Resource[]) => resources.map(({ origin: _, ...rest }) => rest);
/** Quotes what YAML 1.1 takes for a boolean or for a merge key, as every Kubernetes tool does. */
function yaml(value: unknown, options: ToStringOptions = {}): string {
  const document = new Document(value, { version: '1.1', aliasDuplicateObjects: false });
  // Else `yaml` prints every key << as a merge key.
  document.schema.tags = document.schema.tags.filter(({ tag }) => tag !== 'tag:yaml.org,2002:merge');
  visit(document, (_, node) => {
    if (isScalar(node) && node.value === '<<') node.type = Scalar.QUOTE_DOUBLE;
  });
  return document.toString(options);
}

describe('read ∘ print is the identity', () => {
  const printers: [string, (objects: readonly Resource[]) => string][] = [
    ['a JSON list', (items) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items })],
    ['a JSON list with indentation', (items) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 4)],
    ['JSON lines', (items) => items.map((item) => `${JSON.stringify(item)}\n`).join('')],
    ['JSON values in a row', (items) => items.map((item) => JSON.stringify(item, null, 4)).join('\n')],
    ['a JSON array', (items) => JSON.stringify(items)],
    ['YAML documents', (items) => items.map((item) => `---\n${yaml(item)}`).join('')],
    ['a YAML list as kubectl prints it', (items) => `apiVersion: v1\nitems:\n${yaml(items, { indentSeq: false })}kind: List\n`],
    ['a YAML list with its items indented', (items) => yaml({ apiVersion: 'v1', kind: 'List', items })],
    [
      'CRLF',
      (items) =>
        items
          .map((item) => `---\n${yaml(item)}`)
          .join('')
          .replaceAll('\n', '\r\n'),
    ],
  ];
  test.each(printers)('of %s', (name, print) => {
    fc.assert(
      fc.property(fc.array(resource, { minLength: 1, maxLength: 4 }), (objects) => {
        const printed = print(objects);
        // A block text or a broken quoted text holds its line ends.
        fc.pre(name !== 'CRLF' || !/\\\r?\n|\|/.test(printed));
        expect(bare(readManifests(printed, 'x').resources)).toEqual(objects);
      }),
    );
  });
});

describe('forms', () => {
  test('objects know where they stand', () => {
    const doc = (name: string) => `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n  namespace: shop\n  resourceVersion: "7"\n`;
    const origins = (content: string) =>
      readManifests(content, 'x.yaml').resources.map(({ origin }) => [origin?.line, origin?.column, origin?.resourceVersion]);
    expect(origins(`# first\n${doc('a')}---\n${doc('b')}`)).toEqual([
      [2, 1, '7'],
      [9, 1, '7'],
    ]);
    const items = ['a', 'b'].map((name) => `- ${doc(name).trimEnd().replaceAll('\n', '\n  ')}\n`).join('');
    expect(origins(`apiVersion: v1\nitems:\n${items}kind: List\n`)).toEqual([
      [3, 3, '7'],
      [9, 3, '7'],
    ]);
    expect(origins(`apiVersion: v1\nkind: List\nitems:\n${items.replaceAll(/^/gm, '  ').trimEnd()}\n`)).toEqual([
      [4, 5, '7'],
      [10, 5, '7'],
    ]);
    expect(
      origins(
        '\n{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","resourceVersion":"7"}}\n{"apiVersion":"v1","kind":"Pod","metadata":{"name":"b"}}\n',
      ),
    ).toEqual([
      [2, 1, '7'],
      [3, 1, undefined],
    ]);
  });

  test('anchors, aliases and merge keys reach over the items of a list', () => {
    const list = `apiVersion: v1
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: a, namespace: shop, labels: &labels {app: backend}}
- apiVersion: v1
  kind: Pod
  metadata:
    name: b
    namespace: shop
    labels:
      <<: *labels
      tier: "1"
kind: List
`;
    expect(readManifests(list, 'x.yaml').resources.map(({ metadata }) => metadata.labels)).toEqual([
      { app: 'backend' },
      { app: 'backend', tier: '1' },
    ]);
  });

  test('what stands in a mapping wins over what is merged into it, and the first merge over the later', () => {
    const pod =
      'apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\nspec:\n  x: &x {a: 1, b: 1}\n  y: &y {b: 2, c: 2}\n  z: {<<: [*x, *y], a: 0}\n';
    expect(readManifests(pod, 'x.yaml').resources[0]?.spec).toMatchObject({ z: { a: 0, b: 1, c: 2 } });
  });

  test('items of a typed list take their kind from it, as the API server leaves it out; an unfinished page is told', () => {
    const { resources, notices } = readManifests(fixture('list-page-1.json'), 'page.json');
    expect(resources.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)).toEqual(['v1 ServiceAccount', 'v1 ServiceAccount']);
    expect(notices.map(({ message }) => message)).toEqual([
      'This list is one page of a longer one: the objects of the other pages are missing.',
    ]);
  });

  test('lists in lists and empty lists are flattened', () => {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', namespace: 'b' } };
    const list = (...items: unknown[]) => ({ apiVersion: 'v1', kind: 'List', items });
    expect(
      readManifests(JSON.stringify(list(list(), list(list(pod)), { apiVersion: 'v1', kind: 'PodList', items: null })), 'x').resources,
    ).toHaveLength(1);
  });

  test('a byte order mark is no part of the text', () => {
    expect(readManifests('\ufeffapiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n', 'x.yaml').resources).toHaveLength(1);
  });

  test('a quoted << is a key like any other', () => {
    const pod = 'apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b, labels: {"<<": x}}\n';
    expect(readManifests(pod, 'x.yaml').resources[0]?.metadata.labels).toEqual({ '<<': 'x' });
  });

  test('booleans are those of YAML 1.1, as in kubectl, unless they are quoted', () => {
    const spec = (value: string) =>
      readManifests(`apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\nspec: ${value}\n`, 'x.yaml').resources[0]?.spec;
    expect(['yes', 'Off', 'n', '"yes"', "'off'", 'yes please', '!!str on', '0x10', '1e3', '2026-11-23', '~'].map(spec)).toEqual([
      true,
      false,
      false,
      'yes',
      'off',
      'yes please',
      'on',
      16,
      1000,
      '2026-11-23',
      null,
    ]);
  });

  test('the data of secrets is not kept', () => {
    const secret = readManifests('apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b}\ndata: {key: c2VjcmV0}\n', 'x.yaml')
      .resources[0];
    expect(secret).not.toHaveProperty('data');
    expect(
      readManifests('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\ndata: {key: value}\n', 'x.yaml').resources[0]
        ?.data,
    ).toEqual({ key: 'value' });
  });
});

describe('watch events', () => {
  test('as kubectl prints them: with bookmarks and errors, and no times', () => {
    const { events, observedFrom, notices } = readManifests(fixture('watch.jsonl'), 'watch.jsonl');
    expect(events.map(({ at, type }) => [at, type])).toEqual([
      [null, 'applied'],
      [null, 'applied'],
      [null, 'deleted'],
    ]);
    expect([observedFrom, notices]).toEqual([null, []]);
    expect(readManifests(fixture('watch-initial-events.jsonl'), 'w').events).toHaveLength(1);
    expect(readManifests(fixture('watch-expired.jsonl'), 'w').notices.map(({ message }) => message)).toEqual([
      'The watch broke off here: too old resource version: 1 (9798). What happened until the next event is unknown.',
    ]);
  });

  test('recorded with times: what was there at the start has none', () => {
    const { events, observedFrom } = readManifests(fixture('removed-by-edit/policy-history.jsonl'), 'h.jsonl');
    expect(events.map(({ at, type, resource: { kind } }) => [at === null ? null : at - (observedFrom ?? 0), type, kind])).toEqual([
      [null, 'applied', 'AuthorizationPolicy'],
      [null, 'applied', 'Server'],
      [null, 'applied', 'MeshTLSAuthentication'],
      [1013, 'applied', 'AuthorizationPolicy'],
      [2542, 'deleted', 'AuthorizationPolicy'],
    ]);
  });

  test('in YAML, or with indentation, they are the same', () => {
    const lines = fixture('watch.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    const plain = readManifests(fixture('watch.jsonl'), 'w').events.map(({ type, resource: { spec } }) => [type, spec]);
    const again = (printed: string) => readManifests(printed, 'w').events.map(({ type, resource: { spec } }) => [type, spec]);
    expect(again(lines.map((line) => JSON.stringify(line, null, 4)).join('\n'))).toEqual(plain);
    expect(again(lines.map((line) => yaml(line)).join('---\n'))).toEqual(plain);
  });

  test('a recording that ends in the middle of an event keeps what is before it', () => {
    const { events, notices } = readManifests(fixture('removed-by-edit/policy-history.jsonl').trimEnd().slice(0, -30), 'h.jsonl');
    expect(events).toHaveLength(4);
    expect(notices.map(({ origin, message }) => [origin.line, message])).toEqual([
      [5, 'The recording ends in the middle of an event: 4 before it were read.'],
    ]);
  });
});

describe('notices', () => {
  const policy = (apiVersion: string, kind: string, rest = '') =>
    `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a, namespace: b${rest}}\n`;
  test.each([
    [
      'policy.linkerd.io/v1beta2',
      'AuthorizationPolicy',
      'AuthorizationPolicy has no apiVersion policy.linkerd.io/v1beta2: the API server refuses it and Linkerd never sees it. Write policy.linkerd.io/v1alpha1.',
    ],
    [
      'policy.linkerd.io/v1beta3',
      'ServerAuthorization',
      'ServerAuthorization has no apiVersion policy.linkerd.io/v1beta3: the API server refuses it and Linkerd never sees it. Write policy.linkerd.io/v1beta1.',
    ],
    [
      'policy.linkerd.io/v1alpha1',
      'AuthorisationPolicy',
      'policy.linkerd.io has no kind AuthorisationPolicy: the API server refuses it and Linkerd never sees it.',
    ],
    [
      'linkerd.io/v1alpha1',
      'Server',
      'Server is no kind of linkerd.io/v1alpha1: the API server refuses it and Linkerd never sees it. Write policy.linkerd.io/v1beta3.',
    ],
    [
      'v1',
      'NetworkAuthentication',
      'NetworkAuthentication is no kind of v1: the API server refuses it and Linkerd never sees it. Write policy.linkerd.io/v1alpha1.',
    ],
  ])('%s %s', (apiVersion, kind, message) => {
    expect(messages(policy(apiVersion, kind))).toEqual([[1, 1, message]]);
  });

  test('a version that an API server has served is newer, not wrong', () => {
    expect(messages(policy('policy.linkerd.io/v1', 'Server', ', uid: 70abd98f'))).toEqual([
      [1, 1, 'Server policy.linkerd.io/v1 is not known here, and is not counted. Dump it as policy.linkerd.io/v1beta3.'],
    ]);
  });

  test.each([
    ['policy.linkerd.io/v1beta1', 'Server'],
    ['policy.linkerd.io/v1alpha1', 'EgressNetwork'],
    ['gateway.networking.k8s.io/v1', 'HTTPRoute'],
    ['config.example.com/v1', 'Server'],
    ['v1', 'Secret'],
    ['serving.knative.dev/v1', 'Service'],
  ])('nothing is wrong with %s %s', (apiVersion, kind) => {
    expect(messages(policy(apiVersion, kind))).toEqual([]);
  });

  test('kinds that nothing reads are counted, with a name or without; ordinary ones are not', () => {
    const event = 'kind: Event\napiVersion: audit.k8s.io/v1\nauditID: 1\n';
    const { resources, unread } = readManifests(
      [policy('example.com/v1', 'Widget'), event, event, policy('v1', 'Endpoints')].join('---\n'),
      'x.yaml',
    );
    expect([...unread]).toEqual([
      ['Widget (example.com/v1)', 1],
      ['Event (audit.k8s.io/v1)', 2],
    ]);
    expect(resources.map(({ kind }) => kind)).toEqual(['Widget', 'Endpoints']);
  });

  test('an object without a namespace is in the default one; the notice counts them; cluster-wide kinds have none', () => {
    const nameless = (kind: string, name: string) => `apiVersion: v1\nkind: ${kind}\nmetadata: {name: ${name}}\n`;
    const content = [
      nameless('Pod', 'a'),
      nameless('Service', 'b'),
      nameless('Pod', 'c'),
      nameless('Namespace', 'd'),
      nameless('Widget', 'e'),
    ].join('---\n');
    const { resources, notices } = readManifests(content, 'x.yaml', { defaultNamespace: 'shop' });
    expect(resources.map(({ metadata }) => metadata.namespace)).toEqual(['shop', 'shop', 'shop', '', '']);
    expect(notices).toEqual([
      {
        origin: { file: 'x.yaml', line: 1, column: 1 },
        topic: 'namespace',
        count: 3,
        message: '"a" names no namespace: taken to be in shop.',
      },
    ]);
  });

  test('labels and annotations that are not text are left out', () => {
    const pod =
      'apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  namespace: b\n  labels:\n    app: x\n    port: 8080\n  annotations: [1]\n';
    expect(readManifests(pod, 'x.yaml').resources[0]?.metadata).toEqual({
      name: 'a',
      namespace: 'b',
      labels: { app: 'x' },
      annotations: {},
    });
    expect(messages(pod)).toEqual([
      [8, 11, 'labels "port" of "a" is the number 8080, not text: left out. The API server refuses it; put it in quotes.'],
      [9, 16, 'The annotations of "a" are a list, not text: left out. The API server refuses it; put it in quotes.'],
    ]);
  });

  test('of each thing one is told, and of endless things not all, in linear time', () => {
    const many = (field: (i: number) => object) =>
      JSON.stringify(Array.from({ length: 20_000 }, (_, i) => ({ kind: 'Server', metadata: { name: `a${i}` }, ...field(i) })));
    const start = performance.now();
    expect(
      readManifests(
        many(() => ({ apiVersion: 'policy.linkerd.io/v1beta3' })),
        'x',
      ).notices,
    ).toMatchObject([{ topic: 'namespace', count: 20_000 }]);
    const versions = readManifests(
      many((i) => ({ apiVersion: `policy.linkerd.io/v${i}` })),
      'x',
    ).notices;
    expect([versions.length, versions.at(-1)?.message]).toEqual([51, 'More is to be said than is said here.']);
    expect(performance.now() - start).toBeLessThan(15_000);
  });

  test('an object that will be named by the API server is left out', () => {
    expect(messages('apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: nightly-, namespace: b}\n')).toEqual([
      [1, 1, 'Job has only a generateName: left out, since nobody knows its name.'],
    ]);
  });
});

describe('a file that nobody named', () => {
  test.each([
    ['values of a chart', 'replicas: 2\n'],
    ['an object without a kind', 'apiVersion: v2\nname: chart\ntype: kind of\n'],
    ['a template that names neither word', '{{- define "x" -}}\n{{- end }}\n'],
    ['recorded traffic', '{"at": "2026", "client": {"kind": "Pod", "apiVersion": "v1"}}\n'],
  ])('is passed over when it holds %s', (_name, content) => {
    expect(readManifests(content, 'x.yaml', { mayBeOther: true })).toMatchObject({ isManifest: false, resources: [] });
  });

  test('is refused when it means to be a manifest and is none', () => {
    expect(() => readManifests('apiVersion: v1\nkind: Pod\nmetadata: {{ .x }}\n', 'x.yaml', { mayBeOther: true })).toThrow(
      'This is a template',
    );
    expect(() => readManifests('apiVersion: v1\nkind: Pod\n', 'x.yaml', { mayBeOther: true })).toThrow('This Pod has no metadata.name.');
  });
});

test('whatever the text, it is read or refused as input', () => {
  const bits = fc.constantFrom(
    'apiVersion: v1\n',
    'kind: Pod\n',
    'kind: List\n',
    'items:\n',
    '- ',
    '  name: a\n',
    'metadata:\n',
    '---\n',
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    '&a ',
    '*a',
    '<<: ',
    '|\n',
    '\t',
    '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}',
    '{"type":"ADDED","object":',
    '%YAML 1.1\n',
    '...\n',
    '!!binary x',
    '? ',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(bits, { maxLength: 12 }).map((parts) => parts.join('')),
        fc.string(),
      ),
      fc.boolean(),
      (content, mayBeOther) => {
        try {
          readManifests(content, 'x', { mayBeOther });
        } catch (error) {
          expect(error).toMatchObject({ name: 'InvalidInput', remedy: expect.stringMatching(/\S/) });
        }
      },
    ),
    { numRuns: 2000 },
  );
});
