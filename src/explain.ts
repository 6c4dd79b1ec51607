/** The product in one function: facts and a cluster → for each client what was denied, by which object, why, and what is missing to be sure. */
import { decideJudged, denialAlone } from './diagnoses/decided.ts';
import type { Denied, PlacedSymptom, Seen, Standing } from './diagnoses/diagnosis.ts';
import { restsOn } from './diagnoses/drafting.ts';
import type { Finding } from './diagnoses/finding.ts';
import { findingsOfDenied, findingsStanding } from './diagnoses/index.ts';
import { type Asked, explainTroubles, type TroubleExplanation } from './diagnoses/troubles.ts';
import type { AlertFact } from './evidence/alert.ts';
import { isAlertAbout } from './evidence/alert-denial.ts';
import type { AuditTrail } from './evidence/audit.ts';
import type { WhatChanged } from './evidence/changed.ts';
import { type ClientRef, clientRef } from './evidence/client.ts';
import type { DenialKind, RequestTrace, Source, WorkloadRef } from './evidence/facts.ts';
import { type JoinedClient, type JoinedTarget, joinTally, type Resolvers } from './evidence/join.ts';
import { judgeAtDenial, type Now } from './evidence/judge-then.ts';
import { type MissingEvidence, missingEvidence } from './evidence/missing.ts';
import { ownersIn, type Place, placesIn } from './evidence/places.ts';
import { placeReporters, type Unplaced } from './evidence/placing.ts';
import { createTally, earlier, later, type Tally, type TallySymptom } from './evidence/tally.ts';
import { dumpCommand } from './manifests/dump.ts';
import { decideFromDenialAlone } from './policy/deciding.ts';
import type { Decision } from './policy/decision.ts';
import type { Evaluation } from './policy/evaluation.ts';
import type { Excluded, NearServer, UnattachedRoute } from './policy/excluded.ts';
import type { ClusterView } from './policy/history.ts';
import type { RouteRef, ServerRef } from './policy/inbound.ts';
import type { NetworkAnswer } from './policy/network-answer.ts';
import type { Instant } from './policy/resource.ts';
import { LINKERD_DEFAULTS } from './policy/settings.ts';
import { buildSnapshot, type Snapshot } from './policy/snapshot.ts';
import type { Workload } from './policy/workload.ts';
import type { Files } from './remedies/change.ts';
import { type Ask, ofOneClient, wayOut, withheld } from './remedies/index.ts';
import { repairsOf, type StandingWayOut, tighteningsOf } from './remedies/of-standing.ts';
import { wayOutOfTrouble } from './remedies/of-trouble.ts';
import type { WayOut } from './remedies/remedy.ts';

/** What a person asked about; every part may be left open. */
export interface Question {
  readonly namespace: string | null;
  /** Kind and name; kind `Pod` for one pod. */
  readonly workload: { readonly kind: string; readonly name: string } | null;
  readonly port: number | null;
  /** The policy of this moment; null: of the denial's. */
  readonly at: Instant | null;
}

/** All that explaining may see. */
export interface Case {
  readonly tally: Tally;
  /** null: none was given. */
  readonly cluster: ClusterView | null;
  readonly question: Question;
  readonly alerts?: readonly AlertFact[];
  /** Whose trouble with what is to be explained, whether anything told of it or not. */
  readonly asked?: readonly Asked[];
  /** Who wrote what, as the API server's audit log tells. */
  readonly audit?: AuditTrail | null;
  /** Absent: nobody asks for a way out. */
  readonly remedies?: RemedyWish;
  readonly beside?: Beside;
}

/** What else is known of the clients of the tally: it counts for whether a denial looks deliberate, and is not told. */
export type Beside = Pick<Tally, 'entries' | 'observations'>;

export interface RemedyWish {
  /** The text of the cluster's files, by the names in origins. */
  readonly files: Files;
  /** Offers a grant where the denial looks deliberate. */
  readonly forceGrant: boolean;
  /** Of so many clients, the heaviest; absent: of as many as a person may read about. */
  readonly clients?: number;
}

