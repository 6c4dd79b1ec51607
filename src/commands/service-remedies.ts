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
  const explained = (id: string) => explanationOf(id, { store, bounds: BOUNDS, view: policy.current()?.view ?? null, remedies: WISH });
  return {
    async list(id) {
      const explanation = await explained(id);
      if (explanation === null) return null;
      const { clients, troubles, repairs, tightenings } = explanation;
      const numberOf = numberIn(numberedRemedies(explanation));
      const ofTroubles = troubles.flatMap(({ client, wayOut }) => (client === null ? [] : [{ client: client.key, wayOut }]));
      const items = [
        ...clients.flatMap(({ client, targets }) => targets.map(({ wayOut }) => ({ client: client.key, wayOut }))),
        ...ofTroubles,
      ].map(({ client, wayOut }) => ({ client, ...wayOutData(wayOut, numberOf) }));
      const ofStanding = (ways: typeof repairs) =>
        ways.map(({ finding: { id: finding, summary }, wayOut }) => ({ ...{ finding, summary }, ...wayOutData(wayOut, numberOf) }));
      return { items, repairs: ofStanding(repairs), tightenings: ofStanding(tightenings) };
    },
    async one(id, number, form) {
      const explanation = await explained(id);
      if (explanation === null) return 'no incident';
      const remedy = numberedRemedies(explanation)[number - 1];
      return remedy === undefined ? 'no remedy' : { text: showRemedy(remedy, form, null) };
    },
  };
}
