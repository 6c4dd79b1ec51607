/** How the readers of single kinds answer: the object as the controller understands it, or why the controller ignores it. */

/** `unreadable`: the controller's own words where it has some, else ours. */
export interface Unreadable {
  readonly unreadable: string;
}

export function isUnreadable(value: object): value is Unreadable {
  return 'unreadable' in value;
}

/** Group and kind compare ignoring case; a missing, an empty and the literal group `core` are the same (`policy-controller/k8s/api/src/policy/target_ref.rs`). */
export function targetsKind(ref: { readonly group: string | null; readonly kind: string }, group: string, kind: string): boolean {
  const own = (ref.group ?? '').toLowerCase();
  return (own === 'core' ? '' : own) === group && ref.kind.toLowerCase() === kind.toLowerCase();
}

/** `Kind` or `Kind.group`, as Linkerd's complaints print it; an explicitly empty group leaves its dot. */
export function canonicalKind(ref: { readonly group: string | null; readonly kind: string }): string {
  return ref.group === null ? ref.kind : `${ref.kind}.${ref.group}`;
}

export function stringOr<T>(value: unknown, otherwise: T): string | T {
  return typeof value === 'string' ? value : otherwise;
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
