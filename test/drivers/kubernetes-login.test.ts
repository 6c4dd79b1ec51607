/** Every way to log in, against a real API server; and that kubectl is the same user by the same kubeconfig. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { getJson, type KubernetesClient, openKubernetes } from '../../src/drivers/kubernetes-client.ts';
import { createPortForward } from '../../src/drivers/kubernetes-port-forward.ts';
import { type Certificate, certificatesSkip, createAuthority, createClientCertificate, inline } from '../certificates.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { clusterSkip } from '../cluster/skip.ts';
import { type ConnectProxy, startConnectProxy } from '../connect-proxy.ts';

const skip = clusterSkip ?? certificatesSkip;
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

describe.skipIf(skip !== null)(`ways to log in${skip === null ? '' : ` [${skip}]`}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-login-'));
  const clients: KubernetesClient[] = [];
  let cluster: Cluster;
  let authority: Certificate;
  let viewer: Certificate;
  let proxy: ConnectProxy;

  beforeAll(async () => {
    authority = createAuthority(directory, 'clients');
    viewer = createClientCertificate(directory, 'viewer', '/O=readers/CN=viewer', authority);
    cluster = await startCluster({ apiServerFlags: [`--client-ca-file=${authority.cert}`] });
    proxy = await startConnectProxy();
  }, 240_000);

  afterAll(async () => {
    for (const client of clients) client.close();
    await proxy?.close();
    await cluster?.stop();
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);

  const trusted = () => ({ server: cluster.server, 'certificate-authority-data': Buffer.from(cluster.ca).toString('base64') });

  function kubeconfig(name: string, user: object, of: object = trusted()): string {
    const file = join(directory, name);
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: of }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    };
    writeFileSync(file, stringify(config), { mode: 0o600 });
    return file;
  }

  function open(file: string | null, env: Readonly<Record<string, string>> = {}, context: string | null = null): KubernetesClient {
    const client = openKubernetes({ kubeconfig: file, context, env, timeout: 10_000 });
    clients.push(client);
    return client;
  }

  /** Nobody here may read Secrets: the refusal names who asked. */
  async function whoAsks(client: KubernetesClient): Promise<string> {
    const fault: unknown = await getJson(client, '/api/v1/secrets', 'secrets').catch((error: unknown) => error);
    return said(fault);
  }

  const said = (fault: unknown) =>
    fault instanceof Error ? (/User "([^"]+)" cannot/.exec(fault.message)?.[1] ?? fault.message) : 'nobody refused';
  const remedyOf = (fault: unknown) => (fault as { readonly remedy?: string }).remedy;
  const faultOf = (client: KubernetesClient) => getJson(client, '/api/v1/pods', 'pods').catch((error: unknown) => error);
  const kubectl = (file: string) =>
    cluster.kubectl([`--kubeconfig=${file}`, 'get', '--raw', '/api/v1/secrets']).catch((error: unknown) => error);

  async function tokenOf(name: string, seconds = 3600): Promise<string> {
    (await cluster.apiAs({ namespace: 'people', name })).close();
    const path = `/api/v1/namespaces/people/serviceaccounts/${name}/token`;
    return (await cluster.api.create<{ status: { token: string } }>(path, { spec: { expirationSeconds: seconds } })).status.token;
  }

  const accountOf = (name: string) => `system:serviceaccount:people:${name}`;

  /** A plugin that counts its runs, and prints this as `status`. */
  function plugin(name: string, status: object): { readonly exec: object; readonly runs: () => number } {
    const [script, count, answer] = ['sh', 'count', 'json'].map((suffix) => join(directory, `${name}.${suffix}`)) as [
      string,
      string,
      string,
    ];
    const apiVersion = 'client.authentication.k8s.io/v1';
    writeFileSync(answer, JSON.stringify({ apiVersion, kind: 'ExecCredential', status }));
    writeFileSync(script, `#!/bin/sh\necho run >> ${count}\ncat ${answer}\n`, { mode: 0o755 });
    writeFileSync(count, '');
    return {
      exec: { apiVersion, command: script, interactiveMode: 'Never' },
      runs: () => readFileSync(count, 'utf8').split('\n').length - 1,
    };
  }

  describe('is the user that kubectl is', () => {
    it.each<readonly [string, () => object | Promise<object>, string]>([
      [
        'by a client certificate that the kubeconfig holds',
        () => ({ 'client-certificate-data': inline(viewer.cert), 'client-key-data': inline(viewer.key) }),
        'viewer',
      ],
      ['by one in files beside it', () => ({ 'client-certificate': 'viewer.crt', 'client-key': 'viewer.key' }), 'viewer'],
      ['by a token', async () => ({ token: await tokenOf('token') }), accountOf('token')],
      [
        'by the file of a token, which comes before a token',
        async () => {
          writeFileSync(join(directory, 'a-token'), `${await tokenOf('file')}\n`);
          return { token: 'another', tokenFile: 'a-token' };
        },
        accountOf('file'),
      ],
      ['by the token of an exec plugin', async () => ({ exec: plugin('token', { token: await tokenOf('exec') }).exec }), accountOf('exec')],
      [
        'by the certificate of an exec plugin',
        () => {
          const [clientCertificateData, clientKeyData] = [readFileSync(viewer.cert, 'utf8'), readFileSync(viewer.key, 'utf8')];
          return { exec: plugin('certificate', { clientCertificateData, clientKeyData }).exec };
        },
        'viewer',
      ],
    ])('%s', async (name, user, expected) => {
      const file = kubeconfig(name.replaceAll(' ', '-'), await user());
      expect(await whoAsks(open(file))).toBe(expected);
      expect(said(await kubectl(file))).toBe(expected);
    });

    it('in the name of another, with groups', async () => {
      const rules = [{ apiGroups: [''], resources: ['users', 'groups'], verbs: ['impersonate'] }];
      await cluster.api.create(`${RBAC}/clusterroles`, { metadata: { name: 'impersonator' }, rules });
      await cluster.api.create(`${RBAC}/clusterrolebindings`, {
        metadata: { name: 'impersonator' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'impersonator' },
        subjects: [{ kind: 'Group', name: 'readers' }],
      });
      const certificate = { 'client-certificate': 'viewer.crt', 'client-key': 'viewer.key' };
      const plain = kubeconfig('as', { ...certificate, as: 'auditor' });
      expect([await whoAsks(open(plain)), said(await kubectl(plain))]).toEqual(['auditor', 'auditor']);
      const masters = kubeconfig('as-groups', { ...certificate, as: 'auditor', 'as-groups': ['system:masters', 'others'] });
      expect(await whoAsks(open(masters))).toBe('nobody refused');
      expect(await kubectl(masters)).toContain('SecretList');
    });
  });

  it('goes on with what stands in the file of a token by then, also after the API server refused the one before', async () => {
    const tokens = [await tokenOf('first'), 'no token at all', await tokenOf('second')];
    const seen: string[] = [];
    const client = open(kubeconfig('rotating', { tokenFile: 'rotating-token' }));
    for (const token of tokens) {
      writeFileSync(join(directory, 'rotating-token'), token);
      seen.push(await whoAsks(client));
    }
    expect(seen).toEqual([accountOf('first'), expect.stringContaining('does not know who asks (401)'), accountOf('second')]);
  });

  it('runs an exec plugin again when what it gave has run out, and not before', async () => {
    const token = await tokenOf('expiring');
    const { exec, runs } = plugin('expiring', { token, expirationTimestamp: new Date(Date.now() + 3000).toISOString() });
    const client = open(kubeconfig('expiring', { exec }));
    for (let i = 0; i < 3; i++) expect(await whoAsks(client)).toBe(accountOf('expiring'));
    expect(runs()).toBe(1);
    await sleep(3100);
    expect(await whoAsks(client)).toBe(accountOf('expiring'));
    expect(runs()).toBe(2);
  });

  it('says that a certificate or a token has run out', async () => {
    createClientCertificate(directory, 'over', '/CN=viewer', authority, true);
    const fault = await faultOf(open(kubeconfig('over', { 'client-certificate': 'over.crt', 'client-key': 'over.key' })));
    expect(said(fault)).toContain('does not know who asks (401)');
    expect(remedyOf(fault)).toContain('The token or certificate has run out or was revoked');
  });

  it('says which file of a certificate is not there, or is none', async () => {
    const fault = await faultOf(open(kubeconfig('absent', { 'client-certificate': 'absent.crt', 'client-key': 'viewer.key' })));
    expect(fault).toMatchObject({ name: 'InvalidInput', message: 'The client certificate cannot be read (ENOENT).' });
    writeFileSync(join(directory, 'none.crt'), 'no certificate');
    const none = await faultOf(open(kubeconfig('none', { 'client-certificate': 'none.crt', 'client-key': 'viewer.key' })));
    expect(said(none)).toContain('a certificate or key of the kubeconfig cannot be read (ERR_OSSL_PEM_NO_START_LINE)');
  });

  describe('on the way there', () => {
    const user = async () => ({ token: await tokenOf('traveller') });
    const address = () => new URL(cluster.server).host;

    it.each<readonly [string, () => object, () => Readonly<Record<string, string>>, boolean]>([
      ['takes the proxy of the cluster', () => ({ 'proxy-url': proxy.url }), () => ({}), true],
      [
        'takes the cluster’s rather than that of the environment',
        () => ({ 'proxy-url': proxy.url }),
        () => ({ HTTPS_PROXY: 'http://127.0.0.1:1' }),
        true,
      ],
      ['takes that of the environment, where the cluster has none', () => ({}), () => ({ HTTPS_PROXY: proxy.url }), true],
      ['passes the proxy by where the environment says so', () => ({}), () => ({ HTTPS_PROXY: proxy.url, NO_PROXY: '127.0.0.1' }), false],
    ])('%s', async (name, extra, env, isUsed) => {
      proxy.asked.length = 0;
      const client = open(kubeconfig(`proxy-${name.length}`, await user(), { ...trusted(), ...extra() }), env());
      expect(await whoAsks(client)).toBe(accountOf('traveller'));
      expect(proxy.asked).toEqual(isUsed ? [address()] : []);
    });

    it('takes the same proxy for port-forward', async () => {
      proxy.asked.length = 0;
      const client = open(kubeconfig('proxy-forward', await user(), { ...trusted(), 'proxy-url': proxy.url }));
      const pod = { namespace: 'people', pod: 'none' };
      const fault: unknown = await createPortForward(client)
        .open(pod, 4191)
        .catch((error: unknown) => error);
      expect(said(fault)).toContain('There is no right to forward a port of people/none (403)');
      expect(proxy.asked).toEqual([address()]);
    });

    it('says that a proxy is gone, refuses, or is of a kind that is not spoken', async () => {
      const through = async (url: string) => open(kubeconfig('proxy-bad', await user(), { ...trusted(), 'proxy-url': url }));
      expect(said(await faultOf(await through('http://127.0.0.1:1')))).toContain('ECONNREFUSED');
      proxy.refuses = true;
      expect(said(await faultOf(await through(proxy.url)))).toContain('is not reached: the proxy on the way refuses');
      proxy.refuses = false;
      await expect(through('socks5://127.0.0.1:1')).rejects.toThrow('proxy-url of the kubeconfig is no http:// or https:// address.');
    });

    it.each<readonly [string, (of: Readonly<Record<string, unknown>>) => object, string]>([
      ['trusts the authority of the cluster', (of) => of, accountOf('traveller')],
      ['trusts nobody else', ({ server }) => ({ server }), 'shows a certificate that is not trusted'],
      ['looks at nothing where it is told so', ({ server }) => ({ server, 'insecure-skip-tls-verify': true }), accountOf('traveller')],
      ['asks for the name that it is told', (of) => ({ ...of, 'tls-server-name': 'kubernetes.default.svc' }), accountOf('traveller')],
      ['trusts no other name', (of) => ({ ...of, 'tls-server-name': 'elsewhere.example' }), 'not trusted (ERR_TLS_CERT_ALTNAME_INVALID)'],
    ])('%s', async (name, of, expected) => {
      expect(await whoAsks(open(kubeconfig(`tls-${name.length}`, await user(), of(trusted()))))).toContain(expected);
    });

    it('reads the file of an authority', async () => {
      mkdirSync(join(directory, 'pki'));
      writeFileSync(join(directory, 'pki', 'ca.crt'), cluster.ca);
      const of = { server: cluster.server, 'certificate-authority': 'pki/ca.crt' };
      expect(await whoAsks(open(kubeconfig('ca-file', await user(), of)))).toBe(accountOf('traveller'));
    });
  });

  it('puts several kubeconfigs together, and takes the context that is named', async () => {
    const write = (name: string, config: object) => {
      const file = join(directory, name);
      writeFileSync(file, stringify({ apiVersion: 'v1', kind: 'Config', ...config }));
      return file;
    };
    const context = (name: string) => ({ name, context: { cluster: 'c', user: name } });
    const files = [
      write('clusters', { clusters: [{ name: 'c', cluster: trusted() }], contexts: [context('a')], 'current-context': 'b' }),
      write('users', {
        clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
        users: [
          { name: 'a', user: { token: await tokenOf('a') } },
          { name: 'b', user: { token: await tokenOf('b') } },
        ],
        contexts: [context('b')],
        'current-context': 'a',
      }),
    ];
    const env = { KUBECONFIG: files.join(':') };
    expect(await whoAsks(open(null, env))).toBe(accountOf('b'));
    expect(await whoAsks(open(null, env, 'a'))).toBe(accountOf('a'));
    expect(() => open(null, env, 'c')).toThrow('There is no context "c".');
  });

  describe('by auth-provider', () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const oidc = (exp: number) => ({
      name: 'oidc',
      config: {
        'client-id': 'k',
        'id-token': `${part({ alg: 'none' })}.${part({ exp })}.x`,
        'refresh-token': 'r',
        'idp-issuer-url': proxy.url,
      },
    });
    const at = (authProvider: object) => faultOf(open(kubeconfig('auth-provider', { 'auth-provider': authProvider })));

    it('oidc sends its token as long as it runs, and asks nobody for another', async () => {
      proxy.asked.length = 0;
      expect(said(await at(oidc(Math.floor(Date.now() / 1000) + 60)))).toContain('does not know who asks (401)');
      expect(await at(oidc(1_763_889_780))).toMatchObject({
        name: 'Unavailable',
        message: 'The id-token of auth-provider "oidc" ran out at 2025-11-23T09:23:00Z.',
        remedy: expect.stringContaining('kubectl get namespaces gets a new one'),
      });
      const empty = await at({ name: 'oidc', config: {} });
      expect(said(empty)).toContain('holds no id-token');
      expect(proxy.asked).toEqual([]);
    });

    it('any other is refused, as kubectl does', async () => {
      expect(await at({ name: 'gcp', config: {} })).toMatchObject({
        name: 'InvalidInput',
        message: 'The kubeconfig logs in by auth-provider "gcp", which kubectl has given up too.',
        remedy: expect.stringContaining('gke-gcloud-auth-plugin'),
      });
      expect(said(await kubectl(join(directory, 'auth-provider')))).toContain('The gcp auth plugin has been removed');
    });
  });
});
