/** The queue's work: gather an incident and its clients, explain, save. Idempotent: it reads everything anew, so running twice changes nothing. */
import type { DenialKind, Reporter } from '../evidence/facts.ts';
import type { Tally, TallyClient, TallyEntry } from '../evidence/tally.ts';
import { type ClusterView, type Explanation, explain } from '../explain.ts';
import type { Instant } from '../policy/resource.ts';
import { showRef } from '../policy/resource.ts';
import type { Json, Store } from '../ports.ts';
import type { Answer, Incident, IncidentClient, TriageBounds } from './incident.ts';
import { putIncident } from './intake.ts';
import { createWorkingSet } from './working-set.ts';

/** The cluster as it is known now, with a name for its present state. */
export interface PolicyView {
  readonly view: ClusterView;
  /** Changes with every change of the policy; empty when no cluster is known. */
  readonly revision: string;
}

export interface WorkOptions {
  readonly store: Store;
  readonly bounds: TriageBounds;
  readonly now: () => Instant;
  /** null: no cluster is configured. */
  readonly policy: () => PolicyView | null;
  /** The explanation as it is kept and served. */
  readonly describe: (explanation: Explanation) => Json;
  /** Told of each explained revision, after it is saved. */
  readonly published: (event: IncidentEvent) => Promise<void>;
}

/** What consumers read: on the events stream, and as a job's data. */
export interface IncidentEvent {
  readonly type: 'incident';
  readonly incident: Incident;
}

/** Explains one incident. A writer in between makes it run again: explaining is pure and cheap. */
export async function explainIncident(id: string, options: WorkOptions): Promise<void> {
  for (;;) {
    const set = createWorkingSet(options.store);
    await set.load('incidents', [id]);
    const incident = set.get<Incident>('incidents', id);
    const policy = options.policy();
    const revision = policy?.revision ?? '';
    if (incident === null || (incident.explained >= incident.evidence && incident.explainedPolicy === revision)) return;
    const clients = await options.store.list('clients', { tag: `incident:${id}`, limit: options.bounds.clientsExplained });
    const explanation = explain({
      tally: tallyOf(
        incident,
        clients.map((d) => d.value as unknown as IncidentClient),
      ),
      cluster: policy?.view ?? null,
      question: { namespace: null, workload: null, port: null, at: null },
    });
    const next: Incident = {
      ...incident,
      explained: incident.evidence,
      explainedPolicy: revision,
      answer: answerOf(incident, explanation, options.now()),
    };
    await set.load('explanations', [id]);
    putIncident(set, next);
    set.put('explanations', id, { incident: id, evidence: next.evidence, policy: revision, explanation: options.describe(explanation) });
    const event: IncidentEvent = { type: 'incident', incident: next };
    set.event(event);
    if ((await set.commit([])) !== 'done') continue;
    await options.published(event);
    return;
  }
}

/** What is kept of an incident, as the facts that explaining takes. Symptoms say themselves what they are. */
function tallyOf(incident: Incident, clients: readonly IncidentClient[]): Tally {
  const entries = new Map<string, TallyEntry>();
  const kind = denialKind(incident);
  if (kind !== null) {
    for (const [pod, own] of Map.groupBy(clients, (client) => client.pod)) entries.set(pod ?? '', entryOf(incident, kind, pod, own));
  }
  return { add() {}, entries, symptoms: new Map(), observed: { count: 0 }, dropped: { count: incident.beyond } };
}

function entryOf(incident: Incident, kind: DenialKind, pod: string | null, clients: readonly IncidentClient[]): TallyEntry {
  const { cluster, namespace, workload, server, route, port, admin } = incident;
  const reporter: Reporter = {
    cluster,
    namespace,
    pod,
    workload: workload === null || namespace === null ? null : { namespace, ...workload },
  };
  const byKey = new Map(clients.map((client, i): [string, TallyClient] => [String(i), copyOf(client)]));
  return { reporter, kind, server, route, port, admin, clients: byKey, beyond: 0 };
}

/** The tally's own lists may grow; what is stored may not. */
function copyOf(client: IncidentClient): TallyClient {
  return {
    ip: client.ip,
    tls: client.tls,
    logs: { ...client.logs },
    metrics: { ...client.metrics },
    requests: [...client.requests],
    didNotApply: [...client.didNotApply],
    sources: [...client.sources],
    error: client.error,
  };
}

const DENIALS: ReadonlySet<string> = new Set<DenialKind>([
  'http-denied',
  'tcp-denied',
  'terminated',
  'route-not-found',
  'rate-limited',
  'audit-allowed',
]);

/** null: a symptom, or an alert that does not say what was denied. */
function denialKind({ kind, route, server }: Incident): DenialKind | null {
  if (kind === 'admin-denied') return route === null && server === null ? 'route-not-found' : 'http-denied';
  return kind !== null && DENIALS.has(kind) ? (kind as DenialKind) : null;
}

function answerOf(incident: Incident, explanation: Explanation, at: Instant): Answer | null {
  const decision = explanation.clients[0]?.targets[0]?.decision;
  if (decision !== undefined)
    return { sentence: decision.sentence, object: decision.object === null ? null : showRef(decision.object), at };
  const detail = incident.details.at(-1);
  if (incident.waitingForEvidence) return { sentence: 'An alert fires; no denial has been seen yet.', object: null, at };
  return detail === undefined ? null : { sentence: detail, object: null, at };
}
