/**
 * Where the API server is and who asks it: from kubeconfig files as kubectl reads them, else as a pod finds it.
 * https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
 *
 * Of the official client only the small parts are imported: all of it costs half a second and 80 MiB, at each start.
 */
import { readFileSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { type Cluster, type Context, newClusters, newContexts, newUsers, type User } from '@kubernetes/client-node/dist/config_types.js';
import { parseDocument } from 'yaml';
import { InvalidInput } from '../errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface AccessOptions {
  /** A file; null: those of `KUBECONFIG`, else `~/.kube/config`, else the pod's own ServiceAccount. */
  readonly kubeconfig: string | null;
  /** null: the current one. */
  readonly context: string | null;
  readonly env: Environment;
  /** Where a pod finds its token; kubelet renews it there. */
  readonly serviceAccount?: string;
}

export interface KubernetesAccess {
  /** null: the pod's own ServiceAccount. */
  readonly context: string | null;
  /** Of the context, or the pod's own. */
  readonly namespace: string;
  /** Paths in it are absolute. */
  readonly cluster: Cluster;
  readonly user: User;
  /** Holds the bearer token, and is renewed. */
  readonly tokenFile: string | null;
  /** Beside `user.impersonateUser`. */
  readonly impersonateGroups: readonly string[];
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

interface Kubeconfig {
  readonly clusters: readonly Cluster[];
  readonly users: readonly (User & Pick<KubernetesAccess, 'tokenFile' | 'impersonateGroups'>)[];
  readonly contexts: readonly Context[];
  readonly current: string | null;
}

/** Errors: InvalidInput (none there, unreadable, no such context, …). */
export function loadAccess({ kubeconfig, context, env, serviceAccount = SERVICE_ACCOUNT }: AccessOptions): KubernetesAccess {
  const paths = kubeconfig === null ? pathsOf(env) : [kubeconfig];
  const read = paths.map((path) => readKubeconfig(path, kubeconfig !== null)).filter((config) => config !== null);
  if (read.length > 0) return accessOf(merge(read), context, paths.join(delimiter));
  const pod = inCluster(env, serviceAccount);
  if (pod !== null && context === null) return pod;
  throw new InvalidInput(
    `There is no kubeconfig: ${paths.join(', ')}.`,
    'Name one with --kubeconfig or in KUBECONFIG. In a pod, its ServiceAccount is used where its token is mounted.',
  );
}

function pathsOf(env: Environment): readonly string[] {
  const named = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  return named.length > 0 ? named : [join(env['HOME'] ?? '', '.kube', 'config')];
}

/** null: it is not there, which is a fault only of a file that was named by itself. */
function readKubeconfig(path: string, mustExist: boolean): Kubeconfig | null {
  const text = readOrNull(path, 'kubeconfig', mustExist);
  if (text === null) return null;
  const document = parseDocument(text, { merge: false });
  const root: unknown = document.errors.length > 0 ? null : document.toJS({ maxAliasCount: 0 });
  if (typeof root !== 'object' || root === null || Array.isArray(root))
    throw new InvalidInput('This is no kubeconfig: it is not YAML of kind Config.', 'kubectl config view shows a right one.', {
      file: path,
    });
  const { clusters, users, contexts, 'current-context': current } = root as Readonly<Record<string, unknown>>;
  try {
    return {
      clusters: newClusters(clusters).map((cluster) => ({ ...cluster, ...absolute(path, { caFile: cluster.caFile }) })),
      users: readUsers(path, users),
      contexts: newContexts(contexts),
      current: typeof current === 'string' && current !== '' ? current : null,
    };
  } catch (error) {
    if (error instanceof InvalidInput) throw error;
    const what = error instanceof Error ? error.message : 'an entry has no name';
    throw new InvalidInput(`This kubeconfig cannot be used: ${what}.`, 'kubectl config view shows its entries.', { file: path });
  }
}

function readUsers(path: string, value: unknown): Kubeconfig['users'] {
  const raw = (Array.isArray(value) ? value : []) as readonly { readonly user?: Readonly<Record<string, unknown>> | null }[];
  // The file of a token is read when it is needed: it is renewed. The official reader would read it now, and keep it.
  const plain = raw.map((entry) => ({ ...entry, user: { ...entry?.user, tokenFile: undefined } }));
  return newUsers(plain).map((user, i) => {
    const { tokenFile, 'as-groups': groups } = raw[i]?.user ?? {};
    const files = absolute(path, { certFile: user.certFile, keyFile: user.keyFile });
    const exec = user.exec as { readonly command?: unknown } | null | undefined;
    const command = typeof exec?.command === 'string' && exec.command.includes('/') ? { command: from(path, exec.command) } : {};
    return {
      ...user,
      ...files,
      ...(exec == null ? {} : { exec: { ...exec, ...command } }),
      tokenFile: typeof tokenFile === 'string' && tokenFile !== '' ? from(path, tokenFile) : null,
      impersonateGroups: Array.isArray(groups) ? groups.map(String) : [],
    };
  });
}

function absolute<T extends Readonly<Record<string, string | null | undefined>>>(
  kubeconfig: string,
  files: T,
): Partial<Record<keyof T, string>> {
  const named = Object.entries(files).filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '');
  return Object.fromEntries(named.map(([key, file]) => [key, from(kubeconfig, file)])) as Partial<Record<keyof T, string>>;
}

