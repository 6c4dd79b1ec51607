/** What a counter's growth says: a denial, an observation or a symptom. Source: linkerd2-proxy `linkerd/app/inbound/src/metrics/`. */
import type { AuthorizationRef } from '../policy/inbound.ts';
import { ADMIN_PORT, DEFAULT_KIND, ERROR_BEFORE_POLICY, LABEL, METRIC } from './conventions.ts';
import type { Client, Denial, DenialKind, Fact, Observation, Reporter, Source, Symptom, SymptomKind } from './facts.ts';
import type { CounterSeries, Growth } from './metrics-counter.ts';
import {
  authorizationOf,
  clientTlsOf,
  labelOf,
  portOf,
  rateLimitOf,
  reporterOf,
  routeOf,
  serverOf,
  targetPortOf,
} from './metrics-labels.ts';
import { sideCounterOf, sideSymptom } from './metrics-side.ts';

/** Where samples came from: the input's name, and the proxy as far as labels do not say. */
export interface ReadFrom {
  readonly name: string;
  readonly reporter: Reporter;
}

const DENIALS: ReadonlyMap<string, DenialKind> = new Map([
  [METRIC.httpDeny, 'http-denied'],
  [METRIC.tcpDeny, 'tcp-denied'],
  [METRIC.tcpTerminate, 'terminated'],
  [METRIC.routeNotFound, 'route-not-found'],
  [METRIC.rateLimited, 'rate-limited'],
]);

const TCP_ERRORS: ReadonlyMap<string, SymptomKind> = new Map(ERROR_BEFORE_POLICY.map((error) => [error, 'refused-before-policy']));

/** At most two facts: what was counted before the first reading, and what came after. Of an everyday sign only the latter says something. */
export function factsOf(growth: Growth<ReadFrom>): Fact[] {
  const facts: Fact[] = [];
  const side = sideCounterOf(growth.series.metric, growth.series.labels);
  if (growth.before > 0 && side?.isSign !== true)
    facts.push(factOf(growth, { at: growth.beforeAt, lastAt: growth.beforeAt, count: 0, countedBefore: growth.before }));
  const { increase, at, lastAt, over } = growth;
  if (increase > 0) facts.push(factOf(growth, { at, lastAt, count: increase, ...(over === undefined ? {} : { over }) }));
  return facts;
}

type Counts = Pick<Denial, 'at' | 'lastAt' | 'count' | 'over' | 'countedBefore'>;

function factOf(growth: Growth<ReadFrom>, counts: Counts): Fact {
  const { metric, labels } = growth.series;
  const kind = DENIALS.get(metric);
  if (kind !== undefined) return denial(growth, kind, counts);
  if (metric === METRIC.httpErrors || metric === METRIC.tcpErrors) return symptom(growth, counts);
  const side = sideCounterOf(metric, labels);
  if (side !== null) return besides(growth, counts, sideSymptom(side, metric, labels));
  const authorization = authorizationOf(labels);
  return isAudit(authorization) ? denial(growth, 'audit-allowed', counts) : observation(growth, authorization, counts);
}

/** The default policy (or accessPolicy) `audit`; an AuthorizationPolicy may bear that name too. */
function isAudit(authorization: AuthorizationRef | null): boolean {
  return authorization !== null && authorization.kind === DEFAULT_KIND && authorization.name === 'audit';
}

function denial({ series, context, sinceBefore }: Growth<ReadFrom>, kind: DenialKind, counts: Counts): Denial {
  const { labels } = series;
  const port = portOf(labels);
  return {
    type: 'denial',
    kind,
    ...counts,
    reporter: reporterOf(labels, context.reporter),
    server: serverOf(labels),
    route: routeOf(labels),
    port,
    admin: port === ADMIN_PORT,
    client: clientOf(labels),
    request: null,
    sinceBefore,
    ...(kind === 'rate-limited' ? { rateLimit: rateLimitOf(labels) } : {}),
    error: null,
    didNotApply: [],
    source: sourceOf(series, context),
  };
}

function observation({ series, context }: Growth<ReadFrom>, authorization: AuthorizationRef | null, counts: Counts): Observation {
  const { labels } = series;
  return {
    type: 'observation',
    ...counts,
    reporter: reporterOf(labels, context.reporter),
    server: serverOf(labels),
    route: routeOf(labels),
    authorization,
    port: portOf(labels),
    client: clientOf(labels),
    request: null,
    source: sourceOf(series, context),
  };
}

/**
 * The port of a TCP error is the one that was dialled, 4143 included: that tells row 54 from row 55. What is not refused before policy comes with
 * every probe that hangs up, and with every request above a rate limit.
 */
function symptom({ series, context }: Growth<ReadFrom>, counts: Counts): Symptom {
  const { labels, metric } = series;
  const error = labelOf(labels, LABEL.error);
  const tcp = metric === METRIC.tcpErrors;
  const kind = tcp ? (TCP_ERRORS.get(error) ?? 'connect-failed') : 'request-failed';
  return {
    type: 'symptom',
    kind,
    ...counts,
    reporter: reporterOf(labels, context.reporter),
    port: tcp ? targetPortOf(labels) : portOf(labels),
    client: null,
    detail: `${metric}: ${error}`,
    ...(kind === 'refused-before-policy' ? {} : { isSign: true }),
    source: sourceOf(series, context),
  };
}

function besides({ series, context }: Growth<ReadFrom>, counts: Counts, said: ReturnType<typeof sideSymptom>): Symptom {
  return {
    type: 'symptom',
    ...said,
    ...counts,
    reporter: reporterOf(series.labels, context.reporter),
    client: said.kind === 'application-refused' ? clientOf(series.labels) : null,
    source: sourceOf(series, context),
  };
}

/** A counter knows the client's TLS alone, never its address. */
function clientOf(labels: ReadonlyMap<string, string>): Client {
  return { ip: null, port: null, tls: clientTlsOf(labels) };
}

function sourceOf(series: CounterSeries, { name }: ReadFrom): Source {
  return { kind: 'metrics', name, line: null, raw: showSeries(series).slice(0, 2000) };
}

/** `metric{a="b",…}` with the labels in the order they were read, values escaped. */
export function showSeries({ metric, labels }: CounterSeries): string {
  const pairs = [...labels].map(([name, value]) => `${name}="${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`);
  return pairs.length === 0 ? metric : `${metric}{${pairs.join(',')}}`;
}
