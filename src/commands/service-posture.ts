/** The service's answers about posture: of the policy that it knows, the traffic that it keeps, and what Prometheus says of itself. */
import { InvalidInput } from '../errors.ts';
import type { Observation } from '../evidence/facts.ts';
import type { Asking, PostureCount } from '../http/options.ts';
import type { Instant } from '../policy/resource.ts';
import { ASKS_OF_SERVICE } from '../posture/asks.ts';
import { POSTURE_STATES, type PostureFacts, PRACTICE_IDS } from '../posture/practice.ts';
import { basisOf } from './generate.ts';
import { inTurns } from './in-turns.ts';
import { observing } from './observed-traffic.ts';
import type { PolicySource } from './policy-known.ts';
import { hasPods, type Posture, posturing, watchedIn } from './posture-run.ts';
import { postureData } from './posture-text.ts';
import { whileRunning } from './while-running.ts';

export interface PostureSources {
  /** What Prometheus says of its targets and rules. */
  alerting(): Promise<PostureFacts['alerting']>;
  readonly now: () => Instant;
}

interface Sources extends PostureSources {
  observations(): Promise<readonly Observation[]>;
}

/** Of ten thousand pods it takes seconds: a scrape is answered by what was found lately. */
const COUNTED_EVERY = 300_000;

export function createPostureAsking(
  policy: Pick<PolicySource, 'history' | 'settings' | 'unread'>,
  sources: Sources,
): Pick<Asking, 'posture' | 'postureCounts'> {
  let counted: { readonly at: Instant; readonly counts: readonly PostureCount[] } | null = null;

  const judged = whileRunning(async (namespace: string | null): Promise<Posture | null> => {
    const [facts, alerting] = await Promise.all([sources.observations(), sources.alerting()]);
    const view = policy.history();
    const settings = policy.settings();
    if (view === null || settings === null) return null;
    const snapshot = view.at(null);
    if (namespace !== null && !hasPods(snapshot, namespace))
      throw new InvalidInput(
        `No pods are in namespace ${namespace}.`,
        'GET /api/v1/posture without a namespace lists those that have some.',
      );
    const observed = await inTurns(observing(snapshot, facts));
    const requests = observed.traffic.reduce((sum, { count }) => sum + count, 0);
    const now = sources.now();
    const found = await inTurns(
      posturing({
        ...{ snapshot, settings, view, alerting, observed, namespace, files: new Map(), now },
        ...{ basis: basisOf(facts, requests), watched: watchedIn(facts), asks: ASKS_OF_SERVICE, unread: policy.unread() },
      }),
    );
    if (namespace === null) counted = { at: now, counts: countsOf(found) };
    return found;
  });

  return {
    async posture(namespace) {
      const found = await judged(namespace);
      return found === null ? null : postureData(found);
    },
    async postureCounts() {
      if (counted === null || sources.now() - counted.at >= COUNTED_EVERY) await judged(null);
      return counted?.counts ?? null;
    },
  };
}

/** Each practice in each state, those that nothing is in included: a gauge that is gone says nothing. */
function countsOf({ namespaces }: Posture): readonly PostureCount[] {
  const judged = namespaces.flatMap(({ practices }) =>
    practices.flatMap(({ id, judgements }) => judgements.map(({ state }) => `${id} ${state}`)),
  );
  const counts = Map.groupBy(judged, (key) => key);
  return PRACTICE_IDS.flatMap((practice) =>
    POSTURE_STATES.map((state) => ({ practice, state, count: counts.get(`${practice} ${state}`)?.length ?? 0 })),
  );
}
