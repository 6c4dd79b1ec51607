/**
 * A tightening: a grant that nobody was seen to use is taken away, whole or the one identity in it. Never the way out of a denial. Nobody who was
 * seen may lose access by it, on any port of the cluster; whom else it shuts out is named.
 */
import { changedPorts } from '../access/ports.ts';
import { createReplayer, type Recorded } from '../access/replay.ts';
import { admit } from '../policy/admission.ts';
import { serviceAccountIdentity, suffixMatches } from '../policy/identity.ts';
import type { ClientAuthorization } from '../policy/inbound.ts';
import { listOf, stringOr } from '../policy/reading.ts';
import { type ObjectRef, type Resource, refOf, showRef } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { findResource, type ObjectChange, type Snapshot, withChanges } from '../policy/snapshot.ts';
import { PLAIN } from './by-hand.ts';
import { type Files, toChange } from './change.ts';
import { accountOf, asApplied, specOf, withSpec } from './objects.ts';
import { proveTightening } from './proof.ts';
import type { Remedy, Step } from './remedy.ts';
import { simulated } from './try-first.ts';
import { showClient, some } from './wording.ts';

export interface UnusedGrant {
  readonly authorization: Pick<ClientAuthorization, 'object' | 'via' | 'authentication'>;
  /** The one in it that was never seen; null: nobody was seen to get in by it. */
  readonly identity: string | null;
}

/** What was seen, over what time. */
export interface Watched {
  readonly snapshot: Snapshot;
  /** At one port of a pod. */
  seenAt(server: Recorded['server'], port: number): readonly { readonly recorded: Recorded }[];
  /** `from … to …`. */
  readonly span: string;
  /** A sentence without a full stop: what more would have to be seen; null: it was long enough. */
  readonly lacking: string | null;
}

/** null: no object says it, somebody who was seen, a probe or a scrape would lose access, or somebody would get in. */
export function withdrawGrant({ authorization, identity }: UnusedGrant, watched: Watched, files: Files): Remedy | null {
  const { snapshot, span, lacking } = watched;
  const changes = identity === null ? deletionOf(authorization) : removals(snapshot, authorization, identity);
  const applied = asApplied(snapshot, changes);
  if (changes.length === 0 || !applied.every((change) => 'delete' in change || admit(change.apply).admitted)) return null;
  const unseen = portsUnseen(watched, applied, { authorization, identity });
  const proof = unseen === null ? null : proveTightening(snapshot, applied, [], []);
  if (proof === null || unseen === null) return null;
  const { seenOut: _, looked: __, ...rest } = proof;
  const names = [...new Set(proof.shutOut.map(showClient))];
  const shuts = names.length === 0 ? 'It shuts out nobody that the cluster has' : `It shuts out ${some(names)}`;
  const notes = [
    ...(unseen.length === 0 ? [] : [`Of ${some(unseen)} no traffic was recorded at all.`]),
    ...(lacking === null ? [] : [`Lacking to be sure: ${lacking}.`]),
  ];
  return {
    id: 'withdraw-grant',
    title: titleOf(snapshot, changes, identity),
    changes: applied.map((change) => toChange(snapshot, change, files)),
    steps: [simulated((authorization.object as ObjectRef).namespace, changes), ...changes.flatMap(deleting)],
    widens: null,
    tightens: [`${shuts}; nobody was seen to use it ${span}.`, ...notes].join(' '),
    proof: rest,
  };
}

function deletionOf({ object }: UnusedGrant['authorization']): readonly ObjectChange[] {
  return object === null ? [] : [{ delete: object }];
}

/** From every list of identities that the authorization is made of. */
function removals(snapshot: Snapshot, { object, via }: UnusedGrant['authorization'], identity: string): readonly ObjectChange[] {
  return [...via, ...(object === null ? [] : [object])].flatMap((ref) => {
    const resource = findResource(snapshot, ref);
    const spec = resource === null ? null : withoutIdentity(snapshot, resource, identity);
    return resource === null || spec === null ? [] : [{ apply: withSpec(resource, spec) }];
  });
}

