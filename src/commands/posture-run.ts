/** Brings together what posture is judged by, and puts the way to default deny beside it. */
import type { ClusterSettings } from '../policy/cluster-settings.ts';
import type { ClusterView } from '../policy/history.ts';
import type { Instant } from '../policy/resource.ts';
import { namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import { atOnce, type Steps } from '../policy/steps.ts';
import { spanOf } from '../posture/observed-span.ts';
import { judging, type NamespacePosture } from '../posture/posture.ts';
import type { PostureFacts, PostureWorkload } from '../posture/practice.ts';
import type { Files } from '../remedies/change.ts';
import type { Remedy } from '../remedies/remedy.ts';
import { basisOf } from './generate.ts';
import { type Plan, planning } from './generate-plan.ts';
import type { Basis } from './generate-text.ts';
import type { FactBook, ObservedTraffic } from './observed-traffic.ts';
import { workloadPolicies } from './policy-workloads.ts';
import { createTightenings } from './posture-remedies.ts';

export interface PostureQuestion {
  readonly snapshot: Snapshot;
  readonly settings: ClusterSettings;
  readonly view: ClusterView;
  readonly alerting: PostureFacts['alerting'];
  readonly asks: PostureFacts['asks'];
  readonly unread: PostureFacts['unread'];
  readonly observed: ObservedTraffic;
  readonly basis: Basis;
  /** From when to when it was seen who gets in: logs may tell of denials alone. */
  readonly watched: Pick<Basis, 'first' | 'last'>;
  /** null: every one, no plan, and nothing is proposed to be taken away. */
  readonly namespace: string | null;
  /** The text of the cluster's files, by the names in origins. */
  readonly files: Files;
  readonly now: Instant;
}

/** The steps of `generate`, and what stands between them and certainty. */
export interface PosturePlan extends Plan {
  readonly lacking: readonly string[];
}

export interface Posture {
  readonly namespaces: readonly NamespacePosture[];
  readonly basis: Basis;
  /** One namespace was asked for. */
  readonly isOne: boolean;
  /** null: of several namespaces none is made, nor of one that is not meshed, or Linkerd's own. */
  readonly plan: PosturePlan | null;
  /** Grants that nobody was seen to use, each proved to shut out nobody who was seen: number N of `--remedy` is the Nth. */
  readonly tightenings: readonly Remedy[];
}

export function runPosture(question: PostureQuestion): Posture {
  return atOnce(posturing(question));
}

/** A step is a namespace's policy, a practice, or a step of the plan. */
export function* posturing(question: PostureQuestion): Steps<Posture> {
  const { snapshot, settings, view, alerting, asks, unread, observed, basis, watched, namespace, files, now } = question;
  const seen = { traffic: observed.traffic, ...watched };
  const { remedies, ...tightenings } = createTightenings(snapshot, seen, namespace === null ? null : files);
  const workloads: PostureWorkload[] = [];
  for (const one of namespace === null ? snapshot.namespaces.keys() : [namespace]) {
    workloads.push(...workloadPolicies(snapshot, { namespace: one, workload: null, port: null }));
    yield;
  }
  const facts: PostureFacts = {
    ...{ snapshot, settings, alerting, asks, unread, now, workloads, ...tightenings },
    history: view,
    observed: seen,
  };
  const namespaces = yield* judging(facts, namespace);
  // What the charts of Linkerd hold is no plan's to close, and where nothing is meshed there is nothing to close.
  const isPlanned = namespace !== null && namespaces.every(({ outside }) => outside === null);
  return {
    ...{ namespaces, basis, isOne: namespace !== null, tightenings: remedies },
    plan: isPlanned
      ? withLacking(yield* planning(snapshot, namespace, null, trafficTo(namespace, observed)), { ...basis, ...watched })
      : null,
  };
}

/** A step of the plan changes policy of its namespace alone; whom it lets in elsewhere, by a reference from there, is asked of all that is possible. */
function trafficTo(namespace: string, { traffic, unplaced }: ObservedTraffic): ObservedTraffic {
  return { traffic: traffic.filter(({ recorded }) => recorded.server.ref.namespace === namespace), unplaced };
}

function withLacking(plan: Plan, { requests, first, last }: Basis): PosturePlan {
  const undecided = plan.steps.reduce((sum, step) => sum + step.undecided.length, 0);
  const span = requests === 0 ? 'traffic: nobody is granted anything that was not seen' : spanOf({ first, last }).lacking;
  return {
    ...plan,
    lacking: [
      ...(span === null ? [] : [span]),
      ...(undecided === 0
        ? []
        : [`what ${undecided} kinds of traffic come to: ${plan.steps.flatMap((step) => step.undecided)[0]?.why ?? ''}`]),
      ...plan.notGranted.map(({ client, server, port, why }) => `whether ${client} may reach ${server}:${port} (${why})`),
    ],
  };
}

/** From when to when facts tell who got in. */
export function watchedIn(facts: FactBook['facts']): Pick<Basis, 'first' | 'last'> {
  const { first, last } = basisOf(
    facts.filter((fact) => fact.type === 'observation' || fact.kind === 'audit-allowed'),
    0,
  );
  return { first, last };
}

/** False: nothing runs in it. */
export function hasPods(snapshot: Snapshot, namespace: string): boolean {
  return namespaceIndex(snapshot, namespace).workloads.size > 0;
}
