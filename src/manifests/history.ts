/** A cluster over time. */
import { type Change, type Instant, objectKey, type Resource, refOf } from '../policy/resource.ts';

/** The objects as they were at `at` (null: at the end): of each its last change until then. Changes are in order of time, those without a time first. */
export function stateAt(changes: readonly Change[], at: Instant | null): Resource[] {
  const state = new Map<string, Resource>();
  for (const change of changes) {
    if (at !== null && change.at !== null && change.at > at) break;
    const key = objectKey(refOf(change.resource));
    if (change.type === 'deleted') state.delete(key);
    else state.set(key, change.resource);
  }
  return [...state.values()];
}