/** null: it is on none of its lists. */
function withoutIdentity(snapshot: Snapshot, resource: Resource, identity: string): Readonly<Record<string, unknown>> | null {
  const spec = specOf(resource);
  const { namespace } = resource.metadata;
  const isIt = (one: unknown) => {
    if (!isObject(one)) return one === identity;
    const isAccount = one['kind'] === undefined || one['kind'] === 'ServiceAccount';
    return (
      isAccount &&
      serviceAccountIdentity(snapshot.info, stringOr(one['namespace'], '') || namespace, stringOr(one['name'], '')) === identity
    );
  };
  if (resource.kind === 'MeshTLSAuthentication') return without(spec, ['identities', 'identityRefs'], isIt);
  if (resource.kind !== 'ServerAuthorization' || !isObject(spec['client']) || !isObject(spec['client']['meshTLS'])) return null;
  const meshTLS = without(spec['client']['meshTLS'], ['identities', 'serviceAccounts'], isIt);
  return meshTLS === null ? null : { ...spec, client: { ...spec['client'], meshTLS } };
}

/** A list of which nothing is left goes with it. */
function without(fields: Readonly<Record<string, unknown>>, lists: readonly string[], isIt: (one: unknown) => boolean) {
  if (!lists.some((key) => listOf(fields[key]).some(isIt))) return null;
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, value]) => {
      if (!lists.includes(key)) return [[key, value]];
      const kept = listOf(value).filter((one) => !isIt(one));
      return kept.length === 0 ? [] : [[key, kept]];
    }),
  );
}

/** Ports that the change touches and of which nothing was recorded; null: it denies somebody who was seen, or may. */
function portsUnseen({ snapshot, seenAt }: Watched, applied: readonly ObjectChange[], grant: UnusedGrant): readonly string[] | null {
  const after = withChanges(snapshot, applied);
  const replayer = createReplayer(snapshot, after, false);
  const unseen: string[] = [];
  for (const { workloads, port } of changedPorts(snapshot, after)) {
    const seen = workloads.flatMap((server) => seenAt(server, port));
    const mayUse = seen.filter(({ recorded }) => recorded.seen !== 'denied' && mayBeTaken(recorded.tls, grant));
    if (mayUse.some(({ recorded }) => isBy(recorded, grant.identity) || isLost(replayer.of(recorded)))) return null;
    const [first] = workloads;
    if (seen.length === 0 && first !== undefined) unseen.push(`port ${port} of ${showRef(first.ref)}`);
  }
  return unseen;
}

/** Whether the grant can be what let it in; what is not known may. */
export function mayBeTaken(
  tls: Recorded['tls'],
  {
    authorization: { authentication },
    identity,
  }: { readonly authorization: Pick<ClientAuthorization, 'authentication'>; readonly identity: string | null },
): boolean {
  if (tls === null || authentication.type === 'unauthenticated') return true;
  if (tls.state !== 'established') return false;
  const { clientId } = tls;
  if (clientId === null || authentication.type !== 'tls-authenticated') return true;
  if (identity !== null) return clientId === identity;
  return authentication.identities.includes(clientId) || authentication.suffixes.some((suffix) => suffixMatches(suffix, clientId));
}

/** Whatever was asked: the same list may open a port to it that it does use. */
function isBy({ tls }: Recorded, identity: string | null): boolean {
  return identity !== null && tls?.state === 'established' && tls.clientId === identity;
}

function isLost({ outcome }: ReturnType<ReturnType<typeof createReplayer>['of']>): boolean {
  return outcome === 'newly-denied' || outcome === 'undecided';
}

function titleOf(snapshot: Snapshot, changes: readonly ObjectChange[], identity: string | null): string {
  const objects = changes.map((change) => showRef('apply' in change ? refOf(change.apply) : change.delete)).join(' and ');
  if (identity === null) return `Delete ${objects}, which nobody was seen to use.`;
  const account = accountOf(snapshot, identity);
  const who = account === null ? identity : `ServiceAccount ${account.namespace}/${account.name}`;
  return `Take ${who} out of ${objects}: it was not seen to come.`;
}

/** `kubectl apply` deletes nothing. */
function deleting(change: ObjectChange): readonly Step[] {
  if (!('delete' in change)) return [];
  const { group, kind, namespace, name } = change.delete;
  const isPlain = PLAIN.test(namespace) && PLAIN.test(name);
  return [{ text: 'Then delete it.', command: isPlain ? `kubectl delete ${kind.toLowerCase()}.${group} ${name} -n ${namespace}` : null }];
}
