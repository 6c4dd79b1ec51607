/**
 * Recorded traffic put to the policy as it is and as it would be. Equal traffic is evaluated once, and traffic to a port whose policy stays the
 * same not at all.
 */
import { evaluate, sameLabels } from '../policy/evaluate.ts';
import type { ClientTls, Connection, Missing, Traffic } from '../policy/evaluation.ts';
import { parseIdentity } from '../policy/identity.ts';
import type { InboundServer, RouteRef } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { networkAnswer } from '../policy/network-answer.ts';
import { findWorkload, type Snapshot, workloadsByServiceAccount } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { representativeAddresses } from './addresses.ts';
import { networksOf } from './clients.ts';
import { getsIn } from './compare.ts';
import { touchedNamespaces } from './ports.ts';

/** Traffic of one client to one port of one pod, as far as it was seen. */
export interface Recorded {
  readonly server: Workload;
  readonly port: number;
  readonly tls: ClientTls | null;
  /** null: not observed. */
  readonly ip: string | null;
  /** null: the address tells no pod. */
  readonly pod: Workload | null;
  /** `http-on-route`: the proxy named the route, nobody knows the request. */
  readonly traffic: Traffic;
  /** What became of it, as far as somebody saw it. */
  readonly seen: 'allowed' | 'denied' | null;
}

export type Outcome = 'newly-denied' | 'newly-allowed' | 'unchanged' | 'undecided';

export interface Replayed {
  readonly outcome: Outcome;
  /** Of those before and after that are not `unchanged`. */
  readonly before: boolean | null;
  readonly after: boolean | null;
  /** Only NetworkPolicy makes the difference, where it is enforced. */
  readonly isNetwork: boolean;
  /** Not empty exactly when `undecided`. */
  readonly missing: readonly (Missing | 'network')[];
}

export interface Replayer {
  of(recorded: Recorded): Replayed;
}

/** `hasNetwork`: NetworkPolicy may differ, so that it is asked too. */
export function createReplayer(before: Snapshot, after: Snapshot, hasNetwork: boolean): Replayer {
  const ports = new Map<Workload, Map<number, PortPair>>();
  const known = new Map<PortPair, Map<string, Replayed>>();
  const same = createSameness();
  const touched = hasNetwork ? null : touchedNamespaces(before, after);

  function pairOf(server: Workload, port: number): PortPair {
    const own = ports.get(server) ?? new Map<number, PortPair>();
    const found = own.get(port);
    if (found !== undefined) return found;
    ports.set(server, own);
    const next = findWorkload(after, server.kind, server.ref.namespace, server.ref.name);
    const was = server.meshed ? inboundServer(before, server, port) : null;
    const now = next?.meshed === true ? inboundServer(after, next, port) : null;
    const pair = same.pair(was, now, next);
    own.set(port, pair);
    return pair;
  }

  return {
    of(recorded) {
      if (touched?.has(recorded.server.ref.namespace) === false) return UNCHANGED;
      const pair = pairOf(recorded.server, recorded.port);
      const network = hasNetwork ? networkChange(before, after, recorded, pair) : null;
      if (network === null) return linkerd(pair, recorded);
      return withNetwork(linkerd(pair, recorded), network);
    },
  };

  function linkerd(pair: PortPair, recorded: Recorded): Replayed {
    if (pair.isSame) return UNCHANGED;
    const { tls, ip, traffic, seen } = recorded;
    const who = tls === null ? '?' : tls.state === 'established' ? `m${tls.clientId}` : tls.state;
    const key = `${seen} ${ip} ${who} ${traffic.type === 'http-on-route' ? `r${traffic.route.kind}/${traffic.route.name}` : JSON.stringify(traffic)}`;
    let outcomes = known.get(pair);
    if (outcomes === undefined) {
      outcomes = new Map();
      known.set(pair, outcomes);
    }
    let outcome = outcomes.get(key);
    if (outcome === undefined) {
      outcome = compare(before, after, pair, recorded);
      outcomes.set(key, outcome);
    }
    return outcome;
  }
}

interface PortPair {
  readonly before: InboundServer | null;
  readonly after: InboundServer | null;
  /** The pod after the change; null: it is gone. */
  readonly next: Workload | null;
  readonly isSame: boolean;
}

