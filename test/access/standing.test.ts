import { describe, expect, it } from 'vitest';
import { withApplied } from '../../src/access/applied.ts';
import { createReplayer } from '../../src/access/replay.ts';
import { standingTraffic } from '../../src/access/standing.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { pod, SERVER, snapshot } from '../policy/cluster.ts';

const DESTINATION: Resource = {
  ...pod(
    { name: 'linkerd-destination', namespace: 'linkerd', labels: { 'linkerd.io/control-plane-component': 'destination' } },
    { serviceAccountName: 'linkerd-destination', containers: [{ name: 'destination', ports: [{ name: 'grpc', containerPort: 8086 }] }] },
  ),
  status: { podIP: '10.42.0.2', hostIP: '192.168.77.10' },
};
const PROMETHEUS: Resource = {
  ...pod(
    { name: 'prometheus', namespace: 'linkerd-viz', labels: { app: 'prometheus' } },
    { serviceAccountName: 'prometheus', containers: [{ name: 'prometheus' }] },
  ),
  status: { podIP: '10.42.0.3', hostIP: '192.168.77.10' },
};
const WEB: Resource = { ...pod(), status: { podIP: '10.42.0.10', hostIP: '192.168.77.10' } };
const CLUSTER = snapshot([DESTINATION, PROMETHEUS, WEB, SERVER]);

describe('traffic that nobody needs to have seen', () => {
  const of = (kind: string) => standingTraffic(CLUSTER).filter((one) => one.kind === kind);

  it('the kubelet’s probes, from the pod’s node, without identity', () => {
    expect(of('probe').map(({ name, caller, port, request }) => [name, caller.ip, caller.tls.state, port, request.text])).toContainEqual([
      'node 192.168.77.10',
      '192.168.77.10',
      'none',
      8080,
      expect.stringMatching(/^GET \//),
    ]);
  });

  it('Prometheus, of every proxy', () => {
    expect(of('scrape').map(({ name, server, port }) => [name, server.ref.name, port])).toContainEqual([
      'sa/prometheus in linkerd-viz',
      'backend',
      4191,
    ]);
  });

  it('proxies and API server, of the control plane', () => {
    const calls = of('control-plane').map(({ name, port, request }) => `${name} ${port} ${request.text}`);
    expect([...new Set(calls)].sort()).toEqual([
      'every proxy 8086 gRPC',
      'every proxy 8090 gRPC',
      'the API server 8443 TLS',
      'the API server 9443 TLS',
    ]);
  });
});

it('a Server that closes the control plane’s port to the proxies is seen', () => {
  const server: Resource = {
    apiVersion: 'policy.linkerd.io/v1beta3',
    kind: 'Server',
    metadata: { name: 'destination', namespace: 'linkerd' },
    spec: { podSelector: {}, port: 8086, proxyProtocol: 'gRPC' },
  };
  const replayer = createReplayer(CLUSTER, withApplied(CLUSTER, [{ apply: server }]), false);
  const outcomes = standingTraffic(CLUSTER)
    .filter(({ port }) => port === 8086)
    .map(
      ({ caller, server: to, port, request }) => replayer.of({ ...caller, server: to, port, traffic: request.traffic, seen: null }).outcome,
    );
  expect([...new Set(outcomes)]).toEqual(['newly-denied']);
});
