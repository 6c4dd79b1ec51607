import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/policy/resource.ts';
import { ACCOUNT, NETWORK, network, pod, policy, route, SERVER, targetServer } from '../policy/cluster.ts';
import { run } from '../run-command.ts';

const HISTORY = 'demo/policy-history.jsonl';
const story = (...args: readonly string[]) => run(['can', ...args, '-n', 'production', '--cluster', HISTORY]);

const directory = mkdtempSync(join(tmpdir(), 'denywhy-can-'));
afterAll(() => rmSync(directory, { recursive: true }));

function cluster(name: string, objects: readonly Resource[]): string {
  const path = join(directory, name);
  writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  return path;
}

const FRONTEND: Resource = {
  ...pod({ name: 'frontend', labels: { app: 'frontend' } }, { serviceAccountName: 'frontend', containers: [] }),
  status: { podIP: '10.42.0.13' },
};
const BACKEND: Resource = { ...pod(), status: { podIP: '10.42.0.10' } };
const ORDERS = route('orders', { rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/orders' } }] }] });
const toRoute = { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'orders' };
const SHOP = [BACKEND, FRONTEND, SERVER, ORDERS, policy('orders-frontend', toRoute, [ACCOUNT('frontend')])];
const shop = (...args: readonly string[]) => run(['can', ...args, '-n', 'shop', '--cluster', cluster('shop.json', SHOP)]);

describe('the recorded cluster', () => {
  it('one client, one request: Linkerd and NetworkPolicy beside each other, with every reason', async () => {
    const { exitCode, stdout } = await story('sa/frontend', 'reach', 'deploy/backend:8080', '--path', '/api/v1/orders');
    expect(exitCode).toBe(1);
    await expect(stdout).toMatchFileSnapshot('golden/can-frontend.txt');
  });

  it('every request of the port, where none is named', async () => {
    const { stdout } = await story('sa/frontend', 'reach', 'deploy/backend:http');
    await expect(stdout).toMatchFileSnapshot('golden/can-every-request.txt');
  });

  it('the policy of another moment decides otherwise', async () => {
    const ask = ['sa/frontend', 'reach', 'deploy/backend:8080', '--path', '/api/v1/orders', '-o', 'json'];
    const verdict = async (...at: readonly string[]) => JSON.parse((await story(...ask, ...at)).stdout).reasons[0].linkerd.verdict;
    expect([await verdict('--at', '09:25:00'), await verdict()]).toEqual(['deny', 'allow']);
  });

  it('everyone who can', async () => {
    const { exitCode, stdout } = await story('--list', 'deploy/backend');
    expect(exitCode).toBe(0);
    await expect(stdout).toMatchFileSnapshot('golden/can-list.txt');
  });
});

describe('NetworkPolicy', () => {
  const closed: Resource = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: 'shop', name: 'closed' },
    spec: { podSelector: { matchLabels: { app: 'backend' } }, policyTypes: ['Ingress'] },
  };
  it.each([
    [null, 1, 'no, where it is enforced: closed: ingress allows nothing'],
    ['calico-node', 1, 'no (Calico enforces it): closed: ingress allows nothing'],
    ['kube-flannel', 0, 'no, which counts for nothing: Flannel enforces none: closed: ingress allows nothing'],
  ])('with the DaemonSet %s: exit %i', async (name, code, words) => {
    const plugin = name === null ? [] : [{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { namespace: 'net', name }, spec: {} }];
    const path = cluster('network.json', [...SHOP, closed, ...plugin]);
    const ask = ['can', 'sa/frontend', 'reach', 'po/backend:8080', '--path', '/orders/7', '-n', 'shop', '--cluster', path];
    const { exitCode, stdout } = await run(ask);
    expect(stdout.replace(/\s+/g, ' ')).toContain(words);
    expect(exitCode).toBe(code);
  });
});

