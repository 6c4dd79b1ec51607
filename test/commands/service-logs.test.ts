/** Logs that the service reads for firing alerts, and those it follows: which, when, how often, and what becomes of their counts. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type LogsWork, type LogsWorkOptions, startLogs } from '../../src/commands/service-logs.ts';
import { openKubernetes } from '../../src/drivers/kubernetes-client.ts';
import { createKubernetesLogs } from '../../src/drivers/logs-kubernetes.ts';
import { Unavailable } from '../../src/errors.ts';
import { createLogger, createMetrics } from '../../src/telemetry.ts';
import { countClients } from '../../src/triage/clients.ts';
import { readSources } from '../../src/triage/sources.ts';
import { type Kubelet, startKubelet, writeKubeconfigFor } from '../kubelet.ts';
import { alert, createDesk, type Desk, fromMetrics, MINUTE } from '../triage/desk.ts';

const POD = 'backend-c5d669876-hwvr7';
const NAME = `shop/${POD}`;
const BACKEND = { kind: 'Deployment', namespace: 'shop', name: 'backend' };
/** Three denials, of a probe, of a stranger and of `admin`, each with its error line. */
const LINES: readonly string[] = String(
  JSON.parse(readFileSync(new URL('../fixtures/kubernetes-api/logs-timestamps.json', import.meta.url), 'utf8')).body,
)
  .trimEnd()
  .split('\n');
const NOW = Date.parse('2026-11-23T09:28:31Z');
const ALERT = alert({ labels: { alertname: 'Denied', namespace: 'shop', deployment: 'backend' }, startsAt: NOW - 2 * MINUTE });
const ADMIN = { state: 'established', clientId: 'admin.shop.serviceaccount.identity.linkerd.cluster.local' } as const;

let directory = '';
let kubelet: Kubelet;
let kubeconfig = '';
let desk: Desk;
let works: LogsWork[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'denywhy-service-logs-'));
  kubelet = await startKubelet();
  kubeconfig = writeKubeconfigFor(kubelet, directory);
});
afterAll(async () => {
  await kubelet.close();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  desk = createDesk({ owners: new Map([[NAME, BACKEND]]) });
  desk.clock.now = NOW;
  kubelet.logs.clear();
  kubelet.logs.set(NAME, { lines: [...LINES] });
  kubelet.requests.length = 0;
});
afterEach(async () => {
  await Promise.all(works.map((work) => work.stop()));
  works = [];
});

function start(more: Partial<LogsWorkOptions> = {}): LogsWork {
  const work = startLogs({
    logs: createKubernetesLogs(openKubernetes({ kubeconfig, context: null, env: {} })),
    store: desk.store,
    intake: desk.intake,
    isLeader: () => true,
    pods: () => [{ namespace: 'shop', pod: POD }],
    namespaces: ['shop'],
    follow: [],
    back: 10 * MINUTE,
    mostPods: 10,
    mostBytes: 2 ** 20,
    mostFollowed: 10,
    hasCounters: false,
    now: () => desk.clock.now,
    logger: createLogger(new Writable({ write: (_chunk, _encoding, done) => done() }), 'error'),
    metrics: createMetrics('0.0.0'),
    ...more,
  });
  works.push(work);
  return work;
}

async function clients() {
  const all = await Promise.all(
    (await desk.incidents()).map(async ({ id, kind }) =>
      countClients(
        kind,
        (await desk.clients(id)).map((client, i) => ({ ...client, id: String(i) })),
      ),
    ),
  );
  return all.flat().map(({ client, count, countedBy }) => [client.ip, count, countedBy] as const);
}
const addresses = async () => (await clients()).map(([ip, count]) => `${ip} ${count}`).sort();
const soon = { timeout: 15_000 };
const ALL = ['10.42.0.32 1', '192.168.77.10 1', '198.51.100.20 1'];

describe('a firing alert', () => {
  it('has the logs read of the pods that it selects, from before it began', async () => {
    start().look([ALERT]);
    await expect.poll(addresses, soon).toEqual(ALL);
    const asked = new URL(kubelet.requests[0] ?? '', kubelet.url).searchParams;
    expect(asked.get('sinceTime')).toBe('2026-11-23T09:16:31Z');
    expect((await desk.incidents()).every(({ workload }) => workload?.name === 'backend')).toBe(true);
  });

  it('that is told of again counts no line twice, and reads on', async () => {
    const work = start();
    work.look([ALERT]);
    await expect.poll(addresses, soon).toEqual(ALL);
    desk.clock.now += MINUTE;
    kubelet.write(NAME, (LINES[4] ?? '').replace('09:28:30.659642389', '09:29:20.1').replace('10.42.0.32', '10.42.0.33'));
    work.look([ALERT]);
    await expect.poll(addresses, soon).toEqual(['10.42.0.32 1', '10.42.0.33 1', ...ALL.slice(1)]);
  });

  it('of a namespace that is not named has nothing read, nor one that has ended', async () => {
    const work = start({ namespaces: ['other'] });
    work.look([ALERT]);
    const second = start();
    second.look([alert({ labels: { alertname: 'Denied', namespace: 'shop' }, status: 'resolved', endsAt: NOW })]);
    second.look([alert({ labels: { alertname: 'Denied', namespace: 'kube-system' } })]);
    start().look([ALERT]);
    await expect.poll(addresses, soon).toEqual(ALL);
    expect(kubelet.requests.filter((url) => !url.includes('previous')).length).toBe(1);
  });

  it('is looked at after its counters, or when these do not come', async () => {
    const work = start({ hasCounters: true });
    work.look([ALERT]);
    await expect.poll(async () => (await readSources(desk.store)).length, soon).toBe(1);
    expect(kubelet.requests).toEqual([]);
    work.counted(ALERT);
    await expect.poll(addresses, soon).toEqual(ALL);
    desk.clock.now += MINUTE;
    work.look([ALERT]);
    const before = kubelet.requests.length;
    desk.clock.now += 10_000;
    await expect.poll(() => kubelet.requests.length, soon).toBeGreaterThan(before);
  });

  it('of many pods has the logs read of a few, those first that counted', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `backend-${i}`);
    for (const name of names) kubelet.logs.set(`shop/${name}`, { lines: [] });
    const counted = fromMetrics({ pod: 'backend-17', workload: BACKEND, at: NOW });
    await desk.take([counted], [ALERT]);
    start({ mostPods: 3, pods: () => names.map((pod) => ({ namespace: 'shop', pod })) }).look([ALERT]);
    const podsAsked = () => [...new Set(kubelet.requests.map((url) => url.split('/')[6]))];
    await expect.poll(podsAsked, soon).toEqual(['backend-17', 'backend-0', 'backend-1']);
  });

  it('has the run before this one read, where it ran within that time', async () => {
    kubelet.logs.set(NAME, { lines: LINES.slice(4), previous: LINES.slice(0, 4) });
    start().look([ALERT]);
    await expect.poll(addresses, soon).toEqual(ALL);
  });

  it('that two processes hear counts once', async () => {
    const both = [start(), start()];
    for (const work of both) work.look([ALERT]);
    await expect.poll(addresses, soon).toEqual(ALL);
    await expect.poll(() => kubelet.requests.filter((url) => !url.includes('previous')).length, soon).toBe(2);
    await Promise.all(both.map((work) => work.stop()));
    expect(await addresses()).toEqual(ALL);
  });
});

