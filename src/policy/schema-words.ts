/** The few words in which the CRDs' schemas are restated. */

export interface StringSchema {
  readonly type: 'string';
  /** In characters. */
  readonly min: number;
  readonly max: number;
  readonly pattern?: RegExp;
  readonly values?: readonly string[];
  readonly format?: 'duration';
}

export interface IntegerSchema {
  readonly type: 'integer';
  readonly min: number;
  readonly max: number;
  readonly values?: readonly number[];
}

export interface ListSchema {
  readonly type: 'list';
  readonly items: Schema;
  readonly min: number;
  readonly max: number;
  /** No two items alike, or none with the same name. */
  readonly unique?: 'name' | 'item';
}

export interface ObjectSchema {
  readonly type: 'object';
  readonly fields: Readonly<Record<string, FieldSchema>>;
  readonly required: readonly string[];
  readonly exactlyOne?: readonly string[];
}

export interface FieldSchema {
  readonly schema: Schema;
  /** The schema has a default: null means that one instead of being a fault. */
  readonly defaulted: boolean;
}

export type Schema =
  | StringSchema
  | IntegerSchema
  | ListSchema
  | ObjectSchema
  | { readonly type: 'boolean' }
  | { readonly type: 'int-or-string' }
  /** A map whose content is not looked at. */
  | { readonly type: 'anything' };

export interface KindSchema {
  readonly spec: Schema;
  readonly specRequired: boolean;
}

const UNBOUNDED = Number.POSITIVE_INFINITY;

export function text(limits: Partial<Omit<StringSchema, 'type'>> = {}): StringSchema {
  return { type: 'string', min: 0, max: UNBOUNDED, ...limits };
}

export function oneOf(...values: readonly string[]): StringSchema {
  return text({ values });
}

export function integer(limits: Partial<Omit<IntegerSchema, 'type'>> = {}): IntegerSchema {
  return { type: 'integer', min: -UNBOUNDED, max: UNBOUNDED, ...limits };
}

export function listOf(items: Schema, limits: Partial<Omit<ListSchema, 'type' | 'items'>> = {}): ListSchema {
  return { type: 'list', items, min: 0, max: UNBOUNDED, ...limits };
}

/** Marks a field that has a default. */
export function withDefault(schema: Schema): FieldSchema {
  return { schema, defaulted: true };
}

/** `required` names fields that must be there, `exactlyOne` those of which one must be. */
export function object(
  fields: Readonly<Record<string, Schema | FieldSchema>>,
  rules: { readonly required?: readonly string[]; readonly exactlyOne?: readonly string[] } = {},
): ObjectSchema {
  const entries = Object.entries(fields).map(([name, field]) => [name, 'type' in field ? { schema: field, defaulted: false } : field]);
  return { type: 'object', fields: Object.fromEntries(entries), required: [], ...rules };
}

export const BOOLEAN: Schema = { type: 'boolean' };
export const INT_OR_STRING: Schema = { type: 'int-or-string' };
export const ANYTHING: Schema = { type: 'anything' };

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** A DNS label, of any length unless said. */
export function label(limits: { readonly min?: number; readonly max?: number } = {}): StringSchema {
  return text({ ...limits, pattern: LABEL });
}

export const DNS_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** An API group, or nothing for the core one. */
export const GROUP = text({ max: 253, pattern: new RegExp(`^$|${DNS_NAME.source}`) });
export const KIND = text({ min: 1, max: 63, pattern: /^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/ });
export const NAME = text({ min: 1, max: 253 });
