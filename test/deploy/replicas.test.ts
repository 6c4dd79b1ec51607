/** The chart's preset redis as it runs: both pods watch the API server, one does the timed work, and the other does it when that one is killed. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../cluster/api.ts';
import { denials, FROM_CART } from '../http/running.ts';
import { until } from '../until.ts';
import { assembleImage, type Image, PROJECT } from './image.ts';
import { podSkip, type RunningPod, startPod } from './pod.ts';
import { PATIENCE, podsOf, releaseSkip, type Site, startSite } from './release.ts';

const skip = releaseSkip ?? podSkip;
const POLICY = '/apis/policy.linkerd.io';
const CLIENTS = `${POLICY}/v1alpha1/namespaces/shop/meshtlsauthentications/cart-clients`;

interface Incident {
  readonly id: string;
  readonly clients: number;
  readonly explained: number;
  readonly evidence: number;
  readonly explainedPolicy: string;
  readonly answer: { readonly object: string | null } | null;
}

describe.skipIf(skip !== null)(`two replicas on one Redis${skip === null ? '' : ` [${skip}]`}`, () => {
  let site: Site;
  let image: Image;
  let pods: readonly KubeObject[] = [];
  let replicas: RunningPod[] = [];

  beforeAll(async () => {
    site = await startSite();
    image = assembleImage();
    await makeCart();
    site.helm('install', 'redis', {});
    pods = await podsOf(site, 2);
    for (const pod of pods) replicas.push(await startPod(site.cluster, image, pod));
    for (const one of replicas) await ready(one);
  }, 300_000);

  afterAll(async () => {
    for (const one of replicas) await one.stop('SIGKILL');
    await site?.stop();
    image?.remove();
  }, 60_000);

  /** Pod cart-1 of namespace shop, whose port lets in `kiosk` alone. */
  async function makeCart(): Promise<void> {
    const { api } = site.cluster;
    const spec = {
      serviceAccountName: 'cart',
      automountServiceAccountToken: false,
      containers: [{ name: 'cart', image: 'cart', ports: [{ name: 'api', containerPort: 7070 }] }],
    };
    const labels = { app: 'cart', 'linkerd.io/control-plane-ns': 'linkerd', 'linkerd.io/proxy-deployment': 'cart' };
    await api.create('/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'cart' } });
    await api.create('/api/v1/namespaces/shop/pods', { metadata: { name: 'cart-1', labels }, spec });
    const status = { phase: 'Running', podIP: '10.9.0.1', podIPs: [{ ip: '10.9.0.1' }] };
    await api.merge('/api/v1/namespaces/shop/pods/cart-1/status', { status });
    const server = { podSelector: { matchLabels: { app: 'cart' } }, port: 'api', proxyProtocol: 'HTTP/1' };
    const authorization = {
      targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: 'cart-api' },
      requiredAuthenticationRefs: [{ group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', name: 'cart-clients' }],
    };
    await create('v1beta3', 'Server', 'servers', 'cart-api', server);
    await create('v1alpha1', 'MeshTLSAuthentication', 'meshtlsauthentications', 'cart-clients', identities('kiosk'));
    await create('v1alpha1', 'AuthorizationPolicy', 'authorizationpolicies', 'cart-authz', authorization);
  }
  const create = (version: string, kind: string, resource: string, name: string, spec: object) =>
    site.cluster.api.create(`${POLICY}/${version}/namespaces/shop/${resource}`, {
      apiVersion: `policy.linkerd.io/${version}`,
      kind,
      metadata: { name },
      spec,
    });
  const identities = (...accounts: readonly string[]) => ({
    identities: accounts.map((account) => `${account}.till.serviceaccount.identity.linkerd.cluster.local`),
  });
  const allow = (...accounts: readonly string[]) => site.cluster.api.merge(CLIENTS, { spec: identities(...accounts) });

  const outputs = () => replicas.map(({ name, output }) => `${name}:\n${output().slice(-3000)}`).join('\n');
  const as = (token: string) => ({ Authorization: `Bearer ${site.tokens.get(token)}` });
  const get = async <T>({ url }: RunningPod, path: string): Promise<T> =>
    (await (await fetch(`${url}${path}`, { headers: as('people') })).json()) as T;
  const ready = ({ url, name }: RunningPod) =>
    until(`${name} is ready`, PATIENCE, async () => (await fetch(`${url}/readyz`).catch(() => null))?.status === 200, outputs);
  const metric = async ({ url }: RunningPod, name: string) => {
    const text = await (await fetch(`${url}/metrics`, { headers: as('prometheus') })).text();
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
  };
  const leads = async (one: RunningPod) => (await metric(one, 'denywhy_leader')) === 1;
  const deny = async ({ url }: RunningPod, ip: string) => {
    const headers = { 'Content-Type': 'text/plain', ...FROM_CART, ...as('alertmanager') };
    return (await fetch(`${url}/api/v1/logs`, { method: 'POST', body: denials(ip), headers })).status;
  };
  const incident = async (one: RunningPod) => (await get<{ items: readonly Incident[] }>(one, '/api/v1/incidents')).items[0];
  /** What the present policy would decide, as this replica tells it. */
  const now = async (one: RunningPod) => {
    interface Answer {
      readonly explanation: {
        readonly clients: readonly { readonly targets: readonly { readonly now: { readonly verdict: string } | null }[] }[];
      } | null;
    }
    const { explanation } = await get<Answer>(one, `/api/v1/incidents/${(await incident(one))?.id}`);
    return explanation?.clients[0]?.targets[0]?.now?.verdict ?? null;
  };
  async function leaderAndOther(): Promise<readonly [leader: RunningPod, other: RunningPod]> {
    let leaders: RunningPod[] = [];
    await until(
      'one leads',
      PATIENCE,
      async () => {
        leaders = [];
        for (const one of replicas) if (await leads(one)) leaders.push(one);
        return leaders.length > 0;
      },
      outputs,
    );
    const [leader, ...more] = leaders;
    const other = replicas.find((one) => one !== leader);
    if (leader === undefined || other === undefined || more.length > 0) throw new Error(`${leaders.length} lead of ${replicas.length}`);
    return [leader, other];
  }

  it('watch both, and one of them does the timed work', async () => {
    const [leader, other] = await leaderAndOther();
    for (const one of [leader, other])
      await until('it watches', PATIENCE, async () => (await metric(one, 'denywhy_cluster_kinds{state="watching"}')) > 20, outputs);
    expect([await leads(leader), await leads(other)]).toEqual([true, false]);
  }, 120_000);

  it('share the policy: what one is told is explained against it, and an edit changes the answer of both', async () => {
    const [leader, other] = await leaderAndOther();
    expect(await deny(other, '10.9.0.3')).toBe(200);
    for (const one of [leader, other])
      await until(
        'the answer',
        PATIENCE,
        async () => (await incident(one))?.answer?.object === 'MeshTLSAuthentication shop/cart-clients',
        outputs,
      );
    await allow('kiosk', 'checkout');
    for (const one of [leader, other]) await until('allowed now', PATIENCE, async () => (await now(one)) === 'allow', outputs);
    expect(await incident(leader)).toEqual(await incident(other));
  }, 120_000);

  it('go on when the leader is killed: the other leads, sees the next edit, and a new one joins it', async () => {
    const [leader, other] = await leaderAndOther();
    await leader.stop('SIGKILL');
    expect(await deny(other, '10.9.0.4')).toBe(200);
    await until(
      'the answer',
      PATIENCE,
      async () => {
        const { clients, explained, evidence } = (await incident(other)) ?? { clients: 0, explained: 0, evidence: 1 };
        return clients === 2 && explained === evidence;
      },
      outputs,
    );
    await allow('kiosk');
    await until('denied again', PATIENCE, async () => (await now(other)) === null, outputs);
    await until('it leads', PATIENCE, () => leads(other), outputs);

    const pod = pods.find(({ metadata }) => metadata.name === leader.name);
    if (pod === undefined) throw new Error('no pod');
    const joined = await startPod(site.cluster, image, pod);
    replicas = [other, joined];
    await ready(joined);
    expect([await leads(other), await leads(joined)]).toEqual([true, false]);
    expect(await incident(joined)).toEqual(await incident(other));
  }, 240_000);

  it('have recorded each edit once', async () => {
    for (const one of replicas.splice(0)) expect(await one.stop('SIGTERM'), one.output()).toBe(0);
    const env = { ...process.env, DENYWHY_STORE_DRIVER: 'redis', DENYWHY_REDIS_URL: site.redis.url };
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(PROJECT, 'bin/denywhy.js'), 'export'], {
      env,
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    });
    expect(status, stderr).toBe(0);
    interface Line {
      readonly collection?: string;
      readonly id?: string;
      readonly value?: { readonly undo?: readonly { readonly key: string; readonly before: KubeObject | null }[] };
    }
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line): Line => JSON.parse(line));
    const steps = lines.filter(({ collection }) => collection === 'policy').toSorted((a, b) => ((a.id ?? '') < (b.id ?? '') ? -1 : 1));
    const undone = steps.flatMap(({ value }) => value?.undo ?? []);
    const before = undone
      .filter(({ key }) => key.endsWith('/MeshTLSAuthentication/shop/cart-clients'))
      .map((step) => step.before?.['spec']);
    expect(before).toEqual([identities('kiosk'), identities('kiosk', 'checkout')]);
  }, 60_000);
});
