/** The change that took the permission away is taken back. */
import { type Resource, refOf, showRef } from '../policy/resource.ts';
import { findResource, type ObjectChange } from '../policy/snapshot.ts';
import type { Kind } from './plea.ts';

export const revertChange: Kind = {
  id: 'revert-change',
  candidates({ denied, snapshot, before }) {
    const edits = (denied.changed?.turned?.edits ?? []).filter(({ of, change }) => of === 'policy' && change !== 'replaced');
    if (before === null || edits.length === 0) return [];
    const changes = edits.flatMap(({ object }): readonly ObjectChange[] => {
      const was = findResource(before, object);
      const is = findResource(snapshot, object);
      if (was === null) return is === null ? [] : [{ delete: object }];
      return [{ apply: is === null ? fresh(was) : { ...is, spec: was.spec } }];
    });
    const names = edits.map(({ object }) => showRef(object)).join(', ');
    return changes.length === 0 ? [] : [{ title: `Take the change of ${names} back.`, changes }];
  },
};

function fresh(resource: Resource): Resource {
  const { namespace, name } = refOf(resource);
  const { labels, annotations } = resource.metadata;
  return { ...resource, metadata: { namespace, name, ...(labels && { labels }), ...(annotations && { annotations }) } };
}
