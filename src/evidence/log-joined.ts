/**
 * Joins what one proxy says of one request in several lines: the refusal, the authorizations that did not apply, the error response,
 * the access log. Other connections interleave, and the access log comes over another stream, before or after.
 */
import type { Instant } from '../policy/resource.ts';
import type { Denial, Fact, Observation, Symptom } from './facts.ts';
import { denial, type LineOrigin, observation, standalone, symptom, unexplained, type Writable } from './log-facts.ts';
import type { Access, Allowed, Failure, NotApplied, Refusal, Trouble } from './log-reading.ts';

/** How long a line waits for those that belong to it: so many lines of the same proxy. */
const WINDOW_LINES = 64;
const MAX_DETAIL = 2000;

/** A fact that may still be completed. */
interface Waiting {
  readonly fact: Writable<Denial> | Writable<Observation> | Writable<Symptom> | null;
  /** An access log line that no other line explains yet; `fact` is null then. */
  readonly access: { readonly access: Access; readonly origin: LineOrigin } | null;
  readonly line: number;
  readonly thread: number;
  needsFollowUp: boolean;
  needsAccess: boolean;
  /** An error response whose refusal was not seen before it. A log that is printed newest first has it behind. */
  answered: { readonly failure: Failure; readonly at: Instant } | null;
  settled: boolean;
}

export interface Join {
  /** Counts a line of this proxy. */
  tick(): void;
  refusal(refusal: Refusal, origin: LineOrigin): void;
  /** true: it completed an earlier refusal, or came late for one. false: it stands alone, and wants `alone`. */
  failure(failure: Failure): boolean;
  alone(failure: Failure, origin: LineOrigin): void;
  notApplied(notApplied: NotApplied): void;
  allowed(allowed: Allowed, origin: LineOrigin): void;
  access(access: Access, origin: LineOrigin): void;
  trouble(trouble: Trouble, origin: LineOrigin): void;
  /** A line without a head, which goes on with the last `trouble` if that `continues`. */
  continuation(text: string): void;
  /** A line with the head of an event: what went on is over, and the proxy's own events are in this log, not only its access log. */
  event(): void;
  /** Everything that waits, as it is. */
  flush(): void;
  /** Another process begins: nothing of the one before is completed by what follows. */
  restart(): void;
}

/** Facts are reported in the order of the lines they began with. */
export function createJoin(report: (fact: Fact) => void): Join {
  const queue: Waiting[] = [];
  /** Reported without their follow-up, which must not count again if it comes late. */
  const overdue: Waiting[] = [];
  let continued: Waiting | null = null;
  let lastAllowed: { readonly by: Allowed; readonly line: number } | null = null;
  let lines = 0;
  let hasAccessLog = false;
  let hasEvents = false;

  function wait(
    fact: Waiting['fact'],
    needsFollowUp: boolean,
    needsAccess: boolean,
    thread = -1,
    access: Waiting['access'] = null,
  ): Waiting {
    const waiting: Waiting = { fact, access, line: lines, thread, needsFollowUp, needsAccess, answered: null, settled: false };
    queue.push(waiting);
    return waiting;
  }

  /** Reports from the front of the queue what is complete or has waited long enough. */
  function drain(all: boolean): void {
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      const waits = !first.settled && (first.needsFollowUp || first.needsAccess || first.answered !== null);
      if (waits && !all && lines - first.line <= WINDOW_LINES) break;
      if (!first.settled) settle(first);
      queue.shift();
    }
  }

  function settle(waiting: Waiting): void {
    waiting.settled = true;
    const { fact, access } = waiting;
    if (fact === null) {
      const left = access && unexplained(access.access, access.origin, hasEvents);
      if (left !== null) report(left);
      return;
    }
    if (waiting.needsFollowUp && fact.type === 'denial') {
      takeAccess(waiting);
      overdue.push(waiting);
      if (overdue.length > WINDOW_LINES) overdue.shift();
    }
    report(fact);
  }

  /** Looks for an access log line that came first. */
  function takeAccess(waiting: Waiting): void {
    if (!hasAccessLog) return;
    const found = queue.find(({ access, settled }) => access !== null && !settled && explains(waiting, access.access));
    if (found?.access == null) return;
    found.settled = true;
    merge(waiting, found.access.access);
  }

  /** The error response of this refusal, where the lines run backwards. */
  function takeAnswer(fact: Writable<Denial>, { at }: LineOrigin): boolean {
    const isOurs = ({ answered, settled }: Waiting) =>
      answered !== null && !settled && at !== null && at <= answered.at && follows(fact, answered.failure);
    const found = queue.find(isOurs);
    if (found?.answered == null) return false;
    found.settled = true;
    complete(fact, found.answered.failure);
    return true;
  }

  function flush(): void {
    drain(true);
    continued = null;
    lastAllowed = null;
  }

  return {
    tick() {
      lines++;
      if (queue.length > 0) drain(false);
    },
    refusal(refusal, origin) {
      const audited = refusal.kind === 'audit-allowed';
      const fact = denial(refusal, origin);
      const needsAccess = hasAccessLog && refusal.kind !== 'tcp-denied' && refusal.kind !== 'terminated' && !refusal.admin;
      const isAnswered = !audited && takeAnswer(fact, origin);
      wait(fact, !audited && !isAnswered, needsAccess, refusal.thread);
      if (audited || isAnswered) drain(false);
    },
    failure(failure) {
      for (const waiting of queue) {
        if (!waiting.needsFollowUp || !follows(waiting.fact, failure)) continue;
        complete(waiting.fact as Writable<Denial>, failure);
        waiting.needsFollowUp = false;
        takeAccess(waiting);
        drain(false);
        return true;
      }
      const late = overdue.findIndex((other) => follows(other.fact, failure));
      if (late >= 0) overdue.splice(late, 1);
      return late >= 0;
    },
    alone(failure, origin) {
      // One thread authorizes a request and refuses it in the same breath: the line just before is about this one.
      const isSame = lastAllowed !== null && lines - lastAllowed.line === 1 && lastAllowed.by.client.ip === failure.ip;
      const fact = standalone(failure, origin, isSame ? (lastAllowed?.by ?? null) : null);
      const waiting = wait(fact, false, hasAccessLog && failure.kind !== 'tcp-denied' && !failure.admin);
      const { at } = origin;
      if (at !== null && (failure.kind === 'http-denied' || failure.kind === 'tcp-denied')) waiting.answered = { failure, at };
      takeAccess(waiting);
      drain(false);
    },
    notApplied({ authorization, thread }) {
      const waiting = queue.findLast((other) => other.needsFollowUp && other.thread === thread && other.fact?.type === 'denial');
      if (waiting?.fact?.type === 'denial' && authorization !== null)
        waiting.fact.didNotApply = [...waiting.fact.didNotApply, authorization];
    },
    allowed(allowed, origin) {
      lastAllowed = { by: allowed, line: lines };
      wait(observation(allowed, origin), false, hasAccessLog && allowed.route !== null);
      drain(false);
    },
    access(access, origin) {
      hasAccessLog = true;
      const waiting = queue.find((other) => other.fact !== null && !other.settled && explains(other, access));
      if (waiting !== undefined) merge(waiting, access);
      else wait(null, true, false, -1, { access, origin });
      drain(false);
    },
    trouble(trouble, origin) {
      if (queue.length === 0 && trouble.continues !== true) {
        report(symptom(trouble, origin));
        return;
      }
      const waiting = wait(symptom(trouble, origin), trouble.continues ?? false, false);
      continued = waiting.needsFollowUp ? waiting : null;
      drain(false);
    },
    continuation(text) {
      if (continued?.fact?.type !== 'symptom') return;
      const { fact } = continued;
      fact.detail = `${fact.detail}\n${text}`.slice(0, MAX_DETAIL);
      if (fact.complaint !== undefined)
        fact.complaint = { ...fact.complaint, error: `${fact.complaint.error}\n${text}`.slice(0, MAX_DETAIL) };
    },
    event() {
      hasEvents = true;
      if (continued === null) return;
      continued.needsFollowUp = false;
      continued = null;
    },
    flush,
    restart() {
      flush();
      overdue.length = 0;
    },
  };
}

