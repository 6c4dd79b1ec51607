/** The service's answers to `can` and `simulate`: of the policy that it knows and the traffic that it keeps. */
import { InvalidInput } from '../errors.ts';
import type { Observation } from '../evidence/facts.ts';
import type { Asking, CanQuestion, SimulateQuestion } from '../http/options.ts';
import { showOrigin } from '../manifests/place.ts';
import { readManifests } from '../manifests/read.ts';
import { mergeManifests } from '../manifests/record.ts';
import type { ClientTls } from '../policy/evaluation.ts';
import type { ClusterRecord, Cursor, Store } from '../ports.ts';
import type { ObservationDelta } from '../triage/delta.ts';
import { askCan } from './can-question.ts';
import { canData } from './can-text.ts';
import { inTurns, turn } from './in-turns.ts';
import { observing } from './observed-traffic.ts';
import type { PolicySource } from './policy-known.ts';
import { createPolicyAsking } from './service-policy-asking.ts';
import { createPostureAsking, type PostureSources } from './service-posture.ts';
import { plannedChange } from './simulate-change.ts';
import { simulate } from './simulate-run.ts';
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
      return snapshot === null ? null : canData(snapshot, askCan(snapshot, spec), []);
    },
    async simulate({ change, deleted, prune, namespace, traffic, at, markdown }: SimulateQuestion) {
      const snapshot = snapshotAt(at);
      if (snapshot === null) return null;
      const record = change === '' ? null : recordOf(change, namespace ?? 'default');
      const planned = plannedChange(snapshot, record, { deleted, prune, namespace });
      const observed = await inTurns(observing(snapshot, await keptObservations(store)));
      const simulation = simulate(snapshot, planned, { observed, possible: traffic === 'all' });
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

const PAGE = 1000;
const MOST_OBSERVATIONS = 200_000;

/** The newest, as facts. */
async function keptObservations(store: Store): Promise<readonly Observation[]> {
  const facts: Observation[] = [];
  for (let after: Cursor | null = null; facts.length < MOST_OBSERVATIONS; ) {
    const page: Awaited<ReturnType<Store['list']>> = await store.list('observations', {
      limit: PAGE,
      ...(after === null ? {} : { after }),
    });
    for (const { value } of page) facts.push(asFact(value as unknown as ObservationDelta));
    // A store may answer without ever giving others their turn.
    await turn();
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) break;
    after = last;
  }
  return facts;
}

function asFact({
  cluster,
  namespace,
  workload,
  client,
  server,
  route,
  authorization,
  port,
  first,
  last,
  count,
}: ObservationDelta): Observation {
  const tls: ClientTls | null = client.identity === null ? null : { state: 'established', clientId: client.identity };
  return {
    type: 'observation',
    at: first,
    lastAt: last,
    reporter: { cluster, namespace, pod: null, workload: workload === null || namespace === null ? null : { ...workload, namespace } },
    ...{ server, route, authorization, port, count },
    client: { ip: client.ip, port: null, tls },
    request: null,
    source: { kind: 'metrics', name: 'observations', line: null, raw: '' },
  };
}
