/** Objects as an API server gives them, one by one: what is read of them, and nothing more. */
import { keptOf } from '../policy/kept.ts';
import type { Resource } from '../policy/resource.ts';
import type { Document } from './document.ts';
import { fieldsOf, readObject } from './object.ts';
import { createNoticeBook } from './place.ts';

/** `apiVersion` and `kind` are for items of typed lists, which do not say them. null: nothing here reads it. Errors: InvalidInput (no object). */
export function readStored(raw: unknown, { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }): Resource | null {
  const fields = fieldsOf(raw) ?? {};
  const whole = 'kind' in fields ? fields : { apiVersion, kind, ...fields };
  const resource = readObject(whole, NOWHERE, [], { defaultNamespace: 'default', notices: createNoticeBook(), unread: new Map() });
  return resource === null ? null : keptOf(resource);
}

const NOWHERE: Document = { value: null, place: () => ({}), cheapPlace: () => ({}) };
