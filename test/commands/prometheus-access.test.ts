/** A real Prometheus that asks for a client certificate, a password or a token: with them it is polled, without them status says what to set. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { startService } from '../../src/commands/service.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/telemetry.ts';
import { certificatesSkip, createAuthority, createClientCertificate, createServerCertificate } from '../certificates.ts';
import { type Exporter, prometheusSkip, startExporter, startPrometheus, type TestPrometheus, waitFor } from '../prometheus.ts';

interface Source {
  readonly state: string;
  readonly lagSeconds: number | null;
  readonly fault: { readonly message: string; readonly remedy: string } | null;
}

const PASSWORD = 'p:w';
/** Of it, by bcrypt. */
const HASH = '$2b$04$abcdefghijklmnopqrstuuMjP8rcRP9jDBaf.MqHtqTjAN61Q1x0.';
const WANTS_CERTIFICATE = 'wants a client certificate that it trusts';
const CREDENTIALS = 'Set a token, or a username and a password; one that is set is not the right one.';
const TOKEN = 'token-of-denywhy';
const PAGE = 'process_start_time_seconds 1700000000\nproxy_build_info{version="2.366.0"} 1\n';
const TARGET = { namespace: 'production', pod: 'backend-1', deployment: 'backend' };

const skip = prometheusSkip ?? certificatesSkip;

/** What status says of Prometheus, once it is well or failing for the reason given. */
async function sourceWith(env: Readonly<Record<string, string>>): Promise<Source | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-access-'));
  const own = { DENYWHY_LISTEN_ADDRESS: '127.0.0.1:0', DENYWHY_STORE_DIRECTORY: directory, DENYWHY_PROMETHEUS_POLL: '1s' };
  const logger = createLogger(new Writable({ write: (_chunk, _encoding, done) => done() }), 'error');
  const service = await startService(loadConfig({ ...own, ...env }, null).config, logger);
  try {
    const source = async () => ((await (await fetch(`${service.url}/api/v1/status`)).json()) as { items: Source[] }).items[0];
    await waitFor(async () => (await source())?.fault != null || (await source())?.lagSeconds != null, 20_000);
    return await source();
  } finally {
    await service.close();
    rmSync(directory, { recursive: true });
  }
}

function named(settings: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [`DENYWHY_PROMETHEUS_${name}`, value]));
}

