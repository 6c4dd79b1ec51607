/**
 * A million denial lines of 500 pods, as they come over HTTP: read, summed, and folded into the incidents of an SQLite store. In a process of its own,
 * so that its memory is its own; every rate is per second of one core, the thread that flushes the disk included.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createEmbeddedQueue } from '../../src/drivers/queue-embedded.ts';
import { openSqlite } from '../../src/drivers/sqlite.ts';
import { createSqliteStore } from '../../src/drivers/store-sqlite.ts';
import type { Fact } from '../../src/evidence/facts.ts';
import { createLogParser } from '../../src/evidence/log.ts';
import { createRecordSplitter } from '../../src/http/json-records.ts';
import { createCompactor } from '../../src/triage/compact.ts';
import { BOUNDS, type Incident } from '../../src/triage/incident.ts';
import { createIntake } from '../../src/triage/intake.ts';
import { type Line, median } from './measure.ts';

const PODS = 500;
const PODS_PER_WORKLOAD = 10;
const LINES_PER_POD = 2000;
const CLIENTS_PER_POD = 20;
const CHUNK = 64 * 1024;
/** Bodies that wait for the disk at a time. */
const AT_ONCE = 8;

interface Measured {
  readonly linesPerCoreSecond: number;
  readonly linesPerSecond: number;
  readonly peakMebibytes: number;
  /** Memory after all lines, against that after a quarter of them. */
  readonly growth: number;
}

/** Rounds: each is a process. */
export function benchFold(rounds: number): readonly Line[] {
  const measured = Array.from({ length: rounds }, (): Measured => {
    const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    if (child.status !== 0) throw new Error('the fold failed');
    return JSON.parse(child.stdout);
  });
  const line = (name: string, unit: Line['unit'], aim: number | null, figure: keyof Measured): Line => {
    const figures = measured.map((m) => m[figure]);
    return { name: `fold, 1M lines of ${PODS} pods: ${name}`, value: median(figures), unit, aim, rounds: figures };
  };
  return [
    line('lines per core', 'lines/s', 470_000, 'linesPerCoreSecond'),
    line('lines by the clock', 'lines/s', null, 'linesPerSecond'),
    line('memory at its peak', 'MiB', 250, 'peakMebibytes'),
    line('memory at 1M lines against 250k', 'x', null, 'growth'),
  ];
}

/** What one proxy says in a storm; the pod itself is named by the sender. */
function bodyOf(seed: number): Buffer {
  const lines = Array.from({ length: LINES_PER_POD }, (_, i) => {
    const uptime = (100 + i * 0.000043).toFixed(6).padStart(12);
    return `[${uptime}s]  INFO ThreadId(01) inbound:server{port=8080}: linkerd_app_inbound::policy::http: Request denied server.group=policy.linkerd.io server.kind=server server.name=backend-http route.group= route.kind=default route.name=default client.tls=Some(Established { client_id: Some(ClientId(Dns(Name("frontend.production.serviceaccount.identity.linkerd.cluster.local")))), negotiated_protocol: None }) client.ip=10.42.${seed}.${i % CLIENTS_PER_POD}\n`;
  });
  return Buffer.from(lines.join(''));
}

function factsOf(body: Buffer, pod: string): { readonly id: string; readonly facts: readonly Fact[] } {
  const hash = createHash('sha256').update(pod);
  const splitter = createRecordSplitter();
  const parser = createLogParser({ name: 'pushed', reporter: { namespace: 'production', pod } });
  const compactor = createCompactor(50_000);
  const add = (facts: readonly Fact[]) => {
    for (const fact of facts) compactor.add(fact);
  };
  for (let at = 0; at < body.length; at += CHUNK) {
    const chunk = body.subarray(at, at + CHUNK);
    hash.update(chunk);
    for (const lines of splitter.push(chunk)) add(parser.push(lines));
  }
  for (const lines of splitter.flush()) add(parser.push(lines));
  add(parser.flush());
  return { id: hash.digest('hex'), facts: compactor.all() };
}

async function fold(directory: string): Promise<Measured> {
  const file = openSqlite(join(directory, 'denywhy.db'));
  const store = createSqliteStore(file, Date.now);
  const queue = await createEmbeddedQueue(file, Date.now, { concurrency: 1, attempts: 5, backoff: { first: 1000, longest: 60_000 } });
  const context = {
    workload: (namespace: string, pod: string) => ({ kind: 'Deployment', namespace, name: pod.slice(0, pod.lastIndexOf('-')) }),
    namespace: () => null,
    cluster: '',
  };
  const mutes = { current: () => [] };
  const intake = createIntake({
    store,
    queue,
    context,
    mutes,
    bounds: BOUNDS,
    now: Date.now,
    rememberMilliseconds: 1e6,
    batchesPerCommit: 64,
  });
  const bodies = Array.from({ length: 10 }, (_, seed) => bodyOf(seed));
  const memory = () => process.memoryUsage.rss() / 2 ** 20;
  let atQuarter = 0;
  let waiting: Promise<unknown>[] = [];
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  for (let pod = 0; pod < PODS; pod++) {
    const name = `w${pod % (PODS / PODS_PER_WORKLOAD)}-${pod}`;
    waiting.push(intake.accept({ ...factsOf(bodies[pod % bodies.length] as Buffer, name), alerts: [] }));
    if (waiting.length === AT_ONCE || pod === PODS - 1) {
      await Promise.all(waiting);
      waiting = [];
    }
    if (pod === PODS / 4) atQuarter = memory();
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const lines = PODS * LINES_PER_POD;
  const growth = memory() / atQuarter;
  const incidents = (await store.list('incidents', { limit: 1000 })).map(({ value }) => value as unknown as Incident);
  const counted = incidents.reduce((sum, { counted: { logs } }) => sum + logs, 0);
  if (incidents.length !== PODS / PODS_PER_WORKLOAD || counted !== lines)
    throw new Error(`${incidents.length} incidents hold ${counted} denials of ${lines}`);
  await store.close();
  return {
    linesPerCoreSecond: lines / ((user + system) / 1e6),
    linesPerSecond: lines / seconds,
    peakMebibytes: process.resourceUsage().maxRSS / 1024,
    growth,
  };
}

if (import.meta.main) {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-fold-'));
  try {
    process.stdout.write(JSON.stringify(await fold(directory)));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
