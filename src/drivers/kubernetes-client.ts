/**
 * Reads from the API server: GET, and one POST that writes nothing (may this account do that?). What it answers is a stream, so that lists,
 * watches and logs are read alike.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { type AgentOptions, Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { InvalidInput, Unavailable } from '../errors.ts';
import { type AccessOptions, type KubernetesAccess, loadAccess, pemOf } from './kubernetes-config.ts';
import { type Credentials, createCredentials } from './kubernetes-credentials.ts';
import { connectionFault, refusalOf } from './kubernetes-faults.ts';

export interface KubernetesRequest {
  /** Values are escaped here. */
  readonly query?: Readonly<Record<string, string>>;
  /** Ends the request, and its body. */
  readonly signal?: AbortSignal;
  /** Media type; JSON by default. */
  readonly accept?: string;
}

export interface KubernetesAnswer {
  /** Of HTTP. Nothing but 200 is what was asked for; `readText` tells what it is instead. */
  readonly status: number;
  /** Must be read to its end or destroyed. Fails as streams do; `connectionFault` says it in words. */
  readonly body: Readable;
}

export interface KubernetesClient {
  /** For people: `the API server at https://HOST:PORT`. */
  readonly place: string;
  readonly access: KubernetesAccess;
  /** For what speaks another protocol with it (port-forward): who asks, and by which connections. Errors: as `get`. */
  connection(): Promise<KubernetesConnection>;
  /** `path` is of the API (`/api/v1/pods`); names in it are made with `pathOf`. Errors: Unavailable (no answer, no credentials). */
  get(path: string, request?: KubernetesRequest): Promise<KubernetesAnswer>;
  /**
   * Asks whether this account may do something: a SelfSubjectAccessReview with these `resourceAttributes`, which the API server answers and does
   * not store. Errors: Unavailable.
   */
  mayI(attributes: Readonly<Record<string, string>>): Promise<KubernetesAnswer>;
  /** Ends what is under way. */
  close(): void;
}

export interface KubernetesConnection {
  readonly headers: OutgoingHttpHeaders;
  /** Holds certificates, and knows the proxy on the way. */
  readonly agent: HttpAgent | HttpsAgent;
}

export interface ClientOptions extends AccessOptions {
  /** Milliseconds until an answer begins. */
  readonly timeout?: number;
}

const TIMEOUT = 30_000;
/** Certificates that were renewed are seen after so long (ms). */
const AGENT_AGE = 60_000;
const MOST_TEXT = 2 ** 20;

/** Nobody is asked yet. Errors: InvalidInput (kubeconfig). */
export function openKubernetes(options: ClientOptions): KubernetesClient {
  const { timeout = TIMEOUT, env } = options;
  const access = loadAccess(options);
  const { server } = access.cluster;
  const place = `The API server at ${server}`;
  const credentials = createCredentials(access);
  const agents = createAgents(access, env);
  const closing = new AbortController();

  async function connect(anew: boolean): Promise<KubernetesConnection> {
    const given = await credentials.get(anew);
    return { headers: { ...given.headers, 'User-Agent': 'denywhy' }, agent: agents.current(given) };
  }

  async function ask(path: string, request: Asking, isSecond: boolean): Promise<KubernetesAnswer> {
    const signal = request.signal === undefined ? closing.signal : AbortSignal.any([request.signal, closing.signal]);
    const { headers: own, agent } = await connect(isSecond);
    const url = new URL(`${server}${path}`);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    const headers = { ...own, Accept: request.accept ?? 'application/json' };
    const { body } = request;
    const response = await send(url, { headers, body, agent, signal, timeout }).catch((error: unknown) => {
      throw connectionFault(error, place, timeout);
    });
    if (response.statusCode === 401 && !isSecond && credentials.canRenew) {
      response.resume();
      return ask(path, request, true);
    }
    return { status: response.statusCode ?? 0, body: response };
  }

  return {
    place,
    access,
    connection: () => connect(false),
    get: (path, request = {}) => ask(path, { ...request, body: null }, false),
    mayI: (resourceAttributes) => ask(REVIEWS, { body: JSON.stringify({ ...REVIEW, spec: { resourceAttributes } }) }, false),
    close() {
      closing.abort();
      agents.close();
    },
  };
}

/**
 * Path of the API, of parts that may hold anything. `group` is empty for core kinds, `namespace` empty for all of them.
 * Errors: InvalidInput (a part that no object is called).
 */
