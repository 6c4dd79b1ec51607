/** A captured situation pushed at the whole service: its objects are the policy, its logs and pages come over HTTP. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { startService } from '../../src/commands/service.ts';
import { loadConfig } from '../../src/config.ts';
import type { Reporter } from '../../src/evidence/facts.ts';
import { createLogger } from '../../src/telemetry.ts';
import { waitFor } from '../prometheus.ts';
import { reportersOf, requestsOf, serverOf } from './findings.ts';
import { createScene, filesNamed, type Replay } from './replay.ts';
import type { Folder } from './report.ts';

/** What is read of an incident. */
export interface ServedIncident {
  readonly id: string;
  readonly kind: string;
  readonly namespace: string;
  readonly workload: { readonly kind: string; readonly name: string };
  readonly evidence: number;
  readonly explained: number;
  readonly answer: {
    readonly sentence: string;
    readonly finding: { readonly id: string; readonly certainty: string } | null;
  } | null;
}

export interface ServedSituation {
  post(path: string, body: string, headers?: Readonly<Record<string, string>>): Promise<void>;
  /** What one proxy wrote and counted: the server's pages are read twice. */
  push(reporter: Reporter, files: { readonly log?: string; readonly pages?: readonly string[] }): Promise<void>;
  /** All that the folder holds of its proxies. */
  pushAll(): Promise<void>;
  get<T>(path: string): Promise<T>;
  /** Each with the answer for all of its evidence. */
  incidents(): Promise<readonly ServedIncident[]>;
  close(): Promise<void>;
}

export async function serveSituation(folder: Folder): Promise<ServedSituation> {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-situation-'));
  const replay = JSON.parse(folder.read('replay.json') ?? '{"before":[]}') as Replay;
  const named = filesNamed(replay.beforeObjects);
  const files = named.length > 1 ? named : ['cluster.json', 'policy.yaml'];
  for (const file of files) writeFileSync(join(directory, file), folder.read(file) ?? '');
  const env = {
    DENYWHY_LISTEN_ADDRESS: '127.0.0.1:0',
    DENYWHY_STORE_DIRECTORY: join(directory, 'data'),
    DENYWHY_CLUSTER_MANIFESTS: files.map((file) => join(directory, file)).join(','),
  };
  const logger = createLogger(new Writable({ write: (_chunk, _encoding, done) => done() }), 'error');
  const service = await startService(loadConfig(env, null).config, logger);

  const post = async (path: string, body: string, headers: Readonly<Record<string, string>> = {}) => {
    const response = await fetch(`${service.url}/api/v1/${path}`, {
      method: 'POST',
      body,
      headers: { 'Content-Type': 'text/plain', ...headers },
    });
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  };
  const get = async <T>(path: string) => (await (await fetch(`${service.url}/api/v1/${path}`)).json()) as T;
  const listed = async () => (await get<{ readonly items: readonly ServedIncident[] }>('incidents?limit=500')).items;
  const push: ServedSituation['push'] = async ({ namespace, pod }, { log, pages = [] }) => {
    const headers = { 'X-Denywhy-Namespace': namespace ?? '', 'X-Denywhy-Pod': pod ?? '' };
    const text = log === undefined ? '' : (folder.read(log) ?? '');
    if (text !== '') await post('logs', text, headers);
    for (const page of pages) {
      const metrics = folder.read(page) ?? '';
      if (metrics.includes('\n')) await post('metrics', metrics, headers);
    }
  };
  return {
    post,
    push,
    get,
    async pushAll() {
      const pages = ['server-metrics-before.prom', 'server-metrics-after.prom'];
      await push(serverOf(folder, replay), { log: 'server-proxy.log', pages });
      const proxies = reportersOf(requestsOf(folder, createScene(folder, replay)));
      for (const [name, reporter] of proxies)
        await push(reporter, { log: `client-${name}-proxy.log`, pages: [`client-${name}-metrics.prom`] });
    },
    async incidents() {
      const isExplained = async () => (await listed()).every(({ evidence, explained }) => evidence === explained);
      if (!(await waitFor(isExplained, 20_000))) throw new Error(`not all are explained: ${JSON.stringify(await listed())}`);
      return listed();
    },
    async close() {
      await service.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
