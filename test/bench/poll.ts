/**
 * One poll of 10,000 deny series and 100,000 allow series of 1,000 proxies, from the texts of Prometheus' answers to an SQLite store, against
 * JSON.parse of the same texts. Each side is a process of its own, so that its memory is its own.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPoll } from '../../src/commands/prometheus-poll.ts';
import { createEmbeddedQueue } from '../../src/drivers/queue-embedded.ts';
import { openSqlite } from '../../src/drivers/sqlite.ts';
import { createSqliteStore } from '../../src/drivers/store-sqlite.ts';
import { readPrometheusAnswer } from '../../src/evidence/metrics-json.ts';
import type { Prometheus } from '../../src/ports.ts';
import { BOUNDS } from '../../src/triage/incident.ts';
import { createIntake } from '../../src/triage/intake.ts';
import { type Line, median } from './measure.ts';

const PODS = 1000;
const PODS_PER_NAMESPACE = 100;
const DENY_PER_POD = 10;
const ALLOW_PER_POD = 100;
const WINDOW = 75;
const SCRAPE = 10;
/** Seconds since the epoch. */
const NOW = 1_790_000_000;

const SIDES = ['parse', 'first', 'still', 'moved'] as const;
type Side = (typeof SIDES)[number];

interface Measured {
  readonly milliseconds: number;
  readonly mebibytes: number;
}

export function benchPoll(rounds: number): readonly Line[] {
  const measured = Array.from(
    { length: rounds },
    () => Object.fromEntries(SIDES.map((side) => [side, run(side)])) as Record<Side, Measured>,
  );
  const line = (name: string, unit: Line['unit'], figure: (of: Record<Side, Measured>) => number): Line => {
    const figures = measured.map(figure);
    return { name: `poll, 10k deny + 100k allow: ${name}`, value: median(figures), unit, aim: null, rounds: figures };
  };
  return [
    line('first, against JSON.parse', 'x', ({ first, parse }) => first.milliseconds / parse.milliseconds),
    line('nothing moved', 'x', ({ still, parse }) => still.milliseconds / parse.milliseconds),
    line('everything moved', 'x', ({ moved, parse }) => moved.milliseconds / parse.milliseconds),
    line('memory at its peak, against JSON.parse', 'x', ({ moved, parse }) => moved.mebibytes / parse.mebibytes),
    line('memory at its peak', 'MiB', ({ moved }) => moved.mebibytes),
  ];
}

function run(side: Side): Measured {
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), side], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.status !== 0) throw new Error(`the poll failed: ${side}`);
  return JSON.parse(child.stdout);
}

const podOf = (i: number) => ({
  namespace: `team-${Math.floor(i / PODS_PER_NAMESPACE)}`,
  pod: `backend-7fddd7f67b-${i.toString(36).padStart(5, 'x')}`,
  deployment: 'backend',
  instance: `10.42.${Math.floor(i / 250)}.${i % 250}:4191`,
  job: 'linkerd-proxy',
  control_plane_ns: 'linkerd',
  pod_template_hash: '7fddd7f67b',
});

/** As Prometheus writes it: labels sorted by name. */
function seriesOf(name: string, labels: Readonly<Record<string, string>>, points: readonly (readonly [number, string])[]): string {
  const metric = Object.fromEntries(Object.entries({ __name__: name, ...labels }).sort(([a], [b]) => (a < b ? -1 : 1)));
  const [only, ...more] = points;
  return JSON.stringify(more.length === 0 ? { metric, value: only } : { metric, values: points });
}

/** Its proxies answer in their namespaces, as the slices ask. */
function answersOf(query: string, moved: boolean, at: number): string {
  const isRange = query.endsWith(']');
  const times = isRange ? Array.from({ length: Math.floor(WINDOW / SCRAPE) }, (_, i) => at - WINDOW + (i + 1) * SCRAPE) : [at];
  const points = (value: number) => times.map((time) => [time, String(value)] as const);
  const result: string[] = [];
  for (let i = 0; i < PODS; i++) {
    const labels = podOf(i);
    if (!isAsked(query, labels.namespace)) continue;
    if (query.includes('|process_start_time_seconds')) {
      result.push(seriesOf('up', labels, points(1)), seriesOf('process_start_time_seconds', labels, points(1_700_000_000)));
      continue;
    }
    const isDeny = query.includes('inbound_http_authz_deny_total');
    if (!isDeny && isRange) continue;
    for (let client = 0; client < (isDeny ? DENY_PER_POD : ALLOW_PER_POD); client++) {
      const own = {
        ...{
          target_addr: '10.42.0.16:8080',
          target_ip: '10.42.0.16',
          target_port: '8080',
          srv_group: 'policy.linkerd.io',
          srv_kind: 'server',
        },
        ...{ srv_name: 'backend-http', srv_port: '8080', route_kind: 'default', route_name: 'default', tls: 'true' },
        client_id: `client-${client}.production.serviceaccount.identity.linkerd.cluster.local`,
        ...(isDeny ? {} : { authz_group: 'policy.linkerd.io', authz_kind: 'authorizationpolicy', authz_name: 'backend-clients' }),
      };
      result.push(seriesOf(`inbound_http_authz_${isDeny ? 'deny' : 'allow'}_total`, { ...labels, ...own }, points(moved ? 12 : 7)));
    }
  }
  return `{"status":"success","data":{"resultType":"${isRange ? 'matrix' : 'vector'}","result":[${result.join(',')}]}}`;
}

