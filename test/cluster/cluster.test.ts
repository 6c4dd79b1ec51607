import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from './api.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { linkerdCrdsSkip } from './crds.ts';
import { listeningAddresses } from './listeners.ts';
import { clusterSkip } from './skip.ts';
import { fillCluster, playChanges } from './story.ts';
import { readStory } from './story-events.ts';

const STORY = join(import.meta.dirname, '..', '..', 'demo', 'policy-history.jsonl');
const START = 180_000;

const title = (name: string, ...skips: readonly (string | null)[]) => {
  const reasons = skips.filter((reason) => reason !== null);
  return reasons.length === 0 ? name : `${name} [${reasons.join('; ')}]`;
};

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly requestURI: string;
  readonly objectRef?: { readonly resource: string; readonly namespace?: string; readonly name?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code: number };
  readonly requestObject?: KubeObject;
}

describe.skipIf(clusterSkip !== null)(title('a test cluster', clusterSkip), () => {
  let cluster: Cluster;

  const audit = (): readonly AuditEvent[] =>
    readFileSync(cluster.auditLog, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line): AuditEvent => JSON.parse(line));

  beforeAll(async () => {
    cluster = await startCluster();
  }, START);

  afterAll(() => cluster?.stop(), START);

  it('listens on loopback only', () => {
    const addresses = cluster.members.map(({ name, pid }) => [name, new Set(listeningAddresses(pid))]);

    expect(addresses).toEqual(
      ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl-proxy', 'prometheus-operator'].map((name) =>
        expect.arrayContaining([name, new Set(['127.0.0.1'])]),
      ),
    );
  });

  it('knows the kinds of the Prometheus operator', async () => {
    expect(await cluster.kubectl(['get', 'prometheusrules.monitoring.coreos.com', '-A', '-o', 'name'])).toBe('');
  });

  it.skipIf(linkerdCrdsSkip !== null)(title('knows the kinds of Linkerd', linkerdCrdsSkip), async () => {
    expect(
      await cluster.kubectl(['get', 'servers.policy.linkerd.io,authorizationpolicies,httproutes.policy.linkerd.io', '-A', '-o', 'name']),
    ).toBe('');
  });

  it('says the version that it was built from', async () => {
    const { serverVersion, clientVersion } = JSON.parse(await cluster.kubectl(['version', '-o', 'json']));

    expect([serverVersion.gitVersion, clientVersion.gitVersion]).toEqual(['v1.36.3', 'v1.36.3']);
  });

  it('lets the viewer read policies and pods, and write nothing', async () => {
    const asViewer = (...args: readonly string[]) => cluster.kubectl([...args, `--kubeconfig=${cluster.kubeconfig.viewer}`]);

    expect(await asViewer('auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}')).toBe('viewer');
    expect(await asViewer('get', 'pods,prometheusrules', '-A', '-o', 'name')).toBe('');
    await expect(asViewer('create', 'namespace', 'forbidden')).rejects.toThrow(
      /forbidden.*User "viewer" cannot create resource "namespaces"/,
    );
    await expect(asViewer('get', 'secrets', '-A')).rejects.toThrow(/User "viewer" cannot list resource "secrets"/);
  });

  it('gives any ServiceAccount a kubeconfig, which is that ServiceAccount and may do what it is bound to', async () => {
    const file = await cluster.kubeconfigFor({ namespace: 'denywhy', name: 'denywhy' });
    const asDenywhy = (...args: readonly string[]) => cluster.kubectl([...args, `--kubeconfig=${file}`]);

    expect(await asDenywhy('auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}')).toBe('system:serviceaccount:denywhy:denywhy');
    await expect(asDenywhy('get', 'pods', '-A')).rejects.toThrow(/cannot list resource "pods"/);

    await cluster.kubectl(['create', 'clusterrolebinding', 'denywhy', '--clusterrole=view', '--serviceaccount=denywhy:denywhy']);
    expect(await asDenywhy('get', 'pods', '-A', '-o', 'name')).toBe('');
  });

  it('writes down who wrote what, and who tried to', async () => {
    const rule = { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule', metadata: { name: 'audited', namespace: 'default' } };
    await cluster.kubectl(['create', '-f', '-'], JSON.stringify({ ...rule, spec: { groups: [] } }));

    const of = (resource: string, verb: string) => audit().filter((event) => event.objectRef?.resource === resource && event.verb === verb);
    expect(of('prometheusrules', 'create').map(({ user, requestObject }) => [user.username, requestObject?.metadata.name])).toEqual([
      ['admin', 'audited'],
    ]);
    expect(
      of('namespaces', 'create')
        .filter(({ user }) => user.username === 'viewer')
        .map(({ responseStatus }) => responseStatus?.code),
    ).toEqual([403]);
  });

  it('has controllers: a Deployment gets its ReplicaSet and pods, which nothing runs', async () => {
    await cluster.kubectl(['create', 'deployment', 'echo', '--image=echo', '--replicas=2']);
    const query = '{range .items[*]}{.status.phase} {.metadata.ownerReferences[0].kind}{"\\n"}{end}';

    await expect
      .poll(() => cluster.kubectl(['get', 'pods', '-l', 'app=echo', '-o', `jsonpath=${query}`]), { timeout: 30_000 })
      .toBe('Pending ReplicaSet\nPending ReplicaSet\n');
  });

  describe.skipIf(linkerdCrdsSkip !== null)(title('filled with the recorded story', linkerdCrdsSkip), () => {
    const events = readStory(STORY);
    const last = new Map(
      events.map((event) => [`${event.object.kind} ${event.object.metadata.namespace}/${event.object.metadata.name}`, event.object]),
    );
    const now = new Map<string, KubeObject>();

    beforeAll(async () => {
      await fillCluster(cluster, events);
      await playChanges(cluster, events, { speed: null });
      for (const [name, object] of last) now.set(name, await cluster.api.get<KubeObject>(await cluster.api.pathOf(object)));
    }, START);

    it('holds every object as it was last recorded', () => {
      // The controller manager of this cluster writes ReplicaSets' and Services' own bookkeeping; specs and statuses are the recording's.
      for (const [name, recorded] of last) expect([name, now.get(name)?.['spec']], name).toEqual([name, recorded['spec']]);
      expect(last.size).toBeGreaterThan(30);
    });

    it('holds the recorded status of pods and routes', () => {
      const withStatus = [...last].filter(([, { kind }]) => kind === 'Pod' || kind === 'HTTPRoute');

      for (const [name, recorded] of withStatus) expect([name, now.get(name)?.['status']]).toEqual([name, recorded['status']]);
      expect(withStatus.length).toBeGreaterThan(10);
    });

    it('names the recorded field managers as the authors', () => {
      const managersOf = (object: KubeObject | undefined) =>
        object?.metadata.managedFields?.map(({ manager, subresource }) => [manager, subresource]);
      const managed = [...last].filter(([, { metadata }]) => metadata.managedFields !== undefined);

      for (const [name, recorded] of managed) expect([name, managersOf(now.get(name))]).toEqual([name, managersOf(recorded)]);
      expect(managersOf(now.get('MeshTLSAuthentication production/frontend-mtls'))).toEqual([
        ['kubectl-client-side-apply', undefined],
        ['kubectl-edit', undefined],
      ]);
    });

    it('has the edits by their users in the audit log', () => {
      const writes = audit().filter(({ objectRef }) => objectRef?.namespace === 'production' && objectRef.subresource === 'status');
      const edits = audit().filter(({ requestURI, verb }) => verb === 'update' && requestURI.endsWith('?fieldManager=kubectl-edit'));

      expect(new Set(writes.filter(({ objectRef }) => objectRef?.resource === 'httproutes').map(({ user }) => user.username))).toEqual(
        new Set(['system:serviceaccount:linkerd:linkerd-destination']),
      );
      expect(edits.map(({ user, requestObject }) => [user.username, requestObject?.['spec']])).toEqual([
        ['admin', { identities: ['frontend.prod.serviceaccount.identity.linkerd.cluster.local'] }],
        ['admin', { identities: ['frontend.production.serviceaccount.identity.linkerd.cluster.local'] }],
      ]);
    });

    it('hangs every pod below the Deployment whose name it bears, and no pod more', async () => {
      const list = await cluster.api.get<{ items: KubeObject[] }>('/api/v1/namespaces/production/pods');
      const recorded = [...last.values()].filter(({ kind, metadata }) => kind === 'Pod' && metadata.namespace === 'production');
      const replicaSets = await cluster.api.get<{ items: KubeObject[] }>('/apis/apps/v1/namespaces/production/replicasets');
      const ownerOf = ({ metadata }: KubeObject) => metadata.ownerReferences?.map(({ kind, name }) => `${kind} ${name}`);

      expect(list.items.map(({ metadata }) => metadata.name).sort()).toEqual(recorded.map(({ metadata }) => metadata.name).sort());
      expect(list.items.flatMap(ownerOf).sort()).toEqual(recorded.flatMap(ownerOf).sort());
      await cluster.kubectl(['-n', 'production', 'wait', 'deployment', '--all', '--for=condition=Available', '--timeout=30s']);
      expect(replicaSets.items.map(({ metadata }) => metadata.name).sort()).toEqual(
        [...new Set(recorded.flatMap(({ metadata }) => metadata.ownerReferences?.map(({ name }) => name) ?? []))].sort(),
      );
    });

    it('lets the endpoint slice controller find the recorded pods', async () => {
      await cluster.kubectl([
        '-n',
        'production',
        'wait',
        'endpointslice',
        '-l',
        'kubernetes.io/service-name=backend',
        '--for=jsonpath={.endpoints[1].conditions.ready}=true',
        '--timeout=30s',
      ]);
      const path = '/apis/discovery.k8s.io/v1/namespaces/production/endpointslices?labelSelector=kubernetes.io/service-name=backend';
      const { items } = await cluster.api.get<{ items: (KubeObject & { endpoints: { addresses: string[] }[] })[] }>(path);

      expect(items.flatMap(({ endpoints }) => endpoints.flatMap(({ addresses }) => addresses)).sort()).toEqual([
        '10.42.0.16',
        '10.42.0.17',
      ]);
    });
  });

  // The last: it ends the cluster.
  it('ends as a whole, and says why, when a member ends by itself', async () => {
    const manager = cluster.members.find(({ name }) => name === 'kube-controller-manager');
    process.kill(manager?.pid ?? -1, 'SIGKILL');

    expect(await cluster.failed).toMatch(/^kube-controller-manager ended with SIGKILL; the end of its log:/);
    await cluster.stop();
    expect(cluster.members.filter((member) => !member.hasEnded())).toEqual([]);
    expect(cluster.members.filter(({ pid }) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(existsSync(cluster.directory)).toBe(false);
  });
});