/** One denied thing as one client met it. */
export interface TargetExplanation {
  readonly kind: DenialKind;
  readonly namespace: string | null;
  readonly workload: WorkloadRef | null;
  /** The proxy's own, where its log says it. */
  readonly serviceAccount: string | null;
  /** Those whose proxies reported it. */
  readonly pods: readonly string[];
  readonly port: number | null;
  readonly portName: string | null;
  readonly admin: boolean;
  /** As the proxy named them, else as the policy says. */
  readonly server: ServerRef | null;
  readonly route: RouteRef | null;
  readonly count: number;
  /** Counted by a counter before its first reading. */
  readonly before: number;
  readonly countedBy: 'metrics' | 'logs';
  readonly first: Instant | null;
  readonly last: Instant | null;
  readonly ips: readonly string[];
  readonly requests: readonly RequestTrace[];
  readonly sources: readonly Source[];
  readonly decision: Decision;
  /** Every cause that was found, the one whose removal would have allowed it first. */
  readonly findings: readonly Finding[];
  /** null: no cluster, or not this workload in it. */
  readonly evaluation: Evaluation | null;
  /** The moment whose policy was evaluated; null: the dump's. */
  readonly evaluatedAt: Instant | null;
  /** False: the cluster given decides differently from what the proxy did. */
  readonly agrees: boolean;
  readonly excluded: readonly Excluded[];
  readonly nearServers: readonly NearServer[];
  readonly unattachedRoutes: readonly UnattachedRoute[];
  readonly network: NetworkAnswer | null;
  readonly now: Now | null;
  /** What turned allow into deny; null: no refusal, or none by the objects given. */
  readonly changed: WhatChanged | null;
  readonly missing: readonly MissingEvidence[];
  /** By the policy in force now, or at the moment asked about; null: nobody asked for it, or there are too many clients. */
  readonly wayOut: WayOut | null;
}

export interface ClientExplanation {
  readonly client: ClientRef;
  readonly tls: JoinedClient['tls'];
  readonly ips: readonly string[];
  readonly counts: Readonly<Partial<Record<DenialKind, number>>>;
  readonly before: number;
  readonly first: Instant | null;
  readonly last: Instant | null;
  readonly targets: readonly TargetExplanation[];
}

/** An alert, and which of the clients explained here it is about. */
export interface AlertExplanation {
  readonly alert: AlertFact;
  /** Indexes into `clients`. */
  readonly clients: readonly number[];
}

export interface Trouble extends TroubleExplanation {
  /** null: nobody asked for it, or what is found has no change of objects. */
  readonly wayOut: WayOut | null;
}

export interface Explanation {
  /** The one with most denials first. */
  readonly clients: readonly ClientExplanation[];
  /** First those that were asked for, each of them; then what proxies told of, where anything was found. */
  readonly troubles: readonly Trouble[];
  /** What the objects show by themselves, whoever was denied. */
  readonly standing: readonly Finding[];
  /** Of those in `standing` that a change mends: proved. Empty where nobody asked for a way out. */
  readonly repairs: readonly StandingWayOut[];
  /** Of those in `standing` that let in too much: how they are narrowed. Empty where nobody asked for a way out. */
  readonly tightenings: readonly StandingWayOut[];
  readonly alerts: readonly AlertExplanation[];
  readonly symptoms: readonly TallySymptom[];
  readonly unplaced: readonly Unplaced[];
  readonly allowedSeen: number;
  /** Denials that found no room in memory, or belong to clients beyond the bound. */
  readonly uncounted: number;
}

