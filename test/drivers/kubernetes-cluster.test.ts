/** The watch against a real API server: under a ServiceAccount that may read what the table says and nothing else, and through every fault. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { createKubernetesCluster } from '../../src/drivers/cluster-kubernetes.ts';
import { type KubernetesClient, openKubernetes } from '../../src/drivers/kubernetes-client.ts';
import { TIMING } from '../../src/drivers/kubernetes-follow.ts';
import { nameOfKind, WATCHED_KINDS } from '../../src/drivers/kubernetes-kinds.ts';
import { refOf, showRef } from '../../src/policy/resource.ts';
import type { ClusterEdit, ClusterWatch, KindStatus } from '../../src/ports.ts';
import type { KubeObject } from '../cluster/api.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { linkerdCrdsSkip } from '../cluster/crds.ts';
import { clusterSkip } from '../cluster/skip.ts';
import { until } from '../until.ts';

const skip = clusterSkip ?? linkerdCrdsSkip;
const PATIENCE = 120_000;
const READER = { namespace: 'denywhy', name: 'denywhy' };
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const ROLE = `${RBAC}/clusterroles/denywhy`;
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const POLICY = '/apis/policy.linkerd.io/v1alpha1/namespaces/shop';

/** What a chart grants, from the same table. */
const RULES = WATCHED_KINDS.map(({ group, resource, name }) => ({
  apiGroups: [group],
  resources: [resource],
  verbs: ['get', 'list', 'watch'],
  ...(name === null ? {} : { resourceNames: [name] }),
}));

const authentication = (name: string, identity: string) => ({
  apiVersion: 'policy.linkerd.io/v1alpha1',
  kind: 'MeshTLSAuthentication',
  metadata: { name, namespace: 'shop' },
  spec: { identities: [identity] },
});

