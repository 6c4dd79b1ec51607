/**
 * What Rust's `serde` makes of JSON, as far as Linkerd's resource types use it: the webhook refuses what these refuse.
 * Unknown fields are ignored, a missing `Option` is null, a struct may also be written as a list of its fields in their order.
 * Complaints are worded after serde's; only the fact that there is one is exact.
 */

import { cannotParse } from './refusal.ts';
import { rustDebug } from './rust-text.ts';

/** Reads JSON or throws a `Refusal`. */
export type Decoder<T> = (value: unknown) => T;

/** One field of a struct: what it reads, and what it is when the object does not have it. */
export interface Field<T> {
  readonly decode: Decoder<T>;
  /** null: the field must be there. */
  readonly absent: { readonly value: T; readonly inLists: boolean } | null;
}

export function required<T>(decode: Decoder<T>): Field<T> {
  return { decode, absent: null };
}

/** `Option<T>`. */
export function optional<T>(decode: Decoder<T>): Field<T | null> {
  return { decode: nullable(decode), absent: { value: null, inLists: false } };
}

/** `Option<T>` with `#[serde(default)]`: may be missing even where the struct is written as a list. */
export function optionalByDefault<T>(decode: Decoder<T>): Field<T | null> {
  return { decode: nullable(decode), absent: { value: null, inLists: true } };
}

/** `#[serde(default)]` on a type that has no null. */
export function defaulted<T>(decode: Decoder<T>, value: T): Field<T> {
  return { decode, absent: { value, inLists: true } };
}

function nullable<T>(decode: Decoder<T>): Decoder<T | null> {
  return (value) => (value === null ? null : decode(value));
}

type Fields = Readonly<Record<string, Field<unknown>>>;
export type Struct<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** A struct; the order of `fields` is that of the Rust type. */
export function struct<F extends Fields>(name: string, fields: F): Decoder<Struct<F>> {
  const entries = Object.entries(fields);
  return (value) => {
    if (Array.isArray(value)) return structFromList(name, entries, value) as Struct<F>;
    if (!isMap(value)) return mismatch(value, `struct ${name}`);
    const read: [string, unknown][] = [];
    for (const [key, field] of entries) {
      if (Object.hasOwn(value, key)) read.push([key, field.decode(value[key])]);
      else if (field.absent === null) cannotParse(`missing field \`${key}\``);
      else read.push([key, field.absent.value]);
    }
    return Object.fromEntries(read) as Struct<F>;
  };
}

function structFromList(name: string, entries: readonly [string, Field<unknown>][], list: readonly unknown[]): object {
  if (list.length > entries.length) cannotParse(`invalid length ${list.length}, expected struct ${name} with ${entries.length} elements`);
  const read: [string, unknown][] = [];
  for (const [i, [key, field]] of entries.entries()) {
    if (i < list.length) read.push([key, field.decode(list[i])]);
    else if (field.absent?.inLists === true) read.push([key, field.absent.value]);
    else cannotParse(`invalid length ${list.length}, expected struct ${name} with ${entries.length} elements`);
  }
  return Object.fromEntries(read);
}

export const string: Decoder<string> = (value) => (typeof value === 'string' ? value : mismatch(value, 'a string'));

export const bool: Decoder<boolean> = (value) => (typeof value === 'boolean' ? value : mismatch(value, 'a boolean'));

export const u32 = integer('u32', 0, 2 ** 32 - 1);
export const i32 = integer('i32', -(2 ** 31), 2 ** 31 - 1);
export const i64 = integer('i64', -(2 ** 63), 2 ** 63 - 1);

function integer(name: string, least: number, most: number): Decoder<number> {
  return (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) return mismatch(value, name);
    return value >= least && value <= most ? value : cannotParse(`invalid value: integer \`${value}\`, expected ${name}`);
  };
}

export function list<T>(decode: Decoder<T>): Decoder<readonly T[]> {
  return (value) => (Array.isArray(value) ? value.map((item) => decode(item)) : mismatch(value, 'a sequence'));
}

export function map<T>(decode: Decoder<T>): Decoder<ReadonlyMap<string, T>> {
  return (value) => {
    if (!isMap(value)) return mismatch(value, 'a map');
    return new Map(Object.entries(value).map(([key, item]) => [key, decode(item)]));
  };
}

/** An enum without data. A variant may also be written `{"Variant": null}`. */
export function variant<const V extends readonly string[]>(variants: V): Decoder<V[number]> {
  return (value) => {
    const written = isMap(value) && Object.keys(value).length === 1 && Object.values(value)[0] === null ? Object.keys(value)[0] : value;
    if (typeof written !== 'string') return mismatch(value, 'string or map');
    return variants.find((v) => v === written) ?? unknownVariant(written, variants);
  };
}

/** An internally tagged enum (`#[serde(tag = "type")]`): the struct of its tag. */
export function tagged<T>(tag: string, variants: Readonly<Record<string, Decoder<T>>>): Decoder<T> {
  const names = Object.keys(variants);
  return (value) => {
    if (!isMap(value)) return mismatch(value, 'internally tagged enum');
    if (!Object.hasOwn(value, tag)) return cannotParse(`missing field \`${tag}\``);
    const written = string(value[tag]);
    const decode = Object.hasOwn(variants, written) ? variants[written] : undefined;
    return decode === undefined ? unknownVariant(written, names) : decode(value);
  };
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknownVariant(written: string, variants: readonly string[]): never {
  const quoted = variants.map((v) => `\`${v}\``);
  const expected = quoted.length === 2 ? quoted.join(' or ') : `one of ${quoted.join(', ')}`;
  return cannotParse(`unknown variant \`${written}\`, expected ${expected}`);
}

function mismatch(value: unknown, expected: string): never {
  return cannotParse(`invalid type: ${describe(value)}, expected ${expected}`);
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `string ${rustDebug(value)}`;
  if (typeof value === 'boolean') return `boolean \`${value}\``;
  if (typeof value === 'number') return `${Number.isInteger(value) ? 'integer' : 'floating point'} \`${value}\``;
  if (Array.isArray(value)) return 'sequence';
  return value === null || value === undefined ? 'null' : 'map';
}
