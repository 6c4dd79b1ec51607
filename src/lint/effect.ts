/** What objects do, found by evaluating them: the policy in force with an object, and without it. */
import { withApplied } from '../access/applied.ts';
import { changedPorts, type PortChange, PROXY_ADMIN_PORT } from '../access/ports.ts';
import { type WhoMay, whoMay } from '../access/who-may.ts';
import type { InboundServer } from '../policy/inbound.ts';
import { memo } from '../policy/memo.ts';
import { workloadOf } from '../policy/owner.ts';
import { objectKey, type Resource, refOf } from '../policy/resource.ts';
import { findResource, type NamespaceIndex, namespaceIndex, resourceIn, type Snapshot, withChanges } from '../policy/snapshot.ts';
import { showProtocol } from '../policy/wording.ts';
import type { Workload } from '../policy/workload.ts';
import type { Edit } from './finding.ts';
import { withEdits } from './fix.ts';
import { some } from './objects.ts';

/** Where the policy in force is another one than it would be without the object. */
function changesBy(snapshot: Snapshot, object: Resource): readonly PortChange[] {
  return changedPorts(withChanges(snapshot, [{ delete: refOf(object) }]), snapshot);
}

/** One or two sentences: what is so because of the object. */
export function effectOf(snapshot: Snapshot, object: Resource): string {
  const { namespace } = object.metadata;
  if (!hasPods(snapshot, namespace))
    return `No meshed workload of namespace ${namespace} is among the objects: what it does to them cannot be told.`;
  const changes = changesBy(snapshot, object);
  return changes.length === 0 ? 'It has no effect: without it every port decides the same.' : showChanges(snapshot, changes);
}

/** What is lacking while the object is refused; `right` holds it in its right form. Empty: nothing that these objects tell. */
export function effectOfRefusal(right: Snapshot, object: Resource): string {
  const [first] = changesBy(right, object);
  if (first === undefined || first.before === null || first.after === null) return '';
  const [workload] = first.workloads;
  return `As it stands, ${lowerFirst(namePort(right, first))} lets in ${accessOf(right, workload, first.before)}; with the right form, ${accessOf(right, workload, first.after)}.`;
}

/** `Port 8080 of deploy/a lets in anyone; THEN, nobody.`: what is so of the first port that the edits change. */
export function effectOfEdits(snapshot: Snapshot, object: Resource, edits: readonly Edit[], then: string): string {
  const before = withPodsOf(snapshot, object);
  const after = withApplied(before, [{ apply: withEdits(object, edits) as Resource }]);
  const changes = changedPorts(before, after);
  const first = changes.find(({ port }) => port !== PROXY_ADMIN_PORT) ?? changes[0];
  if (first === undefined) return 'As far as these objects tell, no port would change otherwise.';
  const [workload] = first.workloads;
  const show = (policy: InboundServer | null) => (policy === null ? 'everyone, having no proxy' : accessOf(after, workload, policy));
  const [now, right] = [show(first.before), show(first.after)];
  const where = namePort(after, first);
  if (now !== right) return `${where} lets in ${now}; ${then}, ${right}.`;
  const [was, is] = [first.before, first.after].map((policy) => (policy === null ? 'none' : showProtocol(policy.protocol)));
  return was === is ? `${where} would be another one ${then}.` : `${where} has protocol ${was}; ${then}, ${is}.`;
}

/** Of its namespace's pods, those of the object alone: its edits change no other's. Any pod may be a Namespace's. */
function withPodsOf(snapshot: Snapshot, object: Resource): Snapshot {
  const ref = refOf(object);
  const index = snapshot.namespaces.get(ref.namespace);
  if (index === undefined || ref.kind === 'Namespace') return snapshot;
  const workloads = new Map(podsByOwner(index).get(objectKey(ref)));
  return { ...snapshot, namespaces: new Map(snapshot.namespaces).set(ref.namespace, { ...index, workloads }) };
}

