/** The incident's key as labels, made of the labels that the scrape and the proxy give. What `parseWebhook` reads is what is written here. */
import { ADMIN_PORT, ALERT_LABEL, EXPORTED, LABEL, WORKLOAD_LABELS } from '../evidence/conventions.ts';
import type { IncidentKind } from '../evidence/key.ts';
import { copied, type Promql, type Relabeling, relabel, set, sumBy } from './promql.ts';
import type { Settings } from './settings.ts';

type Naming = Pick<Settings, 'scrape' | 'clusterLabel'>;

const SERVER = [LABEL.serverGroup, LABEL.serverKind, LABEL.serverName] as const;
const ROUTE = [LABEL.routeGroup, LABEL.routeKind, LABEL.routeName] as const;

/** How much of the key the series say. */
export type Level = 'namespace_workload' | 'namespace_workload_server' | 'namespace_workload_server_route';

/** The key's labels, in the key's order, without `incident_kind`. */
export function keyLabels({ clusterLabel }: Naming, level: Level): readonly string[] {
  return [
    ...(clusterLabel === null ? [] : [LABEL.cluster]),
    LABEL.namespace,
    ALERT_LABEL.workloadKind,
    ALERT_LABEL.workloadName,
    ...(level === 'namespace_workload' ? [] : SERVER),
    ...(level === 'namespace_workload_server_route' ? ROUTE : []),
  ];
}

/** Sums over everything that is not the key: client, pod, port, address, SNI. */
export function byKey(of: Promql, settings: Naming, level: Level, kind: IncidentKind | null = null): Promql {
  const isOf = kind === null ? [] : [ALERT_LABEL.incidentKind];
  return sumBy([...keyLabels(settings, level), ...isOf], relabel(of, [...nameSteps(settings), ...(kind === null ? [] : kindSteps(kind))]));
}

/** Puts the key's labels beside those of the scrape. */
export function named(of: Promql, settings: Naming): Promql {
  return relabel(of, nameSteps(settings));
}

function nameSteps(settings: Naming): readonly Relabeling[] {
  return [...ownNames(settings), ...WORKLOADS, ...places(settings)];
}

/** The counter's own labels win over those of its target, as they do when a sample is read. */
function ownNames({ scrape }: Naming): readonly Relabeling[] {
  return scrape.exported.map((label) => copied(label, EXPORTED + label));
}

/** Pods can bear several of these labels: the first in the table wins, so it is written last. */
const WORKLOADS: readonly Relabeling[] = Object.entries(WORKLOAD_LABELS)
  .toReversed()
  .flatMap(([label, kind]) => [set(ALERT_LABEL.workloadKind, kind, label, '.+'), copied(ALERT_LABEL.workloadName, label)]);

function places({ scrape, clusterLabel }: Naming): readonly Relabeling[] {
  return [
    ...(scrape.namespace === LABEL.namespace ? [] : [copied(LABEL.namespace, scrape.namespace)]),
    ...(clusterLabel === null || clusterLabel === LABEL.cluster ? [] : [copied(LABEL.cluster, clusterLabel)]),
  ];
}

/** Whatever the admin server refuses is of a kind of its own; `target_port` tells the port where `srv_port` does not (before Linkerd 2.18). */
function kindSteps(kind: IncidentKind): readonly Relabeling[] {
  const kindIs = (value: IncidentKind, port: string, regex: string) => set(ALERT_LABEL.incidentKind, value, port, regex);
  const plain = kindIs(kind, ALERT_LABEL.incidentKind, '.*');
  if (!HAS_ADMIN.has(kind)) return [plain];
  const admin = String(ADMIN_PORT);
  return [
    plain,
    kindIs('admin-denied', LABEL.targetPort, admin),
    kindIs(kind, LABEL.serverPort, '.+'),
    kindIs('admin-denied', LABEL.serverPort, admin),
  ];
}

const HAS_ADMIN: ReadonlySet<IncidentKind> = new Set<IncidentKind>([
  'http-denied',
  'tcp-denied',
  'terminated',
  'route-not-found',
  'rate-limited',
]);
