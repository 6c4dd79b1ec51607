import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { createAsking } from '../../src/commands/service-asking.ts';
import * as asked from '../../src/http/asking-shapes.ts';
import * as shapes from '../../src/http/schemas.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import { clusterInfo } from '../../src/policy/cluster-settings.ts';
import { createHistory } from '../../src/policy/history.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { POSTURE_STATES, PRACTICE_IDS } from '../../src/posture/practice.ts';
import { type Running, startTestServer, TOKENS } from './running.ts';

const HISTORY = readFileSync('demo/policy-history.jsonl', 'utf8');
const view = createHistory(mergeManifests([readManifests(HISTORY, 'history.jsonl', {})]).changes, LINKERD_DEFAULTS);

let running: Running | null = null;
afterEach(() => running?.server.close(0));

/** Of the service under test. */
const clock = { now: Date.UTC(2026, 10, 23, 10) };

/** Two namespaces with the same names; `one` has a client without a proxy, and lets in a network alone. */
const TWO = createHistory(
  mergeManifests([readManifests(['one', 'two'].map((namespace) => namespaceOf(namespace)).join('---\n'), 'two.yaml', {})]).changes,
  LINKERD_DEFAULTS,
);

function namespaceOf(namespace: string): string {
  return `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: ${namespace}, labels: {app: web, linkerd.io/control-plane-ns: linkerd}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, controller: true}]}
spec: {containers: [{name: web, ports: [{containerPort: 8080}]}, {name: linkerd-proxy}]}
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: ${namespace}}
spec: {serviceAccountName: bare, containers: [{name: bare}]}
---
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: web, namespace: ${namespace}}
spec: {podSelector: {matchLabels: {app: web}}, port: 8080, proxyProtocol: HTTP/1}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: NetworkAuthentication
metadata: {name: office, namespace: ${namespace}}
spec: {networks: [{cidr: 10.42.0.0/16}]}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: office, namespace: ${namespace}}
spec: {targetRef: {group: policy.linkerd.io, kind: Server, name: web}, requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: NetworkAuthentication, name: office}]}
`;
}

async function start(limits = {}, isKnown = true, cluster = view): Promise<Running> {
  let started: Running | null = null;
  const store = { list: (...args: Parameters<Running['store']['list']>) => (started as Running).store.list(...args) } as Running['store'];
  const settings = clusterInfo({ resources: [], flags: { defaultPolicy: 'all-unauthenticated' } });
  const policy = {
    current: () => (isKnown ? { view: cluster, revision: '1' } : null),
    settings: () => (isKnown ? settings : null),
    unread: () => new Map(),
    history: () => (isKnown ? cluster : null),
  };
  const alerting = async () => ({ prometheus: null, targets: null, rules: null, retention: null });
  const asking = createAsking(policy, store, { alerting, now: () => clock.now });
  started = await startTestServer({ asking, tokens: TOKENS }, limits);
  running = started;
  return started;
}
const READ = { headers: { authorization: `Bearer ${TOKENS[1].token}` } };
const FRONTEND = { client: 'sa/frontend', server: 'deploy/backend:8080', namespace: 'production', path: '/api/v1/orders' };
const CHANGE = `
apiVersion: policy.linkerd.io/v1alpha1
kind: MeshTLSAuthentication
metadata: {name: frontend-mtls, namespace: production}
spec: {identities: [frontend.prod.serviceaccount.identity.linkerd.cluster.local]}
`;

describe('POST /api/v1/can', () => {
  it('answers as the command does, at any moment', async () => {
    const { ask } = await start();
    const now = await ask('POST', '/api/v1/can', { ...READ, json: FRONTEND });
    expect(now).toMatchObject({ status: 200, body: { form: 'denywhy.can/1', answer: 'no', client: 'sa/frontend', port: 8080 } });
    expect(asked.canAnswer.parse(now.body).reasons[0]).toMatchObject({ linkerd: { verdict: 'allow' }, network: { verdict: 'deny' } });
    const then = await ask('POST', '/api/v1/can', { ...READ, json: { ...FRONTEND, at: '2026-11-23T09:25:00Z' } });
    expect(then.body.reasons[0].linkerd.verdict).toBe('deny');
  });

  it.each([
    [{ ...FRONTEND, server: 'deploy/nobody:8080' }, 400, 'there are no pods'],
    [{ ...FRONTEND, path: 'orders' }, 400, 'is no path'],
    [{ client: 'sa/frontend' }, 400, 'server'],
    [{ ...FRONTEND, surprise: 1 }, 400, 'surprise'],
  ])('%j: %i', async (json, status, detail) => {
    const { ask } = await start();
    const answer = await ask('POST', '/api/v1/can', { ...READ, json });
    expect({ status: answer.status, detail: answer.body.detail }).toEqual({ status, detail: expect.stringContaining(detail) });
  });
});

