import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { createKubernetesCluster } from '../../src/drivers/cluster-kubernetes.ts';
import { openKubernetes } from '../../src/drivers/kubernetes-client.ts';
import { type FollowTiming, TIMING } from '../../src/drivers/kubernetes-follow.ts';
import { nameOfKind, WATCHED_KINDS, type WatchedKind } from '../../src/drivers/kubernetes-kinds.ts';
import type { ClusterEdit, ClusterWatch } from '../../src/ports.ts';
import { type Replay, type ReplayAnswer, replayKubernetes } from '../kubernetes-replay.ts';
import { until as untilSo } from '../until.ts';

/** As fast as a test may be. */
const FAST: FollowTiming = { ...TIMING, firstPause: 5, longestPause: 40, patience: 20 };
const AUTHORIZATIONS = '/apis/policy.linkerd.io/v1alpha1/authorizationpolicies';
const ACCOUNTS = '/api/v1/serviceaccounts';
const PODS = '/api/v1/pods';

let directory: string;
let replay: Replay | null = null;
let cluster: ClusterWatch | null = null;
let edits: ClusterEdit[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'denywhy-kubernetes-'));
  edits = [];
});

afterEach(async () => {
  await cluster?.stop();
  await replay?.close();
  [cluster, replay] = [null, null];
  rmSync(directory, { recursive: true, force: true });
});

const kindNamed = (name: string): WatchedKind => {
  const found = WATCHED_KINDS.find((kind) => nameOfKind(kind) === name);
  if (found === undefined) throw new Error(name);
  return found;
};

interface Started {
  readonly kinds?: readonly string[];
  readonly timing?: Partial<FollowTiming>;
}

async function start(
  answers: Readonly<Record<string, readonly ReplayAnswer[]>>,
  { kinds = ['authorizationpolicies.policy.linkerd.io'], timing = {} }: Started = {},
): Promise<ClusterWatch> {
  replay = await replayKubernetes(answers);
  const kubeconfig = join(directory, 'config');
  writeFileSync(
    kubeconfig,
    stringify({
      'current-context': 'replay',
      clusters: [{ name: 'replay', cluster: { server: replay.url } }],
      contexts: [{ name: 'replay', context: { cluster: 'replay', user: '' } }],
    }),
  );
  cluster = createKubernetesCluster({
    client: openKubernetes({ kubeconfig, context: null, env: {}, timeout: 5000 }),
    kinds: kinds.map(kindNamed),
    random: () => 0.5,
    sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }).catch(() => undefined),
    now: () => Date.now(),
    timing: { ...FAST, ...timing },
  });
  cluster.start((some) => void edits.push(...some));
  await cluster.settled;
  return cluster;
}

const until = (what: string, isSo: () => boolean) =>
  untilSo(what, 20_000, isSo, () => JSON.stringify({ requests: replay?.requests, kinds: cluster?.kinds() }, null, 1));

const said = () => edits.map(({ change }) => ('apply' in change ? `+${change.apply.metadata.name}` : `-${change.delete.name}`));
const names = () =>
  cluster
    ?.resources()
    .map(({ metadata }) => metadata.name)
    .sort();
const emptyList = (version: string) => ({ status: 200, body: JSON.stringify({ metadata: { resourceVersion: version }, items: [] }) });
const OPEN: ReplayAnswer = { stream: null, afterwards: 'open' };

