/**
 * Facts → one tally per denied thing: who reported it, which Server and route, which kind. Clients are listed inside. Bounded: a storm adds to
 * counts, not to memory. Counts of counters and of log lines are kept apart, so that one denial seen by both is not counted twice.
 */
import type { ClientTls } from '../policy/evaluation.ts';
import type { AuthorizationRef, RouteRef, ServerRef } from '../policy/inbound.ts';
import type { Instant } from '../policy/resource.ts';
import type { Denial, DenialKind, Fact, Observation, Reporter, RequestTrace, Source, Symptom, SymptomKind } from './facts.ts';
import { type OverTime, type Stretch, withStretch } from './over-time.ts';

export interface Counts {
  /** What was counted; null: this kind of source said nothing. */
  count: number;
  /** Counted by a counter before its first reading: when is not known. */
  before: number;
  first: Instant | null;
  last: Instant | null;
  /** When, as far as that is known. */
  over?: OverTime;
}

/** One client address (null: not observed) of one denied thing. */
export interface TallyClient {
  readonly ip: string | null;
  readonly tls: ClientTls | null;
  readonly logs: Counts;
  readonly metrics: Counts;
  /** The first few different requests. */
  readonly requests: RequestTrace[];
  readonly didNotApply: AuthorizationRef[];
  /** The first fact of each kind of source. */
  readonly sources: Source[];
  /** Text of the rate limit or other error. */
  error: string | null;
}

/** One denied thing, per reporting pod. */
export interface TallyEntry {
  readonly reporter: Reporter;
  readonly kind: DenialKind;
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  /** From whichever source knows it. */
  port: number | null;
  readonly admin: boolean;
  readonly clients: ReadonlyMap<string, TallyClient>;
  /** Denials of clients beyond the bound. */
  beyond: number;
}

export interface TallySymptom {
  readonly kind: SymptomKind;
  readonly reporter: Reporter;
  readonly port: number | null;
  readonly detail: string;
  count: number;
  first: Instant | null;
  last: Instant | null;
  over?: OverTime;
  readonly sample: Symptom;
}

/** Allowed traffic of one client to one thing. */
export interface TallyObservation {
  readonly reporter: Reporter;
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  readonly authorization: AuthorizationRef | null;
  readonly port: number | null;
  readonly ip: string | null;
  readonly tls: ClientTls | null;
  count: number;
  /** Counted by a counter before its first reading: when is not known. */
  before: number;
  first: Instant | null;
  last: Instant | null;
  readonly source: Source;
}

export interface Tally {
  add(fact: Fact): void;
  readonly entries: ReadonlyMap<string, TallyEntry>;
  readonly symptoms: ReadonlyMap<string, TallySymptom>;
  /** Allowed traffic that was seen, as a sum. */
  readonly observed: { count: number };
  /** The same by client and target, as far as there is room. */
  readonly observations: ReadonlyMap<string, TallyObservation>;
  /** Facts that found no room. */
  readonly dropped: { count: number };
}

export interface TallyBounds {
  readonly entries: number;
  readonly clientsPerEntry: number;
  /** Of all entries together. */
  readonly clients: number;
}
const BOUNDS: TallyBounds = { entries: 50_000, clientsPerEntry: 1_000, clients: 100_000 };
const REQUESTS_PER_CLIENT = 8;
/** A longer path is not kept: a part of it would match other routes. */
const MAX_PATH = 4096;
const MAX_DETAIL = 2000;

export function createTally(bounds: TallyBounds = BOUNDS): Tally {
  const entries = new Map<string, TallyEntry & { readonly clients: Map<string, TallyClient> }>();
  const symptoms = new Map<string, TallySymptom>();
  const observed = { count: 0 };
  const observations = new Map<string, TallyObservation>();
  const dropped = { count: 0 };
  let clients = 0;

  function addDenial(denial: Denial): void {
    const key = entryKey(denial);
    let entry = entries.get(key);
    if (entry === undefined) {
      if (entries.size >= bounds.entries) {
        dropped.count++;
        return;
      }
      const { reporter, kind, server, route, port, admin } = denial;
      entry = { reporter, kind, server, route, port, admin, clients: new Map(), beyond: 0 };
      entries.set(key, entry);
    }
    entry.port ??= denial.port;
    const known = entry.clients.size;
    const client = clientOf(entry, denial, clients < bounds.clients ? bounds.clientsPerEntry : 0);
    clients += entry.clients.size - known;
    if (client === null) entry.beyond += denial.count;
    else addToClient(client, denial);
  }

  return {
    entries,
    symptoms,
    observed,
    observations,
    dropped,
    add(fact) {
      if (fact.type === 'observation') {
        observed.count += fact.count;
        addObservation(observations, fact, bounds.entries);
      } else if (fact.type === 'denial') addDenial(fact);
      else if (!addSymptom(symptoms, fact, bounds.entries)) dropped.count++;
    },
  };
}

