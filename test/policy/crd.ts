/** The CRDs themselves, read in place from ../shared/schemas, and a validator of the part of OpenAPI that they use. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { isKubeDuration } from '../../src/policy/kube-duration.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface OpenApi {
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
/** Whether the schemas are there. */
export const atHand = existsSync(folder);
const ours = /^(policy\.linkerd\.io|workload\.linkerd\.io)_|_(httproutes|grpcroutes)\.yaml$/;

/** Of each served version of each kind: its `apiVersion`, its kind, its schema. */
export function readSchemas(): readonly (readonly [string, string, OpenApi])[] {
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
export interface Verdict {
  readonly faults: Set<string>;
  readonly unknown: string[];
}

export function isMap(value: Json | undefined): value is { readonly [key: string]: Json } {
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
export function validate(schema: OpenApi, value: Json, path: string, verdict: Verdict): void {
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
