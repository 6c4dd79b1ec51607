/** A recording that happens again: its pages, its log lines, its directory of policies. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { createLogPush, rebasedLine } from '../../src/commands/demo-logs.ts';
import { createPages } from '../../src/commands/demo-pages.ts';
import { openPolicyDirectory } from '../../src/commands/demo-policies.ts';
import { createManifestsCluster } from '../../src/drivers/cluster-manifests.ts';
import { createInputs } from '../../src/drivers/inputs.ts';
import type { RecordedLog } from '../../src/drivers/recording.ts';
import type { Sample } from '../../src/evidence/metrics-sample.ts';
import { WANTED_METRICS } from '../../src/evidence/metrics-sample.ts';
import { createMetricsText } from '../../src/evidence/metrics-text.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { run } from '../run-command.ts';
import { smallRecording } from '../small-recording.ts';

const root = mkdtempSync(join(tmpdir(), 'denywhy-expose-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;
const fresh = () => join(root, String(count++));

function recordingOf(files: ReadonlyMap<string, string> = smallRecording({ requests: 4, connections: 2, before: 3 })): string {
  const directory = fresh();
  for (const [name, text] of files) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

const TARGET = { job: 'linkerd-proxy', namespace: 'shop', pod: 'cart-1', instance: '10.0.0.1:4191' };
const PATH = '/pods/shop/cart-1/metrics';
const LATER = (at: number) => at + 1_000_000;

function sample(metric: string, labels: Readonly<Record<string, string>>, value: number): Sample {
  return { metric, labels: new Map(Object.entries({ ...TARGET, ...labels })), value, at: 0 };
}

function readPage(text: string): readonly Sample[] {
  const samples: Sample[] = [];
  const reader = createMetricsText('page', WANTED_METRICS, (one) => samples.push(one));
  reader.push(text);
  reader.end();
  expect(reader.stats.malformed).toBe(0);
  return samples;
}

describe('the page of a proxy', () => {
  const pages = () => createPages(new Map([['shop/cart-1', new Map(Object.entries(TARGET))]]));
  const deny = (labels: Readonly<Record<string, string>>, value: number) => sample('inbound_http_authz_deny_total', labels, value);

  it('has the series without what Prometheus added to them, and its start in the time of now', () => {
    const shown = pages();
    shown.take([sample('process_start_time_seconds', {}, 1000), deny({ srv_name: 'cart', tls: 'true' }, 2)], LATER);
    const { status, text } = shown.page(PATH);
    expect(status).toBe(200);
    expect(readPage(text).map(({ metric, labels, value }) => [metric, Object.fromEntries(labels), value])).toEqual([
      ['process_start_time_seconds', {}, 2000],
      ['inbound_http_authz_deny_total', { srv_name: 'cart', tls: 'true' }, 2],
    ]);
    expect(text).toContain('# TYPE inbound_http_authz_deny_total counter\n');
  });

  it('gives a label back its name that Prometheus had moved out of the way of its own', () => {
    const shown = pages();
    shown.take([deny({ exported_pod: 'mine', exported_other: 'stays' }, 1)], LATER);
    expect(readPage(shown.page(PATH).text).map(({ labels }) => Object.fromEntries(labels))).toEqual([
      { pod: 'mine', exported_other: 'stays' },
    ]);
  });

  it.each(['a"b', 'back\\slash', 'two\nlines', '"} 1\nup{x="', '\\', '\\n', 'é\u202e'])(
    'shows a label with the value %j as one series with that value',
    (hostile) => {
      const shown = pages();
      shown.take([deny({ client_id: hostile }, 1)], LATER);
      expect(readPage(shown.page(PATH).text).map(({ labels, value }) => [labels.get('client_id'), value])).toEqual([[hostile, 1]]);
    },
  );

  it('is 503 before the first scrape, 403 where Prometheus was refused, and 404 for who is nobody', () => {
    const shown = pages();
    expect(shown.page(PATH).status).toBe(503);
    shown.take([sample('up', {}, 0)], LATER);
    expect(shown.page(PATH).status).toBe(403);
    shown.take([sample('up', {}, 1), deny({}, 1)], LATER);
    expect(shown.page(PATH).status).toBe(200);
    for (const path of ['/pods/shop/cart-2/metrics', '/', '/pods/__proto__/constructor/metrics', `${PATH}/`])
      expect(shown.page(path).status).toBe(404);
  });

  it('forgets a series that became stale, and everything when the proxy restarts', () => {
    const shown = pages();
    shown.take([deny({ tls: 'true' }, 1), deny({ tls: 'disabled' }, 7)], LATER);
    shown.take([deny({ tls: 'true' }, Number.NaN)], LATER);
    expect(readPage(shown.page(PATH).text).map(({ value }) => value)).toEqual([7]);
    shown.restart();
    expect(shown.page(PATH).status).toBe(503);
  });

  it('is listed with the labels of its target', () => {
    expect(pages().targets('exporter:4191')).toEqual([{ targets: ['exporter:4191'], labels: { ...TARGET, __metrics_path__: PATH } }]);
  });
});

describe('a line that is written now', () => {
  const rebase = (at: number) => Date.parse('2030-01-01T00:00:00Z') + (at - Date.parse('2026-11-23T09:00:00Z')) / 10;
  it.each([
    [
      'of a proxy',
      '2026-11-23T09:00:10.5Z [   150.000000s]  INFO ThreadId(01) linkerd2_proxy: on 2026-11-23T08:36:48Z',
      '2030-01-01T00:00:01.050Z [    15.000000s]  INFO ThreadId(01) linkerd2_proxy: on 2026-11-23T08:36:48Z',
    ],
    [
      'of the policy controller',
      '2026-11-23T09:00:10Z 2026-11-23T09:00:00Z  INFO x: y',
      '2030-01-01T00:00:01.000Z 2030-01-01T00:00:00.000Z  INFO x: y',
    ],
    ['of JSON', '2026-11-23T09:00:10Z {"a":"2026-11-23T09:00:00Z"}', '2030-01-01T00:00:01.000Z {"a":"2026-11-23T09:00:00Z"}'],
    ['with a time that is none', '2026-99-99T99:00:10Z [     1.0s] x', '2026-99-99T99:00:10Z [     0.100000s] x'],
    ['without a time', '  at 2026-11-23T09:00:10Z [ 1.0s]', '  at 2026-11-23T09:00:10Z [ 1.0s]'],
  ])('%s', (_, text, wanted) => {
    expect(rebasedLine(text, rebase, 10)).toBe(wanted);
  });
});

interface Posted {
  readonly authorization: string | undefined;
  readonly pod: string | undefined;
  readonly body: string;
}

/** Answers as it is told to, and keeps what came. */
async function startSink() {
  const posted: Posted[] = [];
  const sink = { posted, status: 200, url: '', close: () => server.close() };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    if (request.method === 'POST' && sink.status === 200)
      posted.push({ authorization: request.headers.authorization, pod: String(request.headers['x-denywhy-pod']), body });
    response.writeHead(sink.status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  sink.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return sink;
}

describe('log lines', () => {
  const LOG: RecordedLog = { file: 'a', pod: 'cart-1', container: 'linkerd-proxy', namespace: 'shop' };

  it('that belong together go together, with the token, and once the service takes them', async () => {
    const sink = await startSink();
    sink.status = 503;
    const tokenFile = fresh();
    writeFileSync(tokenFile, 'secret-of-sixteen\n');
    const said: string[] = [];
    const push = await createLogPush({ url: sink.url, tokenFile, say: (sentence) => said.push(sentence) });
    try {
      push.take(LOG, 1000, 'one');
      push.take(LOG, 1000.2, 'two');
      await expect.poll(() => said, { timeout: 20_000 }).toEqual([`${sink.url} answers log lines with 503; they are sent again.`]);
      sink.status = 401;
      await expect.poll(() => said.at(-1), { timeout: 20_000 }).toContain('give a token of scope intake with --token-file');
      sink.status = 200;
      await expect
        .poll(() => sink.posted, { timeout: 20_000 })
        .toEqual([{ authorization: 'Bearer secret-of-sixteen', pod: 'cart-1', body: 'one\ntwo\n' }]);
      push.take(LOG, 2000, 'three');
      await push.close();
      expect(sink.posted.map(({ body }) => body)).toEqual(['one\ntwo\n', 'three\n']);
      expect(said.join()).not.toContain('secret-of');
    } finally {
      sink.close();
    }
  });

  it('of a file whose name is none of a pod are left out, and the others are sent', async () => {
    const sink = await startSink();
    const said: string[] = [];
    const push = await createLogPush({ url: sink.url, tokenFile: null, say: (sentence) => said.push(sentence) });
    push.take({ ...LOG, file: 'odd', pod: 'caf\u00e9\n' }, 1000, 'one');
    push.take(LOG, 1000, 'two');
    await push.close();
    sink.close();
    expect(sink.posted.map(({ body }) => body)).toEqual(['two\n']);
    expect(said).toEqual(['odd is not sent: its name is none of a pod.']);
  });

  it('wait until the service is ready, and say that once', async () => {
    const sink = await startSink();
    sink.status = 503;
    const said: string[] = [];
    const push = await createLogPush({ url: sink.url, tokenFile: null, say: (sentence) => said.push(sentence) });
    const ready = push.ready(new AbortController().signal);
    await expect.poll(() => said, { timeout: 20_000 }).toEqual([`waiting for ${sink.url} to take requests`]);
    sink.status = 200;
    await ready;
    await push.close();
    sink.close();
  });
});

describe('the directory of policies', () => {
  const object = (name: string, identities: readonly string[] = ['a']): Resource => ({
    apiVersion: 'policy.linkerd.io/v1alpha1',
    kind: 'MeshTLSAuthentication',
    metadata: { name, namespace: 'shop' },
    spec: { identities },
  });
  const read = async (directory: string) => {
    const cluster = await createManifestsCluster({
      paths: [directory],
      inputs: createInputs({ stdin: Readable.from([]) }),
      defaultNamespace: 'default',
    }).read();
    return cluster.changes.map(({ resource }) => [resource.metadata.name, resource.spec]);
  };
  const take = (resource: Resource, type: 'applied' | 'deleted' = 'applied') => ({ at: null, type, resource });

  it('holds what stands at the moment, as the manifests driver reads it, and of other people’s files none is touched', async () => {
    const directory = fresh();
    mkdirSync(directory);
    writeFileSync(join(directory, 'old.story.yaml'), 'left over');
    writeFileSync(join(directory, 'mine.txt'), 'mine');
    const policies = await openPolicyDirectory(directory);
    expect(readdirSync(directory)).toEqual(['mine.txt']);
    policies.take(take(object('one')));
    policies.take(take(object('two')));
    await policies.flush();
    policies.take(take(object('one', ['b'])));
    policies.take(take(object('two'), 'deleted'));
    await policies.flush();
    expect(await read(directory)).toEqual([['one', { identities: ['b'] }]]);
    expect(readdirSync(directory).sort()).toEqual(['meshtlsauthentication.shop.one.story.yaml', 'mine.txt']);
  });

  it('is not written to by what changes back before it is looked at', async () => {
    const directory = fresh();
    const policies = await openPolicyDirectory(directory);
    policies.take(take(object('one')));
    await policies.flush();
    rmSync(join(directory, 'meshtlsauthentication.shop.one.story.yaml'));
    policies.take(take(object('one', ['other'])));
    policies.take(take(object('one')));
    await policies.flush();
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each(['../../escape', '/etc/x', 'a\u0000b', `${'a'.repeat(300)}`, '.hidden', 'x y'])(
    'takes an object of the name %j under a name of its own',
    async (name) => {
      const directory = fresh();
      const policies = await openPolicyDirectory(directory);
      policies.take(take(object(name)));
      await policies.flush();
      expect(readdirSync(directory)).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.story\.yaml$/)]);
      expect(existsSync(join(root, 'escape'))).toBe(false);
    },
  );
});

