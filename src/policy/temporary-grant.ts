/** Grants that were meant for a while. Linkerd knows nothing of it: what has expired stays in force until somebody removes it. */
import type { Instant, Resource } from './resource.ts';
import { parseInstant } from './time.ts';

/** Annotation of a policy object: the time (RFC 3339) from which on it should be gone. */
export const EXPIRES_ANNOTATION = 'denywhy.dev/expires';

/** null: it is not meant for a while. NaN: what stands there is no time. */
export function expiryOf({ metadata: { annotations = {} } }: Resource): Instant | null {
  const text = Object.hasOwn(annotations, EXPIRES_ANNOTATION) ? annotations[EXPIRES_ANNOTATION] : undefined;
  return text === undefined ? null : (parseInstant(text) ?? Number.NaN);
}
