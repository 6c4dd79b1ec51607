/**
 * A tightening: what stands lets in more than it says. Nobody was denied, so that it is never the way out of a denial; whom it shuts out is named.
 * `accessPolicy: audit` is proposed only where everyone gets in anyway.
 */
import type { Denied, Seen } from '../diagnoses/diagnosis.ts';
import type { Finding } from '../diagnoses/finding.ts';
import { METRIC } from '../evidence/conventions.ts';
import { admit } from '../policy/admission.ts';
import { authorizationsOfServer } from '../policy/authorizations.ts';
import { covers } from '../policy/covers.ts';
import { defaultAuthorizations } from '../policy/default-policy.ts';
import type { ObjectRef, Resource } from '../policy/resource.ts';
import { showRef } from '../policy/resource.ts';
import type { Route } from '../policy/route.ts';
import type { Server } from '../policy/server.ts';
import { findResource, namespaceIndex, type ObjectChange, type Snapshot } from '../policy/snapshot.ts';
import { PLAIN } from './by-hand.ts';
import { type Files, toChange } from './change.ts';
import { asApplied, freeName, made, refTo, specOf, withSpec } from './objects.ts';
import { proveTightening } from './proof.ts';
import type { Remedy, Step, WayOut } from './remedy.ts';
import { simulated } from './try-first.ts';
import { showClient, some } from './wording.ts';

/** What stands, and what was seen of those who come. */
export interface Slack {
  readonly snapshot: Snapshot;
  readonly finding: Finding;
  readonly seen: Seen;
  /** Those whom audit alone let in were seen to get in. */
  readonly refused: readonly Denied[];
}

/** null: the finding is no over-permission that a policy could narrow. */
export function narrowPolicy(slack: Slack, files: Files): WayOut | null {
  if (!slack.finding.remedies.includes('narrow-policy')) return null;
  const draft = isAudit(slack) ? withoutAudit(slack) : offServer(slack);
  if (draft === null) return null;
  const remedy = draft.changes.length === 0 ? adviceOf(draft) : proved(slack, draft, files);
  const reasons = remedy === null ? ['No change could be proved to keep the probes, the scrapes and what is meant to stay open.'] : [];
  return { verdict: 'decide', reasons, remedies: remedy === null ? [] : [remedy] };
}

interface Draft {
  readonly title: string;
  readonly changes: readonly ObjectChange[];
  readonly steps: readonly Step[];
}

function isAudit({ finding }: Slack): boolean {
  return finding.id === 'access-policy-decides';
}

/** Whom it shuts out, those who were seen first. null: a probe, a scrape or nobody at all loses access by it, or somebody gets in. */
function proved({ snapshot, seen, refused }: Slack, { title, changes, steps }: Draft, files: Files): Remedy | null {
  const applied = asApplied(snapshot, changes);
  if (!applied.every((change) => 'delete' in change || admit(change.apply).admitted)) return null;
  const proof = proveTightening(snapshot, applied, seen.observations, refused);
  if (proof === null || proof.shutOut.length === 0) return null;
  const { seenOut, looked, ...rest } = proof;
  const names = [...new Set(rest.shutOut.map(showClient))];
  const written = applied.map((change) => toChange(snapshot, change, files));
  return { id: 'narrow-policy', title, changes: written, steps, widens: null, tightens: shutsOut(names, seenOut, looked), proof: rest };
}

function shutsOut(names: readonly string[], seenOut: readonly string[], looked: boolean): string {
  if (seenOut.length > 0) return `It shuts out ${some(seenOut)}, seen to get in by what goes; whom else stands in the list.`;
  const unseen = looked ? 'none of them was seen' : 'no traffic of these pods was given, so that nobody knows whether they come';
  return `It shuts out ${some(names)}: ${unseen}.`;
}

function adviceOf({ title, steps }: Draft): Remedy {
  return {
    id: 'narrow-policy',
    title,
    changes: [],
    steps,
    widens: null,
    tightens: 'It shuts out whoever is not authorized by then.',
    proof: null,
  };
}

