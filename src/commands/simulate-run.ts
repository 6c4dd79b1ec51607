/** What a change of objects would do: traffic that was seen, traffic that is always there, and on request everyone and everything. */
import { touchesNetwork, withApplied } from '../access/applied.ts';
import { can } from '../access/can.ts';
import { accessMatrix } from '../access/matrix.ts';
import { networkPlugin } from '../access/network-plugin.ts';
import { createReplayer, type Outcome, type Recorded } from '../access/replay.ts';
import { standingTraffic } from '../access/standing.ts';
import type { ToldTraffic } from '../access/told-traffic.ts';
import { parseIdentity } from '../policy/identity.ts';
import { findWorkload, type Snapshot } from '../policy/snapshot.ts';
import { atOnce, type Steps } from '../policy/steps.ts';
import type { Notice } from '../ports.ts';
import { canReasons } from './can-reasons.ts';
import type { ObservedTraffic } from './observed-traffic.ts';
import { type Add, createBook, createClientNames, type Grouped } from './simulate-book.ts';
import type { PlannedChange } from './simulate-change.ts';
import { addPossible, type Strangers } from './simulate-possible.ts';

/** What comes out alike, for the same reason, for one client and one port of some workloads. */
export interface SimulatedEntry extends ToldTraffic {
  readonly outcome: Exclude<Outcome, 'unchanged'>;
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
  return atOnce(simulating(before, planned, options));
}

/** A step is so many kinds of traffic, one request on one port that changes, or so many entries of the answer. */
export function* simulating(before: Snapshot, planned: PlannedChange, options: SimulateOptions): Steps<Simulation> {
  const after = withApplied(before, planned.changes);
  yield;
  return yield* simulatingBetween(before, after, planned, options);
}

/** `after`: as `withApplied` makes it of the changes. */
export function simulateBetween(before: Snapshot, after: Snapshot, planned: PlannedChange, options: SimulateOptions): Simulation {
  return atOnce(simulatingBetween(before, after, planned, options));
}

function* simulatingBetween(
  before: Snapshot,
  after: Snapshot,
  planned: PlannedChange,
  { observed, possible, pairs = false, within }: SimulateOptions,
): Steps<Simulation> {
  const hasNetwork = touchesNetwork(planned.changes) && networkPlugin(before)?.enforces !== false;
  const replayer = createReplayer(before, after, hasNetwork);
  const book = createBook(before);
  const { add } = book;
  const notices: Notice[] = [...planned.notices];

  const clientOf = createClientNames(before);
  for (const [i, { recorded, request, count }] of observed.traffic.entries()) {
    if (within?.has(recorded.server.ref.namespace) !== false)
      add('observed', clientOf(recorded), recorded, replayer.of(recorded), { text: request, traffic: recorded.traffic }, count);
    if (i % OF_A_STEP === 0) yield;
  }
  const standing = standingTraffic(before, within);
  for (const [i, { kind, name, caller, server, port, request }] of standing.entries()) {
    const recorded: Recorded = { server, port, ...caller, traffic: request.traffic, seen: null };
    const replayed = replayer.of(recorded);
    // Of its own node a pod is always reachable, whatever NetworkPolicy says.
    add(kind, name, recorded, kind === 'probe' && replayed.isNetwork ? { ...replayed, outcome: 'unchanged' } : replayed, request, null);
    if (i % OF_A_STEP === 0) yield;
  }
  const strangers: Strangers = new Map();
  if (possible) yield* addPossible(before, after, hasNetwork, within === undefined ? add : onlyAllowed(add), notices, strangers);
  const entries: SimulatedEntry[] = [];
  for (const [i, group] of book.groups().entries()) {
    entries.push(entryOf(after, group, strangers));
    if (i % OF_A_STEP === 0) yield;
  }
  return {
    entries: mergedEntries(entries).toSorted(byWeight),
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

const OF_A_STEP = 500;

function onlyAllowed(add: Add): Add {
  return (kind, client, recorded, replayed, request, count) => {
    if (replayed.outcome === 'newly-allowed') add(kind, client, recorded, replayed, request, count);
  };
}

function pairsOf(before: Snapshot, after: Snapshot): NonNullable<Simulation['pairs']> {
  const [was, now] = [accessMatrix(before), accessMatrix(after)];
  return { all: Math.max(was.pairs, now.pairs), before: was.allowed, after: now.allowed };
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