/** Of the command line: whoever asks over HTTP has none. */
const OPTION = /(^|\s)--?[a-z]/;

describe('what is asked over HTTP is answered in its own words', () => {
  const TWICE = { client: 'sa/frontend', server: 'deploy/web:8080' };
  const IN_ONE = { ...TWICE, namespace: 'one' };
  it.each([
    ['can', { ...IN_ONE, path: 'orders' }, 'It begins with / and is written as it is sent: `path` /orders/7?full=1.'],
    ['can', { ...IN_ONE, path: '/', grpc: 'shop.Orders/List' }, 'Leave out `method` and `path`, or `grpc`.'],
    ['can', TWICE, 'Say which one with `namespace`: one, two.'],
    ['simulate', { delete: ['secret/x'] }, 'Give kind and name as kubectl does'],
    ['simulate', { delete: ['srv/none'] }, 'Name one that is there, with `namespace` its namespace.'],
    ['simulate', { delete: ['srv/web'] }, 'Say which with `namespace`, or with the whole kind'],
  ])('%s %j', async (path, json, remedy) => {
    const { ask } = await start({}, true, TWO);
    const { status, body } = await ask('POST', `/api/v1/${path}`, { ...READ, json });
    expect({ status, remedy: body.remedy }).toEqual({ status: 400, remedy: expect.stringContaining(remedy) });
    expect(`${body.detail} ${body.remedy}`).not.toMatch(OPTION);
  });

  it('an answer that lacks the address, and one about pods without a proxy', async () => {
    const { ask } = await start({}, true, TWO);
    const { body } = await ask('POST', '/api/v1/can', { ...READ, json: { ...IN_ONE, client: 'sa/ghost', path: '/' } });
    expect(body.reasons[0].linkerd.sentence).toContain('the client’s address (`ip`)');
    const bare = await ask('POST', '/api/v1/can', { ...READ, json: { ...IN_ONE, client: 'sa/bare', path: '/' } });
    expect(bare.body.notes).toEqual([expect.stringContaining('`unmeshed` asks for those')]);
    expect(JSON.stringify([body, bare.body])).not.toMatch(OPTION);
  });
});