export function explain({ tally, cluster, question, alerts = [], asked = [], audit = null, remedies, beside }: Case): Explanation {
  const view = cluster ?? NO_CLUSTER;
  const { placeOf, unplaced } = placeReporters(tally, (at) => placesIn(view.at(question.at ?? at)));
  const resolve = {
    client(ip: string | null, tls: JoinedClient['tls'], at: Instant | null) {
      const snapshot = view.at(at);
      return clientRef(snapshot, ip, tls, ownersIn(snapshot));
    },
    place: placeOf,
  };
  const symptoms = [...tally.symptoms.values()].map((symptom): PlacedSymptom => ({ symptom, place: placeOf(symptom.reporter) }));
  const seen: Seen = { symptoms, observations: [...tally.observations.values()] };
  const targets = joinTally(tally, resolve).filter((target) => isAskedFor(target, question));
  const seenOfClients = beside === undefined ? seen : { ...seen, observations: [...seen.observations, ...beside.observations.values()] };
  const toExplain = (target: JoinedTarget) =>
    target.clients.map((client) => ({ target, client, cluster, question, seen: seenOfClients, audit, wish: remedies ?? null }));
  const parts = targets.flatMap(toExplain).map(explainTarget);
  const elsewhere = beside === undefined ? [] : joinBeside(beside, view, resolve.client).flatMap(toExplain);
  const asking = parts.filter(({ explanation: { port } }) => question.port === null || port === null || port === question.port);
  const clients = byClient(asking, remedies?.clients ?? MOST_WAYS_OUT, elsewhere);
  const denied = asking.map((part) => part.denied);
  const objects = cluster === null ? null : standingOf(view.at(question.at), question, seen, denied);
  const standing = objects === null ? [] : findingsStanding(objects);
  return {
    clients,
    troubles: explainTroubles({ view, at: question.at, seen, denied, asked }).map((trouble) => ({
      ...trouble,
      wayOut: remedies === undefined ? null : wayOutOfTrouble(trouble, { snapshot: view.at(question.at), seen, files: remedies.files }),
    })),
    standing,
    repairs: objects === null || remedies === undefined ? [] : repairsOf(standing, objects, remedies.files),
    tightenings: objects === null || remedies === undefined ? [] : tighteningsOf(standing, objects, remedies.files),
    alerts: alerts.map((alert) => ({ alert, clients: clientsOf(alert, clients) })),
    symptoms: symptoms.flatMap(({ symptom, place }) => (isAskedNamespace(place, question) ? [symptom] : [])),
    unplaced: cluster === null ? [] : unplaced,
    allowedSeen: tally.observed.count,
    uncounted: tally.dropped.count + targets.reduce((sum, t) => sum + t.beyond, 0),
  };
}

function joinBeside(beside: Beside, view: ClusterView, client: Resolvers['client']): readonly JoinedTarget[] {
  const tally: Tally = { ...createTally(), entries: beside.entries };
  const { placeOf } = placeReporters(tally, (at) => placesIn(view.at(at)));
  return joinTally(tally, { client, place: placeOf });
}

/** The first sentence of an answer, wherever it is given. */
export function firstSentence(target: Pick<TargetExplanation, 'findings' | 'decision'>): string {
  return saidOf(target).sentence;
}

/** The first sentence with its two sides: of the first finding, else of the decision. */
export function saidOf({ findings: [first], decision }: Pick<TargetExplanation, 'findings' | 'decision'>): Decision {
  if (first === undefined) return decision;
  const { summary, required, observed, note, objects } = first;
  return { sentence: summary, required, observed, note, object: objects[0]?.ref ?? null };
}

/** What these symptoms (of the explained ones) come to without a denial: for a client that told them, else by the objects. null: nothing was found. */
export function foundOf(symptoms: readonly TallySymptom[], { troubles, standing }: Explanation): Finding | null {
  const trouble = troubles.find(({ told, findings }) => findings.length > 0 && told.some((symptom) => symptoms.includes(symptom)));
  return trouble?.findings[0] ?? standing.find((finding) => symptoms.some((symptom) => restsOn(finding, symptom))) ?? null;
}

function standingOf(snapshot: Snapshot, { namespace }: Question, seen: Seen, refused: readonly Denied[]): Standing {
  const told = seen.symptoms.map(({ place, symptom }) => place.namespace ?? symptom.sample.complaint?.namespace ?? null);
  const named = [namespace, ...told, ...refused.map(({ target }) => target.namespace)];
  return { snapshot, namespaces: new Set(named.filter((name) => name !== null)), refused, seen };
}

const EMPTY = buildSnapshot([], LINKERD_DEFAULTS);
const NO_CLUSTER: ClusterView = { at: () => EMPTY, moments: [] };

function isAskedNamespace(place: Place, { namespace }: Question): boolean {
  return namespace === null || place.namespace === null || place.namespace === namespace;
}