const UNCHANGED: Replayed = { outcome: 'unchanged', before: null, after: null, isNetwork: false, missing: [] };

/** Policies that read alike are the same; pods for which the same two come out share one pair. */
function createSameness() {
  const texts = new Map<InboundServer, string>();
  const pairs = new Map<string, PortPair>();
  const textOf = (policy: InboundServer | null): string => {
    if (policy === null) return '';
    let text = texts.get(policy);
    if (text === undefined) {
      // What would apply without the Server, and Servers that have no effect, decide nothing.
      const { defaultPolicy: _default, overshadowed: _others, ...deciding } = policy;
      text = JSON.stringify(deciding);
      texts.set(policy, text);
    }
    return text;
  };
  return {
    pair(before: InboundServer | null, after: InboundServer | null, next: Workload | null): PortPair {
      const [was, now] = [textOf(before), textOf(after)];
      const key = was === now ? was : `${was}\n${now}\n${next === null}`;
      let pair = pairs.get(key);
      if (pair === undefined) {
        pair = { before, after, next, isSame: was === now && next !== null };
        pairs.set(key, pair);
      }
      return pair;
    },
  };
}

/** What was seen to happen is known, whatever else is not. */
function compare(before: Snapshot, after: Snapshot, { before: was, after: now, next }: PortPair, recorded: Recorded): Replayed {
  // A pod that is gone is nobody's denial.
  if (next === null) return UNCHANGED;
  const old = admission(before, was, was, recorded);
  const wasIn = old.isIn ?? (recorded.seen === null ? null : recorded.seen === 'allowed');
  const then = admission(after, was, now, recorded);
  const isIn = then.isIn ?? (wasIn === null ? null : fromWherever(was, now, recorded, wasIn));
  const base = { before: wasIn, after: isIn, isNetwork: false };
  if (isIn === null || wasIn === null) return { ...base, outcome: 'undecided', missing: isIn === null ? then.missing : old.missing };
  if (isIn === wasIn) return { ...UNCHANGED, before: wasIn, after: isIn };
  return { ...base, outcome: isIn ? 'newly-allowed' : 'newly-denied', missing: [] };
}

/** Of an address that was not observed: those that came out as this client did before, if they all come out alike now. null: they do not. */
function fromWherever(was: InboundServer | null, now: InboundServer | null, recorded: Recorded, wasIn: boolean): boolean | null {
  if (recorded.ip !== null || was === null || now === null) return null;
  const { tls, traffic } = recorded;
  const possible = representativeAddresses(networksOf([was, now])).filter(
    (clientIp) => judged(was, was, { clientIp, tls }, traffic).isIn === wasIn,
  );
  const answers = new Set(possible.map((clientIp) => judged(was, now, { clientIp, tls }, traffic).isIn));
  const [only] = answers;
  return answers.size === 1 && only !== undefined ? only : null;
}

interface AdmissionOf {
  /** null: not known. */
  readonly isIn: boolean | null;
  readonly missing: readonly Missing[];
}

/** `named`: the policy whose route the proxy named. An identity of which the address is not known comes from its pods. */
function admission(snapshot: Snapshot, named: InboundServer | null, policy: InboundServer | null, recorded: Recorded): AdmissionOf {
  if (policy === null) return { isIn: true, missing: [] };
  const { tls, ip, traffic } = recorded;
  const first = judged(named, policy, { clientIp: ip, tls }, traffic);
  if (first.isIn !== null || ip !== null || tls?.state !== 'established' || tls.clientId === null) return first;
  const account = parseIdentity(tls.clientId);
  const pods = account === null ? [] : workloadsByServiceAccount(snapshot, account.namespace, account.serviceAccount);
  const ips = new Set(pods.filter(({ meshed }) => meshed).flatMap((pod) => pod.ips));
  const each = [...ips].slice(0, MOST_ADDRESSES).map((one) => judged(named, policy, { clientIp: one, tls }, traffic));
  const [answer] = each;
  return answer !== undefined && ips.size <= MOST_ADDRESSES && each.every(({ isIn }) => isIn === answer.isIn) ? answer : first;
}
const MOST_ADDRESSES = 64;

