/** The queue's work: gather an incident and its clients, explain, save. Idempotent: it reads everything anew, so running twice changes nothing. */
import { Unavailable } from '../errors.ts';
import type { DenialKind, Reporter } from '../evidence/facts.ts';
import { isSymptomKind, SYMPTOM_WORDS } from '../evidence/symptom-words.ts';
import type { Tally, TallyClient, TallyEntry, TallySymptom } from '../evidence/tally.ts';
import { type Explanation, explain, foundOf, type RemedyWish, saidOf } from '../explain.ts';
import type { ClusterView } from '../policy/history.ts';
import { type Instant, type ObjectRef, showRef } from '../policy/resource.ts';
import type { Json, Queue, Store } from '../ports.ts';
import { clientsTag } from './clients.ts';
import type { Answer, Incident, IncidentClient, TriageBounds } from './incident.ts';
import { putIncident } from './places.ts';
import { type SameClients, sameClientsOf } from './same-clients.ts';
import { incidentsOfWorkload } from './signs.ts';
import { CLIENTS_ASKED, incidentWayOut } from './way-out.ts';
import { createWorkingSet, type WorkingSet } from './working-set.ts';

/** The cluster as it is known now, with a name for its present state. */
export interface PolicyView {
  readonly view: ClusterView;
  /** Changes with every change of the policy; empty when no cluster is known. */
  readonly revision: string;
}

export interface WorkOptions {
  readonly store: Store;
  readonly queue: Pick<Queue, 'add'>;
  readonly bounds: TriageBounds;
  readonly now: () => Instant;
  /** null: no cluster is configured. */
  readonly policy: () => PolicyView | null;
  /** The explanation as it is kept and served. */
  readonly describe: (explanation: Explanation) => Json;
  /** Told of each explained revision, after it is saved; told again when the work runs again. */
  readonly published: (event: IncidentEvent) => Promise<void>;
}

/** What consumers read: on the events stream, and as a job's data. */
export interface IncidentEvent {
  readonly type: 'incident';
  readonly incident: Incident;
}

const MOST_CONFLICTS = 50;
const WISH: RemedyWish = { files: new Map(), forceGrant: false, clients: CLIENTS_ASKED };

/**
 * Explains one incident. Evidence that comes in meanwhile is not lost: the answer is saved for the evidence that it stands for, and what is newer
 * has been queued by whoever wrote it. Errors: Unavailable.
 */
export async function explainIncident(id: string, options: WorkOptions): Promise<void> {
  const { store, queue, bounds } = options;
  const [document] = await store.get('incidents', [id]);
  const incident = (document?.value ?? null) as unknown as Incident | null;
  const policy = options.policy();
  const revision = policy?.revision ?? '';
  if (incident === null) return;
  if (isExplained(incident, incident.evidence, revision)) return options.published({ type: 'incident', incident });
  const { explanation, own, besides } = await explained(incident, { store, bounds, view: policy?.view ?? null, remedies: WISH });
  const answer = answerOf(incident, explanation, own, options.now());
  const wayOut = incidentWayOut(explanation);
  const withheld = withheldFrom(explanation);
  const kept = { incident: id, evidence: incident.evidence, policy: revision, withheld, explanation: options.describe(explanation) };
  for (let attempt = 0; attempt < MOST_CONFLICTS; attempt++) {
    const set = createWorkingSet(store);
    await Promise.all([set.load('incidents', [id, ...besides]), set.load('explanations', [id])]);
    const latest = set.get<Incident>('incidents', id);
    if (latest === null || isExplained(latest, incident.evidence, revision)) return;
    const next: Incident = {
      ...latest,
      explained: incident.evidence,
      explainedPolicy: revision,
      answers: latest.answers + 1,
      answer,
      wayOut,
    };
    putIncident(set, next);
    const offering = isNews(withheld, set.get<Partial<typeof kept>>('explanations', id)) ? offeringIn(set, besides) : [];
    for (const other of offering) putIncident(set, { ...other, evidence: other.evidence + 1 });
    set.put('explanations', id, kept);
    const event: IncidentEvent = { type: 'incident', incident: next };
    set.event(event);
    if ((await set.commit([])) !== 'done') continue;
    // Saved is enough: what could not be queued now, the sweep finds.
    if (offering.length > 0) await queue.add(offering.map((other) => other.id)).catch(() => {});
    await options.published(event);
    return;
  }
  throw new Unavailable(`too many writers change incident ${id}`, 'It is explained in a moment.');
}

/** The clients that look as if they were denied on purpose. */
function withheldFrom({ clients }: Explanation): readonly string[] {
  const isWithheld = ({ targets }: Explanation['clients'][number]) => targets.some(({ wayOut }) => wayOut?.verdict === 'do-not-allow');
  return clients.filter(isWithheld).map(({ client }) => client.key);
}

/** True where other incidents of these clients may have been explained without knowing it. */
function isNews(withheld: readonly string[], before: { readonly withheld?: readonly string[] } | null): boolean {
  return withheld.some((client) => before?.withheld?.includes(client) !== true);
}

/** Those of the open incidents that offer something. */
function offeringIn(set: WorkingSet, incidents: readonly string[]): readonly Incident[] {
  const isOffering = ({ state, wayOut }: Incident) => state !== 'resolved' && (wayOut?.verdict === 'fix' || wayOut?.verdict === 'decide');
  return incidents.flatMap((id) => set.get<Incident>('incidents', id) ?? []).filter(isOffering);
}

