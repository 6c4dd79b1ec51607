/**
 * What a change does to everyone, before anyone applies it: the client must get in, nobody who was seen or must get in may lose access, and whoever
 * else would newly get in is named.
 */
import { withApplied } from '../access/applied.ts';
import { type AccessClient, accessClients } from '../access/clients.ts';
import { type AccessChange, compareAccess, getsIn, newlyAllowed, newlyDenied } from '../access/compare.ts';
import { enforcedPorts, type StandingCaller } from '../access/enforced.ts';
import { changedPorts, type PortChange } from '../access/ports.ts';
import { type AccessRequest, accessRequests } from '../access/requests.ts';
import type { Denied, Seen } from '../diagnoses/diagnosis.ts';
import type { ClientRef } from '../evidence/client.ts';
import type { TallyObservation } from '../evidence/tally.ts';
import { evaluate } from '../policy/evaluate.ts';
import type { Connection, Evaluation, Traffic, Verdict } from '../policy/evaluation.ts';
import type { InboundServer } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { memo } from '../policy/memo.ts';
import { findWorkload, type ObjectChange, type Snapshot, withChanges } from '../policy/snapshot.ts';
import { losersOf, newcomersOf } from './newcomers.ts';
import { type Becoming, isShown, lostGrants } from './own-reach.ts';
import { type Asking, after } from './plea.ts';
import type { Newcomer, Proof } from './remedy.ts';

/** Who asks, and what else was seen: a `Plea` is one. */
export interface Proving extends Asking {
  readonly denied: { readonly seen: Pick<Seen, 'observations'>; readonly client: { readonly ref: Pick<ClientRef, 'pod'> } };
}

/** null: the client is not let in by it, or somebody who gets in today is shut out; of `becoming` also, that it does not reach all that it reached. */
export function prove(
  plea: Proving,
  changes: readonly ObjectChange[],
  asked: Traffic | null,
  becoming: Becoming | null = null,
): Proof | null {
  const { evaluation } = plea.law;
  const { snapshot, policy } = becoming === null ? after(plea, changes) : rolledOut(plea, changes);
  const now = evaluate(policy, connectionOf(plea, becoming), asked ?? evaluation.traffic);
  if (becoming !== null && (!isShown(snapshot, becoming) || lostGrants(snapshot, becoming).length > 0)) return null;
  if (!getsIn(now.verdict) || !isPlain(plea, policy, now)) return null;
  const ports = changedPorts(plea.snapshot, snapshot);
  if (ports.some((at) => losesCaller(plea.snapshot, snapshot, at)) || ports.some((at) => losesSeen(plea.denied.seen.observations, at)))
    return null;
  const all = [...compareAccess(plea.snapshot, snapshot, [], ports), ...nowRead(plea.snapshot, snapshot, ports)];
  const allowed = newlyAllowed(all);
  const isOwn = memo((client: AccessClient) => (becoming === null ? isClient(plea, client) : isBecome(becoming, client)));
  const own = allowed.filter((change) => isOwn(change.client) && !hadIt(becoming, change));
  return {
    verdict: now.verdict,
    route: now.route,
    clientToo: newcomersOf(
      own.filter((change) => isMeshed(change.client.tls) === isMeshed(evaluation.connection.tls) && !isAsked(plea, change, now)),
    ),
    newlyIn: newcomersOf(allowed.filter(({ client }) => !isOwn(client))),
    shutOut: losersOf(plea.snapshot, newlyDenied(all)),
  };
}

/** With the pods of the workloads that are changed made anew, this server's among them. */
function rolledOut({ snapshot, pod, port }: Proving, changes: readonly ObjectChange[]): ReturnType<typeof after> {
  const next = withApplied(snapshot, changes);
  const server = findWorkload(next, pod.kind, pod.ref.namespace, pod.ref.name) ?? pod;
  return { snapshot: next, policy: inboundServer(next, server, port) };
}

function connectionOf({ law: { evaluation } }: Proving, becoming: Becoming | null): Connection {
  return becoming === null ? evaluation.connection : { ...evaluation.connection, tls: { state: 'established', clientId: becoming.to } };
}

function isBecome({ to }: Becoming, { tls }: AccessClient): boolean {
  return tls.state === 'established' && tls.clientId === to;
}

/** What its pods may do today by the identity that they have. */
function hadIt(becoming: Becoming | null, { at, client, request }: AccessChange): boolean {
  if (becoming === null || at.before === null) return false;
  const connection: Connection = { clientIp: client.ip, tls: { state: 'established', clientId: becoming.from } };
  return getsIn(evaluate(at.before, connection, request.traffic).verdict);
}

