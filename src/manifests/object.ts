/** One unread value → one Resource: what an object must have, and what is left out of it. */
import { InvalidInput } from '../errors.ts';
import { type FieldManager, groupOf, type Metadata, type OwnerReference, type Resource } from '../policy/resource.ts';
import { type Document, objectPlace, type Path } from './document.ts';
import { isClusterScoped, isOrdinary, isRead, versionFault } from './kinds.ts';
import type { NoticeBook } from './place.ts';

export interface ObjectOptions {
  readonly defaultNamespace: string;
  readonly notices: NoticeBook;
  /** Counts objects of kinds that nothing here reads, by `Kind (apiVersion)`. */
  readonly unread: Map<string, number>;
}

export type Fields = Readonly<Record<string, unknown>>;

/** Its content stands beside `metadata`; here it is `data`. */
const ENDPOINT_SLICE = 'discovery.k8s.io/EndpointSlice';

function endpointsOf({ addressType, endpoints, ports }: Fields): Fields {
  return { addressType, endpoints, ports };
}

const NEEDS = 'Every object needs apiVersion, kind and metadata.name, each of them text.';

/** null: an object without a name that nothing here reads. Errors: InvalidInput with the place of the fault. */
export function readObject(raw: Fields, document: Document, path: Path, options: ObjectOptions): Resource | null {
  const apiVersion = textField(raw, 'apiVersion', 'This object', document, path);
  const kind = textField(raw, 'kind', 'This object', document, path);
  const group = groupOf(apiVersion);
  const groupKind = `${group}/${kind}`;
  const origin = document.cheapPlace(path);
  const own = fieldsOf(raw['metadata']);
  const fault = versionFault(apiVersion, group, kind, typeof own?.['uid'] === 'string');
  if (fault !== null) options.notices.add(`version ${apiVersion} ${kind}`, () => objectPlace(document, path), fault);
  else if (!isRead(groupKind) && !isOrdinary(groupKind)) {
    const label = `${kind} (${apiVersion})`;
    options.unread.set(label, (options.unread.get(label) ?? 0) + 1);
  }
  if (own?.['name'] === undefined && !isRead(groupKind) && fault === null) return null;
  if (own?.['name'] === undefined && typeof own?.['generateName'] === 'string') {
    options.notices.add(
      `generateName ${groupKind}`,
      () => objectPlace(document, path),
      `${kind} has only a generateName: left out, since nobody knows its name.`,
    );
    return null;
  }
  const name = textField(own ?? {}, 'name', `This ${kind}`, document, [...path, 'metadata']);
  const metadata = readMetadata(own ?? {}, name, groupKind, document, path, options);
  const resourceVersion = metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion };
  return {
    apiVersion,
    kind,
    metadata,
    ...('spec' in raw ? { spec: raw['spec'] } : {}),
    ...('status' in raw ? { status: raw['status'] } : {}),
    // Secrets are no business of policy: their data is not kept.
    ...('data' in raw && groupKind !== '/Secret' ? { data: raw['data'] } : {}),
    ...(groupKind === ENDPOINT_SLICE ? { data: endpointsOf(raw) } : {}),
    origin: { ...origin, ...resourceVersion },
  };
}

function readMetadata(own: Fields, name: string, groupKind: string, document: Document, path: Path, options: ObjectOptions): Metadata {
  const labels = readStrings(own, 'labels', name, document, path, options);
  const annotations = readStrings(own, 'annotations', name, document, path, options);
  const owners = readOwners(own['ownerReferences']);
  const managers = readManagers(own['managedFields']);
  return {
    name,
    namespace: readNamespace(own, groupKind, name, document, path, options),
    ...(typeof own['uid'] === 'string' ? { uid: own['uid'] } : {}),
    ...(typeof own['resourceVersion'] === 'string' ? { resourceVersion: own['resourceVersion'] } : {}),
    ...(typeof own['generation'] === 'number' ? { generation: own['generation'] } : {}),
    ...(typeof own['creationTimestamp'] === 'string' ? { creationTimestamp: own['creationTimestamp'] } : {}),
    ...(labels === null ? {} : { labels }),
    ...(annotations === null ? {} : { annotations }),
    ...(owners === null ? {} : { ownerReferences: owners }),
    ...(managers === null ? {} : { managedFields: managers }),
  };
}

