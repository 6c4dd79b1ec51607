/** What a change of objects would do: traffic that was seen, traffic that is always there, and on request everyone and everything. */
import { touchesNetwork, withApplied } from '../access/applied.ts';
import { can } from '../access/can.ts';
import type { AccessClient } from '../access/clients.ts';
import { type AccessChange, compareAccess, getsIn } from '../access/compare.ts';
import { accessMatrix } from '../access/matrix.ts';
import { networkChanges } from '../access/network-matrix.ts';
import { networkPlugin } from '../access/network-plugin.ts';
import { createReplayer, type Outcome, type Recorded, type Replayed } from '../access/replay.ts';
import { standingTraffic } from '../access/standing.ts';
import { parseIdentity, serviceAccountIdentity } from '../policy/identity.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import { findWorkload, type Snapshot } from '../policy/snapshot.ts';
import type { Notice } from '../ports.ts';
import { canReasons } from './can-reasons.ts';
import type { ObservedTraffic } from './observed-traffic.ts';
import { type Add, createBook, createClientNames, type Grouped, type TrafficKind, UNKNOWN_TLS } from './simulate-book.ts';
import type { PlannedChange } from './simulate-change.ts';
import { addressOf, showWho } from './who-text.ts';

/** What comes out alike, for the same reason, for one client and one port of some workloads. */
export interface SimulatedEntry {
  readonly outcome: Exclude<Outcome, 'unchanged'>;
  readonly kind: TrafficKind;
  readonly client: string;
  readonly namespace: string;
  readonly servers: readonly string[];
  readonly port: number;
  readonly requests: readonly string[];
  /** Requests and connections that were counted; null: nobody counted. */
  readonly count: number | null;
  readonly pods: number;
  /** Only NetworkPolicy makes the difference, where it is enforced. */
  readonly isNetwork: boolean;
  /** The object that decides after the change, and where it is written. */
  readonly object: { readonly kind: string; readonly namespace: string; readonly name: string } | null;
  readonly place: string | null;
  /** Why; of `undecided`: what would decide. */
  readonly why: string;
  /** Who else stands behind a client that newly gets in, where that is more than one would ask for. */
  readonly wide: string | null;
}

export interface Simulation {
  readonly entries: readonly SimulatedEntry[];
  /** Kinds of traffic: client by workload by port by request. */
  readonly counts: Readonly<Record<Outcome, number>>;
  /** Pods by ports of pods, and those of which some request gets in by Linkerd's policy; null: not counted. */
  readonly pairs: { readonly all: number; readonly before: number; readonly after: number } | null;
  /** What was looked at. */
  readonly looked: {
    readonly observed: number;
    readonly requests: number;
    readonly standing: number;
    readonly possible: boolean;
    readonly unplaced: number;
  };
  readonly refused: PlannedChange['refused'];
  readonly notices: readonly Notice[];
}

export interface SimulateOptions {
  readonly observed: ObservedTraffic;
  /** True: every class of clients by every class of requests too, on each port whose policy changes. */
  readonly possible: boolean;
  /** Whether the pairs are counted. */
  readonly pairs?: boolean;
  /** Traffic to pods of these namespaces alone, and of what is possible only who newly gets in. */
  readonly within?: ReadonlySet<string>;
}

export function simulate(before: Snapshot, planned: PlannedChange, options: SimulateOptions): Simulation {
  return simulateBetween(before, withApplied(before, planned.changes), planned, options);
}

/** `after`: as `withApplied` makes it of the changes. */
export function simulateBetween(
  before: Snapshot,
  after: Snapshot,
  planned: PlannedChange,
  { observed, possible, pairs = false, within }: SimulateOptions,
): Simulation {
  const hasNetwork = touchesNetwork(planned.changes) && networkPlugin(before)?.enforces !== false;
  const replayer = createReplayer(before, after, hasNetwork);
  const book = createBook(before);
  const { add } = book;
  const notices: Notice[] = [...planned.notices];

  const clientOf = createClientNames(before);
  for (const { recorded, request, count } of observed.traffic)
    if (within?.has(recorded.server.ref.namespace) !== false)
      add('observed', clientOf(recorded), recorded, replayer.of(recorded), { text: request, traffic: recorded.traffic }, count);
  const standing = standingTraffic(before, within);
  for (const { kind, name, caller, server, port, request } of standing) {
    const recorded: Recorded = { server, port, ...caller, traffic: request.traffic, seen: null };
    const replayed = replayer.of(recorded);
    // Of its own node a pod is always reachable, whatever NetworkPolicy says.
    add(kind, name, recorded, kind === 'probe' && replayed.isNetwork ? { ...replayed, outcome: 'unchanged' } : replayed, request, null);
  }
  const strangers: Strangers = new Map();
  if (possible) addPossible(before, after, hasNetwork, within === undefined ? add : onlyAllowed(add), notices, strangers);
  return {
    entries: mergedEntries(book.groups().map((group) => entryOf(after, group, strangers))).toSorted(byWeight),
    counts: { ...countsOf(book.groups()), unchanged: book.unchanged() },
    pairs: pairs ? pairsOf(before, after) : null,
    looked: {
      observed: observed.traffic.length,
      requests: observed.traffic.reduce((sum, { count }) => sum + count, 0),
      standing: standing.length,
      possible,
      unplaced: observed.unplaced,
    },
    refused: planned.refused,
    notices,
  };
}

