/** The kubelet's probes of a pod that come over the network. */
import { tcpPorts } from './container-ports.ts';
import { listOf, stringOr } from './reading.ts';
import { isObject } from './selector.ts';
import { pathOfUri } from './uri.ts';

const KINDS = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
export type ProbeKind = (typeof KINDS)[number];

export interface Probe {
  /** The container's field that it stands in. */
  readonly kind: ProbeKind;
  readonly type: 'httpGet' | 'grpc' | 'tcpSocket';
  readonly port: number;
  /** As it is requested; `/` for `tcpSocket`. */
  readonly path: string;
  /** `scheme: HTTPS`. */
  readonly isTls: boolean;
}

const HEALTH = '/grpc.health.v1.Health/Check';

/** Named ports are looked up in their own container, ignoring case (unlike a Server's). Paths are read as whole URIs; one that is none makes no probe. */
export function probesOf(containers: readonly Readonly<Record<string, unknown>>[]): readonly Probe[] {
  return containers.flatMap((container) =>
    KINDS.flatMap((kind) => {
      const probe = container[kind];
      return isObject(probe) ? (httpProbe(kind, probe, container) ?? otherProbe(kind, probe, container) ?? []) : [];
    }),
  );
}

/** Of all containers of a pod. */
export function probesOfPod(spec: unknown): readonly Probe[] {
  const parts = isObject(spec) ? [...listOf(spec['initContainers']), ...listOf(spec['containers'])] : [];
  return probesOf(parts.filter(isObject));
}

type Part = Readonly<Record<string, unknown>>;

function httpProbe(kind: ProbeKind, { httpGet }: Part, container: Part): Probe | null {
  if (!isObject(httpGet)) return null;
  const port = portOf(httpGet['port'], container);
  const path = pathOfUri(stringOr(httpGet['path'], '/'));
  return port === null || path === null ? null : { kind, type: 'httpGet', port, path, isTls: httpGet['scheme'] === 'HTTPS' };
}

function otherProbe(kind: ProbeKind, { grpc, tcpSocket }: Part, container: Part): Probe | null {
  const type = isObject(grpc) ? 'grpc' : 'tcpSocket';
  const probe = isObject(grpc) ? grpc : tcpSocket;
  const port = isObject(probe) ? portOf(probe['port'], container) : null;
  return port === null ? null : { kind, type, port, path: type === 'grpc' ? HEALTH : '/', isTls: false };
}

function portOf(port: unknown, container: Part): number | null {
  if (typeof port === 'number') return port >= 1 && port <= 65535 ? port : null;
  if (typeof port !== 'string') return null;
  return tcpPorts(container).find((p) => p.name?.toLowerCase() === port.toLowerCase())?.port ?? null;
}
