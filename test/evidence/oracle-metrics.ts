/** Compares the counters that the oracle's proxy showed for one scenario query with what the query expects. */
import type { Denial, Fact, Observation } from '../../src/evidence/facts.ts';
import { createMetricsInput } from '../../src/evidence/metrics.ts';
import { createMetricsReader } from '../../src/evidence/metrics-reader.ts';
import type { ClientTls } from '../../src/policy/evaluation.ts';
import type { Labels } from '../../src/policy/inbound.ts';

/** The parts of a line of `evidence.jsonl.gz` that are used. */
export interface MetricEvidence {
  readonly metrics: string;
}

/** The parts of a scenario's query that are used. */
export interface ScenarioQuery {
  readonly target: { readonly port: number };
  readonly connection: { readonly tls: OracleTls };
  readonly repeat?: number;
  readonly expect: {
    readonly verdict: string;
    readonly server?: Labels;
    readonly route?: Labels | null;
    readonly authz_any_of?: readonly Labels[];
    readonly allowed?: number;
  };
}

type OracleTls =
  | { readonly state: 'established'; readonly client_id: string | null }
  | Exclude<ClientTls, { readonly state: 'established' }>;

export interface Difference {
  readonly field: string;
  readonly expected: unknown;
  readonly got: unknown;
}

export function compareMetricEvidence(record: MetricEvidence, query: ScenarioQuery): Difference[] {
  const facts = readPage(record.metrics);
  const allowed = facts.find(isAllowed);
  const refused = facts.find((f): f is Denial => f.type === 'denial' && !isAllowed(f));
  const told = refused ?? allowed;
  const { expect } = query;
  const authorization = allowed?.type === 'observation' ? allowed.authorization : null;
  const differences = [
    differ('verdict', verdictOfCounters(expect.verdict), verdictOf(facts)),
    differ('server', expect.server, told?.server),
    // A rate limit's counter has no route; the request was authorized before, and that counter has it.
    differ('route', expect.route ?? null, refused?.kind === 'rate-limited' ? allowed?.route : told?.route),
    differ('port', query.target.port, told?.port),
    differ('client.tls', clientTls(query.connection.tls), told?.client.tls),
    differ('count', countsOf(query), { refused: total(facts.filter(isRefusal)), allowed: total(facts.filter(isAllowed)) }),
  ];
  const permitted = expect.authz_any_of ?? [];
  if (authorization !== null && !permitted.some((a) => same(a, authorization))) {
    differences.push({ field: 'authorization', expected: permitted, got: authorization });
  }
  return differences.filter((d) => d !== null);
}

function clientTls(tls: OracleTls): ClientTls {
  return tls.state === 'established' ? { state: 'established', clientId: tls.client_id } : tls;
}

/** One page of a proxy that was never read before: all its counters stand as counted before. */
function readPage(text: string): Fact[] {
  const reader = createMetricsReader();
  const reporter = { cluster: '', namespace: null, pod: 'server', workload: null };
  const input = createMetricsInput(reader, { name: 'metrics', at: null, reporter });
  input.push(text);
  input.end();
  return reader.take();
}

function verdictOf(facts: readonly Fact[]): string {
  const kinds = facts.map((f) => (f.type === 'observation' ? 'allowed' : f.kind));
  if (kinds.includes('rate-limited')) return 'ratelimited';
  if (kinds.includes('route-not-found')) return 'route_not_found';
  if (kinds.includes('http-denied') || kinds.includes('tcp-denied')) return 'deny';
  if (kinds.includes('request-failed')) return 'allowed, then failed by the proxy';
  return kinds.includes('allowed') || kinds.includes('audit-allowed') ? 'allow' : 'nothing';
}

/** A redirect, valid or not, counts as an allowed request and as an error that does not say which. */
function verdictOfCounters(verdict: string): string {
  return verdict === 'redirect' || verdict === 'invalid_redirect' ? 'allowed, then failed by the proxy' : verdict;
}

/** Authorization comes before the limiter and the filters: what they stop is counted as allowed as well. */
function countsOf({ repeat = 1, expect }: ScenarioQuery): { readonly refused: number; readonly allowed: number } {
  const { verdict, allowed = 0 } = expect;
  if (verdict === 'deny' || verdict === 'route_not_found') return { refused: repeat, allowed: 0 };
  return { refused: verdict === 'ratelimited' ? repeat - allowed : 0, allowed: repeat };
}

/** An audit hit is allowed. */
function isAllowed(fact: Fact): fact is Observation | Denial {
  return fact.type === 'observation' || (fact.type === 'denial' && fact.kind === 'audit-allowed');
}

function isRefusal(fact: Fact): boolean {
  return fact.type === 'denial' && fact.kind !== 'audit-allowed';
}

function total(facts: readonly Fact[]): number {
  return facts.reduce((sum, f) => sum + f.count + (f.countedBefore ?? 0), 0);
}

function differ(field: string, expected: unknown, got: unknown): Difference | null {
  return same(expected, got) ? null : { field, expected, got };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
