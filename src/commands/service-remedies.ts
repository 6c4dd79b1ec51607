/** The service's way out of an incident: computed when it is asked for, on the policy in force now. */
import type { RemedyAsking } from '../http/options.ts';
import type { Store } from '../ports.ts';
import { BOUNDS } from '../triage/incident.ts';
import { explanationOf } from '../triage/work.ts';
import { numberedRemedies, numberIn, wayOutData } from './explain-remedies.ts';
import { showRemedy } from './explain-remedy.ts';
import type { PolicySource } from './policy-known.ts';

const WISH = { files: new Map<string, string>(), forceGrant: false };

export function createRemedyAsking(policy: Pick<PolicySource, 'current'>, store: Store): RemedyAsking {
  const clientsOf = async (id: string) =>
    (await explanationOf(id, { store, bounds: BOUNDS, view: policy.current()?.view ?? null, remedies: WISH }))?.clients ?? null;
  return {
    async list(id) {
      const clients = await clientsOf(id);
      if (clients === null) return null;
      const numberOf = numberIn(numberedRemedies(clients));
      return clients.flatMap(({ client, targets }) =>
        targets.map(({ wayOut }) => ({ client: client.key, ...wayOutData(wayOut, numberOf) })),
      );
    },
    async one(id, number, form) {
      const clients = await clientsOf(id);
      const remedy = clients === null ? undefined : numberedRemedies(clients)[number - 1];
      if (clients === null) return 'no incident';
      return remedy === undefined ? 'no remedy' : { text: showRemedy(remedy, form, null) };
    },
  };
}