describe('exit code and answer', () => {
  it.each([
    ['yes', 0, ['sa/frontend', 'reach', 'po/backend:8080', '--path', '/orders/7']],
    ['no', 1, ['sa/stranger', 'reach', 'po/backend:8080', '--path', '/orders/7']],
    ['no', 1, ['sa/frontend', 'reach', 'po/backend:8080', '--path', '/orders/7', '--unmeshed']],
    ['no', 1, ['203.0.113.7', 'reach', 'po/backend:8080', '--path', '/orders/7']],
    ['yes', 0, ['po/frontend', 'reach', 'po/backend', '--path', '/orders/7']],
    ['yes', 0, ['frontend.shop.serviceaccount.identity.linkerd.cluster.local', 'reach', 'po/backend:8080', '--path', '/orders']],
    ['partly', 4, ['sa/frontend', 'reach', 'po/backend:8080']],
    ['no', 1, ['sa/frontend', 'reach', 'po/backend:8080', '--grpc', 'shop.Orders/List']],
  ])('%s: exit %i', async (answer, code, args) => {
    const { exitCode, stdout, stderr } = await shop(...args, '-o', 'json');
    expect({ exitCode, answer: JSON.parse(stdout).answer, stderr }).toEqual({ exitCode: code, answer, stderr: '' });
  });

  it('undecided names what would decide, and --as-ip decides', async () => {
    const office = policy('office', targetServer('backend-http'), [NETWORK('office'), ACCOUNT('ghost')]);
    const file = cluster('office.json', [BACKEND, SERVER, network('office', [{ cidr: '10.42.0.0/16' }]), office]);
    const ask = (...more: readonly string[]) =>
      run(['can', 'sa/ghost', '-n', 'shop', 'reach', 'po/backend:8080', '--path', '/', '--cluster', file, ...more]);
    const open = await ask();
    expect(open.exitCode).toBe(4);
    expect(open.stdout.replaceAll(/\s+/g, ' ')).toContain('without the client’s address (--as-ip)');
    expect((await ask('--as-ip', '10.42.0.7')).exitCode).toBe(0);
    expect((await ask('--as-ip', '192.0.2.7')).exitCode).toBe(1);
  });

  it('a workload without a proxy refuses nobody', async () => {
    const plain: Resource = { ...pod({ name: 'plain', labels: { app: 'plain' } }), status: { podIP: '10.42.0.99' } };
    const bare = { ...plain, metadata: { ...plain.metadata, labels: { app: 'plain' } } };
    const file = cluster('plain.json', [...SHOP, bare]);
    const { exitCode, stdout } = await run(['can', 'sa/stranger', '-n', 'shop', 'reach', 'po/plain:8080', '--cluster', file]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Linkerd refuses nobody');
  });

  it('the question may stand behind --cluster', async () => {
    const words = ['sa/frontend', 'reach', 'po/backend:8080', '--path', '/orders'];
    expect((await run(['can', '-n', 'shop', '--cluster', cluster('shop.json', SHOP), ...words])).exitCode).toBe(0);
  });
});

describe('what is not understood: exit 2, and what to do', () => {
  it.each([
    [['sa/frontend'], 'the question is not whole'],
    [['sa/frontend', 'reach', 'po/nobody:8080'], 'there are no pods of po/nobody in namespace shop'],
    [['sa/frontend', 'reach', 'po/backend:99999'], '"99999" is no port'],
    [['sa/frontend', 'reach', 'po/backend:grpc'], 'no port of po/backend is named "grpc"'],
    [['frontend', 'reach', 'po/backend:8080'], '"frontend" names no client'],
    [['sa/frontend', 'reach', 'po/backend:8080', '--path', 'orders'], '"orders" is no path'],
    [['sa/frontend', 'reach', 'po/backend:8080', '--as-ip', 'x'], '--as-ip "x" is no address'],
    [['sa/frontend', 'reach', 'po/backend:8080', '--grpc', 'x'], '"x" names no gRPC method'],
    [['sa/front\u001b[31mend', 'reach', 'po/backend:8080'], 'is no name of a ServiceAccount'],
    [['sa/frontend', '--list', 'po/backend'], '--list asks for everyone'],
  ])('%j', async (args, message) => {
    const { exitCode, stdout, stderr } = await shop(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('\u001b');
  });
});
