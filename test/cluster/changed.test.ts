/** Edits by several users on a real API server: each is found in its audit log, by whoever made it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../commands/explain-run.ts';
import type { Api, KubeObject } from './api.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { linkerdCrdsSkip } from './crds.ts';
import { clusterSkip } from './skip.ts';

const START = 180_000;
const skip = clusterSkip ?? linkerdCrdsSkip;
const GROUP = 'policy.linkerd.io';
const PATH = `/apis/${GROUP}/v1alpha1/namespaces/shop`;
const identity = (namespace: string) => `web.${namespace}.serviceaccount.identity.linkerd.cluster.local`;

const mtls = { apiVersion: `${GROUP}/v1alpha1`, kind: 'MeshTLSAuthentication', metadata: { name: 'clients', namespace: 'shop' } };
const server = {
  apiVersion: `${GROUP}/v1beta3`,
  kind: 'Server',
  metadata: { name: 'cart-http', namespace: 'shop' },
  spec: { podSelector: { matchLabels: { app: 'cart' } }, port: 8080, proxyProtocol: 'HTTP/1' },
};
const policy = {
  apiVersion: `${GROUP}/v1alpha1`,
  kind: 'AuthorizationPolicy',
  metadata: { name: 'cart', namespace: 'shop' },
  spec: {
    targetRef: { group: GROUP, kind: 'Server', name: 'cart-http' },
    requiredAuthenticationRefs: [{ group: GROUP, kind: 'MeshTLSAuthentication', name: 'clients' }],
  },
};
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'cart', namespace: 'shop', labels: { app: 'cart', 'linkerd.io/control-plane-ns': 'linkerd' } },
  spec: { serviceAccountName: 'cart', containers: [{ name: 'cart', ports: [{ containerPort: 8080 }] }] },
};

interface Edit {
  readonly user: string;
  readonly impersonatedBy: string | null;
  readonly manager: string | null;
}

describe.skipIf(skip !== null)(`what users did to a real API server${skip === null ? '' : ` [${skip}]`}`, () => {
  let cluster: Cluster;
  let directory = '';
  let deployer: Api;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'denywhy-changed-'));
    cluster = await startCluster();
    deployer = await cluster.apiAs({ namespace: 'ci', name: 'deployer' });
    const { api } = cluster;
    await api.create('/api/v1/namespaces', { metadata: { name: 'shop' } });
    await api.create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'deployer' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'ci', name: 'deployer' }],
    });
  }, START);

  afterAll(async () => {
    await cluster?.stop();
    rmSync(directory, { recursive: true, force: true });
  }, START);

  /** Makes the objects, lets `edit` break them, and asks what did it. */
  async function authorOf(edit: () => Promise<unknown>): Promise<{ readonly change: string; readonly author: Edit | null }> {
    const { api } = cluster;
    const events: object[] = [{ observedAt: new Date().toISOString(), type: 'ADDED', initial: true, object: pod }];
    const see = (type: string, object: object) => events.push({ observedAt: new Date().toISOString(), type, object });
    for (const object of [server, policy]) see('ADDED', await api.create(await api.collectionOf(object), object));
    const made = await api.create<KubeObject>(`${PATH}/meshtlsauthentications?fieldManager=setup`, {
      ...mtls,
      spec: { identities: [identity('shop')] },
    });
    see('ADDED', made);
    await edit();
    const now = await api.get<KubeObject>(`${PATH}/meshtlsauthentications/clients`).catch(() => null);
    see(now === null ? 'DELETED' : 'MODIFIED', now ?? made);
    for (const object of [...(now === null ? [] : [mtls]), policy, server]) await api.remove(await api.pathOf(object));
    const [history, log] = [join(directory, 'history.jsonl'), join(directory, 'cart.log')];
    writeFileSync(history, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    const denial = `client.tls=Some(Established { client_id: Some(ClientId(Dns(Name("${identity('shop')}")))), negotiated_protocol: None }) client.ip=10.0.0.7`;
    writeFileSync(
      log,
      `${new Date().toISOString()} [     1.000000s]  INFO ThreadId(01) inbound:server{port=8080}: linkerd_app_inbound::policy::http: Request denied server.group=${GROUP} server.kind=server server.name=cart-http route.group= route.kind=default route.name=default ${denial}\n`,
    );
    const { stdout, stderr } = await run([
      '-n',
      'shop',
      'po/cart',
      '--cluster',
      history,
      '--logs',
      log,
      '--audit-log',
      cluster.auditLog,
      '-o',
      'json',
    ]);
    expect(stderr).toBe('');
    const { change, author } = JSON.parse(stdout).clients[0].targets[0].changed.turned.edits[0];
    return { change, author };
  }

  const broken = { spec: { identities: [identity('prod')] } };

  it('a ServiceAccount that patches is named, with its field manager', async () => {
    const found = await authorOf(() => deployer.merge(`${PATH}/meshtlsauthentications/clients?fieldManager=argocd`, broken));
    expect(found).toEqual({
      change: 'edited',
      author: { user: 'system:serviceaccount:ci:deployer', impersonatedBy: null, manager: 'argocd' },
    });
  });

  it('of two users that edit one after the other, the one who broke it is named', async () => {
    const found = await authorOf(async () => {
      await deployer.merge(`${PATH}/meshtlsauthentications/clients?fieldManager=argocd`, { metadata: { labels: { team: 'web' } } });
      await cluster.kubectl(['patch', 'meshtlsauthentications', 'clients', '-n', 'shop', '--type=merge', '-p', JSON.stringify(broken)]);
    });
    expect(found).toEqual({ change: 'edited', author: { user: 'admin', impersonatedBy: null, manager: 'kubectl-patch' } });
  });

  it('whoever acts in another’s name is named beside it', async () => {
    const found = await authorOf(() =>
      cluster.kubectl([
        'patch',
        'meshtlsauthentications',
        'clients',
        '-n',
        'shop',
        '--type=merge',
        '--as=alice',
        '--as-group=system:masters',
        '-p',
        JSON.stringify(broken),
      ]),
    );
    expect(found).toEqual({ change: 'edited', author: { user: 'alice', impersonatedBy: 'admin', manager: 'kubectl-patch' } });
  });

  it('who deleted it is named', async () => {
    const found = await authorOf(() => deployer.remove(`${PATH}/meshtlsauthentications/clients`));
    expect(found).toEqual({
      change: 'deleted',
      author: { user: 'system:serviceaccount:ci:deployer', impersonatedBy: null, manager: null },
    });
  });
});
