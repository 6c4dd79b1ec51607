/** Kubernetes objects as the policy room sees them: plain data, read with care, never trusted to be well-formed. */

/** Milliseconds since the Unix epoch. Pure rooms know no `Date`. */
export type Instant = number;

/** Where an object came from; opaque to the policy room, filled in by `manifests/`. */
export interface Origin {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly resourceVersion?: string;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid?: string;
  readonly controller?: boolean;
}

/**
 * Who wrote to an object: an entry of `managedFields` without the fields themselves.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
export interface FieldManager {
  /** `kubectl-edit`, `argocd-controller`, …; whoever writes chooses it. */
  readonly manager: string;
  /** `Apply` or `Update`. */
  readonly operation: string;
  /** RFC 3339, to the second: when it last changed one of its fields. */
  readonly time?: string;
  /** `status`, …; absent: the object itself. */
  readonly subresource?: string;
}

export interface Metadata {
  readonly name: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339; missing on manifests from disk. */
  readonly creationTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly FieldManager[];
}

/** One Kubernetes object. `spec`, `status` and `data` are unread JSON: each kind's reader checks them. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly data?: unknown;
  readonly origin?: Origin;
}

/** One change of one object, as a watch reports it. */
export interface Change {
  /** When it was observed; null for objects that were there from the start (a plain dump). */
  readonly at: Instant | null;
  readonly type: 'applied' | 'deleted';
  readonly resource: Resource;
}

/** A reference to one object. `group` is empty for core kinds, `namespace` for cluster-scoped ones. */
export interface ObjectRef {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** The API group of an `apiVersion`: `v1` has none. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

export function refOf(resource: Resource): ObjectRef {
  return {
    group: groupOf(resource.apiVersion),
    kind: resource.kind,
    namespace: resource.metadata.namespace,
    name: resource.metadata.name,
  };
}

/** A key that is unique per object: versions of one group share it, as they do in the API server. */
export function objectKey(ref: ObjectRef): string {
  return `${ref.group}/${ref.kind}/${ref.namespace}/${ref.name}`;
}

/** `kind namespace/name`, as people write it. */
export function showRef(ref: ObjectRef): string {
  return ref.namespace === '' ? `${ref.kind} ${ref.name}` : `${ref.kind} ${ref.namespace}/${ref.name}`;
}