describe.skipIf(skip !== null)(`a Prometheus that not everybody may ask${skip === null ? '' : ` (${skip})`}`, () => {
  let directory = '';
  let exporter: Exporter;
  let prometheus: TestPrometheus;
  let all: Readonly<Record<string, string>> = {};
  const read = (name: string) => readFileSync(join(directory, name));

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'denywhy-certificates-'));
    const authority = createAuthority(directory, 'authority');
    const server = createServerCertificate(directory, 'prometheus', 'IP:127.0.0.1,DNS:prometheus.monitoring.svc', authority);
    const client = createClientCertificate(directory, 'denywhy', '/CN=denywhy', authority);
    createClientCertificate(directory, 'stranger', '/CN=denywhy', createAuthority(directory, 'other-authority'));
    exporter = await startExporter(PAGE);
    const web = {
      tls_server_config: {
        cert_file: server.cert,
        key_file: server.key,
        client_ca_file: authority.cert,
        client_auth_type: 'RequireAndVerifyClientCert',
      },
      basic_auth_users: { denywhy: HASH },
    };
    prometheus = await startPrometheus('linkerd-proxy', [{ exporter, labels: TARGET }], '', { web: stringify(web) });
    all = named({
      URL: prometheus.url,
      CA_FILE: authority.cert,
      CERT_FILE: client.cert,
      KEY_FILE: client.key,
      USERNAME: 'denywhy',
      PASSWORD,
    });
  }, 60_000);
  afterAll(async () => {
    await prometheus?.stop();
    await exporter?.close();
    rmSync(directory, { recursive: true });
  });

  it.each<readonly [string, Readonly<Record<string, string>>]>([
    ['everything that it asks for', {}],
    ['another name of its certificate', { SERVER_NAME: 'prometheus.monitoring.svc' }],
    ['its certificate not looked at', { CA_FILE: '', INSECURE: 'true' }],
  ])('is polled with %s', async (_, settings) => {
    expect(await sourceWith({ ...all, ...named(settings) })).toMatchObject({ fault: null, lagSeconds: expect.any(Number) });
  });

  it('is polled with a token, where something before it asks for one', async () => {
    const files = { ca: read('authority.crt'), cert: read('prometheus.crt'), key: read('prometheus.key') };
    const gate = createServer(files, (asked, answer) => {
      if (asked.headers.authorization !== `Bearer ${TOKEN}`) return void answer.writeHead(401).end();
      const own = { ca: files.ca, cert: read('denywhy.crt'), key: read('denywhy.key'), auth: `denywhy:${PASSWORD}` };
      const headers = { 'content-type': asked.headers['content-type'] ?? 'text/plain' };
      const { method = 'GET', url } = asked;
      asked.pipe(
        request(`${prometheus.url}${url}`, { ...own, method, headers }, (response) => {
          response.pipe(answer.writeHead(response.statusCode ?? 502, response.headers));
        }),
      );
    });
    await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
    const tokenFile = join(directory, 'token');
    writeFileSync(tokenFile, `${TOKEN}\n`);
    const { port } = gate.address() as AddressInfo;
    const env = {
      DENYWHY_PROMETHEUS_URL: `https://127.0.0.1:${port}`,
      DENYWHY_PROMETHEUS_CA_FILE: all['DENYWHY_PROMETHEUS_CA_FILE'] ?? '',
    };
    try {
      for (const given of [{ CREDENTIALS: TOKEN }, { CREDENTIALS_FILE: tokenFile }])
        expect(await sourceWith({ ...env, ...named(given) })).toMatchObject({ fault: null, lagSeconds: expect.any(Number) });
      const without = await sourceWith({ ...env, ...named({ CREDENTIALS: 'another' }) });
      expect(without).toMatchObject({ state: 'failing', fault: { message: expect.stringContaining('(401)'), remedy: CREDENTIALS } });
    } finally {
      gate.closeAllConnections();
      gate.close();
    }
  });

  it.each<readonly [string, Readonly<Record<string, string>>, string, string]>([
    [
      'its authority',
      { CA_FILE: '' },
      'shows a certificate that is not trusted',
      'Set caFile to the certificate authority that signed it.',
    ],
    [
      'a name that its certificate has',
      { SERVER_NAME: 'thanos.monitoring.svc' },
      'shows a certificate of another name',
      'Use a name that is in its certificate as the address, or as serverName.',
    ],
    [
      'a client certificate',
      { CERT_FILE: '', KEY_FILE: '' },
      WANTS_CERTIFICATE,
      'Set certFile and keyFile to one that its authority signed, and that has not expired.',
    ],
    [
      'a client certificate that it knows',
      { CERT_FILE: 'stranger.crt', KEY_FILE: 'stranger.key' },
      WANTS_CERTIFICATE,
      'Set certFile and keyFile to one that its authority signed, and that has not expired.',
    ],
    [
      'the key of its certificate',
      { KEY_FILE: 'stranger.key' },
      'the key is not that of the client certificate',
      'Set certFile and keyFile to files that belong together.',
    ],
    ['a password', { USERNAME: '', PASSWORD: '' }, 'wants credentials (401)', CREDENTIALS],
    ['the right password', { PASSWORD: 'pw' }, 'wants credentials (401)', CREDENTIALS],
    ['TLS', { URL: 'http' }, 'speaks TLS only', 'Is it https:// rather than http://?'],
  ])('is not polled without %s', async (_, names, message, remedy) => {
    const url = prometheus.url.replace('https', names['URL'] ?? 'https');
    const files = Object.entries(names).map(([name, value]) => [name, value.startsWith('stranger.') ? join(directory, value) : value]);
    const source = await sourceWith({ ...all, ...named({ ...Object.fromEntries(files), URL: url }) });
    expect(source).toMatchObject({ state: 'failing', fault: { message: expect.stringContaining(message), remedy } });
    expect(JSON.stringify(source)).not.toContain(PASSWORD);
  });
});
