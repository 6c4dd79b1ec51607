/** What stands in a document: objects, lists of them, or events of a watch. */
import { InvalidInput } from '../errors.ts';
import type { Change, Instant, Resource } from '../policy/resource.ts';
import { parseInstant } from '../policy/time.ts';
import { type Document, objectPlace, type Path } from './document.ts';
import { describe, type Fields, fieldsOf, type ObjectOptions, readObject } from './object.ts';

export interface Collected {
  readonly resources: Resource[];
  readonly events: Change[];
  readonly observed: Instant[];
}

/** Sorts a value and what it holds into objects and events. Errors: InvalidInput with the place of the fault. */
export function collect(value: unknown, document: Document, path: Path, into: Collected, options: ObjectOptions): void {
  if (value === null && path.length > 0) return;
  if (Array.isArray(value) && path.length === 0) {
    for (const [i, item] of value.entries()) collect(item, document, [i], into, options);
    return;
  }
  const fields = fieldsOf(value);
  if (fields === null) {
    throw new InvalidInput(
      `This is ${describe(value)}, not a Kubernetes object.`,
      'Take it out, or write the dump again with -o yaml.',
      document.place(path),
    );
  }
  if (isEvent(fields)) collectEvent(fields, document, path, into, options);
  else if (isList(fields)) collectList(fields, document, path, into, options);
  else {
    refuseStatus(fields, document, path);
    const resource = readObject(fields, document, path, options);
    if (resource !== null) into.resources.push(resource);
  }
}

function collectList(list: Fields, document: Document, path: Path, into: Collected, options: ObjectOptions): void {
  const items = Array.isArray(list['items']) ? (list['items'] as unknown[]) : [];
  const rest = fieldsOf(list['metadata'])?.['continue'];
  if (typeof rest === 'string' && rest !== '') {
    options.notices.add(
      'continue',
      () => objectPlace(document, path),
      'This list is one page of a longer one: the objects of the other pages are missing.',
    );
  }
  const kind = String(list['kind']).slice(0, -'List'.length);
  for (const [i, item] of items.entries()) {
    const fields = fieldsOf(item);
    // The API server leaves kind and apiVersion out of the items of a typed list.
    const isBare = kind !== '' && fields !== null && !('kind' in fields) && !('apiVersion' in fields);
    const whole = isBare ? { apiVersion: list['apiVersion'], kind, ...fields } : item;
    collect(whole, document, [...path, 'items', i], into, options);
  }
}

function collectEvent(event: Fields, document: Document, path: Path, into: Collected, options: ObjectOptions): void {
  const object = fieldsOf(event['object']) ?? {};
  const objectPath = [...path, 'object'];
  if (event['type'] === 'BOOKMARK') return;
  if (event['type'] === 'ERROR') {
    const message = typeof object['message'] === 'string' ? object['message'] : 'no reason given';
    options.notices.add(
      'watch error',
      () => objectPlace(document, path),
      `The watch broke off here: ${message}. What happened until the next event is unknown.`,
    );
    return;
  }
  const observed = event['observedAt'];
  const at = typeof observed === 'string' ? parseInstant(observed) : null;
  if (at === null && observed !== undefined) {
    throw new InvalidInput(
      'observedAt is no time.',
      'Write RFC 3339, such as 2026-11-23T09:20:35.762Z.',
      document.place([...path, 'observedAt']),
    );
  }
  if (at !== null) into.observed.push(at);
  const resource = readObject(object, document, objectPath, options);
  if (resource === null) return;
  const type = event['type'] === 'DELETED' ? 'deleted' : 'applied';
  into.events.push({ at: event['initial'] === true ? null : at, type, resource });
}

/** `{type, object}` of a watch, with or without the time at which it was observed. */
export function isEvent(fields: Fields): boolean {
  const type = fields['type'];
  const isType = type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED' || type === 'BOOKMARK' || type === 'ERROR';
  return isType && fieldsOf(fields['object']) !== null && !('kind' in fields);
}

function isList(fields: Fields): boolean {
  const kind = fields['kind'];
  return typeof kind === 'string' && kind.endsWith('List') && ('items' in fields || kind === 'List');
}

/** True when there is at least one thing in it that means to be an object or an event. */
export function holdsObject(value: unknown): boolean {
  if (Array.isArray(value)) return value.some((item) => !Array.isArray(item) && holdsObject(item));
  const fields = fieldsOf(value);
  return fields !== null && (('apiVersion' in fields && 'kind' in fields) || isEvent(fields));
}

/** What an API server answers instead of objects when it refuses. */
function refuseStatus(fields: Fields, document: Document, path: Path): void {
  if (fields['kind'] !== 'Status' || fields['apiVersion'] !== 'v1') return;
  const message = typeof fields['message'] === 'string' ? fields['message'] : 'no reason given';
  throw new InvalidInput(
    `This is a refusal of the API server, not a dump: ${message}.`,
    'Ask for the objects again with the rights to read them.',
    document.place(path),
  );
}
