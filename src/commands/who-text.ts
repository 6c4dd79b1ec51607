/** Classes of clients, put into words. */
import type { AccessClient, Who } from '../access/clients.ts';
import { parseIdentity } from '../policy/identity.ts';

/** `namespace`: names in it are said without it. Addresses are left out: `addressesOf` has them. */
export function showWho(who: Who, namespace: string | null): string {
  const of = (name: string, other: string) => (other === namespace ? name : `${name}.${other}`);
  switch (who.type) {
    case 'service-account':
      return of(`sa/${who.name}`, who.namespace);
    case 'unmeshed':
      return `pods without a proxy of ${of(`sa/${who.serviceAccount}`, who.namespace)}`;
    case 'node':
      return `node ${who.name}`;
    case 'identity': {
      const parsed = parseIdentity(who.identity);
      return parsed === null ? who.identity : `${who.identity} (no such ServiceAccount)`;
    }
    case 'other-identity':
      return who.identity === null ? 'mesh TLS without an identity' : OTHER_IDENTITIES[kindOf(who.identity)];
    case 'address':
      return 'addresses outside the cluster';
  }
}

const OTHER_IDENTITIES = {
  local: 'any other identity of the cluster',
  foreign: 'identities of other trust domains',
  spiffe: 'SPIFFE identities',
};

function kindOf(identity: string): keyof typeof OTHER_IDENTITIES {
  if (identity.includes('://')) return 'spiffe';
  return identity.endsWith('.another.trust.domain') ? 'foreign' : 'local';
}

/** An example of where they call from, for those that have no pods. */
export function addressOf({ who, ip, pods }: AccessClient): string | null {
  return pods.length > 0 || who.type === 'node' ? null : ip;
}
