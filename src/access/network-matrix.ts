/** Who NetworkPolicy lets through differently after a change: every kind of pod, a node and the outside, by every port of every kind of pod. */
import type { ClientTls } from '../policy/evaluation.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { networkAnswer } from '../policy/network-answer.ts';
import { findWorkload, type Snapshot } from '../policy/snapshot.ts';
import { hasEnded, type Workload } from '../policy/workload.ts';
import { callerOfPod, UNMESHED } from './can.ts';
import type { Who } from './clients.ts';
import { portsOf } from './ports.ts';

export interface NetworkChange {
  readonly who: Who;
  readonly server: Workload;
  readonly port: number;
  readonly before: 'allow' | 'deny' | 'undecided';
  readonly after: 'allow' | 'deny' | 'undecided';
}

/** null: there are more pairs than `most`, and nothing was looked at. */
export function networkChanges(before: Snapshot, after: Snapshot, most = 300_000): readonly NetworkChange[] | null {
  const kinds = kindsOfPods(before);
  const ports = kinds.map((server) => ({ server, next: nextOf(after, server), ports: portsOf(before, server) }));
  const clients = [...kinds.map((pod) => callerOf(before, pod)), OUTSIDE];
  if (clients.length * ports.reduce((sum, one) => sum + one.ports.length, 0) > most) return null;
  return ports.flatMap(({ server, next, ports: own }) =>
    next === null ? [] : own.flatMap((port) => clients.flatMap((client) => changeOf(before, after, client, server, next, port))),
  );
}

interface Client {
  readonly who: Who;
  readonly pod: Workload | null;
  readonly ip: string | null;
  readonly tls: ClientTls;
}

/** A documentation address (RFC 5737): it belongs to nobody. */
const OUTSIDE: Client = { who: { type: 'address', ip: '198.51.100.1' }, pod: null, ip: '198.51.100.1', tls: UNMESHED };

function callerOf(snapshot: Snapshot, pod: Workload): Client {
  const { tls, ip } = callerOfPod(snapshot, pod);
  const { namespace } = pod.ref;
  const who: Who = pod.meshed
    ? { type: 'service-account', namespace, name: pod.serviceAccount }
    : { type: 'unmeshed', namespace, serviceAccount: pod.serviceAccount };
  return { who, pod, ip, tls };
}

/** Pods that NetworkPolicy cannot tell apart by their labels are one kind. */
function kindsOfPods(snapshot: Snapshot): readonly Workload[] {
  const kinds = new Map<string, Workload>();
  for (const [namespace, { workloads }] of snapshot.namespaces) {
    for (const { value } of workloads.values()) {
      if (value?.kind !== 'Pod' || hasEnded(value.resource.status)) continue;
      const labels = Object.entries(value.labels).filter(([key]) => key !== 'pod-template-hash');
      const key = JSON.stringify([namespace, value.serviceAccount, value.meshed, labels.sort()]);
      if (!kinds.has(key)) kinds.set(key, value);
    }
  }
  return [...kinds.values()];
}

function nextOf(after: Snapshot, { kind, ref }: Workload): Workload | null {
  return findWorkload(after, kind, ref.namespace, ref.name);
}

function changeOf(
  before: Snapshot,
  after: Snapshot,
  { who, pod, ip, tls }: Client,
  server: Workload,
  next: Workload,
  port: number,
): readonly NetworkChange[] {
  const ask = (snapshot: Snapshot, client: Workload | null, to: Workload) =>
    networkAnswer(snapshot, { client, clientIp: ip, tls, server: to, port, policy: inboundServer(snapshot, to, port) })?.verdict.verdict ??
    'allow';
  const was = ask(before, pod, server);
  const now = ask(after, pod === null ? null : (nextOf(after, pod) ?? pod), next);
  return was === now ? [] : [{ who, server, port, before: was, after: now }];
}
