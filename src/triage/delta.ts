/** A batch of facts, summed: one delta per incident key. Pure; what a batch means does not depend on what is stored. */
import type { Fact, Observation, Reporter, Symptom, WorkloadRef } from '../evidence/facts.ts';
import type { IncidentKind, KeyWorkload } from '../evidence/key.ts';
import { merged, type OverTime, withStretch } from '../evidence/over-time.ts';
import { createTally, earlier, later, stretchOf, type TallyClient, type TallySymptom, tlsKey } from '../evidence/tally.ts';
import type { AuthorizationRef, RouteRef, ServerRef } from '../policy/inbound.ts';
import type { Instant } from '../policy/resource.ts';
import { hashId, type IncidentClient, type KeptSymptom, waitingId } from './incident.ts';

/** What a batch adds to one incident. */
export interface IncidentDelta {
  readonly cluster: string;
  readonly namespace: string;
  readonly workload: KeyWorkload;
  readonly kind: IncidentKind;
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  readonly port: number | null;
  readonly admin: boolean;
  readonly pods: readonly string[];
  readonly clients: ReadonlyMap<string, ClientDelta>;
  readonly beyond: number;
  readonly details: readonly string[];
  /** True when something happened now, not only before a first reading. */
  readonly isNew: boolean;
  /** True when all of it is everyday by itself. */
  readonly isSign: boolean;
  readonly first: Instant | null;
  readonly last: Instant | null;
}
export type ClientDelta = Omit<IncidentClient, 'incident'>;

/** Allowed traffic: client × Server × route × authorization. */
export interface ObservationDelta {
  readonly id: string;
  readonly cluster: string;
  readonly namespace: string | null;
  readonly workload: KeyWorkload | null;
  readonly client: { readonly identity: string | null; readonly ip: string | null };
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  readonly authorization: AuthorizationRef | null;
  readonly port: number | null;
  readonly first: Instant | null;
  readonly last: Instant | null;
  readonly count: number;
  /** When, as far as that is known. */
  readonly over?: OverTime;
}

export interface BatchDelta {
  readonly incidents: readonly IncidentDelta[];
  readonly observations: readonly ObservationDelta[];
  /** Facts whose workload nobody knows yet, by the id under which their pod waits. */
  readonly homeless: ReadonlyMap<string, readonly Fact[]>;
  /** Facts that name neither namespace nor pod, or found no room. */
  readonly unplaced: number;
}

export interface DeltaContext {
  /** The workload of a pod, from owner references or labels of the cluster's objects; null: not known. */
  workload(namespace: string, pod: string, at: Instant | null): WorkloadRef | null;
  /** The namespace of the only pod of this name; null: none, or several. */
  namespace(pod: string): string | null;
  /** What an earlier fact of the same pod named. */
  remembered?(cluster: string, namespace: string, pod: string): WorkloadRef | null;
  /** Used for facts that name no cluster. */
  readonly cluster: string;
}

export function deltaOf(facts: readonly Fact[], context: DeltaContext): BatchDelta {
  const tally = createTally();
  const observations = new Map<string, ObservationDelta>();
  const homeless = new Map<string, Fact[]>();
  const known = new Map<string, WorkloadRef>();
  let unplaced = 0;
  for (const fact of withWorkloads(facts, context, known)) {
    const { namespace, pod, workload } = fact.reporter;
    if (fact.type === 'observation') addObservation(observations, fact);
    else if (namespace !== null && workload !== null) tally.add(fact);
    else if (namespace !== null && pod !== null) wait(homeless, waitingId(fact.reporter.cluster, namespace, pod), fact);
    else unplaced++;
  }
  const incidents = new Map<string, IncidentDelta>();
  for (const entry of tally.entries.values()) {
    const kind = entry.admin && entry.kind !== 'audit-allowed' ? 'admin-denied' : entry.kind;
    add(incidents, { ...entry, kind, details: [], clients: clientsOf(entry.clients, entry.reporter.pod), isSign: false });
  }
  for (const symptom of tally.symptoms.values()) add(incidents, entryOfSymptom(symptom));
  return {
    incidents: [...incidents.values()],
    observations: [...observations.values()],
    homeless,
    unplaced: unplaced + tally.dropped.count,
  };
}