/** Without the port: a log line has none since Linkerd 2.18, and Server and route say more. */
function entryKey({ reporter, kind, server, route, admin }: Denial): string {
  const labels = (ref: ServerRef | null) => (ref === null ? null : `${ref.group}/${ref.kind}/${ref.name}`);
  return JSON.stringify([reporter.cluster, reporter.namespace, reporter.pod, kind, labels(server), labels(route), admin]);
}

function clientOf(entry: { readonly clients: Map<string, TallyClient> }, denial: Denial, most: number): TallyClient | null {
  const { ip, tls } = denial.client;
  const key = `${tlsKey(tls)} ${ip ?? ''}`;
  const known = entry.clients.get(key);
  if (known !== undefined) return known;
  if (entry.clients.size >= most) return null;
  const client: TallyClient = {
    ip,
    tls,
    logs: emptyCounts(),
    metrics: emptyCounts(),
    requests: [],
    didNotApply: [],
    sources: [],
    error: null,
  };
  entry.clients.set(key, client);
  return client;
}

/** What both a counter and a log line say of a client: its identity, or how it came without one. */
export function tlsKey(tls: ClientTls | null): string {
  if (tls === null) return '?';
  if (tls.state === 'established') return `id:${tls.clientId ?? ''}`;
  return tls.state === 'passthru' ? `sni:${tls.sni}` : `none:${tls.reason}`;
}

function emptyCounts(): Counts {
  return { count: 0, before: 0, first: null, last: null };
}

function addToClient(client: TallyClient, denial: Denial): void {
  const counts = denial.source.kind === 'log' ? client.logs : client.metrics;
  counts.count += denial.count;
  counts.before += denial.countedBefore ?? 0;
  if (denial.count > 0) {
    counts.first = earlier(counts.first, denial.at);
    counts.last = later(counts.last, denial.lastAt ?? denial.at);
    const over = withStretch(counts.over, stretchOf(denial));
    if (over !== undefined) counts.over = over;
  }
  client.error ??= denial.error;
  if (!client.sources.some((s) => s.kind === denial.source.kind)) client.sources.push(denial.source);
  if (denial.request !== null) addRequest(client.requests, denial.request);
  for (const ref of denial.didNotApply) {
    if (!client.didNotApply.some((r) => r.kind === ref.kind && r.name === ref.name)) client.didNotApply.push(ref);
  }
}

/** When what a fact counts happened. */
export function stretchOf({ at, lastAt = null, count, over }: Pick<Denial, 'at' | 'lastAt' | 'count' | 'over'>): Stretch {
  return { first: at, last: lastAt, count, ...(over === undefined ? {} : { over }) };
}

function addRequest(requests: RequestTrace[], given: RequestTrace): void {
  const request = (given.path?.length ?? 0) > MAX_PATH ? { ...given, path: null } : given;
  if (requests.length >= REQUESTS_PER_CLIENT || (request.path === null && request.method === null)) return;
  if (!requests.some((r) => r.path === request.path && r.method === request.method && r.authority === request.authority))
    requests.push(request);
}

function addSymptom(symptoms: Map<string, TallySymptom>, fact: Symptom, most: number): boolean {
  const { over: _, ...sample } = fact;
  const { reporter, kind, port } = fact;
  const detail = fact.detail.slice(0, MAX_DETAIL);
  const from = fact.client === null ? null : [fact.client.ip, tlsKey(fact.client.tls)];
  const key = JSON.stringify([reporter.namespace, reporter.pod, kind, port, from, fact.peer ?? null, detail]);
  const known = symptoms.get(key);
  const over = withStretch(known?.over, stretchOf(fact));
  const times = over === undefined ? {} : { over };
  if (known === undefined) {
    if (symptoms.size >= most) return false;
    symptoms.set(key, {
      kind,
      reporter,
      port,
      detail,
      count: fact.count,
      first: fact.at,
      last: fact.lastAt ?? fact.at,
      ...times,
      sample: { ...sample, detail },
    });
    return true;
  }
  known.count += fact.count;
  Object.assign(known, times);
  known.first = earlier(known.first, fact.at);
  known.last = later(known.last, fact.lastAt ?? fact.at);
  return true;
}

function addObservation(observations: Map<string, TallyObservation>, fact: Observation, most: number): void {
  const { reporter, server, route, authorization, port, client, count, countedBefore = 0, at, source } = fact;
  const labels = [server, route, authorization].map((ref) => ref && `${ref.group}/${ref.kind}/${ref.name}`);
  const key = JSON.stringify([reporter.namespace, reporter.pod, ...labels, port, client.ip, tlsKey(client.tls)]);
  const known = observations.get(key);
  if (known === undefined) {
    if (observations.size >= most) return;
    const times = count > 0 ? { first: at, last: fact.lastAt ?? at } : { first: null, last: null };
    const { ip, tls } = client;
    observations.set(key, { reporter, server, route, authorization, port, ip, tls, count, before: countedBefore, ...times, source });
    return;
  }
  known.count += count;
  known.before += countedBefore;
  if (count === 0) return;
  known.first = earlier(known.first, at);
  known.last = later(known.last, fact.lastAt ?? at);
}

export function earlier(a: Instant | null, b: Instant | null): Instant | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

export function later(a: Instant | null, b: Instant | null): Instant | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}
