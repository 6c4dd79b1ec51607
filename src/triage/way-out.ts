/** The one answer that sorts incidents: of its clients the one that asks most of a person. Pure. */
import type { Explanation } from '../explain.ts';
import { foremost, titleOf } from '../remedies/verdicts.ts';
import type { IncidentWayOut } from './incident.ts';

/** Of so many clients, the heaviest, an incident's answer is made: each is proved against the whole cluster, again with all new evidence. */
export const CLIENTS_ASKED = 3;

export function incidentWayOut({ clients, troubles }: Explanation): IncidentWayOut {
  const ofClients = clients.flatMap(({ client, targets }) =>
    targets.flatMap(({ wayOut }): readonly IncidentWayOut[] =>
      wayOut === null ? [] : [{ verdict: wayOut.verdict, title: titleOf(wayOut), client: client.key }],
    ),
  );
  const ofTroubles = troubles.flatMap(({ client, findings: [first], wayOut }): readonly IncidentWayOut[] => {
    if (first === undefined) return [];
    const said = wayOut === null ? { verdict: 'decide' as const, title: first.todo } : { verdict: wayOut.verdict, title: titleOf(wayOut) };
    return [{ ...said, client: client?.key ?? null }];
  });
  return foremost([...ofClients, ...ofTroubles]) ?? { verdict: 'needs-evidence', title: null, client: null };
}
