/** `denywhy can --list`: everyone who can call a workload, port by port. */
import { type Caller, type CanCase, can } from '../access/can.ts';
import { type AccessClient, accessClients } from '../access/clients.ts';
import { networkPlugin } from '../access/network-plugin.ts';
import { portsOf } from '../access/ports.ts';
import { accessRequests } from '../access/requests.ts';
import { authorizationsOf } from '../policy/evaluation.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { some } from './can-text.ts';
import { tableLines } from './table.ts';
import { type Palette, safe } from './terminal.ts';
import { addressOf, showWho } from './who-text.ts';

/** Clients that may send the same requests for the same reasons. */
export interface Admitted {
  readonly port: number;
  readonly names: readonly string[];
  readonly who: string;
  /** Examples of where from, where it is not their pods. */
  readonly from: readonly string[];
  readonly pods: number;
  readonly answer: 'yes' | 'undecided';
  /** null: whatever is asked. */
  readonly requests: readonly string[] | null;
  readonly by: readonly string[];
  /** What NetworkPolicy says, where it is enforced; null: the cluster has none, or a network plugin that enforces none. */
  readonly network: 'allow' | 'deny' | 'undecided' | null;
}

/** `only`: this port; null: each. Those that Linkerd lets in, or may let in; NetworkPolicy is told beside. */
export function whoCan(snapshot: Snapshot, servers: readonly Workload[], only: number | null): readonly Admitted[] {
  const [server] = servers;
  if (server === undefined) return [];
  const ports = only === null ? [...new Set(servers.flatMap((pod) => portsOf(snapshot, pod)))].sort((a, b) => a - b) : [only];
  return ports.flatMap((port) => merged(whoCanAt(snapshot, servers, port)));
}

function whoCanAt(snapshot: Snapshot, servers: readonly Workload[], port: number): readonly Admitted[] {
  const policies = [...new Set(servers.filter(({ meshed }) => meshed).map((pod) => inboundServer(snapshot, pod, port)))];
  const requests = policies.length === 0 ? [null] : accessRequests(policies);
  const names = [...new Set(servers.flatMap((pod) => [...pod.portNames]).flatMap(([name, ports]) => (ports.includes(port) ? [name] : [])))];
  const namespace = servers[0]?.ref.namespace ?? '';
  const isEnforced = networkPlugin(snapshot)?.enforces !== false;
  return accessClients([snapshot], policies).flatMap((client) => {
    const callers = callersOf(client);
    const cases = requests.flatMap((request) => can(snapshot, { callers, servers, port, request }).cases);
    const byOutcome = Map.groupBy(cases.filter(isLetIn), (one) =>
      JSON.stringify([one.evaluation?.verdict ?? 'allow', one.network?.verdict.verdict ?? null, byOf(one)]),
    );
    return [...byOutcome.values()].map((group): Admitted => {
      const [first] = group as unknown as readonly [CanCase];
      const texts = [...new Set(group.map(({ request }) => request.text))];
      const address = addressOf(client);
      return {
        port,
        names,
        who: showWho(client.who, namespace),
        from: address === null ? [] : [address],
        pods: client.pods.length,
        answer: first.evaluation?.verdict === 'undecided' ? 'undecided' : 'yes',
        requests: texts.length === requests.length ? null : texts,
        by: byOf(first),
        network: isEnforced ? (first.network?.verdict.verdict ?? null) : null,
      };
    });
  });
}

/** One of each kind of pod that NetworkPolicy can tell apart. */
function callersOf({ tls, ip, pods }: AccessClient): readonly Caller[] {
  if (pods.length === 0) return [{ tls, ip, pod: null }];
  const kinds = new Map(
    pods.map((pod) => [
      JSON.stringify([pod.ref.namespace, Object.entries(pod.labels).filter(([key]) => key !== 'pod-template-hash')]),
      pod,
    ]),
  );
  return [...kinds.values()].map((pod) => ({ tls, ip: pod.ips[0] ?? ip, pod }));
}

const OUTSIDE = showWho({ type: 'address', ip: '' }, null);

function isLetIn({ evaluation }: CanCase): boolean {
  const verdict = evaluation?.verdict ?? 'allow';
  return verdict === 'allow' || verdict === 'redirect' || verdict === 'ratelimited' || verdict === 'undecided';
}

function byOf({ evaluation }: CanCase): readonly string[] {
  if (evaluation === null) return ['no proxy'];
  return authorizationsOf(evaluation).apply.map(({ name, kind }) => (kind === 'default' ? `default ${name}` : name));
}

/** Where an address is enough, whoever calls from it is one line; lines that differ by the address alone become one. */
function merged(rows: readonly Admitted[]): readonly Admitted[] {
  const alike = ({ from, requests, by, answer, network }: Admitted) => JSON.stringify([from, requests, by, answer, network]);
  const anyones = new Set(rows.filter(({ who }) => who === OUTSIDE).map(alike));
  const kept = rows.flatMap((row) => {
    if (row.from.length === 0 || !anyones.has(alike(row))) return [row];
    return row.who === OUTSIDE ? [{ ...row, who: 'anyone' }] : [];
  });
  const groups = Map.groupBy(kept, ({ from: _from, pods: _pods, ...same }) => JSON.stringify(same));
  return [...groups.values()].map((group) => ({
    ...(group[0] as Admitted),
    from: [...new Set(group.flatMap(({ from }) => from))],
    pods: group.reduce((sum, { pods }) => sum + pods, 0),
  }));
}

export function showWhoCan(rows: readonly Admitted[], columns: number, palette: Palette): readonly string[] {
  if (rows.length === 0) return ['Nobody.'];
  let shown = -1;
  const cells = rows.map((row) => {
    const { port, names, who, from, pods, answer, requests, by, network } = row;
    const head = port === shown ? '' : names.length === 0 ? `${port}` : `${names.join(', ')} (${port})`;
    shown = port;
    const count = pods > 1 ? ` (${pods} pods)` : '';
    const where = from.length === 0 ? '' : ` (from ${some(from, 2)})`;
    const blocked =
      network === 'deny' ? '; NetworkPolicy refuses it, where enforced' : network === 'undecided' ? '; NetworkPolicy: not known' : '';
    const may = `${answer === 'undecided' ? 'perhaps ' : ''}${requests === null ? 'everything' : some(requests, 4)}${blocked}`;
    return [head, `${who}${count}${where}`, may, by.join(', ')].map(safe);
  });
  const [head = '', ...lines] = tableLines([['PORT', 'WHO', 'MAY', 'BY'], ...cells], columns);
  return [palette.bold(head), ...lines];
}