function onlyAllowed(add: Add): Add {
  return (kind, client, recorded, replayed, request, count) => {
    if (replayed.outcome === 'newly-allowed') add(kind, client, recorded, replayed, request, count);
  };
}

function pairsOf(before: Snapshot, after: Snapshot): NonNullable<Simulation['pairs']> {
  const [was, now] = [accessMatrix(before), accessMatrix(after)];
  return { all: Math.max(was.pairs, now.pairs), before: was.allowed, after: now.allowed };
}

/** Classes of clients, by name, that no policy means in particular: what it is to let them in. */
type Strangers = Map<string, string>;

/**
 * Identities that nobody has are left out: nobody is shut out or let in by their end. Where an address is enough, whoever calls from it is one
 * client.
 */
function addPossible(before: Snapshot, after: Snapshot, hasNetwork: boolean, add: Add, notices: Notice[], strangers: Strangers): void {
  const changes = compareAccess(before, after);
  const cell = ({ at, request, client, before: was, after: now }: AccessChange) =>
    `${at.port} ${at.workloads[0]?.ref.namespace}/${at.workloads[0]?.ref.name} ${client.ip} ${was} ${now} ${request.text}`;
  const anyones = new Set(changes.filter(({ client }) => client.who.type === 'address').map(cell));
  for (const change of changes) {
    const { at, client, request } = change;
    const isAnyone = client.pods.length === 0 && client.who.type !== 'node' && anyones.has(cell(change));
    if (isNobody(before, client) || (isAnyone && client.who.type !== 'address')) continue;
    for (const server of new Map(
      at.workloads.map((one) => [one.resource.metadata.ownerReferences?.[0]?.name ?? one.ref.name, one]),
    ).values()) {
      const from = isNamed(client) ? null : addressOf(client);
      const name = isAnyone
        ? `anyone from ${ELSEWHERE.has(client.ip ?? '') ? 'any other address' : client.ip}`
        : `${showWho(client.who, server.ref.namespace)}${from === null ? '' : ` from ${from}`}`;
      const recorded: Recorded = {
        server,
        port: at.port,
        tls: client.tls,
        ip: client.ip,
        pod: client.pods[0] ?? null,
        traffic: request.traffic,
        seen: null,
      };
      add('possible', name, recorded, replayedOf(change), request, null);
      if (client.who.type === 'other-identity') strangers.set(name, 'No policy names it: whoever has such an identity gets in.');
      if (isAnyone && ELSEWHERE.has(client.ip ?? ''))
        strangers.set(name, 'Whoever reaches the port gets in, from anywhere and without an identity.');
    }
  }
  if (!hasNetwork) return;
  const network = networkChanges(before, after);
  if (network === null)
    notices.push({
      where: '',
      message: 'There are too many kinds of pods to try every pair against NetworkPolicy; observed traffic was tried.',
    });
  for (const { who, server, port, before: was, after: now } of network ?? []) {
    const replayed: Replayed = {
      outcome: now === 'undecided' || was === 'undecided' ? 'undecided' : now === 'allow' ? 'newly-allowed' : 'newly-denied',
      before: was === 'allow',
      after: now === 'allow',
      isNetwork: true,
      missing: ['network'],
    };
    const recorded: Recorded = { server, port, tls: UNKNOWN_TLS, ip: null, pod: null, traffic: { type: 'tcp' }, seen: null };
    add('possible', showWho(who, server.ref.namespace), recorded, replayed, { text: 'TCP', traffic: { type: 'tcp' } }, null);
  }
}

/** They stand for all addresses that no policy names (RFC 5737, RFC 3849). */
const ELSEWHERE: ReadonlySet<string> = new Set(['198.51.100.1', '2001:db8::1']);

/** By its identity, wherever it calls from. */
function isNamed({ who }: AccessClient): boolean {
  return who.type === 'identity' || who.type === 'other-identity' || who.type === 'service-account';
}

function replayedOf({ before, after }: AccessChange): Replayed {
  const [was, now] = [before === 'undecided' ? null : getsIn(before), after === 'undecided' ? null : getsIn(after)];
  const outcome: Outcome = was === null || now === null ? 'undecided' : was === now ? 'unchanged' : now ? 'newly-allowed' : 'newly-denied';
  return {
    outcome,
    before: was,
    after: now,
    isNetwork: false,
    missing: outcome === 'undecided' ? ['client-address'] : [],
  };
}

