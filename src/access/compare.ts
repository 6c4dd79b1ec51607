/** Who gets in newly and who no longer, where policy differs between two clusters: every class of client by every class of request. */
import { evaluate } from '../policy/evaluate.ts';
import type { Traffic, Verdict } from '../policy/evaluation.ts';
import type { InboundServer } from '../policy/inbound.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { atOnce, type Steps } from '../policy/steps.ts';
import { type Classes, createClasses } from './classes.ts';
import { type AccessClient, accessClients } from './clients.ts';
import { changedPorts, type PortChange } from './ports.ts';
import { type AccessRequest, accessRequests } from './requests.ts';

/** One client for which one request comes out differently. */
export interface AccessChange {
  readonly at: PortChange;
  readonly request: AccessRequest;
  readonly client: AccessClient;
  readonly before: Verdict;
  readonly after: Verdict;
}

/** `more`: requests to look at besides those that the routes themselves name (observed ones, say). `ports`: those that differ, where they are known. */
export function compareAccess(
  before: Snapshot,
  after: Snapshot,
  more: readonly AccessRequest[] = [],
  ports?: readonly PortChange[],
): readonly AccessChange[] {
  return atOnce(comparingAccess(before, after, more, ports));
}

/** A step is one request on one port, of so many classes of clients. */
export function* comparingAccess(
  before: Snapshot,
  after: Snapshot,
  more: readonly AccessRequest[] = [],
  ports: readonly PortChange[] = changedPorts(before, after),
): Steps<readonly AccessChange[]> {
  const policies = ports.flatMap((port) => [port.before, port.after]).filter((policy) => policy !== null);
  if (ports.length === 0) return [];
  const clients = accessClients([before, after], policies);
  const classesOf = createClasses(clients);
  const found: (readonly AccessChange[])[] = [];
  for (const at of ports) {
    yield;
    const own = [at.before, at.after].filter((policy) => policy !== null);
    const alike = { clients, classes: classesOf(own) };
    for (const request of [...accessRequests(own), ...more]) {
      found.push(yield* compareAt(at, alike, request));
      yield;
    }
  }
  return found.flat();
}

const CLASSES_OF_A_STEP = 100;

/** One of each class is evaluated, and speaks for all. */
function* compareAt(
  at: PortChange,
  { clients, classes }: { readonly clients: readonly AccessClient[]; readonly classes: Classes },
  request: AccessRequest,
): Steps<readonly AccessChange[]> {
  const firsts: AccessClient[] = [];
  clients.forEach((client, i) => {
    firsts[classes[i] as number] ??= client;
  });
  const changes: ({ readonly before: Verdict; readonly after: Verdict } | null)[] = [];
  for (const client of firsts) {
    const [before, after] = [verdictFor(at.before, client, request.traffic), verdictFor(at.after, client, request.traffic)];
    changes.push(before === after ? null : { before, after });
    if (changes.length % CLASSES_OF_A_STEP === 0) yield;
  }
  if (changes.every((change) => change === null)) return [];
  return clients.flatMap((client, i) => {
    const change = changes[classes[i] as number];
    return change == null ? [] : [{ at, request, client, ...change }];
  });
}

/** Where no proxy stands, nobody is refused. A route that only one of the two policies has decides nothing in the other. */
function verdictFor(policy: InboundServer | null, { ip, tls }: AccessClient, traffic: Traffic): Verdict {
  return policy === null ? 'allow' : evaluate(policy, { clientIp: ip, tls }, traffic).verdict;
}

/** Whether the request reaches the application. */
export function getsIn(verdict: Verdict): boolean {
  return verdict === 'allow' || verdict === 'ratelimited' || verdict === 'redirect';
}

/** Those that the change lets in, or may let in. */
export function newlyAllowed(changes: readonly AccessChange[]): readonly AccessChange[] {
  return changes.filter(({ before, after }) => !getsIn(before) && (getsIn(after) || after === 'undecided'));
}

/** Those that the change shuts out, or may shut out. */
export function newlyDenied(changes: readonly AccessChange[]): readonly AccessChange[] {
  return changes.filter(({ before, after }) => (getsIn(before) || before === 'undecided') && !getsIn(after) && after !== before);
}