/**
 * Clients without a proxy that policy lets in by HTTP/1.1, where the proxy refused that version before it asked any policy. Requests of meshed clients
 * come as HTTP/2 whatever the application speaks.
 */
function nowRead(before: Snapshot, now: Snapshot, ports: readonly PortChange[]): readonly AccessChange[] {
  const turned = ports.flatMap((at) => {
    const { before: was, after: is } = at;
    return was !== null && is !== null && isHttp2(was) && !isHttp2(is) ? [{ at, was, is }] : [];
  });
  if (turned.length === 0) return [];
  const policies = turned.flatMap(({ was, is }) => [was, is]);
  const clients = accessClients([before, now], policies).filter(({ tls }) => tls.state === 'none');
  return turned.flatMap(({ at, was, is }) =>
    accessRequests([is])
      .filter(({ traffic }) => traffic.type !== 'tcp')
      .flatMap((request) => clients.flatMap((client) => readNow(at, was, is, client, request))),
  );
}

/** What policy says of it differently is told as such. */
function readNow(
  at: PortChange,
  was: InboundServer,
  is: InboundServer,
  client: AccessClient,
  request: AccessRequest,
): readonly AccessChange[] {
  const connection: Connection = { clientIp: client.ip, tls: client.tls };
  const { verdict } = evaluate(is, connection, request.traffic);
  const said = evaluate(was, connection, request.traffic).verdict;
  if (getsIn(said) ? !mayGetIn(verdict) : said !== 'undecided' || verdict !== 'undecided') return [];
  return [{ at, client, request: { ...request, text: `${request.text} by HTTP/1.1` }, before: 'deny', after: verdict }];
}

function mayGetIn(verdict: Verdict): boolean {
  return getsIn(verdict) || verdict === 'undecided';
}

function isHttp2({ protocol }: InboundServer): boolean {
  return protocol === 'http2' || protocol === 'grpc';
}

/** How much more than what was asked for gets in. */
export function excessOf({ clientToo, newlyIn }: Proof): number {
  return weightOf(newlyIn) * 1000 + weightOf(clientToo);
}

function weightOf(newcomers: readonly Newcomer[]): number {
  return newcomers.reduce((sum, { alike }) => sum + (alike === undefined ? 1 : (alike.clients + 1) * (alike.ports + 1)), 0);
}

/** Of a change that is meant to shut out. */
export interface TighteningProof extends Proof {
  /** Of those who were seen to get in: who no longer does, in words. */
  readonly seenOut: readonly string[];
  /** Whether any traffic of these ports was seen at all. */
  readonly looked: boolean;
}

/** null: it lets somebody in, or a probe or a scrape loses its access. `audited`: denied things, of which those that audit let in count. */
export function proveTightening(
  before: Snapshot,
  changes: readonly ObjectChange[],
  observations: readonly TallyObservation[],
  audited: readonly Denied[],
): TighteningProof | null {
  const now = withChanges(before, changes);
  const ports = changedPorts(before, now);
  if (ports.some((at) => losesCaller(before, now, at))) return null;
  const all = compareAccess(before, now, [], ports);
  const shutOut = losersOf(before, newlyDenied(all));
  if (newlyAllowed(all).length > 0) return null;
  const seen = ports.flatMap((at) => seenAt(observations, at).map((one) => ({ name: nameOf(one.tls, one.ip), isOut: isLost(one, at) })));
  const byAudit = ports.flatMap((at) =>
    audited
      .filter((one) => isAuditedAt(one, at))
      .map((one) => ({ name: nameOf(one.client.tls, one.client.ips[0] ?? null), isOut: isAuditedOut(one, at) })),
  );
  const came = [...seen, ...byAudit];
  return {
    verdict: 'deny',
    route: null,
    clientToo: [],
    newlyIn: [],
    shutOut,
    seenOut: [...new Set(came.flatMap(({ name, isOut }) => (isOut ? [name] : [])))],
    looked: came.length > 0,
  };
}

function isAuditedAt({ target, law }: Denied, { workloads, port }: PortChange): boolean {
  if (target.kind !== 'audit-allowed' || law?.port !== port) return false;
  return workloads.some(({ ref }) => ref.namespace === law.pod.ref.namespace && ref.name === law.pod.ref.name);
}

function isAuditedOut({ law }: Denied, { after: now }: PortChange): boolean {
  if (law === null || now === null) return false;
  return !getsIn(evaluate(now, law.evaluation.connection, law.evaluation.traffic).verdict);
}

