/**
 * `config` of the chart's values, as the keys of denywhy's configuration allow it: `node test/deploy/chart-config.ts` writes it into
 * deploy/chart/values.schema.json.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configKeys } from '../../src/config.ts';

export const SCHEMA_FILE = join(import.meta.dirname, '../../deploy/chart/values.schema.json');

/** Keys that the chart sets itself. */
const OWN: ReadonlySet<string> = new Set([
  ...['listen.address', 'auth.tokens', 'store.driver', 'store.directory', 'redis.url'],
  ...['kubernetes.watch', 'kubernetes.kubeconfig', 'kubernetes.context'],
]);

/** Keys that are namespaces: the chart makes a Role in each. */
const NAMESPACES: ReadonlySet<string> = new Set(['logs.namespaces', 'logs.follow']);

interface Section {
  readonly type: 'object';
  readonly additionalProperties: false;
  readonly properties: Record<string, object>;
}

const NAMESPACE_LIST = { type: 'array', items: { type: 'string', pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' }, uniqueItems: true };
const ANY = { type: ['string', 'number', 'boolean', 'array'], items: { type: 'string' } };

/** Each section with its keys. Secrets are there as the file that holds them only. */
export function chartConfigSchema(): { readonly properties: Readonly<Record<string, Section>> } {
  const properties: Record<string, Section> = {};
  for (const { key, description, isSecret } of configKeys()) {
    if (OWN.has(key)) continue;
    const [section = '', name = ''] = key.split('.');
    properties[section] ??= { type: 'object', additionalProperties: false, properties: {} };
    properties[section].properties[isSecret ? `${name}File` : name] = isSecret
      ? { type: 'string', description: `File with it: ${description.replace(/^Secret\S* /, '')}` }
      : { ...(NAMESPACES.has(key) ? NAMESPACE_LIST : ANY), description };
  }
  return { properties };
}

if (import.meta.main) {
  const schema = JSON.parse(readFileSync(SCHEMA_FILE, 'utf8'));
  Object.assign(schema.properties.config, chartConfigSchema());
  writeFileSync(SCHEMA_FILE, `${JSON.stringify(schema, null, 2)}\n`);
}