function wait(homeless: Map<string, Fact[]>, id: string, fact: Fact): void {
  const facts = homeless.get(id);
  if (facts === undefined) homeless.set(id, [fact]);
  else facts.push(fact);
}

/** The workload by the cluster's objects, else as the fact names it, else as another fact of the same pod names it. */
function withWorkloads(facts: readonly Fact[], context: DeltaContext, known: Map<string, WorkloadRef>): readonly Fact[] {
  for (const { reporter } of facts) {
    if (reporter.workload !== null && reporter.pod !== null) known.set(`${reporter.namespace}/${reporter.pod}`, reporter.workload);
  }
  const asked = new Map<string, WorkloadRef | null>();
  return facts.map((fact) => {
    const reporter: Reporter = fact.reporter.cluster === '' ? { ...fact.reporter, cluster: context.cluster } : fact.reporter;
    const { pod } = reporter;
    const namespace = reporter.namespace ?? (pod === null ? null : context.namespace(pod));
    if (namespace === null || pod === null) return { ...fact, reporter };
    const key = `${namespace}/${pod}`;
    let owner = asked.get(key);
    if (owner === undefined) {
      owner = context.workload(namespace, pod, fact.at);
      asked.set(key, owner);
    }
    const workload = owner ?? reporter.workload ?? known.get(key) ?? context.remembered?.(reporter.cluster, namespace, pod) ?? null;
    return { ...fact, reporter: { ...reporter, namespace, workload } };
  });
}

interface Entry {
  readonly reporter: Reporter;
  readonly kind: IncidentKind;
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  readonly port: number | null;
  readonly admin: boolean;
  readonly clients: ReadonlyMap<string, ClientDelta>;
  readonly beyond: number;
  readonly details: readonly string[];
  readonly isSign: boolean;
}

function entryOfSymptom({ sample, detail, count, first, last, over }: TallySymptom): Entry {
  const counts = { count, before: sample.countedBefore ?? 0, first, last, ...mergeOver(undefined, over) };
  const none = { count: 0, before: 0, first: null, last: null };
  const isLog = sample.source.kind === 'log';
  const client: ClientDelta = {
    ip: sample.client?.ip ?? null,
    tls: sample.client?.tls ?? null,
    pod: sample.reporter.pod,
    logs: isLog ? counts : none,
    metrics: isLog ? none : counts,
    requests: sample.request === undefined ? [] : [sample.request],
    didNotApply: [],
    sources: [sample.source],
    error: detail,
    symptoms: [{ sample, count, first, last }],
  };
  return {
    reporter: sample.reporter,
    kind: sample.kind,
    server: null,
    route: null,
    port: sample.port,
    admin: false,
    clients: new Map([[clientKey(client), client]]),
    beyond: 0,
    details: [detail],
    isSign: sample.isSign === true,
  };
}

function add(incidents: Map<string, IncidentDelta>, entry: Entry): void {
  const { cluster, namespace, pod, workload } = entry.reporter;
  if (namespace === null || workload === null) return;
  const key = JSON.stringify([cluster, namespace, workload.kind, workload.name, entry.kind, entry.server, entry.route]);
  const before = incidents.get(key);
  const clients = new Map(before?.clients);
  for (const [id, client] of entry.clients) {
    const known = clients.get(id);
    clients.set(id, known === undefined ? client : mergeClients(known, client));
  }
  const all = [...entry.clients.values()].flatMap((c) => [c.logs, c.metrics]);
  incidents.set(key, {
    cluster,
    namespace,
    workload: { kind: workload.kind, name: workload.name },
    kind: entry.kind,
    server: entry.server,
    route: entry.route,
    port: before?.port ?? entry.port,
    admin: entry.admin,
    pods: [...new Set([...(before?.pods ?? []), ...(pod === null ? [] : [pod])])],
    clients,
    beyond: (before?.beyond ?? 0) + entry.beyond,
    details: [...new Set([...(before?.details ?? []), ...entry.details])],
    isNew: before?.isNew === true || entry.beyond > 0 || all.some((c) => c.count > 0),
    isSign: before?.isSign !== false && entry.isSign,
    first: all.reduce<Instant | null>((t, c) => earlier(t, c.first), before?.first ?? null),
    last: all.reduce<Instant | null>((t, c) => later(t, c.last), before?.last ?? null),
  });
}

