/** Rows 25 and 26: the default policy that somebody wrote down is not the one that the pods have. */
import { parseDefaultPolicy } from '../policy/default-policy.ts';
import { groupOf, type ObjectRef, refOf } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { findResource, resourcesOfKind, type Snapshot, workloadsByName } from '../policy/snapshot.ts';
import { ANNOTATION, type Workload } from '../policy/workload.ts';
import { lawOfDenial } from './closest.ts';
import type { Diagnosis, Draft } from './diagnosis.ts';
import { drafted, stated } from './drafting.ts';
import type { RemedyId } from './finding.ts';

const NAME = ANNOTATION.defaultInboundPolicy;

export const defaultPolicyNotInForce: Diagnosis = {
  id: 'default-policy-not-in-force',
  title: 'the default policy that is written down is not in force',
  denied(denied) {
    const law = lawOfDenial(denied);
    if (law === null || law.evaluation.policy.server !== null) return null;
    const stale = staleIn(law.pod, law.snapshot);
    if (stale === null) return null;
    const { words: summary, todo, by } = stale;
    return drafted(denied, { certainty: 'likely', removal: 'helps', summary, todo, remedies: remediesFor(stale) }, [law.pod.ref, by]);
  },
  standing({ snapshot, namespaces }) {
    return [...namespaces].sort().flatMap((namespace) => staleOf(snapshot, namespace));
  },
};

interface Stale {
  readonly words: string;
  readonly todo: string;
  readonly by: ObjectRef;
  readonly isTypo: boolean;
}

/** One finding for all pods of a namespace that are alike. */
function staleOf(snapshot: Snapshot, namespace: string): readonly Draft[] {
  const byWords = new Map<string, { readonly stale: Stale; readonly pods: Workload[] }>();
  for (const pod of workloadsByName(snapshot, namespace)) {
    const stale = pod.meshed ? staleIn(pod, snapshot) : null;
    if (stale === null) continue;
    const known = byWords.get(stale.words);
    if (known === undefined) byWords.set(stale.words, { stale, pods: [pod] });
    else known.pods.push(pod);
  }
  return [...byWords.values()].map(({ stale, pods }) =>
    stated(snapshot, { summary: stale.words, todo: stale.todo, remedies: remediesFor(stale) }, [
      stale.by,
      ...pods.slice(0, 3).map((p) => p.ref),
    ]),
  );
}

function remediesFor({ isTypo }: Stale): readonly RemedyId[] {
  return [isTypo ? 'repair-annotation' : 'restart-pods'];
}

function staleIn(pod: Workload, snapshot: Snapshot): Stale | null {
  const { ignoredDefaultPolicy, defaultPolicy } = pod.settings;
  const own = ownerName(pod);
  if (ignoredDefaultPolicy !== null) {
    const words = `${own} has ${NAME}: ${JSON.stringify(ignoredDefaultPolicy)}, which is no policy: the cluster’s default ${snapshot.info.defaultPolicy} is in force.`;
    return {
      words,
      todo: `Write one of the six policies there (with hyphens), in the pod template, and restart the pods.`,
      by: pod.ref,
      isTypo: true,
    };
  }
  const namespace = resourcesOfKind(snapshot, '', 'Namespace', '').get(pod.ref.namespace);
  const wanted = parseDefaultPolicy(namespace?.metadata.annotations?.[NAME] ?? '');
  if (namespace === undefined || wanted === null || wanted === defaultPolicy || hasOwnAnnotation(pod, snapshot)) return null;
  const has = defaultPolicy ?? `the cluster’s default ${snapshot.info.defaultPolicy}`;
  const words = `Namespace ${pod.ref.namespace} asks for default policy ${wanted}, and ${own} still has ${has}: the annotation is read when a pod is made.`;
  const todo = `Restart the pods: kubectl rollout restart. Before that look who is let in by ${has} today and would not be by ${wanted}.`;
  return { words, todo, by: refOf(namespace), isTypo: false };
}

/** Whether the pod's template has the annotation itself; then the namespace's has no say. */
function hasOwnAnnotation({ resource }: Workload, snapshot: Snapshot): boolean {
  const owner = resource.metadata.ownerReferences?.[0];
  if (owner === undefined) return false;
  const { kind, name, apiVersion } = owner;
  const found = findResource(snapshot, { group: groupOf(apiVersion), kind, namespace: resource.metadata.namespace, name });
  const template = isObject(found?.spec) ? found.spec['template'] : null;
  const metadata = isObject(template) ? template['metadata'] : null;
  const annotations = isObject(metadata) ? metadata['annotations'] : null;
  return isObject(annotations) && Object.hasOwn(annotations, NAME);
}

function ownerName({ resource, ref }: Workload): string {
  const owner = resource.metadata.ownerReferences?.[0];
  return owner === undefined ? `Pod ${ref.namespace}/${ref.name}` : `${owner.kind} ${ref.namespace}/${owner.name}`;
}
