/**
 * The service's configuration: environment and one YAML file, checked as a whole. The environment goes before the file, both before the defaults.
 * A key `store.directory` is `DENYWHY_STORE_DIRECTORY` in the environment; a list is separated by commas there. A secret may stand in a file of its
 * own: `DENYWHY_AUTH_TOKENS_FILE`, or `tokensFile` in the YAML.
 */
import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type * as z from 'zod';
import { type Config, configSchema } from './config-schema.ts';
import { InvalidInput } from './errors.ts';

/** Where a value came from: `default`, the name of a variable, or a key of the file. */
export type Origins = ReadonlyMap<string, string>;

export interface LoadedConfig {
  readonly config: Config;
  /** By key: `store.directory`. */
  readonly origins: Origins;
}

/** One key of the schema. */
export interface ConfigKey {
  /** `store.directory`. */
  readonly key: string;
  /** `DENYWHY_STORE_DIRECTORY`. */
  readonly variable: string;
  readonly description: string;
  readonly isSecret: boolean;
}

const PREFIX = 'DENYWHY_';
/** Variables that are no keys. */
const OTHERS: ReadonlySet<string> = new Set(['DENYWHY_CONFIG', 'DENYWHY_DEBUG']);

/** All keys, in the order of the schema. */
export function configKeys(): readonly ConfigKey[] {
  return Object.entries(configSchema.shape).flatMap(([section, schema]) =>
    Object.entries(schema.unwrap().shape).map(([name, value]) => {
      const description = value.description ?? '';
      const variable = `${PREFIX}${section}_${name.replace(/[A-Z]/g, '_$&')}`.toUpperCase();
      return { key: `${section}.${name}`, variable, description, isSecret: description.startsWith('Secret') };
    }),
  );
}

interface Given {
  readonly value: unknown;
  readonly origin: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads and checks everything. `path`: the file that `--config` names; null: that of `DENYWHY_CONFIG`, or none. Errors: InvalidInput with all faults. */
export function loadConfig(env: Environment, path: string | null): LoadedConfig {
  const faults: string[] = [];
  const file = path ?? env['DENYWHY_CONFIG'] ?? null;
  const given = new Map<string, Given>(file === null ? [] : fromFile(file, faults));
  for (const [key, value] of fromEnvironment(env, faults)) given.set(key, value);
  const result = configSchema.safeParse(nested(given));
  if (!result.success) faults.push(...result.error.issues.map((issue) => showIssue(issue, given)));
  else faults.push(...contradictions(result.data, given));
  if (!result.success || faults.length > 0) {
    const count = faults.length === 1 ? 'The configuration has a fault' : `The configuration has ${faults.length} faults`;
    throw new InvalidInput(`${count}:`, [...faults, 'denywhy config shows the keys; docs/configuration.md explains them.'].join('\n'));
  }
  const origins = new Map(configKeys().map(({ key }) => [key, given.get(key)?.origin ?? 'default']));
  return { config: deepFreeze(result.data), origins };
}

function fromEnvironment(env: Environment, faults: string[]): readonly (readonly [string, Given])[] {
  const known = new Map(configKeys().map((key) => [key.variable, key]));
  const given: (readonly [string, Given])[] = [];
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || OTHERS.has(variable) || value === undefined) continue;
    const key = known.get(variable);
    const secret = variable.endsWith('_FILE') ? known.get(variable.slice(0, -'_FILE'.length)) : undefined;
    if (key !== undefined) given.push([key.key, { value, origin: variable }]);
    else if (secret?.isSecret === true) {
      if (env[secret.variable] !== undefined) faults.push(`${variable}: ${secret.variable} is set too. Keep one of them.`);
      const text = readSecret(value, variable, faults);
      if (text !== null) given.push([secret.key, { value: text, origin: `${variable} (${value})` }]);
    } else faults.push(`${variable}: there is no such key.${nearest(variable, [...known.keys()])}`);
  }
  return given;
}

function fromFile(path: string, faults: string[]): readonly (readonly [string, Given])[] {
  const text = readText(path, '--config', faults);
  if (text === null) return [];
  const document = parseDocument(text, { merge: false, maxAliasCount: 0, uniqueKeys: true } as never);
  const [error] = document.errors;
  if (error !== undefined) {
    const at = error.linePos?.[0];
    faults.push(`${path}${at === undefined ? '' : `:${at.line}:${at.col}`}: this is not YAML: ${error.message.split('\n')[0]}`);
    return [];
  }
  const root: unknown = document.toJS({ mapAsMap: true, maxAliasCount: 0 });
  if (root === null || root === undefined) return [];
  if (!(root instanceof Map)) {
    faults.push(`${path}: a configuration is a map of sections, such as "store: {driver: sqlite}".`);
    return [];
  }
  return sectionsOf(root, path, faults);
}

