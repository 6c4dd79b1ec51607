/**
 * Tightenings of what stands: those who were seen to come by a wildcard are named instead of it, and audit ends where nobody was seen to need it.
 * Nobody who was seen may lose access by them, on any port of the cluster; whom else they shut out is named.
 */
import { changedPorts, PROXY_ADMIN_PORT } from '../access/ports.ts';
import { createReplayer, type Recorded } from '../access/replay.ts';
import { scrapersIn } from '../access/standing.ts';
import { admit } from '../policy/admission.ts';
import { serviceAccountIdentity } from '../policy/identity.ts';
import type { ClientAuthorization } from '../policy/inbound.ts';
import { type ObjectRef, refOf, showRef } from '../policy/resource.ts';
import { findResource, type ObjectChange, type Snapshot, withChanges } from '../policy/snapshot.ts';
import { type Files, toChange } from './change.ts';
import { asApplied, freeName, made, refTo, specOf, withSpec } from './objects.ts';
import { proveTightening } from './proof.ts';
import type { Remedy } from './remedy.ts';
import { simulated } from './try-first.ts';
import { mayBeTaken, type Watched } from './withdraw-grant.ts';
import { showClient, some } from './wording.ts';

export interface Wildcard {
  /** The policy that lets everyone in, or the Server whose accessPolicy does. */
  readonly object: ObjectRef;
  readonly authorization: Pick<ClientAuthorization, 'authentication'>;
}

/** null: nobody was seen, or somebody who would not be named. */
export function narrowWildcard({ object, authorization }: Wildcard, all: Watched, files: Files): Remedy | null {
  const { snapshot } = all;
  // Whom it cannot be what let them in lose nothing by it, whatever else is not known of them.
  const taken = ({ recorded: { tls } }: { readonly recorded: Recorded }) => mayBeTaken(tls, { authorization, identity: null });
  const watched: Watched = { ...all, seenAt: (server, port) => all.seenAt(server, port).filter(taken) };
  const without = withoutIt(snapshot, object);
  const by = without === null ? null : seenBy(watched, without);
  if (without === null || by === null || by.looked === 0) return null;
  if (by.identities.length === 0) return object.kind === 'Server' ? proved(titleOfEnd(object), without, watched, files) : null;
  const changes = named(snapshot, object, by.identities);
  const who = by.identities.length === 1 ? 'the one identity that was' : `the ${by.identities.length} identities that were`;
  return changes === null
    ? null
    : proved(`Name ${who} seen to come by ${showRef(object)}, instead of everyone it takes.`, changes, watched, files);
}

/** null: somebody who was seen would be denied, or nobody was seen at all. */
export function endAudit(server: ObjectRef, watched: Watched, files: Files): Remedy | null {
  const changes = withoutIt(watched.snapshot, server);
  const by = changes === null ? null : seenBy(watched, changes);
  if (changes === null || by === null || by.looked === 0 || by.identities.length > 0) return null;
  return proved(`Take accessPolicy audit out of ${showRef(server)}: it then denies whom nothing authorizes.`, changes, watched, files);
}

function titleOfEnd(server: ObjectRef): string {
  return `Take accessPolicy out of ${showRef(server)}: whoever was seen to come is authorized without it.`;
}

/** null: it is not there. */
function withoutIt(snapshot: Snapshot, object: ObjectRef): readonly ObjectChange[] | null {
  const resource = findResource(snapshot, object);
  if (resource === null) return null;
  if (object.kind !== 'Server') return [{ delete: object }];
  const { accessPolicy: _, ...spec } = specOf(resource);
  return [{ apply: withSpec(resource, spec) }];
}

interface SeenBy {
  /** Of those who get in by it alone. */
  readonly identities: readonly string[];
  /** Kinds of traffic on the ports that it opens. */
  readonly looked: number;
}

