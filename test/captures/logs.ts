/** Denial lines of the server's proxy against the replay entries and the counters: identity, address, Server and route of each must be theirs. */
import { METRIC } from '../../src/evidence/conventions.ts';
import type { Denial, DenialKind } from '../../src/evidence/facts.ts';
import { createLogParser } from '../../src/evidence/log.ts';
import { createMetricsText } from '../../src/evidence/metrics-text.ts';
import { authorizationsOf, type ClientTls } from '../../src/policy/evaluation.ts';
import type { Labels } from '../../src/policy/inbound.ts';
import { connectionOf } from '../oracle/answers.ts';
import { type Difference, differences } from '../oracle/diff.ts';
import type { Json } from '../oracle/read.ts';
import type { Replayed } from './replay.ts';
import type { Check } from './report.ts';

/** The denials of a log, in its order; `unparsed`: lines that nobody understood. */
export function readDenials(text: string, name: string): { readonly denials: readonly Denial[]; readonly unparsed: readonly string[] } {
  const parser = createLogParser({ name });
  const facts = text.split('\n').flatMap((line, i) => (line === '' ? [] : [...parser.push(line, i + 1)]));
  facts.push(...parser.flush());
  return { denials: facts.filter((fact) => fact.type === 'denial'), unparsed: parser.stats.samples.map((s) => `${s.line}: ${s.text}`) };
}

export interface LogOptions {
  /** The pod whose log it is; entries that another pod answered have no line here. null: not known. */
  readonly pod: string | null;
  /**
   * True: the log of the recorded traffic, so each line belongs to one request and each refused request has its line.
   * False: of the same clients' requests to a pod made later; each line must be as one of theirs, however often and whatever the path.
   */
  readonly isRecording: boolean;
  /** Addresses of nodes: the kubelet probes from there. */
  readonly nodes: ReadonlySet<string>;
}

/** Lines of the replay's clients, each with the request that it is about. The kubelet's, and others' on the admin port, are the counters' matter. */
export function checkLines(file: string, denials: readonly Denial[], entries: readonly Replayed[], options: LogOptions): readonly Check[] {
  const { pod, isRecording, nodes } = options;
  const clients = new Set(entries.map((e) => e.entry.connection?.client_ip));
  const refused = entries.filter((e) => expectedKinds(e).length > 0);
  const open = [...refused];
  const checks: Check[] = [];
  for (const denial of denials) {
    const address = denial.client.ip ?? '';
    const about = `${file}:${denial.source.line} ${denial.kind} ${address}`;
    if (!clients.has(address)) {
      if (denial.admin || nodes.has(address)) continue;
      checks.push({ kind: 'log', about, differences: [{ field: 'address', expected: 'a client of replay.json or a node', got: address }] });
      continue;
    }
    const candidates = denial.kind === 'terminated' || !isRecording ? refused : open;
    const fits = (e: Replayed) => lineDifferences(denial, e, isRecording).length === 0;
    const own = candidates.filter((e) => e.entry.connection?.client_ip === denial.client.ip && reached(e, denial));
    const entry = own.find(fits) ?? own[0];
    const unknown = [{ field: 'request', expected: null, got: 'a refusal that replay.json does not have' }];
    checks.push({ kind: 'log', about, differences: entry === undefined ? unknown : lineDifferences(denial, entry, isRecording) });
    if (entry !== undefined && candidates === open) open.splice(open.indexOf(entry), 1);
  }
  if (!isRecording) return checks;
  for (const { entry, about } of open.filter((e) => needsLine(e) && answeredBy(e) === pod)) {
    checks.push({ kind: 'log', about: `${file}: ${about}`, differences: [{ field: 'line', expected: entry.verdict ?? null, got: null }] });
  }
  return checks;
}

function reached({ entry }: Replayed, denial: Denial): boolean {
  return denial.port === null || denial.port === entry.target?.port;
}

/** Of several authorizations that permit a request, `audit` among them, the proxy names any one. */
function needsLine({ entry, evaluation }: Replayed): boolean {
  return entry.decidable && (evaluation?.verdict !== 'allow' || authorizationsOf(evaluation).apply.every(isAudit));
}

function answeredBy({ entry }: Replayed): string | null {
  if (entry.answeredBy === undefined) return entry.target?.name ?? null;
  return entry.answeredBy.pod ?? null;
}

/** Which lines the proxy may write about the request; none when it let it through silently. */
function expectedKinds({ entry, evaluation }: Replayed): readonly DenialKind[] {
  if (entry.target === null) return [];
  if (!entry.decidable) {
    if (entry.observed === 'ratelimited') return ['rate-limited'];
    return ['deny', 'route_not_found', 'closed'].includes(entry.observed) ? ['http-denied', 'tcp-denied', 'route-not-found'] : [];
  }
  if (evaluation === null) return [];
  if (evaluation.verdict === 'allow') return authorizationsOf(evaluation).apply.some(isAudit) ? ['audit-allowed'] : [];
  if (evaluation.verdict === 'route_not_found') return ['route-not-found'];
  if (evaluation.verdict === 'ratelimited') return ['rate-limited'];
  return evaluation.verdict === 'deny' ? [evaluation.traffic.type === 'tcp' ? 'tcp-denied' : 'http-denied'] : [];
}

function isAudit(ref: Labels): boolean {
  return ref.kind === 'default' && ref.name === 'audit';
}

