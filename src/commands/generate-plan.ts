/** From today to default deny, in steps: what was observed is granted, and nothing else. Each step is put to `simulate` before anyone sees it. */

import { withApplied } from '../access/applied.ts';
import { PROXY_ADMIN_PORT, portsOf } from '../access/ports.ts';
import { standingTraffic } from '../access/standing.ts';
import { showWorkload } from '../evidence/missing.ts';
import { parseIdentity, serviceAccountIdentity } from '../policy/identity.ts';
import type { DefaultPolicy } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import type { ObjectRef, Resource } from '../policy/resource.ts';
import { isObject, type Labels } from '../policy/selector.ts';
import { findResource, namespaceIndex, type ObjectChange, type Snapshot } from '../policy/snapshot.ts';
import { ANNOTATION, hasEnded, type Workload } from '../policy/workload.ts';
import type { CountedTraffic, ObservedTraffic } from './observed-traffic.ts';
import { type SimulatedEntry, simulate } from './simulate-run.ts';
import { ownerOf } from './workload-port.ts';

export interface PlanStep {
  readonly title: string;
  /** What to look at before the next step; empty: nothing. */
  readonly watch: string;
  readonly objects: readonly Resource[];
  /** Of traffic that was seen or is always there. Every one of `denied` is listed in the plan. */
  readonly denied: readonly SimulatedEntry[];
  /** Everybody who newly gets in, over all that is possible. */
  readonly allowed: readonly SimulatedEntry[];
  readonly unchanged: number;
  readonly undecided: readonly SimulatedEntry[];
}

/** Traffic that got in and is not granted: a person decides. */
export interface NotGranted {
  readonly client: string;
  readonly server: string;
  readonly port: number;
  readonly count: number;
  readonly why:
    | 'seen once'
    | 'shows no identity'
    | 'shows no identity, as the kubelet’s probes do'
    | 'identity of another trust domain'
    | 'ServiceAccount default is shared';
}

export interface Plan {
  readonly namespace: string;
  readonly steps: readonly PlanStep[];
  readonly notGranted: readonly NotGranted[];
  /** Ports that a Server takes already: left alone. */
  readonly guarded: readonly string[];
  readonly notes: readonly string[];
}

/** Ports of a workload that no Server takes and that let somebody in today. */
interface OpenPort {
  readonly name: string;
  readonly pods: readonly Workload[];
  readonly port: number;
  readonly policy: DefaultPolicy;
}

const API = 'policy.linkerd.io';

/** `only`: pods of one workload; null: of the namespace, which then ends at default deny. */
export function planOf(snapshot: Snapshot, namespace: string, only: readonly Workload[] | null, recorded: ObservedTraffic): Plan {
  // What was refused when it was seen is not to be kept.
  const observed = { ...recorded, traffic: recorded.traffic.filter(({ recorded: { seen } }) => seen === 'allowed') };
  const workloads = workloadsOf(snapshot, namespace, only);
  const { open, guarded } = portsToClose(snapshot, workloads);
  const names = createNames(snapshot, namespace);
  const notGranted: NotGranted[] = [];
  const made = open.map((one) => ({ one, ...objectsFor(snapshot, namespace, one, observed, names, notGranted) }));
  const steps: PlanStep[] = [];
  let current = snapshot;
  const add = (title: string, watch: string, objects: readonly Resource[], more: readonly ObjectChange[] = []) => {
    if (objects.length === 0) return;
    const changes = [...objects.map((apply) => ({ apply })), ...more];
    const { entries, counts } = simulate(current, { changes, refused: [], notices: [] }, { observed, possible: true });
    const of = (outcome: SimulatedEntry['outcome']) => entries.filter((entry) => entry.outcome === outcome);
    steps.push({
      ...{ title, watch, objects },
      denied: of('newly-denied').filter(({ kind }) => kind !== 'possible'),
      allowed: of('newly-allowed'),
      unchanged: counts.unchanged,
      undecided: of('undecided').filter(({ kind }) => kind !== 'possible'),
    });
    current = withApplied(current, changes);
  };
  add(
    'Servers and grants beside the policy of today',
    '',
    made.flatMap(({ server, grants }) => [server, ...grants]),
  );
  const audited = made.filter(({ one }) => one.policy === 'all-unauthenticated');
  add(
    'Audit: everyone still gets in, and who would not is logged',
    WATCH,
    audited.map(({ server }) => withAccess(server, 'audit')),
  );
  for (const { one, server } of made) add(`Deny what is not granted on ${one.name}:${one.port}`, '', [withAccess(server, 'deny')]);
  const ending = only === null ? defaultDeny(current, namespace) : { objects: [], pods: [], notes: [] };
  add('Default deny for every other port', 'It acts on pods that are made anew: kubectl rollout restart.', ending.objects, ending.pods);
  const notes = [
    ...ending.notes,
    ...(only === null ? [] : ['The default policy is the namespace’s: generate without a workload ends at default deny.']),
  ];
  return { namespace, steps, notGranted, guarded, notes };
}

