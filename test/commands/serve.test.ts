import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { denials, FROM_CART, WEBHOOK } from '../http/running.ts';
import { type Served, serve, serveRefused } from './served.ts';

let directory = '';
let served: Served[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'denywhy-serve-'));
  served = [];
});
afterEach(async () => {
  for (const one of served) if (one.child.exitCode === null && one.child.signalCode === null) await one.stop('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

const data = () => join(directory, 'data');
async function start(env: Readonly<Record<string, string>> = {}): Promise<Served> {
  const one = await serve({ DENYWHY_STORE_DIRECTORY: data(), ...env });
  served.push(one);
  return one;
}

const sendLogs = (url: string, body: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${url}/api/v1/logs`, { method: 'POST', body, headers: { 'Content-Type': 'text/plain', ...FROM_CART, ...headers } });

interface Shown {
  readonly id: string;
  readonly state: string;
  readonly counted: { readonly logs: number };
  readonly explained: number;
  readonly evidence: number;
  readonly answer: { readonly sentence: string; readonly object: string | null } | null;
}
async function incidents(url: string): Promise<readonly Shown[]> {
  const response = await fetch(`${url}/api/v1/incidents`);
  return ((await response.json()) as { items: readonly Shown[] }).items;
}

async function until<T>(read: () => Promise<T>, isDone: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const value = await read();
    if (isDone(value)) return value;
    if (performance.now() > deadline) throw new Error(`it did not come: ${JSON.stringify(value)}`);
    await sleep(50);
  }
}

const object = (kind: string, version: string, name: string, spec: unknown) => ({
  apiVersion: `policy.linkerd.io/${version}`,
  kind,
  metadata: { name, namespace: 'shop' },
  spec,
});
const identity = (account: string) => `${account}.till.serviceaccount.identity.linkerd.cluster.local`;

/** A cluster that lets in whom the list names. */
function writePolicy(...allowed: readonly string[]): string {
  const path = join(directory, 'policies');
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'cart-1',
      namespace: 'shop',
      labels: { app: 'cart', 'linkerd.io/control-plane-ns': 'linkerd', 'linkerd.io/proxy-deployment': 'cart' },
    },
    spec: {
      serviceAccountName: 'cart',
      containers: [
        { name: 'cart', image: 'cart', ports: [{ name: 'api', containerPort: 7070 }] },
        { name: 'linkerd-proxy', image: 'proxy', ports: [{ name: 'linkerd-proxy', containerPort: 4143 }] },
      ],
    },
    status: { podIP: '10.9.0.1', podIPs: [{ ip: '10.9.0.1' }], phase: 'Running' },
  };
  const items = [
    pod,
    object('Server', 'v1beta3', 'cart-api', { podSelector: { matchLabels: { app: 'cart' } }, port: 'api', proxyProtocol: 'HTTP/1' }),
    object('MeshTLSAuthentication', 'v1alpha1', 'cart-clients', { identities: allowed.map(identity) }),
    object('AuthorizationPolicy', 'v1alpha1', 'cart-authz', {
      targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: 'cart-api' },
      requiredAuthenticationRefs: [{ group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', name: 'cart-clients' }],
    }),
  ];
  rmSync(path, { recursive: true, force: true });
  writeFileSync(path, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  return path;
}

describe('the service', () => {
  it('explains a denial against the policy of its time, explains it again when that changes, and knows both after a restart', async () => {
    const env = { DENYWHY_CLUSTER_MANIFESTS: writePolicy('kiosk'), DENYWHY_CLUSTER_POLL: '100ms' };
    const first = await start(env);
    const { 'X-Denywhy-Workload': _, ...podOnly } = FROM_CART;
    const sent = await fetch(`${first.url}/api/v1/logs`, {
      method: 'POST',
      body: denials('10.9.0.3'),
      headers: { 'Content-Type': 'text/plain', ...podOnly },
    });
    expect(sent.status).toBe(200);
    const [incident] = await until(
      () => incidents(first.url),
      ([one]) => one !== undefined && one.explained === one.evidence,
    );
    expect(incident?.answer?.object).toBe('MeshTLSAuthentication shop/cart-clients');

    const nowOf = async (url: string) => {
      const detail = (await (await fetch(`${url}/api/v1/incidents/${incident?.id}`)).json()) as {
        explanation: { clients: { targets: { verdict: string; now: { verdict: string } | null }[] }[] } | null;
      };
      const target = detail.explanation?.clients[0]?.targets[0];
      return [target?.verdict, target?.now?.verdict ?? null];
    };
    expect(await nowOf(first.url)).toEqual(['deny', null]);
    writePolicy('kiosk', 'checkout');
    await until(
      () => nowOf(first.url),
      ([, now]) => now === 'allow',
    );
    expect(await nowOf(first.url)).toEqual(['deny', 'allow']);
    expect((await first.stop('SIGTERM')).code).toBe(0);

    const second = await start(env);
    await sendLogs(second.url, denials('10.9.0.4'));
    await until(
      () => incidents(second.url),
      ([one]) => one !== undefined && one.counted.logs === 2 && one.explained === one.evidence,
    );
    expect(await nowOf(second.url)).toEqual(['deny', 'allow']);
  });

  it('keeps its last good policy when the new one cannot be read', async () => {
    const one = await start({ DENYWHY_CLUSTER_MANIFESTS: writePolicy('kiosk'), DENYWHY_CLUSTER_POLL: '100ms' });
    writeFileSync(join(directory, 'policies'), '{"apiVersion": "v1", "kind": "List", "items": [');
    await until(
      async () => one.output(),
      (text) => text.includes('the last one stays in force'),
    );
    await sendLogs(one.url, denials('10.9.0.3'));
    const [incident] = await until(
      () => incidents(one.url),
      ([i]) => i !== undefined && i.explained === i.evidence,
    );
    expect(incident?.answer?.object).toBe('MeshTLSAuthentication shop/cart-clients');
    expect(one.output().match(/the last one stays in force/g)).toHaveLength(1);
  });

  it('loses nothing that it acknowledged when it is killed, and counts what is sent again once', async () => {
    const first = await start();
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    const acknowledged: string[] = [];
    const sending = keys.map(async (key, i) => {
      const response = await sendLogs(first.url, denials(`10.9.1.${i}`), { 'Idempotency-Key': key }).catch(() => null);
      if (response?.status === 200) acknowledged.push(key);
    });
    await Promise.race(sending);
    await first.stop('SIGKILL');
    await Promise.all(sending);
    expect(acknowledged.length).toBeGreaterThan(0);

    const second = await start();
    const found = (await incidents(second.url))[0]?.counted.logs ?? 0;
    expect(found).toBeGreaterThanOrEqual(acknowledged.length);
    const again = await Promise.all(keys.map((key, i) => sendLogs(second.url, denials(`10.9.1.${i}`), { 'Idempotency-Key': key })));
    expect(again.map((r) => r.status)).toEqual(keys.map(() => 200));
    expect((await incidents(second.url)).map((i) => i.counted.logs)).toEqual([20]);
  });

  it('ends at SIGTERM within ten seconds, with the body that it was reading', async () => {
    const one = await start();
    const body = denials('10.9.0.3');
    const stream = new ReadableStream({
      async start(controller) {
        controller.enqueue(Buffer.from(body.slice(0, 100)));
        await sleep(600);
        controller.enqueue(Buffer.from(body.slice(100)));
        controller.close();
      },
    });
    const answer = fetch(`${one.url}/api/v1/logs`, {
      method: 'POST',
      body: stream,
      headers: { 'Content-Type': 'text/plain', ...FROM_CART },
      duplex: 'half',
    } as RequestInit);
    await sleep(200);
    const ended = one.stop('SIGTERM');
    expect((await answer).status).toBe(200);
    const { code, took } = await ended;
    expect([code, took < 10_000]).toEqual([0, true]);
    const second = await start();
    expect((await incidents(second.url)).map((i) => i.counted.logs)).toEqual([1]);
  });

  it('that is asked to end as soon as it listens ends in order, too', async () => {
    const one = await start();
    expect((await one.stop('SIGTERM')).code).toBe(0);
    expect(one.output()).toContain('denywhy has ended');
  });

  it('writes its log as JSON, without bodies or tokens', async () => {
    const token = 'a-secret-token-0000000';
    const one = await start({ DENYWHY_AUTH_TOKENS: `am intake ${token}`, DENYWHY_LOG_LEVEL: 'debug' });
    const hostile = {
      ...WEBHOOK,
      alerts: [
        { ...WEBHOOK.alerts[0], labels: { ...WEBHOOK.alerts[0]?.labels, alertname: '\n{"level":"error","forged":true}\n\u001b[31m' } },
      ],
    };
    for (const authorization of [`Bearer ${token}`, 'Bearer wrong-wrong-wrong'])
      await fetch(`${one.url}/api/v1/webhooks/alertmanager`, {
        method: 'POST',
        body: JSON.stringify(hostile),
        headers: { 'Content-Type': 'application/json', Authorization: authorization },
      });
    await sleep(300);
    await one.stop('SIGTERM');
    const lines = one.output().trim().split('\n');
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({ level: expect.any(String), message: expect.any(String), time: expect.any(String) });
    for (const part of [token, 'forged', '\u001b']) expect(one.output()).not.toContain(part);
    expect(one.output()).toMatch(/"incident":"i[0-9a-f]{20}"/);
  });
});

describe('the service does not start', () => {
  it.each([
    [
      'with faults in its configuration',
      { DENYWHY_STORE_DRIVER: 'mongo', DENYWHY_TRIAGE_QUIET: 'soon' },
      2,
      ['2 faults', 'store.driver is "mongo"', 'triage.quiet is "soon"'],
    ],
    ['on an address that others reach, without tokens', { DENYWHY_LISTEN_ADDRESS: '0.0.0.0:0' }, 2, ['there are no tokens']],
    [
      'on an address that is not its own',
      { DENYWHY_LISTEN_ADDRESS: '192.0.2.1:0', DENYWHY_AUTH_TOKENS: 'a read 0123456789abcdef' },
      3,
      ['192.0.2.1:0 is not an address of this machine'],
    ],
    [
      'with a policy that is not there',
      { DENYWHY_CLUSTER_MANIFESTS: '/nowhere/policies' },
      2,
      ['/nowhere/policies', 'There is no such file.'],
    ],
    ['in a directory that cannot be made', { DENYWHY_STORE_DIRECTORY: '/dev/null/denywhy' }, 2, ['/dev/null/denywhy']],
    [
      'without its Redis',
      { DENYWHY_STORE_DRIVER: 'redis', DENYWHY_REDIS_URL: 'redis://user:secret-password@127.0.0.1:1' },
      3,
      ['127.0.0.1:1'],
    ],
    ['with a configuration file that is not there', { DENYWHY_CONFIG: '/nowhere.yaml' }, 2, ['/nowhere.yaml']],
  ])('%s', async (_name, env, exit, parts) => {
    const { code, text } = await serveRefused({ DENYWHY_STORE_DIRECTORY: data(), ...env });
    expect(code, text).toBe(exit);
    for (const part of parts) expect(text).toContain(part);
    expect(text).toMatch(/^denywhy: .+\n {2}\S/m);
    expect(text).not.toContain('bug in denywhy');
    expect(text).not.toContain('secret-password');
  });

  it('on a port that is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const { code, text } = await serveRefused({ DENYWHY_STORE_DIRECTORY: data(), DENYWHY_LISTEN_ADDRESS: `127.0.0.1:${port}` });
    other.close();
    expect([code, text]).toEqual([3, expect.stringContaining(`127.0.0.1:${port} is in use.`)]);
  });

  it('a second time in the same directory, and the first one goes on', async () => {
    const first = await start();
    const { code, text } = await serveRefused({ DENYWHY_STORE_DIRECTORY: data() });
    expect([code, text]).toEqual([3, expect.stringContaining(data())]);
    expect((await sendLogs(first.url, denials('10.9.0.3'))).status).toBe(200);
  });

  it('on a file that is not its own', async () => {
    await (await start()).stop('SIGTERM');
    writeFileSync(join(data(), 'denywhy.db'), 'this is no database, and long enough to be looked at as one'.repeat(100));
    const { code, text } = await serveRefused({ DENYWHY_STORE_DIRECTORY: data() });
    expect([code, text]).toEqual([2, expect.stringContaining('denywhy.db')]);
  });
});

describe('denywhy config', () => {
  it('shows what is in force, where it came from, and no secret', async () => {
    const env = {
      DENYWHY_AUTH_TOKENS: 'ann read 0123456789abcdef',
      DENYWHY_REDIS_URL: 'redis://u:pass-word@h:1',
      DENYWHY_TRIAGE_QUIET: '20m',
    };
    for (const output of ['text', 'json']) {
      const { code, text } = await serveRefused(env, ['config', '-o', output]);
      expect(code).toBe(0);
      for (const part of ['triage.quiet', '1200000', 'DENYWHY_TRIAGE_QUIET', '(hidden)', 'default']) expect(text).toContain(part);
      for (const secret of ['0123456789abcdef', 'pass-word']) expect(text).not.toContain(secret);
    }
  });
});
