/** Our restatement against the CRDs themselves, where they are at hand: on each schema's own sample and thousands of damaged copies of it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isKubeDuration } from '../../src/policy/kube-duration.ts';
import { checkSchema } from '../../src/policy/schema.ts';
import { atHand, isMap, type Json, type OpenApi, readSchemas, type Verdict, validate } from './crd.ts';

/** An object with every field of the schema. */
function sample(schema: OpenApi): Json {
  if (schema['x-kubernetes-int-or-string'] === true) return 80;
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return { app: 'a' };
  if (schema.enum !== undefined) return schema.enum[0] as Json;
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, field]) => [name, sample(field)]));
    case 'array':
      return [sample(schema.items as OpenApi)];
    case 'integer':
      return 1;
    case 'boolean':
      return true;
    default:
      return ['a', '10s'].find(
        (s) => new RegExp(schema.pattern ?? '').test(s) && (schema.format === undefined || isKubeDuration(s)),
      ) as string;
  }
}

type Change = (value: Json) => Json | undefined;

const DAMAGES: readonly Change[] = [
  () => undefined,
  ...[null, true, 0, -1, 1.5, 302, 65535, 65536, 1_000_000, 1_000_001, [], {}, [null], { extra: 1 }].map((to: Json) => () => to),
  ...['', 'A-b_', 'a.b', '*.a', '10s', '1.5s', 'spiffe://a/b', 'é😀', 'a b', 'GET'].map((to) => () => to),
  ...[63, 64, 128, 129, 253, 254, 256, 257, 1024, 1025, 4096, 4097].map((n) => () => 'a'.repeat(n)),
  (v) => (Array.isArray(v) ? [...v, ...v] : isMap(v) ? { ...v, extra: v } : undefined),
  ...[8, 9, 16, 17, 32, 33].map(
    (n): Change =>
      (v) =>
        Array.isArray(v) ? Array.from({ length: n }, (_, i) => renamed(v[0], `n${i}`)) : v,
  ),
  (v) => (isMap(v) ? Object.fromEntries(Object.entries(v).slice(1)) : v),
];

function renamed(item: Json, name: string): Json {
  return isMap(item) && Object.hasOwn(item, 'name') ? { ...item, name } : item;
}

/** Every place in a value, by its keys. */
function places(value: Json, at: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  const inner = Array.isArray(value) ? value.map((item: Json, i: number) => [i, item] as const) : isMap(value) ? Object.entries(value) : [];
  return [at, ...inner.flatMap(([key, item]) => places(item, [...at, key]))];
}

function changed(value: Json, [key, ...rest]: readonly (string | number)[], change: (value: Json) => Json | undefined): Json | undefined {
  if (key === undefined) return change(value);
  if (Array.isArray(value))
    return value.flatMap((item: Json, i: number) => (i === key ? [changed(item, rest, change) ?? []].flat() : [item]));
  if (!isMap(value)) return value;
  const entries = Object.entries(value).map(([name, item]) => [name, name === key ? changed(item, rest, change) : item] as const);
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined)) as Json;
}

function compare(apiVersion: string, kind: string, schema: OpenApi, spec: Json): void {
  const verdict: Verdict = { faults: new Set(), unknown: [] };
  validate(schema.properties?.['spec'] as OpenApi, spec, 'spec', verdict);
  const got = checkSchema({ apiVersion, kind, metadata: { name: 'a', namespace: 'b' }, spec });
  const paths = [...new Set(got?.faults.map((fault) => fault.path))].sort();
  expect({ paths, unknown: got?.unknownFields }, `${apiVersion} ${kind} ${JSON.stringify(spec)}`).toEqual({
    paths: [...verdict.faults].sort(),
    unknown: verdict.unknown,
  });
}

describe.skipIf(!atHand)('the CRDs themselves (skipped where ../shared/schemas is absent)', () => {
  test('every version of every kind is known', () => {
    const schemas = readSchemas();
    expect(schemas.length).toBe(21);
    expect(
      schemas.filter(([apiVersion, kind]) => checkSchema({ apiVersion, kind, metadata: { name: 'a', namespace: 'b' } }) === null),
    ).toEqual([]);
  });

  test.each(readSchemas())('%s %s: damaged samples are judged alike', (apiVersion, kind, schema) => {
    expect(checkSchema({ apiVersion, kind, metadata: { name: 'a', namespace: 'b' } })?.ok).toBe(schema.required?.includes('spec') !== true);
    const whole = sample(schema.properties?.['spec'] as OpenApi);
    for (const place of places(whole)) {
      for (const damage of DAMAGES) compare(apiVersion, kind, schema, changed(whole, place, damage) ?? {});
    }
    const edit = fc.record({ place: fc.nat(), damage: fc.constantFrom(...DAMAGES) });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 2, maxLength: 5 }), (edits) => {
        const spec = edits.reduce<Json>((value, { place, damage }) => {
          const at = places(value);
          return changed(value, at[place % at.length] as readonly (string | number)[], damage) ?? {};
        }, whole);
        compare(apiVersion, kind, schema, spec);
      }),
    );
  });
});
