/** A change that shuts somebody out was audited first: the history of the policy tells. */
import { type AccessChange, compareAccess, newlyDenied } from '../access/compare.ts';
import { changedPorts } from '../access/ports.ts';
import { showWorkload } from '../evidence/missing.ts';
import type { ClusterView, Step } from '../policy/history.ts';
import { memo } from '../policy/memo.ts';
import { workloadOf } from '../policy/owner.ts';
import { type Instant, type ObjectRef, type Resource, refOf, showRef } from '../policy/resource.ts';
import { findResource, namespaceIndex, resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import type { Steps } from '../policy/steps.ts';
import { showInstant } from '../policy/time.ts';
import type { Evidence, Judgement, PostureContext, Practice } from './practice.ts';
import { counted, holds, quoted } from './wording.ts';

export const changesStaged: Practice = {
  id: 'changes-staged',
  title: 'changes that shut somebody out are audited first',
  judge: (context, namespace) => (context.workloadsIn(namespace).some(({ ports }) => ports.length > 0) ? judging(context, namespace) : []),
};

/** The newest so many changes of a namespace are looked at; of several namespaces so many together, and a few of each at least. */
const MOST_CHANGES = 50;
const MOST_TOGETHER = 200;
const LEAST_CHANGES = 5;

const TRACELESS =
  'whether denywhy simulate or denywhy test said so before: they leave no trace in the cluster, a pipeline keeps their answer';

/** Of the newest of the namespace, in order. A step is one of them. */
function* judging({ asks, history, namespaces, snapshot }: PostureContext, namespace: string): Steps<readonly Judgement[]> {
  const most = Math.max(LEAST_CHANGES, Math.min(MOST_CHANGES, Math.floor(MOST_TOGETHER / namespaces)));
  const looked: Instant[] = [];
  const closing: Closing[] = [];
  for (const at of momentsIn(history, namespace).slice(-most)) {
    yield;
    // Snapshots share what did not change, so that many cost little.
    const moment: Moment = { at, was: history.at(at - 1), now: history.at(at) };
    const objects = changedIn(moment, namespace);
    if (objects.length === 0) continue;
    looked.push(at);
    const shut = shutOut(moment, namespace);
    if (shut.length > 0) closing.push({ moment, objects, shut, isAudited: shut.every(wasAudited) });
  }
  const [since] = looked;
  if (since !== undefined) return [judged(snapshot, namespace, { count: looked.length, since }, closing)];
  return [
    {
      ...{ workload: null, state: 'unknown', lacking: [asks.history], next: null },
      ...{ found: 'no change of its policy was recorded', evidence: recordedSpan(history) },
    },
  ];
}

interface Looked {
  readonly count: number;
  readonly since: Instant;
}

function judged(snapshot: Snapshot, namespace: string, { count, since }: Looked, closing: readonly Closing[]): Judgement {
  const bare = closing.filter(({ isAudited }) => !isAudited);
  const span = { text: `${counted(count, 'change')} of its policy since ${showInstant(since)}`, source: 'the recorded history' };
  const shown = [...closing.map((one) => changeEvidence(snapshot, one)), span];
  if (bare.length === 0)
    return holds(
      null,
      closing.length === 0 ? 'no recorded change shut anybody out' : 'each change that shut somebody out was audited first',
      shown,
    );
  return {
    ...{ workload: null, evidence: shown, lacking: [TRACELESS] },
    state: bare.length === closing.length ? 'not' : 'partly',
    found: `${bare.length} of ${counted(count, 'recorded change')} shut somebody out and ${bare.length === 1 ? 'was' : 'were'} not audited before`,
    next: {
      text: 'Ask before the next one; on a Server, accessPolicy audit comes first.',
      command: `denywhy simulate -n ${quoted(namespace)} --change FILE`,
    },
  };
}

function recordedSpan({ moments }: ClusterView): readonly Evidence[] {
  const [first] = moments;
  return first === undefined
    ? []
    : [{ text: `${counted(moments.length, 'change')} of the cluster since ${showInstant(first)}`, source: 'the recorded history' }];
}

interface Moment {
  readonly at: Instant;
  readonly was: Snapshot;
  readonly now: Snapshot;
}

/** Moments at which an object of its policy, or the namespace itself, was written; all of them, where the history does not tell what was. */
function momentsIn(history: ClusterView, namespace: string): readonly Instant[] {
  return history.steps === undefined ? history.moments : (momentsByNamespace(history.steps).get(namespace) ?? []);
}

const momentsByNamespace = memo((steps: readonly Step[]): ReadonlyMap<string, readonly Instant[]> => {
  const found = new Map<string, Instant[]>();
  for (const { at, changes } of steps) {
    const touched = new Set(changes.flatMap((change) => namespaceOf('apply' in change ? refOf(change.apply) : change.delete) ?? []));
    for (const namespace of touched) {
      const known = found.get(namespace);
      if (known === undefined) found.set(namespace, [at]);
      else known.push(at);
    }
  }
  return found;
});

const POLICY_GROUPS: ReadonlySet<string> = new Set(['policy.linkerd.io', 'gateway.networking.k8s.io']);

/** Whose policy the object is of; null: it is of none. */
function namespaceOf({ group, kind, namespace, name }: ObjectRef): string | null {
  if (group === '' && kind === 'Namespace') return name;
  return POLICY_GROUPS.has(group) ? namespace : null;
}

const COLLECTIONS = [
  'servers',
  'serverAuthorizations',
  'authorizationPolicies',
  'meshTLSAuthentications',
  'networkAuthentications',
  'routes',
] as const;

/** Policy objects of the namespace that are not the same before and after, and the namespace itself. */
function changedIn({ was, now }: Moment, namespace: string): readonly ObjectRef[] {
  const [old, next] = [namespaceIndex(was, namespace), namespaceIndex(now, namespace)];
  const changed = COLLECTIONS.flatMap((name) => {
    const [a, b]: readonly ReadonlyMap<string, { readonly resource: Resource }>[] = [old[name], next[name]];
    if (a === b || a === undefined || b === undefined) return [];
    return [...new Set([...a.keys(), ...b.keys()])].flatMap((key) => {
      const resource = b.get(key)?.resource ?? a.get(key)?.resource;
      return a.get(key)?.resource === b.get(key)?.resource || resource === undefined ? [] : [refOf(resource)];
    });
  });
  const [before, after] = [was, now].map((snapshot) => resourcesOfKind(snapshot, '', 'Namespace', '').get(namespace));
  return before === after || after === undefined ? changed : [...changed, refOf(after)];
}

/** Pods of the cluster that got in before and not after. */
function shutOut({ was, now }: Moment, namespace: string): readonly AccessChange[] {
  const ports = changedPorts(was, now).filter(({ workloads }) => workloads[0]?.ref.namespace === namespace);
  return newlyDenied(compareAccess(was, now, [], ports)).filter(({ client }) => client.pods.length > 0);
}

function wasAudited({ at: { before: policy } }: AccessChange): boolean {
  return policy?.authorizations.some(({ ref }) => ref.kind === 'default' && ref.name === 'audit') === true;
}

const MOST_NAMED = 4;

interface Closing {
  readonly moment: Moment;
  readonly objects: readonly ObjectRef[];
  readonly shut: readonly AccessChange[];
  readonly isAudited: boolean;
}

function changeEvidence(snapshot: Snapshot, { moment, objects, shut, isAudited }: Closing): Evidence {
  const nameOf = (pod: Resource) => showWorkload(workloadOf(pod, (ref) => findResource(snapshot, ref) ?? undefined));
  const pairs = new Set(
    shut.flatMap(({ client, at: { port, workloads } }) => {
      const [pod, server] = [client.pods[0], workloads[0]];
      return pod === undefined || server === undefined ? [] : [`${nameOf(pod.resource)} → ${nameOf(server.resource)}:${port}`];
    }),
  );
  const named = [...pairs].sort();
  const more = named.length > MOST_NAMED ? ` and ${named.length - MOST_NAMED} more` : '';
  const text = `${showInstant(moment.at)} shut out ${named.slice(0, MOST_NAMED).join(', ')}${more}${isAudited ? ', after audit' : ', without audit'}`;
  return { text, source: objects.map(showRef).join(', ') };
}
