/**
 * 10,000 pods and 5,000 policy objects in a real API server: until the first snapshot is there, what denywhy and kubectl hold of it in memory, and
 * what one event costs, against reading all of it anew.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { grown, rebuilt } from '../../src/commands/policy-known.ts';
import { openKubernetes } from '../../src/drivers/kubernetes-client.ts';
import { nameOfKind, WATCHED_KINDS } from '../../src/drivers/kubernetes-kinds.ts';
import { listKind } from '../../src/drivers/kubernetes-list.ts';
import { openSqlite } from '../../src/drivers/sqlite.ts';
import { createSqliteStore } from '../../src/drivers/store-sqlite.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { createPolicyRecord } from '../../src/triage/policy-record.ts';
import type { KubeObject } from '../cluster/api.ts';
import { BINARIES, whatIsMissing } from '../cluster/binaries.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { linkerdCrdsSkip } from '../cluster/crds.ts';
import { freePort } from '../ports.ts';
import { startService } from '../service.ts';
import { fillLargeCluster, identity } from './kubernetes-fill.ts';
import { residentMebibytes } from './load.ts';
import { type Line, median, unit } from './measure.ts';

const NAME = 'cluster, 10k pods + 5k policies';
const EVENTS = 60;
const READ = '"the cluster was read"';

export async function benchKubernetes(rounds: number): Promise<readonly Line[]> {
  const missing = whatIsMissing() ?? linkerdCrdsSkip;
  if (missing !== null) {
    process.stderr.write(`the group kubernetes is left out: ${missing}\n`);
    return [];
  }
  const cluster = await startCluster();
  try {
    await fillLargeCluster(cluster.api);
    const served = await serveRounds(cluster, rounds);
    const kubectl = lineOf('kubectl get -A -o json, memory at its peak', 'MiB', await kubectlRounds(cluster, rounds));
    return [...served, kubectl, ...(await eventLines(cluster))];
  } finally {
    await cluster.stop();
  }
}

function lineOf(name: string, of: Line['unit'], rounds: readonly number[]): Line {
  return { name: `${NAME}: ${name}`, value: median(rounds), unit: of, aim: null, rounds };
}

/** A fresh start, and one with what the first one left. */
async function serveRounds(cluster: Cluster, rounds: number): Promise<readonly Line[]> {
  const starts: Awaited<ReturnType<typeof serveOnce>>[] = [];
  const again: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const directory = mkdtempSync(join(tmpdir(), 'denywhy-bench-'));
    try {
      starts.push(await serveOnce(cluster, directory, true));
      again.push((await serveOnce(cluster, directory, false)).seconds);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }
  const of = (figure: keyof (typeof starts)[number]) => starts.map((one) => one[figure]);
  return [
    lineOf('start until the first snapshot is recorded', 's', of('seconds')),
    lineOf('start again until all is compared', 's', again),
    lineOf('memory then', 'MiB', of('resident')),
    lineOf('memory at its peak', 'MiB', of('peak')),
    lineOf('edit until the API answers by it', 'ms', of('editMilliseconds')),
  ];
}

async function serveOnce(cluster: Cluster, directory: string, isFirst: boolean) {
  const log = join(directory, 'serve.log');
  const env = {
    DENYWHY_STORE_DIRECTORY: join(directory, 'data'),
    DENYWHY_KUBERNETES_WATCH: 'true',
    DENYWHY_KUBERNETES_KUBECONFIG: cluster.kubeconfig.admin,
  };
  const reads = () => readFileSync(log, 'utf8').split(READ).length;
  const before = isFirst ? 1 : reads();
  const begin = performance.now();
  const service = startService({ port: await freePort(), directory, env });
  try {
    while (reads() === before) await sleep(10);
    const seconds = (performance.now() - begin) / 1000;
    await sleep(2000);
    const resident = residentMebibytes(service.pid);
    const peak = peakMebibytes(service.pid);
    const editMilliseconds = isFirst ? await editUntilKnown(cluster, service.url) : 0;
    return { seconds, resident, peak, editMilliseconds };
  } finally {
    await service.kill();
  }
}