function nameOf(tls: TallyObservation['tls'], ip: string | null): string {
  return (tls?.state === 'established' ? tls.clientId : null) ?? ip ?? 'a client without an identity';
}

/** A route that the log named proves nothing where the change gives the port other routes: then the request itself is needed. */
function isPlain({ law }: Proving, policy: InboundServer, now: Evaluation): boolean {
  if (now.traffic.type !== 'http-on-route') return true;
  const { name, kind, group } = now.traffic.route;
  const isThere = policy.routes?.some(({ ref }) => ref.name === name && ref.kind === kind && ref.group === group) === true;
  return isThere || law.evaluation.policy.routes === null;
}

/** The kubelet's probes and Prometheus, on the ports that change. */
function losesCaller(before: Snapshot, now: Snapshot, { workloads, port }: PortChange): boolean {
  const had = callersOf(before, workloads, port).filter(({ answer }) => answer === 'yes');
  if (had.length === 0) return false;
  const kept = new Set(callersOf(now, workloads, port).flatMap((caller) => (caller.answer === 'yes' ? [keyOf(caller)] : [])));
  return had.some((caller) => !kept.has(keyOf(caller)));
}

function callersOf(snapshot: Snapshot, pods: PortChange['workloads'], port: number): readonly StandingCaller[] {
  return enforcedPorts(snapshot, pods.slice(0, 1), port).flatMap(({ callers }) => callers);
}

function keyOf({ who, name, request }: StandingCaller): string {
  return `${who} ${name} ${request}`;
}

/** Traffic that was seen to be allowed, by the proxies of these pods. */
function losesSeen(observations: readonly TallyObservation[], at: PortChange): boolean {
  return seenAt(observations, at).some((seen) => isLost(seen, at));
}

/** In the order in which it was seen. */
function seenAt(observations: readonly TallyObservation[], { workloads, port, before }: PortChange): readonly TallyObservation[] {
  const byPod = observationsByPod(observations);
  const isHere = ({ port: seenPort, server }: TallyObservation) =>
    seenPort !== null ? seenPort === port : server?.name === before?.ref.name;
  const found = workloads.flatMap(({ ref }) => byPod.get(`${ref.namespace}/${ref.name}`) ?? []).filter(({ seen }) => isHere(seen));
  return found.toSorted((a, b) => a.place - b.place).map(({ seen }) => seen);
}

/** Made once for all candidates. */
const observationsByPod = memo((observations: readonly TallyObservation[]) => {
  const placed = observations.map((seen, place) => ({ seen, place }));
  const whole = placed.filter(({ seen }) => seen.count > 0 && seen.reporter.pod !== null);
  return Map.groupBy(whole, ({ seen: { reporter } }) => `${reporter.namespace}/${reporter.pod}`);
});

function isLost({ ip, tls, route }: TallyObservation, { before, after: now }: PortChange): boolean {
  if (before === null || now === null) return false;
  const connection: Connection = { clientIp: ip, tls };
  const traffic: Traffic = route === null ? { type: before.routes === null ? 'tcp' : 'http-unknown' } : { type: 'http-on-route', route };
  return getsIn(evaluate(before, connection, traffic).verdict) && evaluate(now, connection, traffic).verdict === 'deny';
}

/** The one who was denied: by its identity, or by its address. */
function isClient({ denied, law }: Proving, client: AccessClient): boolean {
  const { clientIp, tls } = law.evaluation.connection;
  const identity = tls?.state === 'established' ? tls.clientId : null;
  if (identity !== null) return client.tls.state === 'established' && client.tls.clientId === identity;
  const own = denied.client.ref.pod;
  return (
    (own !== null && client.pods.some(({ ref }) => ref.name === own.ref.name && ref.namespace === own.ref.namespace)) ||
    (clientIp !== null && client.ip === clientIp)
  );
}

/** What shows no identity gets in by its address, in the clear or by TLS of its own. */
function isMeshed(tls: Connection['tls']): boolean {
  return tls?.state === 'established';
}

/** On the port and the route of the request that was denied. */
function isAsked({ pod, port }: Proving, { at, client, request }: AccessChange, now: Evaluation): boolean {
  if (at.port !== port) return false;
  if (!at.workloads.some(({ ref }) => ref.namespace === pod.ref.namespace && ref.name === pod.ref.name) || at.after === null) return false;
  if (now.policy !== at.after) return false;
  const { route } = evaluate(at.after, { clientIp: client.ip, tls: client.tls }, request.traffic);
  return route?.name === now.route?.name && route?.kind === now.route?.kind;
}