/** By the object whose template they come from, and by themselves. */
const podsByOwner = memo((index: NamespaceIndex): ReadonlyMap<string, readonly [string, Entry][]> => {
  const groups = new Map<string, [string, Entry][]>();
  for (const [key, entry] of index.workloads) {
    if (entry.value === null) continue;
    const { ref, resource } = entry.value;
    const owner = workloadOf(resource, (wanted) => resourceIn(index, wanted) ?? undefined);
    for (const name of new Set([ref, owner].map(objectKey))) {
      const known = groups.get(name);
      if (known === undefined) groups.set(name, [[key, entry]]);
      else known.push([key, entry]);
    }
  }
  return groups;
});
type Entry = NamespaceIndex['workloads'] extends ReadonlyMap<string, infer E> ? E : never;

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function showChanges(snapshot: Snapshot, changes: readonly PortChange[]): string {
  const shown = changes.slice(0, 2).map((change) => {
    const [workload] = change.workloads;
    const now = change.after === null ? 'everyone' : accessOf(snapshot, workload, change.after);
    const before = change.before === null ? 'everyone' : accessOf(snapshot, workload, change.before);
    return now === before
      ? `${namePort(snapshot, change)} lets in ${now}, as without it.`
      : `${namePort(snapshot, change)} lets in ${now}; without it, ${before}.`;
  });
  const more = changes.length - shown.length;
  return [...shown, ...(more > 0 ? [`So ${more === 1 ? 'does 1 more port' : `do ${more} more ports`}.`] : [])].join(' ');
}

/** `Port 8080 of deploy/backend`. */
export function namePort(snapshot: Snapshot, { port, workloads }: Pick<PortChange, 'port' | 'workloads'>): string {
  const names = [...new Set(workloads.map((workload) => nameWorkload(snapshot, workload)))];
  return `Port ${port} of ${some(names, 2)}`;
}

const SHORT: Readonly<Record<string, string>> = {
  Deployment: 'deploy',
  StatefulSet: 'sts',
  DaemonSet: 'ds',
  ReplicaSet: 'rs',
  CronJob: 'cronjob',
  Job: 'job',
  Pod: 'pod',
};

/** `deploy/backend`. */
export function nameWorkload(snapshot: Snapshot, workload: Workload): string {
  const { kind, name } = workloadOf(workload.resource, (ref) => findResource(snapshot, ref) ?? undefined);
  return `${SHORT[kind] ?? kind.toLowerCase()}/${name}`;
}

/** `nobody`, `anyone`, `sa/frontend; on route health: anyone`. */
export function accessOf(snapshot: Snapshot, workload: Workload | undefined, policy: InboundServer): string {
  const namespace = workload?.ref.namespace ?? '';
  const rows = Map.groupBy(whoMay(snapshot, namespace, policy), ({ route }) => route);
  const parts = [...rows].flatMap(([route, who]) => {
    const text = [...new Set(who.map(showWho))].join(', ');
    if (route === '') return [text];
    if (route === 'other') return text === 'nobody' ? ['other paths get 404'] : [];
    return [`${text} on route ${route}`];
  });
  const all = parts.length > 5 ? [...parts.slice(0, 5), `and ${parts.length - 5} more routes`] : parts;
  return all.length === 0 ? 'nobody' : all.join('; ');
}

function showWho({ who, from }: WhoMay): string {
  const names = who.length === 0 ? 'nobody' : some(who, 4);
  return from.length === 0 ? names : `${names} from ${some(from, 3)}`;
}

function hasPods(snapshot: Snapshot, namespace: string): boolean {
  return meshedIn(snapshot, namespace).length > 0;
}

/** Meshed pods (or those that stand for them) of a namespace. */
export function meshedIn(snapshot: Snapshot, namespace: string): readonly Workload[] {
  return meshedOf(namespaceIndex(snapshot, namespace).workloads);
}

export function podsIn(snapshot: Snapshot, namespace: string): readonly Workload[] {
  return podsOf(namespaceIndex(snapshot, namespace).workloads);
}

type Entries = ReturnType<typeof namespaceIndex>['workloads'];
const podsOf = memo((entries: Entries): readonly Workload[] =>
  [...entries.values()].flatMap(({ value }) => (value === null ? [] : [value])),
);
const meshedOf = memo((entries: Entries): readonly Workload[] => podsOf(entries).filter(({ meshed }) => meshed));
