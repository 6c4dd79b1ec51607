/** Selectors take the same pods tomorrow: they depend on labels that every pod of a workload has, from its template. */
import { templateOf } from '../access/rollout.ts';
import { readNetworkPolicy } from '../policy/network-policy.ts';
import { isUnreadable } from '../policy/reading.ts';
import type { Resource } from '../policy/resource.ts';
import { type Selector, selects } from '../policy/selector.ts';
import { namespaceIndex, resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import type { Evidence, Judgement, PostureContext, PostureWorkload, Practice } from './practice.ts';
import { counted, eachOf, evidence, holds, nameOf, quoted } from './wording.ts';

export const labelsConsistent: Practice = {
  id: 'labels-consistent',
  title: 'selectors depend on labels that all pods carry',
  judge(context, namespace) {
    const selecting = selectorsIn(context.snapshot, namespace).filter(({ selector }) => keysOf(selector).length > 0);
    return selecting.length === 0 ? [] : [judgeOne(context, namespace, selecting)];
  },
};

interface Selecting {
  readonly object: Resource;
  readonly selector: Selector;
}

function selectorsIn(snapshot: Snapshot, namespace: string): readonly Selecting[] {
  const servers = [...namespaceIndex(snapshot, namespace).servers.values()].flatMap(({ resource, value }) =>
    value === null || value.selects !== 'Pod' ? [] : [{ object: resource, selector: value.selector }],
  );
  const network = [...resourcesOfKind(snapshot, 'networking.k8s.io', 'NetworkPolicy', namespace).values()].flatMap((object) => {
    const policy = readNetworkPolicy(object);
    return isUnreadable(policy) ? [] : [{ object, selector: policy.podSelector }];
  });
  return [...servers, ...network];
}

function keysOf({ matchLabels, matchExpressions }: Selector): readonly string[] {
  return [...new Set([...matchLabels.map(([key]) => key), ...matchExpressions.map(({ key }) => key)])];
}

/** Kubernetes writes these anew with every rollout. */
const OF_A_ROLLOUT: ReadonlySet<string> = new Set([
  'pod-template-hash',
  'controller-revision-hash',
  'pod-template-generation',
  'statefulset.kubernetes.io/pod-name',
]);

function judgeOne(context: PostureContext, namespace: string, selecting: readonly Selecting[]): Judgement {
  const workloads = context.workloadsIn(namespace);
  const shown = selecting.flatMap((one) => [...rolloutEvidence(one), ...workloads.flatMap((workload) => workloadEvidence(one, workload))]);
  const nobody = selecting.filter(({ selector }) => !workloads.some(({ pods }) => pods.some(({ labels }) => selects(selector, labels))));
  const all = [...shown, ...nobody.map(({ object }) => evidence('it selects no pod', object))];
  const lacking = templatesLacking(context, namespace, selecting, workloads);
  const fine = selecting.map(({ object, selector }) => evidence(`it selects by ${keysOf(selector).join(', ')}`, object));
  if (all.length === 0 && lacking.length > 0)
    return {
      ...{ workload: null, state: 'unknown', evidence: fine, lacking, next: null },
      found: `${eachOf(selecting.length, 'selector')} takes all pods of a workload or none today`,
    };
  if (all.length === 0)
    return holds(null, `${eachOf(selecting.length, 'selector')} takes all pods of a workload or none, by labels of its template`, fine);
  const bad = new Set(all.map(({ source }) => source)).size;
  return {
    ...{ workload: null, evidence: all, lacking },
    state: bad === selecting.length ? 'not' : 'partly',
    found: `${bad} of ${counted(selecting.length, 'selector')} ${bad === 1 ? 'depends on labels that only some pods carry, or selects' : 'depend on labels that only some pods carry, or select'} nothing`,
    next: {
      text: 'Put the label into each template, or select by one that is there.',
      command: `kubectl get pods -n ${quoted(namespace)} --show-labels`,
    },
  };
}

/** Pods of an owner that is not among the objects: what a new pod would carry is not known. */
function templatesLacking(
  { asks }: PostureContext,
  namespace: string,
  selecting: readonly Selecting[],
  workloads: readonly PostureWorkload[],
): readonly string[] {
  const unknown = workloads.filter(
    ({ owner, ref, pods }) =>
      owner === null && ref.kind !== 'Pod' && selecting.some(({ selector }) => pods.some(({ labels }) => selects(selector, labels))),
  );
  if (unknown.length === 0) return [];
  return [`the labels of new pods of ${unknown.slice(0, 4).map(nameOf).join(', ')}: ${asks.objects('deploy,sts,ds', quoted(namespace))}`];
}

function rolloutEvidence({ object, selector }: Selecting): readonly Evidence[] {
  const keys = keysOf(selector).filter((key) => OF_A_ROLLOUT.has(key));
  return keys.map((key) => evidence(`it selects by ${key}, which changes with every rollout`, object));
}

/** Pods of one workload that are taken and not taken; and pods that are taken by a label that a new pod would not have. */
function workloadEvidence({ object, selector }: Selecting, workload: PostureWorkload): readonly Evidence[] {
  const taken = workload.pods.filter(({ kind, labels }) => kind === 'Pod' && selects(selector, labels));
  if (taken.length === 0) return [];
  const name = nameOf(workload);
  if (taken.length < workload.pods.length) return [evidence(`it takes ${taken.length} of ${workload.pods.length} pods of ${name}`, object)];
  const labels = templateOf(workload.owner)?.labels ?? null;
  if (labels === null || selects(selector, { ...rolloutLabels(taken[0]?.labels ?? {}), ...labels })) return [];
  const missing = keysOf(selector).filter((key) => !Object.hasOwn(labels, key));
  return [
    evidence(
      `it takes the pods of ${name} by ${missing.join(', ') || 'labels'}, which the template does not give them: new pods are not taken`,
      object,
    ),
  ];
}

/** What is added to every pod, whatever its template says. */
function rolloutLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => OF_A_ROLLOUT.has(key) || key.startsWith('linkerd.io/')));
}
