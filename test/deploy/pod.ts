/**
 * A pod of the API server, started as its kubelet and a container runtime would start it: the image's files for a root directory, volumes
 * filled from the API, the container's user, environment and arguments. But it shares this machine's network: it listens on 127.0.0.1.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Api, KubeObject } from '../cluster/api.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { freePort } from '../ports.ts';
import type { Image } from './image.ts';

/** Why no pod can be started; null: they can. */
export const podSkip: string | null = process.getuid?.() === 0 ? null : 'a root directory of its own is for root (chroot)';

interface Item {
  readonly key: string;
  readonly path: string;
}

interface Source {
  readonly configMap?: { readonly name: string; readonly items?: readonly Item[] };
  readonly secret?: { readonly secretName?: string; readonly name?: string; readonly items?: readonly Item[] };
  readonly serviceAccountToken?: { readonly path: string; readonly expirationSeconds: number };
  readonly downwardAPI?: object;
}

interface Volume extends Source {
  readonly name: string;
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly projected?: { readonly sources: readonly Source[] };
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number; readonly fsGroup: number };
  readonly volumes: readonly Volume[];
  readonly containers: readonly {
    readonly args: readonly string[];
    readonly env: readonly { readonly name: string; readonly value: string }[];
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
}

export interface RunningPod {
  readonly name: string;
  readonly url: string;
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves when it has ended, with its exit code. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

export async function startPod(cluster: Cluster, image: Image, pod: KubeObject): Promise<RunningPod> {
  const spec = pod['spec'] as PodSpec;
  const [container] = spec.containers;
  if (container === undefined) throw new Error(`${pod.metadata.name} has no container`);
  const { runAsUser, runAsGroup, fsGroup } = spec.securityContext;
  for (const { name, mountPath } of container.volumeMounts) {
    const volume = spec.volumes.find((one) => one.name === name);
    if (volume === undefined) throw new Error(`${pod.metadata.name} mounts ${name}, which is no volume`);
    await mount(cluster.api, pod, volume, join(image.root, mountPath), fsGroup);
  }
  const port = await freePort();
  const { hostname, port: apiPort } = new URL(cluster.server);
  const env = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    ...image.environment,
    KUBERNETES_SERVICE_HOST: hostname,
    KUBERNETES_SERVICE_PORT: apiPort,
    ...Object.fromEntries(container.env.map((one) => [one.name, one.value])),
    DENYWHY_LISTEN_ADDRESS: `127.0.0.1:${port}`,
  };
  const args = [`--userspec=${runAsUser}:${runAsGroup}`, image.root, ...image.entrypoint, ...container.args];
  const child = spawn('chroot', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  const ended = once(child, 'close').then(() => child.exitCode);
  return {
    name: pod.metadata.name,
    url: `http://127.0.0.1:${port}`,
    child,
    output: () => text,
    stop(signal) {
      child.kill(signal);
      return ended;
    },
  };
}

async function mount(api: Api, pod: KubeObject, volume: Volume, path: string, group: number): Promise<void> {
  mkdirSync(path, { recursive: true });
  if (volume.persistentVolumeClaim !== undefined) {
    chownSync(path, 0, group);
    chmodSync(path, 0o2775);
    return;
  }
  for (const source of volume.projected?.sources ?? [volume]) {
    for (const [file, content] of await filesOf(api, pod, source)) {
      writeFileSync(join(path, file), content);
      chownSync(join(path, file), 0, group);
      chmodSync(join(path, file), 0o440);
    }
  }
}

async function filesOf(api: Api, pod: KubeObject, source: Source): Promise<readonly (readonly [file: string, content: Buffer])[]> {
  const { namespace = '' } = pod.metadata;
  const root = `/api/v1/namespaces/${namespace}`;
  if (source.serviceAccountToken !== undefined) {
    const { path, expirationSeconds } = source.serviceAccountToken;
    const { serviceAccountName } = pod['spec'] as PodSpec;
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name, uid: pod.metadata.uid };
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds, boundObjectRef } };
    const { status } = await api.create<{ status: { token: string } }>(`${root}/serviceaccounts/${serviceAccountName}/token`, request);
    return [[path, Buffer.from(status.token)]];
  }
  // Of the pod itself only its namespace is asked for.
  if (source.downwardAPI !== undefined) return [['namespace', Buffer.from(namespace)]];
  const { configMap, secret } = source;
  const name = configMap?.name ?? secret?.secretName ?? secret?.name;
  if (name === undefined) throw new Error(`${pod.metadata.name} has a volume of a kind that is not known here`);
  const path = `${root}/${configMap === undefined ? 'secrets' : 'configmaps'}/${name}`;
  const { data } = await api.get<{ readonly data: Readonly<Record<string, string>> }>(path);
  const items = configMap?.items ?? secret?.items ?? Object.keys(data).map((key) => ({ key, path: key }));
  return items.map(({ key, path: file }) => [file, Buffer.from(data[key] ?? '', configMap === undefined ? 'base64' : 'utf8')]);
}