describe('a cluster as its API server tells of it', () => {
  it('lists, then watches from there: what comes, changes and goes', async () => {
    await start({
      [AUTHORIZATIONS]: [{ capture: 'list.json' }],
      [`watch ${AUTHORIZATIONS}`]: [{ stream: 'watch.jsonl', afterwards: 'open' }],
    });
    await until('the last event', () => said().length === 4);
    expect(said()).toEqual(['+backend-frontend', '+extra', '+extra', '-extra']);
    expect(edits.map(({ isListed }) => isListed)).toEqual([true, false, false, false]);
    expect(names()).toEqual(['backend-frontend']);
    expect(replay?.requests[1]).toMatch(
      /^\/apis\/policy\.linkerd\.io\/v1alpha1\/authorizationpolicies\?watch=1&allowWatchBookmarks=true&resourceVersion=12737&timeoutSeconds=\d+$/,
    );
  });

  it('keeps who wrote an object, and throws the fields away', async () => {
    await start({
      [AUTHORIZATIONS]: [{ capture: 'list.json' }],
      [`watch ${AUTHORIZATIONS}`]: [{ stream: 'watch.jsonl', afterwards: 'open' }],
    });
    await until('the last event', () => said().length === 4);
    const [, , edited] = edits.map(({ change }) => ('apply' in change ? change.apply.metadata : null));
    expect(edited).toMatchObject({
      generation: 2,
      resourceVersion: '12743',
      managedFields: [
        { manager: 'kubectl-client-side-apply', operation: 'Update', time: '2026-11-23T09:27:16Z' },
        { manager: 'kubectl-edit', operation: 'Update', time: '2026-11-23T09:27:16Z' },
      ],
    });
    expect(JSON.stringify(edits)).not.toContain('fieldsV1');
  });

  it('goes on from the last bookmark when a watch ends or breaks off, without listing again', async () => {
    for (const afterwards of ['end', 'break'] as const) {
      await start({
        [AUTHORIZATIONS]: [{ capture: 'list.json' }],
        [`watch ${AUTHORIZATIONS}`]: [
          { stream: 'watch.jsonl', afterwards },
          { stream: 'watch-initial-events.jsonl', afterwards: 'open' },
        ],
      });
      await until('the second watch', () => (replay?.requests.length ?? 0) >= 3);
      expect(replay?.requests.map((path) => /resourceVersion=(\d+)/.exec(path)?.[1])).toEqual([undefined, '12737', '12795']);
      await cluster?.stop();
      await replay?.close();
    }
  });

  it('lists anew after 410 Expired, and says only what differs', async () => {
    await start({
      [AUTHORIZATIONS]: [{ capture: 'list.json' }],
      [`watch ${AUTHORIZATIONS}`]: [
        { stream: 'watch-expired.jsonl', afterwards: 'end' },
        { stream: 'watch.jsonl', afterwards: 'open' },
      ],
    });
    await until('the events of the second watch', () => said().length === 4);
    expect(said()).toEqual(['+backend-frontend', '+extra', '+extra', '-extra']);
    expect(replay?.requests.filter((path) => !path.includes('watch')).length).toBe(2);
    expect(cluster?.kinds()[0]).toMatchObject({ state: 'watching', fault: null });
  });

  it('reads all pages, and begins again when the next one is no longer to be had', async () => {
    const expired = {
      status: 410,
      body: JSON.stringify({ kind: 'Status', reason: 'Expired', message: 'The provided continue parameter is too old', code: 410 }),
    };
    await start(
      {
        [ACCOUNTS]: [
          ...[{ capture: 'list-page-1.json' }, { capture: 'list-page-2.json' }, expired],
          ...[{ capture: 'list-page-1.json' }, { capture: 'list-page-2.json' }, emptyList('12737')],
        ],
        [`watch ${ACCOUNTS}`]: [OPEN],
      },
      { kinds: ['serviceaccounts'] },
    );
    expect(names()).toEqual(['admin', 'backend', 'database', 'default']);
    expect(replay?.requests.slice(0, 3).map((path) => /continue=([^&]{0,20})/.exec(path)?.[1] ?? '')).toEqual([
      '',
      'eyJ2IjoibWV0YS5rOHMu',
      'eyJ2IjoibWV0YS5rOHMu',
    ]);
  });

  it('asks for a whole list when pages keep running out', async () => {
    const gone = { status: 410, body: '{}' };
    const pages = [1, 2, 3].flatMap(() => [{ capture: 'list-page-1.json' }, gone]);
    await start({ [ACCOUNTS]: [...pages, emptyList('9')], [`watch ${ACCOUNTS}`]: [OPEN] }, { kinds: ['serviceaccounts'] });
    expect(replay?.requests[6]).toBe('/api/v1/serviceaccounts');
  });

  it('follows a rollout: the address goes with the old pod and comes with the new one, which is ready in the end', async () => {
    await start(
      { [PODS]: [emptyList('1')], [`watch ${PODS}`]: [{ stream: 'watch-pods-rollout.jsonl', afterwards: 'open' }] },
      { kinds: ['pods'] },
    );
    await until('the new pod', () => JSON.stringify(cluster?.resources()).includes('10.42.0.42'));
    const addresses = edits.map(({ change }) =>
      'apply' in change
        ? [change.apply.metadata.name, (change.apply.status as { podIP?: string }).podIP ?? '']
        : [change.delete.name, 'gone'],
    );
    expect(addresses).toEqual([
      ['batch-648ff9969b-xrt8b', '10.42.0.18'],
      ['batch-648ff9969b-xrt8b', 'gone'],
      ['batch-78ddfb45f8-4r8vs', ''],
      // It has a node.
      ['batch-78ddfb45f8-4r8vs', ''],
      ['batch-78ddfb45f8-4r8vs', '10.42.0.42'],
      // It is ready.
      ['batch-78ddfb45f8-4r8vs', '10.42.0.42'],
    ]);
    expect(edits.at(-1)?.change).toMatchObject({ apply: { status: { conditions: [{ type: 'Ready', status: 'True' }] } } });
    expect(JSON.stringify(edits)).not.toContain('LINKERD2_PROXY');
  });

  it('takes the first version that is served', async () => {
    await start(
      {
        '/apis/policy.linkerd.io/v1beta1/servers': [{ capture: 'list-all-namespaces.json' }],
        'watch /apis/policy.linkerd.io/v1beta1/servers': [OPEN],
      },
      { kinds: ['servers.policy.linkerd.io'] },
    );
    expect(replay?.requests.slice(0, 3).map((path) => path.split('?')[0])).toEqual(
      ['v1beta3', 'v1beta2', 'v1beta1'].map((v) => `/apis/policy.linkerd.io/${v}/servers`),
    );
    expect(cluster?.kinds()[0]).toMatchObject({ state: 'watching', version: 'v1beta1', objects: 4 });
  });

  it('waits for a kind that is not served, and takes it up when it is', async () => {
    const absent: ReplayAnswer = { capture: 'not-found-kind.json' };
    await start({ [AUTHORIZATIONS]: [absent, absent, absent, { capture: 'list.json' }], [`watch ${AUTHORIZATIONS}`]: [OPEN] });
    expect(cluster?.kinds()[0]).toMatchObject({ state: 'absent', version: null, objects: 0, fault: null });
    await until('the kind', () => cluster?.kinds()[0]?.state === 'watching');
    expect(names()).toEqual(['backend-frontend']);
  });

  it('of a kind that is gone drops the objects, but only when that is said twice', async () => {
    const absent: ReplayAnswer = { capture: 'not-found-kind.json' };
    await start({
      [AUTHORIZATIONS]: [{ capture: 'list.json' }, absent, { capture: 'list.json' }, absent],
      [`watch ${AUTHORIZATIONS}`]: [{ stream: 'watch-expired.jsonl', afterwards: 'end' }],
    });
    await until('the end of the kind', () => said().length === 2);
    expect(said()).toEqual(['+backend-frontend', '-backend-frontend']);
    expect(replay?.requests.filter((path) => !path.includes('watch')).length).toBeGreaterThanOrEqual(5);
  });

  it.each([
    [
      '403',
      { capture: 'forbidden.json' },
      'does not let us read authorizationpolicies.policy.linkerd.io (403): authorizationpolicies.policy.linkerd.io is forbidden',
    ],
    ['401', { capture: 'unauthorized.json' }, 'does not know who asks (401)'],
    ['no JSON', { status: 200, body: '<html>log in</html>' }, 'answered with something else than authorizationpolicies.policy.linkerd.io'],
    ['a list without items', { status: 200, body: '{"kind":"Status"}' }, 'answered with something else than'],
    ['an item that is no object', { status: 200, body: '{"items":[7]}' }, 'answered with something else than'],
  ] as const)('%s for one kind is said, while the others go on, and ends when it ends', async (_, answer, sentence) => {
    await start(
      {
        [AUTHORIZATIONS]: [answer, answer, answer, answer, { capture: 'list.json' }],
        [`watch ${AUTHORIZATIONS}`]: [OPEN],
        [ACCOUNTS]: [emptyList('7')],
        [`watch ${ACCOUNTS}`]: [OPEN],
      },
      {
        kinds: ['authorizationpolicies.policy.linkerd.io', 'serviceaccounts'],
        timing: { firstPause: 100, longestPause: 100, patience: 100 },
      },
    );
    expect(cluster?.kinds()).toMatchObject([{ state: 'failing', fault: { message: expect.stringContaining(sentence) } }, { fault: null }]);
    await until('its end', () => cluster?.kinds()[0]?.fault === null);
    expect(names()).toEqual(['backend-frontend']);
  });

  it('keeps what it knows while the server refuses, and forgets the fault when it does no longer', async () => {
    await start({
      [AUTHORIZATIONS]: [{ capture: 'list.json' }],
      [`watch ${AUTHORIZATIONS}`]: [
        { capture: 'unauthorized.json' },
        { capture: 'unauthorized.json' },
        { stream: 'watch.jsonl', afterwards: 'open' },
      ],
    });
    await until('the events', () => said().length === 4);
    expect(cluster?.kinds()[0]).toMatchObject({ state: 'watching', fault: null, objects: 1 });
    expect(replay?.requests.filter((path) => !path.includes('watch')).length).toBe(1);
  });

  it('takes a watch that is silent for too long up again', async () => {
    await start(
      { [AUTHORIZATIONS]: [{ capture: 'list.json' }], [`watch ${AUTHORIZATIONS}`]: [{ stream: 'watch.jsonl', afterwards: 'open' }] },
      { timing: { idle: 100 } },
    );
    await until('a third watch', () => (replay?.requests.length ?? 0) >= 4);
    expect(replay?.requests.filter((path) => !path.includes('watch')).length).toBe(1);
    expect(cluster?.kinds()[0]).toMatchObject({ state: 'watching', fault: null });
  });

  it('does not hammer a server that ends every watch at once', async () => {
    await start(
      { [AUTHORIZATIONS]: [emptyList('5')], [`watch ${AUTHORIZATIONS}`]: [{ status: 200, body: '' }] },
      { timing: { firstPause: 200, longestPause: 10_000 } },
    );
    await until('three watches', () => (replay?.requests.length ?? 0) >= 4);
    const seen = replay?.requests.length ?? 0;
    await sleep(300);
    expect((replay?.requests.length ?? 0) - seen).toBeLessThanOrEqual(1);
  });

  it('takes hostile names as names', async () => {
    const event = (name: string) =>
      JSON.stringify({
        type: 'ADDED',
        object: { kind: 'ServiceAccount', apiVersion: 'v1', metadata: { name, namespace: '__proto__', labels: { constructor: 'x' } } },
      });
    const hostile = ['__proto__', 'constructor', 'a\u001b[31m', 'x'.repeat(2000)];
    await start(
      { [ACCOUNTS]: [emptyList('7')], [`watch ${ACCOUNTS}`]: [{ status: 200, body: `${hostile.map(event).join('\n')}\n` }, OPEN] },
      { kinds: ['serviceaccounts'] },
    );
    await until('them', () => said().length === hostile.length);
    expect(names()).toEqual([...hostile].sort());
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
