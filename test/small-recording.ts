/** A recording of one minute in a cluster of our own making: other names, times and counts than the story's, in the same form. */
import { showInstant } from '../src/policy/time.ts';

/** Files by their path below the recording's folder. */
export type RecordingFiles = ReadonlyMap<string, string>;

const DAY = '2025-02-03T';
const START = Date.parse(`${DAY}14:00:00Z`);
const at = (seconds: number) => showInstant(START + seconds * 1000);

/** Denials of `checkout` (meshed, another ServiceAccount listed) at `cart`, and connections of an unmeshed `crawler` to `ledger`. */
export interface SmallRecording {
  readonly requests: number;
  readonly connections: number;
  /** Counted by the pod of cart before the first sample. */
  readonly before: number;
}

export function smallRecording({ requests, connections, before }: SmallRecording): RecordingFiles {
  return new Map([
    ['policy-history.jsonl', lines(HISTORY)],
    ['logs/cart-6c9d8b7f5d-aaaaa.linkerd-proxy.log', lines(times(requests).flatMap((i) => httpDenied(10 + i)))],
    ['logs/ledger-0.linkerd-proxy.log', lines(times(connections).map((i) => tcpDenied(30 + i)))],
    ['prometheus/tsdb.om', lines(dump(requests, connections, before))],
    ['alertmanager-webhooks.jsonl', lines([webhook(25, 'firing'), webhook(55, 'resolved')])],
  ]);
}

const times = (count: number) => Array.from({ length: count }, (_, i) => i);
const lines = (all: readonly string[]) => all.map((line) => `${line}\n`).join('');

function pod(
  namespace: string,
  name: string,
  owner: readonly [kind: string, name: string],
  app: string,
  ip: string,
  port: number,
  isMeshed: boolean,
) {
  const sidecar = { name: 'linkerd-proxy', image: 'proxy', ports: [{ name: 'linkerd-proxy', containerPort: 4143 }] };
  const labels = { app, ...(owner[0] === 'ReplicaSet' ? { 'pod-template-hash': owner[1].slice(app.length + 1) } : {}) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { ...labels, ...(isMeshed ? { 'linkerd.io/control-plane-ns': 'linkerd' } : {}) },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: owner[0], name: owner[1], uid: owner[1], controller: true }],
    },
    spec: {
      serviceAccountName: app,
      nodeName: 'n1',
      containers: [{ name: app, image: app, ports: [{ name: 'api', containerPort: port }] }, ...(isMeshed ? [sidecar] : [])],
    },
    status: { podIP: ip, podIPs: [{ ip }], phase: 'Running' },
  };
}

function policy(kind: string, version: string, namespace: string, name: string, spec: unknown) {
  return { apiVersion: `policy.linkerd.io/${version}`, kind, metadata: { name, namespace }, spec };
}

function server(namespace: string, app: string, proxyProtocol: string) {
  const spec = { podSelector: { matchLabels: { app } }, port: 'api', proxyProtocol };
  return policy('Server', 'v1beta3', namespace, `${app}-api`, spec);
}

