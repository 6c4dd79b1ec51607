/**
 * One HTTP server that configuration names, and no other: no redirects, no proxies, no address from anywhere else. What it answers is bounded in
 * time and size. Settings as in Prometheus' `http_config` (prometheus.io/docs/prometheus/latest/configuration/configuration/#http_config).
 */
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { type AgentOptions, Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import { InvalidInput } from '../errors.ts';
import { statusFault, transportFault, wantsTls } from './upstream-faults.ts';

export interface UpstreamOptions {
  /** What people call it: `Prometheus`. */
  readonly name: string;
  /** Of all its addresses; a path is kept as a prefix. */
  readonly url: string;
  readonly credentials: UpstreamCredentials;
  /** Sent with every request. */
  readonly headers: ReadonlyMap<string, string>;
  readonly tls: UpstreamTls;
  /** Milliseconds for a whole answer. */
  readonly timeout: number;
  /** Most bytes of an answer once unpacked. */
  readonly mostBytes: number;
  /** Its connections, where the address alone does not lead to it (http only). */
  readonly connect?: () => Promise<Duplex>;
}

/** At most one of them; a file is read anew for each request, since tokens in clusters change. */
export interface UpstreamCredentials {
  readonly bearer: string | null;
  readonly bearerFile: string | null;
  readonly basic: { readonly username: string; readonly password: string } | null;
}

/** Paths of PEM files, null where the system's own are meant. */
export interface UpstreamTls {
  readonly ca: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
  readonly serverName: string | null;
  readonly isVerified: boolean;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly text: string;
}

export type UpstreamRequest =
  | { readonly method: 'get'; readonly path: string; readonly form?: ReadonlyMap<string, string> }
  | { readonly method: 'post'; readonly path: string; readonly form: ReadonlyMap<string, string> }
  | { readonly method: 'post'; readonly path: string; readonly json: unknown };

export interface Upstream {
  /** Its address without secrets. */
  readonly place: string;
  /**
   * `accepted`: statuses that the caller reads itself, beside 2xx. Errors: Unavailable for everything else, with what to do.
   */
  ask(request: UpstreamRequest, accepted?: readonly number[]): Promise<UpstreamAnswer>;
  close(): void;
}

/** Certificates that were renewed are seen after so long (ms). */
const AGENT_AGE = 5 * 60_000;

/** Errors: InvalidInput (no such URL, files that cannot be read). */
export async function createUpstream(options: UpstreamOptions): Promise<Upstream> {
  const { name, headers, timeout, mostBytes } = options;
  const base = baseOf(options);
  const place = `${name} at ${base.origin}${base.pathname.replace(/\/$/, '')}`;
  const { default: axios } = await import('axios');
  const client = axios.create({
    baseURL: base.href.replace(/\/$/, ''),
    allowAbsoluteUrls: false,
    proxy: false,
    maxRedirects: 0,
    maxContentLength: mostBytes,
    maxBodyLength: mostBytes,
    responseType: 'text',
    transformResponse: (text: unknown) => text,
    validateStatus: () => true,
    headers: { Accept: 'application/json', 'User-Agent': 'denywhy' },
  });
  let agent = options.connect === undefined ? createAgent(base, options.tls) : agentOver(options.connect);
  let agentSince = performance.now();

  function currentAgent() {
    if (base.protocol === 'https:' && performance.now() - agentSince > AGENT_AGE) {
      agent.destroy();
      agent = createAgent(base, options.tls);
      agentSince = performance.now();
    }
    return agent;
  }

  return {
    place,
    async ask(request, accepted = []) {
      const form = 'form' in request && request.form !== undefined ? new URLSearchParams([...request.form]) : null;
      const send = async (): Promise<{ readonly status: number; readonly headers: unknown; readonly data: unknown }> =>
        client.request({
          method: request.method,
          url: request.path,
          ...(form !== null && request.method === 'get' ? { params: form } : {}),
          ...(form !== null && request.method === 'post' ? { data: form } : {}),
          ...('json' in request ? { data: request.json } : {}),
          headers: { ...Object.fromEntries(headers), ...authorizationOf(options.credentials) },
          httpAgent: currentAgent(),
          httpsAgent: currentAgent(),
          signal: AbortSignal.timeout(timeout),
        });
      const response = await send()
        .catch((error: unknown) => (isOfIdleConnection(error) ? send() : Promise.reject(error)))
        .catch((error: unknown) => Promise.reject(transportFault(error, place, { timeout, mostBytes })));
      const text = typeof response.data === 'string' ? response.data : '';
      const { status } = response;
      const isAccepted = (status >= 200 && status < 300) || accepted.includes(status);
      if (isAccepted && !wantsTls(status, text)) return { status, text };
      throw statusFault(status, response.headers, text, place);
    },
    close: () => agent.destroy(),
  };
}

/** The other side closed an idle connection just as it was used again: nothing was read of the request. Whatever is asked here may be asked twice. */
function isOfIdleConnection(error: unknown): boolean {
  const { code, request } = error as { readonly code?: unknown; readonly request?: { readonly reusedSocket?: unknown } };
  return (code === 'ECONNRESET' || code === 'EPIPE') && request?.reusedSocket === true;
}

function baseOf({ name, url }: UpstreamOptions): URL {
  const base = URL.canParse(url) ? new URL(url) : null;
  if (base === null || !(base.protocol === 'http:' || base.protocol === 'https:') || base.username !== '' || base.search !== '')
    throw new InvalidInput(
      `The address of ${name} is no URL of the form http://HOST:PORT/PREFIX.`,
      'Credentials have settings of their own.',
    );
  return base;
}

const CONNECTIONS = { keepAlive: true, maxSockets: 4, maxFreeSockets: 2 } as const;

function createAgent(base: URL, tls: UpstreamTls): HttpAgent | HttpsAgent {
  if (base.protocol === 'http:') return new HttpAgent(CONNECTIONS);
  const pem = (path: string | null, what: string) => (path === null ? undefined : readPem(path, what));
  const options: AgentOptions = { ...CONNECTIONS, minVersion: 'TLSv1.2', rejectUnauthorized: tls.isVerified };
  const [ca, cert, key] = [pem(tls.ca, 'certificate authority'), pem(tls.certificate, 'certificate'), pem(tls.key, 'key')];
  if (ca !== undefined) options.ca = ca;
  if (cert !== undefined) options.cert = cert;
  if (key !== undefined) options.key = key;
  if (tls.serverName !== null) options.servername = tls.serverName;
  return new HttpsAgent(options);
}

/** https://nodejs.org/api/http.html#agentcreateconnectionoptions-callback */
function agentOver(connect: () => Promise<Duplex>): HttpAgent {
  const agent = new HttpAgent({ keepAlive: false, maxSockets: 1 });
  agent.createConnection = (_, done) => {
    connect().then(
      (connection) => done?.(null, connection),
      (error: Error) => done?.(error, undefined as never),
    );
    return undefined;
  };
  return agent;
}

function readPem(path: string, what: string): string {
  const text = readOrFail(path, what);
  if (!text.includes('-----BEGIN '))
    throw new InvalidInput(`The file of the ${what} is not PEM.`, 'It begins with -----BEGIN.', { file: path });
  return text;
}

function readOrFail(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new InvalidInput(`The file of the ${what} cannot be read (${code}).`, 'Name a file that this user may read.', { file: path });
  }
}

function authorizationOf({ bearer, bearerFile, basic }: UpstreamCredentials): Readonly<Record<string, string>> {
  const token = bearerFile === null ? bearer : readOrFail(bearerFile, 'token').trim();
  if (token !== null) return { Authorization: `Bearer ${token}` };
  if (basic === null) return {};
  return { Authorization: `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}` };
}
