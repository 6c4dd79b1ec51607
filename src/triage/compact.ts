/**
 * A stream of facts, summed as it comes, so that a body of any length holds as many facts as there are different ones. Their sums mean to
 * an incident what the facts mean one by one.
 */
import type { Denial, Fact } from '../evidence/facts.ts';
import { earlier, later, tlsKey } from '../evidence/tally.ts';
import type { Labels } from '../policy/inbound.ts';

export interface Compactor {
  /** False: there is no room for one more that differs from all others. */
  add(fact: Fact): boolean;
  all(): readonly Fact[];
  /** How many facts came. */
  readonly count: number;
}

/** Different requests of one client that are kept apart; an incident keeps as many. */
const MOST_REQUESTS = 8;

export function createCompactor(mostFacts: number): Compactor {
  const sums = new Map<string, Fact>();
  const requests = new Map<string, number>();
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

  return {
    get count() {
      return count;
    },
    add(fact) {
      count++;
      const client = keyOf(fact);
      const key = fact.type === 'denial' ? `${client} ${requestKey(client, fact)}` : client;
      const known = sums.get(key);
      if (known === undefined && sums.size >= mostFacts) return false;
      sums.set(key, known === undefined ? fact : added(known, fact));
      return true;
    },
    all: () => [...sums.values()],
  };
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

function added(sum: Fact, fact: Fact): Fact {
  const last = later(sum.lastAt ?? sum.at, fact.lastAt ?? fact.at);
  const before = (sum.countedBefore ?? 0) + (fact.countedBefore ?? 0);
  const counted = before > 0 ? { countedBefore: before } : {};
  return { ...sum, count: sum.count + fact.count, at: earlier(sum.at, fact.at), lastAt: last, ...counted };
}
