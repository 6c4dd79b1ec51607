/**
 * What a remedy does, told without the proof: the objects as they stand after the change are read anew, and every client is put to every port with
 * every request, one by one. No classes, no incremental snapshot, no ports left out because they look alike.
 */

import { type AccessRequest, accessRequests } from '../../src/access/requests.ts';
import { manifestOf } from '../../src/manifests/manifest.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import type { ClientTls, Connection, Traffic } from '../../src/policy/evaluation.ts';
import { isUriIdentity, serviceAccountIdentity, suffixMatches } from '../../src/policy/identity.ts';
import type { ClientAuthorization, InboundServer } from '../../src/policy/inbound.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import { contains, isLocalhost, type Network, parseAddress, parseNetwork, showAddress } from '../../src/policy/network.ts';
import { workloadOf } from '../../src/policy/owner.ts';
import { objectKey, type Resource, refOf } from '../../src/policy/resource.ts';
import { buildSnapshot, findResource, resourcesOf, type Snapshot } from '../../src/policy/snapshot.ts';
import { withStatuses } from '../../src/policy/status.ts';
import { isStandIn, standInPods } from '../../src/policy/templates.ts';
import type { Workload } from '../../src/policy/workload.ts';
import type { Change } from '../../src/remedies/remedy.ts';

/** Younger than whatever was captured. */
const JUST_NOW = '2100-01-01T00:00:00Z';
const WITH_STATUS: ReadonlySet<string> = new Set(['HTTPRoute', 'GRPCRoute', 'HTTPLocalRateLimitPolicy']);

/** The cluster after the change, as it is read by one who starts then: objects as JSON, with the statuses that Linkerd writes of all of them. */
export function readAnew(snapshot: Snapshot, changes: readonly Change[]): Snapshot {
  const changed = new Set(changes.map(({ object }) => objectKey(object)));
  const kept = [...resourcesOf(snapshot)].filter((resource) => !changed.has(objectKey(refOf(resource))));
  const applied = changes.flatMap(({ manifest, before }) => (manifest === null ? [] : [stored(manifest, before)]));
  const templates = changes.flatMap(({ object, manifest }) => {
    const account = accountIn(manifest);
    return account === null ? [] : [[objectKey(object), account] as const];
  });
  const pods = rolledOut(kept, snapshot, new Map(templates));
  const items = [...applied, ...pods.map(plain)];
  const { resources } = readManifests(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }), 'after.json');
  return buildSnapshot(withStatuses([...resources, ...standInPods(resources, snapshot.info)]), snapshot.info);
}

/** The ServiceAccount that a workload's template names; null: it is no workload. */
function accountIn(manifest: unknown): string | null {
  const { spec } = (manifest ?? {}) as { readonly spec?: Template & { readonly jobTemplate?: { readonly spec: Template } } };
  const template = spec?.jobTemplate?.spec.template ?? spec?.template;
  return template === undefined ? null : (template.spec?.serviceAccountName ?? 'default');
}
interface Template {
  readonly template?: { readonly spec?: { readonly serviceAccountName?: string } };
}

/** Pods of a workload that names another ServiceAccount have it by then; those that only stand for pods are made anew. */
function rolledOut(resources: readonly Resource[], snapshot: Snapshot, accounts: ReadonlyMap<string, string>): readonly Resource[] {
  return resources.flatMap((resource) => {
    if (resource.kind !== 'Pod') return [resource];
    if (isStandIn(resource)) return [];
    const account = accounts.get(objectKey(workloadOf(resource, (ref) => findResource(snapshot, ref) ?? undefined)));
    return account === undefined ? [resource] : [{ ...resource, spec: { ...(resource.spec as object), serviceAccountName: account } }];
  });
}

/** As the API server keeps what is applied: an edit makes no object younger. */
function stored(manifest: unknown, before: Resource | null): object {
  const whole = manifest as { readonly metadata: object };
  const creationTimestamp = before === null ? JUST_NOW : before.metadata.creationTimestamp;
  return { ...whole, metadata: { ...whole.metadata, ...(creationTimestamp === undefined ? {} : { creationTimestamp }) } };
}

function plain(resource: Resource): object {
  if (WITH_STATUS.has(resource.kind)) return stored(manifestOf(resource), resource);
  const { origin: _, ...object } = resource;
  return object;
}

/** One who might come. */
export interface Comer {
  readonly ip: string | null;
  readonly tls: ClientTls;
  readonly pod: Workload | null;
  readonly node: string | null;
}

/** One request that comes out differently. */
export interface Turn {
  readonly comer: Comer;
  readonly namespace: string;
  readonly server: Workload;
  readonly port: number;
  readonly request: AccessRequest;
  readonly to: 'in' | 'out';
  /** False: what was not observed would decide before or after. */
  readonly isSure: boolean;
  readonly before: InboundServer;
  readonly after: InboundServer;
}

export interface Replayed {
  readonly turns: readonly Turn[];
  /** How many questions were asked. */
  readonly asked: number;
}