function judged(named: InboundServer | null, policy: InboundServer, connection: Connection, traffic: Traffic): AdmissionOf {
  if (traffic.type === 'http-unknown')
    return policy.routes === null ? answerOf(policy, connection, { type: 'tcp' }) : onAnyRoute(policy, connection);
  if (traffic.type === 'http-on-route') {
    if (policy.routes === null) return answerOf(policy, connection, { type: 'tcp' });
    const { route } = traffic;
    const isNamed = named?.routes?.some(({ ref }) => sameLabels(ref, route)) === true;
    if (named === null || !isNamed || !takesAlike(named, policy, route)) return onAnyRoute(policy, connection);
  }
  return answerOf(policy, connection, traffic);
}

function answerOf(policy: InboundServer, connection: Connection, traffic: Traffic): AdmissionOf {
  const { verdict, missing } = evaluate(policy, connection, traffic);
  return { isIn: verdict === 'undecided' ? null : getsIn(verdict), missing };
}

/** What landed on the route lands there still: the routes take the same requests. */
function takesAlike(named: InboundServer, policy: InboundServer, route: RouteRef): boolean {
  if (named === policy) return true;
  const shapeOf = ({ routes }: InboundServer) => JSON.stringify((routes ?? []).map(({ ref, hosts, rules }) => [ref, hosts, rules]));
  if (shapeOf(named) === shapeOf(policy)) return true;
  const isDefault = route.kind === 'default' && route.name === 'default';
  const others = ({ routes }: InboundServer) => (routes ?? []).filter(({ ref }) => ref.kind !== 'default').length;
  return isDefault && others(named) === 0 && others(policy) === 0;
}

/** Decided where every route, and what no route takes, comes to the same. */
function onAnyRoute(policy: InboundServer, connection: Connection): AdmissionOf {
  const routes = policy.routes ?? [];
  const each = routes.map(({ ref }) => answerOf(policy, connection, { type: 'http-on-route', route: ref }));
  const takesAll = routes.some(({ ref }) => ref.kind === 'default' && ref.name === 'default');
  const answers = new Set([...each.map(({ isIn }) => isIn), ...(takesAll ? [] : [false])]);
  const [only] = answers;
  if (answers.size === 1 && only !== undefined && only !== null) return { isIn: only, missing: [] };
  return {
    isIn: null,
    missing: [...new Set<Missing>([...each.flatMap(({ missing }) => missing), ...(answers.size > 1 ? ['request' as const] : [])])],
  };
}

type NetworkWord = 'allow' | 'deny' | 'undecided';

/** null: it stays the same. */
function networkChange(
  before: Snapshot,
  after: Snapshot,
  { server, port, tls, ip, pod }: Recorded,
  pair: PortPair,
): { readonly was: NetworkWord; readonly now: NetworkWord } | null {
  if (pair.next === null) return null;
  const client = pod === null ? null : findWorkload(after, pod.kind, pod.ref.namespace, pod.ref.name);
  const ask = (snapshot: Snapshot, from: Workload | null, to: Workload, policy: InboundServer | null): NetworkWord =>
    networkAnswer(snapshot, { client: from, clientIp: ip, tls, server: to, port, policy: policy ?? inboundServer(snapshot, to, port) })
      ?.verdict.verdict ?? 'allow';
  const was = ask(before, pod, server, pair.before);
  const now = ask(after, client ?? pod, pair.next, pair.after);
  return was === now ? null : { was, now };
}

/** Linkerd's change counts first; NetworkPolicy alone where Linkerd changes nothing and does not refuse. */
function withNetwork(linkerd: Replayed, { was, now }: { readonly was: NetworkWord; readonly now: NetworkWord }): Replayed {
  if (linkerd.outcome !== 'unchanged' || linkerd.after === false) return linkerd;
  if (now === 'undecided' || was === 'undecided')
    return {
      ...linkerd,
      outcome: now === 'deny' ? 'newly-denied' : 'undecided',
      isNetwork: true,
      missing: now === 'deny' ? [] : ['network'],
    };
  return {
    ...linkerd,
    outcome: now === 'deny' ? 'newly-denied' : 'newly-allowed',
    before: was === 'allow',
    after: now === 'allow',
    isNetwork: true,
  };
}