export function pathOf(group: string, version: string, namespace: string, ...rest: readonly string[]): string {
  const root = group === '' ? ['api', version] : ['apis', group, version];
  const within = namespace === '' ? [] : ['namespaces', namespace];
  const parts = [...root, ...within, ...rest];
  // However it is escaped, an address would lose these.
  const wrong = parts.find((part) => /^\.{0,2}$/.test(part));
  if (wrong !== undefined) throw new InvalidInput(`${JSON.stringify(wrong)} is no name.`, 'Write the name of a namespace, a pod, ….');
  return `/${parts.map(encodeURIComponent).join('/')}`;
}

/**
 * One whole answer of JSON. `what` is asked for, in words: `pods in shop`. Errors: Unavailable, of which KubernetesRefusal carries the status.
 */
export async function getJson(client: KubernetesClient, path: string, what: string, request: KubernetesRequest = {}): Promise<unknown> {
  const { status, body } = await client.get(path, request);
  const text = await readText(body, client.place);
  if (status !== 200) throw refusalOf(status, text.slice(0, MOST_TEXT), what, client.place);
  try {
    return JSON.parse(text);
  } catch {
    throw new Unavailable(
      `${client.place} answered with something else than JSON.`,
      'Is this its address? A login page or a proxy may stand between.',
    );
  }
}

/** A body as text. Errors: Unavailable (it broke off). */
export async function readText(body: Readable, place: string): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of body) chunks.push(chunk as Buffer);
  } catch (error) {
    throw connectionFault(error, place, 0);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
const REVIEW = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' };

interface Asking extends KubernetesRequest {
  /** null: GET. */
  readonly body: string | null;
}

interface Sending {
  readonly headers: OutgoingHttpHeaders;
  readonly body: string | null;
  readonly agent: HttpAgent | HttpsAgent;
  readonly signal: AbortSignal;
  readonly timeout: number;
}

function send(url: URL, { headers, body, agent, signal, timeout }: Sending): Promise<IncomingMessage> {
  const request = url.protocol === 'http:' ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    const content = body === null ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) };
    const method = body === null ? 'GET' : 'POST';
    const outgoing = request(url, { method, headers: { ...headers, ...content }, agent, signal });
    const timer = setTimeout(() => outgoing.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })), timeout);
    outgoing.on('response', (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    outgoing.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    outgoing.end(body ?? undefined);
  });
}

const CONNECTIONS = { keepAlive: true, maxFreeSockets: 4 } as const;

/** Agents that stay while the certificates do. */
function createAgents({ cluster }: KubernetesAccess, env: AccessOptions['env']) {
  const proxyEnv = proxyOf(cluster, env);
  let agent: HttpAgent | HttpsAgent | null = null;
  let signature = '';
  let readAt = Number.NEGATIVE_INFINITY;
  let tls: AgentOptions = {};

  return {
    current(credentials: Credentials): HttpAgent | HttpsAgent {
      if (performance.now() - readAt > AGENT_AGE) {
        tls = tlsOf(cluster);
        readAt = performance.now();
      }
      const { cert, key } = credentials;
      const options: AgentOptions = {
        ...CONNECTIONS,
        proxyEnv,
        ...tls,
        ...(cert === null ? {} : { cert }),
        ...(key === null ? {} : { key }),
      };
      const next = JSON.stringify([options.ca, options.cert, options.key]);
      if (agent === null || next !== signature) {
        // What runs on the old one goes on to its end.
        for (const sockets of Object.values(agent?.freeSockets ?? {})) for (const socket of sockets ?? []) socket.destroy();
        agent = cluster.server.startsWith('http:') ? new HttpAgent({ ...CONNECTIONS, proxyEnv }) : new HttpsAgent(options);
        signature = next;
      }
      return agent;
    },
    close: () => agent?.destroy(),
  };
}

function tlsOf({ caFile, caData, skipTLSVerify, tlsServerName }: KubernetesAccess['cluster']): AgentOptions {
  const ca = pemOf(caFile, caData, 'certificate authority');
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: !skipTLSVerify,
    ...(ca === null ? {} : { ca }),
    ...(tlsServerName ? { servername: tlsServerName } : {}),
  };
}

/** As kubectl: the cluster's own proxy, else the environment's. */
function proxyOf({ proxyUrl }: KubernetesAccess['cluster'], env: AccessOptions['env']): NodeJS.ProcessEnv {
  if (!proxyUrl) {
    const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]);
    return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
  }
  if (!/^https?:/.test(proxyUrl))
    throw new InvalidInput(
      'proxy-url of the kubeconfig is no http:// or https:// address.',
      'Other kinds of proxies are not supported here: kubectl proxy may help.',
    );
  return { HTTP_PROXY: proxyUrl, HTTPS_PROXY: proxyUrl };
}