describe('POST /api/v1/simulate', () => {
  it('everything that is possible, with a comment for a pull request', async () => {
    const { ask } = await start();
    const { status, body } = await ask('POST', '/api/v1/simulate', { ...READ, json: { change: CHANGE, traffic: 'all', markdown: true } });
    expect(status).toBe(200);
    expect(body.entries).toContainEqual(
      expect.objectContaining({ outcome: 'newly-denied', client: 'sa/frontend', servers: ['deploy/backend'] }),
    );
    expect(body.markdown).toContain('### denywhy simulate');
  });

  it('observed traffic that the service keeps', async () => {
    const { ask, store } = await start();
    const labels = (kind: string, name: string) => ({ group: 'policy.linkerd.io', kind, name });
    const observed = {
      ...{
        id: 'o1',
        cluster: '',
        namespace: 'production',
        workload: { kind: 'Deployment', name: 'backend' },
        port: 8080,
        first: 0,
        last: 1,
        count: 41,
      },
      client: { identity: 'frontend.production.serviceaccount.identity.linkerd.cluster.local', ip: null },
      server: labels('server', 'backend-http'),
      route: labels('HTTPRoute', 'backend-routes'),
      authorization: labels('authorizationpolicy', 'backend-api-authz'),
    };
    await store.commit({ writes: [{ collection: 'observations', id: 'o1', value: observed, expected: null }] });
    const { body } = await ask('POST', '/api/v1/simulate', { ...READ, json: { change: CHANGE } });
    expect(body.entries).toContainEqual(
      expect.objectContaining({ outcome: 'newly-denied', kind: 'observed', client: 'sa/frontend', count: 41 }),
    );
  });

  it('clients that are denied now, with how often, among those who would get in', async () => {
    const { ask, take } = await start();
    const reporter = { cluster: '', namespace: 'production', pod: 'database-bdc85675-9d29v' };
    await take([
      {
        ...{ type: 'denial', kind: 'tcp-denied', at: 1000, port: 5432, admin: false, count: 15, sinceBefore: false, error: null },
        reporter: { ...reporter, workload: { namespace: 'production', kind: 'Deployment', name: 'database' } },
        server: { group: 'policy.linkerd.io', kind: 'server', name: 'database-sql' },
        client: { ip: '10.42.0.28', port: null, tls: { state: 'none', reason: 'no_tls_from_remote' } },
        ...{ route: null, request: null, didNotApply: [] },
        source: { kind: 'metrics', name: 'database', line: null, raw: '' },
      },
    ]);
    const { body } = await ask('POST', '/api/v1/simulate', { ...READ, json: { delete: ['srv/database-sql'], namespace: 'production' } });
    expect(body.looked).toMatchObject({ observed: 1, requests: 15 });
    const change = `
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: database-sql, namespace: production}
spec: {podSelector: {matchLabels: {app: database}}, port: sql, proxyProtocol: opaque, accessPolicy: all-unauthenticated}
`;
    const { body: open } = await ask('POST', '/api/v1/simulate', { ...READ, json: { change } });
    expect(open.entries).toEqual([
      expect.objectContaining({
        outcome: 'newly-allowed',
        kind: 'observed',
        client: 'deploy/scanner.security without identity',
        count: 15,
      }),
    ]);
  });

  it('refuses more than can be read while others wait', async () => {
    const { ask } = await start({ body: 2 ** 23, held: 2 ** 23 });
    const simulate = async (text: string) => ask('POST', '/api/v1/simulate', { ...READ, json: { change: `${CHANGE}#${text}` } });
    expect(await simulate('é'.repeat(2 ** 20))).toMatchObject({ status: 413, body: { detail: 'The change is larger than 2 MiB.' } });
    expect(await simulate('é'.repeat(2 ** 19))).toMatchObject({ status: 200 });
  });

  it('says in which line of the text the fault is', async () => {
    const { ask } = await start();
    const { body } = await ask('POST', '/api/v1/simulate', {
      ...READ,
      json: { change: `${CHANGE}---\napiVersion: v1\nkind: a: b\nmetadata: {}\n` },
    });
    expect(body).toMatchObject({ status: 400, place: { line: 8 }, remedy: expect.stringContaining('as kubectl apply takes them') });
  });

  it('says who else stands behind a client that newly gets in', async () => {
    const { ask } = await start();
    const change = `
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: open, namespace: production}
spec:
  targetRef: {group: policy.linkerd.io, kind: Server, name: database-sql}
  requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: NetworkAuthentication, name: everywhere}]
---
apiVersion: policy.linkerd.io/v1alpha1
kind: NetworkAuthentication
metadata: {name: everywhere, namespace: production}
spec: {networks: [{cidr: 0.0.0.0/0}, {cidr: '::/0'}]}
`;
    const { body } = await ask('POST', '/api/v1/simulate', { ...READ, json: { change, traffic: 'all', markdown: true } });
    expect(body.markdown).toContain('Too wide');
    const wide = body.entries.flatMap((one: { client: string; wide: string | null }) => (one.wide === null ? [] : [one.client]));
    expect(wide).toEqual(['sa/default', 'anyone from any other address']);
    expect(asked.simulateAnswer.parse(body).entries.map(({ outcome }) => outcome)).not.toContain('newly-denied');
  });

  it.each([
    [{}, 'Nothing would change'],
    [{ change: 'hello' }, ''],
    [{ delete: ['secret/x'] }, 'names no object of policy'],
    [{ change: 'apiVersion: v1\nkind: [' }, ''],
  ])('%j: 400', async (json, detail) => {
    const { ask } = await start();
    const answer = await ask('POST', '/api/v1/simulate', { ...READ, json });
    expect({ status: answer.status, detail: answer.body.detail }).toEqual({ status: 400, detail: expect.stringContaining(detail) });
  });
});