function authorization(namespace: string, app: string, listed: string) {
  const spec = {
    targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: `${app}-api` },
    requiredAuthenticationRefs: [{ group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', name: `${app}-clients` }],
  };
  return [
    policy('MeshTLSAuthentication', 'v1alpha1', namespace, `${app}-clients`, { identities: [listed] }),
    policy('AuthorizationPolicy', 'v1alpha1', namespace, `${app}-authz`, spec),
  ];
}

const identity = (account: string, namespace: string) => `${account}.${namespace}.serviceaccount.identity.linkerd.cluster.local`;

const HISTORY = [
  pod('mart', 'cart-6c9d8b7f5d-aaaaa', ['ReplicaSet', 'cart-6c9d8b7f5d'], 'cart', '10.9.0.1', 7070, true),
  pod('mart', 'ledger-0', ['StatefulSet', 'ledger'], 'ledger', '10.9.0.2', 3307, true),
  pod('till', 'checkout-55d5cbb6d4-bbbbb', ['ReplicaSet', 'checkout-55d5cbb6d4'], 'checkout', '10.9.0.3', 80, true),
  pod('wild', 'crawler-x', ['DaemonSet', 'crawler'], 'crawler', '10.9.0.4', 80, false),
  server('mart', 'cart', 'HTTP/1'),
  ...authorization('mart', 'cart', identity('kiosk', 'till')),
  server('mart', 'ledger', 'opaque'),
  ...authorization('mart', 'ledger', identity('cart', 'mart')),
].map((object) => JSON.stringify({ observedAt: at(0), type: 'ADDED', initial: true, object }));

function httpDenied(seconds: number): string[] {
  const head = `${at(seconds)} [ ${seconds}.000000s]  INFO ThreadId(01) inbound:server{port=4143}`;
  const tls = `Some(Established { client_id: Some(ClientId(Dns(Name("${identity('checkout', 'till')}")))), negotiated_protocol: Some("transport.l5d.io/v1") })`;
  const where = 'server.group=policy.linkerd.io server.kind=server server.name=cart-api route.group= route.kind=default route.name=default';
  return [
    `${head}: linkerd_app_inbound::policy::http: Request denied ${where} client.tls=${tls} client.ip=10.9.0.3`,
    `${head}:rescue{client.addr=10.9.0.3:4000}: linkerd_app_core::errors::respond: HTTP/2.0 request failed error=client 10.9.0.3:4000: server: 10.9.0.1:4143: unauthorized request on route error.sources=[unauthorized request on route] path="/basket"`,
  ];
}

function tcpDenied(seconds: number): string {
  const where = 'server.group=policy.linkerd.io server.kind=server server.name=ledger-api';
  return `${at(seconds)} [ ${seconds}.000000s]  INFO ThreadId(01) inbound:server{port=3307}: linkerd_app_inbound::policy::tcp: Connection denied ${where} tls=None(PortSkipped) client=10.9.0.4:5000`;
}

/** Four scrapes of each pod. The counters rise between the second and the third. */
function dump(requests: number, connections: number, before: number): string[] {
  const scrapes = [1, 5, 55, 59];
  const series = (metric: string, labels: string, values: readonly (number | null)[]) =>
    values.flatMap((value, i) =>
      value === null ? [] : [`${metric}{${labels}} ${value} ${(START + (scrapes[i] as number) * 1000) / 1000}`],
    );
  const cart = 'namespace="mart",deployment="cart",pod="cart-6c9d8b7f5d-aaaaa",instance="10.9.0.1:4191",job="linkerd-proxy"';
  const ledger = 'namespace="mart",statefulset="ledger",pod="ledger-0",instance="10.9.0.2:4191",job="linkerd-proxy"';
  const own = (name: string, port: number) =>
    `srv_group="policy.linkerd.io",srv_kind="server",srv_name="${name}",srv_port="${port}",target_port="${port}"`;
  const first = before > 0 ? before : null;
  return [
    ...series('up', cart, [1, 1, 1, 1]),
    ...series('up', ledger, [1, 1, 1, 1]),
    ...series(
      'inbound_http_authz_deny_total',
      `${cart},${own('cart-api', 7070)},route_group="",route_kind="default",route_name="default",tls="true",client_id="${identity('checkout', 'till')}"`,
      [first, first, before + requests, before + requests],
    ),
    ...series('inbound_tcp_authz_deny_total', `${ledger},${own('ledger-api', 3307)},tls="no_identity",no_tls_reason="port_skipped"`, [
      null,
      null,
      connections,
      connections,
    ]),
    '# EOF',
  ];
}

function webhook(seconds: number, status: 'firing' | 'resolved'): string {
  const labels = { alertname: 'CartRefuses', namespace: 'mart', deployment: 'cart' };
  const endsAt = status === 'firing' ? '0001-01-01T00:00:00Z' : at(50);
  return JSON.stringify({
    receivedAt: at(seconds),
    body: { version: '4', status, alerts: [{ status, labels, startsAt: at(20), endsAt }] },
  });
}
