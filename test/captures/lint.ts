/** What lint says of the objects of a situation: answers only, nothing of the recorded fix or of `truth.json` goes in. */
import { openCluster } from '../../src/commands/cluster-view.ts';
import { lint, type PlacedFinding } from '../../src/lint/lint.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { objectKey, type Resource, refOf } from '../../src/policy/resource.ts';
import type { Replay } from './replay.ts';
import type { Folder } from './report.ts';

export interface Linted {
  /** The objects of the policy file. */
  readonly policies: readonly Resource[];
  readonly findings: readonly PlacedFinding[];
}

export function lintOf(folder: Folder): Linted {
  const policies = objectsIn(folder, 'policy.yaml');
  const resources = [...objectsIn(folder, 'cluster.json'), ...policies];
  const found = new Map<string, PlacedFinding>();
  for (const state of statesOf(folder, resources)) {
    const changes = state.map((resource) => ({ at: null, type: 'applied' as const, resource }));
    const { view } = openCluster({ changes, files: new Map(), notices: [], isHistory: false }, {});
    for (const finding of lint({ resources: state, snapshot: view.at(null), isWhole: true }, new Map()))
      found.set(`${finding.code} ${objectKey(refOf(finding.object))} ${finding.path.join('.')}`, finding);
  }
  return { policies, findings: [...found.values()] };
}

export function objectsIn(folder: Folder, file: string): readonly Resource[] {
  const text = folder.read(file);
  return text === null || text.trim() === '' ? [] : readManifests(text, file, { mayBeOther: true }).resources;
}

/** The objects, and once more for each annotation that a request's pod was given first. */
function statesOf(folder: Folder, resources: readonly Resource[]): readonly (readonly Resource[])[] {
  const { before = [] } = JSON.parse(folder.read('replay.json') ?? '{}') as Partial<Replay>;
  const edited = before.flatMap(({ target, podAnnotations }) => {
    if (podAnnotations == null || target === null) return [];
    return [
      resources.map((resource) =>
        resource.kind === 'Pod' && resource.metadata.name === target.name ? annotated(resource, podAnnotations) : resource,
      ),
    ];
  });
  return [resources, ...edited];
}

function annotated(pod: Resource, more: Readonly<Record<string, string | null>>): Resource {
  const entries = Object.entries({ ...pod.metadata.annotations, ...more }).filter((entry): entry is [string, string] => entry[1] !== null);
  return { ...pod, metadata: { ...pod.metadata, annotations: Object.fromEntries(entries) } };
}
