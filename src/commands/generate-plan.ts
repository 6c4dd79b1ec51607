/** From today to default deny, in steps: what was observed is granted, and nothing else. Each step is put to `simulate` before anyone sees it. */

import { withApplied } from '../access/applied.ts';
import { portsOf, touchedNamespaces } from '../access/ports.ts';
import { showWorkload } from '../evidence/missing.ts';
import type { DefaultPolicy } from '../policy/inbound.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import type { ObjectRef, Resource } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { findResource, namespaceIndex, type ObjectChange, type Snapshot } from '../policy/snapshot.ts';
import { atOnce, type Steps } from '../policy/steps.ts';
import { ANNOTATION, hasEnded, type Workload } from '../policy/workload.ts';
import { createNames, objectsFor, type PortObjects } from './generate-objects.ts';
import { type NotGranted, type OpenPort, seenOn } from './generate-seen.ts';
import type { ObservedTraffic } from './observed-traffic.ts';
import { type SimulatedEntry, simulateBetween } from './simulate-run.ts';
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

export interface Plan {
  readonly namespace: string;
  readonly steps: readonly PlanStep[];
  readonly notGranted: readonly NotGranted[];
  /** Ports that a Server takes already: left alone. */
  readonly guarded: readonly string[];
  readonly notes: readonly string[];
}

/** As `planning` makes it. */
export function planOf(...asked: Parameters<typeof planning>): Plan {
  return atOnce(planning(...asked));
}

/** `only`: pods of one workload; null: of the namespace, which then ends at default deny. A step is a step of the plan. */
export function* planning(snapshot: Snapshot, namespace: string, only: readonly Workload[] | null, recorded: ObservedTraffic): Steps<Plan> {
  // What was refused when it was seen is not to be kept.
  const observed = { ...recorded, traffic: recorded.traffic.filter(({ recorded: { seen } }) => seen === 'allowed') };
  const workloads = workloadsOf(snapshot, namespace, only);
  const { open, guarded } = portsToClose(snapshot, workloads);
  const names = createNames(snapshot, namespace);
  const made = open.map((one) => ({ one, ...objectsFor(snapshot, one, seenOn(snapshot, one, observed), names) }));
  yield;
  const notGranted = made.flatMap((one) => one.notGranted);
  const steps: PlanStep[] = [];
  let current = snapshot;
  function* add(title: string, watch: string, objects: readonly Resource[], more: readonly ObjectChange[] = []): Steps<void> {
    if (objects.length === 0) return;
    const changes = [...objects.map((apply) => ({ apply })), ...more];
    const after = withApplied(current, changes);
    steps.push({ ...{ title, watch, objects }, ...outcomeOf(current, after, changes, observed) });
    current = after;
    yield;
  }
  yield* add(
    'Servers and grants beside the policy of today',
    '',
    made.flatMap(({ server, grants }) => [server, ...grants]),
  );
  const audited = made.filter(({ one }) => one.policy === 'all-unauthenticated');
  yield* add(
    'Audit: everyone still gets in, and who would not is logged',
    WATCH,
    audited.map(({ server }) => withAccess(server, 'audit')),
  );
  for (const { one, server } of made) yield* add(`Deny what is not granted on ${one.name}:${one.port}`, '', [withAccess(server, 'deny')]);
  const ending = only === null ? defaultDeny(current, namespace) : { objects: [], pods: [], notes: [] };
  yield* add(
    'Default deny for every other port',
    'It acts on pods that are made anew: kubectl rollout restart.',
    ending.objects,
    ending.pods,
  );
  const notes = [
    ...routeNotes(made),
    ...ending.notes,
    ...(only === null ? [] : ['The default policy is the namespace’s: generate without a workload ends at default deny.']),
  ];
  return { namespace, steps, notGranted, guarded, notes };
}

/** Of traffic to the namespaces that the change touches, those included that refer to it: what goes elsewhere stays as it is. */
function outcomeOf(
  before: Snapshot,
  after: Snapshot,
  changes: readonly ObjectChange[],
  observed: ObservedTraffic,
): Pick<PlanStep, 'denied' | 'allowed' | 'unchanged' | 'undecided'> {
  const planned = { changes, refused: [], notices: [] };
  const within = touchedNamespaces(before, after);
  const { entries, counts } = simulateBetween(before, after, planned, { observed, possible: true, within });
  const of = (outcome: SimulatedEntry['outcome']) => entries.filter((entry) => entry.outcome === outcome);
  return {
    denied: of('newly-denied').filter(({ kind }) => kind !== 'possible'),
    allowed: of('newly-allowed'),
    unchanged: counts.unchanged,
    undecided: of('undecided').filter(({ kind }) => kind !== 'possible'),
  };
}

type Made = PortObjects & { readonly one: OpenPort };

/** Where a grant takes more than what was seen. */
function routeNotes(made: readonly Made[]): readonly string[] {
  const prefixes = made.flatMap(({ one, prefixes: own }) =>
    own.map(
      ({ method, value, paths }) =>
        `${method} ${value} and what lies below stands for ${paths} ${paths === 1 ? 'path' : 'paths'} that ${paths === 1 ? 'was' : 'were'} seen on ${one.name}:${one.port}.`,
    ),
  );
  const wholePort = (isOne: (of: Made) => boolean, why: string) => {
    const ports = made.filter(isOne).map(({ one }) => `${one.name}:${one.port}`);
    return ports.length === 0 ? [] : [`Grants are for the whole port, not for routes, on ${ports.join(', ')}: ${why}`];
  };
  return [
    ...prefixes,
    ...wholePort(
      ({ hasUntold }) => hasUntold,
      'some methods and paths were not seen. An access log that goes as far back as the counters tells them.',
    ),
    ...wholePort(
      ({ routes }) => routes === 'too-many',
      'too many paths were seen, or some that a route cannot tell from those of the probes.',
    ),
    ...wholePort(
      ({ routes }) => routes === 'no-node',
      'a first route would end the probes’, and no address of a node is known for one of their own.',
    ),
  ];
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

function withAccess(server: Resource, accessPolicy: DefaultPolicy): Resource {
  return { ...server, spec: { ...(isObject(server.spec) ? server.spec : {}), accessPolicy } };
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