/** What a line says is compared, and nothing that it leaves out (no Server and no identity stand in a line about a missing route). */
function lineDifferences(denial: Denial, replayed: Replayed, withPath: boolean): readonly Difference[] {
  const { entry, evaluation } = replayed;
  if (entry.connection === null) return [];
  const expected: Record<string, Json> = { address: entry.connection.client_ip };
  const got: Record<string, Json> = { address: denial.client.ip };
  const compare = (field: string, theirs: Json, ours: Json) => {
    expected[field] = theirs;
    got[field] = ours;
  };
  const kinds = expectedKinds(replayed);
  if (denial.kind !== 'terminated' && !kinds.includes(denial.kind)) compare('kind', kinds.join(' or '), denial.kind);
  const path = denial.request?.path ?? null;
  if (withPath && path !== null && entry.http !== null) compare('path', withoutQuery(entry.http.path), withoutQuery(path));
  const { tls } = connectionOf(entry.connection);
  // What is not decidable is a race: only the identity is the client's own.
  if (!entry.decidable || evaluation === null) {
    if (denial.client.tls?.state === 'established') compare('identity', showTls(tls), showTls(denial.client.tls));
    return differences(expected, got);
  }
  if (denial.client.tls !== null) compare('identity', showTls(tls), showTls(denial.client.tls));
  if (denial.server !== null) compare('server', show(evaluation.server), show(denial.server));
  if (denial.route !== null) compare('route', evaluation.route === null ? null : show(evaluation.route), show(denial.route));
  if (denial.didNotApply.length > 0) compare('didNotApply', names(authorizationsOf(evaluation).not), names(denial.didNotApply));
  return differences(expected, got);
}

function withoutQuery(path: string): string {
  return path.split('?', 1)[0] as string;
}

function show(ref: Labels): string {
  return `${ref.group}/${ref.kind}/${ref.name}`;
}

function names(refs: readonly Labels[]): string {
  return refs.map(show).sort().join(' ');
}

/** As the labels of a counter have it. */
function showTls(tls: ClientTls | null): string {
  if (tls === null) return 'not known';
  if (tls.state === 'established') return `tls="true",client_id="${tls.clientId ?? ''}"`;
  return tls.state === 'passthru' ? `tls="opaque",sni="${tls.sni}"` : `tls="no_identity",no_tls_reason="${tls.reason}"`;
}

const FAMILY: ReadonlyMap<DenialKind, string> = new Map([
  ['http-denied', METRIC.httpDeny],
  ['tcp-denied', METRIC.tcpDeny],
  ['terminated', METRIC.tcpTerminate],
  ['route-not-found', METRIC.routeNotFound],
  ['rate-limited', METRIC.rateLimited],
]);
/** Families whose line says no more than that it happened. */
const BARE: ReadonlySet<string> = new Set([METRIC.routeNotFound, METRIC.rateLimited]);

/** Counts by what line and counter both say. null: the page holds no metrics. */
export function countersOf(page: string): ReadonlyMap<string, number> | null {
  const counts = new Map<string, number>();
  const text = createMetricsText('page', new Set(FAMILY.values()), ({ metric, labels, value }) => {
    const of = (name: string) => labels.get(name) ?? '';
    const tls =
      of('tls') === 'true'
        ? `tls="true",client_id="${of('client_id')}"`
        : of('tls') === 'opaque'
          ? `tls="opaque",sni="${of('sni')}"`
          : `tls="${of('tls')}",no_tls_reason="${of('no_tls_reason')}"`;
    const server = { group: of('srv_group'), kind: of('srv_kind'), name: of('srv_name') };
    const route = labels.has('route_kind') ? { group: of('route_group'), kind: of('route_kind'), name: of('route_name') } : null;
    const key = counterKey(metric, server, route, tls);
    counts.set(key, (counts.get(key) ?? 0) + value);
  });
  text.push(page.endsWith('\n') ? page : `${page}\n`);
  return text.stats.samples === 0 ? null : counts;
}

function counterKey(family: string, server: Labels, route: Labels | null, tls: string): string {
  return BARE.has(family) ? family : `${family} ${show(server)} ${route === null ? '' : show(route)} ${tls}`;
}

/** null: no counter counts it. */
function keyOf({ kind, server, route, client }: Denial): string | null {
  const family = FAMILY.get(kind);
  return family === undefined ? null : counterKey(family, server ?? { group: '', kind: '', name: '' }, route, showTls(client.tls));
}

/**
 * Of a repetition: what others than the replay's clients got, the kubelet above all and Prometheus, is what they got when the traffic was
 * recorded, as the counters of that time say.
 */
export function checkOthers(
  file: string,
  denials: readonly Denial[],
  entries: readonly Replayed[],
  counters: ReadonlyMap<string, number>,
): readonly Check[] {
  const clients = new Set(entries.map((e) => e.entry.connection?.client_ip));
  return denials.flatMap((denial): Check[] => {
    const key = keyOf(denial);
    if (key === null || clients.has(denial.client.ip ?? '')) return [];
    const about = `${file}:${denial.source.line} ${denial.kind} ${denial.client.ip}`;
    return [{ kind: 'log', about, differences: counters.has(key) ? [] : [{ field: 'counter', expected: [...counters.keys()], got: key }] }];
  });
}

/** Each denial line of the proxy's life is in the counters of its last page, and each count has its lines. */
export function checkCounters(file: string, denials: readonly Denial[], counters: ReadonlyMap<string, number>): readonly Check[] {
  const lines = new Map<string, number>();
  for (const denial of denials) {
    const key = keyOf(denial);
    if (key !== null) lines.set(key, (lines.get(key) ?? 0) + 1);
  }
  return [...new Set([...lines.keys(), ...counters.keys()])].map((key): Check => {
    const [had, counted] = [lines.get(key) ?? 0, counters.get(key) ?? 0];
    const agrees = counted > 0 && had >= counted;
    return { kind: 'log', about: `${file} ${key}`, differences: agrees ? [] : differences({ lines: counted }, { lines: had }) };
  });
}
