import { describe, expect, test } from 'vitest';
import type { Resource } from '../../src/policy/resource.ts';
import { transportModeOf, type WirePortQuestion, wirePort } from '../../src/policy/wire-port.ts';

function pod(
  annotations: Record<string, string> = {},
  labels: Record<string, string> = { 'linkerd.io/control-plane-ns': 'linkerd' },
  proxyPort = 4143,
): Resource {
  const proxy = {
    name: 'linkerd-proxy',
    restartPolicy: 'Always',
    ports: [
      { name: 'linkerd-proxy', containerPort: proxyPort },
      { name: 'linkerd-admin', containerPort: 4191 },
    ],
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'shop', labels, annotations },
    spec: { initContainers: [proxy], containers: [] },
  };
}

const meshed = (annotations: Record<string, string> = {}) => ({ meshed: true, pod: pod(annotations) });
const unmeshed = { meshed: false, pod: null };
const skips = (ports: string) => ({ 'config.linkerd.io/skip-outbound-ports': ports });

function ask(part: Partial<WirePortQuestion>) {
  return wirePort({ client: meshed(), server: pod(), port: 8080, dialled: 80, opaque: false, transport: 'transport-header', ...part });
}

describe('wirePort', () => {
  test.each<[string, Partial<WirePortQuestion>, number, string]>([
    ['meshed to meshed goes to the proxy since 2.18', {}, 4143, 'transport-header'],
    ['an opaque port too', { opaque: true }, 4143, 'transport-header'],
    ['in transparent mode it is the application port', { transport: 'transparent' }, 8080, 'transparent'],
    ['in transparent mode an opaque port still goes to the proxy', { transport: 'transparent', opaque: true }, 4143, 'opaque'],
    ['a proxy may listen elsewhere', { server: pod({}, { 'linkerd.io/control-plane-ns': 'linkerd' }, 5143) }, 5143, 'transport-header'],
    ['an unmeshed client, as the kubelet, dials the application port', { client: unmeshed }, 8080, 'client-unmeshed'],
    ['an unmeshed Prometheus scrapes 4191', { client: unmeshed, port: 4191 }, 4191, 'client-unmeshed'],
    ['a meshed Prometheus scrapes 4191 directly too', { port: 4191, dialled: 4191 }, 4191, 'proxy-port'],
    ['tap is dialled on 4190', { port: 4190, dialled: 4190 }, 4190, 'proxy-port'],
    ['an unmeshed server has no 4143', { server: pod({}, {}) }, 8080, 'server-unmeshed'],
    [
      'the mesh of another control plane counts as none',
      { server: pod({}, { 'linkerd.io/control-plane-ns': 'other' }) },
      8080,
      'other-control-plane',
    ],
    [
      'proxies dial the policy controller on its own port',
      {
        server: pod({}, { 'linkerd.io/control-plane-ns': 'linkerd', 'linkerd.io/control-plane-component': 'destination' }),
        port: 8090,
        dialled: 8090,
      },
      8090,
      'control-plane',
    ],
    ['a client that skips the Service’s port bypasses its proxy', { client: meshed(skips('80,443')) }, 8080, 'skip-outbound-ports'],
    ['a client that skips a range', { client: meshed(skips('70-90')) }, 8080, 'skip-outbound-ports'],
    ['what the client dials is skipped, not where it ends', { client: meshed(skips('8080')) }, 4143, 'transport-header'],
    ['4567 is skipped by default', { port: 4567, dialled: 4567 }, 4567, 'skip-outbound-ports'],
    ['an annotation replaces the default', { client: meshed(skips('25')), port: 4567, dialled: 4567 }, 4143, 'transport-header'],
    [
      'a server that skips the port is dialled on it',
      { server: pod({ 'config.linkerd.io/skip-inbound-ports': '8000-8100' }) },
      8080,
      'skip-inbound-ports',
    ],
    ['a list that nobody can read skips nothing', { client: meshed(skips('http,-,80x,99999999')) }, 4143, 'transport-header'],
  ])('%s', (_, part, port, reason) => {
    expect(ask(part)).toEqual({ port, reason, certain: true });
  });

  test('a client that skips ports is uncertain while what it dialled is not known', () => {
    expect(ask({ client: meshed(skips('80')), dialled: null })).toEqual({ port: 4143, reason: 'transport-header', certain: false });
    expect(ask({ client: meshed(skips('8080')), dialled: null })).toEqual({ port: 8080, reason: 'skip-outbound-ports', certain: false });
    expect(ask({ dialled: null }).certain).toBe(true);
  });

  test('a client that skips subnets is uncertain', () => {
    expect(ask({ client: meshed({ 'config.linkerd.io/skip-subnets': '10.96.0.0/12' }) }).certain).toBe(false);
  });

  test('a meshed client of which nothing else is known is taken as it comes', () => {
    expect(ask({ client: { meshed: true, pod: null } })).toEqual({ port: 4143, reason: 'transport-header', certain: true });
  });
});

describe('transportModeOf', () => {
  test.each<[string, unknown, unknown, string | null]>([
    ['the Helm value wins over the release', 'transparent', 'edge-26.8.3', 'transparent'],
    ['2.17 knew only transparent', undefined, 'enterprise-2.17.3', 'transparent'],
    ['2.14', undefined, 'stable-2.14.10', 'transparent'],
    ['2.18', undefined, 'version-2.18', 'transport-header'],
    ['2.20.1', undefined, 'enterprise-2.20.1', 'transport-header'],
    ['the edge before', undefined, 'edge-25.3.1', 'transparent'],
    ['the edge that changed it', undefined, 'edge-25.3.2', 'transport-header'],
    ['an edge of the next year', undefined, 'edge-26.1.1', 'transport-header'],
    ['a version of one’s own says nothing', undefined, 'dev-abc', null],
    ['a value that is none', 'direct', undefined, null],
  ])('%s', (_, value, version, mode) => {
    expect(transportModeOf(value, version)).toBe(mode);
  });
});
