/** Whose evidence it is, as far as the command line, names of files and the cluster tell. */
import { InvalidInput } from '../errors.ts';
import type { Reporter, WorkloadRef } from '../evidence/facts.ts';
import { showWorkload } from '../evidence/missing.ts';
import { workloadsIn } from '../evidence/places.ts';
import type { Question } from '../explain.ts';
import type { OpenCluster } from './cluster-view.ts';
import { showPlace } from './explain-names.ts';

export interface Subject {
  readonly question: Omit<Question, 'at'>;
  /** Of lines and pages that do not say it themselves. */
  readonly reporter: Reporter;
}

/** Finds the namespace where only one has the workload. Errors: InvalidInput where the cluster has no such workload, or several. */
export function subjectOf(asked: Omit<Question, 'at'>, cluster: OpenCluster | null): Subject {
  const { workload } = asked;
  const namespace = asked.namespace ?? (workload === null || cluster === null ? null : onlyNamespace(workload, cluster));
  if (workload !== null && workload.kind !== 'Pod' && cluster !== null) refuseUnknown(workload, namespace, cluster);
  if (workload?.kind === 'Pod' && cluster !== null) refuseWorkloadAsPod(workload.name, namespace, cluster);
  const isPod = workload?.kind === 'Pod';
  return {
    question: { ...asked, namespace },
    reporter: {
      cluster: '',
      namespace,
      pod: isPod ? workload.name : null,
      workload: workload === null || isPod || namespace === null ? null : { ...workload, namespace },
    },
  };
}

type Asked = NonNullable<Question['workload']>;

function onlyNamespace(workload: Asked, { view, pods }: OpenCluster): string | null {
  const found =
    workload.kind === 'Pod'
      ? [...(pods.get(workload.name) ?? [])]
      : [...new Set(workloadsEver(view).flatMap((w) => (w.kind === workload.kind && w.name === workload.name ? [w.namespace] : [])))];
  if (found.length < 2) return found[0] ?? null;
  const places = found.map((namespace) => showPlace({ ...workload, namespace }));
  throw new InvalidInput(
    `several namespaces have a ${showWorkload({ ...workload, namespace: '' })}.`,
    `Say which one: ${places.slice(0, 6).join(', ')}`,
  );
}

/** At the first and the last moment of a history; one that came and went between is found by its pods. */
function workloadsEver(view: OpenCluster['view']): readonly WorkloadRef[] {
  const start = view.moments[0];
  return start === undefined ? workloadsIn(view.at(null)) : [...workloadsIn(view.at(null)), ...workloadsIn(view.at(start))];
}

function refuseUnknown(workload: Asked, namespace: string | null, { view }: OpenCluster): void {
  const all = workloadsEver(view);
  if (all.some((w) => w.kind === workload.kind && w.name === workload.name && (namespace === null || w.namespace === namespace))) return;
  const near = all.filter((w) => namespace === null || w.namespace === namespace);
  const name = showWorkload({ ...workload, namespace: '' });
  const where = namespace === null ? 'this cluster' : `namespace ${namespace} of this cluster`;
  throw new InvalidInput(`there is no ${name} in ${where}.`, near.length === 0 ? hintOfOthers(all) : `It has: ${some(near)}`);
}

function hintOfOthers(all: readonly WorkloadRef[]): string {
  return all.length === 0
    ? 'It holds no pods and no workloads: dump them too.'
    : `There are pods in: ${[...new Set(all.map((w) => w.namespace))].slice(0, 8).join(', ')}`;
}

function some(workloads: readonly WorkloadRef[]): string {
  const names = [...new Set(workloads.map((w) => showPlace(w)))];
  return names.slice(0, 8).join(', ') + (names.length > 8 ? ', …' : '');
}

/** `backend` is the name of no pod when a Deployment has it. */
function refuseWorkloadAsPod(name: string, namespace: string | null, { view, pods }: OpenCluster): void {
  if (pods.has(name)) return;
  const meant = workloadsEver(view).find((w) => w.name === name && (namespace === null || w.namespace === namespace));
  if (meant !== undefined && meant.kind !== 'Pod')
    throw new InvalidInput(`there is no pod ${name} in this cluster.`, `Did you mean ${showPlace(meant)}?`);
}

/** A file that is named after a pod of the cluster (`POD.log`, `POD.linkerd-proxy.log`, `POD_NAMESPACE_…`) is of that pod. */
export function reporterOfFile(path: string, { question, reporter }: Subject, cluster: OpenCluster | null): Reporter {
  if (path === '-' || cluster === null || reporter.pod !== null) return reporter;
  for (const token of path.split(/[/_]/).toReversed()) {
    for (let name = token; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('.')))) {
      const namespaces = [...(cluster.pods.get(name) ?? [])].filter((ns) => question.namespace === null || ns === question.namespace);
      const [namespace] = namespaces;
      if (namespace !== undefined && namespaces.length === 1) return { cluster: '', namespace, pod: name, workload: null };
    }
  }
  return reporter;
}
