/**
 * The service's configuration: environment and one YAML file, checked as a whole. The environment goes before the file, both before the defaults.
 * A key `store.directory` is `DENYWHY_STORE_DIRECTORY` in the environment; a list is separated by commas there. A secret may stand in a file of its
 * own: `DENYWHY_AUTH_TOKENS_FILE`, or `tokensFile` in the YAML.
 */
import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { bytes, count, duration, listenAddress, names, redisUrl, texts, tokenList, yesOrNo } from './config-values.ts';
import { InvalidInput } from './errors.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MIB = 2 ** 20;

/** Every key with its meaning and its default, in the order in which they are shown. */
export const configSchema = z.strictObject({
  listen: z
    .strictObject({
      address: listenAddress
        .default({ host: '127.0.0.1', port: 8417 })
        .describe('Address and port to listen on. Any but loopback needs tokens.'),
    })
    .prefault({}),
  auth: z
    .strictObject({
      tokens: tokenList.default([]).describe('Secret. One token per line: NAME SCOPE[,SCOPE] TOKEN; scopes are intake, read and triage.'),
    })
    .prefault({}),
  cluster: z
    .strictObject({
      name: z.string().max(253).default('').describe('The cluster of facts that name none.'),
      manifests: texts.default([]).describe('Files and directories that hold the policy; they are watched.'),
      namespace: z.string().min(1).max(63).default('default').describe('Namespace of manifests that name none.'),
      poll: duration(100).default(2000).describe('How often the manifests are looked at for changes.'),
    })
    .prefault({}),
  store: z
    .strictObject({
      driver: z.enum(['sqlite', 'redis']).default('sqlite').describe('sqlite: one process; redis: any number of replicas.'),
      directory: z.string().min(1).default('denywhy-data').describe('Where SQLite keeps its file.'),
    })
    .prefault({}),
  redis: z
    .strictObject({
      url: redisUrl.default('redis://127.0.0.1:6379').describe('Secret, where it holds a password. redis:// or rediss://.'),
      prefix: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, - and _, at most 64')
        .default('denywhy')
        .describe('What all keys begin with.'),
    })
    .prefault({}),
  queue: z
    .strictObject({
      concurrency: count(1, 64).default(2).describe('Explanations made at a time.'),
      attempts: count(1, 100).default(5).describe('Attempts before a job is parked.'),
    })
    .prefault({}),
  publish: z
    .strictObject({
      queues: names.default(['denywhy-incidents']).describe('BullMQ queues that get each explained incident; none: off. With redis only.'),
      waiting: count(1, 1_000_000).default(10_000).describe('Most jobs that wait in each; the oldest are dropped.'),
    })
    .prefault({}),
  triage: z
    .strictObject({
      quiet: duration(1000)
        .default(15 * 60_000)
        .describe('An incident ends after so long without evidence and without a firing alert.'),
      remember: duration(1000).default(HOUR).describe('How long a body that was accepted is known again.'),
      wait: duration(1000)
        .default(5 * 60_000)
        .describe('How long facts wait for the workload of their pod.'),
    })
    .prefault({}),
  retention: z
    .strictObject({
      age: duration(60_000)
        .default(90 * DAY)
        .describe('Resolved incidents older than this go.'),
      incidents: count(1, 10_000_000).default(10_000).describe('Most incidents; resolved ones go, oldest first.'),
      observations: count(1, 10_000_000).default(50_000).describe('Most different observations of allowed traffic.'),
      events: count(1, 10_000_000).default(100_000).describe('Most events of the stream.'),
      policyRevisions: count(1, 100_000).default(1000).describe('Most recorded changes of the policy.'),
    })
    .prefault({}),
  limits: z
    .strictObject({
      body: bytes(1024)
        .default(32 * MIB)
        .describe('Most bytes of a body as it is sent.'),
      unpacked: bytes(1024)
        .default(256 * MIB)
        .describe('Most bytes of a body once unpacked.'),
      held: bytes(MIB)
        .default(128 * MIB)
        .describe('Most bytes of bodies that are held in memory at a time.'),
      bodyTime: duration(100).default(30_000).describe('How long a sender may take for a body.'),
      headers: bytes(1024)
        .default(16 * 1024)
        .describe('Most bytes of the headers.'),
      requests: count(1, 100_000).default(256).describe('Most requests at a time.'),
      connections: count(1, 1_000_000).default(1024).describe('Most connections at a time.'),
      streams: count(0, 10_000).default(64).describe('Most readers of the stream of events at a time.'),
      alerts: count(1, 1_000_000).default(10_000).describe('Most alerts of one body.'),
      facts: count(1, 1_000_000).default(50_000).describe('Most facts of one body that differ.'),
    })
    .prefault({}),
  metrics: z.strictObject({ open: yesOrNo.default(false).describe('/metrics needs no token.') }).prefault({}),
  log: z.strictObject({ level: z.enum(['error', 'warn', 'info', 'debug']).default('info').describe('What is logged.') }).prefault({}),
});

export type Config = z.infer<typeof configSchema>;

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
  if (config.limits.unpacked < config.limits.body)
    faults.push(`limits.unpacked is smaller than limits.body: a body does not shrink when it is unpacked ${from('limits.unpacked')}`);
  if (config.limits.held < config.limits.body)
    faults.push(`limits.held is smaller than limits.body: no body of that size could ever be held ${from('limits.held')}`);
  return faults;
}

/** 127.0.0.0/8, ::1 and their names. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function show(value: unknown): string {
  const text = JSON.stringify(value instanceof Map ? Object.fromEntries(value) : value) ?? String(value);
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
