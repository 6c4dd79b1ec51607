/**
 * A stream of facts, summed as it comes, so that a body of any length holds as many facts as there are different ones. Their sums mean to
 * an incident what the facts mean one by one.
 */
import type { Client, Denial, Fact } from '../evidence/facts.ts';
import { type Gathered, gather } from '../evidence/over-time.ts';
import { earlier, later, stretchOf, tlsKey } from '../evidence/tally.ts';
import type { Labels } from '../policy/inbound.ts';
import type { Instant } from '../policy/resource.ts';

export interface Compactor {
  /** False: there is no room for one more that differs from all others. */
  add(fact: Fact): boolean;
  all(): readonly Fact[];
  /** How many facts came. */
  readonly count: number;
}

/** Different requests of one client that are kept apart; an incident keeps as many. */
const MOST_REQUESTS = 8;
/** Clients of which the last fact is remembered, to know the next one of its kind at sight. */
const MOST_RECENT = 1000;

/** Facts that differ only in their times and counts. */
interface Sum {
  readonly sample: Fact;
  count: number;
  before: number;
  first: Instant | null;
  last: Instant | null;
  over?: Gathered | undefined;
}

export function createCompactor(mostFacts: number): Compactor {
  const sums = new Map<string, Sum>();
  const requests = new Map<string, number>();
  const recent = new Map<Client, { readonly fact: Denial; readonly sum: Sum }>();
  let count = 0;

  function requestKey(client: string, { request }: Denial): string {
    if (request === null) return '';
    const key = `${request.method} ${request.path} ${request.authority} ${request.version} ${request.grpc}`;
    if (sums.has(`${client} ${key}`)) return key;
    const known = requests.get(client) ?? 0;
    if (known >= MOST_REQUESTS) return '';
    requests.set(client, known + 1);
    return key;
  }

  /** null: there is no room for it. */
  function sumFor(fact: Fact): Sum | null {
    if (fact.type === 'denial') {
      const before = recent.get(fact.client);
      if (before !== undefined && isAlike(before.fact, fact)) return before.sum;
    }
    const client = keyOf(fact);
    const key = fact.type === 'denial' ? `${client} ${requestKey(client, fact)}` : client;
    let sum = sums.get(key);
    if (sum === undefined) {
      if (sums.size >= mostFacts) return null;
      sum = { sample: fact, count: 0, before: 0, first: null, last: null };
      sums.set(key, sum);
    }
    if (fact.type === 'denial') {
      if (recent.size >= MOST_RECENT) recent.clear();
      recent.set(fact.client, { fact, sum });
    }
    return sum;
  }

  return {
    get count() {
      return count;
    },
    add(fact) {
      count++;
      const sum = sumFor(fact);
      if (sum === null) return false;
      sum.count += fact.count;
      sum.before += fact.countedBefore ?? 0;
      sum.first = earlier(sum.first, fact.at);
      sum.last = later(sum.last, fact.lastAt ?? fact.at);
      sum.over = gather(sum.over, stretchOf(fact));
      return true;
    },
    all: () => [...sums.values()].map(factOf),
  };
}

function factOf({ sample, count, before, first, last, over }: Sum): Fact {
  const known = over === undefined ? {} : { over };
  return { ...sample, count, at: first, lastAt: last, ...known, ...(before > 0 ? { countedBefore: before } : {}) };
}

/** True when they are made of the same objects: a parser gives the lines of one client the same ones. False says nothing. */
function isAlike(a: Denial, b: Denial): boolean {
  return (
    a.client === b.client &&
    a.server === b.server &&
    a.route === b.route &&
    a.reporter === b.reporter &&
    a.request === b.request &&
    a.didNotApply === b.didNotApply &&
    a.source.kind === b.source.kind &&
    a.kind === b.kind &&
    a.port === b.port &&
    a.admin === b.admin &&
    a.error === b.error
  );
}

/** What two facts must share to be one but for their count; the lengths keep names from posing as each other. */
function keyOf(fact: Fact): string {
  const { cluster, namespace, pod, workload } = fact.reporter;
  const { ip = null, tls = null } = fact.client ?? {};
  const parts = [
    fact.type,
    fact.source.kind,
    cluster,
    namespace,
    pod,
    workload?.kind,
    workload?.name,
    fact.port,
    ip,
    tlsKey(tls),
    ...ownParts(fact),
  ];
  let key = '';
  for (const part of parts) {
    const text = String(part);
    key += `${text.length}:${text}`;
  }
  return key;
}

function ownParts(fact: Fact): readonly unknown[] {
  if (fact.type === 'symptom') return [fact.kind, fact.detail, fact.peer?.address, fact.peer?.service?.name, fact.peer?.service?.namespace];
  const target = [...labelParts(fact.server), ...labelParts(fact.route)];
  if (fact.type === 'observation') return [...target, ...labelParts(fact.authorization)];
  return [...target, fact.kind, fact.admin, fact.error, ...fact.didNotApply.flatMap(labelParts)];
}

function labelParts(labels: Labels | null): readonly (string | undefined)[] {
  return [labels?.group, labels?.kind, labels?.name];
}
