/** `Server`: which port of which workloads, spoken in which protocol (linkerd2 `policy-controller/k8s/index/src/inbound/server.rs`). */
import { parseDefaultPolicy } from './default-policy.ts';
import type { DefaultPolicy, ProxyProtocol } from './inbound.ts';
import { stringOr, type Unreadable } from './reading.ts';
import { type Instant, type ObjectRef, type Resource, refOf } from './resource.ts';
import { isObject, type Labels, readLinkerdSelector, type Selector } from './selector.ts';
import { parseInstant } from './time.ts';

export interface Server {
  readonly ref: ObjectRef;
  readonly labels: Labels;
  readonly selects: 'Pod' | 'ExternalWorkload';
  readonly selector: Selector;
  readonly port: number | string;
  readonly protocol: ProxyProtocol;
  /** An invalid value counts as none, that is as `deny`. */
  readonly accessPolicy: DefaultPolicy | null;
  /** null sorts first: the object never was in an API server. */
  readonly createdAt: Instant | null;
}

const PROTOCOLS: Readonly<Record<string, ProxyProtocol>> = {
  unknown: 'detect',
  'HTTP/1': 'http1',
  'HTTP/2': 'http2',
  gRPC: 'grpc',
  opaque: 'opaque',
  TLS: 'tls',
};

export function readServer(resource: Resource): Server | Unreadable {
  const spec = isObject(resource.spec) ? resource.spec : {};
  // With both (only past the schema), Linkerd's reader takes the first by name.
  const byPod = spec['externalWorkloadSelector'] === undefined;
  const selector = readLinkerdSelector(byPod ? spec['podSelector'] : spec['externalWorkloadSelector']);
  if (selector === null) return { unreadable: 'neither podSelector nor externalWorkloadSelector can be read' };
  const port = spec['port'];
  if (typeof port !== 'string' && !(typeof port === 'number' && port >= 1 && port <= 65535)) {
    return { unreadable: 'port is neither a number from 1 to 65535 nor a name' };
  }
  const written = stringOr(spec['proxyProtocol'], 'unknown');
  const protocol = Object.hasOwn(PROTOCOLS, written) ? PROTOCOLS[written] : undefined;
  if (protocol === undefined) return { unreadable: `unknown proxyProtocol ${JSON.stringify(written)}` };
  const accessPolicy = stringOr(spec['accessPolicy'], null);
  return {
    ref: refOf(resource),
    labels: resource.metadata.labels ?? {},
    selects: byPod ? 'Pod' : 'ExternalWorkload',
    selector,
    port,
    protocol,
    accessPolicy: accessPolicy === null ? null : parseDefaultPolicy(accessPolicy),
    createdAt: parseInstant(resource.metadata.creationTimestamp ?? ''),
  };
}

/** Oldest first, then by name: the first that takes a port keeps it. */
export function compareServers(a: Server, b: Server): number {
  const [at, bt] = [a.createdAt ?? Number.NEGATIVE_INFINITY, b.createdAt ?? Number.NEGATIVE_INFINITY];
  if (at !== bt) return at < bt ? -1 : 1;
  return a.ref.name < b.ref.name ? -1 : 1;
}
