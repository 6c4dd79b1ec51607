/** Our answers in the oracle's words. */
import { evaluate } from '../../src/policy/evaluate.ts';
import type { ClientTls, Connection, Evaluation, Traffic } from '../../src/policy/evaluation.ts';
import type {
  ClientAuthorization,
  GrpcRouteMatch,
  HttpRouteMatch,
  InboundRoute,
  InboundServer,
  Labels,
  PathMatch,
  ValueMatch,
} from '../../src/policy/inbound.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import { createRateLimiter } from '../../src/policy/rate-limit.ts';
import { findWorkload, type Snapshot } from '../../src/policy/snapshot.ts';
import type { Workload } from '../../src/policy/workload.ts';
import type { Json, Rec } from './read.ts';

/** The oracle's query, as far as it is read here. */
export interface Query {
  readonly id: string;
  readonly target: { readonly kind: Workload['kind']; readonly namespace: string; readonly name: string; readonly port: number };
  readonly connection: { readonly client_ip: string; readonly tls: OracleTls };
  readonly request: OracleRequest | null;
  readonly repeat?: number;
  readonly expect: Rec;
}
export type OracleTls = { readonly state: string; readonly client_id?: string | null; readonly sni?: string; readonly reason?: string };
export interface OracleRequest {
  readonly version: string;
  readonly method: string;
  readonly authority: string | null;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly grpc: boolean;
}

export function connectionOf(connection: Query['connection']): Connection {
  return { clientIp: connection.client_ip, tls: tlsOf(connection.tls) };
}

function tlsOf(tls: OracleTls): ClientTls {
  if (tls.state === 'established') return { state: 'established', clientId: tls.client_id ?? null };
  if (tls.state === 'passthru') return { state: 'passthru', sni: tls.sni ?? '' };
  return { state: 'none', reason: tls.reason === 'port_skipped' ? 'port_skipped' : 'no_tls_from_remote' };
}

export function trafficOf(request: OracleRequest | null): Traffic {
  return request === null ? { type: 'tcp' } : { type: 'http', request };
}

/** Our answer to a query, in the form of `expect`. */
export function answer(snapshot: Snapshot, query: Query): Rec {
  const { kind, namespace, name, port } = query.target;
  const workload = findWorkload(snapshot, kind, namespace, name);
  if (workload === null || !workload.meshed) return { verdict: 'unknown_workload' };
  const policy = inboundServer(snapshot, workload, port);
  const limiter = policy.rateLimit === null ? undefined : createRateLimiter(policy.rateLimit);
  const ask = () => evaluate(policy, connectionOf(query.connection), trafficOf(query.request), limiter);
  let last = ask();
  let allowed = last.verdict === 'allow' ? 1 : 0;
  for (let i = 1; i < (query.repeat ?? 1); i++) {
    last = ask();
    if (last.verdict === 'allow') allowed++;
  }
  return { ...evaluationJson(last), ...(query.repeat === undefined ? {} : { allowed }) };
}

function evaluationJson(e: Evaluation): Rec {
  const of = (applies: string) => e.considered.filter((c) => c.applies === applies).map((c) => c.authorization.ref);
  return {
    verdict: e.verdict,
    protocol: e.protocol,
    server: labels(e.server),
    route: e.route === null ? null : labels(e.route),
    authz_any_of: sorted(of('yes')),
    authz_not: sorted(of('no')),
    ...(e.error === null ? {} : { error: e.error }),
    ...(e.redirect === null ? {} : { redirect: { status: e.redirect.status, location: e.redirect.location } }),
  };
}

function sorted(refs: readonly Labels[]): readonly Rec[] {
  return [...refs].sort((a, b) => (`${a.kind}\0${a.name}` < `${b.kind}\0${b.name}` ? -1 : 1)).map(labels);
}

function labels(ref: Labels): Rec {
  return { group: ref.group, kind: ref.kind, name: ref.name };
}

