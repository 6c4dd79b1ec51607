import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { getJson, openKubernetes, pathOf } from '../../src/drivers/kubernetes-client.ts';

let directory: string;
let server: Server;
let url: string;
let seen: { readonly path: string; readonly authorization: string }[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'denywhy-kubeconfig-'));
  seen = [];
  answer = (_, response) => void response.setHeader('Content-Type', 'application/json').end('{"kind":"PodList","items":[]}');
  server = createServer((request, response) => {
    seen.push({ path: request.url ?? '', authorization: request.headers.authorization ?? '' });
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Written {
  readonly name?: string;
  readonly user?: object;
  readonly current?: string | null;
  readonly server?: string;
}

function kubeconfig({ name = 'config', user = { token: 'first' }, current = 'here', server: address = url }: Written = {}): string {
  const file = join(directory, name);
  writeFileSync(
    file,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      ...(current === null ? {} : { 'current-context': current }),
      clusters: [{ name: `cluster-${name}`, cluster: { server: address } }],
      users: [{ name: `user-${name}`, user }],
      contexts: [{ name: 'here', context: { cluster: `cluster-${name}`, user: `user-${name}`, namespace: 'shop' } }],
    }),
  );
  return file;
}

const open = (file: string | null, env: Readonly<Record<string, string>> = {}, context: string | null = null) =>
  openKubernetes({ kubeconfig: file, context, env, timeout: 5000, serviceAccount: join(directory, 'pod') });

async function authorizationOf(file: string | null, env: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
  const client = open(file, env);
  await getJson(client, '/api/v1/pods', 'pods');
  client.close();
  return seen.at(-1)?.authorization;
}