/** Without accessPolicy a Server denies whom nothing authorizes. */
function withoutAudit({ snapshot, finding }: Slack): Draft | null {
  const ref = finding.objects.find(({ ref: { kind } }) => kind === 'Server')?.ref;
  const server = ref === undefined ? null : findResource(snapshot, ref);
  if (ref === undefined || server === null) return null;
  const { accessPolicy: _, ...spec } = specOf(server);
  const changes = [{ apply: withSpec(server, spec) }];
  return {
    title: `Take accessPolicy audit out of ${showRef(ref)}: it then denies whom nothing authorizes.`,
    changes,
    steps: [watch(ref), simulated(ref.namespace, changes)],
  };
}

/** What opens the route moves to whatever else it opens today; what has no object cannot be moved. */
function offServer(slack: Slack): Draft | null {
  const { snapshot, finding } = slack;
  const { namespace, route, policies, servers } = openedIn(slack);
  if (route === null) return null;
  const [access] = finding.objects.filter(({ ref: { kind } }) => kind === 'Server');
  if (access !== undefined) return ofAccessPolicy(snapshot, access.ref);
  if (policies.length === 0) return null;
  const moves = policies.map((policy) => moved(snapshot, policy, targetsOf(snapshot, policy, route, servers)));
  if (moves.includes(null)) return null;
  const changes = moves.flatMap((move) => move ?? []);
  const created = changes.flatMap((change) => ('apply' in change && findResource(snapshot, nameOf(change.apply)) === null ? [change] : []));
  if (new Set(created.map(({ apply }) => apply.metadata.name)).size < created.length) return null;
  const names = policies.map(({ metadata: { name } }) => `AuthorizationPolicy ${namespace}/${name}`).join(' and ');
  const open = servers.filter((server) => isOpen(snapshot, server) && server.accessPolicy !== 'audit');
  return {
    title: `Take ${names} off ${showRef(route.ref)} and leave it on what else it opens.`,
    changes,
    steps: [
      simulated(route.ref.namespace, changes),
      ...open.flatMap((server) => [
        tryAudit(server.ref, 'With accessPolicy audit it still does, once this is applied'),
        watch(server.ref),
        takeBack(server),
      ]),
    ],
  };
}

/** The route, and what opens it beside its own policies: of AuthorizationPolicies those that stand on its Servers or the namespace. */
function openedIn({ snapshot, finding }: Slack) {
  const [first] = finding.objects;
  const namespace = first?.ref.namespace ?? '';
  const index = namespaceIndex(snapshot, namespace);
  const route = [...index.routes.values()].flatMap(({ value }) => value ?? []).find(({ ref }) => isSame(ref, first?.ref)) ?? null;
  const servers = [...index.servers.values()].flatMap(({ value }) =>
    value !== null && route !== null && isOn(route, value) ? [value] : [],
  );
  const policies = [...index.authorizationPolicies.values()].flatMap(({ resource, value }) =>
    value !== null && value.target.type !== 'route' && finding.objects.some(({ ref }) => isSame(ref, value.ref)) ? [resource] : [],
  );
  return { namespace, route, servers, policies };
}

function isSame(a: ObjectRef, b: ObjectRef | undefined): boolean {
  return b !== undefined && a.group === b.group && a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}

function nameOf({ kind, metadata: { namespace, name } }: Resource): ObjectRef {
  return { group: 'policy.linkerd.io', kind, namespace, name };
}

function isOn(route: Route, { ref }: Server): boolean {
  return route.parents.includes(ref.name) && route.accepted.has(ref.name);
}

/** The other routes of its Servers; where the policy is of the namespace, the other Servers of it as well. */
function targetsOf(snapshot: Snapshot, policy: Resource, route: Route, servers: readonly Server[]): readonly ObjectRef[] {
  const index = namespaceIndex(snapshot, route.ref.namespace);
  const target = [...index.authorizationPolicies.values()].find(({ resource }) => resource === policy)?.value?.target;
  const own = servers.filter(({ ref }) => target?.type === 'namespace' || (target?.type === 'server' && target.name === ref.name));
  const routes = [...index.routes.values()].flatMap(({ value }) =>
    value !== null && !isSame(value.ref, route.ref) && own.some((server) => isOn(value, server)) ? [value.ref] : [],
  );
  if (target?.type !== 'namespace') return routes;
  const others = [...index.servers.values()].flatMap(({ value }) => (value === null || servers.includes(value) ? [] : [value.ref]));
  return [...routes, ...others];
}
const MOST_TARGETS = 12;