function sectionsOf(root: ReadonlyMap<unknown, unknown>, path: string, faults: string[]): readonly (readonly [string, Given])[] {
  const known = new Map(configKeys().map((key) => [key.key, key]));
  const given: (readonly [string, Given])[] = [];
  for (const [section, values] of root) {
    if (!(values instanceof Map)) {
      faults.push(`${path}: ${show(section)}: a section is a map of keys.${nearest(String(section), [...known.keys()])}`);
      continue;
    }
    for (const [name, value] of values) {
      const key = `${section}.${name}`;
      const secret = known.get(key.replace(/File$/, ''));
      if (known.has(key)) given.push([key, { value, origin: `${path}: ${key}` }]);
      else if (secret?.isSecret === true && key.endsWith('File')) {
        const text = readSecret(String(value), `${path}: ${key}`, faults);
        if (text !== null) given.push([secret.key, { value: text, origin: `${path}: ${key} (${value})` }]);
      } else faults.push(`${path}: ${show(key)}: there is no such key.${nearest(key, [...known.keys()])}`);
    }
  }
  return given;
}

function readSecret(path: string, where: string, faults: string[]): string | null {
  return readText(path, where, faults)?.trimEnd() ?? null;
}

function readText(path: string, where: string, faults: string[]): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    faults.push(`${where}: ${show(path)} cannot be read (${code}). Name a file that this user may read.`);
    return null;
  }
}

function nested(given: ReadonlyMap<string, Given>): unknown {
  const root: Record<string, Record<string, unknown>> = {};
  for (const [key, { value }] of given) {
    const [section = '', name = ''] = key.split('.');
    root[section] ??= {};
    root[section][name] = value;
  }
  return root;
}

function showIssue({ path, message }: z.core.$ZodIssue, given: ReadonlyMap<string, Given>): string {
  const key = path.slice(0, 2).map(String).join('.');
  const from = given.get(key);
  const isSecret = configKeys().some((k) => k.key === key && k.isSecret);
  const value = from === undefined || isSecret ? '' : ` is ${show(from.value)}`;
  return `${key}${value}: ${message} (from ${from?.origin ?? 'default'})`;
}

/** What each value alone does not show. */
function contradictions(config: Config, given: ReadonlyMap<string, Given>): readonly string[] {
  const faults: string[] = [];
  const from = (key: string) => `(from ${given.get(key)?.origin ?? 'default'})`;
  const { host } = config.listen.address;
  if (!isLoopback(host) && config.auth.tokens.length === 0)
    faults.push(
      `listen.address is ${show(host)}, which others can reach, and there are no tokens: set auth.tokens, or listen on 127.0.0.1 ${from('listen.address')}`,
    );
  if (config.kubernetes.watch && config.cluster.manifests.length > 0)
    faults.push(
      `kubernetes.watch and cluster.manifests exclude each other: keep one ${from(given.has('cluster.manifests') ? 'cluster.manifests' : 'kubernetes.watch')}`,
    );
  if (config.limits.unpacked < config.limits.body)
    faults.push(`limits.unpacked is smaller than limits.body: a body does not shrink when it is unpacked ${from('limits.unpacked')}`);
  for (const section of ['prometheus', 'alertmanager', 'loki'] as const) faults.push(...accessFaults(section, config[section], from));
  if (config.loki.url !== '' && config.logs.namespaces.length + config.logs.follow.length === 0)
    faults.push(
      `loki.url is given, and neither logs.namespaces nor logs.follow names a namespace: nothing would be read ${from('loki.url')}`,
    );
  if (config.limits.held < config.limits.body)
    faults.push(`limits.held is smaller than limits.body: no body of that size could ever be held ${from('limits.held')}`);
  return faults;
}

function accessFaults(
  section: string,
  access: Config['prometheus'] | Config['alertmanager'] | Config['loki'],
  from: (key: string) => string,
): readonly string[] {
  const key = (name: string) => `${section}.${name}`;
  const given = [access.credentials, access.credentialsFile, access.username].filter((value) => value !== '');
  return [
    ...(given.length > 1
      ? [`${key('credentials')}, ${key('credentialsFile')} and ${key('username')} exclude each other: keep one ${from(key('credentials'))}`]
      : []),
    ...(access.password !== '' && access.username === ''
      ? [`${key('password')} is given without ${key('username')} ${from(key('password'))}`]
      : []),
    ...((access.certFile === '') === (access.keyFile === '')
      ? []
      : [`${key('certFile')} and ${key('keyFile')} go together ${from(key('certFile'))}`]),
  ];
}

/** 127.0.0.0/8, ::1 and their names. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function show(value: unknown): string {
  const whole = JSON.stringify(value instanceof Map ? Object.fromEntries(value) : value) ?? String(value);
  const text = whole.replace(/\/\/[^/@\s"]{0,500}@/g, '//…@');
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

/** A key that differs in little. */
function nearest(text: string, known: readonly string[]): string {
  const plain = (s: string) => s.toLowerCase().replace(/[^a-z]/g, '');
  const end = (s: string) => s.split(/[._]/).at(-1) ?? '';
  const hit = known.find((k) => plain(k) === plain(text)) ?? known.find((k) => plain(end(k)) === plain(end(text)));
  return hit === undefined ? '' : ` Did you mean ${hit}?`;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) deepFreeze(part);
    Object.freeze(value);
  }
  return value;
}