describe('GET /api/v1/posture', () => {
  it('of one namespace: its practices with evidence, and the plan', async () => {
    const { ask } = await start();
    const { status, body } = await ask('GET', '/api/v1/posture?namespace=production', READ);
    expect(status).toBe(200);
    expect(shapes.postureAnswer.parse(body).namespaces.map(({ namespace }) => namespace)).toEqual(['production']);
    const [deny] = body.namespaces[0].practices;
    expect(deny).toMatchObject({ id: 'default-deny', state: 'partly' });
    expect(deny.judgements).toContainEqual(
      expect.objectContaining({ workload: 'deploy/backend', state: 'holds', found: 'default policy deny' }),
    );
    expect(body.plan.steps.at(-1)).toMatchObject({ title: 'Default deny for every other port', allowed: [] });
    expect(body.plan.lacking).toEqual([expect.stringContaining('traffic')]);
  });

  it('what is lacking is to be had by settings of the service, never by an option of the command', async () => {
    const { ask } = await start();
    const { namespaces } = (await ask('GET', '/api/v1/posture?namespace=production', READ)).body;
    const lacking: readonly string[] = namespaces[0].practices
      .flatMap(({ judgements }: { judgements: readonly { lacking: readonly string[] }[] }) => judgements)
      .flatMap((judgement: { lacking: readonly string[] }) => judgement.lacking);
    expect(lacking.filter((text) => / --[a-z]/.test(text))).toEqual([]);
    expect(lacking).toContain('whether alert rules watch for denials: prometheus.url of the service (DENYWHY_PROMETHEUS_URL)');
  });

  it('of all, without a plan; what the history shut out is among it', async () => {
    const { ask } = await start();
    const { body } = await ask('GET', '/api/v1/posture', READ);
    expect(shapes.postureAnswer.parse(body)).toMatchObject({
      plan: null,
      namespaces: [{ namespace: 'production' }, { namespace: 'security' }],
    });
    const staged = body.namespaces[0].practices.find(({ id }: { id: string }) => id === 'changes-staged');
    expect(staged.judgements[0].found).toMatch(/recorded changes shut somebody out/);
  });

  it.each([
    ['?namespace=nowhere', 400, 'No pods are in namespace nowhere'],
    ['?surprise=1', 400, 'surprise'],
  ])('%s: %i', async (query, status, detail) => {
    const { ask } = await start();
    const answer = await ask('GET', `/api/v1/posture${query}`, READ);
    expect({ status: answer.status, detail: answer.body.detail }).toEqual({ status, detail: expect.stringContaining(detail) });
  });

  it('asks for a token of scope read; without a cluster: 404', async () => {
    const { ask } = await start({}, false);
    expect((await ask('GET', '/api/v1/posture')).status).toBe(401);
    expect((await ask('GET', '/api/v1/posture', { headers: { authorization: `Bearer ${TOKENS[0].token}` } })).status).toBe(403);
    expect((await ask('GET', '/api/v1/posture', READ)).status).toBe(404);
    expect((await ask('GET', '/metrics', READ)).body).not.toContain('denywhy_posture{');
  });

  it('/metrics counts what it found, each practice in each state', async () => {
    const { ask } = await start();
    const page: string = (await ask('GET', '/metrics', READ)).body;
    const judged = (await ask('GET', '/api/v1/posture', READ)).body.namespaces.flatMap(
      ({ practices }: { practices: readonly { id: string; judgements: readonly { state: string }[] }[] }) =>
        practices.flatMap(({ id, judgements }) => judgements.map(({ state }) => `denywhy_posture{practice="${id}",state="${state}"}`)),
    );
    const series = new Map([...page.matchAll(/^(denywhy_posture\{.*\}) (\d+)$/gm)].map(([, name = '', value]) => [name, Number(value)]));
    expect(series.size).toBe(PRACTICE_IDS.length * POSTURE_STATES.length);
    for (const [name, value] of series) expect([name, value]).toEqual([name, judged.filter((one: string) => one === name).length]);
    expect(judged.length).toBeGreaterThan(20);
  });
});

describe('both', () => {
  it.each(['/api/v1/can', '/api/v1/simulate'])('%s asks for a token of scope read, and for JSON', async (path) => {
    const { ask } = await start();
    const json = path.endsWith('can') ? FRONTEND : { change: CHANGE };
    expect((await ask('POST', path, { json })).status).toBe(401);
    const intake = { headers: { authorization: `Bearer ${TOKENS[0].token}` }, json };
    expect((await ask('POST', path, intake)).status).toBe(403);
    expect((await ask('POST', path, { headers: { ...READ.headers, 'content-type': 'text/plain' }, body: CHANGE })).status).toBe(415);
  });

  it('a body beyond the limit is not read', async () => {
    const { ask } = await start({ body: 1000, unpacked: 1000 });
    expect((await ask('POST', '/api/v1/simulate', { ...READ, json: { change: CHANGE + '#'.repeat(2000) } })).status).toBe(413);
  });

  it('without a cluster: 404, and what to set', async () => {
    running = await startTestServer();
    for (const [path, json] of [
      ['/api/v1/can', FRONTEND],
      ['/api/v1/simulate', { change: CHANGE }],
    ] as const)
      expect(await running.ask('POST', path, { json })).toMatchObject({
        status: 404,
        body: { remedy: expect.stringContaining('kubernetes.watch') },
      });
  });
});
