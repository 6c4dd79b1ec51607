/** A denied thing put to the law of its own time, and to the law of now. */
import type { Evaluation } from '../policy/evaluation.ts';
import type { ClusterView } from '../policy/history.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import type { Instant } from '../policy/resource.ts';
import type { WhatChanged } from './changed.ts';
import { isRefusal } from './facts.ts';
import type { JoinedClient, JoinedTarget } from './join.ts';
import { type Judged, judge, verdictUnder } from './judge.ts';
import { placesIn } from './places.ts';
import { isLetIn } from './would-have.ts';

/** By the policy of the moment `asked` for; null: by that in force at the last denial; where that one allows it, at the first (clocks differ by moments, and edits end denials). null: no such pod. */
export function judgeAtDenial(target: JoinedTarget, client: JoinedClient, cluster: ClusterView, asked: Instant | null): Judged | null {
  const times = asked !== null ? [asked] : [...new Set([client.last, client.first])];
  let fallback: Judged | null = null;
  for (const at of times) {
    const snapshot = cluster.at(at);
    const pod = placesIn(snapshot).podOf(target, target.pods);
    if (pod === null || !pod.meshed) continue;
    const judged = judge(target, client, snapshot, pod, at);
    if (judged.agrees) return judged;
    fallback ??= judged;
  }
  return fallback;
}

/** What the policy last known says, where it decides and says something else than at the denial, and since when. */
export interface Now {
  readonly verdict: Evaluation['verdict'];
  readonly since: Instant | null;
}

/** What is known of a denied thing when it is asked what became of it. */
export interface Since {
  readonly target: JoinedTarget;
  readonly client: JoinedClient;
  readonly cluster: ClusterView;
  readonly changed: WhatChanged | null;
}

/** Where the policy of its time did not refuse it, that of now is worth saying wherever it lets it in. null: nothing else, or undecided. */
export function nowVerdict({ target, client, cluster, changed }: Since, then: Judged): Now | null {
  const { port } = then;
  if (port === null || (cluster.moments.length === 0 && then.agrees)) return null;
  const verdictAt = (at: Instant | null) => {
    const snapshot = cluster.at(at);
    const pod = placesIn(snapshot).podOf(target, target.pods) ?? then.pod;
    return verdictUnder(inboundServer(snapshot, pod, port), then.evaluation);
  };
  const verdict = verdictAt(null);
  if (verdict === 'undecided') return null;
  if (then.agrees ? verdict === then.evaluation.verdict : !isLetIn(verdict) || !isRefusal(target.kind)) return null;
  if (changed !== null && changed.repaired !== null && isLetIn(verdict)) return { verdict, since: changed.repaired.at };
  let since: Instant | null = null;
  for (const moment of cluster.moments.toReversed().slice(0, MOMENTS_LOOKED_AT)) {
    if ((client.last !== null && moment < client.last) || verdictAt(moment) !== verdict) break;
    since = moment;
  }
  return { verdict, since };
}
const MOMENTS_LOOKED_AT = 1000;
