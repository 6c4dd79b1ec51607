/** Whether denywhy may read what it needs, and whether the service's store holds. */

import type { Unread } from './check-alerting.ts';
import { type CheckLine, count, line, some } from './check-line.ts';

export interface Right {
  /** As RBAC writes it: `pods/log`, `servers.policy.linkerd.io`. */
  readonly resource: string;
  readonly verb: string;
  readonly isAllowed: boolean;
  /** What is lost without it; empty: it decides who is denied. */
  readonly use: string;
}

/** null: no API server was asked. `scope`: `in every namespace`, or which one. */
export function checkRights(rights: readonly Right[] | Unread | null, scope: string): readonly CheckLine[] {
  if (rights === null)
    return [line('rights', 'rights', 'unknown', 'rights: no API server was asked', 'denywhy check without --cluster asks it.')];
  if ('why' in rights) return [line('rights', 'rights', 'unknown', `rights: ${rights.why}`, rights.remedy)];
  const needed = rights.filter(({ use }) => use === '');
  const refused = needed.filter(({ isAllowed }) => !isAllowed);
  const first =
    refused.length === 0
      ? line(
          'rights',
          'rights',
          'ok',
          `may read all ${count(new Set(needed.map(({ resource }) => resource)).size, 'kind')} that decide, ${scope}`,
        )
      : line(
          'rights',
          'rights',
          'failed',
          `may not ${some(refused.map(({ verb, resource }) => `${verb} ${resource}`))} ${scope}: what is said here is blind for these`,
          'Grant get, list and watch on them: docs/check.md has the rights.',
        );
  const extra = rights
    .filter(({ use }) => use !== '')
    .map(({ verb, resource, isAllowed, use }) =>
      isAllowed
        ? line('rights', `right-${resource}`, 'ok', `may ${verb} ${resource}: ${use}`)
        : line(
            'rights',
            `right-${resource}`,
            'failed',
            `may not ${verb} ${resource} ${scope}: no ${use}`,
            `kubectl auth can-i ${verb} ${resource}`,
          ),
    );
  return [first, ...extra];
}

/** The store of the service, where its configuration was given. */
export type StoreFact = { readonly name: string; readonly durability: string } | (Unread & { readonly name: string });

export function checkStore(store: StoreFact | null): CheckLine {
  if (store === null)
    return line(
      'service',
      'store',
      'unknown',
      'store: no configuration of the service was given',
      'denywhy check --config denywhy.yaml looks at its store.',
    );
  if ('why' in store) return line('service', 'store', 'failed', `${store.name}: ${store.why}`, store.remedy);
  return line('service', 'store', 'ok', `${store.name}: ${store.durability}`);
}
