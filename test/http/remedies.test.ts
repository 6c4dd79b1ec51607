/** The way out of an incident, over HTTP. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { createRemedyAsking } from '../../src/commands/service-remedies.ts';
import type { Denial } from '../../src/evidence/facts.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import { type ClusterView, createHistory } from '../../src/policy/history.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { explainIncident } from '../../src/triage/work.ts';
import { type Running, startTestServer, TOKENS } from './running.ts';

/** As it is at 09:28:00, in the middle of the story: what comes after it has not happened yet. */
const NOW = Date.parse('2026-11-23T09:28:00Z');
const { changes } = mergeManifests([readManifests(readFileSync('demo/policy-history.jsonl', 'utf8'), 'history.jsonl', {})]);
const view = createHistory(
  changes.filter(({ at }) => at === null || at <= NOW),
  LINKERD_DEFAULTS,
);

const DENIED: Denial = {
  type: 'denial',
  kind: 'http-denied',
  at: NOW,
  reporter: {
    cluster: '',
    namespace: 'production',
    pod: 'backend-756f7c997f-2588f',
    workload: { namespace: 'production', kind: 'Deployment', name: 'backend' },
  },
  server: { group: 'policy.linkerd.io', kind: 'server', name: 'backend-http' },
  route: { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'backend-routes' },
  port: 8080,
  admin: false,
  client: {
    ip: '10.42.0.14',
    port: null,
    tls: { state: 'established', clientId: 'frontend.production.serviceaccount.identity.linkerd.cluster.local' },
  },
  request: null,
  count: 1,
  sinceBefore: false,
  error: null,
  didNotApply: [],
  source: { kind: 'log', name: 'backend.log', line: 1, raw: '' },
};

let running: Running | null = null;
afterEach(() => running?.server.close(0));

async function start(known: ClusterView = view): Promise<Running & { readonly incident: string }> {
  let started: Running | null = null;
  const desk = () => (started as Running).store;
  const store = {
    get: (...args: Parameters<Running['store']['get']>) => desk().get(...args),
    list: (...args: Parameters<Running['store']['list']>) => desk().list(...args),
  } as Running['store'];
  started = await startTestServer({
    remedies: createRemedyAsking({ current: () => ({ view: known, revision: '1' }) }, store),
    tokens: TOKENS,
  });
  running = started;
  await started.take([DENIED]);
  const [incident] = await started.incidents();
  return { ...started, incident: incident?.id ?? '' };
}

const READ = { headers: { authorization: `Bearer ${TOKENS[1].token}` } };

describe('GET /api/v1/incidents/{id}/remedies', () => {
  it('lists them with their verdict and their proof', async () => {
    const { ask, incident } = await start();
    const { status, body } = await ask('GET', `/api/v1/incidents/${incident}/remedies`, READ);
    expect(status).toBe(200);
    expect(body.items).toEqual([expect.objectContaining({ client: 'production/Deployment/frontend', verdict: 'fix' })]);
    expect(body.items[0].remedies[0]).toMatchObject({
      number: 1,
      id: 'repair-identity',
      proof: { verdict: 'allow', newlyIn: [], shutOut: [] },
    });
  });

  it.each([
    ['', 'application/yaml', /^---\napiVersion: policy\.linkerd\.io\/v1alpha1\nkind: MeshTLSAuthentication\n/],
    ['?format=patch', 'application/json-patch+json', /"op": "test"/],
    ['?format=diff', 'text/x-diff', /^\+ {4}- frontend\.production\./m],
  ])('one of them alone: %j', async (query, type, text) => {
    const { url, incident } = await start();
    const response = await fetch(`${url}/api/v1/incidents/${incident}/remedies/1${query}`, READ);
    expect({ status: response.status, type: response.headers.get('content-type') }).toEqual({
      status: 200,
      type: expect.stringContaining(type),
    });
    expect(await response.text()).toMatch(text);
  });

  it.each([
    ['/api/v1/incidents/nobody/remedies', 404, 'GET /api/v1/incidents lists'],
    ['/api/v1/incidents/nobody/remedies/1', 404, 'GET /api/v1/incidents lists'],
    ['/api/v1/incidents/ID/remedies/0', 404, 'remedies lists them'],
    ['/api/v1/incidents/ID/remedies/99', 404, 'remedies lists them'],
    ['/api/v1/incidents/ID/remedies/1?format=xml', 400, 'format'],
  ])('%s: %i', async (path, status, detail) => {
    const { ask, incident } = await start();
    const answer = await ask('GET', path.replace('ID', incident), READ);
    expect(answer.status).toBe(status);
    expect(JSON.stringify(answer.body)).toContain(detail);
  });

  it('what lets in too much there comes last, says whom its end shuts out, and is got by its number', async () => {
    const audit = `---\n{apiVersion: policy.linkerd.io/v1beta3, kind: Server, metadata: {name: frontend-http, namespace: production}, spec: {podSelector: {matchLabels: {app: frontend}}, port: 8080, accessPolicy: audit}}`;
    const more = mergeManifests([readManifests(audit, 'more.yaml', {})]).changes;
    const { ask, url, incident } = await start(
      createHistory(
        [...changes.filter(({ at }) => at === null || at <= NOW), ...more.map((change) => ({ ...change, at: NOW }))],
        LINKERD_DEFAULTS,
      ),
    );
    const { body } = await ask('GET', `/api/v1/incidents/${incident}/remedies`, READ);
    const [item] = body.items;
    expect(item.remedies.map(({ id }: { id: string }) => id)).not.toContain('narrow-policy');
    const [narrowed] = body.tightenings;
    expect(narrowed).toMatchObject({ finding: 'access-policy-decides', verdict: 'decide' });
    const [remedy] = narrowed.remedies;
    expect(remedy.tightens).toMatch(/^It shuts out /);
    expect(remedy.number).toBeGreaterThan(Math.max(...item.remedies.map(({ number }: { number: number | null }) => number ?? 0)));
    const alone = await fetch(`${url}/api/v1/incidents/${incident}/remedies/${remedy.number}?format=diff`, READ);
    expect(await alone.text()).toContain('-  accessPolicy: audit');
  });

  it('every incident says in short what to do, and lists are cut by it', async () => {
    const { ask, incident, queue, work } = await start();
    const listed = async (verdict: string) => (await ask('GET', `/api/v1/incidents?verdict=${verdict}`, READ)).body.items;
    expect((await ask('GET', `/api/v1/incidents/${incident}`, READ)).body.incident.wayOut).toBeNull();
    expect(await listed('fix')).toEqual([]);
    await queue.work((id) => explainIncident(id, { ...work, policy: () => ({ view, revision: '1' }) }));
    const wayOut = {
      verdict: 'fix',
      title: 'Correct the identity in MeshTLSAuthentication production/frontend-mtls.',
      client: 'production/Deployment/frontend',
    };
    expect((await ask('GET', `/api/v1/incidents/${incident}`, READ)).body.incident).toMatchObject({ wayOut });
    expect(await listed('fix')).toEqual([expect.objectContaining({ id: incident, wayOut })]);
    expect(await listed('do-not-allow')).toEqual([]);
    expect((await ask('GET', '/api/v1/incidents?verdict=maybe', READ)).status).toBe(400);
  });

  it('is for those who may read', async () => {
    const { ask, incident } = await start();
    expect((await ask('GET', `/api/v1/incidents/${incident}/remedies`)).status).toBe(401);
  });
});