function isAskedFor(target: JoinedTarget, question: Question): boolean {
  const { workload } = question;
  if (!isAskedNamespace(target, question)) return false;
  if (workload === null) return true;
  if (workload.kind === 'Pod')
    return target.pods.length === 0 || target.pods.includes(workload.name) || target.workload?.name === workload.name;
  return target.workload === null || (target.workload.kind === workload.kind && target.workload.name === workload.name);
}

interface Part {
  readonly client: JoinedClient;
  /** Without its findings and what follows from them: they need all that the client was denied. */
  readonly explanation: Omit<TargetExplanation, 'findings' | 'wayOut'>;
  readonly denied: Denied;
  readonly explaining: Explaining;
}

/** One workload may come with and without its identity: these are two clients to a policy. */
function byClient(parts: readonly Part[], waysOut: number, elsewhere: readonly Explaining[]): readonly ClientExplanation[] {
  const byRef = Map.groupBy(parts, (part) => part.client.ref.key);
  const groups = [...byRef.values()].flatMap((group) => {
    const states = [...new Set(group.map((p) => p.client.tls?.state).filter((state) => state !== undefined))];
    if (states.length < 2) return [group];
    return states.map((state, i) => group.filter((p) => p.client.tls?.state === state || (i === 0 && p.client.tls === null)));
  });
  const heaviest = groups.toSorted((a, b) => weightOf(b) - weightOf(a) || (keyOf(a) < keyOf(b) ? -1 : 1));
  return heaviest
    .map((group, i) => toClient(group, i < waysOut, elsewhereOf(group, elsewhere)))
    .sort((a, b) => totalOf(b) - totalOf(a) || (a.client.key < b.client.key ? -1 : 1));
}

/** Of more clients than these nobody reads what to do, and each is proved against the whole cluster. */
const MOST_WAYS_OUT = 200;

function weightOf(group: readonly Part[]): number {
  return group.reduce((sum, { explanation }) => sum + explanation.count + explanation.before, 0);
}

function keyOf([first]: readonly Part[]): string {
  return `${first?.client.ref.key} ${first?.client.tls?.state}`;
}

function elsewhereOf(group: readonly Part[], elsewhere: readonly Explaining[]): readonly Explaining[] {
  const states = new Set(group.flatMap(({ client: { tls } }) => (tls === null ? [] : [tls.state])));
  const cameAlike = (tls: JoinedClient['tls']) => tls === null || states.size === 0 || states.has(tls.state);
  return elsewhere.filter(({ client }) => client.ref.key === group[0]?.client.ref.key && cameAlike(client.tls));
}

function toClient(group: readonly Part[], hasWayOut: boolean, elsewhere: readonly Explaining[]): ClientExplanation {
  const first = group.find((p) => p.client.tls !== null) ?? (group[0] as Part);
  const counts: Partial<Record<DenialKind, number>> = {};
  const together = [...group.map(({ denied }) => denied), ...elsewhere];
  for (const { explanation: t } of group) counts[t.kind] = (counts[t.kind] ?? 0) + t.count;
  return {
    client: first.client.ref,
    tls: first.client.tls,
    ips: [...new Set(group.flatMap((p) => p.client.ips))].sort(),
    counts,
    before: group.reduce((sum, p) => sum + p.explanation.before, 0),
    first: group.reduce<Instant | null>((t, p) => earlier(t, p.explanation.first), null),
    last: group.reduce<Instant | null>((t, p) => later(t, p.explanation.last), null),
    targets: agreeing(group.map((p) => withFindings(p, together, hasWayOut)).sort(byWeight), () => withheldIn(elsewhere, together)),
  };
}

/** Of those that weigh the same the order is that of what was denied, as text. */
function byWeight(a: TargetExplanation, b: TargetExplanation): number {
  return b.count - a.count || b.before - a.before || (subjectOf(a) < subjectOf(b) ? -1 : 1);
}

function subjectOf({ namespace, workload, kind, server, route, port }: TargetExplanation): string {
  return JSON.stringify([namespace, workload, kind, server, route, port]);
}

function agreeing(targets: readonly TargetExplanation[], elsewhere: () => WayOut | null): readonly TargetExplanation[] {
  const ways = ofOneClient(
    targets.map((target) => target.wayOut),
    elsewhere,
  );
  return targets.map((target, i) => ({ ...target, wayOut: ways[i] ?? null }));
}