function from(kubeconfig: string, file: string): string {
  return isAbsolute(file) ? file : join(dirname(kubeconfig), file);
}

/** As kubectl does it: the first that names a thing counts. */
function merge(configs: readonly Kubeconfig[]): Kubeconfig {
  return {
    clusters: configs.flatMap(({ clusters }) => clusters),
    users: configs.flatMap(({ users }) => users),
    contexts: configs.flatMap(({ contexts }) => contexts),
    current: configs.find(({ current }) => current !== null)?.current ?? null,
  };
}

function accessOf({ clusters, users, contexts, current }: Kubeconfig, wanted: string | null, file: string): KubernetesAccess {
  const name = wanted ?? current;
  const place = { file };
  if (name === null)
    throw new InvalidInput(
      'The kubeconfig has no current context.',
      'kubectl config use-context NAME sets one, or name it with --context.',
      place,
    );
  const context = contexts.find((one) => one.name === name);
  if (context === undefined) throw new InvalidInput(`There is no context ${quote(name)}.`, `There are: ${namesOf(contexts)}.`, place);
  const cluster = clusters.find((one) => one.name === context.cluster);
  if (cluster === undefined)
    throw new InvalidInput(
      `Context ${quote(name)} names cluster ${quote(context.cluster)}, which is not there.`,
      `There are: ${namesOf(clusters)}.`,
      place,
    );
  if (!URL.canParse(cluster.server) || !/^https?:$/.test(new URL(cluster.server).protocol))
    throw new InvalidInput(`The server of cluster ${quote(cluster.name)} is no URL.`, 'It is written https://HOST:PORT.', place);
  const known = users.find((one) => one.name === context.user);
  if (known === undefined && context.user !== undefined && context.user !== '')
    throw new InvalidInput(
      `Context ${quote(name)} names user ${quote(context.user)}, who is not there.`,
      `There are: ${namesOf(users)}.`,
      place,
    );
  const { tokenFile, impersonateGroups, ...user } = known ?? { name: '', tokenFile: null, impersonateGroups: [] };
  return { context: name, namespace: context.namespace || 'default', cluster, user, tokenFile, impersonateGroups };
}

/** null: this is no pod, or its token is not mounted. https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
function inCluster(env: Environment, directory: string): KubernetesAccess | null {
  const [host = '', port = ''] = [env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT']];
  const tokenFile = join(directory, 'token');
  if (host === '' || port === '' || readOrNull(tokenFile, 'token', false) === null) return null;
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return {
    context: null,
    namespace: readOrNull(join(directory, 'namespace'), 'namespace', false)?.trim() || 'default',
    cluster: { name: 'in-cluster', server, skipTLSVerify: false, caFile: join(directory, 'ca.crt') },
    user: { name: 'in-cluster' },
    tokenFile,
    impersonateGroups: [],
  };
}

function readOrNull(path: string, what: string, mustExist: boolean): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    if ((code === 'ENOENT' || code === 'ENOTDIR') && !mustExist) return null;
    throw new InvalidInput(`The ${what} cannot be read (${code}).`, 'Name a file that this user may read.', { file: path });
  }
}

function namesOf(entries: readonly { readonly name: string }[]): string {
  const names = [...new Set(entries.map(({ name }) => name))];
  if (names.length === 0) return 'none';
  return names.length > 20 ? `${names.slice(0, 20).map(quote).join(', ')} and ${names.length - 20} more` : names.map(quote).join(', ');
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}

/** PEM of a file, else of base64; null: neither. Errors: InvalidInput. */
export function pemOf(file: string | null | undefined, data: string | null | undefined, what: string): string | null {
  if (file) return readAccessFile(file, what);
  return data ? Buffer.from(data, 'base64').toString('utf8') : null;
}

/** Errors: InvalidInput. */
export function readAccessFile(path: string, what: string): string {
  return readOrNull(path, what, true) ?? '';
}
