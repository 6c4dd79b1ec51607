/**
 * A workload that shares a ServiceAccount gets one of its own: the account, the template that names it, the entry that lets it in, and the entries
 * that keep what it reaches today. Running pods change by the rollout.
 */
import { withApplied } from '../access/applied.ts';
import { getsIn } from '../access/compare.ts';
import { evaluate } from '../policy/evaluate.ts';
import { excludedPolicies, nearServers, unattachedRoutes } from '../policy/excluded.ts';
import { serviceAccountIdentity } from '../policy/identity.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { listOf } from '../policy/reading.ts';
import { type ObjectRef, objectKey, type Resource, refOf, showRef } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { hasServiceAccount } from '../policy/service-accounts.ts';
import { findResource, findWorkload, type ObjectChange, type Snapshot, workloadsByServiceAccount } from '../policy/snapshot.ts';
import { addIdentity, withIdentity } from './add-identity.ts';
import { authorizeOnRoute } from './authorize-on-route.ts';
import { authorizeOnServer } from './authorize-on-server.ts';
import { named, ownAccountByHand, PLAIN } from './by-hand.ts';
import { type Account, accountOf, freeName, made, refTo, specOf, withSpec } from './objects.ts';
import { type Becoming, lostGrants } from './own-reach.ts';
import type { Candidate, Kind, Plea } from './plea.ts';
import type { Step } from './remedy.ts';
import { accountOfTemplate, groupOfWorkload, withAccount } from './workload-template.ts';

export const ownServiceAccount: Kind = {
  id: 'own-service-account',
  candidates(plea) {
    const shared = sharedOf(plea);
    if (typeof shared === 'string') return ownAccountByHand(plea, shared);
    return [...drafts(plea, shared), ...ownAccountByHand(plea, UNPROVED)];
  },
};
const UNPROVED =
  'As a change of objects it could not be proved: by its template the workload would come without a proxy, or not reach all that it reaches today.';

/** The workload and the account that its template names today. */
interface Shared {
  readonly workload: Resource;
  readonly account: Account;
  readonly identity: string;
}

/** A sentence: why there is no template to be changed. */
function sharedOf({ denied, law, snapshot }: Plea): Shared | string {
  const { workload: ref } = denied.client.ref;
  const { tls } = law.evaluation.connection;
  const identity = tls?.state === 'established' ? tls.clientId : null;
  const account = identity === null ? null : accountOf(snapshot, identity);
  if (ref === null || identity === null || account === null) return 'Which workload it is could not be told from the objects.';
  const group = groupOfWorkload(ref.kind);
  if (group === null) return `The pods of ${named(ref)} do not follow a template that could be changed here.`;
  const workload = findResource(snapshot, { group, ...ref });
  const today = workload === null ? null : accountOfTemplate(workload);
  if (workload === null || today === null)
    return `Not proved: the objects hold the pods of ${named(ref)} and not their template, so that nobody can tell what a rollout makes of them.`;
  if (ref.namespace !== account.namespace || today !== account.name)
    return `The template of ${named(ref)} names ServiceAccount ${today} already, and pods of before still run as ${account.name}: a restart replaces them.`;
  return { workload, account, identity };
}

function drafts(plea: Plea, shared: Shared): readonly Candidate[] {
  const own = newAccount(plea.snapshot, shared.workload);
  const to = serviceAccountIdentity(plea.snapshot.info, own.namespace, own.name);
  const moving: readonly ObjectChange[] = [{ apply: accountObject(own) }, { apply: withAccount(shared.workload, own.name) }];
  const moved = withApplied(plea.snapshot, moving);
  const pods = workloadsByServiceAccount(moved, own.namespace, own.name);
  const ips = [...new Set([plea.law.evaluation.connection.clientIp, ...pods.flatMap((pod) => pod.ips)])].slice(0, MOST_ADDRESSES);
  const becoming: Becoming = { from: shared.identity, to, ips };
  const kept = keeping(moved, lostGrants(moved, becoming), shared.account, own);
  const next = pleaAs(plea, withApplied(moved, kept), to);
  const grants: readonly Candidate[] = getsIn(next.law.evaluation.verdict)
    ? [{ title: '', changes: [] }]
    : [addIdentity, authorizeOnRoute, authorizeOnServer].flatMap((kind) => kind.candidates(next));
  const [account, template] = moving as [ObjectChange, ObjectChange];
  return grants.map(({ title, changes }) => ({
    title: titleOf(shared.workload, own, title),
    changes: [account, ...lastOfEach([...kept, ...changes]), template],
    steps: stepsOf(shared, own, kept),
    becoming,
  }));
}
const MOST_ADDRESSES = 64;

/** Named after the workload. */
function newAccount(snapshot: Snapshot, { metadata: { namespace, name } }: Resource): Account {
  const isTaken = (one: string) =>
    hasServiceAccount(snapshot, namespace, one) === true || workloadsByServiceAccount(snapshot, namespace, one).length > 0;
  for (let n = 1; ; n++) {
    const wanted = n === 1 ? name : `${name}-${n}`;
    if (!isTaken(wanted)) return { namespace, name: wanted };
  }
}

