/** `posture` of every namespace of 10,000 pods, beside what indexing them costs. */

import { observedTraffic } from '../../src/commands/observed-traffic.ts';
import { runPosture } from '../../src/commands/posture-run.ts';
import { clusterInfo } from '../../src/policy/cluster-settings.ts';
import { createHistory } from '../../src/policy/history.ts';
import { resourcesOf } from '../../src/policy/snapshot.ts';
import { ASKS_OF_FILES } from '../../src/posture/asks.ts';
import { type Line, median, unit } from './measure.ts';
import type { BenchCluster } from './policy.ts';
import { factsOf, milliseconds, podsIn } from './simulate.ts';

const FACTS = 200_000;
const AIM = 5000;

export function benchPosture({ snapshot }: BenchCluster, rounds: number): readonly Line[] {
  const facts = factsOf(snapshot, podsIn(snapshot), FACTS);
  const settings = { ...clusterInfo({ resources: [], flags: {} }), info: snapshot.info };
  const resources = [...resourcesOf(snapshot)];
  const runs = Array.from({ length: rounds }, () => {
    const u = unit();
    // Nothing that an earlier round remembered.
    const view = createHistory(
      resources.map((resource) => ({ at: null, type: 'applied', resource })),
      snapshot.info,
    );
    const judged = milliseconds(() =>
      runPosture({
        ...{ snapshot: view.at(null), settings, view, namespace: null, files: new Map(), now: 0 },
        alerting: { prometheus: null, targets: null, rules: null, retention: null },
        asks: ASKS_OF_FILES,
        unread: new Map(),
        observed: observedTraffic(view.at(null), facts),
        basis: { requests: FACTS, first: 0, last: FACTS },
        watched: { first: 0, last: FACTS },
      }),
    );
    return { u, judged };
  });
  const line = (name: string, values: readonly number[], of: Line['unit'], aim: number | null): Line => ({
    ...{ name, value: median(values), unit: of, aim, rounds: values },
  });
  return [
    line(
      'posture of 10,000 pods, 200,000 observations',
      runs.map(({ judged }) => judged),
      'ms',
      AIM,
    ),
    line(
      'posture of 10,000 pods, in u',
      runs.map(({ judged, u }) => (judged * 1e6) / u),
      'u',
      null,
    ),
  ];
}
