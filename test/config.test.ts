import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configKeys, loadConfig } from '../src/config.ts';
import { configTable } from './config-table.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'denywhy-config-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const TOKEN = 'a-token-of-20-letters';

function file(text: string, name = 'denywhy.yaml'): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

/** Message and remedy of the refusal. */
function refusal(env: Readonly<Record<string, string>>, path: string | null = null): string {
  try {
    loadConfig(env, path);
  } catch (error) {
    if (error instanceof Error && 'remedy' in error) return `${error.message}\n${error.remedy}`;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('the configuration', () => {
  it('has a default for everything, and cannot be changed', () => {
    const { config, origins } = loadConfig({}, null);
    expect(config.listen.address).toEqual({ host: '127.0.0.1', port: 8417 });
    expect(new Set(origins.values())).toEqual(new Set(['default']));
    expect(() => Object.assign(config.store, { driver: 'redis' })).toThrow();
  });

  it('takes the environment before the file before the default, and knows where each came from', () => {
    const path = file('store: {directory: /from/file, driver: sqlite}\ntriage:\n  quiet: 20m\ncluster:\n  manifests: [a, b]\n');
    const { config, origins } = loadConfig(
      { DENYWHY_STORE_DIRECTORY: '/from/env', DENYWHY_RETENTION_POLICY_REVISIONS: '7', PATH: 'x' },
      path,
    );
    expect([config.store.directory, config.triage.quiet, config.cluster.manifests, config.retention.policyRevisions]).toEqual([
      '/from/env',
      1_200_000,
      ['a', 'b'],
      7,
    ]);
    expect(origins.get('store.directory')).toBe('DENYWHY_STORE_DIRECTORY');
    expect(origins.get('triage.quiet')).toBe(`${path}: triage.quiet`);
    expect(origins.get('limits.body')).toBe('default');
    expect(loadConfig({ DENYWHY_CONFIG: path }, null).config.triage.quiet).toBe(1_200_000);
  });

  it.each([
    ['DENYWHY_LISTEN_ADDRESS', '[::1]:0', (c: ReturnType<typeof loadConfig>['config']) => c.listen.address, { host: '::1', port: 0 }],
    ['DENYWHY_LIMITS_BODY', '64Mi', (c: ReturnType<typeof loadConfig>['config']) => c.limits.body, 64 * 2 ** 20],
    ['DENYWHY_CLUSTER_MANIFESTS', 'a, b,,c', (c: ReturnType<typeof loadConfig>['config']) => c.cluster.manifests, ['a', 'b', 'c']],
    ['DENYWHY_PUBLISH_QUEUES', '', (c: ReturnType<typeof loadConfig>['config']) => c.publish.queues, []],
    ['DENYWHY_METRICS_OPEN', 'true', (c: ReturnType<typeof loadConfig>['config']) => c.metrics.open, true],
    ['DENYWHY_RETENTION_AGE', '90d', (c: ReturnType<typeof loadConfig>['config']) => c.retention.age, 90 * 86_400_000],
  ])('reads %s=%s', (variable, value, part, expected) => {
    expect(part(loadConfig({ [variable]: value }, null).config)).toEqual(expected);
  });

  it('lists all faults at once, each with its key, its value, where it came from and what to do', () => {
    const path = file('store: {driver: mongo, directry: /x}\nlimits: {body: lots, requests: 0}\nlisten: [1]\n');
    const text = refusal({ DENYWHY_TRIAGE_QUIET: 'soon', DENYWHY_STOR_DRIVER: 'x', DENYWHY_LOG_LEVEL: 'loud' }, path);
    for (const part of [
      'The configuration has 8 faults:',
      'store.driver is "mongo"',
      `${path}: store.driver`,
      'store.directry": there is no such key',
      'limits.body is "lots": write bytes as Kubernetes does: 16Ki, 32Mi, 1Gi',
      'limits.requests is 0: a whole number from 1 to 100000',
      'triage.quiet is "soon": write a number and a unit: 500ms, 30s, 15m, 2h, 90d (from DENYWHY_TRIAGE_QUIET)',
      'DENYWHY_STOR_DRIVER: there is no such key. Did you mean DENYWHY_STORE_DRIVER?',
      'log.level is "loud"',
      '"listen": a section is a map of keys',
    ])
      expect(text).toContain(part);
  });

  it.each([
    ['is absent', '/nowhere/denywhy.yaml', null, 'cannot be read (ENOENT)'],
    ['is no YAML', 'broken.yaml', 'store: {driver: [', 'this is not YAML'],
    ['is a list', 'list.yaml', '- store', 'is a map of sections'],
    ['has a key twice', 'twice.yaml', 'log: {level: info, level: debug}', 'this is not YAML'],
    ['tries prototypes', 'proto.yaml', '__proto__: {polluted: true}\nstore: {__proto__: {x: 1}}', 'there is no such key'],
  ])('refuses a file that %s', (_name, name, text, expected) => {
    expect(refusal({}, text === null ? name : file(text, name))).toContain(expected);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('is empty where the file is', () => {
    expect(loadConfig({}, file('# nothing\n', 'empty.yaml')).config.store.driver).toBe('sqlite');
  });
});

describe('tokens', () => {
  const LINES = `# who may\nalertmanager intake ${TOKEN}-1\nann read,triage ${TOKEN}-2\n`;

  it.each([
    ['the environment', () => [{ DENYWHY_AUTH_TOKENS: LINES }, null] as const],
    ['a file that the environment names', () => [{ DENYWHY_AUTH_TOKENS_FILE: file(LINES, 'tokens') }, null] as const],
    ['a file that the file names', () => [{}, file(`auth: {tokensFile: ${file(LINES, 'tokens')}}`, 'with-tokens.yaml')] as const],
  ])('come from %s', (_name, given) => {
    const [env, path] = given();
    const { config } = loadConfig(env, path);
    expect(config.auth.tokens).toEqual([
      { name: 'alertmanager', scopes: ['intake'], token: `${TOKEN}-1` },
      { name: 'ann', scopes: ['read', 'triage'], token: `${TOKEN}-2` },
    ]);
  });

  it.each([
    ['without a scope', `ann ${TOKEN}`, 'write NAME SCOPE[,SCOPE] TOKEN'],
    ['with an unknown scope', `ann admin ${TOKEN}`, 'scopes are intake, read, triage'],
    ['that are short', 'ann read short', 'at least 16 characters'],
    ['that stand there twice', `a read ${TOKEN}\nb read ${TOKEN}`, 'twice'],
  ])('%s are refused, and not shown', (_name, text, expected) => {
    const shown = refusal({ DENYWHY_AUTH_TOKENS: text });
    expect(shown).toContain(expected);
    expect(shown).not.toContain(TOKEN);
  });

  it.each(['0.0.0.0:8417', ':8417', '10.1.2.3:80', '[::]:8417', 'denywhy.example:80'])('are needed to listen on %s', (address) => {
    expect(refusal({ DENYWHY_LISTEN_ADDRESS: address })).toContain('there are no tokens');
    expect(loadConfig({ DENYWHY_LISTEN_ADDRESS: address, DENYWHY_AUTH_TOKENS: LINES }, null).config.auth.tokens).toHaveLength(2);
  });

  it.each(['127.0.0.1:1', '127.8.9.1:1', '[::1]:1', 'localhost:1'])('are not needed to listen on %s', (address) => {
    expect(loadConfig({ DENYWHY_LISTEN_ADDRESS: address }, null).config.auth.tokens).toEqual([]);
  });

  it('are not taken from two places', () => {
    expect(refusal({ DENYWHY_AUTH_TOKENS: LINES, DENYWHY_AUTH_TOKENS_FILE: file(LINES, 'tokens') })).toContain('Keep one of them');
  });
});

describe('servers that are asked', () => {
  it('are known by addresses, headers and files', () => {
    const { config } = loadConfig(
      {
        DENYWHY_PROMETHEUS_URL: 'https://mimir.monitoring.svc/prometheus',
        DENYWHY_PROMETHEUS_HEADERS: 'X-Scope-OrgID: team-a\nX-Trace: b:c',
        DENYWHY_PROMETHEUS_CREDENTIALS_FILE: '/var/run/token',
        DENYWHY_ALERTMANAGER_URLS: 'http://am-0:9093, http://am-1:9093',
      },
      null,
    );
    expect(config.prometheus.headers).toEqual([
      ['X-Scope-OrgID', 'team-a'],
      ['X-Trace', 'b:c'],
    ]);
    expect(config.prometheus.credentialsFile).toBe('/var/run/token');
    expect(config.alertmanager.urls).toEqual(['http://am-0:9093', 'http://am-1:9093']);
  });

  it.each<readonly [string, Readonly<Record<string, string>>, string]>([
    ['a user in the address', { DENYWHY_PROMETHEUS_URL: 'http://ann:secret-1@prometheus:9090' }, 'credentials have keys of their own'],
    ['another protocol', { DENYWHY_PROMETHEUS_URL: 'file:///etc/passwd' }, 'write http://'],
    ['a query in the address', { DENYWHY_ALERTMANAGER_URLS: 'http://am:9093/?a=b' }, 'write http://'],
    ['a header that is set otherwise', { DENYWHY_PROMETHEUS_HEADERS: 'authorization: secret-1' }, 'is set by keys of its own'],
    ['a header that would begin another', { DENYWHY_PROMETHEUS_HEADERS: 'A: secret-1\rB' }, 'printable ASCII'],
    ['two kinds of credentials', { DENYWHY_PROMETHEUS_USERNAME: 'ann', DENYWHY_PROMETHEUS_CREDENTIALS: 'secret-1' }, 'exclude each other'],
    ['a password for nobody', { DENYWHY_ALERTMANAGER_PASSWORD: 'secret-1' }, 'without alertmanager.username'],
    ['a certificate without its key', { DENYWHY_PROMETHEUS_CERT_FILE: '/tls.crt' }, 'go together'],
  ])('%s is refused, and no secret is shown', (_, env, message) => {
    const said = refusal(env);
    expect(said).toContain(message);
    expect(said).not.toContain('secret-1');
  });
});

it('docs/configuration.md has the table that the schema makes', () => {
  expect(readFileSync(join(import.meta.dirname, '../docs/configuration.md'), 'utf8')).toContain(configTable());
});

it('every key has a description', () => {
  for (const { key, description } of configKeys()) expect(description, key).toMatch(/^[A-Z0-9/].*\.$|^sqlite: .*\.$/);
});
