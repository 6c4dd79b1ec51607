/** Polls Prometheus while this process leads, looks at once where an alert points, and says how it goes. */
import { Unavailable } from '../errors.ts';
import type { AlertFact } from '../evidence/alert.ts';
import { LABEL } from '../evidence/conventions.ts';
import type { ScrapeTarget } from '../evidence/metrics-json.ts';
import { UP_IS_ZERO } from '../evidence/metrics-reader.ts';
import type { Instant } from '../policy/resource.ts';
import type { Prometheus, Store } from '../ports.ts';
import type { Logger, Metrics } from '../telemetry.ts';
import { createBlindnessWatch, showBlindness } from '../triage/blindness.ts';
import { alertId } from '../triage/fold.ts';
import type { Intake } from '../triage/intake.ts';
import type { PollScope } from '../triage/poll-scope.ts';
import { type PollingState, readPolling, savePolling, spansTo } from '../triage/polling.ts';
import { type SourceStatus, saveSource } from '../triage/sources.ts';
import { createPoll } from './prometheus-poll.ts';
import { downQuery, jobsOf, jobsQuery } from './prometheus-queries.ts';
import { createLoop } from './service-loop.ts';

export interface PrometheusWork {
  /** The counters that these alerts select are read now. */
  look(alerts: readonly AlertFact[]): void;
  /** From Prometheus' external labels; empty: not known. */
  cluster(): string;
  stop(): Promise<void>;
}

export interface PrometheusWorkOptions {
  readonly prometheus: Prometheus;
  readonly store: Store;
  readonly intake: Intake;
  readonly isLeader: () => boolean;
  /** Empty: that of Prometheus' external labels. */
  readonly cluster: string;
  /** Of facts from elsewhere; empty: it is the same. */
  readonly ownCluster: string;
  /** Milliseconds between two polls of the deny counters, and of the allow counters. */
  readonly every: number;
  readonly everyAllowed: number;
  /** How far back polling goes after an outage (ms). */
  readonly resume: number;
  readonly mostSeries: number;
  /** Told of each alert whose counters were read. */
  readonly looked?: (alert: AlertFact) => void;
  readonly now: () => Instant;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export const PROMETHEUS = 'prometheus';

const TELLS_NO_TARGETS = 'It does not tell which proxies cannot be scraped: that a proxy refuses to be read by policy is not seen here.';

const MINUTE = 60_000;
const EVERY_TARGETS = MINUTE;
const EVERY_SIDE = MINUTE;
const EVERY_SETTINGS = 10 * MINUTE;
/** After so long what stands still is written once more, so that retention does not take it for gone. */
const EVERY_WHOLE = 60 * MINUTE;
const LONGEST_PAUSE = MINUTE;
/** How soon it is seen that this process leads now (ms). */
const UNTIL_LEADING = 1000;
/** Webhooks that come one after another are answered together (ms). */
const LEAST = 200;
const MOST_LOOKS = 100;
/** Clocks that differ by more are worth a remark. */
const SKEW = 30_000;

export function startPrometheus(options: PrometheusWorkOptions): PrometheusWork {
  const { prometheus, store, intake, isLeader, now, logger, metrics } = options;
  const blindness = createBlindnessWatch();
  const looks = new Map<string, AlertFact>();
  let jobs: readonly string[] = [];
  let learned = '';
  const cluster = () => (options.cluster === '' ? learned : options.cluster);
  const poll = createPoll({
    prometheus,
    intake,
    cluster: () => cluster() || options.ownCluster,
    jobs: () => jobs,
    mostSeries: options.mostSeries,
  });
  const due = { settings: 0, targets: 0, whole: 0 };
  const remarks: Record<PollScope | 'settings' | 'targets', readonly string[]> = {
    denied: [],
    side: [],
    allowed: [],
    settings: [],
    targets: [],
  };
  let series = 0;
  let failures = 0;
  let failingSince: Instant | null = null;
  let answeredAt: Instant | null = null;
  let lag: number | null = null;
  let led = false;

  /** Something that polling can do without: its fault is a remark. null: it failed. */
  async function aside<T>(part: 'settings' | 'targets', ask: () => Promise<T>): Promise<T | null> {
    remarks[part] = [];
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      remarks[part] = [`${error.message} ${error.remedy}`];
      return null;
    }
  }

  async function readSettings(at: Instant): Promise<void> {
    if (now() < due.settings) return;
    jobs = jobsOf(await prometheus.numbers(jobsQuery(), at));
    const labels = await aside('settings', () => prometheus.externalLabels());
    if (labels !== null) learned = labels.get(LABEL.cluster) ?? '';
    if (options.ownCluster !== '' && cluster() !== '' && cluster() !== options.ownCluster)
      remarks.settings = [
        `Its cluster is called ${JSON.stringify(cluster())}, and cluster.name is ${JSON.stringify(options.ownCluster)}: what logs and counters say of one denial does not meet. Set cluster.name to the former.`,
      ];
    due.settings = now() + EVERY_SETTINGS;
  }

