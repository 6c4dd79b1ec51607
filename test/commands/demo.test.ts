import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import type { Io } from '../../src/commands/command.ts';
import { main } from '../../src/main.ts';
import { smallRecording } from '../small-recording.ts';

const root = mkdtempSync(join(tmpdir(), 'denywhy-demo-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;

type Files = ReadonlyMap<string, string | Uint8Array>;

function put(files: Files): string {
  const directory = join(root, String(count++));
  mkdirSync(directory);
  for (const [name, content] of files) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
}

async function run(args: readonly string[], given: Partial<Pick<Io, 'isTTY' | 'env' | 'columns'>> = {}) {
  const written: { readonly stdout: string[]; readonly stderr: string[] } = { stdout: [], stderr: [] };
  const sink = (to: string[]) => new Writable({ decodeStrings: false, write: (chunk: string, _, done) => done(void to.push(chunk)) });
  const io: Io = {
    stdin: Readable.from([]),
    stdout: sink(written.stdout),
    stderr: sink(written.stderr),
    env: { npm_lifecycle_event: 'demo' },
    now: Date.parse('2030-01-01T00:00:00Z'),
    isTTY: { stdin: false, stdout: false, stderr: false },
    columns: 80,
    ...given,
  };
  const exitCode = await main(['demo', '--once', ...args], io);
  return { exitCode, stdout: written.stdout.join(''), stderr: written.stderr.join('') };
}

interface ServedDetail {
  readonly incident: { readonly id: string; readonly counted: object; readonly answer: { readonly object: string | null } };
  readonly explanation: unknown;
  readonly clients: { readonly items: readonly { readonly logs: { readonly count: number } }[] };
}

interface Named {
  readonly name: string;
}

interface Data {
  readonly incidents: readonly {
    readonly id: string;
    readonly kind: string | null;
    readonly workload: Named | null;
    readonly server: Named | null;
    readonly route: Named | null;
    readonly counted: { readonly metrics: number; readonly logs: number; readonly before: number };
  }[];
  readonly recording: { readonly from: string; readonly to: string; readonly lines: number };
  readonly clients: readonly {
    readonly client: {
      readonly identity: string | null;
      readonly ips: readonly string[];
      readonly workload: { readonly name: string } | null;
    };
    readonly counts: Readonly<Record<string, number>>;
    readonly before: number;
    readonly alerts: readonly { readonly name: string; readonly from: string | null; readonly to: string | null }[];
    readonly targets: readonly {
      readonly kind: string;
      readonly workload: { readonly name: string } | null;
      readonly server: { readonly name: string } | null;
      readonly route: { readonly name: string } | null;
      readonly port: number | null;
      readonly count: number;
      readonly before: number;
      readonly agrees: boolean;
      readonly decision: {
        readonly object: { readonly kind: string; readonly name: string } | null;
        readonly required: readonly string[];
        readonly observed: string;
      };
    }[];
  }[];
}

async function dataOf(args: readonly string[]): Promise<Data> {
  const { exitCode, stdout, stderr } = await run([...args, '-o', 'json']);
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout) as Data;
}

/** `client → target: count (before)`, as the recording counts. */
function countsOf({ clients }: Data): readonly string[] {
  return clients.flatMap(({ client, targets }) =>
    targets.map(
      ({ kind, workload, server, route, count, before }) =>
        `${client.workload?.name ?? client.identity} → ${workload?.name} ${kind} ${server?.name}/${route?.name ?? '-'}: ${count} (${before})`,
    ),
  );
}

const story = await dataOf([]);
const plain = await run([]);

describe('the story', () => {
  it('counts per client and target what the counters grew by within the recording, and apart from it what they showed before', () => {
    expect(countsOf(story)).toEqual([
      'frontend → backend http-denied backend-http/backend-routes: 547 (538)',
      'scanner → database tcp-denied database-sql/-: 15 (15)',
      'scanner → backend http-denied backend-http/backend-admin: 5 (6)',
      'scanner → backend http-denied backend-http/backend-routes: 4 (2)',
      'scanner → backend route-not-found backend-http/-: 2 (3)',
      'reports → backend http-denied backend-http/backend-admin: 15 (15)',
      'prometheus.linkerd-viz.serviceaccount.identity.linkerd.cluster.local → backend http-denied deny/default: 2 (0)',
      'prometheus.linkerd-viz.serviceaccount.identity.linkerd.cluster.local → database http-denied deny/default: 0 (1)',
    ]);
  });

  it('counts as many as the logs have lines', () => {
    const lines = readdirSync('demo/logs').flatMap((name) =>
      gunzipSync(readFileSync(join('demo/logs', name)))
        .toString()
        .split('\n'),
    );
    const inLogs = (...parts: readonly string[]) => lines.filter((line) => parts.every((part) => line.includes(part))).length;
    const total = (kind: string, ip: string) =>
      story.clients.filter(({ client }) => client.ips.includes(ip)).reduce((sum, { counts }) => sum + (counts[kind] ?? 0), 0);
    expect(total('http-denied', '10.42.0.14')).toBe(inLogs('Request denied', 'Name("frontend.production.'));
    expect(total('http-denied', '10.42.0.23')).toBe(inLogs('Request denied', 'client.ip=10.42.0.23'));
    expect(total('http-denied', '10.42.0.28')).toBe(inLogs('Request denied', 'client.ip=10.42.0.28'));
    expect(total('tcp-denied', '10.42.0.28')).toBe(inLogs('Connection denied', 'client=10.42.0.28:'));
    expect(total('http-denied', '10.42.0.5')).toBe(inLogs('Request denied', 'Name("prometheus.linkerd-viz.'));
    expect(story.recording.lines).toBe(lines.filter((line) => line !== '').length);
  });

  it('names the object that decided, what it required and what came', () => {
    const decided = story.clients.flatMap(({ targets }) => targets).filter(({ count }) => count > 0);
    expect(decided.every(({ agrees }) => agrees)).toBe(true);
    const account = (name: string) => `${name}.serviceaccount.identity.linkerd.cluster.local`;
    const shown = decided.map(({ decision: { object, required, observed } }) => [
      object && `${object.kind} ${object.name}`,
      required[0],
      observed,
    ]);
    expect(shown).toMatchObject([
      ['MeshTLSAuthentication frontend-mtls', account('frontend.prod'), account('frontend.production')],
      ['AuthorizationPolicy database-authz', account('backend.production'), expect.stringContaining('no mesh TLS')],
      ['AuthorizationPolicy backend-admin-authz', account('admin-panel.production'), expect.stringContaining('no mesh TLS')],
      ['MeshTLSAuthentication frontend-mtls', account('frontend.prod'), expect.stringContaining('no mesh TLS')],
      ['Server backend-http', expect.any(String), expect.stringContaining('/.env')],
      ['AuthorizationPolicy backend-admin-authz', account('admin-panel.production'), account('default.production')],
      [null, undefined, ''],
    ]);
  });

  it('has beside each client the alerts that its labels and times make its own', () => {
    const shown = story.clients.map(({ alerts }) =>
      alerts.map(({ name, from, to }) => `${name} ${from?.slice(11, 19)} ${to?.slice(11, 19)}`),
    );
    expect(shown).toEqual([
      ['LinkerdRequestsDenied 09:23:35 09:31:05', 'HighAuthorizationDenials 09:23:55 09:29:55'],
      [
        'HighAuthorizationDenials 09:23:55 09:29:55',
        'LinkerdConnectionsDenied 09:25:25 09:28:05',
        'LinkerdRequestsDenied 09:25:45 09:28:05',
        'LinkerdRouteNotFound 09:26:15 09:28:05',
      ],
      ['HighAuthorizationDenials 09:23:55 09:29:55', 'LinkerdRequestsDenied 09:27:45 09:30:35'],
      [],
    ]);
  });

  it('is told to a person', async () => {
    const { exitCode, stdout, stderr } = plain;
    expect(exitCode).toBe(0);
    await expect(stdout).toMatchFileSnapshot('golden/demo.txt');
    expect(stderr).toBe(`denywhy: reading demo
denywhy: playing 8 logs, Prometheus' samples and Alertmanager's webhooks in the order of their times
denywhy: explaining what was denied
`);
  });

  it('is in the incidents of the service that it went into, with the same counts', () => {
    const { incidents } = story;
    const denied = incidents.filter(({ server }) => server !== null);
    expect(
      denied.map(({ workload, kind, server, route, counted: { metrics, logs } }) => [
        `${kind} ${workload?.name} ${server?.name}/${route?.name ?? '-'}`,
        { metrics, logs },
      ]),
    ).toEqual([
      ['http-denied backend backend-http/backend-routes', { metrics: 551, logs: 551 }],
      ['http-denied backend backend-http/backend-admin', { metrics: 20, logs: 20 }],
      ['tcp-denied database database-sql/-', { metrics: 15, logs: 15 }],
      ['route-not-found backend backend-http/-', { metrics: 2, logs: 2 }],
      ['admin-denied backend deny/default', { metrics: 0, logs: 2 }],
    ]);
    const told = story.clients.flatMap(({ targets }) => targets).reduce((sum, { count }) => sum + count, 0);
    expect(denied.reduce((sum, { counted: { metrics, logs } }) => sum + Math.max(metrics, logs), 0)).toBe(told);
    expect(new Set(incidents.map(({ id }) => id)).size).toBe(incidents.length);
  });

  it('can be asked about until Ctrl-C', { timeout: 60_000 }, async () => {
    const child = spawn(process.execPath, ['bin/denywhy.js', 'demo'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = once(child, 'exit');
    let told = '';
    for await (const chunk of child.stdout) {
      told += chunk;
      if (told.includes('until Ctrl-C')) break;
    }
    const urls = told.match(/http:\/\/127\.0\.0\.1:\d+\/api\/v1\/incidents\/i[0-9a-f]{20}/g) ?? [];
    expect(new Set(urls).size).toBe(story.incidents.length);
    const answer = await fetch(urls[0] ?? '');
    const { incident, explanation, clients } = (await answer.json()) as ServedDetail;
    expect(incident).toMatchObject({ id: story.incidents[0]?.id, counted: story.incidents[0]?.counted });
    expect(incident.answer.object).toBe('MeshTLSAuthentication production/frontend-mtls');
    expect(explanation).toMatchObject({ form: 'denywhy.explain/1' });
    expect(clients.items.reduce((sum, { logs: { count } }) => sum + count, 0)).toBe(551);
    child.kill('SIGINT');
    expect(await gone).toEqual([0, null]);
    await expect(fetch(urls[0] ?? '')).rejects.toThrow();
  });

  it('fits the width of the terminal, commands to be copied aside', async () => {
    for (const columns of [64, 80, 100]) {
      const { stdout } = columns === 80 ? plain : await run([], { columns });
      const told = stdout.slice(0, stdout.indexOf('── Try next'));
      expect(Math.max(...told.split('\n').map((line) => line.length))).toBeLessThanOrEqual(columns);
    }
  });

  it('goes on with commands that work as it was called itself', async () => {
    expect(plain.stdout).toContain('\nnpm run -s denywhy -- demo --once');
    expect((await run([], { env: {} })).stdout).toContain('\ndenywhy demo --once');
  });

  it('says with colours what it says without', async () => {
    const coloured = await run([], { isTTY: { stdin: false, stdout: true, stderr: false } });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken out
    expect(coloured.stdout.replace(/\u001b\[\d+m/g, '')).toBe(plain.stdout);
    expect(coloured.stdout).not.toBe(plain.stdout);
    expect(
      await run([], { isTTY: { stdin: false, stdout: true, stderr: false }, env: { NO_COLOR: '1', npm_lifecycle_event: 'demo' } }),
    ).toEqual(plain);
  });

  it('shows a person how far it is, in one line that is gone at the end', async () => {
    const { stderr } = await run([], { isTTY: { stdin: true, stdout: false, stderr: true } });
    const lines = stderr.split('\r\u001b[2K');
    expect(stderr).not.toContain('\n');
    expect(lines.at(-1)).toBe('');
    expect(lines.filter((line) => /^09:2\d:\d\d {2}\d+ lines, /.test(line)).length).toBeGreaterThan(20);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(80);
  });

  it('comes in files that name no place of the machine they were made on', () => {
    for (const name of readdirSync('demo', { recursive: true, encoding: 'utf8' }).filter((n) => /\.\w+$/.test(n))) {
      const bytes = readFileSync(join('demo', name));
      const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
      expect([name, /(?:"|'|\s|=)\/(?:home|root|Users|work|tmp)\//.exec(text)?.[0]]).toEqual([name, undefined]);
    }
  });

  const full = '../shared/captures/story';
  it.skipIf(!existsSync(full))(
    'is what the whole recording says from which the demo was cut (skipped: no ../shared/captures/story)',
    async () => {
      const whole = await dataOf(['--from', full]);
      expect(countsOf(whole)).toEqual(countsOf(story));
      expect(whole.clients.map(({ alerts }) => alerts)).toEqual(story.clients.map(({ alerts }) => alerts));
    },
  );
});

describe('another recording of the same form', () => {
  it.each([
    { requests: 7, connections: 4, before: 0 },
    { requests: 1, connections: 12, before: 5 },
  ])('tells its own story: %o', async (counts) => {
    const { requests, connections, before } = counts;
    const data = await dataOf(['--from', put(smallRecording(counts))]);
    const cart = `checkout → cart http-denied cart-api/default: ${requests} (${before})`;
    const ledger = `crawler → ledger tcp-denied ledger-api/-: ${connections} (0)`;
    expect(countsOf(data)).toEqual(requests > connections ? [cart, ledger] : [ledger, cart]);
    const checkout = data.clients.find(({ client }) => client.workload?.name === 'checkout');
    expect(checkout).toMatchObject({
      alerts: [{ name: 'CartRefuses', from: '2025-02-03T14:00:20.000Z', to: '2025-02-03T14:00:50.000Z' }],
      targets: [
        {
          port: 7070,
          agrees: true,
          decision: {
            object: { kind: 'MeshTLSAuthentication', name: 'cart-clients' },
            required: ['kiosk.till.serviceaccount.identity.linkerd.cluster.local'],
            observed: 'checkout.till.serviceaccount.identity.linkerd.cluster.local',
          },
        },
      ],
    });
    expect(data.clients.find(({ client }) => client.workload?.name === 'crawler')?.alerts).toEqual([]);
  });

  it('may have logs or counters alone, and no alerts', async () => {
    const files = [...smallRecording({ requests: 3, connections: 2, before: 4 })];
    const only = (part: string) => put(new Map(files.filter(([name]) => name.startsWith('policy') || name.startsWith(part))));
    expect(countsOf(await dataOf(['--from', only('logs/')]))).toEqual([
      'checkout → cart http-denied cart-api/default: 3 (0)',
      'crawler → ledger tcp-denied ledger-api/-: 2 (0)',
    ]);
    expect(countsOf(await dataOf(['--from', only('prometheus/')])).map((line) => line.split(': ')[1])).toEqual(['3 (4)', '2 (0)']);
    expect((await run(['--from', only('logs/')])).stdout).not.toContain('ALERT');
  });

  it('in which nobody was denied says so', async () => {
    const { stdout } = await run(['--from', put(smallRecording({ requests: 0, connections: 0, before: 0 }))]);
    expect(stdout).toContain('Nobody was denied; 0 requests and connections allowed.');
    expect(stdout).not.toContain('Try next');
  });

  it('cannot make the terminal obey it', async () => {
    const hostile = '\u001b]0;x\u0007\u202e';
    const files = new Map<string, string>(smallRecording({ requests: 2, connections: 1, before: 0 }));
    const log = files.get('logs/cart-6c9d8b7f5d-aaaaa.linkerd-proxy.log') ?? '';
    files.set(
      'logs/cart-6c9d8b7f5d-aaaaa.linkerd-proxy.log',
      `${log.replaceAll('/basket', `/b${hostile}`)}2025-02-03T14:00:59Z ${hostile}\n`,
    );
    files.set('alertmanager-webhooks.jsonl', (files.get('alertmanager-webhooks.jsonl') ?? '').replaceAll('CartRefuses', `Cart\\u001b[31m`));
    const { exitCode, stdout } = await run(['--from', put(files)]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Cart\\u001b[31m');
    expect(stdout).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
  });
});

describe('what cannot be played is refused in words, with exit code 2', () => {
  const whole = smallRecording({ requests: 2, connections: 2, before: 0 });
  const but = (name: string, content: string | Uint8Array | null) => {
    const files = new Map<string, string | Uint8Array>(whole);
    if (content === null) files.delete(name);
    else files.set(name, content);
    return files;
  };

  it.each<[string, Files | null, RegExp]>([
    ['a directory that is not there', null, /: There is no such directory\./],
    ['an empty directory', new Map(), /: There is nothing in this directory\.\n {2}A recording is a folder with/],
    ['a directory of other files', new Map([['notes.md', '# notes']]), /: There is no recording in this directory\./],
    ['no policy', but('policy-history.jsonl', null), /: This is half a recording: policy-history\.jsonl is missing\./],
    ['policy that is no JSON', but('policy-history.jsonl', '{"observedAt": oops}\n'), /policy-history\.jsonl:1:\d+: This is not JSON/],
    ['policy of binary zeros', but('policy-history.jsonl', new Uint8Array(64)), /policy-history\.jsonl:1:1: This is not text/],
    [
      'a log that is no proxy’s',
      but('logs/ledger-0.linkerd-proxy.log', '2025-02-03T14:00:00Z hello\n2025-02-03T14:00:01Z world\n'),
      /ledger-0\.linkerd-proxy\.log:1: No line of this log is one that Linkerd writes\./,
    ],
    ['samples that are cut off', but('prometheus/tsdb.om', 'up{a="b'), /tsdb\.om/],
    [
      'a webhook that is none',
      but('alertmanager-webhooks.jsonl', '{"receivedAt":"2025-02-03T14:00:00Z","body":{"text":"hi"}}\n'),
      /alertmanager-webhooks\.jsonl:1: not an Alertmanager webhook body/,
    ],
    [
      'a broken gzip',
      but('logs/ledger-0.linkerd-proxy.log', new Uint8Array([0x1f, 0x8b, 8, 0, 1, 2, 3])),
      /This gzip file (?:ends too early|is broken)\./,
    ],
  ])('%s', async (_, files, message) => {
    const { exitCode, stdout, stderr } = await run(['--from', files === null ? join(root, 'nowhere') : put(files)]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(
      stderr.split('\n').filter((line) => line.startsWith('denywhy:') && !/^denywhy: (?:reading|playing|explaining) /.test(line)),
    ).toHaveLength(1);
  });
});