function clientsOf(clients: ReadonlyMap<string, TallyClient>, pod: string | null): ReadonlyMap<string, ClientDelta> {
  const out = new Map<string, ClientDelta>();
  for (const client of clients.values()) {
    const delta: ClientDelta = { ...client, pod };
    out.set(clientKey(delta), delta);
  }
  return out;
}

/** A client by how it came and from where; counters have no address. */
function clientKey({ ip, tls }: Pick<ClientDelta, 'ip' | 'tls'>): string {
  return hashId('c', [tlsKey(tls), ip]);
}

const MOST_REQUESTS = 8;
const MOST_SOURCES = 4;
const MOST_DID_NOT_APPLY = 32;
const MOST_SYMPTOMS = 16;

export function mergeClients(a: ClientDelta, b: ClientDelta): ClientDelta {
  return {
    ip: a.ip,
    tls: a.tls ?? b.tls,
    pod: b.pod ?? a.pod,
    logs: mergeCounts(a.logs, b.logs),
    metrics: mergeCounts(a.metrics, b.metrics),
    requests: distinct([...a.requests, ...b.requests]).slice(0, MOST_REQUESTS),
    didNotApply: distinct([...a.didNotApply, ...b.didNotApply]).slice(0, MOST_DID_NOT_APPLY),
    sources: [...a.sources, ...b.sources.filter((s) => !a.sources.some((known) => known.kind === s.kind))].slice(0, MOST_SOURCES),
    error: a.error ?? b.error,
    ...mergeSymptoms(a.symptoms, b.symptoms),
  };
}

function mergeSymptoms(a: readonly KeptSymptom[] = [], b: readonly KeptSymptom[] = []): Pick<ClientDelta, 'symptoms'> {
  if (a.length + b.length === 0) return {};
  const merged = new Map<string, KeptSymptom>();
  for (const symptom of [...a, ...b]) {
    const key = symptomKey(symptom.sample);
    const known = merged.get(key);
    merged.delete(key);
    merged.set(key, known === undefined ? symptom : addedUp(known, symptom));
  }
  return { symptoms: [...merged.values()].slice(-MOST_SYMPTOMS) };
}

function symptomKey({ reporter, port, peer, complaint, detail }: Symptom): string {
  return JSON.stringify([reporter.pod, port, peer, complaint, detail]);
}

function addedUp(known: KeptSymptom, { count, first, last }: KeptSymptom): KeptSymptom {
  return { ...known, count: known.count + count, first: earlier(known.first, first), last: later(known.last, last) };
}

function mergeCounts(a: ClientDelta['logs'], b: ClientDelta['logs']): ClientDelta['logs'] {
  const times = { first: earlier(a.first, b.first), last: later(a.last, b.last) };
  return { count: a.count + b.count, before: a.before + b.before, ...times, ...mergeOver(a.over, b.over) };
}

export function mergeOver(a: OverTime | undefined, b: OverTime | undefined): { readonly over?: OverTime } {
  const over = a === undefined || b === undefined ? (a ?? b) : merged(a, b);
  return over === undefined ? {} : { over };
}

function distinct<T>(values: readonly T[]): readonly T[] {
  const seen = new Map<string, T>();
  for (const value of values) seen.set(JSON.stringify(value), value);
  return [...seen.values()];
}

function addObservation(observations: Map<string, ObservationDelta>, fact: Observation): void {
  const { cluster, namespace, workload } = fact.reporter;
  const { tls, ip } = fact.client;
  const identity = tls?.state === 'established' ? tls.clientId : null;
  const client = { identity, ip: identity === null ? ip : null };
  const who = workload === null ? null : { kind: workload.kind, name: workload.name };
  const id = hashId('o', [cluster, namespace, who, client, fact.server, fact.route, fact.authorization]);
  const before = observations.get(id);
  observations.set(id, {
    id,
    cluster,
    namespace,
    workload: who,
    client,
    server: fact.server,
    route: fact.route,
    authorization: fact.authorization,
    port: fact.port ?? before?.port ?? null,
    first: earlier(before?.first ?? null, fact.at),
    last: later(before?.last ?? null, fact.lastAt ?? fact.at),
    count: (before?.count ?? 0) + fact.count,
    ...mergeOver(before?.over, withStretch(undefined, stretchOf(fact))),
  });
}
