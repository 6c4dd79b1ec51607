/**
 * Proxies' logs as the service reads them: those of the pods that a firing alert is about, once their counters were read, and those of namespaces
 * that are followed. Only namespaces that configuration names; from the API server or from Loki.
 */
import { Unavailable } from '../errors.ts';
import type { AlertFact } from '../evidence/alert.ts';
import type { Fact } from '../evidence/facts.ts';
import { labelOf } from '../evidence/metrics-labels.ts';
import type { Instant } from '../policy/resource.ts';
import type { Logs, ProxyPod, Store } from '../ports.ts';
import type { Logger, Metrics } from '../telemetry.ts';
import { createCompactor } from '../triage/compact.ts';
import { alertId } from '../triage/fold.ts';
import type { AlertState, Incident } from '../triage/incident.ts';
import type { Intake } from '../triage/intake.ts';
import { foldLog, type LogReading, readPosition } from '../triage/log-positions.ts';
import { type SourceStatus, saveSource } from '../triage/sources.ts';
import type { WorkingSet } from '../triage/working-set.ts';
import { createTails } from './log-tails.ts';
import { type ProxyLogRead, readProxyLog } from './proxy-log.ts';
import type { PodSelection } from './proxy-pods.ts';
import { createLoop } from './service-loop.ts';

export interface LogsWork {
  /** The logs of what these alerts select are to be read: soon, or as soon as `counted` is told. */
  look(alerts: readonly AlertFact[]): void;
  /** The counters that this alert selects were read. */
  counted(alert: AlertFact): void;
  stop(): Promise<void>;
}

