import { describe, expect, it } from 'vitest';
import {
  authorizationOf,
  clientTlsOf,
  portOf,
  rateLimitOf,
  reporterOf,
  routeOf,
  serverOf,
  workloadOf,
} from '../../src/evidence/metrics-labels.ts';

const set = (labels: Record<string, string>) => new Map(Object.entries(labels));
const NOWHERE = { cluster: '', namespace: null, pod: null, workload: null };

describe('Server, route and authorization', () => {
  it.each([
    ['a Server', { srv_group: 'policy.linkerd.io', srv_kind: 'server', srv_name: 'web' }, ['policy.linkerd.io', 'server', 'web']],
    ['a default whose empty group Prometheus dropped', { srv_kind: 'default', srv_name: 'deny' }, ['', 'default', 'deny']],
    ['an invalid policy', { srv_group: '', srv_kind: 'default', srv_name: 'invalid' }, ['', 'default', 'invalid']],
    ["2.11's default", { srv_name: 'default:deny' }, ['', 'default', 'deny']],
    ["2.11's default under a newer controller", { srv_name: 'all-unauthenticated' }, ['', 'default', 'all-unauthenticated']],
    ["2.11's Server", { srv_name: 'web' }, ['policy.linkerd.io', 'server', 'web']],
    [
      'the metric’s own label where its target has one of that name',
      { srv_kind: 'server', srv_group: 'policy.linkerd.io', srv_name: 'pod label', exported_srv_name: 'web' },
      ['policy.linkerd.io', 'server', 'web'],
    ],
  ])('reads %s', (_, labels, [group, kind, name]) => {
    expect(serverOf(set(labels))).toEqual({ group, kind, name });
  });

  it('says null where the labels say nothing', () => {
    expect([serverOf(set({})), routeOf(set({})), authorizationOf(set({}))]).toEqual([null, null, null]);
  });

  it('keeps the case of kinds as Linkerd writes it', () => {
    const route = { route_group: 'gateway.networking.k8s.io', route_kind: 'HTTPRoute', route_name: 'r' };
    expect(routeOf(set(route))).toEqual({ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'r' });
    expect(routeOf(set({ route_kind: 'default', route_name: 'probe' }))).toEqual({ group: '', kind: 'default', name: 'probe' });
  });

  it("reads 2.11's saz_name", () => {
    expect(authorizationOf(set({ saz_name: 'default:all-authenticated' }))).toEqual({
      group: '',
      kind: 'default',
      name: 'all-authenticated',
    });
    expect(authorizationOf(set({ saz_name: 'web' }))).toEqual({ group: 'policy.linkerd.io', kind: 'serverauthorization', name: 'web' });
  });

  it('reads a rate limit without metadata', () => {
    expect(rateLimitOf(set({ ratelimit_scope: 'total' }))).toEqual({ ref: null, scope: 'total' });
  });
});

describe('the client', () => {
  it.each([
    ['meshed', { tls: 'true', client_id: 'a.b.serviceaccount' }, { state: 'established', clientId: 'a.b.serviceaccount' }],
    ['meshed without a certificate', { tls: 'true', client_id: '' }, { state: 'established', clientId: null }],
    ['the same from Prometheus', { tls: 'true' }, { state: 'established', clientId: null }],
    ['TLS of its own', { tls: 'opaque', sni: 'db.example.com' }, { state: 'passthru', sni: 'db.example.com' }],
    ['plaintext', { tls: 'no_identity', no_tls_reason: 'no_tls_from_remote' }, { state: 'none', reason: 'no_tls_from_remote' }],
    ['an opaque port', { tls: 'no_identity', no_tls_reason: 'port_skipped' }, { state: 'none', reason: 'port_skipped' }],
    ['identity disabled', { tls: 'disabled' }, { state: 'none', reason: 'disabled' }],
    ['a reason that was aggregated away', { tls: 'no_identity' }, null],
    ['nothing', {}, null],
    ['a value Linkerd does not write', { tls: 'passthru' }, null],
    ['a pod labelled tls', { tls: 'pod label', exported_tls: 'true', client_id: 'a' }, { state: 'established', clientId: 'a' }],
  ])('is read: %s', (_, labels: Record<string, string>, tls) => {
    expect(clientTlsOf(set(labels))).toEqual(tls);
  });
});

describe('the port', () => {
  it.each([
    ['srv_port, also where meshed traffic came through 4143', { srv_port: '8080', target_port: '4143' }, 8080],
    ['target_port before 2.18', { target_port: '8080' }, 8080],
    ['never the inbound listener', { target_port: '4143' }, null],
    ['the admin server', { srv_port: '4191', target_port: '4191' }, 4191],
    ['none', {}, null],
    ['no port', { srv_port: '99999' }, null],
    ['no number', { srv_port: '80 80' }, null],
  ])('is %s', (_, labels: Record<string, string>, port) => {
    expect(portOf(set(labels))).toBe(port);
  });
});

describe('the reporter', () => {
  it('comes from scrape labels', () => {
    expect(reporterOf(set({ namespace: 'shop', pod: 'web-1', deployment: 'web', cluster: 'east' }), NOWHERE)).toEqual({
      cluster: 'east',
      namespace: 'shop',
      pod: 'web-1',
      workload: { kind: 'Deployment', namespace: 'shop', name: 'web' },
    });
  });

  it('comes from what is known of the page where labels are silent', () => {
    const page = { cluster: '', namespace: 'shop', pod: 'web-1', workload: { kind: 'StatefulSet', namespace: 'shop', name: 'web' } };
    expect(reporterOf(set({ target_port: '80' }), page)).toEqual(page);
  });

  it('is the pod that was scraped, not the Prometheus that federated it', () => {
    const labels = { namespace: 'monitoring', pod: 'prometheus-0', exported_namespace: 'shop', exported_pod: 'web-1' };
    expect(reporterOf(set(labels), NOWHERE)).toMatchObject({ namespace: 'shop', pod: 'web-1' });
  });

  it.each([
    ['statefulset', 'StatefulSet'],
    ['daemonset', 'DaemonSet'],
    ['replicaset', 'ReplicaSet'],
    ['k8s_job', 'Job'],
  ])('takes the label %s for a %s', (label, kind) => {
    expect(workloadOf(set({ [label]: 'x' }), 'ns')).toEqual({ kind, namespace: 'ns', name: 'x' });
  });
});
