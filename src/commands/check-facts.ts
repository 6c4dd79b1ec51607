/** Reads what `check` looks at beside the objects: the API server's kinds and rights, Prometheus, the service's store. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type RuleState, ruleStates } from '../alerting/loaded.ts';
import { rulePack } from '../alerting/pack.ts';
import { DEFAULTS, type Settings } from '../alerting/settings.ts';
import { loadConfig } from '../config.ts';
import type { KubernetesClient } from '../drivers/kubernetes-client.ts';
import { nameOfKind, WATCHED_KINDS } from '../drivers/kubernetes-kinds.ts';
import { readRights } from '../drivers/kubernetes-rights.ts';
import { createPrometheus } from '../drivers/metrics-prometheus.ts';
import { createRuleServer } from '../drivers/rules-prometheus.ts';
import { openSqlite } from '../drivers/sqlite.ts';
import { isHeldByAnother } from '../drivers/sqlite-faults.ts';
import { createRedisStore } from '../drivers/store-redis.ts';
import { createSqliteStore } from '../drivers/store-sqlite.ts';
import type { Upstream } from '../drivers/upstream.ts';
import { InvalidInput, Unavailable } from '../errors.ts';
import { listOf } from '../policy/reading.ts';
import type { Resource } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import type { AlertingFacts, RuleManifest, Unread } from '../posture/check-alerting.ts';
import type { Right, StoreFact } from '../posture/check-rights.ts';
import type { PrometheusFacts } from '../posture/practice.ts';
import type { Io } from './command.ts';
import { learnFrom } from './rules.ts';
import { selectionsOf } from './rules-selection.ts';
import { REDIS_TIMEOUT, SQLITE_FILE } from './service-stores.ts';

/** What is lost without a right that decides nothing. */
const EXTRA_RIGHTS: readonly Omit<Right, 'isAllowed'>[] = [
  { resource: 'pods/log', verb: 'get', use: 'logs of proxies: who the client was' },
  { resource: 'pods/portforward', verb: 'create', use: 'counters of proxies, and a Prometheus that is found in the cluster' },
];
const ALERTING_KINDS: ReadonlySet<string> = new Set(['Prometheus', 'PrometheusRule', 'Alertmanager']);

/** `namespace`: empty: every one. */
export async function rightsOf(client: KubernetesClient, namespace: string): Promise<readonly Right[] | Unread> {
  const kinds = WATCHED_KINDS.filter(({ isOptional, kind }) => !isOptional && !ALERTING_KINDS.has(kind));
  const wanted = [
    ...kinds
      .filter(({ isNamespaced }) => isNamespaced || namespace === '')
      .map((kind) => ({ resource: nameOfKind(kind), verb: 'list', use: '' })),
    ...EXTRA_RIGHTS,
  ];
  return orUnread(() => readRights(client, namespace, wanted));
}

/** Without a Prometheus everything about it is unknown. */
export async function alertingFacts(
  upstream: Upstream | null,
  resources: readonly Resource[],
): Promise<Pick<AlertingFacts, 'prometheus' | 'targets' | 'rules' | 'manifests'>> {
  if (upstream === null) return { prometheus: null, targets: null, rules: null, manifests: manifestsIn(resources, DEFAULTS) };
  const server = createRuleServer(upstream);
  // At the same time: of one that does not answer each is waited for.
  const [learned, targets, running] = await Promise.all([
    orUnread(() => learnFrom(server)),
    orUnread(() => createPrometheus(upstream).targets()),
    orUnread(async () => ({ data: await server.rules() })),
  ]);
  const settings = 'why' in learned ? DEFAULTS : learned.settings;
  const rules = 'why' in running ? running : await orUnread(async () => goodAndBad(ruleStates(rulePack(settings).groups, running.data)));
  return { prometheus: upstream.place, targets, rules, manifests: manifestsIn(resources, settings) };
}

/** What posture is told by Prometheus; null: there is none. */
export async function prometheusFacts(upstream: Upstream | null): Promise<PrometheusFacts> {
  const { prometheus, targets, rules } = await alertingFacts(upstream, []);
  const retention = upstream === null ? null : await orUnread(() => createPrometheus(upstream).retention());
  return { prometheus, targets, rules, retention };
}

/** One that was tuned says something else than the pack does, and is as good. */
function goodAndBad(states: readonly RuleState[]): { readonly good: number; readonly bad: readonly string[] } {
  const bad = states.filter(({ state }) => state !== 'ok' && state !== 'other').map(({ rule }) => rule);
  return { good: states.length - bad.length, bad };
}

/** PrometheusRules that hold a group of the pack. */
export function manifestsIn(resources: readonly Resource[], settings: Settings): readonly RuleManifest[] {
  const groups = new Set(rulePack(settings).groups.map(({ name }) => name));
  const isOurs = ({ kind, spec }: Resource) =>
    kind === 'PrometheusRule' &&
    isObject(spec) &&
    listOf(spec['groups']).some((group) => isObject(group) && groups.has(String(group['name'])));
  return resources.filter(isOurs).map(({ metadata: { namespace, name, labels = {} } }) => ({
    name: `${namespace}/${name}`,
    by: selectionsOf(resources, { namespace, name, labels }).map(({ prometheus, isSelected, reasons }) => ({
      prometheus,
      isTaken: isSelected,
      reasons,
    })),
  }));
}

/** Nothing is written: a store that is not there yet is not made. null: no configuration was given. Errors: InvalidInput (the configuration). */
export async function storeFact(file: string | null, io: Io): Promise<StoreFact | null> {
  const isConfigured = file !== null || Object.keys(io.env).some((name) => /^DENYWHY_(?:STORE|REDIS)_/.test(name));
  if (!isConfigured) return null;
  const { config } = loadConfig(io.env, file);
  if (config.store.driver === 'sqlite') {
    const path = join(config.store.directory, SQLITE_FILE);
    const name = `store ${path}`;
    if (!existsSync(path)) return { name, durability: 'not there yet; denywhy serve makes it.' };
    return withStore(name, async () => createSqliteStore(openSqlite(path), () => io.now));
  }
  const { url, prefix } = config.redis;
  return withStore('store in Redis', () => createRedisStore({ url, prefix, timeout: REDIS_TIMEOUT }));
}

async function withStore(name: string, open: () => Promise<{ durability(): string; close(): Promise<void> }>): Promise<StoreFact> {
  const fact = await orUnread(async () => {
    const store = await open().catch(heldByAnother);
    if (store === null) return { durability: HELD };
    const durability = store.durability();
    await store.close();
    return { durability };
  });
  return { name, ...fact };
}

const HELD = 'held by another process, as by denywhy serve while it runs; GET /readyz there says what survives a loss.';

function heldByAnother(error: unknown): null {
  if (isHeldByAnother(error)) return null;
  throw error;
}

export async function orUnread<T>(read: () => Promise<T>): Promise<T | Unread> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Unavailable || error instanceof InvalidInput) return { why: error.message, remedy: error.remedy };
    throw error;
  }
}
