/** What we offer to the clients of a situation that were denied: answers only, nothing of the recorded fix or of `truth.json` goes in. */
import type { Denial, Observation, RequestTrace } from '../../src/evidence/facts.ts';
import { createTally, type Tally } from '../../src/evidence/tally.ts';
import { explain, type TargetExplanation, type Trouble } from '../../src/explain.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import type { Evaluation } from '../../src/policy/evaluation.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import { objectKey } from '../../src/policy/resource.ts';
import { findWorkload, type ObjectChange, type Snapshot, withChanges } from '../../src/policy/snapshot.ts';
import type { Remedy, WayOut } from '../../src/remedies/remedy.ts';
import { connectionOf, trafficOf } from '../oracle/answers.ts';
import { addLogs, addMetrics } from './evidence.ts';
import { askedOf, nameOf, type Request, reportersOf, requestsOf, serverOf, viewOf } from './findings.ts';
import { createScene, type Entry, type Replay } from './replay.ts';
import type { Folder } from './report.ts';

/** A denied request, and the way out of it. */
export interface Pleaded {
  readonly entry: Entry;
  /** Its place in `before`. */
  readonly index: number;
  /** `namespace/app`. */
  readonly client: string;
  /** By the objects of this request. */
  readonly snapshot: Snapshot;
  readonly wayOut: WayOut;
  readonly target: TargetExplanation;
  readonly clientPod: { readonly namespace: string; readonly name: string } | null;
}

export interface Situation {
  readonly replay: Replay;
  /** Of `before`, in its order. */
  readonly requests: readonly Request[];
}

export function situationOf(folder: Folder): Situation {
  const replay = JSON.parse(folder.read('replay.json') ?? '{}') as Replay;
  return { replay, requests: requestsOf(folder, createScene(folder, replay)) };
}

/** The entries of `before` at these places. */
export function pleadedOf(folder: Folder, { replay, requests }: Situation, indexes: readonly number[]): readonly Pleaded[] {
  return indexes.flatMap((index) => {
    const [entry, request] = [replay.before[index], requests[index]];
    if (entry === undefined || request === undefined) return [];
    const answer = wayOutOf(folder, { replay, requests }, index);
    return answer === null ? [] : [{ entry, index, client: nameOf(request.traffic.client), snapshot: request.snapshot, ...answer }];
  });
}

/** By the request as `replay.json` describes it, with what else logs and counters told, on the policy of that moment. */
function wayOutOf(folder: Folder, { replay, requests }: Situation, index: number): Pick<Pleaded, 'wayOut' | 'target' | 'clientPod'> | null {
  const [entry, request] = [replay.before[index], requests[index]] as [Entry, Request];
  const { snapshot, at } = request;
  const denial = denialOf(entry, snapshot, at);
  if (denial === null) return null;
  const tally = createTally();
  const proxies = reportersOf(requests);
  const others: Tally = { ...tally, add: (fact) => (fact.type === 'denial' ? undefined : tally.add(fact)) };
  addLogs(folder, others, proxies, serverOf(folder, replay));
  addMetrics(folder, others, proxies, serverOf(folder, replay));
  for (const [i, other] of replay.before.entries()) {
    const seen = observationOf(other, requests[i]);
    if (seen !== null) tally.add(seen);
  }
  tally.add(denial);
  const cluster = viewOf(requests.slice(0, index + 1), 'both');
  const question = { namespace: null, workload: null, port: null, at };
  const { clients } = explain({ tally, cluster, question, remedies: { files: new Map(), forceGrant: false } });
  const [first] = clients;
  const target = first?.targets[0];
  return target?.wayOut == null ? null : { wayOut: target.wayOut, target, clientPod: first?.client.pod?.ref ?? null };
}

/** The trouble of an entry, as its client would tell it. */
export function troubleOf(folder: Folder, { replay, requests }: Situation, index: number): Trouble | undefined {
  const request = requests[index] as Request;
  const tally = createTally();
  const proxies = reportersOf(requests);
  addLogs(folder, tally, proxies, serverOf(folder, replay));
  addMetrics(folder, tally, proxies, serverOf(folder, replay));
  const question = { namespace: null, workload: null, port: null, at: request.at };
  const remedies = { files: new Map<string, string>(), forceGrant: false };
  const { troubles } = explain({ tally, cluster: viewOf([request], 'both'), question, asked: askedOf(request), remedies });
  return troubles[0];
}

/** For an entry that policy alone does not decide: what its trouble comes to, in words. */
export function offeredOf(folder: Folder, situation: Situation, index: number): string {
  const first = troubleOf(folder, situation, index);
  const [found] = first?.findings ?? [];
  if (first === undefined || found === undefined) return 'nothing is offered: no cause was found';
  if (first.wayOut === null) return `no change of objects is offered (${found.id}): ${found.todo}`;
  const [remedy] = first.wayOut.remedies;
  const proved =
    remedy?.proof == null
      ? ''
      : ` Then ${remedy.id === 'open-inbound-port' ? 'NetworkPolicy' : 'policy'} says ${remedy.proof.verdict}; newly lets in ${remedy.proof.newlyIn.length || 'nobody'} else.`;
  return `${first.wayOut.verdict}: ${remedy?.title ?? first.wayOut.reasons[0] ?? ''}${proved}`;
}

