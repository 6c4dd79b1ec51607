/** Small clusters for tests: one namespace, one pod, and what a test adds. */
import { evaluate } from '../../src/policy/evaluate.ts';
import { authorizationsOf, type ClientTls, type Evaluation, type HttpRequest, type Traffic } from '../../src/policy/evaluation.ts';
import type { InboundServer } from '../../src/policy/inbound.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import type { Metadata, Resource } from '../../src/policy/resource.ts';
import { type ClusterInfo, LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { buildSnapshot, findWorkload, type Snapshot } from '../../src/policy/snapshot.ts';

type Fields = Readonly<Record<string, unknown>>;
export type Meta = Partial<Metadata>;

function object(apiVersion: string, kind: string, name: string, spec: unknown, meta: Meta = {}, status?: unknown): Resource {
  return { apiVersion, kind, metadata: { namespace: 'shop', name, ...meta }, spec, ...(status === undefined ? {} : { status }) };
}

/** A meshed pod of Deployment `backend` with port 8080 (`http`) and a probe of `/health` there. */
export function pod(meta: Meta = {}, spec: Fields = {}): Resource {
  const labels = { app: 'backend', 'linkerd.io/control-plane-ns': 'linkerd', ...meta.labels };
  const container = {
    name: 'app',
    ports: [{ containerPort: 8080, name: 'http' }],
    livenessProbe: { httpGet: { path: '/health', port: 8080 } },
  };
  return object('v1', 'Pod', 'backend', { containers: [container], serviceAccountName: 'backend', ...spec }, { ...meta, labels });
}

export function server(name: string, spec: Fields = {}, meta: Meta = {}): Resource {
  return object(
    'policy.linkerd.io/v1beta3',
    'Server',
    name,
    { podSelector: { matchLabels: { app: 'backend' } }, port: 8080, ...spec },
    meta,
  );
}

export const SERVER = server('backend-http', { proxyProtocol: 'HTTP/1' });

type Ref = { readonly group?: string; readonly kind: string; readonly name: string; readonly namespace?: string };

export function targetServer(name: string): Ref {
  return { group: 'policy.linkerd.io', kind: 'Server', name };
}

export function policy(name: string, targetRef: Ref, requiredAuthenticationRefs: readonly Ref[], meta: Meta = {}): Resource {
  return object('policy.linkerd.io/v1alpha1', 'AuthorizationPolicy', name, { targetRef, requiredAuthenticationRefs }, meta);
}

export function meshTLS(name: string, spec: Fields, meta: Meta = {}): Resource {
  return object('policy.linkerd.io/v1alpha1', 'MeshTLSAuthentication', name, spec, meta);
}

export function network(name: string, networks: readonly Fields[], meta: Meta = {}): Resource {
  return object('policy.linkerd.io/v1alpha1', 'NetworkAuthentication', name, { networks }, meta);
}

export function saz(name: string, spec: Fields, meta: Meta = {}): Resource {
  return object('policy.linkerd.io/v1beta1', 'ServerAuthorization', name, spec, meta);
}

export const MESHTLS = (name: string, namespace?: string): Ref => authentication('MeshTLSAuthentication', name, namespace);
export const NETWORK = (name: string, namespace?: string): Ref => authentication('NetworkAuthentication', name, namespace);
export const ACCOUNT = (name: string, namespace?: string): Ref => ({
  kind: 'ServiceAccount',
  name,
  ...(namespace === undefined ? {} : { namespace }),
});

function authentication(kind: string, name: string, namespace?: string): Ref {
  return { group: 'policy.linkerd.io', kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** Accepted by each Server it names. */
export function route(name: string, spec: Fields = {}, meta: Meta = {}, apiVersion = 'policy.linkerd.io/v1beta3'): Resource {
  const parentRefs = (spec['parentRefs'] ?? [targetServer('backend-http')]) as readonly Ref[];
  const kind = apiVersion === 'gateway.networking.k8s.io/v1' && spec['grpc'] === true ? 'GRPCRoute' : 'HTTPRoute';
  return object(apiVersion, kind, name, { parentRefs, rules: [{ matches: [{}] }], ...spec }, meta, { parents: parentRefs.map(accepted) });
}

export function accepted(parentRef: Ref): Fields {
  return { parentRef, controllerName: 'linkerd.io/policy-controller', conditions: [{ type: 'Accepted', status: 'True' }] };
}

export function rateLimit(name: string, spec: Fields, meta: Meta = {}): Resource {
  const status = { conditions: [{ type: 'Accepted', status: 'True' }] };
  return object(
    'policy.linkerd.io/v1alpha1',
    'HTTPLocalRateLimitPolicy',
    name,
    { targetRef: targetServer('backend-http'), ...spec },
    meta,
    status,
  );
}

export const DENY: ClusterInfo = { ...LINKERD_DEFAULTS, defaultPolicy: 'deny' };

export function snapshot(resources: readonly Resource[], info: ClusterInfo = LINKERD_DEFAULTS): Snapshot {
  return buildSnapshot(resources, info);
}

/** The policy of a port of the pod `shop/backend`, which is added where the resources have no pod. */
export function policyAt(resources: readonly Resource[], port = 8080, info: ClusterInfo = LINKERD_DEFAULTS): InboundServer {
  const all = resources.some((r) => r.kind === 'Pod') ? resources : [pod(), ...resources];
  return policyIn(snapshot(all, info), port);
}

export function policyIn(snapshot: Snapshot, port = 8080): InboundServer {
  const workload = findWorkload(snapshot, 'Pod', 'shop', 'backend');
  if (workload === null) throw new Error('no pod shop/backend');
  return inboundServer(snapshot, workload, port);
}

export const FRONTEND = 'frontend.shop.serviceaccount.identity.linkerd.cluster.local';

export function meshed(clientId: string | null = FRONTEND): ClientTls {
  return { state: 'established', clientId };
}
export const UNMESHED: ClientTls = { state: 'none', reason: 'no_tls_from_remote' };

export function get(path = '/', more: Partial<HttpRequest> = {}): Traffic & { readonly type: 'http' } {
  const request = {
    version: 'HTTP/1.1',
    method: 'GET',
    authority: 'backend.shop.svc.cluster.local',
    path,
    headers: [],
    grpc: false,
    ...more,
  };
  return { type: 'http', request };
}

export interface Asked {
  readonly ip?: string | null;
  readonly tls?: ClientTls | null;
  readonly traffic?: Traffic;
}

/** How a policy answers a client; a meshed `frontend` at 10.42.0.13 asking `GET /` where nothing else is said. */
export function ask(policy: InboundServer, { ip = '10.42.0.13', tls = meshed(), traffic = get() }: Asked = {}): Evaluation {
  return evaluate(policy, { clientIp: ip, tls }, traffic);
}

/** Names of the authorizations that let the client in. */
export function letInBy(evaluation: Evaluation): readonly string[] {
  return authorizationsOf(evaluation).apply.map((ref) => `${ref.kind}/${ref.name}`);
}
