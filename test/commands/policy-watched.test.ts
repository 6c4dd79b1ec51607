/** What the service makes of a watch, beside what the tests with a real API server show: times of what was missed, and a store that refuses. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PolicySource } from '../../src/commands/policy-known.ts';
import { watchPolicy } from '../../src/commands/policy-watched.ts';
import { createKubernetesCluster } from '../../src/drivers/cluster-kubernetes.ts';
import { openKubernetes } from '../../src/drivers/kubernetes-client.ts';
import { TIMING } from '../../src/drivers/kubernetes-follow.ts';
import { nameOfKind, WATCHED_KINDS } from '../../src/drivers/kubernetes-kinds.ts';
import { Unavailable } from '../../src/errors.ts';
import { findResource } from '../../src/policy/snapshot.ts';
import type { Store } from '../../src/ports.ts';
import { createLogger, createMetrics } from '../../src/telemetry.ts';
import { type Replay, type ReplayAnswer, replayKubernetes } from '../kubernetes-replay.ts';
import { createMemory, createMemoryStore } from '../memory-store.ts';
import { until } from '../until.ts';

const AUTHORIZATIONS = '/apis/policy.linkerd.io/v1alpha1/authorizationpolicies';
const KIND = WATCHED_KINDS.filter((kind) => nameOfKind(kind) === 'authorizationpolicies.policy.linkerd.io');
const OPEN: ReplayAnswer = { stream: null, afterwards: 'open' };
const EMPTY: ReplayAnswer = { status: 200, body: '{"metadata":{"resourceVersion":"5"},"items":[]}' };
/** Of the captured edit: its writer says so, to the second. */
const EDITED = Date.parse('2026-11-23T09:27:15Z');
const MINUTE = 60_000;

describe('the watched policy', () => {
  let directory: string;
  let replay: Replay;
  let policy: PolicySource;
  let store: Store;
  let clock: number;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'denywhy-watched-'));
    store = createMemoryStore(createMemory());
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  async function start(list: readonly ReplayAnswer[], watch: readonly ReplayAnswer[], now: number): Promise<void> {
    clock = now;
    replay = await replayKubernetes({ [AUTHORIZATIONS]: list, [`watch ${AUTHORIZATIONS}`]: watch });
    const kubeconfig = join(directory, 'config');
    const config = {
      'current-context': 'r',
      clusters: [{ name: 'r', cluster: { server: replay.url } }],
      contexts: [{ name: 'r', context: { cluster: 'r', user: '' } }],
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
    const cluster = createKubernetesCluster({
      client: openKubernetes({ kubeconfig, context: null, env: {} }),
      kinds: KIND,
      random: () => 0.5,
      sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }).catch(() => undefined),
      now: () => clock,
      timing: { ...TIMING, firstPause: 5, longestPause: 20, patience: 20 },
    });
    policy = await watchPolicy({
      watch: cluster,
      cluster: '',
      store,
      bounds: { policyRevisions: 100, podChanges: 100 },
      now: () => clock,
      logger: createLogger(new Writable({ write: (_chunk, _encoding, done) => done() }), 'error'),
      metrics: createMetrics('test'),
    });
  }
  async function end(): Promise<void> {
    await policy.stop();
    await replay.close();
  }
  const known = (name: string, at: number | null) =>
    policy.current() !== null &&
    findResource((policy.current() as NonNullable<ReturnType<PolicySource['current']>>).view.at(at), {
      group: 'policy.linkerd.io',
      kind: 'AuthorizationPolicy',
      namespace: 'shop',
      name,
    }) !== null;

  it('dates what happened while it was not there by who wrote it, and what it cannot date by when it was seen', async () => {
    await start([EMPTY], [OPEN], EDITED - 10 * MINUTE);
    await until('the first state', 20_000, () => policy.current() !== null);
    await end();
    await start([{ capture: 'list.json' }], [OPEN], EDITED + 10 * MINUTE);
    await until('what was missed', 20_000, () => known('backend-frontend', null));
    expect([EDITED - 1, EDITED, EDITED + MINUTE].map((at) => known('backend-frontend', at))).toEqual([false, true, true]);
    await end();
    await start([EMPTY], [OPEN], EDITED + 20 * MINUTE);
    await until('the deletion', 20_000, () => !known('backend-frontend', null));
    expect([EDITED + 20 * MINUTE - 1, EDITED + 20 * MINUTE].map((at) => known('backend-frontend', at))).toEqual([true, false]);
    await end();
  });

  it('says once that answers are stale', async () => {
    await start([EMPTY], [OPEN], EDITED);
    expect([policy.current(), await policy.refresh()]).toEqual([null, false]);
    await until('the first state', 20_000, () => policy.current() !== null);
    expect([await policy.refresh(), await policy.refresh()]).toEqual([true, false]);
    await end();
  });

  it('keeps what could not be recorded, and records it when the store is back', async () => {
    const whole = store;
    let isGone = false;
    store = {
      ...whole,
      commit: (commit) => (isGone ? Promise.reject(new Unavailable('it is gone', 'Wait.')) : whole.commit(commit)),
    };
    await start([{ capture: 'list.json' }], [OPEN], EDITED + MINUTE);
    await until('the first state', 20_000, () => known('backend-frontend', null));
    await end();
    isGone = true;
    await start([EMPTY], [OPEN], EDITED + 2 * MINUTE);
    await until('the watch', 20_000, () => replay.requests.some((path) => path.includes('watch')));
    await sleep(300);
    expect(known('backend-frontend', null)).toBe(true);
    isGone = false;
    await until('that it is gone', 20_000, () => !known('backend-frontend', null));
    expect(known('backend-frontend', EDITED + 2 * MINUTE - 1)).toBe(true);
    await end();
  });
});
