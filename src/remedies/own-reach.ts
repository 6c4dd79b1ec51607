/** What a workload reaches by one identity and would not reach by another, over every port of the cluster. */
import { authorizationsIn } from '../access/clients.ts';
import { getsIn } from '../access/compare.ts';
import { allPorts } from '../access/ports.ts';
import { accessRequests } from '../access/requests.ts';
import { evaluate } from '../policy/evaluate.ts';
import type { Connection } from '../policy/evaluation.ts';
import { parseIdentity, suffixMatches } from '../policy/identity.ts';
import type { ClientAuthorization, InboundServer } from '../policy/inbound.ts';
import type { ObjectRef } from '../policy/resource.ts';
import { type Snapshot, workloadsByServiceAccount } from '../policy/snapshot.ts';

/** A workload whose pods change their identity. */
export interface Becoming {
  readonly from: string;
  readonly to: string;
  /** Theirs; null stands for one that is not known. */
  readonly ips: readonly (string | null)[];
}

/** Whether pods come with the new identity: they run as its account, and have a proxy. */
export function isShown(snapshot: Snapshot, { to }: Becoming): boolean {
  const account = parseIdentity(to);
  const pods = account === null ? [] : workloadsByServiceAccount(snapshot, account.namespace, account.serviceAccount);
  return pods.length > 0 && pods.every(({ meshed }) => meshed);
}

/** The objects that let the old identity in where the new one is not, each once. Empty: it reaches all that it reached. */
export function lostGrants(snapshot: Snapshot, becoming: Becoming): readonly (readonly ObjectRef[])[] {
  const policies = new Set(allPorts(snapshot).flatMap(({ before }) => (before !== null && tellsApart(before, becoming) ? [before] : [])));
  const lost = [...policies].flatMap((policy) => lostIn(policy, becoming));
  return [...new Map(lost.map((refs) => [JSON.stringify(refs), refs])).values()];
}

/** Cheap, and true of few ports. */
function tellsApart(policy: InboundServer, { from, to }: Becoming): boolean {
  return authorizationsIn(policy).some((authorization) => takes(authorization, from) && !takes(authorization, to));
}

function takes({ authentication }: ClientAuthorization, identity: string): boolean {
  if (authentication.type !== 'tls-authenticated') return true;
  return authentication.identities.includes(identity) || authentication.suffixes.some((suffix) => suffixMatches(suffix, identity));
}

function lostIn(policy: InboundServer, { from, to, ips }: Becoming): readonly (readonly ObjectRef[])[] {
  const connectionOf = (clientIp: string | null, clientId: string): Connection => ({ clientIp, tls: { state: 'established', clientId } });
  return accessRequests([policy]).flatMap(({ traffic }) =>
    ips.flatMap((ip) => {
      const old = evaluate(policy, connectionOf(ip, from), traffic);
      if (!mayGetIn(old.verdict) || mayGetIn(evaluate(policy, connectionOf(ip, to), traffic).verdict)) return [];
      return old.considered.flatMap(({ applies, authorization }) =>
        applies === 'no' || takes(authorization, to)
          ? []
          : [[...authorization.via, ...(authorization.object === null ? [] : [authorization.object])]],
      );
    }),
  );
}

function mayGetIn(verdict: Parameters<typeof getsIn>[0]): boolean {
  return getsIn(verdict) || verdict === 'undecided';
}
