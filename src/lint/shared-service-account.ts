import { workloadsByServiceAccount } from '../policy/snapshot.ts';
import { nameWorkload } from './effect.ts';
import { accountsNamed, isOwn } from './identities.ts';
import { some } from './objects.ts';
import type { LintRule } from './rule.ts';

export const sharedServiceAccount: LintRule = {
  code: 'shared-service-account',
  title: 'a grant to the ServiceAccount default',
  *check({ resources, snapshot }) {
    for (const object of resources) {
      for (const account of accountsNamed(object)) {
        if (object.kind === 'HTTPLocalRateLimitPolicy' || account.name !== 'default' || !isOwn(account, snapshot.info)) continue;
        const pods = workloadsByServiceAccount(snapshot, account.namespace, 'default').filter(({ meshed }) => meshed);
        const names = [...new Set(pods.map((pod) => nameWorkload(snapshot, pod)))];
        yield {
          severity: 'warning',
          object,
          path: account.path,
          problem: `default is what every pod of namespace ${account.namespace} runs as that names no ServiceAccount.`,
          effect: `It lets in all of them, those that come later too.${names.length === 0 ? '' : ` Now: ${some(names, 5)}.`}`,
          right: 'Give the client a ServiceAccount of its own (spec.template.spec.serviceAccountName), and name that.',
          edits: [],
        };
      }
    }
  },
};
