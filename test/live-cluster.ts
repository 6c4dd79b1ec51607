/** A real API server that holds the recorded story up to a moment, with a node behind it that has the recorded logs and pages. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { KubeObject } from './cluster/api.ts';
import { type Cluster, startCluster } from './cluster/cluster.ts';
import { fillCluster, playChanges } from './cluster/story.ts';
import { readStory } from './cluster/story-events.ts';
import { type Kubelet, startKubelet } from './kubelet.ts';

const DEMO = join(import.meta.dirname, '..', 'demo');
/** Where the recorded pods are, but the scanner's, which has no proxy. */
const NAMESPACE = 'production';

export interface LiveCluster {
  readonly cluster: Cluster;
  readonly kubelet: Kubelet;
  stop(): Promise<void>;
}

/** `until`: RFC 3339; later edits and lines have not happened. */
export async function startLiveCluster(until: string): Promise<LiveCluster> {
  const cluster = await startCluster();
  const stops: (() => Promise<void>)[] = [() => cluster.stop()];
  const stop = async () => {
    for (const one of stops.toReversed()) await one();
  };
  try {
    const events = readStory(join(DEMO, 'policy-history.jsonl')).filter(({ isInitial, observedAt }) => isInitial || observedAt < until);
    await fillCluster(cluster, events);
    await playChanges(cluster, events, { speed: null });
    const pem = (name: string) => readFileSync(join(cluster.directory, 'certificates', name), 'utf8');
    const kubelet = await startKubelet({ key: pem('apiserver.key'), cert: pem('apiserver.crt') });
    stops.push(() => kubelet.close());
    for (const [pod, lines] of recordedLogs(until)) kubelet.logs.set(`${NAMESPACE}/${pod}`, { lines });
    await putNodes(cluster, kubelet.port);
    return { cluster, kubelet, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function recordedLogs(until: string): readonly (readonly [pod: string, lines: string[]])[] {
  return readdirSync(join(DEMO, 'logs')).flatMap((file) => {
    const [, pod] = /^(.+)\.linkerd-proxy\.log\.gz$/.exec(file) ?? [];
    if (pod === undefined) return [];
    const text = gunzipSync(readFileSync(join(DEMO, 'logs', file))).toString();
    return [
      [
        pod,
        text
          .trimEnd()
          .split('\n')
          .filter((line) => line < until),
      ] as const,
    ];
  });
}

/** The API server asks each pod's node where its Node object says: here. */
async function putNodes({ api }: Cluster, port: number): Promise<void> {
  const { items } = await api.get<{ readonly items: readonly KubeObject[] }>('/api/v1/nodes');
  for (const { metadata } of items) {
    const status = { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port: port } } };
    await api.merge(`/api/v1/nodes/${metadata.name}/status`, { status });
  }
}

/** A page that a proxy would show on its port 4191, on a port of this machine. */
export async function servePage(text: string): Promise<{ readonly port: number; close(): void }> {
  const server: Server = createServer((_, response) => void response.end(text));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
