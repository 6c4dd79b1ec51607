/** The service's answers to `can` and `simulate`: of the policy that it knows and the traffic that it keeps. */
import { InvalidInput } from '../errors.ts';
import type { Asking, CanQuestion, SimulateQuestion } from '../http/options.ts';
import { showOrigin } from '../manifests/place.ts';
import { readManifests } from '../manifests/read.ts';
import { mergeManifests } from '../manifests/record.ts';
import type { ClusterRecord, Store } from '../ports.ts';
import { askCan } from './can-question.ts';
import { canData } from './can-text.ts';
import { inTurns } from './in-turns.ts';
import { keptDenials, keptObservations } from './kept-traffic.ts';
import { observing } from './observed-traffic.ts';
import type { PolicySource } from './policy-known.ts';
import { FIELD_WORDS } from './question-words.ts';
import { createPolicyAsking } from './service-policy-asking.ts';
import { createPostureAsking, type PostureSources } from './service-posture.ts';
import { plannedChange } from './simulate-change.ts';
import { simulating } from './simulate-run.ts';
import { showMarkdown, simulationData } from './simulate-text.ts';

/** `alerting`: what Prometheus says of targets and rules. */
export function createAsking(
  policy: Pick<PolicySource, 'current' | 'history' | 'settings' | 'unread'>,
  store: Store,
  more: PostureSources,
): Asking {
  const snapshotAt = (at: number | null) => policy.current()?.view.at(at) ?? null;
  return {
    can({ at, ...spec }: CanQuestion) {
      const snapshot = snapshotAt(at);
      return snapshot === null ? null : canData(snapshot, askCan(snapshot, spec, FIELD_WORDS), []);
    },
    async simulate({ change, deleted, prune, namespace, traffic, at, markdown }: SimulateQuestion) {
      const snapshot = snapshotAt(at);
      if (snapshot === null) return null;
      const record = change === '' ? null : recordOf(change, namespace ?? 'default');
      const planned = plannedChange(snapshot, record, { deleted, prune, namespace }, FIELD_WORDS);
      const [allowed, denied] = await Promise.all([keptObservations(store), keptDenials(store)]);
      const observed = await inTurns(observing(snapshot, [...allowed, ...denied]));
      const simulation = await inTurns(simulating(snapshot, planned, { observed, possible: traffic === 'all' }));
      return { ...simulationData(simulation), ...(markdown ? { markdown: showMarkdown(simulation) } : {}) };
    },
    ...createPolicyAsking(policy, store),
    ...createPostureAsking(policy, { ...more, observations: () => keptObservations(store) }),
  };
}

const NAME = 'change';
const MOST_OBJECTS = 5000;

/** Errors: InvalidInput, with line and column of the text. */
function recordOf(text: string, defaultNamespace: string): ClusterRecord {
  const { changes, isHistory, notices } = mergeManifests([readChange(text, defaultNamespace)]);
  if (changes.length === 0)
    throw new InvalidInput('The change holds no objects.', 'Give Kubernetes objects as YAML or JSON.', { file: NAME });
  if (changes.length > MOST_OBJECTS)
    throw new InvalidInput(`The change holds more than ${MOST_OBJECTS} objects.`, 'Ask about fewer at a time.', { file: NAME });
  const said = notices.map(({ origin, message }) => ({ where: showOrigin(origin), message }));
  return { changes, files: new Map(), notices: said, isHistory };
}

/** Whoever asks over HTTP has no cluster to dump. */
function readChange(text: string, defaultNamespace: string): ReturnType<typeof readManifests> {
  try {
    return readManifests(text, NAME, { defaultNamespace });
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new InvalidInput(error.message, 'Give Kubernetes objects as YAML or JSON, as kubectl apply takes them.', error.place);
  }
}
