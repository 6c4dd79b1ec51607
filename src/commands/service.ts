/** The service in one process: stores, policy, intake, work, timed work and HTTP, put together and taken apart again. */
import manifest from '../../package.json' with { type: 'json' };
import type { Config } from '../config-schema.ts';
import { startServer } from '../http/server.ts';
import { showIncident } from '../http/views.ts';
import type { Json } from '../ports.ts';
import type { Logger } from '../telemetry.ts';
import { createMetrics, type Metrics } from '../telemetry.ts';
import type { DeltaContext } from '../triage/delta.ts';
import { BOUNDS } from '../triage/incident.ts';
import { createIntake, type Intake } from '../triage/intake.ts';
import { createMuteList } from '../triage/mutes.ts';
import { POLL_SCOPES } from '../triage/poll-scope.ts';
import { requeueStale, type TimedOptions } from '../triage/timed.ts';
import { explainIncident, type WorkOptions } from '../triage/work.ts';
import { prometheusFacts } from './check-facts.ts';
import { dataOf } from './explain-data.ts';
import { refuseHalfImport } from './half-import.ts';
import type { PolicySource } from './policy-known.ts';
import { podsIn } from './proxy-pods.ts';
import { createAsking } from './service-asking.ts';
import { createObjectAsking } from './service-objects.ts';
import { openPolicy } from './service-policy.ts';
import { createRemedyAsking } from './service-remedies.ts';
import { createRulesKnown } from './service-rules.ts';
import { createSeriesCounters } from './service-series.ts';
import { openStores, type Stores } from './service-stores.ts';
import { startTimedWork } from './service-timed.ts';
import { openUpstreams, startUpstreams, type UpstreamWork } from './service-upstreams.ts';

export interface Service {
  /** `http://127.0.0.1:8417`. */
  readonly url: string;
  /** What survives a loss, in one sentence. */
  readonly durability: string;
  /** For programs in the same process: the same intake as over HTTP. */
  readonly intake: Intake;
  /** Ends within ten seconds: requests and work at work end, what is left runs again after a restart. */
  close(): Promise<void>;
}

const BATCHES_PER_COMMIT = 64;
const TIMED_EVERY = 5000;
const MUTES_EVERY = 5000;
const EVENT_POLL = 500;
const ANSWER_TIME = 8000;
const SHUTDOWN = { http: 5000, queue: 3000 } as const;
/** Proxies that are known at a time, those of pods that went lately included. */
const MOST_PODS = 50_000;
/** What is kept beside what configuration says. A proxy has one reading for each scope. */
const KEPT = { alerts: 10_000, readings: MOST_PODS * POLL_SCOPES.length, quarantine: 1000, pods: MOST_PODS } as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** `env`: by which a kubeconfig is found. Errors: InvalidInput, Unavailable; then nothing is left open. */
export async function startService(config: Config, logger: Logger, env: Environment = {}): Promise<Service> {
  const now = () => Date.now();
  const metrics = createMetrics(manifest.version);
  const stores = await openStores(config, now);
  const opened: (() => Promise<void>)[] = [() => closeStores(stores)];
  try {
    await refuseHalfImport(stores.store);
    return await assemble(config, stores, { logger, metrics, now, env }, opened);
  } catch (error) {
    for (const close of opened.reverse()) await close();
    throw error;
  }
}

interface Tools {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
  readonly env: Environment;
}

