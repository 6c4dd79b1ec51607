/**
 * A real control plane of the test's own, on free loopback ports: etcd, kube-apiserver, kube-controller-manager and prometheus-operator.
 * There is no scheduler, no kubelet and no container runtime: who wants a running pod writes its status.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../ports.ts';
import { type Api, ApiError, connect } from './api.ts';
import { BINARIES } from './binaries.ts';
import { installCrds } from './crds.ts';
import type { Member } from './member.ts';
import { type Site, startApiServer, startControllerManager, startEtcd, startKubectlProxy, startOperator } from './members.ts';
import { type Endpoint, type Tokens, viewerRoles, writeKubeconfig, writeTokens } from './users.ts';

export interface Cluster extends Endpoint {
  /** Logs, kubeconfigs, data; goes away with `stop`. */
  readonly directory: string;
  readonly members: readonly Member[];
  /** `http://127.0.0.1:PORT` of etcd, for what is done behind the API server's back. */
  readonly etcd: string;
  /** As `admin`. */
  readonly api: Api;
  readonly kubeconfig: Readonly<Record<'admin' | 'viewer', string>>;
  /** One audit event (audit.k8s.io/v1) a line: see `audit.ts` for what is in it. */
  readonly auditLog: string;
  /** As a ServiceAccount, by a token of its own; makes namespace and ServiceAccount where they are missing. */
  apiAs(serviceAccount: ServiceAccountName): Promise<Api>;
  /** The path of a kubeconfig for a ServiceAccount, made in the same way. Its token lasts a day. */
  kubeconfigFor(serviceAccount: ServiceAccountName): Promise<string>;
  /** Runs kubectl of the same build as `admin`; returns stdout. Throws with what it wrote to stderr. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Resolves when a member has ended by itself, with a sentence and the end of its log. By then the others are being ended. */
  readonly failed: Promise<string>;
  /** Ends every member and removes the directory. May be called more than once. */
  stop(): Promise<void>;
}

export interface ServiceAccountName {
  readonly namespace: string;
  readonly name: string;
}

export interface StartOptions {
  /** Gives up. */
  readonly signal?: AbortSignal;
  readonly onStart?: (member: Member) => void;
  /** Of the API server, beside those that every one has. */
  readonly apiServerFlags?: readonly string[];
}

/** Starts one in a directory of its own. Whatever was started is ended again if it fails. A port lost to another program is tried again. */
export async function startCluster({ signal, onStart = () => {}, apiServerFlags = [] }: StartOptions = {}): Promise<Cluster> {
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    const directory = mkdtempSync(join(tmpdir(), 'denywhy-cluster-'));
    const members: Member[] = [];
    const giveUp = () => void stopAll(members);
    signal?.addEventListener('abort', giveUp);
    try {
      return await startIn({ directory, members, onStart }, apiServerFlags);
    } catch (error) {
      await stopAll(members);
      rmSync(directory, { recursive: true, force: true });
      if (attempt === 3 || !(error instanceof Error) || !error.message.includes('address already in use')) throw error;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }
}

async function startIn(site: Site, flags: readonly string[]): Promise<Cluster> {
  const { directory, members } = site;
  const auditLog = join(directory, 'audit.log');
  const { tokens, file: tokenFile } = writeTokens(directory);
  const [etcdPort = 0, etcdPeerPort = 0, apiPort = 0, managerPort = 0, proxyPort = 0, operatorPort = 0] = await freePorts(6);

  await startEtcd(site, etcdPort, etcdPeerPort);
  const { endpoint, certificates, key } = await startApiServer(site, {
    port: apiPort,
    etcdPort,
    tokenFile,
    auditLog,
    tokens,
    flags,
  });
  const api = connect(endpoint.server, endpoint.ca, tokens.admin);
  const kubeconfig = writeKubeconfigs(directory, endpoint, tokens);
  const [groups] = await Promise.all([
    installCrds(api),
    startControllerManager(site, { port: managerPort, kubeconfig: kubeconfig.manager, certificates, key, api }),
    startKubectlProxy(site, proxyPort, kubeconfig.operator),
  ]);
  for (const role of viewerRoles(groups)) await apply(api, role);
  await startOperator(site, operatorPort, proxyPort);
  return handle({ directory, members, etcd: `http://127.0.0.1:${etcdPort}`, endpoint, api, kubeconfig, auditLog });
}