  /** What was committed stands, also when a later part fails. */
  async function readCounters(at: Instant): Promise<void> {
    let state = await readPolling(store);
    if (state !== null && learned === '') learned = state.cluster;
    const spans = spansTo(at, state, { most: options.resume, series });
    if (spans.length > 1) logger.info({ spans: spans.length }, 'the deny counters are read from where they were left');
    for (const span of spans) {
      const since = state?.since ?? span.end;
      const result = await poll.read('denied', span, since);
      series = result.series;
      remarks.denied = result.remarks;
      const next: PollingState = {
        since,
        deniedAt: span.end,
        allowedAt: state?.allowedAt ?? null,
        sideAt: state?.sideAt ?? null,
        newest: result.newest ?? state?.newest ?? null,
        cluster: learned,
      };
      await savePolling(store, next);
      state = next;
    }
    lag = state === null || state.newest === null ? null : Math.max(0, at - state.newest);
    if (state === null) return;
    state = await readSlowly('side', state, at, EVERY_SIDE);
    await readSlowly('allowed', state, at, options.everyAllowed);
  }

  /** What is read as it stands, now and then. */
  async function readSlowly(scope: 'side' | 'allowed', state: PollingState, at: Instant, every: number): Promise<PollingState> {
    const last = scope === 'side' ? state.sideAt : state.allowedAt;
    if (last !== null && at - last < every) return state;
    remarks[scope] = (await poll.read(scope, { start: at, end: at, step: null }, state.since)).remarks;
    const next: PollingState = { ...state, ...(scope === 'side' ? { sideAt: at } : { allowedAt: at }) };
    await savePolling(store, next);
    return next;
  }

  /** One that scrapes nothing itself still has `up`, which does not say why. */
  async function targetsDown(at: Instant): Promise<readonly ScrapeTarget[]> {
    const { samples } = await prometheus.query(downQuery(jobs), at);
    return [...samples].map(({ labels, at: lastScrape }) => ({ labels, health: 'down', lastError: UP_IS_ZERO, lastScrape }));
  }

  async function readTargets(at: Instant): Promise<void> {
    if (now() < due.targets) return;
    due.targets = now() + EVERY_TARGETS;
    const listed = await aside('targets', () => prometheus.targets());
    if (listed === null && remarks.targets.length > 0) return;
    const targets = listed ?? (await targetsDown(at));
    const seen = blindness.see(targets, { cluster: cluster(), namespace: null, pod: null, workload: null }, now());
    remarks.targets = [...showBlindness(seen), ...(listed === null ? [TELLS_NO_TARGETS] : [])];
    if (seen.facts.length > 0) await intake.accept({ id: null, facts: seen.facts, alerts: [] });
  }

  async function answerLooks(at: Instant): Promise<void> {
    if (looks.size === 0) return;
    const state = await readPolling(store);
    if (state === null) return;
    for (const [id, alert] of [...looks]) {
      looks.delete(id);
      await poll.look(alert, at, state.since);
      options.looked?.(alert);
    }
  }

  async function cycle(): Promise<void> {
    const leads = isLeader();
    if (leads && (!led || now() >= due.whole)) {
      poll.forget();
      due.whole = now() + EVERY_WHOLE;
    }
    led = leads;
    if (!leads && looks.size === 0) return;
    const end = metrics.pollSeconds.startTimer();
    try {
      const at = await prometheus.now();
      const skew = at - now();
      await answerLooks(at);
      if (!leads) return;
      await readSettings(at);
      await readCounters(at);
      await answerLooks(at);
      await readTargets(at);
      answeredAt = now();
      [failures, failingSince] = [0, null];
      metrics.polls.inc({ result: 'done' });
      await say(null, Math.abs(skew) > SKEW ? [showSkew(skew)] : []);
    } catch (error) {
      failures++;
      failingSince ??= now();
      metrics.polls.inc({ result: 'failed' });
      if (!(error instanceof Unavailable)) logger.error({ error }, 'a poll of Prometheus failed');
      else logger.warn({ detail: error.message, remedy: error.remedy, failures }, 'Prometheus cannot be polled');
      await say(faultOf(error, failingSince), []).catch(() => undefined);
    } finally {
      end();
    }
  }

  async function say(fault: SourceStatus['fault'], more: readonly string[]): Promise<void> {
    if (!isLeader()) return;
    const all = [...more, ...remarks.targets, ...remarks.denied, ...remarks.side, ...remarks.allowed, ...remarks.settings];
    if (lag !== null) metrics.pollLag.set(lag / 1000);
    const state = fault !== null ? 'failing' : all.length > 0 ? 'remarks' : 'well';
    await saveSource(store, { id: PROMETHEUS, place: prometheus.place, state, at: now(), answeredAt, lag, fault, remarks: all });
  }

  const pause = () => {
    if (!led) return UNTIL_LEADING;
    return failures === 0 ? options.every : Math.min(LONGEST_PAUSE, options.every * 2 ** Math.min(failures, 8));
  };
  const loop = createLoop(cycle, { pause, least: LEAST });
  return {
    look(alerts) {
      for (const alert of alerts) if (alert.status === 'firing' && looks.size < MOST_LOOKS) looks.set(alertId(alert), alert);
      if (looks.size > 0) loop.wake();
    },
    cluster,
    async stop() {
      await loop.stop();
      prometheus.close();
    },
  };
}

function faultOf(error: unknown, since: Instant): SourceStatus['fault'] {
  if (error instanceof Unavailable) return { message: error.message, remedy: error.remedy, since };
  return { message: 'A poll failed for a reason that is a bug of denywhy.', remedy: 'Its log says more; please report it.', since };
}

function showSkew(skew: number): string {
  const seconds = Math.round(Math.abs(skew) / 1000);
  return `Its clock is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} denywhy's: times of denials are by its clock. Look at NTP.`;
}
