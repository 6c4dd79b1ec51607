/** The service answers others while it judges: counted in turns of the event loop, never in time. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { inTurns } from '../../src/commands/in-turns.ts';
import { observing } from '../../src/commands/observed-traffic.ts';
import { posturing } from '../../src/commands/posture-run.ts';
import { FIELD_WORDS } from '../../src/commands/question-words.ts';
import { createAsking } from '../../src/commands/service-asking.ts';
import { plannedChange } from '../../src/commands/simulate-change.ts';
import { simulating } from '../../src/commands/simulate-run.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import { clusterInfo } from '../../src/policy/cluster-settings.ts';
import { createHistory, type History } from '../../src/policy/history.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { resourcesOf } from '../../src/policy/snapshot.ts';
import type { Steps } from '../../src/policy/steps.ts';
import { ASKS_OF_SERVICE } from '../../src/posture/asks.ts';
import { PRACTICE_IDS } from '../../src/posture/practice.ts';
import { readCluster } from '../bench/policy.ts';
import { factsOf, podsIn } from '../bench/simulate.ts';
import { type Running, startTestServer, TOKENS } from '../http/running.ts';

const SETTINGS = clusterInfo({ resources: [], flags: { defaultPolicy: 'all-unauthenticated' } });
const NOBODY_ASKED = { prometheus: null, targets: null, rules: null, retention: null };
const SAID = { asks: ASKS_OF_SERVICE, unread: new Map(), files: new Map() };
const NOTHING_SEEN = {
  observed: { traffic: [], unplaced: 0 },
  basis: { requests: 0, first: null, last: null },
  watched: { first: null, last: null },
};

const { snapshot } = readCluster();

function story(): History {
  const text = readFileSync('demo/policy-history.jsonl', 'utf8');
  return createHistory(mergeManifests([readManifests(text, 'history.jsonl', {})]).changes, LINKERD_DEFAULTS);
}

function stepsOf<T>(steps: Steps<T>): { readonly count: number; readonly result: T } {
  for (let count = 1; ; count++) {
    const next = steps.next();
    if (next.done === true) return { count, result: next.value };
  }
}

it('others have a turn after each step', async () => {
  const log: string[] = [];
  function* work(): Steps<string> {
    for (const one of ['first', 'second', 'third']) {
      log.push(one);
      yield;
    }
    return 'done';
  }
  let isDone = false;
  const done = inTurns(work()).then((result) => {
    isDone = true;
    return result;
  });
  while (!isDone) {
    log.push('other');
    await new Promise(setImmediate);
  }
  expect(await done).toBe('done');
  expect(log.join(' ')).toMatch(/^first( other)+ second( other)+ third( other)+$/);
});

/** Routes of a Server, and who may use it. */
function manyOf(routes: number, identities: number): string {
  const named = (apiVersion: string, kind: string, name: string, spec: string) =>
    `{apiVersion: policy.linkerd.io/${apiVersion}, kind: ${kind}, metadata: {name: ${name}, namespace: production}, spec: ${spec}}`;
  const parent = 'parentRefs: [{group: policy.linkerd.io, kind: Server, name: backend-http}]';
  const all = Array.from({ length: routes }, (_, i) =>
    named('v1beta3', 'HTTPRoute', `r${i}`, `{${parent}, rules: [{matches: [{path: {value: /r${i}}}]}]}`),
  );
  const names = Array.from({ length: identities }, (_, i) => `s${i}.shop.serviceaccount.identity.linkerd.cluster.local`);
  all.push(named('v1alpha1', 'MeshTLSAuthentication', 'backend-admin-auth', `{identities: [${names.join(', ')}]}`));
  const refs = '[{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: backend-admin-auth}]';
  const target = '{group: policy.linkerd.io, kind: Server, name: backend-http}';
  all.push(named('v1alpha1', 'AuthorizationPolicy', 'many', `{targetRef: ${target}, requiredAuthenticationRefs: ${refs}}`));
  return all.map((text) => `---\n${text}\n`).join('');
}

describe('a step is no more than', () => {
  it('one practice, one recorded change, or one step of the plan', () => {
    const view = story();
    const question = {
      snapshot: view.at(null),
      settings: SETTINGS,
      view,
      alerting: NOBODY_ASKED,
      ...NOTHING_SEEN,
      ...SAID,
      namespace: 'production',
      now: 0,
    };
    const { count, result } = stepsOf(posturing(question));
    const planned = result.plan?.steps.length ?? 0;
    expect(planned).toBeGreaterThan(0);
    expect(count).toBeGreaterThan(PRACTICE_IDS.length + view.moments.length / 2 + planned);
  });

  it('five thousand facts', () => {
    const facts = factsOf(snapshot, podsIn(snapshot).slice(0, 100), 50_000);
    const { count, result } = stepsOf(observing(snapshot, facts));
    expect(count).toBeGreaterThanOrEqual(10);
    expect(result.traffic.reduce((sum, one) => sum + one.count, 0)).toBe(50_000);
  });

  it('one request on one port that a change changes, of a hundred classes of clients', () => {
    const stepsFor = (routes: number, identities: number) => {
      const before = story().at(null);
      const { changes } = mergeManifests([readManifests(manyOf(routes, identities), 'change.yaml')]);
      const record = { changes, files: new Map(), notices: [], isHistory: false };
      const planned = plannedChange(before, record, { deleted: [], prune: false, namespace: 'production' }, FIELD_WORDS);
      return stepsOf(simulating(before, planned, { ...NOTHING_SEEN, possible: true })).count;
    };
    const [few, routes, identities] = [stepsFor(5, 5), stepsFor(105, 5), stepsFor(5, 1005)];
    expect(routes).toBeGreaterThan(few + 100);
    expect(identities).toBeGreaterThan(few + 100);
  });
});

describe('of 10,000 pods', () => {
  let running: Running | null = null;
  afterEach(() => running?.server.close(0));

  // A turn for each step: so many are answered, where one that takes all at once lets one through.
  it.each([
    ['', 100],
    ['?namespace=team-001', 5],
  ])('GET /api/v1/posture%s: the service is alive meanwhile', async (query, fewest) => {
    const view = createHistory(
      [...resourcesOf(snapshot)].map((resource) => ({ at: null, type: 'applied', resource })),
      snapshot.info,
    );
    let started: Running | null = null;
    const store = { list: (...args: Parameters<Running['store']['list']>) => (started as Running).store.list(...args) } as Running['store'];
    const settings = { ...SETTINGS, info: snapshot.info };
    const policy = { current: () => ({ view, revision: '1' }), history: () => view, settings: () => settings, unread: () => SAID.unread };
    const asking = createAsking(policy, store, { alerting: async () => NOBODY_ASKED, now: () => 0 });
    started = await startTestServer({ asking, tokens: TOKENS }, {});
    running = started;
    const { ask } = started;

    let isAnswered = false;
    const asked = ask('GET', `/api/v1/posture${query}`, { headers: { authorization: `Bearer ${TOKENS[1].token}` } }).then((answer) => {
      isAnswered = true;
      return answer;
    });
    let alive = 0;
    while (!isAnswered) {
      const { status } = await ask('GET', '/healthz');
      if (status === 200 && !isAnswered) alive++;
    }
    expect((await asked).status).toBe(200);
    expect(alive).toBeGreaterThan(fewest);
  });
});
