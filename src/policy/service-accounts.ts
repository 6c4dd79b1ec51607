/** Whether a ServiceAccount exists, as far as a dump tells. */
import { memo } from './memo.ts';
import { resourcesOfKind, type Snapshot } from './snapshot.ts';

/** null: the dump holds no ServiceAccounts of that namespace, so nobody knows. */
export function hasServiceAccount(snapshot: Snapshot, namespace: string, name: string): boolean | null {
  if (snapshot.namespaces.has(namespace) && resourcesOfKind(snapshot, '', 'ServiceAccount', namespace).size > 0)
    return resourcesOfKind(snapshot, '', 'ServiceAccount', namespace).has(name);
  const namespaces = resourcesOfKind(snapshot, '', 'Namespace', '');
  return namespaces.size > 0 && !namespaces.has(namespace) && hasAnyServiceAccount(snapshot) ? false : null;
}

const hasAnyServiceAccount = memo((snapshot: Snapshot): boolean =>
  [...snapshot.namespaces.keys()].some((namespace) => resourcesOfKind(snapshot, '', 'ServiceAccount', namespace).size > 0),
);
