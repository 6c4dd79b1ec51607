/** `posture` of 10,000 pods as the service judges them: of every namespace, and of one with its plan. */

import { observing } from '../../src/commands/observed-traffic.ts';
import { posturing } from '../../src/commands/posture-run.ts';
import { clusterInfo } from '../../src/policy/cluster-settings.ts';
import { createHistory, type History } from '../../src/policy/history.ts';
import { resourcesOf } from '../../src/policy/snapshot.ts';
import type { Steps } from '../../src/policy/steps.ts';
import { ASKS_OF_FILES } from '../../src/posture/asks.ts';
import { type Line, median, unit } from './measure.ts';
import type { BenchCluster } from './policy.ts';
import { factsOf, milliseconds, podsIn } from './simulate.ts';

const FACTS = 200_000;
const AIM = 5000;
/** Of a service that answers others in between. */
const LONGEST_STEP = 250;

export function benchPosture({ snapshot }: BenchCluster, rounds: number): readonly Line[] {
  const facts = factsOf(snapshot, podsIn(snapshot), FACTS);
  const settings = { ...clusterInfo({ resources: [], flags: {} }), info: snapshot.info };
  const resources = [...resourcesOf(snapshot)];
  function* judging(view: History, namespace: string | null): Steps<number> {
    const observed = yield* observing(view.at(null), facts);
    const { plan } = yield* posturing({
      ...{ snapshot: view.at(null), settings, view, namespace, files: new Map(), now: 0 },
      alerting: { prometheus: null, targets: null, rules: null, retention: null },
      asks: ASKS_OF_FILES,
      unread: new Map(),
      observed,
      basis: { requests: FACTS, first: 0, last: FACTS },
      watched: { first: 0, last: FACTS },
    });
    return plan?.steps.length ?? 0;
  }
  const [, one = ''] = [...snapshot.namespaces.keys()];
  return [null, one].flatMap((namespace) => {
    let steps = 0;
    const runs = Array.from({ length: rounds }, () => {
      const u = unit();
      // Nothing that an earlier round remembered.
      const view = createHistory(
        resources.map((resource) => ({ at: null, type: 'applied', resource })),
        snapshot.info,
      );
      const { spent, result } = timed(judging(view, namespace));
      steps = result;
      const all = spent.reduce((sum, step) => sum + step, 0);
      return { ms: all, u: (all * 1e6) / u, longest: Math.max(...spent) };
    });
    const what = namespace === null ? 'posture of 10,000 pods' : `posture of one of 100 namespaces, ${steps} steps of a plan`;
    const line = (name: string, value: (run: (typeof runs)[number]) => number, of: Line['unit'], aim: number | null): Line => {
      const values = runs.map(value);
      return { name: `${what}${name}`, value: median(values), unit: of, aim, rounds: values };
    };
    return [
      line(', 200,000 observations', ({ ms }) => ms, 'ms', AIM),
      line(', in u', ({ u }) => u, 'u', null),
      line(', the longest without a turn for others', ({ longest }) => longest, 'ms', LONGEST_STEP),
    ];
  });
}

/** Milliseconds of each step. */
function timed<T>(steps: Steps<T>): { readonly spent: readonly number[]; readonly result: T } {
  const spent: number[] = [];
  for (;;) {
    let next: IteratorResult<undefined, T> | null = null;
    spent.push(
      milliseconds(() => {
        next = steps.next();
      }),
    );
    const { done, value } = next as unknown as IteratorResult<undefined, T>;
    if (done === true) return { spent, result: value };
  }
}
