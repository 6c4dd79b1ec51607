/** Who was seen to get in on a port that is to be closed: whom the plan grants what, and whom a person must decide about. */
import { PROXY_ADMIN_PORT } from '../access/ports.ts';
import { scrapesOf } from '../access/standing.ts';
import { parseIdentity, serviceAccountIdentity } from '../policy/identity.ts';
import type { DefaultPolicy } from '../policy/inbound.ts';
import { isObject } from '../policy/selector.ts';
import { type Snapshot, workloadsByIp } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { isNameable, type SeenRequest } from './generate-paths.ts';
import type { CountedTraffic, ObservedTraffic } from './observed-traffic.ts';

/** Ports of a workload that no Server takes and that let somebody in today. */
export interface OpenPort {
  /** `deploy/backend`. */
  readonly name: string;
  readonly pods: readonly Workload[];
  readonly port: number;
  readonly policy: DefaultPolicy;
}

/** Traffic that got in and is not granted: a person decides. */
export interface NotGranted {
  readonly client: string;
  readonly server: string;
  readonly port: number;
  /** `GET /admin`; null: everything of this client. */
  readonly request: string | null;
  readonly count: number;
  readonly why:
    | 'seen once'
    | 'shows no identity'
    | 'shows no identity, as the kubelet’s probes do'
    | 'identity of another trust domain'
    | 'ServiceAccount default is shared'
    | 'no route can name the path';
}

export interface Seen {
  /** Identities of which every request was seen with method and path. */
  readonly requests: readonly SeenRequest[];
  /** The others: the whole port. */
  readonly whole: readonly string[];
  /** Of `whole`, HTTP of which method and path were not seen. */
  readonly hasUntold: boolean;
  readonly notGranted: readonly NotGranted[];
}

interface Client {
  count: number;
  /** Raw connections. */
  raw: number;
  /** HTTP of which method and path were not seen. */
  untold: number;
  readonly requests: Map<string, SeenRequest>;
}

/** Identities that were seen to be let in more than once, and that of each Prometheus. Others are listed. */
export function seenOn(snapshot: Snapshot, { name: server, pods, port }: OpenPort, { traffic }: ObservedTraffic): Seen {
  const own = new Set(pods.map(({ ref }) => `${ref.namespace}/${ref.name}`));
  const isHere = ({ ref }: Workload) => own.has(`${ref.namespace}/${ref.name}`);
  const clients = clientsIn(traffic.filter(({ recorded }) => recorded.port === port && isHere(recorded.server)));
  const notGranted: NotGranted[] = [];
  const requests: SeenRequest[] = [];
  const whole: string[] = [];
  let hasUntold = false;
  for (const [client, seen] of [...clients].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const why = whyNot(snapshot, client, seen.count);
    if (why !== null) {
      if (isProbe(snapshot, client, pods, port)) continue;
      const isProbed = client === NO_ADDRESS && pods.some(({ probes }) => probes.has(port));
      const said = isProbed ? 'shows no identity, as the kubelet’s probes do' : why;
      notGranted.push({ client, server, port, request: null, count: seen.count, why: said });
    } else if (seen.raw + seen.untold > 0) {
      whole.push(client);
      // No access log tells of the proxy's own port.
      hasUntold ||= seen.untold > 0 && port !== PROXY_ADMIN_PORT;
    } else {
      for (const request of seen.requests.values()) {
        if (isNameable(request)) requests.push(request);
        else notGranted.push(notGrantedOf(server, port, request, 'no route can name the path'));
      }
    }
  }
  if (port === PROXY_ADMIN_PORT) whole.push(...pods.flatMap((pod) => scrapersOf(snapshot, pod)));
  return { requests, whole: [...new Set(whole)], hasUntold, notGranted };
}

export function notGrantedOf(
  server: string,
  port: number,
  { client, method, path, count }: SeenRequest,
  why: NotGranted['why'],
): NotGranted {
  return { client, server, port, request: `${method} ${path}`, count, why };
}

const NO_ADDRESS = 'address not observed';

function clientsIn(traffic: readonly CountedTraffic[]): ReadonlyMap<string, Client> {
  const clients = new Map<string, Client>();
  for (const { recorded, count } of traffic) {
    const name = clientOf(recorded);
    const client: Client = clients.get(name) ?? { count: 0, raw: 0, untold: 0, requests: new Map() };
    clients.set(name, client);
    client.count += count;
    const { traffic: of } = recorded;
    if (of.type === 'tcp') client.raw += count;
    else if (of.type !== 'http') client.untold += count;
    else {
      const { method } = of.request;
      const path = of.request.path.split('?', 1)[0] ?? '';
      const key = `${method} ${path}`;
      client.requests.set(key, { client: name, method, path, count: count + (client.requests.get(key)?.count ?? 0) });
    }
  }
  return clients;
}

function scrapersOf(snapshot: Snapshot, pod: Workload): readonly string[] {
  return scrapesOf(snapshot, pod).flatMap(({ caller: { tls } }) =>
    tls.state === 'established' && tls.clientId !== null ? [tls.clientId] : [],
  );
}

function clientOf({ tls, ip }: CountedTraffic['recorded']): string {
  return tls?.state === 'established' && tls.clientId !== null ? tls.clientId : (ip ?? NO_ADDRESS);
}

function whyNot(snapshot: Snapshot, client: string, count: number): NotGranted['why'] | null {
  const parsed = parseIdentity(client);
  if (parsed === null && !client.includes('://')) return 'shows no identity';
  if (parsed === null || serviceAccountIdentity(snapshot.info, parsed.namespace, parsed.serviceAccount) !== client)
    return 'identity of another trust domain';
  if (parsed.serviceAccount === 'default') return 'ServiceAccount default is shared';
  return count > 1 ? null : 'seen once';
}

/** The kubelet's probes show no identity; Linkerd has a route of its own for them on a Server without routes, the plan one on others. */
function isProbe(snapshot: Snapshot, client: string, pods: readonly Workload[], port: number): boolean {
  const isProbed = pods.some(({ probes }) => (probes.get(port) ?? []).length > 0);
  const nodes = pods.flatMap(({ resource }) =>
    isObject(resource.status) && typeof resource.status['hostIP'] === 'string' ? [resource.status['hostIP']] : [],
  );
  return isProbed && nodes.includes(client) && workloadsByIp(snapshot, client).length === 0;
}
