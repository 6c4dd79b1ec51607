/** How the namespaces of a cluster stand, practice by practice. */
import type { Steps } from '../policy/steps.ts';
import { auditEnded } from './audit-ended.ts';
import { changesStaged } from './changes-staged.ts';
import { defaultDeny } from './default-deny.ts';
import { denialsObservable } from './denials-observable.ts';
import { grantsUsed } from './grants-used.ts';
import { labelsConsistent } from './labels-consistent.ts';
import { networkLayered } from './network-layered.ts';
import { JUDGED_OF_LINKERD, type Outside, outsideOf } from './outside.ts';
import { ownServiceAccount } from './own-service-account.ts';
import { policiesDocumented } from './policies-documented.ts';
import { portsCovered } from './ports-covered.ts';
import type { Judgement, PostureContext, PostureFacts, PostureState, PostureWorkload, Practice, PracticeId } from './practice.ts';
import { probesAndScrapes } from './probes-and-scrapes.ts';
import { seenIn } from './seen.ts';
import { withUnread } from './unread.ts';

/** In the order of their names in `PRACTICE_IDS`. */
export const PRACTICES: readonly Practice[] = [
  defaultDeny,
  portsCovered,
  ownServiceAccount,
  networkLayered,
  probesAndScrapes,
  denialsObservable,
  grantsUsed,
  auditEnded,
  changesStaged,
  policiesDocumented,
  labelsConsistent,
];

/** A practice in one namespace. */
export interface JudgedPractice {
  readonly id: PracticeId;
  readonly title: string;
  readonly state: PostureState;
  readonly judgements: readonly Judgement[];
}

export interface NamespacePosture {
  readonly namespace: string;
  /** null: its practices are the user's to reach. */
  readonly outside: Outside | null;
  /** Practices that have no meaning in the namespace are left out: all, where it is not meshed. */
  readonly practices: readonly JudgedPractice[];
}

/** Of every namespace that has pods, or of the given one alone. A step is one practice in one namespace, or less. */
export function* judging(facts: PostureFacts, only: string | null): Steps<readonly NamespacePosture[]> {
  const context = createContext(facts);
  const namespaces = only === null ? [...new Set(facts.workloads.map(({ ref }) => ref.namespace))].sort() : [only];
  const judged: NamespacePosture[] = [];
  for (const namespace of namespaces) {
    const outside = outsideOf(facts.snapshot, namespace, context.workloadsIn(namespace));
    const practices: JudgedPractice[] = [];
    for (const { id, title, judge } of practicesFor(outside)) {
      const found = judge(context, namespace);
      const judgements = withUnread(id, namespace, 'next' in found ? yield* found : found, facts);
      if (judgements.length > 0) practices.push({ id, title, state: stateOf(judgements), judgements });
      yield;
    }
    judged.push({ namespace, outside, practices });
  }
  return judged;
}

function practicesFor(outside: Outside | null): readonly Practice[] {
  if (outside === null) return PRACTICES;
  return outside.reason === 'linkerd' ? PRACTICES.filter(({ id }) => JUDGED_OF_LINKERD.has(id)) : [];
}

/** `partly` where it holds here and not there; `unknown` where nothing is against it and not everything is known. */
export function stateOf(judgements: readonly Pick<Judgement, 'state'>[]): PostureState {
  const states = new Set(judgements.map(({ state }) => state));
  if (states.has('not')) return states.size === 1 ? 'not' : 'partly';
  return states.has('partly') ? 'partly' : states.has('unknown') ? 'unknown' : 'holds';
}

function createContext(facts: PostureFacts): PostureContext {
  const byNamespace = Map.groupBy(facts.workloads, ({ ref }) => ref.namespace);
  const seenAt = seenIn(facts.observed.traffic);
  return {
    ...facts,
    namespaces: byNamespace.size,
    workloadsIn: (namespace) => byNamespace.get(namespace) ?? [],
    seenAt: ({ pods }: PostureWorkload, port) => pods.flatMap((pod) => seenAt(pod, port)),
  };
}
