/** Posture and a real Prometheus: what it says of its targets, rules and retention, as the service and the command ask it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { packFiles } from '../../src/alerting/files.ts';
import { DEFAULTS } from '../../src/alerting/settings.ts';
import { startService } from '../../src/commands/service.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/telemetry.ts';
import { freePort } from '../ports.ts';
import { CART } from '../posture/shop.ts';
import { type Exporter, prometheusSkip, startExporter, startPrometheus, type TestPrometheus, waitFor } from '../prometheus.ts';
import { run } from '../run-command.ts';

interface Judged {
  readonly workload: string | null;
  readonly state: string;
  readonly found: string;
  readonly evidence: readonly { readonly text: string; readonly source: string }[];
  readonly lacking: readonly string[];
}

const PASSWORD_OF_SOMEBODY = '$2b$04$abcdefghijklmnopqrstuuMjP8rcRP9jDBaf.MqHtqTjAN61Q1x0.';

describe.skipIf(prometheusSkip !== null)(`a real Prometheus ${prometheusSkip === null ? '' : `(${prometheusSkip})`}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-posture-'));
  const manifests = join(directory, 'shop.yaml');
  let exporter: Exporter;
  let watched: TestPrometheus;
  let bare: TestPrometheus;
  let closed: TestPrometheus;
  let silent = '';

  beforeAll(async () => {
    writeFileSync(manifests, CART);
    exporter = await startExporter('process_start_time_seconds 1700000000\nproxy_build_info{version="2.366.0"} 1\n');
    const target = { exporter, labels: { namespace: 'shop', pod: 'cart' } };
    const rules = packFiles({ ...DEFAULTS, interval: 1 }, { name: 'denywhy', namespace: '', labels: {} }).get('rules.yaml') ?? '';
    watched = await startPrometheus('linkerd-proxy', [target], rules);
    bare = await startPrometheus('linkerd-proxy', [], '', { flags: ['--storage.tsdb.retention.time=6h'] });
    closed = await startPrometheus('linkerd-proxy', [target], rules, {
      web: stringify({ basic_auth_users: { somebody: PASSWORD_OF_SOMEBODY } }),
    });
    silent = `http://127.0.0.1:${await freePort()}`;
    await waitFor(async () => JSON.stringify(await watched.ask('/api/v1/targets')).includes('"health":"up"'), 30_000);
  }, 120_000);
  afterAll(async () => {
    for (const one of [watched, bare, closed]) await one?.stop();
    await exporter?.close();
    rmSync(directory, { recursive: true });
  });

  const urls = () => ({ watched: watched.url, bare: bare.url, closed: closed.url.replace('https:', 'http:'), silent });

  async function ofService(url: string): Promise<readonly Judged[]> {
    const store = mkdtempSync(join(directory, 'store-'));
    const env = {
      ...{ DENYWHY_LISTEN_ADDRESS: '127.0.0.1:0', DENYWHY_STORE_DIRECTORY: store, DENYWHY_PROMETHEUS_URL: url },
      ...{ DENYWHY_CLUSTER_MANIFESTS: manifests, DENYWHY_PROMETHEUS_POLL: '1h' },
    };
    const logger = createLogger(new Writable({ write: (_chunk, _encoding, done) => done() }), 'error');
    const service = await startService(loadConfig(env, null).config, logger);
    try {
      const ask = async () => await fetch(`${service.url}/api/v1/posture?namespace=shop`);
      await waitFor(async () => (await ask()).status === 200, 30_000);
      return judged(await (await ask()).text());
    } finally {
      await service.close();
    }
  }

  async function ofCommand(url: string): Promise<readonly Judged[]> {
    return judged((await run(['posture', '-n', 'shop', '--cluster', manifests, '--prometheus', url, '-o', 'json'])).stdout);
  }

  function judged(text: string): readonly Judged[] {
    const practices: readonly { readonly id: string; readonly judgements: readonly Judged[] }[] = JSON.parse(text).namespaces[0].practices;
    return practices.find(({ id }) => id === 'denials-observable')?.judgements ?? [];
  }

  const WAYS = { 'the service': ofService, 'the command': ofCommand };

  describe.each(['the service', 'the command'] as const)('%s', (way) => {
    const asked = async (which: keyof ReturnType<typeof urls>) => WAYS[way](urls()[which]);
    const said = (all: readonly Judged[]) => all.map(({ workload, state, found }) => [workload, state, found]);

    it('that scrapes the proxy, has the rules and keeps 15 days: it holds', { timeout: 60_000 }, async () => {
      const all = await asked('watched');
      expect(said(all)).toEqual([
        ['po/cart', 'holds', 'its proxies are scraped and log denials'],
        [null, 'holds', 'the alert rules are loaded'],
        [null, 'holds', 'Prometheus remembers 15 days'],
      ]);
      expect(all[2]?.evidence).toEqual([
        { text: 'it keeps 15 days', source: expect.stringContaining('/api/v1/status/runtimeinfo of Prometheus at') },
      ]);
    });

    it('that scrapes nothing, has no rule and forgets after hours', { timeout: 60_000 }, async () => {
      expect(said(await asked('bare'))).toEqual([
        ['po/cart', 'partly', 'Prometheus does not read 1 of 1 proxies: rules are blind there'],
        [null, 'not', 'no alert rule is loaded'],
        [null, 'partly', 'Prometheus forgets after 6 hours: what was denied before nobody can ask'],
      ]);
    });

    it.each([
      ['closed', /wants credentials \(401\)/, /Set a token/],
      ['silent', /is not reachable \(ECONNREFUSED\)/, /Is it running/],
    ] as const)('that is %s: nothing is guessed, and why is said', { timeout: 60_000 }, async (which, why, remedy) => {
      const all = await asked(which);
      expect(said(all)).toEqual([
        ['po/cart', 'unknown', 'its proxies log denials'],
        [null, 'unknown', 'Prometheus does not tell its rules'],
        [null, 'unknown', 'Prometheus does not tell how long it remembers'],
      ]);
      for (const { evidence, lacking } of all) {
        expect(evidence.map(({ text }) => text).join(' ')).toMatch(why);
        expect(lacking.join(' ')).toMatch(remedy);
      }
    });
  });
});
