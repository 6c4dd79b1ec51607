/** Our restatement against the CRDs themselves, where they are at hand: on each schema's own sample and thousands of damaged copies of it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { isKubeDuration } from '../../src/policy/kube-duration.ts';
import { checkSchema } from '../../src/policy/schema.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

interface OpenApi {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, OpenApi>>;
  readonly items?: OpenApi;
  readonly required?: readonly string[];
  readonly oneOf?: readonly { readonly required: readonly string[] }[];
  readonly enum?: readonly Json[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: Json;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
}

interface Crd {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly schema: { readonly openAPIV3Schema: OpenApi };
    }[];
  };
}

const folder = new URL('../../../shared/schemas/', import.meta.url);
const atHand = existsSync(folder);
const ours = /^(policy\.linkerd\.io|workload\.linkerd\.io)_|_(httproutes|grpcroutes)\.yaml$/;

function readSchemas(): readonly (readonly [string, string, OpenApi])[] {
  if (!atHand) return [];
  return readdirSync(folder)
    .filter((file) => ours.test(file))
    .flatMap((file) => {
      const { spec } = parse(readFileSync(new URL(file, folder), 'utf8')) as Crd;
      return spec.versions
        .filter((v) => v.served)
        .map((v) => [`${spec.group}/${v.name}`, spec.names.kind, v.schema.openAPIV3Schema] as const);
    });
}

/** Paths of what is wrong, and of what the schema does not know. */
interface Verdict {
  readonly faults: Set<string>;
  readonly unknown: string[];
}

function isMap(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const TYPES: Readonly<Record<string, (value: Json) => boolean>> = {
  object: isMap,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  integer: (value) => Number.isInteger(value),
};

/** The part of OpenAPI that these CRDs use. */
function validate(schema: OpenApi, value: Json, path: string, verdict: Verdict): void {
  const need = (holds: boolean, at = path): void => {
    if (!holds) verdict.faults.add(at);
  };
  if (schema['x-kubernetes-int-or-string'] === true) need(Number.isInteger(value) || typeof value === 'string');
  else if (schema.type !== undefined && TYPES[schema.type]?.(value) !== true) need(false);
  else {
    need(schema.enum === undefined || schema.enum.some((e) => e === value));
    if (typeof value === 'number') need(value >= (schema.minimum ?? -MANY) && value <= (schema.maximum ?? MANY));
    if (typeof value === 'string') {
      need([...value].length >= (schema.minLength ?? 0) && [...value].length <= (schema.maxLength ?? MANY));
      need(schema.pattern === undefined || new RegExp(schema.pattern).test(value));
      need(schema.format !== 'duration' || isKubeDuration(value));
    }
    if (Array.isArray(value)) validateList(schema, value, path, verdict, need);
    if (isMap(value)) validateMap(schema, value, path, verdict, need);
  }
}

const MANY = Number.POSITIVE_INFINITY;
type Need = (holds: boolean, at?: string) => void;

function validateList(schema: OpenApi, value: readonly Json[], path: string, verdict: Verdict, need: Need): void {
  need(value.length >= (schema.minItems ?? 0) && value.length <= (schema.maxItems ?? MANY));
  const listType = schema['x-kubernetes-list-type'];
  const keys = value.map((item) => (listType === 'map' && isMap(item) ? item['name'] : listType === 'set' ? item : undefined));
  for (const [i, item] of value.entries()) {
    validate(schema.items as OpenApi, item, `${path}[${i}]`, verdict);
    need(keys[i] === undefined || keys.indexOf(keys[i]) === i, `${path}[${i}]`);
  }
}

function validateMap(schema: OpenApi, value: { readonly [key: string]: Json }, path: string, verdict: Verdict, need: Need): void {
  for (const name of schema.required ?? []) need(Object.hasOwn(value, name), `${path}.${name}`);
  const given = schema.oneOf?.filter((o) => o.required.every((name) => Object.hasOwn(value, name))).length ?? 1;
  need(given === 1);
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return;
  for (const [name, item] of Object.entries(value)) {
    const field = Object.hasOwn(schema.properties ?? {}, name) ? schema.properties?.[name] : undefined;
    if (field === undefined) verdict.unknown.push(`${path}.${name}`);
    else if (item !== null || field.default === undefined) validate(field, item, `${path}.${name}`, verdict);
  }
}

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
