/** A story: requests over time, each judged by the policy in force at its moment. */
import { readManifests } from '../../src/manifests/read.ts';
import { fromHelmNames } from '../../src/policy/cluster-settings.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import type { ClientTls, Traffic } from '../../src/policy/evaluation.ts';
import { createHistory } from '../../src/policy/history.ts';
import { serviceAccountIdentity } from '../../src/policy/identity.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import type { Change, Instant } from '../../src/policy/resource.ts';
import { isObject, readSelector, selects } from '../../src/policy/selector.ts';
import type { ClusterInfo } from '../../src/policy/settings.ts';
import { findResource, type Snapshot, workloadsByIp } from '../../src/policy/snapshot.ts';
import { parseInstant } from '../../src/policy/time.ts';
import type { Workload } from '../../src/policy/workload.ts';
import { differences } from '../oracle/diff.ts';
import type { Json, Rec } from '../oracle/read.ts';
import type { Check, Folder, Report } from './report.ts';

/** A line of `traffic.jsonl`. */
interface Line {
  readonly at: string;
  readonly client: {
    readonly namespace: string;
    readonly pod: string;
    readonly ip: string;
    readonly serviceAccount: string;
    readonly meshed: boolean;
  };
  readonly request: {
    readonly method?: string;
    readonly url?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly tcp?: string;
  };
  readonly status: number | null;
  readonly result: { readonly connected?: boolean; readonly received?: string; readonly closedByPeer?: boolean } | null;
  readonly error: string | null;
}

/** What is read of `replay-notes.json`. */
interface Notes {
  readonly settings?: Rec;
  readonly requests?: number;
  readonly sets?: readonly { readonly from: string; readonly requests: number; readonly verdicts: Readonly<Record<string, number>> }[];
}

interface Judged {
  readonly at: Instant;
  readonly verdict: string;
}

export function checkStory(folder: Folder): Report {
  const notes = JSON.parse(folder.read('replay-notes.json') ?? '{}') as Notes;
  const info = fromHelmNames(notes.settings ?? {});
  const traffic = folder.read('traffic.jsonl');
  if (traffic === null) return { name: folder.name, checks: [], skipped: ['requests: not compared, there is no traffic.jsonl'] };
  const text = folder.read('policy-history.jsonl') ?? '';
  const history = createHistory(inTime(readManifests(text, 'policy-history.jsonl').events), info);
  const judged: Judged[] = [];
  const checks: Check[] = [];
  for (const [i, raw] of traffic.split('\n').entries()) {
    if (raw.trim() === '') continue;
    const line = JSON.parse(raw) as Line;
    const at = parseInstant(line.at);
    const got = at === null ? 'no time' : verdictsOf(history.at(at), info, line);
    if (at !== null) judged.push({ at, verdict: got });
    const about = `traffic.jsonl:${i + 1} ${line.client.namespace}/${line.client.pod} ${line.request.url ?? line.request.tcp}`;
    checks.push({ kind: 'request', about, differences: differences({ verdict: observed(line) }, { verdict: got }) });
  }
  return { name: folder.name, checks: [...checks, ...checkCounts(notes, judged)], skipped: [] };
}

/** Initial events come first, those of the recording in order. */
function inTime(events: readonly Change[]): readonly Change[] {
  return events.toSorted((a, b) => (a.at ?? Number.NEGATIVE_INFINITY) - (b.at ?? Number.NEGATIVE_INFINITY));
}

/** What the client saw, in the oracle's words. A connection that was closed or reset without data was denied. */
function observed({ status, result, request }: Line): string {
  if (request.tcp !== undefined) return (result?.received ?? '') === '' ? 'deny' : 'allow';
  if (status === 403) return 'deny';
  if (status === 404) return 'route_not_found';
  return status === 429 ? 'ratelimited' : status === null ? 'no answer' : 'allow';
}

/** One verdict, or all that differ: any ready pod of a Service may have answered. */
function verdictsOf(snapshot: Snapshot, info: ClusterInfo, line: Line): string {
  const { hostname, port, traffic } = whatWasAsked(line);
  const targets = reach(snapshot, hostname, port);
  if (targets.length === 0) return 'no pod';
  const verdicts = targets.map(({ workload, port: own }) => {
    if (!workload.meshed) return 'unknown_workload';
    const policy = inboundServer(snapshot, workload, own);
    return evaluate(policy, { clientIp: line.client.ip, tls: tlsOf(info, line, policy.protocol === 'opaque') }, traffic).verdict;
  });
  return [...new Set(verdicts)].sort().join(' or ');
}

