/** Reads what a live cluster has to say of a question: counters first, since they say whose logs matter; then those logs. */
import { InvalidInput, Unavailable } from '../errors.ts';
import type { Fact } from '../evidence/facts.ts';
import { createMetricsInput } from '../evidence/metrics.ts';
import { createMetricsReader } from '../evidence/metrics-reader.ts';
import type { Tally } from '../evidence/tally.ts';
import type { Resource } from '../policy/resource.ts';
import { showInstant } from '../policy/time.ts';
import type { Logs, Prometheus, ProxyPages, ProxyPod } from '../ports.ts';
import type { LogRead } from './explain-evidence.ts';
import { readCounters } from './live-counters.ts';
import { type ProxyLogRead, readProxyLog } from './proxy-log.ts';
import { type PodOfWorkload, type PodSelection, selectPods } from './proxy-pods.ts';

/** Something that was to be read, and what came of it. */
export interface SourceRead {
  readonly what: string;
  readonly isRead: boolean;
  /** How much it was, or why it could not be read. */
  readonly detail: string;
  /** What to do where it was not read; empty: nothing. */
  readonly remedy: string;
}

export interface LiveEvidence {
  readonly logs: Logs;
  readonly pages: ProxyPages;
  /** null: none was given or found. */
  readonly prometheus: Prometheus | null;
}

export interface LiveQuestion extends PodSelection {
  /** Milliseconds. */
  readonly since: number;
  readonly now: number;
}

export interface Gathered {
  readonly sources: readonly SourceRead[];
  readonly logs: readonly LogRead[];
  /** There are proxies, and of none a log or a counter could be read. */
  readonly isBlind: boolean;
}

/** Pods whose logs are read, and whose pages are. */
const MOST = { logs: 50, pages: 20 } as const;
const BOUNDS = { lines: 50_000, bytes: 64 * 2 ** 20 } as const;
const AT_A_TIME = 4;

/** Adds every fact to the tally. A source that fails is said, and the others go on. */
export async function gather(evidence: LiveEvidence, resources: readonly Resource[], ask: LiveQuestion, tally: Tally): Promise<Gathered> {
  const { meshed, unmeshed } = selectPods(resources, ask);
  const denied = new Map<string, number>();
  const selected = new Set(meshed.map(nameOf));
  const add = (fact: Fact) => {
    const { namespace, pod } = fact.reporter;
    // Prometheus knows no labels of pods.
    if (ask.selector != null && !selected.has(`${namespace}/${pod}`)) return;
    tally.add(fact);
    if (fact.type === 'denial' && pod !== null) denied.set(`${namespace}/${pod}`, (denied.get(`${namespace}/${pod}`) ?? 0) + 1);
  };
  const counters =
    evidence.prometheus === null ? await readPages(evidence.pages, meshed, add) : await ofPrometheus(evidence.prometheus, ask, add);
  const ordered = meshed.toSorted((a, b) => (denied.get(nameOf(b)) ?? 0) - (denied.get(nameOf(a)) ?? 0));
  const logs = await readLogs(evidence.logs, ordered, ask, add);
  const sources = [...logs.sources, ...counters];
  return {
    sources: [...sources, ...withoutProxy(meshed, unmeshed, ask)],
    logs: logs.read,
    isBlind: meshed.length > 0 && !sources.some(({ isRead }) => isRead),
  };
}

function nameOf({ namespace, pod }: ProxyPod): string {
  return `${namespace}/${pod}`;
}

async function ofPrometheus(prometheus: Prometheus, ask: LiveQuestion, add: (fact: Fact) => void): Promise<readonly SourceRead[]> {
  const what = `counters of ${prometheus.place}`;
  try {
    const { facts, samples, warnings } = await readCounters(prometheus, ask, Math.ceil(ask.since / 1000));
    for (const fact of facts) add(fact);
    const read = { what, isRead: true, detail: count(samples, 'sample'), remedy: '' };
    const nothing =
      samples > 0
        ? []
        : [{ what, isRead: false, detail: 'It has no series of these proxies.', remedy: 'Does it scrape them? denywhy check tells.' }];
    return [...(samples > 0 ? [read] : nothing), ...warnings.map((detail) => ({ what, isRead: false, detail, remedy: '' }))];
  } catch (error) {
    return [failed(what, error)];
  }
}

/** One reading of each proxy: what it counted since it started. */
async function readPages(pages: ProxyPages, pods: readonly PodOfWorkload[], add: (fact: Fact) => void): Promise<readonly SourceRead[]> {
  const reader = createMetricsReader();
  const failures = createFailures();
  const chosen = pods.slice(0, MOST.pages);
  let read = 0;
  await each(chosen, async (pod) => {
    try {
      const text = await pages.page(pod);
      const input = createMetricsInput(reader, { name: nameOf(pod), reporter: { cluster: '', ...pod }, at: null });
      input.push(text);
      input.end();
      read++;
    } catch (error) {
      failures.add(`counters of ${nameOf(pod)}`, error);
    }
  });
  for (const fact of reader.take()) add(fact);
  const what = `counters of ${count(read, 'proxy', 'proxies')}, by port-forward`;
  const left = pods.length - chosen.length;
  return [
    ...(read === 0 ? [] : [{ what, isRead: true, detail: 'all that they counted since they started', remedy: '' }]),
    ...failures.all(),
    ...(left <= 0
      ? []
      : [
          {
            what: `counters of ${count(left, 'more proxy', 'more proxies')}`,
            isRead: false,
            detail: `One by one ${MOST.pages} are read.`,
            remedy: 'Give --prometheus URL.',
          },
        ]),
  ];
}