/** null: one of those who get in by it alone shows no identity. */
function seenBy({ snapshot, seenAt }: Watched, without: readonly ObjectChange[]): SeenBy | null {
  const applied = asApplied(snapshot, without);
  const after = withChanges(snapshot, applied);
  const replayer = createReplayer(snapshot, after, false);
  const ports = changedPorts(snapshot, after);
  const seen = ports.flatMap(({ workloads, port }) => workloads.flatMap((server) => seenAt(server, port).map(({ recorded }) => recorded)));
  const came = seen.filter(({ seen: how }) => how !== 'denied');
  const needed = came.filter((recorded) => isLost(replayer, recorded)).map(identityOf);
  if (needed.includes(null)) return null;
  const scrapers = ports.some(({ port }) => port === PROXY_ADMIN_PORT) && needed.length > 0 ? scrapersOf(snapshot) : [];
  const identities = [...new Set([...needed.filter((one) => one !== null), ...scrapers])].sort();
  return { identities, looked: came.length };
}

function identityOf({ tls }: Recorded): string | null {
  return tls?.state === 'established' ? tls.clientId : null;
}

function isLost(replayer: ReturnType<typeof createReplayer>, recorded: Recorded): boolean {
  const { outcome } = replayer.of(recorded);
  return outcome === 'newly-denied' || outcome === 'undecided';
}

function scrapersOf(snapshot: Snapshot): readonly string[] {
  return scrapersIn(snapshot).flatMap(({ meshed, ref, serviceAccount }) =>
    meshed ? [serviceAccountIdentity(snapshot.info, ref.namespace, serviceAccount)] : [],
  );
}

/** null: a kind that has no list. */
function named(snapshot: Snapshot, object: ObjectRef, identities: readonly string[]): readonly ObjectChange[] | null {
  const resource = findResource(snapshot, object);
  if (resource === null) return null;
  const { namespace, name } = object;
  const spec = specOf(resource);
  if (object.kind === 'ServerAuthorization') return [{ apply: withSpec(resource, { ...spec, client: { meshTLS: { identities } } }) }];
  const list = made('MeshTLSAuthentication', namespace, freeName(snapshot, 'MeshTLSAuthentication', namespace, name, 'clients'), {
    identities,
  });
  const requiredAuthenticationRefs = [refTo(refOf(list), namespace)];
  if (object.kind === 'AuthorizationPolicy')
    return [{ apply: list }, { apply: withSpec(resource, { ...spec, requiredAuthenticationRefs }) }];
  const policyName = freeName(snapshot, 'AuthorizationPolicy', namespace, name, 'clients');
  const policy = made('AuthorizationPolicy', namespace, policyName, { targetRef: refTo(object, namespace), requiredAuthenticationRefs });
  const { accessPolicy: _, ...closed } = spec;
  return [{ apply: list }, { apply: policy }, { apply: withSpec(resource, closed) }];
}

/** null: the API server would refuse it, somebody who was seen or a probe or a scrape would lose access, or somebody would get in. */
function proved(title: string, changes: readonly ObjectChange[], watched: Watched, files: Files): Remedy | null {
  const { snapshot, seenAt, span, lacking } = watched;
  const applied = asApplied(snapshot, changes);
  if (!applied.every((change) => 'delete' in change || admit(change.apply).admitted)) return null;
  const after = withChanges(snapshot, applied);
  const replayer = createReplayer(snapshot, after, false);
  for (const { workloads, port } of changedPorts(snapshot, after))
    for (const { recorded } of workloads.flatMap((server) => seenAt(server, port)))
      if (recorded.seen !== 'denied' && isLost(replayer, recorded)) return null;
  const proof = proveTightening(snapshot, applied, [], []);
  if (proof === null) return null;
  const { seenOut: _, looked: __, ...rest } = proof;
  const names = [...new Set(proof.shutOut.map(showClient))];
  const shuts = names.length === 0 ? 'It shuts out nobody that the cluster has' : `It shuts out ${some(names)}`;
  const [first] = changes;
  const namespace = first === undefined ? '' : 'apply' in first ? first.apply.metadata.namespace : first.delete.namespace;
  return {
    ...{ id: 'narrow-policy', title, widens: null, proof: rest },
    changes: applied.map((change) => toChange(snapshot, change, files)),
    steps: [simulated(namespace, changes)],
    tightens: `${shuts}; nobody else was seen ${span}.${lacking === null ? '' : ` Lacking to be sure: ${lacking}.`}`,
  };
}
