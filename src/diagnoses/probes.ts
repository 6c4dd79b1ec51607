/** The kubelet's probes of a pod, put to the law: those that the policy refuses. */
import { evaluate } from '../policy/evaluate.ts';
import type { Evaluation, HttpRequest, Traffic } from '../policy/evaluation.ts';
import type { ProxyProtocol } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { memo } from '../policy/memo.ts';
import { type Probe, probesOfPod } from '../policy/probes.ts';
import { isObject } from '../policy/selector.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import type { Denied } from './diagnosis.ts';

export interface RefusedProbe {
  readonly probe: Probe;
  readonly evaluation: Evaluation;
}

/** Of the pod, from its node's address without an identity; each port and path once. */
export function refusedProbes(snapshot: Snapshot, pod: Workload): readonly RefusedProbe[] {
  return refusedIn(snapshot)(pod);
}

/** HTTP/1.1 probes of ports that a Server declares as HTTP/2 or gRPC: the proxy refuses them before it asks any policy. `evaluation`: what policy says. */
export function mismatchedProbes(snapshot: Snapshot, pod: Workload): readonly RefusedProbe[] {
  if (!pod.meshed) return [];
  return distinctProbes(pod).flatMap((probe) => {
    const policy = inboundServer(snapshot, pod, probe.port);
    if (probe.type !== 'httpGet' || probe.isTls || (policy.protocol !== 'http2' && policy.protocol !== 'grpc')) return [];
    const connection = { clientIp: nodeAddress(pod), tls: { state: 'none', reason: 'no_tls_from_remote' } } as const;
    return [{ probe, evaluation: evaluate(policy, connection, { type: 'http', request: requestOf(probe, pod) }) }];
  });
}

const refusedIn = memo((snapshot: Snapshot) => memo((pod: Workload) => (pod.meshed ? evaluated(snapshot, pod) : [])));

function evaluated(snapshot: Snapshot, pod: Workload): readonly RefusedProbe[] {
  return distinctProbes(pod).flatMap((probe) => {
    const policy = inboundServer(snapshot, pod, probe.port);
    const traffic = trafficOf(probe, policy.protocol, pod);
    if (traffic === null) return [];
    const reason = policy.protocol === 'opaque' ? 'port_skipped' : 'no_tls_from_remote';
    const evaluation = evaluate(policy, { clientIp: nodeAddress(pod), tls: { state: 'none', reason } }, traffic);
    return evaluation.verdict === 'deny' || evaluation.verdict === 'route_not_found' ? [{ probe, evaluation }] : [];
  });
}

function distinctProbes(pod: Workload): readonly Probe[] {
  return [...new Map(probesOfPod(pod.resource.spec).map((probe) => [JSON.stringify(probe), probe])).values()];
}

/** As the proxy takes the probe; null: it is refused (or let pass) before any policy. */
function trafficOf(probe: Probe, protocol: ProxyProtocol, pod: Workload): Traffic | null {
  const { type, isTls } = probe;
  if (protocol === 'opaque' || protocol === 'tls') return { type: 'tcp' };
  if (type === 'tcpSocket') return null;
  if (isTls) return protocol === 'detect' ? { type: 'tcp' } : null;
  const isGrpc = type === 'grpc';
  if (isGrpc ? protocol === 'http1' : protocol === 'grpc') return null;
  return { type: 'http', request: requestOf(probe, pod) };
}

function requestOf({ type, path, port }: Probe, { ips: [ip = ''] }: Workload): HttpRequest {
  const authority = ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
  const [version, method] = type === 'grpc' ? ['HTTP/2.0', 'POST'] : ['HTTP/1.1', 'GET'];
  return { version, method, authority, path, headers: [], grpc: type === 'grpc' };
}

/** Of the pod's own node; null: its status does not say. */
function nodeAddress({ resource: { status } }: Workload): string | null {
  const ip = isObject(status) ? status['hostIP'] : null;
  return typeof ip === 'string' ? ip : null;
}

/** The kubelet's probe that was refused here, and how sure that is; null: it was something else. */
export function probeOf({
  law,
  target,
  client,
}: Denied): (RefusedProbe & { readonly certainty: 'certain' | 'likely' | 'possible' }) | null {
  const { kind } = target;
  if (law === null || !law.agrees || (kind !== 'http-denied' && kind !== 'tcp-denied' && kind !== 'route-not-found')) return null;
  const { tls, ref, requests } = client;
  if (ref.pod !== null || tls?.state === 'established') return null;
  const refused = refusedProbes(law.snapshot, law.pod).filter(({ probe }) => probe.port === law.port);
  const ofKind = refused.filter(({ evaluation: { traffic } }) => (traffic.type === 'tcp') === (kind === 'tcp-denied'));
  const paths = requests.flatMap(({ path }) => (path === null ? [] : [path.split('?', 1)[0] ?? '']));
  const named = ofKind.find(({ probe }) => paths.includes(probe.path));
  if (named !== undefined && ref.ip !== null) return { ...named, certainty: ref.node === null ? 'likely' : 'certain' };
  const [first] = ofKind;
  if (first === undefined || paths.length > 0) return null;
  return { ...first, certainty: ref.node !== null && ref.ip === nodeAddress(law.pod) ? 'likely' : 'possible' };
}