function writeKubeconfigs(directory: string, endpoint: Endpoint, tokens: Tokens) {
  const write = (user: keyof Tokens) => writeKubeconfig(directory, user, endpoint, tokens[user]);
  return {
    admin: write('admin'),
    viewer: write('viewer'),
    operator: write('prometheus-operator'),
    manager: write('system:kube-controller-manager'),
  };
}

async function apply(api: Api, object: object): Promise<void> {
  const { apiVersion, kind } = object as { apiVersion: string; kind: string };
  await api.create(await api.collectionOf({ ...object, apiVersion, kind, metadata: { name: '' } }), object);
}

interface Started {
  readonly directory: string;
  readonly members: readonly Member[];
  readonly etcd: string;
  readonly endpoint: Endpoint;
  readonly api: Api;
  readonly kubeconfig: Readonly<Record<'admin' | 'viewer', string>>;
  readonly auditLog: string;
}

function handle({ directory, members, etcd, endpoint, api, kubeconfig, auditLog }: Started): Cluster {
  const clients: Api[] = [api];
  let stopping: Promise<void> | null = null;
  const stop = () => {
    stopping ??= (async () => {
      for (const client of clients) client.close();
      await stopAll(members);
      rmSync(directory, { recursive: true, force: true });
    })();
    return stopping;
  };
  const failed = new Promise<string>((resolve) => {
    for (const member of members) {
      void member.ended.then((how) => {
        if (stopping !== null) return;
        resolve(how);
        void stop();
      });
    }
  });
  return {
    ...endpoint,
    directory,
    members,
    etcd,
    api,
    kubeconfig,
    auditLog,
    failed,
    stop,
    async apiAs(account) {
      const client = connect(endpoint.server, endpoint.ca, await serviceAccountToken(api, account));
      clients.push(client);
      return client;
    },
    kubeconfigFor: async (account) => {
      const directoryOfKubeconfigs = join(directory, 'serviceaccounts', account.namespace);
      mkdirSync(directoryOfKubeconfigs, { recursive: true });
      return writeKubeconfig(directoryOfKubeconfigs, account.name, endpoint, await serviceAccountToken(api, account));
    },
    kubectl: (args, input) => runKubectl(kubeconfig.admin, args, input),
  };
}

/** The last that was started ends first, so that none loses what it stands on; the two that serve have nothing left to do by then. */
async function stopAll(members: readonly Member[]): Promise<void> {
  for (const member of members.toReversed()) await member.stop();
}

/** https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/ */
async function serviceAccountToken(api: Api, { namespace, name }: ServiceAccountName): Promise<string> {
  await createUnlessThere(api, '/api/v1/namespaces', { metadata: { name: namespace } });
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await createUnlessThere(api, path, { metadata: { name } });
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 86_400 } };
  return (await api.create<{ status: { token: string } }>(`${path}/${name}/token`, request)).status.token;
}

/** Creates an object; one of that name that is there already stays as it is. */
export async function createUnlessThere(api: Api, path: string, body: object): Promise<void> {
  try {
    await api.create(path, body);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 409) throw error;
  }
}

function runKubectl(kubeconfig: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      encoding: 'utf8',
      timeout: 60_000,
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, KUBECONFIG: kubeconfig },
    } as const;
    const child = execFile(BINARIES.kubectl, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`kubectl ${args.join(' ')}: ${stderr.trim() || error.message}`));
    });
    child.stdin?.end(input ?? '');
  });
}
