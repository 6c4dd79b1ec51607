/** Which Prometheus of the operator will take the manifest, told from objects of the cluster. */
import type { RuleMetadata } from '../alerting/manifest.ts';
import { type ClusterObject, type RuleSelection, selectionBy } from '../alerting/selection.ts';
import { isAtLeast, type PrometheusVersion, readVersion } from '../alerting/settings.ts';
import { createManifestsCluster } from '../drivers/cluster-manifests.ts';
import { stateAt } from '../manifests/history.ts';
import type { Resource } from '../policy/resource.ts';
import { readSelector, selects } from '../policy/selector.ts';
import type { Inputs } from '../ports.ts';

export interface Selections {
  readonly notices: readonly string[];
  /** The oldest that takes the manifest and tells its version; null: none tells. */
  readonly version: PrometheusVersion | null;
}

const API = 'monitoring.coreos.com/';

/** Errors: InvalidInput (what is not readable). */
export async function selectionsIn(paths: readonly string[], rule: RuleMetadata, inputs: Inputs): Promise<Selections> {
  if (paths.length === 0) return { notices: [], version: null };
  const record = await createManifestsCluster({ paths, inputs, defaultNamespace: 'default' }).read();
  const found = selectionsOf(stateAt(record.changes, null), rule);
  if (found.length === 0) return { notices: ['No Prometheus object in --cluster: kubectl get prometheus -A -o yaml.'], version: null };
  const isLost = found.every(({ isSelected }) => isSelected === false);
  const verdict = isLost ? ['No Prometheus of the operator will load this manifest.'] : [];
  return { notices: [...found.flatMap(sentences), ...verdict], version: oldest(found) };
}

/** What each Prometheus among the objects does with the PrometheusRule. */
export function selectionsOf(resources: readonly Resource[], rule: RuleMetadata): readonly RuleSelection[] {
  const namespaces = resources.filter(({ kind, apiVersion }) => kind === 'Namespace' && apiVersion === 'v1').map(objectOf);
  return resources
    .filter(({ kind, apiVersion }) => kind === 'Prometheus' && apiVersion.startsWith(API))
    .map((prometheus) => selectionBy(objectOf(prometheus), rule, namespaces, matches));
}

function objectOf({ metadata, spec }: Resource): ClusterObject {
  return { namespace: metadata.namespace, name: metadata.name, labels: metadata.labels ?? {}, spec };
}

function matches(selector: unknown, labels: Readonly<Record<string, string>>): boolean | null {
  const read = readSelector(selector);
  return read === null ? null : selects(read, labels);
}

function sentences({ prometheus, isSelected, reasons, warnings }: RuleSelection): readonly string[] {
  const verdict = isSelected === null ? 'may load this manifest' : isSelected ? 'will load this manifest' : 'will not load this manifest';
  const head = `Prometheus ${prometheus} ${verdict}`;
  return [
    ...(reasons.length === 0 ? [`${head}.`] : reasons.map((reason) => `${head}: ${reason}`)),
    ...(isSelected === false ? [] : warnings.map((warning) => `Prometheus ${prometheus}: ${warning}`)),
  ];
}

function oldest(found: readonly RuleSelection[]): PrometheusVersion | null {
  const versions = found
    .filter(({ isSelected }) => isSelected !== false)
    .map(({ version }) => readVersion(version ?? ''))
    .filter((version) => version !== null);
  return versions.reduce<PrometheusVersion | null>((a, b) => (a !== null && isAtLeast(b, a.major, a.minor) ? a : b), null);
}