describe.skipIf(skip !== null)(`a cluster that is watched${skip === null ? '' : ` [${skip}]`}`, () => {
  let cluster: Cluster;
  let directory: string;
  let tokenFile: string;
  let watch: ClusterWatch;
  let asked: string[] = [];
  const edits: ClusterEdit[] = [];

  beforeAll(async () => {
    cluster = await startCluster();
    directory = mkdtempSync(join(tmpdir(), 'denywhy-watch-'));
    tokenFile = join(directory, 'token');
    const { api } = cluster;
    await api.create(`${RBAC}/clusterroles`, { metadata: { name: 'denywhy' }, rules: RULES });
    await api.create(`${RBAC}/clusterrolebindings`, {
      metadata: { name: 'denywhy' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'denywhy' },
      subjects: [{ kind: 'ServiceAccount', ...READER }],
    });
    await api.create('/api/v1/namespaces', { metadata: { name: 'linkerd' } });
    await api.create('/api/v1/namespaces', { metadata: { name: 'shop' } });
    await api.create('/api/v1/namespaces/linkerd/configmaps', {
      metadata: { name: 'linkerd-config' },
      data: { values: 'clusterDomain: cluster.local\n' },
    });
    await api.create('/api/v1/namespaces/linkerd/configmaps', { metadata: { name: 'other' }, data: { secret: 'not ours' } });
    for (let i = 0; i < 3; i++) await api.create(`${POLICY}/meshtlsauthentications`, authentication(`before-${i}`, '*'));
    writeFileSync(tokenFile, await newToken());
    watch = createKubernetesCluster({
      client: counted(openKubernetes({ kubeconfig: writeKubeconfig(), context: null, env: {} })),
      kinds: WATCHED_KINDS,
      random: Math.random,
      sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }).catch(() => undefined),
      now: () => Date.now(),
      // Watches end soon, so that what was taken away is noticed soon.
      timing: { ...TIMING, firstPause: 100, longestPause: 1000, patience: 500, watchSeconds: 2 },
    });
    watch.start((some) => void edits.push(...some));
    await watch.settled;
  }, 240_000);

  afterAll(async () => {
    await watch?.stop();
    await cluster?.stop();
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);

  function counted(client: KubernetesClient): KubernetesClient {
    return {
      ...client,
      async get(path, request) {
        const answer = await client.get(path, request);
        asked.push(`${answer.status} ${request?.query?.['watch'] === '1' ? 'watch' : 'list'} ${path}`);
        return answer;
      },
    };
  }

  function writeKubeconfig(): string {
    const file = join(directory, 'config');
    const clusters = [
      { name: 'c', cluster: { server: cluster.server, 'certificate-authority-data': Buffer.from(cluster.ca).toString('base64') } },
    ];
    const contexts = [{ name: 'c', context: { cluster: 'c', user: 'u' } }];
    writeFileSync(file, stringify({ 'current-context': 'c', clusters, contexts, users: [{ name: 'u', user: { tokenFile } }] }));
    return file;
  }

  async function newToken(): Promise<string> {
    // Makes namespace and ServiceAccount where they are missing.
    (await cluster.apiAs(READER)).close();
    const path = `/api/v1/namespaces/${READER.namespace}/serviceaccounts/${READER.name}/token`;
    return (await cluster.api.create<{ status: { token: string } }>(path, { spec: { expirationSeconds: 3600 } })).status.token;
  }

  const kind = (name: string): KindStatus => watch.kinds().find((one) => one.name === name) as KindStatus;
  const authentications = () => kind('meshtlsauthentications.policy.linkerd.io');
  const names = (of: string) =>
    watch
      .resources()
      .flatMap(({ kind: own, metadata }) => (own === of ? [metadata.name] : []))
      .sort();
  const isWell = () => watch.kinds().every(({ state }) => state === 'watching');
  const comes = (name: string) =>
    until(
      `${name} is known`,
      PATIENCE,
      () => names('MeshTLSAuthentication').includes(name),
      () => JSON.stringify(watch.kinds().filter(({ state }) => state !== 'watching')),
    );
  const create = (name: string) => cluster.api.create(`${POLICY}/meshtlsauthentications`, authentication(name, '*'));
  const apiServer = () => cluster.members.find(({ name }) => name === 'kube-apiserver') as Cluster['members'][number];
  const isReady = () =>
    cluster.api.getText('/readyz').then(
      (text) => text === 'ok',
      () => false,
    );
  const ready = () => until('the API server is ready', PATIENCE, isReady);

  it('reads every kind of the table with the rights that follow from it, and of ConfigMaps the one', () => {
    expect(watch.kinds().filter(({ state }) => state !== 'watching')).toEqual([]);
    expect(names('ConfigMap')).toEqual(['linkerd-config']);
    expect(names('MeshTLSAuthentication')).toEqual(['before-0', 'before-1', 'before-2']);
    expect(names('Namespace')).toContain('kube-system');
    expect(JSON.stringify(edits)).not.toMatch(/not ours|fieldsV1/);
  });

  it('may do nothing else there', async () => {
    const own = await cluster.kubeconfigFor(READER);
    const rights = await cluster.kubectl(['--kubeconfig', own, 'auth', 'can-i', '--list']);
    const verbs = rights
      .split('\n')
      .slice(1)
      .map((line) => /\[([^\]]*)\]\s*$/.exec(line)?.[1] ?? '');
    const others = new Set(verbs.flatMap((text) => text.split(' ')).filter((verb) => !['get', 'list', 'watch', ''].includes(verb)));
    // Of the default role: everybody may ask what he may do.
    expect([...others]).toEqual(['create']);
    expect(
      rights
        .split('\n')
        .filter((line) => line.includes('create'))
        .every((line) => /^self\w+reviews/.test(line)),
    ).toBe(true);
  });

  it('sees an edit with its manager and generation, and a deletion', async () => {
    await create('edited');
    await comes('edited');
    const given = await cluster.api.get<KubeObject>(`${POLICY}/meshtlsauthentications/edited`);
    await cluster.api.replace(`${POLICY}/meshtlsauthentications/edited?fieldManager=someone`, {
      ...given,
      spec: { identities: ['a.shop.serviceaccount.identity.linkerd.cluster.local'] },
    });
    const edited = () => watch.resources().find(({ metadata }) => metadata.name === 'edited')?.metadata;
    await until('the edit is known', PATIENCE, () => edited()?.generation === 2);
    expect(edited()?.managedFields).toContainEqual({ manager: 'someone', operation: 'Update', time: expect.stringMatching(/Z$/) });
    await cluster.api.remove(`${POLICY}/meshtlsauthentications/edited`);
    await until('it is gone', PATIENCE, () => edited() === undefined);
  });

  it('goes on when the API server was stopped and started', async () => {
    await apiServer().restart(async () => {
      const isRefused = ({ fault }: KindStatus) => fault?.message.includes('is not reachable (ECONNREFUSED)') === true;
      await until('the loss is noticed', PATIENCE, () => watch.kinds().every(isRefused));
      expect(names('MeshTLSAuthentication')).toContain('before-0');
    });
    await ready();
    await create('after-restart');
    await comes('after-restart');
    await until('all is well', PATIENCE, isWell);
  }, 240_000);

  it('lists anew where etcd was compacted under a watch (410), and says only what differs', async () => {
    const before = edits.length;
    await apiServer().restart(async () => {
      await until('the loss is noticed', PATIENCE, () => authentications().state === 'failing');
      const range = await etcd('/v3/kv/range', { key: 'AA==', range_end: 'AA==', limit: 1 });
      await etcd('/v3/kv/compaction', { revision: range.header.revision, physical: true });
      asked = [];
    });
    await ready();
    await until('all is well', PATIENCE, isWell);
    await create('after-compaction');
    await comes('after-compaction');
    // Nothing else makes it list a kind that it knows: each was told 410.
    expect(asked.filter((line) => line.startsWith('200 list')).length).toBeGreaterThan(0);
    expect(edits.slice(before).filter(({ change }) => 'delete' in change && change.delete.kind !== 'Pod')).toEqual([]);
    const repeated = edits.slice(before).flatMap(({ change }) => ('apply' in change ? [showRef(refOf(change.apply))] : []));
    expect(repeated.filter((name) => name.includes('before-'))).toEqual([]);
  }, 240_000);

  async function etcd(path: string, body: object): Promise<{ readonly header: { readonly revision: string } }> {
    const answer = await fetch(`${cluster.etcd}${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`etcd ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as { readonly header: { readonly revision: string } };
  }

  it('says that the token was revoked, keeps what it knows, and goes on with the next one', async () => {
    await cluster.api.remove(`/api/v1/namespaces/${READER.namespace}/serviceaccounts/${READER.name}`);
    await until('it is refused', PATIENCE, () =>
      watch.kinds().every(({ fault }) => fault?.message.includes('does not know who asks (401)')),
    );
    expect(names('MeshTLSAuthentication')).toContain('before-0');
    writeFileSync(tokenFile, await newToken());
    await create('after-revocation');
    await comes('after-revocation');
    await until('all is well', PATIENCE, isWell);
  }, 240_000);

  it('says of one kind that it may not be read, while the others go on, and takes it up when it may', async () => {
    const without = RULES.filter(({ resources }) => !resources.includes('meshtlsauthentications'));
    const role = await cluster.api.get<KubeObject>(ROLE);
    await cluster.api.replace(ROLE, { ...role, rules: without });
    await until('it is refused', PATIENCE, () => authentications().state === 'failing');
    expect(authentications().fault?.message).toMatch(
      /does not let us read meshtlsauthentications\.policy\.linkerd\.io \(403\): .* is forbidden: User/,
    );
    await create('unseen');
    await cluster.api.create(`${POLICY}/networkauthentications`, {
      ...authentication('seen', ''),
      kind: 'NetworkAuthentication',
      spec: { networks: [{ cidr: '10.0.0.0/8' }] },
    });
    await until('the others go on', PATIENCE, () => names('NetworkAuthentication').includes('seen'));
    expect(
      watch
        .kinds()
        .filter(({ state }) => state !== 'watching')
        .map(({ name }) => name),
    ).toEqual(['meshtlsauthentications.policy.linkerd.io']);
    expect(names('MeshTLSAuthentication')).not.toContain('unseen');
    const denied = await cluster.api.get<KubeObject>(ROLE);
    await cluster.api.replace(ROLE, { ...denied, rules: RULES });
    await comes('unseen');
    expect(authentications().fault).toBeNull();
  }, 240_000);

  it('follows a CustomResourceDefinition that changes its served version, goes, and comes back', async () => {
    const servers = () => kind('servers.policy.linkerd.io');
    const path = `${CRDS}/servers.policy.linkerd.io`;
    const definition = await cluster.api.get<
      KubeObject & { spec: { versions: readonly { name: string; served: boolean; storage: boolean }[] } }
    >(path);
    const best = servers().version;
    const serve = async (served: boolean) => {
      const now = await cluster.api.get<typeof definition>(path);
      await cluster.api.replace(path, {
        ...now,
        spec: { ...now.spec, versions: now.spec.versions.map((v) => (v.name === best ? { ...v, served } : v)) },
      });
    };
    await serve(false);
    await until('another version', PATIENCE, () => servers().state === 'watching' && servers().version !== best);
    await serve(true);
    await until('the best version again', PATIENCE, () => servers().version === best);

    const authentication = await cluster.api.get<KubeObject>(`${CRDS}/meshtlsauthentications.policy.linkerd.io`);
    await cluster.api.remove(`${CRDS}/meshtlsauthentications.policy.linkerd.io`);
    await until('it is gone', PATIENCE, () => authentications().state === 'absent');
    expect(names('MeshTLSAuthentication')).toEqual([]);
    const { name } = authentication.metadata;
    await cluster.api.create(CRDS, {
      apiVersion: authentication.apiVersion,
      kind: authentication.kind,
      metadata: { name },
      spec: authentication['spec'],
    });
    await until('it is served', PATIENCE, () =>
      create('after-deletion').then(
        () => true,
        () => false,
      ),
    );
    await comes('after-deletion');
    expect(watch.kinds().filter(({ state }) => state === 'failing')).toEqual([]);
  }, 240_000);

  it('has asked for nothing beyond the table', () => {
    const resources = new Set(WATCHED_KINDS.map(({ resource }) => resource));
    expect([...new Set(asked.map((line) => line.split('/').at(-1)))].filter((resource) => !resources.has(resource ?? ''))).toEqual([]);
    expect(new Set(WATCHED_KINDS.map(nameOfKind)).size).toBe(WATCHED_KINDS.length);
  });
});