/** What stays open gets its policy first. null: too many objects for one change. */
function moved(snapshot: Snapshot, policy: Resource, targets: readonly ObjectRef[]): readonly ObjectChange[] | null {
  const { namespace, name } = policy.metadata;
  const [first, ...others] = targets;
  if (first === undefined) return [{ delete: nameOf(policy) }];
  if (targets.length > MOST_TARGETS) return null;
  const spec = specOf(policy);
  const created = others.map((target) => ({
    apply: made('AuthorizationPolicy', namespace, freeName(snapshot, 'AuthorizationPolicy', namespace, name, target.name), {
      ...spec,
      targetRef: refTo(target, namespace),
    }),
  }));
  return [...created, { apply: withSpec(policy, { ...spec, targetRef: refTo(first, namespace) }) }];
}

/** An accessPolicy has no target of its own that could be narrowed: policies that list who comes stand in for it. */
function ofAccessPolicy(snapshot: Snapshot, ref: ObjectRef): Draft | null {
  const server = [...namespaceIndex(snapshot, ref.namespace).servers.values()].find(({ value }) => value?.ref.name === ref.name)?.value;
  if (server == null || server.accessPolicy === null) return null;
  const canTry = isOpen(snapshot, server) && server.accessPolicy !== 'audit';
  return {
    title: `Let policies on the other routes stand in for accessPolicy ${server.accessPolicy} of ${showRef(ref)}, and take it out.`,
    changes: [],
    steps: [
      ...(canTry ? [tryAudit(ref, 'With accessPolicy audit it still does'), watch(ref)] : []),
      {
        text: 'Authorize on the other routes who is to go on: this plans it from what was seen, and proves each step.',
        command: PLAIN.test(ref.namespace) ? `denywhy generate -n ${ref.namespace}` : null,
      },
      canTry ? takeBack(server) : { text: 'Then take it out: whom nothing authorizes is denied.', command: patchCommand(ref, 'null') },
    ],
  };
}

/** Everyone gets in, with an identity or without, from wherever. */
function isOpen(snapshot: Snapshot, server: Server): boolean {
  const [everyone] = defaultAuthorizations('all-unauthenticated', snapshot.info);
  const own = authorizationsOfServer(snapshot, namespaceIndex(snapshot, server.ref.namespace), server);
  return everyone !== undefined && own.some((one) => covers(one, everyone));
}

/** Only for a Server that lets everyone in already: on any other it would open the door. */
function tryAudit(ref: ObjectRef, still: string): Step {
  return {
    text: `Try it first: ${showRef(ref)} lets everyone in. ${still}, and says of whom nothing else authorizes.`,
    command: patchCommand(ref, '"audit"'),
  };
}

/** As it was without what opened it; an accessPolicy that opens it stays out, which is deny. */
function takeBack({ ref, accessPolicy }: Server): Step {
  const was = accessPolicy === null || accessPolicy === 'all-unauthenticated' ? 'null' : `"${accessPolicy}"`;
  return { text: 'Then take audit back: from here on they are denied.', command: patchCommand(ref, was) };
}

function watch({ namespace, name }: ObjectRef): Step {
  return {
    text: `Watch for as long as the rarest of its clients takes to come by (a week holds what runs weekly): the proxies log Request allowed with authz.name=audit and server.name=${name}, and ${METRIC.httpAllow} and ${METRIC.tcpAllow} count it with authz_name="audit".`,
    command: PLAIN.test(namespace) ? `denywhy explain -n ${namespace}` : null,
  };
}

function patchCommand({ namespace, name }: ObjectRef, value: string): string | null {
  if (!PLAIN.test(namespace) || !PLAIN.test(name)) return null;
  return `kubectl patch servers.policy.linkerd.io ${name} -n ${namespace} --type merge -p '{"spec":{"accessPolicy":${value}}}'`;
}
