/** The service in front of a real API server, with the rights of the table and no more. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WATCHED_KINDS } from '../../src/drivers/kubernetes-kinds.ts';
import type { KubeObject } from '../cluster/api.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { linkerdCrdsSkip } from '../cluster/crds.ts';
import { clusterSkip } from '../cluster/skip.ts';
import { denials, FROM_CART } from '../http/running.ts';
import { until } from '../until.ts';
import { type Served, serve } from './served.ts';

const skip = clusterSkip ?? linkerdCrdsSkip;
const PATIENCE = 60_000;
const READER = { namespace: 'denywhy', name: 'denywhy' };
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const POLICY = '/apis/policy.linkerd.io';

const rules = (isGranted: (resource: string) => boolean) =>
  WATCHED_KINDS.filter(({ resource }) => isGranted(resource)).map(({ group, resource }) => ({
    apiGroups: [group],
    resources: [resource],
    verbs: ['get', 'list', 'watch'],
  }));

const pod = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'shop',
    labels: { app: 'cart', 'linkerd.io/control-plane-ns': 'linkerd', 'linkerd.io/proxy-deployment': 'cart' },
  },
  spec: {
    serviceAccountName: 'cart',
    automountServiceAccountToken: false,
    containers: [
      { name: 'cart', image: 'cart', ports: [{ name: 'api', containerPort: 7070 }] },
      { name: 'linkerd-proxy', image: 'proxy', ports: [{ name: 'linkerd-proxy', containerPort: 4143 }] },
    ],
  },
});

interface Source {
  readonly id: string;
  readonly state: string;
  readonly lagSeconds: number | null;
  readonly fault: { readonly message: string } | null;
  readonly remarks: readonly string[];
}

describe.skipIf(skip !== null)(`denywhy serve in front of an API server${skip === null ? '' : ` [${skip}]`}`, () => {
  let cluster: Cluster;
  let directory: string;
  let served: Served | null = null;
  let kubeconfig = '';

  beforeAll(async () => {
    cluster = await startCluster();
    directory = mkdtempSync(join(tmpdir(), 'denywhy-serve-kubernetes-'));
    const { api } = cluster;
    await api.create(`${RBAC}/clusterroles`, { metadata: { name: 'denywhy' }, rules: rules(() => true) });
    const subjects = [{ kind: 'ServiceAccount', ...READER }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'denywhy' };
    await api.create(`${RBAC}/clusterrolebindings`, { metadata: { name: 'denywhy' }, roleRef, subjects });
    kubeconfig = await cluster.kubeconfigFor(READER);
    await api.create('/api/v1/namespaces', { metadata: { name: 'shop' } });
    await api.create('/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'cart' } });
    await createPod('cart-1', '10.9.0.1');
    await api.create(`${POLICY}/v1beta3/namespaces/shop/servers`, {
      ...object('Server', 'v1beta3', 'cart-api', { podSelector: { matchLabels: { app: 'cart' } }, port: 'api', proxyProtocol: 'HTTP/1' }),
    });
    await api.create(`${POLICY}/v1alpha1/namespaces/shop/meshtlsauthentications`, clients('kiosk'));
    await api.create(
      `${POLICY}/v1alpha1/namespaces/shop/authorizationpolicies`,
      object('AuthorizationPolicy', 'v1alpha1', 'cart-authz', {
        targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: 'cart-api' },
        requiredAuthenticationRefs: [{ group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', name: 'cart-clients' }],
      }),
    );
    await start();
  }, 240_000);

  afterAll(async () => {
    await served?.stop('SIGKILL');
    await cluster?.stop();
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);

  const object = (kind: string, version: string, name: string, spec: unknown) => ({
    apiVersion: `policy.linkerd.io/${version}`,
    kind,
    metadata: { name, namespace: 'shop' },
    spec,
  });
  const clients = (...accounts: readonly string[]) =>
    object('MeshTLSAuthentication', 'v1alpha1', 'cart-clients', {
      identities: accounts.map((account) => `${account}.till.serviceaccount.identity.linkerd.cluster.local`),
    });

  async function createPod(name: string, podIP: string): Promise<void> {
    await cluster.api.create('/api/v1/namespaces/shop/pods', pod(name));
    await cluster.api.merge(`/api/v1/namespaces/shop/pods/${name}/status`, {
      status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }] },
    });
  }

  async function start(): Promise<void> {
    served = await serve({
      DENYWHY_STORE_DIRECTORY: join(directory, 'data'),
      DENYWHY_KUBERNETES_WATCH: 'true',
      DENYWHY_KUBERNETES_KUBECONFIG: kubeconfig,
      DENYWHY_CLUSTER_POLL: '100ms',
    });
  }

  const get = async <T>(path: string): Promise<T> => (await (await fetch(`${served?.url}${path}`)).json()) as T;
  const source = async () => (await get<{ items: readonly Source[] }>('/api/v1/status')).items.find(({ id }) => id === 'kubernetes');
  const outcome = () => served?.output().slice(-3000) ?? '';
  const incidents = async () =>
    (
      await get<{ items: readonly { id: string; explained: number; evidence: number; answer: { object: string | null } | null }[] }>(
        '/api/v1/incidents',
      )
    ).items;
  const deny = (ip: string) =>
    fetch(`${served?.url}/api/v1/logs`, { method: 'POST', body: denials(ip), headers: { 'Content-Type': 'text/plain', ...FROM_CART } });
  const verdicts = async () => {
    const [incident] = await incidents();
    const { explanation } = await get<{
      explanation: { clients: { targets: { verdict: string; now: { verdict: string } | null }[] }[] } | null;
    }>(`/api/v1/incidents/${incident?.id}`);
    const target = explanation?.clients[0]?.targets[0];
    return [target?.verdict ?? null, target?.now?.verdict ?? null];
  };
  const becomes = async (verdict: string | null) =>
    until(`now: ${verdict}`, PATIENCE, async () => (await verdicts())[1] === verdict, outcome);
  async function allow(...accounts: readonly string[]): Promise<void> {
    const path = `${POLICY}/v1alpha1/namespaces/shop/meshtlsauthentications/cart-clients`;
    const { metadata } = await cluster.api.get<KubeObject>(path);
    await cluster.api.replace(path, { ...clients(...accounts), metadata });
  }

  it('says that it sees the cluster, and explains a denial against its policy', async () => {
    await until('all is well', PATIENCE, async () => (await source())?.state === 'well', outcome);
    expect((await source())?.lagSeconds).toBeLessThan(120);
    expect((await deny('10.9.0.3')).status).toBe(200);
    await until(
      'the answer',
      PATIENCE,
      async () => (await incidents())[0]?.answer?.object === 'MeshTLSAuthentication shop/cart-clients',
      outcome,
    );
    expect(await verdicts()).toEqual(['deny', null]);
  }, 120_000);

  it('explains it again when somebody edits the policy', async () => {
    await allow('kiosk', 'checkout');
    await becomes('allow');
    expect(await verdicts()).toEqual(['deny', 'allow']);
  }, 120_000);

  it('knows who had an address when', async () => {
    interface Answer {
      readonly owners: readonly { readonly name: string; readonly workload: { readonly name: string } | null }[];
    }
    const owners = async (at = '') =>
      (await get<Answer>(`/api/v1/addresses?ip=10.9.0.7${at === '' ? '' : `&at=${at}`}`)).owners.map(({ name, workload }) => [
        name,
        workload?.name,
      ]);
    const moment = () => new Date().toISOString();
    const before = moment();
    await createPod('cart-2', '10.9.0.7');
    await until('the first', PATIENCE, async () => (await owners()).length === 1, outcome);
    const first = moment();
    await cluster.api.remove('/api/v1/namespaces/shop/pods/cart-2?gracePeriodSeconds=0');
    await createPod('cart-3', '10.9.0.7');
    await until('the second', PATIENCE, async () => (await owners())[0]?.[0] === 'cart-3', outcome);
    expect([await owners(before), await owners(first), await owners()]).toEqual([[], [['cart-2', 'cart']], [['cart-3', 'cart']]]);
    expect(await get(`/api/v1/addresses?ip=nobody`)).toMatchObject({ status: 400 });
  }, 120_000);

  it('says which kind it may not read, and what it knows of it', async () => {
    const path = `${RBAC}/clusterroles/denywhy`;
    const role = await cluster.api.get<KubeObject>(path);
    await cluster.api.replace(path, { ...role, rules: rules((resource) => resource !== 'networkpolicies') });
    await served?.stop('SIGTERM');
    await start();
    await until(
      'the remark',
      PATIENCE,
      async () => (await source())?.remarks.some((remark) => remark.includes('networkpolicies')) === true,
      outcome,
    );
    expect(await source()).toMatchObject({
      state: 'remarks',
      fault: null,
      remarks: [
        expect.stringMatching(/does not let us read networkpolicies\.networking\.k8s\.io \(403\).*Nothing is known of networkpolicies/),
      ],
    });
    const denied = await cluster.api.get<KubeObject>(path);
    await cluster.api.replace(path, { ...denied, rules: rules(() => true) });
    await until('all is well again', PATIENCE, async () => (await source())?.state === 'well', outcome);
  }, 180_000);

  it('begins without an API server, with the policy as it was left, and sees afterwards what it missed', async () => {
    await served?.stop('SIGTERM');
    const apiServer = cluster.members.find(({ name }) => name === 'kube-apiserver');
    await allow('kiosk');
    await apiServer?.restart(async () => {
      await start();
      await until('the fault', PATIENCE, async () => (await source())?.state === 'failing', outcome);
      expect((await source())?.fault?.message).toContain('is not reachable (ECONNREFUSED)');
      // It was left before the last edit.
      expect((await deny('10.9.0.4')).status).toBe(200);
      await becomes('allow');
    });
    await becomes(null);
    await until('all is well', PATIENCE, async () => (await source())?.state === 'well', outcome);
  }, 240_000);
});