/** The policy of `<ns>/<pod>:<port>` or `<ns>/externalworkload/<name>:<port>`, in the form of `policies`; null for unknown workloads. */
export function policyJson(snapshot: Snapshot, key: string): Json {
  const [, namespace, external, name, port] = /^([^/]+)\/(externalworkload\/)?(.+):(\d+)$/.exec(key) ?? [];
  const workload = findWorkload(snapshot, external === undefined ? 'Pod' : 'ExternalWorkload', namespace ?? '', name ?? '');
  if (workload === null || !workload.meshed) return null;
  return inboundServerJson(inboundServer(snapshot, workload, Number(port)));
}

export function inboundServerJson(policy: InboundServer): Rec {
  return {
    server: labels(policy.ref),
    protocol: policy.protocol,
    ...(policy.protocol === 'detect' ? { detectTimeoutSeconds: 10 } : {}),
    authorizations: policy.authorizations.map(authorizationJson),
    routes: policy.routes === null ? null : policy.routes.map(routeJson),
    rateLimit:
      policy.rateLimit === null
        ? null
        : {
            ref: labels(policy.rateLimit.ref),
            total: policy.rateLimit.total,
            identity: policy.rateLimit.identity,
            overrides: policy.rateLimit.overrides.map((o) => ({ ...o })),
          },
    ...(policy.rejectedByProxy === null ? {} : { rejectedByProxy: policy.rejectedByProxy }),
  };
}

function authorizationJson(a: ClientAuthorization): Rec {
  const authentication: Rec =
    a.authentication.type === 'unauthenticated'
      ? { unauthenticated: true }
      : a.authentication.type === 'tls-unauthenticated'
        ? { meshTLS: { unauthenticated: true } }
        : {
            meshTLS: {
              identities: [...a.authentication.identities].sort(),
              suffixes: a.authentication.suffixes.map((s) => `*${s}`).sort(),
            },
          };
  return {
    ref: labels(a.ref),
    networks: a.networks.map((n) => ({
      cidr: n.net.text,
      ...(n.except.length === 0 ? {} : { except: n.except.map((e) => e.text) }),
    })),
    authentication,
  };
}

function routeJson(route: InboundRoute): Rec {
  const filters = (rule: { readonly filters: readonly { readonly type: string }[] }) =>
    rule.filters.map((f) => f.type.charAt(0).toLowerCase() + f.type.slice(1));
  return {
    ref: labels(route.ref),
    hosts: route.hosts.map((h) => (h.type === 'suffix' ? `*.${h.value}` : h.value)),
    authorizations: route.authorizations.map(authorizationJson),
    rules:
      route.rules.type === 'http'
        ? route.rules.rules.map((rule) => ({ matches: rule.matches.map(httpMatchJson), filters: filters(rule) }))
        : route.rules.rules.map((rule) => ({ matches: rule.matches.map(grpcMatchJson), filters: filters(rule) })),
  };
}

function httpMatchJson(m: HttpRouteMatch): Rec {
  return {
    ...(m.path === null ? {} : { path: pathJson(m.path) }),
    ...(m.headers.length === 0 ? {} : { headers: m.headers.map(valueJson) }),
    ...(m.queryParams.length === 0 ? {} : { queryParams: m.queryParams.map(valueJson) }),
    ...(m.method === null ? {} : { method: m.method }),
  };
}

function grpcMatchJson(m: GrpcRouteMatch): Rec {
  return {
    ...(m.rpc === null ? {} : { rpc: { service: m.rpc.service, method: m.rpc.method } }),
    ...(m.headers.length === 0 ? {} : { headers: m.headers.map(valueJson) }),
  };
}

function pathJson(path: PathMatch): Rec {
  return { [path.type]: path.value };
}

function valueJson(match: ValueMatch): Rec {
  return { name: match.name, [match.type]: match.value };
}
