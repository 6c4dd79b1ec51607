/** Reading objects that nobody has checked yet. */
import { isSlip } from '../diagnoses/near-name.ts';
import type { Path } from '../manifests/document.ts';
import { GATEWAY_GROUP, POLICY_GROUP } from '../policy/authorization-policy.ts';
import { kindOf } from '../policy/kinds.ts';
import { memo } from '../policy/memo.ts';
import { groupOf, type ObjectRef, type Resource } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { findResource, namespaceIndex, type Snapshot } from '../policy/snapshot.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** Empty where it is no mapping. */
export function fieldsAt(value: unknown, ...path: Path): Fields {
  const found = valueAt(value, path);
  return isObject(found) ? found : {};
}

export function valueAt(value: unknown, path: Path): unknown {
  let at: unknown = value;
  for (const step of path) {
    if (Array.isArray(at)) at = at[Number(step)];
    else at = isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  }
  return at;
}

/** The mappings of a list, each with its index. */
export function itemsAt(value: unknown, ...path: Path): readonly (readonly [index: number, item: Fields])[] {
  const list = valueAt(value, path);
  return Array.isArray(list) ? list.flatMap((item, i) => (isObject(item) ? [[i, item] as const] : [])) : [];
}

export function textAt(value: unknown, ...path: Path): string | null {
  const found = valueAt(value, path);
  return typeof found === 'string' ? found : null;
}

/** Objects of this kind, of whatever version. */
export function ofKind(resources: readonly Resource[], group: string, kind: string): readonly Resource[] {
  return resources.filter((resource) => resource.kind === kind && groupOf(resource.apiVersion) === group);
}

export function policiesOf(resources: readonly Resource[], kind: string): readonly Resource[] {
  return ofKind(resources, POLICY_GROUP, kind);
}

/** `Server shop/orders`, as findings name objects. */
export function exists(snapshot: Snapshot, group: string, kind: string, namespace: string, name: string): boolean {
  return findResource(snapshot, { group, kind, namespace, name }) !== null;
}

/** Group and kind of a reference, spelled as Kubernetes does; null: nothing of Linkerd's or the core's. */
export function kindOfRef(ref: Fields): { readonly group: string; readonly kind: string } | null {
  const group = (textAt(ref, 'group') ?? '').toLowerCase();
  const kind = (textAt(ref, 'kind') ?? '').toLowerCase();
  const own = group === 'core' ? '' : group;
  const found = REFERABLE.find((known) => known.group === own && known.kind.toLowerCase() === kind);
  return found ?? null;
}

const REFERABLE: readonly { readonly group: string; readonly kind: string }[] = [
  ...['Server', 'HTTPRoute', 'MeshTLSAuthentication', 'NetworkAuthentication'].map((kind) => ({ group: POLICY_GROUP, kind })),
  ...['HTTPRoute', 'GRPCRoute'].map((kind) => ({ group: GATEWAY_GROUP, kind })),
  ...['Namespace', 'ServiceAccount'].map((kind) => ({ group: '', kind })),
];

/** Names of the objects of a kind in a namespace. */
export function namesOf(snapshot: Snapshot, group: string, kind: string, namespace: string): readonly string[] {
  const index = namespaceIndex(snapshot, namespace);
  const known = kindOf(`${group}/${kind}`);
  if (known === null) return keysOfMap(index.others.get(`${group}/${kind}`) ?? NONE);
  return namesByKind(index[known.collection]).get(`${group}/${kind}`) ?? [];
}

const NONE: ReadonlyMap<string, unknown> = new Map();
const keysOfMap = memo((map: ReadonlyMap<string, unknown>): readonly string[] => [...map.keys()]);

const namesByKind = memo((entries: ReadonlyMap<string, unknown>): ReadonlyMap<string, readonly string[]> => {
  const keys = [...entries.keys()].map((key) => {
    const at = key.indexOf('/', key.indexOf('/') + 1);
    return [key.slice(0, at), key.slice(at + 1)] as const;
  });
  return new Map([...Map.groupBy(keys, ([kind]) => kind)].map(([kind, all]) => [kind, all.map(([, name]) => name)]));
});

/** Those of the names that are one slip away. Many names are not compared one by one: two that are near share what is left of them without one character. */
export function slipsOf(names: readonly string[], name: string): readonly string[] {
  if (names.length < 100) return names.filter((other) => isSlip(other, name));
  const index = namesByPart(names);
  const near = new Set(partsOf(name).flatMap((part) => index.get(part) ?? []));
  return [...near].filter((other) => isSlip(other, name));
}

const namesByPart = memo((names: readonly string[]): ReadonlyMap<string, readonly string[]> => {
  const index = new Map<string, string[]>();
  for (const name of names) {
    for (const part of partsOf(name)) {
      const known = index.get(part);
      if (known === undefined) index.set(part, [name]);
      else known.push(name);
    }
  }
  return index;
});

/** Kubernetes has no longer names. */
const MOST_NAME = 253;

function partsOf(name: string): readonly string[] {
  const text = name.toLowerCase();
  if (text.length > MOST_NAME) return [];
  return [...new Set([text, ...Array.from(text, (_, i) => text.slice(0, i) + text.slice(i + 1))])];
}

/** Other namespaces that have an object of this kind and name. */
export function namespacesWith(snapshot: Snapshot, { group, kind, namespace, name }: ObjectRef): readonly string[] {
  return [...snapshot.namespaces.keys()].filter((other) => other !== namespace && exists(snapshot, group, kind, other, name));
}

/** `a, b or c`. */
export function or(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

/** A few of them. */
export function some(names: readonly string[], most = 3): string {
  return names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
}