describe('who asks the API server, and where it is', () => {
  it('follows the current context, or the one that is named', async () => {
    expect(await authorizationOf(kubeconfig())).toBe('Bearer first');
    expect(open(kubeconfig()).access).toMatchObject({ context: 'here', namespace: 'shop' });
    expect(() => open(kubeconfig(), {}, 'there')).toThrow('There is no context "there".');
    expect(() => open(kubeconfig({ current: null }))).toThrow('has no current context');
  });

  it('of several files in KUBECONFIG takes what the first says, and passes over those that are not there', async () => {
    const files = [
      join(directory, 'absent'),
      kubeconfig({ name: 'a', user: { token: 'a' } }),
      kubeconfig({ name: 'b', user: { token: 'b' } }),
    ];
    expect(await authorizationOf(null, { KUBECONFIG: files.join(':') })).toBe('Bearer a');
  });

  it.each([
    ['no file at all', null, 'There is no kubeconfig'],
    ['text', 'just text', 'This is no kubeconfig'],
    ['broken YAML', 'a: [', 'This is no kubeconfig'],
    ['a cluster without a server', '{clusters: [{name: a, cluster: {}}]}', 'clusters[0].cluster.server is missing'],
    [
      'a context without its cluster',
      '{current-context: x, contexts: [{name: x, context: {cluster: y}}]}',
      'names cluster "y", which is not there',
    ],
  ])('says what is wrong with a kubeconfig: %s', (_, text, sentence) => {
    const file = text === null ? null : join(directory, 'bad');
    if (file !== null) writeFileSync(file, text ?? '');
    expect(() => open(file, { HOME: directory })).toThrow(sentence);
  });

  it('reads the file of a token anew for each request', async () => {
    writeFileSync(join(directory, 'token'), 'one\n');
    const client = open(kubeconfig({ user: { tokenFile: 'token' } }));
    await getJson(client, '/api/v1/pods', 'pods');
    writeFileSync(join(directory, 'token'), 'two\n');
    await getJson(client, '/api/v1/pods', 'pods');
    expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer one', 'Bearer two']);
  });

  it('runs an exec plugin once, tells it the cluster, and runs it again when what it gave is refused', async () => {
    const script = join(directory, 'plugin');
    const count = join(directory, 'count');
    writeFileSync(
      script,
      `#!/bin/sh\necho run >> ${count}\nn=$(wc -l < ${count} | tr -d ' ')\ncase "$KUBERNETES_EXEC_INFO" in *'"server":"${url}"'*) ;; *) exit 1;; esac\nprintf '{"kind":"ExecCredential","status":{"token":"run-%s"}}' "$n"\n`,
      { mode: 0o755 },
    );
    const file = kubeconfig({ user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin' } } });
    const client = open(file);
    await getJson(client, '/api/v1/pods', 'pods');
    await getJson(client, '/api/v1/pods', 'pods');
    answer = ({ headers }, response) => void response.writeHead(headers.authorization === 'Bearer run-1' ? 401 : 200).end('{}');
    await getJson(client, '/api/v1/pods', 'pods');
    expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer run-1', 'Bearer run-1', 'Bearer run-1', 'Bearer run-2']);
  });

  it.each([
    [
      'is not installed',
      { command: 'denywhy-no-such-plugin', installHint: 'Get it\nhere' },
      'is not installed or not in PATH',
      'Get it here',
    ],
    ['fails', { command: 'sh', args: ['-c', 'echo "log in first" >&2; exit 1'] }, 'could not log in: log in first', 'Run it by itself'],
    ['prints something else', { command: 'echo', args: ['hello'] }, 'did not print an ExecCredential', 'Run it by itself'],
  ])('says when an exec plugin %s', async (_, exec, message, remedy) => {
    const client = open(kubeconfig({ user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', ...exec } } }));
    const fault = await getJson(client, '/api/v1/pods', 'pods').catch((error: unknown) => error);
    expect(fault).toMatchObject({
      name: 'Unavailable',
      message: expect.stringContaining(message),
      remedy: expect.stringContaining(remedy),
    });
  });
});

describe('what the API server does', () => {
  const refused = (status: number, body: object | string) => {
    answer = (_, response) => void response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
    return getJson(open(kubeconfig()), '/api/v1/pods', 'pods').catch((error: unknown) => error);
  };
  const status = (message: string, reason: string) => ({ kind: 'Status', apiVersion: 'v1', message, reason });

  it.each([
    [401, status('Unauthorized', 'Unauthorized'), 'does not know who asks (401) when asked for pods.', 'log in again'],
    [
      403,
      status('pods is forbidden: User "x"', 'Forbidden'),
      'does not let us read pods (403): pods is forbidden: User "x".',
      'Grant get, list and watch',
    ],
    [404, '404 page not found\n', 'has no pods (404).', 'CustomResourceDefinitions'],
    [410, status('too old', 'Expired'), '(410): too old.', 'It is read anew.'],
    [429, '', 'asked too often (429)', 'later'],
    [302, '', 'redirects elsewhere (302)', 'Name the address'],
    [503, status('evil \u001b[31m\nline', ''), 'answered 503 when asked for pods: evil [31m line.', 'overloaded'],
  ])('%i is said in a whole sentence', async (code, body, message, remedy) => {
    const fault = await refused(code, body);
    expect(fault).toMatchObject({
      name: 'Unavailable',
      status: code,
      message: expect.stringContaining(message),
      remedy: expect.stringContaining(remedy),
    });
  });

  it('says when it is not there, hangs, breaks off, speaks TLS or no HTTP', async () => {
    const at = async (address: string, timeout = 5000) => {
      const client = openKubernetes({ kubeconfig: kubeconfig({ server: address }), context: null, env: {}, timeout });
      const fault: unknown = await getJson(client, '/api/v1/pods', 'pods').catch((error: unknown) => error);
      client.close();
      return fault instanceof Error ? fault.message : 'no fault';
    };
    expect(await at(url.replace('http:', 'https:'))).toContain('TLS failed');
    expect(await at('http://denywhy.invalid:1')).toContain('a name that nobody knows');
    answer = () => {};
    expect(await at(url, 100)).toContain('did not answer within 0.1 s');
    answer = (_, response) => {
      response.write('{');
      setTimeout(() => response.destroy(), 20);
    };
    expect(await at(url)).toContain('closed the connection before its answer was whole');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(await at(url)).toContain('ECONNREFUSED');
  });

  it('puts hostile names into paths and queries as text', async () => {
    expect(pathOf('', 'v1', '../../x', 'pods', 'a?b#c')).toBe('/api/v1/namespaces/..%2F..%2Fx/pods/a%3Fb%23c');
    expect(pathOf('policy.linkerd.io', 'v1alpha1', '', 'authorizationpolicies')).toBe(
      '/apis/policy.linkerd.io/v1alpha1/authorizationpolicies',
    );
    expect(() => pathOf('', 'v1', '..', 'pods')).toThrow('".." is no name');
    await getJson(open(kubeconfig()), '/api/v1/pods', 'pods', { query: { continue: 'a&limit=1', limit: '5' } });
    expect(seen.at(-1)?.path).toBe('/api/v1/pods?continue=a%26limit%3D1&limit=5');
  });

  it('ends a request when its signal says so', async () => {
    answer = (_, response) => void response.write('{');
    const controller = new AbortController();
    const { body } = await open(kubeconfig()).get('/api/v1/pods', { signal: controller.signal });
    controller.abort();
    await expect(body.toArray()).rejects.toThrow();
  });
});
