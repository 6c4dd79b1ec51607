/** Compares what the oracle's proxy logged for one scenario query, read back, with what the query expects. */
import type { Denial, DenialKind, Fact, Observation } from '../../src/evidence/facts.ts';
import { createLogParser } from '../../src/evidence/log.ts';
import type { ClientTls } from '../../src/policy/evaluation.ts';
import type { Labels } from '../../src/policy/inbound.ts';

/** The parts of a line of `evidence.jsonl.gz` that are used. `debug` is in the plain format. */
export interface LogEvidence {
  readonly log: Readonly<Record<'plain' | 'json' | 'debug', readonly string[]>>;
}

/** The parts of a scenario's query that are used. */
export interface ScenarioQuery {
  readonly connection: { readonly client_ip: string; readonly tls: OracleTls };
  readonly request: { readonly path: string; readonly grpc: boolean } | null;
  readonly repeat?: number;
  readonly expect: {
    readonly verdict: string;
    readonly server?: Labels;
    readonly route?: Labels | null;
    readonly authz_any_of?: readonly Labels[];
    readonly authz_not?: readonly Labels[];
    readonly error?: string;
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

export function compareLogEvidence(record: LogEvidence, query: ScenarioQuery): Difference[] {
  return (['plain', 'json', 'debug'] as const).flatMap((format) => {
    const parser = createLogParser({ name: format });
    const facts = record.log[format].flatMap((line, i) => [...parser.push(line, i + 1)]);
    facts.push(...parser.flush());
    const found = [
      differ(
        'unparsed',
        [],
        parser.stats.samples.map((s) => s.text),
      ),
      ...compareFacts(facts, query, format === 'debug'),
    ];
    return found.filter((d) => d !== null).map((d) => ({ ...d, field: `${format} ${d.field}` }));
  });
}

function compareFacts(facts: readonly Fact[], query: ScenarioQuery, isDebug: boolean): (Difference | null)[] {
  const denials = facts.filter((f) => f.type === 'denial');
  const found = [
    differ('refusals', refusalsOf(query), count(denials.filter((d) => d.kind !== 'audit-allowed').map((d) => d.kind))),
    differAudits(query, denials.filter((d) => d.kind === 'audit-allowed').length),
    differ(
      'redirect error',
      query.expect.verdict === 'invalid_redirect',
      facts.some((f) => f.type === 'symptom' && f.kind === 'server-misconfigured'),
    ),
  ];
  for (const denial of denials) found.push(...compareDenial(denial, query, isDebug));
  const observations = facts.filter((f) => f.type === 'observation');
  const permitted = query.expect.authz_any_of ?? [];
  found.push(differ('observations', isDebug && permitted.length > 0 ? (query.repeat ?? 1) : 0, observations.length));
  for (const observation of observations) found.push(...compareObservation(observation, query));
  return found;
}

/** Which refusals the proxy logs, and how many of each. */
function refusalsOf({ request, repeat = 1, expect }: ScenarioQuery): Readonly<Partial<Record<DenialKind, number>>> {
  if (expect.verdict === 'deny') return request === null ? { 'tcp-denied': repeat } : { 'http-denied': repeat };
  if (expect.verdict === 'route_not_found') return { 'route-not-found': repeat };
  return expect.verdict === 'ratelimited' ? { 'rate-limited': repeat - (expect.allowed ?? 0) } : {};
}

/** Each request that the audit authorization permits has its line, refused by a rate limit or not; where others permit too, the proxy names either. */
function differAudits({ repeat = 1, expect }: ScenarioQuery, got: number): Difference | null {
  const permitted = expect.authz_any_of ?? [];
  const isAudited = permitted.some((a) => a.kind === 'default' && a.name === 'audit');
  if (isAudited && permitted.length > 1 && got <= repeat) return null;
  return differ('audited', isAudited ? repeat : 0, got);
}

function count(kinds: readonly DenialKind[]): Partial<Record<DenialKind, number>> {
  const counts: Partial<Record<DenialKind, number>> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** A line about a missing route or a rate limit names no Server, no route and no identity; at level DEBUG the limit's is known from the line before. */
function compareDenial(denial: Denial, query: ScenarioQuery, isDebug: boolean): (Difference | null)[] {
  const { connection, request, expect } = query;
  const isNamed = denial.kind !== 'route-not-found' && (denial.kind !== 'rate-limited' || isDebug);
  return [
    differ('client.ip', connection.client_ip, denial.client.ip),
    differ('client.port', denial.kind === 'audit-allowed' ? null : 41022, denial.client.port),
    differ('client.tls', isNamed ? clientTls(connection.tls) : null, denial.client.tls),
    differ('server', isNamed ? expect.server : null, denial.server),
    differ('route', isNamed ? expect.route : null, denial.route),
    differ(
      'path',
      denial.kind === 'audit-allowed' || request === null ? null : (request.path.split('?')[0] ?? null),
      denial.request?.path ?? null,
    ),
    differ('grpc', denial.request === null ? null : (request?.grpc ?? null), denial.request?.grpc ?? null),
    differ('error', denial.kind === 'rate-limited' ? expect.error : null, denial.error),
    differ('did not apply', isDebug && denial.kind === 'http-denied' ? names(expect.authz_not ?? []) : [], names(denial.didNotApply)),
  ];
}

function compareObservation(
  { client, server, route, authorization }: Observation,
  { connection, expect }: ScenarioQuery,
): (Difference | null)[] {
  const permitted = names(expect.authz_any_of ?? []);
  const named = authorization === null ? 'none' : name(authorization);
  return [
    differ('observed client', { ip: connection.client_ip, tls: clientTls(connection.tls) }, { ip: client.ip, tls: client.tls }),
    differ('observed server', expect.server, server),
    differ('observed route', expect.route, route),
    permitted.includes(named) ? null : { field: 'observed authorization', expected: permitted, got: named },
  ];
}

function clientTls(tls: OracleTls): ClientTls {
  return tls.state === 'established' ? { state: 'established', clientId: tls.client_id } : tls;
}

function name({ group, kind, name: own }: Labels): string {
  return `${group}/${kind}/${own}`;
}

function names(refs: readonly Labels[]): string[] {
  return refs.map(name).sort();
}

function differ(field: string, expected: unknown, got: unknown): Difference | null {
  return same(expected, got) ? null : { field, expected, got };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