interface LogsRead {
  readonly read: readonly LogRead[];
  readonly sources: readonly SourceRead[];
}

async function readLogs(logs: Logs, pods: readonly PodOfWorkload[], ask: LiveQuestion, add: (fact: Fact) => void): Promise<LogsRead> {
  const since = ask.now - ask.since;
  const chosen = pods.slice(0, MOST.logs);
  const results: ProxyLogRead[] = [];
  const failures = createFailures();
  await each(chosen, async (pod) => {
    try {
      results.push(await readProxyLog(logs, pod, { bounds: { since, ...BOUNDS }, after: null, add }));
    } catch (error) {
      failures.add(`log of ${nameOf(pod)}`, error);
    }
  });
  results.sort((a, b) => (a.name < b.name ? -1 : 1));
  const left = pods.length - chosen.length;
  const sources: SourceRead[] = [
    ...(results.length === 0 ? [] : [{ what: whatWasRead(results), isRead: true, detail: howMuch(results, since), remedy: '' }]),
    ...results.flatMap(whatWasCut),
    ...failures.all(),
    ...(left <= 0
      ? []
      : [
          {
            what: `logs of ${count(left, 'more pod')}`,
            isRead: false,
            detail: `At once ${MOST.logs} are read.`,
            remedy: 'Name a workload or a pod.',
          },
        ]),
  ];
  return { read: results.map(({ name, stats }) => ({ name, stats })), sources };
}

function whatWasRead(results: readonly ProxyLogRead[]): string {
  const names = results.slice(0, 3).map(({ name }) => name);
  return `logs of ${names.join(', ')}${results.length > names.length ? ` and ${results.length - names.length} more` : ''}`;
}

function howMuch(results: readonly ProxyLogRead[], since: number): string {
  const lines = results.reduce((sum, { stats }) => sum + stats.lines, 0);
  const previous = results.filter(({ hasPrevious }) => hasPrevious).length;
  const restarted = previous === 0 ? '' : `, ${count(previous, 'earlier run')} included`;
  return `${count(lines, 'line')} since ${showInstant(since).slice(0, 19)}Z${restarted}`;
}

function whatWasCut({ name, cut }: ProxyLogRead): readonly SourceRead[] {
  if (cut === null) return [];
  const detail =
    cut === 'oldest'
      ? `Only its newest ${BOUNDS.lines.toLocaleString('en')} lines were read.`
      : 'It is longer than 64 MiB: the newest lines are missing.';
  return [{ what: `log of ${name}`, isRead: false, detail, remedy: 'Ask for less: --since 5m.' }];
}

/** Pods without a proxy enforce nothing and log nothing. */
function withoutProxy(meshed: readonly PodOfWorkload[], unmeshed: readonly PodOfWorkload[], ask: LiveQuestion): readonly SourceRead[] {
  if (meshed.length > 0 || ask.workload === null) return [];
  const [first] = unmeshed;
  const name = `${ask.workload.kind} ${ask.workload.name}`;
  if (first === undefined)
    return [
      {
        what: `pods of ${name}`,
        isRead: false,
        detail: 'There are none now.',
        remedy: 'Logs that are kept elsewhere: denywhy explain --logs FILE.',
      },
    ];
  return [
    {
      what: `log of ${nameOf(first)}`,
      isRead: false,
      detail: 'It has no container linkerd-proxy: Linkerd denies nothing there.',
      remedy: `kubectl get pod -n ${first.namespace} ${first.pod} -o jsonpath='{.spec.containers[*].name}'`,
    },
  ];
}

/** Failures that are alike are told of once, by the first of their names. */
function createFailures() {
  const alike = new Map<string, { fault: SourceRead; count: number }>();
  return {
    add(what: string, error: unknown): void {
      const fault = failed(what, error);
      const key = `${fault.detail} ${fault.remedy}`.replace(/[a-z0-9.-]+\/[a-z0-9.-]+|-n \S+ \S+/g, '…');
      const known = alike.get(key);
      if (known === undefined) alike.set(key, { fault, count: 1 });
      else {
        known.count++;
        if (what < known.fault.what) known.fault = fault;
      }
    },
    all: (): readonly SourceRead[] =>
      [...alike.values()].map(({ fault, count: n }) => (n === 1 ? fault : { ...fault, what: `${fault.what} and of ${n - 1} more` })),
  };
}

function failed(what: string, error: unknown): SourceRead {
  if (error instanceof Unavailable || error instanceof InvalidInput)
    return { what, isRead: false, detail: error.message, remedy: error.remedy };
  throw error;
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
    }),
  );
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
}