/** A pod's address changes; the service is asked for it until it knows. */
async function editUntilKnown({ api }: Cluster, url: string): Promise<number> {
  const path = '/api/v1/namespaces/team-7/pods/app-0-78ddfb45f8-xxxx0/status';
  const { status } = await api.get<KubeObject & { status: object }>(path);
  const podIP = `10.43.0.${Math.floor(performance.now()) % 250}`;
  const begin = performance.now();
  await api.merge(path, { status: { ...status, podIP, podIPs: [{ ip: podIP }] } });
  for (;;) {
    const { owners } = (await (await fetch(`${url}/api/v1/addresses?ip=${podIP}`)).json()) as { owners: readonly unknown[] };
    if (owners.length > 0) return performance.now() - begin;
    await sleep(5);
  }
}

function peakMebibytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** The same kinds; what it prints goes nowhere. */
async function kubectlRounds({ kubeconfig }: Cluster, rounds: number): Promise<readonly number[]> {
  const kinds = WATCHED_KINDS.filter(({ name }) => name === null).map(nameOfKind);
  const figures: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const args = ['--kubeconfig', kubeconfig.admin, 'get', kinds.join(','), '-A', '-o', 'json'];
    const child = spawn(BINARIES.kubectl, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    let peak = 0;
    while (child.exitCode === null) {
      try {
        peak = Math.max(peak, peakMebibytes(child.pid ?? 0) || 0);
      } catch {
        // It has just ended.
      }
      await sleep(20);
    }
    if (child.exitCode !== 0) throw new Error(`kubectl ended with ${child.exitCode}`);
    figures.push(peak);
  }
  return figures;
}

/** What an event costs this process, from the event until the policy with it can be asked: CPU time, the store's included. */
async function eventLines(cluster: Cluster): Promise<readonly Line[]> {
  const client = openKubernetes({ kubeconfig: cluster.kubeconfig.admin, context: null, env: {} });
  const resources: Resource[] = [];
  for (const kind of WATCHED_KINDS)
    resources.push(...((await listKind(client, kind, { signal: new AbortController().signal }))?.resources ?? []));
  client.close();
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-bench-'));
  const store = createSqliteStore(openSqlite(join(directory, 'denywhy.db')), () => Date.now());
  try {
    const record = createPolicyRecord(store, { policyRevisions: 1000, podChanges: 10_000 });
    let known = rebuilt(await record.record(resources, 1));
    const u = unit();
    const cost = async (work: () => Promise<void>): Promise<number> => {
      const before = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(before);
      return ((user + system) * 1000) / u;
    };
    const event = (change: Resource, at: number) => async () => {
      known = grown(known, await record.edit([{ at, change: { apply: change } }]));
      known.policy.view.at(null);
    };
    const pods = resources.filter(({ kind }) => kind === 'Pod');
    const authentications = resources.filter(({ kind }) => kind === 'MeshTLSAuthentication');
    const figures = { pod: [] as number[], policy: [] as number[], whole: [] as number[] };
    for (let i = 0; i < EVENTS; i++) {
      const pod = pods[(i * 97) % pods.length] as Resource;
      figures.pod.push(
        await cost(event({ ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, turn: `${i}` } } }, 10 + i)),
      );
      const one = authentications[(i * 97) % authentications.length] as Resource;
      figures.policy.push(await cost(event({ ...one, spec: { identities: [identity(`other-${i}`)] } }, 10 + i + 0.5)));
    }
    for (let i = 0; i < 5; i++) {
      const one = authentications[i] as Resource;
      const all = resources.map((r) => (r === one ? { ...one, spec: { identities: [identity(`again-${i}`)] } } : r));
      figures.whole.push(
        await cost(async () => {
          known = rebuilt(await record.record(all, 1000 + i));
        }),
      );
    }
    return [
      lineOf('event of a pod', 'u', figures.pod),
      lineOf('event of a policy object', 'u', figures.policy),
      lineOf('the same by reading all anew', 'u', figures.whole),
    ];
  } finally {
    await store.close();
    rmSync(directory, { recursive: true });
  }
}