function tlsOf(info: ClusterInfo, { client }: Line, isOpaque: boolean): ClientTls {
  if (client.meshed) return { state: 'established', clientId: serviceAccountIdentity(info, client.namespace, client.serviceAccount) };
  return { state: 'none', reason: isOpaque ? 'port_skipped' : 'no_tls_from_remote' };
}

function whatWasAsked({ request, client }: Line): { readonly hostname: string; readonly port: number; readonly traffic: Traffic } {
  if (request.tcp !== undefined) {
    const colon = request.tcp.lastIndexOf(':');
    return { hostname: request.tcp.slice(0, colon), port: Number(request.tcp.slice(colon + 1)), traffic: { type: 'tcp' } };
  }
  const url = new URL(request.url ?? 'http://invalid/');
  const headers = Object.entries(request.headers ?? {});
  const version = client.meshed ? 'HTTP/2' : 'HTTP/1.1';
  const asked = {
    version,
    method: request.method ?? 'GET',
    authority: url.host,
    path: `${url.pathname}${url.search}`,
    headers,
    grpc: false,
  };
  return { hostname: url.hostname, port: Number(url.port || 80), traffic: { type: 'http', request: asked } };
}

interface Target {
  readonly workload: Workload;
  readonly port: number;
}

/** A pod's address with the port itself, or the ready pods of a Service (`name.namespace.svc…`) with its target port. */
function reach(snapshot: Snapshot, hostname: string, port: number): readonly Target[] {
  const byAddress = workloadsByIp(snapshot, hostname.replace(/^\[|\]$/g, ''));
  if (byAddress.length > 0) return byAddress.map((workload) => ({ workload, port }));
  const [name = '', namespace = ''] = hostname.split('.');
  const spec = findResource(snapshot, { group: '', kind: 'Service', namespace, name })?.spec;
  if (!isObject(spec)) return [];
  const selector = readSelector({ matchLabels: spec['selector'] });
  const entry = (Array.isArray(spec['ports']) ? spec['ports'] : []).find((p) => isObject(p) && p['port'] === port);
  if (selector === null || !isObject(entry)) return [];
  const workloads = [...(snapshot.namespaces.get(namespace)?.workloads.values() ?? [])].flatMap(({ value }) => value ?? []);
  return workloads
    .filter((w) => selects(selector, w.labels) && isReady(w))
    .flatMap((workload) => portsOf(workload, entry['targetPort'] ?? port).map((own) => ({ workload, port: own })));
}

function portsOf(workload: Workload, target: unknown): readonly number[] {
  if (typeof target === 'number') return [target];
  return workload.portNames.get(String(target)) ?? [];
}

function isReady({ resource }: Workload): boolean {
  const status = isObject(resource.status) ? resource.status : {};
  const conditions: readonly unknown[] = Array.isArray(status['conditions']) ? status['conditions'] : [];
  return conditions.some((c) => isObject(c) && c['type'] === 'Ready' && c['status'] === 'True');
}

/** The counts of the notes, which cut the story at each edit. */
function checkCounts({ requests, sets = [] }: Notes, judged: readonly Judged[]): readonly Check[] {
  const checks: Check[] = [];
  if (requests !== undefined)
    checks.push({
      kind: 'count',
      about: 'replay-notes.json requests',
      differences: differences({ requests }, { requests: judged.length }),
    });
  const starts = sets.map((set) => parseInstant(set.from) ?? Number.NaN);
  for (const [i, set] of sets.entries()) {
    const until = starts[i + 1] ?? Number.POSITIVE_INFINITY;
    const own = judged.filter(({ at }) => at >= (starts[i] as number) && at < until);
    const verdicts: Record<string, Json> = {};
    for (const { verdict } of own) verdicts[verdict] = ((verdicts[verdict] as number | undefined) ?? 0) + 1;
    const expected = { requests: set.requests, verdicts: { ...set.verdicts } };
    checks.push({
      kind: 'count',
      about: `replay-notes.json from ${set.from}`,
      differences: differences(expected, { requests: own.length, verdicts }),
    });
  }
  return checks;
}
