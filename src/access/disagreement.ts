/** Why a proxy enforces another policy than the objects declare. */

import { type PolicyDifference, policyDifferences } from '../policy/diagnostics-difference.ts';
import { diagnosticsPolicy, type Json } from '../policy/diagnostics-policy.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { type ObjectRef, type Resource, refOf } from '../policy/resource.ts';
import { selects } from '../policy/selector.ts';
import { findResource, findWorkload, namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { asRestarted, type PendingChange, pendingChanges } from './rollout.ts';

export type DisagreementCause =
  /** The controller cannot read the newest version, so it keeps the one before. */
  | { readonly type: 'unreadable-edit'; readonly object: ObjectRef; readonly error: string; readonly generation: number | null }
  /** A new pod would get something else than this one has. */
  | { readonly type: 'not-restarted'; readonly pending: readonly PendingChange[] }
  /** Enforced, and not among the objects. */
  | { readonly type: 'gone'; readonly kind: string; readonly name: string }
  /** It is enforced, and its selector does not take the pod as it is declared. */
  | { readonly type: 'labels'; readonly server: ObjectRef; readonly selector: readonly string[]; readonly labels: readonly string[] }
  /** It is declared, and the controller does not use it. */
  | { readonly type: 'not-in-force'; readonly object: ObjectRef }
  /** Default policies: the annotation, or the controller's own argument, was changed since. */
  | { readonly type: 'default-changed'; readonly declared: string; readonly enforced: string };

export interface Disagreement {
  /** Empty: what is declared is enforced, and a restart would change nothing. */
  readonly differences: readonly PolicyDifference[];
  readonly causes: readonly DisagreementCause[];
}

/** `enforced`: what the controller told of this port of this pod. `owner`: of the pod, as `pendingChanges` takes it. */
export function disagreementOf(snapshot: Snapshot, workload: Workload, owner: Resource | null, port: number, enforced: Json): Disagreement {
  const declaredNow = diagnosticsPolicy(inboundServer(snapshot, workload, port));
  const differences = policyDifferences(declaredNow, enforced);
  const pending = pendingChanges(snapshot, workload, owner);
  const next = pending.length === 0 ? differences : policyDifferences(declaredAfterRestart(snapshot, workload, port, pending), enforced);
  const isPending = JSON.stringify(next) !== JSON.stringify(differences);
  const shown = differences.length > 0 ? differences : next;
  const restart: readonly DisagreementCause[] = isPending ? [{ type: 'not-restarted', pending }] : [];
  return { differences: shown, causes: shown.length === 0 ? [] : [...restart, ...causesOf(snapshot, workload, differences)] };
}

function declaredAfterRestart(snapshot: Snapshot, workload: Workload, port: number, pending: readonly PendingChange[]): Json {
  const next = asRestarted(snapshot, workload, pending);
  const { kind, ref } = workload;
  const made = findWorkload(next, kind, ref.namespace, ref.name) ?? workload;
  return diagnosticsPolicy(inboundServer(next, made, port));
}

function causesOf(snapshot: Snapshot, workload: Workload, differences: readonly PolicyDifference[]): readonly DisagreementCause[] {
  if (differences.length === 0) return [];
  const unreadable = unreadableEdits(snapshot, workload.ref.namespace);
  const known = new Set(unreadable.map(({ object }) => object.name));
  const found = differences.flatMap((difference) => causeOf(snapshot, workload, difference, known));
  const distinct = new Map([...unreadable, ...found].map((cause) => [JSON.stringify(cause), cause]));
  return [...distinct.values()];
}

/** Of the workload's namespace, and the authentications of others that its policies refer to. */
function unreadableEdits(snapshot: Snapshot, namespace: string): readonly (DisagreementCause & { type: 'unreadable-edit' })[] {
  const own = namespaceIndex(snapshot, namespace);
  const referred = [...own.authorizationPolicies.values()].flatMap(({ value }) => value?.authentications.map((a) => a.namespace) ?? []);
  return [...new Set([namespace, ...referred])].flatMap((name) => {
    const { others: _, workloads, ...collections } = namespaceIndex(snapshot, name);
    const entries = Object.values(name === namespace ? { ...collections, workloads } : collections).flatMap((c) => [...c.values()]);
    return entries.flatMap(({ resource, error }) =>
      error === null
        ? []
        : [{ type: 'unreadable-edit' as const, object: refOf(resource), error, generation: resource.metadata.generation ?? null }],
    );
  });
}

const KIND_OF_PART = /^(?:.*: )?(Server|AuthorizationPolicy|ServerAuthorization|HTTPRoute|GRPCRoute) ([^ ]+)/;

function causeOf(
  snapshot: Snapshot,
  workload: Workload,
  { what, declared, enforced }: PolicyDifference,
  unreadable: ReadonlySet<string>,
): readonly DisagreementCause[] {
  const isServer = what === 'Server';
  if (isServer && declared?.startsWith('default ') && enforced?.startsWith('default '))
    return [{ type: 'default-changed', declared: declared.slice(8), enforced: enforced.slice(8) }];
  const isEnforced = isServer ? enforced?.startsWith('default ') !== true : enforced !== null;
  const [, kind, name] = KIND_OF_PART.exec((isServer ? (isEnforced ? enforced : declared) : what) ?? '') ?? [];
  if (kind === undefined || name === undefined || unreadable.has(name)) return [];
  const object = objectNamed(snapshot, workload.ref.namespace, kind, name);
  if (isEnforced && object === null) return [{ type: 'gone', kind, name }];
  if (!isEnforced && object !== null) return [{ type: 'not-in-force', object }];
  return isServer && object !== null ? labelsOf(snapshot, workload, object) : [];
}

const GROUPS = ['policy.linkerd.io', 'gateway.networking.k8s.io'];

function objectNamed(snapshot: Snapshot, namespace: string, kind: string, name: string): ObjectRef | null {
  const refs = GROUPS.map((group) => ({ group, kind, namespace, name }));
  return refs.find((ref) => findResource(snapshot, ref) !== null) ?? null;
}

function labelsOf(snapshot: Snapshot, workload: Workload, server: ObjectRef): readonly DisagreementCause[] {
  const value = namespaceIndex(snapshot, server.namespace).servers.get(`${server.group}/${server.kind}/${server.name}`)?.value ?? null;
  if (value === null || selects(value.selector, workload.labels)) return [];
  const selector = value.selector.matchLabels.map(([key, wanted]) => `${key}=${wanted}`);
  const keys = new Set([...value.selector.matchLabels.map(([key]) => key), ...value.selector.matchExpressions.map(({ key }) => key)]);
  const labels = [...keys].map((key) => `${key}=${Object.hasOwn(workload.labels, key) ? workload.labels[key] : '(none)'}`);
  return [{ type: 'labels', server, selector, labels }];
}