export interface LogsWorkOptions {
  readonly logs: Logs;
  readonly store: Store;
  readonly intake: Intake;
  readonly isLeader: () => boolean;
  /** The pods with a proxy, as far as the cluster is known. */
  readonly pods: (asked: PodSelection & { readonly namespace: string }) => readonly ProxyPod[];
  /** Where logs are read when an alert fires, and where they are followed. */
  readonly namespaces: readonly string[];
  readonly follow: readonly string[];
  /** Milliseconds before an alert began that its log is read from. */
  readonly back: number;
  /** Most pods of one alert, bytes of one log, and logs that are followed. */
  readonly mostPods: number;
  readonly mostBytes: number;
  readonly mostFollowed: number;
  /** True: counters are read before logs. */
  readonly hasCounters: boolean;
  readonly now: () => Instant;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export const LOGS = 'logs';

/** Counters that do not answer are not waited for longer (ms). */
const WAIT = 5000;
const EVERY = 1000;
const LEAST = 200;
const EVERY_PODS = 10_000;
const EVERY_STATUS = 15_000;
/** One log is not read more often for alerts (ms). */
const AGAIN = 30_000;
const MOST_LOOKS = 100;
const MOST_LINES = 20_000;
const MOST_FACTS = 20_000;
const MOST_FAULTS = 20;
/** What could not be read is told of for so long (ms). */
const FAULT_AGE = 10 * 60_000;

interface Look {
  readonly alert: AlertFact;
  due: number;
}

export function startLogs(options: LogsWorkOptions): LogsWork {
  const { logs, store, intake, isLeader, now, logger, metrics } = options;
  const looks = new Map<string, Look>();
  const readAt = new Map<string, Instant>();
  const faults = new Map<string, { readonly fault: Unavailable; readonly at: Instant }>();
  const stopping = new AbortController();
  let answeredAt: Instant | null = null;
  let [podsDue, statusDue] = [0, 0];
  let unfollowed = 0;

  const complain = (fault: Unavailable, { namespace, pod }: ProxyPod) => {
    const key = fault.message.replaceAll(`${namespace}/${pod}`, '…');
    if (!faults.has(key)) logger.warn({ detail: fault.message, remedy: fault.remedy }, 'a log cannot be read');
    faults.delete(key);
    if (faults.size < MOST_FAULTS) faults.set(key, { fault, at: now() });
  };
  const tails = createTails(logs, {
    ...{ most: options.mostFollowed, position: (pod) => readPosition(store, pod), complain, now, signal: stopping.signal },
  });

  /** False: another process has read further meanwhile, and nothing was saved. */
  async function save(reading: LogReading): Promise<boolean> {
    let isNext = false;
    const fold = async (set: WorkingSet) => {
      const facts = await foldLog(set, reading, now());
      isNext = facts !== null;
      return facts ?? [];
    };
    await intake.accept({ id: null, facts: [], alerts: [], also: fold });
    for (const fact of isNext ? reading.facts : []) metrics.facts.inc({ type: fact.type }, fact.count);
    return isNext;
  }

  async function readOne(pod: ProxyPod, since: Instant): Promise<void> {
    const from = await readPosition(store, pod);
    const compactor = createCompactor(MOST_FACTS);
    const add = (fact: Fact) => void compactor.add(fact);
    const read = await readProxyLog(logs, pod, { bounds: { since, lines: MOST_LINES, bytes: options.mostBytes }, after: from, add });
    answeredAt = now();
    countLines(read, metrics);
    await save({ pod, from, to: read.lastTime, facts: compactor.all() });
  }

  async function settle(): Promise<void> {
    for (const { pod, facts, from, time } of tails.settle()) {
      answeredAt = now();
      const isSaved = await save({ pod, from, to: time, facts }).catch((error: unknown) => {
        tails.restart(pod);
        throw error;
      });
      if (!isSaved) tails.restart(pod);
    }
  }

  async function readLook({ alert }: Look): Promise<void> {
    const since = (alert.startsAt ?? now()) - options.back;
    for (const pod of await podsOf(alert)) {
      const name = `${pod.namespace}/${pod.pod}`;
      if (now() - (readAt.get(name) ?? 0) < AGAIN) continue;
      readAt.set(name, now());
      try {
        await readOne(pod, since);
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        complain(error, pod);
      }
    }
    for (const [name, at] of readAt) if (now() - at > AGAIN) readAt.delete(name);
  }

  /** Those that a counter or an earlier line named first. Nothing of namespaces that configuration does not name, or that are followed. */
  async function podsOf(alert: AlertFact): Promise<readonly ProxyPod[]> {
    const { namespace, workload } = alert.selects;
    if (namespace === undefined || !options.namespaces.includes(namespace) || options.follow.includes(namespace)) return [];
    const known = options.pods({ namespace, workload: workload ?? null });
    const named = await podsNamed(store, alert);
    const own = labelOf(alert.labels, 'pod');
    const names = [...new Set([...(own === '' ? [] : [own]), ...named, ...known.map(({ pod }) => pod)])];
    const alive = known.length === 0 ? names : names.filter((name) => known.some(({ pod }) => pod === name));
    return alive.slice(0, options.mostPods).map((pod) => ({ namespace, pod }));
  }

  function follow(): void {
    if (options.follow.length === 0 || now() < podsDue) return;
    podsDue = now() + (isLeader() ? EVERY_PODS : EVERY);
    const pods = isLeader() ? options.follow.flatMap((namespace) => options.pods({ namespace, workload: null })) : [];
    unfollowed = Math.max(0, pods.length - options.mostFollowed);
    tails.see(pods, now() - options.back);
  }

  async function cycle(): Promise<void> {
    try {
      follow();
      await settle();
      for (const [id, look] of [...looks]) {
        if (look.due > now()) continue;
        looks.delete(id);
        await readLook(look);
      }
      await say();
    } catch (error) {
      if (!(error instanceof Unavailable)) logger.error({ error }, 'logs could not be read');
      else logger.warn({ detail: error.message, remedy: error.remedy }, 'what logs say could not be saved');
    }
  }

  async function say(): Promise<void> {
    if (!isLeader() || now() < statusDue) return;
    statusDue = now() + EVERY_STATUS;
    for (const [key, { at }] of faults) if (now() - at > FAULT_AGE) faults.delete(key);
    const remarks = [
      ...[...faults.values()].map(({ fault }) => `${fault.message} ${fault.remedy}`),
      ...(unfollowed === 0 ? [] : [`${unfollowed} logs are not followed: ${options.mostFollowed} are the most. Raise logs.followed.`]),
    ];
    const state: SourceStatus['state'] = remarks.length > 0 ? 'remarks' : 'well';
    await saveSource(store, { id: LOGS, place: logs.place, state, at: now(), answeredAt, lag: null, fault: null, remarks });
  }

  const loop = createLoop(cycle, { pause: () => EVERY, least: LEAST });
  return {
    look(alerts) {
      for (const alert of alerts) {
        if (alert.status !== 'firing' || looks.size >= MOST_LOOKS) continue;
        looks.set(alertId(alert), { alert, due: now() + (options.hasCounters ? WAIT : 0) });
      }
      if (!options.hasCounters && looks.size > 0) loop.wake();
    },
    counted(alert) {
      const look = looks.get(alertId(alert));
      if (look === undefined) return;
      look.due = 0;
      loop.wake();
    },
    async stop() {
      stopping.abort();
      await loop.stop();
      logs.close();
    },
  };
}

/** Of the incidents that the alert belongs to. */
async function podsNamed(store: Store, alert: AlertFact): Promise<readonly string[]> {
  const [state] = await store.get('alerts', [alertId(alert)]);
  const ids = (state?.value as unknown as AlertState | undefined)?.incidents ?? [];
  const incidents = await store.get('incidents', ids.slice(-10));
  return incidents.flatMap((document) => (document?.value as unknown as Incident | undefined)?.pods ?? []);
}

function countLines({ stats }: ProxyLogRead, { logLines }: Metrics): void {
  logLines.inc({ result: 'parsed' }, stats.parsed);
  logLines.inc({ result: 'irrelevant' }, stats.irrelevant);
  logLines.inc({ result: 'unparsed' }, stats.unparsed);
}