/** Of an entry by other objects. null: it reached no proxy. */
export function evaluationOf(snapshot: Snapshot, { target, connection, http }: Entry): Evaluation | null {
  const workload = target === null ? null : findWorkload(snapshot, target.kind, target.namespace, target.name);
  if (target === null || workload === null || !workload.meshed || connection === null) return null;
  return evaluate(inboundServer(snapshot, workload, target.port), connectionOf(connection), trafficOf(http));
}

function denialOf(entry: Entry, snapshot: Snapshot, at: number): Denial | null {
  const { target, connection, http } = entry;
  const evaluation = evaluationOf(snapshot, entry);
  if (target === null || connection === null || evaluation === null) return null;
  const { clientIp: ip, tls } = connectionOf(connection);
  return {
    type: 'denial',
    kind: http === null ? 'tcp-denied' : evaluation.verdict === 'route_not_found' ? 'route-not-found' : 'http-denied',
    at,
    reporter: reporterOf(target),
    server: evaluation.server,
    route: null,
    port: target.port,
    admin: target.port === 4191,
    client: { ip, port: null, tls },
    request: traceOf(http),
    count: 1,
    sinceBefore: false,
    error: null,
    didNotApply: [],
    source: { kind: 'log', name: 'replay.json', line: null, raw: entry.request },
  };
}

function observationOf(entry: Entry, request: Request | undefined): Observation | null {
  if (request === undefined || entry.verdict !== 'allow') return null;
  const { target, connection, http } = entry;
  const evaluation = evaluationOf(request.snapshot, entry);
  if (target === null || connection === null || evaluation === null) return null;
  const { clientIp: ip, tls } = connectionOf(connection);
  return {
    type: 'observation',
    at: request.at,
    reporter: reporterOf(target),
    server: evaluation.server,
    route: evaluation.route,
    authorization: null,
    port: target.port,
    client: { ip, port: null, tls },
    request: traceOf(http),
    count: 1,
    source: { kind: 'log', name: 'replay.json', line: null, raw: entry.request },
  };
}

function reporterOf({ namespace, name }: NonNullable<Entry['target']>) {
  return { cluster: '', namespace, pod: name, workload: null };
}

function traceOf(http: Entry['http']): RequestTrace | null {
  if (http === null) return null;
  const { version, method, path, authority, grpc } = http;
  return { version, method, path, authority, grpc };
}

/** What is done to the objects, each of them once: what comes later counts. */
export function changesOf(remedies: readonly Remedy[]): readonly ObjectChange[] {
  const byObject = new Map(
    remedies.flatMap(({ changes }) =>
      changes.map(({ object, after }): [string, ObjectChange] => [
        objectKey(object),
        after === null ? { delete: object } : { apply: after },
      ]),
    ),
  );
  return [...byObject.values()];
}

/** A workload that is rolled out with another ServiceAccount asks as somebody else: for the client as it is, that is no grant. */
function isAnotherClient({ id }: Remedy): boolean {
  return id === 'own-service-account';
}

/** The first remedies of one client, those that are still needed after the ones before: each is made of the objects as they stand by then. */
export function firstRemedies(folder: Folder, situation: Situation, pleaded: readonly Pleaded[]): readonly Remedy[] {
  const taken: Remedy[] = [];
  for (const { entry, index, snapshot, wayOut } of pleaded) {
    if (isChange(wayOut) && taken.length === 0) taken.push(...wayOut.remedies.slice(0, 1));
    else if (isChange(wayOut) && evaluationOf(withChanges(snapshot, changesOf(taken)), entry)?.verdict !== 'allow') {
      const next = wayOutOf(folder, after(situation, changesOf(taken)), index)?.wayOut ?? null;
      if (next !== null && isChange(next)) taken.push(...next.remedies.slice(0, 1));
    }
  }
  return taken;
}

function isChange({ remedies: [first] }: WayOut): boolean {
  return first !== undefined && first.changes.length > 0 && !isAnotherClient(first);
}

function after({ replay, requests }: Situation, changes: readonly ObjectChange[]): Situation {
  const changed = new Map<Snapshot, Snapshot>();
  const snapshotAfter = (snapshot: Snapshot) => {
    const known = changed.get(snapshot) ?? withChanges(snapshot, changes);
    changed.set(snapshot, known);
    return known;
  };
  return { replay, requests: requests.map((request) => ({ ...request, snapshot: snapshotAfter(request.snapshot) })) };
}