describe('counts', () => {
  it('are those of the counters where there are any; the log adds the address', async () => {
    const server = { group: 'policy.linkerd.io', kind: 'server', name: 'backend-http' };
    const route = { group: '', kind: 'default', name: 'default' };
    const client = { ip: null, port: null, tls: ADMIN };
    await desk.take([fromMetrics({ pod: POD, workload: BACKEND, server, route, client, count: 7, at: NOW })]);
    start().look([ALERT]);
    await expect.poll(clients, soon).toContainEqual(['10.42.0.32', 7, 'metrics']);
  });
});

describe('a namespace that is followed', () => {
  const follow = { follow: ['shop'], namespaces: ['shop'] };

  it('has each new line as it comes, once, also over a restart', async () => {
    const first = start(follow);
    await expect.poll(addresses, soon).toEqual(ALL);
    await first.stop();
    kubelet.endFollowers();
    kubelet.write(NAME, (LINES[4] ?? '').replace('09:28:30.659642389', '09:28:40.1').replace('10.42.0.32', '10.42.0.33'));
    start(follow);
    await expect.poll(addresses, soon).toEqual(['10.42.0.32 1', '10.42.0.33 1', ...ALL.slice(1)]);
  });

  it('loses nothing while the store does not answer', async () => {
    desk.store.fail(new Unavailable('the store is gone', 'Wait.'));
    start(follow);
    await expect.poll(() => kubelet.requests.length, { timeout: 3000 }).toBe(0);
    desk.store.fail(null);
    await expect.poll(() => kubelet.requests.length, soon).toBeGreaterThan(0);
    desk.store.fail(new Unavailable('the store is gone', 'Wait.'));
    // Long enough for a save to be tried, on any but the slowest machine.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    desk.store.fail(null);
    desk.clock.now += 11_000;
    await expect.poll(addresses, soon).toEqual(ALL);
  });

  it('is not read a second time for an alert', async () => {
    const work = start(follow);
    await expect.poll(addresses, soon).toEqual(ALL);
    work.look([ALERT]);
    // Status is written after what was to be looked at.
    desk.clock.now += 16_000;
    await expect.poll(async () => (await readSources(desk.store))[0]?.at, soon).toBe(desk.clock.now);
    expect(kubelet.requests.every((url) => url.includes('follow=true'))).toBe(true);
  });

  it('is followed by the process that leads alone', async () => {
    start({ ...follow, isLeader: () => false }).look([ALERT]);
    const leader = start(follow);
    await expect.poll(addresses, soon).toEqual(ALL);
    await leader.stop();
    expect(kubelet.requests.length).toBe(1);
  });
});

describe('status', () => {
  it('says what could not be read, and what to do', async () => {
    const forbidden = JSON.parse(readFileSync(new URL('../fixtures/kubernetes-api/forbidden-logs.json', import.meta.url), 'utf8'));
    kubelet.logs.set(NAME, { lines: [], refusal: { status: 403, body: JSON.stringify(forbidden.body) } });
    const work = start();
    work.look([ALERT]);
    await expect.poll(() => kubelet.requests.length, soon).toBe(1);
    desk.clock.now += 16_000;
    const remarks = async () => (await readSources(desk.store)).find(({ id }) => id === 'logs')?.remarks.join();
    await expect.poll(remarks, soon).toMatch(/there is no right to get pods\/log in namespace shop \(403\)\. kubectl auth can-i/);
    desk.clock.now += 11 * MINUTE;
    await expect.poll(remarks, soon).toBe('');
  });

  it('says how many logs are not followed', async () => {
    start({ follow: ['shop'], mostFollowed: 1, pods: () => [1, 2, 3].map((i) => ({ namespace: 'shop', pod: `backend-${i}` })) });
    const remarks = async () => (await readSources(desk.store)).find(({ id }) => id === 'logs')?.remarks.join();
    desk.clock.now += 16_000;
    await expect.poll(remarks, soon).toMatch(/2 logs are not followed: 1 are the most/);
  });
});
