/** The service with the policy of 10,000 pods: how long until it takes requests, and the memory it holds then and after a day's worth of denials. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Resource } from '../../src/policy/resource.ts';
import { freePort } from '../ports.ts';
import { startService, type TestService } from '../service.ts';
import { residentMebibytes } from './load.ts';
import { type Line, median } from './measure.ts';
import type { BenchCluster } from './policy.ts';

/** Pods of which a log comes, each with denials of some clients. */
const PODS = 200;
const LINES = 200;

interface Round {
  readonly start: number;
  readonly idle: number;
  readonly used: number;
}

export async function benchService({ lines }: BenchCluster, rounds: number): Promise<readonly Line[]> {
  const resources = lines.flatMap((line) =>
    line.startsWith('{"resource"') ? [(JSON.parse(line) as { resource: Resource }).resource] : [],
  );
  const pods = resources.filter(({ kind }) => kind === 'Pod').slice(0, PODS);
  const dump = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: resources });
  const measured: Round[] = [];
  for (let i = 0; i < rounds; i++) measured.push(await round(dump, pods));
  const line = (name: string, unit: Line['unit'], aim: number | null, figure: keyof Round): Line => {
    const figures = measured.map((m) => m[figure]);
    return { name: `service, 10,000 pods: ${name}`, value: median(figures), unit, aim, rounds: figures };
  };
  return [
    line('start until ready', 's', 10, 'start'),
    line('memory when ready', 'MiB', 250, 'idle'),
    line(`memory after explaining ${PODS} pods' denials`, 'MiB', null, 'used'),
  ];
}

async function round(dump: string, pods: readonly Resource[]): Promise<Round> {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-bench-'));
  writeFileSync(join(directory, 'cluster.json'), dump);
  const env = { DENYWHY_STORE_DIRECTORY: join(directory, 'data'), DENYWHY_CLUSTER_MANIFESTS: join(directory, 'cluster.json') };
  const begin = performance.now();
  const service = startService({ port: await freePort(), directory, env });
  try {
    await service.ready();
    const start = (performance.now() - begin) / 1000;
    await sleep(1000);
    const idle = residentMebibytes(service.pid);
    for (const { metadata } of pods) await sendLog(service, metadata.namespace ?? 'default', metadata.name);
    await allExplained(service);
    return { start, idle, used: residentMebibytes(service.pid) };
  } finally {
    await service.kill();
    rmSync(directory, { recursive: true });
  }
}

async function sendLog({ url }: TestService, namespace: string, pod: string): Promise<void> {
  const line = (i: number) =>
    `[${(i / 10).toFixed(6).padStart(12)}s]  INFO ThreadId(01) inbound:server{port=8080}: linkerd_app_inbound::policy::http: Request denied server.group= server.kind=default server.name=deny route.group= route.kind=default route.name=default client.tls=None(NoClientHello) client.ip=10.0.0.${i % 20}\n`;
  const headers = { 'Content-Type': 'text/plain', 'X-Denywhy-Namespace': namespace, 'X-Denywhy-Pod': pod };
  const body = Array.from({ length: LINES }, (_, i) => line(i)).join('');
  const answer = await fetch(`${url}/api/v1/logs`, { method: 'POST', headers, body });
  if (answer.status !== 200) throw new Error(`a log was answered with ${answer.status}: ${await answer.text()}`);
}

interface Shown {
  readonly items: readonly { readonly evidence: number; readonly explained: number }[];
}

async function allExplained({ url }: TestService): Promise<void> {
  for (;;) {
    const { items } = (await (await fetch(`${url}/api/v1/incidents?limit=500`)).json()) as Shown;
    if (items.length > 0 && items.every(({ evidence, explained }) => evidence === explained)) return;
    await sleep(100);
  }
}