describe('denywhy demo --expose', () => {
  it('plays over and over: counters rise as they were recorded and begin anew, and the objects are in the directory', {
    timeout: 60_000,
  }, async () => {
    const [from, policies] = [recordingOf(), fresh()];
    const args = ['bin/denywhy.js', 'demo', '--from', from, '--expose', '127.0.0.1:0', '--speed', '20', '--policies', policies];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    try {
      await expect.poll(() => stderr, { timeout: 30_000 }).toContain('round 2 begins');
      const url = /http:\/\/127\.0\.0\.1:\d+(?=\/targets)/.exec(stderr)?.[0] ?? '';
      const groups = (await (await fetch(`${url}/targets`)).json()) as { targets: string[]; labels: Record<string, string> }[];
      expect(groups.map(({ targets }) => `http://${targets[0]}`)).toEqual(groups.map(() => url));
      const path = groups.find(({ labels }) => labels['pod']?.startsWith('cart-'))?.labels['__metrics_path__'] ?? '';
      const denied = async () => {
        const response = await fetch(`${url}${path}`);
        const samples = response.ok ? readPage(await response.text()) : [];
        return samples.find(({ metric }) => metric === 'inbound_http_authz_deny_total')?.value ?? 0;
      };
      // What it counted before the recording, four more, and the next round.
      for (const value of [3, 7, 3]) await expect.poll(denied, { timeout: 30_000, interval: 20 }).toBe(value);
      expect((await fetch(`${url}/targets`, { method: 'POST' })).status).toBe(405);
      expect((await fetch(`${url}/nothing`)).status).toBe(404);
      expect(readFileSync(join(policies, readdirSync(policies).find((name) => name.startsWith('meshtls')) ?? ''), 'utf8')).toContain(
        'cart-clients',
      );
    } finally {
      child.kill('SIGTERM');
      expect(await gone, stderr).toBe(0);
    }
  });

  it('says which port is in use, with exit code 3', async () => {
    const sink = await startSink();
    const { exitCode, stderr } = await run(['demo', '--from', recordingOf(), '--expose', sink.url.slice('http://'.length)]);
    sink.close();
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/denywhy: 127\.0\.0\.1:\d+ is in use\.\n {2}Stop what listens there/);
  });

  const uncounted = new Map(
    [...smallRecording({ requests: 1, connections: 1, before: 0 })].filter(([name]) => !name.startsWith('prometheus/')),
  );
  it.each<[string, readonly string[], RegExp]>([
    ['no address', ['--expose', 'nowhere'], /--expose nowhere: this is no address\./],
    ['no speed', ['--expose', '--speed', 'fast'], /--speed fast: this is no speed\./],
    ['a speed of nothing', ['--expose', '--speed', '0'], /--speed 0: this is no speed\./],
    ['a speed without pages', ['--speed', '5'], /--speed goes with --expose\./],
    ['a token for nobody', ['--expose', '--token-file', 'x'], /--token-file goes with --to\./],
    ['a service that is none', ['--expose', '127.0.0.1:0', '--to', 'ftp://x'], /--to ftp:\/\/x: this is no address of a service\./],
    [
      'a token that is missing',
      ['--expose', '127.0.0.1:0', '--to', 'http://127.0.0.1:1', '--token-file', join(root, 'none')],
      /none: The token cannot be read \(ENOENT\)\./,
    ],
    [
      'a token that is none',
      ['--expose', '127.0.0.1:0', '--to', 'http://127.0.0.1:1', '--token-file', 'package.json'],
      /package\.json: This file holds no token\./,
    ],
    [
      'a directory that is none',
      ['--expose', '127.0.0.1:0', '--policies', 'package.json'],
      /package\.json: The policies cannot be written there/,
    ],
    [
      'a recording without counters',
      ['--expose', '127.0.0.1:0', '--from', recordingOf(uncounted)],
      /There are no counters in this recording to expose\./,
    ],
  ])('refuses %s with exit code 2', async (_, args, message) => {
    const from = args.includes('--from') ? [] : ['--from', recordingOf()];
    const { exitCode, stdout, stderr } = await run(['demo', ...from, ...args]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});
