/** What was read of a cluster, ready to be asked for any moment. */

import { stateAt } from '../manifests/history.ts';
import { type ClusterSettings, clusterInfo, type SettingTexts } from '../policy/cluster-settings.ts';
import type { ClusterView } from '../policy/history.ts';
import { createHistory } from '../policy/history.ts';
import type { Change, Instant, Resource } from '../policy/resource.ts';
import { withStatuses } from '../policy/status.ts';
import { standInPods } from '../policy/templates.ts';
import type { ClusterRecord, Notice } from '../ports.ts';

export interface OpenCluster {
  readonly view: ClusterView;
  readonly settings: ClusterSettings;
  readonly notices: readonly Notice[];
  /** Namespaces of each pod that was ever there, by the pod's name. */
  readonly pods: ReadonlyMap<string, ReadonlySet<string>>;
  /** Of the last recorded change; null: the input is no history. */
  readonly end: Instant | null;
}

/** Objects that never were in an API server get the status Linkerd would write; workloads without any pod get a pod to stand for theirs. */
export function openCluster(record: ClusterRecord, flags: SettingTexts): OpenCluster {
  const settings = clusterInfo({ resources: stateAt(record.changes, null), flags });
  const everSeen = record.changes.map((change) => change.resource);
  const start = record.changes.filter((change) => change.at === null && change.type === 'applied');
  const statuses = withStatuses(start.map((change) => change.resource));
  const later = record.changes.filter((change) => change.at !== null || change.type === 'deleted');
  const changes = [...[...statuses, ...standInPods(everSeen, settings.info)].map(applied), ...later];
  const history = createHistory(changes, settings.info);
  return {
    view: history,
    settings,
    notices: [...record.notices, ...settings.notices.map((message) => ({ where: '', message }))],
    pods: podsByName(everSeen),
    end: history.moments.at(-1) ?? null,
  };
}

function applied(resource: Resource): Change {
  return { at: null, type: 'applied', resource };
}

function podsByName(resources: readonly Resource[]): ReadonlyMap<string, ReadonlySet<string>> {
  const pods = new Map<string, Set<string>>();
  for (const { kind, metadata } of resources) {
    if (kind !== 'Pod') continue;
    const known = pods.get(metadata.name);
    if (known === undefined) pods.set(metadata.name, new Set([metadata.namespace]));
    else known.add(metadata.namespace);
  }
  return pods;
}
