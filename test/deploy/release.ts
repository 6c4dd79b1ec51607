/** The chart as a release in a real API server, with the Secrets that docs/install.md makes. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { KubeObject } from '../cluster/api.ts';
import { BINARIES } from '../cluster/binaries.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { linkerdCrdsSkip } from '../cluster/crds.ts';
import { clusterSkip } from '../cluster/skip.ts';
import { redisSkip, startRedis, type TestRedis } from '../redis.ts';
import { until } from '../until.ts';
import { CHART, helm, helmSkip, objectsIn, type Preset, presetFile } from './helm.ts';
import { PROJECT } from './image.ts';

/** Why there is no release; null: there is. */
export const releaseSkip: string | null = helmSkip ?? clusterSkip ?? linkerdCrdsSkip ?? redisSkip;
export const NAMESPACE = 'denywhy';
/** Milliseconds; what is waited for takes seconds. */
export const PATIENCE = 60_000;
const INSTANCE = 'app.kubernetes.io/instance=denywhy';

export interface Site {
  readonly cluster: Cluster;
  readonly redis: TestRedis;
  /** By the keys of Secret denywhy-tokens. */
  readonly tokens: ReadonlyMap<string, string>;
  helm(command: 'install' | 'upgrade', preset: Preset, values: object): void;
  uninstall(): void;
  /** What Helm says that it has installed. */
  manifest(): readonly KubeObject[];
  /** Objects of the release. `kinds`: as kubectl takes them. */
  listed(kinds: string): Promise<readonly KubeObject[]>;
  /** `kind/name` of all that the release has in the API, of whatever kind, Helm's own notes among it. */
  everything(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** A cluster, a Redis, and the namespace, in which no pod may do more than the strictest of Kubernetes' standards lets it. */
export async function startSite(): Promise<Site> {
  const [cluster, redis] = await Promise.all([startCluster(), startRedis({ 'maxmemory-policy': 'noeviction' })]);
  const env = { KUBECONFIG: cluster.kubeconfig.admin };
  const stop = async () => {
    await cluster.stop();
    await redis.remove();
  };
  try {
    makeSecrets({ ...process.env, ...env, PATH: `${dirname(BINARIES.kubectl)}:${process.env['PATH']}` }, redis.url);
    await cluster.kubectl(['label', 'namespace', NAMESPACE, 'pod-security.kubernetes.io/enforce=restricted']);
    for (const name of ['shop', 'monitoring']) await cluster.kubectl(['create', 'namespace', name]);
  } catch (error) {
    await stop();
    throw error;
  }
  const secret = await cluster.api.get<{ data: Record<string, string> }>(`/api/v1/namespaces/${NAMESPACE}/secrets/denywhy-tokens`);
  const run = (args: readonly string[], input = '') => {
    const { status, stdout, stderr } = helm([...args, '-n', NAMESPACE], { input, env });
    if (status !== 0) throw new Error(`helm ${args[0]}: ${stderr}`);
    return stdout;
  };
  const names = async (kinds: string, selector: string) =>
    (await cluster.kubectl(['get', kinds, '-A', '-l', selector, '-o', 'name'])).split('\n').filter((line) => line !== '');
  return {
    cluster,
    redis,
    tokens: new Map(Object.entries(secret.data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()])),
    helm: (command, preset, values) => void run([command, 'denywhy', CHART, '-f', presetFile(preset), '-f', '-'], JSON.stringify(values)),
    uninstall: () => void run(['uninstall', 'denywhy']),
    manifest: () => objectsIn(run(['get', 'manifest', 'denywhy'])),
    listed: async (kinds) =>
      (JSON.parse(await cluster.kubectl(['get', kinds, '-A', '-l', INSTANCE, '-o', 'json'])) as { items: KubeObject[] }).items,
    async everything() {
      const kinds = (await cluster.kubectl(['api-resources', '--verbs=list', '-o', 'name'])).trim().replaceAll('\n', ',');
      return [...(await names(kinds, INSTANCE)), ...(await names('secrets', 'owner=helm'))].sort();
    },
    stop,
  };
}

/** Runs the commands of docs/install.md as they stand there, but for the address of Redis. */
function makeSecrets(env: NodeJS.ProcessEnv, redisUrl: string): void {
  const page = readFileSync(join(PROJECT, 'docs/install.md'), 'utf8');
  const [, commands] = /^## The Secrets\n[\s\S]*?^```sh\n([\s\S]*?)^```$/m.exec(page) ?? [];
  const documented = 'redis://redis.redis.svc:6379';
  if (commands?.includes(documented) !== true) throw new Error(`docs/install.md has no commands with ${documented} under The Secrets`);
  const { status, stderr } = spawnSync('sh', ['-euc', commands.replace(documented, redisUrl)], { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

/** Waits until the release has so many pods, and gives them. */
export async function podsOf(site: Site, count: number): Promise<readonly KubeObject[]> {
  await until(`${count} pods`, PATIENCE, async () => (await site.listed('pods')).length === count);
  return site.listed('pods');
}
