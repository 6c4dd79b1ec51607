import { hasServiceAccount } from '../policy/service-accounts.ts';
import { effectOf, nameWorkload, podsIn } from './effect.ts';
import { accountsNamed, isOwn, namespacesWithAccount, renamed } from './identities.ts';
import { namesOf, slipsOf, some } from './objects.ts';
import type { LintRule } from './rule.ts';

export const unknownServiceAccount: LintRule = {
  code: 'unknown-service-account',
  title: 'an identity names a ServiceAccount that does not exist',
  *check({ resources, snapshot, isWhole }) {
    for (const object of resources) {
      for (const account of accountsNamed(object)) {
        const { namespace, name, path } = account;
        if (name === 'default' || !isOwn(account, snapshot.info) || hasServiceAccount(snapshot, namespace, name) !== false) continue;
        // Files of one namespace say nothing of another one.
        if (!isWhole && !snapshot.namespaces.has(namespace)) continue;
        if (namespacesWithAccount(snapshot, name, namespace).length > 0) continue;
        const known = namesOf(snapshot, '', 'ServiceAccount', namespace);
        // People take the name of the workload for that of its ServiceAccount.
        const workload = podsIn(snapshot, namespace).find((pod) => nameWorkload(snapshot, pod).endsWith(`/${name}`));
        const near = workload === undefined ? slipsOf(known, name) : [workload.serviceAccount];
        const [only] = near;
        yield {
          severity: isWhole || near.length > 0 ? 'error' : 'warning',
          object,
          path,
          problem:
            workload === undefined
              ? `There is no ServiceAccount ${name} in namespace ${namespace}${isWhole ? '' : ' among the objects'}.`
              : `${name} is the name of ${nameWorkload(snapshot, workload)}, which runs as ServiceAccount ${workload.serviceAccount}. An identity carries the ServiceAccount's name.`,
          effect: `Nobody has the identity that it asks for. ${effectOf(snapshot, object)}`,
          right:
            only === undefined
              ? `One of those that are there (${some(known, 5) || 'none'}), or create it: kubectl create serviceaccount`
              : `ServiceAccount ${only}`,
          edits: near.length === 1 && only !== undefined && only !== 'default' ? renamed(account, namespace, only, snapshot.info) : [],
        };
      }
    }
  },
};