/** The first denial of these that looks deliberate. */
function withheldIn(elsewhere: readonly Explaining[], together: Denied['together']): WayOut | null {
  for (const explaining of elsewhere) {
    const { denied } = explainTarget(explaining);
    const whole = { ...denied, together };
    const way = explaining.wish === null ? null : withheld(askedOf(explaining, whole, findingsOfDenied(whole), explaining.wish));
    if (way !== null) return way;
  }
  return null;
}

function withFindings({ explanation, denied, explaining }: Part, together: Denied['together'], hasWayOut: boolean): TargetExplanation {
  const whole = { ...denied, together };
  const findings = findingsOfDenied(whole);
  return {
    ...explanation,
    findings,
    wayOut: explaining.wish === null || !hasWayOut ? null : wayOut(askedOf(explaining, whole, findings, explaining.wish)),
  };
}

/** Where nothing else is asked for, what is to be done is a matter of the policy in force now. */
function askedOf(explaining: Explaining, then: Denied, findings: readonly Finding[], wish: RemedyWish): Ask {
  const { cluster, question } = explaining;
  const end = cluster?.moments.at(-1);
  const turned = then.changed?.turned?.at;
  const before = cluster === null || turned === undefined ? null : cluster.at(turned - 1);
  if (end === undefined || question.at !== null || then.now !== null || cluster?.at(null) === then.law?.snapshot)
    return { denied: then, findings, before, ...wish };
  const { denied } = explainTarget({ ...explaining, question: { ...question, at: end } });
  const now: Denied = { ...denied, together: then.together, changed: then.changed };
  return { denied: now, findings: findingsOfDenied(now), before, ...wish };
}

function totalOf(client: ClientExplanation): number {
  return Object.values(client.counts).reduce((sum, n) => sum + n, 0) + client.before;
}

function clientsOf(alert: AlertFact, clients: readonly ClientExplanation[]): readonly number[] {
  return clients.flatMap(({ targets, tls }, i) => (targets.some((target) => isAlertAbout(alert, target, tls)) ? [i] : []));
}

interface Explaining {
  readonly target: JoinedTarget;
  readonly client: JoinedClient;
  readonly cluster: ClusterView | null;
  readonly question: Question;
  readonly seen: Seen;
  readonly audit: AuditTrail | null;
  readonly wish: RemedyWish | null;
}

function explainTarget(explaining: Explaining): Part {
  const { target, client, cluster, question, seen, audit } = explaining;
  const judged = cluster === null ? null : judgeAtDenial(target, client, cluster, question.at);
  const { kind, namespace, workload, serviceAccount, pods, admin } = target;
  const { count, before, countedBy, first, last, ips, requests, sources } = client;
  const port = judged?.port ?? target.port;
  const facts = { kind, namespace, workload, serviceAccount, pods, admin, count, before, countedBy, first, last, ips, requests, sources };
  const missing = missingEvidence(target, client, judged?.evaluation ?? null, cluster === null ? dumpCommand('dump.yaml') : null);
  const base = {
    ...facts,
    port,
    portName: judged === null || port === null ? null : portName(judged.pod, port),
    server: target.server ?? judged?.evaluation.server ?? null,
    route: target.route ?? judged?.evaluation.route ?? null,
    missing,
  };
  const denied = { target, client, missing, seen, together: [] };
  if (judged === null || cluster === null) {
    const decision = decideFromDenialAlone(denialAlone(target, client));
    const nothing = { evaluation: null, evaluatedAt: null, agrees: true, network: null, now: null, changed: null };
    const explanation = { ...base, ...nothing, decision, excluded: [], nearServers: [], unattachedRoutes: [] };
    return { client, explaining, explanation, denied: { ...denied, decision, law: null, now: null, changed: null } };
  }
  const { law, ...said } = decideJudged({ target, client, at: question.at, audit }, judged, cluster);
  const { decision, now, changed } = said;
  return {
    client,
    explaining,
    explanation: { ...base, ...said },
    denied: { ...denied, decision, law, now, changed },
  };
}

function portName(pod: Workload, port: number): string | null {
  for (const [name, ports] of pod.portNames) if (ports.includes(port)) return name;
  return null;
}