function readNamespace(own: Fields, groupKind: string, name: string, document: Document, path: Path, options: ObjectOptions): string {
  if (isClusterScoped(groupKind)) return '';
  const namespace = own['namespace'];
  if (namespace !== undefined && namespace !== null && namespace !== '') {
    return textField(own, 'namespace', `"${name}"`, document, [...path, 'metadata']);
  }
  if (!isRead(groupKind)) return '';
  const message = `"${name}" names no namespace: taken to be in ${options.defaultNamespace}.`;
  options.notices.add('namespace', () => objectPlace(document, path), message);
  return options.defaultNamespace;
}

/** null: the field is absent. What is not text is left out. */
function readStrings(own: Fields, field: 'labels' | 'annotations', name: string, document: Document, path: Path, options: ObjectOptions) {
  const value = own[field];
  if (value === undefined || value === null) return null;
  const map = fieldsOf(value);
  const entries = map === null ? [] : Object.entries(map);
  const kept = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (map === null || kept.length < entries.length) {
    const wrong = entries.find((entry) => typeof entry[1] !== 'string');
    const place = () => document.place(wrong === undefined ? [...path, 'metadata', field] : [...path, 'metadata', field, wrong[0]]);
    const what =
      wrong === undefined
        ? `The ${field} of "${name}" are ${describe(value)}`
        : `${field} "${wrong[0]}" of "${name}" is ${describe(wrong[1])}`;
    options.notices.add(field, place, `${what}, not text: left out. The API server refuses it; put it in quotes.`);
  }
  // fromEntries defines even `__proto__` as a field of its own.
  return Object.fromEntries(kept);
}

function readOwners(value: unknown): OwnerReference[] | null {
  if (!Array.isArray(value)) return null;
  return value.flatMap((raw: unknown) => {
    const owner = fieldsOf(raw);
    const { apiVersion, kind, name, uid, controller } = (owner ?? {}) as Record<string, unknown>;
    if (typeof apiVersion !== 'string' || typeof kind !== 'string' || typeof name !== 'string') return [];
    return [
      { apiVersion, kind, name, ...(typeof uid === 'string' ? { uid } : {}), ...(typeof controller === 'boolean' ? { controller } : {}) },
    ];
  });
}

/** null: the field is absent. Which fields an entry is about is most of its bytes, and left out. */
function readManagers(value: unknown): FieldManager[] | null {
  if (!Array.isArray(value)) return null;
  return value.flatMap((raw: unknown) => {
    const { manager, operation, time, subresource } = fieldsOf(raw) ?? {};
    if (typeof manager !== 'string' || typeof operation !== 'string') return [];
    const more = { ...(typeof time === 'string' ? { time } : {}), ...(typeof subresource === 'string' ? { subresource } : {}) };
    return [{ manager, operation, ...more }];
  });
}

/** `what`: the subject of the sentence. */
function textField(object: Fields, field: string, what: string, document: Document, path: Path): string {
  const value = fieldsOf(object)?.[field];
  if (typeof value === 'string' && value !== '') return value;
  const label = path.at(-1) === 'metadata' ? `metadata.${field}` : field;
  const place = document.place([...path, field]);
  if (value === undefined || value === null || value === '') throw new InvalidInput(`${what} has no ${label}.`, NEEDS, place);
  const quotes = typeof value === 'number' || typeof value === 'boolean' ? ' Put it in quotes.' : '';
  throw new InvalidInput(`${what} has as its ${label} ${describe(value)}, not text.`, `${NEEDS}${quotes}`, place);
}

/** A value by its type, for sentences: `the number 8080`, `a list`. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return typeof value === 'string' ? 'text' : `the ${typeof value} ${String(value)}`;
}

/** The fields of a mapping that are its own; null when `value` is none. */
export function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}
