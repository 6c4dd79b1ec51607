import { hasServiceAccount } from '../policy/service-accounts.ts';
import { effectOf } from './effect.ts';
import { accountsNamed, isOwn, namespacesWithAccount, renamed } from './identities.ts';
import { or } from './objects.ts';
import type { LintRule } from './rule.ts';

export const identityWrongNamespace: LintRule = {
  code: 'identity-wrong-namespace',
  title: 'an identity names a ServiceAccount of another namespace',
  *check({ resources, snapshot }) {
    for (const object of resources) {
      for (const account of accountsNamed(object)) {
        const { namespace, name, path } = account;
        if (name === 'default' || !isOwn(account, snapshot.info) || hasServiceAccount(snapshot, namespace, name) !== false) continue;
        const others = namespacesWithAccount(snapshot, name, namespace);
        const [only] = others;
        if (only === undefined) continue;
        yield {
          severity: 'error',
          object,
          path,
          problem: `There is no ServiceAccount ${name} in namespace ${namespace}; there is one in ${or(others)}.`,
          effect: `Nobody has the identity that it asks for. ${effectOf(snapshot, object)}`,
          right:
            account.literal === null
              ? `namespace: ${or(others)}`
              : or(others.map((other) => account.literal?.replace(`${name}.${namespace}.`, `${name}.${other}.`) ?? other)),
          edits: others.length === 1 ? renamed(account, only, name, snapshot.info) : [],
        };
      }
    }
  },
};
