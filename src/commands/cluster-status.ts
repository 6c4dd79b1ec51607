/** How the watch of the cluster is doing, in words: what cannot be read, since when, and what to do. */
import type { Instant } from '../policy/resource.ts';
import type { ClusterWatch, KindStatus, Store } from '../ports.ts';
import type { Logger, Metrics } from '../telemetry.ts';
import { type SourceStatus, saveSource } from '../triage/sources.ts';
import { createLoop } from './service-loop.ts';

export const KUBERNETES = 'kubernetes';

const EVERY = 5000;
const EVERY_SAME = 30_000;

export interface ClusterStatusOptions {
  readonly watch: ClusterWatch;
  readonly store: Store;
  readonly isLeader: () => boolean;
  readonly now: () => Instant;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Says it from now on: this process for all, while it leads; in its log and its metrics always. Returns how to end it. */
export function startClusterStatus({ watch, store, isLeader, now, logger, metrics }: ClusterStatusOptions): () => Promise<void> {
  let said = '';
  let saidAt = 0;
  const failing = new Set<string>();

  async function say(): Promise<void> {
    const kinds = watch.kinds();
    for (const state of STATES) metrics.clusterKinds.set({ state }, kinds.filter((kind) => kind.state === state).length);
    for (const kind of kinds) logChange(kind);
    if (!isLeader()) return;
    const status = clusterStatus(watch.place, kinds, now());
    const words = JSON.stringify([status.state, status.fault?.message, status.remarks]);
    if (words === said && now() - saidAt < EVERY_SAME) return;
    await saveSource(store, status);
    [said, saidAt] = [words, now()];
  }

  function logChange({ name, fault }: KindStatus): void {
    if (fault !== null && !failing.has(name)) {
      failing.add(name);
      logger.warn({ kind: name, detail: fault.message, remedy: fault.remedy }, 'a kind of the cluster cannot be followed');
    } else if (fault === null && failing.delete(name)) logger.info({ kind: name }, 'a kind of the cluster is followed again');
  }

  const work = () => say().catch((error: unknown) => logger.debug({ error }, 'how the cluster is doing could not be saved'));
  const loop = createLoop(work, { pause: () => EVERY, least: EVERY });
  return () => loop.stop();
}

const STATES: readonly KindStatus['state'][] = ['starting', 'watching', 'absent', 'failing'];

export function clusterStatus(place: string, kinds: readonly KindStatus[], now: Instant): SourceStatus {
  const failing = kinds.filter(({ fault }) => fault !== null);
  const heard = kinds.flatMap(({ heardAt }) => heardAt ?? []);
  const followed = kinds.filter(({ state }) => state === 'watching' || state === 'failing').flatMap(({ heardAt }) => heardAt ?? []);
  const isDown = failing.length > 0 && !kinds.some(({ state }) => state === 'watching');
  const remarks = [...(isDown ? [] : failing.map(showFailing)), ...kinds.filter(isMissed).map(showAbsent)];
  return {
    id: KUBERNETES,
    place,
    state: isDown ? 'failing' : remarks.length > 0 ? 'remarks' : 'well',
    at: now,
    answeredAt: heard.length === 0 ? null : Math.max(...heard),
    lag: followed.length === 0 ? null : Math.max(0, now - Math.min(...followed)),
    fault: isDown ? (failing[0]?.fault ?? null) : null,
    remarks,
  };
}

function isMissed({ state, isOptional }: KindStatus): boolean {
  return state === 'absent' && !isOptional;
}

function showFailing({ name, heardAt, objects, fault }: KindStatus): string {
  const known = heardAt === null ? `Nothing is known of ${name}` : `What is known of ${name} (${objects} objects) grows old`;
  return `${fault?.message} ${known}. ${fault?.remedy}`;
}

function showAbsent({ name }: KindStatus): string {
  return `The API server serves no ${name}: are Linkerd's CustomResourceDefinitions installed?`;
}