const WATCH = 'Wait until the traffic of a whole week was seen; denywhy explain names whom the next step would refuse (audit-allowed).';

function workloadsOf(snapshot: Snapshot, namespace: string, only: readonly Workload[] | null): ReadonlyMap<string, readonly Workload[]> {
  const all = only ?? [...namespaceIndex(snapshot, namespace).workloads.values()].flatMap(({ value }) => (value === null ? [] : [value]));
  const pods = all.filter((pod) => pod.kind === 'Pod' && pod.meshed && !hasEnded(pod.resource.status));
  return new Map([...Map.groupBy(pods, (pod) => showWorkload(ownerOf(snapshot, pod)))].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function portsToClose(snapshot: Snapshot, workloads: ReadonlyMap<string, readonly Workload[]>) {
  const open: OpenPort[] = [];
  const guarded: string[] = [];
  for (const [name, pods] of workloads) {
    const [pod] = pods as readonly [Workload, ...Workload[]];
    for (const port of portsOf(snapshot, pod)) {
      const { server, defaultPolicy } = inboundServer(snapshot, pod, port);
      if (server !== null) guarded.push(`${name}:${port} by Server ${server.name}`);
      else if (defaultPolicy.policy !== 'deny') open.push({ name, pods, port, policy: defaultPolicy.policy });
    }
  }
  return { open, guarded };
}

interface Names {
  free(kind: string, wanted: string): string;
}

function createNames(snapshot: Snapshot, namespace: string): Names {
  const taken = new Set<string>();
  return {
    free(kind, wanted) {
      for (let i = 1; ; i++) {
        const name = i === 1 ? wanted : `${wanted}-${i}`;
        const isTaken = taken.has(`${kind}/${name}`) || findResource(snapshot, { group: API, kind, namespace, name }) !== null;
        if (isTaken) continue;
        taken.add(`${kind}/${name}`);
        return name;
      }
    },
  };
}

function objectsFor(
  snapshot: Snapshot,
  namespace: string,
  { name: workload, pods, port, policy }: OpenPort,
  observed: ObservedTraffic,
  names: Names,
  notGranted: NotGranted[],
) {
  const [pod] = pods as readonly [Workload, ...Workload[]];
  const base = `${workload.slice(workload.indexOf('/') + 1)}-${portName(pod, port)}`.slice(0, 200);
  const own = inboundServer(snapshot, pod, port);
  const server = made('Server', 'v1beta3', namespace, names.free('Server', base), {
    podSelector: { matchLabels: selectorOf(snapshot, pod) },
    port,
    proxyProtocol: own.protocol === 'opaque' ? 'opaque' : 'unknown',
    accessPolicy: policy,
  });
  const identities = granted(snapshot, pods, port, workload, observed, notGranted);
  if (identities.length === 0) return { server, grants: [] };
  const clients = names.free('MeshTLSAuthentication', `${base}-clients`);
  const authentication = made('MeshTLSAuthentication', 'v1alpha1', namespace, clients, { identities });
  const authorization = made('AuthorizationPolicy', 'v1alpha1', namespace, names.free('AuthorizationPolicy', `${base}-clients`), {
    targetRef: { group: API, kind: 'Server', name: server.metadata.name },
    requiredAuthenticationRefs: [{ group: API, kind: 'MeshTLSAuthentication', name: clients }],
  });
  return { server, grants: [authentication, authorization] };
}

function portName(pod: Workload, port: number): string {
  return [...pod.portNames].find(([, ports]) => ports.includes(port))?.[0] ?? String(port);
}

function made(kind: string, version: string, namespace: string, name: string, spec: Readonly<Record<string, unknown>>): Resource {
  return { apiVersion: `${API}/${version}`, kind, metadata: { name, namespace }, spec };
}

function withAccess(server: Resource, accessPolicy: DefaultPolicy): Resource {
  return { ...server, spec: { ...(isObject(server.spec) ? server.spec : {}), accessPolicy } };
}

/** As the workload itself finds its pods; of a pod of nobody all its labels. */
function selectorOf(snapshot: Snapshot, pod: Workload): Labels {
  const owner = findResource(snapshot, ownerOf(snapshot, pod));
  const selector = owner !== null && isObject(owner.spec) && isObject(owner.spec['selector']) ? owner.spec['selector'] : {};
  const labels = isObject(selector['matchLabels']) ? Object.entries(selector['matchLabels']) : [];
  const texts = labels.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (texts.length > 0) return Object.fromEntries(texts);
  const added = /^(?:pod-template-hash|controller-revision-hash|pod-template-generation)$|linkerd\.io\//;
  return Object.fromEntries(Object.entries(pod.labels).filter(([key]) => !added.test(key)));
}

/** Identities that were seen to be let in more than once, and that of each Prometheus. Others go on the list. */
function granted(
  snapshot: Snapshot,
  pods: readonly Workload[],
  port: number,
  server: string,
  observed: ObservedTraffic,
  notGranted: NotGranted[],
): readonly string[] {
  const own = new Set(pods.map(({ ref }) => `${ref.namespace}/${ref.name}`));
  const counts = new Map<string, number>();
  for (const { recorded, count } of observed.traffic) {
    if (recorded.port !== port || recorded.seen !== 'allowed' || !own.has(`${recorded.server.ref.namespace}/${recorded.server.ref.name}`))
      continue;
    const who = clientOf(recorded);
    counts.set(who, (counts.get(who) ?? 0) + count);
  }
  const identities: string[] = [];
  for (const [client, count] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const why = whyNot(snapshot, client, count);
    if (why === null) identities.push(client);
    else if (!isProbe(snapshot, client, pods, port)) {
      const isProbed = why === 'shows no identity' && pods.some(({ probes }) => probes.has(port));
      notGranted.push({ client, server, port, count, why: isProbed ? 'shows no identity, as the kubelet’s probes do' : why });
    }
  }
  const scrapes =
    port === PROXY_ADMIN_PORT
      ? standingTraffic(snapshot).filter(({ kind, server: one }) => kind === 'scrape' && own.has(`${one.ref.namespace}/${one.ref.name}`))
      : [];
  for (const { caller } of scrapes)
    if (caller.tls.state === 'established' && caller.tls.clientId !== null) identities.push(caller.tls.clientId);
  return [...new Set(identities)];
}

function clientOf({ tls, ip }: CountedTraffic['recorded']): string {
  return tls?.state === 'established' && tls.clientId !== null ? tls.clientId : (ip ?? 'address not observed');
}

function whyNot(snapshot: Snapshot, client: string, count: number): NotGranted['why'] | null {
  const parsed = parseIdentity(client);
  if (parsed === null && !client.includes('://')) return 'shows no identity';
  if (parsed === null || serviceAccountIdentity(snapshot.info, parsed.namespace, parsed.serviceAccount) !== client)
    return 'identity of another trust domain';
  if (parsed.serviceAccount === 'default') return 'ServiceAccount default is shared';
  return count > 1 ? null : 'seen once';
}

/** The kubelet's probes show no identity and need no grant: Linkerd has a route of its own for them on a Server without routes. */
function isProbe(snapshot: Snapshot, client: string, pods: readonly Workload[], port: number): boolean {
  const isProbed = pods.some(({ probes }) => (probes.get(port) ?? []).length > 0);
  const nodes = pods.flatMap(({ resource }) =>
    isObject(resource.status) && typeof resource.status['hostIP'] === 'string' ? [resource.status['hostIP']] : [],
  );
  return isProbed && nodes.includes(client) && findNothing(snapshot, client);
}

function findNothing(snapshot: Snapshot, ip: string): boolean {
  return ![...snapshot.namespaces.values()].some(({ workloads }) =>
    [...workloads.values()].some(({ value }) => value?.ips.includes(ip) === true),
  );
}

/** The namespace's annotation; for the proof, on every pod that has no other of its template. */
function defaultDeny(snapshot: Snapshot, namespace: string) {
  const key = ANNOTATION.defaultInboundPolicy;
  const known = findResource(snapshot, { group: '', kind: 'Namespace', namespace: '', name: namespace });
  const pods = [...namespaceIndex(snapshot, namespace).workloads.values()].flatMap(({ value }) =>
    value?.kind === 'Pod' && value.meshed && value.settings.defaultPolicy !== 'deny' ? [value] : [],
  );
  if (pods.length === 0) return { objects: [], pods: [], notes: [] };
  const own = pods.filter((pod) => templateAnnotation(snapshot, pod, key));
  const others = pods.filter((pod) => !own.includes(pod));
  const base: Resource = known ?? { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, namespace: '' } };
  const { labels, annotations } = base.metadata;
  const object: Resource = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: namespace,
      namespace: '',
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [key]: 'deny' },
    },
  };
  const changed = others.map(({ resource }): ObjectChange => {
    const { metadata } = resource;
    return { apply: { ...resource, metadata: { ...metadata, annotations: { ...metadata.annotations, [key]: 'deny' } } } };
  });
  const names = [...new Set(own.map((pod) => showWorkload(ownerOf(snapshot, pod))))];
  return {
    objects: others.length === 0 ? [] : [object],
    pods: changed,
    notes: names.map((name) => `The template of ${name} has ${key} of its own, which counts before the namespace’s: set it to deny there.`),
  };
}

function templateAnnotation(snapshot: Snapshot, pod: Workload, key: string): boolean {
  const owner: ObjectRef = ownerOf(snapshot, pod);
  const object = findResource(snapshot, owner);
  const spec = object !== null && isObject(object.spec) ? object.spec : {};
  const template = isObject(spec['template']) && isObject(spec['template']['metadata']) ? spec['template']['metadata'] : {};
  const annotations = isObject(template['annotations']) ? template['annotations'] : {};
  return typeof annotations[key] === 'string';
}
