/** The Kubernetes API of the test cluster, called as one user. Small on purpose: what is under test brings its own client. */
import { Agent, request } from 'node:https';

/** Of an object of any kind, what the test cluster reads or writes. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly [field: string]: unknown;
}

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly ManagedFields[];
  readonly resourceVersion?: string;
  readonly [field: string]: unknown;
}

export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

/** https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management */
export interface ManagedFields {
  readonly manager: string;
  readonly operation: string;
  readonly time?: string;
  readonly subresource?: string;
}

/** The API server refused; `status` is the HTTP status, the message is the server's own. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface Api {
  /** `path` with its query, e.g. `/api/v1/namespaces`. Throws `ApiError`. */
  get<T>(path: string): Promise<T>;
  /** For what does not answer with JSON, such as `/readyz`. */
  getText(path: string): Promise<string>;
  create<T = KubeObject>(path: string, body: object | string): Promise<T>;
  replace<T = KubeObject>(path: string, body: object): Promise<T>;
  /** A JSON merge patch (RFC 7386). */
  merge<T = KubeObject>(path: string, patch: object): Promise<T>;
  /** A JSON patch (RFC 6902). */
  patch<T = KubeObject>(path: string, operations: readonly object[]): Promise<T>;
  remove(path: string): Promise<void>;
  /** Where objects like this one are created. Asks the API's discovery, once per group. */
  collectionOf(object: KubeObject): Promise<string>;
  /** Where this very object is found. */
  pathOf(object: KubeObject, subresource?: string): Promise<string>;
  close(): void;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
}

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** `server`: `https://127.0.0.1:PORT`; `ca`: PEM. A body that is text is YAML. */
export function connect(server: string, ca: string, token: string): Api {
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 16 });
  const call = async <T>(one: Call): Promise<T> => JSON.parse(await send(server, agent, token, one));
  const json = (body: object) => ({ body: JSON.stringify(body), contentType: 'application/json' });
  const discovered = new Map<string, Promise<readonly Resource[]>>();

  const resourceOf = async ({ apiVersion, kind }: KubeObject): Promise<Resource> => {
    const root = rootOf(apiVersion);
    const resources = discovered.get(root) ?? call<{ resources: Resource[] }>({ method: 'GET', path: root }).then((list) => list.resources);
    discovered.set(root, resources);
    resources.catch(() => discovered.delete(root));
    const found = (await resources).find((resource) => resource.kind === kind && !resource.name.includes('/'));
    if (found === undefined) throw new Error(`the API server knows no ${kind} in ${apiVersion}`);
    return found;
  };
  const collectionOf = async (object: KubeObject) => {
    const { name, namespaced } = await resourceOf(object);
    const { namespace } = object.metadata;
    if (namespaced && namespace === undefined) throw new Error(`${object.kind} ${object.metadata.name} has no namespace`);
    return `${rootOf(object.apiVersion)}/${namespaced ? `namespaces/${namespace}/` : ''}${name}`;
  };
  return {
    get: (path) => call({ method: 'GET', path }),
    getText: (path) => send(server, agent, token, { method: 'GET', path }),
    create: (path, body) =>
      call({ method: 'POST', path, ...(typeof body === 'string' ? { body, contentType: 'application/yaml' } : json(body)) }),
    replace: (path, body) => call({ method: 'PUT', path, ...json(body) }),
    merge: (path, patch) => call({ method: 'PATCH', path, ...json(patch), contentType: 'application/merge-patch+json' }),
    patch: (path, operations) => call({ method: 'PATCH', path, ...json(operations), contentType: 'application/json-patch+json' }),
    remove: async (path) => void (await call({ method: 'DELETE', path })),
    collectionOf,
    pathOf: async (object, subresource) =>
      `${await collectionOf(object)}/${object.metadata.name}${subresource === undefined ? '' : `/${subresource}`}`,
    close: () => agent.destroy(),
  };
}

function rootOf(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function send(server: string, agent: Agent, token: string, { method, path, body, contentType }: Call): Promise<string> {
  const headers: Record<string, string> = { Authorization: `Bearer ${token}`, Accept: 'application/json' };
  if (contentType !== undefined) headers['Content-Type'] = contentType;
  return new Promise((resolve, reject) => {
    const outgoing = request(`${server}${path}`, { method, agent, headers, timeout: 30_000 }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const status = incoming.statusCode ?? 0;
        if (status >= 200 && status < 300) resolve(text);
        else reject(new ApiError(status, `${method} ${path}: ${status} ${messageOf(text)}`));
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer within 30 s`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** The `message` of a `Status`, or what came instead of one. */
function messageOf(text: string): string {
  try {
    const status: { message?: string } = JSON.parse(text);
    return status.message ?? text;
  } catch {
    return text;
  }
}