interface Explaining {
  readonly store: Store;
  readonly bounds: TriageBounds;
  /** null: no cluster is known. */
  readonly view: ClusterView | null;
  readonly remedies?: RemedyWish;
}

/** Of the incident as it is kept; nothing is saved. null: there is none by this id. Errors: Unavailable. */
export async function explanationOf(id: string, explaining: Explaining): Promise<Explanation | null> {
  const [document] = await explaining.store.get('incidents', [id]);
  return document == null ? null : (await explained(document.value as unknown as Incident, explaining)).explanation;
}

async function explained(incident: Incident, explaining: Explaining): Promise<Explained> {
  const { store, bounds, view, remedies } = explaining;
  const clients = await clientsOf(incident.id, store, bounds.clientsExplained);
  const own = symptomsOf(clients);
  const tally = tallyOf(incident, clients, [...own, ...(await toldBeside(incident, store))]);
  const { incidents, observations } = denialKind(incident) === null ? NOTHING_BESIDE : await sameClientsOf(incident, clients, store);
  const beside = { entries: new Map(incidents.flatMap((other) => entriesOf(other.incident, other.clients))), observations };
  const question = { namespace: null, workload: null, port: null, at: null };
  const explanation = explain({ tally, cluster: view, question, beside, ...(remedies === undefined ? {} : { remedies }) });
  return { own, besides: incidents.map((other) => other.incident.id), explanation };
}
const NOTHING_BESIDE: SameClients = { incidents: [], observations: new Map() };

interface Explained {
  readonly explanation: Explanation;
  /** Those of its symptoms that are the incident's own. */
  readonly own: readonly TallySymptom[];
  /** Ids of other open incidents of its clients. */
  readonly besides: readonly string[];
}

async function clientsOf(id: string, store: Store, limit: number): Promise<readonly IncidentClient[]> {
  return (await store.list('clients', { tag: clientsTag(id), limit })).map((d) => d.value as unknown as IncidentClient);
}

/** What else the same workload's proxies told, as it is known now: a counter says that requests fail, a line why. */
async function toldBeside(incident: Incident, store: Store): Promise<readonly TallySymptom[]> {
  const set = createWorkingSet(store);
  const others = (await incidentsOfWorkload(set, incident)).filter(
    (other) => other.id !== incident.id && other.state !== 'resolved' && denialKind(other) === null,
  );
  const clients = await Promise.all(others.slice(0, MOST_BESIDE).map(({ id }) => clientsOf(id, store, CLIENTS_BESIDE)));
  return symptomsOf(clients.flat());
}
const MOST_BESIDE = 8;
const CLIENTS_BESIDE = 20;

function isExplained(incident: Incident, evidence: number, policy: string): boolean {
  return incident.explained > evidence || (incident.explained === evidence && incident.explainedPolicy === policy);
}

/** What is kept of an incident, as the facts that explaining takes. */
function tallyOf(incident: Incident, clients: readonly IncidentClient[], told: readonly TallySymptom[]): Tally {
  const entries = new Map(entriesOf(incident, clients));
  const symptoms = new Map(told.map((symptom, i) => [String(i), symptom]));
  return { add() {}, entries, symptoms, observed: { count: 0 }, observations: new Map(), dropped: { count: incident.beyond } };
}

function entriesOf(incident: Incident, clients: readonly IncidentClient[]): readonly (readonly [string, TallyEntry])[] {
  const kind = denialKind(incident);
  if (kind === null) return [];
  const byPod = [...Map.groupBy(clients, (client) => client.pod)];
  return byPod.map(([pod, own]) => [`${incident.id}/${pod ?? ''}`, entryOf(incident, kind, pod, own)]);
}

function symptomsOf(clients: readonly IncidentClient[]): readonly TallySymptom[] {
  return clients.flatMap(({ symptoms = [] }) =>
    symptoms.map(({ sample, ...times }) => {
      const { kind, reporter, port, detail } = sample;
      return { kind, reporter, port, detail, ...times, sample };
    }),
  );
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

function clientName({ clients: [first] }: Explanation): string | null {
  if (first === undefined) return null;
  const { workload, serviceAccount, identity } = first.client;
  const owner = workload ?? serviceAccount;
  return owner === null ? (identity ?? first.ips[0] ?? null) : `${owner.namespace}/${owner.name}`;
}

function answerOf(incident: Incident, explanation: Explanation, own: readonly TallySymptom[], at: Instant): Answer | null {
  const target = explanation.clients[0]?.targets[0];
  if (target !== undefined) {
    const { sentence, object } = saidOf(target);
    return { ...answered(sentence, object, target.findings[0] ?? null, at), client: clientName(explanation) };
  }
  const found = foundOf(own, explanation);
  if (found !== null) return answered(found.summary, found.objects[0]?.ref ?? null, found, at);
  if (incident.waitingForEvidence) return answered('An alert fires; no denial has been seen yet.', null, null, at);
  const detail = incident.details.at(-1);
  return detail === undefined ? null : answered(toldIn(incident.kind, detail), null, null, at);
}

/** Nobody knows why: what happened, in the source's own words. */
function toldIn(kind: Incident['kind'], detail: string): string {
  if (kind === null || !isSymptomKind(kind)) return detail;
  const [first = '', ...rest] = SYMPTOM_WORDS[kind];
  return `${first.toUpperCase()}${rest.join('')}: ${detail}`;
}

function answered(sentence: string, object: ObjectRef | null, found: Answer['finding'], at: Instant): Answer {
  const finding = found === null ? null : { id: found.id, certainty: found.certainty };
  return { sentence, object: object === null ? null : showRef(object), finding, at };
}