function isAsked(query: string, namespace: string): boolean {
  const names = /namespace=~?"([^"]*)"/.exec(query)?.[1];
  return names === undefined || names.split('|').includes(namespace);
}

/** Answers lie in files, made before anything is measured, so that nobody holds more of them than a network gives. */
function createAnswers(directory: string) {
  const files = new Map<string, string>();
  let [moved, at] = [false, NOW];
  const fileOf = (expression: string) => {
    const key = `${expression} ${moved} ${at}`;
    const known = files.get(key);
    if (known !== undefined) return known;
    const path = join(directory, `answer-${files.size}.json`);
    writeFileSync(path, answersOf(expression, moved, at));
    files.set(key, path);
    return path;
  };
  const numbers: Prometheus['numbers'] = async (expression) =>
    Array.from({ length: PODS / PODS_PER_NAMESPACE }, (_, i) => ({
      labels: new Map([['namespace', `team-${i}`]]),
      value: PODS_PER_NAMESPACE * (expression.includes('deny') ? DENY_PER_POD : ALLOW_PER_POD),
    }));
  return {
    move(next: { readonly moved: boolean; readonly at: number }) {
      ({ moved, at } = next);
    },
    files: () => [...files.values()],
    /** Answers with samples, or (to make the files) with nothing. */
    prometheus(reads: boolean): Prometheus {
      const query: Prometheus['query'] = async (expression) => {
        const path = fileOf(expression);
        return readPrometheusAnswer(reads ? readFileSync(path, 'utf8') : EMPTY, 'bench');
      };
      return {
        ...{ place: 'bench', query, numbers },
        queryRange: (expression) => query(expression, 0),
        now: async () => at * 1000,
        targets: async () => [],
        externalLabels: async () => null,
        retention: async () => null,
        close() {},
      };
    },
  };
}
const EMPTY = '{"status":"success","data":{"resultType":"vector","result":[]}}';

async function measure(side: Side, directory: string): Promise<Measured> {
  const file = openSqlite(join(directory, 'denywhy.db'));
  const store = createSqliteStore(file, Date.now);
  const queue = await createEmbeddedQueue(file, Date.now, { concurrency: 1, attempts: 5, backoff: { first: 1000, longest: 60_000 } });
  const context = { workload: () => null, namespace: () => null, cluster: '' };
  const intake = createIntake({
    store,
    queue,
    context,
    mutes: { current: () => [] },
    bounds: BOUNDS,
    now: Date.now,
    rememberMilliseconds: 1e6,
    batchesPerCommit: 64,
  });
  const source = createAnswers(directory);
  const pollOf = (reads: boolean) =>
    createPoll({ prometheus: source.prometheus(reads), intake, cluster: () => '', jobs: () => [], mostSeries: 200_000 });
  const read = async (poll: ReturnType<typeof pollOf>) => {
    const end = await source.prometheus(true).now();
    await poll.read('denied', { start: end - WINDOW * 1000, end, step: null }, (NOW - 60) * 1000);
    await poll.read('allowed', { start: end, end, step: null }, (NOW - 60) * 1000);
  };
  const first = { moved: false, at: NOW };
  const poll = pollOf(true);
  source.move(first);
  await read(pollOf(false));
  const wanted = source.files();
  if (side === 'still' || side === 'moved') {
    source.move({ moved: side === 'moved', at: NOW + 60 });
    await read(pollOf(false));
    source.move(first);
    await read(poll);
    source.move({ moved: side === 'moved', at: NOW + 60 });
  }
  const start = performance.now();
  if (side === 'parse') for (const path of wanted) JSON.parse(readFileSync(path, 'utf8'));
  else await read(poll);
  const milliseconds = performance.now() - start;
  await store.close();
  return { milliseconds, mebibytes: process.resourceUsage().maxRSS / 1024 };
}

if (import.meta.main) {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-poll-'));
  try {
    const side = SIDES.find((one) => one === process.argv[2]);
    if (side === undefined) throw new Error(`one of ${SIDES.join(', ')}`);
    process.stdout.write(JSON.stringify(await measure(side, directory)));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