function accountObject({ namespace, name }: Account): Resource {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } };
}

/** For each grant that only the old account has, an entry of the new one beside it. */
function keeping(snapshot: Snapshot, lost: readonly (readonly ObjectRef[])[], old: Account, own: Account): readonly ObjectChange[] {
  const kept = new Map<string, ObjectChange>();
  const identity = serviceAccountIdentity(snapshot.info, own.namespace, own.name);
  for (const ref of lost.flat()) {
    const resource = findResource(snapshot, ref);
    if (resource === null || kept.has(objectKey(ref))) continue;
    const spec = withIdentity(resource, identity, own);
    const copy = ref.kind === 'AuthorizationPolicy' ? copyFor(snapshot, resource, old, own) : null;
    if (spec !== null) kept.set(objectKey(ref), { apply: withSpec(resource, spec) });
    else if (copy !== null) kept.set(objectKey(ref), { apply: copy });
  }
  return [...kept.values()];
}

/** An AuthorizationPolicy asks for all that it names, so that a second account needs a second policy. null: it names no account itself. */
function copyFor(snapshot: Snapshot, policy: Resource, old: Account, own: Account): Resource | null {
  const spec = specOf(policy);
  const { namespace, name } = policy.metadata;
  const isOld = (ref: unknown) =>
    isObject(ref) && ref['kind'] === 'ServiceAccount' && ref['name'] === old.name && (ref['namespace'] ?? namespace) === old.namespace;
  const refs = listOf(spec['requiredAuthenticationRefs']);
  if (!refs.some(isOld)) return null;
  const mine = refTo({ group: '', kind: 'ServiceAccount', ...own }, namespace);
  return made('AuthorizationPolicy', namespace, freeName(snapshot, 'AuthorizationPolicy', namespace, name, own.name), {
    ...spec,
    requiredAuthenticationRefs: refs.map((ref) => (isOld(ref) ? mine : ref)),
  });
}

/** The same request, by pods that run as the account. */
function pleaAs(plea: Plea, snapshot: Snapshot, clientId: string): Plea {
  const { evaluation: asked } = plea.law;
  const pod = findWorkload(snapshot, plea.pod.kind, plea.pod.ref.namespace, plea.pod.ref.name) ?? plea.pod;
  const policy = inboundServer(snapshot, pod, plea.port);
  const evaluation = evaluate(policy, { ...asked.connection, tls: { state: 'established', clientId } }, asked.traffic);
  const law = {
    ...plea.law,
    evaluation,
    snapshot,
    pod,
    excluded: excludedPolicies(snapshot, pod, evaluation),
    nearServers: policy.server === null ? nearServers(snapshot, pod, plea.port) : [],
    unattachedRoutes: unattachedRoutes(snapshot, policy),
  };
  return { ...plea, law, snapshot, pod };
}

/** Of changes of one object the later holds the earlier. */
function lastOfEach(changes: readonly ObjectChange[]): readonly ObjectChange[] {
  return [...new Map(changes.map((change) => [objectKey('apply' in change ? refOf(change.apply) : change.delete), change])).values()];
}

function titleOf(workload: Resource, own: Account, grant: string): string {
  const start = `Give ${showRef(refOf(workload))} a ServiceAccount of its own, ${own.name}`;
  if (grant === '') return `${start}: policy lets it in.`;
  return `${start}, and ${grant.charAt(0).toLowerCase()}${grant.slice(1).replace('the client', 'that one')}`;
}

function stepsOf({ workload, account: { namespace, name } }: Shared, own: Account, kept: readonly ObjectChange[]): readonly Step[] {
  const ref = refOf(workload);
  const entries = kept.map((change) => showRef('apply' in change ? refOf(change.apply) : change.delete));
  const isPlain = PLAIN.test(namespace) && PLAIN.test(name);
  const first = ref.kind === 'Job' && isPlain && PLAIN.test(ref.name) ? `kubectl delete job/${ref.name} -n ${namespace}` : null;
  const keeps = `It keeps what ServiceAccount ${namespace}/${name} opens to it today: ${own.name} gets entries of its own in ${entries.join(', ')}.`;
  return [
    ...(ref.kind === 'Job'
      ? [{ text: 'Delete the Job first, since its template cannot be changed: it then runs anew.', command: first }]
      : []),
    {
      text: `${ROLLED_OUT[ref.kind] ?? 'The rollout replaces its pods'}; until then they run as ServiceAccount ${name}, and stay refused.`,
      command: null,
    },
    ...(entries.length === 0 ? [] : [{ text: keeps, command: null }]),
    {
      text: `What Kubernetes itself gives to ServiceAccount ${name} (RBAC, pull secrets, roles of the cloud) the new one does not have. See whether the workload needs any of it.`,
      command: isPlain ? `kubectl auth can-i --list -n ${namespace} --as system:serviceaccount:${namespace}:${name}` : null,
    },
  ];
}
const ROLLED_OUT: Readonly<Record<string, string>> = {
  CronJob: 'Pods of its next run have it',
  Job: 'Its new pods have it',
};
