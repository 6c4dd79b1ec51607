/** Namespaces in which least privilege is not the user's to reach by Linkerd's policy: nothing there is meshed, or all of it is of Linkerd's charts. */
import { injectionDecision } from '../policy/injection.ts';
import type { Resource } from '../policy/resource.ts';
import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import type { PostureWorkload, PracticeId } from './practice.ts';

export interface Outside {
  /** `not-meshed`: no pod has a proxy, and none would get one. `linkerd`: the control plane, or an extension. */
  readonly reason: 'not-meshed' | 'linkerd';
  /** Why, in words without a full stop. */
  readonly why: string;
}

/** What is worth knowing of pods whose policy an upgrade writes: the others would ask to edit what the charts hold. */
export const JUDGED_OF_LINKERD: ReadonlySet<PracticeId> = new Set([
  'probes-and-scrapes',
  'denials-observable',
  'audit-ended',
  'changes-staged',
]);

/** `workloads`: of the namespace. null: its practices are the user's. */
export function outsideOf(snapshot: Snapshot, namespace: string, workloads: readonly PostureWorkload[]): Outside | null {
  const object = resourcesOfKind(snapshot, '', 'Namespace', '').get(namespace) ?? null;
  const isMeshed = workloads.some(({ defaults }) => defaults !== null);
  if (!isMeshed) {
    const asks = workloads.some(({ pending }) => pending.some(({ change }) => change.what === 'injection'));
    return asks || workloads.length === 0 ? null : { reason: 'not-meshed', why: whyNotMeshed(object, workloads) };
  }
  if (namespace === snapshot.info.controlPlaneNamespace) return { reason: 'linkerd', why: 'Linkerd’s control plane' };
  const extension = object?.metadata.labels?.['linkerd.io/extension'];
  return extension === undefined ? null : { reason: 'linkerd', why: `Linkerd’s extension ${extension}` };
}

function whyNotMeshed(namespace: Resource | null, workloads: readonly PostureWorkload[]): string {
  if (namespace?.metadata.annotations?.['linkerd.io/inject'] === 'disabled')
    return 'the namespace has the annotation linkerd.io/inject: disabled';
  const reasons = new Set(workloads.flatMap((workload) => whyNoProxy(namespace, workload) ?? []));
  return reasons.size === 1
    ? ([...reasons][0] as string)
    : 'neither the namespace nor its pods have the annotation linkerd.io/inject: enabled';
}

/** Why the injector passes its pods by; null: it would not. */
export function whyNoProxy(namespace: Resource | null, { pods }: Pick<PostureWorkload, 'pods'>): string | null {
  const [pod] = pods;
  const decision = pod === undefined ? null : injectionDecision(pod.resource, namespace);
  return decision === null || decision.inject ? null : decision.why;
}