function isNobody(snapshot: Snapshot, { who }: AccessClient): boolean {
  const own = who.type === 'identity' ? parseIdentity(who.identity) : null;
  if (who.type !== 'identity' || own === null) return false;
  const isLocal = serviceAccountIdentity(snapshot.info, own.namespace, own.serviceAccount) === who.identity;
  return isLocal && hasServiceAccount(snapshot, own.namespace, own.serviceAccount) === false;
}

function countsOf(groups: readonly Grouped[]): Readonly<Record<SimulatedEntry['outcome'], number>> {
  const counts = { 'newly-denied': 0, 'newly-allowed': 0, undecided: 0 };
  for (const { outcome } of groups) counts[outcome]++;
  return counts;
}

function entryOf(after: Snapshot, group: Grouped, strangers: Strangers): SimulatedEntry {
  const { outcome, kind, client, namespace, server, port, isNetwork, missing, example, pods, count } = group;
  const said = outcome === 'undecided' || isNetwork ? null : reasonOf(after, example, port);
  const { object = null, place = null } = said ?? {};
  return {
    ...{ outcome, kind, client, namespace, port, isNetwork, place, count },
    servers: [server],
    requests: [example.request.text],
    pods: pods.size,
    object: object === null ? null : { kind: object.kind, namespace: object.namespace, name: object.name },
    wide: outcome === 'newly-allowed' ? wideness(group, strangers) : null,
    why: isNetwork ? NETWORK_WORDS[outcome] : outcome === 'undecided' ? missingWords(missing) : sentenceOf(said, outcome),
  };
}

function wideness({ kind, client, example }: Grouped, strangers: Strangers): string | null {
  const { tls } = example.caller;
  const account = tls.state === 'established' && tls.clientId !== null ? parseIdentity(tls.clientId) : null;
  if (account?.serviceAccount === 'default')
    return `Every pod of namespace ${account.namespace} that names no ServiceAccount of its own runs as default.`;
  return kind === 'possible' ? (strangers.get(client) ?? null) : null;
}

/** Requests that differ in nothing else become one, then workloads that do. */
function mergedEntries(entries: readonly SimulatedEntry[]): readonly SimulatedEntry[] {
  const byRequest = merge(entries, ({ requests: _requests, count: _count, pods: _pods, ...same }) => same, 'requests');
  return merge(byRequest, ({ servers: _servers, count: _count, pods: _pods, ...same }) => same, 'servers');
}

function merge(entries: readonly SimulatedEntry[], same: (entry: SimulatedEntry) => object, what: 'requests' | 'servers') {
  const groups = Map.groupBy(entries, (entry) => JSON.stringify(same(entry)));
  return [...groups.values()].map((group): SimulatedEntry => {
    const counted = group.flatMap(({ count }) => (count === null ? [] : [count]));
    const pods = group.map((entry) => entry.pods);
    return {
      ...(group[0] as SimulatedEntry),
      [what]: [...new Set(group.flatMap((entry) => entry[what]))],
      count: counted.length === 0 ? null : counted.reduce((sum, one) => sum + one, 0),
      pods: what === 'servers' ? pods.reduce((sum, one) => sum + one, 0) : Math.max(...pods),
    };
  });
}

function sentenceOf(said: ReturnType<typeof reasonOf>, outcome: SimulatedEntry['outcome']): string {
  if (said !== null && said.verdict !== 'undecided') return said.sentence;
  const [was, now] = outcome === 'newly-denied' ? ['got in', 'refused'] : ['was refused', 'let in'];
  return `The client’s address was not observed: each that ${was} before is ${now} now.`;
}

const NETWORK_WORDS = {
  'newly-denied': 'NetworkPolicy refuses it, where it is enforced.',
  'newly-allowed': 'NetworkPolicy no longer refuses it.',
  undecided: 'What NetworkPolicy says depends on where the client is.',
};

const MISSING: Readonly<Record<string, string>> = {
  'client-address': 'the client’s address was not observed (logs have it)',
  'client-tls': 'the client’s identity was not observed',
  request: 'method and path were not observed (an access log has them)',
  route: 'the route was not observed',
  network: 'NetworkPolicy depends on where the client is',
};

function missingWords(missing: readonly string[]): string {
  return missing.map((one) => MISSING[one] ?? one).join('; ');
}

/** As `can` says it, of the cluster after the change. */
function reasonOf(after: Snapshot, { caller, server, request }: Grouped['example'], port: number) {
  const next = findWorkload(after, server.kind, server.ref.namespace, server.ref.name) ?? server;
  const { cases } = can(after, { callers: [caller], servers: [next], port, request });
  return canReasons(after, port, cases, null)[0]?.linkerd ?? null;
}

const WEIGHT: Readonly<Record<SimulatedEntry['outcome'], number>> = { 'newly-denied': 0, 'newly-allowed': 1, undecided: 2 };

function byWeight(a: SimulatedEntry, b: SimulatedEntry): number {
  return WEIGHT[a.outcome] - WEIGHT[b.outcome] || (b.count ?? 0) - (a.count ?? 0);
}
