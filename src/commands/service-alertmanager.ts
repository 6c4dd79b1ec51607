/** Hands the answers to every Alertmanager while this process leads, and asks them what they hold where nothing was heard for long. */
import { Unavailable } from '../errors.ts';
import { isOwn } from '../evidence/alert.ts';
import type { Instant } from '../policy/resource.ts';
import type { Alertmanager, Cursor, HeldAlert, PostedAlert, Store, StoredDocument } from '../ports.ts';
import type { Logger, Metrics } from '../telemetry.ts';
import type { Incident, TriageBounds } from '../triage/incident.ts';
import type { Intake } from '../triage/intake.ts';
import { postedAlert, signatureOf } from '../triage/posted-alerts.ts';
import { type SourceStatus, saveSource } from '../triage/sources.ts';
import { reconcile, staleAlerts } from '../triage/stale-alerts.ts';
import { createLoop } from './service-loop.ts';

export interface AlertmanagerWork {
  /** An answer is new. */
  answered(): void;
  /** A webhook of this receiver left alerts out. */
  truncated(receiver: string): void;
  stop(): Promise<void>;
}

export interface AlertmanagerWorkOptions {
  /** Every peer: each gets every alert. */
  readonly peers: readonly Alertmanager[];
  readonly store: Store;
  readonly intake: Intake;
  readonly bounds: TriageBounds;
  readonly isLeader: () => boolean;
  /** Milliseconds. */
  readonly refresh: number;
  /** Address of this denywhy, for people; empty: none. */
  readonly link: string;
  readonly now: () => Instant;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Its number is the place in the configuration. */
export function alertmanagerId(index: number): string {
  return `alertmanager-${index}`;
}

/** How soon another process' answers are seen (ms). */
const EVERY = 5000;
const LEAST = 500;
const EVERY_RECONCILING = 60_000;
/** Alertmanager repeats what fires; what was not heard of for so long is looked for. */
const STALE = 5 * 60_000;
/** One that started lately may not have been told again of all that fires: Prometheus does so each minute. */
const YOUNG = 5 * 60_000;
const PAGE = 500;
const MOST_POSTED = 5000;
const PER_POST = 200;

interface Peer {
  readonly id: string;
  readonly alertmanager: Alertmanager;
  /** What it was told last, by the incident's id, and when. */
  readonly told: Map<string, { readonly signature: string; readonly at: Instant }>;
  answeredAt: Instant | null;
  fault: SourceStatus['fault'];
  saidAt: Instant;
  said: string;
}

export function startAlertmanager(options: AlertmanagerWorkOptions): AlertmanagerWork {
  const { store, intake, isLeader, refresh, link, now, logger, metrics } = options;
  const peers = options.peers.map(
    (alertmanager, i): Peer => ({
      id: alertmanagerId(i),
      alertmanager,
      told: new Map(),
      answeredAt: null,
      fault: null,
      saidAt: 0,
      said: '',
    }),
  );
  const receivers = new Set<string>();
  let reconcileAt = 0;

  /** null: it does not answer. */
  async function ask<T>(peer: Peer, request: () => Promise<T>): Promise<T | null> {
    try {
      const answer = await request();
      [peer.answeredAt, peer.fault] = [now(), null];
      return answer;
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      if (peer.fault === null) logger.warn({ detail: error.message, remedy: error.remedy }, 'an Alertmanager cannot be reached');
      peer.fault = { message: error.message, remedy: error.remedy, since: peer.fault?.since ?? now() };
      return null;
    }
  }

  async function tell(peer: Peer, alerts: ReadonlyMap<string, PostedAlert>): Promise<void> {
    const at = now();
    const news = [...alerts].filter(([id, alert]) => {
      const known = peer.told.get(id);
      return known === undefined || known.signature !== signatureOf(alert, at) || (alert.endsAt > at && at - known.at >= refresh);
    });
    for (let i = 0; i < news.length; i += PER_POST) {
      const some = news.slice(i, i + PER_POST);
      const alertsOfPost = some.map(([, alert]) => alert);
      const isDone = (await ask(peer, () => peer.alertmanager.post(alertsOfPost).then(() => true))) !== null;
      metrics.alertPosts.inc({ result: isDone ? 'posted' : 'failed' }, some.length);
      if (!isDone) return;
      for (const [id, alert] of some) peer.told.set(id, { signature: signatureOf(alert, at), at });
    }
    for (const id of peer.told.keys()) if (!alerts.has(id)) peer.told.delete(id);
  }

  async function post(): Promise<void> {
    const alerts = new Map<string, PostedAlert>();
    const posting = { now: now(), refresh, link };
    const told = new Set(peers.flatMap((peer) => [...peer.told.keys()]));
    for await (const incident of postable(store, told)) {
      const alert = postedAlert(incident, posting);
      if (alert !== null && alerts.size < MOST_POSTED) alerts.set(incident.id, alert);
    }
    await Promise.all(peers.map((peer) => tell(peer, alerts)));
  }

  /** null: nobody can tell, since one peer does not answer, or has forgotten. */
  async function heldByAll(): Promise<readonly HeldAlert[] | null> {
    const answers = await Promise.all(
      peers.map((peer) =>
        ask(peer, async () => ((await peer.alertmanager.startedAt()) > now() - YOUNG ? null : await peer.alertmanager.alerts())),
      ),
    );
    return answers.some((answer) => answer === null) ? null : answers.flatMap((answer) => answer ?? []);
  }

  async function reconcileStale(): Promise<void> {
    if (now() < reconcileAt) return;
    reconcileAt = now() + EVERY_RECONCILING;
    const stale = await staleAlerts(store, now() - STALE);
    const held = stale.length === 0 ? null : await heldByAll();
    if (held === null) return;
    const ended = await reconcile(stale, held, options);
    if (ended > 0) logger.info({ ended }, 'alerts had ended without a notification');
  }

  /** What a webhook left out is fetched, from any peer: they hold the same. */
  async function fetchTruncated(): Promise<void> {
    if (receivers.size === 0) return;
    for (const peer of peers) {
      const held = await ask(peer, () => peer.alertmanager.alerts());
      if (held === null) continue;
      const alerts = held.filter((one) => one.isActive && !isOwn(one.alert) && one.receivers.some((name) => receivers.has(name)));
      receivers.clear();
      if (alerts.length > 0) await intake.accept({ id: null, facts: [], alerts: alerts.map(({ alert }) => alert) });
      return;
    }
  }

  async function say(peer: Peer): Promise<void> {
    const { id, alertmanager, answeredAt, fault } = peer;
    if (answeredAt === null && fault === null) await ask(peer, () => alertmanager.startedAt());
    const signature = JSON.stringify(peer.fault?.message ?? null);
    if (signature === peer.said && now() - peer.saidAt < refresh) return;
    const state = peer.fault === null ? 'well' : 'failing';
    await saveSource(store, {
      id,
      place: alertmanager.place,
      state,
      at: now(),
      answeredAt: peer.answeredAt,
      lag: null,
      fault: peer.fault,
      remarks: [],
    });
    [peer.said, peer.saidAt] = [signature, now()];
  }

  async function cycle(): Promise<void> {
    try {
      await fetchTruncated();
      if (!isLeader()) return;
      await post();
      await reconcileStale();
      for (const peer of peers) await say(peer);
    } catch (error) {
      logger.warn({ error }, 'Alertmanager could not be served and is tried again');
    }
  }

  const loop = createLoop(cycle, { pause: () => Math.min(EVERY, refresh), least: LEAST });
  return {
    answered: () => loop.wake(),
    truncated(receiver) {
      // Alertmanager quotes it as Go's regexp.QuoteMeta does.
      receivers.add(receiver.replace(/\\(.)/g, '$1'));
      loop.wake();
    },
    async stop() {
      await loop.stop();
      for (const { alertmanager } of peers) alertmanager.close();
    },
  };
}

/** Incidents that are open, and those of `told` that are no longer: they ended since. */
async function* postable(store: Store, told: ReadonlySet<string>): AsyncGenerator<Incident> {
  const open = new Set<string>();
  let after: Cursor | null = null;
  do {
    const page: readonly (StoredDocument & Cursor)[] = await store.list('incidents', {
      tag: 'active',
      limit: PAGE,
      ...(after && { after }),
    });
    for (const { id, value } of page) {
      open.add(id);
      yield value as unknown as Incident;
    }
    const last = page.at(-1);
    after = last === undefined || page.length < PAGE ? null : { sort: last.sort, id: last.id };
  } while (after !== null);
  for (const document of await store.get(
    'incidents',
    [...told].filter((id) => !open.has(id)),
  ))
    if (document !== null) yield document.value as unknown as Incident;
}
