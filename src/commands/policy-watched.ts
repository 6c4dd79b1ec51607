/** The policy as the API server tells it: what was recorded before, from the start, and every change as it comes. */
import { nameOfKind, WATCHED_KINDS } from '../drivers/kubernetes-kinds.ts';
import { isOfPods } from '../policy/kept.ts';
import { groupOf, type Instant, type Resource } from '../policy/resource.ts';
import { parseInstant } from '../policy/time.ts';
import type { ClusterEdit, ClusterWatch, Store } from '../ports.ts';
import type { Logger, Metrics } from '../telemetry.ts';
import { createPolicyRecord, type RecordBounds, type RecordedPolicy, type TimedEdit } from '../triage/policy-record.ts';
import { addressAt, createContext, grown, type Known, type PolicySource, rebuilt } from './policy-known.ts';
import { createLoop } from './service-loop.ts';

export interface WatchedPolicyOptions {
  readonly watch: ClusterWatch;
  /** The cluster's name, of facts that name none. */
  readonly cluster: string;
  readonly store: Store;
  readonly bounds: RecordBounds;
  readonly now: () => Instant;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Changes that come together are recorded together (ms). */
const GATHER = 100;
/** What could not be recorded is tried again after so long (ms). */
const AGAIN = 5000;
/** Pods come and go all the time: answers are made anew for it at most so often (ms). */
const POD_PAUSE = 30_000;

/** Nothing is looked for meanwhile: changes wake it (ms). */
const IDLE = 60_000;
const MOST_HELD = 50_000;

const NAMES: ReadonlyMap<string, string> = new Map(WATCHED_KINDS.map((kind) => [`${kind.group}/${kind.kind}`, nameOfKind(kind)]));

/** Begins to watch. Errors: Unavailable (the store). */
export async function watchPolicy(options: WatchedPolicyOptions): Promise<PolicySource> {
  const { watch, store, bounds, now, logger, metrics } = options;
  const record = createPolicyRecord(store, bounds);
  const earlier = await record.recorded();
  let known: Known | null = earlier === null ? null : rebuilt(earlier);
  let last = earlier?.last ?? null;
  /** Kinds that were not listed when all was compared last: what is recorded of them stays. null: all must be compared. */
  let unlisted: ReadonlySet<string> | null = null;
  let edits: ClusterEdit[] = [];
  const stale = { policy: known !== null, pods: false, podsAt: 0 };

  function enter(recorded: RecordedPolicy): void {
    const before = known?.policy.revision;
    known = known === null ? rebuilt(recorded) : grown(known, recorded);
    last = recorded.last;
    metrics.policyReadAt.set(now() / 1000);
    if (known.policy.revision === before) return;
    const isPolicy = recorded.added === null || recorded.added.some(({ resource }) => !isOfPods(resource));
    if (isPolicy) metrics.policyRevisions.inc();
    if (isPolicy) stale.policy = true;
    else stale.pods = true;
  }

  /** All there is, against all that is recorded. */
  async function compareAll(): Promise<void> {
    const missing = new Set(watch.kinds().flatMap(({ name, state }) => (state === 'starting' || state === 'failing' ? [name] : [])));
    const listed = watch.resources();
    const at = now();
    edits = [];
    const stays = (resource: Resource) => missing.has(NAMES.get(`${groupOf(resource.apiVersion)}/${resource.kind}`) ?? '');
    enter(await record.record(listed, at, { stays, since: (resource, before) => changedAt(resource, before, at) }));
    unlisted = missing;
    logger.info({ objects: listed.length, kindsMissing: [...missing].join(' ') }, 'the cluster was read');
  }

  function isLate(name: string): boolean {
    const state = watch.kinds().find((kind) => kind.name === name)?.state;
    return state === 'watching' || state === 'absent';
  }

  async function flush(): Promise<void> {
    if (unlisted === null || [...unlisted].some(isLate)) return compareAll();
    const taken = edits;
    if (taken.length === 0) return;
    edits = [];
    try {
      enter(await record.edit(taken.map((edit) => timed(edit, last)).toSorted((a, b) => a.at - b.at)));
    } catch (error) {
      edits = [...taken, ...edits];
      throw error;
    }
  }

  let isFailing = false;
  let isSettled = false;
  const loop = createLoop(
    async () => {
      if (!isSettled) return;
      try {
        await flush();
        isFailing = false;
      } catch (error) {
        metrics.policyFaults.inc();
        if (!isFailing) logger.error({ error }, 'changes of the cluster cannot be recorded; they are kept and tried again');
        isFailing = true;
      }
    },
    { pause: () => (isFailing ? AGAIN : IDLE), least: GATHER },
  );
  watch.start((some) => {
    for (const edit of some) edits.push(edit);
    // While nothing can be recorded, memory is bounded: then all is compared again, and only the times between are lost.
    if (edits.length > MOST_HELD) [edits, unlisted] = [[], null];
    loop.wake();
  });
  void watch.settled.then(() => {
    isSettled = true;
    loop.wake();
  });
  return {
    current: () => known?.policy ?? null,
    settings: () => known?.settings ?? null,
    history: () => known?.history ?? null,
    unread: () =>
      new Map(watch.kinds().flatMap(({ name, state, objects }) => (state === 'failing' && objects === 0 ? [[name, null]] : []))),
    context: createContext(options.cluster, () => known),
    addressAt: (ip, at) => (known === null ? null : addressAt(known, ip, at)),
    refresh: async () => takeStale(stale, now()),
    async stop() {
      await watch.stop();
      await loop.stop();
    },
  };
}

/** True at most as often as answers should be made anew. */
function takeStale(stale: { policy: boolean; pods: boolean; podsAt: Instant }, now: Instant): boolean {
  if (!stale.policy && !(stale.pods && now - stale.podsAt >= POD_PAUSE)) return false;
  [stale.policy, stale.pods, stale.podsAt] = [false, false, now];
  return true;
}

function timed({ change, at, isListed }: ClusterEdit, last: Instant | null): TimedEdit {
  return { change, at: isListed && 'apply' in change ? changedAt(change.apply, last, at) : at };
}

/**
 * What was missed while nobody watched happened when its last writer says so, if nothing later is recorded; else it is as of when it was seen.
 */
function changedAt({ metadata }: Resource, last: Instant | null, seen: Instant): Instant {
  const times = [metadata.creationTimestamp, ...(metadata.managedFields ?? []).map(({ time }) => time)];
  const known = times.flatMap((time) => (time === undefined ? [] : (parseInstant(time) ?? [])));
  const newest = Math.max(...known);
  return known.length > 0 && newest <= seen && newest > (last ?? Number.POSITIVE_INFINITY) ? newest : seen;
}
