/** Clients, targets and counts as people name them. Everything from outside goes through `safe`. */
import type { DenialKind, WorkloadRef } from '../evidence/facts.ts';
import { showWorkload } from '../evidence/missing.ts';
import type { ClientExplanation, TargetExplanation } from '../explain.ts';
import { safe } from './terminal.ts';

/** `namespace`: the one asked about, or the server's; names in it are said without. */
export function showClient({ client, tls, ips }: ClientExplanation, namespace: string | null): string {
  const { serviceAccount, workload, identity, ip, node } = client;
  if (identity !== null) {
    if (serviceAccount === null) return safe(identity);
    const account = `sa/${serviceAccount.name}${serviceAccount.namespace === namespace ? '' : `.${serviceAccount.namespace}`}`;
    const inside = [workload === null || workload.name === serviceAccount.name ? '' : showWorkload(workload), countPods(ips)];
    const more = inside.filter((part) => part !== '').join(', ');
    return safe(more === '' ? account : `${account} (${more})`);
  }
  const addresses = ips.length > 3 ? `${ips.slice(0, 3).join(', ')} and ${ips.length - 3} more` : ips.join(', ') || (ip ?? '');
  if (workload !== null) return safe(`${addresses} ${workload.namespace}/${workload.name} (${describeMeshing(client.meshed, tls)})`);
  if (node !== null) return safe(`${addresses} node ${node} (kubelet, host network, or translated on its way)`);
  if (addresses !== '') return safe(`${addresses}${client.pod === null ? describeAlone(tls) : ''}`);
  return `unknown client${describeAlone(tls)}`;
}

function countPods(ips: readonly string[]): string {
  return ips.length < 2 ? '' : `${ips.length} pods`;
}

function describeMeshing(meshed: boolean | null, tls: ClientExplanation['tls']): string {
  if (meshed === false) return 'not meshed';
  if (tls === null) return meshed === true ? 'meshed' : 'identity not seen';
  if (tls.state === 'passthru') return 'TLS of its own, past its proxy';
  return meshed === true ? 'meshed, but came without identity' : 'without identity';
}

function describeAlone(tls: ClientExplanation['tls']): string {
  if (tls === null) return '';
  if (tls.state === 'established') return tls.clientId === null ? ' (mesh TLS without a certificate)' : '';
  return tls.state === 'passthru' ? ` (TLS for ${tls.sni})` : ' (no mesh identity)';
}

export function showTargetWorkload(target: TargetExplanation, asked: string | null): string {
  const { workload, pods, namespace, serviceAccount } = target;
  const unnamed = serviceAccount === null ? 'a proxy that its lines do not name' : `a pod of sa/${serviceAccount}`;
  const name = workload !== null ? showWorkload(workload) : pods.length > 0 ? `po/${pods[0]}` : unnamed;
  return safe(namespace === null || namespace === asked ? name : `${name} in ${namespace}`);
}

/** `port http (8080)`; empty where nobody knows. */
export function showPort({ port, portName, admin }: TargetExplanation): string {
  if (admin) return 'port 4191 (the proxy’s own)';
  if (port === null) return '';
  return safe(portName === null ? `port ${port}` : `port ${portName} (${port})`);
}

/** The route, or the Server where there is none. */
export function showSubject({ kind, route, server }: TargetExplanation): string {
  if (kind === 'route-not-found') return 'no route';
  if (route !== null && route.kind !== 'default') return safe(`route ${route.name}`);
  if (server === null) return '';
  return safe(server.kind === 'default' ? `default ${server.name}` : `Server ${server.name}`);
}

const COUNTED: Readonly<Record<DenialKind, readonly [one: string, many: string]>> = {
  'http-denied': ['request', 'requests'],
  'tcp-denied': ['connection', 'connections'],
  terminated: ['open connection cut', 'open connections cut'],
  'route-not-found': ['not found', 'not found'],
  'rate-limited': ['rate-limited', 'rate-limited'],
  'audit-allowed': ['allowed by audit', 'allowed by audit'],
};

export function showCounts(counts: Readonly<Partial<Record<DenialKind, number>>>): string {
  const parts = Object.entries(counts).flatMap(([kind, count]) => {
    const [one, many] = COUNTED[kind as DenialKind];
    return count === 0 ? [] : [`${count.toLocaleString('en')} ${count === 1 ? one : many}`];
  });
  return parts.join(', ');
}

/** Enough of a workload to tell it from others in a list. */
export function showPlace({ namespace, ...workload }: WorkloadRef): string {
  return safe(`-n ${namespace} ${showWorkload({ namespace, ...workload })}`);
}