/** What objects say of identities and networks, wherever it stands in them. */
interface World {
  readonly patterns: readonly string[];
  readonly networks: readonly Network[];
}

const PLAIN: ClientTls = { state: 'none', reason: 'no_tls_from_remote' };
const ADMIN = 4191;

/** `more`: requests beside those that the objects name. */
export function replay(before: Snapshot, after: Snapshot, more: readonly Traffic[] = []): Replayed {
  const world = worldOf([...resourcesOf(before), ...resourcesOf(after)], before);
  const comers = comersOf(before, after, world);
  const turns: Turn[] = [];
  let asked = 0;
  for (const { server, was, port } of portsIn(before, after)) {
    const [a, b] = [inboundServer(before, was, port), inboundServer(after, server, port)];
    for (const request of [...requestsOf(a, b), ...more.map((traffic) => ({ text: 'recorded', traffic }))]) {
      for (const comer of comers) {
        asked += 1;
        const [then, now] = [reaches(a, comer, request.traffic), reaches(b, comer, request.traffic)];
        const to = now !== then && then !== 'yes' && now !== 'no' ? 'in' : now !== then && then !== 'no' && now !== 'yes' ? 'out' : null;
        if (to !== null)
          turns.push({
            comer,
            namespace: server.ref.namespace,
            server,
            port,
            request,
            to,
            isSure: then !== 'maybe' && now !== 'maybe',
            before: a,
            after: b,
          });
      }
    }
  }
  return { turns, asked };
}

/** Of an HTTP/2 or gRPC Server the proxy understands no HTTP/1.1; between proxies everything goes as HTTP/2. */
function reaches(policy: InboundServer, { ip, tls }: Comer, traffic: Traffic): 'yes' | 'no' | 'maybe' {
  const isOld = traffic.type === 'http' && traffic.request.version === 'HTTP/1.1' && tls.state !== 'established';
  if (isOld && (policy.protocol === 'http2' || policy.protocol === 'grpc')) return 'no';
  const connection: Connection = { clientIp: ip, tls };
  const { verdict } = evaluate(policy, connection, traffic);
  if (verdict === 'undecided') return 'maybe';
  return verdict === 'allow' || verdict === 'ratelimited' || verdict === 'redirect' ? 'yes' : 'no';
}

function portsIn(before: Snapshot, after: Snapshot) {
  return workloadsOf(after).flatMap((server) => {
    const was = workloadsOf(before).find(({ kind, ref }) => kind === server.kind && objectKey(ref) === objectKey(server.ref));
    if (was === undefined || !was.meshed || !server.meshed) return [];
    const numbers = [before, after].flatMap((snapshot) =>
      [...resourcesOf(snapshot)].flatMap(({ kind, metadata, spec }) =>
        kind === 'Server' && metadata.namespace === server.ref.namespace ? [(spec as { port?: unknown } | undefined)?.port] : [],
      ),
    );
    const ports = new Set([...server.ports, ...server.probes.keys(), ADMIN, ...numbers.filter((port) => typeof port === 'number')]);
    ports.delete(4143);
    return [...ports].map((port) => ({ server, was, port }));
  });
}

function workloadsOf({ namespaces }: Snapshot): readonly Workload[] {
  return [...namespaces.values()].flatMap(({ workloads }) => [...workloads.values()].flatMap(({ value }) => value ?? []));
}

/** Those that the routes name; HTTP/1.1 in the clear and HTTP/2, connections, and what nobody names. */
function requestsOf(before: InboundServer, after: InboundServer): readonly AccessRequest[] {
  const named = accessRequests([before, after]);
  const asHttp2 = named.flatMap(({ text, traffic }): readonly AccessRequest[] =>
    traffic.type === 'http' ? [{ text, traffic: { ...traffic, request: { ...traffic.request, version: 'HTTP/2.0' } } }] : [],
  );
  return [...named, ...asHttp2];
}

function comersOf(before: Snapshot, after: Snapshot, { patterns, networks }: World): readonly Comer[] {
  const comers: Comer[] = [];
  const withPods = new Set<string>();
  for (const pod of workloadsOf(after).filter(({ kind }) => kind === 'Pod')) {
    const isHost = (pod.resource.spec as { hostNetwork?: boolean } | undefined)?.hostNetwork === true;
    const clientId = serviceAccountIdentity(after.info, pod.ref.namespace, pod.serviceAccount);
    if (pod.meshed && !isHost) withPods.add(clientId);
    for (const ip of pod.ips.length === 0 ? [null] : pod.ips)
      comers.push({ ip, tls: pod.meshed && !isHost ? { state: 'established', clientId } : PLAIN, pod, node: null });
  }
  for (const { kind, metadata, status } of resourcesOf(after)) {
    if (kind !== 'Node') continue;
    for (const { address } of (status as { addresses?: readonly { address: string }[] } | undefined)?.addresses ?? [])
      if (parseAddress(address) !== null) comers.push({ ip: address, tls: PLAIN, pod: null, node: metadata.name });
  }
  const addresses = addressesAround(networks);
  const accounts = [before, after].flatMap((snapshot) =>
    [...resourcesOf(snapshot)].flatMap(({ kind, metadata: { namespace, name } }) =>
      kind === 'ServiceAccount' ? [serviceAccountIdentity(snapshot.info, namespace, name)] : [],
    ),
  );
  const strangers = [
    serviceAccountIdentity(after.info, 'elsewhere', 'stranger'),
    'spiffe://elsewhere/stranger',
    'stranger.elsewhere.serviceaccount.identity.linkerd.other.domain',
  ];
  const identities = new Set([
    ...patterns.map((text) => (text.startsWith('*') ? `some${text.slice(1)}` : text)),
    ...accounts,
    ...strangers,
  ]);
  for (const clientId of [...identities, null]) {
    if (clientId !== null && withPods.has(clientId)) continue;
    for (const ip of addresses) comers.push({ ip, tls: { state: 'established', clientId }, pod: null, node: null });
  }
  for (const ip of addresses) comers.push({ ip, tls: PLAIN, pod: null, node: null });
  return comers.filter(({ ip }) => {
    const address = ip === null ? null : parseAddress(ip);
    return address === null || !isLocalhost(address);
  });
}

