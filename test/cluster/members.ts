/** How each program of the test cluster is started and when it is ready. Everything listens on 127.0.0.1. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { join } from 'node:path';
import { type Api, connect } from './api.ts';
import { auditFlags } from './audit.ts';
import { BINARIES } from './binaries.ts';
import { type Member, startMember, untilReady } from './member.ts';
import type { Endpoint, Tokens } from './users.ts';

/** Milliseconds; a start takes seconds, except on a machine that does much else. */
const PATIENCE = 90_000;
const HOST = '127.0.0.1';

export interface Site {
  readonly directory: string;
  /** Each `start…` puts its member here before it waits, so that whoever catches a failure can end it. */
  readonly members: Member[];
  readonly onStart: (member: Member) => void;
}

function start({ directory, members, onStart }: Site, name: string, binary: string, args: readonly string[]): Member {
  const member = startMember(directory, name, binary, args);
  members.push(member);
  onStart(member);
  return member;
}

export async function startEtcd(site: Site, port: number, peerPort: number): Promise<void> {
  const client = `http://${HOST}:${port}`;
  const peer = `http://${HOST}:${peerPort}`;
  const member = start(site, 'etcd', BINARIES.etcd, [
    `--data-dir=${join(site.directory, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--logger=zap',
    '--log-level=warn',
  ]);
  await untilReady(member, PATIENCE, async () => (await statusOf(`${client}/health`)) === 200);
}

interface ApiServer {
  readonly port: number;
  readonly etcdPort: number;
  readonly tokenFile: string;
  readonly auditLog: string;
  readonly tokens: Tokens;
  readonly flags: readonly string[];
}

/** `certificates`: a PEM file of what its clients trust; `key`: that of ServiceAccounts' tokens. */
export async function startApiServer(
  site: Site,
  { port, etcdPort, tokenFile, auditLog, tokens, flags }: ApiServer,
): Promise<{ endpoint: Endpoint; certificates: string; key: string }> {
  const certificateDirectory = join(site.directory, 'certificates');
  mkdirSync(certificateDirectory);
  const key = writeServiceAccountKey(site.directory);
  const member = start(site, 'kube-apiserver', BINARIES.apiServer, [
    `--etcd-servers=http://${HOST}:${etcdPort}`,
    `--bind-address=${HOST}`,
    `--advertise-address=${HOST}`,
    // Service "kubernetes" may have no loopback address; nobody here needs its endpoints.
    '--endpoint-reconciler-type=none',
    `--secure-port=${port}`,
    `--cert-dir=${certificateDirectory}`,
    '--authorization-mode=RBAC',
    `--token-auth-file=${tokenFile}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--allow-privileged=true',
    ...auditFlags(site.directory, auditLog),
    ...flags,
  ]);
  const server = `https://${HOST}:${port}`;
  // The API server signs its certificate itself and keeps the signer's beside it.
  const certificates = join(certificateDirectory, 'apiserver.crt');
  await untilReady(member, PATIENCE, async () => {
    const api = connect(server, readFileSync(certificates, 'utf8'), tokens.admin);
    try {
      return (await api.getText('/readyz')) === 'ok';
    } finally {
      api.close();
    }
  });
  return { endpoint: { server, ca: readFileSync(certificates, 'utf8') }, certificates, key };
}

function writeServiceAccountKey(directory: string): string {
  const file = join(directory, 'service-accounts.key');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(file, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
  return file;
}

/** Without nodes that report, these would mark pods unready, evict and delete them. */
const NEED_KUBELETS = ['node-lifecycle-controller', 'pod-garbage-collector-controller', 'taint-eviction-controller'];

interface ControllerManager {
  readonly port: number;
  readonly kubeconfig: string;
  readonly certificates: string;
  readonly key: string;
  readonly api: Api;
}

export async function startControllerManager(site: Site, { port, kubeconfig, certificates, key, api }: ControllerManager): Promise<void> {
  const member = start(site, 'kube-controller-manager', BINARIES.controllerManager, [
    `--bind-address=${HOST}`,
    `--secure-port=${port}`,
    `--cert-dir=${join(site.directory, 'certificates')}`,
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${key}`,
    `--root-ca-file=${certificates}`,
    '--leader-elect=false',
    // Its usual 20 requests a second make it spend ten seconds on the ServiceAccounts of its own controllers.
    '--kube-api-qps=200',
    '--kube-api-burst=400',
    `--controllers=${['*', ...NEED_KUBELETS.map((name) => `-${name}`)].join(',')}`,
  ]);
  // Its controllers run one by one: the first sign of them is the ServiceAccount that every namespace gets.
  await untilReady(member, PATIENCE, async () => (await api.get('/api/v1/namespaces/default/serviceaccounts/default')) !== null);
}

/** The operator cannot be given a token, only an address: kubectl adds the token on the way. */
export async function startKubectlProxy(site: Site, port: number, kubeconfig: string): Promise<void> {
  const args = ['proxy', `--kubeconfig=${kubeconfig}`, `--address=${HOST}`, `--port=${port}`];
  const member = start(site, 'kubectl-proxy', BINARIES.kubectl, args);
  await untilReady(member, PATIENCE, async () => (await statusOf(`http://${HOST}:${port}/version`)) === 200);
}

export async function startOperator(site: Site, port: number, proxyPort: number): Promise<void> {
  const member = start(site, 'prometheus-operator', BINARIES.operator, [
    `-apiserver=http://${HOST}:${proxyPort}`,
    `-web.listen-address=${HOST}:${port}`,
    '-web.enable-tls=false',
  ]);
  await untilReady(member, PATIENCE, async () => (await statusOf(`http://${HOST}:${port}/healthz`)) === 200);
}

function statusOf(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    httpGet(url, { timeout: 5_000 }, (incoming) => {
      incoming.resume();
      resolve(incoming.statusCode ?? 0);
    }).on('error', reject);
  });
}