function follows(fact: Waiting['fact'], failure: Failure): boolean {
  if (fact?.type !== 'denial' || fact.client.ip !== failure.ip || fact.admin !== failure.admin) return false;
  if (fact.client.port !== null && failure.clientPort !== null && fact.client.port !== failure.clientPort) return false;
  return failure.kind === 'tcp-denied' ? fact.kind === 'tcp-denied' || fact.kind === 'terminated' : fact.kind === failure.kind;
}

function complete(fact: Writable<Denial>, failure: Failure): void {
  if (fact.client.port === null) fact.client = { ip: fact.client.ip, port: failure.clientPort, tls: fact.client.tls };
  fact.port ??= failure.port;
  fact.request ??= failure.request;
}

const REFUSED_STATUS = { 'http-denied': 403, 'route-not-found': 404, 'rate-limited': 429 } as const;

/** Whether a refused or allowed request can be the one in the access log. */
function explains({ fact, needsFollowUp }: Pick<Waiting, 'fact' | 'needsFollowUp'>, access: Access): boolean {
  if (fact === null || fact.type === 'symptom' || fact.client.ip !== access.client.ip) return false;
  if (fact.request?.method != null || (fact.client.port !== null && fact.client.port !== access.client.port)) return false;
  if (fact.request?.path != null && fact.request.path !== pathAlone(access.request.path)) return false;
  if (fact.type === 'observation') return fact.route !== null;
  if (fact.kind === 'audit-allowed') return fact.route !== null;
  if (fact.kind === 'tcp-denied' || fact.kind === 'terminated') return false;
  // A refused gRPC call is an HTTP success; before its follow-up nobody knows that it is gRPC.
  return access.status === REFUSED_STATUS[fact.kind] || (access.status === 200 && fact.request?.grpc === true && !needsFollowUp);
}

function merge(waiting: Waiting, access: Access): void {
  const { fact } = waiting;
  if (fact === null || fact.type === 'symptom') return;
  const { version, method, path, authority } = access.request;
  fact.request = { version, method, path, authority, grpc: fact.request?.grpc ?? null };
  if (fact.client.port === null) fact.client = { ip: fact.client.ip, port: access.client.port, tls: fact.client.tls ?? access.client.tls };
  waiting.needsAccess = false;
}

function pathAlone(path: string | null): string | null {
  const query = path === null ? -1 : path.indexOf('?');
  return path === null || query < 0 ? path : path.slice(0, query);
}
