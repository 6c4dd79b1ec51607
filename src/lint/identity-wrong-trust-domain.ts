import { serviceAccountIdentity } from '../policy/identity.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import { effectOf } from './effect.ts';
import { accountsNamed, isOwn, renamed } from './identities.ts';
import type { LintRule } from './rule.ts';

export const identityWrongTrustDomain: LintRule = {
  code: 'identity-wrong-trust-domain',
  title: 'an identity of another trust domain or control plane',
  *check({ resources, snapshot }) {
    const { info } = snapshot;
    for (const object of resources) {
      for (const account of accountsNamed(object)) {
        if (account.literal === null || isOwn(account, info)) continue;
        const isHere = hasServiceAccount(snapshot, account.namespace, account.name) === true;
        yield {
          severity: isHere ? 'error' : 'warning',
          object,
          path: account.path,
          problem: `${account.literal} is of another trust domain or control plane: this cluster's identities end in .identity.${info.controlPlaneNamespace}.${info.identityTrustDomain}.`,
          effect: `No pod of this cluster has it. ${effectOf(snapshot, object)}`,
          right: `${serviceAccountIdentity(info, account.namespace, account.name)}, or better an identityRef of kind ServiceAccount, which follows the cluster. A client of another cluster is listed as it stands here: ignore this code for it.`,
          edits: isHere ? renamed(account, account.namespace, account.name, info) : [],
        };
      }
    }
  },
};
