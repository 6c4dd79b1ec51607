/** RFC 6902 patches: what `kubectl patch --type json` takes. Custom resources know no strategic merge. */
import { fieldsOf } from './object.ts';

export type PatchOperation =
  | { readonly op: 'test' | 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/**
 * Leads from `before` to `after`. Before each value that goes or is replaced stands a `test` that it is still there, and where a field is added to
 * a spec, one that it holds what it held. Equal values give no operation.
 */
export function jsonPatch(before: unknown, after: unknown, path = ''): readonly PatchOperation[] {
  const [old, now] = [fieldsOf(before), fieldsOf(after)];
  if (old !== null && now !== null) return patchFields(old, now, path);
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length)
    return before.flatMap((item, i) => jsonPatch(item, after[i], `${path}/${i}`));
  if (isEqual(before, after)) return [];
  return [
    { op: 'test', path, value: before },
    { op: 'replace', path, value: after },
  ];
}

function patchFields(old: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>, path: string) {
  const gone = Object.keys(old).filter((key) => !Object.hasOwn(now, key));
  const isAdded = path.startsWith('/spec') && Object.keys(now).some((key) => !Object.hasOwn(old, key));
  return [
    ...(isAdded ? [{ op: 'test', path, value: old } as const] : []),
    ...gone.flatMap((key): readonly PatchOperation[] => [
      { op: 'test', path: `${path}/${pointer(key)}`, value: old[key] },
      { op: 'remove', path: `${path}/${pointer(key)}` },
    ]),
    ...Object.keys(now).flatMap((key): readonly PatchOperation[] => {
      const at = `${path}/${pointer(key)}`;
      return Object.hasOwn(old, key) ? jsonPatch(old[key], now[key], at) : [{ op: 'add', path: at, value: now[key] }];
    }),
  ];
}

/** RFC 6901. */
function pointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The keys and indexes of a pointer. */
export function pathOfPointer(text: string): readonly string[] {
  return text === ''
    ? []
    : text
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Plain data, whatever the order of its keys. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => isEqual(item, b[i]));
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key) && isEqual(left[key], right[key]));
}
