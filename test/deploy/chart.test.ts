/** What the chart renders, and what it refuses. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { configKeys, loadConfig } from '../../src/config.ts';
import type { KubeObject } from '../cluster/api.ts';
import { chartConfigSchema, SCHEMA_FILE } from './chart-config.ts';
import { chartRights } from './chart-rights.ts';
import { CHART, helm, helmSkip, objectsIn, only, PRESETS, type Preset, presetFile, render, renderText } from './helm.ts';

const DEPLOY = join(CHART, '..');
const NO_MONITORING = { monitoring: { enabled: false } };
const directory = mkdtempSync(join(tmpdir(), 'denywhy-chart-'));
afterAll(() => rmSync(directory, { recursive: true }));

it('allows in `config` the keys of the configuration, and secrets as files only (node test/deploy/chart-config.ts writes it)', () => {
  const { properties } = JSON.parse(readFileSync(SCHEMA_FILE, 'utf8'));
  expect(properties.config.properties).toEqual(chartConfigSchema().properties);
  const secrets = configKeys().filter(({ isSecret }) => isSecret);
  const bare = secrets.filter(({ key }) => {
    const [section = '', name = ''] = key.split('.');
    // A secret that is named by a file has that file for a key of its own.
    return properties.config.properties[section]?.properties[name] !== undefined;
  });
  expect([secrets.length > 5, bare]).toEqual([true, []]);
});

it('has rights as wide as the table of what is watched', async () => {
  await expect(stringify(chartRights())).toMatchFileSnapshot(join(CHART, 'files/rights.yaml'));
});

interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly securityContext: object;
  readonly containers: readonly {
    readonly securityContext: object;
    readonly env: readonly { readonly name: string }[];
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  }[];
  readonly volumes: readonly { readonly name: string; readonly secret?: { readonly secretName: string } }[];
}

interface DeploymentSpec {
  readonly replicas: number;
  readonly strategy: { readonly type: string };
  readonly template: { readonly metadata: { readonly annotations: Readonly<Record<string, string>> }; readonly spec: PodSpec };
}

const deploymentOf = (objects: readonly KubeObject[]) => only(objects, 'Deployment')['spec'] as DeploymentSpec;
const configOf = (objects: readonly KubeObject[]) => (only(objects, 'ConfigMap')['data'] as Record<string, string>)['denywhy.yaml'] ?? '';

describe.skipIf(helmSkip !== null)(`the chart${helmSkip === null ? '' : ` [${helmSkip}]`}`, () => {
  it.each(PRESETS)('passes helm lint --strict with the preset %s', (preset) => {
    const { status, stdout } = helm(['lint', '--strict', CHART, '-f', presetFile(preset)]);
    expect([status, stdout]).toEqual([0, expect.stringContaining('0 chart(s) failed')]);
  });

  it('renders without any values what the preset redis renders', () => {
    const { stdout } = helm(['template', 'denywhy', CHART, '--namespace', 'denywhy']);
    expect(objectsIn(stdout)).toEqual(render('redis'));
  });

  it.each(PRESETS)('is beside it as manifests/%s.yaml, for kubectl apply', async (preset) => {
    await expect(renderText(preset, NO_MONITORING)).toMatchFileSnapshot(join(DEPLOY, 'manifests', `${preset}.yaml`));
  });

  it('is beside it as manifests/monitoring.yaml where there is a Prometheus operator; rules/prometheusrule.yaml are the rules', async () => {
    const values = { monitoring: { prometheusRule: { enabled: false }, alertmanagerConfig: { enabled: true } } };
    const text = renderText('redis', values, ['--show-only', 'templates/monitoring.yaml']);
    await expect(text).toMatchFileSnapshot(join(DEPLOY, 'manifests', 'monitoring.yaml'));
  });

  it('takes the values of docs/install.md', () => {
    const page = readFileSync(join(DEPLOY, '../docs/install.md'), 'utf8');
    const [, values = ''] = /^```yaml\n# values\.yaml\n([\s\S]*?)^```$/m.exec(page) ?? [];
    const objects = render('redis', parse(values));
    expect(only(objects, 'NetworkAuthentication')['spec']).toEqual({ networks: [{ cidr: '10.0.0.0/20' }] });
    expect(parse(configOf(objects))).toMatchObject({ cluster: { name: 'east' } });
  });

  it('holds the rules of rules/', () => {
    const rules = parse(readFileSync(join(DEPLOY, '../rules/rules.yaml'), 'utf8'));
    expect(only(render('redis'), 'PrometheusRule')['spec']).toEqual(rules);
  });

  it.each<[Preset, number, string, string]>([
    ['embedded', 1, 'Recreate', 'sqlite'],
    ['redis', 2, 'RollingUpdate', 'redis'],
  ])('runs the preset %s with %i replicas and %s', (preset, replicas, strategy, driver) => {
    const objects = render(preset);
    expect(deploymentOf(objects)).toMatchObject({ replicas, strategy: { type: strategy } });
    expect(objects.filter(({ kind }) => kind === 'PersistentVolumeClaim')).toHaveLength(preset === 'embedded' ? 1 : 0);
    expect(parse(configOf(objects))).toMatchObject({ store: { driver } });
  });

  it.each(PRESETS)('gives denywhy a configuration that it accepts, preset %s', (preset) => {
    const config = {
      cluster: { name: 'east' },
      prometheus: { url: 'http://prometheus-operated.monitoring.svc:9090', passwordFile: join(directory, 'password'), username: 'ann' },
      retention: { incidents: 1_000_000 },
    };
    const text = configOf(render(preset, { config }));
    // The files lie where the pod has them; here they lie elsewhere.
    const here = text
      .replaceAll('/run/secrets/denywhy', directory)
      .replaceAll('/tokens/tokens', '/tokens')
      .replaceAll('/redis/url', '/url');
    writeFileSync(join(directory, 'denywhy.yaml'), here);
    writeFileSync(join(directory, 'tokens'), 'alertmanager intake 0123456789abcdef\n');
    writeFileSync(join(directory, 'url'), 'redis://redis.denywhy.svc:6379\n');
    writeFileSync(join(directory, 'password'), 'secret\n');

    const loaded = loadConfig({}, join(directory, 'denywhy.yaml')).config;
    expect(loaded).toMatchObject({
      listen: { address: { host: '0.0.0.0', port: 8417 } },
      auth: { tokens: [{ name: 'alertmanager' }] },
      cluster: { name: 'east' },
      retention: { incidents: 1_000_000 },
      store: preset === 'redis' ? { driver: 'redis' } : { driver: 'sqlite', directory: '/var/lib/denywhy/data' },
    });
  });

  it('mounts what the configuration names, and nothing of it can be written but the data', () => {
    for (const preset of PRESETS) {
      const objects = render(preset, { secrets: ['mimir'] });
      const [container] = deploymentOf(objects).template.spec.containers;
      const mounts = container?.volumeMounts ?? [];
      const named = [...configOf(objects).matchAll(/(?:File|directory): (\S+)/g)].map(([, path = '']) => path);
      expect(named.filter((path) => !mounts.some(({ mountPath }) => path.startsWith(`${mountPath}/`)))).toEqual([]);
      expect(mounts.filter(({ readOnly }) => readOnly !== true).map(({ name }) => name)).toEqual(preset === 'embedded' ? ['data'] : []);
      expect(mounts.map(({ mountPath }) => mountPath)).toContain('/run/secrets/denywhy/mounted/mimir');
    }
  });

  it('keeps the variables of its own Service away: DENYWHY_PORT is no key, and denywhy would not start', () => {
    expect(() => loadConfig({ DENYWHY_PORT: 'tcp://10.96.0.1:8417' }, null)).toThrow();
    expect(deploymentOf(render('redis')).template.spec.enableServiceLinks).toBe(false);
  });

  it('has a token of its ServiceAccount only where it reads the cluster', () => {
    const without = render('redis', { kubernetes: { enabled: false } });
    expect(deploymentOf(render('redis')).template.spec.automountServiceAccountToken).toBe(true);
    expect(deploymentOf(without).template.spec.automountServiceAccountToken).toBe(false);
    expect(without.filter(({ apiVersion }) => apiVersion.startsWith('rbac.'))).toEqual([]);
  });

  it('reads logs in the namespaces that are named, and in no other', () => {
    const objects = render('redis', { config: { logs: { namespaces: ['shop', 'production'], follow: ['shop'] } } });
    const roles = objects.filter(({ kind }) => kind === 'Role');
    expect(roles.map(({ metadata }) => metadata.namespace)).toEqual(['production', 'shop']);
    expect(roles.map((role) => role['rules'])).toEqual(
      Array.from({ length: 2 }, () => [{ apiGroups: [''], resources: ['pods/log'], verbs: ['get'] }]),
    );
    expect(JSON.stringify(only(objects, 'ClusterRole'))).not.toContain('pods/log');
    const isLocal = ({ kind }: KubeObject) => kind === 'Role' || kind === 'RoleBinding';
    expect(render('redis').filter(isLocal)).toEqual([]);
    expect(render('redis', { config: { logs: { namespaces: ['shop'] }, loki: { url: 'http://loki:3100' } } }).filter(isLocal)).toEqual([]);
  });

  it('has no right to change anything, to read a Secret, or to everything of a kind by a wildcard', () => {
    const objects = render('redis', { config: { logs: { namespaces: ['production'] } } });
    const rules = objects.flatMap((object) => (object['rules'] as { verbs: string[]; resources: string[]; apiGroups: string[] }[]) ?? []);
    expect([...new Set(rules.flatMap(({ verbs }) => verbs))].sort()).toEqual(['get', 'list', 'watch']);
    expect(rules.flatMap(({ resources, apiGroups }) => [...resources, ...apiGroups])).not.toContain('secrets');
    expect(JSON.stringify(rules)).not.toContain('*');
  });

  it('restarts pods when the configuration changes', () => {
    const checksum = (config: object) => deploymentOf(render('redis', { config })).template.metadata.annotations['checksum/config'];
    expect(checksum({ log: { level: 'debug' } })).not.toBe(checksum({}));
  });

  it.each<[string, string, (objects: readonly KubeObject[]) => readonly unknown[]]>([
    ['Secrets', 'no', (objects) => objects.filter(({ kind }) => kind === 'Secret')],
    ['Linkerd policy', 'linkerd', (objects) => objects.filter(({ apiVersion }) => apiVersion.startsWith('policy.linkerd.io'))],
    ['NetworkPolicy', 'networkPolicy', (objects) => objects.filter(({ kind }) => kind === 'NetworkPolicy')],
    ["the operator's kinds", 'monitoring', (objects) => objects.filter(({ apiVersion }) => apiVersion.startsWith('monitoring.'))],
    ['PodDisruptionBudget', 'podDisruptionBudget', (objects) => objects.filter(({ kind }) => kind === 'PodDisruptionBudget')],
  ])('holds no %s where %s is off', (_, section, find) => {
    const values = section === 'no' ? {} : { [section]: { enabled: false } };
    expect(find(render('redis', values))).toEqual([]);
  });

  it.each<[string, object, RegExp]>([
    ['two replicas on SQLite', { store: { driver: 'sqlite' }, replicas: 2 }, /replicas/],
    ['another store', { store: { driver: 'postgres' } }, /driver/],
    ['a name that is none of its own', { replica: 2 }, /replica/],
    ['a slip in a section', { persistence: { sise: '1Gi' } }, /sise/],
    ['a section of the configuration that there is not', { config: { prometeus: { url: '' } } }, /prometeus/],
    ['a key of the configuration that there is not', { config: { prometheus: { link: '' } } }, /link/],
    ['a secret among the configuration', { config: { prometheus: { password: 'hunter2' } } }, /password/],
    ['tokens among the configuration', { config: { auth: { tokens: 'a intake b' } } }, /auth/],
    ['another address to listen on', { config: { listen: { address: ':1' } } }, /listen/],
    ['no place for the kubelet', { access: { kubelet: [] } }, /kubelet/],
    ['an Alertmanager without a name', { access: { alertmanager: [{ namespace: 'monitoring', podLabels: {} }] } }, /serviceAccount/],
    ['a namespace that is a piece of YAML', { config: { logs: { namespaces: ['a\nrules: []'] } } }, /namespaces/],
    [
      'a service account that is a piece of YAML',
      { access: { others: [{ namespace: 'a', serviceAccount: '}\n', podLabels: {} }] } },
      /others/,
    ],
    ['a digest that is none', { image: { digest: 'sha256:abc' } }, /digest/],
  ])('refuses %s', (_, values, named) => {
    expect(() => render('redis', values)).toThrow(named);
  });

  it.each(PRESETS)('keeps names short and unlike for any release, preset %s', (preset) => {
    const args = ['template', 'a'.repeat(53), CHART, '-f', presetFile(preset), '--set', 'monitoring.podMonitor.enabled=true'];
    const objects = objectsIn(helm(args).stdout);
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(objects.filter(({ metadata }) => metadata.name.length > 80)).toEqual([]);
  });
});

const amtoolSkip = spawnSync('amtool', ['--version']).status === 0 ? null : 'amtool is not installed';

it.skipIf(amtoolSkip !== null)(
  `deploy/alertmanager.yml is one that Alertmanager takes${amtoolSkip === null ? '' : ` [${amtoolSkip}]`}`,
  () => {
    const { status, stdout, stderr } = spawnSync('amtool', ['check-config', join(DEPLOY, 'alertmanager.yml')], { encoding: 'utf8' });
    expect([status, `${stdout}${stderr}`]).toEqual([0, expect.stringContaining('SUCCESS')]);
  },
);
