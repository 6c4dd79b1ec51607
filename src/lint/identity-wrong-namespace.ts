import { hasServiceAccount } from '../policy/service-accounts.ts';
import { resourcesOfKind, type Snapshot, workloadsByServiceAccount } from '../policy/snapshot.ts';
import { effectOf } from './effect.ts';
import { accountsNamed, isOwn, namespacesWithAccount, renamed } from './identities.ts';
import { or } from './objects.ts';
import type { LintRule } from './rule.ts';

export const identityWrongNamespace: LintRule = {
  code: 'identity-wrong-namespace',
  title: 'an identity names a ServiceAccount of another namespace',
  *check({ resources, snapshot, isWhole }) {
    for (const object of resources) {
      for (const account of accountsNamed(object)) {
        const { namespace, name, path } = account;
        if (name === 'default' || !isOwn(account, snapshot.info)) continue;
        const isThere = hasServiceAccount(snapshot, namespace, name);
        const others = namespacesWithAccount(snapshot, name, namespace).filter(
          (other) => isThere === false || isRun(snapshot, other, name),
        );
        const [only] = others;
        // One that exists is doubted where pods are known, none runs as it, and a namesake's do.
        const isIdle = isThere === true && isWhole && !isRun(snapshot, namespace, name);
        if (only === undefined || !(isThere === false || isIdle)) continue;
        // Files of one namespace say nothing of another one, whose ServiceAccounts they do not hold.
        const isDoubtful = isIdle || (!isWhole && resourcesOfKind(snapshot, '', 'ServiceAccount', namespace).size === 0);
        yield {
          severity: isDoubtful ? 'warning' : 'error',
          object,
          path,
          problem: isIdle
            ? `No pod runs as ServiceAccount ${name} of namespace ${namespace}; in ${or(others)} pods do.`
            : `There is no ServiceAccount ${name} in namespace ${namespace}; there is one in ${or(others)}.`,
          effect: `Nobody has the identity that it asks for. ${effectOf(snapshot, object)}`,
          right:
            account.literal === null
              ? `namespace: ${or(others)}`
              : or(others.map((other) => account.literal?.replace(`${name}.${namespace}.`, `${name}.${other}.`) ?? other)),
          edits: others.length === 1 && !isDoubtful ? renamed(account, only, name, snapshot.info) : [],
        };
      }
    }
  },
};

function isRun(snapshot: Snapshot, namespace: string, name: string): boolean {
  return workloadsByServiceAccount(snapshot, namespace, name).length > 0;
}
