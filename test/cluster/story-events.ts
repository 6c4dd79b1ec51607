/** The recorded history of a cluster (`docs/demo.md`: `policy-history.jsonl`), and by whom each change was made. */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject, ManagedFields } from './api.ts';

export interface StoryEvent {
  /** RFC 3339. */
  readonly observedAt: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** There before the recording began. */
  readonly isInitial: boolean;
  readonly object: KubeObject;
  /** Of what this event changed, as the object's managed fields tell; null where they were not recorded. */
  readonly writer: ManagedFields | null;
}

interface Line {
  readonly observedAt: string;
  readonly type: StoryEvent['type'];
  readonly initial?: boolean;
  readonly object: KubeObject;
}

/** In their order. */
export function readStory(file: string): readonly StoryEvent[] {
  const before = new Map<string, readonly ManagedFields[]>();
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((text) => {
      const { observedAt, type, initial, object }: Line = JSON.parse(text);
      const { metadata, kind } = object;
      const key = [object.apiVersion, kind, metadata.namespace, metadata.name].join('|');
      const fields = metadata.managedFields ?? [];
      const writer = writerOf(fields, before.get(key) ?? []);
      before.set(key, fields);
      return { observedAt, type, isInitial: initial === true, object, writer };
    });
}

/** The entry that is new or changed. Of several the youngest: an edit also takes fields away from the entry of whoever set them first. */
function writerOf(now: readonly ManagedFields[], before: readonly ManagedFields[]): ManagedFields | null {
  const changed = now.filter((entry) => !before.some((old) => isDeepStrictEqual(old, entry)));
  const youngest = changed.reduce<ManagedFields | null>(
    (best, entry) => (best === null || (entry.time ?? '') >= (best.time ?? '') ? entry : best),
    null,
  );
  return youngest ?? now.at(-1) ?? null;
}