async function assemble(config: Config, stores: Stores, tools: Tools, opened: (() => Promise<void>)[]): Promise<Service> {
  const { store, queue } = stores;
  const { logger, metrics, now } = tools;
  let leads = () => false;
  const policy = await openPolicy(config, { ...tools, store, isLeader: () => leads() });
  opened.push(policy.stop);
  const mutes = createMuteList(store, now);
  await mutes.refresh();
  const upstreams = await openUpstreams(config, tools);
  let work: UpstreamWork | null = null;
  const context: DeltaContext = {
    ...policy.context,
    get cluster() {
      return config.cluster.name || (work?.cluster() ?? '');
    },
  };
  const intake = createIntake({
    store,
    queue,
    context,
    mutes,
    bounds: BOUNDS,
    now,
    rememberMilliseconds: config.triage.remember,
    batchesPerCommit: BATCHES_PER_COMMIT,
  });
  const server = await startServer(
    {
      ...{ store, queue, intake, context, mutes, bounds: BOUNDS, now, logger, metrics },
      tokens: config.auth.tokens,
      limits: { ...config.limits, answerTime: ANSWER_TIME },
      isMetricsOpen: config.metrics.open,
      version: manifest.version,
      eventPoll: EVENT_POLL,
      addressAt: policy.addressAt,
      asking: createAsking(policy, store, { alerting: () => prometheusFacts(upstreams.rules), now }),
      rules: createRulesKnown(upstreams.rules, policy),
      remedies: createRemedyAsking(policy, store),
      objects: createObjectAsking(policy, store),
      ...(upstreams.prometheus === null ? {} : { counters: createSeriesCounters(upstreams.prometheus) }),
      heard: (heard) => work?.heard(heard),
    },
    { ...config.listen.address, headers: config.limits.headers, connections: config.limits.connections },
  );
  opened.push(() => server.close(0));
  startWork(stores, policy, tools, () => work?.answered());
  const timedOptions = timedOptionsOf(config, stores);
  const timed = startTimedWork({ ...timedOptions, ...tools, intake, waitMilliseconds: config.triage.wait, every: TIMED_EVERY });
  const { isLeader } = timed;
  leads = isLeader;
  work = startUpstreams(upstreams, config, {
    ...{ ...tools, store, intake, bounds: BOUNDS, isLeader },
    pods: (asked) => podsIn(policy.current()?.view.at(null) ?? null, asked),
  });
  const stopRefreshing = startRefreshing(config, policy, timedOptions, mutes, tools);
  const { durability } = store;
  logger.info({ url: server.url, store: config.store.driver, durability: durability() }, 'denywhy listens');
  return {
    url: server.url,
    durability: durability(),
    intake,
    async close() {
      await server.close(SHUTDOWN.http);
      stopRefreshing();
      await Promise.all([policy.stop(), work?.stop(), timed.stop(), queue.close(SHUTDOWN.queue)]);
      await closeParts(stores);
      logger.info({}, 'denywhy has ended');
    },
  };
}

async function closeStores(stores: Stores): Promise<void> {
  await stores.queue.close(0);
  await closeParts(stores);
}

async function closeParts({ publisher, store }: Stores): Promise<void> {
  await publisher?.close();
  await store.close();
}

/** `answered`: told after each answer that was saved. */
function startWork({ store, queue, publisher }: Stores, policy: PolicySource, { logger, metrics, now }: Tools, answered: () => void): void {
  const question = { namespace: null, workload: null, port: null, at: null };
  let trimmed = 0;
  const options: WorkOptions = {
    store,
    queue,
    bounds: BOUNDS,
    now,
    policy: policy.current,
    describe(explanation) {
      const data = dataOf({ explanation, question, logs: [], notices: [], settings: policy.settings() });
      return JSON.parse(JSON.stringify(data)) as Json;
    },
    async published({ incident }) {
      answered();
      if (publisher === null) return;
      await publisher.publish([
        { id: incident.id, revision: incident.answers, value: JSON.parse(JSON.stringify(showIncident(incident))) as Json },
      ]);
      metrics.publications.inc({ result: 'published' });
      metrics.publications.inc({ result: 'trimmed' }, publisher.trimmed() - trimmed);
      trimmed = publisher.trimmed();
    },
  };
  queue.process(async (id) => {
    const end = metrics.explanationSeconds.startTimer();
    try {
      await explainIncident(id, options);
      metrics.explanations.inc({ result: 'done' });
      logger.debug({ incident: id }, 'incident explained');
    } catch (error) {
      metrics.explanations.inc({ result: 'failed' });
      logger.warn({ incident: id, error }, 'an explanation failed and is tried again');
      throw error;
    } finally {
      end();
    }
  });
}

function timedOptionsOf(config: Config, { store, queue }: Stores): TimedOptions {
  const { age, ...counts } = config.retention;
  return {
    store,
    queue,
    bounds: BOUNDS,
    quietMilliseconds: config.triage.quiet,
    retention: { incidentsMilliseconds: age, ...counts, ...KEPT },
  };
}

/** Looks for changes of the policy, after which open incidents are explained again, and for mutes that other processes added. */
function startRefreshing(
  config: Config,
  policy: PolicySource,
  timed: TimedOptions,
  mutes: { refresh(): Promise<void> },
  { logger }: Tools,
): () => void {
  let isStale = true;
  let isBusy = false;
  const look = async () => {
    if (isBusy) return;
    isBusy = true;
    try {
      if (await policy.refresh()) isStale = true;
      const revision = policy.current()?.revision;
      if (isStale && revision !== undefined) {
        const queued = await requeueStale(timed, revision);
        if (queued > 0) logger.info({ revision, incidents: queued }, 'open incidents are explained again');
      }
      isStale = false;
    } catch (error) {
      logger.warn({ error }, 'open incidents could not be queued again; it is tried again');
    } finally {
      isBusy = false;
    }
  };
  void look();
  const timers = [
    setInterval(() => void look(), config.cluster.poll),
    setInterval(() => void mutes.refresh().catch((error: unknown) => logger.debug({ error }, 'mutes could not be read')), MUTES_EVERY),
  ];
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}
