import { describe, expect, it } from 'vitest';
import { type Caller, callerOfPod, callersOfServiceAccount, can, UNMESHED } from '../../src/access/can.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { findWorkload, type Snapshot } from '../../src/policy/snapshot.ts';
import type { Workload } from '../../src/policy/workload.ts';
import { ACCOUNT, get, NETWORK, network, pod, policy, route, SERVER, snapshot, targetServer } from '../policy/cluster.ts';

const FRONTEND: Resource = {
  ...pod({ name: 'frontend', labels: { app: 'frontend' } }, { serviceAccountName: 'frontend', containers: [] }),
  status: { podIP: '10.42.0.13' },
};
const BACKEND: Resource = { ...pod(), status: { podIP: '10.42.0.10' } };
const ORDERS = route('orders', { rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/orders' } }] }] });
const toRoute = { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'orders' };
const ALLOWED = [BACKEND, FRONTEND, SERVER, ORDERS, policy('orders-frontend', toRoute, [ACCOUNT('frontend')])];

function workload(of: Snapshot, name: string): Workload {
  return findWorkload(of, 'Pod', 'shop', name) as Workload;
}

function ask(resources: readonly Resource[], callers: (of: Snapshot) => readonly Caller[], path: string | null) {
  const of = snapshot(resources);
  const request = path === null ? null : { text: `GET ${path}`, traffic: get(path) };
  return can(of, { callers: callers(of), servers: [workload(of, 'backend')], port: 8080, request });
}
const frontend = (of: Snapshot) => callersOfServiceAccount(of, 'shop', 'frontend');

const CLOSED: Resource = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { namespace: 'shop', name: 'closed' },
  spec: { podSelector: { matchLabels: { app: 'backend' } }, policyTypes: ['Ingress'] },
};
const daemonSet = (name: string): Resource => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { namespace: 'net', name },
  spec: {},
});

describe('can', () => {
  it('the ServiceAccount that a route allows call it: yes, and by which policy', () => {
    const { answer, cases } = ask(ALLOWED, frontend, '/orders');
    expect(answer).toBe('yes');
    expect(cases.map((c) => c.evaluation?.considered.find((o) => o.applies === 'yes')?.authorization.ref.name)).toEqual([
      'orders-frontend',
    ]);
  });

  it('another one: no', () => {
    expect(ask(ALLOWED, (of) => callersOfServiceAccount(of, 'shop', 'stranger'), '/orders').answer).toBe('no');
  });

  it('the same one without its proxy: no', () => {
    expect(ask(ALLOWED, () => [{ tls: UNMESHED, ip: '10.42.0.13', pod: null }], '/orders').answer).toBe('no');
  });

  it('without a path, where only some are allowed: partly, request by request', () => {
    const { answer, cases } = ask(ALLOWED, frontend, null);
    expect(answer).toBe('partly');
    expect(Object.fromEntries(cases.map((c) => [c.request.text, c.answer]))).toEqual({
      'GET /orders': 'yes',
      'GET /orders/x': 'yes',
      'POST /orders': 'yes',
      'POST /orders/x': 'yes',
      'GET any other path': 'no',
    });
  });

  it('an account without pods, where a policy asks for an address: undecided', () => {
    const net = network('office', [{ cidr: '10.42.0.0/16' }]);
    const allow = policy('office', targetServer('backend-http'), [NETWORK('office'), ACCOUNT('ghost')]);
    expect(ask([BACKEND, SERVER, net, allow], (of) => callersOfServiceAccount(of, 'shop', 'ghost'), '/').answer).toBe('undecided');
  });

  it('a pod whose NetworkPolicy keeps it out: no, though Linkerd would allow it', () => {
    const { answer, cases } = ask([...ALLOWED, CLOSED], (of) => [callerOfPod(of, workload(of, 'frontend'))], '/orders');
    expect([answer, cases[0]?.evaluation?.verdict, cases[0]?.network?.verdict.verdict]).toEqual(['no', 'allow', 'deny']);
  });

  it.each([
    ['no plugin that is known', [], 'no'],
    ['Calico', ['calico-node'], 'no'],
    ['Flannel', ['kube-flannel-ds'], 'yes'],
    ['Canal', ['kube-flannel-ds', 'canal'], 'no'],
    ['kindnet, which may', ['kindnet'], 'no'],
  ])('NetworkPolicy counts as far as somebody may enforce it: %s', (_, names, expected) => {
    const cluster = [...ALLOWED, CLOSED, ...names.map(daemonSet)];
    const { answer, cases } = ask(cluster, (of) => [callerOfPod(of, workload(of, 'frontend'))], '/orders');
    expect([answer, cases[0]?.network?.verdict.verdict]).toEqual([expected, 'deny']);
  });

  it('anyone reach a pod without a proxy: yes, nothing is enforced there', () => {
    const plain: Resource = { ...BACKEND, metadata: { ...BACKEND.metadata, labels: { app: 'backend' } } };
    expect(ask([plain, SERVER], () => [{ tls: UNMESHED, ip: '203.0.113.9', pod: null }], '/').answer).toBe('yes');
  });
});
