/** Facts as single lines give them; what joins them may still fill them in. */
import type { Instant } from '../policy/resource.ts';
import type { Denial, Observation, Reporter, Source, Symptom } from './facts.ts';
import type { Access, Allowed, Failure, Refusal, Trouble } from './log-reading.ts';

export type Writable<T> = { -readonly [K in keyof T]: T[K] };

const NOTHING: never[] = [];

/** Where and when a line was read. */
export interface LineOrigin {
  readonly at: Instant | null;
  readonly reporter: Reporter;
  readonly source: Source;
}

export function denial(refusal: Refusal, origin: LineOrigin): Writable<Denial> {
  const { kind, server, route, port, admin, client } = refusal;
  const { at, reporter, source } = origin;
  return {
    type: 'denial',
    kind,
    at,
    reporter,
    server,
    route,
    port,
    admin,
    client,
    request: null,
    count: 1,
    sinceBefore: false,
    error: null,
    didNotApply: NOTHING,
    source,
  };
}

export function observation(allowed: Allowed, { at, reporter, source }: LineOrigin): Writable<Observation> {
  const { server, route, authorization, client, port } = allowed;
  return { type: 'observation', at, reporter, server, route, authorization, port, client, request: null, count: 1, source };
}

/** The error-response line of a request that has none before it. `by`: what let the request in, where level DEBUG tells; the rate limit comes after. */
export function standalone(failure: Failure, origin: LineOrigin, by: Allowed | null): Writable<Denial> {
  const known = failure.kind === 'rate-limited' ? by : null;
  const { at, reporter, source } = origin;
  const client = { ip: failure.ip, port: failure.clientPort, tls: known?.client.tls ?? null };
  return {
    type: 'denial',
    kind: failure.kind,
    at,
    reporter,
    server: failure.server ?? known?.server ?? null,
    route: known?.route ?? null,
    port: failure.port ?? known?.port ?? null,
    admin: failure.admin,
    client,
    request: failure.request,
    count: 1,
    sinceBefore: false,
    error: failure.error,
    didNotApply: NOTHING,
    source,
  };
}

export function symptom(trouble: Trouble, origin: LineOrigin): Writable<Symptom> {
  const { kind, port, client, detail, request, peer, complaint } = trouble;
  const { at, reporter, source } = origin;
  // What clients' proxies say by the thousand is made in one piece.
  if (peer !== undefined && request === undefined)
    return { type: 'symptom', kind, at, reporter, port, client, detail, count: 1, source, peer };
  const fact: Writable<Symptom> = { type: 'symptom', kind, at, reporter, port, client, detail, count: 1, source };
  if (request !== undefined) fact.request = request;
  if (peer !== undefined) fact.peer = peer;
  if (complaint !== undefined) fact.complaint = complaint;
  return fact;
}

/** An access log line that nothing else in the log explains. */
export function unexplained(access: Access, origin: LineOrigin, hasEvents: boolean): Observation | Symptom | null {
  const { client, request, status } = access;
  const { at, reporter, source } = origin;
  const application = hasEvents || (access.responseBytes ?? 0) > 0;
  const policyLike = status === 403 || status === 404 || status === 429;
  if (policyLike && !application) {
    const detail = `${status} in the access log; without the proxy's other lines nobody can say whether policy or the application answered`;
    return { type: 'symptom', kind: 'request-failed', at, reporter, port: null, client, detail, count: 1, source, request };
  }
  if (status === 403) {
    const detail = '403 in the access log, and no denial in the log of this proxy: the application answered';
    return { type: 'symptom', kind: 'application-refused', at, reporter, port: null, client, detail, count: 1, source, request };
  }
  if (status >= 500) return null;
  return {
    type: 'observation',
    at,
    reporter,
    server: null,
    route: null,
    authorization: null,
    port: null,
    client,
    request,
    count: 1,
    source,
  };
}
