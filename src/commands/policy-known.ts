/** What the service knows of the policy, ready to be asked for any moment; and how it grows by a change without being made anew. */
import type { WorkloadRef } from '../evidence/facts.ts';
import type { AddressAt } from '../http/options.ts';
import { stateAt } from '../manifests/history.ts';
import { type ClusterSettings, clusterInfo } from '../policy/cluster-settings.ts';
import { type ClusterView, createHistory, type History } from '../policy/history.ts';
import { isOfPods } from '../policy/kept.ts';
import { workloadOf } from '../policy/owner.ts';
import type { Change, Instant, Resource } from '../policy/resource.ts';
import { findResource, type Snapshot, workloadsByIp } from '../policy/snapshot.ts';
import type { DeltaContext } from '../triage/delta.ts';
import type { RecordedPolicy } from '../triage/policy-record.ts';
import type { PolicyView } from '../triage/work.ts';

export interface PolicySource {
  /** null: no cluster is known. */
  current(): PolicyView | null;
  /** null: no cluster is known. */
  settings(): ClusterSettings | null;
  /** Every recorded step, those of pods included; null: no cluster is known. */
  history(): ClusterView | null;
  /** Resources of the API server that nothing is known of: no right to list them, or no answer yet. */
  unread(): ReadonlyMap<string, null>;
  readonly context: DeltaContext;
  /** null: no cluster is known. */
  addressAt(ip: string, at: Instant): AddressAt | null;
  /** Looks for changes; true when answers may differ by them. A reading that fails leaves the last good one in force. */
  refresh(): Promise<boolean>;
  stop(): Promise<void>;
}

export interface Known {
  readonly policy: PolicyView;
  readonly settings: ClusterSettings;
  readonly history: History;
  /** Namespaces of each pod that was ever there, by its name. Grows with the history. */
  readonly namespaces: Map<string, Set<string>>;
}

/** From the whole history. */
export function knownOf(changes: readonly Change[], settings: ClusterSettings, revision: string): Known {
  const history = createHistory(changes, settings.info);
  const moments = [...new Set(changes.filter(isOfPolicy).flatMap(({ at }) => at ?? []))];
  const namespaces = new Map<string, Set<string>>();
  enterPods(namespaces, changes);
  return { policy: viewOf(history, moments, revision), settings, history, namespaces };
}

/** With what was recorded since, at the cost of what is new in it. */
export function grown(known: Known, recorded: RecordedPolicy): Known {
  const { added, revision } = recorded;
  if (added === null || added.some(({ resource }) => mayTellSettings(resource))) return rebuilt(recorded);
  if (added.length === 0) return known.policy.revision === revision ? known : { ...known, policy: { ...known.policy, revision } };
  const history = known.history.with(added);
  const moments = [...new Set([...known.policy.view.moments.slice(-1), ...added.filter(isOfPolicy).flatMap(({ at }) => at ?? [])])];
  const all = [...known.policy.view.moments.slice(0, -1), ...moments];
  enterPods(known.namespaces, added);
  return { ...known, policy: viewOf(history, all, revision), history };
}

/** From all that is recorded. Takes time in proportion to it. */
export function rebuilt({ changes, revision }: RecordedPolicy): Known {
  const all = changes();
  return knownOf(all, clusterInfo({ resources: stateAt(all, null), flags: {} }), revision);
}

/** Changes of pods are no moments of the policy: whoever asks since when something is so looks at those alone. */
function viewOf(history: History, moments: readonly Instant[], revision: string): PolicyView {
  return { view: { at: (time) => history.at(time), moments, steps: history.steps }, revision };
}

function isOfPolicy({ resource }: Change): boolean {
  return !isOfPods(resource);
}

function mayTellSettings({ kind, metadata }: Resource): boolean {
  return (
    kind === 'ConfigMap' ||
    (kind === 'Deployment' && metadata.name === 'linkerd-destination') ||
    (kind === 'Pod' && metadata.labels?.['linkerd.io/control-plane-component'] === 'destination')
  );
}

/** Names only come in; what nobody remembers goes when all is rebuilt. */
function enterPods(namespaces: Map<string, Set<string>>, changes: readonly Change[]): void {
  for (const { resource } of changes) {
    if (resource.kind !== 'Pod') continue;
    const { name, namespace } = resource.metadata;
    const known = namespaces.get(name);
    if (known === undefined) namespaces.set(name, new Set([namespace]));
    else known.add(namespace);
  }
}

/** Whose an address was, as far as the history goes back. */
export function addressAt({ history }: Known, ip: string, at: Instant): AddressAt {
  const snapshot = history.at(at);
  const owners = workloadsByIp(snapshot, ip).map(({ kind, ref: { namespace, name }, serviceAccount }) => {
    const owner = kind === 'Pod' ? workloadIn(snapshot, namespace, name) : null;
    return { kind, namespace, name, workload: owner === null ? null : { kind: owner.kind, name: owner.name }, serviceAccount };
  });
  return { recordedSince: history.moments[0] ?? null, owners };
}

function workloadIn(snapshot: Snapshot, namespace: string, name: string): WorkloadRef | null {
  const pod = findResource(snapshot, { group: '', kind: 'Pod', namespace, name });
  if (pod === null) return null;
  const { kind, name: owner } = workloadOf(pod, (ref) => findResource(snapshot, ref) ?? undefined);
  return { kind, namespace, name: owner };
}

export function createContext(cluster: string, known: () => Known | null): DeltaContext {
  return {
    cluster,
    workload(namespace, pod, at) {
      const view = known()?.policy.view;
      if (view === undefined) return null;
      return (at === null ? null : workloadIn(view.at(at), namespace, pod)) ?? workloadIn(view.at(null), namespace, pod);
    },
    namespace(pod) {
      const [only, ...more] = known()?.namespaces.get(pod) ?? [];
      return only !== undefined && more.length === 0 ? only : null;
    },
  };
}
