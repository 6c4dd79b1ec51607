/** What the API server's schema check says of an object, before any webhook is asked: the CRDs' structural rules, without their CEL rules. */

import { isKubeDuration } from './kube-duration.ts';
import type { Resource } from './resource.ts';
import { POLICY_SCHEMAS } from './schema-policy.ts';
import { ROUTE_SCHEMAS } from './schema-route.ts';
import type { IntegerSchema, ListSchema, ObjectSchema, Schema, StringSchema } from './schema-words.ts';
import { isMap } from './serde.ts';

export interface SchemaFault {
  /** `spec.rules[0].matches[1].method` */
  readonly path: string;
  readonly message: string;
}

export interface SchemaResult {
  readonly ok: boolean;
  readonly faults: readonly SchemaFault[];
  /** Paths of fields that the schema does not know: stored without them, or refused under strict validation (kubectl's default). */
  readonly unknownFields: readonly string[];
}

interface Found {
  readonly faults: SchemaFault[];
  readonly unknownFields: string[];
}

/** null where no schema is known: other kinds, versions that no CRD serves. */
export function checkSchema(resource: Resource): SchemaResult | null {
  const key = `${resource.apiVersion}/${resource.kind}`;
  const schema = POLICY_SCHEMAS.get(key) ?? ROUTE_SCHEMAS.get(key);
  if (schema === undefined) return null;
  const found: Found = { faults: [], unknownFields: [] };
  if (resource.spec !== undefined) check(schema.spec, resource.spec, 'spec', found);
  else if (schema.specRequired) found.faults.push({ path: 'spec', message: 'required' });
  return { ok: found.faults.length === 0, ...found };
}

function check(schema: Schema, value: unknown, path: string, found: Found): void {
  if (schema.type === 'list' && Array.isArray(value)) checkList(schema, value, path, found);
  else if (schema.type === 'object' && isMap(value)) checkObject(schema, value, path, found);
  else for (const message of valueFaults(schema, value)) found.faults.push({ path, message });
}

/** Faults of a value without fields or items of its own. */
function valueFaults(schema: Schema, value: unknown): readonly string[] {
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' ? stringFaults(schema, value) : ['must be a string'];
    case 'integer':
      return Number.isInteger(value) ? integerFaults(schema, value as number) : ['must be an integer'];
    case 'boolean':
      return typeof value === 'boolean' ? [] : ['must be true or false'];
    case 'int-or-string':
      return typeof value === 'string' || Number.isInteger(value) ? [] : ['must be an integer or a string'];
    case 'anything':
      return isMap(value) ? [] : ['must be a map'];
    case 'list':
      return ['must be a list'];
    case 'object':
      return ['must be a map'];
  }
}

function integerFaults(schema: IntegerSchema, value: number): readonly string[] {
  const faults: string[] = [];
  if (value < schema.min || value > schema.max) faults.push(`must be from ${schema.min} to ${schema.max}`);
  if (schema.values !== undefined && !schema.values.includes(value)) faults.push(`must be ${schema.values.join(' or ')}`);
  return faults;
}

function stringFaults(schema: StringSchema, value: string): readonly string[] {
  const faults: string[] = [];
  const length = schema.max < value.length ? [...value].length : value.length;
  if (length < schema.min) faults.push('must not be empty');
  if (length > schema.max) faults.push(`must not be longer than ${schema.max} characters`);
  if (schema.values !== undefined && !schema.values.includes(value)) faults.push(`must be one of ${schema.values.join(', ')}`);
  if (schema.pattern !== undefined && !schema.pattern.test(value)) faults.push(`must match ${schema.pattern.source}`);
  if (schema.format === 'duration' && !isKubeDuration(value)) faults.push('must be a duration such as 10s or 1h30m');
  return faults;
}

function checkList(schema: ListSchema, value: readonly unknown[], path: string, found: Found): void {
  if (value.length < schema.min) found.faults.push({ path, message: `must have at least ${schema.min} item` });
  if (value.length > schema.max) found.faults.push({ path, message: `must not have more than ${schema.max} items` });
  const seen = new Set<unknown>();
  for (const [i, item] of value.entries()) {
    check(schema.items, item, `${path}[${i}]`, found);
    if (schema.unique === undefined) continue;
    const key = schema.unique === 'name' ? nameOf(item) : item;
    if (seen.has(key) && key !== undefined) found.faults.push({ path: `${path}[${i}]`, message: 'appears twice in the list' });
    seen.add(key);
  }
}

function nameOf(item: unknown): unknown {
  return isMap(item) && Object.hasOwn(item, 'name') ? item['name'] : undefined;
}

function checkObject(schema: ObjectSchema, value: Readonly<Record<string, unknown>>, path: string, found: Found): void {
  for (const [name, item] of Object.entries(value)) {
    const field = Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined;
    if (field === undefined) found.unknownFields.push(`${path}.${name}`);
    else if (item !== null || !field.defaulted) check(field.schema, item, `${path}.${name}`, found);
  }
  for (const name of schema.required) {
    if (!Object.hasOwn(value, name)) found.faults.push({ path: `${path}.${name}`, message: 'required' });
  }
  if (schema.exactlyOne !== undefined) {
    const given = schema.exactlyOne.filter((name) => Object.hasOwn(value, name)).length;
    if (given !== 1) found.faults.push({ path, message: `must have exactly one of ${schema.exactlyOne.join(', ')}` });
  }
}