function worldOf(resources: readonly Resource[], { info }: Snapshot): World {
  const [patterns, networks] = [new Set<string>(), new Map<string, Network>()];
  const addNetwork = (text: string) => {
    const network = parseNetwork(text);
    if (network !== null) networks.set(network.text, network);
  };
  const visit = (value: unknown, key: string, own: string): void => {
    if (Array.isArray(value)) for (const one of value) visit(one, key, own);
    else if (typeof value === 'object' && value !== null) {
      const { kind, name, namespace = own } = value as { kind?: unknown; name?: unknown; namespace?: unknown };
      if (String(kind).toLowerCase() === 'serviceaccount' || key === 'serviceAccounts')
        patterns.add(serviceAccountIdentity(info, String(namespace), String(name)));
      for (const [field, one] of Object.entries(value)) visit(one, field, own);
    } else if (typeof value === 'string') {
      if (key === 'identities') patterns.add(value);
      if (key === 'cidr' || key === 'except' || key === 'networks') addNetwork(value);
    }
  };
  for (const { spec, kind, metadata } of resources) if (kind !== 'Pod') visit(spec, '', metadata.namespace);
  for (const text of ['0.0.0.0/0', '::/0', ...info.clusterNetworks.map((network) => network.text)]) addNetwork(text);
  return { patterns: [...patterns], networks: [...networks.values()] };
}

/** At both ends of every network and beside them, and of each family one that belongs to nobody; of those that no network tells apart two. */
function addressesAround(networks: readonly Network[]): readonly string[] {
  const found = new Set(['198.51.100.77', '2001:db8::77']);
  for (const { address, prefix } of networks) {
    const bits = address.family === 4 ? 32 : 128;
    const low = address.words.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
    const first = (low >> BigInt(bits - prefix)) << BigInt(bits - prefix);
    const last = first | ((1n << BigInt(bits - prefix)) - 1n);
    for (const one of [first - 1n, first, first + 1n, last, last + 1n]) {
      if (one <= 0n || one >= 1n << BigInt(bits)) continue;
      const words = Array.from({ length: bits / 32 }, (_, i) => Number((one >> BigInt(bits - 32 * (i + 1))) & 0xffffffffn));
      found.add(showAddress({ family: address.family, words }));
    }
  }
  const alike = Map.groupBy(found, (text) => {
    const address = parseAddress(text);
    return address === null ? '' : `${address.family} ${networks.map((net) => contains(net, address))}`;
  });
  return [...alike.values()].flatMap((group) => [...new Set([group[0] as string, group.at(-1) as string])]);
}

/** Whether neither policy can tell the two identities apart. */
export function areAlike(a: string | null, b: string | null, policies: readonly InboundServer[]): boolean {
  if (a === null || b === null) return a === b;
  if (isUriIdentity(a) !== isUriIdentity(b)) return false;
  return authorizationsIn(policies).every(({ authentication }) => {
    if (authentication.type !== 'tls-authenticated') return true;
    const { identities, suffixes } = authentication;
    return (
      identities.every((identity) => (identity === a) === (identity === b)) &&
      suffixes.every((suffix) => suffixMatches(suffix, a) === suffixMatches(suffix, b))
    );
  });
}

/** Whether neither policy can tell the two addresses apart. */
export function areNear(a: string | null, b: string | null, policies: readonly InboundServer[]): boolean {
  const [left, right] = [a, b].map((text) => (text === null ? null : parseAddress(text)));
  if (left == null || right == null) return a === b;
  const networks = authorizationsIn(policies).flatMap((one) => one.networks.flatMap(({ net, except }) => [net, ...except]));
  return left.family === right.family && networks.every((net) => contains(net, left) === contains(net, right));
}

function authorizationsIn(policies: readonly InboundServer[]): readonly ClientAuthorization[] {
  return policies.flatMap(({ authorizations, routes }) => [...authorizations, ...(routes ?? []).flatMap((route) => route.authorizations)]);
}
