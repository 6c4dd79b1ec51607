/**
 * The TCP port that really goes over the wire, which is what NetworkPolicy sees. The destination controller decides it per endpoint
 * (linkerd2 `controller/api/destination/endpoint_translator.go`), the client pod's iptables rules decide what its proxy gets to see.
 */
import { listOf } from './reading.ts';
import type { Resource } from './resource.ts';
import { isObject } from './selector.ts';
import { CONTROL_PLANE_LABEL } from './workload.ts';

/** Helm value `proxy.outboundTransportMode`: `transport-header` dials the server's proxy on 4143, `transparent` the application port (opaque ports aside). */
export type TransportMode = 'transport-header' | 'transparent';

export type WirePortReason =
  /** Towards the server's proxy, with the application port in the transport header. */
  | 'transport-header'
  /** The same, in mode `transparent`, because the port is opaque. */
  | 'opaque'
  | 'transparent'
  | 'client-unmeshed'
  | 'server-unmeshed'
  /** Client and server belong to two control planes. */
  | 'other-control-plane'
  /** 4190 and 4191, the proxy's own servers. */
  | 'proxy-port'
  /** Proxies dial the control plane on its own ports. */
  | 'control-plane'
  | 'skip-outbound-ports'
  | 'skip-inbound-ports';

export interface WirePort {
  readonly port: number;
  readonly reason: WirePortReason;
  /** False: the client skips some ports or subnets, and whether the one it dialled is among them is not known. */
  readonly certain: boolean;
}

export interface WirePortQuestion {
  /** Whether a proxy sends the traffic; `pod` null where it is not known. */
  readonly client: { readonly meshed: boolean; readonly pod: Resource | null };
  readonly server: Resource;
  /** Port of the application (or 4191). */
  readonly port: number;
  /** Port that the application dialled, usually the Service's; null: not known. */
  readonly dialled: number | null;
  /** Whether clients are told that the port is opaque. */
  readonly opaque: boolean;
  readonly transport: TransportMode;
}

const SKIP_INBOUND = 'config.linkerd.io/skip-inbound-ports';
const SKIP_OUTBOUND = 'config.linkerd.io/skip-outbound-ports';
const SKIP_SUBNETS = 'config.linkerd.io/skip-subnets';
/** Helm value `proxyInit.ignoreOutboundPorts`; the annotation replaces it. */
const SKIPPED_OUTBOUND_BY_DEFAULT = '4567,4568';
const PROXY_PORTS = [4190, 4191];
const CONTROL_PLANE_PORTS = [8080, 8086, 8090];

export function wirePort(question: WirePortQuestion): WirePort {
  const { client, server, port } = question;
  const direct = (reason: WirePortReason): WirePort => ({ port, reason, certain: true });
  if (!client.meshed) return direct('client-unmeshed');
  const controlPlane = server.metadata.labels?.[CONTROL_PLANE_LABEL];
  if (controlPlane === undefined) return direct('server-unmeshed');
  const clients = client.pod?.metadata.labels?.[CONTROL_PLANE_LABEL];
  if (clients !== undefined && clients !== controlPlane) return direct('other-control-plane');
  if (PROXY_PORTS.includes(port)) return direct('proxy-port');
  if (CONTROL_PLANE_PORTS.includes(port) && server.metadata.labels?.['linkerd.io/control-plane-component'] !== undefined)
    return direct('control-plane');

  const skipsOutbound = client.pod?.metadata.annotations?.[SKIP_OUTBOUND] ?? SKIPPED_OUTBOUND_BY_DEFAULT;
  if (listsPort(skipsOutbound, question.dialled ?? port))
    return { port, reason: 'skip-outbound-ports', certain: question.dialled !== null };
  if (listsPort(server.metadata.annotations?.[SKIP_INBOUND] ?? '', port)) return direct('skip-inbound-ports');
  const mayBeSkipped = question.dialled === null && client.pod?.metadata.annotations?.[SKIP_OUTBOUND] !== undefined;
  const certain = !mayBeSkipped && client.pod?.metadata.annotations?.[SKIP_SUBNETS] === undefined;
  if (question.transport === 'transparent' && !question.opaque) return { port, reason: 'transparent', certain };
  return { port: inboundPort(server), reason: question.transport === 'transparent' ? 'opaque' : 'transport-header', certain };
}

/** The mode in use: the Helm value, else what the release does: the transport header since 2.18 and edge-25.3.2. null: neither says. */
export function transportModeOf(outboundTransportMode: unknown, version: unknown): TransportMode | null {
  if (outboundTransportMode === 'transport-header' || outboundTransportMode === 'transparent') return outboundTransportMode;
  const release = typeof version === 'string' ? /^([a-z]+)-(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?/.exec(version) : null;
  if (release === null) return null;
  const since = release[1] === 'edge' ? [25, 3, 2] : [2, 18, 0];
  const own = [release[2], release[3], release[4] ?? '0'].map(Number);
  const differs = own.findIndex((n, i) => n !== since[i]);
  return differs < 0 || (own[differs] as number) > (since[differs] as number) ? 'transport-header' : 'transparent';
}

/** Comma-separated ports and ranges, as proxy-init reads them; items it cannot read are passed over. */
function listsPort(text: string, port: number): boolean {
  return text.split(',').some((item) => {
    const range = /^\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*$/.exec(item);
    return range !== null && port >= Number(range[1]) && port <= Number(range[2] ?? range[1]);
  });
}

/** 4143 unless `config.linkerd.io/inbound-port` says otherwise: the port named `linkerd-proxy` of the proxy's container. */
function inboundPort(server: Resource): number {
  const spec = isObject(server.spec) ? server.spec : {};
  for (const container of [...listOf(spec['initContainers']), ...listOf(spec['containers'])]) {
    if (!isObject(container) || container['name'] !== 'linkerd-proxy') continue;
    const port = listOf(container['ports']).find((p) => isObject(p) && p['name'] === 'linkerd-proxy');
    if (isObject(port) && typeof port['containerPort'] === 'number') return port['containerPort'];
  }
  return 4143;
}
